//! `[[phase]]`: what is learned in one of them, every section resolved.

use super::{MicroTokens, Recompute};
use crate::objective::LossConfig;
use crate::optimizer::OptimizerConfig;
use data_pipeline::order::Mixture;
use data_pipeline::prepare::{Kind, Selection, Source};
use data_pipeline::prompt::PromptConfig;
use model::LoraConfig;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `[batch]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Samples of a step over all ranks: the contract.
    pub samples: usize,
    /// Longest sample in tokens.
    pub max_length: usize,
    /// Samples that share a prefix in one row, at most.
    pub group: usize,
    /// Tokens that a rank computes at a time; batches of a step are filled up to it.
    pub micro_tokens: MicroTokens,
    /// Blocks that are computed again in the backward pass instead of keeping their tapes.
    pub recompute: Recompute,
}

impl BatchConfig {
    /// Tokens that a rank computes at a time.
    pub fn micro_tokens(&self) -> usize {
        self.micro_tokens.tokens()
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            samples: 256,
            max_length: 2048,
            group: 8,
            micro_tokens: MicroTokens::Auto,
            recompute: Recompute::Auto,
        }
    }
}

/// How the loss of a step is averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossAverage {
    /// Sum over supervised tokens, divided by their global count.
    #[default]
    Token,
    /// Mean over samples of the mean over their tokens, as the official stack.
    Sample,
}

/// Which weights a phase trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Train {
    /// Adapters.
    #[default]
    Lora,
    /// Everything.
    Full,
}

/// What happens to the previous phase's adapters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterHandover {
    /// They are added to the weights, and fresh ones start (KnowCoder's own practice).
    #[default]
    Merge,
    /// They go on.
    Continue,
}

/// One phase, every section resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Unique in the recipe; the kind by default.
    pub name: String,
    /// What its samples are.
    pub kind: Kind,
    /// `name`, `name:split` or `random-copy:samples`.
    pub datasets: Vec<Source>,
    /// Weight of each dataset by name; none: every row once.
    pub weights: BTreeMap<String, f64>,
    /// What the weights of languages are multiplied by.
    #[serde(default)]
    pub language_weights: BTreeMap<String, f64>,
    /// What the weights of tasks are multiplied by.
    #[serde(default)]
    pub task_weights: BTreeMap<String, f64>,
    /// How far small datasets are brought nearer to large ones; 1: not at all.
    #[serde(default = "one")]
    pub temperature: f64,
    /// How long.
    pub length: Length,
    /// Adapters or everything.
    pub train: Train,
    /// What happens to the previous phase's adapters.
    pub adapter: AdapterHandover,
    /// How the loss is averaged.
    pub loss_average: LossAverage,
    /// Both directions of parallel pairs.
    pub both_directions: bool,
    /// Which classes a prompt offers.
    pub selection: Selection,
    /// The global batch.
    pub batch: BatchConfig,
    /// What is added to the cross-entropy.
    #[serde(default)]
    pub loss: LossConfig,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The adapters.
    pub lora: LoraConfig,
    /// The template.
    pub prompt: PromptConfig,
}

fn one() -> f64 {
    1.0
}

/// How long a phase is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Length {
    /// Passes over the data.
    Epochs(f64),
    /// Optimizer steps.
    Steps(usize),
}

impl Phase {
    /// How much comes from where.
    pub fn mixture(&self) -> Mixture {
        Mixture {
            weights: self.weights.clone(),
            language_weights: self.language_weights.clone(),
            task_weights: self.task_weights.clone(),
            temperature: self.temperature,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.datasets.is_empty() {
            return Err("`datasets` is empty".into());
        }
        let counts = [
            ("batch.samples", self.batch.samples),
            ("batch.max_length", self.batch.max_length),
            ("batch.group", self.batch.group),
            ("batch.micro_tokens", self.batch.micro_tokens()),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("{name} is 0, expected at least 1"));
        }
        let names: Vec<String> = self.datasets.iter().map(|source| source.to_string()).collect();
        let named = |weighted: &&String| {
            names.iter().any(|name| name.split(':').next() == Some(weighted.as_str()))
        };
        if let Some(unknown) = self.weights.keys().find(|weighted| !named(weighted)) {
            return Err(format!(
                "`weights` names `{unknown}`, which is not among the datasets: {}",
                names.join(", ")
            ));
        }
        self.mixture().check()?;
        match self.length {
            Length::Epochs(epochs) if !(epochs > 0.0 && epochs.is_finite()) => {
                return Err(format!("epochs is {epochs}, expected more than 0"));
            }
            Length::Steps(0) => return Err("steps is 0, expected at least 1".into()),
            _ => {}
        }
        self.optimizer.check()?;
        self.loss.check()?;
        if self.train == Train::Full && self.optimizer.learning_rate_ratio != 1.0 {
            return Err(format!(
                "optimizer.learning_rate_ratio is {}, but train = \"full\" has no adapters for LoRA+; set it in the phases that train adapters",
                self.optimizer.learning_rate_ratio
            ));
        }
        self.prompt.check()?;
        if self.train == Train::Lora {
            self.lora.check().map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
