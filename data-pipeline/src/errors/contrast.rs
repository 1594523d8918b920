//! What one of two runs got right and the other did not.
//!
//! Only sentences that both were asked are compared, and only if both were told the same of them: two
//! runs that were held against different gold have nothing to say about each other.

use super::examples::{evenly, told};
use super::group::{Listed, clipped};
use super::{Claim, Findings, Kind, ToldClaim, findings};
use crate::predictions::Prediction;
use crate::schema::Task;
use crate::score::Set;
use crate::sentence::Instance;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Labels of a comparison that are kept.
const LABELS: usize = 500;

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
}

/// The sentences that two runs were both asked, in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared {
    /// What the first run answered.
    pub a: Vec<Set>,
    /// What the second answered.
    pub b: Vec<Set>,
    /// Sentences of each pair of sets that only one of them was asked: the first, the second.
    pub alone: Vec<(usize, usize)>,
    /// Sets that only one of the runs has, as `dataset (language, task)`: the first, the second.
    pub sets_alone: (Vec<String>, Vec<String>),
}

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
    /// What only the first found.
    pub only_a: Vec<ToldClaim>,
    /// What only the second found.
    pub only_b: Vec<ToldClaim>,
}

/// The sentences that both runs were asked; an error if there are none or they are not the same.
pub fn shared(a: &[Set], b: &[Set]) -> Result<Shared, Unlike> {
    let mut shared = Shared::default();
    for set in a {
        let Some(other) = b.iter().find(|other| is_same(set, other)) else { continue };
        let known: HashMap<&str, &Prediction> =
            other.predictions.iter().map(|it| (it.id.as_str(), it)).collect();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for mine in &set.predictions {
            let Some(other) = known.get(mine.id.as_str()) else { continue };
            agree(mine, other)?;
            ours.push(mine.clone());
            // The same gold, in the same order.
            theirs.push(Prediction { gold: mine.gold.clone(), ..(*other).clone() });
        }
        if ours.is_empty() {
            continue;
        }
        shared
            .alone
            .push((set.predictions.len() - ours.len(), other.predictions.len() - ours.len()));
        shared.a.push(Set { predictions: ours, ..bare(set) });
        shared.b.push(Set { predictions: theirs, ..bare(set) });
    }
    if shared.a.is_empty() {
        return Err(Unlike::Apart(names(a), names(b)));
    }
    let lonely = |sets: &[Set]| {
        let is_alone = |set: &&Set| !shared.a.iter().any(|other| is_same(set, other));
        sets.iter().filter(is_alone).map(name).collect()
    };
    shared.sets_alone = (lonely(a), lonely(b));
    Ok(shared)
}

/// What one of two runs got right and the other did not, with at most so many examples.
pub fn contrast(shared: &Shared, limit: usize) -> Contrast {
    let mut labels: BTreeMap<(Task, String), [usize; 3]> = BTreeMap::new();
    let mut rows: BTreeMap<(usize, Fate), Vec<usize>> = BTreeMap::new();
    let mut sets = Vec::new();
    let mut different = 0;
    for (place, (a, b)) in shared.a.iter().zip(&shared.b).enumerate() {
        let mut counts = ContrastSet::of(a);
        for (row, (one, other)) in a.predictions.iter().zip(&b.predictions).enumerate() {
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
    let (a, b) = (shared.a.get(set)?, shared.b.get(set)?);
    let (one, other) = (a.predictions.get(row)?, b.predictions.get(row)?);
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
    fn of(set: &Set) -> Self {
        Self {
            dataset: set.dataset.clone(),
            language: set.language.clone(),
            task: set.task,
            sentences: set.predictions.len(),
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

/// Whether both were told the same of a sentence.
fn agree(a: &Prediction, b: &Prediction) -> Result<(), Unlike> {
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

fn bare(set: &Set) -> Set {
    Set {
        dataset: set.dataset.clone(),
        language: set.language.clone(),
        task: set.task,
        predictions: Vec::new(),
    }
}

fn name(set: &Set) -> String {
    format!("{} ({}, {})", set.dataset, set.language, set.task)
}

fn names(sets: &[Set]) -> String {
    const NAMED: usize = 6;
    let mut names: Vec<String> = sets.iter().take(NAMED).map(name).collect();
    if names.is_empty() {
        names.push("nothing".to_owned());
    }
    if sets.len() > NAMED {
        names.push(format!("{} more", sets.len() - NAMED));
    }
    names.join(", ")
}
