//! How large the micro-batches of a phase are, and which is the largest: from lengths alone.
//!
//! Rows are laid out as training lays them out. Of a long phase only some steps are looked at; what the
//! others may hold has a bound, since a batch is longer than asked only where one sample is.

use data_pipeline::batch::Batch;
use data_pipeline::fill::batches;
use data_pipeline::order::{Order, Share};
use data_pipeline::shard::Length;
use model::memory::BatchShape;
use std::ops::Range;

/// Rows of the steps that are laid out, at most: a second or two.
const LAID_OUT: usize = 1 << 18;

/// Steps that are laid out at least, however many rows each has.
const LEAST: usize = 64;

/// The shape of a batch.
pub fn shape(batch: &Batch) -> BatchShape {
    let mut shape = BatchShape {
        tokens: batch.ids.len() as u64,
        places: batch.places() as u64,
        targets: batch.targets.len() as u64,
        ..BatchShape::default()
    };
    let triangle = |n: u64| n * (n + 1) / 2;
    for piece in &batch.pieces {
        let (p, k, u) = (piece.prefix_length as u64, piece.k as u64, piece.suffix_length as u64);
        shape.scores += piece.groups as u64 * (p * p + k * u * (p + u));
        for (group, prefix) in piece.prefix_lengths.iter().enumerate() {
            let prefix = *prefix as u64;
            let suffixes = &piece.suffix_lengths[group * piece.k..(group + 1) * piece.k];
            shape.pairs += triangle(prefix);
            let mut tokens = prefix;
            for suffix in suffixes {
                let suffix = *suffix as u64;
                shape.pairs += suffix * prefix + triangle(suffix);
                tokens += suffix;
            }
            shape.longest = shape.longest.max(tokens);
        }
    }
    shape
}

/// The largest micro-batch of some steps, in tokens, then places, then targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// In which step it is.
    pub step: usize,
    /// Whose it is.
    pub share: Share,
    /// Its number among those of the share.
    pub batch: usize,
    /// How large it is.
    pub shape: BatchShape,
    /// The most micro-batches that a share of a step has.
    pub batches: usize,
    /// Steps that were laid out.
    pub examined: usize,
}

/// The largest micro-batch of `steps` if each has `shares` parts.
///
/// All steps are laid out if there are few, else some, evenly spread.
pub fn worst(
    lengths: &[Length],
    order: &Order,
    shares: usize,
    steps: Range<usize>,
    micro_tokens: usize,
) -> Option<Worst> {
    let most = (LAID_OUT / order.samples().max(1)).max(LEAST);
    let stride = steps.len().div_ceil(most).max(1);
    let mut worst: Option<Worst> = None;
    let (mut most_batches, mut examined) = (0, 0);
    for step in steps.step_by(stride) {
        examined += 1;
        for index in 0..shares {
            let share = Share { index, count: shares };
            let laid = batches(lengths, order, share, step, micro_tokens);
            most_batches = most_batches.max(laid.len());
            for (number, batch) in laid.iter().enumerate() {
                let shape = shape(batch);
                // What is not supervised is not computed.
                let larger = worst.is_none_or(|worst| shape > worst.shape);
                if shape.targets > 0 && larger {
                    let batch = number;
                    worst = Some(Worst { step, share, batch, shape, batches: 0, examined: 0 });
                }
            }
        }
    }
    worst.map(|worst| Worst { batches: most_batches, examined, ..worst })
}

/// Micro-batches that no share of a step has more of; where not all steps were looked at, two stand for any
/// number that could be.
pub fn most_batches(
    found: Worst,
    steps: usize,
    samples: usize,
    lengths: &[Length],
    micro_tokens: usize,
) -> usize {
    let of = |length: &Length| length.prefix as usize + length.suffix as usize;
    let longest = lengths.iter().map(of).max().unwrap_or(0);
    let several = found.examined < steps && longest * samples > micro_tokens;
    found.batches.max(if several { 2 } else { 1 })
}

/// What no micro-batch is larger than: that of all steps where they were looked at, else as long as
/// `micro_tokens` or the longest sample, and otherwise like the largest one found.
pub fn bound(found: Worst, steps: usize, lengths: &[Length], micro_tokens: usize) -> BatchShape {
    if found.examined >= steps {
        return found.shape;
    }
    let sample = |length: &Length| u64::from(length.prefix) + u64::from(length.suffix);
    let longest = lengths.iter().map(sample).max().unwrap_or(0);
    stretched(found.shape, longest.max(micro_tokens as u64), longest)
}

/// `shape` with so many tokens, in groups that may be as long as `longest`.
fn stretched(shape: BatchShape, tokens: u64, longest: u64) -> BatchShape {
    let factor = (tokens as f64 / shape.tokens.max(1) as f64).max(1.0);
    let scaled = |count: u64| (count as f64 * factor).ceil() as u64;
    BatchShape {
        tokens: shape.tokens.max(tokens),
        places: scaled(shape.places),
        targets: scaled(shape.targets),
        pairs: scaled(shape.pairs),
        scores: scaled(shape.scores),
        longest: shape.longest.max(longest),
    }
}

/// Before shards are prepared: a micro-batch full of samples that are as long as they may be.
pub fn unprepared(micro_tokens: usize, max_length: usize, samples: usize) -> BatchShape {
    let longest = max_length as u64;
    let tokens = (micro_tokens.max(max_length) as u64).min(longest * samples as u64);
    BatchShape {
        tokens,
        // A quarter more is what packing may add.
        places: tokens + tokens / 4,
        targets: tokens / 2,
        pairs: tokens * longest / 2,
        scores: tokens * longest,
        longest,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::batch::{Group, Suffix};
    use data_pipeline::order::{Groups, Mixture, Rows};
    use data_pipeline::shard::RowSource;

    fn group(prefix: usize, suffixes: &[usize]) -> Group {
        let suffix = |length: &usize| Suffix {
            row: 0,
            slot: 0,
            ids: vec![0; *length],
            supervised_from: length - 2,
        };
        Group { prefix: vec![0; prefix], suffixes: suffixes.iter().map(suffix).collect() }
    }

    #[test]
    fn a_shape_counts_what_attention_sees() {
        let batch = Batch::pack(vec![group(3, &[4, 2])], 100).remove(0);
        let expected = BatchShape {
            tokens: 9,
            places: 3 + 2 * 4,
            targets: 4,
            // The prefix 6; suffixes 4·3 + 10 and 2·3 + 3.
            pairs: 6 + 22 + 9,
            scores: 9 + 2 * 4 * 7,
            longest: 9,
        };
        assert_eq!(shape(&batch), expected);
    }

    /// Rows of made-up lengths, one much longer than the others.
    fn rows(count: usize) -> (Vec<Length>, Vec<Groups>) {
        let length = |row: usize| Length {
            prefix: 20,
            suffix: if row == count / 2 { 400 } else { 10 + (row * 7 % 31) as u32 },
            supervised: 5,
            group: (row / 2) as u32,
            source: 0,
        };
        let runs = (0..count / 2).map(|group| 2 * group..2 * group + 2).collect();
        let groups = Groups { dataset: "made-up".into(), runs };
        ((0..count).map(length).collect(), vec![groups])
    }

    fn order(lengths: &[Length], groups: &[Groups]) -> Order {
        let [dataset, language, task] = ["made-up", "en", "ner"].map(str::to_owned);
        let sources = &[RowSource { dataset, language, task }];
        Order::new(3, Rows { groups, lengths, sources }, &Mixture::default(), 8).unwrap()
    }

    #[test]
    fn the_largest_batch_of_a_short_phase_is_found() {
        let (lengths, groups) = rows(64);
        let order = order(&lengths, &groups);
        for shares in [1, 2, 3] {
            for micro_tokens in [100, 300, 1000] {
                let found = worst(&lengths, &order, shares, 0..8, micro_tokens).unwrap();
                assert_eq!(found.examined, 8);
                let share = found.share;
                let laid = batches(&lengths, &order, share, found.step, micro_tokens);
                assert_eq!(shape(&laid[found.batch]), found.shape);
                let mut all = (0..8).flat_map(|step| {
                    let of = |index| Share { index, count: shares };
                    (0..shares)
                        .flat_map(|index| batches(&lengths, &order, of(index), step, micro_tokens))
                        .collect::<Vec<_>>()
                });
                assert!(all.all(|batch| shape(&batch) <= found.shape));
                let counts = (0..8).flat_map(|step| {
                    let of = |index| Share { index, count: shares };
                    (0..shares).map(move |index| (step, of(index)))
                });
                let counts =
                    counts.map(|(step, it)| batches(&lengths, &order, it, step, micro_tokens));
                assert_eq!(Some(found.batches), counts.map(|laid| laid.len()).max());
                assert_eq!(most_batches(found, 8, 8, &lengths, micro_tokens), found.batches);
                assert!(found.shape.tokens >= 420, "the long row of an epoch: {found:?}");
                assert_eq!(bound(found, 8, &lengths, micro_tokens), found.shape);
            }
        }
    }

    #[test]
    fn a_long_phase_is_bounded() {
        let (lengths, groups) = rows(64);
        let order = order(&lengths, &groups);
        let steps = 1_000_000;
        let found = worst(&lengths, &order, 2, 0..steps, 300).unwrap();
        assert!(found.examined < 1 << 16, "{}", found.examined);
        let bound = bound(found, steps, &lengths, 300);
        assert_eq!(bound.cover(found.shape), bound);
        assert!(bound.tokens >= 420);
        // Of what was not looked at nothing is known but how long its samples may be.
        let one = Worst { batches: 1, ..found };
        assert_eq!(most_batches(one, steps, 8, &lengths, 300), 2);
        assert_eq!(most_batches(one, steps, 8, &lengths, 8 * 420), 1);
        assert_eq!(most_batches(one, found.examined, 8, &lengths, 300), 1);
    }
}
