//! How gradients change weights: rules, their state, and the precision of both.
//!
//! - `config`, `groups`: the `[optimizer]` section, and which weights it speaks of.
//! - `adamw`, `lion`, `muon`: the rules. The first two are written over slices, held by tests against the
//!   same over tensors, [`model::ops::update()`]; the last over tensors.
//! - `blocks`: states in 8 bits. `master`: what weights in bf16 lack.
//! - `pass`: a step over slices, in one pass. `moment`: what is kept of a stretch.
//! - `resident`: a step where weights, gradients and state stay on the device, in place.
//!
//! State is kept by weight path, so that a checkpoint means the same on every world and device.
//!
//! On the CPU every step is a pass over slices, and the state is plain vectors. Elsewhere it is tensors on
//! the device, changed there in one launch a piece; only where ranks reach each other's memory alone do
//! weights and gradients travel there and back in each step. That is exact, and slow.

mod adamw;
mod blocks;
mod config;
mod groups;
mod lion;
mod master;
mod moment;
mod muon;
mod pass;
mod resident;
#[cfg(test)]
mod tests;

pub use config::{MasterKind, MuonScale, OptimizerConfig, Rule};
pub use groups::{Group, trained};
pub use resident::Part;

use crate::sharding::Stretch;
use crate::{Error, device};
use adamw::AdamW;
use blocks::{BLOCK, Blocks};
use burn::tensor::{DType, Device, Tensor, TensorData};
use lion::Lion;
use master::{Draws, Master};
use model::weight::{Mapper, Weight, WeightInfo, Weights};
use model::{Decoder, Gradients, ops};
use moment::{BlocksThere, Moment, State, Values, data};
use pass::{Change, Held, pass};
use std::collections::BTreeMap;

/// A part of the state of one stretch, for a checkpoint.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of which weight.
    pub path: String,
    /// Which part of the state: `first`, `second` in f32; `first8`, `second8`, the codes of 8-bit states,
    /// with `first8-scale`, `second8-scale`, one for each block; `master`, the weight in f32, or `low`,
    /// its lower 16 bits. Codes and lower halves are whole numbers, which f32 holds exactly.
    pub kind: &'static str,
    /// The first value of the weight that it belongs to.
    pub start: usize,
    /// Values of the weight that one value here stands for.
    pub unit: usize,
    /// `[values]`.
    pub data: TensorData,
}

/// Gives the part of the state with this kind and unit for a whole stretch; `None` where there is none.
pub type Restore<'a> = dyn FnMut(&str, usize) -> Result<Option<TensorData>, Error> + 'a;

/// The optimizer's state.
#[derive(Debug, Default)]
pub struct Optimizer {
    /// By path and first value.
    states: BTreeMap<(String, usize), State>,
    /// Which of the recipe's groups a weight is in.
    groups: BTreeMap<String, Option<usize>>,
    /// Steps taken, for the bias correction.
    steps: usize,
    /// What the codes of 8 bits stand for, on the device.
    codes: Option<Tensor<1>>,
}

impl Optimizer {
    /// An optimizer that has taken so many steps, its state still to be restored.
    pub fn at(steps: usize) -> Self {
        Self { steps, ..Self::default() }
    }

    /// Whether a weight must be updated in one piece.
    pub fn is_indivisible(config: &OptimizerConfig, weight: &WeightInfo) -> bool {
        config.is_muon(&weight.path, &weight.dims)
    }

    /// Counts a step; its updates follow.
    pub fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// The new values of a stretch of a weight, in the weight's type.
    ///
    /// `factor` is the schedule's. `weight`, `gradient` and the result: `[values]`.
    pub fn update(
        &mut self,
        stretch: &Stretch,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        config: &OptimizerConfig,
        factor: f64,
    ) -> Tensor<1> {
        let key = (stretch.path.clone(), stretch.range.start);
        let mut state = self.states.remove(&key).unwrap_or_default();
        let blocks = config.is_in_blocks(&stretch.path, &stretch.dims);
        let device = weight.device();
        let (change, gradient) = self.change(stretch, gradient, &mut state, config, factor);
        let needs_bits =
            blocks || (weight.dtype() != DType::F32 && config.master != MasterKind::F32);
        let new = if needs_bits || device::is_host(&device) {
            let draws = Draws::new(config.seed, self.steps, &stretch.path, stretch.range.start);
            let kind = (config.master, blocks);
            on_host(&change, &mut state, (weight, gradient), kind, draws)
        } else {
            on_device(&change, &mut state, weight, gradient)
        };
        self.states.insert(key, state);
        new
    }

    /// The rule of a stretch in this step, and what it is applied to.
    fn change(
        &mut self,
        stretch: &Stretch,
        gradient: Tensor<1>,
        state: &mut State,
        config: &OptimizerConfig,
        factor: f64,
    ) -> (Change, Tensor<1>) {
        let change = self.rule(stretch, config, factor);
        let gradient = match change {
            Change::Along { .. } => Self::direction(stretch, gradient, state, config),
            _ => gradient,
        };
        (change, gradient)
    }

    /// The rule of a stretch in this step.
    fn rule(&mut self, stretch: &Stretch, config: &OptimizerConfig, factor: f64) -> Change {
        let Stretch { path, dims, .. } = stretch;
        let group = self.group(config, path);
        let is_muon = config.is_muon(path, dims);
        let peak = group.and_then(|group| group.learning_rate);
        let own = if is_muon { config.muon_learning_rate } else { config.learning_rate };
        let rate = peak.unwrap_or(own) * factor * config.ratio(path);
        let decay = group.and_then(|group| group.weight_decay).unwrap_or(config.weight_decay);
        // Norm gains are vectors and are not decayed.
        let keep = if dims.len() > 1 { 1.0 - rate * decay } else { 1.0 };
        let (beta1, beta2) = (config.beta1, config.beta2);
        match config.name {
            _ if is_muon => Change::Along { rate, keep },
            Rule::Lion => Change::Lion(Lion { rate, keep, beta1, beta2 }),
            Rule::AdamW | Rule::Muon => {
                let (epsilon, step) = (config.epsilon, self.steps);
                Change::AdamW(AdamW { rate, keep, beta1, beta2, epsilon, step })
            }
        }
    }

    /// Where Muon goes with a matrix.
    fn direction(
        stretch: &Stretch,
        gradient: Tensor<1>,
        state: &mut State,
        config: &OptimizerConfig,
    ) -> Tensor<1> {
        let device = gradient.device();
        let gradient = ops::cast(gradient, DType::F32);
        let mut momentum = moment::tensor(state.first.take(), &device);
        let shape = (stretch.dims[0], stretch.dims[1]);
        let direction = muon::direction(&mut momentum, gradient, shape, config.muon_scale);
        state.first = momentum.map(|it| Moment::Values(Values::Device(it)));
        direction
    }

    /// The group of a weight; expressions are asked once.
    fn group<'a>(&mut self, config: &'a OptimizerConfig, path: &str) -> Option<&'a Group> {
        if config.groups.is_empty() {
            return None;
        }
        let index = match self.groups.get(path) {
            Some(index) => *index,
            None => {
                let index = groups::index(config, path);
                self.groups.insert(path.to_owned(), index);
                index
            }
        };
        index.and_then(|index| config.groups.get(index))
    }

    /// Changes every weight that has a gradient, in one step.
    pub fn step(
        &mut self,
        decoder: &mut Decoder,
        gradients: Gradients,
        config: &OptimizerConfig,
        factor: f64,
    ) {
        self.begin_step();
        decoder.map("", &mut Update { optimizer: self, gradients, config, factor });
    }

    /// All of the state, on the host.
    pub fn kept(&self) -> Vec<Kept> {
        let mut all = Vec::new();
        for ((path, start), state) in &self.states {
            let mut keep = |kind, unit, data| {
                all.push(Kept { path: path.clone(), kind, start: *start, unit, data });
            };
            let moments = [
                (&state.first, ["first", "first8", "first8-scale"]),
                (&state.second, ["second", "second8", "second8-scale"]),
            ];
            for (moment, [values, codes, scales]) in moments {
                match moment {
                    Some(Moment::Values(kept)) => keep(values, 1, kept.data()),
                    Some(Moment::Blocks(blocks)) => {
                        keep(codes, 1, data(&blocks.codes));
                        keep(scales, BLOCK, data(&blocks.scales));
                    }
                    Some(Moment::BlocksThere(blocks)) => {
                        keep(codes, 1, blocks.codes.to_data());
                        keep(scales, BLOCK, blocks.scales.to_data());
                    }
                    None => {}
                }
            }
            match &state.master {
                Some(Master::Full(values)) => keep("master", 1, values.data()),
                Some(Master::Low(low)) => keep("low", 1, data(low)),
                Some(Master::LowThere(low)) => keep("low", 1, low.to_data()),
                None => {}
            }
        }
        all
    }

    /// Takes the state of a stretch up again.
    pub fn restore(
        &mut self,
        stretch: &Stretch,
        read: &mut Restore<'_>,
        device: &Device,
    ) -> Result<(), Error> {
        let mut moment = |values: &str, codes: &str, scales: &str, signed| {
            if let Some(kept) = read(values, 1)? {
                return Ok(Some(Moment::Values(restored(kept, device))));
            }
            let (codes, scales) = (read(codes, 1)?, read(scales, BLOCK)?);
            let blocks = codes.zip(scales).map(|(codes, scales)| Blocks {
                codes: codes.iter::<u8>().collect(),
                scales: scales.iter::<f32>().collect(),
                signed,
            });
            let there = |blocks| Moment::BlocksThere(BlocksThere::of(blocks, device));
            let blocks = blocks.map(|blocks| match device::is_host(device) {
                true => Moment::Blocks(blocks),
                false => there(blocks),
            });
            Ok::<_, Error>(blocks)
        };
        let first = moment("first", "first8", "first8-scale", true)?;
        let second = moment("second", "second8", "second8-scale", false)?;
        let master = match read("master", 1)? {
            Some(kept) => Some(Master::Full(restored(kept, device))),
            None => read("low", 1)?.map(|low| {
                let low = low.iter::<u16>().collect();
                match device::is_host(device) {
                    true => Master::Low(low),
                    false => Master::LowThere(resident::lower_halves(low, device)),
                }
            }),
        };
        if first.is_some() || second.is_some() || master.is_some() {
            let state = State { first, second, master };
            self.states.insert((stretch.path.clone(), stretch.range.start), state);
        }
        Ok(())
    }
}

/// Numbers of a checkpoint where the steps want them.
fn restored(data: TensorData, device: &Device) -> Values {
    let values = data.iter::<f32>().collect();
    match device::is_host(device) {
        true => Values::Host(values),
        false => Values::Device(moment::upload(values, device)),
    }
}

/// One pass over slices.
fn on_host(
    change: &Change,
    state: &mut State,
    (weight, gradient): (Tensor<1>, Tensor<1>),
    (master, blocks): (MasterKind, bool),
    draws: Draws,
) -> Tensor<1> {
    let (device, length) = (weight.device(), weight.dims()[0]);
    let of = |moment: &mut Option<Moment>, signed| {
        Some(Moment::on_host(moment.take(), length, blocks, signed))
    };
    let (mut first, mut second) = match change {
        Change::AdamW(_) => (of(&mut state.first, true), of(&mut state.second, false)),
        Change::Lion(_) => (of(&mut state.first, true), None),
        // Its momentum has been heeded in the direction.
        Change::Along { .. } => (None, None),
    };
    let gradient: Vec<f32> = moment::host(gradient);
    let mut held = Held::new(weight, state.master.take(), master, draws);
    pass(change, &mut held, &gradient, first.as_mut(), second.as_mut());
    if first.is_some() {
        state.first = first;
    }
    state.second = second;
    let (weight, master) = held.end(&device);
    state.master = master;
    weight
}

/// The same over tensors; weights of fewer bits have a copy in f32.
fn on_device(
    change: &Change,
    state: &mut State,
    weight: Tensor<1>,
    gradient: Tensor<1>,
) -> Tensor<1> {
    let (device, dtype) = (weight.device(), weight.dtype());
    let full = match state.master.take() {
        Some(Master::Full(values)) => values.into_tensor(&device),
        _ => ops::cast(weight, DType::F32),
    };
    let gradient = ops::cast(gradient, DType::F32);
    let step = change.step(1.0);
    let new = if matches!(change, Change::Along { .. }) {
        step.apply(full, gradient, &mut None, &mut None)
    } else {
        let mut first = moment::tensor(state.first.take(), &device);
        let mut second = moment::tensor(state.second.take(), &device);
        let new = step.apply(full, gradient, &mut first, &mut second);
        state.first = first.map(|it| Moment::Values(Values::Device(it)));
        state.second = second.map(|it| Moment::Values(Values::Device(it)));
        new
    };
    if dtype == DType::F32 {
        return new;
    }
    state.master = Some(Master::Full(Values::Device(new.clone())));
    ops::cast(new, dtype)
}

struct Update<'a> {
    optimizer: &'a mut Optimizer,
    gradients: Gradients,
    config: &'a OptimizerConfig,
    factor: f64,
}

impl Mapper for Update<'_> {
    fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
        let Some(gradient) = self.gradients.remove(path).filter(|_| weight.trainable) else {
            return;
        };
        let dims = weight.value.dims();
        let range = 0..dims.iter().product();
        let stretch = Stretch { path: path.to_owned(), dims: dims.to_vec(), range };
        let flat = weight.value.clone().reshape([-1]);
        let new = self.optimizer.update(&stretch, flat, gradient, self.config, self.factor);
        weight.value = new.reshape(dims);
    }
}

fn is_block_matrix(path: &str, dims: &[usize]) -> bool {
    dims.len() == 2 && path.starts_with("model.layers.")
}
