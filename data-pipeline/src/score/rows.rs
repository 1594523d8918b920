//! The rows of `scores.json`: one a test set and protocol, and what they come to together.

use super::counting::is_placed;
use super::{Fertility, Matching, Protocol, Quality, Relations, Rule, Sensitivity, TypeRow};
use crate::error::{Error, explain};
use crate::predictions::{Prediction, replace};
use crate::schema::Task;
use crate::sentence::Instance;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The dataset of a row that counts the objects of several sets together.
pub const MICRO: &str = "micro";
/// The dataset of a row that weighs each language the same.
pub const MEAN: &str = "mean of languages";

/// The dataset of a row that weighs each language that was trained on the same.
pub const SEEN: &str = "mean of seen languages";
/// The dataset of a row that weighs each language that was not trained on the same.
pub const UNSEEN: &str = "mean of unseen languages";
/// Ends the dataset of a row that counts the languages of one together.
pub const SOURCE: &str = " in all languages";
/// The dataset of a row that weighs each class of each set the same.
pub const MACRO: &str = "macro of types";

/// One score.
///
/// A set in which nothing is annotated has no score: its figures are `None`, and their keys are
/// left out of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the dataset, or of a sum: [`MICRO`], [`MEAN`], [`SEEN`], [`UNSEEN`], [`MACRO`].
    pub dataset: String,
    /// Language code; `all` where several are in it.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// The rule.
    pub protocol: Protocol,
    /// How much of a mention had to be right.
    #[serde(default, skip_serializing_if = "Matching::is_exact")]
    pub matching: Matching,
    /// What of a relation had to be right.
    #[serde(default, skip_serializing_if = "Relations::is_boundary")]
    pub relations: Relations,
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
    /// Answers of which something could not be read; see [`Quality`].
    #[serde(default)]
    pub unread: usize,
    /// Predicted objects with a mention that is not in the sentence.
    #[serde(default)]
    pub invented: usize,
    /// Classes and roles that were not offered.
    #[serde(default)]
    pub outside: usize,
    /// Sentences of which an answer was cut.
    #[serde(default)]
    pub cut: usize,
}

/// Why there is no score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Name of the dataset; none where no set of the task has a score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Language code; none where no set of the task has a score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What was asked.
    pub task: Task,
    /// The rule.
    pub protocol: Protocol,
    /// The reason.
    pub why: String,
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { dataset, language, task, protocol, why } = self;
        write!(f, "no score of `{protocol}` for {task}")?;
        if let (Some(dataset), Some(language)) = (dataset, language) {
            write!(f, " of `{dataset}` ({language})")?;
        }
        write!(f, ": {why}")
    }
}

/// What is told beside the rows of sets, and by which form of the protocols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Languages that were trained on: means over them and over the others, if there are both.
    pub seen: Option<BTreeSet<String>>,
    /// Scores of each class, and their mean.
    pub by_type: bool,
    /// A row for the sets of each language that has several.
    pub by_language: bool,
    /// A row for the languages of each dataset that has several.
    pub by_source: bool,
    /// How much of a mention must be right.
    pub matching: Matching,
    /// What of a relation must be right.
    pub relations: Relations,
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
    /// Scores of the trained model by class, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_type: Vec<TypeRow>,
    /// What a protocol says nothing about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
}

impl Set {
    /// Sorts predictions into sets, in the order in which the sets begin.
    pub fn group(predictions: impl IntoIterator<Item = Prediction>) -> Vec<Self> {
        let mut sets: Vec<Self> = Vec::new();
        let mut places: HashMap<(String, String, Task), usize> = HashMap::new();
        for prediction in predictions {
            let Prediction { dataset, language, task, .. } = &prediction;
            let name = (dataset.clone(), language.clone(), *task);
            let place = *places.entry(name).or_insert_with_key(|(dataset, language, task)| {
                sets.push(Self {
                    dataset: dataset.clone(),
                    language: language.clone(),
                    task: *task,
                    predictions: Vec::new(),
                });
                sets.len() - 1
            });
            sets[place].predictions.push(prediction);
        }
        sets
    }

    /// Why `rule`, which defines the task, has no number for this set, if it has none.
    pub(super) fn unfit(&self, rule: Rule) -> Option<&'static str> {
        let gold = || self.predictions.iter().flat_map(|row| &row.gold);
        let is_untyped = |object: &Instance| match object {
            Instance::Relation(it) => it.head.class == "Entity" && it.tail.class == "Entity",
            _ => true,
        };
        if rule.protocol == Protocol::Seqeval
            && self.predictions.iter().any(|row| !is_placed(&row.gold))
        {
            return Some("gold without offsets cannot be tagged");
        }
        let strict = self.task == Task::Re && rule.relations == Relations::Strict;
        if strict && gold().next().is_some() && gold().all(is_untyped) {
            return Some("gold names no types of heads and tails");
        }
        None
    }
}

impl Row {
    /// Whether the row sums up others.
    pub fn is_summary(&self) -> bool {
        [MICRO, MEAN, SEEN, UNSEEN, MACRO].contains(&self.dataset.as_str())
            || self.dataset.ends_with(SOURCE)
    }

    /// Whether the row tells of the same sentences, task and protocol.
    pub fn matches(&self, other: &Self) -> bool {
        self.dataset == other.dataset
            && self.language == other.language
            && self.task == other.task
            && self.protocol == other.protocol
            && self.matching == other.matching
            && self.relations == other.relations
    }

    /// What is to be said beside the score.
    pub fn quality(&self) -> Quality {
        let Self { unread, invented, outside, cut, .. } = *self;
        Quality { unread, invented, outside, cut }
    }
}

impl Default for Row {
    /// A row of entities without anything in it.
    fn default() -> Self {
        Self {
            dataset: String::new(),
            language: String::new(),
            task: Task::Ner,
            protocol: Protocol::default(),
            matching: Matching::default(),
            relations: Relations::default(),
            precision: None,
            recall: None,
            f1: None,
            low: None,
            high: None,
            gold: 0,
            predicted: 0,
            correct: 0,
            flaws: 0,
            sentences: 0,
            unread: 0,
            invented: 0,
            outside: 0,
            cut: 0,
        }
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
                    "no scores: {}; `knowcoder run` or `evaluate` writes the file again",
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{prediction, set};
    use super::*;
    use crate::score::score;

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

        // As it was before there were counts beside a score.
        let old = r#"{"rows":[{"dataset":"d","language":"en","task":"ner","protocol":"set","gold":0,"predicted":0,"correct":0}]}"#;
        std::fs::write(&path, old).unwrap();
        let expected = Row { dataset: "d".into(), language: "en".into(), ..Row::default() };
        assert_eq!(Scores::read(&path).unwrap().rows, [expected]);

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
