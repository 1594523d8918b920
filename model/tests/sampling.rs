//! What is left of a distribution beside transformers' processors: a file made by
//! `scripts/reference/sampling_golden.py`.
#![allow(clippy::unwrap_used)]

use model::generate::{Mask, Sampling};
use serde_json::Value;
use std::path::Path;

/// They compute in f32, we in f64 after the first two.
const TOLERANCE: f64 = 1e-5;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn processed_distributions_equal_those_of_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/sampling.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows: Vec<Vec<f32>> = golden["logits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| numbers(row).into_iter().map(|logit| logit as f32).collect())
        .collect();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let mut restricted = 0;
    for case in cases {
        let logits = &rows[case["row"].as_u64().unwrap() as usize];
        let sampling: Sampling = serde_json::from_value(case["sampling"].clone()).unwrap();
        let set = |key: &str| {
            let ids = case[key].as_array()?;
            let ids: Vec<u32> = ids.iter().map(|id| id.as_u64().unwrap() as u32).collect();
            Some(Mask::of(logits.len(), &ids))
        };
        let (seen, allowed) = (set("input_ids"), set("allowed"));
        let mut ours = vec![0.0; logits.len()];
        for (id, probability) in sampling.distribution(logits, seen.as_ref(), allowed.as_ref()) {
            ours[id as usize] = probability;
        }
        let theirs = numbers(&case["probabilities"]);
        restricted += usize::from(theirs.contains(&0.0));
        for (id, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert!((ours - theirs).abs() <= TOLERANCE, "{case}: id {id} has {ours}");
            assert_eq!(*ours == 0.0, *theirs == 0.0, "{case}: id {id} has {ours}");
        }
    }
    assert!(restricted >= 10, "{restricted} cases leave something out");
}
