//! `knowcoder cancel`: asks a run to stop, or ends it.

use super::Answer;
use super::submit::{absolute, shown};
use crate::backend::detached::process::{Handle, that_holds};
use crate::backend::{QueueState, Stage};
use crate::cli;
use crate::error::{Error, exit};
use crate::events::Events;
use crate::lock::{self, RunLock};
use crate::standing::State;
use crate::standing::now::Now;
use crate::standing::past::Past;
use crate::submission::{Submission, is_process};
use serde_json::json;
use trainer::RunDir;

/// Asks the run to save and stop; with `--now`, ends it.
pub fn cancel(args: &cli::Cancel) -> Result<Answer, Error> {
    let run_dir = RunDir::new(absolute(&args.run)?);
    let (now, _) = Now::of_files(&run_dir)?;
    if let Some((submission, state)) = job(&run_dir, &now)? {
        submission.queue(&run_dir)?.cancel(&submission.ids, args.now)?;
        let how = match (state.stage, args.now) {
            (Stage::Waiting, _) => How::Withdrawn(submission.name()),
            (_, true) => How::Ended,
            (_, false) => How::Asked,
        };
        // A driver elsewhere may still be at work for a while.
        if state.stage == Stage::Waiting || is_process(&submission.backend) {
            note(&run_dir, &how)?;
        }
        return Ok(answer(&run_dir, &how));
    }
    match (&now.driver, args.now) {
        (None, _) => Ok(answer(&run_dir, &How::Idle(now.clause()))),
        (Some(_), false) => {
            let path = run_dir.stop();
            std::fs::write(&path, b"").map_err(data_pipeline::Error::write(&path))?;
            Ok(answer(&run_dir, &How::Asked))
        }
        (Some(holder), true) => {
            end(&run_dir, holder)?;
            note(&run_dir, &How::Ended)?;
            Ok(answer(&run_dir, &How::Ended))
        }
    }
}

/// The job of the run, if it waits or runs.
fn job(run_dir: &RunDir, now: &Now) -> Result<Option<(Submission, QueueState)>, Error> {
    let Some(submission) = Submission::load(run_dir)? else { return Ok(None) };
    Ok(submission.alive(run_dir, now)?.map(|state| (submission, state)))
}

/// Notes in the events what nobody else can: that a job was taken out of the queue, or a driver ended that had no
/// time to say so.
fn note(run_dir: &RunDir, how: &How) -> Result<(), Error> {
    let ended = match how {
        How::Withdrawn(job) => json!({"withdrawn": job}),
        How::Ended => json!({"at_once": true}),
        How::Idle(_) | How::Asked => return Ok(()),
    };
    // Who still drives it, or begins to in this moment, tells of itself.
    let Ok(_lock) = RunLock::take(&run_dir.lock()) else { return Ok(()) };
    let past = Past::read(&run_dir.events());
    let wish = match how {
        How::Ended => "kill-requested",
        _ => "stop-requested",
    };
    let state = past.standing().state;
    let is_told = state.is_over() && past.of_newest_start(wish).is_some();
    if state == State::Done || is_told {
        return Ok(());
    }
    let mut events = Events::open(&run_dir.events())?;
    events.record(wish, json!({"by": "cancel"}))?;
    Ok(events.record("stopped", ended)?)
}

/// Ends the process that holds the run directory, if it is one of this machine.
fn end(run_dir: &RunDir, holder: &str) -> Result<(), Error> {
    let lock = run_dir.lock();
    let elsewhere = || {
        let message =
            format!("the run's driver, {holder}, is no process of this machine that can be seen");
        Error::new(exit::BACKEND, message).hint(
            "ask on its machine, or without --now, which reaches it through the run directory",
        )
    };
    let handle = that_holds(&lock, holder).map(Handle::open).ok_or_else(elsewhere)?;
    // The number may have gone to another process before we had a hold on it.
    if that_holds(&lock, holder).is_none() {
        return Ok(());
    }
    handle.end(|| lock::holder(&lock).is_none())
}

/// What became of the request.
enum How {
    /// Nothing runs; the state in a clause.
    Idle(String),
    /// The job had not begun.
    Withdrawn(String),
    /// It will save and stop.
    Asked,
    /// It is gone.
    Ended,
}

fn answer(run_dir: &RunDir, how: &How) -> Answer {
    let root = shown(run_dir.root());
    let (status, text) = match how {
        How::Idle(clause) => ("idle", format!("nothing runs or waits for `{root}`: {clause}\n")),
        How::Withdrawn(job) => (
            "withdrawn",
            format!("took {job} out of the queue\n`knowcoder resume {root}` submits it again\n"),
        ),
        How::Asked => (
            "asked",
            format!(
                "asked the run to stop: it saves after the step or batch of answers that it is in\n\
                 `knowcoder status {root} --watch` shows when, `knowcoder resume {root}` continues it\n"
            ),
        ),
        How::Ended => (
            "ended",
            format!(
                "ended the run at once\n\
                 `knowcoder resume {root}` continues it from its newest checkpoint\n"
            ),
        ),
    };
    Answer::new(text, json!({"status": status, "run_dir": run_dir.root()}))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_nobody_else_can_say_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let names = || {
            let past = Past::read(&run_dir.events());
            past.names().map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        let mut events = Events::open(&run_dir.events()).unwrap();
        events.record("submitted", json!({"backend": "slurm"})).unwrap();
        // Whoever drives it says so itself.
        let driver = RunLock::take(&run_dir.lock()).unwrap();
        note(&run_dir, &How::Withdrawn("slurm job 2".to_owned())).unwrap();
        assert_eq!(names(), "submitted");
        drop(driver);
        note(&run_dir, &How::Asked).unwrap();
        for _ in 0..2 {
            note(&run_dir, &How::Withdrawn("slurm job 2".to_owned())).unwrap();
        }
        assert_eq!(names(), "submitted stop-requested stopped");
        let (now, _) = Now::of_files(&run_dir).unwrap();
        assert_eq!(now.sight.how.unwrap().words(), "it was taken out of the queue, as asked");
        std::thread::sleep(std::time::Duration::from_millis(5));
        events.record("started", json!({"start": 1, "world": 2})).unwrap();
        note(&run_dir, &How::Ended).unwrap();
        assert!(names().ends_with("started kill-requested stopped"), "{}", names());
        let (now, _) = Now::of_files(&run_dir).unwrap();
        assert_eq!(now.sight.how.unwrap().words(), "it was ended at once, as asked");
    }
}
