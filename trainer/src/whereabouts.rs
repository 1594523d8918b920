//! What this rank is doing, for whoever asks while it does it.
//!
//! A rank that is stuck cannot say where. So it notes what it begins, and a thread beside it passes that on.
//! One record serves the whole process, since a process is one rank; a note is a short lock, taken once a
//! section and once an operation over ranks.
//!
//! Sums may be formed on a thread of their own while the next gradients are computed. An operation in progress
//! hides the section around it: that is what other ranks wait for.

use crate::collective::Moment;
use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Before anything else.
pub const STARTING: &str = "starting";
/// Looking for the other ranks.
pub const MEETING: &str = "meeting";
/// Reading weights, a vocabulary or a checkpoint.
pub const LOADING: &str = "loading";
/// Computing the largest micro-batch of a phase before its first step.
pub const REHEARSAL: &str = "rehearsal";
/// Waiting for the rows of a step.
pub const DATA: &str = "data";
/// Forward and backward passes.
pub const COMPUTE: &str = "compute";
/// Changing the weights.
pub const UPDATE: &str = "update";
/// Copying a checkpoint, or waiting for the one before.
pub const CHECKPOINT: &str = "checkpoint";
/// Answering; followed by what is asked.
pub const EVALUATION: &str = "evaluation";

/// Where a rank is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Name of the phase; empty outside of phases.
    pub phase: String,
    /// The step that it is in, from 1; 0 outside of steps.
    pub step: usize,
    /// One of the constants of this module, or an operation such as `all-reduce 812`.
    pub section: String,
    /// How long it has done that.
    pub time: Duration,
}

/// The record of one rank.
#[derive(Debug)]
pub struct Record(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: String,
    step: usize,
    section: Cow<'static, str>,
    /// `None` until something was noted.
    since: Option<Instant>,
    operation: Option<(Moment, Instant)>,
    /// It failed in the operation: it stays there, whatever it does on its way out.
    failed: bool,
}

/// This process's own.
static OWN: Record = Record::new();

/// The record of this process.
pub fn own() -> &'static Record {
    &OWN
}

impl Record {
    /// Of a rank that has done nothing yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            phase: String::new(),
            step: 0,
            section: Cow::Borrowed(STARTING),
            since: None,
            operation: None,
            failed: false,
        }))
    }

    /// A section begins, or has come a bit further, within the same step.
    pub fn at(&self, section: impl Into<Cow<'static, str>>) {
        let mut state = self.state();
        state.section = section.into();
        state.since = Some(Instant::now());
    }

    /// A section of this step, counted from 1, begins.
    pub fn at_step(&self, step: usize, section: &'static str) {
        let mut state = self.state();
        state.step = step;
        state.section = Cow::Borrowed(section);
        state.since = Some(Instant::now());
    }

    /// Answers to `what` are given; each call is some further.
    pub fn answering(&self, what: &str) {
        self.at(format!("{EVALUATION} of {what}"));
    }

    /// What follows belongs to this phase; the empty name: to none.
    pub fn enter_phase(&self, phase: &str) {
        let mut state = self.state();
        if state.phase != phase {
            phase.clone_into(&mut state.phase);
            state.step = 0;
        }
    }

    /// Does `work` as this operation over ranks. Within another one it counts as a part of that. Where it
    /// fails, the rank stays in it: what it does until it ends explains nothing.
    pub fn during<R, E>(
        &self,
        moment: Moment,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        let is_outermost = {
            let mut state = self.state();
            let is_first = state.operation.is_none();
            if is_first {
                state.operation = Some((moment, Instant::now()));
            }
            is_first
        };
        let result = work();
        if is_outermost {
            let mut state = self.state();
            state.failed |= result.is_err();
            if !state.failed {
                state.operation = None;
            }
        }
        result
    }

    /// Where the rank is now.
    pub fn here(&self) -> Here {
        let state = self.state();
        let (section, since) = match &state.operation {
            Some((moment, since)) => (moment.to_string(), Some(*since)),
            None => (state.section.to_string(), state.since),
        };
        Here {
            phase: state.phase.clone(),
            step: state.step,
            section,
            time: since.map(|since| since.elapsed()).unwrap_or_default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole: what a panicking thread leaves behind can be read.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::collective::Operation;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn moment(sequence: u64) -> Moment {
        Moment { operation: Operation::AllReduce, sequence }
    }

    fn check(record: &Record, expected: (&str, usize, &str)) {
        let here = record.here();
        assert_eq!((here.phase.as_str(), here.step, here.section.as_str()), expected);
    }

    #[test]
    fn sections_follow_each_other() {
        let record = Record::new();
        check(&record, ("", 0, "starting"));
        assert_eq!(record.here().time, Duration::ZERO, "nothing was begun yet");
        record.at(LOADING);
        check(&record, ("", 0, "loading"));
        record.enter_phase("instruction");
        record.at_step(1, DATA);
        record.at(COMPUTE);
        check(&record, ("instruction", 1, "compute"));
        record.enter_phase("instruction");
        check(&record, ("instruction", 1, "compute"));
        record.at_step(2, DATA);
        check(&record, ("instruction", 2, "data"));
        record.enter_phase("");
        record.answering("final wnut17 en");
        check(&record, ("", 0, "evaluation of final wnut17 en"));
    }

    #[test]
    fn an_operation_hides_the_section_around_it() {
        let record = Record::new();
        record.enter_phase("p");
        record.at_step(40, COMPUTE);
        let result: Result<(), ()> = record.during(moment(812), || {
            check(&record, ("p", 40, "all-reduce 812"));
            // The other thread of the rank goes on.
            record.at(UPDATE);
            check(&record, ("p", 40, "all-reduce 812"));
            // What carries it has numbers of its own.
            record.during(moment(3), || {
                check(&record, ("p", 40, "all-reduce 812"));
                Ok(())
            })?;
            check(&record, ("p", 40, "all-reduce 812"));
            Ok(())
        });
        result.unwrap();
        check(&record, ("p", 40, "update"));
    }

    #[test]
    fn a_rank_stays_in_the_operation_that_failed() {
        let record = Record::new();
        record.at(COMPUTE);
        record.during(moment(812), || Err::<(), ()>(())).unwrap_err();
        record.at(CHECKPOINT);
        check(&record, ("", 0, "all-reduce 812"));
        // What it tries afterwards is over at once, and no news.
        record.during(moment(813), || Err::<(), ()>(())).unwrap_err();
        record.during(moment(814), || Ok::<(), ()>(())).unwrap();
        check(&record, ("", 0, "all-reduce 812"));
    }

    #[test]
    fn time_runs_from_the_beginning_of_what_is_done() {
        let record = Record::new();
        record.at(DATA);
        std::thread::sleep(Duration::from_millis(30));
        let waited = record.here().time;
        assert!(waited >= Duration::from_millis(30), "{waited:?}");
        let began = Instant::now();
        record.at(COMPUTE);
        assert!(record.here().time <= began.elapsed());
    }

    #[test]
    fn whoever_asks_meanwhile_sees_whole_answers() {
        let record = Record::new();
        let (done, seen) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let here = record.here();
                    let known = [STARTING, DATA, COMPUTE].contains(&here.section.as_str());
                    assert!(known || here.section.starts_with("all-reduce "), "{here:?}");
                    seen.store(true, Ordering::Relaxed);
                }
            });
            let sums = scope.spawn(|| {
                for sequence in 1..5_000 {
                    record.during(moment(sequence), || Ok::<(), ()>(())).unwrap();
                }
            });
            let mut step = 0;
            while !(sums.is_finished() && seen.load(Ordering::Relaxed)) {
                step += 1;
                record.at_step(step, DATA);
                record.at(COMPUTE);
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(record.here().section, "compute");
    }
}
