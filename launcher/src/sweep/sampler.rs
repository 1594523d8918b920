//! Which values are tried next: a function of the sweep's file and of its log, and of nothing else, so that
//! a sweep that goes on asks for what it would have asked for.

pub mod sobol;
mod tpe;

use super::definition::{Method, Sweep};
use super::random::Random;
use super::space::{Dimension, Point, Range, is_same};
use super::state::{Fate, State, Trial};
use tpe::Observation;

/// Values that were tried already are drawn again so often.
const DRAWS: u64 = 64;

/// Trials that were refused before they began cost nothing, but there is an end to them: so many for each
/// trial of the budget.
const REFUSED: usize = 10;

/// The values of the next trial; none where the budget or the space has no more.
pub fn ask(sweep: &Sweep, state: &State) -> Option<Point> {
    let asked = state.trials.len();
    let is_spent = state.feasible() >= sweep.budget.trials
        || asked >= sweep.budget.trials.saturating_mul(REFUSED);
    if is_spent {
        return None;
    }
    if sweep.method == Method::Grid {
        return sweep.space.grid().ok()?.point(asked as u128);
    }
    let is_new =
        |point: &Point| state.trials.iter().all(|trial| !is_same_point(&trial.values, point));
    let drawn = (0..DRAWS).map(|draw| propose(sweep, state, draw)).find(is_new);
    drawn.or_else(|| left(sweep, asked, is_new))
}

/// One of the values that draws did not come upon: where only few are left, they hardly do.
fn left(sweep: &Sweep, asked: usize, is_new: impl Fn(&Point) -> bool) -> Option<Point> {
    let has_end = |it: &Dimension| matches!(it.range, Range::Values(_) | Range::Int { .. });
    if !sweep.space.dimensions.iter().all(has_end) {
        return None;
    }
    let grid = sweep.space.grid().ok()?;
    // As many as were asked for could all be old ones, and the next is not.
    let count = grid.count();
    let tries = count.min(asked as u128 + 1);
    let from = (Random::of(&[sweep.seed, asked as u64, DRAWS]).unit() * count as f64) as u128;
    (0..tries).filter_map(|at| grid.point(from.checked_add(at)? % count)).find(is_new)
}

fn is_same_point(a: &Point, b: &Point) -> bool {
    a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
}

/// Values, new or not.
fn propose(sweep: &Sweep, state: &State, draw: u64) -> Point {
    let (space, asked) = (&sweep.space, state.trials.len() as u64);
    let mut random = Random::of(&[sweep.seed, asked, draw]);
    let dimensions = space.dimensions.len();
    let place: Vec<f64> = match sweep.method {
        // A grid has its own way.
        Method::Random | Method::Grid => (0..dimensions).map(|_| random.unit()).collect(),
        Method::Sobol => {
            // Trials have used all places before this one, and maybe some behind it.
            let index = asked.wrapping_add(draw) as u32;
            sobol::place(index, dimensions, Some(sweep.seed))
        }
        Method::Tpe => {
            let choices: Vec<Option<usize>> =
                space.dimensions.iter().map(|it| it.range.choices()).collect();
            tpe::place(&choices, &observations(sweep, state), &mut random)
        }
    };
    space.point(&place)
}

/// The trials as an estimator sees them: at the highest rung to which enough of them came.
fn observations(sweep: &Sweep, state: &State) -> Vec<Observation> {
    let ends = sweep.stop.rungs().len();
    let value = |trial: &Trial, rung: usize| match (rung == ends, trial.is_done()) {
        (true, true) => trial.newest().map(|(_, value)| value),
        (true, false) => None,
        (false, _) => trial.at(rung).flatten(),
    };
    let known = |rung: &usize| state.trials.iter().filter(|it| value(it, *rung).is_some()).count();
    let rung = (0..=ends).rev().find(|rung| known(rung) >= tpe::STARTUP).unwrap_or(0);
    let observe = |trial: &Trial| Observation {
        place: sweep.space.place(&trial.values),
        loss: match trial.fate {
            Fate::Infeasible(_) | Fate::Failed { .. } => None,
            Fate::Open | Fate::Stopped(_) => value(trial, rung).map(|it| sweep.mode.loss(it)),
        },
    };
    state.trials.iter().map(observe).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::definition::tests::specimen;
    use super::super::log::Event;
    use super::super::state::tests::{add, finished};
    use super::*;

    /// What is asked for, each trial done before the next, and worth its number.
    fn asked(sweep: &Sweep, state: &mut State, count: usize) -> Vec<Point> {
        for _ in 0..count {
            let Some(values) = ask(sweep, state) else { break };
            let trial = state.trials.len();
            add(state, sweep, Event::Asked { trial, values });
            finished(state, sweep, trial, Some(trial as f64));
        }
        state.trials.iter().map(|trial| trial.values.clone()).collect()
    }

    #[test]
    fn every_method_asks_the_same_again_wherever_it_was_cut() {
        for method in [Method::Grid, Method::Random, Method::Sobol, Method::Tpe] {
            let mut sweep = Sweep { method, ..specimen() };
            sweep.budget.trials = 20;
            let mut state = State::default();
            let whole = asked(&sweep, &mut state, 20);
            let mut cut = State::default();
            for _ in 0..4 {
                asked(&sweep, &mut cut, 5);
            }
            assert_eq!(cut.trials.len(), whole.len());
            assert_eq!(asked(&sweep, &mut cut, 5), whole, "{method:?}");
            for (index, point) in whole.iter().enumerate() {
                assert!(!whole[..index].contains(point), "{method:?}: {point:?} twice");
            }
            let other = Sweep { seed: 99, ..sweep.clone() };
            let others = asked(&other, &mut State::default(), 20);
            assert_eq!(others == whole, method == Method::Grid, "{method:?}");
        }
    }

    #[test]
    fn a_space_without_more_values_ends_the_sweep() {
        for method in [Method::Random, Method::Sobol, Method::Tpe, Method::Grid] {
            let space = super::super::space::parse(&"x = { values = [1, 2, 3] }".parse().unwrap());
            let mut sweep = Sweep { method, space: space.unwrap(), ..specimen() };
            sweep.budget.trials = 50;
            assert_eq!(asked(&sweep, &mut State::default(), 50).len(), 3, "{method:?}");
        }
    }

    #[test]
    fn the_last_values_of_a_space_are_found() {
        for method in [Method::Random, Method::Sobol, Method::Tpe] {
            let text = "x = { int = [1, 15] }\ny = { values = [1, 2, 3] }\nz = { values = [7], when = { y = 2 } }";
            let space = super::super::space::parse(&text.parse().unwrap()).unwrap();
            let mut sweep = Sweep { method, space, ..specimen() };
            sweep.budget.trials = 500;
            let points = asked(&sweep, &mut State::default(), 500);
            assert_eq!(points.len(), 45, "{method:?}");
            for (index, point) in points.iter().enumerate() {
                assert!(!points[..index].contains(point), "{method:?}: {point:?} twice");
            }
        }
    }

    #[test]
    fn what_is_infeasible_costs_no_trial_and_comes_to_an_end() {
        let mut sweep = Sweep { method: Method::Random, ..specimen() };
        sweep.budget.trials = 3;
        let mut state = State::default();
        while let Some(values) = ask(&sweep, &state) {
            let trial = state.trials.len();
            add(&mut state, &sweep, Event::Asked { trial, values });
            let cause = "memory".to_owned();
            add(&mut state, &sweep, Event::Infeasible { trial, cause });
        }
        assert_eq!((state.trials.len(), state.feasible()), (30, 0));
    }
}
