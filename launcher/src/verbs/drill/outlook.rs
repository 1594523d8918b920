//! What a run will make of a fault: who notices it, when, and what is done.

use crate::cli::Fault;
use crate::cluster::{Backend, Cluster, OnNodeLoss};

/// Seconds until a straggler is named: so many words each rank must have said, one a second, and a few more.
const STRAGGLER: u64 = 75;

/// A fault that is asked for.
pub struct Fate {
    /// Which.
    pub fault: Fault,
    /// With whom.
    pub rank: usize,
    /// For how long, if it passes.
    pub seconds: u64,
}

/// In a sentence or two, by the run's cluster file.
pub fn outlook(fate: &Fate, cluster: &Cluster) -> String {
    let again = "all ranks start again from the newest checkpoint";
    let has_nodes = cluster.nodes + cluster.spares > 1;
    match fate.fault {
        Fault::KillRank => format!("its node's agent notices at once: {again}"),
        Fault::KillNode if has_nodes => {
            format!("the coordinator notices at once, as a connection ends: {}", replaced(cluster))
        }
        Fault::KillNode => {
            format!("the driver's own node loses its ranks, which is noticed at once: {again}")
        }
        Fault::OutOfMemory => {
            format!(
                "it ends for want of memory, which its node's agent notices: {again}; the second time the run \
                 ends with 69"
            )
        }
        Fault::Nan => {
            "the guard notices within the next step, and does what [guard] of the recipe says".to_owned()
        }
        Fault::HangRank => hang(fate, cluster),
        Fault::SlowRank => slow(fate, cluster),
        Fault::CutLink => cut(fate, cluster),
        Fault::FillDisk if fate.rank > 0 && cluster.sharding.stage == 0 => format!(
            "nothing will come of it: rank {} writes no checkpoints; without sharding only rank 0 does",
            fate.rank
        ),
        Fault::FillDisk => "it notices at its next checkpoint: the run ends with 75, to be continued where there is \
                            room"
            .to_owned(),
        Fault::Preempt | Fault::TimeLimit if cluster.backend == Backend::Slurm => {
            "the job is sent its signal: all ranks save, the job goes back into the queue, and the run goes on"
                .to_owned()
        }
        Fault::Preempt | Fault::TimeLimit => {
            "the driver is sent SIGTERM: all ranks save, and the run ends with 76".to_owned()
        }
    }
}

/// What becomes of a node that is lost.
fn replaced(cluster: &Cluster) -> &'static str {
    match cluster.faults.on_node_loss {
        OnNodeLoss::Spare if cluster.spares > 0 => {
            "a spare takes its place, and all ranks start again"
        }
        OnNodeLoss::Spare | OnNodeLoss::Restart => {
            "it is asked to come back, and all ranks start again"
        }
        OnNodeLoss::Requeue => "the scheduler starts the job again",
        OnNodeLoss::Stop => "the run ends",
    }
}

fn hang(fate: &Fate, cluster: &Cluster) -> String {
    let (deadlines, faults) = (&cluster.deadlines, &cluster.faults);
    let operation = deadlines.operation.as_secs();
    let others = (cluster.ranks > 1).then(|| {
        let stall = match deadlines.stall < deadlines.operation {
            true => format!(", {} s within a frame by deadlines.stall", deadlines.stall.as_secs()),
            false => String::new(),
        };
        let words = format!(
            "the other ranks, which wait for it, notice after {operation} s (deadlines.operation{stall})"
        );
        (operation, words)
    });
    let all = (faults.hang > 0).then(|| {
        let seconds = faults.hang;
        let words = format!(
            "the coordinator notices after {seconds} s in which nothing moves (faults.hang)"
        );
        (seconds, words)
    });
    let first = others.into_iter().chain(all).min_by_key(|(seconds, _)| *seconds);
    match first {
        None => "nobody will notice: no other rank waits for it, and faults.hang is 0".to_owned(),
        Some((seconds, words)) if seconds >= fate.seconds => {
            format!("{words}: it is over before that, and the run goes on")
        }
        Some((_, words)) => {
            format!(
                "{words}: a failure of the kind `hang`, and all ranks start again from the newest \
                 checkpoint"
            )
        }
    }
}

fn slow(fate: &Fate, cluster: &Cluster) -> String {
    let words = "the coordinator names it within a minute or two (event `straggler`), and nothing else \
                 is done";
    match fate.seconds {
        _ if cluster.ranks == 1 => "nobody will notice: no other rank waits for it".to_owned(),
        seconds if seconds < STRAGGLER => format!("{words}: it is over before that"),
        _ => words.to_owned(),
    }
}

fn cut(fate: &Fate, cluster: &Cluster) -> String {
    let lease = cluster.faults.lease;
    let silence = lease as f64 * 1.5;
    if fate.seconds < lease {
        return format!(
            "nobody will notice: it is over before a lease is (faults.lease = {lease}); the others wait meanwhile"
        );
    }
    if (fate.seconds as f64) < silence {
        return format!(
            "the agent ends its ranks when the cut does, since its lease is over then (faults.lease = {lease}), \
             and the coordinator notices that: {}",
            replaced(cluster)
        );
    }
    format!(
        "the coordinator notices after {silence} s of silence, one and a half leases (faults.lease = {lease}): {}",
        replaced(cluster)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::time::Duration;

    fn cluster() -> Cluster {
        let mut cluster = Cluster { ranks: 2, nodes: 2, spares: 1, ..Cluster::of_this_machine() };
        cluster.deadlines.operation = Duration::from_secs(600);
        cluster.deadlines.stall = Duration::from_secs(30);
        (cluster.faults.lease, cluster.faults.hang) = (3, 1800);
        cluster
    }

    fn check(fault: Fault, seconds: u64, cluster: &Cluster, expected: Expect) {
        expected.assert_eq(&outlook(&Fate { fault, rank: 1, seconds }, cluster));
    }

    #[test]
    fn a_hang_is_noticed_by_whoever_waits_least() {
        let cluster = cluster();
        check(
            Fault::HangRank,
            86_400,
            &cluster,
            expect![
                "the other ranks, which wait for it, notice after 600 s (deadlines.operation, 30 s within a frame by deadlines.stall): a failure of the kind `hang`, and all ranks start again from the newest checkpoint"
            ],
        );
        check(
            Fault::HangRank,
            30,
            &cluster,
            expect![
                "the other ranks, which wait for it, notice after 600 s (deadlines.operation, 30 s within a frame by deadlines.stall): it is over before that, and the run goes on"
            ],
        );
        let mut hasty = cluster.clone();
        hasty.faults.hang = 60;
        check(
            Fault::HangRank,
            86_400,
            &hasty,
            expect![
                "the coordinator notices after 60 s in which nothing moves (faults.hang): a failure of the kind `hang`, and all ranks start again from the newest checkpoint"
            ],
        );
        let mut alone = Cluster { ranks: 1, nodes: 1, spares: 0, ..cluster };
        alone.faults.hang = 0;
        check(
            Fault::HangRank,
            86_400,
            &alone,
            expect!["nobody will notice: no other rank waits for it, and faults.hang is 0"],
        );
    }

    #[test]
    fn a_node_that_is_cut_off_is_noticed_by_its_silence() {
        let mut cluster = cluster();
        check(
            Fault::CutLink,
            9,
            &cluster,
            expect![
                "the coordinator notices after 4.5 s of silence, one and a half leases (faults.lease = 3): a spare takes its place, and all ranks start again"
            ],
        );
        check(
            Fault::CutLink,
            2,
            &cluster,
            expect![
                "nobody will notice: it is over before a lease is (faults.lease = 3); the others wait meanwhile"
            ],
        );
        check(
            Fault::CutLink,
            4,
            &cluster,
            expect![
                "the agent ends its ranks when the cut does, since its lease is over then (faults.lease = 3), and the coordinator notices that: a spare takes its place, and all ranks start again"
            ],
        );
        cluster.spares = 0;
        check(
            Fault::KillNode,
            30,
            &cluster,
            expect![
                "the coordinator notices at once, as a connection ends: it is asked to come back, and all ranks start again"
            ],
        );
    }

    #[test]
    fn what_nobody_sees_is_said() {
        let mut cluster = cluster();
        check(
            Fault::SlowRank,
            30,
            &cluster,
            expect![
                "the coordinator names it within a minute or two (event `straggler`), and nothing else is done: it is over before that"
            ],
        );
        cluster.sharding.stage = 0;
        check(
            Fault::FillDisk,
            30,
            &cluster,
            expect![
                "nothing will come of it: rank 1 writes no checkpoints; without sharding only rank 0 does"
            ],
        );
        cluster.sharding.stage = 2;
        check(
            Fault::FillDisk,
            30,
            &cluster,
            expect![
                "it notices at its next checkpoint: the run ends with 75, to be continued where there is room"
            ],
        );
    }

    #[test]
    fn a_fault_that_passes_is_noticed_before_it_does() {
        let cluster = cluster();
        for fault in [Fault::HangRank, Fault::SlowRank, Fault::CutLink] {
            let seconds = super::super::usual(fault, &cluster);
            let words = outlook(&Fate { fault, rank: 1, seconds }, &cluster);
            assert!(!words.contains("over before") && !words.contains("nobody"), "{words}");
        }
    }
}
