//! The pods of a job, from inside the first one.

use super::{Job, Nodes, QueueState, Rendered};
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use std::net::IpAddr;
use std::path::Path;
use tokio::process::Command;

/// The pods of a job, from inside the first one.
pub struct Pods;

impl Pods {
    /// As `cluster` says.
    pub fn new(_cluster: &Cluster, _run_dir: &Path) -> Self {
        Self
    }
}

impl Nodes for Pods {
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

/// Its queue, from outside.
pub struct Queue;

impl Queue {
    /// As `cluster` says.
    pub fn new(_cluster: &Cluster) -> Self {
        Self
    }
}

impl super::Queue for Queue {
    fn render(&self, _job: &Job) -> Result<Vec<Rendered>, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn submit(&self, _job: &Job) -> Result<Vec<String>, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn state(&self, _ids: &[String]) -> Result<QueueState, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn cancel(&self, _ids: &[String], _now: bool) -> Result<(), Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }
}
