//! How a run stands, as its coordinator writes it to `status.json` and anybody may read it.
//!
//! The file can be made again from `events.jsonl`, which is the truth; it is there because it is short.
//!
//! # Layout
//! - [`past`]: the same, from the events. [`now`]: which of the two holds at this moment. [`sight`]: what the run
//!   directory shows beside. [`table`]: for a person.

pub mod now;
pub mod past;
pub mod sight;
pub mod table;

use crate::events::rfc3339;
use data_pipeline::predictions::replace;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use std::time::SystemTime;

/// How a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Name of the run.
    pub run: String,
    /// What it does.
    pub state: State,
    /// The how-manieth start it is.
    pub generation: u32,
    /// How many ranks there are.
    pub world: usize,
    /// Who placed them.
    pub backend: String,
    /// Where its driver runs.
    pub host: String,
    /// The driver's process there; 0: not known, and left out of files.
    #[serde(skip_serializing_if = "is_none")]
    pub process: u32,
    /// When this was written, RFC 3339.
    pub updated: String,
    /// Newest step of rank 0.
    pub progress: Option<Step>,
    /// In their order.
    pub nodes: Vec<Node>,
    /// In their order.
    pub ranks: Vec<Rank>,
    /// Failures that were recovered from, and the one that was not.
    pub failures: Vec<Failure>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Shards are made.
    #[default]
    Preparing,
    /// Agents are awaited, or ranks load.
    Starting,
    /// It trains or answers.
    Running,
    /// Something failed; ranks are being replaced.
    Recovering,
    /// It saves and ends, as it was asked to.
    Stopping,
    /// Everything was done.
    Done,
    /// It stopped with a checkpoint.
    Stopped,
    /// It ended, and somebody must look.
    Failed,
}

/// The newest step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name of the phase.
    pub phase: String,
    /// Steps done.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// Loss per supervised token, where it is a number.
    pub loss: Option<f64>,
    /// Over all ranks.
    pub tokens_per_second: f64,
    /// Until the phase is done.
    pub eta_seconds: f64,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// As the back end calls it.
    pub name: String,
    /// As it calls itself; empty until it has come.
    pub host: String,
    /// `awaited`, `working`, `spare`, `lost`, `drained`, `cordoned`.
    pub state: String,
    /// Its ranks.
    pub ranks: Vec<usize>,
    /// Failures that it caused.
    pub failures: usize,
}

/// A rank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rank {
    /// Number of its node.
    pub node: usize,
    /// Its process there; 0: none, and left out of files.
    #[serde(skip_serializing_if = "is_none")]
    pub process: u32,
    /// What it does, as it said last: `step`, `data`, `all-reduce 812`, `checkpoint`, ….
    pub section: String,
    /// Its phase.
    pub phase: String,
    /// The step that it is in, from 1.
    pub step: usize,
    /// Seconds since it began that, as it said last.
    pub seconds: f64,
    /// Seconds since it said so.
    pub silent: f64,
}

/// Something that went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// When, RFC 3339.
    pub time: String,
    /// In which start of the run.
    pub generation: u32,
    /// What kind: `rank-killed`, `hang`, `node-lost`, `node-drained`, `out-of-memory`, `disk-full`, `diverged`,
    /// `declaration`, `data`, `backend`, `bug`, `transient`; and what is none, since nothing broke: `preempted`,
    /// `time-limit`.
    pub kind: String,
    /// One sentence.
    pub sentence: String,
    /// The rank that it began with, if any.
    pub rank: Option<usize>,
    /// Name of that rank's node, if known.
    pub node: Option<String>,
    /// What was done: `restart`, `spare`, `replace`, `requeue`, `stop`.
    pub course: String,
    /// The phase, if one had begun.
    pub phase: Option<String>,
    /// Its last step that was done before, or that is saved.
    pub step: Option<u64>,
}

/// Whether a number of a process is nobody's.
fn is_none(process: &u32) -> bool {
    *process == 0
}

impl Failure {
    /// What the event `failure` says beside its time.
    pub fn fields(&self) -> Value {
        let mut fields = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("time");
        }
        fields
    }
}

/// So many of what has this name, if there is one of it.
pub fn counted(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

impl State {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Recovering => "recovering",
            Self::Stopping => "stopping",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing follows by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed)
    }
}

impl Standing {
    /// Says in the file at `path` what a run came to; where there is none, its events do.
    pub fn conclude(path: &Path, state: State) {
        if let Some(standing) = Self::load(path) {
            let updated = rfc3339(SystemTime::now());
            let concluded = Self { state, updated, ..standing };
            if let Ok(bytes) = serde_json::to_vec_pretty(&concluded) {
                // A full disk changes nothing about the run.
                let _ = replace(path, &bytes);
            }
        }
    }

    /// Reads `status.json`; `None` where there is none, or none that can be read.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rank_that_is_gone_has_no_process() {
        let rank = |process| Rank { process, ..Rank::default() };
        let ranks = vec![rank(0), rank(4711)];
        let standing = Standing { ranks, ..Standing::default() };
        let json = serde_json::to_value(&standing).unwrap();
        assert_eq!(json.get("process"), None);
        assert_eq!(json["ranks"][0].get("process"), None);
        assert_eq!(json["ranks"][1]["process"], 4711);
        assert_eq!(serde_json::from_value::<Standing>(json).unwrap(), standing);
    }
}
