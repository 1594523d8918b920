//! Gradients summed over the world, bucket by bucket, while the backward pass goes on.
//!
//! A thread of its own does the operations in the fixed order of the [`Partition`]; what computes only
//! fills buffers. After the sums each rank has every gradient, or under [`Sharding`] those of its share.

use crate::Error;
use crate::collective::{Collective, CollectiveError};
use crate::sharding::{Partition, Sharding, Stretch, UNIT};
use burn::tensor::Tensor;
use model::weight::WeightInfo;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// Buckets that are away to be summed at a time, at most, where only shares of them are kept.
const AWAY: usize = 4;

/// How a bucket is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sum {
    /// Every rank gets all of it.
    All,
    /// Every rank gets its share.
    Share,
    /// Every rank gets all of it, added up in one fixed tree, whatever the world.
    Exact,
}

/// The trainable weights of a phase, and this rank's part of them.
pub struct Exchange {
    rank: usize,
    world: usize,
    sum: Sum,
    /// Whether summed gradients are kept by share, and so are added up over several rounds.
    keeps_share: bool,
    sharded: bool,
    partition: Partition,
    weights: Vec<WeightInfo>,
    /// Of each weight: bucket, place in its buffer, values of the weight.
    places: BTreeMap<String, Vec<(usize, usize, Range<usize>)>>,
    /// One a bucket, used again and again; where shares are kept, only for as long as it is filled.
    buffers: Vec<Vec<f32>>,
    /// Buffers to be filled next, where shares are kept.
    spare: Vec<Vec<f32>>,
    /// Sums of this rank's shares over the rounds of a step.
    kept: Vec<Vec<f32>>,
}

impl Exchange {
    /// For `weights` in the order of the network; `is_indivisible` as in [`Partition::new`].
    pub fn new(
        weights: Vec<WeightInfo>,
        (rank, world): (usize, usize),
        sharding: Sharding,
        exact: bool,
        is_indivisible: &dyn Fn(&WeightInfo) -> bool,
    ) -> Self {
        let partition = Partition::new(&weights, world, sharding.bucket_mib << 20, is_indivisible);
        let mut places: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (index, bucket) in partition.buckets.iter().enumerate() {
            for (at, stretch) in bucket.places() {
                let place = (index, at, stretch.range.clone());
                places.entry(stretch.path.clone()).or_default().push(place);
            }
        }
        let sharded = sharding.stage > 0 && world > 1;
        let sum = match (exact, sharded) {
            (true, _) => Sum::Exact,
            (false, true) => Sum::Share,
            (false, false) => Sum::All,
        };
        let keeps_share = sharding.stage == 2 && world > 1 && !exact;
        let buffers = vec![Vec::new(); partition.buckets.len()];
        let kept = vec![Vec::new(); if keeps_share { buffers.len() } else { 0 }];
        let spare = Vec::new();
        Self {
            rank,
            world,
            sum,
            keeps_share,
            sharded,
            partition,
            weights,
            places,
            buffers,
            spare,
            kept,
        }
    }

    /// Whether gradients are summed once for each micro-batch: what is kept of them is a share.
    pub fn sums_each_round(&self) -> bool {
        self.keeps_share
    }

    /// Forgets the sums of the step before.
    pub fn begin(&mut self) {
        for kept in &mut self.kept {
            kept.clear();
        }
    }

    /// Sums what `work` fills in over the world; returns its result and the seconds that were spent
    /// waiting behind it.
    ///
    /// Every rank calls this equally often.
    pub fn round<R>(
        &mut self,
        collective: &mut dyn Collective,
        work: impl FnOnce(&mut Filling<'_>) -> R,
    ) -> Result<(R, f64), Error> {
        let sum = self.sum;
        let ((sender, jobs), (back, returned)) = (channel(), channel());
        let shares = self.keeps_share.then(|| Shares { rank: self.rank, world: self.world, back });
        let (result, done, returned, waited) = std::thread::scope(|scope| {
            let thread = scope.spawn(move || summed(collective, &jobs, sum, shares.as_ref()));
            let mut filling = Filling::new(self, sender, returned);
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

    /// The stretches that this rank changes.
    pub fn own(&self) -> Vec<Stretch> {
        if self.sharded {
            self.partition.of(self.rank).cloned().collect()
        } else {
            self.weights.iter().map(Stretch::whole).collect()
        }
    }

    /// The summed gradient of one of this rank's stretches.
    pub fn gradient(&self, stretch: &Stretch) -> Vec<f32> {
        let mut gradient = Vec::with_capacity(stretch.len());
        let mut places = self.places.get(&stretch.path).cloned().unwrap_or_default();
        places.sort_by_key(|(_, _, range)| range.start);
        for (bucket, at, range) in places {
            let inside = range.start.max(stretch.range.start)..range.end.min(stretch.range.end);
            if !inside.is_empty() {
                let at = at + inside.start - range.start;
                gradient.extend_from_slice(&self.summed_in(bucket)[at..at + inside.len()]);
            }
        }
        gradient
    }

    /// A bucket's sums, laid out as its buffer.
    fn summed_in(&self, bucket: usize) -> Summed<'_> {
        match self.kept.get(bucket) {
            Some(kept) => Summed { values: kept, from: self.rank * kept.len() },
            None => Summed { values: &self.buffers[bucket], from: 0 },
        }
    }

    /// Global norm of the summed gradients: squares are added in f64, by units of a weight and in the
    /// order of the network, so that it is the same number wherever the cuts are.
    pub fn norm(&self, collective: &mut dyn Collective) -> Result<f64, Error> {
        let mut units: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
        let mut note = |stretch: &'_ Stretch, sums: &[f64]| {
            let Some((path, _)) = self.places.get_key_value(&stretch.path) else { return };
            let starts = (stretch.range.start..).step_by(UNIT);
            units.entry(path).or_default().extend(starts.zip(sums.iter().copied()));
        };
        if self.sharded {
            let own: Vec<f64> = self.squares(Some(self.rank)).flat_map(|(_, sums)| sums).collect();
            let counts: Vec<usize> = (0..self.world).map(|rank| self.units_of(rank)).collect();
            let most = counts.iter().copied().max().unwrap_or_default();
            let all = gather(&own, most, (self.rank, self.world), collective)?;
            for rank in 0..self.world {
                let mut rest = &all[rank * most..];
                for stretch in self.partition.of(rank) {
                    let (sums, others) = rest.split_at(stretch.len().div_ceil(UNIT));
                    note(stretch, sums);
                    rest = others;
                }
            }
        } else {
            for (stretch, sums) in self.squares(None) {
                note(stretch, &sums);
            }
        }
        let of_weight = |weight: &WeightInfo| -> f64 {
            let mut sums = units.get(weight.path.as_str()).cloned().unwrap_or_default();
            sums.sort_by_key(|(start, _)| *start);
            sums.iter().map(|(_, sum)| sum).sum()
        };
        Ok(self.weights.iter().map(of_weight).sum::<f64>().sqrt())
    }

    /// Every stretch that `rank` holds, or all of them, with the sum of squares of each of its units.
    fn squares(&self, rank: Option<usize>) -> impl Iterator<Item = (&Stretch, Vec<f64>)> {
        let square = |unit: &[f32]| unit.iter().map(|it| f64::from(*it) * f64::from(*it)).sum();
        self.partition.buckets.iter().enumerate().flat_map(move |(index, bucket)| {
            let summed = self.summed_in(index);
            let mine = rank
                .map_or(0..bucket.size(), |rank| rank * bucket.length..(rank + 1) * bucket.length);
            let places = bucket
                .places()
                .filter(move |(at, stretch)| mine.contains(at) && !stretch.is_empty());
            places.map(move |(at, stretch)| {
                let values = &summed[at..at + stretch.len()];
                (stretch, values.chunks(UNIT).map(square).collect())
            })
        })
    }

    fn units_of(&self, rank: usize) -> usize {
        self.partition.of(rank).map(|stretch| stretch.len().div_ceil(UNIT)).sum()
    }

    /// Gives every rank what each has made of its stretches; nothing to do where all have everything.
    pub fn spread(
        &mut self,
        updated: Vec<(Stretch, Vec<f32>)>,
        collective: &mut dyn Collective,
    ) -> Result<BTreeMap<String, Vec<f32>>, Error> {
        if !self.sharded {
            return Ok(updated.into_iter().map(|(it, values)| (it.path, values)).collect());
        }
        let updated: BTreeMap<(String, usize), Vec<f32>> =
            updated.into_iter().map(|(it, values)| ((it.path, it.range.start), values)).collect();
        let mut weights: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for (index, bucket) in self.partition.buckets.iter().enumerate() {
            let mut buffer = match self.keeps_share {
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
            match self.keeps_share {
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

/// Where a rank puts its gradients, in any order; buckets leave in theirs.
pub struct Filling<'a> {
    exchange: &'a mut Exchange,
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
        exchange: &'a mut Exchange,
        sender: Sender<(usize, Vec<f32>)>,
        returned: Receiver<Vec<f32>>,
    ) -> Self {
        let missing =
            exchange.partition.buckets.iter().map(|bucket| bucket.places().count()).collect();
        let mut filling = Self { exchange, missing, next: 0, sender, returned, away: 0 };
        if !filling.exchange.keeps_share {
            (0..filling.missing.len()).for_each(|index| filling.open(index));
        }
        filling
    }

    /// Puts the whole gradient of a weight in; it is added to nothing, so each path comes once.
    pub fn add(&mut self, path: &str, gradient: Tensor<1>) {
        let Some(places) = self.exchange.places.get(path).cloned() else { return };
        let data = gradient.into_data().convert::<f32>();
        // Converted to f32 just before, so that the slice is there.
        let Ok(values) = data.as_slice::<f32>() else { return };
        for (bucket, at, range) in places {
            if self.exchange.buffers[bucket].is_empty() {
                self.open(bucket);
            }
            let into = &mut self.exchange.buffers[bucket][at..at + range.len()];
            into.copy_from_slice(&values[range]);
            self.missing[bucket] -= 1;
            while self.missing.get(self.next) == Some(&0) {
                self.send();
            }
        }
    }

    /// A buffer of zeros for this bucket; waits for one where enough are away.
    fn open(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.exchange.buffers[index]);
        if let Some(spare) = self.exchange.spare.pop() {
            buffer = spare;
        } else if self.exchange.keeps_share {
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
        buffer.resize(self.exchange.partition.buckets[index].size(), 0.0);
        self.exchange.buffers[index] = buffer;
    }

    fn send(&mut self) {
        let buffer = std::mem::take(&mut self.exchange.buffers[self.next]);
        // A closed channel means an error on the other side, which is reported there.
        let _ = self.sender.send((self.next, buffer));
        self.next += 1;
        self.away += 1;
    }

    /// What has no gradient here counts as zeros.
    fn finish(mut self) -> Receiver<Vec<f32>> {
        while self.next < self.missing.len() {
            if self.exchange.buffers[self.next].is_empty() {
                self.open(self.next);
            }
            self.send();
        }
        self.returned
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

/// `values` of every rank, each filled up to `most`.
fn gather(
    values: &[f64],
    most: usize,
    (rank, world): (usize, usize),
    collective: &mut dyn Collective,
) -> Result<Vec<f64>, CollectiveError> {
    // Two f32 carry the bits of an f64: an all-gather moves them and computes nothing.
    let mut buffer = vec![0.0; 2 * most * world];
    for (place, value) in values.iter().enumerate() {
        let (bits, at) = (value.to_bits(), 2 * (rank * most + place));
        buffer[at] = f32::from_bits((bits >> 32) as u32);
        buffer[at + 1] = f32::from_bits(bits as u32);
    }
    collective.all_gather(&mut buffer)?;
    let join = |pair: &[f32]| {
        f64::from_bits(u64::from(pair[0].to_bits()) << 32 | u64::from(pair[1].to_bits()))
    };
    Ok(buffer.chunks_exact(2).map(join).collect())
}

#[cfg(test)]
mod tests;
