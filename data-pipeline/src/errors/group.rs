//! What the mistakes of one task and language have in common.

use super::{Claim, Counts, Finding, Findings, Kind, Limits};
use crate::schema::Task;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Characters of a text that is counted; a model may say a megabyte.
const LONGEST: usize = 160;

/// The mistakes of a task in one language, or in all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What was asked.
    pub task: Task,
    /// Language code, or [`ALL`](super::ALL).
    pub language: String,
    /// The datasets in it.
    pub datasets: BTreeSet<String>,
    /// How many of each kind.
    pub counts: Counts,
    /// How each label fared, those with the most mistakes first.
    pub labels: Listed<Label>,
    /// Which label was predicted instead of which, the most frequent first.
    pub confusion: Listed<Cell>,
    /// Mentions that are not quite right, the most frequent first.
    pub boundaries: Listed<BoundaryExample>,
    /// What was added to mentions or left off, the most frequent first.
    pub edges: Listed<Edge>,
    /// What was missed, the most frequent first.
    pub missed: Listed<Surface>,
    /// What was invented, the most frequent first.
    pub invented: Listed<Surface>,
}

/// The beginning of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed<T> {
    /// What is kept of it.
    pub shown: Vec<T>,
    /// How long it is.
    pub of: usize,
}

/// How the objects of one label fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The class; of arguments, class and role.
    pub label: String,
    /// Annotated: these are correct, confused, missed, or their extent is wrong.
    pub gold: usize,
    /// Predicted: these are correct, said instead of others, invented, or their extent is wrong.
    pub predicted: usize,
    /// Right ones.
    pub correct: usize,
    /// Annotated ones that were predicted with another label.
    pub confused: usize,
    /// Predicted ones that are annotated with another label.
    pub instead: usize,
    /// Annotated ones with the right label and not quite the right mention or direction.
    pub near: usize,
    /// Predicted ones of this sort: a split mention is one of gold and several predicted ones.
    pub near_predicted: usize,
    /// Annotated ones that nothing was predicted for.
    pub missed: usize,
    /// Predicted ones that nothing is annotated for.
    pub invented: usize,
}

/// How often one label was predicted instead of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// What is annotated.
    pub gold: String,
    /// What was predicted.
    pub predicted: String,
    /// How often.
    pub count: usize,
}

/// An annotated mention and what was predicted for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoundaryExample {
    /// How it differs.
    pub kind: Kind,
    /// The label of both.
    pub label: String,
    /// The annotated text; several with ` | ` between them.
    pub gold: String,
    /// The predicted text; several with ` | ` between them.
    pub predicted: String,
    /// How often.
    pub count: usize,
}

/// What was added to mentions at one end, or left off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Whether the prediction has it and the annotation has not.
    pub added: bool,
    /// Whether it stands before the rest.
    pub before: bool,
    /// The text.
    pub text: String,
    /// How often.
    pub count: usize,
}

/// A text with its label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Surface {
    /// The label.
    pub label: String,
    /// The text; of relations, head and tail.
    pub text: String,
    /// Sentences in which that happened.
    pub count: usize,
}

/// Numbers of a group as they are collected.
#[derive(Default)]
pub(super) struct Counting {
    pub datasets: BTreeSet<String>,
    counts: Counts,
    labels: HashMap<String, Label>,
    cells: HashMap<(String, String), usize>,
    boundaries: HashMap<(Kind, String, String, String), usize>,
    edges: HashMap<(bool, bool, String), usize>,
    missed: HashMap<(String, String), usize>,
    invented: HashMap<(String, String), usize>,
}

impl Counting {
    pub(super) fn add(&mut self, found: &Findings) {
        self.counts.add(found);
        for finding in &found.list {
            self.label(found, finding);
            self.text(found, finding);
        }
    }

    /// Counts a finding for the labels in it.
    fn label(&mut self, found: &Findings, finding: &Finding) {
        for at in &finding.gold {
            let label = self.of(&found.gold[*at]);
            label.gold += 1;
            match finding.kind {
                Kind::Correct => label.correct += 1,
                Kind::WrongType | Kind::TypeAndBoundary => label.confused += 1,
                Kind::Missed => label.missed += 1,
                _ => label.near += 1,
            }
        }
        for at in &finding.predicted {
            let label = self.of(&found.predicted[*at]);
            label.predicted += 1;
            match finding.kind {
                Kind::Correct => {}
                Kind::WrongType | Kind::TypeAndBoundary => label.instead += 1,
                Kind::Invented | Kind::OutsideText => label.invented += 1,
                _ => label.near_predicted += 1,
            }
        }
    }

    fn of(&mut self, claim: &Claim) -> &mut Label {
        self.labels.entry(clipped(&claim.label)).or_default()
    }

    /// Counts a finding for the texts in it.
    fn text(&mut self, found: &Findings, finding: &Finding) {
        let gold: Vec<&Claim> = finding.gold.iter().map(|at| &found.gold[*at]).collect();
        let predicted: Vec<&Claim> =
            finding.predicted.iter().map(|at| &found.predicted[*at]).collect();
        match (finding.kind, gold.first(), predicted.first()) {
            (Kind::WrongType | Kind::TypeAndBoundary, Some(gold), Some(predicted)) => {
                let key = (clipped(&gold.label), clipped(&predicted.label));
                *self.cells.entry(key).or_default() += 1;
            }
            (Kind::Missed, Some(claim), _) => {
                let key = (clipped(&claim.label), clipped(&claim.text()));
                *self.missed.entry(key).or_default() += 1;
            }
            (Kind::Invented | Kind::OutsideText, _, Some(claim)) => {
                let key = (clipped(&claim.label), clipped(&claim.text()));
                *self.invented.entry(key).or_default() += 1;
            }
            (kind, Some(first), Some(other)) if kind.is_boundary() => {
                if matches!(kind, Kind::TooLong | Kind::TooShort) {
                    self.edges(first, other);
                }
                let key = (kind, clipped(&first.label), joined(&gold), joined(&predicted));
                *self.boundaries.entry(key).or_default() += 1;
            }
            _ => {}
        }
    }

    fn edges(&mut self, gold: &Claim, predicted: &Claim) {
        for (gold, predicted) in gold.slots.iter().zip(&predicted.slots) {
            let added = predicted.text.len() > gold.text.len();
            let (long, short) =
                if added { (predicted.text, gold.text) } else { (gold.text, predicted.text) };
            let Some((before, after)) = long.split_once(short) else { continue };
            for (text, is_before) in [(before, true), (after, false)] {
                // A blank is worth telling only where it is all there is.
                let text = if text.trim().is_empty() { text } else { text.trim() };
                if !text.is_empty() {
                    *self.edges.entry((added, is_before, clipped(text))).or_default() += 1;
                }
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.datasets.extend(other.datasets.iter().cloned());
        self.counts.merge(&other.counts);
        for (name, label) in &other.labels {
            self.labels.entry(name.clone()).or_default().merge(label);
        }
        sum(&mut self.cells, &other.cells);
        sum(&mut self.boundaries, &other.boundaries);
        sum(&mut self.edges, &other.edges);
        sum(&mut self.missed, &other.missed);
        sum(&mut self.invented, &other.invented);
    }

    pub(super) fn group(self, task: Task, language: &str, limits: Limits) -> Group {
        let mut labels: Vec<Label> =
            self.labels.into_iter().map(|(label, it)| Label { label, ..it }).collect();
        labels.sort_by(|a, b| {
            (Reverse(a.mistakes()), &a.label).cmp(&(Reverse(b.mistakes()), &b.label))
        });
        Group {
            task,
            language: language.to_owned(),
            datasets: self.datasets,
            counts: self.counts,
            labels: Listed::first(labels, limits.labels),
            confusion: most(self.cells, limits.labels).map(|((gold, predicted), count)| Cell {
                gold,
                predicted,
                count,
            }),
            boundaries: most(self.boundaries, limits.texts).map(
                |((kind, label, gold, predicted), count)| BoundaryExample {
                    kind,
                    label,
                    gold,
                    predicted,
                    count,
                },
            ),
            edges: most(self.edges, limits.texts).map(|((added, before, text), count)| Edge {
                added,
                before,
                text,
                count,
            }),
            missed: surfaces(self.missed, limits.texts),
            invented: surfaces(self.invented, limits.texts),
        }
    }
}

impl Label {
    /// How much is wrong with it, annotated or predicted.
    pub fn mistakes(&self) -> usize {
        self.confused + self.instead + self.near + self.missed + self.invented
    }

    fn merge(&mut self, other: &Self) {
        self.gold += other.gold;
        self.predicted += other.predicted;
        self.correct += other.correct;
        self.confused += other.confused;
        self.instead += other.instead;
        self.near += other.near;
        self.near_predicted += other.near_predicted;
        self.missed += other.missed;
        self.invented += other.invented;
    }
}

impl<T> Listed<T> {
    pub(super) fn first(mut all: Vec<T>, most: usize) -> Self {
        let of = all.len();
        all.truncate(most);
        Self { shown: all, of }
    }

    fn map<U>(self, change: impl Fn(T) -> U) -> Listed<U> {
        Listed { shown: self.shown.into_iter().map(change).collect(), of: self.of }
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { shown: Vec::new(), of: 0 }
    }
}

/// The beginning of a text that may be long.
pub(super) fn clipped(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn joined(claims: &[&Claim]) -> String {
    clipped(&claims.iter().map(|claim| claim.text()).collect::<Vec<_>>().join(" | "))
}

fn sum<K: Clone + Eq + Hash>(into: &mut HashMap<K, usize>, from: &HashMap<K, usize>) {
    for (key, number) in from {
        *into.entry(key.clone()).or_default() += number;
    }
}

/// The most frequent first, in a fixed order.
pub(super) fn most<K: Ord>(counts: HashMap<K, usize>, most: usize) -> Listed<(K, usize)> {
    let mut all: Vec<(K, usize)> = counts.into_iter().collect();
    all.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    Listed::first(all, most)
}

fn surfaces(counts: HashMap<(String, String), usize>, limit: usize) -> Listed<Surface> {
    most(counts, limit).map(|((label, text), count)| Surface { label, text, count })
}
