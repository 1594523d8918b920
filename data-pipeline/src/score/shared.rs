//! The sentences that two runs were both asked: whoever compares runs, compares these.
//!
//! Runs that were told different texts, or that were held against different gold, have nothing to say
//! about each other.

use super::Set;
use crate::predictions::Prediction;
use crate::schema::Task;
use crate::sentence::Instance;
use std::collections::{HashMap, HashSet};

/// Why two runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// There is no sentence that both were asked.
    #[error(
        "the runs share no benchmark: one answered {0}, the other {1}; evaluate both on the same \
         (`knowcoder evaluate --benchmark NAME`)"
    )]
    Apart(String, String),
    /// The same id, with another sentence or other gold.
    #[error(
        "{what} of {task} sentence `{id}` of `{dataset}` ({language}) is not the same in both runs; \
         evaluate both on the same release of the data"
    )]
    Other {
        /// `the text` or `the gold`.
        what: &'static str,
        /// Name of the dataset.
        dataset: String,
        /// Language code.
        language: String,
        /// What was asked.
        task: Task,
        /// The sentence's id.
        id: String,
    },
    /// A sentence or a set that only one of them was asked, where all must be shared.
    #[error(
        "`{dataset}` ({language}, {task}) {what}; a comparison needs both runs on the same sentences, \
         with the same gold"
    )]
    Alone {
        /// `is only in the second run`, or which sentence is.
        what: String,
        /// Name of the dataset.
        dataset: String,
        /// Language code.
        language: String,
        /// What was asked.
        task: Task,
    },
}

/// What two runs answered to the same sentences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared<'a> {
    /// The sets that both have, in the order of the first run.
    pub pairs: Vec<Pair<'a>>,
    /// The sets that only one of the runs has: the first, the second.
    pub sets_alone: (Vec<&'a Set>, Vec<&'a Set>),
}

/// A set in two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair<'a> {
    /// As the first run has it.
    pub a: &'a Set,
    /// As the second has it.
    pub b: &'a Set,
    /// The answers to each sentence of both, in the order of the first run.
    pub rows: Vec<(&'a Prediction, &'a Prediction)>,
    /// The sentences that only one was asked: the first, the second.
    pub alone: (Vec<&'a Prediction>, Vec<&'a Prediction>),
}

/// The sentences that both runs were asked; an error if there are none or they are not the same.
///
/// A sentence whose id a run has several times is met with the last of that id in the second run.
pub fn shared<'a>(a: &'a [Set], b: &'a [Set]) -> Result<Shared<'a>, Unlike> {
    let mut pairs = Vec::new();
    for set in a {
        if let Some(other) = b.iter().find(|other| is_same(set, other)) {
            pairs.push(Pair::of(set, other)?);
        }
    }
    let apart = || Unlike::Apart(names(a), names(b));
    if pairs.is_empty() {
        return Err(apart());
    }
    let alone = |sets: &'a [Set], others: &[Set]| -> Vec<&'a Set> {
        sets.iter().filter(|set| !others.iter().any(|other| is_same(set, other))).collect()
    };
    let shared = Shared { pairs, sets_alone: (alone(a, b), alone(b, a)) };
    if shared.pairs.iter().all(|pair| pair.rows.is_empty()) {
        // The same sets, but no sentence of them: one that is missing says more than their names.
        return Err(shared.whole().err().unwrap_or_else(apart));
    }
    Ok(shared)
}

impl<'a> Pair<'a> {
    fn of(a: &'a Set, b: &'a Set) -> Result<Self, Unlike> {
        let theirs: HashMap<&str, &Prediction> =
            b.predictions.iter().map(|row| (row.id.as_str(), row)).collect();
        let mut pair = Self { a, b, rows: Vec::new(), alone: (Vec::new(), Vec::new()) };
        for row in &a.predictions {
            match theirs.get(row.id.as_str()) {
                Some(other) => {
                    agree(row, other)?;
                    pair.rows.push((row, *other));
                }
                None => pair.alone.0.push(row),
            }
        }
        let ours: HashSet<&str> = a.predictions.iter().map(|row| row.id.as_str()).collect();
        let alone = b.predictions.iter().filter(|row| !ours.contains(row.id.as_str()));
        pair.alone.1 = alone.collect();
        Ok(pair)
    }
}

impl Shared<'_> {
    /// Refuses runs of which one was asked what the other was not.
    pub fn whole(&self) -> Result<(), Unlike> {
        let alone = |set: &Set, what: String| Unlike::Alone {
            what,
            dataset: set.dataset.clone(),
            language: set.language.clone(),
            task: set.task,
        };
        let (first, second) = &self.sets_alone;
        for (sets, which) in [(first, "first"), (second, "second")] {
            if let Some(set) = sets.first() {
                return Err(alone(set, format!("is only in the {which} run")));
            }
        }
        for Pair { a, alone: (first, second), .. } in &self.pairs {
            for (rows, which) in [(first, "first"), (second, "second")] {
                if let Some(row) = rows.first() {
                    let what = format!("has the sentence `{}` in the {which} run only", row.id);
                    return Err(alone(a, what));
                }
            }
        }
        Ok(())
    }
}

impl Set {
    /// Dataset, language and task, as messages name a set.
    pub fn title(&self) -> String {
        format!("{} ({}, {})", self.dataset, self.language, self.task)
    }
}

/// Whether both were told the same of a sentence. The order of gold is nobody's business.
pub(super) fn agree(a: &Prediction, b: &Prediction) -> Result<(), Unlike> {
    let sorted = |instances: &[Instance]| {
        let mut sorted = instances.to_vec();
        sorted.sort_unstable();
        sorted
    };
    let what = if a.sentence != b.sentence {
        "the text"
    } else if a.gold != b.gold && sorted(&a.gold) != sorted(&b.gold) {
        "the gold"
    } else {
        return Ok(());
    };
    Err(Unlike::Other {
        what,
        dataset: a.dataset.clone(),
        language: a.language.clone(),
        task: a.task,
        id: a.id.clone(),
    })
}

fn is_same(a: &Set, b: &Set) -> bool {
    a.dataset == b.dataset && a.language == b.language && a.task == b.task
}

fn names(sets: &[Set]) -> String {
    const NAMED: usize = 6;
    let mut names: Vec<String> = sets.iter().take(NAMED).map(Set::title).collect();
    if names.is_empty() {
        names.push("nothing".to_owned());
    }
    if sets.len() > NAMED {
        names.push(format!("{} more", sets.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests;
