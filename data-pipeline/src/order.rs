//! Which rows a step trains on.
//!
//! A pure function of `(seed, step)`: a run that stops at step 412 goes on at 413 on any number of
//! ranks; there is no cursor to save. An epoch is a permutation of groups, because rows of one
//! group share the work on their prefix; its rows stand in one line, and step `s` takes the rows
//! `s · samples .. (s + 1) · samples` of all epochs' lines laid end to end. Only then are a step's
//! rows divided among ranks.

mod mixture;
mod share;

pub use mixture::Mixture;
pub(crate) use share::rows_by_group;
pub use share::{Share, places, split};

use crate::error::Error;
use crate::random::Random;
use crate::shard::{Length, RowSource};
use mixture::Part;
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

/// What an order is made of: the rows of a shard set.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The groups of every dataset.
    pub groups: &'a [Groups],
    /// One for each row.
    pub lengths: &'a [Length],
    /// What [`Length::source`] counts.
    pub sources: &'a [RowSource],
}

/// How much of what is trained on comes from one dataset, language and task.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceShare {
    /// Which.
    pub source: RowSource,
    /// Its share as the mixture wants it.
    pub wanted: f64,
    /// Its share in the epochs that were asked about.
    pub realised: f64,
}

/// The order of training.
pub struct Order {
    seed: u64,
    samples: usize,
    parts: Vec<Part>,
    sources: Vec<RowSource>,
    /// Which of them each row is of.
    source_of: Vec<u32>,
    mixed: bool,
    lines: Mutex<Lines>,
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
    /// The order of `rows` under `seed`, `samples` of them a step.
    pub fn new(
        seed: u64,
        rows: Rows<'_>,
        mixture: &Mixture,
        samples: usize,
    ) -> Result<Self, Error> {
        let wrong = |message: String| Err(Error::declaration(Path::new("[[phase]]"), message));
        if samples == 0 {
            return wrong("a step of 0 samples trains on nothing".to_owned());
        }
        let parts = mixture.parts(rows)?;
        if parts.iter().all(|part| part.per_epoch == 0.0) {
            return wrong("its datasets have no rows".to_owned());
        }
        let sources = rows.sources.to_vec();
        let source_of = rows.lengths.iter().map(|length| length.source).collect();
        let mixed = !mixture.is_every_row_once();
        Ok(Self { seed, samples, parts, sources, source_of, mixed, lines: Mutex::default() })
    }

    /// How many rows a step has.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The rows of `step`, in order; free of the number of ranks.
    pub fn rows(&self, step: usize) -> Vec<usize> {
        self.rows_by_epoch(step).into_iter().flat_map(|(_, rows)| rows).collect()
    }

    /// The rows of `step`, with the number of the epoch that they are of.
    pub fn rows_by_epoch(&self, step: usize) -> Vec<(usize, Vec<usize>)> {
        let mut found = Vec::new();
        let (mut next, end) = (step * self.samples, (step + 1) * self.samples);
        let mut epoch = 0;
        while next < end {
            let (offset, line) = self.line_at(next, epoch);
            epoch = offset.0;
            let mut rows = Vec::new();
            line.take(next - offset.1, end - next, &mut rows);
            next += rows.len();
            found.push((epoch, rows));
        }
        found
    }

    /// How many rows `epoch` has.
    pub fn epoch_rows(&self, epoch: usize) -> usize {
        let taken = |part: &Part| match part.whole_passes() {
            // No need to know which groups come when.
            Some(passes) => passes * part.rows(),
            None => self.taken(part, epoch).map(|run| run.len()).sum(),
        };
        self.parts.iter().map(taken).sum()
    }

    /// Whether an epoch is anything but every row once.
    pub fn is_mixed(&self) -> bool {
        self.mixed
    }

    /// How many steps see every row of `epochs` epochs at least once.
    pub fn steps(&self, epochs: f64) -> usize {
        let rows: f64 = self.parts.iter().map(Part::rows_per_epoch).sum();
        // A hair less, so that 3.0000000001 epochs of rounding do not cost a step.
        ((rows * epochs / self.samples as f64) - 1e-9).ceil().max(0.0) as usize
    }

    /// The share of each dataset, language and task in the rows of the first `epochs` epochs, beside
    /// the wanted one.
    pub fn shares(&self, epochs: usize) -> Vec<SourceShare> {
        let mut counts = vec![0; self.sources.len()];
        for part in &self.parts {
            let runs = (0..epochs).flat_map(|epoch| self.taken(part, epoch));
            runs.flatten().for_each(|row| counts[self.source_of[row] as usize] += 1);
        }
        self.shares_of(&counts)
    }

    /// The shares of so many rows of each source, beside the wanted ones.
    pub fn shares_of(&self, counts: &[usize]) -> Vec<SourceShare> {
        let mut wanted = vec![0.0; self.sources.len()];
        for part in &self.parts {
            let mut own = vec![0u32; self.sources.len()];
            let rows = part.runs.iter().cloned().flatten();
            rows.for_each(|row| own[self.source_of[row] as usize] += 1);
            for (wanted, own) in wanted.iter_mut().zip(own) {
                *wanted += part.wanted * (f64::from(own) / part.rows().max(1) as f64);
            }
        }
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let share = |((source, wanted), count): ((&RowSource, f64), &usize)| SourceShare {
            source: source.clone(),
            wanted,
            realised: *count as f64 / total,
        };
        self.sources.iter().zip(wanted).zip(counts).map(share).collect()
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
                let end = lines.offsets[next] + self.epoch_rows(next);
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

    /// The runs that `epoch` takes of one part, which has an endless line of permutations of its own.
    fn taken<'a>(&self, part: &'a Part, epoch: usize) -> impl Iterator<Item = Range<usize>> + 'a {
        let seed = self.seed;
        let count = part.runs.len();
        let mut pass: Option<(usize, Vec<u32>)> = None;
        part.places(epoch).map(move |place| {
            let number = place / count;
            if pass.as_ref().is_none_or(|(known, _)| *known != number) {
                let mut order: Vec<u32> = (0..count as u32).collect();
                part.random(seed, number).shuffle(&mut order);
                pass = Some((number, order));
            }
            let order = pass.as_ref().map_or(&[][..], |(_, order)| order);
            part.runs[order[place % count] as usize].clone()
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

impl Groups {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
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
