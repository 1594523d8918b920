//! Two ledgers of one phase: whether the same rows were trained on, with the same losses.

use super::{Entry, LedgerRow, Stitched};
use crate::error::Error;
use serde::Serialize;
use std::collections::BTreeMap;

/// How two ledgers differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Steps that each has.
    pub steps: [usize; 2],
    /// Rows of the steps that both have.
    pub compared: usize,
    /// How many rows differ in what.
    pub counts: BTreeMap<What, usize>,
    /// The first of them.
    pub first: Option<First>,
    /// The largest relative difference between two losses; nothing is relative to less than 1.
    pub largest_loss: f64,
}

/// What is not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Only one has the slot.
    Slot,
    /// The number of the row in its shards.
    Row,
    /// The ids that were computed.
    Sample,
    /// How many tokens had a loss.
    Tokens,
    /// The loss, beyond the tolerance.
    Loss,
    /// Whether the step changed the weights.
    Applied,
}

/// Where two ledgers part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct First {
    /// Counted from 1.
    pub step: usize,
    /// The place among the rows of the step.
    pub slot: usize,
    /// What differs.
    pub what: What,
    /// What each says.
    pub values: [String; 2],
}

impl Difference {
    /// Whether both have the same steps, and the same in them.
    pub fn is_equal(&self) -> bool {
        self.counts.is_empty() && self.steps[0] == self.steps[1]
    }
}

/// Compares the steps that both ledgers have; losses may differ by `tolerance`, relative to the larger
/// one or to 1.
pub fn difference(a: &Stitched, b: &Stitched, tolerance: f64) -> Result<Difference, Error> {
    let mut found = Difference { steps: [a.steps(), b.steps()], ..Difference::default() };
    for (a, b) in a.by_step().zip(b.by_step()) {
        let (a, b) = (a?, b?);
        for slot in 0..a.len().max(b.len()) {
            found.compared += 1;
            found.slot(a.get(slot), b.get(slot), tolerance);
        }
    }
    Ok(found)
}

impl Difference {
    fn slot(&mut self, a: Option<&Entry>, b: Option<&Entry>, tolerance: f64) {
        let (a, b) = match (a, b) {
            (Some(a), Some(b)) if a.row.slot == b.row.slot => (&a.row, &b.row),
            (Some(one), other) | (other, Some(one)) => {
                let LedgerRow { step, slot, .. } = one.row;
                let has = |there: bool| if there { "has it" } else { "does not" }.to_owned();
                let values = [has(a.is_some()), has(b.is_some())];
                // Where both have one, it is another slot.
                let values = if other.is_some() { slots(a, b) } else { values };
                return self.note(First { step: step + 1, slot, what: What::Slot, values });
            }
            (None, None) => return,
        };
        let apart = apart(a.loss, b.loss);
        self.largest_loss = self.largest_loss.max(apart);
        let hash = |row: &LedgerRow| format!("{:016x}", row.sample);
        let checks = [
            (What::Row, a.row == b.row, [a.row.to_string(), b.row.to_string()]),
            (What::Sample, a.sample == b.sample, [hash(a), hash(b)]),
            (What::Tokens, a.tokens == b.tokens, [a.tokens.to_string(), b.tokens.to_string()]),
            (What::Loss, apart <= tolerance, [a.loss.to_string(), b.loss.to_string()]),
            (
                What::Applied,
                a.applied == b.applied,
                [a.applied, b.applied].map(|it| it.to_string()),
            ),
        ];
        for (what, same, values) in checks {
            if !same {
                self.note(First { step: a.step + 1, slot: a.slot, what, values });
            }
        }
    }

    fn note(&mut self, first: First) {
        *self.counts.entry(first.what).or_default() += 1;
        self.first.get_or_insert(first);
    }
}

fn slots(a: Option<&Entry>, b: Option<&Entry>) -> [String; 2] {
    [a, b].map(|entry| entry.map_or(String::new(), |entry| format!("slot {}", entry.row.slot)))
}

/// Equal numbers, and two that are none, are not apart at all.
fn apart(a: f32, b: f32) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    let (a, b) = (f64::from(a), f64::from(b));
    let apart = (a - b).abs() / a.abs().max(b.abs()).max(1.0);
    // One of them is no number, or has no end.
    if apart.is_finite() { apart } else { f64::MAX }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::stitched::tests::{entries, segment};
    use super::*;
    use crate::ledger::write;
    use expect_test::{Expect, expect};

    /// What comes of a change to step 3 of 4.
    fn check(tolerance: f64, change: impl Fn(&mut Vec<Entry>), expected: Expect) {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        segment(a.path(), 0..4);
        segment(b.path(), 0..2);
        let mut changed = entries(2);
        change(&mut changed);
        write(b.path(), &changed).unwrap();
        segment(b.path(), 3..4);
        let [a, b] = [a, b].map(|dir| (Stitched::open(dir.path()).unwrap(), dir));
        let found = difference(&a.0, &b.0, tolerance).unwrap();
        let mut said = format!("{} rows compared", found.compared);
        if let Some(First { step, slot, what, values }) = &found.first {
            said +=
                &format!("; step {step}, slot {slot}, {what:?}: {values:?}; {:?}", found.counts);
        }
        expected.assert_eq(&said);
        assert_eq!(found.is_equal(), found.first.is_none());
    }

    #[test]
    fn the_first_difference_is_named() {
        let loss = |loss: f32| move |rows: &mut Vec<Entry>| rows[1].row.loss = loss;
        check(0.0, |_| {}, expect!["8 rows compared"]);
        check(1e-3, loss(2.501), expect!["8 rows compared"]);
        check(
            0.0,
            loss(2.501),
            expect![[r#"8 rows compared; step 3, slot 1, Loss: ["2.5", "2.501"]; {Loss: 1}"#]],
        );
        check(
            1e9,
            loss(f32::NAN),
            expect![[r#"8 rows compared; step 3, slot 1, Loss: ["2.5", "NaN"]; {Loss: 1}"#]],
        );
        check(
            0.0,
            |rows| {
                rows[0].row.sample += 1;
                rows.iter_mut().for_each(|entry| entry.row.row += 5);
            },
            expect![[r#"8 rows compared; step 3, slot 0, Row: ["20", "25"]; {Row: 2, Sample: 1}"#]],
        );
        check(
            0.0,
            |rows| rows[0].row.tokens = 4,
            expect![[r#"8 rows compared; step 3, slot 0, Tokens: ["3", "4"]; {Tokens: 1}"#]],
        );
        check(
            0.0,
            |rows| rows.iter_mut().for_each(|entry| entry.row.applied = true),
            expect![[
                r#"8 rows compared; step 3, slot 0, Applied: ["false", "true"]; {Applied: 2}"#
            ]],
        );
        check(
            0.0,
            |rows| {
                rows.pop();
            },
            expect![[
                r#"8 rows compared; step 3, slot 1, Slot: ["has it", "does not"]; {Slot: 1}"#
            ]],
        );
    }

    #[test]
    fn a_ledger_that_goes_farther_is_not_equal() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        segment(a.path(), 0..4);
        segment(b.path(), 0..3);
        let [one, other] = [&a, &b].map(|dir| Stitched::open(dir.path()).unwrap());
        let found = difference(&one, &other, 0.0).unwrap();
        assert_eq!((found.steps, found.compared), ([4, 3], 6));
        assert!(found.counts.is_empty() && !found.is_equal());
    }

    #[test]
    fn losses_are_apart_relative_to_the_larger_or_to_one() {
        assert_eq!(apart(0.0, -0.0), 0.0);
        assert_eq!(apart(f32::NAN, f32::NAN), 0.0);
        assert_eq!(apart(f32::INFINITY, f32::INFINITY), 0.0);
        assert_eq!(apart(200.0, 100.0), 0.5);
        assert_eq!(apart(0.25, 0.5), 0.25);
        assert_eq!(apart(f32::INFINITY, 1.0), f64::MAX);
    }
}
