//! Noise on embedded tokens in training (NEFTune, arXiv:2310.05914).
//!
//! Each value gets a uniform number between ±`alpha` / √(L · d): d is the width of the embedding and L the
//! length of the sequence. A sample in a group has L = its prefix and its suffix, which is the paper's; the
//! tokens of the prefix are shared by samples of different length and in any number, so they are a
//! sequence of their own: L = the prefix. With a prefix of 85 % of the sample that is 8 % more noise there
//! than a sample by itself would have.
//!
//! The numbers of a token depend on the seed of the step, the ids of its prefix, and for a suffix on those
//! of the suffix, and on its place: not on what else is in the batch, nor on how groups are divided
//! among micro-batches and ranks. Equal samples of a step get equal noise.

use crate::layout::GroupBatch;
use crate::lora::stream;
use crate::ops;
use burn::tensor::{Tensor, TensorData};

/// The noise of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Its strength, the paper's alpha: 5 to 15.
    pub alpha: f64,
    /// Of this step.
    pub seed: u64,
}

impl Noise {
    /// `x` with noise.
    ///
    /// # Shapes
    /// - `x`, result: `[1, tokens, width]`
    pub(crate) fn add(&self, x: Tensor<3>, batch: &GroupBatch) -> Tensor<3> {
        let (dims, dtype) = (x.dims(), x.dtype());
        let values = TensorData::new(self.values(batch, dims[2]), dims);
        let noise = Tensor::<3>::from_data(values, &x.device());
        x + ops::cast(noise, dtype)
    }

    /// The numbers in the order of the batch's ids: `[tokens * width]`.
    pub fn values(&self, batch: &GroupBatch, width: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(batch.ids.len() * width);
        let mut rest = &batch.ids[..];
        let mut take = |count: usize| {
            let (taken, others) = rest.split_at(count);
            rest = others;
            taken
        };
        for piece in &batch.pieces {
            let suffixes = piece.suffix_lengths.chunks(piece.shape.k.max(1));
            for (prefix, suffixes) in piece.prefix_lengths.iter().zip(suffixes) {
                let shared = named(self.seed, take(*prefix));
                let mut part = |stream, tokens: usize, length: usize| {
                    let bound = self.alpha / ((length * width) as f64).sqrt();
                    let numbers = (0..(tokens * width) as u64).map(|i| uniform(stream, i));
                    values.extend(numbers.map(|number| number * bound as f32));
                };
                part(shared, *prefix, *prefix);
                for suffix in suffixes {
                    part(named(shared, take(*suffix)), *suffix, prefix + suffix);
                }
            }
        }
        values
    }
}

/// The stream of a run of ids behind what `before` names.
fn named(before: u64, ids: &[i32]) -> u64 {
    let parts: Vec<u64> = std::iter::once(before).chain(ids.iter().map(|id| *id as u64)).collect();
    stream(&parts)
}

/// Number `i` of a stream, between -1 and 1: the finaliser of SplitMix64 over a counter.
fn uniform(stream: u64, i: u64) -> f32 {
    let mut z = stream.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    // 24 bits and a half, which f32 holds exactly: never an end, and no number without its negative.
    ((z >> 40) as f32 + 0.5) / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Piece;
    use crate::ops::GroupShape;

    const WIDTH: usize = 16;
    const NOISE: Noise = Noise { alpha: 5.0, seed: 42 };

    /// A batch of groups, each its prefix and its suffixes, in pieces of one group each.
    fn batch(groups: &[(&[i32], &[&[i32]])]) -> GroupBatch {
        let mut batch = GroupBatch { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
        for (prefix, suffixes) in groups {
            batch.ids.extend_from_slice(prefix);
            suffixes.iter().for_each(|suffix| batch.ids.extend_from_slice(suffix));
            let suffix_lengths: Vec<usize> = suffixes.iter().map(|suffix| suffix.len()).collect();
            let longest = suffix_lengths.iter().copied().max().unwrap_or_default();
            batch.pieces.push(Piece {
                groups: 1,
                shape: GroupShape { prefix: prefix.len(), k: suffixes.len(), suffix: longest },
                prefix_lengths: vec![prefix.len()],
                suffix_lengths,
            });
        }
        batch
    }

    #[test]
    fn a_token_has_its_noise_whatever_it_is_computed_with() {
        let (prefix, a, b): (&[i32], &[i32], &[i32]) = (&[1, 2, 3, 4], &[5, 6], &[7, 8, 9]);
        let together = NOISE.values(&batch(&[(prefix, &[a, b])]), WIDTH);
        let apart = NOISE.values(&batch(&[(prefix, &[b]), (prefix, &[a])]), WIDTH);
        assert_eq!(together.len(), 9 * WIDTH);
        let tokens = |values: &[f32], range: std::ops::Range<usize>| {
            values[range.start * WIDTH..range.end * WIDTH].to_vec()
        };
        assert_eq!(tokens(&together, 0..4), tokens(&apart, 0..4), "the prefix");
        assert_eq!(tokens(&together, 0..4), tokens(&apart, 7..11), "the prefix again");
        assert_eq!(tokens(&together, 4..6), tokens(&apart, 11..13), "the first sample");
        assert_eq!(tokens(&together, 6..9), tokens(&apart, 4..7), "the second sample");
        let other = Noise { seed: 43, ..NOISE };
        assert_ne!(other.values(&batch(&[(prefix, &[a, b])]), WIDTH), together);
        // Another prefix: the suffix is another sample.
        let moved = NOISE.values(&batch(&[(&[1, 2, 3, 5], &[a])]), WIDTH);
        assert_ne!(tokens(&moved, 4..6), tokens(&together, 4..6));
    }

    #[test]
    fn noise_is_uniform_within_the_papers_bound() {
        let (prefix, suffix): (Vec<i32>, Vec<i32>) = ((0..300).collect(), (0..100).collect());
        let values = NOISE.values(&batch(&[(&prefix, &[&suffix])]), WIDTH);
        for (range, length) in [(0..300, 300.0), (300..400, 400.0)] {
            let bound = 5.0 / (length * WIDTH as f64).sqrt();
            let part = &values[range.start * WIDTH..range.end * WIDTH];
            let count = part.len() as f64;
            let most = part.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
            assert!(most <= bound * 1.000_001 && most > 0.99 * bound, "{most}, {bound}");
            // Means of n uniform numbers: five standard deviations.
            let mean = part.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
            assert!(mean.abs() < 5.0 * bound / (3.0 * count).sqrt(), "{mean}");
            let square = part.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / count;
            let expected = bound * bound / 3.0;
            let deviation = bound * bound * (4.0f64 / 45.0 / count).sqrt();
            assert!((square - expected).abs() < 5.0 * deviation, "{square}, {expected}");
        }
    }
}
