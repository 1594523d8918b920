//! The rows of `scores.json`: one a test set and protocol, and what they come to together.

use super::{Fertility, Protocol, Sensitivity, Tally, bootstrap, tally};
use crate::error::{Error, explain};
use crate::predictions::{Prediction, replace};
use crate::schema::Task;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The dataset of a row that counts the objects of several sets together.
pub const MICRO: &str = "micro";
/// The dataset of a row that weighs each language the same.
pub const MEAN: &str = "mean of languages";

/// One score.
///
/// A set in which nothing is annotated has no score: its figures are `None`, and their keys are
/// left out of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the dataset, [`MICRO`] or [`MEAN`].
    pub dataset: String,
    /// Language code; `all` where several are in it.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// The rule.
    pub protocol: Protocol,
    /// Right of the predicted, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// Found of the annotated, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Their harmonic mean, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// Lower end of the 95 % interval of F1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the 95 % interval of F1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Annotated objects.
    pub gold: usize,
    /// Predicted objects.
    pub predicted: usize,
    /// Right ones.
    pub correct: usize,
    /// Flaws of the answers.
    #[serde(default)]
    pub flaws: usize,
    /// Sentences asked.
    #[serde(default)]
    pub sentences: usize,
}

/// The predictions of one test set for one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Name of the dataset.
    pub dataset: String,
    /// Language code.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// One a sentence; none where the test set is empty.
    pub predictions: Vec<Prediction>,
}

/// What `scores.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The scores of the trained model.
    pub rows: Vec<Row>,
    /// F1 of what needs no learning, by `dataset`, or by `dataset/language` or
    /// `dataset/task` where a dataset has several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub floors: BTreeMap<String, f64>,
    /// F1 that a paper reports, by the same keys or by `dataset/language/task`; its settings differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub papers: BTreeMap<String, f64>,
    /// Scores of other models on the same sets, by name: `untrained`, `base`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baselines: BTreeMap<String, Vec<Row>>,
    /// Of rows that were asked in several orders of classes or several wordings: what came of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitivity: Vec<Sensitivity>,
    /// What the vocabulary makes of the sentences of each language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fertility: BTreeMap<String, Fertility>,
}

/// Scores sets under each protocol.
///
/// Where a task has several sets, a row [`MICRO`] counts their objects together; where it has
/// several languages, a row [`MEAN`] is the mean of the languages' scores.
pub fn score(sets: &[Set], protocols: &[Protocol]) -> Vec<Row> {
    let mut tasks: Vec<Task> = Vec::new();
    for set in sets {
        if !tasks.contains(&set.task) {
            tasks.push(set.task);
        }
    }
    let mut rows = Vec::new();
    for &protocol in protocols {
        for &task in &tasks {
            let counted: Vec<Counted> = sets
                .iter()
                .filter(|set| set.task == task)
                .map(|set| Counted::new(set, protocol))
                .collect();
            rows.extend(counted.iter().map(Counted::row));
            if counted.len() > 1 {
                rows.push(Counted::together(MICRO, &counted).row());
            }
            rows.extend(mean(&counted));
        }
    }
    rows
}

impl Set {
    /// Sorts predictions into sets, in the order in which the sets begin.
    pub fn group(predictions: impl IntoIterator<Item = Prediction>) -> Vec<Self> {
        let mut sets: Vec<Self> = Vec::new();
        for prediction in predictions {
            let Prediction { dataset, language, task, .. } = &prediction;
            let same = |set: &&mut Set| {
                set.task == *task && set.dataset == *dataset && set.language == *language
            };
            // Rows of a set stand together in the files, so the last one is nearly always it.
            match sets.iter_mut().rev().find(same) {
                Some(set) => set.predictions.push(prediction),
                None => sets.push(Self {
                    dataset: dataset.clone(),
                    language: language.clone(),
                    task: *task,
                    predictions: vec![prediction],
                }),
            }
        }
        sets
    }
}

impl Row {
    /// Whether the row sums up others.
    pub fn is_summary(&self) -> bool {
        self.dataset == MICRO || self.dataset == MEAN
    }

    /// Whether the row tells of the same sentences, task and protocol.
    pub fn matches(&self, other: &Self) -> bool {
        self.dataset == other.dataset
            && self.language == other.language
            && self.task == other.task
            && self.protocol == other.protocol
    }
}

impl From<Vec<Row>> for Scores {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::default() }
    }
}

impl Scores {
    /// Reads `scores.json`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::data(
                path,
                error.line(),
                format!(
                    "no scores: {}; `knowcoder score` writes the file again",
                    explain(&error.to_string())
                ),
            )
        })
    }

    /// Writes `scores.json`, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| Error::write(path)(error.into()))?;
        bytes.push(b'\n');
        replace(path, &bytes)
    }

    /// The protocols that there are rows of, in their order.
    pub fn protocols(&self) -> Vec<Protocol> {
        let mut protocols = Vec::new();
        for row in &self.rows {
            if !protocols.contains(&row.protocol) {
                protocols.push(row.protocol);
            }
        }
        protocols
    }

    /// The floor beside a row.
    pub fn floor(&self, row: &Row) -> Option<f64> {
        beside(&self.floors, row)
    }

    /// The paper's number beside a row.
    pub fn paper(&self, row: &Row) -> Option<f64> {
        beside(&self.papers, row)
    }

    /// The F1 of the model `name` beside a row.
    pub fn baseline(&self, name: &str, row: &Row) -> Option<f64> {
        self.baselines.get(name)?.iter().find(|other| other.matches(row))?.f1
    }
}

/// What is known of a row by its name, the closest name first.
fn beside(numbers: &BTreeMap<String, f64>, row: &Row) -> Option<f64> {
    let Row { dataset, language, task, .. } = row;
    let set = format!("{dataset}/{language}");
    let keys = [format!("{set}/{task}"), set, format!("{dataset}/{task}"), dataset.clone()];
    keys.iter().find_map(|key| numbers.get(key)).copied()
}

/// A set whose sentences have been counted.
struct Counted {
    dataset: String,
    language: String,
    task: Task,
    protocol: Protocol,
    tallies: Vec<Tally>,
    flaws: usize,
}

impl Counted {
    fn new(set: &Set, protocol: Protocol) -> Self {
        Self {
            dataset: set.dataset.clone(),
            language: set.language.clone(),
            task: set.task,
            protocol,
            tallies: set.predictions.iter().map(|row| tally(protocol, row)).collect(),
            flaws: set.predictions.iter().map(|row| row.flaws.len()).sum(),
        }
    }

    /// Several sets as one; there must be one at least.
    fn together<'a>(name: &str, parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let parts: Vec<&Self> = parts.into_iter().collect();
        let first = parts[0];
        let same = parts.iter().all(|part| part.language == first.language);
        Self {
            dataset: name.to_owned(),
            language: if same { first.language.clone() } else { "all".to_owned() },
            task: first.task,
            protocol: first.protocol,
            tallies: parts.iter().flat_map(|part| part.tallies.iter().copied()).collect(),
            flaws: parts.iter().map(|part| part.flaws).sum(),
        }
    }

    fn total(&self) -> Tally {
        self.tallies.iter().copied().sum()
    }

    fn resamples(&self) -> Vec<f64> {
        let task = self.task.to_string();
        // Without the protocol: two rules see the same resamples and can be compared.
        bootstrap::resample(&self.tallies, &["bootstrap", &self.dataset, &self.language, &task])
    }

    fn row(&self) -> Row {
        let total = self.total();
        let figures = (total.gold > 0).then(|| bootstrap::interval(self.resamples()));
        Row {
            dataset: self.dataset.clone(),
            language: self.language.clone(),
            task: self.task,
            protocol: self.protocol,
            precision: figures.map(|_| total.precision()),
            recall: figures.map(|_| total.recall()),
            f1: figures.map(|_| total.f1()),
            low: figures.map(|(low, _)| low),
            high: figures.map(|(_, high)| high),
            gold: total.gold,
            predicted: total.predicted,
            correct: total.correct,
            flaws: self.flaws,
            sentences: self.tallies.len(),
        }
    }
}

/// The mean over the languages in which something is annotated, if there are several.
fn mean(sets: &[Counted]) -> Option<Row> {
    let mut languages: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
    for set in sets.iter().filter(|set| set.total().gold > 0) {
        languages.entry(&set.language).or_default().push(set);
    }
    if languages.len() < 2 {
        return None;
    }
    let languages: Vec<Counted> =
        languages.into_values().map(|sets| Counted::together(MICRO, sets)).collect();
    let average = |figure: &dyn Fn(&Counted) -> f64| {
        languages.iter().map(figure).sum::<f64>() / languages.len() as f64
    };
    let resamples: Vec<Vec<f64>> = languages.iter().map(Counted::resamples).collect();
    let means = (0..resamples[0].len())
        .map(|i| resamples.iter().map(|scores| scores[i]).sum::<f64>() / resamples.len() as f64);
    let (low, high) = bootstrap::interval(means.collect());
    Some(Row {
        precision: Some(average(&|language| language.total().precision())),
        recall: Some(average(&|language| language.total().recall())),
        f1: Some(average(&|language| language.total().f1())),
        low: Some(low),
        high: Some(high),
        ..Counted::together(MEAN, &languages).row()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::prediction;
    use super::*;

    fn set(dataset: &str, language: &str, rows: &[(&[&str], &[&str])]) -> Set {
        let predictions =
            rows.iter().map(|(gold, said)| prediction(Task::Ner, gold, said)).collect();
        Set { dataset: dataset.into(), language: language.into(), task: Task::Ner, predictions }
    }

    #[test]
    fn sets_come_together_as_micro_and_as_mean_of_languages() {
        let right: (&[&str], &[&str]) = (&["P a"], &["P a"]);
        let wrong: (&[&str], &[&str]) = (&["P a"], &["P b"]);
        let sets = [
            set("en-1", "en", &[right, right, right]),
            set("en-2", "en", &[wrong]),
            set("zh", "zh", &[wrong, wrong]),
            set("none", "sw", &[(&[], &[])]),
            set("void", "yo", &[]),
        ];
        let rows = score(&sets, &[Protocol::Set]);
        let told: Vec<(&str, &str, Option<f64>, usize)> =
            rows.iter().map(|row| (&*row.dataset, &*row.language, row.f1, row.sentences)).collect();
        assert_eq!(
            told,
            [
                ("en-1", "en", Some(100.0), 3),
                ("en-2", "en", Some(0.0), 1),
                ("zh", "zh", Some(0.0), 2),
                ("none", "sw", None, 1),
                ("void", "yo", None, 0),
                (MICRO, "all", Some(50.0), 7),
                // (75 + 0) / 2; languages without gold are no languages here.
                (MEAN, "all", Some(37.5), 6),
            ]
        );
        for row in rows.iter().filter(|row| row.f1.is_some()) {
            assert!(row.low <= row.f1 && row.f1 <= row.high, "{row:?}");
        }
        assert_eq!(score(&sets[..1], &Protocol::ALL).len(), 3, "one set is not summed up");
    }

    #[test]
    fn scores_survive_the_disk() {
        let rows = score(
            &[set("d", "en", &[(&["P a"], &["P b"])]), set("v", "en", &[])],
            &[Protocol::Set, Protocol::Knowcoder2024],
        );
        let baselines = BTreeMap::from([("base".to_owned(), rows.clone())]);
        let floors = BTreeMap::from([("d".to_owned(), 3.5), ("d/re".to_owned(), 1.0)]);
        let papers = [("d/en/ner".to_owned(), 94.7)].into();
        let scores = Scores { rows, floors, papers, baselines, ..Scores::default() };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/scores.json");
        scores.write(&path).unwrap();
        assert_eq!(Scores::read(&path).unwrap(), scores);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no litter");

        let row = &scores.rows[0];
        let other = Row { task: Task::Re, ..row.clone() };
        assert_eq!((scores.floor(row), scores.floor(&other)), (Some(3.5), Some(1.0)));
        assert_eq!((scores.paper(row), scores.paper(&other)), (Some(94.7), None));
        let baseline = |name| scores.baseline(name, row);
        assert_eq!((baseline("base"), baseline("untrained")), (Some(0.0), None));

        std::fs::write(&path, "{\"rows\": [\n{}]}").unwrap();
        let error = Scores::read(&path).unwrap_err();
        assert!(error.to_string().contains("scores.json:2: no scores: "), "{error}");
    }

    #[test]
    fn predictions_are_sorted_into_sets() {
        let one = prediction(Task::Ner, &[], &[]);
        let sets = Set::group([one.clone(), Prediction { task: Task::Re, ..one.clone() }, one]);
        let told: Vec<_> = sets.iter().map(|set| (set.task, set.predictions.len())).collect();
        assert_eq!(told, [(Task::Ner, 2), (Task::Re, 1)]);
    }
}
