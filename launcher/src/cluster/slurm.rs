//! `[slurm]` of a cluster file.

use serde::{Deserialize, Serialize};

/// A cluster with SLURM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slurm {
    /// The partition to wait in; without it, the cluster's own.
    pub partition: Option<String>,
}

impl Slurm {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
