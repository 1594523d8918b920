//! What stands beside a score: answers that could not be read, objects that are made up, classes
//! that nobody offered, answers that are cut.

use super::occurrences::occurrences;
use crate::predictions::Prediction;
use crate::sentence::Instance;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::iter::Sum;
use std::ops::Add;

/// Counts that an F1 does not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Answers of which something, or everything, could not be read; those to texts that were too
    /// long to be asked are among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread: usize,
    /// Predicted objects with a mention that does not stand in the sentence.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub invented: usize,
    /// Classes and roles that were said and not offered, each time that one was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outside: usize,
    /// Sentences of which an answer ended only because it was as long as it may be.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: usize,
}

/// Flaws of answers that were read all the same, and of objects rather than of reading.
const READ: [&str; 11] = [
    "strings stand in double quotes",
    "a backslash that escapes nothing",
    "the mention stands without a keyword",
    "head and tail stand without keywords",
    "the trigger stands without keyword",
    "a role has a list",
    "expected `,` before an object",
    "the answer goes on behind its list",
    "the answer goes on behind its array",
    "the same object once more",
    "a list without lines is `none`",
];

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Quality {
    /// What is to be said of one prediction.
    pub fn of(prediction: &Prediction) -> Self {
        let flaws = || prediction.flaws.iter().map(|flaw| message(flaw));
        Self {
            unread: usize::from(flaws().any(is_of_reading)),
            invented: invented(prediction),
            outside: flaws().filter(|flaw| is_outside(flaw)).count(),
            cut: usize::from(prediction.cut),
        }
    }

    /// Whether there is nothing to say.
    pub fn is_clean(self) -> bool {
        self == Self::default()
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { unread, invented, outside, cut } = self;
        write!(
            f,
            "answers not read whole: {unread}; cut: {cut}; objects invented: {invented}; \
             classes not offered: {outside}"
        )
    }
}

impl Add for Quality {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            unread: self.unread.saturating_add(other.unread),
            invented: self.invented.saturating_add(other.invented),
            outside: self.outside.saturating_add(other.outside),
            cut: self.cut.saturating_add(other.cut),
        }
    }
}

impl Sum for Quality {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

/// The classes that flaws say were not offered.
pub(super) fn outside_classes(flaws: &[String]) -> HashSet<&str> {
    flaws.iter().filter_map(|flaw| outside_class(message(flaw))).collect()
}

fn outside_class(flaw: &str) -> Option<&str> {
    flaw.strip_prefix("class `")?.strip_suffix("` was not offered")
}

fn is_outside(flaw: &str) -> bool {
    outside_class(flaw).is_some()
        || flaw.starts_with('`') && flaw.contains("` has no role `") && flaw.ends_with('`')
}

fn is_of_reading(flaw: &str) -> bool {
    let of_an_object = flaw.starts_with('`') && flaw.ends_with("` is not in the sentence");
    !of_an_object && !is_outside(flaw) && !READ.contains(&flaw)
}

/// A flaw without the word for its kind that may stand before it.
fn message(flaw: &str) -> &str {
    let is_kind = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    match flaw.split_once(": ") {
        Some((kind, message)) if is_kind(kind) => message,
        _ => flaw,
    }
}

/// The objects with a mention that is not in the sentence; what is in pieces has been found there.
fn invented(prediction: &Prediction) -> usize {
    let Prediction { sentence, predicted, .. } = prediction;
    let mentions = |object: &'_ Instance| -> Vec<String> {
        let whole = object.mentions().into_iter().filter(|mention| !mention.is_in_pieces());
        whole.map(|mention| mention.text.clone()).collect()
    };
    let texts: Vec<Vec<String>> = predicted.iter().map(mentions).collect();
    let wanted: HashMap<&str, usize> =
        texts.iter().flatten().map(|text| (text.as_str(), 1)).collect();
    let found = occurrences(sentence, &wanted);
    let is_there = |text: &String| !text.is_empty() && found.get(text.as_str()) == Some(&1);
    texts.iter().filter(|texts| !texts.iter().all(is_there)).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::prediction;
    use super::*;
    use crate::prompt::{Form, PromptConfig, read};
    use crate::schema::{Schema, Task};
    use crate::sentence::Sentence;
    use std::path::Path;

    const SCHEMA: &str = "class Entity:\n    def __init__(self, name: str):\n        self.name = name\n\n\
        class Person(Entity):\n    \"\"\"A person.\"\"\"\n";

    /// What is counted of an answer about `Ann saw Rome.`, as `unread invented outside`.
    fn check(form: Form, answer: &str, expected: &str) {
        let schema = Schema::parse(SCHEMA, Path::new("s.py")).unwrap();
        let config = PromptConfig { form, ..PromptConfig::default() };
        let sentence =
            Sentence { text: "Ann saw Rome.".into(), language: "en".into(), ..Sentence::default() };
        let classes = schema.of_task(Task::Ner);
        let read = read(answer, &schema, &classes, Task::Ner, &sentence, &config, false);
        let mut prediction = prediction(Task::Ner, &[], &[]);
        prediction.sentence = sentence.text;
        prediction.predicted = read.instances;
        prediction.flaws = read.flaws.iter().map(|flaw| flaw.message.clone()).collect();
        let told = |it: Quality| format!("{} {} {}", it.unread, it.invented, it.outside);
        let messages = &prediction.flaws;
        assert_eq!(told(Quality::of(&prediction)), expected, "{answer}: {messages:?}");
        // With the kind before it, as flaws show themselves.
        prediction.flaws = read.flaws.iter().map(ToString::to_string).collect();
        assert_eq!(told(Quality::of(&prediction)), expected, "{answer}: {:?}", prediction.flaws);
    }

    #[test]
    fn every_reader_s_flaws_are_counted_as_what_they_are() {
        check(Form::Code, "results = [\n\tPerson(\"Ann\")\n]", "0 0 0");
        check(Form::Code, "results = [Person('Ann')]", "0 0 0");
        check(Form::Code, "results = [Person(\"Ann\") Person(\"Rome\")]", "0 0 0");
        check(Form::Code, "results = [Person(\"Ann\"), Person(\"Ann\")] and more", "0 0 0");
        check(Form::Code, "results = [Person(name=\"Ann\")]", "0 0 0");
        check(Form::Code, "results = [Person(\"Bob\"), City(\"Rome\")]", "0 1 1");
        check(Form::Code, "results = [Person(\"Ann\"), Person(\"Ro", "1 0 0");
        check(Form::Code, "Ann", "1 0 0");
        check(Form::Code, "results = [Person(\"\")]", "0 1 0");
        check(Form::Json, "[{\"type\":\"Person\",\"name\":\"Ann\"}]", "0 0 0");
        check(Form::Json, "[{\"type\":\"Person\",\"name\":\"Ann\"}", "1 0 0");
        check(Form::List, "nothing", "1 0 0");
    }

    #[test]
    fn what_is_cut_or_not_asked_is_counted() {
        let mut one = prediction(Task::Ner, &[], &[]);
        one.cut = true;
        one.flaws = vec!["not asked: the text has 9 tokens".to_owned()];
        let expected = Quality { unread: 1, cut: 1, ..Quality::default() };
        assert_eq!(Quality::of(&one), expected);
        let mut event = prediction(Task::Eae, &[], &["Hiring joined: who Ann, who Bob"]);
        event.sentence = "Ann joined".to_owned();
        event.flaws = vec!["`Hiring` has no role `who`".to_owned(); 2];
        let found = [Quality::of(&event), expected].into_iter().sum::<Quality>();
        assert_eq!(found, Quality { unread: 1, invented: 1, outside: 2, cut: 1 });
        assert_eq!(outside_classes(&["class `A b` was not offered".to_owned()]), ["A b"].into());
    }
}
