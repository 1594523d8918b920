//! What a model got wrong, mistake by mistake.
//!
//! A score counts a mention with a wrong type as a miss and an invention. Whoever wants a better model
//! needs to know that it was one mistake, and which: so annotated and predicted objects are paired, and
//! each pair, or each object that is left alone, has a [`Kind`]. Objects are compared by surface and
//! count once a sentence, as the protocol `set` does; what is correct here is what is correct there.
//!
//! - [`findings`]: the objects of one sentence, paired.
//! - [`analyse`]: what the mistakes of test sets have in common, and sentences that show them.
//! - [`contrast`]: what one of two runs got right and the other did not.

mod claims;
mod contrast;
mod examples;
mod group;
mod pairing;
mod shape;

pub use claims::{Claim, Slot};
pub use contrast::{Contrast, ContrastExample, ContrastSet, Fate, LabelContrast, contrast, fates};
pub use examples::{Example, Told, ToldClaim};
pub use group::{BoundaryExample, Cell, Edge, Group, Label, Listed, Surface};
pub use pairing::{Finding, Findings, findings};

use crate::schema::Task;
use crate::score::Set;
use examples::Candidates;
use group::Counting;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The language of a [`Group`] that has several.
pub const ALL: &str = "all";

/// How an object fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The same label and the same text.
    Correct,
    /// The same text with another label.
    WrongType,
    /// The right label; the predicted mention has the annotated one in it, and more.
    TooLong,
    /// The right label; the predicted mention is a part of the annotated one.
    TooShort,
    /// The right label; the mentions overlap, and each has something that the other has not.
    Shifted,
    /// The right label; several predicted mentions stand where one is annotated.
    Split,
    /// The right label; one predicted mention stands where several are annotated.
    Merged,
    /// The right label and place, but another text than the annotated one.
    Rewritten,
    /// A relation the other way round.
    Reversed,
    /// Another label, and the mentions only overlap.
    TypeAndBoundary,
    /// Annotated, and nothing like it was predicted.
    Missed,
    /// Predicted, and nothing like it is annotated; the sentence has this text.
    Invented,
    /// Predicted, and the sentence does not have this text.
    OutsideText,
}

/// How many of each kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Sentences.
    pub sentences: usize,
    /// Sentences in which nothing is wrong.
    pub flawless: usize,
    /// Annotated objects, each once a sentence.
    pub gold: usize,
    /// Predicted objects, each once a sentence.
    pub predicted: usize,
    /// Findings of each kind; one that does not occur is left out.
    pub kinds: BTreeMap<Kind, usize>,
}

/// The mistakes of one test set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetErrors {
    /// Name of the dataset.
    pub dataset: String,
    /// Language code.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// How many of each kind.
    pub counts: Counts,
}

/// The mistakes of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Analysis {
    /// Each test set, in the order in which they are given.
    pub sets: Vec<SetErrors>,
    /// What the mistakes have in common: by task and language, a task in several languages together
    /// first.
    pub groups: Vec<Group>,
    /// Sentences with mistakes, of how many.
    pub examples: Listed<Example>,
}

/// How much of each list is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Labels and pairs of labels of a group.
    pub labels: usize,
    /// Texts of each list of a group.
    pub texts: usize,
    /// Sentences of all sets together.
    pub examples: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { labels: 500, texts: 25, examples: 400 }
    }
}

/// What the mistakes of `sets` have in common.
pub fn analyse(sets: &[Set], limits: Limits) -> Analysis {
    let mut groups: BTreeMap<(Task, String), Counting> = BTreeMap::new();
    let mut rows = Vec::with_capacity(sets.len());
    let mut candidates = Candidates::default();
    for (place, set) in sets.iter().enumerate() {
        let group = groups.entry((set.task, set.language.clone())).or_default();
        group.datasets.insert(set.dataset.clone());
        let mut counts = Counts::default();
        for (row, prediction) in set.predictions.iter().enumerate() {
            let found = findings(prediction);
            counts.add(&found);
            group.add(&found);
            candidates.add(place, row, &found);
        }
        let Set { dataset, language, task, .. } = set;
        let (dataset, language) = (dataset.clone(), language.clone());
        rows.push(SetErrors { dataset, language, task: *task, counts });
    }
    Analysis {
        sets: rows,
        groups: with_sums(groups, limits),
        examples: candidates.chosen(sets, limits.examples),
    }
}

/// The groups of each task after their sum, where a task has several languages.
fn with_sums(groups: BTreeMap<(Task, String), Counting>, limits: Limits) -> Vec<Group> {
    let mut tasks: BTreeMap<Task, Vec<(String, Counting)>> = BTreeMap::new();
    for ((task, language), counting) in groups {
        tasks.entry(task).or_default().push((language, counting));
    }
    let mut listed = Vec::new();
    for (task, languages) in tasks {
        if languages.len() > 1 {
            let mut sum = Counting::default();
            for (_, counting) in &languages {
                sum.merge(counting);
            }
            listed.push(sum.group(task, ALL, limits));
        }
        listed
            .extend(languages.into_iter().map(|(language, it)| it.group(task, &language, limits)));
    }
    listed
}

impl Kind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 13] = [
        Self::Correct,
        Self::WrongType,
        Self::TooLong,
        Self::TooShort,
        Self::Shifted,
        Self::Split,
        Self::Merged,
        Self::Rewritten,
        Self::Reversed,
        Self::TypeAndBoundary,
        Self::Missed,
        Self::Invented,
        Self::OutsideText,
    ];

    /// Whether the label is right and the mention is not quite.
    pub fn is_boundary(self) -> bool {
        matches!(
            self,
            Self::TooLong
                | Self::TooShort
                | Self::Shifted
                | Self::Split
                | Self::Merged
                | Self::Rewritten
        )
    }

    /// What it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::WrongType => "wrong type",
            Self::TooLong => "too long",
            Self::TooShort => "too short",
            Self::Shifted => "shifted",
            Self::Split => "split",
            Self::Merged => "merged",
            Self::Rewritten => "written otherwise",
            Self::Reversed => "head and tail swapped",
            Self::TypeAndBoundary => "wrong type and extent",
            Self::Missed => "missed",
            Self::Invented => "invented",
            Self::OutsideText => "not in the text",
        }
    }
}

impl Counts {
    fn add(&mut self, found: &Findings) {
        self.sentences += 1;
        self.flawless += usize::from(found.is_flawless());
        self.gold += found.gold.len();
        self.predicted += found.predicted.len();
        for finding in &found.list {
            *self.kinds.entry(finding.kind).or_default() += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sentences += other.sentences;
        self.flawless += other.flawless;
        self.gold += other.gold;
        self.predicted += other.predicted;
        for (kind, number) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += number;
        }
    }

    /// How many of one kind.
    pub fn of(&self, kind: Kind) -> usize {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// How many have the right label and not quite the right mention.
    pub fn boundary(&self) -> usize {
        Kind::ALL.into_iter().filter(|kind| kind.is_boundary()).map(|kind| self.of(kind)).sum()
    }
}

#[cfg(test)]
mod tests;
