//! Updates of weights where they lie: gradients, state and weights stay on the device.
//!
//! States in 8 bits are kept in memory: their weights and gradients travel there and back.

use super::adamw::AdamW;
use super::lion::Lion;
use super::master::{Draws, Master};
use super::moment::{self, Moment, State, Values};
use super::pass::Change;
use super::{MasterKind, Optimizer, OptimizerConfig};
use crate::sharding::Stretch;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use model::ops::{self, Beside, Piece, Rule, Step};
use std::ops::Range;

/// The gradient of a run of a weight's values, within a buffer on the device.
#[derive(Clone, Debug)]
pub struct Part {
    /// The buffer.
    pub values: Tensor<1>,
    /// Where the gradient begins in it.
    pub at: usize,
    /// The values of the weight that it is of.
    pub range: Range<usize>,
}

impl Part {
    /// A gradient that is by itself.
    pub fn whole(values: Tensor<1>) -> Self {
        let range = 0..values.dims()[0];
        Self { values, at: 0, range }
    }

    fn tensor(&self) -> Tensor<1> {
        let part = self.values.clone().narrow(0, self.at, self.range.len());
        ops::cast(part, DType::F32)
    }
}

impl Optimizer {
    /// `weight`, flat and whole, with one stretch of it changed where it lies; nobody else should hold it.
    ///
    /// `gradient` has the values of the stretch in order; each is multiplied with `scale` first. `factor` is
    /// the schedule's.
    pub fn update_there(
        &mut self,
        stretch: &Stretch,
        weight: Tensor<1>,
        (gradient, scale): (Vec<Part>, f32),
        config: &OptimizerConfig,
        factor: f64,
    ) -> Tensor<1> {
        let Stretch { path, dims, range } = stretch;
        if config.is_in_blocks(path, dims) {
            let part = weight.clone().narrow(0, range.start, range.len());
            let new = self.update(stretch, part, joined(&gradient, scale), config, factor);
            return weight.slice_assign([range.clone()], new);
        }
        let key = (path.clone(), range.start);
        let mut state = self.states.remove(&key).unwrap_or_default();
        let change = self.rule(stretch, config, factor);
        let (gradient, scale) = match change {
            Change::Along { .. } => {
                let whole = joined(&gradient, scale);
                let direction = Self::direction(stretch, whole, &mut state, config);
                (vec![Part { values: direction, at: 0, range: range.clone() }], 1.0)
            }
            _ => (gradient, scale),
        };
        let draws = Draws::new(config.seed, self.steps, path, 0);
        let mut kept = taken(&change, &mut state, stretch, (&weight, config.master), draws);
        let step = change.step(scale);
        let mut weight = weight;
        for part in &gradient {
            let (first, count) = (part.range.start, part.range.len());
            let piece =
                Piece { weight: first, gradient: part.at, state: first - range.start, count };
            weight = ops::update(weight, &part.values, &mut kept, piece, &step);
        }
        give_back(&mut state, kept);
        self.states.insert(key, state);
        weight
    }
}

impl Change {
    /// The numbers of it, in f32; `scale` is what gradients are multiplied with.
    pub(super) fn step(&self, scale: f32) -> Step {
        let still = Step {
            rule: Rule::Along,
            scale,
            rate: 0.0,
            keep: 1.0,
            beta1: 0.0,
            beta2: 0.0,
            rest1: 1.0,
            rest2: 1.0,
            epsilon: 0.0,
            correct1: 1.0,
            correct2: 1.0,
        };
        let with_betas = |rule, (rate, keep): (f64, f64), (beta1, beta2): (f64, f64)| Step {
            rule,
            rate: rate as f32,
            keep: keep as f32,
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            rest1: (1.0 - beta1) as f32,
            rest2: (1.0 - beta2) as f32,
            ..still
        };
        match self {
            Self::AdamW(rule) => {
                let AdamW { rate, keep, beta1, beta2, epsilon, .. } = *rule;
                let (correct1, correct2) = rule.corrections();
                Step {
                    epsilon: epsilon as f32,
                    correct1: correct1 as f32,
                    correct2: correct2 as f32,
                    ..with_betas(Rule::AdamW, (rate, keep), (beta1, beta2))
                }
            }
            Self::Lion(Lion { rate, keep, beta1, beta2 }) => {
                with_betas(Rule::Lion, (*rate, *keep), (*beta1, *beta2))
            }
            Self::Along { rate, keep } => Step { rate: *rate as f32, keep: *keep as f32, ..still },
        }
    }
}

/// The whole gradient of a stretch.
fn joined(parts: &[Part], scale: f32) -> Tensor<1> {
    let mut parts: Vec<Tensor<1>> = parts.iter().map(Part::tensor).collect();
    let whole = match parts.len() {
        1 => parts.remove(0),
        _ => Tensor::cat(parts, 0),
    };
    if scale == 1.0 { whole } else { whole.mul_scalar(scale) }
}

/// A stretch's state as the step takes it; zeros where there is none yet.
fn taken(
    change: &Change,
    state: &mut State,
    stretch: &Stretch,
    (weight, master): (&Tensor<1>, MasterKind),
    draws: Draws,
) -> ops::State {
    let (device, count) = (weight.device(), stretch.len());
    let of = |moment: &mut Option<Moment>| {
        let zeros = || Tensor::zeros([count], (&device, DType::F32));
        Some(moment::tensor(moment.take(), &device).unwrap_or_else(zeros))
    };
    let (first, second) = match change {
        Change::AdamW(_) => (of(&mut state.first), of(&mut state.second)),
        Change::Lion(_) => (of(&mut state.first), None),
        // Its momentum has been heeded in the direction.
        Change::Along { .. } => (None, None),
    };
    let beside = match (weight.dtype(), master, state.master.take()) {
        (DType::BF16, MasterKind::F32, Some(Master::Full(values))) => {
            Beside::Full(values.into_tensor(&device))
        }
        (DType::BF16, MasterKind::F32, _) => {
            let own = weight.clone().narrow(0, stretch.range.start, count);
            Beside::Full(ops::cast(own, DType::F32))
        }
        (DType::BF16, MasterKind::Split, Some(Master::LowThere(low))) => Beside::Low(low),
        (DType::BF16, MasterKind::Split, kept) => {
            let low = match kept {
                Some(Master::Low(low)) => low,
                _ => vec![0; count],
            };
            Beside::Low(lower_halves(low, &device))
        }
        (DType::BF16, MasterKind::None, _) => Beside::Draws(draws.key()),
        _ => Beside::Nothing,
    };
    ops::State { first, second, beside }
}

/// The state after a step.
fn give_back(state: &mut State, kept: ops::State) {
    let moment = |it: Tensor<1>| Moment::Values(Values::Device(it));
    if let Some(first) = kept.first {
        state.first = Some(moment(first));
    }
    if let Some(second) = kept.second {
        state.second = Some(moment(second));
    }
    state.master = match kept.beside {
        Beside::Full(master) => Some(Master::Full(Values::Device(master))),
        Beside::Low(low) => Some(Master::LowThere(low)),
        Beside::Nothing | Beside::Draws(_) => None,
    };
}

/// Lower halves on the device, in 16 bits.
pub(super) fn lower_halves(low: Vec<u16>, device: &Device) -> Tensor<1, Int> {
    let count = low.len();
    Tensor::from_data(TensorData::new(low, [count]), (device, DType::U16))
}
