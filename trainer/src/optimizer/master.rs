//! What is kept beside weights in bf16, so that steps that are smaller than their precision are not lost.
//!
//! A bf16 number is the upper half of an f32. Rounding to it goes to the nearest, and half-way away from
//! zero, not to even as usual: then the lower half says whether it went up, and the f32 comes back bit for
//! bit from the bf16 number and 16 bits beside it.

use super::moment::Values;
use burn::tensor::bf16;
use model::lora::stream;

/// What is kept of a stretch.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one a stretch, each with thousands of numbers")]
pub(super) enum Master {
    /// The weights in f32.
    Full(Values),
    /// Their lower halves.
    Low(Vec<u16>),
}

/// The nearest bf16; half-way values go away from zero.
pub(super) fn nearest(value: f32) -> bf16 {
    stochastic(value, 0x8000)
}

/// Rounded up in magnitude where the lower half and `draw` exceed it together: for a draw from all 16 bit
/// numbers, right on average.
pub(super) fn stochastic(value: f32, draw: u16) -> bf16 {
    if value.is_nan() {
        return bf16::NAN;
    }
    bf16::from_bits((value.to_bits().wrapping_add(u32::from(draw)) >> 16) as u16)
}

/// The nearest bf16 and the lower half.
pub(super) fn split(value: f32) -> (bf16, u16) {
    (nearest(value), value.to_bits() as u16)
}

/// What [`split`] took apart.
pub(super) fn joined(weight: bf16, low: u16) -> f32 {
    let up = u32::from(low >= 0x8000) << 16;
    let high = (u32::from(weight.to_bits()) << 16).wrapping_sub(up);
    f32::from_bits(high | u32::from(low))
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

    /// Those from `count` values later on.
    pub(super) fn skip(self, count: usize) -> Self {
        Self { start: self.start + count, ..self }
    }

    /// The bits of value `i`, counted from the first.
    pub(super) fn at(self, i: usize) -> u16 {
        // Four from each number (the finaliser of SplitMix64 over a counter).
        let index = (self.start + i) as u64;
        let mut z = self.key.wrapping_add((index >> 2).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> (16 * (index & 3))) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of numbers of every kind: all exponents and signs, lower halves around each edge.
    fn numbers() -> impl Iterator<Item = f32> {
        let lows = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1234, 0xabcd];
        let highs = (0..=u16::MAX).step_by(7).chain([0x7f7f, 0x7f80, 0xff7f, 0xff80, 0x8000]);
        highs.flat_map(move |high| lows.map(|low| f32::from_bits(u32::from(high) << 16 | low)))
    }

    #[test]
    fn a_split_number_comes_back_bit_for_bit() {
        let mut count = 0;
        for value in numbers().filter(|value| !value.is_nan()) {
            let (weight, low) = split(value);
            assert_eq!(joined(weight, low).to_bits(), value.to_bits(), "{value:e}");
            count += 1;
        }
        assert!(count > 60_000, "{count}");
        let (weight, low) = split(f32::NAN);
        assert!(joined(weight, low).is_nan());
    }

    #[test]
    fn rounding_goes_to_the_nearest() {
        for value in numbers().filter(|value| value.abs() < 1e38) {
            let ours = nearest(value).to_f32();
            let even = bf16::from_f32(value).to_f32();
            // Only half-way values go another way than to even.
            let is_half = value.to_bits() & 0xffff == 0x8000;
            assert!(ours == even || is_half, "{value:e}: {ours:e}, to even {even:e}");
            assert!((ours - value).abs() <= (even - value).abs(), "{value:e}");
        }
        let half_way = f32::from_bits(0x3f80_8000);
        assert_eq!(nearest(half_way).to_bits(), 0x3f81, "up from half-way");
        assert!(nearest(f32::NAN).is_nan());
    }

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
