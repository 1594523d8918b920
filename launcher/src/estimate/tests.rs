//! The model against numbers that were computed by hand, and what must hold whatever its constants are.
#![allow(clippy::unwrap_used)]

use super::rates::tests::cluster;
use super::step::{Layout, StepTime};
use super::work::{Costs, Load, Samples};
use super::{Estimate, PhaseEstimate, Question, Rates, Saves, seconds_text};
use expect_test::expect;
use proptest::prelude::*;
use std::path::Path;
use trainer::Recipe;
use trainer::checkpoint::space::Sizes;
use trainer::memory::MemoryPlan;
use trainer::network::preset;
use trainer::recipe::Train;

/// The recipe of the 7B model, its first phase on adapters or on all weights.
fn recipe(train: Train) -> Recipe {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/knowcoder-x-7b.toml");
    let mut recipe = Recipe::load(&path, &[]).unwrap();
    recipe.phase[0].train = train;
    recipe
}

pub(super) fn costs(train: Train) -> Costs {
    Costs::of(&recipe(train), 0, &preset("baichuan2-7b").unwrap()).unwrap()
}

/// What an H200 was measured to do.
pub(super) fn h200() -> Rates {
    Rates {
        products: 788e12,
        copy: 4.3e12,
        link: 360e9,
        network: 45e9,
        ..Rates::of(&cluster("h200", 8), "cuda", None).unwrap()
    }
}

/// So many tokens in documents of 2,048, each position with a loss.
pub(super) fn dense(tokens: f64) -> Load {
    Load {
        samples: tokens / 2048.0,
        tokens,
        computed: tokens,
        targets: tokens,
        pairs: tokens * 1024.5,
        groups: 1e9,
    }
}

pub(super) fn layout(world: usize, stage: u8, bytes: f64) -> Layout {
    Layout {
        world,
        per_node: 8,
        stage,
        shards: world.min(8),
        gradient_bytes: bytes,
        weight_bytes: 2.0,
        bucket: 64e6,
        exact: false,
        micro_tokens: 8192,
        recompute: 0,
    }
}

/// What the 7B recipe takes on so many H200.
pub fn estimate(world: usize) -> Estimate {
    with_spares(world, 0)
}

/// The same, beside nodes that wait.
fn with_spares(world: usize, spares: usize) -> Estimate {
    let (recipe, config) = (recipe(Train::Lora), preset("baichuan2-7b").unwrap());
    let mut cluster = cluster("h200", world);
    cluster.hardware.price_per_hour = Some(2.0);
    cluster.spares = spares;
    let rates = Rates::of(&cluster, "cuda", None).unwrap();
    let samples: Vec<Samples> = recipe.phase.iter().map(Samples::assumed).collect();
    let steps = vec![Some(1000); samples.len()];
    let sizes = Sizes { weights: 14_000_000_000, own: 1_000_000_000, frozen: false, steps: None };
    let sizes = vec![sizes; samples.len()];
    let question = Question {
        recipe: &recipe,
        config: &config,
        cluster: &cluster,
        rates: &rates,
        memory: &MemoryPlan::default(),
        samples: &samples,
        steps: &steps,
        checkpoints: Some(&sizes),
        questions: 10_000,
    };
    Estimate::on(&question, world).unwrap()
}

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!((found / expected - 1.0).abs() < within, "{found} instead of {expected}");
}

#[test]
fn a_7b_costs_what_was_counted_by_hand() {
    // N = 6,476,005,376 in linear layers, VH = 514,850,816 in the head, N_lora = 71,565,312 at rank 32.
    let full = costs(Train::Full);
    // Of the last block, o_proj and the three behind it, 152,043,520, are needed where there is a loss.
    let behind = 152_043_520.0;
    near(full.linear, 38.86e9 - 6.0 * behind, 1e-3);
    near(full.forward, 12.952e9, 1e-4);
    near(full.head, 3.089e9 + 6.0 * behind, 1e-3);
    near(full.attention, 12.0 * 32.0 * 4096.0, 1e-9);
    // 5.3 MB forwards and 7.9 MB backwards.
    near(full.moved[0], 5.26e6, 2e-3);
    near(full.moved[1], 7.90e6, 2e-3);
    let lora = costs(Train::Lora);
    // Adapters of rank 32 beside those: 32 · (2 · 4,096 + 3 · (4,096 + 11,008)).
    let beside = 1_712_128.0;
    near(lora.linear, 25.80e9 + 6.0 * (71_565_312.0 - beside) - 4.0 * behind, 1e-3);
    near(lora.head, 2.059e9 + 4.0 * behind + 6.0 * beside, 1e-3);
    assert_eq!((full.parameters, lora.trainable), (7_505_973_248.0, 71_565_312.0));
    // Two moments and a master read and written, the weight written, the gradient read twice.
    assert_eq!((full.update_bytes, lora.update_bytes), (34.0, 32.0));
}

#[test]
fn steps_take_what_was_computed_by_hand() {
    // Seconds of a step of 2²⁰ tokens on so many GPUs: everywhere alike, ZeRO-1, adapters. Buckets of 64 MB are small
    // for so many: the ring of ZeRO's halves goes once through all ranks for each of them.
    let table = [
        (1, 70.9, 70.9, 50.7),
        (8, 9.10, 9.04, 6.46),
        (64, 1.20, 1.146, 0.815),
        (128, 0.632, 0.578, 0.409),
        (256, 0.347, 0.403, 0.205),
        (512, 0.255, 0.659, 0.103),
        (1024, 0.238, 1.195, 0.066),
    ];
    let full = Costs { update_bytes: 30.0, ..costs(Train::Full) };
    let lora = Costs { update_bytes: 34.0, ..costs(Train::Lora) };
    let (rates, load) = (h200(), dense(1_048_576.0));
    for (world, alike, sharded, adapters) in table {
        let of = |costs, stage, bytes| {
            StepTime::of(costs, &load, &layout(world, stage, bytes), &rates).seconds
        };
        near(of(&full, 0, 2.0), alike, 0.02);
        near(of(&full, 1, 2.0), sharded, 0.02);
        near(of(&lora, 0, 4.0), adapters, 0.02);
    }
    let eight = StepTime::of(&full, &load, &layout(8, 0, 2.0), &rates);
    near(eight.mfu.unwrap(), 0.634, 0.02);
    assert_eq!((eight.exposed, eight.micro_batches), (0.0, 16));
}

#[test]
fn what_nothing_hides_is_added() {
    let (rates, full) = (h200(), costs(Train::Full));
    let few = StepTime::of(&full, &dense(1_048_576.0), &layout(1024, 0, 2.0), &rates);
    near(few.communication, 0.1339, 0.02);
    near(few.exposed, 0.0818, 0.03);
    let exact = Layout { exact: true, ..layout(8, 0, 4.0) };
    let exact = StepTime::of(&full, &dense(1_048_576.0), &exact, &rates);
    assert_eq!(exact.exposed, exact.communication);
    // Seven of eight shares of four bytes, eight times, at 360 GB/s.
    let sums = 7.0 * 4.0 * 7_505_973_248.0 / 360e9;
    near(exact.communication, sums + 8.0 * 470.0 * (8.4e-6 + 7.0 * 3.4e-6), 0.001);
}

#[test]
fn groups_are_dealt_out_whole() {
    let (rates, lora) = (h200(), costs(Train::Lora));
    let of = |world| {
        let load = Load { groups: 32.0, ..dense(262_144.0) };
        StepTime::of(&lora, &load, &layout(world, 0, 4.0), &rates).tokens_per_rank.round()
    };
    assert_eq!([8, 16, 24, 32, 64].map(of), [32768.0, 16384.0, 16384.0, 8192.0, 8192.0]);
}

#[test]
fn a_whole_run_adds_up() {
    let estimate = estimate(8);
    let steps: f64 = estimate.phases.iter().map(|phase| 1000.0 * phase.step.seconds).sum();
    let saved = 2.0 * 15e9 / 2e9;
    let hours = (steps + saved + estimate.evaluation_seconds) / 3600.0;
    near(estimate.hours.unwrap(), hours, 1e-9);
    near(estimate.cost.unwrap(), 16.0 * hours, 1e-9);
    assert_eq!((estimate.nodes, estimate.checkpoint_seconds), (1, Some(7.5)));
    // √(2 · 7.5 s · 6,250 h).
    near(estimate.best_save_seconds.unwrap(), 18_371.0, 1e-3);
}

#[test]
fn training_waits_for_a_disk_that_is_slower() {
    // 30 GB of weights that stay as they are, and 1 GB of adapters and their moments.
    let sizes =
        Sizes { weights: 30_000_000_000, own: 1_000_000_000, frozen: true, steps: Some(1000) };
    let saves = |count, between| Saves::of(&sizes, count, (between, 1e9));
    let Saves { first, next, waiting, last } = saves(5, 40.0);
    assert_eq!((first, next, waiting, last), (31.0, 1.0, 0.0, 1.0));
    // The second waits for the first; all others are as quick as training.
    assert_eq!(saves(5, 20.0).waiting, 11.0);
    assert_eq!((saves(1, 0.0).waiting, saves(1, 0.0).last), (0.0, 31.0));
    let whole = Sizes { frozen: false, ..sizes };
    assert_eq!(Saves::of(&whole, 5, (20.0, 1e9)).waiting, 4.0 * 11.0);
    let mut phase = estimate(8).phases.remove(0);
    phase.step.seconds = 2.0;
    let told = |phase: &PhaseEstimate| phase.slow_saves(10);
    assert_eq!(told(&phase), None);
    phase.saves = Some(Saves::of(&whole, 100, (20.0, 1e9)));
    phase.seconds_between_saves = 20.0;
    phase.seconds = Some(2000.0 + 99.0 * 11.0);
    expect!["phase `alignment` waits 18 min for checkpoints: 10 steps between two take 20.00 s, and one 31.00 s until it is on the disk; checkpoint.every = 16 would not"]
        .assert_eq(&told(&phase).unwrap());
}

#[test]
fn spares_are_paid_for() {
    let with = |spares: usize| with_spares(32, spares);
    let [none, one] = [0, 1].map(with);
    assert_eq!(none.hours, one.hours);
    near(one.cost.unwrap(), none.cost.unwrap() * 40.0 / 32.0, 1e-9);
}

#[test]
fn durations_have_a_unit() {
    let texts = [0.0000123, 0.48, 1.9, 150.0].map(seconds_text).join(", ");
    expect!["12 µs, 480 ms, 1.90 s, 3 min"].assert_eq(&texts);
}

proptest! {
    #[test]
    fn more_work_takes_longer(
        tokens in 1e4..1e7f64, more in 1.0..3.0f64, world in 1usize..200, stage in 0u8..3,
        recompute in 0usize..32,
    ) {
        let (rates, costs) = (h200(), costs(Train::Full));
        let layout = Layout { recompute, ..layout(world, stage, 4.0) };
        let of = |tokens, layout: &Layout| StepTime::of(&costs, &dense(tokens), layout, &rates);
        let time = of(tokens, &layout);
        prop_assert!(of(tokens * more, &layout).seconds >= time.seconds * (1.0 - 1e-9));
        let again = Layout { recompute: recompute + 1, ..layout };
        prop_assert!(of(tokens, &again).products > time.products);
        prop_assert!(time.exposed <= time.communication);
        prop_assert!(time.mfu.unwrap() < 0.8);
    }

    #[test]
    fn no_more_than_all_ranks_help(tokens in 1e5..1e8f64, world in 2usize..1025, stage in 0u8..3) {
        let (rates, costs) = (h200(), costs(Train::Full));
        let of = |world| {
            let shards = Layout { shards: world, ..layout(world, stage, 4.0) };
            StepTime::of(&costs, &dense(tokens), &shards, &rates).seconds
        };
        prop_assert!(of(world) * world as f64 >= 0.999 * of(1));
    }

    #[test]
    fn faster_hardware_is_never_slower(faster in 1.0..10.0f64, which in 0usize..5, world in 1usize..300) {
        let (slow, costs) = (h200(), costs(Train::Full));
        let mut fast = slow.clone();
        let rate = [&mut fast.products, &mut fast.copy, &mut fast.link, &mut fast.network];
        match rate.into_iter().nth(which) {
            Some(rate) => *rate *= faster,
            None => fast.latency = fast.latency.map(|seconds| seconds / faster),
        }
        let of = |rates| {
            StepTime::of(&costs, &dense(1e6), &layout(world, 1, 4.0), rates).seconds
        };
        prop_assert!(of(&fast) <= of(&slow) * (1.0 + 1e-9));
    }
}
