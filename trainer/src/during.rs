//! F1 while a phase trains: on a part of the benchmarks, at given steps.

use serde::{Deserialize, Serialize};

/// The `[evaluation.during]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuringConfig {
    /// Steps between evaluations; 0: none.
    pub every: usize,
    /// Sentences of each benchmark, at most; always the same.
    pub limit: usize,
    /// A phase ends early after so many evaluations in which the worst language has not become
    /// better; 0: never.
    pub patience: usize,
}

impl Default for DuringConfig {
    fn default() -> Self {
        Self { every: 0, limit: 50, patience: 0 }
    }
}

impl DuringConfig {
    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        if self.limit == 0 {
            return Err("evaluation.during.limit is 0, expected at least 1".to_owned());
        }
        if self.every == 0 && self.patience > 0 {
            return Err(format!(
                "evaluation.during.patience is {}, but `every` is 0: nothing is evaluated",
                self.patience
            ));
        }
        Ok(())
    }
}
