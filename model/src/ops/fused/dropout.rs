//! Dropout: one pass forward, one backward; the draw is made again, not kept.

#![allow(
    clippy::needless_range_loop,
    reason = "with a constant number of turns the compiler makes vectors of these loops"
)]

use super::lanes::vectorised;
use super::{Fused, Shared, apply, dims, each_part, input, tensor, values, written};
use crate::ops::{Dropout, philox};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// `x` with its values dropped, if it is f32 on flex.
pub(crate) fn dropout<const D: usize>(x: &Tensor<D>, by: Dropout) -> Option<Tensor<D>> {
    Some(apply(by, [input(x)?]))
}

/// Values of a task: whole blocks of four.
const PART: usize = 1 << 14;

/// Blocks that are drawn at a time.
const LANES: usize = 16;

impl Fused<1> for Dropout {
    type Saved = ();

    fn forward(&self, [x]: [&FlexTensor; 1]) -> (FlexTensor, ()) {
        let shape = dims(x);
        let x = values(x);
        let count = x.len();
        let y = written(count, |y| {
            let y = Shared::new(y);
            each_part(count.div_ceil(PART), count, |part| {
                let (at, n) = (part * PART, PART.min(count - part * PART));
                let (threshold, gain) = (self.threshold(), self.gain());
                // SAFETY: each value belongs to one part.
                let y = unsafe { y.part(at, n) };
                keep(self.seed, at as u64 / 4, threshold, gain, &x[at..][..n], y);
            });
        });
        (tensor(y, &shape), ())
    }

    fn backward(
        &self,
        _: [&FlexTensor; 1],
        (): (),
        gradient: &FlexTensor,
        _: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        [Some(self.forward([gradient]).0)]
    }
}

vectorised! {
    /// `y = gain x` where a word from `block` on is at least `threshold`, else 0.
    pub fn keep(seed: u64, block: u64, threshold: u32, gain: f32, x: &[f32], y: &mut [f32]) {
        let mut block = block;
        let (mut many, mut much) = (x.chunks_exact(4 * LANES), y.chunks_exact_mut(4 * LANES));
        for (x, y) in (&mut many).zip(&mut much) {
            let drawn = philox::blocks::<LANES>(block, seed);
            let mut words = [0; 4 * LANES];
            for i in 0..LANES {
                for j in 0..4 {
                    words[4 * i + j] = drawn[j][i];
                }
            }
            for i in 0..4 * LANES {
                y[i] = kept(x[i] * gain, words[i], threshold);
            }
            block += LANES as u64;
        }
        let (few, little) = (many.remainder(), much.into_remainder());
        for (x, y) in few.chunks(4).zip(little.chunks_mut(4)) {
            let drawn = philox::blocks::<1>(block, seed);
            for ((x, y), [word]) in x.iter().zip(y).zip(drawn) {
                *y = kept(x * gain, word, threshold);
            }
            block += 1;
        }
    }
}

/// `value`, or 0: by its bits, so that no branch stands in a loop.
#[inline(always)]
fn kept(value: f32, word: u32, threshold: u32) -> f32 {
    f32::from_bits(value.to_bits() & if word >= threshold { u32::MAX } else { 0 })
}
