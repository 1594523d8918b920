//! Gradients summed over the world, bucket by bucket, while the backward pass goes on.
//!
//! Buckets are summed in the fixed order of the [`Partition`]; what computes only fills them. After the sums
//! each rank has every gradient, or under [`Sharding`] those of its share.
//!
//! - `host`: buckets in memory, which a thread of its own sums: on the CPU, for exact sums, and where ranks
//!   reach each other's memory alone.
//! - `device`: buckets that stay on the device with the weights: nothing is read but a norm.
//! - `norm`: the global norm, of either.

mod device;
#[cfg(test)]
mod device_tests;
mod host;
mod norm;
#[cfg(test)]
mod tests;

use crate::Error;
use crate::collective::Collective;
use crate::device::is_host;
use crate::optimizer::Part;
use crate::sharding::{Partition, Sharding, Stretch, UNIT};
use burn::tensor::{Device, Tensor};
use model::weight::WeightInfo;
use std::collections::BTreeMap;
use std::ops::Range;

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

/// Where gradients are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// In memory.
    Host,
    /// On the device that the weights are on.
    Device(Device),
}

impl Site {
    /// On the device, unless that is the CPU, or the ranks do not reach it; exact sums are formed in memory.
    pub fn of(device: &Device, exact: bool, collective: &mut dyn Collective) -> Self {
        let alone = collective.world() == 1;
        match exact || is_host(device) || (!alone && collective.on_device().is_none()) {
            true => Self::Host,
            false => Self::Device(device.clone()),
        }
    }
}

/// What is summed where.
struct Plan {
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
}

impl Plan {
    /// Every stretch that is summed here, with its bucket and its place there: this rank's, or all of them.
    fn held(&self) -> impl Iterator<Item = (usize, usize, &Stretch)> {
        self.partition.buckets.iter().enumerate().flat_map(move |(index, bucket)| {
            let mine = match self.sharded {
                true => self.rank * bucket.length..(self.rank + 1) * bucket.length,
                false => 0..bucket.size(),
            };
            let places = bucket
                .places()
                .filter(move |(at, stretch)| mine.contains(at) && !stretch.is_empty());
            places.map(move |(at, stretch)| (index, at, stretch))
        })
    }

    /// Where the values of a stretch lie, in their order: bucket, place, values of the weight.
    fn places_of(&self, stretch: &Stretch) -> Vec<(usize, usize, Range<usize>)> {
        let mut places = self.places.get(&stretch.path).cloned().unwrap_or_default();
        places.sort_by_key(|(_, _, range)| range.start);
        let inside = |(bucket, at, range): (usize, usize, Range<usize>)| {
            let inside = range.start.max(stretch.range.start)..range.end.min(stretch.range.end);
            (!inside.is_empty()).then(|| (bucket, at + inside.start - range.start, inside))
        };
        places.into_iter().filter_map(inside).collect()
    }
}

enum Buckets {
    Host(host::Buckets),
    Device(device::Buckets),
}

/// The trainable weights of a phase, and this rank's part of them.
pub struct Exchange {
    plan: Plan,
    buckets: Buckets,
}

impl Exchange {
    /// For `weights` in the order of the network; `is_indivisible` as in [`Partition::new`].
    pub fn new(
        weights: Vec<WeightInfo>,
        (rank, world): (usize, usize),
        sharding: Sharding,
        exact: bool,
        site: &Site,
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
        let plan = Plan { rank, world, sum, keeps_share, sharded, partition, weights, places };
        let buckets = match site {
            Site::Device(device) if !exact => {
                Buckets::Device(device::Buckets::new(&plan, device.clone()))
            }
            _ => Buckets::Host(host::Buckets::new(&plan)),
        };
        Self { plan, buckets }
    }

    /// Whether gradients are summed once for each micro-batch: what is kept of them is a share.
    pub fn sums_each_round(&self) -> bool {
        self.plan.keeps_share
    }

    /// Whether gradients, and the weights that they change, stay on the device.
    pub fn is_on_device(&self) -> bool {
        matches!(self.buckets, Buckets::Device(_))
    }

    /// Whether each rank changes a share of the weights.
    pub fn is_sharded(&self) -> bool {
        self.plan.sharded
    }

    /// Forgets the sums of the step before.
    pub fn begin(&mut self) {
        match &mut self.buckets {
            Buckets::Host(buckets) => buckets.begin(),
            Buckets::Device(buckets) => buckets.begin(&self.plan),
        }
    }

    /// Adds the gradient of a weight to its buckets on the device, before the round in which they are summed.
    pub fn add(&mut self, path: &str, gradient: &Tensor<1>) {
        if let Buckets::Device(buckets) = &mut self.buckets {
            buckets.add(&self.plan, path, gradient);
        }
    }

    /// Sums what `work` fills in over the world; returns its result and the seconds that were spent
    /// waiting behind it.
    ///
    /// Every rank calls this equally often.
    pub fn round<R>(
        &mut self,
        collective: &mut dyn Collective,
        work: impl FnOnce(&mut dyn Fill) -> R,
    ) -> Result<(R, f64), Error> {
        match &mut self.buckets {
            Buckets::Host(buckets) => buckets.round(&self.plan, collective, work),
            Buckets::Device(buckets) => buckets.round(&self.plan, collective, work),
        }
    }

    /// The stretches that this rank changes.
    pub fn own(&self) -> Vec<Stretch> {
        if self.plan.sharded {
            self.plan.partition.of(self.plan.rank).cloned().collect()
        } else {
            self.plan.weights.iter().map(Stretch::whole).collect()
        }
    }

    /// The summed gradient of one of this rank's stretches, in memory.
    pub fn gradient(&self, stretch: &Stretch) -> Vec<f32> {
        match &self.buckets {
            Buckets::Host(buckets) => buckets.gradient(&self.plan, stretch),
            Buckets::Device(buckets) => buckets.gradient(&self.plan, stretch),
        }
    }

    /// The summed gradient of one of this rank's stretches, where it lies on the device.
    pub fn parts(&self, stretch: &Stretch) -> Vec<Part> {
        match &self.buckets {
            Buckets::Host(_) => Vec::new(),
            Buckets::Device(buckets) => buckets.parts(&self.plan, stretch),
        }
    }

    /// Global norm of the summed gradients: squares are added in f64, by units of a weight and in the
    /// order of the network, so that it is the same number wherever the cuts are.
    pub fn norm(&self, collective: &mut dyn Collective) -> Result<f64, Error> {
        let squares = match &self.buckets {
            Buckets::Host(buckets) => buckets.squares(&self.plan),
            Buckets::Device(buckets) => buckets.squares(&self.plan),
        };
        norm::norm(&self.plan, &squares, collective)
    }

    /// Gives every rank what each has made of its stretches; nothing to do where all have everything.
    pub fn spread(
        &mut self,
        updated: Vec<(Stretch, Vec<f32>)>,
        collective: &mut dyn Collective,
    ) -> Result<BTreeMap<String, Vec<f32>>, Error> {
        match &mut self.buckets {
            Buckets::Host(buckets) if self.plan.sharded => {
                buckets.spread(&self.plan, updated, collective)
            }
            _ => Ok(updated.into_iter().map(|(it, values)| (it.path, values)).collect()),
        }
    }

    /// The same of weights on the device, flat and whole: this rank's stretches of them are given to all, and
    /// theirs are put in.
    pub fn spread_weights(
        &self,
        weights: &mut BTreeMap<String, Tensor<1>>,
        collective: &mut dyn Collective,
    ) -> Result<(), Error> {
        match &self.buckets {
            Buckets::Device(buckets) if self.plan.sharded => {
                buckets.spread(&self.plan, weights, collective)
            }
            _ => Ok(()),
        }
    }
}

/// Where a rank puts its gradients, in any order; buckets leave in theirs.
pub trait Fill {
    /// Puts the whole gradient of a weight in; each path comes once a round.
    fn add(&mut self, path: &str, gradient: Tensor<1>);
}
