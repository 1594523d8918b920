//! What the trouble of a run began with, among all that failed.

use super::advice;
use crate::cluster::Faults;
use crate::events::milliseconds;
use crate::standing::Failure;
use crate::standing::past::Past;
use serde::Serialize;
use serde_json::Value;

/// A failure, with what the events say of it beside.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cause {
    /// The failure.
    #[serde(flatten)]
    pub failure: Failure,
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
        let cause = |failure: Failure| {
            let is_it = |event: &&Value| {
                ["failure", "failed"].iter().any(|name| event["event"] == *name)
                    && event["time"].as_str() == Some(&failure.time)
            };
            let event = past.events.iter().find(is_it).cloned().unwrap_or_default();
            let hint = event["hint"].as_str().map(str::to_owned);
            let drill = past.drill(&event, advice::drills(&failure.kind)).map(str::to_owned);
            Self { failure, hint, drill }
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
        all.retain(|it| milliseconds(&it.failure.time) >= since);
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
        if !RECOVERED.contains(&last.failure.kind.as_str()) {
            return vec![last];
        }
        let Some(faults) = faults else { return vec![last] };
        let at = milliseconds(&last.failure.time).unwrap_or_default();
        let since = at.saturating_sub(faults.window.saturating_mul(1000));
        chain.retain(|it| {
            it.is_real() && milliseconds(&it.failure.time).is_some_and(|it| it > since)
        });
        if chain.len() < faults.max_failures {
            // The second time that memory runs out is one too many.
            let is_short = |it: &Self| it.failure.kind == "out-of-memory";
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
                && event["time"].as_str().and_then(milliseconds) < milliseconds(&last.failure.time)
        };
        let since = past.events.iter().rfind(is_before).and_then(|it| it["time"].as_str());
        let since = since.and_then(milliseconds);
        let older = all[..all.len() - 1].iter().rposition(|it| {
            ["stop", "requeue"].contains(&it.failure.course.as_str())
                || milliseconds(&it.failure.time) < since
        });
        all.split_off(older.map_or(0, |older| older + 1))
    }

    /// Whether something broke.
    pub fn is_real(&self) -> bool {
        !WANTED.contains(&self.failure.kind.as_str())
    }

    /// Whether the driver meant to go on.
    pub fn goes_on(&self) -> bool {
        ["restart", "spare", "replace"].contains(&self.failure.course.as_str())
    }

    /// Whether no start followed it, and no job that was to begin one.
    pub fn is_last(&self, past: &Past) -> bool {
        let begins = ["started", "submitted", "requeued"];
        let is_one = |it: &&Value| it["event"].as_str().is_some_and(|it| begins.contains(&it));
        let newest = past.events.iter().rfind(is_one).and_then(|event| event["time"].as_str());
        newest.and_then(milliseconds) <= milliseconds(&self.failure.time)
    }

    /// Whether nothing was started or handed over behind it.
    pub fn is_of_newest(&self, past: &Past) -> bool {
        past.is_of_newest_start(&serde_json::json!({"time": self.failure.time}))
    }

    /// Its kind, sentence and surroundings.
    pub fn text(&self) -> String {
        let Failure { kind, sentence, .. } = &self.failure;
        let Failure { rank, node, phase, step, generation, time, .. } = &self.failure;
        let is_unsaid = |word: &String| !sentence.contains(word.as_str());
        let mut about = Vec::new();
        about.extend(rank.map(|rank| format!("rank {rank}")).filter(is_unsaid));
        about.extend(node.clone().filter(is_unsaid));
        about.extend(phase.clone().filter(is_unsaid).map(|phase| format!("phase `{phase}`")));
        // The sentence may name the step that failed, and this be the last one before it.
        if let Some(step) = step.filter(|_| !sentence.contains("step ")) {
            about.push(format!("step {step}"));
        }
        if *generation > 1 {
            about.push(format!("start {generation}"));
        }
        if let Some(time) = time.get(..19) {
            about.push(format!("{} UTC", time.replace('T', " ")));
        }
        if let Some(drill) = &self.drill {
            about.push(format!("asked for by the drill `{drill}`"));
        }
        let about =
            if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        let sentence = sentence.trim_end_matches('.');
        format!("{kind}: {sentence}{about}")
    }
}
