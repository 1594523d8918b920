//! What findings mean for a run: a pure function, so that every fault can be planted.
//!
//! One cause makes one finding: what follows from it is left out, and what holds for all nodes is said once.

mod machines;
mod network;
mod sameness;
mod storage;
mod sums;

pub use sums::judge as judge_sums;

use super::{Answer, NodeFindings, Wanted};
use crate::error::{Error, exit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Pass,
    /// The run works, but worse than it could.
    Warn,
    /// The run would end, or learn something else.
    Fail,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// On which node; none: on all of them.
    pub node: Option<String>,
    /// How bad it is.
    pub level: Level,
    /// What there is, and what there should be.
    pub line: String,
    /// What to do, where something is to be done.
    pub way: Option<String>,
}

impl Finding {
    fn new(check: &str, level: Level, line: impl Into<String>) -> Self {
        Self { check: check.to_owned(), node: None, level, line: line.into(), way: None }
    }

    pub(super) fn pass(check: &str, line: impl Into<String>) -> Self {
        Self::new(check, Level::Pass, line)
    }

    fn warn(check: &str, line: impl Into<String>) -> Self {
        Self::new(check, Level::Warn, line)
    }

    pub(super) fn fail(check: &str, line: impl Into<String>) -> Self {
        Self::new(check, Level::Fail, line)
    }

    fn on(self, node: &NodeFindings) -> Self {
        Self { node: Some(node.name.clone()), ..self }
    }

    fn way(self, way: impl Into<String>) -> Self {
        Self { way: Some(way.into()), ..self }
    }

    /// Why a run cannot begin with it. A disk may be emptied: whoever starts runs by itself may try again.
    pub fn refusal(&self) -> Error {
        let place = self.node.as_ref().map_or(String::new(), |node| format!(" on `{node}`"));
        let words = ["No space left on device", "Disk quota exceeded"];
        let is_full = words.iter().any(|it| self.line.contains(it));
        let code = if is_full { exit::TRANSIENT } else { exit::BACKEND };
        let error = Error::new(code, format!("preflight, {}{place}: {}", self.check, self.line));
        match &self.way {
            Some(way) => error.hint(way),
            None => error,
        }
    }
}

/// What the findings of all nodes mean, in the order in which things are looked at.
pub fn judge(wanted: &Wanted, nodes: &[NodeFindings]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in nodes {
        if let Some(silent) = &node.silent {
            let way = "see its log, RUN/logs/agent-*.log, and whether the machine is up";
            findings.push(Finding::fail("agent", silent).on(node).way(way));
        }
    }
    findings.extend(late(nodes));
    findings.extend(sameness::judge(wanted, nodes));
    findings.extend(machines::judge(wanted, nodes));
    findings.extend(storage::judge(wanted, nodes));
    findings.extend(network::judge(wanted, nodes));
    merged(findings, nodes.len())
}

/// What holds for each of several nodes is said once.
fn merged(findings: Vec<Finding>, nodes: usize) -> Vec<Finding> {
    let same =
        |a: &Finding, b: &Finding| (&a.check, a.level, &a.line) == (&b.check, b.level, &b.line);
    let mut merged: Vec<Finding> = Vec::new();
    for finding in &findings {
        let its = findings.iter().filter(|it| it.node.is_some() && same(it, finding)).count();
        match nodes > 1 && its == nodes {
            false => merged.push(finding.clone()),
            true if merged.iter().any(|it| it.node.is_none() && same(it, finding)) => {}
            true => merged.push(Finding { node: None, ..finding.clone() }),
        }
    }
    merged
}

/// Checks that there was no time for; links say themselves how many were tried.
fn late(nodes: &[NodeFindings]) -> Option<Finding> {
    let unasked: BTreeSet<&String> = nodes.iter().flat_map(|node| &node.unasked).collect();
    let names: Vec<String> =
        unasked.into_iter().filter(|it| *it != "connect").map(|it| format!("`{it}`")).collect();
    let line = format!("no time was left for {}", names.join(", "));
    let way =
        "nodes or their disks are slow to answer: look at their load and the shared file system";
    (!names.is_empty()).then(|| Finding::warn("time", line).way(way))
}

/// What nodes found of one thing, each with its node; those that had trouble with it get a finding.
fn found<'a, T>(
    check: &str,
    nodes: &'a [NodeFindings],
    of: impl Fn(&'a NodeFindings) -> Option<&'a Answer<T>>,
    findings: &mut Vec<Finding>,
) -> Vec<(&'a NodeFindings, &'a T)> {
    let mut found = Vec::new();
    for node in nodes {
        match of(node) {
            None => {}
            Some(Ok(value)) => found.push((node, value)),
            Some(Err(trouble)) => findings.push(Finding {
                way: trouble.way.clone(),
                ..Finding::fail(check, &trouble.error).on(node)
            }),
        }
    }
    found
}

/// The middle of some numbers; of two in the middle, the mean.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// `on all nodes`, in words that fit one node as well.
fn everywhere(count: usize) -> String {
    if count == 1 { "on this node".to_owned() } else { format!("on all {count} nodes") }
}
