//! What the scripts in `scripts/reference/` wrote, how two tensors are compared, and the device of
//! the tests.
#![allow(dead_code)] // No test uses all of it.
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use model::DecoderConfig;
use model::files::{HostTensors, read_tensors};
use model::layout::{GroupBatch, Piece, Target};
use model::ops::GroupShape;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The device that `KNOWCODER_TEST_DEVICE` names: `flex` where it is not set.
///
/// The same tests run on each:
/// `KNOWCODER_TEST_DEVICE=wgpu cargo test --package model --features wgpu`.
pub fn device() -> Device {
    let name = std::env::var("KNOWCODER_TEST_DEVICE").unwrap_or_else(|_| "flex".into());
    match name.as_str() {
        #[cfg(feature = "flex")]
        "flex" => Device::flex(),
        #[cfg(feature = "cuda")]
        "cuda" => Device::cuda(0),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(feature = "cpu")]
        "cpu" => Device::cpu(),
        other => panic!(
            "KNOWCODER_TEST_DEVICE is `{other}`, which these tests were not built with; \
             flex, wgpu, cuda and cpu exist: cargo test --package model --features {other}"
        ),
    }
}

/// A file or directory of `tests/golden/`.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

/// A model and what it computes, by `llama_golden.py`.
pub struct Golden {
    pub tensors: HostTensors,
    pub facts: Value,
}

impl Golden {
    pub fn load(name: &str) -> Self {
        Self {
            tensors: read_tensors(&golden(&format!("{name}.safetensors"))).unwrap(),
            facts: read_json(&golden(&format!("{name}.json"))),
        }
    }

    pub fn config(&self) -> DecoderConfig {
        DecoderConfig::from_json(self.facts["config"].clone()).unwrap()
    }

    pub fn batch(&self) -> GroupBatch {
        batch(&self.facts["groups"])
    }
}

pub fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

pub fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The groups of a golden file as one batch, summed loss: neighbours with a prefix share a piece,
/// and so do those without; parts are padded, some more than needed.
pub fn batch(groups: &Value) -> GroupBatch {
    let mut batch = GroupBatch { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
    let groups = groups.as_array().unwrap();
    for piece in groups.chunk_by(|a, b| prefix(a).is_empty() == prefix(b).is_empty()) {
        let longest = |lengths: &dyn Fn(&Value) -> Vec<usize>| -> usize {
            piece.iter().flat_map(lengths).max().unwrap()
        };
        let suffixes = |group: &Value| -> Vec<usize> { suffix_lengths(group) };
        let k = longest(&|group| vec![suffixes(group).len()]);
        let p = longest(&|group| vec![prefix(group).len()]);
        let shape = GroupShape {
            prefix: if p == 0 { 0 } else { p + 1 },
            k,
            suffix: longest(&suffixes) + 1,
        };
        batch.pieces.push(Piece {
            groups: piece.len(),
            shape,
            prefix_lengths: piece.iter().map(|group| prefix(group).len()).collect(),
            suffix_lengths: piece
                .iter()
                .flat_map(|group| suffixes(group).into_iter().chain(std::iter::repeat(0)).take(k))
                .collect(),
        });
        for group in piece {
            add_group(&mut batch, group);
        }
    }
    batch
}

fn prefix(group: &Value) -> Vec<u32> {
    ids(&group["prefix"])
}

fn suffix_lengths(group: &Value) -> Vec<usize> {
    let suffixes = group["suffixes"].as_array().unwrap();
    suffixes.iter().map(|suffix| ids(&suffix["ids"]).len()).collect()
}

fn add_group(batch: &mut GroupBatch, group: &Value) {
    batch.ids.extend(prefix(group).iter().map(|id| *id as i32));
    let prefix_end = batch.ids.len();
    for suffix in group["suffixes"].as_array().unwrap() {
        let start = batch.ids.len();
        let first = suffix["supervised_from"].as_u64().unwrap() as usize;
        for (i, label) in ids(&suffix["ids"]).into_iter().enumerate() {
            if i >= first {
                // The first id of a suffix is predicted by the last one of its prefix.
                let position = if i == 0 { prefix_end - 1 } else { start + i - 1 };
                batch.targets.push(Target { position, label, weight: 1.0 });
            }
            batch.ids.push(label as i32);
        }
    }
}

/// ‖ours - theirs‖ / ‖theirs‖ over all entries; infinite where a number is not one.
///
/// A single wrong entry of n shows as 1/√n of its own relative error.
pub fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let differences = ours.iter().zip(theirs).map(|(a, b)| f64::from(*a) - f64::from(*b));
    let difference = norm(&mut { differences });
    let scale = norm(&mut theirs.iter().map(|value| f64::from(*value)));
    let relative = if scale == 0.0 { difference } else { difference / scale };
    if ours.len() == theirs.len() && relative.is_finite() { relative } else { f64::INFINITY }
}

/// Every difference of a test, said at once.
pub struct Differences {
    what: String,
    found: Vec<String>,
}

impl Differences {
    pub fn of(what: &str) -> Self {
        Self { what: what.to_owned(), found: Vec::new() }
    }

    /// Notes `name` if its distance is above `allowed`.
    pub fn hold(&mut self, name: &str, ours: &[f32], theirs: &[f32], allowed: f64) {
        if ours.len() != theirs.len() {
            self.say(format!("{name}: {} numbers, expected {}", ours.len(), theirs.len()));
            return;
        }
        let distance = distance(ours, theirs);
        if distance > allowed {
            let farthest = (0..ours.len())
                .max_by(|a, b| {
                    let apart = |i: &usize| f64::from((ours[*i] - theirs[*i]).abs());
                    apart(a).total_cmp(&apart(b))
                })
                .map(|i| format!("; farthest at {i}: {}, expected {}", ours[i], theirs[i]));
            let farthest = farthest.unwrap_or_default();
            self.say(format!("{name}: off by {distance:.2e}, allowed {allowed:.2e}{farthest}"));
        }
    }

    pub fn say(&mut self, difference: String) {
        self.found.push(difference);
    }

    /// Fails with every difference, if there is one.
    pub fn end(self) {
        let Self { what, found } = self;
        assert!(found.is_empty(), "{what}: {} differ\n  {}", found.len(), found.join("\n  "));
    }
}
