//! How far a score would move if the test set had been other sentences of the same kind.
//!
//! The sentences of a set are drawn again with replacement, as many as there are, a thousand
//! times; the middle 95 % of the scores are the interval (Efron, 1979, percentile method).
//! The draw is a function of the set's name, so that a score is the same whoever computes it.

use super::Tally;
use crate::random::Random;

/// Resamples of a set; 2.5 % of them are 25.
const RESAMPLES: usize = 1000;

/// F1 of each resample of the sentences of the set called `name`.
pub(super) fn resample(tallies: &[Tally], name: &[&str]) -> Vec<f64> {
    let mut random = Random::of(0, name);
    let mut draw =
        || -> Tally { (0..tallies.len()).map(|_| tallies[random.below(tallies.len())]).sum() };
    (0..RESAMPLES).map(|_| draw().f1()).collect()
}

/// The bounds between which 95 % of the scores lie.
pub(super) fn interval(mut scores: Vec<f64>) -> (f64, f64) {
    scores.sort_unstable_by(f64::total_cmp);
    let outside = scores.len() / 40;
    match scores.get(outside).zip(scores.iter().rev().nth(outside)) {
        Some((low, high)) => (*low, *high),
        None => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_a_binomial() {
        // One object a sentence, found in half of 400: the F1 is then a mean of 400 coin flips,
        // with a standard deviation of 2.5.
        let hit = Tally { gold: 1, predicted: 1, correct: 1 };
        let miss = Tally { gold: 1, predicted: 1, correct: 0 };
        let tallies: Vec<Tally> = (0..400).map(|i| if i % 2 == 0 { hit } else { miss }).collect();
        let (low, high) = interval(resample(&tallies, &["d"]));
        // 1.96 deviations; 0.6 is three errors of a 2.5 % quantile out of 1,000.
        assert!((low - 45.1).abs() < 0.6, "{low}");
        assert!((high - 54.9).abs() < 0.6, "{high}");
        assert_eq!(interval(resample(&tallies, &["e"])), interval(resample(&tallies, &["e"])));
        assert_eq!(interval(resample(&tallies[..1], &["e"])), (100.0, 100.0));
        assert_eq!(interval(Vec::new()), (0.0, 0.0));
    }
}
