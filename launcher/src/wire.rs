//! What a coordinator and the agents of its nodes say to each other: lines of JSON, after each side has
//! proved that it knows the run's secret.

use crate::plan::Worker;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What an agent must know to come; it arrives on its stdin or in its environment, never as arguments.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// Where the coordinator listens, `host:port`.
    pub coordinator: String,
    /// Name of the run.
    pub run: String,
    /// Number of the node in the order of [`Nodes::names`](crate::backend::Nodes::names).
    pub node: usize,
    /// Name of the node.
    pub name: String,
    /// How many nodes there are, spares included.
    pub nodes: usize,
    /// What proves that it belongs to the run.
    pub secret: String,
    /// Seconds that it may work on without hearing from the coordinator.
    pub lease: u64,
    /// Seconds to reach the coordinator.
    pub join: u64,
}

/// What a coordinator says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Start these ranks.
    Start {
        /// The how-manieth start of the run this is.
        generation: u32,
        /// Here.
        workers: Vec<Worker>,
    },
    /// Find a free port where other nodes reach this one.
    Port {
        /// Through which interface; `None`: the one that leads to the coordinator.
        interface: Option<String>,
    },
    /// Send a signal to the process groups of these ranks.
    Signal {
        /// Which.
        ranks: Vec<usize>,
        /// Its number.
        signal: i32,
    },
    /// The lease goes on from the moment at which the agent said what was heard last.
    Lease {
        /// That moment by the agent's own clock, as it said it; 0: nothing was heard yet.
        since: u64,
    },
    /// End every process of this generation, and say when none is left.
    Clear {
        /// The how-manieth start.
        generation: u32,
    },
    /// Look at something before the run begins.
    Probe(Probe),
    /// Die, with everything here: a drill.
    Die,
    /// Act as if cut off for so many seconds, ranks included: a drill.
    Deaf {
        /// How long.
        seconds: u64,
    },
    /// The run is over: end.
    Leave,
}

/// What is looked at on a node before a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {
    /// Answers carry it.
    pub id: u64,
    /// Name of the check, as `preflight` knows it.
    pub check: String,
    /// What the check needs.
    pub with: serde_json::Value,
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// It is there.
    Joined(Facts),
    /// A free port, as `host:port`.
    Port {
        /// Where other nodes reach it, or why there is none.
        address: Result<String, String>,
    },
    /// A rank runs.
    Started {
        /// Which.
        rank: usize,
        /// Of which start.
        generation: u32,
        /// Its process there.
        process: u32,
    },
    /// A rank cannot be started.
    Unstarted {
        /// Which.
        rank: usize,
        /// Why.
        reason: String,
    },
    /// A rank said something.
    Said {
        /// Which.
        rank: usize,
        /// Of which start.
        generation: u32,
        /// Where.
        on_stderr: bool,
        /// What.
        line: String,
    },
    /// A rank is gone, and all that it said has been told.
    Ended {
        /// Which.
        rank: usize,
        /// Of which start.
        generation: u32,
        /// Its exit code, if it ended by itself.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Whether the system ran out of memory meanwhile.
        #[serde(default)]
        out_of_memory: bool,
    },
    /// Whoever gave the node asks it to end: it does once its ranks have.
    Leaving,
    /// No process of this generation is left.
    Cleared {
        /// The how-manieth start.
        generation: u32,
    },
    /// It is there.
    Beat {
        /// By its own clock, in milliseconds.
        at: u64,
    },
    /// What a probe found.
    Probed {
        /// Of the probe.
        id: u64,
        /// As its check says.
        found: serde_json::Value,
    },
}

/// What a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What it calls itself.
    pub host: String,
    /// Process of the agent.
    pub process: u32,
    /// Cores that it may use.
    pub cores: usize,
    /// The program, as the agent knows it.
    pub program: PathBuf,
}

impl std::fmt::Debug for Invitation {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { coordinator, run, node, name, .. } = self;
        write!(f, "Invitation({run}: node {node} `{name}` to {coordinator})")
    }
}
