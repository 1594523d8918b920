//! What ranks send each other in a step.

use super::{Needs, Phase};
use crate::cluster::Cluster;

/// What a phase needs on `cluster`.
pub(super) fn needs(phase: &Phase, cluster: &Cluster, exact_shards: usize) -> Needs {
    let (ranks, exact) = (cluster.ranks as u64, exact_shards > 0);
    let sharded = cluster.sharding.stage > 0;
    Needs {
        phase: phase.name.clone(),
        samples_per_rank: phase.samples as f64 / cluster.ranks as f64,
        bytes_per_rank: phase.memory.as_ref().map(|plan| plan.predicted.total),
        wire_bytes_per_step: bytes_per_step(phase, cluster, exact_shards),
        wire_bytes_without_exact: phase
            .trainable
            .filter(|_| exact)
            .map(|trainable| wire(trainable, ranks, false, sharded)),
        wire_bytes_per_micro_batch: phase
            .trainable
            .filter(|_| cluster.sharding.stage == 2 && ranks > 1 && !exact)
            .map(|trainable| pass(trainable, ranks)),
    }
}

/// Bytes that each rank of `cluster` sends in a step.
pub fn bytes_per_step(phase: &Phase, cluster: &Cluster, exact_shards: usize) -> Option<u64> {
    let (ranks, sharded) = (cluster.ranks as u64, cluster.sharding.stage > 0);
    Some(wire(phase.trainable?, ranks, exact_shards > 0, sharded))
}

/// Bytes that a rank sends when every share goes round a ring once.
fn pass(trainable: u64, ranks: u64) -> u64 {
    4 * trainable * (ranks - 1) / ranks
}

/// Bytes that a rank sends in a step: gradients go round to be summed, then the sums, or under sharding the
/// new weights, to be handed out. For exact sums every rank gets the sums of all.
fn wire(trainable: u64, ranks: u64, exact: bool, sharded: bool) -> u64 {
    let (summed, handed_out) = match exact {
        true => (4 * trainable * (ranks - 1), if sharded { pass(trainable, ranks) } else { 0 }),
        false => (pass(trainable, ranks), pass(trainable, ranks)),
    };
    summed + handed_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_sums_cost_traffic() {
        // A thousand values of four bytes on four ranks: three quarters go round, once or twice.
        assert_eq!(wire(1000, 4, false, false), 6000);
        assert_eq!(wire(1000, 4, false, true), 6000);
        assert_eq!(wire(1000, 4, true, false), 12_000);
        assert_eq!(wire(1000, 4, true, true), 15_000);
        assert_eq!(wire(1000, 1, true, true), 0);
    }
}
