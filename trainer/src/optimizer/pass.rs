//! One pass over the values of a stretch, in memory and on all cores.
//!
//! A weight, its gradient and its state are read and written once, in pieces that a core's fastest memory
//! holds; numbers of 8 and 16 bits are f32 only there. Pieces begin at multiples of [`UNIT`] values, so
//! that no block of 8-bit values is in two of them.

use super::adamw::AdamW;
use super::blocks::{BLOCK, Blocks, Codes};
use super::config::MasterKind;
use super::lion::Lion;
use super::master::{Draws, Master};
use super::moment::{Moment, Values, host, upload};
use crate::sharding::UNIT;
use burn::tensor::{DType, Device, Tensor, bf16};
use model::rounding::{joined, nearest, split, stochastic};
use rayon::prelude::*;

/// What happens to a weight.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    AdamW(AdamW),
    Lion(Lion),
    /// A step of length `rate` along what is given as the gradient.
    Along {
        rate: f64,
        keep: f64,
    },
}

impl Change {
    /// Over slices: `first` and `second` are empty where the rule has none.
    fn values(&self, weight: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        match self {
            Self::AdamW(rule) => rule.values(weight, gradient, first, second),
            Self::Lion(rule) => rule.values(weight, gradient, first),
            Self::Along { rate, keep } => {
                let (rate, keep) = (*rate as f32, *keep as f32);
                for (w, direction) in weight.iter_mut().zip(gradient) {
                    *w = *w * keep - direction * rate;
                }
            }
        }
    }
}

/// The values of a stretch as they are stored, in memory.
pub(super) enum Held {
    F32(Vec<f32>),
    /// With a copy in f32.
    Full(Vec<bf16>, Vec<f32>),
    /// With the lower halves.
    Split(Vec<bf16>, Vec<u16>),
    /// Rounded by chance.
    Rounded(Vec<bf16>, Draws),
}

impl Held {
    pub(super) fn new(
        weight: Tensor<1>,
        master: Option<Master>,
        kind: MasterKind,
        draws: Draws,
    ) -> Self {
        if weight.dtype() != DType::BF16 {
            return Self::F32(host(weight));
        }
        let weight: Vec<bf16> = host(weight);
        match (kind, master) {
            (MasterKind::F32, Some(Master::Full(master))) => Self::Full(weight, master.into_host()),
            (MasterKind::F32, _) => {
                let master = weight.iter().map(|value| value.to_f32()).collect();
                Self::Full(weight, master)
            }
            (MasterKind::Split, Some(Master::Low(low))) => Self::Split(weight, low),
            (MasterKind::Split, Some(Master::LowThere(low))) => {
                Self::Split(weight, low.into_data().iter::<u16>().collect())
            }
            (MasterKind::Split, _) => {
                let low = vec![0; weight.len()];
                Self::Split(weight, low)
            }
            (MasterKind::None, _) => Self::Rounded(weight, draws),
        }
    }

    /// The weight, and what is kept beside it.
    pub(super) fn end(self, device: &Device) -> (Tensor<1>, Option<Master>) {
        match self {
            Self::F32(values) => (upload(values, device), None),
            Self::Full(weight, master) => {
                (upload(weight, device), Some(Master::Full(Values::Host(master))))
            }
            Self::Split(weight, low) => (upload(weight, device), Some(Master::Low(low))),
            Self::Rounded(weight, _) => (upload(weight, device), None),
        }
    }

    fn pieces(&mut self) -> Vec<Stored<'_>> {
        match self {
            Self::F32(values) => values.chunks_mut(UNIT).map(Stored::F32).collect(),
            Self::Full(weight, master) => {
                let pieces = weight.chunks_mut(UNIT).zip(master.chunks_mut(UNIT));
                pieces.map(|(weight, master)| Stored::Full(weight, master)).collect()
            }
            Self::Split(weight, low) => {
                let pieces = weight.chunks_mut(UNIT).zip(low.chunks_mut(UNIT));
                pieces.map(|(weight, low)| Stored::Split(weight, low)).collect()
            }
            Self::Rounded(weight, draws) => {
                let pieces = weight.chunks_mut(UNIT).enumerate();
                pieces.map(|(i, weight)| Stored::Rounded(weight, draws.skip(i * UNIT))).collect()
            }
        }
    }
}

/// A piece of [`Held`].
enum Stored<'a> {
    F32(&'a mut [f32]),
    Full(&'a mut [bf16], &'a mut [f32]),
    Split(&'a mut [bf16], &'a mut [u16]),
    Rounded(&'a mut [bf16], Draws),
}

impl Stored<'_> {
    /// Lets `work` change the values in f32.
    fn with(self, work: impl FnOnce(&mut [f32])) {
        match self {
            Self::F32(values) => work(values),
            Self::Full(weight, master) => {
                work(master);
                for (weight, value) in weight.iter_mut().zip(master) {
                    *weight = nearest(*value);
                }
            }
            Self::Split(weight, low) => {
                let mut buffer = [0.0; UNIT];
                let values = &mut buffer[..weight.len()];
                for ((value, weight), low) in values.iter_mut().zip(&*weight).zip(&*low) {
                    *value = joined(*weight, *low);
                }
                work(values);
                for ((value, weight), low) in values.iter().zip(weight).zip(low) {
                    (*weight, *low) = split(*value);
                }
            }
            Self::Rounded(weight, draws) => {
                let mut buffer = [0.0; UNIT];
                let values = &mut buffer[..weight.len()];
                for (value, weight) in values.iter_mut().zip(&*weight) {
                    *value = weight.to_f32();
                }
                work(values);
                for (i, (value, weight)) in values.iter().zip(weight).enumerate() {
                    *weight = stochastic(*value, draws.at(i));
                }
            }
        }
    }
}

/// A piece of a moment.
enum Part<'a> {
    Absent,
    F32(&'a mut [f32]),
    Blocks { codes: &'a mut [u8], scales: &'a mut [f32], table: &'static Codes },
}

impl Part<'_> {
    /// Lets `work` change the values in f32.
    fn with(self, work: impl FnOnce(&mut [f32])) {
        match self {
            Self::Absent => work(&mut []),
            Self::F32(values) => work(values),
            Self::Blocks { codes, scales, table } => {
                let mut buffer = [0.0; UNIT];
                let values = &mut buffer[..codes.len()];
                table.decode(codes, scales, values);
                work(values);
                table.encode(values, codes, scales);
            }
        }
    }
}

/// The pieces of a moment, `count` of them.
fn parts(moment: Option<&mut Moment>, count: usize) -> Vec<Part<'_>> {
    match moment {
        Some(Moment::Values(Values::Host(values))) => {
            values.chunks_mut(UNIT).map(Part::F32).collect()
        }
        Some(Moment::Blocks(Blocks { codes, scales, signed })) => {
            let table = Codes::of(*signed);
            let pieces = codes.chunks_mut(UNIT).zip(scales.chunks_mut(UNIT / BLOCK));
            pieces.map(|(codes, scales)| Part::Blocks { codes, scales, table }).collect()
        }
        // Moments were brought into memory before.
        Some(Moment::Values(Values::Device(_)) | Moment::BlocksThere(_)) | None => {
            (0..count).map(|_| Part::Absent).collect()
        }
    }
}

/// Changes `weight` and the moments; those that are given are in memory.
pub(super) fn pass(
    change: &Change,
    weight: &mut Held,
    gradient: &[f32],
    first: Option<&mut Moment>,
    second: Option<&mut Moment>,
) {
    let pieces = weight.pieces();
    let count = pieces.len();
    let work: Vec<_> = pieces
        .into_iter()
        .zip(gradient.chunks(UNIT))
        .zip(parts(first, count))
        .zip(parts(second, count))
        .collect();
    work.into_par_iter().for_each(|(((weight, gradient), first), second)| {
        first.with(|first| {
            second.with(|second| {
                weight.with(|weight| change.values(weight, gradient, first, second));
            });
        });
    });
}
