//! bf16 as the upper half of an f32: rounding, the half that is cut off, and random bits to round by.
//!
//! Rounding goes to the nearest, and half-way away from zero, not to even as usual: then the lower half says
//! whether it went up, and the f32 comes back bit for bit from the bf16 number and 16 bits beside it. A GPU's
//! kernels do the same to the bit (see [`update`](crate::ops::update())).

use burn::tensor::bf16;

/// The nearest bf16; half-way values go away from zero.
pub fn nearest(value: f32) -> bf16 {
    stochastic(value, 0x8000)
}

/// Rounded up in magnitude where the lower half and `draw` exceed it together: for a draw from all 16 bit
/// numbers, right on average.
pub fn stochastic(value: f32, draw: u16) -> bf16 {
    if value.is_nan() {
        return bf16::NAN;
    }
    bf16::from_bits((value.to_bits().wrapping_add(u32::from(draw)) >> 16) as u16)
}

/// The nearest bf16 and the lower half.
pub fn split(value: f32) -> (bf16, u16) {
    (nearest(value), value.to_bits() as u16)
}

/// What [`split`] took apart.
pub fn joined(weight: bf16, low: u16) -> f32 {
    let up = u32::from(low >= 0x8000) << 16;
    let high = (u32::from(weight.to_bits()) << 16).wrapping_sub(up);
    f32::from_bits(high | u32::from(low))
}

/// Random bits of value `index` of what `key` stands for.
pub fn draw(key: u64, index: u64) -> u16 {
    // Four from each number (the finaliser of SplitMix64 over a counter).
    let mut z = key.wrapping_add((index >> 2).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> (16 * (index & 3))) as u16
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
}
