//! What the trouble of a run began with, among all that failed.

use super::advice;
use crate::cluster::Faults;
use crate::events::milliseconds;
use crate::standing::past::Past;
use serde::Serialize;
use serde_json::Value;

/// A failure, as the events tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cause {
    /// When, RFC 3339.
    pub time: String,
    /// In which start of the run.
    pub generation: u32,
    /// As [`Failure::kind`](crate::standing::Failure::kind).
    pub kind: String,
    /// One sentence.
    pub sentence: String,
    /// The rank that it began with.
    pub rank: Option<usize>,
    /// That rank's node.
    pub node: Option<String>,
    /// The phase.
    pub phase: Option<String>,
    /// The step.
    pub step: Option<u64>,
    /// What was done: `restart`, `spare`, `replace`, `requeue`, `stop`.
    pub course: String,
    /// The way out, as the program knew it.
    pub hint: Option<String>,
    /// The fault that `knowcoder drill` was asked for, if this came of one.
    pub drill: Option<String>,
}

/// Kinds that are recovered from until there are too many of them.
const RECOVERED: [&str; 5] = ["rank-killed", "hang", "node-lost", "transient", "out-of-memory"];

/// Kinds of what is no failure, since nothing broke.
const WANTED: [&str; 3] = ["preempted", "time-limit", "node-drained"];

impl Cause {
    /// All failures of a run, the newest at the end.
    pub fn all(past: &Past) -> Vec<Self> {
        let failures = past.standing().failures;
        let cause = |failure: crate::standing::Failure| {
            let is_it = |event: &&Value| {
                ["failure", "failed"].iter().any(|name| event["event"] == *name)
                    && event["time"].as_str() == Some(&failure.time)
            };
            let event = past.events.iter().find(is_it).cloned().unwrap_or_default();
            let text = |key: &str| event[key].as_str().map(str::to_owned);
            Self {
                phase: text("phase"),
                step: event["step"].as_u64(),
                hint: text("hint"),
                drill: past.drill(&event, advice::drills(&failure.kind)).map(str::to_owned),
                time: failure.time,
                generation: failure.generation,
                kind: failure.kind,
                sentence: failure.sentence,
                rank: failure.rank,
                node: failure.node,
                course: failure.course,
            }
        };
        failures.into_iter().map(cause).collect()
    }

    /// The newest failure of a run.
    pub fn newest(past: &Past) -> Option<Self> {
        Self::all(past).pop()
    }

    /// Where something broke, all that did; else the newest thing that was noted like a failure. Of what happened
    /// `since` then, in milliseconds since 1970, or ever.
    pub fn real(past: &Past, since: Option<u64>) -> Vec<Self> {
        let mut all = Self::all(past);
        all.retain(|it| milliseconds(&it.time) >= since);
        let (real, mut wanted): (Vec<_>, Vec<_>) = all.into_iter().partition(Self::is_real);
        match real.is_empty() {
            true => wanted.pop().into_iter().collect(),
            false => real,
        }
    }

    /// The failures that ended a run together, the first of them first: one alone, or as many as `faults` lets a
    /// driver recover from and one more.
    pub fn chain(past: &Past, faults: Option<&Faults>) -> Vec<Self> {
        let mut chain = Self::of_newest_driver(past);
        let Some(last) = chain.pop() else { return chain };
        if !RECOVERED.contains(&last.kind.as_str()) {
            return vec![last];
        }
        let Some(faults) = faults else { return vec![last] };
        let at = milliseconds(&last.time).unwrap_or_default();
        let since = at.saturating_sub(faults.window.saturating_mul(1000));
        chain.retain(|it| it.is_real() && milliseconds(&it.time).is_some_and(|it| it > since));
        if chain.len() < faults.max_failures {
            // The second time that memory runs out is one too many.
            let is_short = |it: &Self| it.kind == "out-of-memory";
            chain.retain(|it| is_short(&last) && is_short(it));
        }
        chain.push(last);
        chain
    }

    /// What the driver met that was the last at work.
    fn of_newest_driver(past: &Past) -> Vec<Self> {
        let mut all = Self::all(past);
        let Some(last) = all.last() else { return all };
        let ends = ["submitted", "requeued", "stopped", "done"];
        let is_before = |event: &&Value| {
            event["event"].as_str().is_some_and(|name| ends.contains(&name))
                && event["time"].as_str().and_then(milliseconds) < milliseconds(&last.time)
        };
        let since = past.events.iter().rfind(is_before).and_then(|it| it["time"].as_str());
        let since = since.and_then(milliseconds);
        let older = all[..all.len() - 1].iter().rposition(|it| {
            ["stop", "requeue"].contains(&it.course.as_str()) || milliseconds(&it.time) < since
        });
        all.split_off(older.map_or(0, |older| older + 1))
    }

    /// Whether something broke.
    pub fn is_real(&self) -> bool {
        !WANTED.contains(&self.kind.as_str())
    }

    /// Whether the driver meant to go on.
    pub fn goes_on(&self) -> bool {
        ["restart", "spare", "replace"].contains(&self.course.as_str())
    }

    /// Whether no start followed it, and no job that was to begin one.
    pub fn is_last(&self, past: &Past) -> bool {
        let begins = ["started", "submitted", "requeued"];
        let is_one = |it: &&Value| it["event"].as_str().is_some_and(|it| begins.contains(&it));
        let newest = past.events.iter().rfind(is_one).and_then(|event| event["time"].as_str());
        newest.and_then(milliseconds) <= milliseconds(&self.time)
    }

    /// Whether nothing was started or handed over behind it.
    pub fn is_of_newest(&self, past: &Past) -> bool {
        past.is_of_newest_start(&serde_json::json!({"time": self.time}))
    }

    /// Its kind, sentence and surroundings.
    pub fn text(&self) -> String {
        let mut about = Vec::new();
        if let Some(rank) =
            self.rank.filter(|rank| !self.sentence.contains(&format!("rank {rank}")))
        {
            about.push(format!("rank {rank}"));
        }
        if let Some(node) = self.node.as_ref().filter(|node| !self.sentence.contains(*node)) {
            about.push(node.clone());
        }
        if let Some(phase) = self.phase.as_ref().filter(|phase| !self.sentence.contains(*phase)) {
            about.push(format!("phase `{phase}`"));
        }
        // The sentence may name the step that failed, and this be the last one before it.
        if let Some(step) = self.step.filter(|_| !self.sentence.contains("step ")) {
            about.push(format!("step {step}"));
        }
        if self.generation > 1 {
            about.push(format!("start {}", self.generation));
        }
        if let Some(time) = self.time.get(..19) {
            about.push(format!("{} UTC", time.replace('T', " ")));
        }
        if let Some(drill) = &self.drill {
            about.push(format!("asked for by the drill `{drill}`"));
        }
        let about =
            if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        let sentence = self.sentence.trim_end_matches('.');
        format!("{}: {sentence}{about}", self.kind)
    }
}
