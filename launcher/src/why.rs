//! Why a run stopped, failed or waits: the first cause, what was done, what to do.
//!
//! # Layout
//! - [`signs`]: known lines in logs, and what they mean. [`queue`]: the same for schedulers' words.
//! - [`logs`]: the ends of the logs in which signs are looked for. [`cause`]: the failures, and which of them began
//!   it. `advice`: what is done, and to be done, about each kind of failure. `notes`: what is worth knowing beside.
//!
//! Nothing is guessed silently: every sentence says which file it follows from.

mod advice;
pub mod cause;
pub mod logs;
mod notes;
pub mod queue;
pub mod signs;

#[cfg(test)]
mod tests;

use crate::standing::now::Now;
use crate::standing::past::Past;
use crate::standing::sight::How;
use crate::standing::{Rank, Standing, counted};
use crate::submission::is_process;
use cause::Cause;
use logs::Ends;
pub use notes::after_pause;
use serde::Serialize;
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
    /// How many failures followed it.
    pub more: usize,
    /// The last of them.
    pub last: Option<Cause>,
    /// What was done about it, or about the last one.
    pub done: Option<String>,
    /// What to do.
    pub advice: Option<String>,
    /// Known lines in its logs.
    pub signs: Vec<Sign>,
    /// What is worth knowing beside, each in a sentence.
    pub notes: Vec<String>,
    /// The files that this follows from.
    pub from: Vec<String>,
}

impl Why {
    /// Explains how a run stands from its past and the ends of its logs; `run` is what a person types for it.
    pub fn of(now: &Now, past: &Past, ends: &Ends, run: &str) -> Self {
        let mut why = Self { status: now.word().to_owned(), ..Self::default() };
        match (now.word(), &now.sight.how) {
            ("stopped" | "failed", Some(how @ How::Refused { hint, .. })) => {
                why.verdict = how.words();
                why.advice = Some(match hint {
                    Some(hint) => hint.clone(),
                    None => "correct what it names, then submit it again".to_owned(),
                });
                why.from.push("events.jsonl".to_owned());
            }
            ("waiting", _) => why.waits(now, past, run),
            ("prepared", _) => {
                why.verdict = "nothing was started here yet".to_owned();
                why.advice = Some(format!("`knowcoder resume {run}` starts it"));
                why.is_fine = true;
            }
            ("done", _) => why.done(now, past),
            ("stopped", _) => why.stopped(now, past, run),
            ("failed", _) => why.failed(now, past, ends, run),
            ("gone", _) => why.gone(now, past, ends, run),
            _ => why.goes_on(now, past),
        }
        why.notes = notes::of(now, run);
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
        match now.queue.as_ref().and_then(queue::reason) {
            Some(reason) => {
                self.is_fine = reason.is_usual;
                self.verdict += &format!(", which means that {}", reason.means);
                self.advice = Some(reason.advice.replace("RUN", run));
            }
            None => self.is_fine = true,
        }
        // Why it waits again.
        let again = Cause::newest(past).filter(|cause| cause.is_of_newest(past));
        self.caused(now, again.into_iter().collect());
    }

    fn goes_on(&mut self, now: &Now, past: &Past) {
        if let Some(error) = &now.queue_error {
            let backend = &now.standing.backend;
            self.verdict = format!(
                "whether it goes on is not known: nobody drives it, and {backend} cannot be asked: {error}"
            );
            self.from.push(now.source.to_owned());
            self.advice = Some("ask from where the programs of the scheduler are".to_owned());
            return;
        }
        let Standing { progress, .. } = &now.standing;
        // What drivers before this one met is over.
        let failures = Cause::real(past, now.driven_since);
        let broke = failures.iter().filter(|it| it.is_real()).count();
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
        self.verdict = match broke {
            0 => format!("it is fine: {word}{at}"),
            times => format!("it goes on after {}: {word}{at}", counted(times, "failure")),
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
        self.caused(now, failures);
    }

    fn done(&mut self, now: &Now, past: &Past) {
        self.is_fine = true;
        let failures = Cause::real(past, None);
        self.verdict = match failures.iter().filter(|it| it.is_real()).count() {
            0 => "it is done".to_owned(),
            1 => "it is done, after a failure that it recovered from".to_owned(),
            times => format!("it is done, after {times} failures that it recovered from"),
        };
        self.caused(now, failures);
    }

    fn stopped(&mut self, now: &Now, past: &Past, run: &str) {
        let sight = &now.sight;
        let cause = Cause::newest(past).filter(|cause| sight.how.is_none() && cause.is_last(past));
        let is_asked = past.of_newest_start("stop-requested").is_some();
        let is_saved = sight.is_saved(now.standing.progress.as_ref());
        self.verdict = match &sight.how {
            Some(how) => how.words(),
            None => {
                let with = if is_saved { " with a checkpoint" } else { "" };
                let reason = match (&cause, is_asked) {
                    (Some(_), _) => "",
                    (None, true) => " because it was asked to",
                    (None, false) => {
                        "; by its events nobody asked the driver, so the file `stop`, or a signal to its \
                         ranks, did"
                    }
                };
                format!("it stopped{with}{reason}")
            }
        };
        if !is_saved && sight.how != Some(How::Withdrawn) {
            self.verdict += &match &sight.checkpoint {
                Some(name) => format!("; its newest checkpoint is `{name}`"),
                None => "; there is no checkpoint yet".to_owned(),
            };
        }
        let comes_back = cause.as_ref().is_some_and(|cause| cause.failure.course == "requeue");
        self.is_fine = cause.is_none() || comes_back;
        let by_kind = cause.as_ref().and_then(|cause| advice::of_kind(&cause.failure.kind));
        let is_cut_short = cause.as_ref().is_some_and(Cause::goes_on);
        self.caused(now, cause.into_iter().collect());
        if is_cut_short {
            self.done = Some("all ranks were to start again, but it was to stop".to_owned());
        }
        self.advice = Some(match (&sight.how, comes_back, by_kind) {
            (Some(How::Withdrawn), ..) => format!("`knowcoder resume {run}` submits it again"),
            (Some(How::Paused(_)), ..) => notes::after_pause(sight.sweep.as_deref()),
            (_, true, _) => {
                format!("nothing; `knowcoder status {run}` says when its job begins again")
            }
            (_, _, Some(advice)) => advice.replace("RUN", run),
            _ if is_saved => format!("`knowcoder resume {run}` continues it"),
            _ => advice::again(sight.checkpoint.is_some()).replace("RUN", run),
        });
    }

    fn failed(&mut self, now: &Now, past: &Past, ends: &Ends, run: &str) {
        let faults = now.sight.faults.as_ref();
        let chain = Cause::chain(past, faults);
        self.verdict = match faults {
            Some(faults) if chain.len() > faults.max_failures.max(1) => format!(
                "it failed: it recovered {}, as [faults] max_failures = {} lets it, and failure {} ended it",
                counted(chain.len() - 1, "time"),
                faults.max_failures,
                chain.len()
            ),
            _ => "it failed".to_owned(),
        };
        // A driver cannot say that its scheduler ended it.
        if let Some(queue) = &now.queue
            && let Some(reason) = queue::reason(queue).filter(|it| !it.is_usual)
        {
            let backend = &now.standing.backend;
            self.verdict +=
                &format!("; {backend} says \"{}\", which means that {}", queue.words, reason.means);
            self.advice = Some(reason.advice.replace("RUN", run));
            self.from.push(format!("the queue of {backend}"));
        }
        self.caused(now, chain);
        self.signed(ends);
        self.advise(now, run);
    }

    fn gone(&mut self, now: &Now, past: &Past, ends: &Ends, run: &str) {
        let before = now.standing.state.name();
        let again = advice::again(now.sight.checkpoint.is_some()).replace("RUN", run);
        self.from.push("events.jsonl".to_owned());
        if past.of_newest_start("kill-requested").is_some() {
            self.verdict = "it was ended at once, as somebody asked twice or with --now".to_owned();
            self.advice = Some(again);
            return;
        }
        self.from.push("the lock, which nobody holds".to_owned());
        if now.sight.damage.is_some() && now.standing.generation == 0 {
            self.verdict = "how it stands cannot be told, and nobody drives it".to_owned();
            self.advice = Some(again);
            return;
        }
        let last =
            now.standing.updated.get(..19).unwrap_or(&now.standing.updated).replace('T', " ");
        self.verdict = match past.is_unheard() {
            true => format!("it was handed over at {last} UTC, and nothing was heard of it since"),
            false => format!("its driver is gone: it was {before}, last heard of at {last} UTC"),
        };
        let mut is_explained = false;
        if let Some(queue) = &now.queue {
            let backend = &now.standing.backend;
            self.verdict += &match is_process(backend) {
                true => format!("; {}", queue.words),
                false => format!("; {backend} says \"{}\"", queue.words),
            };
            self.from.push(match is_process(backend) {
                true => "job.json".to_owned(),
                false => format!("the queue of {backend}"),
            });
            if let Some(reason) = queue::reason(queue) {
                is_explained = true;
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
            None if is_explained => {}
            None => {
                self.verdict +=
                    "; it left no word, as when a process is killed or its machine goes down";
            }
        }
        // What failed before, and was recovered from, is not why it is gone.
        let last = Cause::newest(past).filter(|cause| cause.is_last(past));
        self.caused(now, last.into_iter().collect());
        self.signed(ends);
        self.advise(now, run);
    }

    /// Takes the failures, the first cause first, with what was done about the last one.
    fn caused(&mut self, now: &Now, mut chain: Vec<Cause>) {
        let Some(last) = chain.pop() else { return };
        let is_kept = now.sight.checkpoint.is_some();
        self.done = Some(advice::course(&last.failure.course, is_kept).to_owned());
        if !self.from.iter().any(|it| it == "events.jsonl") {
            self.from.push("events.jsonl".to_owned());
        }
        self.more = chain.len();
        match chain.into_iter().next() {
            Some(first) => (self.cause, self.last) = (Some(first), Some(last)),
            None => self.cause = Some(last),
        }
    }

    /// The failure that the newest start ended with.
    fn newest(&self) -> Option<&Cause> {
        self.last.as_ref().or(self.cause.as_ref())
    }

    /// Takes the signs of the logs, those of the rank that failed first; what a drill left there means nothing.
    fn signed(&mut self, ends: &Ends) {
        if self.newest().is_some_and(|cause| cause.drill.is_some()) {
            return;
        }
        let rank = self.newest().and_then(|cause| cause.failure.rank);
        self.signs = ends.signs(rank);
        for sign in &self.signs {
            if !self.from.contains(&sign.file) {
                self.from.push(sign.file.clone());
            }
        }
    }

    /// What to do: as the program knew, else as the first sign says, else by the kind.
    fn advise(&mut self, now: &Now, run: &str) {
        let again = advice::again(now.sight.checkpoint.is_some());
        let newest = self.newest();
        if newest.is_some_and(|cause| cause.drill.is_some()) {
            let advice = format!("nothing broke that was not asked to; {again}");
            self.advice = Some(advice.replace("RUN", run));
            return;
        }
        let hint = newest.and_then(|cause| cause.hint.clone());
        let by_kind =
            newest.and_then(|cause| advice::of_kind(&cause.failure.kind)).map(str::to_owned);
        let signed = self.signs.first().map(|sign| sign.advice.to_owned());
        let chosen = hint.or(self.advice.take()).or(signed).or(by_kind);
        self.advice = Some(chosen.unwrap_or_else(|| again.to_owned()).replace("RUN", run));
    }

    /// One paragraph.
    pub fn text(&self) -> String {
        let mut sentences = vec![capital(&self.verdict)];
        if let Some(cause) = &self.cause {
            sentences.push(format!("The first cause, {}", cause.text()));
        }
        if let Some(last) = &self.last {
            let more = counted(self.more, "more failure");
            sentences.push(match self.more {
                1 => format!("Another failure followed, {}", last.text()),
                _ => format!("{more} followed, the last of them {}", last.text()),
            });
        }
        if let Some(done) = &self.done {
            sentences.push(capital(done));
        }
        if let Some(sign) = self.signs.first() {
            sentences.push(format!("{} says \"{}\": {}", sign.file, sign.line, sign.means));
        }
        sentences.extend(self.notes.iter().map(|note| capital(note)));
        if let Some(advice) = &self.advice {
            sentences.push(format!("What to do: {advice}"));
        }
        sentences.push(format!("Known from {}", self.from.join(", ")));
        sentences.join(". ") + "."
    }
}

/// The rank that has been in the same place for longest, if that is long.
fn longest(standing: &Standing) -> Option<(usize, &Rank)> {
    let ranks = standing.ranks.iter().enumerate().filter(|(_, rank)| !rank.section.is_empty());
    ranks
        .max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds))
        .filter(|(_, rank)| rank.seconds >= LONG)
}

fn capital(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
