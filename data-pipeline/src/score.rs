//! Predictions against gold.
//!
//! One answer is worth an F1 of 44 or of 89, as the scorer likes: papers differ in what they do
//! with repeated objects, with offsets and with type names. So a rule is a value, [`Protocol`],
//! a row of scores carries the rule's name, and old predictions can be scored again by another.
//!
//! - [`Protocol`], [`Rule`], [`tally`]: when an object is right, and the counts of one sentence.
//! - [`Set`], [`score()`], [`score_with`]: the rows of test sets, with intervals, and what they come to
//!   together; [`Quality`] is what stands beside them.
//! - [`shared()`]: the sentences that two runs were both asked. [`compare()`]: two runs on the same sentences.
//! - [`contests`]: recipes that were trained with several seeds, against the first of them.
//! - [`score_apart`]: the same where arguments were also asked of predicted triggers.
//! - [`sensitivity()`]: how far F1 moves where a benchmark was asked in several orders and wordings.
//! - [`languages()`]: languages beside their [`Fertility`].
//! - [`Scores`]: the file `scores.json`; [`table()`] shows it at the terminal, [`panel()`] under many protocols.

mod b2ner;
mod below;
mod bootstrap;
mod chained;
mod classes;
mod compare;
mod counting;
mod gollie;
mod head;
mod languages;
mod occurrences;
mod paired;
mod panel;
mod protocol;
mod quality;
mod rows;
mod seeds;
mod sensitivity;
mod shared;
mod shown;
mod sums;
mod surface;
mod table;
mod tags;

pub use chained::{chained, score_apart};
pub use classes::TypeRow;
pub use compare::{Comparison, compare, compare_shared, compare_under};
pub use languages::{Fertility, Language, languages};
pub(crate) use occurrences::places;
pub use paired::Difference;
pub use panel::panel;
pub use protocol::{Matching, Protocol, Relations, Rule};
pub use quality::Quality;
pub use rows::{Absent, MACRO, MEAN, MICRO, Options, Row, SEEN, SOURCE, Scores, Set, UNSEEN};
pub use seeds::{Contest, Reached, Runs, contests};
pub use sensitivity::{Sensitivity, Varied, sensitivity};
pub use shared::{Pair, Shared, Unlike, shared};
pub use sums::{score, score_with};
pub use table::{comparisons, table, types};

use crate::predictions::Prediction;
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};

/// Counts of objects; those of sentences add up to those of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Annotated.
    pub gold: usize,
    /// Predicted.
    pub predicted: usize,
    /// Predicted and right.
    pub correct: usize,
}

/// What a rule, or a protocol in its usual form, counts in one sentence.
pub fn tally(rule: impl Into<Rule>, prediction: &Prediction) -> Tally {
    let mut total = Tally::default();
    counting::count(rule.into(), prediction, &mut |_, tally| total += tally);
    total
}

impl Tally {
    /// Share of the predicted objects that are right, in percent; 0 of 0 is 0.
    pub fn precision(self) -> f64 {
        percent(self.correct, self.predicted)
    }

    /// Share of the gold objects that are found, in percent; 0 of 0 is 0.
    pub fn recall(self) -> f64 {
        percent(self.correct, self.gold)
    }

    /// Harmonic mean of precision and recall, in percent; 0 of 0 is 0.
    pub fn f1(self) -> f64 {
        percent(self.correct.saturating_mul(2), self.gold.saturating_add(self.predicted))
    }
}

impl Add for Tally {
    type Output = Self;

    /// A file of scores may say any number: sums stop at the largest.
    fn add(self, other: Self) -> Self {
        Self {
            gold: self.gold.saturating_add(other.gold),
            predicted: self.predicted.saturating_add(other.predicted),
            correct: self.correct.saturating_add(other.correct),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Self::add)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod intervals;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
