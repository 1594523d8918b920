//! Hosts behind the system's `ssh`.

use super::Nodes;
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use std::net::IpAddr;
use std::path::Path;
use tokio::process::Command;

/// Hosts behind the system's `ssh`.
pub struct Hosts;

impl Hosts {
    /// As `cluster` says.
    pub fn new(_cluster: &Cluster, _run_dir: &Path) -> Self {
        Self
    }
}

impl Nodes for Hosts {
    fn names(&self) -> Result<Vec<String>, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn listen(&self) -> Result<(IpAddr, String), Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn agent(&self, _node: &str, _program: &Path) -> Result<Option<Command>, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }
}
