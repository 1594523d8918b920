//! Label smoothing and z-loss beside torch's: a file made by `scripts/reference/loss_golden.py`.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{Int, Tensor, TensorData};
use model::ops::{LossTerms, cross_entropy};
use reference::{Differences, device, floats, golden, ids, read_json};

/// f32 on both sides: the order of summation, and what a device's own exponential rounds.
const ALLOWED: f64 = 1e-5;

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn losses_and_gradients_are_those_of_torch() {
    let (device, facts) = (device(), read_json(&golden("loss.json")));
    let size = |name: &str| facts[name].as_u64().unwrap() as usize;
    let (rows, width, vocabulary) = (size("rows"), size("width"), size("vocabulary"));
    let numbers = |name: &str, dims: [usize; 2]| {
        Tensor::<2>::from_data(TensorData::new(floats(&facts[name]), dims), &device)
    };
    let labels: Vec<i32> = ids(&facts["labels"]).into_iter().map(|id| id as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows]), &device);
    let weights = TensorData::new(floats(&facts["weights"]), [rows]);
    let weights = Tensor::<1>::from_data(weights, &device);
    for case in facts["cases"].as_array().unwrap() {
        let number = |name: &str| case[name].as_f64().unwrap();
        let terms = LossTerms { smoothing: number("label_smoothing"), z: number("z_loss") };
        let ours = cross_entropy(
            numbers("hidden", [rows, width]),
            numbers("head", [vocabulary, width]),
            labels.clone(),
            weights.clone(),
            terms,
            true,
        );
        let mut found = Differences::of(&format!("{terms:?}"));
        found.hold("losses", &read(ours.rows), &floats(&case["losses"]), ALLOWED);
        found.hold("hidden", &read(ours.hidden), &floats(&case["hidden"]), ALLOWED);
        found.hold("head", &read(ours.head.unwrap()), &floats(&case["head"]), ALLOWED);
        found.end();
    }
}
