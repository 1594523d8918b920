//! Steps of every rule beside torch's, bitsandbytes' and what their papers say, and schedules beside
//! transformers': files made by `scripts/reference/optimizer_golden.py`.

use super::adamw::{distance, golden};
use burn::tensor::{DType, Tensor, TensorData};
use model::backward::Gradients;
use model::files::{HostTensors, host_tensors, read_tensors};
use model::{Decoder, DecoderConfig};
use serde_json::Value;
use trainer::optimizer::{Kept, Optimizer, OptimizerConfig};
use trainer::schedule::Schedule;
use trainer::step::change;

fn document(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden(name)).unwrap()).unwrap()
}

/// The numbers that the script makes weights and gradients of.
fn numbers(seed: usize, count: usize) -> impl Iterator<Item = f32> {
    (0..count as u64).map(move |i| {
        let mut z = (i + ((seed as u64) << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 40) as i64 - (1 << 23)) as f32 / (1 << 23) as f32
    })
}

/// The weights of the file's model, and what they were.
struct Start {
    decoder: Decoder,
    names: Vec<String>,
    before: HostTensors,
}

fn start(document: &Value) -> Start {
    let config = DecoderConfig::from_json(document["config"].clone()).unwrap();
    let names: Vec<String> = serde_json::from_value(document["names"].clone()).unwrap();
    let decoder = Decoder::build(&config, &super::device(), DType::F32, &mut |path, dims| {
        let seed = names.iter().position(|name| name == path).unwrap();
        let values: Vec<f32> =
            numbers(seed, dims.iter().product()).map(|number| number / 16.0).collect();
        Ok(TensorData::new(values, dims.to_vec()))
    })
    .unwrap();
    let before = host_tensors(&decoder, |_| true);
    Start { decoder, names, before }
}

fn gradients(start: &Start, step: usize, size: f32) -> Gradients {
    let of = |(seed, name): (usize, &String)| {
        let values: Vec<f32> = numbers(1000 * (step + 1) + seed, start.before[name].1.len())
            .map(|number| (number * 0.9 + 0.1f32.copysign(number)) * (size / 64.0))
            .collect();
        let count = values.len();
        let data = TensorData::new(values, [count]);
        (name.clone(), Tensor::from_data(data, &super::device()))
    };
    start.names.iter().enumerate().map(of).collect()
}

/// Takes the steps of a case; every difference is a line.
fn differences(case: &str) -> Vec<String> {
    let document = document("optimizers.json");
    let expected = read_tensors(&golden("optimizers.safetensors")).unwrap();
    let facts = &document[case];
    let settings: OptimizerConfig = serde_json::from_value(facts["optimizer"].clone()).unwrap();
    let every = document["every"].as_u64().unwrap() as usize;
    let number = |value: &Value| value.as_f64().unwrap();
    let (change_allowed, state_allowed) = (number(&facts["change"]), number(&facts["state"]));
    let mut start = start(&document);
    let mut optimizer = Optimizer::default();
    let mut wrong = Vec::new();
    for (step, factor) in facts["factors"].as_array().unwrap().iter().enumerate() {
        let size = number(&document["sizes"][step]) as f32;
        let gradients = gradients(&start, step, size);
        let norm = change(&mut start.decoder, &mut optimizer, gradients, &settings, number(factor));
        let theirs = number(&facts["norms"][step]);
        if (norm / theirs - 1.0).abs() > 1e-5 {
            wrong.push(format!("norm of step {step}: {norm}, expected {theirs}"));
        }
    }
    let after = host_tensors(&start.decoder, |_| true);
    let kept = optimizer.kept();
    let state = |kind: &str, path: &str| -> Vec<f32> {
        let mut parts = kept.iter().filter(|part| part.kind == kind && part.path == path);
        parts.next().map(|Kept { data, .. }| data.iter::<f32>().collect()).unwrap_or_default()
    };
    let mut compared = 0;
    for (name, (_, theirs)) in &expected {
        let parts: Vec<&str> = name.split('|').collect();
        let [of, kind, path] = parts[..] else { continue };
        if of != case {
            continue;
        }
        compared += 1;
        let sampled = |values: &[f32]| values.iter().step_by(every).copied().collect::<Vec<_>>();
        let (apart, allowed) = if kind == "after" {
            let before = sampled(&start.before[path].1);
            let moved = |values: &[f32]| -> Vec<f32> {
                values.iter().zip(&before).map(|(after, before)| after - before).collect()
            };
            (distance(&moved(&sampled(&after[path].1)), &moved(theirs)), change_allowed)
        } else if kind.ends_with('8') {
            let ours = sampled(&state(kind, path));
            // Next to each other, where rounding went the other way.
            let off = ours.iter().zip(theirs).filter(|(a, b)| a != b).count();
            let near = ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= 1.0);
            let share = off as f64 / theirs.len() as f64;
            let is_whole = ours.len() == theirs.len();
            (if near && is_whole { share } else { f64::INFINITY }, state_allowed)
        } else if kind.ends_with("-scale") {
            (distance(&state(kind, path), theirs), state_allowed)
        } else {
            (distance(&sampled(&state(kind, path)), theirs), state_allowed)
        };
        // What is not a number is infinitely far.
        if apart > allowed {
            wrong.push(format!("{kind} of {path}: off by {apart:.2e}, allowed {allowed:.0e}"));
        }
    }
    assert!(compared >= start.names.len(), "{compared} tensors of `{case}` in the file");
    wrong
}

fn check(case: &str) {
    let wrong = differences(case);
    assert!(wrong.is_empty(), "{case}: {} differ\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn adamw_with_groups_is_torchs() {
    check("adamw");
}

#[test]
fn lion_is_its_paper() {
    check("lion");
}

#[test]
fn muon_is_torchs() {
    check("muon");
    check("muon-match");
    // As torch runs it, which makes matrices orthogonal in bf16.
    check("muon-bf16");
}

#[test]
fn eight_bit_states_are_their_papers() {
    check("adamw8");
    check("lion8");
}

#[test]
fn eight_bit_steps_are_near_bitsandbytes() {
    check("adamw8-bitsandbytes");
    check("lion8-bitsandbytes");
}

#[test]
fn another_rule_would_be_noticed() {
    // The same comparison with one setting changed: each must fail.
    let document = document("optimizers.json");
    let muon = &document["muon"]["optimizer"];
    assert_ne!(muon["muon_scale"], document["muon-match"]["optimizer"]["muon_scale"]);
    let expected = read_tensors(&golden("optimizers.safetensors")).unwrap();
    let path = "model.layers.0.mlp.up_proj.weight";
    let of = |case: &str| &expected[&format!("{case}|after|{path}")].1;
    for (a, b) in [("adamw", "lion"), ("muon", "muon-match"), ("adamw", "adamw8")] {
        assert!(distance(of(a), of(b)) > 1e-4, "{a} and {b} would pass for each other");
    }
}

#[test]
fn schedules_are_transformers() {
    let cases = document("schedules.json");
    for (name, case) in cases.as_object().unwrap() {
        let count = |key: &str| case[key].as_u64().unwrap_or_default() as usize;
        let share = |key: &str| case[key].as_f64().unwrap_or_default();
        let decay = case.get("decay_type").cloned().unwrap_or_else(|| "linear".into());
        let schedule = Schedule {
            peak: 1.0,
            warmup: count("warmup"),
            steps: count("steps"),
            shape: serde_json::from_value(case["schedule"].clone()).unwrap(),
            stable: share("stable"),
            decay: serde_json::from_value(decay).unwrap(),
            timescale: count("timescale"),
            final_share: share("final_share"),
        };
        let theirs: Vec<f64> = serde_json::from_value(case["factors"].clone()).unwrap();
        assert_eq!(theirs.len(), schedule.steps + 5, "{name}");
        // Behind the end we stay at the last rate, where transformers' cosine rises again.
        for (step, expected) in theirs.iter().enumerate().take(schedule.steps + 1) {
            // In the warm-up we are one step ahead: their first step has a rate of 0.
            let expected = match schedule.warmup {
                warmup if step < warmup => (step + 1) as f64 / warmup as f64,
                _ => *expected,
            };
            if step + 1 < schedule.warmup && name.contains("linear") {
                assert!((theirs[step + 1] - expected).abs() < 1e-9, "{name}, step {step}");
            }
            let ours = schedule.factor(step);
            assert!((ours - expected).abs() < 1e-9, "{name}, step {step}: {ours}, {expected}");
        }
    }
}
