//! What a preflight came to: for a person, for a program, and kept in the run's directory.

use super::judge::judge_sums;
use super::{Answer, Finding, Level, NodeFindings, Wanted, judge};
use crate::error::Error;
use crate::estimate::calibration::Sums;
use crate::events::rfc3339;
use data_pipeline::predictions::replace;
use data_pipeline::width::{TERMINAL, clipped, columns, folded, padded};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use trainer::bandwidth::Bandwidth;

/// Widest column of names.
const NAME: usize = 14;

/// What a preflight came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it was done.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What was asked for.
    pub wanted: Wanted,
    /// What the nodes found.
    pub nodes: Vec<NodeFindings>,
    /// How fast ranks would sum, where it was measured.
    pub sums: Option<Answer<Vec<Bandwidth>>>,
    /// What that means.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Judges what the nodes found.
    pub fn new(wanted: Wanted, nodes: Vec<NodeFindings>, took: Duration) -> Self {
        let findings = judge(&wanted, &nodes);
        Self { at: SystemTime::now(), took, wanted, nodes, sums: None, findings }
    }

    /// What was found without any node.
    pub fn from_outside(wanted: Wanted, findings: Vec<Finding>, took: Duration) -> Self {
        Self { at: SystemTime::now(), took, wanted, nodes: Vec::new(), sums: None, findings }
    }

    /// Adds what came of sums over all ranks, for which it took that much longer.
    pub fn add_sums(&mut self, sums: Answer<Vec<Bandwidth>>, took: Duration) {
        self.findings.push(judge_sums(&self.wanted, &sums));
        self.took += took;
        self.sums = Some(sums);
    }

    /// What sums reach at their best, for plans.
    pub fn best_sums(&self) -> Option<Sums> {
        let found = self.sums.as_ref()?.as_ref().ok()?;
        let rate = Bandwidth::bus_bytes_per_second;
        let best = found.iter().max_by(|a, b| rate(a).total_cmp(&rate(b)))?;
        Some(Sums {
            bytes_per_second: rate(best),
            ranks: best.ranks,
            nodes: self.wanted.nodes,
            by_nccl: self.wanted.needs_nccl(),
        })
    }

    /// The worst of it.
    pub fn level(&self) -> Level {
        self.findings.iter().map(|it| it.level).max().unwrap_or(Level::Pass)
    }

    /// Why the run should not begin, if so: the first cause, and how many more there are.
    pub fn refusal(&self) -> Option<Error> {
        let fails = self.findings.iter().filter(|it| it.level == Level::Fail);
        let (first, more) = (fails.clone().next()?, fails.count() - 1);
        let refusal = first.refusal();
        Some(match more {
            0 => refusal,
            more => Error { message: format!("{} (and {more} more)", refusal.message), ..refusal },
        })
    }

    /// That all is as it should be, and what was looked at; nothing where something is not.
    pub fn line(&self) -> Option<String> {
        if self.level() == Level::Fail {
            return None;
        }
        let mut checks: Vec<&str> = Vec::new();
        for finding in self.findings.iter().filter(|it| it.level == Level::Pass) {
            if !checks.contains(&finding.check.as_str()) {
                checks.push(&finding.check);
            }
        }
        let (count, seconds) = (self.nodes.len(), self.took.as_secs_f64());
        Some(format!(
            "preflight of {count} node(s) passed in {seconds:.1} s: {}",
            checks.join(", ")
        ))
    }

    /// The findings as a table of 80 columns, and what they come to.
    pub fn text(&self) -> String {
        let widest = |of: &dyn Fn(&Finding) -> usize| {
            self.findings.iter().map(of).max().unwrap_or(0).clamp(5, NAME)
        };
        let check = widest(&|it| columns(&it.check));
        let node = widest(&|it| it.node.as_ref().map_or(3, |it| columns(it)));
        let room = TERMINAL - 4 - check - node - 6;
        let mut text = format!(
            "{}  {}  {}  found\n{}\n",
            padded("", 4),
            padded("check", check),
            padded("node", node),
            "─".repeat(TERMINAL)
        );
        for finding in &self.findings {
            let level = match finding.level {
                Level::Pass => "ok",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            let name = clipped(finding.node.as_deref().unwrap_or("all"), node);
            let mut lines = wrapped(&finding.line, room);
            lines.extend(finding.way.iter().flat_map(|it| wrapped(&format!("→ {it}"), room)));
            for (index, line) in lines.iter().enumerate() {
                let (level, check_name, name) = match index {
                    0 => (level, finding.check.as_str(), name.as_str()),
                    _ => ("", "", ""),
                };
                let line = format!(
                    "{}  {}  {}  {line}",
                    padded(level, 4),
                    padded(check_name, check),
                    padded(name, node)
                );
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        let count = |level| self.findings.iter().filter(|it| it.level == level).count();
        let who = match self.nodes.len() {
            0 => "from outside".to_owned(),
            count => format!("{count} node(s)"),
        };
        let _ = writeln!(
            text,
            "\n{who} in {:.1} s; failed: {}, warnings: {}",
            self.took.as_secs_f64(),
            count(Level::Fail),
            count(Level::Warn)
        );
        text
    }

    /// Everything, for a program.
    pub fn json(&self) -> Value {
        json!({
            "time": rfc3339(self.at),
            "seconds": self.took.as_secs_f64(),
            "level": self.level(),
            "wanted": self.wanted,
            "sums": self.sums.as_ref().map(answered),
            "findings": self.findings,
            "nodes": self.nodes.iter().map(|node| self.node(node)).collect::<Vec<_>>(),
        })
    }

    fn node(&self, node: &NodeFindings) -> Value {
        let name = |to: &usize| self.nodes.get(*to).map_or(String::new(), |it| it.name.clone());
        let links = node.links.iter().map(|(to, it)| (name(to), answered(it)));
        json!({
            "name": node.name,
            "silent": node.silent,
            "unasked": node.unasked,
            "clock": node.clock,
            "facts": node.facts.as_ref().map(answered),
            "recipe": node.recipe.as_ref().map(answered),
            "manifests": node.manifests.as_ref().map(answered),
            "port": node.port.as_ref().map(answered),
            "token": node.token.as_ref().map(answered),
            "seen": node.seen.as_ref().map(answered),
            "room": node.room.as_ref().map(answered),
            "checkpoint": node.written.as_ref().map(answered),
            "read_back": node.read.as_ref().map(answered),
            "compute": node.effort.as_ref().map(answered),
            "links": links.collect::<serde_json::Map<_, _>>(),
            "ring": node.ring.as_ref().map(answered),
        })
    }

    /// Where it is kept in a run's directory.
    pub fn path(run_dir: &Path) -> PathBuf {
        run_dir.join("preflight.json")
    }

    /// Keeps it in the run's directory, where there is one.
    pub fn save(&self, run_dir: &Path) -> Result<(), Error> {
        if !run_dir.is_dir() {
            return Ok(());
        }
        Ok(replace(&Self::path(run_dir), format!("{:#}\n", self.json()).as_bytes())?)
    }
}

/// An answer as it travelled.
fn answered<T: Serialize>(answer: &Answer<T>) -> Value {
    match answer {
        Ok(value) => json!(value),
        Err(trouble) => json!(trouble),
    }
}

/// `text` in lines of at most `most` columns, between words.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    folded(&words, " ", most)
}
