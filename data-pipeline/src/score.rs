//! Predictions against gold.
//!
//! One answer is worth an F1 of 44 or of 89, as the scorer likes: papers differ in what they do
//! with repeated objects, with offsets and with type names. So a rule is a value, [`Protocol`],
//! a row of scores carries the rule's name, and old predictions can be scored again by another.
//!
//! - [`Protocol`], [`tally`]: when an object is right, and the counts of one sentence.
//! - [`Set`], [`score`]: the rows of test sets, with intervals, and what they come to together.
//! - [`contests`]: recipes that were trained with several seeds, against the first of them.
//! - [`score_apart`]: the same where arguments were also asked of predicted triggers.
//! - [`sensitivity()`]: how far F1 moves where a benchmark was asked in several orders and wordings.
//! - [`languages()`]: languages beside their [`Fertility`].
//! - [`Scores`]: the file `scores.json`; [`table`] shows it at the terminal.

mod below;
mod bootstrap;
mod chained;
mod languages;
mod rows;
mod seeds;
mod sensitivity;
mod table;

pub use chained::{apart, chained, score_apart};
pub use languages::{Fertility, Language, languages};
pub use rows::{MEAN, MICRO, Row, Scores, Set, score};
pub use seeds::{Contest, Difference, MEAN_SEEN, MEAN_UNSEEN, Reached, Runs, contests};
pub use sensitivity::{Sensitivity, Varied, sensitivity};
pub use table::table;

use crate::error::nearest;
use crate::predictions::Prediction;
use crate::schema::Task;
use crate::sentence::{Instance, Mention, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::{Add, AddAssign};

/// A rule for when a predicted object is right.
///
/// What is compared, in each: for NER type and mention; for RE type, head and tail (not the
/// types of head and tail); for ED type and trigger; for EAE event type, role and argument (not
/// the trigger).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Protocol {
    /// Surface texts; an object counts once in a sentence however often it is said.
    #[default]
    #[serde(rename = "set")]
    Set,
    /// Offsets, of a mention in pieces those of each piece; an object counts once at each place. A predicted mention without a place is wrong.
    /// A sentence whose gold has no offsets is compared by surface.
    #[serde(rename = "strict-span")]
    StrictSpan,
    /// The official scorer as published in 2024 (`score()` of its `metric.py`, without the filters
    /// that its converters apply before): surface texts, repeated objects count each time, type
    /// and role names are split and lower-cased.
    #[serde(rename = "knowcoder-2024")]
    Knowcoder2024,
}

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

/// What `protocol` counts in one sentence.
pub fn tally(protocol: Protocol, prediction: &Prediction) -> Tally {
    let Prediction { task, gold, predicted, .. } = prediction;
    let spans = protocol == Protocol::StrictSpan && gold.iter().all(has_spans);
    let facts = |instances| {
        let mut facts = facts(protocol, *task, spans, instances);
        facts.sort_unstable();
        if protocol != Protocol::Knowcoder2024 {
            facts.dedup();
        }
        facts
    };
    let (gold, predicted) = (facts(gold), facts(predicted));
    let correct = predicted.iter().filter(|fact| gold.binary_search(fact).is_ok()).count();
    Tally { gold: gold.len(), predicted: predicted.len(), correct }
}

impl Protocol {
    /// Every protocol, the default first.
    pub const ALL: [Self; 3] = [Self::Set, Self::StrictSpan, Self::Knowcoder2024];

    /// Its name in recipes, on the command line and in `scores.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::StrictSpan => "strict-span",
            Self::Knowcoder2024 => "knowcoder-2024",
        }
    }

    /// What is known to be wrong with the rule, for whoever reads its numbers.
    pub fn defect(self) -> Option<&'static str> {
        match self {
            Self::Set | Self::StrictSpan => None,
            Self::Knowcoder2024 => {
                Some("said twice, a right object counts twice: recall can exceed 100")
            }
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Protocol {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            match nearest(name, known) {
                Some(near) => format!("unknown protocol `{name}`; did you mean `{near}`?"),
                None => format!("unknown protocol `{name}`; known are `{}`", known.join("`, `")),
            }
        })
    }
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
        percent(2 * self.correct, self.gold + self.predicted)
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            gold: self.gold + other.gold,
            predicted: self.predicted + other.predicted,
            correct: self.correct + other.correct,
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

/// What one object claims, in the form in which claims are compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fact<'a> {
    class: Cow<'a, str>,
    role: Cow<'a, str>,
    parts: [Part<'a>; 2],
}

/// Where a mention stands or, if that is not asked or not known, how it reads.
type Part<'a> = (&'a [Span], &'a str);

fn facts(protocol: Protocol, task: Task, spans: bool, instances: &[Instance]) -> Vec<Fact<'_>> {
    let name = |name| match protocol {
        Protocol::Knowcoder2024 => Cow::Owned(norm_name(name)),
        Protocol::Set | Protocol::StrictSpan => Cow::Borrowed(name),
    };
    let part = |mention| part(mention, spans);
    let mut facts = Vec::with_capacity(instances.len());
    for instance in instances {
        let class = name(instance.class());
        let (role, nothing): (_, Part) = (Cow::Borrowed(""), (&[], ""));
        match instance {
            Instance::Entity(entity) => {
                facts.push(Fact { class, role, parts: [part(&entity.mention), nothing] });
            }
            Instance::Relation(relation) => {
                let parts = [part(&relation.head.mention), part(&relation.tail.mention)];
                facts.push(Fact { class, role, parts });
            }
            Instance::Event(event) if task == Task::Eae => {
                facts.extend(event.arguments.iter().map(|(role, mention)| Fact {
                    class: class.clone(),
                    role: name(role),
                    parts: [part(mention), nothing],
                }));
            }
            Instance::Event(event) => {
                facts.push(Fact { class, role, parts: [part(&event.trigger), nothing] });
            }
        }
    }
    facts
}

fn part(mention: &Mention, spans: bool) -> Part<'_> {
    match mention.places() {
        [] => (&[], &mention.text),
        places if spans => (places, ""),
        _ => (&[], &mention.text),
    }
}

/// Whether every mention of the object that is compared has its place.
fn has_spans(instance: &Instance) -> bool {
    match instance {
        Instance::Entity(entity) => entity.mention.span.is_some(),
        Instance::Relation(relation) => {
            relation.head.mention.span.is_some() && relation.tail.mention.span.is_some()
        }
        Instance::Event(event) if event.arguments.is_empty() => event.trigger.span.is_some(),
        Instance::Event(event) => event.arguments.iter().all(|(_, mention)| mention.span.is_some()),
    }
}

/// The official scorer's form of a type or role name: `PlaceOfBirth` and `place_of_birth` are both
/// `place of birth`. Only the first separator that occurs is replaced: `a-b_c` is `a b_c`.
fn norm_name(name: &str) -> String {
    for separator in ['-', '_'] {
        if name.contains(separator) {
            return name.replace(separator, " ").to_lowercase();
        }
    }
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut previous = ' ';
    for letter in name.chars() {
        if previous.is_ascii_lowercase() && letter.is_ascii_uppercase() {
            spaced.push(' ');
        }
        spaced.push(letter);
        previous = letter;
    }
    spaced.to_lowercase()
}

#[cfg(test)]
mod tests;
