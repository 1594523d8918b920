//! How much of an epoch comes from where.
//!
//! By default an epoch has every row once. Otherwise it has as many rows as all datasets together,
//! divided among its parts by their weights:
//!
//! ```text
//! weight of a part = dataset x language_weights[language] x task_weights[task]
//!          dataset = weights[dataset] x the part's share of the dataset's rows,   where there are `weights`
//!                    (rows of the part)^(1 / temperature),                        where there are none
//! ```
//!
//! A temperature of 1 keeps the proportions of the data; a larger one brings small parts nearer to large
//! ones, until all are equal: p ∝ n^(1/T), arXiv:1907.05019. A language or task that is
//! not named weighs 1. With `weights` alone a part is a dataset; with any other key it is the rows of one
//! dataset, language and task, and a group that holds several of them comes in pieces.

use super::Rows;
use crate::error::Error;
use crate::random::Random;
use crate::shard::RowSource;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

/// How much of an epoch comes from each dataset, language and task.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// Weight per dataset, relative to each other; empty for "as many as there are".
    pub weights: BTreeMap<String, f64>,
    /// What the weight of a language's parts is multiplied by.
    pub language_weights: BTreeMap<String, f64>,
    /// What the weight of a task's parts is multiplied by.
    pub task_weights: BTreeMap<String, f64>,
    /// 1: as many as there are; the larger, the nearer small parts come to large ones.
    pub temperature: f64,
}

impl Default for Mixture {
    fn default() -> Self {
        Self {
            weights: BTreeMap::new(),
            language_weights: BTreeMap::new(),
            task_weights: BTreeMap::new(),
            temperature: 1.0,
        }
    }
}

/// Runs of rows that are passed over together, and how many of them an epoch takes.
#[derive(Clone)]
pub(super) struct Part {
    /// Dataset, and language and task where they have a part of their own.
    name: Vec<String>,
    /// Rows of one group each.
    pub(super) runs: Vec<Range<usize>>,
    /// Runs of an epoch; where it is not a whole number, epochs take one more or less by turns.
    pub(super) per_epoch: f64,
    /// Share of an epoch's rows, before runs are kept whole.
    pub(super) wanted: f64,
}

impl Mixture {
    /// Whether an epoch has every row once.
    pub fn is_every_row_once(&self) -> bool {
        self.weights.is_empty() && self.is_by_dataset()
    }

    /// Refuses numbers that cannot be; which names there are is another matter.
    pub fn check(&self) -> Result<(), String> {
        let maps = [
            ("weights", &self.weights),
            ("language_weights", &self.language_weights),
            ("task_weights", &self.task_weights),
        ];
        for (key, weights) in maps {
            let wrong = |weight: &f64| !(weight.is_finite() && *weight >= 0.0);
            if let Some((name, weight)) = weights.iter().find(|(_, weight)| wrong(weight)) {
                return Err(format!("{key}: `{name}` = {weight} is not a number from 0 up"));
            }
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            let temperature = self.temperature;
            return Err(format!("temperature is {temperature}, expected a number above 0"));
        }
        if self.temperature != 1.0 && !self.weights.is_empty() {
            return Err(
                "temperature weighs datasets by their rows, and `weights` by themselves; give one"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Whether datasets are passed over whole.
    fn is_by_dataset(&self) -> bool {
        self.language_weights.is_empty() && self.task_weights.is_empty() && self.temperature == 1.0
    }

    /// What an epoch takes from where.
    pub(super) fn parts(&self, rows: Rows<'_>) -> Result<Vec<Part>, Error> {
        self.check().map_err(|message| Error::declaration(Path::new("[[phase]]"), message))?;
        self.check_names(rows)?;
        let mut parts = if self.is_by_dataset() { by_dataset(rows) } else { by_source(rows) };
        let total: usize = parts.iter().map(Part::rows).sum();
        if self.is_every_row_once() {
            for part in &mut parts {
                part.per_epoch = part.runs.len() as f64;
                part.wanted = part.rows() as f64 / total.max(1) as f64;
            }
            return Ok(parts);
        }
        let weights: Vec<f64> = parts.iter().map(|part| self.weight(part, rows)).collect();
        let sum: f64 = weights.iter().sum();
        if sum == 0.0 && total > 0 {
            return Err(wrong("all weights are 0".to_owned()));
        }
        if !sum.is_finite() {
            return Err(wrong("the weights are too large to be added up".to_owned()));
        }
        for (part, weight) in parts.iter_mut().zip(weights) {
            if part.runs.is_empty() || weight == 0.0 {
                continue;
            }
            let wanted = total as f64 * weight / sum;
            let runs = wanted / (part.rows() as f64 / part.runs.len() as f64);
            part.wanted = weight / sum;
            // Datasets by weight come in equal epochs, and each comes at all: so it was before there were
            // other weights, and models that have been trained so stay what they are.
            part.per_epoch = if self.is_by_dataset() { runs.round().max(1.0) } else { runs };
        }
        Ok(parts)
    }

    fn weight(&self, part: &Part, rows: Rows<'_>) -> f64 {
        let of = |weights: &BTreeMap<String, f64>, name: Option<&String>| {
            name.and_then(|name| weights.get(name)).copied().unwrap_or(1.0)
        };
        let dataset = rows.groups.iter().find(|groups| part.name.first() == Some(&groups.dataset));
        let own = match dataset {
            _ if self.weights.is_empty() => (part.rows() as f64).powf(self.temperature.recip()),
            // Alone in its dataset: not divided, so that no rounding comes of it.
            _ if part.name.len() == 1 => of(&self.weights, part.name.first()),
            Some(groups) => {
                let share = part.rows() as f64 / groups.rows().max(1) as f64;
                of(&self.weights, part.name.first()) * share
            }
            None => 0.0,
        };
        own * of(&self.language_weights, part.name.get(1))
            * of(&self.task_weights, part.name.get(2))
    }

    /// Every name must be there; datasets have all a weight or none.
    fn check_names<'a>(&self, rows: Rows<'a>) -> Result<(), Error> {
        let names: Vec<&str> = rows.groups.iter().map(|groups| groups.dataset.as_str()).collect();
        if let Some(unknown) = self.weights.keys().find(|name| !names.contains(&name.as_str())) {
            return Err(wrong(format!(
                "`{unknown}` is not one of the phase's datasets: {}",
                names.join(", ")
            )));
        }
        let lacking = names.iter().find(|name| !self.weights.contains_key(**name));
        if let Some(name) = lacking.filter(|_| !self.weights.is_empty()) {
            return Err(wrong(format!(
                "`{name}` has no weight; give one to every dataset or to none"
            )));
        }
        let of = |source: &'a RowSource| (source.language.as_str(), source.task.as_str());
        self.check_kinds(rows.sources.iter().map(of))
    }

    /// Refuses languages and tasks that are not among those of the rows.
    pub fn check_kinds<'a>(
        &self,
        rows: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Error> {
        let (languages, tasks) = rows.unzip();
        known(&self.language_weights, "language_weights", "languages", languages)?;
        known(&self.task_weights, "task_weights", "tasks", tasks)
    }
}

fn wrong(message: String) -> Error {
    Error::declaration(Path::new("[[phase]] weights"), message)
}

/// Refuses names that no row has, with those that rows have.
fn known(
    weights: &BTreeMap<String, f64>,
    key: &str,
    what: &str,
    names: BTreeSet<&str>,
) -> Result<(), Error> {
    match weights.keys().find(|name| !names.contains(name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<&str> = names.into_iter().collect();
            let place = format!("[[phase]] {key}");
            let message = format!(
                "`{unknown}` is not one of the {what} of the phase's rows: {}",
                names.join(", ")
            );
            Err(Error::declaration(Path::new(&place), message))
        }
    }
}

fn by_dataset(rows: Rows<'_>) -> Vec<Part> {
    let part = |groups: &super::Groups| Part::of([&groups.dataset], groups.runs.clone());
    rows.groups.iter().map(part).collect()
}

/// A part for each dataset, language and task; runs are cut where these change.
fn by_source(rows: Rows<'_>) -> Vec<Part> {
    let mut runs: Vec<Vec<Range<usize>>> = vec![Vec::new(); rows.sources.len()];
    for run in rows.groups.iter().flat_map(|groups| groups.runs.iter().cloned()) {
        let mut start = run.start;
        while start < run.end {
            let source = rows.lengths[start].source;
            let same = |row: &usize| rows.lengths[*row].source == source;
            let end = start + (start..run.end).take_while(same).count();
            runs[source as usize].push(start..end);
            start = end;
        }
    }
    let part = |(source, runs): (&RowSource, Vec<Range<usize>>)| {
        Part::of([&source.dataset, &source.language, &source.task], runs)
    };
    rows.sources.iter().zip(runs).map(part).collect()
}

impl Part {
    /// A part that no epoch takes anything of yet.
    fn of<const N: usize>(name: [&String; N], runs: Vec<Range<usize>>) -> Self {
        Self { name: name.map(String::clone).to_vec(), runs, per_epoch: 0.0, wanted: 0.0 }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// The mean over epochs.
    pub(super) fn rows_per_epoch(&self) -> f64 {
        match self.runs.len() {
            0 => 0.0,
            count => self.rows() as f64 * self.per_epoch / count as f64,
        }
    }

    /// How often an epoch passes over all rows, where it does so without a rest.
    pub(super) fn whole_passes(&self) -> Option<usize> {
        let passes = self.per_epoch / self.runs.len().max(1) as f64;
        let whole = self.per_epoch.fract() == 0.0 && passes.fract() == 0.0;
        whole.then_some(passes as usize)
    }

    /// The places of `epoch` in the part's endless line of passes: rounded, so that after any number of
    /// epochs no more than half a run lacks or is too many.
    pub(super) fn places(&self, epoch: usize) -> Range<usize> {
        let before = |epoch: usize| (epoch as f64 * self.per_epoch).round() as usize;
        before(epoch)..before(epoch + 1)
    }

    /// Decides the order of pass `number`.
    pub(super) fn random(&self, seed: u64, number: usize) -> Random {
        let number = number.to_string();
        let mut purpose = vec!["pass"];
        purpose.extend(self.name.iter().map(String::as_str));
        purpose.push(&number);
        Random::of(seed, &purpose)
    }
}
