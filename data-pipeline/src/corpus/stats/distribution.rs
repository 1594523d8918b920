//! How often each number occurs, exactly, and the histograms that are drawn of it.
//!
//! Every value is kept with its count, so that those of several splits add up to those of all, and a
//! histogram is cut only when it is shown.

use serde::Serialize;
use std::collections::BTreeMap;

/// Bins of a histogram in JSON.
const BINS: usize = 20;

/// Values and how often they occur.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Histogram")]
pub struct Distribution {
    counts: BTreeMap<usize, usize>,
}

/// Values from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// The lowest value.
    pub from: usize,
    /// The highest value.
    pub to: usize,
    /// How many values lie between.
    pub count: usize,
}

/// A distribution as data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// How many values there are.
    pub count: usize,
    /// What they come to.
    pub sum: usize,
    /// The lowest; none where there is no value, as below.
    pub least: Option<usize>,
    /// Half of the values are not above it.
    pub median: Option<usize>,
    /// 95 % of the values are not above it.
    pub p95: Option<usize>,
    /// The highest.
    pub most: Option<usize>,
    /// The mean.
    pub mean: Option<f64>,
    /// The values in bins of equal width; the last one holds the longest percent too.
    pub bins: Vec<Bin>,
}

impl Distribution {
    /// Adds a value.
    pub fn add(&mut self, value: usize) {
        *self.counts.entry(value).or_default() += 1;
    }

    /// Adds all values of another distribution.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            *self.counts.entry(*value).or_default() += count;
        }
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }

    /// What they come to.
    pub fn sum(&self) -> usize {
        self.counts.iter().map(|(value, count)| value * count).sum()
    }

    /// How often `value` occurs.
    pub fn count_of(&self, value: usize) -> usize {
        self.counts.get(&value).copied().unwrap_or_default()
    }

    /// The mean; none without a value.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum() as f64 / count as f64)
    }

    /// The lowest value.
    pub fn least(&self) -> Option<usize> {
        self.counts.keys().next().copied()
    }

    /// The highest value.
    pub fn most(&self) -> Option<usize> {
        self.counts.keys().next_back().copied()
    }

    /// The lowest value that at least `percent` of all values are not above; `percent` is 0 to 100.
    pub fn percentile(&self, percent: usize) -> Option<usize> {
        let wanted = (self.count() * percent).div_ceil(100);
        let mut seen = 0;
        let mut reached = self.counts.iter().map(|(value, count)| {
            seen += count;
            (*value, seen)
        });
        reached.find(|(_, seen)| *seen >= wanted).map(|(value, _)| value)
    }

    /// At most `most` bins of equal, round width from the lowest value on. What lies above 99 % of
    /// all values falls into the last one, so that a few giants do not press the rest together.
    pub fn bins(&self, most: usize) -> Vec<Bin> {
        let ends = (self.least(), self.percentile(99), self.most());
        let (Some(least), Some(nearly), Some(highest)) = ends else { return Vec::new() };
        let width = round_up((nearly - least + 1).div_ceil(most.max(1)));
        // From a multiple of the width: borders are round, too.
        let start = least / width * width;
        // Rounding the start down may cost a bin: then the last one takes what is over.
        let number = ((nearly - start) / width + 1).min(most.max(1));
        let mut bins: Vec<Bin> = (0..number)
            .map(|bin| Bin {
                from: start + bin * width,
                to: start + (bin + 1) * width - 1,
                count: 0,
            })
            .collect();
        for (value, count) in &self.counts {
            bins[((value - start) / width).min(number - 1)].count += count;
        }
        if let Some(last) = bins.last_mut() {
            last.to = last.to.max(highest);
        }
        bins
    }
}

impl From<Distribution> for Histogram {
    fn from(values: Distribution) -> Self {
        Self {
            count: values.count(),
            sum: values.sum(),
            least: values.least(),
            median: values.percentile(50),
            p95: values.percentile(95),
            most: values.most(),
            mean: values.mean(),
            bins: values.bins(BINS),
        }
    }
}

impl FromIterator<usize> for Distribution {
    fn from_iter<I: IntoIterator<Item = usize>>(values: I) -> Self {
        let mut distribution = Self::default();
        values.into_iter().for_each(|value| distribution.add(value));
        distribution
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn round_up(width: usize) -> usize {
    let mut decade = 1usize;
    loop {
        let digit = [1, 2, 5].into_iter().find(|digit| decade.saturating_mul(*digit) >= width);
        match digit {
            Some(digit) => return decade.saturating_mul(digit),
            None => decade = decade.saturating_mul(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bins(values: &[usize], most: usize) -> Vec<(usize, usize, usize)> {
        let distribution: Distribution = values.iter().copied().collect();
        distribution.bins(most).iter().map(|bin| (bin.from, bin.to, bin.count)).collect()
    }

    #[test]
    fn borders_are_round() {
        assert_eq!(bins(&[], 5), []);
        assert_eq!(bins(&[7], 5), [(7, 7, 1)]);
        assert_eq!(bins(&[0, 1, 1, 3], 5), [(0, 0, 1), (1, 1, 2), (2, 2, 0), (3, 3, 1)]);
        assert_eq!(
            bins(&[12, 18, 29, 31], 4),
            [(10, 14, 1), (15, 19, 1), (20, 24, 0), (25, 31, 2)]
        );
        assert_eq!(bins(&[12, 19, 29, 31], 3), [(10, 19, 2), (20, 29, 1), (30, 39, 1)]);
    }

    #[test]
    fn giants_do_not_press_the_rest_together() {
        let mut values: Vec<usize> = (0..1000).map(|i| i % 10).collect();
        values.push(1_000_000);
        let bins = bins(&values, 10);
        assert_eq!(bins.len(), 10);
        assert_eq!(bins[9], (9, 1_000_000, 101));
    }

    #[test]
    fn percentiles_are_values() {
        let values: Distribution = (1..=100).collect();
        let percentiles = [0, 1, 50, 95, 100].map(|percent| values.percentile(percent));
        assert_eq!(percentiles, [1, 1, 50, 95, 100].map(Some));
        assert_eq!((values.mean(), values.sum(), values.count()), (Some(50.5), 5050, 100));
        assert_eq!(Distribution::default().percentile(50), None);
    }

    proptest! {
        #[test]
        fn every_value_lies_in_one_bin(
            values in prop::collection::vec(0usize..5000, 0..200),
            most in 1usize..30,
        ) {
            let distribution: Distribution = values.iter().copied().collect();
            let bins = distribution.bins(most);
            prop_assert!(bins.len() <= most);
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), values.len());
            for bin in &bins {
                let inside = values.iter().filter(|it| (bin.from..=bin.to).contains(*it)).count();
                prop_assert_eq!(bin.count, inside);
            }
            prop_assert!(bins.windows(2).all(|pair| pair[0].to + 1 == pair[1].from));
            if let (Some(first), Some(last)) = (bins.first(), bins.last()) {
                prop_assert!(Some(first.from) <= distribution.least());
                prop_assert!(Some(last.to) >= distribution.most());
            }
        }

        #[test]
        fn the_whole_is_its_parts(
            one in prop::collection::vec(0usize..100, 0..50),
            other in prop::collection::vec(0usize..100, 0..50),
        ) {
            let mut merged: Distribution = one.iter().copied().collect();
            merged.merge(&other.iter().copied().collect());
            prop_assert_eq!(merged, one.iter().chain(&other).copied().collect());
        }
    }
}
