//! One optimizer step over a step's rows.
//!
//! The loss is the sum over supervised tokens divided by their count over all ranks, so neither
//! micro-batches nor ranks nor grouping change the objective. Every sample says what it was and what its
//! loss was; a step in which one is missing, or there twice, is an error.

mod micro;
mod resident;
mod rounds;
mod tally;
#[cfg(test)]
mod tests;

pub use micro::to_model;

use crate::Error;
use crate::collective::Collective;
use crate::device::is_host;
use crate::exchange::{Exchange, Site};
use crate::objective::LossConfig;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::recipe::{BatchConfig, LossAverage};
use crate::sharding::{Sharding, Stretch};
use burn::tensor::{DType, Tensor, TensorData};
use data_pipeline::batch::Group;
use micro::{Count, Micro, Pass};
use model::Decoder;
use model::backward::Gradients;
use model::noise::Noise;
use model::ops;
use model::weight::{Mapper, Visitor, Weight, WeightInfo, Weights, list};
use rounds::{each_round, exact, last_round};
use std::collections::BTreeMap;
use std::time::Instant;
use tally::{Seen, Tally};

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
    /// Its hash, see [`sample_hash`](data_pipeline::ledger::sample_hash).
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
    /// To find a loss that is no number: a drill.
    pub spoil: bool,
}

impl From<bool> for Asked {
    fn from(stop: bool) -> Self {
        Self { stop, ..Self::default() }
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
    /// Where they, or those of the exchange, are.
    site: Site,
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
        collective: &mut dyn Collective,
    ) -> Self {
        let site = Site::of(&decoder.device(), exact_shards > 0, collective);
        let place = (collective.rank(), collective.world());
        Self::at(site, decoder, optimizer, sharding, exact_shards, place)
    }

    /// The same with a choice of where gradients are summed.
    fn at(
        site: Site,
        decoder: &Decoder,
        optimizer: &OptimizerConfig,
        sharding: Sharding,
        exact_shards: usize,
        (rank, world): (usize, usize),
    ) -> Self {
        let weights: Vec<WeightInfo> =
            list(decoder, "").into_iter().filter(|info| info.trainable).collect();
        let indivisible = |weight: &WeightInfo| Optimizer::is_indivisible(optimizer, weight);
        let exact = exact_shards > 0;
        let exchange = (world > 1 || exact)
            .then(|| Exchange::new(weights, (rank, world), sharding, exact, &site, &indivisible));
        Self { exact_shards, exchange, gradients: Gradients::new(), site }
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
        let asked = asked.into();
        if asked.spoil {
            tally.spoil();
        }
        let [stopping, saving] = tally.sum(asked, collective)?;
        let slots = tally.slots()?;
        let gradient_norm = match &self.exchange {
            Some(exchange) => exchange.norm(collective)?,
            None => match &self.site {
                Site::Host => norm(&self.gradients),
                Site::Device(device) => resident::norm(&self.gradients, device),
            },
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
        let scale = clip(found.gradient_norm, config.clip_norm);
        let rule = resident::Rule { config, factor, scale: scale.map_or(1.0, |it| it as f32) };
        let Some(exchange) = &mut self.exchange else {
            let gradients = std::mem::take(&mut self.gradients);
            match &self.site {
                Site::Host => {
                    let gradients = clipped(gradients, found.gradient_norm, config.clip_norm);
                    optimizer.step(decoder, gradients, config, factor);
                }
                Site::Device(_) => resident::apply(decoder, optimizer, gradients, rule),
            }
            return Ok(());
        };
        if exchange.is_on_device() {
            return resident::exchanged(decoder, optimizer, exchange, rule, collective);
        }
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
    let device = decoder.device();
    if is_host(&device) {
        let norm = norm(&gradients);
        optimizer.step(decoder, clipped(gradients, norm, config.clip_norm), config, factor);
        return norm;
    }
    let norm = resident::norm(&gradients, &device);
    let scale = clip(norm, config.clip_norm).map_or(1.0, |it| it as f32);
    resident::apply(decoder, optimizer, gradients, resident::Rule { config, factor, scale });
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
