//! States in 8 bits: blocks of values, each with its largest magnitude and a code a value
//! (arXiv:2110.02861), as in bitsandbytes.
//!
//! Codes are *dynamic*: they stand for numbers from 1e-7 to 1 of their block's largest, closer to each
//! other the smaller they are. The first moment has a sign, the second none and so twice the precision.
//! bitsandbytes has the same codes, bit for bit. A number gets the nearest of them, as in the paper;
//! bitsandbytes on the CPU looks them up in a coarser table and misses it now and then, its CUDA kernel
//! moreover keeps a first moment from changing its sign. As there, a second moment of less than a
//! six-millionth of its block's largest becomes zero.

use std::sync::LazyLock;

/// Values of a block.
pub(super) const BLOCK: usize = model::ops::BLOCK;

/// The numbers that codes stand for, in rising order.
#[derive(Debug)]
pub(super) struct Codes {
    values: [f32; 256],
    zero: u8,
}

static SIGNED: LazyLock<Codes> = LazyLock::new(|| Codes::new(true));
static UNSIGNED: LazyLock<Codes> = LazyLock::new(|| Codes::new(false));

impl Codes {
    /// Those of first moments, or of second ones.
    pub(super) fn of(signed: bool) -> &'static Self {
        if signed { &SIGNED } else { &UNSIGNED }
    }

    /// The dynamic tree: for each power of ten, the middles of as many equal parts of `[0.1, 1]` as there
    /// are bits left for them; 0 and 1 beside.
    fn new(signed: bool) -> Self {
        let mut values = vec![0.0, 1.0];
        for exponent in 0..7 {
            let parts = 1 << if signed { exponent } else { exponent + 1 };
            let power = 10f64.powi(exponent - 6) as f32;
            for middle in middles(parts) {
                values.push(power * middle);
                if signed {
                    values.push(-power * middle);
                }
            }
        }
        values.sort_by(f32::total_cmp);
        let zero = values.iter().position(|value| *value == 0.0).unwrap_or_default() as u8;
        let mut sorted = [0.0; 256];
        sorted.copy_from_slice(&values);
        Self { values: sorted, zero }
    }

    /// The numbers of signed codes and then those of the others, as a device takes them.
    pub(super) fn both() -> Vec<f32> {
        [Self::of(true), Self::of(false)].iter().flat_map(|codes| codes.values).collect()
    }

    /// The nearest code of a number between -1 and 1; of two as near the lower.
    fn nearest(&self, value: f32) -> u8 {
        // The last code that is not above: no branches, as the numbers are in no order.
        let mut low = 0;
        for half in [128, 64, 32, 16, 8, 4, 2, 1] {
            let next = low + half;
            low = if self.values[next] <= value { next } else { low };
        }
        let above = (low + 1).min(255);
        let apart = |code: usize| (value - self.values[code]).abs();
        (if apart(above) < apart(low) { above } else { low }) as u8
    }

    /// Writes the values of whole blocks, the last of which may be short.
    pub(super) fn decode(&self, codes: &[u8], scales: &[f32], into: &mut [f32]) {
        let blocks = codes.chunks(BLOCK).zip(scales).zip(into.chunks_mut(BLOCK));
        for ((codes, scale), into) in blocks {
            for (value, code) in into.iter_mut().zip(codes) {
                *value = self.values[usize::from(*code)] * scale;
            }
        }
    }

    /// Writes the codes and scales of whole blocks, the last of which may be short.
    pub(super) fn encode(&self, values: &[f32], codes: &mut [u8], scales: &mut [f32]) {
        let blocks = values.chunks(BLOCK).zip(codes.chunks_mut(BLOCK)).zip(scales);
        for ((values, codes), scale) in blocks {
            *scale = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            if *scale == 0.0 {
                codes.fill(self.zero);
                continue;
            }
            for (code, value) in codes.iter_mut().zip(values) {
                *code = self.nearest(value / *scale);
            }
        }
    }
}

/// The middles of equal parts of `[0.1, 1]`, in f32 and rounded as `torch.linspace` does: from the nearer
/// end, in one multiplication and addition.
fn middles(parts: usize) -> Vec<f32> {
    let step = (1.0f32 - 0.1) / parts as f32;
    let edge = |i: usize| match i < parts.div_ceil(2) {
        true => step.mul_add(i as f32, 0.1),
        false => (-step).mul_add((parts - i) as f32, 1.0),
    };
    (0..parts).map(|i| (edge(i) + edge(i + 1)) / 2.0).collect()
}

/// A moment in 8 bits.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    pub(super) codes: Vec<u8>,
    pub(super) scales: Vec<f32>,
    pub(super) signed: bool,
}

impl Blocks {
    /// These values, rounded.
    pub(super) fn of(values: &[f32], signed: bool) -> Self {
        let mut blocks = Self {
            codes: vec![0; values.len()],
            scales: vec![0.0; values.len().div_ceil(BLOCK)],
            signed,
        };
        Codes::of(signed).encode(values, &mut blocks.codes, &mut blocks.scales);
        blocks
    }

    /// What it stands for.
    pub(super) fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.codes.len()];
        Codes::of(self.signed).decode(&self.codes, &self.scales, &mut values);
        values
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use model::files::read_tensors;
    use std::path::Path;

    #[test]
    fn codes_are_those_of_bitsandbytes() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
        let theirs = read_tensors(&golden.join("optimizers.safetensors")).unwrap();
        for (name, signed) in [("codes|signed", true), ("codes|unsigned", false)] {
            let codes = Codes::of(signed);
            assert_eq!(codes.values[..], theirs[name].1[..], "{name}");
            assert_eq!(codes.values[usize::from(codes.zero)], 0.0);
        }
    }

    #[test]
    fn every_number_goes_to_its_nearest_code() {
        for signed in [true, false] {
            let codes = Codes::of(signed);
            for i in -4000..=4000 {
                // Dense where the codes are: cubes.
                let value = (i as f32 / 4000.0).powi(3);
                let apart = |code: usize| (value - codes.values[code]).abs();
                let nearest = (0..256).map(apart).fold(f32::INFINITY, f32::min);
                assert_eq!(apart(codes.nearest(value).into()), nearest, "{value}, {signed}");
            }
        }
    }

    #[test]
    fn blocks_come_back_within_their_precision() {
        // Three blocks of very different size, the last of them short; one is all zeros.
        let value = |i: usize| match i / BLOCK {
            0 => (i as f32 * 0.37).sin(),
            1 => 0.0,
            _ => 1e-6 * (i as f32 * 0.11).cos(),
        };
        let values: Vec<f32> = (0..2 * BLOCK + 100).map(value).collect();
        let blocks = Blocks::of(&values, true);
        assert_eq!(blocks.scales.len(), 3);
        assert_eq!(blocks.scales[1], 0.0);
        for (i, (back, value)) in blocks.values().iter().zip(&values).enumerate() {
            let largest = blocks.scales[i / BLOCK];
            // Between 0.1 and 1 of the largest there are 64 codes of either sign: half of 0.9 / 64.
            assert!((back - value).abs() <= largest * 0.0071, "{back}, {value}");
        }
    }
}
