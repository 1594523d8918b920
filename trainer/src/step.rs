//! One optimizer step over a step's rows.
//!
//! The loss is the sum over supervised tokens divided by their count over all ranks, so neither
//! micro-batches nor ranks nor grouping change the objective.

use crate::Error;
use crate::collective::Collective;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::recipe::{BatchConfig, LossAverage};
use burn::tensor::{Tensor, TensorData};
use data_pipeline::batch::{Batch, Group};
use model::Decoder;
use model::backward::{Gradients, Options, backward};
use model::layout::{GroupBatch, Piece, Target};
use model::lora::stream;
use model::ops::GroupShape;
use model::weight::{WeightInfo, list};
use std::collections::BTreeMap;

/// What a rank computes in a step.
pub struct StepInput {
    /// This rank's rows, in groups.
    pub groups: Vec<Group>,
    /// Samples over all ranks.
    pub samples: usize,
    /// Supervised tokens over all ranks.
    pub supervised: u64,
    /// Seed of the step's dropout; `None` where no adapter drops.
    pub dropout_seed: Option<u64>,
}

/// What a step found, the same on every rank.
#[derive(Clone, Copy, Debug)]
pub struct StepOutcome {
    /// Loss per supervised token (or the mean of means).
    pub loss: f64,
    /// Global norm before clipping.
    pub gradient_norm: f64,
    /// How many ranks were asked to stop.
    pub stopping: usize,
}

/// Gradient of this rank's rows, already divided by the global count; its share of the loss.
pub fn gradients(
    decoder: &Decoder,
    input: StepInput,
    batch: &BatchConfig,
    average: LossAverage,
) -> (f64, Gradients) {
    let mut gradients = Gradients::new();
    let mut loss = 0.0;
    for (i, micro) in Batch::pack(input.groups, batch.micro_tokens).into_iter().enumerate() {
        let weight = weights(&micro, average, input.samples, input.supervised);
        let micro = to_model(micro, &weight);
        let dropout_seed = input.dropout_seed.map(|seed| stream(&[seed, i as u64]));
        let options = Options { recompute: batch.recompute, dropout_seed, ..Options::default() };
        loss += backward(decoder, &micro, options, &mut gradients).sum;
    }
    (loss, gradients)
}

/// Sums gradients and loss over the world, clips, and changes the weights.
#[allow(clippy::too_many_arguments)] // Every one of them is a part of the step.
pub fn apply(
    decoder: &mut Decoder,
    optimizer: &mut Optimizer,
    (loss, gradients): (f64, Gradients),
    config: &OptimizerConfig,
    factor: f64,
    collective: &mut dyn Collective,
    stopping: bool,
) -> Result<StepOutcome, Error> {
    let infos: Vec<WeightInfo> =
        list(decoder, "").into_iter().filter(|info| info.trainable).collect();
    let (loss, stopping, mut gradients) =
        reduce(decoder, loss, stopping, gradients, &infos, collective)?;
    let gradient_norm = norm(&gradients);
    if config.clip_norm > 0.0 && gradient_norm > config.clip_norm {
        let scale = config.clip_norm / (gradient_norm + 1e-6);
        gradients = gradients
            .into_iter()
            .map(|(path, gradient)| (path, gradient.mul_scalar(scale)))
            .collect();
    }
    if loss.is_finite() && gradient_norm.is_finite() {
        optimizer.step(decoder, gradients, config, factor);
    }
    Ok(StepOutcome { loss, gradient_norm, stopping })
}

/// One buffer and one all-reduce: gradients, the loss in two halves, the wish to stop.
fn reduce(
    decoder: &Decoder,
    loss: f64,
    stopping: bool,
    gradients: Gradients,
    infos: &[WeightInfo],
    collective: &mut dyn Collective,
) -> Result<(f64, usize, Gradients), Error> {
    if collective.world() == 1 {
        return Ok((loss, usize::from(stopping), gradients));
    }
    let mut buffer: Vec<f32> =
        Vec::with_capacity(infos.iter().map(WeightInfo::numel).sum::<usize>() + 3);
    for info in infos {
        match gradients.get(&info.path) {
            Some(gradient) => buffer.extend(gradient.to_data().iter::<f32>()),
            None => buffer.resize(buffer.len() + info.numel(), 0.0),
        }
    }
    // The loss travels as f32 plus what rounding left over.
    let high = loss as f32;
    buffer.extend([high, (loss - f64::from(high)) as f32, f32::from(u8::from(stopping))]);
    collective.all_reduce(&mut buffer)?;
    let mut summed = Gradients::new();
    let mut start = 0;
    let device = decoder.device();
    for info in infos {
        let part = buffer[start..start + info.numel()].to_vec();
        start += info.numel();
        summed.insert(
            info.path.clone(),
            Tensor::from_data(TensorData::new(part, [info.numel()]), &device),
        );
    }
    let loss = f64::from(buffer[start]) + f64::from(buffer[start + 1]);
    Ok((loss, buffer[start + 2].round() as usize, summed))
}

/// Global norm over all gradients.
fn norm(gradients: &Gradients) -> f64 {
    let squares: Vec<Tensor<1>> =
        gradients.values().map(|gradient| gradient.clone().square().sum()).collect();
    if squares.is_empty() {
        return 0.0;
    }
    let sum: f64 = Tensor::cat(squares, 0).into_data().iter::<f32>().map(f64::from).sum();
    sum.sqrt()
}

/// The weight of each target of `batch`.
fn weights(batch: &Batch, average: LossAverage, samples: usize, supervised: u64) -> Vec<f32> {
    match average {
        LossAverage::Token => vec![1.0 / supervised.max(1) as f32; batch.targets.len()],
        LossAverage::Sample => {
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            for target in &batch.targets {
                *counts.entry(target.row).or_default() += 1;
            }
            batch
                .targets
                .iter()
                .map(|target| 1.0 / (counts[&target.row] * samples.max(1)) as f32)
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
