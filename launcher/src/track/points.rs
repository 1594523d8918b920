//! The numbers of a run over its steps.

use super::lines;
use crate::error::Error;
use data_pipeline::score::Scores;
use serde_json::Value;
use std::collections::BTreeMap;
use trainer::RunDir;
use trainer::metrics::StepMetrics;
use trainer::tensorboard::scalar::{self, Evaluated};

/// Numbers of one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// The step, counted over the phases.
    pub step: usize,
    /// When, in milliseconds since 1970: the run's beginning and the seconds of all steps before, since
    /// steps keep how long they took, not when they were.
    pub time: u64,
    /// Each with its name, such as `instruction/loss`.
    pub values: Vec<(String, f64)>,
}

/// All numbers of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Points {
    /// In the order of their steps.
    pub points: Vec<Point>,
    /// Scores, which belong to no step.
    pub finals: Vec<(String, f64)>,
    /// Lines of steps that could not be read.
    pub unreadable: usize,
}

impl Points {
    /// Reads what is there: a run may still be going on.
    pub fn read(run_dir: &RunDir, started: u64) -> Result<Self, Error> {
        let mut points = Self::default();
        let mut elapsed = 0.0;
        // Of each phase its first step among all, less one.
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        let mut times: BTreeMap<usize, u64> = BTreeMap::new();
        let mut by_step: BTreeMap<usize, Vec<(String, f64)>> = BTreeMap::new();
        let mut newest = 0;
        for line in lines(&run_dir.metrics())? {
            let Ok(line) = serde_json::from_value::<StepMetrics>(line) else {
                points.unreadable += 1;
                continue;
            };
            let before = *first.entry(line.phase.clone()).or_insert(newest);
            let step = before + line.step;
            newest = newest.max(step);
            elapsed += line.seconds;
            times.insert(step, started + (elapsed * 1000.0) as u64);
            by_step.insert(step, named(&line.phase, scalar::of_step(&line)));
        }
        for rows in evaluations(run_dir)?.values() {
            if let Some(before) = first.get(&rows[0].phase) {
                let values = named(&rows[0].phase, scalar::of_evaluation(rows));
                by_step.entry(before + rows[0].step).or_default().extend(values);
            }
        }
        points.points = by_step
            .into_iter()
            .map(|(step, values)| {
                let time = times.range(..=step).next_back().map_or(started, |(_, time)| *time);
                Point { step, time, values }
            })
            .collect();
        points.finals = finals(run_dir)?;
        Ok(points)
    }
}

/// The rows of `evaluations.jsonl` by phase and step.
fn evaluations(run_dir: &RunDir) -> Result<BTreeMap<(String, usize), Vec<Evaluated>>, Error> {
    let mut evaluations: BTreeMap<_, Vec<Evaluated>> = BTreeMap::new();
    for row in lines(&run_dir.evaluations())? {
        if let Ok(row) = serde_json::from_value::<Evaluated>(row) {
            evaluations.entry((row.phase.clone(), row.step)).or_default().push(row);
        }
    }
    Ok(evaluations)
}

/// The scores of each model, where they are there already.
fn finals(run_dir: &RunDir) -> Result<Vec<(String, f64)>, Error> {
    let path = run_dir.scores();
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).map_err(data_pipeline::Error::read(&path))?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let scores = serde_json::from_value::<Scores>(value).unwrap_or_default();
    let mut finals = named("scores/final", scalar::of_scores(&scores.rows));
    for (which, rows) in &scores.baselines {
        finals.extend(named(&format!("scores/{which}"), scalar::of_scores(rows)));
    }
    Ok(finals)
}

/// Names of tags below `prefix`: `loss` and `loss/wnut17/en/ner` become `PREFIX/loss` and
/// `PREFIX/loss.wnut17.en.ner`, for where names are files, one cannot be a folder, too.
fn named(prefix: &str, scalars: Vec<(String, f64)>) -> Vec<(String, f64)> {
    let prefix: Vec<String> = prefix.split('/').map(allowed).collect();
    let name = |tag: String| format!("{}/{}", prefix.join("/"), allowed(&tag.replace('/', ".")));
    scalars.into_iter().map(|(tag, value)| (name(tag), value)).collect()
}

/// A part of a name with the signs that every program allows; never empty, `.` or `..`.
pub(super) fn allowed(text: &str) -> String {
    let sign = |it: char| if it.is_alphanumeric() || "._- ".contains(it) { it } else { '_' };
    let text: String = text.chars().map(sign).collect();
    if text.chars().all(|it| it == '.') { format!("_{text}") } else { text }
}
