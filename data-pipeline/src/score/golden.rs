//! Our protocols against other projects' own functions.
//!
//! `scripts/reference/scorers_golden.py` wrote the cases and what the originals make of them; it says where
//! it had those from.
#![allow(clippy::unwrap_used)]

use super::tests::prediction;
use super::*;
use crate::predictions::objects;
use crate::schema::Task;
use crate::sentence::Instance;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The originals' own rounding: UniversalNER adds 1e-10 to what it divides by, files have six decimals.
const TOLERANCE: f64 = 2e-6;

#[derive(Deserialize)]
struct Case {
    task: Task,
    rows: Vec<Answered>,
}

#[derive(Deserialize)]
struct Answered {
    sentence: String,
    #[serde(deserialize_with = "objects::deserialize")]
    gold: Vec<Instance>,
    #[serde(deserialize_with = "objects::deserialize")]
    predicted: Vec<Instance>,
}

#[derive(Deserialize)]
struct Golden {
    scores: Vec<Option<[f64; 3]>>,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/scorers");
    let bytes = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn sets() -> Vec<Set> {
    let cases: Vec<Case> = read("cases");
    let set = |case: Case| {
        let rows = case.rows.into_iter().enumerate().map(|(number, row)| Prediction {
            id: number.to_string(),
            sentence: row.sentence,
            gold: row.gold,
            predicted: row.predicted,
            ..prediction(case.task, &[], &[])
        });
        Set {
            dataset: "d".into(),
            language: "en".into(),
            task: case.task,
            predictions: rows.collect(),
        }
    };
    cases.into_iter().map(set).collect()
}

/// Precision, recall and F1 of a set, if the protocol says anything about it.
fn figures(set: &Set, protocol: Protocol) -> Option<[f64; 3]> {
    let rule = Rule::from(protocol);
    if rule.undefined(set.task).is_some() || set.unfit(rule).is_some() {
        return None;
    }
    let total: Tally = set.predictions.iter().map(|row| tally(protocol, row)).sum();
    Some([total.precision(), total.recall(), total.f1()])
}

fn check(protocol: Protocol) {
    let golden: Golden = read(protocol.name());
    let sets = sets();
    assert_eq!(golden.scores.len(), sets.len());
    let mut wrong = Vec::new();
    for (number, (set, expected)) in sets.iter().zip(&golden.scores).enumerate() {
        let found = figures(set, protocol);
        let close = |(found, expected): ([f64; 3], &[f64; 3])| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < TOLERANCE)
        };
        let same = match (found, expected) {
            (Some(found), Some(expected)) => close((found, expected)),
            (found, expected) => found.is_none() == expected.is_none(),
        };
        if !same {
            // Line 1 of the file opens the list.
            wrong.push(format!(
                "cases.json:{} ({}): {found:?}, expected {expected:?}",
                number + 2,
                set.task
            ));
        }
    }
    assert!(wrong.is_empty(), "{protocol}, {} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(golden.scores.iter().flatten().count() > 100, "too few to say anything");
}

#[test]
fn knowcoder_2024_is_its_metric() {
    check(Protocol::Knowcoder2024);
}

#[test]
fn knowcoder_2025_is_its_converters_and_its_metric() {
    check(Protocol::Knowcoder2025);
}

#[test]
fn gollie_is_its_filter_and_its_scorers() {
    check(Protocol::Gollie);
}

#[test]
fn universalner_is_its_evaluator() {
    check(Protocol::UniversalNer);
}

#[test]
fn iepile_is_its_metrics() {
    check(Protocol::Iepile);
}

#[test]
fn b2ner_is_its_evaluator() {
    check(Protocol::B2ner);
}

#[test]
fn seqeval_is_itself_over_our_tags() {
    check(Protocol::Seqeval);
}
