//! Whether the nodes of a cluster can do a run together, found before the run begins.
//!
//! A node answers single questions ([`probe()`]); who drives the run asks them ([`gather()`]) and judges what was
//! found ([`judge()`]). The judgement is a pure function: every fault that it knows can be planted in a test.
//!
//! Whether the largest batch fits is judged by the memory plan alone; the batch itself is computed by the ranks
//! before the first step of a phase (`trainer::memory::Rehearsal`).

pub mod calibration;
mod effort;
mod facts;
mod files;
mod gather;
mod interfaces;
mod judge;
mod links;
mod outside;
mod over;
mod probe;
mod report;
mod storage;
mod wanted;

pub use gather::{Ask, Depth, Here, Site, gather};
pub use judge::{Finding, Level, judge};
pub use outside::{is_outside, outside};
pub use over::{examine, over, there};
pub use probe::probe;
pub use report::Report;
pub use wanted::Wanted;

use effort::Effort;
use facts::Facts;
use files::Digest;
use links::{Bound, Measured};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use storage::{ReadBack, Written};

/// Why a node cannot say what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened, to what.
    pub error: String,
    /// What to do, where the node knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
}

/// What a node found, or why it could not look.
pub type Answer<T> = Result<T, Trouble>;

/// What is known of one node; `None` is what it was not asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeFindings {
    /// Its name.
    pub name: String,
    /// The question that it left without an answer, and why; it was asked nothing more.
    pub silent: Option<String>,
    /// Checks that there was no time for.
    pub unasked: BTreeSet<String>,
    /// Its clock beside ours.
    pub clock: Option<Clock>,
    /// What it is.
    pub facts: Option<Answer<Facts>>,
    /// The resolved recipe as it lies there; `Ok(None)`: there is none.
    pub recipe: Option<Answer<Option<Digest>>>,
    /// What is read in training, by its name.
    pub manifests: Option<Answer<BTreeMap<String, Digest>>>,
    /// Where others would reach it.
    pub port: Option<Answer<Bound>>,
    /// Whether it could write its token into the run's directory.
    pub token: Option<Answer<()>>,
    /// Numbers of the nodes whose tokens it sees there.
    pub seen: Option<Answer<Vec<usize>>>,
    /// Whether the disk gives as much as the run will take.
    pub room: Option<Answer<storage::Room>>,
    /// The small checkpoint that it wrote.
    pub written: Option<Answer<Written>>,
    /// The small checkpoint that it read, of another node where there is one.
    pub read: Option<Answer<ReadBack>>,
    /// How fast one of its processors is.
    pub effort: Option<Answer<Effort>>,
    /// Where it listens while others try to reach it.
    pub listens: Option<Answer<Bound>>,
    /// What came of reaching other nodes, one at a time.
    pub links: BTreeMap<usize, Answer<Measured>>,
    /// What came of reaching the next node while every node did the same.
    pub ring: Option<Answer<Measured>>,
}

/// A clock beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Milliseconds that it is ahead of ours.
    pub ahead: i64,
    /// Milliseconds that its answer took, which nobody knows the halves of.
    pub round_trip: u64,
}

impl Trouble {
    /// A sentence without a way out.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), way: None }
    }

    /// The same with a way out.
    pub fn way(self, way: impl Into<String>) -> Self {
        Self { way: Some(way.into()), ..self }
    }
}

impl From<String> for Trouble {
    fn from(error: String) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests;
