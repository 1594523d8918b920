//! Chance that depends on nothing but what it is asked about.
//!
//! A generator is seeded by the words that name a thing (seed, frame, repetition), so that the
//! thing comes out the same whatever was read before it.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of the thing that `words` name.
    pub(crate) fn of(words: &[&str]) -> Self {
        // FNV-1a; the unit separator keeps ["ab", "c"] and ["a", "bc"] apart.
        let bytes = words.iter().flat_map(|word| word.bytes().chain([0x1f]));
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// Goes on from another place.
    pub(crate) fn mix(&mut self, bits: u64) {
        self.0 ^= bits;
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The high half of the product: unbiased but for one part in 2^64 / bound.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) < p * (1u64 << 53) as f64
    }

    /// One of `items`, which are at least one.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_a_function_of_its_words() {
        let draw = |words: &[&str]| Random::of(words).next();
        assert_eq!(draw(&["1", "f1", "2"]), draw(&["1", "f1", "2"]));
        assert_ne!(draw(&["ab", "c"]), draw(&["a", "bc"]));
        // Vector of the reference implementation for the state 0.
        assert_eq!(Random(0).next(), 0xe220_a839_7b1d_cdaf);
        let mut random = Random::of(&["fair"]);
        let heads = (0..10_000).filter(|_| random.chance(0.5)).count();
        assert!((4_800..5_200).contains(&heads), "{heads} of 10000");
        let mut seen = [0; 7];
        (0..7_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
}
