//! What the settings of a phase made of its data, and how full its batches are.

use crate::Error;
use crate::RunDir;
use crate::recipe::Recipe;
use crate::run::steps;
use data_pipeline::effect::Effect;
use data_pipeline::fill::Fill;
use data_pipeline::order::{Order, Share};
use data_pipeline::shard::ShardSet;

/// Steps whose batches are laid out, at most: more say the same again.
const STEPS: usize = 200;

/// The effect of one phase.
pub struct PhaseEffect {
    /// The name of the phase.
    pub phase: String,
    /// By dataset and task.
    pub effects: Vec<Effect>,
    /// How full the batches of its first steps are, on one rank.
    pub fill: Fill,
}

/// The effect of every phase of a prepared `recipe`.
pub fn effects(recipe: &Recipe, run_dir: &RunDir) -> Result<Vec<PhaseEffect>, Error> {
    recipe
        .phase
        .iter()
        .enumerate()
        .map(|(index, phase)| {
            let shards = ShardSet::open(&run_dir.prepared(index, &phase.name))?;
            let (seed, samples) = (recipe.run.seed, phase.batch.samples);
            let order = Order::new(seed, shards.rows(), &phase.mixture(), samples)?;
            let seen = 0..steps(phase, &order).min(STEPS);
            let (lengths, micro_tokens) = (shards.lengths(), phase.batch.micro_tokens());
            Ok(PhaseEffect {
                phase: phase.name.clone(),
                effects: shards.manifest().effects.clone(),
                fill: Fill::of(lengths, &order, Share::ALL, seen, micro_tokens),
            })
        })
        .collect()
}
