//! What two sides on the same sentences differ in, and how sure that is.
//!
//! Intervals of two scores overlap long before their difference is chance, since both sides meet the
//! same hard sentences. So the difference is looked at sentence by sentence: its interval is that of a
//! paired bootstrap (Koehn, 2004), and its p-value that of approximate randomization (Noreen, 1989; Yeh,
//! 2000): how often a difference as large comes about if the answers to each sentence are swapped or
//! not by the toss of a coin. Where each side was run with several seeds, these are paired and drawn
//! again, too; a toss swaps a sentence's answers in all of them, so p asks about sentences only.

use super::Tally;
use super::bootstrap::{self, Group, means};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Tosses for all sentences; with the answers as they are that makes 2,000, so p is never below 0.0005.
const TRIALS: usize = 1999;

/// How far two sides are apart: the first less the second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In points of F1; the mean over the seeds that both have.
    pub points: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// How likely a difference as large, in either direction, would be if both were equally good.
    pub p: f64,
}

/// The first side less the second, each the mean over `groups` of the F1 of each; what is tossed is a
/// function of `name`.
pub(super) fn difference(groups: &[Group<2>], name: &[&str]) -> Difference {
    let apart = |[first, second]: [f64; 2]| first - second;
    let drawn = bootstrap::resamples(groups).into_iter().map(apart).collect();
    let (low, high) = bootstrap::interval(drawn);
    let points = apart(bootstrap::scores(groups));
    Difference { points, low, high, p: by_chance(groups, name) }
}

/// How often swapped answers are at least as far apart.
fn by_chance(groups: &[Group<2>], name: &[&str]) -> f64 {
    let distance = |totals: &[Vec<[Tally; 2]>]| {
        let [first, second] = means(totals);
        (first - second).abs()
    };
    let totals: Vec<Vec<[Tally; 2]>> = groups.iter().map(Group::totals).collect();
    // Sums of equal parts in another order may differ in the last bits.
    let observed = distance(&totals) - 1e-9;
    let differing: Vec<Vec<usize>> = groups.iter().map(differing).collect();
    let mut coin = Coin::new(name);
    let mut as_large = 0;
    for _ in 0..TRIALS {
        let mut swapped = totals.clone();
        for ((group, places), totals) in groups.iter().zip(&differing).zip(&mut swapped) {
            for place in places {
                if coin.toss() {
                    swap(group, *place, totals);
                }
            }
        }
        as_large += usize::from(distance(&swapped) >= observed);
    }
    (as_large + 1) as f64 / (TRIALS + 1) as f64
}

/// The sentences that the sides count differently in some run: swapping equals changes nothing.
fn differing(group: &Group<2>) -> Vec<usize> {
    let count = group.runs().first().map_or(0, Vec::len);
    let differs = |place: &usize| {
        let mut sides = group.runs().iter().filter_map(|sentences| sentences.get(*place));
        sides.any(|[first, second]| first != second)
    };
    (0..count).filter(differs).collect()
}

/// Swaps the answers to a sentence in the totals of all runs.
fn swap(group: &Group<2>, place: usize, totals: &mut [[Tally; 2]]) {
    for (sentences, [first, second]) in group.runs().iter().zip(totals) {
        if let Some([a, b]) = sentences.get(place) {
            *first = exchanged(*first, *a, *b);
            *second = exchanged(*second, *b, *a);
        }
    }
}

/// `total` with `new` in the place of `old`, which is a part of it.
fn exchanged(total: Tally, old: Tally, new: Tally) -> Tally {
    Tally {
        gold: total.gold - old.gold + new.gold,
        predicted: total.predicted - old.predicted + new.predicted,
        correct: total.correct - old.correct + new.correct,
    }
}

/// Heads or tails, 64 of them of each number drawn.
struct Coin {
    random: Random,
    bits: u64,
    left: u32,
}

impl Coin {
    fn new(name: &[&str]) -> Self {
        let purpose: Vec<&str> =
            std::iter::once("randomization").chain(name.iter().copied()).collect();
        Self { random: Random::of(0, &purpose), bits: 0, left: 0 }
    }

    fn toss(&mut self) -> bool {
        if self.left == 0 {
            (self.bits, self.left) = (self.random.next(), 64);
        }
        self.left -= 1;
        let is_heads = self.bits & 1 == 1;
        self.bits >>= 1;
        is_heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Task;

    /// Runs of twenty sentences with an object each: the first side finds all, the second all but
    /// so many.
    fn group(missed: &[usize]) -> Group<2> {
        let found = |is: bool| Tally { gold: 1, predicted: 1, correct: usize::from(is) };
        let run = |missed: &usize| (0..20).map(|at| [found(true), found(at >= *missed)]).collect();
        Group::new(("d", "en", Task::Ner), missed.iter().map(run).collect())
    }

    #[test]
    fn the_first_side_less_the_second() {
        let found = difference(&[group(&[8])], &["d"]);
        assert_eq!(found.points, 40.0);
        // The sign test: 2 / 2^8; three standard errors of 2,000 tosses.
        assert!((found.p - 0.0078).abs() < 0.006, "{found:?}");
        assert!(0.0 < found.low && found.low < 40.0 && 40.0 < found.high, "{found:?}");
        assert_eq!(difference(&[group(&[0])], &["d"]).p, 1.0);
    }

    #[test]
    fn seeds_are_no_further_sentences() {
        let (one, three) = (group(&[8]), group(&[8, 8, 8]));
        let found = [difference(&[one], &["d"]), difference(&[three], &["d"])];
        let numbers = found.map(|it| [it.points, it.low, it.high, it.p]);
        for (one, three) in numbers[0].iter().zip(numbers[1]) {
            // A mean of three equal numbers may differ in its last bits.
            assert!((one - three).abs() < 1e-9, "{found:?}");
        }
    }
}
