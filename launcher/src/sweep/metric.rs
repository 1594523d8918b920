//! What trials are compared by, read from what a run wrote.

use super::definition::Mode;
use crate::error::{Error, exit};
use data_pipeline::score::{MACRO, MEAN, MICRO, SEEN, Scores, Tally, UNSEEN};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use trainer::RunDir;

/// A loss is the mean over so many steps, the last ones: a single step says what was in it.
const WINDOW: usize = 20;

/// A number of a run of which more, or less, is better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// F1 of the language where it is lowest.
    Worst,
    /// Mean of F1 over languages.
    Mean,
    /// F1 of a language.
    Language(String),
    /// Loss of training.
    Loss,
}

impl Metric {
    /// `f1.worst`, `f1.mean`, `f1.zh`, `loss`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match text.split_once('.') {
            None if text == "loss" => Ok(Self::Loss),
            Some(("f1", "worst")) => Ok(Self::Worst),
            Some(("f1", "mean")) => Ok(Self::Mean),
            Some(("f1", code)) if !code.is_empty() && code.chars().all(plain) => {
                Ok(Self::Language(code.to_owned()))
            }
            _ => Err(format!(
                "unknown metric `{text}`; known are: f1.worst, f1.mean, f1.LANGUAGE such as f1.zh, loss"
            )),
        }
    }

    /// Whether it is the loss of training.
    pub fn is_loss(&self) -> bool {
        *self == Self::Loss
    }

    /// What is better where nothing is said.
    pub fn mode(&self) -> Mode {
        if self.is_loss() { Mode::Min } else { Mode::Max }
    }

    /// Its value behind a step of a phase: `None` where the run has not come there, or has no number.
    pub fn at(&self, run_dir: &RunDir, phase: &str, step: usize) -> Result<Option<f64>, Error> {
        if self.is_loss() {
            return loss(run_dir, phase, Some(step));
        }
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for row in lines::<Row>(&run_dir.evaluations())? {
            // As at the end: where there is nothing to be found, nothing is measured.
            if row.phase == phase && row.step == step && row.gold > 0 {
                let Row { gold, predicted, correct, .. } = row;
                *tallies.entry(row.language).or_default() += Tally { gold, predicted, correct };
            }
        }
        Ok(self.of(&tallies))
    }

    /// Its value when the run is done.
    pub fn last(&self, run_dir: &RunDir, phase: &str) -> Result<Option<f64>, Error> {
        if self.is_loss() {
            return loss(run_dir, phase, None);
        }
        let path = run_dir.scores();
        let bytes = std::fs::read(&path).map_err(data_pipeline::Error::read(&path))?;
        let scores: Scores = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(exit::DATA, format!("`{}` cannot be read: {error}", path.display()))
        })?;
        let sums = [MICRO, MEAN, SEEN, UNSEEN, MACRO];
        // Under the first rule that the recipe names.
        let first = scores.rows.first().map(|row| row.protocol);
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for row in scores.rows.iter().filter(|row| Some(row.protocol) == first) {
            if !sums.contains(&row.dataset.as_str()) && row.language != "all" && row.gold > 0 {
                *tallies.entry(row.language.clone()).or_default() +=
                    Tally { gold: row.gold, predicted: row.predicted, correct: row.correct };
            }
        }
        Ok(self.of(&tallies))
    }

    fn of(&self, tallies: &BTreeMap<String, Tally>) -> Option<f64> {
        let all = || tallies.values().map(|it| it.f1());
        match self {
            Self::Worst => all().min_by(f64::total_cmp),
            Self::Mean if tallies.is_empty() => None,
            Self::Mean => Some(all().sum::<f64>() / tallies.len() as f64),
            Self::Language(code) => tallies.get(code).map(|it| it.f1()),
            Self::Loss => None,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worst => write!(f, "f1.worst"),
            Self::Mean => write!(f, "f1.mean"),
            Self::Language(code) => write!(f, "f1.{code}"),
            Self::Loss => write!(f, "loss"),
        }
    }
}

/// What is wanted of a line of `evaluations.jsonl`.
#[derive(Deserialize)]
struct Row {
    phase: String,
    step: usize,
    language: String,
    gold: usize,
    predicted: usize,
    correct: usize,
}

/// What is wanted of a line of `metrics.jsonl`.
#[derive(Deserialize)]
struct Step {
    phase: String,
    step: usize,
    loss: Option<f64>,
}

fn loss(run_dir: &RunDir, phase: &str, until: Option<usize>) -> Result<Option<f64>, Error> {
    let steps: Vec<Step> = lines::<Step>(&run_dir.metrics())?
        .into_iter()
        .filter(|it| it.phase == phase && until.is_none_or(|until| it.step <= until))
        .collect();
    let last = steps.iter().map(|it| it.step).max();
    if last.is_none() || until.is_some_and(|until| last != Some(until)) {
        return Ok(None);
    }
    let window: Option<Vec<f64>> = steps.iter().rev().take(WINDOW).map(|it| it.loss).collect();
    Ok(window.map(|window| window.iter().sum::<f64>() / window.len() as f64))
}

/// Steps of a phase that a run has done.
pub fn steps_done(run_dir: &RunDir, phase: &str) -> Result<usize, Error> {
    let steps = lines::<Step>(&run_dir.metrics())?.into_iter().filter(|it| it.phase == phase);
    Ok(steps.map(|it| it.step).max().unwrap_or(0))
}

/// The whole lines of a file; none where there is no file. A torn last line is left out.
fn lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(data_pipeline::Error::read(path)(error).into()),
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut found = Vec::new();
    for (index, line) in whole.lines().enumerate() {
        let line = serde_json::from_str(line).map_err(|error| {
            data_pipeline::Error::data(
                path,
                index + 1,
                format!("not a line of this version: {error}"),
            )
        })?;
        found.push(line);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn metrics_have_names() {
        for name in ["f1.worst", "f1.mean", "f1.zh", "f1.zh-hant", "loss"] {
            assert_eq!(Metric::parse(name).unwrap().to_string(), name);
        }
        for name in ["f1", "f1.", "f1.z h", "losss", "accuracy"] {
            assert!(Metric::parse(name).unwrap_err().contains("known are: f1.worst"), "{name}");
        }
    }

    #[test]
    fn f1_is_that_of_all_objects_of_a_language() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let of = |gold: usize, step: usize, language: &str, correct: usize| {
            format!(
                "{{\"phase\":\"p\",\"step\":{step},\"dataset\":\"d\",\"language\":\"{language}\",\"gold\":{gold},\"predicted\":10,\"correct\":{correct}}}\n"
            )
        };
        let row = |step, language, correct| of(10, step, language, correct);
        let text = [row(5, "en", 8), row(5, "en", 4), row(5, "zh", 3), row(9, "en", 1)].concat();
        // A benchmark without an annotated object makes no language the worst.
        let text = text + &of(0, 5, "fr", 0);
        std::fs::write(run_dir.evaluations(), text + "{\"torn").unwrap();
        let at = |name: &str, step| {
            Metric::parse(name).unwrap().at(&run_dir, "p", step).unwrap().map(|it| it.round())
        };
        assert_eq!(at("f1.en", 5), Some(60.0));
        assert_eq!(at("f1.worst", 5), Some(30.0));
        assert_eq!(at("f1.mean", 5), Some(45.0));
        assert_eq!(at("f1.worst", 9), Some(10.0));
        assert_eq!(at("f1.fr", 5), None);
        assert_eq!((at("f1.de", 5), at("f1.worst", 6), at("f1.mean", 6)), (None, None, None));
    }

    #[test]
    fn a_loss_is_a_mean_of_the_last_steps_and_no_number_where_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let line = |step: usize, loss: &str| {
            format!("{{\"phase\":\"p\",\"step\":{step},\"loss\":{loss}}}\n")
        };
        let mut text: String = (1..=30).map(|step| line(step, &format!("{step}.0"))).collect();
        std::fs::write(run_dir.metrics(), &text).unwrap();
        let metric = Metric::Loss;
        assert_eq!(metric.at(&run_dir, "p", 2).unwrap(), Some(1.5));
        assert_eq!(metric.at(&run_dir, "p", 31).unwrap(), None);
        assert_eq!(metric.last(&run_dir, "p").unwrap(), Some(20.5));
        assert_eq!(steps_done(&run_dir, "p").unwrap(), 30);
        assert_eq!(steps_done(&run_dir, "q").unwrap(), 0);
        text += &line(31, "null");
        std::fs::write(run_dir.metrics(), text).unwrap();
        assert_eq!(metric.last(&run_dir, "p").unwrap(), None);
    }
}
