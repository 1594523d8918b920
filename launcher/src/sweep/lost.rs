//! Runs that the log takes for running and whose process is gone, as long as nobody went on with them.

use super::claims::is_surely_gone;
use super::log::{Event, Line, read};
use super::state::State;
use super::trial::{Setting, name};
use crate::error::Error;

/// Lets such runs wait in `state`, as whoever goes on with them will; says how many there are. Of processes on other
/// machines nothing is known from here.
pub fn let_wait(setting: &Setting, state: &mut State) -> Result<usize, Error> {
    let claims = setting.folder.claims();
    let is_gone = |(trial, seed): &(usize, u64)| is_surely_gone(&claims, &name(*trial, *seed));
    let mut gone: Vec<(usize, u64)> = running(state).into_iter().filter(is_gone).collect();
    if gone.is_empty() {
        return Ok(0);
    }
    // Who was done between two looks has said so in the log before it gave its claim back.
    let lines = read(&setting.folder.log())?;
    *state = State::of(&lines, &setting.sweep);
    let still = running(state);
    gone.retain(|run| still.contains(run));
    for (trial, seed) in &gone {
        let event = Event::Lost { trial: *trial, seed: *seed, seconds: 0.0 };
        state.take(&Line { time: String::new(), event }, &setting.sweep);
    }
    Ok(gone.len())
}

/// Trial and seed of all runs that have a process, by the log.
fn running(state: &State) -> Vec<(usize, u64)> {
    state.running().map(|(trial, seed, ..)| (trial, seed)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::claims::{Claims, ourselves};
    use super::super::log::Log;
    use super::super::summary::counts;
    use super::super::trial::tests::setting;
    use super::*;

    #[test]
    fn a_run_without_a_process_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let setting = setting(folder.path());
        let started = |trial: usize| {
            let (seed, attempt, until, owner) = (5, 1, None, ourselves());
            Event::Started { trial, seed, attempt, until, owner }
        };
        let asked = |trial: usize| Event::Asked { trial, values: Default::default() };
        let mut log = Log::open(&setting.folder.log()).unwrap();
        log.add(vec![asked(0), asked(1), started(0), started(1)]).unwrap();
        let state = || State::of(&read(&setting.folder.log()).unwrap(), &setting.sweep);
        let mut claims = Claims::open(&setting.folder.claims()).unwrap();
        let held = [0, 1].map(|trial| claims.take(&name(trial, 5)).unwrap().unwrap());
        let mut all = state();
        assert_eq!(let_wait(&setting, &mut all).unwrap(), 0);
        assert_eq!(counts(&all).running, 2);
        drop(held);
        let _held = claims.take(&name(0, 5)).unwrap().unwrap();
        assert_eq!(let_wait(&setting, &mut all).unwrap(), 1);
        assert_eq!((counts(&all).running, counts(&all).waiting), (1, 1));
        // Nothing of it is written: that is for whoever goes on.
        assert_eq!(counts(&state()).running, 2);
    }
}
