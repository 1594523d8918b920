//! A step's rows: what a rank computes of them, and what is told of them afterwards.

use crate::metrics::{Parts, SourceLoss, StepMetrics};
use crate::recipe::{Phase, Recipe, Train};
use crate::step::{Found, StepInput, StepPart};
use data_pipeline::loader::StepRows;
use data_pipeline::order::Share;
use data_pipeline::shard::ShardSet;
use model::lora::stream;

/// The parts of a step's rows that a rank computes.
pub(crate) fn shares(exact_shards: usize, rank: usize, world: usize) -> Vec<Share> {
    match exact_shards {
        0 => vec![Share { index: rank, count: world }],
        count => {
            let each = count / world;
            (rank * each..(rank + 1) * each).map(|index| Share { index, count }).collect()
        }
    }
}

/// What a rank computes of a step of phase number `index`.
pub(crate) fn input(rows: StepRows, recipe: &Recipe, index: usize, shares: &[Share]) -> StepInput {
    let phase = &recipe.phase[index];
    let drops = phase.train == Train::Lora && phase.lora.dropout > 0.0;
    let seed = |share: &Share| {
        // A stream of its own for each (phase, step, share).
        let path = [recipe.run.seed, index as u64, rows.step as u64, share.index as u64];
        drops.then(|| stream(&path))
    };
    let parts = rows.parts.into_iter().zip(shares);
    let part = |(groups, share)| StepPart { groups, dropout_seed: seed(share) };
    StepInput {
        parts: parts.map(part).collect(),
        samples: rows.rows.len(),
        supervised: rows.supervised,
        noise_seed: noise_seed(recipe.run.seed, index, rows.step),
    }
}

/// The stream that NEFTune's noise comes from in a step.
pub(crate) fn noise_seed(seed: u64, phase: usize, step: usize) -> u64 {
    // A word of its own: adapters drop under the same three numbers and one more.
    stream(&[seed, phase as u64, step as u64, u64::from_be_bytes(*b"neftune.")])
}

/// What is known of a step's rows before it is computed.
pub(super) struct Facts {
    pub(super) rows: Vec<usize>,
    sources: Vec<u32>,
    names: Vec<data_pipeline::shard::RowSource>,
    tokens: u64,
    pub(super) supervised: u64,
}

impl Facts {
    pub(super) fn of(rows: &StepRows, shards: &ShardSet) -> Self {
        let lengths = shards.lengths();
        Self {
            rows: rows.rows.clone(),
            sources: rows.rows.iter().map(|row| lengths[*row].source).collect(),
            names: shards.sources().to_vec(),
            tokens: rows.tokens,
            supervised: rows.supervised,
        }
    }

    /// The line of a step, without what its parts took.
    pub(super) fn metrics(
        &self,
        phase: &Phase,
        (step, steps): (usize, usize),
        learning_rate: f64,
        found: &Found,
        seconds: f64,
    ) -> StepMetrics {
        StepMetrics {
            phase: phase.name.clone(),
            step: step + 1,
            steps,
            loss: found.loss,
            learning_rate,
            gradient_norm: found.gradient_norm,
            samples: self.rows.len(),
            tokens: self.tokens,
            supervised_tokens: self.supervised,
            seconds,
            tokens_per_second: self.tokens as f64 / seconds.max(1e-9),
            computed_tokens: found.computed,
            padded_tokens: found.padded,
            sources: SourceLoss::of(&found.slots, &self.sources, &self.names, phase.loss_average),
            parts: Parts::default(),
            flops: 0.0,
            memory_bytes: 0,
            applied: true,
        }
    }
}
