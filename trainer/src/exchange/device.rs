//! Buckets on the device with the weights: filled, summed and read there.
//!
//! A bucket's buffer holds the sums of a step, over micro-batches and then over ranks; it is made once. Where
//! shares are kept, a buffer lives for a round, a few at a time, and the share outlives it.

use super::{AWAY, Fill, Plan, Sum, UNIT};
use crate::Error;
use crate::collective::{Collective, CollectiveError, DeviceCollective};
use crate::optimizer::Part;
use crate::sharding::{Bucket, Stretch, layer_of};
use crate::transfer::host;
use burn::tensor::{DType, Device, Tensor};
use model::ops;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

/// Buffers of all buckets.
pub(super) struct Buckets {
    device: Device,
    /// One a bucket; where shares are kept, only for as long as it is filled.
    buffers: Vec<Option<Tensor<1>>>,
    /// Sums of this rank's shares over the rounds of a step.
    kept: Vec<Option<Tensor<1>>>,
    /// Places of a bucket that have no gradient of this step yet, and their lengths.
    fresh: Vec<BTreeMap<usize, usize>>,
    /// Whether a bucket's share has one.
    begun: Vec<bool>,
    /// Buffers and shares that were ever made.
    pub(super) made: usize,
}

impl Buckets {
    pub(super) fn new(plan: &Plan, device: Device) -> Self {
        let count = plan.partition.buckets.len();
        Self {
            device,
            buffers: vec![None; count],
            kept: vec![None; if plan.keeps_share { count } else { 0 }],
            fresh: vec![BTreeMap::new(); count],
            begun: vec![false; count],
            made: 0,
        }
    }

    pub(super) fn begin(&mut self, plan: &Plan) {
        for (fresh, bucket) in self.fresh.iter_mut().zip(&plan.partition.buckets) {
            *fresh = bucket.places().map(|(at, stretch)| (at, stretch.len())).collect();
        }
        self.begun.fill(false);
    }

    /// Adds the whole gradient of a weight to what this step has of it.
    pub(super) fn add(&mut self, plan: &Plan, path: &str, gradient: &Tensor<1>) {
        for (bucket, at, range) in plan.places.get(path).into_iter().flatten() {
            self.put(plan, (*bucket, *at), gradient, range.clone());
        }
    }

    /// Values of a gradient into a place of a bucket.
    fn put(
        &mut self,
        plan: &Plan,
        (bucket, at): (usize, usize),
        gradient: &Tensor<1>,
        range: Range<usize>,
    ) {
        let buffer = self.open(plan, bucket);
        let adds = self.fresh[bucket].remove(&at).is_none();
        self.buffers[bucket] = Some(ops::pour(buffer, at, gradient, range, adds));
    }

    /// The buffer of a bucket, taken out.
    fn open(&mut self, plan: &Plan, bucket: usize) -> Tensor<1> {
        match self.buffers[bucket].take() {
            Some(buffer) => buffer,
            None => self.zeros(plan.partition.buckets[bucket].size()),
        }
    }

    fn zeros(&mut self, count: usize) -> Tensor<1> {
        self.made += 1;
        Tensor::zeros([count], (&self.device, DType::F32))
    }

    /// What has no gradient in this step counts as zeros.
    fn seal(&mut self, plan: &Plan, bucket: usize) {
        let mut buffer = self.open(plan, bucket);
        for (at, count) in std::mem::take(&mut self.fresh[bucket]) {
            let zeros = Tensor::zeros([count], (&self.device, DType::F32));
            buffer = ops::pour(buffer, at, &zeros, 0..count, false);
        }
        self.buffers[bucket] = Some(buffer);
    }

    pub(super) fn round<R>(
        &mut self,
        plan: &Plan,
        collective: &mut dyn Collective,
        work: impl FnOnce(&mut dyn Fill) -> R,
    ) -> Result<(R, f64), Error> {
        if plan.keeps_share {
            // Each round fills buffers of its own.
            let begun = std::mem::take(&mut self.begun);
            self.begin(plan);
            self.begun = begun;
        }
        let missing = plan.partition.buckets.iter().map(|it| it.places().count()).collect();
        let mut filling = Filling {
            plan,
            buckets: self,
            collective: reached(collective)?,
            missing,
            groups: groups(plan),
            next: 0,
            away: Vec::new(),
            error: None,
        };
        let result = work(&mut filling);
        let started = Instant::now();
        filling.finish()?;
        Ok((result, started.elapsed().as_secs_f64()))
    }

    /// Takes the shares of summed buffers over.
    fn keep(&mut self, plan: &Plan, buckets: &mut Vec<usize>) {
        for bucket in buckets.drain(..) {
            let Some(buffer) = self.buffers[bucket].take() else { continue };
            let length = plan.partition.buckets[bucket].length;
            let kept = match self.kept[bucket].take() {
                Some(kept) => kept,
                None => self.zeros(length),
            };
            let adds = std::mem::replace(&mut self.begun[bucket], true);
            let share = plan.rank * length..(plan.rank + 1) * length;
            self.kept[bucket] = Some(ops::pour(kept, 0, &buffer, share, adds));
        }
    }

    /// A bucket's sums, and where they begin in it.
    fn summed_in(&self, plan: &Plan, bucket: usize) -> Option<(&Tensor<1>, usize)> {
        match self.kept.get(bucket) {
            Some(kept) => {
                let from = plan.rank * plan.partition.buckets[bucket].length;
                kept.as_ref().map(|kept| (kept, from))
            }
            None => self.buffers[bucket].as_ref().map(|buffer| (buffer, 0)),
        }
    }

    pub(super) fn parts(&self, plan: &Plan, stretch: &Stretch) -> Vec<Part> {
        let part = |(bucket, at, range)| {
            let (values, from) = self.summed_in(plan, bucket)?;
            Some(Part { values: values.clone(), at: at - from, range })
        };
        plan.places_of(stretch).into_iter().filter_map(part).collect()
    }

    pub(super) fn gradient(&self, plan: &Plan, stretch: &Stretch) -> Vec<f32> {
        let parts = self.parts(plan, stretch).into_iter();
        parts
            .flat_map(|part| host::<f32>(part.values.narrow(0, part.at, part.range.len())))
            .collect()
    }

    /// What [`Plan::held`] lists, with the sum of squares of each of its units: read once.
    pub(super) fn squares<'a>(&self, plan: &'a Plan) -> Vec<(&'a Stretch, Vec<f64>)> {
        let units = |stretch: &Stretch| stretch.len().div_ceil(UNIT);
        let total: usize = plan.held().map(|(_, _, stretch)| units(stretch)).sum();
        if total == 0 {
            return Vec::new();
        }
        let mut sums = Tensor::<1>::zeros([total], (&self.device, DType::F32));
        let mut at = 0;
        for (bucket, place, stretch) in plan.held() {
            if let Some((values, from)) = self.summed_in(plan, bucket) {
                let range = place - from..place - from + stretch.len();
                sums = ops::square_sums(sums, at, values, range, UNIT);
            }
            at += units(stretch);
        }
        let sums: Vec<f32> = host(sums);
        let mut rest = sums.iter().map(|sum| f64::from(*sum));
        plan.held().map(|(_, _, it)| (it, rest.by_ref().take(units(it)).collect())).collect()
    }

    /// Gives every rank what each has made of its stretches of `weights`.
    pub(super) fn spread(
        &self,
        plan: &Plan,
        weights: &mut BTreeMap<String, Tensor<1>>,
        collective: &mut dyn Collective,
    ) -> Result<(), Error> {
        let collective = reached(collective)?;
        let mut away: Vec<(usize, Tensor<1>)> = Vec::new();
        for (index, bucket) in plan.partition.buckets.iter().enumerate() {
            let dtype = common(bucket.places().filter_map(|(_, it)| weights.get(&it.path)));
            let mut buffer = Tensor::<1>::zeros([bucket.size()], (&self.device, dtype));
            for (at, stretch) in places(plan, index, true) {
                let Some(weight) = weights.get(&stretch.path) else { continue };
                let own = weight.clone().narrow(0, stretch.range.start, stretch.len());
                let place = at..at + stretch.len();
                buffer = buffer.slice_assign([place], ops::cast(own, dtype));
            }
            collective.all_gather(&mut buffer)?;
            away.push((index, buffer));
            if away.len() == AWAY {
                collective.finish()?;
                away.drain(..).for_each(|(index, buffer)| put_in(plan, index, &buffer, weights));
            }
        }
        collective.finish()?;
        away.drain(..).for_each(|(index, buffer)| put_in(plan, index, &buffer, weights));
        Ok(())
    }
}

/// Buckets that are filled.
struct Filling<'a> {
    plan: &'a Plan,
    buckets: &'a mut Buckets,
    collective: &'a mut dyn DeviceCollective,
    /// Weights that a bucket still waits for.
    missing: Vec<usize>,
    /// Ends of the groups that leave together.
    groups: Vec<usize>,
    next: usize,
    /// Buckets that are being summed, where shares of them are kept.
    away: Vec<usize>,
    /// Why no more is summed.
    error: Option<CollectiveError>,
}

impl Fill for Filling<'_> {
    fn add(&mut self, path: &str, gradient: Tensor<1>) {
        for (bucket, at, range) in self.plan.places.get(path).into_iter().flatten() {
            self.buckets.put(self.plan, (*bucket, *at), &gradient, range.clone());
            self.missing[*bucket] -= 1;
            while self.is_full() {
                self.send();
            }
        }
    }
}

impl Filling<'_> {
    /// The buckets that leave together next.
    fn group(&self) -> Range<usize> {
        let end = self.groups.iter().find(|end| **end > self.next);
        self.next..end.copied().unwrap_or(self.next)
    }

    /// Whether there are some, and they wait for nothing.
    fn is_full(&self) -> bool {
        let group = self.group();
        !group.is_empty() && self.missing[group].iter().all(|missing| *missing == 0)
    }

    fn send(&mut self) {
        let group = self.group();
        self.next = group.end;
        for bucket in group {
            if self.error.is_none() {
                self.buckets.seal(self.plan, bucket);
                self.error = self.sum(bucket).err();
            }
        }
        if self.error.is_none() {
            self.error = self.collective.flush().err();
        }
    }

    fn sum(&mut self, bucket: usize) -> Result<(), CollectiveError> {
        let Some(buffer) = &mut self.buckets.buffers[bucket] else { return Ok(()) };
        match self.plan.sum {
            Sum::Share => self.collective.reduce_scatter(buffer)?,
            // Exact sums are formed in memory.
            Sum::All | Sum::Exact => self.collective.all_reduce(buffer)?,
        }
        if self.plan.keeps_share {
            self.away.push(bucket);
            if self.away.len() == AWAY {
                self.collective.finish()?;
                self.buckets.keep(self.plan, &mut self.away);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), CollectiveError> {
        while self.next < self.missing.len() {
            self.send();
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        self.collective.finish()?;
        self.buckets.keep(self.plan, &mut self.away);
        Ok(())
    }
}

/// Where groups of buckets end that leave together: all that wait for the same layer last, or a few of them
/// where they must come back soon.
///
/// It is a matter of the plan alone: groups must be the same on every rank, whatever each has computed.
pub(super) fn groups(plan: &Plan) -> Vec<usize> {
    let last_layer = |bucket: &Bucket| {
        bucket.places().map(|(_, stretch)| layer_of(&stretch.path)).min().unwrap_or_default()
    };
    let layers: Vec<usize> = plan.partition.buckets.iter().map(last_layer).collect();
    let most = if plan.keeps_share { AWAY } else { usize::MAX };
    let lengths = layers.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(most)).map(<[_]>::len);
    let mut ends = Vec::new();
    for length in lengths {
        ends.push(ends.last().unwrap_or(&0) + length);
    }
    ends
}

fn reached(collective: &mut dyn Collective) -> Result<&mut dyn DeviceCollective, Error> {
    collective.on_device().ok_or_else(|| {
        let message =
            "gradients are kept on the device, but the ranks reach each other's memory only";
        Error::Device(message.to_owned())
    })
}

/// Places of a bucket that are this rank's, or the others'.
fn places(plan: &Plan, bucket: usize, own: bool) -> impl Iterator<Item = (usize, &Stretch)> {
    let bucket = &plan.partition.buckets[bucket];
    let mine = plan.rank * bucket.length..(plan.rank + 1) * bucket.length;
    bucket.places().filter(move |(at, it)| mine.contains(at) == own && !it.is_empty())
}

/// The type of all of them, or one that holds the values of each.
fn common<'a>(mut weights: impl Iterator<Item = &'a Tensor<1>>) -> DType {
    let first = weights.next().map_or(DType::F32, Tensor::dtype);
    if weights.all(|weight| weight.dtype() == first) { first } else { DType::F32 }
}

/// Puts the other ranks' stretches into the weights.
fn put_in(
    plan: &Plan,
    bucket: usize,
    buffer: &Tensor<1>,
    weights: &mut BTreeMap<String, Tensor<1>>,
) {
    for (at, stretch) in places(plan, bucket, false) {
        let Some(weight) = weights.remove(&stretch.path) else { continue };
        let part = buffer.clone().narrow(0, at, stretch.len());
        let part = ops::cast(part, weight.dtype());
        let weight = weight.slice_assign([stretch.range.clone()], part);
        weights.insert(stretch.path.clone(), weight);
    }
}
