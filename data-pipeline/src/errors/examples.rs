//! Sentences that show mistakes: not the worst ones, but some of each set and kind.

use super::group::{Listed, clipped};
use super::{Claim, Findings, Kind, findings};
use crate::schema::Task;
use crate::score::Set;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A sentence with at least one mistake.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// Which of the sets that were analysed.
    #[serde(skip)]
    pub set: usize,
    /// Which of its predictions.
    #[serde(skip)]
    pub row: usize,
    /// Name of the dataset.
    pub dataset: String,
    /// Language code.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// The sentence's id.
    pub id: String,
    /// What is wrong in it.
    pub findings: Vec<Told>,
}

/// A finding, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// How the objects fared.
    pub kind: Kind,
    /// What is annotated.
    pub gold: Vec<ToldClaim>,
    /// What was predicted.
    pub predicted: Vec<ToldClaim>,
}

/// A claim, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToldClaim {
    /// The class; of an argument, class and role.
    pub label: String,
    /// The text; of a relation, head and tail.
    pub text: String,
}

/// Sentences by the kinds of mistake in them.
#[derive(Default)]
pub(super) struct Candidates {
    rows: BTreeMap<(usize, Kind), Vec<usize>>,
    sentences: usize,
}

impl Candidates {
    pub(super) fn add(&mut self, set: usize, row: usize, found: &Findings) {
        let kinds: BTreeSet<Kind> =
            found.list.iter().map(|it| it.kind).filter(|kind| *kind != Kind::Correct).collect();
        self.sentences += usize::from(!kinds.is_empty());
        for kind in kinds {
            self.rows.entry((set, kind)).or_default().push(row);
        }
    }

    /// At most so many sentences, evenly over sets and kinds, and of each evenly over its sentences.
    pub(super) fn chosen(self, sets: &[Set], limit: usize) -> Listed<Example> {
        let lists = self.rows.into_iter().map(|((set, _), rows)| (set, rows)).collect();
        let picked = evenly(lists, limit).into_iter();
        let shown = picked.filter_map(|(set, row)| example(sets, set, row)).collect();
        Listed { shown, of: self.sentences }
    }
}

fn example(sets: &[Set], set: usize, row: usize) -> Option<Example> {
    let Set { dataset, language, task, predictions } = sets.get(set)?;
    let prediction = predictions.get(row)?;
    let found = findings(prediction);
    let findings = found.list.iter().filter(|it| it.kind != Kind::Correct);
    Some(Example {
        set,
        row,
        dataset: dataset.clone(),
        language: language.clone(),
        task: *task,
        id: prediction.id.clone(),
        findings: findings
            .map(|it| Told {
                kind: it.kind,
                gold: it.gold.iter().map(|at| told(&found.gold[*at])).collect(),
                predicted: it.predicted.iter().map(|at| told(&found.predicted[*at])).collect(),
            })
            .collect(),
    })
}

pub(super) fn told(claim: &Claim) -> ToldClaim {
    ToldClaim { label: clipped(&claim.label), text: clipped(&claim.text()) }
}

/// Draws from lists of (set, row) in turn until there are enough, from each list evenly; in the order of
/// the sets.
pub(super) fn evenly(lists: Vec<(usize, Vec<usize>)>, limit: usize) -> BTreeSet<(usize, usize)> {
    let mut picked = BTreeSet::new();
    let each = limit.div_ceil(lists.len().max(1));
    for turn in 0..each {
        for (set, rows) in &lists {
            if picked.len() == limit {
                return picked;
            }
            let steps = each.min(rows.len());
            if turn < steps {
                picked.insert((*set, rows[turn * rows.len() / steps]));
            }
        }
    }
    picked
}
