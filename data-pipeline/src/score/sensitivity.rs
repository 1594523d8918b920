//! How far an F1 moves with what should not matter: the order in which a prompt names the classes, and
//! the words that describe them.
//!
//! A benchmark that was asked several times has several F1s. What is told of them beside the ordinary
//! one is their mean, the worst, and how far they scatter. The best is kept nowhere: a number that was
//! chosen after the answers were seen says nothing about the next ones.

use super::{Protocol, Row};
use crate::schema::Task;
use serde::{Deserialize, Serialize};

/// What differs between the rounds in which a benchmark was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Varied {
    /// The order of the classes.
    Order,
    /// The words of their descriptions.
    Paraphrase,
}

/// What came of asking the same several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Name of the dataset, as in the row that this stands beside.
    pub dataset: String,
    /// Its language.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// How it was counted.
    pub protocol: Protocol,
    /// What differed.
    pub varied: Varied,
    /// How many F1s there are, the ordinary one included.
    pub rounds: usize,
    /// Their mean, in percent.
    pub mean: f64,
    /// The lowest, in percent.
    pub worst: f64,
    /// Their standard deviation, with one less than `rounds` in the denominator.
    pub deviation: f64,
}

impl Varied {
    /// `count` rounds in words.
    pub fn rounds(self, count: usize) -> String {
        match self {
            Self::Order => format!("{count} orders"),
            Self::Paraphrase => format!("{count} wordings"),
        }
    }
}

impl Sensitivity {
    /// Whether it tells of the same sentences, task and protocol as `row`.
    pub fn is_of(&self, row: &Row) -> bool {
        self.dataset == row.dataset
            && self.language == row.language
            && self.task == row.task
            && self.protocol == row.protocol
    }
}

/// Of each row of `ordinary` what the same row of all `others` makes of it; rows without an F1 in any
/// round, and all of them where there was one round only, have nothing to tell.
pub fn sensitivity(varied: Varied, ordinary: &[Row], others: &[Vec<Row>]) -> Vec<Sensitivity> {
    if others.is_empty() {
        return Vec::new();
    }
    let of_row = |row: &Row| {
        let again = |rows: &Vec<Row>| rows.iter().find(|other| other.matches(row))?.f1;
        let mut found = vec![row.f1?];
        for rows in others {
            found.push(again(rows)?);
        }
        let rounds = found.len();
        let mean = found.iter().sum::<f64>() / rounds as f64;
        let squares = found.iter().map(|f1| (f1 - mean).powi(2)).sum::<f64>();
        Some(Sensitivity {
            dataset: row.dataset.clone(),
            language: row.language.clone(),
            task: row.task,
            protocol: row.protocol,
            varied,
            rounds,
            mean,
            worst: found.iter().copied().fold(f64::INFINITY, f64::min),
            deviation: (squares / (rounds - 1) as f64).sqrt(),
        })
    };
    ordinary.iter().filter_map(of_row).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Scores, Set, score, table, tests::prediction};
    use super::*;

    /// Rows of a set in which `right` of 10 answers are right: an F1 of ten times that.
    fn rows(right: usize) -> Vec<Row> {
        let said = |i: usize| if i < right { "P a" } else { "P b" };
        let predictions = (0..10).map(|i| prediction(Task::Ner, &["P a"], &[said(i)])).collect();
        let (dataset, language) = ("d".to_owned(), "en".to_owned());
        score(&[Set { dataset, language, task: Task::Ner, predictions }], &[Protocol::Set])
    }

    #[test]
    fn mean_worst_and_deviation_by_hand() {
        let (ordinary, others) = (rows(5), [rows(9), rows(1)]);
        let found = &sensitivity(Varied::Order, &ordinary, &others)[0];
        assert_eq!(found.rounds, 3);
        // F1 of 50, 90 and 10: (0 + 1600 + 1600) / 2 = 40².
        for (found, expected) in [(found.mean, 50.0), (found.worst, 10.0), (found.deviation, 40.0)]
        {
            // Sums of three numbers below a hundred.
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert!(found.is_of(&ordinary[0]));
        assert_eq!(sensitivity(Varied::Order, &ordinary, &[]), []);
        let elsewhere = vec![Row { dataset: "e".into(), ..ordinary[0].clone() }];
        assert_eq!(sensitivity(Varied::Order, &ordinary, &[elsewhere]), []);
    }

    #[test]
    fn the_best_of_several_is_told_nowhere() {
        // The best, 100.0, is neither the ordinary, 50, nor the mean.
        let (ordinary, others) = (rows(5), [rows(10), rows(1)]);
        for varied in [Varied::Order, Varied::Paraphrase] {
            let scores = Scores {
                sensitivity: sensitivity(varied, &ordinary, &others),
                ..Scores::from(ordinary.clone())
            };
            assert_eq!(scores.sensitivity.len(), 1);
            let json = serde_json::to_value(&scores.sensitivity[0]).unwrap();
            let mut keys: Vec<&str> =
                json.as_object().unwrap().keys().map(String::as_str).collect();
            keys.sort_unstable();
            let expected = [
                "dataset",
                "deviation",
                "language",
                "mean",
                "protocol",
                "rounds",
                "task",
                "varied",
                "worst",
            ];
            assert_eq!(keys, expected);
            // It is no number of the file, nor of the table.
            let numbers = ["mean", "worst", "deviation"].map(|key| json[key].as_f64().unwrap());
            assert!(numbers.iter().all(|number| *number < 99.0), "{numbers:?}");
            let rows = serde_json::to_value(&scores.rows).unwrap();
            assert_eq!(rows, serde_json::to_value(&ordinary).unwrap(), "F1 is the ordinary one");
            assert_eq!(table(&scores).matches("100.0").count(), 0, "{}", table(&scores));
        }
    }
}
