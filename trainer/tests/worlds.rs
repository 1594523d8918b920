//! Steps of one objective on several worlds: what is learned does not depend on who computes what.

#![allow(clippy::unwrap_used)]

use data_pipeline::batch::{Group, Suffix};
use model::files::host_tensors;
use model::init::Init;
use model::{Decoder, DecoderConfig, LoraConfig};
use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::Duration;
use trainer::collective::{Collective, Deadlines, TcpRing};
use trainer::device;
use trainer::objective::LossConfig;
use trainer::optimizer::{Optimizer, OptimizerConfig, Rule};
use trainer::recipe::{BatchConfig, LossAverage, MicroTokens};
use trainer::sharding::Sharding;
use trainer::step::{Found, Objective, StepInput, StepPart, Stepper};

const DEADLINES: Deadlines = Deadlines {
    join: Duration::from_secs(60),
    operation: Duration::from_secs(60),
    stall: Duration::from_secs(60),
};

/// How often the weights change.
const STEPS: usize = 3;

#[derive(Clone, Copy)]
struct Case {
    world: usize,
    stage: u8,
    exact: usize,
    rule: Rule,
    adapters: bool,
    average: LossAverage,
    micro_tokens: usize,
}

const PLAIN: Case = Case {
    world: 1,
    stage: 0,
    exact: 0,
    rule: Rule::AdamW,
    adapters: false,
    average: LossAverage::Token,
    micro_tokens: 60,
};

/// What a world has learned, as rank 0 has it.
struct Learned {
    losses: Vec<f64>,
    norms: Vec<f64>,
    weights: BTreeMap<String, Vec<f32>>,
    /// Values of the optimizer's state, by rank.
    state: Vec<usize>,
}

fn decoder(case: Case) -> Decoder {
    let shape = DecoderConfig {
        vocab_size: 160,
        hidden_size: 32,
        intermediate_size: 140,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        ..DecoderConfig::baichuan2_tiny()
    };
    let device = device::of("flex", 0).unwrap();
    let mut decoder = Decoder::init(&shape, Init::Normal, 5, &device);
    if case.adapters {
        device.seed(9);
        decoder.add_adapters(&LoraConfig { rank: 4, ..LoraConfig::default() }).unwrap();
    }
    decoder
}

/// Eleven samples in six groups, other ones in each step.
fn groups(step: usize) -> Vec<Group> {
    let id = |i: usize| ((i * 37 + step * 11 + 5) % 159 + 1) as u32;
    let mut slot = 0;
    (0..6)
        .map(|group| {
            let prefix = (0..3 + 4 * group).map(|i| id(i + 50 * group)).collect();
            let suffixes = (0..1 + (group + step) % 3).map(|k| {
                let ids = (0..4 + (group * 3 + k * 5) % 9).map(|i| id(i + 7 * k + group)).collect();
                slot += 1;
                Suffix { row: 100 + slot, slot: slot - 1, ids, supervised_from: 2 }
            });
            Group { prefix, suffixes: suffixes.collect() }
        })
        .collect()
}

fn input(step: usize, mine: impl Fn(usize) -> Vec<usize>, parts: Range<usize>) -> StepInput {
    let all = groups(step);
    let samples = all.iter().map(|group| group.suffixes.len()).sum();
    let supervised = all.iter().map(|group| group.supervised() as u64).sum();
    let part = |part: usize| {
        let groups = mine(part).into_iter().map(|group| all[group].clone()).collect();
        StepPart { groups, dropout_seed: Some(40 + part as u64) }
    };
    StepInput { parts: parts.map(part).collect(), samples, supervised, noise_seed: 0 }
}

fn live(
    case: Case,
    mut decoder: Decoder,
    collective: &mut dyn Collective,
) -> (Vec<Found>, Decoder, usize) {
    let config = OptimizerConfig {
        name: case.rule,
        learning_rate: 1e-2,
        weight_decay: 0.1,
        clip_norm: 0.5,
        ..OptimizerConfig::default()
    };
    let batch = BatchConfig {
        micro_tokens: MicroTokens::Most(case.micro_tokens),
        ..BatchConfig::default()
    };
    let loss = LossConfig::default();
    let objective = Objective { batch: &batch, average: case.average, loss: &loss };
    let sharding = Sharding { stage: case.stage, bucket_mib: 1 };
    let mut stepper = Stepper::new(&decoder, &config, sharding, case.exact, collective);
    let mut optimizer = Optimizer::default();
    let (rank, world) = (collective.rank(), collective.world());
    let mut found = Vec::new();
    for step in 0..STEPS {
        let input = match case.exact {
            0 => {
                // Uneven: the last rank of three has nothing in the first step.
                let is_mine = |group: &usize| match (step, world) {
                    (0, 3) => group % 2 == rank,
                    _ => group % world == rank,
                };
                input(step, |_| (0..6).filter(is_mine).collect(), rank..rank + 1)
            }
            shards => {
                let each = shards / world;
                let of = |part: usize| (0..6).filter(|group| group % shards == part).collect();
                input(step, of, rank * each..(rank + 1) * each)
            }
        };
        let one = stepper.gradients(&decoder, input, objective, rank == 1, collective).unwrap();
        stepper.update(&mut decoder, &mut optimizer, &one, &config, 0.7, collective).unwrap();
        found.push(one);
    }
    let state = optimizer.kept().iter().map(|kept| kept.data.num_elements()).sum();
    (found, decoder, state)
}

fn learn(case: Case) -> Learned {
    let rings = TcpRing::threads(case.world, DEADLINES).unwrap();
    // Threads would share the stream that adapters are drawn from.
    let decoder = decoder(case);
    let ranks: Vec<_> = thread::scope(|scope| {
        let ranks: Vec<_> = rings
            .into_iter()
            .map(|mut ring| {
                let decoder = decoder.clone();
                scope.spawn(move || {
                    let (found, decoder, state) = live(case, decoder, &mut ring);
                    let weights = host_tensors(&decoder, |_| true);
                    let weights: BTreeMap<_, _> =
                        weights.into_iter().map(|(path, (_, values))| (path, values)).collect();
                    (found, weights, state)
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    });
    let (found, weights, _) = &ranks[0];
    for (others, other_weights, _) in &ranks {
        for (here, there) in found.iter().zip(others) {
            assert_eq!(here.slots, there.slots);
            assert_eq!((here.computed, here.padded), (there.computed, there.padded));
            assert_eq!(here.gradient_norm.to_bits(), there.gradient_norm.to_bits());
            assert_eq!(there.stopping, usize::from(case.world > 1));
        }
        assert!(weights == other_weights, "ranks hold other weights");
    }
    Learned {
        losses: found.iter().map(|found| found.loss).collect(),
        norms: found.iter().map(|found| found.gradient_norm).collect(),
        weights: weights.clone(),
        state: ranks.iter().map(|(_, _, state)| *state).collect(),
    }
}

/// The largest ‖a - b‖ / ‖b‖ of a weight.
fn apart(a: &Learned, b: &Learned) -> f64 {
    let of = |(path, theirs): (&String, &Vec<f32>)| {
        let square = |x: f64| x * x;
        let difference: f64 = a.weights[path]
            .iter()
            .zip(theirs)
            .map(|(a, b)| square(f64::from(*a) - f64::from(*b)))
            .sum();
        let norm: f64 = theirs.iter().map(|b| square(f64::from(*b))).sum();
        (difference / norm.max(1e-12)).sqrt()
    };
    b.weights.iter().map(of).fold(0.0, f64::max)
}

fn close(a: &Learned, b: &Learned, what: &str) {
    for (a, b) in a.losses.iter().zip(&b.losses).chain(a.norms.iter().zip(&b.norms)) {
        assert!((a - b).abs() <= 1e-5 * b.abs(), "{what}: {a} and {b}");
    }
    // AdamW divides by the root of small squares: rounding grows a little on the way.
    let apart = apart(a, b);
    assert!(apart < 1e-4, "{what}: weights are {apart:.1e} apart");
}

fn same_bits(a: &Learned, b: &Learned, what: &str) {
    let bits = |values: &[f64]| -> Vec<u64> { values.iter().map(|it| it.to_bits()).collect() };
    assert_eq!(bits(&a.losses), bits(&b.losses), "{what}: losses");
    assert_eq!(bits(&a.norms), bits(&b.norms), "{what}: norms");
    assert!(a.weights == b.weights, "{what}: weights are {:.1e} apart", apart(a, b));
}

#[test]
fn worlds_and_stages_learn_the_same() {
    for (average, rule) in [
        (LossAverage::Token, Rule::AdamW),
        (LossAverage::Sample, Rule::AdamW),
        (LossAverage::Token, Rule::Muon),
    ] {
        let case = Case { average, rule, ..PLAIN };
        let alone = learn(case);
        for world in [2, 3] {
            let whole = learn(Case { world, ..case });
            close(&whole, &alone, &format!("{average:?}, {rule:?}, {world} ranks"));
            for stage in [1, 2] {
                let sharded = learn(Case { world, stage, ..case });
                close(&sharded, &alone, &format!("{rule:?}, {world} ranks, stage {stage}"));
                if stage == 1 {
                    same_bits(&sharded, &whole, &format!("{rule:?}, {world} ranks, stage 1"));
                }
                let most = sharded.state.iter().max().unwrap();
                assert!(most * world < alone.state[0] * 3 / 2, "{:?}", sharded.state);
                assert_eq!(sharded.state.iter().sum::<usize>(), alone.state[0]);
            }
        }
    }
}

#[test]
fn micro_batches_change_no_sum() {
    let alone = learn(PLAIN);
    for micro_tokens in [1, 30, 10_000] {
        let other = learn(Case { micro_tokens, ..PLAIN });
        close(&other, &alone, &format!("micro-batches of {micro_tokens}"));
    }
}

#[test]
fn exact_shards_are_the_same_bits_on_every_world() {
    for (rule, adapters) in [(Rule::AdamW, false), (Rule::AdamW, true), (Rule::Muon, false)] {
        let case = Case { exact: 4, rule, adapters, ..PLAIN };
        let alone = learn(case);
        for (world, stage) in [(2, 0), (4, 0), (2, 1), (4, 1), (4, 2)] {
            let other = learn(Case { world, stage, ..case });
            same_bits(&other, &alone, &format!("{rule:?}, {world} ranks, stage {stage}"));
        }
        if !adapters {
            close(&alone, &learn(Case { exact: 0, ..case }), "exact or not");
        }
    }
}

/// An objective of which a part is missing, or there twice, is noticed.
#[test]
fn a_sample_that_nobody_computes_is_an_error() {
    let mut ring = TcpRing::threads(1, DEADLINES).unwrap().remove(0);
    let decoder = decoder(PLAIN);
    let config = OptimizerConfig::default();
    let (batch, loss) = (BatchConfig::default(), LossConfig::default());
    let objective = Objective { batch: &batch, average: LossAverage::Token, loss: &loss };
    for (mine, times) in [(vec![0, 1, 2, 3, 4], 0), (vec![0, 1, 2, 3, 4, 5, 5], 2)] {
        let mut stepper = Stepper::new(&decoder, &config, Sharding::default(), 0, &mut ring);
        let input = input(0, |_| mine.clone(), 0..1);
        let error = stepper.gradients(&decoder, input, objective, false, &mut ring).unwrap_err();
        assert!(error.to_string().contains(&format!("computed {times} times")), "{error}");
    }
}
