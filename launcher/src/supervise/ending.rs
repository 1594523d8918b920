//! How a start ends: who failed first, who is ended because of that, and what the whole of it is.

use super::cause::{Failed, first_cause};
use super::{Cause, End, Ending, Stage, UNKILLABLE, Watch};
use crate::error::{Error, exit};
use crate::interrupt::Request;
use crate::standing::State;
use serde_json::json;
use std::time::Instant;

impl Watch<'_> {
    pub(super) fn ended(&mut self, rank: usize, end: End) -> Result<(), Error> {
        self.alive.retain(|alive| *alive != rank);
        self.standing.ended(rank);
        self.events.record("rank-ended", json!({"rank": rank, "end": end.json()}))?;
        match end {
            End::Code(0) => {}
            End::Code(code) if code == i32::from(exit::STOPPED) => self.stopped = true,
            // What happens after we told them to end is our own doing.
            _ if matches!(self.stage, Stage::Terminating(_) | Stage::Killing(_)) => {}
            _ => {
                let last_words = self.ranks[rank].last_words.clone();
                let culprit = self.ranks[rank].failure.as_ref().and_then(|it| it.culprit);
                let reached = self.reached.clone();
                let node = self.node_of(rank);
                // Who failed by itself kept nobody waiting.
                let names = self.node_names();
                let verdict = culprit
                    .and_then(|_| self.movement.verdict(&self.job.places, &names, Instant::now()));
                let blamed = verdict.as_ref().and_then(|it| it.rank).or(culprit).unwrap_or(rank);
                let stopping = self.stop_requested;
                let cause =
                    Cause { rank, blamed, end, last_words, reached, node, verdict, stopping };
                self.failed.push(Failed { cause, culprit });
                if matches!(self.stage, Stage::Running | Stage::Asked) {
                    self.stage = Stage::Settling(Instant::now() + self.job.patience.settle);
                    self.recovers();
                }
            }
        }
        Ok(())
    }

    /// Says that ranks are being ended because of a failure; what is done about it is said after that.
    fn recovers(&mut self) {
        if !self.stop_requested {
            self.standing.state(State::Recovering);
        }
    }

    /// Ranks see the file themselves, and may have left because of it before we look; who reads of the run shall know
    /// why it stopped.
    pub(super) fn asked_by_file(&mut self) -> Result<(), Error> {
        if !self.stop_requested && self.job.stop.exists() {
            self.stop_requested = true;
            self.events.record("stop-requested", json!({"by": "file"}))?;
        }
        Ok(())
    }

    pub(super) fn asked(&mut self, request: Request) -> Result<(), Error> {
        match request {
            Request::Stop => self.interrupted(),
            Request::Save => self.asked_to_save(),
        }
    }

    /// One rank hears of it, and tells the others with its next step: all save after the same step.
    fn asked_to_save(&mut self) -> Result<(), Error> {
        if let Some(&rank) = self.alive.first().filter(|_| self.stage == Stage::Running) {
            self.events.record("save-requested", json!({}))?;
            self.display.line("saving after the next step, and going on");
            self.send(&[rank], libc::SIGUSR2);
        }
        Ok(())
    }

    pub(super) fn interrupted(&mut self) -> Result<(), Error> {
        let is_ending = matches!(self.stage, Stage::Settling(_) | Stage::Terminating(_));
        if is_ending && !self.stop_requested {
            // It ends already, and is not started again.
            self.stop_requested = true;
            self.events.record("stop-requested", json!({}))?;
            self.display.line("the ranks are ending; they will not be started again");
        } else if self.stage == Stage::Running {
            self.stage = Stage::Asked;
            self.stop_requested = true;
            self.events.record("stop-requested", json!({}))?;
            self.display.line(
                "stopping at the next step or batch of answers; the same command continues \
                 (once more to end at once)",
            );
            self.signal(libc::SIGTERM);
        } else {
            self.stage = Stage::Killing(Instant::now() + UNKILLABLE);
            self.killed = true;
            self.events.record("kill-requested", json!({}))?;
            self.signal(libc::SIGKILL);
        }
        Ok(())
    }

    /// Ranks that not even SIGKILL ends are left to their nodes, which take no further part.
    pub(super) fn give_up(&mut self) -> Result<(), Error> {
        let mut nodes: Vec<usize> = self.alive.iter().map(|rank| self.job.places[*rank]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            self.crew.give_up(node);
            self.lost(node, "processes there do not end, not even by SIGKILL")?;
        }
        Ok(())
    }

    /// Nothing has moved for so long, and no rank says so by itself.
    pub(super) fn hangs(&mut self, seconds: f64) -> Result<(), Error> {
        let verdict = self.movement.verdict(&self.job.places, &self.node_names(), Instant::now());
        let rank = verdict.as_ref().and_then(|it| it.rank).unwrap_or(0);
        let words = format!("nothing has moved for {seconds:.0} s (faults.hang)");
        let cause = Cause {
            rank,
            blamed: rank,
            stopping: self.stop_requested,
            end: End::Hung,
            last_words: Some(words),
            reached: self.reached.clone(),
            node: self.node_of(rank),
            verdict,
        };
        self.failed.push(Failed { cause, culprit: None });
        self.recovers();
        self.terminate(Instant::now())
    }

    /// Asks the ranks to end that still can; those that are known not to answer are not waited for. Where they were is
    /// a part of the verdict by then.
    pub(super) fn terminate(&mut self, now: Instant) -> Result<(), Error> {
        self.stage = Stage::Terminating(now + self.job.patience.terminate);
        let deaf = self.deaf();
        let (dead, asked): (Vec<usize>, Vec<usize>) =
            self.alive.iter().copied().partition(|rank| deaf.contains(rank));
        if !dead.is_empty() {
            self.events.record("killing", json!({"ranks": dead}))?;
            self.send(&dead, libc::SIGKILL);
        }
        if !asked.is_empty() {
            self.events.record("terminating", json!({"ranks": asked}))?;
            self.send(&asked, libc::SIGTERM);
        }
        Ok(())
    }

    /// The ranks that the verdict on the first failure knows not to answer.
    fn deaf(&self) -> Vec<usize> {
        let first = first_cause(&self.failed).and_then(|failed| failed.cause.verdict.as_ref());
        first.map(|verdict| verdict.deaf.clone()).unwrap_or_default()
    }

    pub(super) fn end(mut self) -> Result<Ending, Error> {
        for line in self.collapser.rest() {
            self.display.line(&line);
        }
        self.display.finish();
        if self.stopped || !self.failed.is_empty() {
            self.asked_by_file()?;
        }
        let first = first_cause(&self.failed);
        // Who was asked to end before it could listen, or waited for one who was gone, tells nothing new.
        let follows =
            first.is_none_or(|it| it.culprit.is_some() || !matches!(it.cause.end, End::Code(_)));
        let drained = self.drained().filter(|_| follows && (self.stopped || first.is_some()));
        let mut cause = drained.or_else(|| first.map(|failed| failed.cause.clone()));
        if let Some(cause) = &mut cause {
            cause.stopping |= self.stop_requested;
        }
        let ending = match cause {
            _ if self.killed => Ending::Killed,
            // A rank that was asked before it could listen.
            Some(Cause { end: End::Signal(libc::SIGTERM), .. })
                if self.stop_requested && (self.stopped || self.reached.is_none()) =>
            {
                Ending::Stopped
            }
            // Who was asked while all met left, and the others found nobody to meet.
            Some(_) if self.left_before_all_met(first) => Ending::Stopped,
            Some(cause) => Ending::Failed(cause),
            None if self.stopped => Ending::Stopped,
            None => Ending::Done,
        };
        Ok(ending)
    }

    /// Whether a rank only failed because another one had stopped, as asked, before anything was done.
    fn left_before_all_met(&self, first: Option<&Failed>) -> bool {
        let is_witness = first.is_some_and(|it| it.culprit.is_some());
        self.stop_requested && self.stopped && self.reached.is_none() && is_witness
    }

    /// The end of a node that was taken away, unless the run shall end anyway.
    fn drained(&self) -> Option<Cause> {
        let rank = self.leaving.filter(|_| !self.stop_requested && !self.job.stop.exists())?;
        let words = match self.stopped && self.failed.is_empty() {
            true => "its agent was asked to end, and all ranks saved before",
            false => "its agent was asked to end, and was gone before all ranks had saved",
        };
        Some(Cause {
            rank,
            blamed: rank,
            end: End::Drained,
            last_words: Some(words.to_owned()),
            reached: self.reached.clone(),
            node: self.node_of(rank),
            verdict: None,
            stopping: false,
        })
    }
}
