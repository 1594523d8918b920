//! This machine: agents are processes that we start, and stand for nodes.

use super::Nodes;
use crate::cluster::Cluster;
use crate::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use tokio::process::Command;

/// Nodes that are all this machine.
pub struct Local {
    nodes: usize,
}

impl Local {
    /// As many as `cluster` has, spares included.
    pub fn new(cluster: &Cluster) -> Self {
        Self { nodes: cluster.nodes + cluster.spares }
    }
}

impl Nodes for Local {
    fn names(&self) -> Result<Vec<String>, Error> {
        Ok((0..self.nodes).map(|node| format!("local-{node}")).collect())
    }

    fn listen(&self) -> Result<(IpAddr, String), Error> {
        let address = Ipv4Addr::LOCALHOST;
        Ok((address.into(), address.to_string()))
    }

    fn agent(&self, _node: &str, program: &Path) -> Result<Option<Command>, Error> {
        let mut command = Command::new(program);
        command.arg("agent");
        Ok(Some(command))
    }
}
