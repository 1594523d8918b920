//! One optimizer step over a step's rows.
//!
//! The loss is the sum over supervised tokens divided by their count over all ranks, so neither
//! micro-batches nor ranks nor grouping change the objective. Every sample says what it was and what its
//! loss was; a step in which one is missing, or there twice, is an error.

use crate::Error;
use crate::collective::{Collective, CollectiveError};
use crate::exchange::{Exchange, Filling};
use crate::memory::shape;
use crate::objective::LossConfig;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::recipe::{BatchConfig, LossAverage};
use crate::sharding::{Sharding, Stretch};
use burn::tensor::{DType, Tensor, TensorData};
use data_pipeline::batch::{Batch, Group};
use data_pipeline::ledger::sample_hash;
use model::Decoder;
use model::backward::{Gradients, Options, Ready, backward_telling};
use model::layout::{GroupBatch, Piece, Target};
use model::lora::stream;
use model::noise::Noise;
use model::ops::{self, GroupShape};
use model::weight::{Mapper, Visitor, Weight, WeightInfo, Weights, add, list};
use std::collections::BTreeMap;
use std::time::Instant;

/// What a rank computes in a step.
pub struct StepInput {
    /// Its parts of the rows.
    pub parts: Vec<StepPart>,
    /// Samples over all ranks.
    pub samples: usize,
    /// Supervised tokens over all ranks.
    pub supervised: u64,
    /// Seed of the step's noise, where the objective has some; the same on every rank.
    pub noise_seed: u64,
}

/// Rows that are computed one after the other, in micro-batches of their own.
pub struct StepPart {
    /// The rows, in groups.
    pub groups: Vec<Group>,
    /// Seed of the part's dropout; `None` where no adapter drops.
    pub dropout_seed: Option<u64>,
}

/// How a step is computed.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a> {
    /// Micro-batches.
    pub batch: &'a BatchConfig,
    /// How the loss is averaged.
    pub average: LossAverage,
    /// What is added to it.
    pub loss: &'a LossConfig,
}

/// What is known of one sample of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SlotLoss {
    /// Its hash, see [`sample_hash`].
    pub sample: u64,
    /// Tokens with a loss.
    pub tokens: u32,
    /// Sum of the loss over them.
    pub loss: f32,
}

/// What a step found, the same on every rank but for `seconds`.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Loss per supervised token (or the mean of means).
    pub loss: f64,
    /// Global norm of the gradients, before clipping.
    pub gradient_norm: f64,
    /// How many ranks were asked to stop.
    pub stopping: usize,
    /// How many ranks were asked to save.
    pub saving: usize,
    /// One for each row of the step.
    pub slots: Vec<SlotLoss>,
    /// Tokens computed over the world.
    pub computed: u64,
    /// Places that attention was computed over, over the world.
    pub padded: u64,
    /// Pairs of a query and a key that it sees, over the world.
    pub pairs: u64,
    /// Where this rank's time went.
    pub seconds: Seconds,
}

/// What a rank was asked for while the run goes on; all ranks learn of it with the step's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// To save and stop.
    pub stop: bool,
    /// To save and go on.
    pub save: bool,
}

impl From<bool> for Asked {
    fn from(stop: bool) -> Self {
        Self { stop, save: false }
    }
}

/// Seconds of one rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// Forward and backward passes.
    pub compute: f64,
    /// Waiting for other ranks.
    pub exchange: f64,
}

/// Computes and applies the steps of a phase.
pub struct Stepper {
    exact_shards: usize,
    /// `None` in a world of one: gradients stay on the device.
    exchange: Option<Exchange>,
    /// Sums of a world of one.
    gradients: Gradients,
}

impl Stepper {
    /// For the weights of `decoder` that are trained now.
    ///
    /// With `exact_shards`, the parts of all ranks are summed in one fixed tree.
    pub fn new(
        decoder: &Decoder,
        optimizer: &OptimizerConfig,
        sharding: Sharding,
        exact_shards: usize,
        collective: &dyn Collective,
    ) -> Self {
        let (rank, world) = (collective.rank(), collective.world());
        let weights: Vec<WeightInfo> =
            list(decoder, "").into_iter().filter(|info| info.trainable).collect();
        let indivisible = |weight: &WeightInfo| Optimizer::is_indivisible(optimizer, weight);
        let exact = exact_shards > 0;
        let exchange = (world > 1 || exact)
            .then(|| Exchange::new(weights, (rank, world), sharding, exact, &indivisible));
        Self { exact_shards, exchange, gradients: Gradients::new() }
    }

    /// The stretches of weights that this rank changes, and keeps the optimizer's state of.
    pub fn own(&self, decoder: &Decoder) -> Vec<Stretch> {
        match &self.exchange {
            Some(exchange) => exchange.own(),
            None => {
                let all = list(decoder, "").into_iter().filter(|info| info.trainable);
                all.map(|info| Stretch::whole(&info)).collect()
            }
        }
    }

    /// Loss and gradients of a step, summed over the world; the gradients stay here.
    pub fn gradients(
        &mut self,
        decoder: &Decoder,
        input: StepInput,
        objective: Objective<'_>,
        asked: impl Into<Asked>,
        collective: &mut dyn Collective,
    ) -> Result<Found, Error> {
        let started = Instant::now();
        let StepInput { parts, samples, supervised, noise_seed } = input;
        let parts: Vec<Vec<Micro>> =
            parts.into_iter().map(|part| Micro::of(part, objective.batch.micro_tokens())).collect();
        let mut tally = Tally { slots: vec![Seen::default(); samples], ..Tally::default() };
        let of = Count { samples, supervised };
        let alpha = objective.loss.neftune_noise_alpha;
        let noise = (alpha > 0.0).then_some(Noise { alpha, seed: noise_seed });
        let pass = Pass { decoder, objective, of, noise };
        let mut waited = 0.0;
        match &mut self.exchange {
            None => {
                self.gradients.clear();
                for micro in parts.into_iter().flatten() {
                    pass.micro(micro, &mut tally, &mut self.gradients, &mut |_| {});
                }
            }
            Some(exchange) => {
                exchange.begin();
                waited = if self.exact_shards > 0 {
                    exact(exchange, &pass, parts, &mut tally, collective)?
                } else if exchange.sums_each_round() {
                    each_round(exchange, &pass, parts, &mut tally, collective)?
                } else {
                    last_round(exchange, &pass, parts, &mut tally, collective)?
                };
            }
        }
        let compute = started.elapsed().as_secs_f64() - waited;
        let exchanging = Instant::now();
        let [stopping, saving] = tally.sum(asked.into(), collective)?;
        let slots = tally.slots()?;
        let gradient_norm = match &self.exchange {
            Some(exchange) => exchange.norm(collective)?,
            None => norm(&self.gradients),
        };
        let exchange = waited + exchanging.elapsed().as_secs_f64();
        Ok(Found {
            loss: mean(&slots, objective.average),
            gradient_norm,
            stopping,
            saving,
            slots,
            computed: tally.computed,
            padded: tally.padded,
            pairs: tally.pairs,
            seconds: Seconds { compute, exchange },
        })
    }

    /// The gradients that were found last, of the stretches that are summed here: all of them, or this
    /// rank's share.
    pub fn summed(&self, decoder: &Decoder) -> Vec<(Stretch, Vec<f32>)> {
        let gradient = |stretch: &Stretch| match &self.exchange {
            Some(exchange) => exchange.gradient(stretch),
            None => match self.gradients.get(&stretch.path) {
                Some(gradient) => gradient.clone().into_data().iter::<f32>().collect(),
                // Nothing of the step depends on it.
                None => vec![0.0; stretch.len()],
            },
        };
        let own = self.own(decoder).into_iter();
        own.map(|stretch| (stretch.clone(), gradient(&stretch))).collect()
    }

    /// Clips the gradients that were found last, and changes the weights.
    pub fn update(
        &mut self,
        decoder: &mut Decoder,
        optimizer: &mut Optimizer,
        found: &Found,
        config: &OptimizerConfig,
        factor: f64,
        collective: &mut dyn Collective,
    ) -> Result<(), Error> {
        let Some(exchange) = &mut self.exchange else {
            let gradients = std::mem::take(&mut self.gradients);
            let gradients = clipped(gradients, found.gradient_norm, config.clip_norm);
            optimizer.step(decoder, gradients, config, factor);
            return Ok(());
        };
        let scale = clip(found.gradient_norm, config.clip_norm);
        let weights = flat(decoder);
        let device = decoder.device();
        optimizer.begin_step();
        let mut updated = Vec::new();
        for stretch in exchange.own() {
            let Some(weight) = weights.get(&stretch.path) else { continue };
            let weight = weight.clone().narrow(0, stretch.range.start, stretch.len());
            let mut gradient = exchange.gradient(&stretch);
            if let Some(scale) = scale {
                gradient.iter_mut().for_each(|value| *value *= scale as f32);
            }
            let gradient = TensorData::new(gradient, [stretch.len()]);
            let gradient = Tensor::<1>::from_data(gradient, &device);
            let new = optimizer.update(&stretch, weight, gradient, config, factor);
            let new: Vec<f32> = new.into_data().iter::<f32>().collect();
            updated.push((stretch, new));
        }
        drop(weights);
        set(decoder, exchange.spread(updated, collective)?);
        Ok(())
    }
}

/// Each part is summed apart, then all in one tree: the same additions on every world.
fn exact(
    exchange: &mut Exchange,
    pass: &Pass<'_>,
    parts: Vec<Vec<Micro>>,
    tally: &mut Tally,
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    // Sums over 1, 2, 4, … neighbouring parts that wait for their neighbours.
    let mut waiting: Vec<(usize, Gradients)> = Vec::new();
    for part in parts {
        let mut sum = Gradients::new();
        for micro in part {
            pass.micro(micro, tally, &mut sum, &mut |_| {});
        }
        let mut width = 1;
        while let Some((_, left)) = waiting.pop_if(|(left, _)| *left == width) {
            let right = std::mem::replace(&mut sum, left);
            for (path, gradient) in right {
                add(&mut sum, &path, gradient);
            }
            width *= 2;
        }
        waiting.push((width, sum));
    }
    let sum = waiting.pop().map(|(_, sum)| sum).unwrap_or_default();
    let fill = |filling: &mut Filling<'_>| {
        for (path, gradient) in sum {
            filling.add(&path, gradient);
        }
    };
    Ok(exchange.round(collective, fill)?.1)
}

/// Every micro-batch is summed over the world, so that no rank ever holds all gradients.
fn each_round(
    exchange: &mut Exchange,
    pass: &Pass<'_>,
    parts: Vec<Vec<Micro>>,
    tally: &mut Tally,
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    let micros: Vec<Micro> = parts.into_iter().flatten().collect();
    // Ranks have different numbers of micro-batches; all take part in as many sums.
    let mut counts = vec![0.0; collective.world()];
    counts[collective.rank()] = micros.len() as f32;
    collective.all_gather(&mut counts)?;
    let rounds = counts.into_iter().fold(0.0, f32::max) as usize;
    let mut micros = micros.into_iter();
    let mut waited = 0.0;
    for _ in 0..rounds.max(1) {
        let micro = micros.next();
        let work = |filling: &mut Filling<'_>| {
            if let Some(micro) = micro {
                pass.micro(micro, tally, &mut Gradients::new(), &mut |ready| pour(filling, ready));
            }
        };
        waited += exchange.round(collective, work)?.1;
    }
    Ok(waited)
}

/// Gradients add up here; those of the last micro-batch leave as they come.
fn last_round(
    exchange: &mut Exchange,
    pass: &Pass<'_>,
    parts: Vec<Vec<Micro>>,
    tally: &mut Tally,
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    let mut micros: Vec<Micro> = parts.into_iter().flatten().collect();
    let last = micros.pop();
    let mut sum = Gradients::new();
    for micro in micros {
        pass.micro(micro, tally, &mut sum, &mut |_| {});
    }
    let work = |filling: &mut Filling<'_>| {
        if let Some(micro) = last {
            pass.micro(micro, tally, &mut sum, &mut |ready| pour(filling, ready));
        }
        // What the last micro-batch had nothing to add to.
        for (path, gradient) in sum {
            filling.add(&path, gradient);
        }
    };
    Ok(exchange.round(collective, work)?.1)
}

fn pour(filling: &mut Filling<'_>, ready: Ready<'_>) {
    for (path, gradient) in ready.take() {
        filling.add(&path, gradient);
    }
}

/// What all passes of a step have in common.
struct Pass<'a> {
    decoder: &'a Decoder,
    objective: Objective<'a>,
    of: Count,
    noise: Option<Noise>,
}

/// What the step's loss is divided by.
#[derive(Clone, Copy)]
struct Count {
    samples: usize,
    supervised: u64,
}

/// A micro-batch and whose it is.
struct Micro {
    batch: Batch,
    /// Slots, with the hash of what is there and how often it is.
    samples: Vec<(usize, (u64, u32))>,
    dropout_seed: Option<u64>,
}

impl Micro {
    fn of(part: StepPart, micro_tokens: usize) -> Vec<Self> {
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
    fn micro(
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

/// What a rank has seen of a sample.
#[derive(Clone, Copy, Default)]
struct Seen {
    times: u32,
    sample: u64,
    tokens: u32,
    loss: f64,
}

/// What a rank, then the world, has computed.
#[derive(Default)]
struct Tally {
    slots: Vec<Seen>,
    computed: u64,
    padded: u64,
    pairs: u64,
}

/// Values of a [`Seen`] in a buffer.
const WIDTH: usize = 6;

impl Tally {
    /// Adds up over the world; returns how many ranks are to stop, and to save. Every value is a whole number below
    /// 2²⁴ or comes from one rank alone, so that the sums are exact.
    fn sum(
        &mut self,
        asked: Asked,
        collective: &mut dyn Collective,
    ) -> Result<[usize; 2], CollectiveError> {
        let low = |value: u64, place: u32| (value >> (21 * place) & 0x1f_ffff) as f32;
        let mut buffer = Vec::with_capacity(WIDTH * self.slots.len() + 8);
        for Seen { times, sample, tokens, loss } in &self.slots {
            let hash = [low(*sample, 0), low(*sample, 1), low(*sample, 2)];
            buffer.extend([*times as f32, *tokens as f32, *loss as f32]);
            buffer.extend(hash);
        }
        for count in [self.computed, self.padded, self.pairs] {
            buffer.extend([low(count, 0), low(count, 1)]);
        }
        buffer.extend([asked.stop, asked.save].map(|flag| f32::from(u8::from(flag))));
        collective.all_reduce(&mut buffer)?;
        let whole = |values: &[f32]| {
            values.iter().rev().fold(0, |sum, part| (sum << 21) + part.round() as u64)
        };
        for (slot, values) in self.slots.iter_mut().zip(buffer.chunks_exact(WIDTH)) {
            *slot = Seen {
                times: values[0].round() as u32,
                tokens: values[1].round() as u32,
                loss: f64::from(values[2]),
                sample: whole(&values[3..]),
            };
        }
        let rest = &buffer[WIDTH * self.slots.len()..];
        (self.computed, self.padded) = (whole(&rest[..2]), whole(&rest[2..4]));
        self.pairs = whole(&rest[4..6]);
        Ok([rest[6], rest[7]].map(|ranks| ranks.round() as usize))
    }

    /// Every sample exactly once, or an error.
    fn slots(&self) -> Result<Vec<SlotLoss>, Error> {
        if let Some(slot) = self.slots.iter().position(|slot| slot.times != 1) {
            return Err(Error::Uncovered { slot, times: self.slots[slot].times });
        }
        let slot = |seen: &Seen| SlotLoss {
            sample: seen.sample,
            tokens: seen.tokens,
            loss: seen.loss as f32,
        };
        Ok(self.slots.iter().map(slot).collect())
    }
}

/// The loss of a step, added up in the order of its rows.
pub(crate) fn mean(slots: &[SlotLoss], average: LossAverage) -> f64 {
    match average {
        LossAverage::Token => {
            let tokens: u64 = slots.iter().map(|slot| u64::from(slot.tokens)).sum();
            slots.iter().map(|slot| f64::from(slot.loss)).sum::<f64>() / tokens.max(1) as f64
        }
        LossAverage::Sample => {
            let of = |slot: &SlotLoss| f64::from(slot.loss) / f64::from(slot.tokens.max(1));
            slots.iter().map(of).sum::<f64>() / slots.len().max(1) as f64
        }
    }
}

/// Clips whole gradients and changes the weights: a step of one rank by itself. Returns the norm.
pub fn change(
    decoder: &mut Decoder,
    optimizer: &mut Optimizer,
    gradients: Gradients,
    config: &OptimizerConfig,
    factor: f64,
) -> f64 {
    let norm = norm(&gradients);
    optimizer.step(decoder, clipped(gradients, norm, config.clip_norm), config, factor);
    norm
}

/// What gradients of this norm are multiplied with, as in torch's `clip_grad_norm_`.
fn clip(norm: f64, most: f64) -> Option<f64> {
    (most > 0.0 && norm > most).then(|| most / (norm + 1e-6))
}

fn clipped(gradients: Gradients, norm: f64, most: f64) -> Gradients {
    match clip(norm, most) {
        Some(scale) => {
            let cut = |it: Tensor<1>| ops::cast(it, DType::F32).mul_scalar(scale);
            gradients.into_iter().map(|(path, it)| (path, cut(it))).collect()
        }
        None => gradients,
    }
}

/// Global norm over all gradients.
fn norm(gradients: &Gradients) -> f64 {
    let square = |gradient: &Tensor<1>| ops::cast(gradient.clone(), DType::F32).square().sum();
    let squares: Vec<Tensor<1>> = gradients.values().map(square).collect();
    if squares.is_empty() {
        return 0.0;
    }
    let sum: f64 = Tensor::cat(squares, 0).into_data().iter::<f32>().map(f64::from).sum();
    sum.sqrt()
}

/// Trainable weights, each flattened.
fn flat(decoder: &Decoder) -> BTreeMap<String, Tensor<1>> {
    struct Flat(BTreeMap<String, Tensor<1>>);
    impl Visitor for Flat {
        fn weight<const D: usize>(&mut self, path: &str, weight: &Weight<D>) {
            if weight.trainable {
                self.0.insert(path.to_owned(), weight.value.clone().reshape([-1]));
            }
        }
    }
    let mut flat = Flat(BTreeMap::new());
    decoder.visit("", &mut flat);
    flat.0
}

/// Replaces the values of weights.
fn set(decoder: &mut Decoder, values: BTreeMap<String, Vec<f32>>) {
    struct Set(BTreeMap<String, Vec<f32>>);
    impl Mapper for Set {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            if let Some(values) = self.0.remove(path) {
                let data = TensorData::new(values, weight.value.dims());
                let (device, dtype) = (weight.value.device(), weight.value.dtype());
                weight.value = Tensor::from_data(data, (&device, dtype));
            }
        }
    }
    decoder.map("", &mut Set(values));
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
