//! What a rank's memory holds, before and while it trains.

use serde::{Deserialize, Serialize};

/// The `[memory]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// GiB that a rank may use; without it what the device, or its share of this machine, has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_gib: Option<f64>,
    /// Computes the largest batch of each phase before its first step, so that a lack of memory shows
    /// in the first minute.
    pub worst_first: bool,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { budget_gib: None, worst_first: true }
    }
}
