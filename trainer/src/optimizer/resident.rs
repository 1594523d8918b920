//! Updates of weights where they lie: gradients, state and weights stay on the device.

use super::adamw::AdamW;
use super::blocks::Codes;
use super::lion::Lion;
use super::master::{Draws, Master};
use super::moment::{self, BlocksThere, Moment, State, Values, upload};
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
        let blocks = config.is_in_blocks(path, dims);
        let (first, second) = moments(&change, &mut state, stretch, blocks, &weight.device());
        let beside = beside(&mut state, stretch, &weight, config.master, draws);
        let codes = blocks.then(|| self.codes(&weight.device()));
        let mut kept = ops::State { first, second, beside, codes };
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

    /// What the codes of 8 bits stand for.
    fn codes(&mut self, device: &Device) -> Tensor<1> {
        self.codes.get_or_insert_with(|| upload(Codes::both(), device)).clone()
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

/// The moments of a stretch as the step takes them; zeros where there are none yet.
fn moments(
    change: &Change,
    state: &mut State,
    stretch: &Stretch,
    blocks: bool,
    device: &Device,
) -> (Option<ops::Moment>, Option<ops::Moment>) {
    let count = stretch.len();
    let of = |kept: &mut Option<Moment>, signed| {
        Some(match blocks {
            true => {
                let kept = Moment::in_blocks(kept.take(), count, signed, device);
                ops::Moment::Blocks { codes: kept.codes, scales: kept.scales }
            }
            false => {
                let zeros = || Tensor::zeros([count], (device, DType::F32));
                let kept = moment::tensor(kept.take(), device);
                ops::Moment::Values(kept.unwrap_or_else(zeros))
            }
        })
    };
    match change {
        Change::AdamW(_) => (of(&mut state.first, true), of(&mut state.second, false)),
        Change::Lion(_) => (of(&mut state.first, true), None),
        // Its momentum has been heeded in the direction.
        Change::Along { .. } => (None, None),
    }
}

/// What is kept beside a stretch, as the step takes it.
fn beside(
    state: &mut State,
    stretch: &Stretch,
    weight: &Tensor<1>,
    master: MasterKind,
    draws: Draws,
) -> Beside {
    let (device, count) = (weight.device(), stretch.len());
    match (weight.dtype(), master, state.master.take()) {
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
    }
}

/// The state after a step.
fn give_back(state: &mut State, kept: ops::State) {
    let moment = |it: ops::Moment, signed| match it {
        ops::Moment::Values(values) => Moment::Values(Values::Device(values)),
        ops::Moment::Blocks { codes, scales } => {
            Moment::BlocksThere(BlocksThere { codes, scales, signed })
        }
    };
    if let Some(first) = kept.first {
        state.first = Some(moment(first, true));
    }
    if let Some(second) = kept.second {
        state.second = Some(moment(second, false));
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
