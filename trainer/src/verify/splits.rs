//! The ways in which a step may be split.

use super::Own;
use crate::recipe::{Phase, Recipe};
use crate::sharding::Sharding;
use serde::Serialize;
use std::fmt;

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Split {
    /// Ranks.
    pub ranks: usize,
    /// ZeRO's stage.
    pub stage: u8,
    /// MiB of gradients that are summed at a time.
    pub bucket_mib: usize,
    /// Parts of a step that are summed in one fixed tree; 0: none.
    pub exact_shards: usize,
    /// Whether samples share their prefix's computation.
    pub grouped: bool,
    /// Tokens that a rank computes at a time; 1: a sample at a time.
    pub micro_tokens: usize,
    /// Whether blocks are computed again.
    pub recompute: bool,
}

impl Split {
    /// What all others are compared with.
    pub const PLAINEST: Self = Self {
        ranks: 1,
        stage: 0,
        bucket_mib: 1,
        exact_shards: 0,
        grouped: false,
        micro_tokens: 1,
        recompute: false,
    };

    /// How a run splits the steps of `phase`. Here all ranks share one device: each computes as much less
    /// at a time.
    pub(super) fn of_run(phase: &Phase, recipe: &Recipe, own: Own) -> Self {
        Self {
            ranks: own.ranks,
            stage: own.sharding.stage,
            bucket_mib: own.sharding.bucket_mib,
            exact_shards: match recipe.run.exact_shards {
                // A world that cannot have them is refused elsewhere.
                shards if shards.is_multiple_of(own.ranks.max(1)) => shards,
                _ => 0,
            },
            grouped: true,
            micro_tokens: (phase.batch.micro_tokens() / own.ranks.max(1)).max(1),
            recompute: phase.batch.recompute.blocks(usize::MAX) > 0,
        }
    }

    pub(super) fn is_plainest(&self) -> bool {
        *self == Self::PLAINEST
    }

    /// The exchange's part of it.
    pub(super) fn sharding(&self) -> Sharding {
        Sharding { stage: self.stage, bucket_mib: self.bucket_mib }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ranks {
            1 => write!(f, "1 rank")?,
            ranks => write!(f, "{ranks} ranks, ZeRO {}", self.stage)?,
        }
        if self.exact_shards > 0 {
            write!(f, ", {} exact shards", self.exact_shards)?;
        }
        write!(f, "{}", if self.grouped { ", groups" } else { ", samples apart" })?;
        match self.micro_tokens {
            1 => write!(f, ", one at a time")?,
            tokens => write!(f, ", {tokens} tokens at a time")?,
        }
        write!(f, "{}", if self.recompute { ", recomputed" } else { "" })
    }
}

/// Every kind of split: each number of ranks under each stage of ZeRO, and each of them with groups and
/// without, in large and small micro-batches, with blocks kept and recomputed. `micro` is a large
/// micro-batch.
pub(super) fn full(own: Split, micro: usize) -> Vec<Split> {
    let small = (micro / 5).max(2);
    let split = |ranks: usize, stage: u8, grouped, micro_tokens: usize, recompute| Split {
        ranks,
        stage,
        grouped,
        micro_tokens: (micro_tokens / ranks).max(2),
        recompute,
        ..Split::PLAINEST
    };
    let all = [
        Split::PLAINEST,
        own,
        split(1, 0, true, micro, false),
        split(1, 0, true, micro, true),
        split(1, 0, true, small, false),
        split(1, 0, false, micro, false),
        split(2, 0, true, micro, false),
        split(2, 1, true, small, true),
        split(2, 2, false, small, false),
        split(4, 0, false, small, true),
        split(4, 1, true, micro, false),
        split(4, 2, true, small, false),
    ];
    distinct(all)
}

/// The plainest, the run's own, and two in which the rest differs.
pub(super) fn short(own: Split, micro: usize) -> Vec<Split> {
    let small = (micro / 5).max(2);
    let grouped = Split { grouped: true, ..Split::PLAINEST };
    distinct([
        Split::PLAINEST,
        own,
        Split { micro_tokens: small, recompute: !own.recompute, ..grouped },
        Split { ranks: 2, stage: 2, micro_tokens: (micro / 2).max(2), ..grouped },
    ])
}

fn distinct<const N: usize>(splits: [Split; N]) -> Vec<Split> {
    let mut distinct: Vec<Split> = Vec::new();
    for split in splits {
        if !distinct.contains(&split) {
            distinct.push(split);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_tried_beside_the_plainest() {
        let own = Split { ranks: 2, stage: 1, grouped: true, micro_tokens: 512, ..Split::PLAINEST };
        let all = full(own, 1000);
        assert!(all[0].is_plainest() && all[1] == own && all.iter().all(|it| it.micro_tokens > 0));
        for ranks in [1, 2, 4] {
            assert!(all.iter().any(|it| it.ranks == ranks && it.grouped));
            assert!(all.iter().any(|it| it.ranks == ranks && !it.grouped));
            for stage in 0..3 {
                let tried = |it: &&Split| it.ranks == ranks && it.stage == stage;
                assert!(ranks == 1 || all.iter().any(|it| tried(&it)));
            }
        }
        for recompute in [false, true] {
            assert!(all.iter().any(|it| it.recompute == recompute && it.ranks > 1));
        }
        assert_eq!(short(own, 1000).len(), 4);
        // What is the same is done once.
        let alone = Split { grouped: true, micro_tokens: 1000, ..Split::PLAINEST };
        assert_eq!(full(alone, 1000).len(), all.len() - 1);
        assert_eq!(own.to_string(), "2 ranks, ZeRO 1, groups, 512 tokens at a time");
        assert_eq!(Split::PLAINEST.to_string(), "1 rank, samples apart, one at a time");
    }
}
