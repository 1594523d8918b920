//! Predictions against gold.
//!
//! One answer is worth an F1 of 44 or of 89, as the scorer likes: papers differ in what they do
//! with repeated objects, with offsets and with type names. So a rule is a value, [`Protocol`],
//! a row of scores carries the rule's name, and old predictions can be scored again by another.
//!
//! - [`Protocol`], [`tally`]: when an object is right, and the counts of one sentence.
//! - [`Set`], [`score`]: the rows of test sets, with intervals, and what they come to together.
//! - [`Scores`]: the file `scores.json`; [`table`] shows it at the terminal.

mod bootstrap;
mod rows;
mod table;

pub use rows::{MEAN, MICRO, Row, Scores, Set, score};
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
    /// Offsets; an object counts once at each place. A predicted mention without a place is wrong.
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
            Self::Knowcoder2024 => Some(
                "said twice, a right object counts twice: recall can exceed 100",
            ),
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
type Part<'a> = (Option<Span>, &'a str);

fn facts(protocol: Protocol, task: Task, spans: bool, instances: &[Instance]) -> Vec<Fact<'_>> {
    let name = |name| match protocol {
        Protocol::Knowcoder2024 => Cow::Owned(norm_name(name)),
        Protocol::Set | Protocol::StrictSpan => Cow::Borrowed(name),
    };
    let part = |mention| part(mention, spans);
    let mut facts = Vec::with_capacity(instances.len());
    for instance in instances {
        let class = name(instance.class());
        let (role, nothing) = (Cow::Borrowed(""), (None, ""));
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
    match mention.span {
        Some(span) if spans => (Some(span), ""),
        _ => (None, &mention.text),
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sentence::{Entity, Event, Relation};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn mention(text: &str) -> Mention {
        // `Ann@3` stands at character 3.
        match text.split_once('@') {
            Some((text, start)) => {
                let start = start.parse().unwrap();
                let end = start + text.chars().count();
                Mention { text: text.to_owned(), span: Some(Span { start, end }) }
            }
            None => Mention::surface(text),
        }
    }

    fn entity(text: &str) -> Entity {
        let (class, text) = text.split_once(' ').unwrap_or(("Entity", text));
        Entity { class: class.to_owned(), mention: mention(text) }
    }

    /// `Person Ann`, `WorksFor Ann > UN`, `Hiring joined: employee Ann, employer UN`.
    fn instance(text: &str) -> Instance {
        if let Some((event, arguments)) = text.split_once(": ") {
            let Entity { class, mention: trigger } = entity(event);
            let arguments = arguments
                .split(", ")
                .map(|argument| entity(argument))
                .map(|Entity { class, mention }| (class, mention))
                .collect();
            Instance::Event(Event { class, trigger, arguments })
        } else if let Some((head, tail)) = text.split_once(" > ") {
            let (class, head) = head.split_once(' ').unwrap();
            Instance::Relation(Relation {
                class: class.to_owned(),
                head: entity(head),
                tail: entity(tail),
            })
        } else {
            Instance::Entity(entity(text))
        }
    }

    pub(super) fn prediction(task: Task, gold: &[&str], predicted: &[&str]) -> Prediction {
        Prediction {
            id: "1".to_owned(),
            dataset: "d".to_owned(),
            language: "en".to_owned(),
            task,
            sentence: String::new(),
            answer: String::new(),
            gold: gold.iter().map(|text| instance(text)).collect(),
            predicted: predicted.iter().map(|text| instance(text)).collect(),
            flaws: Vec::new(),
            prompt_tokens: 0,
            answer_tokens: 0,
        }
    }

    fn check(task: Task, gold: &[&str], predicted: &[&str], expected: Expect) {
        let prediction = prediction(task, gold, predicted);
        let mut found = String::new();
        for protocol in Protocol::ALL {
            let tally = tally(protocol, &prediction);
            let Tally { gold, predicted, correct } = tally;
            let (p, r, f) = (tally.precision(), tally.recall(), tally.f1());
            found += &format!(
                "{protocol:14} {correct} of {predicted}, {gold} gold: {p:.1} {r:.1} {f:.1}\n"
            );
        }
        expected.assert_eq(&found);
    }

    #[test]
    fn protocols_differ_where_they_say() {
        // The example that the official scorer was run on: 66.7, 133.3, 88.9.
        check(
            Task::Ner,
            &["Person Ann@0", "City Rome@8", "Organization UN@20"],
            &[
                "Person Ann@0",
                "City Rome@8",
                "City Rome",
                "City Rome",
                "Organization the UN@16",
                "City X",
            ],
            expect![[r#"
                set            2 of 4, 3 gold: 50.0 66.7 57.1
                strict-span    2 of 5, 3 gold: 40.0 66.7 50.0
                knowcoder-2024 4 of 6, 3 gold: 66.7 133.3 88.9
            "#]],
        );
        // The same word at two places.
        check(
            Task::Ner,
            &["City Rome@0", "City Rome@9"],
            &["City Rome@0"],
            expect![[r#"
                set            1 of 1, 1 gold: 100.0 100.0 100.0
                strict-span    1 of 1, 2 gold: 100.0 50.0 66.7
                knowcoder-2024 1 of 1, 2 gold: 100.0 50.0 66.7
            "#]],
        );
        // Names of types.
        check(
            Task::Ner,
            &["place_of_birth Rome"],
            &["PlaceOfBirth Rome"],
            expect![[r#"
                set            0 of 1, 1 gold: 0.0 0.0 0.0
                strict-span    0 of 1, 1 gold: 0.0 0.0 0.0
                knowcoder-2024 1 of 1, 1 gold: 100.0 100.0 100.0
            "#]],
        );
    }

    #[test]
    fn each_task_compares_its_own_parts() {
        // Types of head and tail do not matter, the direction does.
        check(
            Task::Re,
            &["WorksFor Person Ann@0 > Organization UN@9", "Near A > B"],
            &["WorksFor Ann@0 > UN@9", "Near B > A"],
            expect![[r#"
                set            1 of 2, 2 gold: 50.0 50.0 50.0
                strict-span    1 of 2, 2 gold: 50.0 50.0 50.0
                knowcoder-2024 1 of 2, 2 gold: 50.0 50.0 50.0
            "#]],
        );
        // ED looks at triggers only, EAE at everything else.
        let gold = ["Hiring joined@4: employee Ann@0, employer UN@14"];
        let said = ["Hiring joined@4: employee Bob@30, employer UN@14, place UN@14"];
        check(
            Task::Ed,
            &gold,
            &said,
            expect![[r#"
                set            1 of 1, 1 gold: 100.0 100.0 100.0
                strict-span    1 of 1, 1 gold: 100.0 100.0 100.0
                knowcoder-2024 1 of 1, 1 gold: 100.0 100.0 100.0
            "#]],
        );
        check(
            Task::Eae,
            &gold,
            &said,
            expect![[r#"
                set            1 of 3, 2 gold: 33.3 50.0 40.0
                strict-span    1 of 3, 2 gold: 33.3 50.0 40.0
                knowcoder-2024 1 of 3, 2 gold: 33.3 50.0 40.0
            "#]],
        );
        check(
            Task::Ner,
            &[],
            &[],
            expect![[r#"
                set            0 of 0, 0 gold: 0.0 0.0 0.0
                strict-span    0 of 0, 0 gold: 0.0 0.0 0.0
                knowcoder-2024 0 of 0, 0 gold: 0.0 0.0 0.0
            "#]],
        );
    }

    #[test]
    fn names_of_types_are_split_as_the_official_scorer_does() {
        for (name, expected) in [
            ("PlaceOfBirth", "place of birth"),
            ("GPE", "gpe"),
            ("TVShow", "tvshow"),
            ("Covid19Case", "covid19case"),
            ("Place-Of_Birth", "place of_birth"),
            ("place_of_birth", "place of birth"),
        ] {
            assert_eq!(norm_name(name), expected);
        }
    }

    #[test]
    fn an_unknown_protocol_names_the_nearest() {
        assert_eq!("strict-span".parse(), Ok(Protocol::StrictSpan));
        expect!["unknown protocol `strict-spam`; did you mean `strict-span`?"].assert_eq(&"strict-spam".parse::<Protocol>().unwrap_err());
        for protocol in Protocol::ALL {
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
        }
    }

    proptest! {
        // Law 8.
        #[test]
        fn gold_against_gold_is_100(
            words in proptest::collection::vec("[ab](@[0-3])?", 1..24),
            task in prop_oneof![Just(Task::Ner), Just(Task::Re), Just(Task::Ed), Just(Task::Eae)],
        ) {
            let gold: Vec<String> = words.chunks_exact(2).map(|pair| match task {
                Task::Ner => format!("Class{} {}", &pair[1][..1], pair[0]),
                Task::Re => format!("Near {} > {}", pair[0], pair[1]),
                Task::Ed | Task::Eae => format!("Hit {}: who {}, where b", pair[0], pair[1]),
            }).collect();
            let gold: Vec<&str> = gold.iter().map(String::as_str).collect();
            let prediction = prediction(task, &gold, &gold);
            for protocol in Protocol::ALL {
                let tally = tally(protocol, &prediction);
                prop_assert_eq!(tally.gold > 0, !gold.is_empty());
                prop_assert_eq!(tally.f1(), if gold.is_empty() { 0.0 } else { 100.0 });
            }
        }
    }
}
