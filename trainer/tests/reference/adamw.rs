//! Three steps of AdamW beside torch's: a file made by `scripts/reference/adamw_golden.py`.

use burn::tensor::{DType, TensorData};
use model::backward::{Gradients, Options, backward};
use model::files::{HostTensors, host_tensors, read_tensors};
use model::layout::{GroupBatch, Piece, Target};
use model::ops::GroupShape;
use model::{Decoder, DecoderConfig};
use serde_json::Value;
use std::path::{Path, PathBuf};
use trainer::optimizer::{Kept, Optimizer, OptimizerConfig};
use trainer::step::change;

/// f32 on both sides: the order of summation only. The steps move a weight by 1e-3 to 1e-2.
const ALLOWED: f64 = 1e-5;

/// A file of the golden ones.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// Each sample of the groups as a row of its own, each loss divided by their number.
fn batch(groups: &Value) -> GroupBatch {
    let mut batch = GroupBatch { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
    for group in groups.as_array().unwrap() {
        for suffix in group["suffixes"].as_array().unwrap() {
            let mut sample = ids(&group["prefix"]);
            let first = sample.len() + suffix["supervised_from"].as_u64().unwrap() as usize;
            sample.extend(ids(&suffix["ids"]));
            let start = batch.ids.len();
            batch.targets.extend((first..sample.len()).map(|t| Target {
                position: start + t - 1,
                label: sample[t],
                weight: 1.0,
            }));
            batch.ids.extend(sample.iter().map(|id| *id as i32));
            batch.pieces.push(Piece {
                groups: 1,
                shape: GroupShape { prefix: 0, k: 1, suffix: sample.len() },
                prefix_lengths: vec![0],
                suffix_lengths: vec![sample.len()],
            });
        }
    }
    let count = batch.targets.len() as f32;
    batch.targets.iter_mut().for_each(|target| target.weight = 1.0 / count);
    batch
}

/// ‖ours - theirs‖ / ‖theirs‖; infinite where a number is not one.
pub fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
    let norm = |values: Vec<f64>| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let apart = ours.iter().zip(theirs).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
    let relative = norm(apart) / norm(theirs.iter().map(|value| f64::from(*value)).collect());
    if ours.len() == theirs.len() && relative.is_finite() { relative } else { f64::INFINITY }
}

#[test]
fn three_steps_equal_torch() {
    let expected = read_tensors(&golden("adamw.safetensors")).unwrap();
    let text = std::fs::read_to_string(golden("adamw.json")).unwrap();
    let facts: Value = serde_json::from_str(&text).unwrap();
    let config = DecoderConfig::from_json(facts["config"].clone()).unwrap();
    let settings: OptimizerConfig = serde_json::from_value(facts["optimizer"].clone()).unwrap();
    let mut decoder = Decoder::build(&config, &super::device(), DType::F32, &mut |path, _| {
        let (dims, values) = &expected[&format!("before.{path}")];
        Ok(TensorData::new(values.clone(), dims.clone()))
    })
    .unwrap();

    let mut wrong = Vec::new();
    let mut optimizer = Optimizer::default();
    for (i, step) in facts["steps"].as_array().unwrap().iter().enumerate() {
        let mut gradients = Gradients::new();
        let loss =
            backward(&decoder, &batch(&step["groups"]), Options::default(), &mut gradients).sum;
        let factor = step["factor"].as_f64().unwrap();
        let norm = change(&mut decoder, &mut optimizer, gradients, &settings, factor);
        for (name, ours) in [("loss", loss), ("gradient_norm", norm)] {
            let theirs = step[name].as_f64().unwrap();
            if distance(&[ours as f32], &[theirs as f32]) > ALLOWED {
                wrong.push(format!("{name} of step {}: {ours}, torch has {theirs}", i + 1));
            }
        }
    }
    let mut ours = HostTensors::new();
    for (path, tensor) in host_tensors(&decoder, |_| true) {
        ours.insert(format!("after.{path}"), tensor);
    }
    for Kept { path, kind, data, .. } in optimizer.kept() {
        let values: Vec<f32> = data.iter::<f32>().collect();
        ours.insert(format!("{kind}.{path}"), (vec![values.len()], values));
    }
    for (name, (_, theirs)) in expected.iter().filter(|(name, _)| !name.starts_with("before.")) {
        let apart = ours.get(name).map_or(f64::INFINITY, |(_, ours)| distance(ours, theirs));
        if apart > ALLOWED {
            wrong.push(format!("{name}: off by {apart:.2e}, allowed {ALLOWED:.0e}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n  {}", wrong.len(), wrong.join("\n  "));
}
