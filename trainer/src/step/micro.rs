//! Micro-batches: rows as the model wants them, and one forward and backward pass over them.

use super::tally::Tally;
use super::{Objective, StepPart};
use crate::memory::shape;
use crate::recipe::LossAverage;
use data_pipeline::batch::Batch;
use data_pipeline::ledger::sample_hash;
use model::Decoder;
use model::backward::{Gradients, Options, Ready, backward_telling};
use model::layout::{GroupBatch, Piece, Target};
use model::lora::stream;
use model::noise::Noise;
use model::ops::GroupShape;
use std::collections::BTreeMap;

/// What all passes of a step have in common.
pub(super) struct Pass<'a> {
    pub(super) decoder: &'a Decoder,
    pub(super) objective: Objective<'a>,
    pub(super) of: Count,
    pub(super) noise: Option<Noise>,
}

/// What the step's loss is divided by.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) samples: usize,
    pub(super) supervised: u64,
}

/// A micro-batch and whose it is.
pub(super) struct Micro {
    batch: Batch,
    /// Slots, with the hash of what is there and how often it is.
    pub(super) samples: Vec<(usize, (u64, u32))>,
    dropout_seed: Option<u64>,
}

impl Micro {
    pub(super) fn of(part: StepPart, micro_tokens: usize) -> Vec<Self> {
        let mut hashes: BTreeMap<usize, (u64, u32)> = BTreeMap::new();
        for group in &part.groups {
            for suffix in &group.suffixes {
                let hash = sample_hash(&group.prefix, &suffix.ids, suffix.supervised_from);
                hashes.entry(suffix.slot).or_insert((hash, 0)).1 += 1;
            }
        }
        let seed = part.dropout_seed;
        let mut micros: Vec<Self> = Vec::new();
        for (i, batch) in Batch::pack(part.groups, micro_tokens).into_iter().enumerate() {
            let slots = batch.targets.iter().map(|target| target.slot);
            // Each sample is in one micro-batch.
            let samples = slots.filter_map(|slot| hashes.remove_entry(&slot)).collect();
            let dropout_seed = seed.map(|seed| stream(&[seed, i as u64]));
            micros.push(Self { batch, samples, dropout_seed });
        }
        // A sample without a supervised token has been computed, too.
        if let Some(first) = micros.first_mut() {
            first.samples.extend(hashes);
        }
        micros
    }
}

impl Pass<'_> {
    /// Forward and backward pass of one micro-batch.
    pub(super) fn micro(
        &self,
        micro: Micro,
        tally: &mut Tally,
        gradients: &mut Gradients,
        ready: &mut dyn FnMut(Ready<'_>),
    ) {
        let Micro { batch, samples, dropout_seed } = micro;
        let weights = weights(&batch, self.objective.average, self.of);
        tally.computed += batch.ids.len() as u64;
        tally.padded += batch.places() as u64;
        tally.pairs += shape(&batch).pairs;
        let slots: Vec<usize> = batch.targets.iter().map(|target| target.slot).collect();
        let batch = to_model(batch, &weights);
        let recompute = self.objective.batch.recompute.blocks(self.decoder.blocks.len());
        let (noise, terms) = (self.noise, self.objective.loss.terms());
        let options = Options { recompute, dropout_seed, noise, terms, ..Options::default() };
        let loss = backward_telling(self.decoder, &batch, options, gradients, ready);
        for (slot, (hash, times)) in samples {
            tally.slots[slot].times += times;
            tally.slots[slot].sample = hash;
        }
        for ((slot, loss), weight) in slots.into_iter().zip(loss.targets).zip(weights) {
            tally.slots[slot].tokens += 1;
            tally.slots[slot].loss += f64::from(loss / weight);
        }
    }
}

/// The weight of each target of `batch`.
fn weights(batch: &Batch, average: LossAverage, of: Count) -> Vec<f32> {
    match average {
        LossAverage::Token => vec![1.0 / of.supervised.max(1) as f32; batch.targets.len()],
        LossAverage::Sample => {
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            for target in &batch.targets {
                *counts.entry(target.slot).or_default() += 1;
            }
            batch
                .targets
                .iter()
                .map(|target| 1.0 / (counts[&target.slot] * of.samples.max(1)) as f32)
                .collect()
        }
    }
}

/// The batch as the model wants it.
pub fn to_model(batch: Batch, weights: &[f32]) -> GroupBatch {
    let piece = |piece: data_pipeline::batch::Piece| Piece {
        groups: piece.groups,
        shape: GroupShape { prefix: piece.prefix_length, k: piece.k, suffix: piece.suffix_length },
        prefix_lengths: piece.prefix_lengths,
        suffix_lengths: piece.suffix_lengths,
    };
    GroupBatch {
        pieces: batch.pieces.into_iter().map(piece).collect(),
        ids: batch.ids,
        targets: batch
            .targets
            .iter()
            .zip(weights)
            .map(|(target, weight)| Target {
                position: target.position,
                label: target.label,
                weight: *weight,
            })
            .collect(),
    }
}
