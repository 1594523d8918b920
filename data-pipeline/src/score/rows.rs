//! The rows of `scores.json`: one a test set and protocol, and what they come to together.

use super::classes::{self, TypeRow};
use super::counting::is_placed;
use super::{Matching, Protocol, Quality, Relations, Rule, Tally, bootstrap, tally};
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
    /// Scores of the trained model by class, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_type: Vec<TypeRow>,
    /// What a protocol says nothing about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Absent>,
}

/// Scores sets under each protocol that defines their task.
///
/// Where a task has several sets, a row [`MICRO`] counts their objects together; where it has
/// several languages, a row [`MEAN`] is the mean of the languages' scores.
pub fn score(sets: &[Set], protocols: &[Protocol]) -> Vec<Row> {
    score_with(sets, protocols, &Options::default()).rows
}

/// Scores sets as [`score()`] does, with what `options` ask for beside it.
pub fn score_with(sets: &[Set], protocols: &[Protocol], options: &Options) -> Scores {
    let mut tasks: Vec<Task> = Vec::new();
    for set in sets {
        if !tasks.contains(&set.task) {
            tasks.push(set.task);
        }
    }
    let qualities: Vec<Quality> =
        sets.iter().map(|set| set.predictions.iter().map(Quality::of).sum()).collect();
    let mut scores = Scores::default();
    for &protocol in protocols {
        let rule = Rule { protocol, matching: options.matching, relations: options.relations };
        for &task in &tasks {
            let absent = |set: Option<&Set>, why: &str| Absent {
                dataset: set.map(|set| set.dataset.clone()),
                language: set.map(|set| set.language.clone()),
                task,
                protocol,
                why: why.to_owned(),
            };
            if let Some(why) = rule.undefined(task) {
                scores.absent.push(absent(None, why));
                continue;
            }
            let mut counted = Vec::new();
            let mut by_type = Vec::new();
            for (set, quality) in sets.iter().zip(&qualities).filter(|(set, _)| set.task == task) {
                if let Some(why) = set.unfit(rule) {
                    scores.absent.push(absent(Some(set), why));
                    continue;
                }
                counted.push(Counted::new(set, rule, *quality));
                if options.by_type {
                    by_type.extend(classes::of(set, rule));
                }
            }
            scores.rows.extend(summed(&counted, options));
            scores.rows.extend(macro_row(&counted, &by_type));
            scores.by_type.append(&mut by_type);
        }
    }
    scores
}

/// The rows of sets, and of what they come to together.
fn summed(sets: &[Counted], options: &Options) -> Vec<Row> {
    let mut rows: Vec<Row> = sets.iter().map(Counted::row).collect();
    let groups = |key: fn(&Counted) -> &String| {
        let mut groups: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
        sets.iter().for_each(|set| groups.entry(key(set)).or_default().push(set));
        groups
    };
    if options.by_source {
        let sources = groups(|set| &set.dataset);
        for (name, sets) in sources.into_iter().filter(|(_, sets)| sets.len() > 1) {
            rows.push(Counted::together(name, sets).row());
        }
    }
    let languages = groups(|set| &set.language);
    if options.by_language && languages.len() > 1 {
        for sets in languages.values().filter(|sets| sets.len() > 1) {
            rows.push(Counted::together(MICRO, sets.iter().copied()).row());
        }
    }
    if sets.len() > 1 {
        rows.push(Counted::together(MICRO, sets).row());
    }
    rows.extend(mean(MEAN, sets, 2));
    if let Some(seen) = &options.seen {
        let (known, others): (Vec<Counted>, Vec<Counted>) =
            sets.iter().cloned().partition(|set| seen.contains(&set.language));
        let means = mean(SEEN, &known, 1).zip(mean(UNSEEN, &others, 1));
        rows.extend(means.into_iter().flat_map(<[Row; 2]>::from));
    }
    rows
}

/// The mean of the annotated classes' scores, if they were counted.
fn macro_row(sets: &[Counted], by_type: &[TypeRow]) -> Option<Row> {
    let (precision, recall, f1) = classes::means(by_type)?;
    Some(Row {
        precision: Some(precision),
        recall: Some(recall),
        f1: Some(f1),
        low: None,
        high: None,
        ..Counted::together(MACRO, sets).row()
    })
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
            || self.language == "all"
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
#[derive(Clone)]
struct Counted {
    dataset: String,
    language: String,
    task: Task,
    rule: Rule,
    tallies: Vec<Tally>,
    flaws: usize,
    quality: Quality,
}

impl Counted {
    fn new(set: &Set, rule: Rule, quality: Quality) -> Self {
        Self {
            dataset: set.dataset.clone(),
            language: set.language.clone(),
            task: set.task,
            rule,
            tallies: set.predictions.iter().map(|row| tally(rule, row)).collect(),
            flaws: set.predictions.iter().map(|row| row.flaws.len()).sum(),
            quality,
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
            rule: first.rule,
            tallies: parts.iter().flat_map(|part| part.tallies.iter().copied()).collect(),
            flaws: parts.iter().map(|part| part.flaws).sum(),
            quality: parts.iter().map(|part| part.quality).sum(),
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
        let Rule { protocol, matching, relations } = self.rule;
        let Quality { unread, invented, outside, cut } = self.quality;
        Row {
            dataset: self.dataset.clone(),
            language: self.language.clone(),
            task: self.task,
            protocol,
            matching,
            relations,
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
            unread,
            invented,
            outside,
            cut,
        }
    }
}

/// The mean over the languages in which something is annotated, if there are as many as `least`.
fn mean(name: &str, sets: &[Counted], least: usize) -> Option<Row> {
    let mut languages: BTreeMap<&str, Vec<&Counted>> = BTreeMap::new();
    for set in sets.iter().filter(|set| set.total().gold > 0) {
        languages.entry(&set.language).or_default().push(set);
    }
    if languages.len() < least {
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
        ..Counted::together(name, &languages).row()
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
        let found = score_with(&sets[..1], &Protocol::ALL, &Options::default());
        // seqeval needs offsets.
        assert_eq!(found.rows.len(), Protocol::ALL.len() - 1, "one set is not summed up");
        let told = |it: &Absent| format!("{} {:?}: {}", it.protocol, it.dataset, it.why);
        let absent: Vec<String> = found.absent.iter().map(told).collect();
        assert_eq!(absent, ["seqeval Some(\"en-1\"): gold without offsets cannot be tagged"]);
    }

    #[test]
    fn sets_come_together_by_what_is_asked_for() {
        let right: (&[&str], &[&str]) = (&["P a", "Q b"], &["P a", "Q b"]);
        let wrong: (&[&str], &[&str]) = (&["P a"], &["Q b", "P c"]);
        let sets = [
            set("x", "en", &[right]),
            set("y", "en", &[wrong]),
            set("x", "zh", &[right, wrong]),
            set("x", "sw", &[wrong]),
        ];
        let options = Options {
            seen: Some(["en", "zh"].map(String::from).into()),
            by_type: true,
            by_language: true,
            by_source: true,
            ..Options::default()
        };
        let scores = score_with(&sets, &[Protocol::Set], &options);
        let told = |row: &Row| {
            let f1 = row.f1.unwrap_or(-1.0);
            format!(
                "{} {} {f1:.1} {} {}",
                row.dataset,
                row.language,
                row.sentences,
                row.is_summary()
            )
        };
        let found: Vec<String> = scores.rows.iter().skip(sets.len()).map(told).collect();
        assert_eq!(
            found,
            [
                "x all 57.1 4 true",
                "micro en 57.1 2 true",
                "micro all 47.1 5 true",
                "mean of languages all 38.1 5 true",
                "mean of seen languages all 57.1 4 true",
                "mean of unseen languages sw 0.0 1 true",
                // P of x/en, Q of x/en, P of y/en, P and Q of x/zh, P of x/sw; Q of y and x/sw is
                // not annotated.
                "macro of types all 52.8 5 true",
            ]
        );
        assert_eq!(scores.by_type.len(), 8);
        // All languages seen: two means would be one.
        let seen = Some(["en", "zh", "sw"].map(String::from).into());
        let rows =
            score_with(&sets, &[Protocol::Set], &Options { seen, ..Options::default() }).rows;
        assert!(rows.iter().all(|row| row.dataset != SEEN && row.dataset != UNSEEN));
    }

    #[test]
    fn relations_are_compared_with_the_types_of_their_sides_if_asked() {
        let one = |gold: &str, said: &str| Set {
            task: Task::Re,
            predictions: vec![prediction(Task::Re, &[gold], &[said])],
            ..set("d", "en", &[])
        };
        let typed = one("Near Person Ann > City Rome", "Near Person Ann > Person Rome");
        let untyped = one("Near Ann > Rome", "Near Ann > Rome");
        let options = Options { relations: Relations::Strict, ..Options::default() };
        let protocols = [Protocol::Set, Protocol::Gollie];
        let f1 = |set: &Set, options: &Options| -> Vec<Option<f64>> {
            let scores = score_with(std::slice::from_ref(set), &protocols, options);
            scores.rows.iter().map(|row| row.f1).collect()
        };
        assert_eq!(f1(&typed, &Options::default()), [Some(100.0), Some(0.0)]);
        assert_eq!(f1(&typed, &options), [Some(0.0)], "GoLLIE has no such form");
        assert_eq!(f1(&untyped, &options), []);
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
