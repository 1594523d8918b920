//! How long ranks take to sum: what NCCL and the ring over TCP make of a bucket.
//!
//! There is one group, all ranks: stage 0 sums everything for everybody, stages 1 and 2 give each rank its share and
//! hand out new weights. NCCL sums for everybody around a ring or along a tree, whichever it expects to be faster, and
//! shares around a ring alone; the ring over TCP is one, through the memory of the hosts. A ring goes through each
//! node once: what a rank sends to another node, all ranks of its node have the adapters for, but TCP has one
//! connection.

use super::rates::{Carries, Rates};
use super::step::Layout;

/// What NCCL expects of one of its protocols: seconds until an operation begins, of a step around a ring and along a
/// tree within a node and between nodes, and the share of the links' rate. From the tables and formulas that it
/// chooses by (`src/graph/tuning.cc` of NCCL 2.19 and later; NVLink within a node).
struct Protocol {
    begin: f64,
    ring: [f64; 2],
    tree: [f64; 2],
    share: f64,
}

/// Whole lines, and 120 of each 128 bytes.
const PROTOCOLS: [Protocol; 2] = [
    Protocol { begin: 8.4e-6, ring: [3.4e-6, 14e-6], tree: [4.0e-6, 14e-6], share: 1.0 },
    Protocol { begin: 14e-6, ring: [1.9e-6, 4.0e-6], tree: [1.25e-6, 8.5e-6], share: 0.92 },
];

/// What a tree reaches of a ring's rate.
const TREE: f64 = 0.92;

/// An operation on all ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Everybody gets the sum.
    AllReduce,
    /// Everybody gets a share of the sum, or everybody's share.
    Half,
}

/// Ranks that sum.
#[derive(Clone, Copy, Debug)]
pub struct World {
    ranks: f64,
    nodes: f64,
    each: f64,
}

impl World {
    /// Those of `layout`; `None` where there is nobody to sum with.
    pub fn of(layout: &Layout) -> Option<Self> {
        let nodes = layout.nodes() as f64;
        let ranks = layout.world as f64;
        (layout.world > 1).then_some(Self { ranks, nodes, each: (ranks / nodes).ceil() })
    }

    /// Seconds of `operation` on so many bytes, in buckets of `bucket` bytes.
    pub fn seconds(&self, operation: Operation, bytes: f64, bucket: f64, rates: &Rates) -> f64 {
        let buckets = (bytes / bucket).ceil();
        match rates.carries {
            Carries::Tcp => self.tcp(operation, bytes, buckets, rates),
            Carries::Nccl => {
                let ways = PROTOCOLS.iter().flat_map(|protocol| {
                    let ring = self.ring(operation, bytes, buckets, (rates, protocol));
                    let tree = (operation == Operation::AllReduce)
                        .then(|| self.tree(bytes, buckets, (rates, protocol)));
                    std::iter::once(ring).chain(tree)
                });
                ways.fold(f64::INFINITY, f64::min)
            }
        }
    }

    /// Times that a share goes from rank to rank.
    fn steps(&self, operation: Operation) -> f64 {
        let once = self.ranks - 1.0;
        if operation == Operation::AllReduce { 2.0 * once } else { once }
    }

    /// Those of them that go to another node.
    fn between(&self, operation: Operation) -> f64 {
        let once = self.nodes - 1.0;
        if operation == Operation::AllReduce { 2.0 * once } else { once }
    }

    /// Bytes a second that pass each rank: NCCL has as many rings as adapters.
    fn passes(&self, rates: &Rates) -> f64 {
        match self.nodes > 1.0 {
            true => rates.link.min(rates.network * self.each),
            false => rates.link,
        }
    }

    fn ring(
        &self,
        operation: Operation,
        bytes: f64,
        buckets: f64,
        (rates, protocol): (&Rates, &Protocol),
    ) -> f64 {
        let (steps, between) = (self.steps(operation), self.between(operation));
        let [inside, outside] = protocol.ring.map(|seconds| seconds * rates.slowness);
        let latency = protocol.begin + (steps - between) * inside + between * outside;
        steps / self.ranks * bytes / (protocol.share * self.passes(rates)) + buckets * latency
    }

    fn tree(&self, bytes: f64, buckets: f64, (rates, protocol): (&Rates, &Protocol)) -> f64 {
        let [inside, outside] = protocol.tree.map(|seconds| seconds * rates.slowness);
        let height = (self.each - 1.0) * inside + self.nodes.log2() * outside;
        let rate = TREE * protocol.share * self.passes(rates);
        2.0 * bytes / rate + buckets * (protocol.begin + 2.0 * height)
    }

    fn tcp(&self, operation: Operation, bytes: f64, buckets: f64, rates: &Rates) -> f64 {
        let steps = self.steps(operation);
        // All ranks send at once, and wait for the slowest connection.
        let (rate, latency) = match self.nodes > 1.0 {
            true => (rates.link.min(rates.network), rates.latency[1]),
            false => (rates.link, rates.latency[0]),
        };
        steps / self.ranks * bytes / rate + buckets * steps * latency
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::calibration::{Calibration, Sums};
    use super::super::rates::tests::cluster;
    use super::super::tests::layout;
    use super::*;
    use Operation::{AllReduce, Half};
    use trainer::collective::Carrier;

    fn seconds(world: usize, operation: Operation, bytes: f64, carrier: Carrier) -> f64 {
        let cluster = crate::cluster::Cluster { collective: carrier, ..cluster("h200", world) };
        let rates = Rates::of(&cluster, "cuda", None).unwrap();
        let rates =
            Rates { link: if rates.carries == Carries::Tcp { 1e9 } else { 360e9 }, ..rates };
        let rates = Rates { network: 45e9, ..rates };
        World::of(&layout(world, 0, 4.0)).unwrap().seconds(operation, bytes, 64e6, &rates)
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 0.001, "{found} instead of {expected}");
    }

    #[test]
    fn nccl_takes_a_ring_for_bytes_and_a_tree_for_many_nodes() {
        // Seven of eight shares twice, 15 buckets of 14 steps.
        near(seconds(8, AllReduce, 960e6, Carrier::Auto), 1.75 * 960e6 / 360e9 + 15.0 * 56.0e-6);
        // A small one: lines of 128 bytes, along a tree.
        near(seconds(8, AllReduce, 1e3, Carrier::Auto), 2e3 / (0.92 * 0.92 * 360e9) + 31.5e-6);
        let tree: f64 =
            2.0 * 960e6 / (0.92 * 360e9) + 15.0 * (8.4e-6 + 2.0 * (28e-6 + 7.0 * 14e-6));
        let lines =
            2.0 * 960e6 / (0.92 * 0.92 * 360e9) + 15.0 * (14e-6 + 2.0 * (8.75e-6 + 7.0 * 8.5e-6));
        near(seconds(1024, AllReduce, 960e6, Carrier::Auto), tree.min(lines));
        // Shares know rings alone.
        let ring = 1023.0 / 1024.0 * 960e6 / (0.92 * 360e9)
            + 15.0 * (14e-6 + 896.0 * 1.9e-6 + 127.0 * 4e-6);
        near(seconds(1024, Half, 960e6, Carrier::Auto), ring);
    }

    #[test]
    fn a_sum_that_was_measured_is_planned_as_it_was() {
        // 64 MiB over two nodes of eight in so many seconds, by either carrier; the way is long enough not to count.
        for (carrier, by_nccl, taken) in [(Carrier::Auto, true, 0.5), (Carrier::Tcp, false, 2.0)] {
            let bytes = 67_108_864.0;
            let rate = 2.0 * 15.0 / 16.0 * bytes / taken;
            let sums = Sums { bytes_per_second: rate, ranks: 16, nodes: 2, by_nccl };
            let measured = Calibration {
                flops_per_second: 7e14,
                memory_bytes_per_second: None,
                link_bytes_per_second: Some(2e9),
                link_latency_seconds: None,
                disk_bytes_per_second: None,
                sums: Some(sums),
                device: "cuda".to_owned(),
                host: "n1".to_owned(),
                date: "2026-11-23".to_owned(),
            };
            let cluster = crate::cluster::Cluster { collective: carrier, ..cluster("h200", 16) };
            let rates = Rates::of(&cluster, "cuda", Some(&measured)).unwrap();
            let world = World::of(&layout(16, 0, 4.0)).unwrap();
            let planned = world.seconds(AllReduce, bytes, bytes, &rates);
            assert!((planned / taken - 1.0).abs() < 0.01, "{planned} instead of {taken}");
        }
    }

    #[test]
    fn tcp_is_one_ring_through_the_slowest_connection() {
        let within = 1.75 * 960e6 / 1e9 + 15.0 * 14.0 * 50e-6;
        near(seconds(8, AllReduce, 960e6, Carrier::Tcp), within);
        let half = 15.0 / 16.0 * 960e6 / 1e9 + 15.0 * 15.0 * 50e-6;
        near(seconds(16, Half, 960e6, Carrier::Tcp), half);
        assert!(World::of(&layout(1, 0, 4.0)).is_none());
    }
}
