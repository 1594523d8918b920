//! The network beside transformers': files made by `scripts/reference/llama_golden.py`.
//!
//! The batch of a file is of ragged groups, padded here; transformers ran on each of its samples
//! apart.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{DType, TensorData};
use model::Decoder;
use model::backward::{Gradients, Options, backward};
use model::generate::{GenerateConfig, Request, answers};
use model::ops::alibi_slopes;
use reference::{Differences, Golden, device, floats, ids};

/// f32 on both sides: the order of summation only.
const F32: f64 = 1e-4;
/// In bf16 and f16 both sides round at each operation, not at the same places. Ours may be this many
/// times as far from transformers' f32 as transformers itself is in the same dtype.
const TIMES_AS_FAR: f64 = 2.0;

fn decoder(golden: &Golden, dtype: DType) -> Decoder {
    Decoder::build(&golden.config(), &device(), dtype, &mut |path, _| {
        let (dims, values) = &golden.tensors[path];
        Ok(TensorData::new(values.clone(), dims.clone()))
    })
    .unwrap()
}

/// Logits, losses and, if asked for, every gradient within what `allowed` says for each.
fn hold(
    what: &str,
    golden: &Golden,
    decoder: &Decoder,
    options: Options,
    allowed: &dyn Fn(&str) -> Option<f64>,
) {
    let mut found = Differences::of(what);
    let mut hold = |name: &str, ours: &[f32], theirs: &[f32]| {
        if let Some(allowed) = allowed(name) {
            found.hold(name, ours, theirs, allowed);
        }
    };
    let logits: Vec<f32> = decoder.logits(&golden.batch()).into_data().iter::<f32>().collect();
    hold("logits", &logits, &golden.tensors["logits"].1);
    let mut gradients = Gradients::new();
    let loss = backward(decoder, &golden.batch(), options, &mut gradients);
    hold("losses", &loss.targets, &floats(&golden.facts["losses"]));
    for (name, (_, theirs)) in &golden.tensors {
        let Some(path) = name.strip_prefix("gradient.") else { continue };
        let ours = gradients.remove(path).map(|ours| ours.into_data().iter::<f32>().collect());
        let ours: Vec<f32> = ours.unwrap_or_default();
        hold(name, &ours, theirs);
    }
    if !gradients.is_empty() {
        let surplus: Vec<&String> = gradients.keys().collect();
        found.say(format!("gradients that transformers does not have: {surplus:?}"));
    }
    found.end();
}

fn exact(name: &str) {
    let golden = Golden::load(name);
    let decoder = decoder(&golden, DType::F32);
    for recompute in [0, decoder.blocks.len()] {
        let options = Options { recompute, chunk: 7, ..Options::default() };
        let what = format!("{name} on {:?} in f32, recompute {recompute}", device());
        hold(&what, &golden, &decoder, options, &|_| Some(F32));
    }
    greedy(&golden, &decoder);
}

fn half(name: &str) {
    let golden = Golden::load(name);
    for (key, dtype) in [("bf16", DType::BF16), ("f16", DType::F16)] {
        if !device().supports_dtype(dtype) {
            eprintln!("SKIPPED: {:?} has no {key}", device());
            continue;
        }
        let decoder = decoder(&golden, dtype);
        // No distance is stated for the gradients in f16: it is a dtype of the forward pass.
        let allowed = |name: &str| {
            let theirs = golden.facts["half"][key][name].as_f64();
            theirs.map(|theirs| TIMES_AS_FAR * theirs)
        };
        let what = format!("{name} on {:?} in {key}, against transformers in f32", device());
        hold(&what, &golden, &decoder, Options::default(), &allowed);
    }
}

fn greedy(golden: &Golden, decoder: &Decoder) {
    let all = |key: &str| -> Vec<Vec<u32>> {
        golden.facts[key].as_array().unwrap().iter().map(ids).collect()
    };
    let (prompts, expected) = (all("prompts"), all("greedy"));
    let config =
        GenerateConfig { max_new_tokens: expected[0].len(), rows: 4, ..GenerateConfig::default() };
    for cut in [0, 1] {
        let requests: Vec<Request> = prompts
            .iter()
            .map(|ids| Request::new(ids[..cut].to_vec(), ids[cut..].to_vec()))
            .collect();
        let found = answers(decoder, &requests, &config).unwrap();
        assert_eq!(found, expected, "prefix of {cut}, least margin {}", golden.facts["margin"]);
    }
}

#[test]
fn rotary_model_equals_transformers() {
    exact("tiny-baichuan2");
}

/// The reference is transformers' Llama without rotation and with the ALiBi of its Bloom.
#[test]
fn alibi_model_equals_transformers() {
    exact("tiny-baichuan2-alibi");
    let golden = Golden::load("tiny-baichuan2-alibi");
    for (heads, theirs) in golden.facts["slopes"].as_object().unwrap() {
        let ours: Vec<f32> =
            alibi_slopes(heads.parse().unwrap()).iter().map(|slope| *slope as f32).collect();
        let mut found = Differences::of("slopes");
        found.hold(&format!("{heads} heads"), &ours, &floats(theirs), 1e-6);
        found.end();
    }
}

/// Two key-value heads of eight, heads wider than their share, Llama 3.1's scaling of the positions,
/// two ends.
#[test]
fn grouped_heads_equal_transformers() {
    exact("tiny-llama3");
}

/// One key-value head, a tied head, positions scaled as `rope_parameters` says.
#[test]
fn tied_head_equals_transformers() {
    exact("tiny-llama-tied");
}

#[test]
fn half_precision_is_no_farther_than_transformers() {
    for name in ["tiny-baichuan2", "tiny-baichuan2-alibi", "tiny-llama3", "tiny-llama-tied"] {
        half(name);
    }
}
