//! What is kept beside weights in bf16, so that steps that are smaller than their precision are not lost.
//!
//! How an f32 becomes a bf16 number and comes back stands in [`model::rounding`].

use super::moment::Values;
use burn::tensor::{Int, Tensor};
use model::lora::stream;
use model::rounding::draw;

/// What is kept of a stretch.
#[derive(Clone, Debug)]
pub(super) enum Master {
    /// The weights in f32.
    Full(Values),
    /// Their lower halves, in memory.
    Low(Vec<u16>),
    /// Their lower halves, where the weights lie.
    LowThere(Tensor<1, Int>),
}

/// Random bits for each value of a weight in a step: a function of (seed, step, path, index).
#[derive(Clone, Copy, Debug)]
pub(super) struct Draws {
    key: u64,
    /// Index of the first value.
    start: usize,
}

impl Draws {
    /// Those of the values from `start` on.
    pub(super) fn new(seed: u64, step: usize, path: &str, start: usize) -> Self {
        // FNV-1a.
        let name = path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { key: stream(&[seed, step as u64, name]), start }
    }

    /// What the bits of all values of the weight come from.
    pub(super) fn key(self) -> u64 {
        self.key
    }

    /// Those from `count` values later on.
    pub(super) fn skip(self, count: usize) -> Self {
        Self { start: self.start + count, ..self }
    }

    /// The bits of value `i`, counted from the first.
    pub(super) fn at(self, i: usize) -> u16 {
        draw(self.key, (self.start + i) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::bf16;
    use model::rounding::stochastic;

    #[test]
    fn rounding_by_chance_is_right_on_average() {
        let draws = Draws::new(42, 1, "lm_head.weight", 0);
        for value in [1.001f32, -1.006, 3.14159e-5, 1.0, -255.7] {
            let count = 1 << 16;
            let sum: f64 =
                (0..count).map(|i| f64::from(stochastic(value, draws.at(i)).to_f32())).sum();
            // A step of bf16 is 2⁻⁷ of the magnitude at most; the mean of n draws is off by at most half a
            // step / √n in the standard deviation: five of them.
            let allowed =
                5.0 * f64::from(value.abs()) / 128.0 / 2.0 / f64::from(count as u32).sqrt();
            let mean = sum / count as f64;
            assert!((mean - f64::from(value)).abs() <= allowed, "{value}: {mean}");
        }
        // What bf16 can hold stays.
        assert!((0..1000).all(|i| stochastic(1.5, draws.at(i)).to_f32() == 1.5));
        assert_eq!(stochastic(f32::INFINITY, 0xffff), bf16::INFINITY);
    }

    #[test]
    fn draws_depend_on_what_they_are_for_alone() {
        let bits = |draws: Draws| (0..64).map(|i| draws.at(i)).collect::<Vec<_>>();
        let whole = bits(Draws::new(1, 2, "a", 0));
        assert_eq!(bits(Draws::new(1, 2, "a", 10))[..54], whole[10..], "wherever the cuts are");
        assert_eq!(bits(Draws::new(1, 2, "a", 0).skip(10))[..54], whole[10..]);
        for other in [Draws::new(2, 2, "a", 0), Draws::new(1, 3, "a", 0), Draws::new(1, 2, "b", 0)]
        {
            assert_ne!(bits(other), whole);
        }
        let mean = (0..1 << 16).map(|i| f64::from(Draws::new(7, 7, "w", 0).at(i))).sum::<f64>();
        // 65536 draws of a standard deviation of 18919: five of those of their mean.
        assert!((mean / 65_536.0 - 32_767.5).abs() < 5.0 * 18_919.0 / 256.0, "{mean}");
    }
}
