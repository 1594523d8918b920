//! Who places agents on nodes, and where jobs wait that outlast this process.

pub mod address;
pub mod detached;
pub mod kubernetes;
pub mod local;
pub mod slurm;
pub mod ssh;

use crate::cluster::{Backend, Cluster};
use crate::crew::verdict;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Who places agents on nodes; asked by the process that drives the run.
pub trait Nodes {
    /// The nodes by their names, those that work first and spares last.
    fn names(&self) -> Result<Vec<String>, Error>;

    /// Where the coordinator listens, and the name or address under which agents reach it; `NAME:PORT` where
    /// they know the port already.
    fn listen(&self) -> Result<(IpAddr, String), Error>;

    /// The process that is the agent of `node`, or stands for it here.
    ///
    /// Its stdin gets the invitation as one line of JSON and stays open: an agent whose stdin ends knows
    /// that the driver is gone. `None`: the agent comes by itself, with the invitation in its environment.
    fn agent(&self, node: &str, program: &Path) -> Result<Option<Command>, Error>;

    /// Whether this process runs on `node`, and goes when it does: to ask such a node to end is to ask the run.
    fn is_home(&self, node: &str) -> bool {
        let _ = node;
        false
    }

    /// Why the process that stood for the agent of `node` ended with `code`, having said `stderr`.
    fn explain(&self, node: &str, code: Option<i32>, stderr: &str) -> String {
        let _ = node;
        match (verdict(stderr), code) {
            (Some(words), _) => words.to_owned(),
            (None, Some(code)) => format!("its agent ended with exit code {code}"),
            (None, None) => "its agent was killed".to_owned(),
        }
    }

    /// Why the scheduler asked this run to stop, once it has; `None`: it did not, or there is none.
    fn notice(&self) -> Option<Notice> {
        None
    }

    /// Has the scheduler say to this run what it says before it takes nodes back; `false`: there is none that
    /// could.
    fn warn(&self) -> bool {
        false
    }
}

/// What a scheduler wants of a run that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// As kinds of failures are: `preempted`, `time-limit`.
    pub kind: &'static str,
    /// What happened, without a full stop.
    pub sentence: String,
    /// Whether the job begins again by itself.
    pub comes_back: bool,
}

/// Where jobs wait that outlast this process; asked from wherever the user sits.
pub trait Queue {
    /// The files that say what is to be run, by their names below `RUN/submit/`.
    fn render(&self, job: &Job) -> Result<Vec<Rendered>, Error>;

    /// Hands `job` over, its rendered files being on the disk; returns what it is called there, in the
    /// order in which its parts run.
    fn submit(&self, job: &Job) -> Result<Vec<String>, Error>;

    /// What can be said of `job` from here, before it is handed over: each thing that was looked at, and what there
    /// is or why it will not do. `folder` is one in which files may be written for that.
    fn outlook(&self, job: &Job, folder: &Path) -> Vec<Outlook> {
        let _ = (job, folder);
        Vec::new()
    }

    /// What is known there of what [`submit`](Self::submit) returned.
    fn state(&self, ids: &[String]) -> Result<QueueState, Error>;

    /// Ends it: asks, or with `now` insists.
    fn cancel(&self, ids: &[String], now: bool) -> Result<(), Error>;
}

/// A run that outlasts the process that asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Name of the run.
    pub name: String,
    /// Absolute.
    pub run_dir: PathBuf,
    /// Absolute.
    pub data_root: PathBuf,
    /// This program, absolute.
    pub program: PathBuf,
    /// Where it happens.
    pub cluster: Cluster,
    /// Names of the recipe's phases, in their order.
    pub phases: Vec<String>,
}

/// A file that says to a scheduler what is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Below `RUN/submit/`.
    pub file: String,
    /// Its contents; no secret stands in it.
    pub text: String,
}

/// Something that is known of a job before it is handed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// What there is, or why it will not do.
    pub found: Result<String, Error>,
}

impl Rendered {
    /// Files as they would be handed over, in `folder`.
    fn write_all(files: &[Self], folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let write = |it: &Self| {
            let path = folder.join(&it.file);
            std::fs::write(&path, &it.text).map_err(data_pipeline::Error::write(&path))?;
            Ok(path)
        };
        files.iter().map(write).collect()
    }
}

/// What a scheduler says of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// In our words.
    pub stage: Stage,
    /// In the scheduler's words, with its reason where it gives one.
    pub words: String,
    /// How often it began again.
    pub restarts: usize,
}

/// How far a scheduler is with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It waits for its turn.
    Waiting,
    /// Its processes are there.
    Running,
    /// It is over, and did what it should.
    Done,
    /// It is over otherwise.
    Failed,
    /// Nobody there knows of it any more.
    Unknown,
}

/// Who places the agents of `cluster`.
pub fn nodes(cluster: &Cluster, run_dir: &Path) -> Box<dyn Nodes> {
    match cluster.backend {
        Backend::Local => Box::new(local::Local::new(cluster)),
        Backend::Ssh => Box::new(ssh::Hosts::new(cluster, run_dir)),
        Backend::Slurm => Box::new(slurm::Allocation::new(cluster, run_dir)),
        Backend::Kubernetes => Box::new(kubernetes::Pods::new(cluster, run_dir)),
    }
}

/// Where a job on `cluster` waits.
pub fn queue(cluster: &Cluster) -> Box<dyn Queue> {
    match cluster.backend {
        Backend::Local | Backend::Ssh => Box::new(detached::Detached),
        Backend::Slurm => Box::new(slurm::Queue::new(cluster)),
        Backend::Kubernetes => Box::new(kubernetes::Queue::new(cluster)),
    }
}
