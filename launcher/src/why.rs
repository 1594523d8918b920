//! Why a run stopped, failed or waits: the first cause, what was done, what to do.
//!
//! # Layout
//! - [`signs`]: known lines in logs, and what they mean. [`queue`]: the same for schedulers' words.
//! - [`logs`]: the ends of the logs in which signs are looked for. `advice`: what is done, and to be done, about
//!   each kind of failure.
//!
//! Nothing is guessed silently: every sentence says which file it follows from.

mod advice;
pub mod logs;
pub mod queue;
pub mod signs;

#[cfg(test)]
mod tests;

use crate::events::milliseconds;
use crate::standing::now::Now;
use crate::standing::past::Past;
use crate::standing::{Rank, Standing};
use logs::Ends;
use serde::Serialize;
use serde_json::Value;
use signs::Sign;

/// Seconds in the same place after which a rank of a run that goes on is worth a word.
const LONG: f64 = 60.0;

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Why {
    /// What the run does, in a word, as `status` says it.
    pub status: String,
    /// Whether nobody need do anything.
    pub is_fine: bool,
    /// What it is about, in one sentence.
    pub verdict: String,
    /// What the trouble began with.
    pub cause: Option<Cause>,
    /// What was done about it.
    pub done: Option<String>,
    /// What to do.
    pub advice: Option<String>,
    /// Known lines in its logs.
    pub signs: Vec<Sign>,
    /// The files that this follows from.
    pub from: Vec<String>,
}

/// The first cause.
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
}

impl Why {
    /// Explains how a run stands from its past and the ends of its logs; `run` is what a person types for it.
    pub fn of(now: &Now, past: &Past, ends: &Ends, run: &str) -> Self {
        let mut why = Self { status: now.word().to_owned(), ..Self::default() };
        match now.word() {
            "waiting" => why.waits(now, past, run),
            "prepared" => {
                why.verdict = "nothing was started here yet".to_owned();
                why.advice = Some(format!("`knowcoder resume {run}` starts it"));
                why.is_fine = true;
            }
            "done" => why.done(past),
            "stopped" => why.stopped(past, run),
            "failed" => why.failed(now, past, ends, run),
            "gone" => why.gone(now, past, ends, run),
            _ => why.goes_on(now, past),
        }
        if why.from.is_empty() {
            why.from.push(now.source.to_owned());
        }
        why
    }

    fn waits(&mut self, now: &Now, past: &Past, run: &str) {
        let words = now.queue.as_ref().map_or("", |queue| queue.words.as_str());
        let backend = &now.standing.backend;
        self.verdict = format!("its job waits: {backend} says \"{words}\"");
        self.from.push(format!("the queue of {backend}"));
        match queue::reason(words) {
            Some(reason) => {
                self.is_fine = reason.is_usual;
                self.verdict += &format!(", which means that {}", reason.means);
                self.advice = Some(reason.advice.replace("RUN", run));
            }
            None => self.is_fine = true,
        }
        // Why it waits again.
        self.caused(Cause::newest(past).filter(|cause| cause.is_of_newest(past)));
    }

    fn goes_on(&mut self, now: &Now, past: &Past) {
        let Standing { progress, failures, .. } = &now.standing;
        let at = match progress {
            Some(step) if step.steps > 0 => {
                format!(", phase `{}` at step {} of {}", step.phase, step.step, step.steps)
            }
            Some(step) => format!(", phase `{}` at step {}", step.phase, step.step),
            None => String::new(),
        };
        self.from.push(now.source.to_owned());
        let word = now.word();
        self.is_fine = word != "recovering";
        self.verdict = match failures.len() {
            0 => format!("it is fine: {word}{at}"),
            times => format!("it goes on after {times} failure(s): {word}{at}"),
        };
        if let Some((rank, longest)) = longest(&now.standing) {
            let node = now.standing.nodes.get(longest.node).map(|node| format!(" ({})", node.name));
            self.verdict += &format!(
                "; rank {rank}{} has been in {} of step {} for {:.0} s",
                node.unwrap_or_default(),
                longest.section,
                longest.step,
                longest.seconds
            );
        }
        self.caused(Cause::newest(past));
    }

    fn done(&mut self, past: &Past) {
        self.is_fine = true;
        self.verdict = "it is done".to_owned();
        self.caused(Cause::newest(past));
        if self.cause.is_some() {
            self.verdict += ", after a failure that it recovered from";
        }
    }

    fn stopped(&mut self, past: &Past, run: &str) {
        let cause =
            Cause::newest(past).filter(|cause| cause.course == "requeue" || cause.is_last(past));
        self.verdict =
            match (&cause, past.newest("stop-requested").filter(|it| is_of_newest_start(past, it)))
            {
                (Some(_), _) => "it stopped with a checkpoint".to_owned(),
                (None, Some(_)) => {
                    "it stopped with a checkpoint because it was asked to".to_owned()
                }
                (None, None) => {
                    "it stopped with a checkpoint; by its events nobody asked the driver, so \
                             the file `stop`, or a signal to its ranks, did"
                        .to_owned()
                }
            };
        let comes_back = cause.as_ref().is_some_and(|cause| cause.course == "requeue");
        self.is_fine = cause.is_none() || comes_back;
        let by_kind = cause.as_ref().and_then(|cause| advice::of_kind(&cause.kind));
        self.caused(cause);
        self.advice = Some(match (comes_back, by_kind) {
            (true, _) => {
                format!("nothing; `knowcoder status {run}` says when its job begins again")
            }
            (false, Some(advice)) => advice.replace("RUN", run),
            (false, None) => format!("`knowcoder resume {run}` continues it"),
        });
    }

    fn failed(&mut self, now: &Now, past: &Past, ends: &Ends, run: &str) {
        self.verdict = "it failed".to_owned();
        // A driver cannot say that its scheduler ended it.
        if let Some(queue) = &now.queue
            && let Some(reason) = queue::reason(&queue.words).filter(|it| !it.is_usual)
        {
            let backend = &now.standing.backend;
            self.verdict +=
                &format!("; {backend} says \"{}\", which means that {}", queue.words, reason.means);
            self.advice = Some(reason.advice.replace("RUN", run));
            self.from.push(format!("the queue of {backend}"));
        }
        self.caused(Cause::newest(past));
        self.signed(ends);
        self.advise(run);
    }

    fn gone(&mut self, now: &Now, past: &Past, ends: &Ends, run: &str) {
        let before = now.standing.state.name();
        if past.newest("kill-requested").is_some_and(|event| is_of_newest_start(past, event)) {
            self.verdict = "it was ended at once, as somebody asked twice or with --now".to_owned();
            self.from.push("events.jsonl".to_owned());
            self.advice =
                Some(format!("`knowcoder resume {run}` continues it from its newest checkpoint"));
            return;
        }
        let last =
            now.standing.updated.get(..19).unwrap_or(&now.standing.updated).replace('T', " ");
        self.verdict = format!("its driver is gone: it was {before}, last heard of at {last} UTC");
        self.from.push("events.jsonl".to_owned());
        self.from.push("the lock, which nobody holds".to_owned());
        if let Some(queue) = &now.queue {
            self.verdict += &format!("; {} says \"{}\"", now.standing.backend, queue.words);
            self.from.push(format!("the queue of {}", now.standing.backend));
            if let Some(reason) = queue::reason(&queue.words) {
                self.verdict += &format!(", which means that {}", reason.means);
                self.advice = Some(reason.advice.replace("RUN", run));
            }
        }
        match ends.driver_error() {
            Some(error) => {
                self.verdict += &format!("; the last that it said is: {error}");
                self.advice = ends.driver_hint().map(str::to_owned).or(self.advice.take());
                self.from.push(ends.driver_file.clone());
            }
            None => {
                self.verdict +=
                    "; it left no word, as when a process is killed or its machine goes down";
            }
        }
        // What failed before, and was recovered from, is not why it is gone.
        self.caused(Cause::newest(past).filter(|cause| cause.is_last(past)));
        self.signed(ends);
        self.advise(run);
    }

    /// Takes the cause with what was done about it.
    fn caused(&mut self, cause: Option<Cause>) {
        let Some(cause) = cause else { return };
        self.done = Some(advice::course(&cause.course).to_owned());
        if !self.from.iter().any(|it| it == "events.jsonl") {
            self.from.push("events.jsonl".to_owned());
        }
        self.cause = Some(cause);
    }

    /// Takes the signs of the logs, those of the rank that is the cause first.
    fn signed(&mut self, ends: &Ends) {
        let rank = self.cause.as_ref().and_then(|cause| cause.rank);
        self.signs = ends.signs(rank);
        for sign in &self.signs {
            if !self.from.contains(&sign.file) {
                self.from.push(sign.file.clone());
            }
        }
    }

    /// What to do: as the program knew, else as the first sign says, else by the kind.
    fn advise(&mut self, run: &str) {
        let hint = self.cause.as_ref().and_then(|cause| cause.hint.clone());
        let signed = self.signs.first().map(|sign| sign.advice.to_owned());
        let by_kind =
            self.cause.as_ref().and_then(|cause| advice::of_kind(&cause.kind)).map(str::to_owned);
        let usual = "`knowcoder resume RUN` continues it from its newest checkpoint".to_owned();
        let chosen = hint.or(self.advice.take()).or(signed).or(by_kind).unwrap_or(usual);
        self.advice = Some(chosen.replace("RUN", run));
    }

    /// One paragraph.
    pub fn text(&self) -> String {
        let mut sentences = vec![capital(&self.verdict)];
        if let Some(cause) = &self.cause {
            sentences.push(cause.text());
        }
        if let Some(done) = &self.done {
            sentences.push(capital(done));
        }
        if let Some(sign) = self.signs.first() {
            sentences.push(format!("{} says \"{}\": {}", sign.file, sign.line, sign.means));
        }
        if let Some(advice) = &self.advice {
            sentences.push(format!("What to do: {advice}"));
        }
        sentences.push(format!("Known from {}", self.from.join(", ")));
        sentences.join(". ") + "."
    }
}

impl Cause {
    /// The newest failure of a run.
    fn newest(past: &Past) -> Option<Self> {
        let failure = past.standing().failures.pop()?;
        let is_it = |event: &&Value| {
            ["failure", "failed"].iter().any(|name| event["event"] == *name)
                && event["time"].as_str() == Some(&failure.time)
        };
        let event = past.events.iter().find(is_it).cloned().unwrap_or_default();
        let text = |key: &str| event[key].as_str().map(str::to_owned);
        Some(Self {
            phase: text("phase"),
            step: event["step"].as_u64(),
            hint: text("hint"),
            time: failure.time,
            generation: failure.generation,
            kind: failure.kind,
            sentence: failure.sentence,
            rank: failure.rank,
            node: failure.node,
            course: failure.course,
        })
    }

    /// Whether no start followed it.
    fn is_last(&self, past: &Past) -> bool {
        let started = past.newest("started").and_then(|event| event["time"].as_str());
        started.and_then(milliseconds) <= milliseconds(&self.time)
    }

    /// Whether nothing was started or handed over behind it.
    fn is_of_newest(&self, past: &Past) -> bool {
        is_of_newest_start(past, &serde_json::json!({"time": self.time}))
    }

    fn text(&self) -> String {
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
        let about =
            if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
        let sentence = self.sentence.trim_end_matches('.');
        format!("The first cause, {}: {sentence}{about}", self.kind)
    }
}

/// The rank that has been in the same place for longest, if that is long.
fn longest(standing: &Standing) -> Option<(usize, &Rank)> {
    let ranks = standing.ranks.iter().enumerate().filter(|(_, rank)| !rank.section.is_empty());
    ranks
        .max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds))
        .filter(|(_, rank)| rank.seconds >= LONG)
}

/// Whether nothing was started behind the event.
fn is_of_newest_start(past: &Past, event: &Value) -> bool {
    let begins = |event: &&Value| event["event"] == "started" || event["event"] == "submitted";
    let newest = past.events.iter().rfind(begins).and_then(|it| it["time"].as_str());
    newest.and_then(milliseconds) <= event["time"].as_str().and_then(milliseconds)
}

fn capital(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
