//! How long a step takes on this machine, found by doing two of them.

use crate::collective::Solo;
use crate::optimizer::Optimizer;
use crate::recipe::{Recipe, Train};
use crate::run::{base, steps};
use crate::step::{self, StepInput};
use crate::{Error, RunDir, device};
use data_pipeline::loader::Loader;
use data_pipeline::order::{Mixture, Order, Share};
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
    let shards = Arc::new(ShardSet::open(&run_dir.prepared(index, &phase.name))?);
    let mixture = Mixture { weights: phase.weights.clone() };
    let order = Order::new(recipe.run.seed, shards.groups(), &mixture, phase.batch.samples)?;
    let last = steps(phase, &order).min(2);
    let mut optimizer = Optimizer::default();
    let mut seconds = 0.0;
    for rows in Loader::new(shards, order, Share { index: 0, count: world }, 0, last) {
        let rows = rows?;
        let started = Instant::now();
        let input = StepInput {
            groups: rows.groups,
            samples: rows.samples,
            supervised: rows.supervised,
            dropout_seed: None,
        };
        let local = step::gradients(&decoder, input, &phase.batch, phase.loss_average);
        let (config, solo) = (&phase.optimizer, &mut Solo);
        step::apply(&mut decoder, &mut optimizer, local, config, 1.0, solo, false)?;
        seconds = started.elapsed().as_secs_f64();
    }
    Ok(seconds)
}
