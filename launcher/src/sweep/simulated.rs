//! Whole sweeps without a process: what the log, the rungs and the samplers make of runs that come to rungs,
//! fail, and are lost in any order.

use super::definition::tests::specimen;
use super::definition::{Method, Sweep};
use super::log::{Event, Line};
use super::random::Random;
use super::rungs::{self, Stop};
use super::sampler;
use super::state::{Fate, Stage, State};
use crate::error::exit;
use proptest::prelude::*;

/// A sweep that is worked on by several processes, and what happened to it.
struct Simulated {
    sweep: Sweep,
    lines: Vec<Line>,
    random: Random,
}

impl Simulated {
    fn state(&self) -> State {
        // From the beginning each time, as every process does.
        State::of(&self.lines, &self.sweep)
    }

    fn add(&mut self, event: Event) {
        self.lines.push(Line { time: "2026-01-01T00:00:00.000Z".to_owned(), event });
    }

    /// What a worker with a free slot does; whether there was anything.
    fn fill(&mut self) -> bool {
        let state = self.state();
        if let Some((trial, seed)) = state.waiting().first().copied() {
            let run = &state.trials[trial].runs[&seed];
            assert!(!matches!(run.stage, Stage::Running { .. } | Stage::Finished(_)));
            let until = self.sweep.stop.rungs().get(state.trials[trial].goal).copied();
            let (attempt, owner) = (run.attempts + 1, "somebody".to_owned());
            self.add(Event::Started { trial, seed, attempt, until, owner });
            return true;
        }
        let asked = sampler::ask(&self.sweep, &state);
        let decided = rungs::decide(&self.sweep, &state, asked.is_none());
        if !decided.is_empty() {
            decided.into_iter().for_each(|event| self.add(event));
            return true;
        }
        let Some(values) = asked else { return false };
        self.add(Event::Asked { trial: state.trials.len(), values });
        true
    }

    /// Something happens to a run that is at work.
    fn happen(&mut self) {
        let state = self.state();
        let running: Vec<(usize, u64)> = state.running().map(|it| (it.0, it.1)).collect();
        let pick = (self.random.unit() * running.len() as f64) as usize;
        let Some((trial, seed)) = running.get(pick).copied() else { return };
        let goal = state.trials[trial].goal;
        let value = match self.random.unit() {
            unit if unit < 0.05 => None,
            _ => Some(trial as f64 + self.random.unit()),
        };
        let seconds = 1.0;
        let chance = self.random.unit();
        let event = match (chance, self.sweep.stop.rungs().get(goal)) {
            (unit, _) if unit < 0.1 => Event::Lost { trial, seed, seconds },
            (unit, _) if unit < 0.15 => Event::Interrupted { trial, seed, seconds },
            (unit, _) if unit < 0.25 => {
                // What diverged is not tried again.
                let code = if self.random.unit() < 0.3 { exit::DIVERGED } else { exit::TRANSIENT };
                let failures = state.trials[trial].runs[&seed].failures;
                let again = code == exit::TRANSIENT && failures < self.sweep.retries;
                let cause = "chance".to_owned();
                let out_of_memory = self.random.unit() < 0.5;
                Event::Failed { trial, seed, code, cause, again, out_of_memory, seconds }
            }
            (_, Some(step)) => {
                Event::Paused { trial, seed, rung: goal, step: *step, value, seconds }
            }
            (_, None) => Event::Finished { trial, seed, value, seconds },
        };
        self.add(event);
    }
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Grid), Just(Method::Random), Just(Method::Sobol), Just(Method::Tpe)]
}

fn stop() -> impl Strategy<Value = Stop> {
    prop_oneof![
        Just(Stop::None),
        Just(Stop::Asha { rungs: vec![3, 9], factor: 3 }),
        Just(Stop::Asha { rungs: vec![2, 4, 8], factor: 2 }),
        Just(Stop::Median { rungs: vec![5, 10], min_trials: 3 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_sweep_comes_to_an_end_with_nothing_doubled(
        method in method(),
        stop in stop(),
        seed in 0..1000u64,
        slots in 1..5usize,
        trials in 1..14usize,
    ) {
        let mut sweep = Sweep { method, stop, seed, ..specimen() };
        sweep.budget.trials = trials;
        let mut it = Simulated { sweep, lines: Vec::new(), random: Random::of(&[seed, 7]) };
        let mut rounds = 0;
        loop {
            let mut is_idle = false;
            while it.state().running().count() < slots && !is_idle {
                is_idle = !it.fill();
            }
            if it.state().running().next().is_none() {
                break;
            }
            it.happen();
            rounds += 1;
            prop_assert!(rounds < 5000, "it has no end");
        }
        let state = it.state();
        prop_assert_eq!(state.trials.len(), trials);
        prop_assert!(state.waiting().is_empty());
        let mut ends = std::collections::BTreeMap::new();
        for line in &it.lines {
            if let Event::Finished { trial, seed, .. } = line.event {
                *ends.entry((trial, seed)).or_insert(0) += 1;
            }
        }
        prop_assert!(ends.values().all(|count| *count == 1));
        // Whoever was not stopped, did not fail and was not overtaken is done.
        let open = state.trials.iter().filter(|trial| trial.fate == Fate::Open);
        for trial in open {
            prop_assert!(trial.is_done() || trial.is_at_goal(), "{trial:?}");
            if it.sweep.stop == Stop::None {
                prop_assert!(trial.is_done());
            }
        }
        // Where any trial could come to its end, one did.
        let could = |trial: &&super::state::Trial| {
            trial.is_at_goal() && trial.at(trial.goal).flatten().is_some()
        };
        if state.trials.iter().any(|trial| could(&trial)) {
            prop_assert!(state.trials.iter().any(|trial| trial.is_done()));
        }
    }
}
