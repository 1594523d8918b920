//! How long a step takes on this machine, found by doing two of them.

use crate::collective::Solo;
use crate::network::{base, set_trained};
use crate::optimizer::Optimizer;
use crate::recipe::{Recipe, Train};
use crate::run::steps;
use crate::sharding::Sharding;
use crate::step::{Objective, StepInput, StepPart, Stepper};
use crate::{Error, RunDir, device};
use data_pipeline::loader::Loader;
use data_pipeline::order::{Order, Share};
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use std::sync::Arc;
use std::time::Instant;

/// Seconds that rank 0 of `world` needs for a step of phase `index`: the second of two steps on the
/// phase's own first rows, with the exchange between ranks left out. Nothing is kept or written.
///
/// The shards of the phase must be prepared.
pub fn seconds_per_step(
    recipe: &Recipe,
    index: usize,
    run_dir: &RunDir,
    world: usize,
) -> Result<f64, Error> {
    let phase = &recipe.phase[index];
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let device = device::of(&recipe.run.device, 0)?;
    let mut decoder = base(recipe, &tokenizer, &device, &mut |_, _| {})?;
    if phase.train == Train::Lora {
        decoder.add_adapters(&phase.lora)?;
    }
    set_trained(&mut decoder, phase)?;
    let shards = Arc::new(ShardSet::open(&run_dir.prepared(index, &phase.name))?);
    let order = Order::new(recipe.run.seed, shards.rows(), &phase.mixture(), phase.batch.samples)?;
    let last = steps(phase, &order).min(2);
    let mut optimizer = Optimizer::default();
    let mut seconds = 0.0;
    let solo = &mut Solo;
    let config = &phase.optimizer;
    let mut stepper = Stepper::new(&decoder, config, Sharding::default(), 0, solo);
    let objective =
        Objective { batch: &phase.batch, average: phase.loss_average, loss: &phase.loss };
    for rows in Loader::new(shards, order, vec![Share { index: 0, count: world }], 0, last) {
        let mut rows = rows?;
        let started = Instant::now();
        let samples: usize = rows.parts.iter().flatten().map(|group| group.suffixes.len()).sum();
        // Only this rank's rows are there: they are the step.
        let suffixes = rows.parts.iter_mut().flatten().flat_map(|group| &mut group.suffixes);
        for (slot, suffix) in suffixes.enumerate() {
            suffix.slot = slot;
        }
        let part = |groups| StepPart { groups, dropout_seed: None };
        let parts = rows.parts.into_iter().map(part).collect();
        let input = StepInput { parts, samples, supervised: rows.supervised, noise_seed: 0 };
        let found = stepper.gradients(&decoder, input, objective, false, solo)?;
        stepper.update(&mut decoder, &mut optimizer, &found, config, 1.0, solo)?;
        seconds = started.elapsed().as_secs_f64();
    }
    Ok(seconds)
}
