//! What the settings made of the data: the figures behind "classes are sampled, prefixes shared".
//!
//! Everything here is a sum, a least or a largest, so that the effects of parts add up to that of
//! the whole in any order; means and shares are computed from them.

use crate::shard::Sample;
use serde::{Deserialize, Serialize};

/// The effect on one task of one dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The dataset's name.
    pub dataset: String,
    /// What is learned, as rows call it.
    pub task: String,
    /// Rows.
    pub samples: usize,
    /// Rows whose answer has no object; rows that offer no classes are none of them.
    pub empty: usize,
    /// Rows that ask about a part of what was too long in one prompt.
    pub parts: usize,
    /// Sentences that were asked about in several parts.
    pub split: usize,
    /// Sentences that were not asked about some of the classes drawn for them, so that a prompt was
    /// short enough.
    pub pruned: usize,
    /// Classes that a row offers.
    pub classes: Spread,
    /// Classes that occur somewhere in a group, added up over groups in which one does.
    pub positives: usize,
    /// Classes that such a group offers and that do not occur in it.
    pub negatives: usize,
    /// Objects that the sentences have.
    pub labels: usize,
    /// Objects that the answers of rows have.
    pub labels_written: usize,
    /// Objects of sentences that are too long even with one class.
    pub labels_refused: usize,
    /// Tokens, every row counted with its prefix.
    pub tokens: u64,
    /// Of these, those of prefixes.
    pub prefix_tokens: u64,
    /// Tokens to compute when a group's prefix is computed once.
    pub tokens_grouped: u64,
    /// Tokens with a loss.
    pub supervised: u64,
    /// Tokens with a loss that stand beyond the longest length, as counted on the rows.
    pub supervised_lost: u64,
}

/// How a number spreads over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many samples were counted.
    pub count: usize,
    /// Their sum.
    pub sum: usize,
    /// The least.
    pub min: usize,
    /// The largest.
    pub max: usize,
}

impl Spread {
    /// Counts `value` for `times` samples.
    pub(crate) fn add(&mut self, value: usize, times: usize) {
        self.merge(&Self { count: times, sum: value * times, min: value, max: value });
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let first = self.count == 0;
        self.min = if first { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum += other.sum;
    }

    /// The mean; 0 where nothing was counted.
    pub fn mean(&self) -> f64 {
        ratio(self.sum, self.count)
    }
}

impl Effect {
    /// The effect on a task before anything is counted.
    pub(crate) fn of(dataset: &str, task: &str) -> Self {
        Self { dataset: dataset.to_owned(), task: task.to_owned(), ..Self::default() }
    }

    /// Counts the tokens of a row; `opens_group` says that it is the first of its group, `limit` is
    /// the longest length.
    pub(crate) fn count(&mut self, sample: &Sample, opens_group: bool, limit: usize) {
        let (prefix, suffix) = (sample.prefix_ids.len() as u64, sample.suffix_ids.len() as u64);
        self.samples += 1;
        self.tokens += prefix + suffix;
        self.prefix_tokens += prefix;
        self.tokens_grouped += suffix + if opens_group { prefix } else { 0 };
        let supervised = sample.supervised() as u64;
        self.supervised += supervised;
        // What a trainer that cuts at the limit would lose.
        self.supervised_lost += (prefix + suffix).saturating_sub(limit as u64).min(supervised);
    }

    /// Adds what `other` says of prompts and labels, and its tokens.
    pub fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        self.empty += other.empty;
        self.parts += other.parts;
        self.split += other.split;
        self.pruned += other.pruned;
        self.classes.merge(&other.classes);
        self.positives += other.positives;
        self.negatives += other.negatives;
        self.labels += other.labels;
        self.labels_written += other.labels_written;
        self.labels_refused += other.labels_refused;
        self.tokens += other.tokens;
        self.prefix_tokens += other.prefix_tokens;
        self.tokens_grouped += other.tokens_grouped;
        self.supervised += other.supervised;
        self.supervised_lost += other.supervised_lost;
    }

    /// Classes that do not occur, per class that does.
    pub fn negatives_per_positive(&self) -> f64 {
        ratio(self.negatives, self.positives)
    }

    /// The share of rows whose answer is empty.
    pub fn empty_share(&self) -> f64 {
        ratio(self.empty, self.samples)
    }

    /// The share of tokens that stand in prefixes.
    pub fn prefix_share(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.prefix_tokens as f64 / self.tokens as f64 }
    }

    /// The share of tokens that groups save.
    pub fn saved(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { 1.0 - self.tokens_grouped as f64 / self.tokens as f64 }
    }

    /// Objects that no row has although their sentence was not refused; below 0 were twice.
    pub fn labels_lost(&self) -> i64 {
        self.labels as i64 - (self.labels_written + self.labels_refused) as i64
    }
}

/// The entry of a dataset's task in `effects`, made where there is none yet.
pub(crate) fn entry<'a>(effects: &'a mut Vec<Effect>, dataset: &str, task: &str) -> &'a mut Effect {
    let known = effects.iter().position(|effect| effect.dataset == dataset && effect.task == task);
    let known = known.unwrap_or_else(|| {
        effects.push(Effect::of(dataset, task));
        effects.len() - 1
    });
    &mut effects[known]
}

/// Adds `other` to the entry of its dataset and task in `effects`.
pub(crate) fn add(effects: &mut Vec<Effect>, other: &Effect) {
    entry(effects, &other.dataset, &other.task).merge(other);
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_be_cut_is_counted() {
        let sample = |suffix: usize, from: u32| Sample {
            prefix_ids: vec![1; 10],
            suffix_ids: vec![2; suffix],
            supervised_from: from,
            ..Sample::default()
        };
        let mut effect = Effect::of("d", "ner");
        effect.count(&sample(10, 6), true, 20);
        assert_eq!((effect.supervised, effect.supervised_lost), (4, 0));
        effect.count(&sample(13, 6), false, 20);
        effect.count(&sample(13, 11), false, 20);
        // Three tokens stand beyond 20; of the last row only two of them have a loss.
        assert_eq!((effect.supervised, effect.supervised_lost), (13, 5));
        assert_eq!((effect.tokens, effect.prefix_tokens, effect.tokens_grouped), (66, 30, 46));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(values in proptest::collection::vec(0usize..9, 1..30), cut: usize) {
            let spread = |values: &[usize]| {
                let mut spread = Spread::default();
                values.iter().for_each(|value| spread.add(*value, 1));
                spread
            };
            let (first, second) = values.split_at(cut % values.len());
            let mut together = spread(second);
            together.merge(&spread(first));
            prop_assert_eq!(together, spread(&values));
            prop_assert_eq!(together.min, values.iter().copied().min().unwrap_or(0));
        }
    }
}
