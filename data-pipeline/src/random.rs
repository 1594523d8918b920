//! Random numbers as pure functions of what they are for.
//!
//! `Random::of(seed, &["negatives", dataset, "17"])` gives the same numbers on every machine, in
//! every thread and whatever was drawn before; so parallel work stays deterministic.

/// A stream of random numbers (SplitMix64, Steele, Lea & Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The stream of `purpose` under `seed`.
    pub(crate) fn of(seed: u64, purpose: &[&str]) -> Self {
        // FNV-1a; each part ends with a byte that UTF-8 never has, so that ("ab", "c") and
        // ("a", "bc") differ.
        let mut state = seed ^ 0xcbf2_9ce4_8422_2325;
        for part in purpose {
            for byte in part.bytes().chain([0xff]) {
                state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        let mut random = Self { state };
        // Neighbouring seeds have neighbouring states: the first draw parts them.
        random.state = random.next();
        random
    }

    /// The stream that begins at `state`.
    pub(crate) fn from_state(state: u64) -> Self {
        Self { state }
    }

    /// The stream of the thing that `words` name, free of any run's seed: what a corpus holds.
    pub(crate) fn named(words: &[&str]) -> Self {
        // The unit separator keeps ["ab", "c"] and ["a", "bc"] apart.
        let bytes = words.iter().flat_map(|word| word.bytes().chain([0x1f]));
        Self::from_state(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// Goes on from another place.
    pub(crate) fn mix(&mut self, bits: u64) {
        self.state ^= bits;
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) < p * (1u64 << 53) as f64
    }

    /// One of `items`, which are at least one.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // Multiply and shift: the bias is below limit / 2^64.
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// Puts `items` in random order (Fisher–Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_purpose_only() {
        let draw = |seed, purpose: &[&str]| Random::of(seed, purpose).next();
        assert_eq!(draw(1, &["a", "b"]), draw(1, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(2, &["a", "b"]));
        assert_ne!(draw(1, &["ab", "c"]), draw(1, &["a", "bc"]));
    }

    #[test]
    fn chance_is_a_function_of_its_words() {
        let draw = |words: &[&str]| Random::named(words).next();
        assert_eq!(draw(&["1", "f1", "2"]), draw(&["1", "f1", "2"]));
        assert_ne!(draw(&["ab", "c"]), draw(&["a", "bc"]));
        // Vector of the reference implementation for the state 0.
        assert_eq!(Random::from_state(0).next(), 0xe220_a839_7b1d_cdaf);
        let mut random = Random::named(&["fair"]);
        let heads = (0..10_000).filter(|_| random.chance(0.5)).count();
        assert!((4_800..5_200).contains(&heads), "{heads} of 10000");
        let mut seen = [0; 7];
        (0..7_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
        assert!(!random.chance(0.0) && random.chance(1.0));
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_reaches_every_place() {
        let mut seen = [[0; 4]; 4];
        for seed in 0..400 {
            let mut items = [0, 1, 2, 3];
            Random::of(seed, &["test"]).shuffle(&mut items);
            let mut sorted = items;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            items.iter().enumerate().for_each(|(place, item)| seen[*item][place] += 1);
        }
        // 100 expected in each cell, standard deviation 8.7: 60 is beyond four of them.
        assert!(seen.iter().flatten().all(|count| *count > 60), "{seen:?}");
    }
}
