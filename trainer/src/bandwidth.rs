//! How fast ranks sum together: by the operations that gradients are summed with, where gradients are summed.

use crate::Error;
use crate::collective::{Collective, CollectiveError};
use crate::device;
use crate::exchange::Site;
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Bytes of the sums that are measured: one that mostly waits, and one that mostly sends.
pub const SIZES: [usize; 2] = [1 << 20, 64 << 20];

/// Sums of each size that are measured at most; their median counts.
const TRIES: usize = 5;

/// How long the sums of one size may take; a single one is measured where not even two fit.
const SPENT: Duration = Duration::from_secs(3);

/// A size whose single sum would take longer is left out.
const LONGEST: Duration = Duration::from_secs(10);

/// How fast sums of one size are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Bytes of a sum on each rank.
    pub bytes: u64,
    /// Seconds of one, the median.
    pub seconds: f64,
    /// Ranks that it is over.
    pub ranks: usize,
}

impl Bandwidth {
    /// Bytes a second that the slowest link carries: a ring sends each byte 2 (n - 1) / n times over it, whatever
    /// the number of ranks.
    pub fn bus_bytes_per_second(&self) -> f64 {
        let ranks = self.ranks.max(1) as f64;
        2.0 * (ranks - 1.0) / ranks * self.bytes as f64 / self.seconds.max(1e-9)
    }
}

/// Sums over all ranks, each of which computes on its device called `name`; all must ask for it, and all get the
/// same sizes.
pub fn measure(
    collective: &mut dyn Collective,
    (name, local_rank): (&str, usize),
    sizes: &[usize],
) -> Result<Vec<Bandwidth>, Error> {
    let device = device::of(name, local_rank)?;
    let site = Site::of(&device, false, collective);
    Ok(measure_at(collective, &site, sizes)?)
}

fn measure_at(
    collective: &mut dyn Collective,
    site: &Site,
    sizes: &[usize],
) -> Result<Vec<Bandwidth>, CollectiveError> {
    let mut found: Vec<Bandwidth> = Vec::new();
    for &bytes in sizes {
        let before = found.last().map(|it| it.seconds * bytes as f64 / it.bytes as f64);
        if !agreed(collective, before.is_none_or(|it| it < LONGEST.as_secs_f64()))? {
            break;
        }
        let mut values = Values::new(site, bytes / size_of::<f32>());
        // The first one opens connections and fills memory.
        let mut tries = vec![values.sum(collective)?];
        let mut spent = 0.0;
        while agreed(collective, tries.len() <= TRIES && spent < SPENT.as_secs_f64())? {
            let seconds = values.sum(collective)?;
            spent += seconds;
            tries.push(seconds);
        }
        let seconds = median(tries.split_off(1));
        found.push(Bandwidth { bytes: bytes as u64, seconds, ranks: collective.world() });
    }
    Ok(found)
}

/// What rank 0 says: clocks differ, and all must sum as often.
fn agreed(collective: &mut dyn Collective, mine: bool) -> Result<bool, CollectiveError> {
    let mut word = vec![u8::from(mine)];
    collective.broadcast(&mut word, 0)?;
    Ok(word == [1])
}

/// The middle of some times.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// What is summed: zeros, which stay zeros however often.
enum Values {
    Host(Vec<f32>),
    Device(Box<Tensor<1>>),
}

impl Values {
    fn new(site: &Site, count: usize) -> Self {
        match site {
            Site::Host => Self::Host(vec![0.0; count]),
            Site::Device(device) => {
                Self::Device(Box::new(Tensor::zeros([count], (device, DType::F32))))
            }
        }
    }

    /// Seconds of a sum that all ranks begin together.
    fn sum(&mut self, collective: &mut dyn Collective) -> Result<f64, CollectiveError> {
        collective.barrier()?;
        let started = Instant::now();
        match self {
            Self::Host(values) => collective.all_reduce(values)?,
            Self::Device(values) => {
                // A world of one that has no such way has nothing to sum.
                if let Some(collective) = collective.on_device() {
                    collective.all_reduce(values)?;
                    collective.finish()?;
                }
            }
        }
        Ok(started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::collective::Threads;

    #[test]
    fn a_ring_sends_less_than_twice_the_bytes() {
        let bandwidth = Bandwidth { bytes: 1 << 20, seconds: 0.5, ranks: 2 };
        assert_eq!(bandwidth.bus_bytes_per_second(), f64::from(1 << 21));
        let four = Bandwidth { ranks: 4, ..bandwidth };
        assert_eq!(four.bus_bytes_per_second(), 1.5 * f64::from(1 << 21));
        assert_eq!(Bandwidth { ranks: 1, ..bandwidth }.bus_bytes_per_second(), 0.0);
    }

    #[test]
    fn the_middle_counts() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), f64::INFINITY);
    }

    #[test]
    fn ranks_sum_as_often_and_get_the_same_sizes() {
        let sizes = [1 << 12, 1 << 16];
        let ranks = Threads::world_of(3, Duration::from_secs(60)).into_iter().map(|mut rank| {
            std::thread::spawn(move || measure_at(&mut rank, &Site::Host, &sizes).unwrap())
        });
        let ranks: Vec<_> = ranks.collect();
        for rank in ranks {
            let found = rank.join().unwrap();
            let told: Vec<(u64, usize)> = found.iter().map(|it| (it.bytes, it.ranks)).collect();
            assert_eq!(told, [(1 << 12, 3), (1 << 16, 3)]);
            assert!(found.iter().all(|it| it.bus_bytes_per_second() > 0.0), "{found:?}");
        }
    }
}
