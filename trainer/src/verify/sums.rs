//! The gradients of one step under a split, and how far two of them are apart.

use super::{Compared, Split};
use crate::Error;
use crate::collective::{Collective, CollectiveError, Threads};
use crate::objective::LossConfig;
use crate::optimizer::OptimizerConfig;
use crate::recipe::{BatchConfig, LossAverage, MicroTokens, Recompute};
use crate::run::shares;
use crate::sharding::Stretch;
use crate::step::{Found, Objective, StepInput, StepPart, Stepper};
use data_pipeline::batch::Group;
use data_pipeline::order::Share;
use model::Decoder;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// For all ranks to come to an operation: they compute side by side on one device.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A weight whose gradient is smaller than this part of all gradients is measured by that: what is left of
/// large numbers that cancel is rounding.
const LEAST: f64 = 1e-3;

/// What a device may round in a norm: it adds all squares in f32.
const OF_NORM: f64 = 1e-3;

/// A step that is to be computed.
pub(super) struct Case<'a> {
    pub decoder: &'a Decoder,
    pub batch: &'a BatchConfig,
    pub average: LossAverage,
    pub loss: &'a LossConfig,
    pub optimizer: &'a OptimizerConfig,
    /// The rows of a share of the step.
    pub deal: &'a (dyn Fn(Share) -> Result<Vec<Group>, Error> + Sync),
    /// Over all shares.
    pub samples: usize,
    /// Over all shares.
    pub supervised: u64,
}

/// What one rank computes.
pub(super) struct Work<'a> {
    pub decoder: &'a Decoder,
    pub input: StepInput,
    pub objective: Objective<'a>,
    pub optimizer: &'a OptimizerConfig,
    pub split: &'a Split,
}

/// What a rank found, and the summed gradients that it holds.
pub(super) type Held = (Found, Vec<(Stretch, Vec<f32>)>);

/// How a rank computes; another one only where a test plants a bug.
pub(super) type Compute = dyn Fn(Work<'_>, &mut dyn Collective) -> Result<Held, Error> + Sync;

/// As training does.
pub(super) fn really(work: Work<'_>, collective: &mut dyn Collective) -> Result<Held, Error> {
    let Work { decoder, input, objective, optimizer, split } = work;
    let (sharding, exact) = (split.sharding(), split.exact_shards);
    let mut stepper = Stepper::new(decoder, optimizer, sharding, exact, collective);
    let found = stepper.gradients(decoder, input, objective, false, collective)?;
    Ok((found, stepper.summed(decoder)))
}

/// The gradients of all ranks together.
#[derive(Default)]
struct Sums {
    loss: f64,
    /// The norm that the step would be clipped by.
    norm: f64,
    tokens: u64,
    gradients: BTreeMap<String, Vec<f32>>,
    /// A weight whose gradient is not the same on every rank that holds it.
    torn: Option<String>,
}

impl Case<'_> {
    /// Each of `splits` beside the first.
    pub(super) fn compare(
        &self,
        splits: &[Split],
        allowed: f64,
        compute: &Compute,
        told: &mut dyn FnMut(Split),
    ) -> Result<Vec<Compared>, Error> {
        let Some((plainest, others)) = splits.split_first() else { return Ok(Vec::new()) };
        told(*plainest);
        let plain = self.sums(plainest, compute)?;
        let mut compared = vec![plain.beside(&plain, *plainest, allowed)];
        for split in others {
            told(*split);
            compared.push(self.sums(split, compute)?.beside(&plain, *split, allowed));
        }
        Ok(compared)
    }

    fn sums(&self, split: &Split, compute: &Compute) -> Result<Sums, Error> {
        let ranks = Threads::world_of(split.ranks, PATIENCE);
        let results: Vec<Result<Held, Error>> = std::thread::scope(|scope| {
            let start = |mut rank: Threads| {
                let decoder = self.decoder.clone();
                scope.spawn(move || self.on_rank(&decoder, split, compute, &mut rank))
            };
            let threads: Vec<_> = ranks.into_iter().map(start).collect();
            let end = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(end).collect()
        });
        let mut sums = Sums::default();
        for (found, held) in first_cause(results)? {
            (sums.loss, sums.norm, sums.tokens) = (found.loss, found.gradient_norm, found.computed);
            for (stretch, values) in held {
                sums.put(stretch, values, split.stage == 0);
            }
        }
        Ok(sums)
    }

    fn on_rank(
        &self,
        decoder: &Decoder,
        split: &Split,
        compute: &Compute,
        collective: &mut Threads,
    ) -> Result<Held, Error> {
        let shares = shares(split.exact_shards, collective.rank(), split.ranks);
        let part = |share: Share| -> Result<StepPart, Error> {
            let groups = (self.deal)(share)?;
            let groups = if split.grouped { groups } else { apart(groups) };
            Ok(StepPart { groups, dropout_seed: None })
        };
        let parts = shares.into_iter().map(part).collect::<Result<_, _>>()?;
        let input =
            StepInput { parts, samples: self.samples, supervised: self.supervised, noise_seed: 0 };
        let batch = BatchConfig {
            micro_tokens: MicroTokens::Most(split.micro_tokens),
            recompute: if split.recompute { Recompute::All } else { Recompute::Off },
            ..self.batch.clone()
        };
        let objective = Objective { batch: &batch, average: self.average, loss: self.loss };
        let work = Work { decoder, input, objective, optimizer: self.optimizer, split };
        compute(work, collective)
    }
}

/// Each sample with its own copy of the prefix.
fn apart(groups: Vec<Group>) -> Vec<Group> {
    let single = |group: Group| {
        let prefix = group.prefix;
        let alone = move |suffix| Group { prefix: prefix.clone(), suffixes: vec![suffix] };
        group.suffixes.into_iter().map(alone)
    };
    groups.into_iter().flat_map(single).collect()
}

/// The results of all ranks, or the error that was not another rank's.
fn first_cause(results: Vec<Result<Held, Error>>) -> Result<Vec<Held>, Error> {
    let (mut held, mut error) = (Vec::new(), None);
    for result in results {
        match result {
            Ok(it) => held.push(it),
            Err(found) => {
                let follows = matches!(
                    &found,
                    Error::Collective(
                        CollectiveError::HungUp { .. }
                            | CollectiveError::Told { .. }
                            | CollectiveError::Closed { .. }
                    )
                );
                if !follows || error.is_none() {
                    error = Some(found);
                }
            }
        }
    }
    error.map_or(Ok(held), Err)
}

impl Sums {
    /// Takes a stretch that a rank holds; `whole`: every rank holds all.
    fn put(&mut self, stretch: Stretch, values: Vec<f32>, whole: bool) {
        let Some(kept) = self.gradients.get_mut(&stretch.path) else {
            let mut kept = vec![0.0; stretch.dims.iter().product()];
            kept[stretch.range].copy_from_slice(&values);
            self.gradients.insert(stretch.path, kept);
            return;
        };
        let kept = &mut kept[stretch.range.clone()];
        let same = || kept.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits());
        if whole && !same() {
            self.torn.get_or_insert(stretch.path);
        }
        kept.copy_from_slice(&values);
    }

    fn of(&self, path: &str) -> &[f32] {
        self.gradients.get(path).map_or(&[], Vec::as_slice)
    }

    fn beside(&self, plain: &Self, split: Split, allowed: f64) -> Compared {
        let least = f64::MIN_POSITIVE;
        let whole = norm(plain.gradients.values().flatten().copied());
        let paths: BTreeSet<&String> =
            self.gradients.keys().chain(plain.gradients.keys()).collect();
        let (mut squares, mut worst) = (0.0, (String::new(), 0.0));
        for path in paths {
            let (ours, theirs) = (self.of(path), plain.of(path));
            let at = |values: &[f32], i: usize| values.get(i).copied().unwrap_or_default();
            let count = ours.len().max(theirs.len());
            let apart = norm((0..count).map(|i| at(ours, i) - at(theirs, i)));
            squares += apart * apart;
            let size = norm(theirs.iter().copied()).max(LEAST * whole).max(least);
            note(&mut worst, path, apart / size);
        }
        // What a step is clipped by must be the norm of what it is changed by.
        let own = norm(self.gradients.values().flatten().copied());
        let off = (self.norm - own).abs() / own.max(least);
        if off > OF_NORM || off.is_nan() {
            note(&mut worst, "norm of all gradients", off);
        }
        if let Some(path) = &self.torn {
            note(&mut worst, path, f64::INFINITY);
        }
        let loss_error = (self.loss - plain.loss).abs() / plain.loss.abs().max(least);
        let error = squares.sqrt() / whole.max(least);
        let (weight, weight_error) = worst;
        Compared {
            split,
            tokens: self.tokens,
            loss: self.loss,
            loss_error,
            error,
            weight,
            weight_error,
            // A number that is none is not within anything.
            passed: [loss_error, error, weight_error].iter().all(|error| *error <= allowed),
        }
    }
}

/// Keeps the larger error, and one that is no number above all.
fn note(worst: &mut (String, f64), path: &str, error: f64) {
    if worst.0.is_empty() || (!worst.1.is_nan() && (error > worst.1 || error.is_nan())) {
        *worst = (path.to_owned(), error);
    }
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
