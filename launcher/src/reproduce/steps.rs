//! Losses and norms of two runs, step by step.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What two texts of `metrics.jsonl` have in common, and what not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    /// Steps that both have.
    pub both: usize,
    /// Steps whose numbers differ, in the order of the run.
    pub differing: Vec<StepChange>,
    /// How far losses are apart at most.
    pub largest_loss: f64,
    /// The last step of the first run: its phase and its number.
    pub last: Option<(String, u64)>,
}

/// A step that two runs did differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepChange {
    /// Its phase.
    pub phase: String,
    /// Its number.
    pub step: u64,
    /// The first number of it that differs, such as `loss`.
    pub what: String,
    /// That number of either run; nothing where one has no such step.
    pub values: [Option<f64>; 2],
}

impl StepChange {
    /// One line.
    pub fn line(&self) -> String {
        let Self { phase, step, what, values } = self;
        let [a, b] = values.map(|it| it.map_or("no such step".to_owned(), |it| it.to_string()));
        format!("  phase {phase}, step {step}: {what} {a}, now {b}")
    }
}

/// Numbers of a step that are compared.
const WHAT: [&str; 2] = ["loss", "gradient_norm"];

/// A phase by its place in the run, its name, and a step.
type Place = (usize, String, u64);

/// What [`WHAT`] names; nothing where it was no number.
type Numbers = [Option<f64>; 2];

/// Holds the steps of one text against those of another.
pub fn steps(before: &str, now: &str) -> Steps {
    let (before, now) = (read(before), read(now));
    let mut found = Steps {
        last: before.keys().next_back().map(|(_, phase, step)| (phase.clone(), *step)),
        ..Steps::default()
    };
    let places: BTreeSet<&Place> = before.keys().chain(now.keys()).collect();
    for place in places {
        let (Some(a), Some(b)) = (before.get(place), now.get(place)) else {
            let loss = |steps: &BTreeMap<Place, Numbers>| steps.get(place).and_then(|it| it[0]);
            found.differing.push(at(place, "loss", [loss(&before), loss(&now)]));
            continue;
        };
        found.both += 1;
        if let (Some(a), Some(b)) = (a[0], b[0]) {
            found.largest_loss = found.largest_loss.max((a - b).abs());
        }
        let bits = |number: Option<f64>| number.map(f64::to_bits);
        let differs = |index: &usize| bits(a[*index]) != bits(b[*index]);
        if let Some(index) = (0..WHAT.len()).find(differs) {
            found.differing.push(at(place, WHAT[index], [a[index], b[index]]));
        }
    }
    found
}

fn at((_, phase, step): &Place, what: &str, values: [Option<f64>; 2]) -> StepChange {
    StepChange { phase: phase.clone(), step: *step, what: what.to_owned(), values }
}

/// The steps of a text in the order of the run; of a step that was done again, the last.
fn read(text: &str) -> BTreeMap<Place, Numbers> {
    let (mut phases, mut steps) = (Vec::<String>::new(), BTreeMap::new());
    for line in text.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(phase), Some(step)) = (line["phase"].as_str(), line["step"].as_u64()) else {
            continue;
        };
        let index = phases.iter().position(|it| it == phase).unwrap_or_else(|| {
            phases.push(phase.to_owned());
            phases.len() - 1
        });
        steps.insert((index, phase.to_owned(), step), WHAT.map(|key| line[key].as_f64()));
    }
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn line(phase: &str, step: u64, loss: f64, norm: f64) -> String {
        format!(
            "{{\"phase\": \"{phase}\", \"step\": {step}, \"loss\": {loss}, \"gradient_norm\": {norm}}}\n"
        )
    }

    #[test]
    fn steps_that_differ_are_in_the_order_of_the_run() {
        // `z` comes before `a` in the run.
        let before = line("z", 1, 2.0, 1.0) + &line("z", 2, 1.5, 1.0) + &line("a", 1, 1.0, 0.5);
        let same = steps(&before, &before);
        assert_eq!((same.both, same.differing, same.largest_loss), (3, Vec::new(), 0.0));
        assert_eq!(same.last, Some(("a".to_owned(), 1)));
        let now = line("z", 1, 2.0, 1.0) + &line("z", 2, 1.5, 1.25) + &line("a", 1, 0.75, 0.5);
        let found = steps(&before, &now);
        let change = |phase: &str, step, what: &str, values: [f64; 2]| StepChange {
            phase: phase.to_owned(),
            step,
            what: what.to_owned(),
            values: values.map(Some),
        };
        let expected =
            [change("z", 2, "gradient_norm", [1.0, 1.25]), change("a", 1, "loss", [1.0, 0.75])];
        assert_eq!((found.both, found.largest_loss), (3, 0.25));
        assert_eq!(found.differing, expected);
        assert_eq!(expected[1].line(), "  phase a, step 1: loss 1, now 0.75");
        // A step that is done again counts as it was in the end; one that is missing is a difference.
        let again = line("z", 1, 9.0, 1.0) + &before;
        assert_eq!(steps(&before, &again).differing, []);
        let short = steps(&before, &line("z", 1, 2.0, 1.0));
        assert_eq!((short.both, short.differing.len()), (1, 2));
        assert_eq!(short.differing[0].values, [Some(1.5), None]);
        assert_eq!(short.differing[0].line(), "  phase z, step 2: loss 1.5, now no such step");
    }
}
