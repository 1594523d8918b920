//! What holds for all rules: passes are the tensors' steps, precision is what is promised, and state
//! outlives checkpoints and other cuts.
// A cut of one range is a whole weight.
#![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

mod resident;

use super::*;
use burn::tensor::bf16;
use model::init::Init;
use model::{DecoderConfig, LoraConfig};
use moment::{host, upload};
use std::ops::Range;

const PATH: &str = "model.layers.0.mlp.up_proj.weight";
/// Two units and a part of a third, whose last block is short.
const DIMS: [usize; 2] = [90, 101];
const COUNT: usize = DIMS[0] * DIMS[1];

fn device() -> Device {
    crate::device::of("flex", 0).unwrap()
}

fn stretch(range: Range<usize>) -> Stretch {
    Stretch { path: PATH.to_owned(), dims: DIMS.to_vec(), range }
}

/// Numbers of both signs and many sizes, none of them tiny beside the others.
fn numbers(seed: usize, size: f32) -> Vec<f32> {
    let number = |i: usize| {
        let x = ((i * 7919 + seed * 104_729) as f32 * 0.618_034).sin();
        (0.9 * x.powi(3) + 0.1f32.copysign(x)) * size
    };
    (0..COUNT).map(number).collect()
}

/// `‖a - b‖ / ‖b‖`.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    apart / norm(&mut b.iter().map(|b| f64::from(*b)))
}

fn rules() -> [OptimizerConfig; 3] {
    let base = OptimizerConfig {
        learning_rate: 1e-3,
        muon_learning_rate: 1e-3,
        weight_decay: 0.1,
        ..OptimizerConfig::default()
    };
    let of = |name, bits| OptimizerConfig { name, bits, ..base.clone() };
    [of(Rule::AdamW, 32), of(Rule::Lion, 32), of(Rule::Muon, 32)]
}

/// The stretches of `cuts`, each taken through `steps` steps by one optimizer.
fn train<E: burn::tensor::Element>(
    optimizer: &mut Optimizer,
    weights: &[E],
    cuts: &[Range<usize>],
    config: &OptimizerConfig,
    steps: Range<usize>,
) -> Vec<E> {
    let device = device();
    let mut weights = weights.to_vec();
    for step in steps {
        optimizer.begin_step();
        let gradient = numbers(step + 1, 0.3);
        for cut in cuts {
            let weight = upload(weights[cut.clone()].to_vec(), &device);
            let gradient = upload(gradient[cut.clone()].to_vec(), &device);
            let new = optimizer.update(&stretch(cut.clone()), weight, gradient, config, 0.7);
            weights[cut.clone()].clone_from_slice(&host::<E>(new));
        }
    }
    weights
}

fn bits(weights: &[bf16]) -> Vec<u16> {
    weights.iter().map(|weight| weight.to_bits()).collect()
}

fn in_bf16() -> Vec<bf16> {
    numbers(0, 0.5).into_iter().map(bf16::from_f32).collect()
}

/// An optimizer with the state that another has kept, for these stretches.
fn restored_from(kept: &[Kept], cuts: &[Range<usize>], steps: usize) -> Optimizer {
    let mut optimizer = Optimizer::at(steps);
    for cut in cuts {
        let mut read = |kind: &str, unit: usize| {
            let mut values = Vec::new();
            for part in kept.iter().filter(|part| part.kind == kind) {
                assert_eq!(part.unit, unit, "{kind}");
                let starts = (part.start..).step_by(unit);
                // As files hold them: all numbers in f32.
                let inside = starts.zip(part.data.iter::<f32>()).filter(|(at, _)| cut.contains(at));
                values.extend(inside.map(|(_, value)| value));
            }
            let count = values.len();
            Ok((count > 0).then(|| TensorData::new(values, [count])))
        };
        optimizer.restore(&stretch(cut.clone()), &mut read, &device()).unwrap();
    }
    optimizer
}

#[test]
fn a_pass_is_the_step_over_tensors() {
    let whole = [0..COUNT];
    for config in &rules()[..2] {
        let start = numbers(0, 0.5);
        let ours = train(&mut Optimizer::default(), &start, &whole, config, 0..4);
        let mut state = State::default();
        let mut weight = upload(start, &device());
        let mut optimizer = Optimizer::default();
        for step in 0..4 {
            optimizer.begin_step();
            let gradient = upload(numbers(step + 1, 0.3), &device());
            let stretch = stretch(0..COUNT);
            let (change, gradient) = optimizer.change(&stretch, gradient, &mut state, config, 0.7);
            weight = on_device(&change, &mut state, weight, gradient);
        }
        let theirs: Vec<f32> = host(weight);
        let apart = distance(&ours, &theirs);
        assert!(apart < 1e-6, "{:?}: {apart:e}", config.name);
        let moved = distance(&ours, &numbers(0, 0.5));
        assert!(moved > 1e-3, "{:?} changes weights: {moved:e}", config.name);
    }
}

#[test]
fn a_split_master_is_a_full_one_bit_for_bit() {
    let whole = [0..COUNT];
    for rule in rules() {
        for bits8 in [8, 32] {
            let config = |master| OptimizerConfig { master, bits: bits8, ..rule.clone() };
            let (mut full, mut half) = (Optimizer::default(), Optimizer::default());
            let (mut a, mut b) = (in_bf16(), in_bf16());
            for step in 0..6 {
                a = train(&mut full, &a, &whole, &config(MasterKind::F32), step..step + 1);
                b = train(&mut half, &b, &whole, &config(MasterKind::Split), step..step + 1);
                assert_eq!(bits(&a), bits(&b), "{:?}, {bits8} bits, step {step}", rule.name);
            }
            let key = (PATH.to_owned(), 0);
            let (Some(Master::Full(Values::Host(full))), Some(Master::Low(low))) =
                (&full.states[&key].master, &half.states[&key].master)
            else {
                panic!("one has a whole master, the other a half");
            };
            let joined =
                b.iter().zip(low).map(|(high, low)| model::rounding::joined(*high, *low).to_bits());
            assert!(joined.eq(full.iter().map(|value| value.to_bits())), "{:?}", rule.name);
            // The master holds what bf16 cannot.
            assert!(low.iter().filter(|low| **low != 0).count() > COUNT / 2);
        }
    }
}

#[test]
fn rounding_by_chance_is_the_same_wherever_the_cuts_are() {
    let config = OptimizerConfig { master: MasterKind::None, ..rules()[0].clone() };
    let of = |seed, cuts: &[Range<usize>]| {
        let config = OptimizerConfig { seed, ..config.clone() };
        bits(&train(&mut Optimizer::default(), &in_bf16(), cuts, &config, 0..3))
    };
    let whole = of(1, &[0..COUNT]);
    assert_eq!(of(1, &[4096..COUNT, 0..4096]), whole);
    assert_ne!(of(2, &[0..COUNT]), whole);
}

#[test]
fn steps_below_the_precision_of_bf16_are_not_lost() {
    // Each step is a thousandth of the distance between neighbours in bf16.
    let config = OptimizerConfig {
        name: Rule::Lion,
        learning_rate: 1.0 / 128.0 / 1000.0,
        ..OptimizerConfig::default()
    };
    let device = device();
    let stretch = stretch(0..COUNT);
    // By chance: each weight is off by up to a step of bf16, the mean of 9,090 by far less.
    let masters = [(MasterKind::F32, 0.0), (MasterKind::Split, 0.0), (MasterKind::None, 2e-4)];
    for (master, allowed) in masters {
        let config = OptimizerConfig { master, ..config.clone() };
        let mut optimizer = Optimizer::default();
        let mut weight = upload(vec![bf16::from_f32(1.25); COUNT], &device);
        for _ in 0..100 {
            optimizer.begin_step();
            let gradient = upload(vec![1.0f32; COUNT], &device);
            weight = optimizer.update(&stretch, weight, gradient, &config, 1.0);
        }
        // A tenth of a step of bf16: the nearest is still where it began, the master is not.
        let kept = optimizer.kept();
        let weights: Vec<bf16> = host(weight);
        let values: Vec<f64> = match master {
            MasterKind::None => weights.iter().map(|it| f64::from(it.to_f32())).collect(),
            MasterKind::F32 => {
                let master = kept.iter().find(|part| part.kind == "master").unwrap();
                master.data.iter::<f32>().map(f64::from).collect()
            }
            MasterKind::Split => {
                let low = kept.iter().find(|part| part.kind == "low").unwrap();
                let low = low.data.iter::<u16>();
                weights
                    .iter()
                    .zip(low)
                    .map(|(w, low)| model::rounding::joined(*w, low).into())
                    .collect()
            }
        };
        let mean = values.iter().sum::<f64>() / COUNT as f64;
        let moved = 1.25 - mean;
        let expected = 0.1 / 128.0;
        assert!((moved - expected).abs() <= allowed + 1e-5, "{master:?}: {moved}, {expected}");
    }
}

#[test]
fn state_outlives_a_checkpoint_and_other_cuts() {
    let (first, second) = ([0..8192, 8192..COUNT], [0..4096, 4096..COUNT]);
    let whole = 0..COUNT;
    for rule in rules() {
        for bits8 in [32, 8] {
            for master in [MasterKind::F32, MasterKind::Split, MasterKind::None] {
                let config = OptimizerConfig { bits: bits8, master, ..rule.clone() };
                // Muon's matrices are never cut.
                let is_muon = rule.name == Rule::Muon;
                let whole = std::slice::from_ref(&whole);
                let (before, after): (&[_], &[_]) =
                    if is_muon { (whole, whole) } else { (&first[..], &second[..]) };
                let mut undisturbed = Optimizer::default();
                let expected = train(&mut undisturbed, &in_bf16(), before, &config, 0..4);
                let mut saved = Optimizer::default();
                let weights = train(&mut saved, &in_bf16(), before, &config, 0..2);
                let mut again = restored_from(&saved.kept(), after, 2);
                let weights = train(&mut again, &weights, after, &config, 2..4);
                let what = format!("{:?}, {bits8} bits, {master:?}", rule.name);
                assert_eq!(bits(&weights), bits(&expected), "{what}");
            }
        }
    }
}

#[test]
fn eight_bits_come_close_to_thirty_two() {
    let whole = [0..COUNT];
    let start = numbers(0, 0.5);
    let moved = |config: &OptimizerConfig| {
        let mut optimizer = Optimizer::default();
        let end = train(&mut optimizer, &start, &whole, config, 0..20);
        let change: Vec<f32> = end.iter().zip(&start).map(|(end, start)| end - start).collect();
        (change, optimizer.kept())
    };
    let config = rules()[0].clone();
    let (exact, kept) = moved(&config);
    assert!(kept.iter().all(|part| ["first", "second"].contains(&part.kind)));
    let (rounded, kept) = moved(&OptimizerConfig { bits: 8, ..config });
    let kinds: Vec<&str> = kept.iter().map(|part| part.kind).collect();
    assert_eq!(kinds, ["first8", "first8-scale", "second8", "second8-scale"]);
    let bytes: usize = kept.iter().map(|part| part.data.bytes().len()).sum();
    assert_eq!(bytes, 2 * (COUNT + 4 * COUNT.div_ceil(256)));
    let apart = distance(&rounded, &exact);
    // Codes are 1 % apart where most values are; small second moments beside a large one are coarser.
    assert!(apart < 0.1 && apart > 0.0, "{apart}");
}

#[test]
fn groups_have_rates_and_decays_of_their_own() {
    let group = |pattern: &str, learning_rate, weight_decay| Group {
        pattern: pattern.to_owned(),
        learning_rate,
        weight_decay,
    };
    let config = OptimizerConfig {
        name: Rule::Lion,
        learning_rate: 1e-2,
        weight_decay: 0.5,
        groups: vec![group("lm_head", Some(4e-2), None), group("norm|embed", None, Some(0.0))],
        ..OptimizerConfig::default()
    };
    let device = device();
    // Lion's first step from 1 along a positive gradient: 1 - rate * decay - rate, with half the rate.
    for (path, dims, expected) in [
        ("model.layers.0.mlp.up_proj.weight", vec![2, 3], 1.0 - 0.5 * 1e-2 * 1.5),
        ("lm_head.weight", vec![2, 3], 1.0 - 0.5 * 4e-2 * 1.5),
        ("model.embed_tokens.weight", vec![2, 3], 1.0 - 0.5 * 1e-2),
        ("model.layers.0.self_attn.q.bias", vec![6], 1.0 - 0.5 * 1e-2),
    ] {
        let mut optimizer = Optimizer::default();
        optimizer.begin_step();
        let stretch = Stretch { path: path.to_owned(), dims, range: 0..6 };
        let ones = || upload(vec![1.0f32; 6], &device);
        let new = optimizer.update(&stretch, ones(), ones(), &config, 0.5);
        for value in host::<f32>(new) {
            assert!((f64::from(value) - expected).abs() < 1e-6, "{path}: {value}, {expected}");
        }
    }
}

#[test]
fn muons_steps_can_be_as_long_as_adamws() {
    for (scale, expected) in [
        // Singular values are about 1: the mean square of an m × n matrix is 1 / max(m, n).
        (MuonScale::Original, (1.0f64 / 101.0).sqrt()),
        (MuonScale::MatchRmsAdamw, 0.2),
    ] {
        let config = OptimizerConfig {
            name: Rule::Muon,
            muon_learning_rate: 1.0,
            muon_scale: scale,
            ..OptimizerConfig::default()
        };
        let mut optimizer = Optimizer::default();
        optimizer.begin_step();
        // Noise: a matrix of full rank.
        let noise = (0..COUNT).map(|i| f32::from(Draws::new(1, 1, "g", 0).at(i)) - 32_768.0);
        let gradient = upload(noise.collect::<Vec<f32>>(), &device());
        let weight = upload(vec![0.0f32; COUNT], &device());
        let new = optimizer.update(&stretch(0..COUNT), weight, gradient, &config, 1.0);
        let square: f64 = host::<f32>(new).iter().map(|x| f64::from(*x).powi(2)).sum();
        let mean = (square / COUNT as f64).sqrt();
        // Five steps bring singular values to between 0.7 and 1.2, the least of a near-square matrix lower.
        assert!((0.6..1.2).contains(&(mean / expected)), "{scale:?}: {mean}, {expected}");
    }
}

#[test]
fn b_learns_faster_by_the_ratio() {
    let shape = DecoderConfig {
        vocab_size: 8,
        hidden_size: 8,
        intermediate_size: 8,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        ..DecoderConfig::baichuan2_tiny()
    };
    let device = crate::device::of("flex", 0).unwrap();
    for (ratio, magnitude) in [(1.0, 1e-3), (16.0, 16e-3)] {
        let mut decoder = Decoder::init(&shape, Init::Normal, 1, &device);
        let lora = LoraConfig { rank: 2, dora: true, ..LoraConfig::default() };
        decoder.add_adapters(&lora).unwrap();
        let of = |decoder: &Decoder, part: &str| {
            let wanted = format!("model.layers.0.mlp.up_proj.lora_{part}");
            let tensors = model::files::host_tensors(decoder, |path| path == wanted);
            tensors.into_values().next().unwrap().1
        };
        let parts = [("A.weight", 1e-3), ("B.weight", magnitude), ("magnitude_vector", magnitude)];
        let before = parts.map(|(part, _)| of(&decoder, part));
        let mut gradients = Gradients::new();
        for info in model::weight::list(&decoder, "").into_iter().filter(|info| info.trainable) {
            let ones = Tensor::ones([info.numel()], &device);
            gradients.insert(info.path, ones);
        }
        let config = OptimizerConfig {
            learning_rate: 1e-3,
            learning_rate_ratio: ratio,
            ..OptimizerConfig::default()
        };
        Optimizer::default().step(&mut decoder, gradients, &config, 1.0);
        for ((part, rate), before) in parts.into_iter().zip(before) {
            for (now, before) in of(&decoder, part).iter().zip(&before) {
                // AdamW's first step is the rate itself; f32 holds the weight to 1e-7.
                let step = f64::from(before - now);
                assert!((step - rate).abs() < 1e-6, "{ratio}, {part}: {step}");
            }
        }
    }
}
