//! What is minimised beside the cross-entropy of the supervised tokens.
//!
//! The loss that is reported (`metrics.jsonl`, the ledger, guards) is the one that is minimised: with label
//! smoothing and z-loss it contains their terms, so only runs with the same `[loss]` are to be compared by it.
//! F1 knows nothing of either.

use model::ops::LossTerms;
use serde::{Deserialize, Serialize};

/// The `[loss]` section; `loss_average` is the phase's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Share of the target's probability that is spread over the vocabulary (arXiv:1512.00567).
    pub label_smoothing: f64,
    /// Weight of the squared logarithm of the softmax's denominator (PaLM, arXiv:2204.02311).
    pub z_loss: f64,
    /// NEFTune (arXiv:2310.05914): strength of the noise on embedded tokens.
    pub neftune_noise_alpha: f64,
}

impl LossConfig {
    /// What the cross-entropy itself is told.
    pub fn terms(&self) -> LossTerms {
        LossTerms { smoothing: self.label_smoothing, z: self.z_loss }
    }

    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("loss.label_smoothing", self.label_smoothing, 0.999),
            ("loss.z_loss", self.z_loss, 1.0),
            ("loss.neftune_noise_alpha", self.neftune_noise_alpha, 1e3),
        ];
        match ranges.iter().find(|(_, value, high)| !(0.0..=*high).contains(value)) {
            Some((name, value, high)) => Err(format!("{name} is {value}, expected 0 to {high}")),
            None => Ok(()),
        }
    }
}
