#![allow(clippy::unwrap_used)]

use super::super::definition::tests::specimen;
use super::*;

/// What an event does to a state.
pub fn add(state: &mut State, sweep: &Sweep, event: Event) {
    state.take(&Line { time: "2026-01-01T00:00:00.000Z".to_owned(), event }, sweep);
}

/// There is a trial.
pub fn asked(state: &mut State, sweep: &Sweep, trial: usize) {
    add(state, sweep, Event::Asked { trial, values: Point::new() });
}

fn started(state: &mut State, sweep: &Sweep, trial: usize, seed: u64) {
    let owner = "somebody".to_owned();
    add(state, sweep, Event::Started { trial, seed, attempt: 1, until: None, owner });
}

/// All runs of a trial come to a rung.
pub fn came(state: &mut State, sweep: &Sweep, trial: usize, rung: usize, value: Option<f64>) {
    for seed in sweep.seeds.clone() {
        started(state, sweep, trial, seed);
        add(state, sweep, Event::Paused { trial, seed, rung, step: 0, value, seconds: 1.0 });
    }
}

/// All runs of a trial come to their end.
pub fn finished(state: &mut State, sweep: &Sweep, trial: usize, value: Option<f64>) {
    for seed in sweep.seeds.clone() {
        started(state, sweep, trial, seed);
        add(state, sweep, Event::Finished { trial, seed, value, seconds: 2.0 });
    }
}

#[test]
fn a_trial_goes_from_rung_to_rung_to_its_end() {
    let sweep = specimen();
    let mut state = State::default();
    asked(&mut state, &sweep, 0);
    asked(&mut state, &sweep, 0);
    assert_eq!(state.trials.len(), 1, "said twice, it is there once");
    assert_eq!(state.waiting(), [(0, 5), (0, 6)]);
    started(&mut state, &sweep, 0, 5);
    assert_eq!(state.running().map(|it| (it.0, it.1)).collect::<Vec<_>>(), [(0, 5)]);
    assert_eq!(state.waiting(), [(0, 6)]);
    came(&mut state, &sweep, 0, 0, Some(3.0));
    assert!(state.trials[0].is_at_goal());
    assert_eq!(state.trials[0].newest(), Some((0, 3.0)));
    assert_eq!(state.waiting(), []);
    add(&mut state, &sweep, Event::Promoted { trial: 0, rung: 1 });
    assert_eq!(state.waiting(), [(0, 5), (0, 6)]);
    finished(&mut state, &sweep, 0, Some(4.0));
    assert!(state.trials[0].is_done() && !state.trials[0].is_at_goal());
    assert_eq!(state.trials[0].newest(), Some((usize::MAX, 4.0)));
    assert_eq!(state.seconds, 2.0 * 1.0 + 2.0 * 2.0);
    // What is done stays done.
    add(&mut state, &sweep, Event::Lost { trial: 0, seed: 5, seconds: 9.0 });
    assert!(state.trials[0].is_done());
    assert_eq!(state.seconds, 6.0);
}

#[test]
fn what_is_lost_or_interrupted_waits_and_what_failed_for_good_does_not() {
    let sweep = specimen();
    let mut state = State::default();
    for trial in 0..2 {
        asked(&mut state, &sweep, trial);
        for seed in sweep.seeds.clone() {
            started(&mut state, &sweep, trial, seed);
        }
    }
    assert_eq!(state.waiting(), []);
    add(&mut state, &sweep, Event::Lost { trial: 0, seed: 5, seconds: 0.0 });
    add(&mut state, &sweep, Event::Interrupted { trial: 0, seed: 6, seconds: 0.0 });
    assert_eq!(state.waiting(), [(0, 5), (0, 6)]);
    let failed = |again| Event::Failed {
        trial: 1,
        seed: 5,
        code: 75,
        cause: "c".to_owned(),
        again,
        out_of_memory: false,
        seconds: 0.0,
    };
    add(&mut state, &sweep, failed(true));
    assert_eq!(state.waiting(), [(0, 5), (0, 6), (1, 5)]);
    assert_eq!(state.trials[1].runs[&5].failures, 1);
    add(&mut state, &sweep, failed(false));
    assert_eq!(state.waiting(), [(0, 5), (0, 6)]);
    assert!(matches!(state.trials[1].fate, Fate::Failed { code: 75, .. }));
}

#[test]
fn the_best_is_done_or_came_furthest() {
    let sweep = specimen();
    let mut state = State::default();
    assert_eq!(state.best(&sweep), None);
    for trial in 0..4 {
        asked(&mut state, &sweep, trial);
    }
    came(&mut state, &sweep, 0, 0, Some(90.0));
    came(&mut state, &sweep, 1, 0, Some(95.0));
    assert_eq!(state.best(&sweep).map(|it| it.number), Some(1));
    let (code, cause, again, out_of_memory, seconds) =
        (exit::DIVERGED, "c".to_owned(), false, false, 0.0);
    let failed = Event::Failed { trial: 1, seed: 5, code, cause, again, out_of_memory, seconds };
    add(&mut state, &sweep, failed);
    assert_eq!(state.best(&sweep).map(|it| it.number), Some(0), "it diverged behind its rung");
    finished(&mut state, &sweep, 2, Some(10.0));
    finished(&mut state, &sweep, 3, None);
    assert_eq!(state.best(&sweep).map(|it| it.number), Some(2));
}
