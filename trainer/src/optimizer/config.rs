//! The `[optimizer]` section of a recipe.

use super::groups::Group;
use super::is_block_matrix;
use crate::schedule::{Decay, Shape};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The `[optimizer]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Which rule.
    pub name: Rule,
    /// Peak rate of AdamW and Lion.
    pub learning_rate: f64,
    /// Peak rate of Muon for block matrices, where `name = "muon"`.
    pub muon_learning_rate: f64,
    /// What Muon's update of a matrix is multiplied with.
    pub muon_scale: MuonScale,
    /// LoRA+ (arXiv:2402.12354): `B`, and DoRA's magnitudes, learn at so many times the rate of `A`.
    pub learning_rate_ratio: f64,
    /// Decay of the first moment; under Lion, share of the momentum in the step.
    pub beta1: f64,
    /// Decay of the second moment; under Lion of the momentum, where 0.99 is the default.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay (arXiv:1711.05101).
    pub weight_decay: f64,
    /// The global norm of the gradients is cut to this; 0 leaves it.
    pub clip_norm: f64,
    /// Bits of a number of AdamW's or Lion's state: 32, or 8 in blocks with a scale (arXiv:2110.02861).
    pub bits: u8,
    /// What is kept beside weights in bf16.
    pub master: MasterKind,
    /// Warm-up: a share of the steps below 1, else a number of steps.
    pub warmup: f64,
    /// How the rate falls afterwards.
    pub schedule: Shape,
    /// Share of the steps before a `wsd` decay begins.
    pub stable: f64,
    /// How the rate falls at the end of `wsd`.
    pub decay_type: Decay,
    /// Steps that `inverse-sqrt` falls by; 0: those of the warm-up, or 10,000 without.
    pub timescale: usize,
    /// Share of the peak rate that the last step has.
    pub final_share: f64,
    /// Weights whose name one of these regular expressions finds are not trained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// Other rates and decays for some weights; the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Of rounding by chance: a stream of the run's seed and the phase, which no file says.
    #[serde(skip)]
    pub seed: u64,
}

/// The rule that turns a gradient into a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Adam with decoupled weight decay.
    #[default]
    AdamW,
    /// The sign of a momentum (arXiv:2302.06675).
    Lion,
    /// Orthogonalised momentum for matrices of the blocks, AdamW for the rest.
    Muon,
}

/// What Muon's update of a matrix is multiplied with, as torch's `adjust_lr_fn` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MuonScale {
    /// √max(1, rows / columns): Keller Jordan's.
    #[default]
    Original,
    /// 0.2 · √max(rows, columns): steps as long as AdamW's, whose rates then fit (arXiv:2502.16982).
    #[serde(alias = "match_rms_adamw")]
    MatchRmsAdamw,
}

/// What is kept of weights that are stored in bf16, so that small steps are not lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MasterKind {
    /// A copy in f32: 4 bytes a weight.
    #[default]
    F32,
    /// The lower half of that copy, which the bf16 weight completes: 2 bytes a weight, the same bits.
    Split,
    /// Nothing: steps are rounded to bf16 by chance, right on average.
    None,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        // method.md 1.3: the official stack's Hugging Face defaults.
        Self {
            name: Rule::AdamW,
            learning_rate: 3e-4,
            muon_learning_rate: 0.012,
            muon_scale: MuonScale::Original,
            learning_rate_ratio: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: 1.0,
            bits: 32,
            master: MasterKind::F32,
            warmup: 0.1,
            schedule: Shape::Cosine,
            stable: 0.3,
            decay_type: Decay::Linear,
            timescale: 0,
            final_share: 0.0,
            freeze: Vec::new(),
            groups: Vec::new(),
            seed: 0,
        }
    }
}

/// Weights with fewer values keep their state in 32 bits, as in bitsandbytes.
const SMALLEST_IN_BLOCKS: usize = 4096;

impl OptimizerConfig {
    /// Gives a section, before it is typed, the defaults that depend on its rule.
    pub(crate) fn complete(section: &mut Table) {
        if section.get("name").and_then(Value::as_str) == Some("lion") {
            // arXiv:2302.06675, section 5: β₁ = 0.9, β₂ = 0.99.
            section.entry("beta2").or_insert(Value::Float(0.99));
        }
    }

    /// What the learning rate of the weight at `path` is multiplied with, as in PEFT's
    /// `create_loraplus_optimizer`.
    pub(super) fn ratio(&self, path: &str) -> f64 {
        let fast = [".lora_B.weight", ".lora_magnitude_vector"];
        if fast.iter().any(|end| path.ends_with(end)) { self.learning_rate_ratio } else { 1.0 }
    }

    /// Whether Muon changes this weight.
    pub(super) fn is_muon(&self, path: &str, dims: &[usize]) -> bool {
        self.name == Rule::Muon && is_block_matrix(path, dims)
    }

    /// Whether the state of this weight is kept in blocks of 8 bits.
    pub(super) fn is_in_blocks(&self, path: &str, dims: &[usize]) -> bool {
        let values: usize = dims.iter().product();
        self.bits == 8 && values >= SMALLEST_IN_BLOCKS && !self.is_muon(path, dims)
    }

    /// Bytes that are kept for a weight beside itself, once it has been changed; `bf16` where it is stored
    /// so. Adapters never are.
    pub fn state_bytes(&self, path: &str, dims: &[usize], bf16: bool) -> usize {
        let values: usize = dims.iter().product();
        let moments = if self.is_muon(path, dims) || self.name == Rule::Lion { 1 } else { 2 };
        let moment = if self.is_in_blocks(path, dims) {
            values + 4 * values.div_ceil(super::blocks::BLOCK)
        } else {
            4 * values
        };
        let master = match self.master {
            MasterKind::F32 if bf16 => 4,
            MasterKind::Split if bf16 => 2,
            _ => 0,
        };
        moments * moment + master * values
    }

    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("optimizer.learning_rate", self.learning_rate, 0.0, 10.0),
            ("optimizer.beta1", self.beta1, 0.0, 0.999_999),
            ("optimizer.beta2", self.beta2, 0.0, 0.999_999_9),
            ("optimizer.weight_decay", self.weight_decay, 0.0, 10.0),
            ("optimizer.muon_learning_rate", self.muon_learning_rate, 0.0, 10.0),
            ("optimizer.learning_rate_ratio", self.learning_rate_ratio, 1e-3, 1e3),
            ("optimizer.epsilon", self.epsilon, 0.0, 1.0),
            ("optimizer.clip_norm", self.clip_norm, 0.0, f64::MAX),
            ("optimizer.warmup", self.warmup, 0.0, 1e9),
            ("optimizer.stable", self.stable, 0.0, 1.0),
            ("optimizer.final_share", self.final_share, 0.0, 1.0),
        ];
        if let Some((name, value, low, high)) =
            ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value))
        {
            return Err(format!("{name} is {value}, expected {low} to {high}"));
        }
        if ![8, 32].contains(&self.bits) {
            return Err(format!("optimizer.bits is {}, expected 32 or 8", self.bits));
        }
        super::groups::check(self)
    }

    /// Refuses a master of weights that need none: `bf16` where those that are trained are stored so.
    pub(crate) fn check_master(&self, bf16: bool, why: &str) -> Result<(), String> {
        if self.master == MasterKind::F32 || bf16 {
            return Ok(());
        }
        let name = if self.master == MasterKind::Split { "split" } else { "none" };
        Err(format!(
            "optimizer.master = \"{name}\" is about weights in bf16, but {why}; remove the key"
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn typed(text: &str) -> OptimizerConfig {
        let mut table: Table = text.parse().unwrap();
        OptimizerConfig::complete(&mut table);
        Value::Table(table).try_into().unwrap()
    }

    #[test]
    fn an_older_lock_reads_as_before() {
        // Every key of 0.1's `recipe.lock`.
        let text = "name = \"adamw\"\nlearning_rate = 0.0003\nmuon_learning_rate = 0.012\nlearning_rate_ratio = 1.0\nbeta1 = 0.9\nbeta2 = 0.999\nepsilon = 1e-8\nweight_decay = 0.0\nclip_norm = 1.0\nwarmup = 0.1\nschedule = \"cosine\"\nstable = 0.3\nfinal_share = 0.0\n";
        assert_eq!(typed(text), OptimizerConfig::default());
    }

    #[test]
    fn lion_has_its_own_second_beta() {
        assert_eq!(typed("name = \"lion\"").beta2, 0.99);
        assert_eq!(typed("name = \"lion\"\nbeta2 = 0.95").beta2, 0.95);
        assert_eq!(typed("name = \"muon\"").beta2, 0.999);
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let config = OptimizerConfig {
            name: Rule::Lion,
            bits: 8,
            master: MasterKind::None,
            schedule: Shape::InverseSqrt,
            decay_type: Decay::OneMinusSqrt,
            freeze: vec!["norm".into()],
            groups: vec![Group {
                pattern: "mlp".into(),
                learning_rate: Some(1e-4),
                weight_decay: None,
            }],
            ..OptimizerConfig::default()
        };
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<OptimizerConfig>(&text).unwrap(), config, "{text}");
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let sentence = |config: OptimizerConfig| config.check().unwrap_err();
        let bits = OptimizerConfig { bits: 16, ..OptimizerConfig::default() };
        assert_eq!(sentence(bits), "optimizer.bits is 16, expected 32 or 8");
        let split = OptimizerConfig { master: MasterKind::Split, ..OptimizerConfig::default() };
        assert_eq!(split.check_master(true, ""), Ok(()));
        assert_eq!(
            split.check_master(false, "model.dtype is \"f32\"").unwrap_err(),
            "optimizer.master = \"split\" is about weights in bf16, but model.dtype is \"f32\"; remove the key"
        );
    }

    #[test]
    fn state_is_as_large_as_documented() {
        let path = "model.layers.0.mlp.up_proj.weight";
        let bytes = |config: &OptimizerConfig, bf16| config.state_bytes(path, &[64, 128], bf16);
        let adamw = OptimizerConfig::default();
        assert_eq!(bytes(&adamw, false), 8 * 8192);
        assert_eq!(bytes(&adamw, true), 12 * 8192);
        let split = OptimizerConfig { master: MasterKind::Split, ..adamw.clone() };
        assert_eq!(bytes(&split, true), 10 * 8192);
        let small = OptimizerConfig { bits: 8, master: MasterKind::None, ..adamw.clone() };
        assert_eq!(bytes(&small, true), 2 * (8192 + 4 * 32));
        assert_eq!(small.state_bytes("model.norm.weight", &[64], true), 8 * 64);
        let lion = OptimizerConfig { name: Rule::Lion, bits: 8, ..adamw.clone() };
        assert_eq!(bytes(&lion, false), 8192 + 4 * 32);
        let muon = OptimizerConfig { name: Rule::Muon, bits: 8, ..adamw };
        assert_eq!(bytes(&muon, false), 4 * 8192);
    }
}
