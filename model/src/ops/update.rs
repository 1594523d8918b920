//! What a step does to a run of a weight's values, their gradient and the optimizer's state.
//!
//! On a GPU everything is read and written once, in place, in one launch: the factor of clipping, the
//! moments, and the rounding of weights in bf16 are folded in. The plain body is the reference; it rounds in
//! host memory, as Burn cannot read the bits of a float on a device.

#![allow(clippy::single_range_in_vec_init, reason = "a place in a tensor of one dimension")]

#[cfg(feature = "kernels")]
use super::kernels;
use super::{F32, cast};
use crate::rounding::{draw, joined, nearest, split, stochastic};
use burn::tensor::{DType, Int, Tensor, TensorData, bf16};

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Adam with decoupled weight decay (arXiv:1711.05101).
    AdamW,
    /// The sign of an interpolated momentum (arXiv:2302.06675).
    Lion,
    /// Along what is given as the gradient.
    Along,
}

/// The numbers of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// How the gradient becomes a step.
    pub rule: Rule,
    /// What the gradient is multiplied with before all else.
    pub scale: f32,
    /// The learning rate.
    pub rate: f32,
    /// What the weight is multiplied with.
    pub keep: f32,
    /// Decay of the first moment; under Lion, share of the momentum in the step.
    pub beta1: f32,
    /// Decay of the second moment; under Lion of the momentum.
    pub beta2: f32,
    /// What is left of 1 beside `beta1`.
    pub rest1: f32,
    /// What is left of 1 beside `beta2`.
    pub rest2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// What the first moment, which begins with zeros, is divided by.
    pub correct1: f32,
    /// What the second moment is divided by.
    pub correct2: f32,
}

/// What is kept beside a weight, so that steps below its precision are not lost.
#[derive(Clone, Debug)]
pub enum Beside {
    /// Nothing: the weight holds its values.
    Nothing,
    /// The weight in f32, of which the weight is the nearest in bf16.
    Full(Tensor<1>),
    /// The lower halves of it, as whole numbers; see [`rounding`](crate::rounding).
    Low(Tensor<1, Int>),
    /// Nothing: steps are rounded to bf16 by what is drawn under this key.
    Draws(u64),
}

/// Values of a block that share a scale.
pub const BLOCK: usize = 256;

/// A moment of a stretch of a weight.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one a stretch, each with thousands of numbers")]
pub enum Moment {
    /// In f32: `[values of the stretch]`.
    Values(Tensor<1>),
    /// In 8 bits: a code for each value, and the largest magnitude of each [`BLOCK`] of them.
    Blocks {
        /// `[values of the stretch]`.
        codes: Tensor<1, Int>,
        /// In f32: `[blocks of the stretch]`.
        scales: Tensor<1>,
    },
}

/// The optimizer's state of a stretch of a weight: `[values of the stretch]`.
#[derive(Clone, Debug)]
pub struct State {
    /// AdamW's first moment, or the momentum of Lion.
    pub first: Option<Moment>,
    /// AdamW's second moment.
    pub second: Option<Moment>,
    /// What is kept beside the weight.
    pub beside: Beside,
    /// The numbers that the 256 codes of a first moment stand for, in rising order, and those of a second
    /// one; where moments are in 8 bits.
    pub codes: Option<Tensor<1>>,
}

/// Which values are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first of them in the weight.
    pub weight: usize,
    /// Where their gradient begins.
    pub gradient: usize,
    /// Where their state begins.
    pub state: usize,
    /// How many they are.
    pub count: usize,
}

impl Step {
    /// The new values of `weight`, all tensors in f32; moments that are not there yet count as zeros.
    pub fn apply(
        &self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        first: &mut Option<Tensor<1>>,
        second: &mut Option<Tensor<1>>,
    ) -> Tensor<1> {
        let gradient = if self.scale == 1.0 { gradient } else { gradient.mul_scalar(self.scale) };
        let direction = match self.rule {
            Rule::AdamW => {
                let m = blend(first.take(), self.beta1, gradient.clone().mul_scalar(self.rest1));
                let v = blend(second.take(), self.beta2, gradient.square().mul_scalar(self.rest2));
                let root = v.clone().div_scalar(self.correct2).sqrt().add_scalar(self.epsilon);
                let direction = m.clone().div_scalar(self.correct1) / root;
                (*first, *second) = (Some(m), Some(v));
                direction
            }
            Rule::Lion => {
                let kept = first.take();
                let share = |part: f32| gradient.clone().mul_scalar(part);
                let ahead = blend(kept.clone(), self.beta1, share(self.rest1));
                *first = Some(blend(kept, self.beta2, share(self.rest2)));
                ahead.sign()
            }
            Rule::Along => gradient,
        };
        weight.mul_scalar(self.keep) - direction.mul_scalar(self.rate)
    }
}

fn blend(kept: Option<Tensor<1>>, decay: f32, share: Tensor<1>) -> Tensor<1> {
    match kept {
        Some(kept) => kept.mul_scalar(decay) + share,
        None => share,
    }
}

/// `weight`, flat and whole, with `piece` of it changed by a step along `gradient`.
///
/// `state` has the moments that the rule has, and changes with it; in 8 bits, a piece of it begins with a
/// block. Where nobody else holds the tensors, a GPU changes them where they lie.
pub fn update(
    weight: Tensor<1>,
    gradient: &Tensor<1>,
    state: &mut State,
    piece: Piece,
    step: &Step,
) -> Tensor<1> {
    #[cfg(feature = "kernels")]
    let weight = match kernels::update(weight, gradient, state, piece, step) {
        Ok(updated) => return updated,
        Err(weight) => weight,
    };
    plain(weight, gradient, state, piece, step)
}

/// The reference.
fn plain(
    weight: Tensor<1>,
    gradient: &Tensor<1>,
    state: &mut State,
    piece: Piece,
    step: &Step,
) -> Tensor<1> {
    let Piece { weight: at, state: kept_at, count, .. } = piece;
    let dtype = weight.dtype();
    let part = |tensor: &Tensor<1>, at: usize| tensor.clone().narrow(0, at, count);
    let gradient = cast(part(gradient, piece.gradient), F32);
    let values = part(&weight, at);
    let full = match &state.beside {
        Beside::Full(master) => part(master, kept_at),
        Beside::Low(low) => {
            let low = low.clone().narrow(0, kept_at, count).into_data();
            let low: Vec<u16> = low.iter::<u16>().collect();
            bitwise(values, F32, |i, value| joined(bf16::from_f32(value), low[i]))
        }
        Beside::Nothing | Beside::Draws(_) => cast(values, F32),
    };
    let codes: Option<Vec<f32>> =
        state.codes.as_ref().map(|it| it.to_data().iter::<f32>().collect());
    let table = |from: usize| codes.as_ref().map_or(&[][..], |codes| &codes[from..from + 256]);
    let mut first = decoded(state.first.as_ref(), (kept_at, count), table(0));
    let mut second = decoded(state.second.as_ref(), (kept_at, count), table(256));
    let new = step.apply(full, gradient, &mut first, &mut second);
    put(&mut state.first, kept_at, first, table(0));
    put(&mut state.second, kept_at, second, table(256));
    let rounded = match &mut state.beside {
        Beside::Nothing => cast(new, dtype),
        Beside::Full(master) => {
            *master = master.clone().slice_assign([kept_at..kept_at + count], new.clone());
            bitwise(new, dtype, |_, value| nearest(value).to_f32())
        }
        Beside::Low(low) => {
            let lows: Vec<u16> = new.to_data().iter::<f32>().map(|value| split(value).1).collect();
            let data = TensorData::new(lows, [count]);
            let lows = Tensor::<1, Int>::from_data(data, (&low.device(), low.dtype()));
            *low = low.clone().slice_assign([kept_at..kept_at + count], lows);
            bitwise(new, dtype, |_, value| nearest(value).to_f32())
        }
        Beside::Draws(key) => {
            let key = *key;
            bitwise(new, dtype, |i, value| stochastic(value, draw(key, (at + i) as u64)).to_f32())
        }
    };
    weight.slice_assign([at..at + count], rounded)
}

/// What `work` makes of each value, in host memory.
fn bitwise(tensor: Tensor<1>, dtype: DType, work: impl Fn(usize, f32) -> f32) -> Tensor<1> {
    let device = tensor.device();
    let values = tensor.into_data();
    let values: Vec<f32> = values.iter::<f32>().enumerate().map(|(i, it)| work(i, it)).collect();
    let count = values.len();
    cast(Tensor::from_data(TensorData::new(values, [count]), (&device, F32)), dtype)
}

/// Values of a moment in f32.
fn decoded(
    moment: Option<&Moment>,
    (at, count): (usize, usize),
    table: &[f32],
) -> Option<Tensor<1>> {
    match moment? {
        Moment::Values(values) => Some(values.clone().narrow(0, at, count)),
        Moment::Blocks { codes, scales } => {
            let codes = codes.clone().narrow(0, at, count).into_data();
            let device = scales.device();
            let scales: Vec<f32> = scales.to_data().iter::<f32>().collect();
            let value =
                |(i, code): (usize, u8)| table[usize::from(code)] * scales[(at + i) / BLOCK];
            let values: Vec<f32> = codes.iter::<u8>().enumerate().map(value).collect();
            Some(Tensor::from_data(TensorData::new(values, [count]), (&device, F32)))
        }
    }
}

/// Writes values of a moment into their place.
fn put(moment: &mut Option<Moment>, at: usize, part: Option<Tensor<1>>, table: &[f32]) {
    let (Some(kept), Some(part)) = (moment.take(), part) else { return };
    let count = part.dims()[0];
    *moment = Some(match kept {
        Moment::Values(values) => Moment::Values(values.slice_assign([at..at + count], part)),
        Moment::Blocks { codes, scales } => {
            let device = codes.device();
            let values: Vec<f32> = part.into_data().iter::<f32>().collect();
            let most = |block: &[f32]| block.iter().fold(0.0f32, |most, it| most.max(it.abs()));
            let new: Vec<f32> = values.chunks(BLOCK).map(most).collect();
            let code = |(i, value): (usize, &f32)| match new[i / BLOCK] {
                0.0 => nearest_code(table, 0.0),
                scale => nearest_code(table, value / scale),
            };
            let coded: Vec<u8> = values.iter().enumerate().map(code).collect();
            let (block, blocks) = (at / BLOCK, new.len());
            let coded = TensorData::new(coded, [count]);
            let coded = Tensor::<1, Int>::from_data(coded, (&device, codes.dtype()));
            let new = Tensor::<1>::from_data(TensorData::new(new, [blocks]), (&device, F32));
            Moment::Blocks {
                codes: codes.slice_assign([at..at + count], coded),
                scales: scales.slice_assign([block..block + blocks], new),
            }
        }
    });
}

/// Of two codes as near the lower.
fn nearest_code(table: &[f32], value: f32) -> u8 {
    let low = table.partition_point(|code| *code <= value).saturating_sub(1);
    let above = (low + 1).min(table.len() - 1);
    let apart = |code: usize| (value - table[code]).abs();
    (if apart(above) < apart(low) { above } else { low }) as u8
}
