//! Ledgers that are true, and ledgers that are not.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::ledger::write;
use crate::loader::step_rows;
use crate::order::{Mixture, Share};
use crate::shard::tests::{samples, write as write_shards};
use std::ops::Range;
use std::sync::Arc;

/// Shards of 300 rows, and an order of 32 a step.
struct Case {
    dir: tempfile::TempDir,
    shards: ShardSet,
    order: Order,
}

impl Case {
    fn new(mixture: &Mixture) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_shards(dir.path(), &samples());
        let shards = ShardSet::open(dir.path()).unwrap();
        let order = Order::new(5, shards.rows(), mixture, 32).unwrap();
        Self { dir, shards, order }
    }

    /// What a run would write of a step, counted from 0: of the ids that it computes.
    fn step(&self, step: usize) -> Vec<Entry> {
        let rows = step_rows(&self.shards, &self.order, &[Share::ALL], step).unwrap();
        let mut entries = Vec::new();
        for group in &rows.parts[0] {
            for suffix in &group.suffixes {
                let length = self.shards.lengths()[suffix.row];
                let source = self.shards.sources()[length.source as usize].clone();
                let row = LedgerRow {
                    step,
                    slot: suffix.slot,
                    row: suffix.row,
                    sample: sample_hash(&group.prefix, &suffix.ids, suffix.supervised_from),
                    tokens: length.supervised,
                    loss: 1.5,
                    applied: true,
                };
                entries.push(Entry { row, source: Arc::new(source) });
            }
        }
        entries.sort_by_key(|entry| entry.row.slot);
        entries
    }

    fn write(&self, steps: Range<usize>, change: impl Fn(&mut Vec<Entry>)) {
        let mut entries: Vec<Entry> = steps.flat_map(|step| self.step(step)).collect();
        change(&mut entries);
        let ledger = self.ledger();
        std::fs::create_dir_all(&ledger).unwrap();
        write(&ledger, &entries).unwrap();
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.dir.path().join("ledger")
    }

    fn prove(&self, reached: usize) -> Proof {
        prove(&self.ledger(), &self.shards, &self.order, 20, reached)
    }
}

/// What is said of a ledger of three steps whose second one was changed; `expected` knows the true rows.
fn check(change: impl Fn(&mut Vec<Entry>), expected: impl Fn(&[Entry]) -> Vec<String>) -> Proof {
    let case = Case::new(&Mixture::default());
    case.write(0..1, |_| {});
    case.write(1..2, change);
    case.write(2..3, |_| {});
    let proof = case.prove(3);
    assert_eq!(proof.problem_count, proof.problems.len());
    assert_eq!(proof.problems, expected(&case.step(1)));
    proof
}

/// One sentence about slot 3 of the second step.
fn slot_3(change: impl Fn(&mut Entry), expected: impl Fn(&Entry) -> String) {
    let sentence = |rows: &[Entry]| vec![format!("step 2, slot 3{}", expected(&rows[3]))];
    check(|rows| change(&mut rows[3]), sentence);
}

#[test]
fn a_true_ledger_is_proved_and_counted() {
    let case = Case::new(&Mixture::default());
    case.write(0..7, |_| {});
    case.write(7..20, |_| {});
    let proof = case.prove(20);
    assert_eq!(proof.problems, Vec::<String>::new());
    assert_eq!((proof.segments, proof.steps, proof.rows), (2, 20, 640));
    // 640 rows are two epochs of 300 and 40 of a third.
    let epoch = |epoch, seen| EpochSeen { epoch, rows: 300, seen, skipped: 0, again: 0 };
    assert_eq!(proof.epochs, [epoch(1, 300), epoch(2, 300), epoch(3, 40)]);
    let sources: Vec<_> = proof
        .sources
        .iter()
        .map(|seen| (seen.source.dataset.as_str(), seen.wanted, seen.least, seen.most))
        .collect();
    assert_eq!(sources, [("a", 0.4, 2, 3), ("b", 0.6, 2, 3)]);
    assert_eq!(proof.sources.iter().map(|seen| seen.rows).sum::<usize>(), 640);
}

#[test]
fn a_mixture_shows_what_it_wanted_and_what_became_of_it() {
    let weights = [("a", 3.0), ("b", 1.0)].map(|(name, weight)| (name.to_owned(), weight));
    let case = Case::new(&Mixture { weights: weights.into(), ..Mixture::default() });
    case.write(0..20, |_| {});
    let proof = case.prove(20);
    assert_eq!(proof.problems, Vec::<String>::new());
    let [a, b] = &proof.sources[..] else { panic!("{:?}", proof.sources) };
    assert_eq!((a.wanted, b.wanted), (0.75, 0.25));
    // Two epochs are exact to a group of 3 in 300 rows; 40 rows of a third one are as they come.
    assert!((a.realised - 0.75).abs() < 0.05, "{a:?}");
    assert!(a.least >= 3 && b.most <= 2, "{a:?} {b:?}");
}

#[test]
fn a_row_that_is_not_true_is_told() {
    slot_3(
        |entry| entry.row.sample ^= 1,
        |Entry { row: LedgerRow { row, sample, .. }, .. }| {
            let changed = sample ^ 1;
            format!(
                ": row {row} (`s{row}`) hashed to {changed:016x}, to {sample:016x} in its shard"
            )
        },
    );
    slot_3(
        |entry| entry.row.tokens += 1,
        |Entry { row: LedgerRow { row, tokens, .. }, .. }| {
            format!(": row {row} had {} tokens with a loss, {tokens} in its shard", tokens + 1)
        },
    );
    slot_3(|entry| entry.row.row = 900, |_| ": row 900 of shards that have 300".to_owned());
    slot_3(|entry| entry.row.loss = f32::NAN, |_| ": a loss of NaN changed the weights".to_owned());
    slot_3(
        |entry| {
            let source = RowSource { language: "zh".to_owned(), ..(*entry.source).clone() };
            entry.source = Arc::new(source);
        },
        |Entry { row, source }| {
            let (row, dataset) = (row.row, &source.dataset);
            format!(": row {row} is said to be of {dataset}/zh/ner, it is of {dataset}/en/ner")
        },
    );
}

#[test]
fn a_step_that_is_not_true_is_told() {
    let said = |sentences: &[&str]| -> Vec<String> {
        sentences.iter().map(|sentence| (*sentence).to_owned()).collect()
    };
    check(
        |rows| {
            rows.remove(3);
        },
        |_| said(&["step 2, slot 3 is missing"]),
    );
    check(
        |rows| rows[3].row.slot = 2,
        |_| said(&["step 2, slot 2 is there twice", "step 2, slot 3 is missing"]),
    );
    check(
        |rows| rows[31].row.slot = 40,
        |_| {
            said(&["step 2, slot 40 is beyond the 32 rows of a step", "step 2, slot 31 is missing"])
        },
    );
    check(
        |rows| rows[3].row.applied = false,
        |_| said(&["step 2 is left out for 1 of its 32 rows only"]),
    );
    // A row that is trained on in the place of another.
    let proof = check(
        |rows| {
            rows[3] = rows[4].clone();
            rows[3].row.slot = 3;
        },
        |rows| {
            let [expected, found] = [&rows[3], &rows[4]].map(|entry| entry.row.row);
            vec![format!("step 2, slot 3: row {found} was trained on instead of row {expected}")]
        },
    );
    assert_eq!((proof.epochs[0].skipped, proof.epochs[0].again), (1, 1));
}

#[test]
fn a_step_that_a_guard_left_out_is_no_problem_and_is_listed() {
    let proof = check(
        |rows| {
            for entry in rows {
                entry.row.applied = false;
                entry.row.loss = f32::NAN;
            }
        },
        |_| Vec::new(),
    );
    assert_eq!(proof.left_out, [2]);
}

#[test]
fn what_is_not_there_is_told() {
    let case = Case::new(&Mixture::default());
    for steps in [0..1, 1..2, 2..3] {
        case.write(steps, |_| {});
    }
    assert_eq!(case.prove(3).problem_count, 0);
    let behind = case.prove(6).problems.remove(0);
    assert!(behind.starts_with("the ledger ends at step 3, but there is a checkpoint of step 6"));
    std::fs::remove_file(case.ledger().join("000002-000002.parquet")).unwrap();
    let hole = case.prove(3).problems;
    assert_eq!(hole.len(), 1);
    assert!(hole[0].contains("the ledger lacks step 2, behind 000001-000001.parquet"), "{hole:?}");
    std::fs::remove_dir_all(case.ledger()).unwrap();
    let nothing = case.prove(3).problems.remove(0);
    assert!(nothing.starts_with("the ledger ends at step 0"), "{nothing}");
}

#[test]
fn other_shards_than_those_that_were_trained_on_are_told() {
    let case = Case::new(&Mixture::default());
    case.write(0..3, |_| {});
    let other = tempfile::tempdir().unwrap();
    let mut changed = samples();
    changed.iter_mut().for_each(|sample| sample.suffix_ids[1] += 1);
    write_shards(other.path(), &changed);
    let shards = ShardSet::open(other.path()).unwrap();
    let proof = prove(&case.ledger(), &shards, &case.order, 20, 3);
    // Every row is another one; some are described, all are counted.
    assert_eq!((proof.problems.len(), proof.problem_count), (DESCRIBED, 96));
    assert!(proof.problems.iter().all(|problem| problem.ends_with(" in its shard")));
}
