#![allow(clippy::unwrap_used)]

use super::super::definition::tests::specimen;
use super::super::log::Event;
use super::super::random::Random;
use super::super::rungs::Stop;
use super::super::state::tests::{add, came, finished};
use super::*;

/// What trees find in so many values of a function.
fn check(axes: &[Axis], count: usize, function: impl Fn(&[f64]) -> f64) -> (Explained, f64) {
    let mut random = Random::of(&[42]);
    let mut see = || {
        let place: Vec<f64> = axes
            .iter()
            .map(|axis| match axis {
                Axis::Line => random.unit(),
                Axis::Choices(count) => (random.unit() * *count as f64).floor(),
            })
            .collect();
        Seen { value: function(&place), place: place.into_iter().map(Some).collect() }
    };
    let seen: Vec<Seen> = (0..count).map(|_| see()).collect();
    let trees = forest::grow(axes, &seen, 1);
    (mean(axes, &trees), foreseen(&seen, &trees))
}

fn mean(axes: &[Axis], trees: &[Tree]) -> Explained {
    let all: Vec<Explained> = trees.iter().filter_map(|tree| explained(axes, tree)).collect();
    let mean = |of: &dyn Fn(&Explained) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    Explained {
        alone: (0..axes.len()).map(|key| mean(&|it| it.alone[key])).collect(),
        together: (0..pairs(axes.len()).len()).map(|pair| mean(&|it| it.together[pair])).collect(),
    }
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.05);
    assert!(near, "{found:?}, expected {expected:?}");
}

#[test]
fn functions_are_parted_as_theory_parts_them() {
    let two = [Axis::Line; 2];
    // Var(3a + b) = 9/12 + 1/12.
    let (sum, foreseen) = check(&two, 300, |at| 3.0 * at[0] + at[1]);
    assert_near(&sum.alone, &[0.9, 0.1]);
    assert_near(&sum.together, &[0.0]);
    assert!(foreseen > 0.95, "{foreseen}");
    // Var(ab) = 7/144; of a/2 and of b/2, 3/144 each.
    let (product, _) = check(&two, 300, |at| at[0] * at[1]);
    assert_near(&product.alone, &[3.0 / 7.0, 3.0 / 7.0]);
    assert_near(&product.together, &[1.0 / 7.0]);
    // Around their means, they explain nothing but together.
    let (crossed, _) = check(&two, 500, |at| (at[0] - 0.5) * (at[1] - 0.5));
    assert_near(&crossed.alone, &[0.0, 0.0]);
    assert_near(&crossed.together, &[1.0]);
    // Keys that decide nothing explain nothing.
    let (noisy, _) = check(&[Axis::Line; 4], 300, |at| 3.0 * at[1] + at[3]);
    assert_near(&noisy.alone, &[0.0, 0.9, 0.0, 0.1]);
}

#[test]
fn choices_have_no_order_and_what_is_absent_decides_nothing() {
    let axes = [Axis::Choices(3), Axis::Line];
    // The variance of 0, 5 and 1, and none else.
    let (choice, _) = check(&axes, 100, |at| [0.0, 5.0, 1.0][at[0] as usize]);
    assert_near(&choice.alone, &[1.0, 0.0]);
    // With the second choice, the other key counts: of its variance 1/48 are its own and as much is shared.
    let axes = [Axis::Choices(2), Axis::Line];
    let mut random = Random::of(&[3]);
    let see = |_| {
        let (choice, at) = ((random.unit() * 2.0).floor(), random.unit());
        let is_there = choice > 0.0;
        Seen {
            place: vec![Some(choice), is_there.then_some(at)],
            value: if is_there { at } else { 0.5 },
        }
    };
    let seen: Vec<Seen> = (0..300).map(see).collect();
    let conditional = mean(&axes, &forest::grow(&axes, &seen, 1));
    assert_near(&conditional.alone, &[0.0, 0.5]);
    assert_near(&conditional.together, &[0.5]);
}

#[test]
fn leaves_make_up_the_cube_and_shares_the_whole_at_most() {
    let axes = [Axis::Line, Axis::Choices(4), Axis::Line];
    let mut random = Random::of(&[9]);
    let see = |_| {
        let place = [random.unit(), (random.unit() * 4.0).floor(), random.unit()];
        Seen { place: place.map(Some).to_vec(), value: random.unit() }
    };
    let seen: Vec<Seen> = (0..60).map(see).collect();
    let trees = forest::grow(&axes, &seen, 1);
    for tree in &trees {
        let volume =
            |leaf: &forest::Leaf| leaf.parts.iter().map(forest::Part::share).product::<f64>();
        let whole: f64 = tree.leaves.iter().map(volume).sum();
        assert!((whole - 1.0).abs() < 1e-9, "{whole}");
        let parts = explained(&axes, tree).unwrap();
        let all: f64 = parts.alone.iter().chain(&parts.together).sum();
        assert!(all <= 1.0 + 1e-9 && parts.alone.iter().all(|it| *it >= 0.0), "{parts:?}");
    }
    // Noise cannot be foreseen.
    assert!(foreseen(&seen, &trees) < 0.2);
    // A second time they are the same trees.
    let again = forest::grow(&axes, &seen, 1);
    assert_eq!(mean(&axes, &trees), mean(&axes, &again));
    let same: Vec<Seen> = seen.iter().map(|it| Seen { value: 1.0, ..it.clone() }).collect();
    assert!(forest::grow(&axes, &same, 1).iter().all(|tree| explained(&axes, tree).is_none()));
}

#[test]
fn losses_that_are_far_out_count_as_the_last_that_is_not() {
    let mut losses: Vec<f64> = (0..20).map(f64::from).collect();
    assert_eq!(worst(&losses), 19.0);
    losses.push(1e9);
    assert_eq!(worst(&losses), 19.0);
    assert_eq!(worst(&[1.0, 1.0, 1.0, 1.0, 7.0]), 7.0, "where most are the same, nothing is");
    assert_eq!(worst(&[2.0]), 2.0);
    assert_eq!(worst(&[]), 0.0);
}

/// A sweep whose trials have these values, and what they come to.
fn state(
    sweep: &Sweep,
    count: usize,
    value: impl Fn(&dyn Fn(&str) -> f64) -> Option<f64>,
) -> State {
    let mut state = State::default();
    let mut random = Random::of(&[3]);
    for trial in 0..count {
        let place: Vec<f64> = (0..5).map(|_| random.unit()).collect();
        let values = sweep.space.point(&place);
        let places = sweep.space.place(&values);
        let at = |key: &str| {
            let index = sweep.space.dimensions.iter().position(|it| it.key == key).unwrap();
            places[index].unwrap()
        };
        let value = value(&at);
        add(&mut state, sweep, Event::Asked { trial, values });
        match sweep.stop.rungs() {
            [] => finished(&mut state, sweep, trial, value),
            _ => came(&mut state, sweep, trial, 0, value),
        }
    }
    state
}

#[test]
fn what_decides_comes_first_and_what_does_not_explains_next_to_nothing() {
    let sweep = specimen();
    // Best in the middle of the rates, and better with one of the names; with the highest rates nothing is learned.
    let state = state(&sweep, 80, |at| match at("rate") {
        rate if rate > 0.97 => None,
        rate => Some(50.0 - 100.0 * (rate - 0.5).powi(2) + 12.0 * at("name")),
    });
    let found = of(&sweep, &state).unwrap();
    assert_eq!((found.trials, found.rung), (80, 0));
    assert!(found.is_known() && found.foreseen > 0.7, "{found:?}");
    assert_eq!(found.keys[0].key, "rate", "{found:?}");
    assert!(found.keys[0].share > 0.7, "{found:?}");
    assert_eq!(found.keys[1].key, "name", "{found:?}");
    let of_key = |key: &str| found.keys.iter().find(|it| it.key == key).unwrap();
    assert!(of_key("width").share < 0.05 && of_key("dropout").share < 0.05, "{found:?}");
    assert!(of_key("momentum").trials < 80, "it is there with one of the names");
    assert!(found.pairs.len() <= PAIRS);
    let few = State { trials: state.trials[..FEWEST - 1].to_vec(), ..state };
    assert_eq!(of(&sweep, &few), None);
}

#[test]
fn values_of_different_steps_are_not_mixed() {
    let stop = Stop::Asha { rungs: vec![3, 9], factor: 3 };
    let sweep = Sweep { stop, ..specimen() };
    let mut state = state(&sweep, 30, |at| Some(at("width")));
    // A few went on, and what they came to says something else.
    for trial in 0..10 {
        add(&mut state, &sweep, Event::Promoted { trial, rung: 1 });
        came(&mut state, &sweep, trial, 1, Some(1000.0 * trial as f64));
    }
    let found = of(&sweep, &state).unwrap();
    assert_eq!((found.trials, found.rung, found.keys[0].key.as_str()), (30, 0, "width"));
    // As soon as half of them came there, it is what counts.
    for trial in 10..15 {
        add(&mut state, &sweep, Event::Promoted { trial, rung: 1 });
        came(&mut state, &sweep, trial, 1, Some(1000.0 * trial as f64));
    }
    let found = of(&sweep, &state).unwrap();
    assert_eq!((found.trials, found.rung), (15, 1));
}
