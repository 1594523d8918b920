//! Buckets in memory: a thread of its own sums them as they come.

use super::{AWAY, Fill, Plan, Sum, UNIT};
use crate::Error;
use crate::collective::{Collective, CollectiveError};
use crate::sharding::Stretch;
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Buffers of all buckets.
pub(super) struct Buckets {
    /// One a bucket, used again and again; where shares are kept, only for as long as it is filled.
    pub(super) buffers: Vec<Vec<f32>>,
    /// Buffers to be filled next, where shares are kept.
    pub(super) spare: Vec<Vec<f32>>,
    /// Sums of this rank's shares over the rounds of a step.
    pub(super) kept: Vec<Vec<f32>>,
}

impl Buckets {
    pub(super) fn new(plan: &Plan) -> Self {
        let buffers = vec![Vec::new(); plan.partition.buckets.len()];
        let kept = vec![Vec::new(); if plan.keeps_share { buffers.len() } else { 0 }];
        Self { buffers, spare: Vec::new(), kept }
    }

    pub(super) fn begin(&mut self) {
        for kept in &mut self.kept {
            kept.clear();
        }
    }

    pub(super) fn round<R>(
        &mut self,
        plan: &Plan,
        collective: &mut dyn Collective,
        work: impl FnOnce(&mut dyn Fill) -> R,
    ) -> Result<(R, f64), Error> {
        let sum = plan.sum;
        let ((sender, jobs), (back, returned)) = (channel(), channel());
        let shares = plan.keeps_share.then(|| Shares { rank: plan.rank, world: plan.world, back });
        let (result, done, returned, waited) = std::thread::scope(|scope| {
            let thread = scope.spawn(move || summed(collective, &jobs, sum, shares.as_ref()));
            let mut filling = Filling::new(plan, self, sender, returned);
            let result = work(&mut filling);
            let returned = filling.finish();
            let started = Instant::now();
            let done = thread.join();
            (result, done, returned, started.elapsed().as_secs_f64())
        });
        let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        for (index, sums) in done {
            match self.kept.get_mut(index) {
                Some(kept) => {
                    kept.resize(sums.len(), 0.0);
                    kept.iter_mut().zip(sums).for_each(|(sum, value)| *sum += value);
                }
                None => self.buffers[index] = sums,
            }
        }
        self.spare.extend(returned.try_iter());
        self.spare.truncate(AWAY);
        Ok((result, waited))
    }

    pub(super) fn gradient(&self, plan: &Plan, stretch: &Stretch) -> Vec<f32> {
        let mut gradient = Vec::with_capacity(stretch.len());
        for (bucket, at, range) in plan.places_of(stretch) {
            gradient.extend_from_slice(&self.summed_in(plan, bucket)[at..at + range.len()]);
        }
        gradient
    }

    /// A bucket's sums, laid out as its buffer.
    fn summed_in(&self, plan: &Plan, bucket: usize) -> Summed<'_> {
        match self.kept.get(bucket) {
            Some(kept) => Summed { values: kept, from: plan.rank * kept.len() },
            None => Summed { values: &self.buffers[bucket], from: 0 },
        }
    }

    /// What [`Plan::held`] lists, with the sum of squares of each of its units.
    pub(super) fn squares<'a>(&self, plan: &'a Plan) -> Vec<(&'a Stretch, Vec<f64>)> {
        let square = |unit: &[f32]| unit.iter().map(|it| f64::from(*it) * f64::from(*it)).sum();
        let of = |(bucket, at, stretch): (usize, usize, &'a Stretch)| {
            let summed = self.summed_in(plan, bucket);
            let values = &summed[at..at + stretch.len()];
            (stretch, values.chunks(UNIT).map(square).collect())
        };
        plan.held().map(of).collect()
    }

    /// Gives every rank what each has made of its stretches.
    pub(super) fn spread(
        &mut self,
        plan: &Plan,
        updated: Vec<(Stretch, Vec<f32>)>,
        collective: &mut dyn Collective,
    ) -> Result<BTreeMap<String, Vec<f32>>, Error> {
        let updated: BTreeMap<(String, usize), Vec<f32>> =
            updated.into_iter().map(|(it, values)| ((it.path, it.range.start), values)).collect();
        let mut weights: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for (index, bucket) in plan.partition.buckets.iter().enumerate() {
            let mut buffer = match plan.keeps_share {
                true => self.spare.pop().unwrap_or_default(),
                false => std::mem::take(&mut self.buffers[index]),
            };
            buffer.clear();
            buffer.resize(bucket.size(), 0.0);
            for (at, stretch) in bucket.places() {
                let key = (stretch.path.clone(), stretch.range.start);
                if let Some(values) = updated.get(&key) {
                    buffer[at..at + values.len()].copy_from_slice(values);
                }
            }
            collective.all_gather(&mut buffer)?;
            for (at, stretch) in bucket.places() {
                let whole = weights.entry(stretch.path.clone()).or_default();
                whole.resize(stretch.dims.iter().product(), 0.0);
                whole[stretch.range.clone()].copy_from_slice(&buffer[at..at + stretch.len()]);
            }
            match plan.keeps_share {
                true => self.spare.push(buffer),
                false => self.buffers[index] = buffer,
            }
        }
        Ok(weights)
    }
}

/// Sums of a bucket, of which only a part may be here.
struct Summed<'a> {
    values: &'a [f32],
    /// Where `values` begin in the bucket.
    from: usize,
}

impl std::ops::Index<Range<usize>> for Summed<'_> {
    type Output = [f32];

    fn index(&self, range: Range<usize>) -> &[f32] {
        &self.values[range.start - self.from..range.end - self.from]
    }
}

/// Buckets that are filled.
struct Filling<'a> {
    plan: &'a Plan,
    buckets: &'a mut Buckets,
    /// Weights that a bucket still waits for.
    missing: Vec<usize>,
    next: usize,
    sender: Sender<(usize, Vec<f32>)>,
    /// Buffers that are summed, where shares of them are kept.
    returned: Receiver<Vec<f32>>,
    /// Buffers that have left and have not come back.
    away: usize,
}

impl<'a> Filling<'a> {
    fn new(
        plan: &'a Plan,
        buckets: &'a mut Buckets,
        sender: Sender<(usize, Vec<f32>)>,
        returned: Receiver<Vec<f32>>,
    ) -> Self {
        let missing = plan.partition.buckets.iter().map(|bucket| bucket.places().count()).collect();
        let mut filling = Self { plan, buckets, missing, next: 0, sender, returned, away: 0 };
        if !filling.plan.keeps_share {
            (0..filling.missing.len()).for_each(|index| filling.open(index));
        }
        filling
    }

    /// A buffer of zeros for this bucket; waits for one where enough are away.
    fn open(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.buckets.buffers[index]);
        if let Some(spare) = self.buckets.spare.pop() {
            buffer = spare;
        } else if self.plan.keeps_share {
            let back = match self.away >= AWAY {
                true => self.returned.recv().ok(),
                false => self.returned.try_recv().ok(),
            };
            if let Some(back) = back {
                self.away -= 1;
                buffer = back;
            }
        }
        buffer.clear();
        buffer.resize(self.plan.partition.buckets[index].size(), 0.0);
        self.buckets.buffers[index] = buffer;
    }

    fn send(&mut self) {
        let buffer = std::mem::take(&mut self.buckets.buffers[self.next]);
        // A closed channel means an error on the other side, which is reported there.
        let _ = self.sender.send((self.next, buffer));
        self.next += 1;
        self.away += 1;
    }

    /// What has no gradient here counts as zeros.
    fn finish(mut self) -> Receiver<Vec<f32>> {
        while self.next < self.missing.len() {
            if self.buckets.buffers[self.next].is_empty() {
                self.open(self.next);
            }
            self.send();
        }
        self.returned
    }
}

impl Fill for Filling<'_> {
    fn add(&mut self, path: &str, gradient: Tensor<1>) {
        let Some(places) = self.plan.places.get(path).cloned() else { return };
        let data = gradient.into_data().convert::<f32>();
        // Converted to f32 just before, so that the slice is there.
        let Ok(values) = data.as_slice::<f32>() else { return };
        for (bucket, at, range) in places {
            if self.buckets.buffers[bucket].is_empty() {
                self.open(bucket);
            }
            let into = &mut self.buckets.buffers[bucket][at..at + range.len()];
            into.copy_from_slice(&values[range]);
            self.missing[bucket] -= 1;
            while self.missing.get(self.next) == Some(&0) {
                self.send();
            }
        }
    }
}

/// How shares are kept of what is summed.
struct Shares {
    rank: usize,
    world: usize,
    /// Where a buffer goes whose share is kept, to be filled again.
    back: Sender<Vec<f32>>,
}

/// Sums buckets as they come.
fn summed(
    collective: &mut dyn Collective,
    jobs: &Receiver<(usize, Vec<f32>)>,
    sum: Sum,
    shares: Option<&Shares>,
) -> Result<Vec<(usize, Vec<f32>)>, CollectiveError> {
    let mut done = Vec::new();
    for (index, mut buffer) in jobs {
        match sum {
            Sum::All => collective.all_reduce(&mut buffer)?,
            Sum::Share => {
                collective.reduce_scatter(&mut buffer)?;
            }
            Sum::Exact => exact_sum(collective, &mut buffer)?,
        }
        match shares {
            Some(Shares { rank, world, back }) => {
                let length = buffer.len() / world;
                done.push((index, buffer[rank * length..(rank + 1) * length].to_vec()));
                // Who fills may have all that it needs.
                let _ = back.send(buffer);
            }
            None => done.push((index, buffer)),
        }
    }
    Ok(done)
}

/// Adds neighbours, then neighbouring sums, as one rank would that held all parts.
fn exact_sum(collective: &mut dyn Collective, buffer: &mut [f32]) -> Result<(), CollectiveError> {
    let (rank, world, length) = (collective.rank(), collective.world(), buffer.len());
    if world == 1 {
        return Ok(());
    }
    let mut all = vec![0.0; world * length];
    all[rank * length..(rank + 1) * length].copy_from_slice(buffer);
    collective.all_gather(&mut all)?;
    let mut width = 1;
    while width < world {
        for first in (0..world).step_by(2 * width) {
            let (left, right) = all.split_at_mut((first + width) * length);
            let left = &mut left[first * length..(first + 1) * length];
            left.iter_mut().zip(&right[..length]).for_each(|(sum, value)| *sum += value);
        }
        width *= 2;
    }
    buffer.copy_from_slice(&all[..length]);
    Ok(())
}
