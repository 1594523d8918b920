#![allow(clippy::unwrap_used)]

use super::*;
use crate::optimizer::{MasterKind, OptimizerConfig};
use crate::recipe::{BatchConfig, Precision, Train};
use data_pipeline::prepare::Kind;
use expect_test::{Expect, expect};
use model::LoraConfig;

/// A 7B on one rank; nothing is prepared.
fn recipe(train: Train, budget_gib: f64, change: impl FnOnce(&mut BatchConfig)) -> Recipe {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seven.toml");
    let text = format!(
        "[model]\npreset = \"baichuan2-7b\"\n[tokenizer]\ntrain = {{ vocabulary = 4096 }}\n\
         [memory]\nbudget_gib = {budget_gib}\n[[phase]]\nkind = \"instruction\"\n\
         datasets = [\"made-up\"]\nsteps = 10\n"
    );
    std::fs::write(&path, text).unwrap();
    let mut recipe = Recipe::load(&path, &[]).unwrap();
    assert_eq!(recipe.phase[0].kind, Kind::Instruction);
    recipe.phase[0].train = train;
    recipe.phase[0].lora = LoraConfig::default();
    recipe.phase[0].optimizer = OptimizerConfig::default();
    change(&mut recipe.phase[0].batch);
    recipe
}

fn planned(recipe: &Recipe, ranks: usize) -> Planned {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine { ranks, threads: 1, sharding: Sharding::default() };
    let config = DecoderConfig::baichuan2_7b();
    plan_phase(recipe, 0, &RunDir::new(folder.path()), &config, machine).unwrap()
}

/// What is chosen for a 7B in so many GiB, or why nothing is.
fn check(
    train: Train,
    budget_gib: f64,
    ranks: usize,
    change: impl FnOnce(&mut BatchConfig),
    expected: Expect,
) {
    let Planned { plan, misfit } = planned(&recipe(train, budget_gib, change), ranks);
    let sum = plan.predicted;
    let parts = [sum.weights, sum.gradients, sum.states, sum.activations, sum.logits, sum.work];
    let rest = sum.exchange + sum.data + sum.program;
    assert_eq!(parts.iter().sum::<u64>() + rest, sum.total);
    let fits = sum.total as f64 <= budget_gib * f64::from(1u32 << 30);
    assert_eq!(fits, misfit.is_none(), "{plan:?}");
    let text = misfit.unwrap_or_else(|| {
        format!("{} tokens, {} of {} blocks", plan.micro_tokens, plan.recompute, plan.blocks)
    });
    expected.assert_eq(&text);
}

#[test]
fn a_7b_with_adapters_shrinks_its_batches_before_it_computes_again() {
    check(Train::Lora, 400.0, 1, |_| {}, expect!["8192 tokens, 0 of 32 blocks"]);
    // Whatever the exact bytes: less room is never a larger micro-batch, nor fewer blocks.
    let of = |gib: f64| {
        let Planned { plan, misfit } = planned(&recipe(Train::Lora, gib, |_| {}), 1);
        (misfit.is_some(), std::cmp::Reverse(plan.micro_tokens), plan.recompute)
    };
    let choices: Vec<_> = [400.0, 90.0, 60.0, 50.0, 40.0, 36.0, 33.0, 5.0].map(of).into();
    assert!(choices.is_sorted(), "{choices:?}");
    assert_eq!((choices[0].0, choices[7].0), (false, true));
    assert!(choices.iter().any(|(_, size, again)| size.0 == 2048 && *again > 0), "{choices:?}");
}

#[test]
fn what_cannot_fit_is_refused_with_what_would() {
    let message = |train, gib, ranks, change: fn(&mut BatchConfig)| {
        planned(&recipe(train, gib, change), ranks).misfit.unwrap()
    };
    let full = message(Train::Full, 60.0, 1, |_| {});
    assert!(full.starts_with("phase `instruction` holds at least "), "{full}");
    assert!(full.contains("a rank may use 60.0 GiB (memory.budget_gib)"), "{full}");
    assert!(full.ends_with("it would fit with train = \"lora\""), "{full}");
    let fixed = message(Train::Lora, 45.0, 1, |batch| {
        *batch = BatchConfig {
            recompute: Recompute::Off,
            micro_tokens: MicroTokens::Most(8192),
            ..batch.clone()
        };
    });
    assert!(fixed.contains("it would fit with batch.recompute = \"auto\""), "{fixed}");
    let none = message(Train::Lora, 10.0, 2, |_| {});
    assert!(
        none.contains("no single setting helps: weights, gradients and states alone"),
        "{none}"
    );
}

#[test]
fn all_weights_of_a_7b_on_a_gpu_of_141_gb_need_a_split_master() {
    // 90 % of what the driver states of an H200. Weights in bf16 15 GB, gradients of several micro-batches in
    // f32 30 GB, states 90 GB, or 75 GB with half of the master.
    let mut recipe = recipe(Train::Full, 126.3, |_| {});
    recipe.run.device = "cuda".into();
    recipe.model.dtype = Precision::Bf16;
    let Planned { plan, misfit } = planned(&recipe, 1);
    let values = plan.predicted.weights / 2;
    assert_eq!(plan.predicted.gradients, 4 * values);
    assert_eq!(plan.predicted.states, 12 * values);
    assert_eq!(plan.micro_batches, 2);
    let misfit = misfit.unwrap();
    assert!(misfit.contains("it would fit with optimizer.master = \"split\", or with"), "{misfit}");
    recipe.phase[0].optimizer.master = MasterKind::Split;
    let Planned { plan, misfit } = planned(&recipe, 1);
    assert_eq!(misfit, None);
    assert_eq!(plan.predicted.states, 10 * values);
    assert!(plan.micro_tokens >= 1024, "{plan:?}");
    // A step of one micro-batch adds nothing up.
    recipe.phase[0].batch.samples = 1;
    recipe.phase[0].batch.max_length = 256;
    let plan = planned(&recipe, 1).plan;
    assert_eq!((plan.micro_batches, plan.predicted.gradients), (1, 2 * values));
    // Who goes on alone computes what others did; who does not know how many there were, takes care.
    let config = DecoderConfig::baichuan2_7b();
    for (ranks, micro_batches, each) in [(1, 1, 2), (2, 1, 4), (1, 0, 4), (1, 2, 4)] {
        let kept = PhasePlan { ranks, micro_batches, ..plan.clone() };
        let machine = Machine { ranks: 1, threads: 1, sharding: Sharding::default() };
        let budget = None;
        let subject = Subject { recipe: &recipe, index: 0, config: &config, machine, budget };
        let again = subject.again(&kept).unwrap().plan;
        assert_eq!(again.predicted.gradients, each * values, "{ranks} and {micro_batches}");
    }
}

#[test]
fn a_plan_is_read_as_it_was_written_and_resolves_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.json");
    assert_eq!(MemoryPlan::load(&path).unwrap(), None);
    let recipe = recipe(Train::Lora, 400.0, |_| {});
    let mut plan = MemoryPlan { phases: vec![planned(&recipe, 1).plan] };
    let total = plan.phases[0].predicted.total;
    assert_eq!(plan.note("instruction", 7), Some(total));
    assert_eq!(plan.note("instruction", 5), Some(total));
    assert_eq!(plan.note("another", 5), None);
    assert_eq!(plan.phases[0].measured_peak, Some(7));
    plan.save(&path).unwrap();
    assert_eq!(MemoryPlan::load(&path).unwrap(), Some(plan.clone()));
    let resolved = plan.resolved(&recipe);
    assert_eq!(resolved.phase[0].batch.micro_tokens, MicroTokens::Most(8192));
    assert_eq!(resolved.phase[0].batch.recompute, Recompute::Blocks(0));
    std::fs::write(&path, "{\"phases\": 5}").unwrap();
    let error = MemoryPlan::load(&path).unwrap_err();
    assert!(error.to_string().contains("not a memory plan of this version"), "{error}");
    assert_eq!(error.exit_code(), 69);
}

#[test]
fn a_run_that_goes_on_keeps_its_numbers_and_says_that_they_do_not_fit() {
    let recipe = recipe(Train::Lora, 400.0, |_| {});
    let kept = planned(&recipe, 1).plan;
    let config = DecoderConfig::baichuan2_7b();
    let machine = Machine { ranks: 2, threads: 1, sharding: Sharding::default() };
    for (gib, fits) in [(400, true), (9, false)] {
        let budget = Budget { bytes: gib << 30, origin: "a smaller machine".into() };
        let budget = Some(&budget);
        let subject = Subject { recipe: &recipe, index: 0, config: &config, machine, budget };
        let Planned { plan, misfit } = subject.again(&kept).unwrap();
        assert_eq!((plan.micro_tokens, plan.recompute), (kept.micro_tokens, kept.recompute));
        assert_eq!(plan.ranks, 2);
        assert_eq!(misfit.is_none(), fits);
        if let Some(misfit) = misfit {
            assert!(misfit.contains("with 9.0 GiB to use (a smaller machine)"), "{misfit}");
        }
    }
}
