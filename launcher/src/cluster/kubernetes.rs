//! `[kubernetes]` of a cluster file.

use serde::{Deserialize, Serialize};

/// A cluster with Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// The image with this program in it.
    pub image: String,
}

impl Kubernetes {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
