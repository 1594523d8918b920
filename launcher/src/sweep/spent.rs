//! What of a sweep's budget is used.

use super::claims::Claims;
use super::state::State;
use super::trial::{Setting, name};
use crate::events::milliseconds;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use trainer::RunDir;

/// How long a run has worked that was started at `since`, in milliseconds since 1970.
///
/// Whoever has it writes into its claim how long it has trained, and is believed up to its last word: what it waited
/// for and the time in which a sweep was away cost nothing, and no clocks are compared. Where the claim is gone, the
/// run's own files say it.
pub fn worked(
    setting: &Setting,
    claims: &Claims,
    (trial, seed): (usize, u64),
    since: u64,
) -> Duration {
    let run_dir = setting.folder.run(trial, seed);
    claims.worked(&name(trial, seed)).unwrap_or_else(|| told(&run_dir, since).unwrap_or_default())
}

/// From the first start behind `since` in a run's events to its last step.
fn told(run_dir: &RunDir, since: u64) -> Option<Duration> {
    let events = std::fs::read_to_string(run_dir.events()).ok()?;
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut starts = events.filter(|event| event["event"] == "started");
    let start = starts
        .find_map(|event| milliseconds(event["time"].as_str()?).filter(|start| *start >= since))?;
    let last = std::fs::metadata(run_dir.metrics()).and_then(|it| it.modified()).ok()?;
    last.duration_since(UNIX_EPOCH + Duration::from_millis(start)).ok()
}

/// What of the budget is used up, if anything is.
pub fn spent(setting: &Setting, state: &State, claims: &Claims) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let budget = setting.sweep.budget;
    let begun = state.begun.as_ref().and_then(|(_, time)| milliseconds(time));
    let wall =
        begun.map_or(Duration::ZERO, |begun| now.saturating_sub(Duration::from_millis(begun)));
    if let Some(limit) = budget.wall.filter(|limit| wall >= *limit) {
        return Some(format!(
            "{} s have passed since it began, the limit is {} s",
            wall.as_secs(),
            limit.as_secs()
        ));
    }
    let running = state.running();
    let at_work: f64 = running
        .map(|(trial, seed, _, since)| worked(setting, claims, (trial, seed), since).as_secs_f64())
        .sum();
    let hours = (state.seconds + at_work) * setting.cluster.ranks as f64 / 3600.0;
    let limit = budget.gpu_hours.filter(|limit| hours >= *limit)?;
    Some(format!("{hours:.2} hours of ranks are used, the limit is {limit}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::definition::Budget;
    use super::super::log::{Event, Line};
    use super::super::trial::tests::setting;
    use super::*;
    use crate::events::rfc3339;

    #[test]
    fn waiting_and_the_time_in_which_a_sweep_was_away_cost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut setting = setting(folder.path());
        setting.sweep.budget = Budget { trials: 9, gpu_hours: Some(2.0), wall: None };
        setting.cluster.ranks = 2;
        // Two runs were begun years ago, and whoever ran them was killed.
        let mut state = State::default();
        let owner = "somebody".to_owned();
        let started =
            |seed| Event::Started { trial: 0, seed, attempt: 1, until: None, owner: owner.clone() };
        let begun = Event::Begun { version: String::new(), sweep: serde_json::Value::Null };
        let asked = Event::Asked { trial: 0, values: Default::default() };
        for event in [begun, asked, started(5), started(6)] {
            let line = Line { time: "2020-01-01T00:00:00.000Z".to_owned(), event };
            state.take(&line, &setting.sweep);
        }
        let mut claims = Claims::open(&setting.folder.claims()).unwrap();
        assert_eq!(spent(&setting, &state, &claims), None, "nothing says that they worked");
        let claim = claims.take(&name(0, 5)).unwrap().unwrap();
        let beat = setting.folder.claims().join(name(0, 5)).join("beat");
        let says = |seconds: u64| std::fs::write(&beat, format!("7 {}\n", 1000 * seconds)).unwrap();
        says(1800);
        assert_eq!(spent(&setting, &state, &claims), None);
        says(3600);
        let why = spent(&setting, &state, &claims).unwrap();
        assert_eq!(why, "2.00 hours of ranks are used, the limit is 2");
        // One whose claim is gone worked from the start of its ranks to its last step.
        drop(claim);
        let run = setting.folder.run(0, 6);
        std::fs::create_dir_all(run.root()).unwrap();
        std::fs::write(run.metrics(), "").unwrap();
        let file = std::fs::File::options().write(true).open(run.metrics()).unwrap();
        let since = Duration::from_millis(milliseconds("2020-01-01T00:00:00.000Z").unwrap());
        let at = |seconds| UNIX_EPOCH + since + Duration::from_secs(seconds);
        file.set_modified(at(9000)).unwrap();
        assert_eq!(spent(&setting, &state, &claims), None, "nothing of it was started");
        // Of an earlier process, and of this one, which waited half an hour for its shards and was once started again.
        let started = |time| format!("{{\"time\":\"{}\",\"event\":\"started\"}}\n", rfc3339(time));
        let earlier = started(UNIX_EPOCH + since - Duration::from_secs(60));
        let starts = [earlier.clone(), started(at(1800)), started(at(2000))].concat();
        std::fs::write(run.events(), starts).unwrap();
        file.set_modified(at(1800 + 3500)).unwrap();
        assert_eq!(spent(&setting, &state, &claims), None);
        file.set_modified(at(1800 + 3600)).unwrap();
        assert_eq!(spent(&setting, &state, &claims), Some(why));
        file.set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(spent(&setting, &state, &claims), None, "steps of an earlier start");
        file.set_modified(at(9000)).unwrap();
        std::fs::write(run.events(), earlier).unwrap();
        assert_eq!(spent(&setting, &state, &claims), None, "a start of an earlier process");
    }
}
