//! Which texts may be near each other: MinHash signatures in bands (Broder 1997; Leskovec,
//! Rajaraman & Ullman, *Mining of Massive Datasets*, 3.4).
//!
//! Two texts with Jaccard similarity `s` meet in at least one of [`BANDS`] bands of [`ROWS`] rows
//! with probability `1 - (1 - s^ROWS)^BANDS`: 0.99985 for 0.7, and 0.23 for 0.3. Who meets is then
//! compared in full, so that chance decides only what is missed, never what is reported.

use crate::random::Random;
use rayon::prelude::*;
use std::collections::HashMap;

/// Bands of a signature.
const BANDS: usize = 32;

/// Minima that must all agree in a band.
const ROWS: usize = 4;

/// Of one crowded bucket (templates, boilerplate) so many texts are compared with a newcomer.
const CROWD: usize = 64;

/// Texts by the bands of their signatures.
pub(super) struct Index {
    /// `buckets[band][key]`: texts in the order of their numbers.
    buckets: Vec<HashMap<u64, Vec<u32>>>,
}

/// The key of each band.
type Keys = [u64; BANDS];

impl Index {
    /// An index over texts as sets of shingles; a text's number is its place.
    pub(super) fn new(sets: &[&[u32]]) -> Self {
        let keys: Vec<Option<Keys>> = sets.par_iter().map(|set| keys(set)).collect();
        let buckets = (0..BANDS)
            .into_par_iter()
            .map(|band| {
                let mut buckets: HashMap<u64, Vec<u32>> = HashMap::new();
                for (text, keys) in keys.iter().enumerate() {
                    if let Some(keys) = keys {
                        buckets.entry(keys[band]).or_default().push(text as u32);
                    }
                }
                buckets
            })
            .collect();
        Self { buckets }
    }

    /// The texts that `set` may be near, each once, in order.
    pub(super) fn near(&self, set: &[u32]) -> Vec<u32> {
        let Some(keys) = keys(set) else { return Vec::new() };
        let mut found = Vec::new();
        for (band, key) in self.buckets.iter().zip(keys) {
            if let Some(texts) = band.get(&key) {
                found.extend_from_slice(&texts[..texts.len().min(CROWD)]);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The bands of a set's signature; none for an empty one.
fn keys(set: &[u32]) -> Option<Keys> {
    if set.is_empty() {
        return None;
    }
    let mut keys: Keys = [0; BANDS];
    let mut random = Random::from_state(0x6b6e_6f77_636f_6465);
    for key in &mut keys {
        for _ in 0..ROWS {
            // An odd factor permutes the 64-bit numbers; the high half is well mixed.
            let (factor, offset) = (random.next() | 1, random.next());
            let permuted =
                |shingle: &u32| u64::from(*shingle).wrapping_mul(factor).wrapping_add(offset) >> 16;
            let least = set.iter().map(permuted).min().unwrap_or_default();
            *key = (key.rotate_left(17) ^ least).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::super::shingles::{jaccard, shingles};
    use super::*;

    #[test]
    fn near_texts_meet_and_far_ones_mostly_do_not() {
        let mut random = Random::from_state(1);
        let mut near = 0;
        let mut far = 0;
        let mut tried = 0;
        for _ in 0..1000 {
            let set: Vec<u32> = (0..60).map(|_| random.next() as u32).collect();
            // 51 of 60 kept: Jaccard 51 / 69 = 0.74.
            let changed = |keep: usize, random: &mut Random| {
                let mut other: Vec<u32> = set[..keep].to_vec();
                other.extend((keep..60).map(|_| random.next() as u32));
                other.sort_unstable();
                other.into_boxed_slice()
            };
            let (close, distant) = (changed(51, &mut random), changed(10, &mut random));
            let mut sorted = set.clone();
            sorted.sort_unstable();
            let index = Index::new(&[&sorted]);
            assert!(jaccard(&sorted, &close) > 0.7);
            tried += 1;
            near += usize::from(!index.near(&close).is_empty());
            far += usize::from(!index.near(&distant).is_empty());
        }
        assert!(near >= 995, "{near} of {tried}");
        assert!(far <= 30, "{far} of {tried}");
    }

    #[test]
    fn an_empty_text_is_near_nothing() {
        let index = Index::new(&[&shingles(""), &shingles("hello")]);
        assert_eq!(index.near(&shingles("")), Vec::<u32>::new());
        assert_eq!(index.near(&shingles("hello")), [1]);
    }
}
