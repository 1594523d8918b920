//! The network beside transformers' Llama: files made by `scripts/reference/llama_golden.py`.
#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, TensorData};
use model::backward::{Gradients, Options, backward};
use model::files::{HostTensors, read_tensors};
use model::generate::{GenerateConfig, Request, generate};
use model::layout::{GroupBatch, Piece, Target};
use model::ops::{GroupShape, alibi_slopes};
use model::{Decoder, DecoderConfig};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// f32 on both sides: the order of summation only.
const LOGITS: f32 = 1e-4;
/// Relative to the largest entry of the tensor, for the same reason.
const GRADIENTS: f32 = 1e-4;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

fn check(name: &str) {
    let tensors = read_tensors(&golden(&format!("{name}.safetensors"))).unwrap();
    let text = std::fs::read_to_string(golden(&format!("{name}.json"))).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let config: DecoderConfig = serde_json::from_value(expected["config"].clone()).unwrap();
    let mut decoder = Decoder::build(&config, &Device::flex(), DType::F32, &mut |path, dims| {
        Ok(TensorData::new(tensors[path].1.clone(), dims))
    })
    .unwrap();
    logits(&decoder, &tensors, &expected);
    gradients(&decoder, &tensors, &expected);
    greedy(&mut decoder, &expected);
    if let Some(slopes) = expected["slopes"].as_object() {
        for (heads, slopes) in slopes {
            for (ours, theirs) in
                alibi_slopes(heads.parse().unwrap()).iter().zip(slopes.as_array().unwrap())
            {
                assert!((ours - theirs.as_f64().unwrap()).abs() < 1e-6, "{heads} heads");
            }
        }
    }
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// Every sequence as a group of one suffix without prefix, supervised from the given positions.
fn batch(expected: &Value) -> GroupBatch {
    let rows: Vec<Vec<u32>> = expected["ids"].as_array().unwrap().iter().map(numbers).collect();
    let from = numbers(&expected["supervised_from"]);
    let length = rows[0].len();
    let targets = rows.iter().zip(&from).enumerate().flat_map(|(row, (ids, from))| {
        (*from as usize..length).map(move |t| Target {
            position: row * length + t - 1,
            label: ids[t],
            weight: 1.0,
        })
    });
    let piece = Piece {
        groups: rows.len(),
        shape: GroupShape { prefix: 0, k: 1, suffix: length },
        prefix_lengths: vec![0; rows.len()],
        suffix_lengths: vec![length; rows.len()],
    };
    GroupBatch {
        pieces: vec![piece],
        targets: targets.collect(),
        ids: rows.iter().flatten().map(|id| *id as i32).collect(),
    }
}

fn logits(decoder: &Decoder, tensors: &HostTensors, expected: &Value) {
    let ours = decoder.logits(&batch(expected)).into_data();
    let worst = ours
        .iter::<f32>()
        .zip(&tensors["logits"].1)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst <= LOGITS, "logits differ by {worst}");
}

fn gradients(decoder: &Decoder, tensors: &HostTensors, expected: &Value) {
    let mut gradients = Gradients::new();
    let loss = backward(
        decoder,
        &batch(expected),
        Options { chunk: 7, ..Options::default() },
        &mut gradients,
    )
    .sum;
    let theirs = expected["loss"].as_f64().unwrap();
    assert!((loss - theirs).abs() < 1e-5 * theirs, "loss {loss}, expected {theirs}");
    let named: Vec<&String> = tensors.keys().filter(|name| name.starts_with("gradient.")).collect();
    assert_eq!(named.len(), gradients.len());
    for (path, ours) in gradients {
        let theirs = &tensors[&format!("gradient.{path}")].1;
        let largest = theirs.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let worst = ours
            .into_data()
            .iter::<f32>()
            .zip(theirs)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(
            worst <= GRADIENTS * largest,
            "gradient of {path} differs by {worst}, its largest entry is {largest}"
        );
    }
}

fn greedy(decoder: &mut Decoder, expected: &Value) {
    let answers: Vec<Vec<u32>> =
        expected["greedy"].as_array().unwrap().iter().map(numbers).collect();
    let prompts: Vec<Vec<u32>> =
        expected["prompts"].as_array().unwrap().iter().map(numbers).collect();
    // The reference does not stop at the end of sequence.
    decoder.config.eos_token_id = u32::MAX;
    let config = GenerateConfig { max_new_tokens: answers[0].len(), rows: 4 };
    for cut in [0, 1] {
        let requests: Vec<Request> = prompts
            .iter()
            .map(|ids| Request { prefix: ids[..cut].to_vec(), prompt: ids[cut..].to_vec() })
            .collect();
        let found = generate(decoder, &requests, config, &mut |_| true).unwrap();
        assert_eq!(found, answers, "prefix of {cut}");
    }
}

#[test]
fn rotary_model_equals_transformers() {
    check("tiny-baichuan2");
}

#[test]
fn alibi_model_equals_the_reference() {
    check("tiny-baichuan2-alibi");
}
