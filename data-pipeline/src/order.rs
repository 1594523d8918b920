//! Which rows a step trains on.
//!
//! A pure function of `(seed, step)`: a run that stops at step 412 goes on at 413 on any number of
//! ranks; there is no cursor to save. An epoch is a permutation of groups, because rows of one
//! group share the work on their prefix; its rows stand in one line, and step `s` takes the rows
//! `s · samples .. (s + 1) · samples` of all epochs' lines laid end to end. Only then are a step's
//! rows divided among ranks.

mod share;

pub(crate) use share::rows_by_group;
pub use share::{Share, places, split};

use crate::error::Error;
use crate::random::Random;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How many epochs' lines are kept: a step may cross the border of two.
const KEPT: usize = 2;

/// The groups of one dataset: runs of rows with an equal prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The dataset's name.
    pub dataset: String,
    /// Row numbers of each group.
    pub runs: Vec<Range<usize>>,
}

/// How much of an epoch comes from each dataset.
///
/// Without weights an epoch has every row once. With weights it has as many rows as all datasets
/// together, divided by weight: a dataset with a small weight is passed over several epochs, one
/// with a large weight occurs several times in each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mixture {
    /// Weight per dataset, relative to each other; empty for "every row once".
    pub weights: BTreeMap<String, f64>,
}

/// The order of training.
pub struct Order {
    seed: u64,
    samples: usize,
    parts: Vec<Part>,
    lines: Mutex<Lines>,
}

/// One dataset and how many of its groups an epoch takes.
#[derive(Clone)]
struct Part {
    groups: Groups,
    per_epoch: usize,
}

/// What has been computed of the epochs' lines.
#[derive(Default)]
struct Lines {
    /// Rows before each epoch; one more entry than epochs seen.
    offsets: Vec<usize>,
    kept: Vec<(usize, Arc<Line>)>,
}

/// The rows of one epoch.
struct Line {
    runs: Vec<Range<usize>>,
    /// Rows before each run, and in the end of all.
    starts: Vec<usize>,
}

impl Order {
    /// The order of `groups` under `seed`, `samples` rows a step.
    pub fn new(
        seed: u64,
        groups: &[Groups],
        mixture: &Mixture,
        samples: usize,
    ) -> Result<Self, Error> {
        let wrong = |message: String| Err(Error::declaration(Path::new("[[phase]]"), message));
        if samples == 0 {
            return wrong("a step of 0 samples trains on nothing".to_owned());
        }
        let parts = mixture.parts(groups)?;
        if parts.iter().all(|part| part.per_epoch == 0) {
            return wrong("its datasets have no rows".to_owned());
        }
        Ok(Self { seed, samples, parts, lines: Mutex::default() })
    }

    /// How many rows a step has.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The rows of `step`, in order; free of the number of ranks.
    pub fn rows(&self, step: usize) -> Vec<usize> {
        let mut rows = Vec::with_capacity(self.samples);
        let mut next = step * self.samples;
        let mut epoch = 0;
        while rows.len() < self.samples {
            let (offset, line) = self.line_at(next, epoch);
            epoch = offset.0;
            line.take(next - offset.1, self.samples - rows.len(), &mut rows);
            next = step * self.samples + rows.len();
        }
        rows
    }

    /// How many steps see every row of `epochs` epochs at least once.
    pub fn steps(&self, epochs: f64) -> usize {
        let rows: f64 = self.parts.iter().map(Part::rows_per_epoch).sum();
        // A hair less, so that 3.0000000001 epochs of rounding do not cost a step.
        ((rows * epochs / self.samples as f64) - 1e-9).ceil().max(0.0) as usize
    }

    /// The share of each dataset in the rows of the first `epochs` epochs.
    pub fn realised(&self, epochs: usize) -> Vec<(String, f64)> {
        let mut counts = vec![0; self.parts.len()];
        for epoch in 0..epochs {
            for (part, count) in self.parts.iter().zip(&mut counts) {
                *count += self.taken(part, epoch).map(|run| run.len()).sum::<usize>();
            }
        }
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let names = self.parts.iter().map(|part| part.groups.dataset.clone());
        names.zip(counts).map(|(name, count)| (name, count as f64 / total)).collect()
    }

    /// The epoch that holds the row at `position` of the endless line, with its number and offset.
    fn line_at(&self, position: usize, from: usize) -> ((usize, usize), Arc<Line>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.offsets.is_empty() {
            lines.offsets.push(0);
        }
        let mut epoch = from;
        loop {
            while lines.offsets.len() < epoch + 2 {
                let next = lines.offsets.len() - 1;
                let end = lines.offsets[next] + self.rows_of(next);
                lines.offsets.push(end);
            }
            if position < lines.offsets[epoch + 1] {
                break;
            }
            epoch += 1;
        }
        let known =
            lines.kept.iter().find(|(kept, _)| *kept == epoch).map(|(_, line)| line.clone());
        let line = known.unwrap_or_else(|| {
            let line = Arc::new(self.line(epoch));
            lines.kept.insert(0, (epoch, line.clone()));
            lines.kept.truncate(KEPT);
            line
        });
        ((epoch, lines.offsets[epoch]), line)
    }

    /// How many rows `epoch` has.
    fn rows_of(&self, epoch: usize) -> usize {
        let taken = |part: &Part| match part.per_epoch.checked_rem(part.groups.runs.len()) {
            // Whole passes: no need to know which groups come when.
            Some(0) => part.rows_per_epoch() as usize,
            _ => self.taken(part, epoch).map(|run| run.len()).sum(),
        };
        self.parts.iter().map(taken).sum()
    }

    /// The groups that `epoch` takes of one dataset, which has an endless line of permutations of
    /// its own.
    fn taken<'a>(&self, part: &'a Part, epoch: usize) -> impl Iterator<Item = Range<usize>> + 'a {
        let seed = self.seed;
        let count = part.groups.runs.len();
        let mut pass: Option<(usize, Vec<u32>)> = None;
        (epoch * part.per_epoch..(epoch + 1) * part.per_epoch).map(move |place| {
            let number = place / count;
            if pass.as_ref().is_none_or(|(known, _)| *known != number) {
                let mut order: Vec<u32> = (0..count as u32).collect();
                Random::of(seed, &["pass", &part.groups.dataset, &number.to_string()])
                    .shuffle(&mut order);
                pass = Some((number, order));
            }
            let order = pass.as_ref().map_or(&[][..], |(_, order)| order);
            part.groups.runs[order[place % count] as usize].clone()
        })
    }

    fn line(&self, epoch: usize) -> Line {
        let mut runs: Vec<Range<usize>> =
            self.parts.iter().flat_map(|part| self.taken(part, epoch)).collect();
        Random::of(self.seed, &["epoch", &epoch.to_string()]).shuffle(&mut runs);
        let mut starts = Vec::with_capacity(runs.len() + 1);
        let mut rows = 0;
        for run in &runs {
            starts.push(rows);
            rows += run.len();
        }
        starts.push(rows);
        Line { runs, starts }
    }
}

impl Mixture {
    fn parts(&self, groups: &[Groups]) -> Result<Vec<Part>, Error> {
        let wrong = |message: String| Error::declaration(Path::new("[[phase]] weights"), message);
        let names: Vec<&str> = groups.iter().map(|groups| groups.dataset.as_str()).collect();
        if let Some(unknown) = self.weights.keys().find(|name| !names.contains(&name.as_str())) {
            return Err(wrong(format!(
                "`{unknown}` is not one of the phase's datasets: {}",
                names.join(", ")
            )));
        }
        let weight = |name: &str| match self.weights.get(name) {
            Some(weight) if weight.is_finite() && *weight >= 0.0 => Ok(*weight),
            Some(weight) => Err(wrong(format!("`{name}` = {weight} is not a number from 0 up"))),
            None => {
                Err(wrong(format!("`{name}` has no weight; give one to every dataset or to none")))
            }
        };
        let mut weights = Vec::new();
        if !self.weights.is_empty() {
            weights = names.iter().map(|name| weight(name)).collect::<Result<_, _>>()?;
        }
        let total: f64 = weights.iter().sum();
        if !weights.is_empty() && total == 0.0 {
            return Err(wrong("all weights are 0".to_owned()));
        }
        let rows: usize = groups.iter().map(Groups::rows).sum();
        let part = |(index, groups): (usize, &Groups)| {
            let count = groups.runs.len();
            let per_epoch = match weights.get(index) {
                _ if count == 0 => 0,
                None => count,
                Some(0.0) => 0,
                Some(weight) => {
                    let wanted = rows as f64 * weight / total;
                    let mean = groups.rows() as f64 / count as f64;
                    ((wanted / mean).round() as usize).max(1)
                }
            };
            Part { groups: groups.clone(), per_epoch }
        };
        Ok(groups.iter().enumerate().map(part).collect())
    }
}

impl Groups {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }
}

impl Part {
    /// The mean over epochs.
    fn rows_per_epoch(&self) -> f64 {
        match self.groups.runs.len() {
            0 => 0.0,
            count => self.groups.rows() as f64 * self.per_epoch as f64 / count as f64,
        }
    }
}

impl Line {
    /// Appends up to `count` rows from the place `from` on.
    fn take(&self, from: usize, count: usize, rows: &mut Vec<usize>) {
        let end = rows.len() + count;
        let first = self.starts.partition_point(|start| *start <= from) - 1;
        let mut skip = from - self.starts[first];
        for run in &self.runs[first..] {
            rows.extend(run.clone().skip(skip).take(end - rows.len()));
            skip = 0;
            if rows.len() == end {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
