//! What the log says of a run that ended.

use super::definition::Sweep;
use super::ending::Ending;
use super::log::Event;
use super::metric::steps_done;
use super::slot::{Job, Slot};
use crate::error::{Error, exit};

/// The events of an ending, which belong together. What cannot be read of a run is a failure of that run alone.
pub fn of(sweep: &Sweep, slot: &Slot, ending: &Ending) -> Vec<Event> {
    let read = match ending {
        Ending::Done => done(sweep, slot),
        Ending::Stopped => stopped(sweep, slot),
        other => Ok(ended(sweep, slot, other)),
    };
    read.unwrap_or_else(|error| ended(sweep, slot, &Ending::of_error(error)))
}

fn done(sweep: &Sweep, slot: &Slot) -> Result<Vec<Event>, Error> {
    let Job { trial, seed, .. } = slot.job;
    let value = sweep.metric.last(&slot.run_dir, &sweep.phase)?;
    Ok(vec![match value {
        None if !sweep.metric.is_loss() => nothing(sweep, slot, "at the end"),
        value => Event::Finished { trial, seed, value, seconds: slot.seconds() },
    }])
}

fn stopped(sweep: &Sweep, slot: &Slot) -> Result<Vec<Event>, Error> {
    let Job { trial, seed, until, .. } = slot.job;
    let seconds = slot.seconds();
    let came = match until {
        Some((_, step)) => steps_done(&slot.run_dir, &sweep.phase)? >= step,
        None => false,
    };
    let Some((rung, step)) = until.filter(|_| came) else {
        return Ok(vec![Event::Interrupted { trial, seed, seconds }]);
    };
    let value = sweep.metric.at(&slot.run_dir, &sweep.phase, step)?;
    Ok(vec![match value {
        None if !sweep.metric.is_loss() => nothing(sweep, slot, &format!("at step {step}")),
        value => Event::Paused { trial, seed, rung, step, value, seconds },
    }])
}

fn ended(sweep: &Sweep, slot: &Slot, ending: &Ending) -> Vec<Event> {
    let Job { trial, seed, failures, .. } = slot.job;
    let seconds = slot.seconds();
    match ending {
        Ending::Failed { code, cause, may_pass, out_of_memory } => {
            let again = *may_pass && failures < sweep.retries;
            let (code, cause, out_of_memory) = (*code, cause.clone(), *out_of_memory);
            vec![Event::Failed { trial, seed, code, cause, again, out_of_memory, seconds }]
        }
        Ending::Infeasible(cause) => {
            let cause = cause.clone();
            vec![Event::Interrupted { trial, seed, seconds }, Event::Infeasible { trial, cause }]
        }
        // With a full disk, it goes on when there is room.
        Ending::Done | Ending::Stopped | Ending::Interrupted | Ending::DiskFull(_) => {
            vec![Event::Interrupted { trial, seed, seconds }]
        }
    }
}

/// A run in which there is nothing of what is compared.
fn nothing(sweep: &Sweep, slot: &Slot, place: &str) -> Event {
    let Job { trial, seed, .. } = slot.job;
    let cause = format!(
        "{} has no value {place}: no benchmark has an annotated object of it",
        sweep.metric
    );
    let (code, again, out_of_memory) = (exit::DATA, false, false);
    Event::Failed { trial, seed, code, cause, again, out_of_memory, seconds: slot.seconds() }
}
