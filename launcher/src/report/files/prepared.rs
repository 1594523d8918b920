//! What manifests say of prepared sets.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a manifest says of a set of shards.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct Prepared {
    /// Name of the set: its directory.
    #[serde(skip)]
    pub name: String,
    /// Over all its samples.
    pub total: Counts,
    /// By dataset, language and task.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Samples that are too long.
    #[serde(default)]
    pub refused: Vec<Value>,
    /// Sentences without objects that were not wanted, by dataset.
    #[serde(default)]
    pub left_out: BTreeMap<String, usize>,
    /// Rows in quarantine, by dataset.
    #[serde(default)]
    pub quarantined: BTreeMap<String, usize>,
    /// What became of demonstrations, by dataset and task.
    #[serde(default)]
    pub shots: BTreeMap<String, Shots>,
}

/// The demonstrations of a dataset and task.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct Shots {
    /// Samples that had no room for all of theirs.
    #[serde(default)]
    pub fewer: usize,
}

/// What one dataset, language and task contributes to a set.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct Part {
    pub dataset: String,
    #[serde(default)]
    pub language: String,
    #[serde(default)]
    pub task: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// How much there is.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct Counts {
    pub samples: usize,
    pub groups: usize,
    /// Tokens if each sample stood alone.
    pub tokens: usize,
    /// Tokens as the groups hold them.
    pub tokens_grouped: usize,
}

impl Prepared {
    /// Whether the set is that of the phase: `2-instruction`.
    pub fn is_of(&self, phase: &str) -> bool {
        self.name.split_once('-').is_some_and(|(place, name)| {
            name == phase && place.bytes().all(|byte| byte.is_ascii_digit())
        })
    }
}

impl Counts {
    /// The share of tokens that groups save, in percent.
    pub fn saved(&self) -> Option<f64> {
        let (apart, grouped) = (self.tokens as f64, self.tokens_grouped as f64);
        (apart > 0.0).then(|| 100.0 * (1.0 - grouped / apart))
    }
}
