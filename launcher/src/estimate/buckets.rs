//! Whether sums wait more than they send: each bucket goes around all ranks, however small it is.

use super::rates::Rates;
use super::seconds_text;
use super::step::{Layout, StepTime};
use super::work::{Costs, Load};

/// What of a step a larger bucket must save before it is worth a word.
const WORTH: f64 = 0.05;

/// How near to the best a bucket must be, as a share of that: of those the smallest hides most.
const NEAR: f64 = 0.05;

const MIB: f64 = (1 << 20) as f64;

/// A larger bucket, and what it would save.
#[derive(Clone, Debug, PartialEq)]
pub struct Larger {
    /// Ranks that sum.
    pub world: usize,
    /// How many buckets of gradients a step has, and their bytes.
    pub buckets: [f64; 2],
    /// Seconds of all sums, and those of them that would be the same if there were nothing to send.
    pub sums: [f64; 2],
    /// The better size, in MiB.
    pub mib: usize,
    /// Seconds of a step as it is, and with that.
    pub step: [f64; 2],
}

impl Larger {
    /// The size that makes a step shortest; `None` where that is not worth a word.
    pub fn of(costs: &Costs, load: &Load, layout: &Layout, rates: &Rates) -> Option<Self> {
        let time = |bucket: f64| StepTime::of(costs, load, &Layout { bucket, ..*layout }, rates);
        let bytes = layout.gradient_bytes * costs.trainable;
        let count = |bucket: f64| (bytes / bucket).ceil().max(1.0);
        // The last bucket leaves when everything is computed, and nothing hides it.
        let seconds = |bucket: f64| {
            let time = time(bucket);
            time.seconds + time.communication / count(bucket)
        };
        let next = |bucket: &f64| (2.0 * bucket < bytes).then_some(2.0 * bucket);
        let sizes = || std::iter::successors(Some(layout.bucket), next);
        let best = sizes().map(seconds).fold(f64::INFINITY, f64::min);
        if layout.world < 2 || best > (1.0 - WORTH) * seconds(layout.bucket) {
            return None;
        }
        let bucket = sizes().find(|bucket| seconds(*bucket) <= (1.0 + NEAR) * best)?;
        let now = time(layout.bucket);
        let one = time(bytes.max(layout.bucket)).communication;
        Some(Self {
            world: layout.world,
            buckets: [count(layout.bucket), layout.bucket],
            sums: [now.communication, now.communication - one],
            mib: (bucket / MIB).round() as usize,
            step: [now.seconds, time(bucket).seconds],
        })
    }

    /// What phase `phase` would gain.
    pub fn sentence(&self, phase: &str) -> String {
        let Self { world, buckets: [count, bytes], mib, .. } = self;
        let [all, waits] = self.sums.map(seconds_text);
        let [now, then] = self.step.map(seconds_text);
        format!(
            "phase `{phase}` sums {count:.0} buckets of {:.0} MiB in a step, each on its way around {world} ranks: of \
             {all} of sums {waits} are waiting; sharding.bucket_mib = {mib} makes a step of {now} one of {then}",
            bytes / MIB
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{costs, dense, h200, layout};
    use super::*;
    use trainer::recipe::Train;

    fn larger(world: usize, stage: u8, mib: f64) -> Option<Larger> {
        let layout = Layout {
            shards: world,
            weight_bytes: 4.0,
            bucket: mib * MIB,
            ..layout(world, stage, 4.0)
        };
        Larger::of(&costs(Train::Full), &dense(1_048_576.0), &layout, &h200())
    }

    #[test]
    fn shares_in_small_buckets_wait_on_many_ranks() {
        // A node's ranks are near each other, and computing hides what they wait for.
        assert_eq!(
            (larger(1, 1, 25.0), larger(8, 1, 25.0), larger(64, 1, 25.0)),
            (None, None, None)
        );
        let found = larger(256, 1, 25.0).unwrap();
        // 30 GB in buckets of 25 MiB.
        assert_eq!(found.buckets, [1146.0, 25.0 * MIB]);
        // Two halves, 224 steps of 1.9 µs and 31 of 4 µs each behind 14 µs, for all buckets but one.
        let each = 2.0 * (14e-6 + 224.0 * 1.9e-6 + 31.0 * 4e-6);
        assert!((found.sums[1] / (1145.0 * each) - 1.0).abs() < 0.15, "{found:?}");
        assert!(found.mib >= 100 && found.mib.is_multiple_of(25), "{found:?}");
        assert!(found.step[1] < 0.6 * found.step[0], "{found:?}");
        let words = found.sentence("alignment");
        let begin = "phase `alignment` sums 1146 buckets of 25 MiB in a step, each on its way around 256 ranks: of ";
        assert!(words.starts_with(begin), "{words}");
        let way = format!("; sharding.bucket_mib = {} makes a step of ", found.mib);
        assert!(words.contains(&way), "{words}");
        // With that there is nothing left to say.
        assert_eq!(larger(256, 1, found.mib as f64), None);
    }

    #[test]
    fn sums_for_everybody_go_along_a_tree_and_gain_less() {
        assert_eq!((larger(64, 0, 25.0), larger(128, 0, 25.0)), (None, None));
        let [tree, ring] = [0, 1].map(|stage| larger(256, stage, 25.0).unwrap());
        assert!(tree.sums[1] < 0.2 * ring.sums[1] && tree.step[0] < ring.step[0], "{tree:?}");
    }
}
