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
        // Its evaluation was cut off behind the step, and is made up for when it goes on.
        None if !sweep.metric.is_loss() && slot.was_asked_to_stop() => {
            Event::Interrupted { trial, seed, seconds }
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::claims::Claims;
    use super::super::metric::Metric;
    use super::super::trial::{Setting, name, tests::setting};
    use super::*;
    use std::path::Path;

    /// A run of `tiny.toml` on its way to step 4 of its last phase, having done so many steps.
    fn slot(setting: &Setting, claims: &mut Claims, steps: usize) -> Slot {
        let (trial, seed, until) = (0, 5, Some((1, 4)));
        let job = Job { trial, seed, values: Default::default(), until, failures: 0 };
        let claim = claims.take(&name(trial, seed)).unwrap().unwrap();
        let slot = Slot::new(setting, job, claim, None).unwrap();
        std::fs::create_dir_all(slot.run_dir.root()).unwrap();
        let line = |step| format!("{{\"phase\":\"instruction\",\"step\":{step},\"loss\":1.5}}\n");
        let text: String = (1..=steps).map(line).collect();
        std::fs::write(slot.run_dir.metrics(), text).unwrap();
        slot
    }

    fn event(setting: &Setting, slot: &Slot) -> Event {
        let mut events = of(&setting.sweep, slot, &Ending::Stopped);
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    fn tiny(folder: &Path) -> Setting {
        let mut setting = setting(folder);
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        setting.sweep.recipe = manifest.join("../tests/fixtures/tiny.toml");
        setting
    }

    #[test]
    fn a_run_that_was_asked_to_stop_at_its_rung_is_evaluated_when_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let setting = tiny(folder.path());
        let mut claims = Claims::open(&setting.folder.claims()).unwrap();
        let mut slot = slot(&setting, &mut claims, 4);
        // It went there by itself, and there is no value: there never will be one.
        assert!(matches!(event(&setting, &slot), Event::Failed { again: false, .. }));
        std::fs::write(slot.run_dir.events(), "{\"event\":\"stop-requested\"}\n").unwrap();
        assert!(matches!(event(&setting, &slot), Event::Interrupted { .. }), "by somebody else");
        std::fs::remove_file(slot.run_dir.events()).unwrap();
        slot.ask_to_stop();
        assert!(matches!(event(&setting, &slot), Event::Interrupted { .. }), "by the sweep");
        let row = "{\"phase\":\"instruction\",\"step\":4,\"dataset\":\"d\",\"language\":\"en\",\"gold\":2,\"predicted\":2,\"correct\":1}\n";
        std::fs::write(slot.run_dir.evaluations(), row).unwrap();
        let expected =
            Event::Paused { trial: 0, seed: 5, rung: 1, step: 4, value: Some(50.0), seconds: 0.0 };
        assert_eq!(event(&setting, &slot), expected);
    }

    #[test]
    fn a_run_that_was_stopped_before_its_rung_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut setting = tiny(folder.path());
        setting.sweep.metric = Metric::Loss;
        let mut claims = Claims::open(&setting.folder.claims()).unwrap();
        let interrupted = Event::Interrupted { trial: 0, seed: 5, seconds: 0.0 };
        assert_eq!(event(&setting, &slot(&setting, &mut claims, 3)), interrupted);
        let came = event(&setting, &slot(&setting, &mut claims, 4));
        assert!(matches!(came, Event::Paused { value: Some(1.5), .. }), "{came:?}");
    }
}
