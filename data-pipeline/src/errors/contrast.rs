//! What one of two runs got right and the other did not.
//!
//! Only sentences that both were asked are compared: see [`crate::score::shared()`].

use super::examples::{evenly, told};
use super::group::{Listed, clipped};
use super::{Claim, Findings, Kind, ToldClaim, findings};
use crate::schema::Task;
use crate::score::{Pair, Set, Shared};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

/// Labels of a comparison that are kept.
const LABELS: usize = 500;

/// What two runs got right, in comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Contrast {
    /// Each set that both have.
    pub sets: Vec<ContrastSet>,
    /// Labels of which the runs got different objects right, those with the most first.
    pub labels: Listed<LabelContrast>,
    /// Sentences that show it, of how many.
    pub examples: Listed<ContrastExample>,
}

/// One set in two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContrastSet {
    /// Name of the dataset.
    pub dataset: String,
    /// Language code.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// Sentences that both were asked.
    pub sentences: usize,
    /// Annotated objects that both found.
    pub both: usize,
    /// That only the first found.
    pub only_a: usize,
    /// That only the second found.
    pub only_b: usize,
    /// That none found.
    pub neither: usize,
    /// Wrong objects that both predicted.
    pub wrong_both: usize,
    /// That only the first predicted.
    pub wrong_a: usize,
    /// That only the second predicted.
    pub wrong_b: usize,
}

/// One label in two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelContrast {
    /// What was asked.
    pub task: Task,
    /// The class; of arguments, class and role.
    pub label: String,
    /// Annotated objects that only the first found.
    pub only_a: usize,
    /// That only the second found.
    pub only_b: usize,
    /// Annotated objects of it.
    pub gold: usize,
}

/// A sentence in which one run found what the other did not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContrastExample {
    /// Which of the shared sets.
    #[serde(skip)]
    pub set: usize,
    /// Which of its rows.
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
    /// What only the first found.
    pub only_a: Vec<ToldClaim>,
    /// What only the second found.
    pub only_b: Vec<ToldClaim>,
}

/// What one of two runs got right and the other did not, with at most so many examples.
pub fn contrast(shared: &Shared, limit: usize) -> Contrast {
    let mut labels: BTreeMap<(Task, String), [usize; 3]> = BTreeMap::new();
    let mut rows: BTreeMap<(usize, Fate), Vec<usize>> = BTreeMap::new();
    let mut sets = Vec::new();
    let mut different = 0;
    for (place, pair) in shared.pairs.iter().enumerate() {
        if pair.rows.is_empty() {
            continue;
        }
        let a = pair.a;
        let mut counts = ContrastSet::of(pair);
        for (row, (one, other)) in pair.rows.iter().enumerate() {
            let (one, other) = (findings(one), findings(other));
            let fates = fates(&one, &other);
            for (claim, fate) in one.gold.iter().zip(&fates) {
                let label = labels.entry((a.task, clipped(&claim.label))).or_default();
                label[0] += usize::from(*fate == Fate::OnlyA);
                label[1] += usize::from(*fate == Fate::OnlyB);
                label[2] += 1;
                counts.add(*fate);
            }
            counts.add_wrong(&wrong(&one), &wrong(&other));
            let differ = [Fate::OnlyA, Fate::OnlyB].map(|side| (side, fates.contains(&side)));
            different += usize::from(differ.iter().any(|(_, it)| *it));
            for (side, _) in differ.into_iter().filter(|(_, it)| *it) {
                rows.entry((place, side)).or_default().push(row);
            }
        }
        sets.push(counts);
    }
    let mut labels: Vec<LabelContrast> = labels
        .into_iter()
        .filter(|(_, [only_a, only_b, _])| only_a + only_b > 0)
        .map(|((task, label), [only_a, only_b, gold])| LabelContrast {
            task,
            label,
            only_a,
            only_b,
            gold,
        })
        .collect();
    labels.sort_by_key(|it| Reverse(it.only_a + it.only_b));
    let lists = rows.into_iter().map(|((set, _), rows)| (set, rows)).collect();
    let picked = evenly(lists, limit).into_iter();
    Contrast {
        sets,
        labels: Listed::first(labels, LABELS),
        examples: Listed {
            shown: picked.filter_map(|(set, row)| example(shared, set, row)).collect(),
            of: different,
        },
    }
}

/// Who found an annotated object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Both runs.
    Both,
    /// The first and not the second.
    OnlyA,
    /// The second and not the first.
    OnlyB,
    /// None.
    Neither,
}

/// Who found each of the annotated objects of a sentence, in the order of the first run's.
pub fn fates(a: &Findings, b: &Findings) -> Vec<Fate> {
    let (a_found, b_found) = (found(a), found(b));
    let fate = |claim: &Claim| {
        let name = (claim.label.as_ref(), claim.texts());
        match (a_found.contains(&name), b_found.contains(&name)) {
            (true, true) => Fate::Both,
            (true, false) => Fate::OnlyA,
            (false, true) => Fate::OnlyB,
            (false, false) => Fate::Neither,
        }
    };
    a.gold.iter().map(fate).collect()
}

fn example(shared: &Shared, set: usize, row: usize) -> Option<ContrastExample> {
    let pair = shared.pairs.get(set)?;
    let (a, (one, other)) = (pair.a, pair.rows.get(row)?);
    let (first, second) = (findings(one), findings(other));
    let fates = fates(&first, &second);
    let only = |wanted: Fate| {
        let claims = first.gold.iter().zip(&fates).filter(|(_, fate)| **fate == wanted);
        claims.map(|(claim, _)| told(claim)).collect()
    };
    Some(ContrastExample {
        set,
        row,
        dataset: a.dataset.clone(),
        language: a.language.clone(),
        task: a.task,
        id: one.id.clone(),
        only_a: only(Fate::OnlyA),
        only_b: only(Fate::OnlyB),
    })
}

impl ContrastSet {
    fn of(pair: &Pair) -> Self {
        let Set { dataset, language, task, .. } = pair.a;
        Self {
            dataset: dataset.clone(),
            language: language.clone(),
            task: *task,
            sentences: pair.rows.len(),
            both: 0,
            only_a: 0,
            only_b: 0,
            neither: 0,
            wrong_both: 0,
            wrong_a: 0,
            wrong_b: 0,
        }
    }

    fn add(&mut self, fate: Fate) {
        match fate {
            Fate::Both => self.both += 1,
            Fate::OnlyA => self.only_a += 1,
            Fate::OnlyB => self.only_b += 1,
            Fate::Neither => self.neither += 1,
        }
    }

    fn add_wrong(&mut self, a: &HashSet<Name>, b: &HashSet<Name>) {
        let shared = a.intersection(b).count();
        self.wrong_both += shared;
        self.wrong_a += a.len() - shared;
        self.wrong_b += b.len() - shared;
    }
}

/// What an object is known by in both runs.
type Name<'a> = (&'a str, Vec<&'a str>);

/// The annotated objects that are predicted.
fn found<'a>(findings: &'a Findings) -> HashSet<Name<'a>> {
    let correct = findings.list.iter().filter(|it| it.kind == Kind::Correct);
    let claims = correct.flat_map(|it| &it.gold).map(|at| &findings.gold[*at]);
    claims.map(|claim| (claim.label.as_ref(), claim.texts())).collect()
}

/// What was predicted and is not annotated.
fn wrong<'a>(findings: &'a Findings) -> HashSet<Name<'a>> {
    let wrong = findings.list.iter().filter(|it| it.kind != Kind::Correct);
    let claims = wrong.flat_map(|it| &it.predicted).map(|at| &findings.predicted[*at]);
    claims.map(|claim| (claim.label.as_ref(), claim.texts())).collect()
}
