//! Random words as a function of a key and a counter: Philox4x32-10.
//!
//! There is no state: any word is drawn by itself, in any order, on any device, with the same bits.
//!
//! Source: Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3 (SC 2011), section 4.3.

/// What the first and the third word of a counter are multiplied with.
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];

/// What is added to the halves of the key from round to round: the golden ratio, and √3 - 1.
pub(crate) const STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Rounds of a draw.
pub(crate) const ROUNDS: usize = 10;

/// Four words for each of `L` counters; word `j` of counter `i` is at `[j][i]`, before and after.
#[allow(
    clippy::needless_range_loop,
    reason = "with a constant number of turns, and no array moved, the compiler makes vectors of the lanes"
)]
#[inline(always)]
pub(crate) fn philox<const L: usize>(
    [mut a, mut b, mut c, mut d]: [[u32; L]; 4],
    key: u64,
) -> [[u32; L]; 4] {
    let [mut low, mut high] = [key as u32, (key >> 32) as u32];
    for _ in 0..ROUNDS {
        for i in 0..L {
            let first = u64::from(a[i]) * u64::from(MULTIPLIERS[0]);
            let second = u64::from(c[i]) * u64::from(MULTIPLIERS[1]);
            a[i] = (second >> 32) as u32 ^ b[i] ^ low;
            b[i] = second as u32;
            c[i] = (first >> 32) as u32 ^ d[i] ^ high;
            d[i] = first as u32;
        }
        low = low.wrapping_add(STEPS[0]);
        high = high.wrapping_add(STEPS[1]);
    }
    [a, b, c, d]
}

/// The words of `L` blocks of four from `block` on, as [`philox`] has them.
#[inline(always)]
pub(crate) fn blocks<const L: usize>(block: u64, key: u64) -> [[u32; L]; 4] {
    let number = |i: usize| block + i as u64;
    let low = std::array::from_fn(|i| number(i) as u32);
    let high = std::array::from_fn(|i| (number(i) >> 32) as u32);
    philox([low, high, [0; L], [0; L]], key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of Random123 (`kat_vectors`, `philox4x32 10`).
    #[test]
    fn known_answers() {
        let check = |counter: [u32; 4], key: u64, expected: [u32; 4]| {
            let found = philox(counter.map(|word| [word]), key).map(|[word]| word);
            assert_eq!(found, expected, "{found:08x?}");
        };
        check([0; 4], 0, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check([!0; 4], !0, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        // The digits of π.
        check(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            0x299f_31d0_a409_3822,
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        );
    }

    #[test]
    fn many_at_once_are_each_by_itself() {
        // The lower half of the counter runs over within them.
        let from = (1 << 32) - 5;
        let together = blocks::<16>(from, 0x0123_4567_89ab_cdef);
        for i in 0..16 {
            let alone = blocks::<1>(from + i as u64, 0x0123_4567_89ab_cdef);
            assert_eq!(together.map(|words| words[i]), alone.map(|[word]| word), "{i}");
        }
        assert_ne!(together.map(|words| words[4]), together.map(|words| words[5]));
    }
}
