//! The largest micro-batch of a phase, computed before its first step.
//!
//! If memory does not suffice, the run ends in its first minute and not in its last hour. Beside the
//! batch lies as much as gradients and optimizer will hold, so that the first steps of a phase, which
//! have neither yet, are no easier than the later ones. Nothing is kept: no weight, no count, no row.

use super::shape::{self, Worst};
use crate::Error;
use crate::recipe::{Phase, Train};
use crate::step::to_model;
use burn::tensor::{Device, Tensor};
use data_pipeline::batch::Batch;
use data_pipeline::loader::groups;
use data_pipeline::order::{Order, places};
use data_pipeline::shard::ShardSet;
use model::Decoder;
use model::backward::{Gradients, Options, backward_telling};
use std::ops::Range;

/// What is rehearsed.
pub struct Rehearsal<'a> {
    /// The network as the phase begins.
    pub decoder: &'a Decoder,
    /// The phase, its micro-batches chosen.
    pub phase: &'a Phase,
    /// Its rows.
    pub shards: &'a ShardSet,
    /// Their order.
    pub order: &'a Order,
    /// Parts that each step is divided into, over all ranks.
    pub shares: usize,
    /// Bytes that the phase will hold and that are not there yet.
    pub to_come: u64,
}

impl Rehearsal<'_> {
    /// Forward and backward pass of the largest micro-batch of `steps`, of whichever rank.
    pub fn run(&self, steps: Range<usize>) -> Result<Option<Worst>, Error> {
        let micro_tokens = self.phase.batch.micro_tokens();
        let lengths = self.shards.lengths();
        let worst = shape::worst(lengths, self.order, self.shares, steps, micro_tokens);
        let Some(worst) = worst else { return Ok(None) };
        let rows = self.order.rows(worst.step);
        let slots = places(&rows, worst.share, lengths);
        let groups = groups(self.shards, &rows, &slots)?;
        let Some(batch) = Batch::pack(groups, micro_tokens).into_iter().nth(worst.batch) else {
            return Ok(None);
        };
        let device = self.decoder.device();
        let held = held(self.to_come, &device);
        let weights = vec![1.0; batch.targets.len()];
        let drops = self.phase.train == Train::Lora && self.phase.lora.dropout > 0.0;
        let options = Options {
            recompute: self.phase.batch.recompute.blocks(self.decoder.blocks.len()),
            dropout_seed: drops.then_some(0),
            ..Options::default()
        };
        let mut last: Option<Tensor<1>> = None;
        let ready = &mut |ready: model::backward::Ready<'_>| {
            last = ready.take().pop().map(|(_, gradient)| gradient).or(last.take());
        };
        let batch = to_model(batch, &weights);
        backward_telling(self.decoder, &batch, options, &mut Gradients::new(), ready);
        // A device may still have it before it: a value of the last gradient comes behind everything. Data
        // are copied only where they are looked at.
        if let Some(gradient) = last {
            std::hint::black_box(gradient.narrow(0, 0, 1).into_data().iter::<f32>().next());
        }
        drop(held);
        Ok(Some(worst))
    }
}

/// So many bytes that are really there.
fn held(bytes: u64, device: &Device) -> Vec<Tensor<1>> {
    // A GPU's memory comes in pages as large as the largest tensor: of those, what large pieces leave over
    // at the end of each would be counted as held.
    const PIECE: u64 = 8 << 20;
    let pieces = bytes.div_ceil(PIECE);
    let values = |piece: u64| ((bytes - piece * PIECE).min(PIECE) / 4).max(1) as usize;
    (0..pieces).map(|piece| Tensor::ones([values(piece)], device)).collect()
}
