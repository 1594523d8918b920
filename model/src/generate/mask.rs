//! Sets of token ids, and who may restrict what comes next.

/// A set of ids below a size: one bit each, in words of 32 as grammar engines write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    words: Vec<u32>,
}

/// Decides which ids may follow; one for each request that is constrained. Those of a step are asked at
/// the same time, each on a thread of its own.
pub trait Constraint: Send {
    /// The ids that may come after `generated`; `None`: any. An end id must be among them for the
    /// answer to end; if none is, the answer ends there.
    ///
    /// Called once for each token, in order.
    fn allowed(&mut self, generated: &[u32]) -> Option<Mask>;
}

impl Mask {
    /// The empty set of ids below `size`.
    pub fn new(size: usize) -> Self {
        Self { words: vec![0; size.div_ceil(32)] }
    }

    /// These ids, all below `size`.
    pub fn of(size: usize, ids: &[u32]) -> Self {
        let mut mask = Self::new(size);
        ids.iter().for_each(|id| mask.insert(*id));
        mask
    }

    /// Bit `id % 32` of word `id / 32` says whether `id` is in the set.
    pub fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// Adds an id; one that is not below the size is left out, since no model can say it.
    pub fn insert(&mut self, id: u32) {
        if let Some(word) = self.words.get_mut(id as usize / 32) {
            *word |= 1 << (id % 32);
        }
    }

    /// Whether the set has `id`.
    pub fn contains(&self, id: u32) -> bool {
        self.words.get(id as usize / 32).is_some_and(|word| (word >> (id % 32)) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_set() {
        let mask = Mask::of(70, &[0, 31, 32, 69, 96]);
        let found: Vec<u32> = (0..200).filter(|id| mask.contains(*id)).collect();
        assert_eq!(found, [0, 31, 32, 69]);
        assert_eq!(Mask::from_words(vec![(1 << 31) | 1, 1, 1 << 5]), mask);
    }
}
