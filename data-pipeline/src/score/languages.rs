//! Languages beside each other: their F1, and how many tokens the vocabulary makes of a word.
//!
//! A language that is cut into many tokens is read through a smaller window and learned from longer
//! sequences. So its F1 is read beside its fertility.

use super::{Scores, Set, Tally};
use crate::corpus::{TokenStats, Unit};
use crate::schema::Task;
use crate::tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens of the sentences of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fertility {
    /// Tokens of all sentences.
    pub tokens: usize,
    /// Their words, or characters where the language writes no spaces.
    pub units: usize,
    /// Which of the two.
    pub unit: Unit,
}

impl Fertility {
    /// Tokens a unit; none without text.
    pub fn ratio(self) -> Option<f64> {
        (self.units > 0).then(|| self.tokens as f64 / self.units as f64)
    }

    /// Of each language of `sets`; a sentence that is asked several times counts once.
    pub fn of(sets: &[Set], tokenizer: &Tokenizer) -> BTreeMap<String, Self> {
        let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for set in sets {
            let sentences = set.predictions.iter().map(|prediction| prediction.sentence.as_str());
            texts.entry(&set.language).or_default().extend(sentences);
        }
        let count = |(language, texts): (&str, BTreeSet<&str>)| {
            let texts: Vec<&str> = texts.into_iter().collect();
            let stats = TokenStats::of_texts(&texts, language, tokenizer);
            let (tokens, units, unit) = (stats.lengths.sum(), stats.units, stats.unit);
            (language.to_owned(), Self { tokens, units, unit })
        };
        texts.into_iter().map(count).filter(|(_, found)| found.units > 0).collect()
    }
}

/// What a language comes to in one task: the objects of its sets counted together.
#[derive(Clone, Debug, PartialEq)]
pub struct Language {
    /// Its code.
    pub code: String,
    /// F1 in percent by task, where something is annotated.
    pub f1: BTreeMap<Task, f64>,
    /// What the vocabulary makes of it.
    pub fertility: Option<Fertility>,
}

/// The languages of `scores` by code, each task under its main protocol.
pub fn languages(scores: &Scores) -> Vec<Language> {
    let protocols = scores.main_protocols();
    let mut tallies: BTreeMap<&str, BTreeMap<Task, Tally>> = BTreeMap::new();
    for row in &scores.rows {
        // What was asked of predicted triggers is another task.
        let is_main = protocols.contains(&(row.task, row.protocol));
        let counts = is_main && !row.is_summary() && !row.is_chained();
        if !counts || row.language == "all" {
            continue;
        }
        let tally = Tally { gold: row.gold, predicted: row.predicted, correct: row.correct };
        *tallies.entry(&row.language).or_default().entry(row.task).or_default() += tally;
    }
    let language = |(code, tasks): (&str, BTreeMap<Task, Tally>)| Language {
        code: code.to_owned(),
        f1: tasks
            .into_iter()
            .filter(|(_, tally)| tally.gold > 0)
            .map(|(task, tally)| (task, tally.f1()))
            .collect(),
        fertility: scores.fertility.get(code).copied(),
    };
    tallies.into_iter().map(language).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::prediction;
    use super::super::{Protocol, chained, score};
    use super::*;

    fn set(dataset: &str, language: &str, texts: &[&str]) -> Set {
        let predictions = texts.iter().map(|text| crate::predictions::Prediction {
            sentence: (*text).to_owned(),
            ..prediction(Task::Ner, &["P a"], &["P a"])
        });
        Set {
            dataset: dataset.into(),
            language: language.into(),
            task: Task::Ner,
            predictions: predictions.collect(),
        }
    }

    #[test]
    fn each_sentence_of_a_language_counts_once() {
        let text = "Ann saw Ann again and again".to_owned();
        let tokenizer = Tokenizer::train(&[text.clone(), text], 300).unwrap();
        let sets = [
            set("a", "en", &["Ann saw Ann", "Ann"]),
            set("b", "en", &["Ann saw Ann"]),
            set("c", "zh", &["安 安"]),
            set("d", "sw", &[]),
        ];
        let found = Fertility::of(&sets, &tokenizer);
        let tokens =
            |texts: &[&str]| texts.iter().map(|it| tokenizer.encode(it).len()).sum::<usize>();
        let english =
            Fertility { tokens: tokens(&["Ann saw Ann", "Ann"]), units: 4, unit: Unit::Word };
        let chinese = Fertility { tokens: tokens(&["安 安"]), units: 2, unit: Unit::Character };
        let expected = [("en".to_owned(), english), ("zh".to_owned(), chinese)];
        assert_eq!(found, BTreeMap::from(expected));
        assert_eq!(english.ratio(), Some(english.tokens as f64 / 4.0));

        let mut scores = Scores::from(score(&sets, &[Protocol::Set]));
        scores.fertility = found;
        scores.rows.extend(score(&[set(&chained("a"), "en", &["x"])], &[Protocol::Set]));
        let told: Vec<(String, Option<f64>, bool)> = languages(&scores)
            .into_iter()
            .map(|it| (it.code, it.f1.get(&Task::Ner).copied(), it.fertility.is_some()))
            .collect();
        let of = |code: &str, f1, fertility| (code.to_owned(), f1, fertility);
        assert_eq!(
            told,
            [of("en", Some(100.0), true), of("sw", None, false), of("zh", Some(100.0), true)]
        );
    }
}
