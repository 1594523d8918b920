//! Intervals and the paired test against another implementation, and against what can be computed exactly.
//!
//! `scripts/reference/intervals_golden.py` wrote the numbers; it says how each was come by.
#![allow(clippy::unwrap_used)]

use super::bootstrap::{Group, interval, resample};
use super::paired::difference;
use super::*;
use crate::schema::Task;
use std::path::Path;

/// The same sums in another order.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// By sentence, then by side: gold, predicted, correct.
    sentences: Vec<[[usize; 3]; 2]>,
    points: f64,
    first: [f64; 2],
    second: [f64; 2],
    difference: [f64; 2],
    p: f64,
    exact: Exact,
}

/// What more and more draws approach.
#[derive(Deserialize)]
struct Exact {
    /// For each end of the first side's interval, between what it lies.
    first: Option<[[f64; 2]; 2]>,
    p: Option<f64>,
    scipy: Option<f64>,
}

impl Case {
    fn sides(&self) -> impl Iterator<Item = [Tally; 2]> {
        let tally = |[gold, predicted, correct]: [usize; 3]| Tally { gold, predicted, correct };
        self.sentences.iter().map(move |sides| sides.map(tally))
    }

    fn interval(&self, side: usize) -> [f64; 2] {
        let tallies: Vec<Tally> = self.sides().map(|sides| sides[side]).collect();
        interval(resample(&tallies, ("d", "en", Task::Ner))).into()
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/scorers");
    serde_json::from_slice(&std::fs::read(folder.join("intervals.json")).unwrap()).unwrap()
}

fn check(name: &str, found: [f64; 2], expected: [f64; 2]) {
    let same = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < TOLERANCE);
    assert!(same, "{name}: {found:?}, expected {expected:?}");
}

#[test]
fn intervals_are_those_of_another_implementation() {
    for case in cases() {
        check(&case.name, case.interval(0), case.first);
        check(&case.name, case.interval(1), case.second);
    }
}

#[test]
fn intervals_of_shares_are_binomial() {
    let mut compared = 0;
    for case in cases() {
        let Some(ends) = case.exact.first else { continue };
        for (found, [low, high]) in case.interval(0).into_iter().zip(ends) {
            let is_between = low - TOLERANCE <= found && found <= high + TOLERANCE;
            assert!(is_between, "{}: {found}, expected {low} to {high}", case.name);
        }
        compared += 1;
    }
    assert!(compared > 4, "{compared} cases");
}

#[test]
fn differences_are_those_of_another_implementation() {
    for case in cases() {
        let group = Group::new(("d", "en", Task::Ner), vec![case.sides().collect()]);
        let Difference { points, low, high, p } = difference(&[group], &["d"]);
        check(&case.name, [low, high], case.difference);
        check(&case.name, [points, p], [case.points, case.p]);
    }
}

#[test]
fn p_is_near_the_share_of_all_swaps() {
    let mut compared = 0;
    for Case { name, p, exact, .. } in cases() {
        // That `p` is ours, too, the test above says.
        for all in [exact.p, exact.scipy].into_iter().flatten() {
            // Three standard errors of 2,000 tosses, of which one is the answers as they are.
            let error = 3.0 * (all * (1.0 - all) / 2000.0).sqrt() + 1.0 / 2000.0;
            assert!((p - all).abs() <= error, "{name}: {p}, of all swaps {all}");
            compared += 1;
        }
    }
    assert!(compared > 4, "{compared} p-values");
}
