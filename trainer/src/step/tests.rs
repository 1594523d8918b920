//! Steps whose gradients stay on the device beside the same in memory, over worlds, stages and rules.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::collective::{Solo, Threads};
use crate::optimizer::{Kept, MasterKind, Rule};
use crate::recipe::MicroTokens;
use crate::transfer;
use burn::tensor::Device;
use data_pipeline::batch::Suffix;
use model::init::Init;
use model::{DecoderConfig, LoraConfig};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
struct Case {
    world: usize,
    stage: u8,
    rule: Rule,
    bits: u8,
    /// Weights in bf16, and what is kept beside them.
    bf16: Option<MasterKind>,
    adapters: bool,
    micro_tokens: usize,
    steps: usize,
}

const PLAIN: Case = Case {
    world: 1,
    stage: 0,
    rule: Rule::AdamW,
    bits: 32,
    bf16: None,
    adapters: false,
    micro_tokens: 40,
    steps: 3,
};

/// What a rank has in the end.
struct Learned {
    found: Vec<Found>,
    /// Of the last step.
    gradients: Vec<(Stretch, Vec<f32>)>,
    weights: BTreeMap<String, Vec<f32>>,
    state: Vec<Kept>,
    /// Reads of each step behind its gradients, and the values read.
    read: Vec<(usize, usize)>,
}

struct InBf16;

impl Mapper for InBf16 {
    fn weight<const D: usize>(&mut self, _: &str, weight: &mut Weight<D>) {
        weight.value = ops::cast(weight.value.clone(), DType::BF16);
    }
}

fn decoder(case: Case) -> Decoder {
    // Embedding and head fill a bucket each, and more.
    let shape = DecoderConfig {
        vocab_size: 9000,
        hidden_size: 32,
        intermediate_size: 140,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        ..DecoderConfig::baichuan2_tiny()
    };
    let device = Device::flex();
    let mut decoder = Decoder::init(&shape, Init::Normal, 5, &device);
    if case.adapters {
        device.seed(9);
        decoder.add_adapters(&LoraConfig { rank: 4, ..LoraConfig::default() }).unwrap();
    }
    if case.bf16.is_some() {
        decoder.map("", &mut InBf16);
    }
    decoder
}

/// Five samples a rank, none of them long.
fn input(step: usize, rank: usize, world: usize) -> StepInput {
    let id = |i: usize| ((i * 37 + step * 11 + 5) % 159 + 1) as u32;
    let group = |slot: usize| Group {
        prefix: (0..3 + slot % 5).map(|i| id(i + 50 * slot)).collect(),
        suffixes: vec![Suffix {
            row: slot,
            slot,
            ids: (0..6 + slot % 7).map(|i| id(i + 7 * slot)).collect(),
            supervised_from: 2,
        }],
    };
    let samples = 5 * world;
    let supervised = (0..samples).map(|slot| group(slot).supervised() as u64).sum();
    let groups = (0..samples).filter(|slot| slot % world == rank).map(group).collect();
    let parts = vec![StepPart { groups, dropout_seed: Some(rank as u64) }];
    StepInput { parts, samples, supervised, noise_seed: 0 }
}

fn live(case: Case, site: Site, mut decoder: Decoder, collective: &mut dyn Collective) -> Learned {
    let config = OptimizerConfig {
        name: case.rule,
        bits: case.bits,
        learning_rate: 1e-2,
        weight_decay: 0.1,
        clip_norm: 0.5,
        master: case.bf16.unwrap_or_default(),
        ..OptimizerConfig::default()
    };
    let micro_tokens = MicroTokens::Most(case.micro_tokens);
    let batch = BatchConfig { micro_tokens, ..BatchConfig::default() };
    let loss = LossConfig::default();
    let objective = Objective { batch: &batch, average: LossAverage::Token, loss: &loss };
    let sharding = Sharding { stage: case.stage, bucket_mib: 1 };
    let place = (collective.rank(), collective.world());
    let mut stepper = Stepper::at(site, &decoder, &config, sharding, 0, place);
    let mut optimizer = Optimizer::default();
    let (mut found, mut read) = (Vec::new(), Vec::new());
    let mut gradients = Vec::new();
    for step in 0..case.steps {
        let input = input(step, place.0, place.1);
        let before = transfer::read();
        let one = stepper.gradients(&decoder, input, objective, false, collective).unwrap();
        let after = transfer::read();
        gradients = stepper.summed(&decoder);
        let again = transfer::read();
        stepper.update(&mut decoder, &mut optimizer, &one, &config, 0.7, collective).unwrap();
        let last = transfer::read();
        let apart = |a: usize, b: usize, c: usize, d: usize| b - a + d - c;
        read.push((
            apart(before.0, after.0, again.0, last.0),
            apart(before.1, after.1, again.1, last.1),
        ));
        found.push(one);
    }
    let weights = model::files::host_tensors(&decoder, |_| true);
    let weights = weights.into_iter().map(|(path, (_, values))| (path, values)).collect();
    Learned { found, gradients, weights, state: optimizer.kept(), read }
}

/// Every rank of a world.
fn learn(case: Case, decoder: &Decoder, site: &Site) -> Vec<Learned> {
    if case.world == 1 {
        return vec![live(case, site.clone(), decoder.clone(), &mut Solo)];
    }
    let ranks = Threads::world_of(case.world, Duration::from_secs(60));
    std::thread::scope(|scope| {
        let start = |mut rank: Threads| {
            let decoder = decoder.clone();
            scope.spawn(move || live(case, site.clone(), decoder, &mut rank))
        };
        let ranks: Vec<_> = ranks.into_iter().map(start).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// `‖a - b‖ / ‖b‖`.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    if apart == 0.0 { 0.0 } else { apart / norm(&mut b.iter().map(|b| f64::from(*b))) }
}

/// The first step, from the same bits; and three, over which differences in last bits grow: AdamW's first
/// steps have the same length whatever a gradient's size is.
fn check(case: Case) {
    let is_coarse = case.bf16.is_some() || case.bits == 8;
    compare(Case { steps: 1, ..case }, if is_coarse { 1e-3 } else { 1e-5 });
    compare(case, if is_coarse { 0.1 } else { 1e-3 });
}

fn compare(case: Case, allowed: f64) {
    // Adapters are drawn from a stream that all threads share: once for both.
    let decoder = decoder(case);
    let memory = learn(case, &decoder, &Site::Host);
    let device = learn(case, &decoder, &Site::Device(Device::flex()));
    for (there, here) in device.iter().zip(&memory) {
        for (step, (a, b)) in there.found.iter().zip(&here.found).enumerate() {
            let first = step == 0;
            // The norm's squares are summed in f32 on a device, 4096 at a time, and in f64 in memory.
            let (of_loss, of_norm) = if first { (1e-6, 1e-5) } else { (allowed, allowed) };
            let norms = (a.gradient_norm, b.gradient_norm, of_norm);
            for (a, b, by) in [(a.loss, b.loss, of_loss), norms] {
                assert!((a - b).abs() <= by * b.abs(), "{case:?}, step {step}: {a} and {b}");
            }
        }
        for ((stretch, a), (other, b)) in there.gradients.iter().zip(&here.gradients) {
            assert_eq!(stretch, other);
            let apart = distance(a, b);
            assert!(apart <= 10.0 * allowed, "{case:?}: {} is {apart:e} apart", stretch.path);
        }
        assert_eq!(there.gradients.len(), here.gradients.len());
        assert!(there.weights.keys().eq(here.weights.keys()));
        for (path, values) in &there.weights {
            let apart = distance(values, &here.weights[path]);
            assert!(apart <= allowed, "{case:?}: {path} is {apart:e} apart");
            assert_eq!(*values, device[0].weights[path], "every rank has the same");
        }
        assert_eq!(there.state.len(), here.state.len());
        for (a, b) in there.state.iter().zip(&here.state) {
            assert_eq!((&a.path, a.kind, a.start), (&b.path, b.kind, b.start), "{case:?}");
            assert_eq!(a.data.num_elements(), b.data.num_elements());
        }
    }
    let untouched = model::files::host_tensors(&decoder, |_| true);
    let moved = |(path, values): (&String, &Vec<f32>)| distance(values, &untouched[path].1) > 1e-3;
    assert!(device[0].weights.iter().any(moved), "{case:?}: nothing was learned");
}

#[test]
fn steps_on_the_device_are_those_in_memory() {
    for (world, stage) in [(1, 0), (2, 0), (2, 1), (2, 2), (4, 1), (4, 2)] {
        for rule in [Rule::AdamW, Rule::Lion, Rule::Muon] {
            check(Case { world, stage, rule, ..PLAIN });
        }
        check(Case { world, stage, adapters: true, ..PLAIN });
        check(Case { world, stage, micro_tokens: 1000, ..PLAIN });
    }
}

#[test]
fn weights_in_bf16_change_as_in_memory() {
    for master in [MasterKind::F32, MasterKind::Split, MasterKind::None] {
        for (world, stage) in [(1, 0), (2, 0), (2, 1), (2, 2)] {
            check(Case { world, stage, bf16: Some(master), ..PLAIN });
        }
        check(Case { bf16: Some(master), rule: Rule::Muon, ..PLAIN });
    }
}

#[test]
fn states_in_8_bits_change_as_in_memory() {
    check(Case { bits: 8, ..PLAIN });
    check(Case { bits: 8, world: 2, stage: 1, ..PLAIN });
}

#[test]
fn the_first_gradients_are_the_same_bits() {
    for (world, stage) in [(2, 0), (2, 1), (2, 2), (4, 2)] {
        let of = |site: Site| -> Vec<Vec<(Stretch, Vec<f32>)>> {
            let case = Case { world, stage, ..PLAIN };
            let decoder = decoder(case);
            std::thread::scope(|scope| {
                let start = |mut rank: Threads| {
                    let (decoder, site) = (decoder.clone(), site.clone());
                    scope.spawn(move || first(case, site, &decoder, &mut rank))
                };
                let ranks = Threads::world_of(world, Duration::from_secs(60));
                let ranks: Vec<_> = ranks.into_iter().map(start).collect();
                ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
            })
        };
        assert!(of(Site::Device(Device::flex())) == of(Site::Host), "{world} ranks, stage {stage}");
    }
}

fn first(
    case: Case,
    site: Site,
    decoder: &Decoder,
    rank: &mut dyn Collective,
) -> Vec<(Stretch, Vec<f32>)> {
    let config = OptimizerConfig::default();
    let micro_tokens = MicroTokens::Most(case.micro_tokens);
    let batch = BatchConfig { micro_tokens, ..BatchConfig::default() };
    let loss = LossConfig::default();
    let objective = Objective { batch: &batch, average: LossAverage::Token, loss: &loss };
    let sharding = Sharding { stage: case.stage, bucket_mib: 1 };
    let place = (rank.rank(), rank.world());
    let mut stepper = Stepper::at(site, decoder, &config, sharding, 0, place);
    stepper.gradients(decoder, input(0, place.0, place.1), objective, false, rank).unwrap();
    stepper.summed(decoder)
}

#[test]
fn a_step_reads_one_number_a_unit_of_gradients() {
    for (world, stage) in [(1, 0), (2, 0), (2, 1), (2, 2)] {
        let case = Case { world, stage, ..PLAIN };
        let decoder = decoder(case);
        let weights = list(&decoder, "");
        let values: usize = weights.iter().map(WeightInfo::numel).sum();
        for learned in learn(case, &decoder, &Site::Device(Device::flex())) {
            for (reads, read) in learned.read {
                assert_eq!(reads, 1, "{world} ranks, stage {stage}");
                // Each weight has a unit of its own at least, and cuts make some more.
                assert!(read <= values / 4096 + 4 * weights.len(), "{read} of {values}");
            }
        }
    }
}
