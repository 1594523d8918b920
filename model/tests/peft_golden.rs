//! Adapters beside PEFT: directories that PEFT saved, by `scripts/reference/peft_golden.py`.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{DType, TensorData};
use model::backward::{Gradients, Options, backward};
use model::files::read_tensors;
use model::{Decoder, peft};
use reference::{Differences, Golden, device, floats, golden, read_json};

/// f32 on both sides: the order of summation only.
const F32: f64 = 1e-4;

fn check(case: &str) {
    let directory = golden("adapters").join(case);
    let facts = read_json(&directory.join("outputs.json"));
    let expected = read_tensors(&directory.join("outputs.safetensors")).unwrap();
    let base = Golden::load(facts["model"].as_str().unwrap());
    let mut decoder = Decoder::build(&base.config(), &device(), DType::F32, &mut |path, _| {
        let (dims, values) = &base.tensors[path];
        Ok(TensorData::new(values.clone(), dims.clone()))
    })
    .unwrap();
    let config = peft::load(&mut decoder, &directory).unwrap();

    let mut found = Differences::of(&format!("{case} on {:?}", device()));
    let logits = |decoder: &Decoder| -> Vec<f32> {
        decoder.logits(&base.batch()).into_data().iter::<f32>().collect()
    };
    found.hold("logits", &logits(&decoder), &expected["logits"].1, F32);
    let mut gradients = Gradients::new();
    let loss = backward(&decoder, &base.batch(), Options::default(), &mut gradients);
    found.hold("losses", &loss.targets, &floats(&facts["losses"]), F32);
    for (name, (_, theirs)) in &expected {
        let Some(path) = name.strip_prefix("gradient.") else { continue };
        let ours = gradients.remove(path).map(|ours| ours.into_data().iter::<f32>().collect());
        let ours: Vec<f32> = ours.unwrap_or_default();
        found.hold(name, &ours, theirs, F32);
    }
    if !gradients.is_empty() {
        let surplus: Vec<&String> = gradients.keys().collect();
        found.say(format!("gradients that PEFT does not have: {surplus:?}"));
    }

    // What we save holds the same tensors, to the bit.
    let again = tempfile::tempdir().unwrap();
    peft::save(&decoder, &config, again.path()).unwrap();
    let read = |directory: &std::path::Path| {
        read_tensors(&directory.join("adapter_model.safetensors")).unwrap()
    };
    let (saved, theirs) = (read(again.path()), read(&directory));
    let names = |tensors: &model::files::HostTensors| tensors.keys().cloned().collect::<Vec<_>>();
    if names(&saved) != names(&theirs) {
        found.say(format!("saved {:?}, PEFT saved {:?}", names(&saved), names(&theirs)));
    }
    for (name, (_, values)) in &theirs {
        let ours = saved.get(name).map_or(&[][..], |(_, values)| &values[..]);
        found.hold(&format!("saved {name}"), ours, values, 0.0);
    }

    decoder.merge_adapters();
    found.hold("logits once merged", &logits(&decoder), &expected["logits"].1, F32);
    found.end();
}

#[test]
fn lora_on_a_fused_projection() {
    check("baichuan2-lora");
}

#[test]
fn rslora_on_a_fused_projection() {
    check("baichuan2-rslora");
}

#[test]
fn dora_on_a_fused_projection() {
    check("baichuan2-dora");
}

/// `all-linear`, as PEFT spells it out.
#[test]
fn lora_on_split_projections() {
    check("llama-lora");
}

/// Targets as a regular expression, on a model with a tied head.
#[test]
fn rslora_by_a_regular_expression() {
    check("llama-rslora");
}

#[test]
fn dora_on_split_projections() {
    check("llama-dora");
}

/// One block of two; ranks and alphas by pattern.
#[test]
fn lora_by_patterns() {
    check("llama-patterns");
}
