//! `[ssh]` of a cluster file.

use serde::{Deserialize, Serialize};

/// Hosts that are reached by the system's `ssh`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ssh {
    /// Names of the hosts as `ssh` takes them, working ones first, spares last.
    pub hosts: Vec<String>,
}

impl Ssh {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
