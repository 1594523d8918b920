//! Who holds which part of gradients and optimizer state: buckets of weights, cut into shares.
//!
//! Gradients are summed bucket by bucket, in the order in which the backward pass finishes them: the head,
//! the blocks from the last to the first, the embedding. A bucket is laid out share after share, each as
//! long as the longest, so that the share of a rank is the same stretch of the buffer for every
//! operation of a [`Collective`](crate::collective::Collective).
//!
//! Cuts fall on multiples of [`UNIT`] values of a weight: sums over units are the same bits wherever the
//! cuts are, and states that are kept by blocks of values never share a block.

use model::weight::WeightInfo;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Values of a weight between two places where it may be cut.
pub const UNIT: usize = 4096;

/// How gradients and optimizer state are divided among ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sharding {
    /// ZeRO's stage (arXiv:1910.02054): 0, every rank holds everything; 1, each holds its share of the
    /// optimizer's state; 2, and of the summed gradients.
    pub stage: u8,
    /// MiB of gradients that are summed at a time.
    pub bucket_mib: usize,
}

impl Default for Sharding {
    fn default() -> Self {
        Self { stage: 0, bucket_mib: 25 }
    }
}

impl Sharding {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<(), String> {
        if self.stage > 2 {
            return Err(format!("sharding.stage is {}; known are 0, 1 and 2", self.stage));
        }
        if self.bucket_mib == 0 {
            return Err("sharding.bucket_mib is 0, expected at least 1".to_owned());
        }
        Ok(())
    }
}

/// A run of a weight's values, flattened, that is changed by one rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The weight's path.
    pub path: String,
    /// The dimensions of the whole weight.
    pub dims: Vec<usize>,
    /// Which of its values.
    pub range: Range<usize>,
}

impl Stretch {
    /// All of a weight.
    pub fn whole(info: &WeightInfo) -> Self {
        Self { path: info.path.clone(), dims: info.dims.clone(), range: 0..info.numel() }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Whether it is all of its weight.
    pub fn is_whole(&self) -> bool {
        self.len() == self.dims.iter().product::<usize>()
    }
}

/// Gradients that are summed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What each rank's share holds, in its order.
    pub shares: Vec<Vec<Stretch>>,
    /// Values of a share in the buffer; what its stretches do not fill is zero.
    pub length: usize,
}

impl Bucket {
    /// Every stretch with its place in the buffer.
    pub fn places(&self) -> impl Iterator<Item = (usize, &Stretch)> {
        self.shares.iter().enumerate().flat_map(|(rank, share)| {
            let mut at = rank * self.length;
            share.iter().map(move |stretch| {
                at += stretch.len();
                (at - stretch.len(), stretch)
            })
        })
    }

    /// Values of the buffer.
    pub fn size(&self) -> usize {
        self.length * self.shares.len()
    }
}

/// All trainable weights in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// In the order in which they are summed.
    pub buckets: Vec<Bucket>,
}

impl Partition {
    /// The buckets of `weights`, which stand in the order of the network, for `world` ranks.
    ///
    /// `is_indivisible` names weights that one rank must hold in one piece.
    pub fn new(
        weights: &[WeightInfo],
        world: usize,
        bucket_bytes: usize,
        is_indivisible: &dyn Fn(&WeightInfo) -> bool,
    ) -> Self {
        let most = (bucket_bytes / 4).next_multiple_of(UNIT).max(UNIT);
        let mut buckets = Vec::new();
        let (mut open, mut values, mut pieces) = (Vec::new(), 0, 0);
        for weight in ready_order(weights) {
            let whole = Stretch::whole(weight);
            let indivisible = is_indivisible(weight);
            let parts = if indivisible { vec![whole] } else { cut(&whole, most) };
            for part in parts {
                values += part.len();
                pieces += usize::from(indivisible);
                open.push((part, indivisible));
                // With fewer pieces than ranks some would have nothing to hold.
                if values >= most && (pieces == 0 || pieces >= world) {
                    buckets.push(Bucket::of(std::mem::take(&mut open), world));
                    (values, pieces) = (0, 0);
                }
            }
        }
        if !open.is_empty() {
            buckets.push(Bucket::of(open, world));
        }
        Self { buckets }
    }

    /// What `rank` holds.
    pub fn of(&self, rank: usize) -> impl Iterator<Item = &Stretch> {
        self.buckets.iter().flat_map(move |bucket| &bucket.shares[rank])
    }
}

impl Bucket {
    /// Whole pieces go to the rank with least so far, the largest first; what may be cut fills up.
    fn of(parts: Vec<(Stretch, bool)>, world: usize) -> Self {
        let total: usize = parts.iter().map(|(part, _)| part.len()).sum();
        let (mut pieces, rest): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|(_, indivisible)| *indivisible);
        let mut shares = vec![Vec::new(); world];
        let mut loads = vec![0; world];
        pieces.sort_by_key(|(piece, _)| std::cmp::Reverse(piece.len()));
        for (piece, _) in pieces {
            let least = (0..world).min_by_key(|rank| loads[*rank]).unwrap_or_default();
            loads[least] += piece.len();
            shares[least].push(piece);
        }
        let fair = total.div_ceil(world);
        let mut rank = 0;
        for (stretch, _) in rest {
            for unit in cut(&stretch, UNIT) {
                while loads[rank] >= fair && rank + 1 < world {
                    rank += 1;
                }
                loads[rank] += unit.len();
                append(&mut shares[rank], unit);
            }
        }
        let length = loads.into_iter().max().unwrap_or_default();
        Self { shares, length }
    }
}

/// The order in which the backward pass finishes gradients.
fn ready_order(weights: &[WeightInfo]) -> Vec<&WeightInfo> {
    let mut ordered: Vec<&WeightInfo> = weights.iter().collect();
    ordered.sort_by_key(|weight| std::cmp::Reverse(layer_of(&weight.path)));
    ordered
}

/// 0 for the embedding, then the blocks, then the head.
pub(crate) fn layer_of(path: &str) -> usize {
    if path == model::decoder::EMBEDDING {
        return 0;
    }
    let number = path.strip_prefix("model.layers.").and_then(|rest| rest.split('.').next());
    number.and_then(|number| number.parse::<usize>().ok()).map_or(usize::MAX, |number| number + 1)
}

/// `stretch` in parts of at most `most` values.
fn cut(stretch: &Stretch, most: usize) -> Vec<Stretch> {
    let Range { start, end } = stretch.range;
    let part = |from: usize| Stretch { range: from..(from + most).min(end), ..stretch.clone() };
    (start..end).step_by(most).map(part).collect()
}

/// Adds `unit` behind the last stretch, or to it.
fn append(share: &mut Vec<Stretch>, unit: Stretch) {
    match share.last_mut() {
        Some(last) if last.path == unit.path && last.range.end == unit.range.start => {
            last.range.end = unit.range.end;
        }
        _ => share.push(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn weights(sizes: &[(&str, &[usize])]) -> Vec<WeightInfo> {
        let info = |(path, dims): &(&str, &[usize])| WeightInfo {
            path: (*path).to_owned(),
            dims: dims.to_vec(),
            trainable: true,
        };
        sizes.iter().map(info).collect()
    }

    fn model() -> Vec<WeightInfo> {
        weights(&[
            ("model.embed_tokens.weight", &[300, 64]),
            ("model.layers.0.mlp.up_proj.weight", &[128, 64]),
            ("model.layers.0.input_layernorm.weight", &[64]),
            ("model.layers.1.mlp.up_proj.weight", &[128, 64]),
            ("model.layers.1.mlp.down_proj.weight", &[64, 128]),
            ("model.norm.weight", &[64]),
            ("lm_head.weight", &[300, 64]),
        ])
    }

    #[test]
    fn every_value_has_one_place_and_one_rank() {
        let weights = model();
        for world in 1..=5 {
            for bucket_bytes in [1, 40_000, 1 << 20] {
                for pieces in [false, true] {
                    let indivisible = |info: &WeightInfo| pieces && info.path.contains("layers");
                    let partition = Partition::new(&weights, world, bucket_bytes, &indivisible);
                    let mut seen: BTreeMap<&str, Vec<Range<usize>>> = BTreeMap::new();
                    for bucket in &partition.buckets {
                        let mut end = 0;
                        for (at, stretch) in bucket.places() {
                            assert!(at >= end && at + stretch.len() <= bucket.size());
                            assert_eq!(stretch.range.start % UNIT, 0);
                            end = at + stretch.len();
                            seen.entry(&stretch.path).or_default().push(stretch.range.clone());
                        }
                    }
                    for weight in &weights {
                        let ranges = seen.get_mut(weight.path.as_str()).map(std::mem::take);
                        let mut ranges = ranges.unwrap_or_default();
                        ranges.sort_by_key(|range| range.start);
                        let ends = ranges.iter().map(|range| range.end);
                        let starts = ranges.iter().map(|range| range.start);
                        assert!(starts.eq(std::iter::once(0).chain(ends).take(ranges.len())));
                        assert_eq!(ranges.last().map(|range| range.end), Some(weight.numel()));
                        assert!(!indivisible(weight) || ranges.len() == 1, "{}", weight.path);
                    }
                }
            }
        }
    }

    #[test]
    fn buckets_follow_the_backward_pass() {
        let partition = Partition::new(&model(), 2, 40_000, &|_| false);
        let mut order: Vec<&str> = Vec::new();
        for bucket in &partition.buckets {
            for (_, stretch) in bucket.places() {
                if order.last() != Some(&stretch.path.as_str()) {
                    order.push(&stretch.path);
                }
            }
        }
        assert_eq!(
            order,
            [
                "model.norm.weight",
                "lm_head.weight",
                "model.layers.1.mlp.up_proj.weight",
                "model.layers.1.mlp.down_proj.weight",
                "model.layers.0.mlp.up_proj.weight",
                "model.layers.0.input_layernorm.weight",
                "model.embed_tokens.weight",
            ]
        );
    }

    #[test]
    fn shares_are_about_equal() {
        let partition = Partition::new(&model(), 4, 1 << 20, &|_| false);
        let [bucket] = &partition.buckets[..] else { panic!("one bucket") };
        let total: usize = model().iter().map(WeightInfo::numel).sum();
        assert!(bucket.size() - total <= 4 * UNIT, "{} of {total}", bucket.size());
    }
}
