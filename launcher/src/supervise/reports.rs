//! What agents and ranks say of themselves, as it is shown, noted and watched.

use super::{End, Stage, Watch};
use crate::crew::Member;
use crate::error::{Error, exit};
use crate::message::{
    Checkpoint, EarlyStop, Evaluated, Incident, Memory, Message, Progress, Resumed, Skipped,
};
use crate::wire::Report;
use serde_json::{Value, json};
use std::time::Instant;

impl Watch<'_> {
    pub(super) fn take(&mut self, node: usize, report: Report) -> Result<(), Error> {
        // What is left of an earlier start, or of a node that another has replaced, has nothing to say any more.
        let is_ours = |rank: usize, generation: u32| {
            generation == self.job.generation && self.job.places.get(rank) == Some(&node)
        };
        match report {
            Report::Started { rank, generation, .. }
            | Report::Said { rank, generation, .. }
            | Report::Ended { rank, generation, .. }
                if !is_ours(rank, generation) =>
            {
                Ok(())
            }
            Report::Started { rank, process, .. } => {
                self.standing.started(rank, process);
                let node = self.job.places.get(rank);
                let fields = json!({"rank": rank, "process": process, "node": node});
                Ok(self.events.record("rank-started", fields)?)
            }
            // Another node may do better.
            Report::Unstarted { rank, reason } if self.crew.members().len() > 1 => {
                if self.job.places.get(rank) == Some(&node) && self.alive.contains(&rank) {
                    self.ranks[rank].last_words = Some(reason);
                    self.ended(rank, End::Unstarted)?;
                }
                Ok(())
            }
            Report::Unstarted { reason, .. } => {
                self.signal(libc::SIGKILL);
                Err(Error::new(exit::TRANSIENT, reason))
            }
            // It has ended already.
            Report::Said { rank, .. } | Report::Ended { rank, .. }
                if !self.alive.contains(&rank) =>
            {
                Ok(())
            }
            Report::Said { rank, on_stderr: false, line, .. } => match Message::parse(&line) {
                Some(message) => self.told(rank, message),
                None => {
                    self.said(rank, false, &line);
                    Ok(())
                }
            },
            Report::Said { rank, on_stderr, line, .. } => {
                self.said(rank, on_stderr, &line);
                Ok(())
            }
            Report::Ended { rank, code, signal, out_of_memory, .. } => {
                let end = match (code, signal) {
                    (Some(code), _) => End::Code(code),
                    (None, Some(_)) if out_of_memory || self.found_no_memory(rank) => {
                        End::OutOfMemory
                    }
                    (None, signal) => End::Signal(signal.unwrap_or_default()),
                };
                self.ended(rank, end)
            }
            Report::Leaving => self.leaves(node),
            Report::Joined(_)
            | Report::Port { .. }
            | Report::Cleared { .. }
            | Report::Beat { .. }
            | Report::Probed { .. } => Ok(()),
        }
    }

    /// A node is taken away: all ranks save, and start again without it. With the driver's own goes the run.
    ///
    /// The stage stays: the driver itself may be asked to stop at the same time, which is no second request.
    fn leaves(&mut self, node: usize) -> Result<(), Error> {
        let member = &self.crew.members()[node];
        let rank = self.job.places.iter().position(|place| *place == node);
        if member.is_home && !self.stop_requested {
            self.stop_requested = true;
            self.events.record("stop-requested", json!({"by": "node"}))?;
            self.display.line("the driver's node is taken away: the run saves and ends");
        } else if !member.is_home && rank.is_some() && self.stage == Stage::Running {
            let line = format!("node {} is taken away: all ranks save", member.name);
            self.display.line(&line);
            self.leaving = self.leaving.or(rank);
        }
        if self.stage == Stage::Running && (member.is_home || rank.is_some()) {
            self.signal(libc::SIGTERM);
        }
        Ok(())
    }

    /// With a node, its ranks are gone.
    pub(super) fn lost(&mut self, node: usize, reason: &str) -> Result<(), Error> {
        let Member { name, is_leaving, .. } = &self.crew.members()[node];
        let end = if *is_leaving { End::Drained } else { End::Lost };
        let words = match is_leaving {
            true => "its agent ended before its ranks did".to_owned(),
            false => format!("node `{name}` was lost: {reason}"),
        };
        let there: Vec<usize> =
            self.alive.iter().copied().filter(|rank| self.job.places[*rank] == node).collect();
        for rank in there {
            self.ranks[rank].last_words = Some(words.clone());
            self.ended(rank, end)?;
        }
        Ok(())
    }

    fn told(&mut self, rank: usize, message: Message) -> Result<(), Error> {
        match &message {
            Message::Failure(failure) => self.ranks[rank].failure = Some(failure.clone()),
            Message::Device(facts) => {
                let mut fields = json!({"rank": rank});
                if let (Some(fields), Ok(Value::Object(facts))) =
                    (fields.as_object_mut(), serde_json::to_value(facts))
                {
                    fields.extend(facts);
                }
                self.events.record("device", fields)?;
            }
            // All ranks are equally far; one of them is enough to watch.
            _ if rank != 0 => {}
            Message::Checkpoint(Checkpoint { path }) => {
                self.events.record("checkpoint", json!({"path": path}))?;
            }
            Message::Resumed(Resumed { phase, step }) => {
                self.events.record("resumed", json!({"phase": phase, "step": step}))?;
            }
            Message::Evaluated(Evaluated { phase, step, f1 }) => {
                let fields = json!({"phase": phase, "step": step, "f1": f1});
                self.events.record("evaluation", fields)?;
            }
            Message::EarlyStop(EarlyStop { phase, step, best, f1, weights }) => {
                let fields = json!({
                    "phase": phase, "step": step, "best": best, "f1": f1, "weights": weights,
                });
                self.events.record("early-stop", fields)?;
            }
            Message::Skipped(Skipped { reason }) => {
                self.events.record("checkpoint-skipped", json!({"reason": reason}))?;
            }
            Message::Incident(Incident { phase, step, reason, course, sample, path, .. }) => {
                let fields = json!({
                    "phase": phase,
                    "step": step,
                    "reason": reason,
                    "course": course,
                    "sample": sample,
                    "path": path,
                });
                self.events.record("incident", fields)?;
            }
            Message::Memory(Memory { phase, predicted, measured }) => {
                let fields = json!({"phase": phase, "predicted": predicted, "measured": measured});
                self.events.record("memory", fields)?;
            }
            Message::Progress(Progress { phase, step, .. }) => {
                self.reached = Some((phase.clone(), *step));
            }
            Message::Loading(_) | Message::Evaluation(_) | Message::Where(_) => {}
        }
        let now = Instant::now();
        self.movement.heard(rank, &message, now);
        self.standing.heard(rank, &message, now);
        if rank == 0 {
            self.display.report(&message, Instant::now());
        }
        Ok(())
    }

    fn said(&mut self, rank: usize, on_stderr: bool, line: &str) {
        let now = Instant::now();
        if let Err(error) = self.ranks[rank].log.write(line) {
            self.display.line(&format!("warning: the log of rank {rank} is cut off: {error}"));
        }
        if line.trim().is_empty() {
            return;
        }
        if on_stderr {
            // Its own verdict is worth more than what comes after it, such as a backtrace.
            let words = &mut self.ranks[rank].last_words;
            let is_verdict =
                |words: &str| words.starts_with("error: ") || tells_of_no_memory(words);
            if is_verdict(line) || !words.as_deref().is_some_and(is_verdict) {
                *words = Some(line.trim().to_owned());
            }
        }
        self.collapser.push(rank, line, now);
        self.show(now);
    }

    /// Whether a rank's last words are those of an allocation that failed.
    fn found_no_memory(&self, rank: usize) -> bool {
        self.ranks[rank].last_words.as_deref().is_some_and(tells_of_no_memory)
    }

    /// The others wait for a rank most of the time; nothing is done but saying so.
    pub(super) fn straggles(&mut self, rank: usize, share: f64) -> Result<(), Error> {
        let node = self.names()[rank].clone();
        let percent = (100.0 * share).round();
        let fields = json!({"rank": rank, "node": node, "others_wait_percent": percent});
        self.events.record("straggler", fields)?;
        self.display.line(&format!(
            "warning: rank {rank} ({node}) is slow: all others wait for it {percent} % of the time or more"
        ));
        Ok(())
    }
}

/// Whether a process says that an allocation failed: its address space is limited, or the system gives out no more
/// than it has.
fn tells_of_no_memory(words: &str) -> bool {
    words.starts_with("memory allocation of ") && words.ends_with(" bytes failed")
}
