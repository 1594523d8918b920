//! Which trials go on: decided at rungs, which are steps of a trial's own checkpoints.
//!
//! A trial pauses behind the step of its rung with a checkpoint, and goes on from there if it may: the schedule
//! of its learning rate is that of its whole length all the while.

use super::definition::Sweep;
use super::log::Event;
use super::state::{Fate, State, Trial};
use crate::error::exit;
use serde_json::{Value, json};

/// Who ends trials early.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Nobody.
    None,
    /// At each rung, a trial that is worse than the median of those that came there before.
    Median {
        /// Steps.
        rungs: Vec<usize>,
        /// Trials that must have come to a rung before one is stopped there.
        min_trials: usize,
    },
    /// Asynchronous successive halving, of Li and others ("A system for massively parallel hyperparameter
    /// tuning", 2020): of those that came to a rung, the best in `factor` go on, as soon as they are known.
    Asha {
        /// Steps.
        rungs: Vec<usize>,
        /// One of so many goes on.
        factor: usize,
    },
}

impl Stop {
    /// The steps at which is decided.
    pub fn rungs(&self) -> &[usize] {
        match self {
            Self::None => &[],
            Self::Median { rungs, .. } | Self::Asha { rungs, .. } => rungs,
        }
    }

    /// What of it a log belongs to.
    pub fn essence(&self) -> Value {
        match self {
            Self::None => json!("none"),
            Self::Median { rungs, min_trials } => {
                json!({"method": "median", "rungs": rungs, "min_trials": min_trials})
            }
            Self::Asha { rungs, factor } => {
                json!({"method": "asha", "rungs": rungs, "factor": factor})
            }
        }
    }
}

/// What follows from how a sweep stands; nothing more until something happens. With `is_last`, no other
/// trial will be asked for.
pub fn decide(sweep: &Sweep, state: &State, is_last: bool) -> Vec<Event> {
    match &sweep.stop {
        Stop::None => Vec::new(),
        Stop::Median { min_trials, .. } => median(sweep, state, *min_trials),
        Stop::Asha { rungs, factor } => {
            let events = halving(sweep, state, rungs.len(), *factor);
            match events.is_empty() && is_last {
                true => closing(sweep, state).into_iter().collect(),
                false => events,
            }
        }
    }
}

/// A number of which less is better; what diverged is worse than all else.
fn loss(sweep: &Sweep, trial: &Trial, rung: usize) -> Option<f64> {
    // A run that diverges ends before its rung; that counts as having come there.
    let diverged = matches!(trial.fate, Fate::Failed { code: exit::DIVERGED, .. });
    let value = trial.at(rung).or((diverged && trial.goal == rung).then_some(None))?;
    Some(value.map_or(f64::INFINITY, |value| sweep.mode.loss(value)))
}

fn halving(sweep: &Sweep, state: &State, rungs: usize, factor: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for rung in (0..rungs).rev() {
        let mut came: Vec<(f64, &Trial)> = state
            .trials
            .iter()
            .filter_map(|trial| Some((loss(sweep, trial, rung)?, trial)))
            .collect();
        // Of equals, the earlier one.
        came.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.number.cmp(&b.1.number)));
        let best = came.iter().take(came.len() / factor).filter(|(loss, _)| loss.is_finite());
        let waits = best.filter(|(_, trial)| trial.goal == rung && trial.is_at_goal());
        events.extend(
            waits.map(|(_, trial)| Event::Promoted { trial: trial.number, rung: rung + 1 }),
        );
    }
    events
}

/// Where few trials leave none that goes to its end, the best of those that came furthest does.
fn closing(sweep: &Sweep, state: &State) -> Option<Event> {
    let is_over = state.running().next().is_none() && state.waiting().is_empty();
    if !is_over || state.trials.iter().any(|trial| trial.fate == Fate::Open && trial.is_done()) {
        return None;
    }
    let waits = state.trials.iter().filter(|trial| trial.is_at_goal());
    let best = waits.filter_map(|trial| {
        let loss = loss(sweep, trial, trial.goal).filter(|loss| loss.is_finite())?;
        Some((std::cmp::Reverse(trial.goal), loss, trial))
    });
    let order = |a: &(std::cmp::Reverse<usize>, f64, &Trial),
                 b: &(std::cmp::Reverse<usize>, f64, &Trial)| {
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    let (_, _, trial) = best.min_by(order)?;
    Some(Event::Promoted { trial: trial.number, rung: trial.goal + 1 })
}

fn median(sweep: &Sweep, state: &State, min_trials: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for trial in state.trials.iter().filter(|trial| trial.is_at_goal()) {
        let rung = trial.goal;
        let Some(own) = loss(sweep, trial, rung) else { continue };
        let others = state.trials.iter().filter(|it| it.number != trial.number);
        let mut others: Vec<f64> = others.filter_map(|it| loss(sweep, it, rung)).collect();
        others.sort_by(f64::total_cmp);
        let middle = others.len() / 2;
        let median = match others.len() {
            count if count < min_trials.max(1) => f64::INFINITY,
            count if count % 2 == 1 => others[middle],
            _ => f64::midpoint(others[middle - 1], others[middle]),
        };
        let number = trial.number;
        // What is no number any more never becomes one.
        events.push(if own > median || own.is_infinite() {
            let why = format!("worse than the median of {} other trials", others.len());
            Event::Stopped { trial: number, rung, why }
        } else {
            Event::Promoted { trial: number, rung: rung + 1 }
        });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::super::definition::tests::specimen;
    use super::super::state::tests::{add, asked, came, finished};
    use super::*;

    fn sweep(stop: Stop) -> Sweep {
        Sweep { stop, ..specimen() }
    }

    fn asha(rungs: &[usize], factor: usize) -> Sweep {
        sweep(Stop::Asha { rungs: rungs.to_vec(), factor })
    }

    fn promoted(events: &[Event]) -> Vec<(usize, usize)> {
        let of = |event: &Event| match event {
            Event::Promoted { trial, rung } => Some((*trial, *rung)),
            _ => None,
        };
        events.iter().filter_map(of).collect()
    }

    #[test]
    fn the_best_third_goes_on_as_soon_as_it_is_known() {
        let sweep = asha(&[3, 9], 3);
        let mut state = State::default();
        for (number, f1) in [10.0, 30.0].into_iter().enumerate() {
            asked(&mut state, &sweep, number);
            came(&mut state, &sweep, number, 0, Some(f1));
        }
        assert_eq!(decide(&sweep, &state, false), [], "a third of two is none");
        asked(&mut state, &sweep, 2);
        assert_eq!(decide(&sweep, &state, false), []);
        came(&mut state, &sweep, 2, 0, Some(20.0));
        assert_eq!(promoted(&decide(&sweep, &state, false)), [(1, 1)]);
        for event in decide(&sweep, &state, false) {
            add(&mut state, &sweep, event);
        }
        assert_eq!(decide(&sweep, &state, false), [], "once is enough");
        // A later one that is better goes on, too, when there is room for two.
        for (number, f1) in [(3, 40.0), (4, 5.0), (5, 6.0)] {
            asked(&mut state, &sweep, number);
            came(&mut state, &sweep, number, 0, Some(f1));
        }
        assert_eq!(promoted(&decide(&sweep, &state, false)), [(3, 1)]);
    }

    #[test]
    fn what_diverged_does_not_go_on_and_one_goes_to_the_end() {
        let sweep = asha(&[3], 2);
        let mut state = State::default();
        for (number, f1) in [None, None, Some(4.0)].into_iter().enumerate() {
            asked(&mut state, &sweep, number);
            came(&mut state, &sweep, number, 0, f1);
        }
        assert_eq!(promoted(&decide(&sweep, &state, false)), [(2, 1)]);
        let few = asha(&[3, 6], 4);
        let mut state = State::default();
        asked(&mut state, &few, 0);
        came(&mut state, &few, 0, 0, Some(1.0));
        assert_eq!(decide(&few, &state, false), []);
        for rung in [1, 2] {
            assert_eq!(promoted(&decide(&few, &state, true)), [(0, rung)]);
            add(&mut state, &few, Event::Promoted { trial: 0, rung });
            assert_eq!(decide(&few, &state, true), [], "it is at work");
            match rung {
                1 => came(&mut state, &few, 0, 1, Some(1.0)),
                _ => finished(&mut state, &few, 0, Some(1.0)),
            }
        }
        assert_eq!(decide(&few, &state, true), []);
    }

    #[test]
    fn what_diverged_on_its_way_came_to_the_rung() {
        let sweep = asha(&[3, 9], 3);
        let mut state = State::default();
        for number in 0..3 {
            asked(&mut state, &sweep, number);
        }
        let failed = |trial: usize, code: u8| {
            let (cause, again, out_of_memory, seconds) = ("c".to_owned(), false, false, 1.0);
            Event::Failed { trial, seed: 5, code, cause, again, out_of_memory, seconds }
        };
        came(&mut state, &sweep, 0, 0, Some(1.0));
        add(&mut state, &sweep, failed(1, exit::DIVERGED));
        add(&mut state, &sweep, failed(2, exit::BACKEND));
        assert_eq!(decide(&sweep, &state, false), [], "that nobody could train it says nothing");
        asked(&mut state, &sweep, 3);
        add(&mut state, &sweep, failed(3, exit::DIVERGED));
        assert_eq!(promoted(&decide(&sweep, &state, false)), [(0, 1)], "the best of three");
    }

    #[test]
    fn what_is_worse_than_the_median_stops() {
        let sweep = sweep(Stop::Median { rungs: vec![3, 6], min_trials: 2 });
        let mut state = State::default();
        for (number, f1) in [10.0, 20.0].into_iter().enumerate() {
            asked(&mut state, &sweep, number);
            came(&mut state, &sweep, number, 0, Some(f1));
            let events = decide(&sweep, &state, false);
            assert_eq!(promoted(&events), [(number, 1)], "too few to compare with");
            events.into_iter().for_each(|it| add(&mut state, &sweep, it));
        }
        for (number, f1, goes_on) in [(2, 14.0, false), (3, 16.0, true), (4, 14.0, false)] {
            asked(&mut state, &sweep, number);
            came(&mut state, &sweep, number, 0, Some(f1));
            let events = decide(&sweep, &state, false);
            assert_eq!(events.len(), 1);
            // The medians are those of 10 20, of 10 14 20 and of 10 14 16 20.
            assert_eq!(matches!(events[0], Event::Promoted { .. }), goes_on, "{number}");
            events.into_iter().for_each(|it| add(&mut state, &sweep, it));
        }
    }
}
