//! The global norm of summed gradients.

use super::{Plan, UNIT};
use crate::Error;
use crate::collective::{Collective, CollectiveError};
use crate::sharding::Stretch;
use model::weight::WeightInfo;
use std::collections::BTreeMap;

/// Of what [`Plan::held`] lists, with the sum of squares of each unit.
pub(super) fn norm(
    plan: &Plan,
    squares: &[(&Stretch, Vec<f64>)],
    collective: &mut dyn Collective,
) -> Result<f64, Error> {
    let mut units: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    let mut note = |stretch: &'_ Stretch, sums: &[f64]| {
        let Some((path, _)) = plan.places.get_key_value(&stretch.path) else { return };
        let starts = (stretch.range.start..).step_by(UNIT);
        units.entry(path).or_default().extend(starts.zip(sums.iter().copied()));
    };
    if plan.sharded {
        let own: Vec<f64> = squares.iter().flat_map(|(_, sums)| sums).copied().collect();
        let counts: Vec<usize> = (0..plan.world).map(|rank| units_of(plan, rank)).collect();
        let most = counts.iter().copied().max().unwrap_or_default();
        let all = gather(&own, most, (plan.rank, plan.world), collective)?;
        for rank in 0..plan.world {
            let mut rest = &all[rank * most..];
            for stretch in plan.partition.of(rank) {
                let (sums, others) = rest.split_at(stretch.len().div_ceil(UNIT));
                note(stretch, sums);
                rest = others;
            }
        }
    } else {
        for (stretch, sums) in squares {
            note(stretch, sums);
        }
    }
    let of_weight = |weight: &WeightInfo| -> f64 {
        let mut sums = units.get(weight.path.as_str()).cloned().unwrap_or_default();
        sums.sort_by_key(|(start, _)| *start);
        sums.iter().map(|(_, sum)| sum).sum()
    };
    Ok(plan.weights.iter().map(of_weight).sum::<f64>().sqrt())
}

fn units_of(plan: &Plan, rank: usize) -> usize {
    plan.partition.of(rank).map(|stretch| stretch.len().div_ceil(UNIT)).sum()
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
