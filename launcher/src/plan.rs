//! Who does what: the processes of a run, and what they will need.
//!
//! Here a recipe's global batch meets the number of ranks, once. Everything is a pure function, so
//! that `plan` and `run` cannot disagree.

mod forecast;
pub mod inputs;
pub mod nodes;
pub mod scale;
mod text;
pub mod wire;

use crate::cluster::{Backend, Cluster};
use crate::estimate::Estimate;
use crate::estimate::measured::Kept;
use inputs::Inputs;
use nodes::NodeRanks;
use scale::Scaled;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::Path;
use trainer::checkpoint::space::{self, Sizes};
use trainer::collective::Carrier;
use trainer::evaluate::Workload;
use trainer::memory::PhasePlan;
pub use trainer::memory::bytes_text;
use trainer::recipe::CheckpointConfig;

/// One process to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its rank.
    pub rank: usize,
    /// What follows the program's name.
    pub arguments: Vec<OsString>,
    /// What is added to our own environment.
    pub environment: Vec<(String, String)>,
}

/// Where the ranks of one start meet, and what they work on.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The run's directory.
    pub run_dir: &'a Path,
    /// Where corpora lie.
    pub data_root: &'a Path,
    /// Where rank 0 will listen.
    pub rendezvous: &'a str,
    /// The how-manieth start of the run this is.
    pub generation: u32,
    /// What the user calls the kernels of this machine, if anything.
    pub kernels: Option<&'a str>,
}

/// The processes of a run, node by node.
pub fn workers(cluster: &Cluster, start: Start<'_>) -> Vec<Worker> {
    // Nodes of this machine share its GPUs.
    let here = match cluster.backend {
        Backend::Local => cluster.ranks,
        _ => cluster.ranks_per_node(),
    };
    (0..cluster.ranks)
        .map(|rank| {
            let mut arguments: Vec<OsString> = vec!["worker".into()];
            let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
            add("--run-dir", start.run_dir.into());
            add("--data-root", start.data_root.into());
            add("--rank", rank.to_string().into());
            add("--world", cluster.ranks.to_string().into());
            add("--rendezvous", start.rendezvous.into());
            add("--generation", start.generation.to_string().into());
            add("--local-rank", (rank % here).to_string().into());
            add("--local-world", here.to_string().into());
            if cluster.collective != Carrier::default() {
                add("--collective", cluster.collective.name().into());
            }
            add("--zero-stage", cluster.sharding.stage.to_string().into());
            add("--bucket-mib", cluster.sharding.bucket_mib.to_string().into());
            add("--join-seconds", cluster.deadlines.join.as_secs().to_string().into());
            add("--operation-seconds", cluster.deadlines.operation.as_secs().to_string().into());
            add("--stall-seconds", cluster.deadlines.stall.as_secs().to_string().into());
            let threads = cluster.threads_per_rank.to_string();
            let environment = vec![
                ("RAYON_NUM_THREADS".to_owned(), threads.clone()),
                ("OMP_NUM_THREADS".to_owned(), threads),
                // Other people's tools look for a rank here.
                ("RANK".to_owned(), rank.to_string()),
                ("WORLD_SIZE".to_owned(), cluster.ranks.to_string()),
                ("LOCAL_RANK".to_owned(), (rank % here).to_string()),
                ("LOCAL_WORLD_SIZE".to_owned(), here.to_string()),
                ("NODE_RANK".to_owned(), (rank / here).to_string()),
                // Kernels of a rank are kept by itself: see `trainer::device::kernels`.
                ("CUBECL_ENVIRONMENT".to_owned(), kernels(start.kernels, rank)),
            ];
            Worker { rank, arguments, environment }
        })
        .collect()
}

/// What the kernels of a rank are called.
fn kernels(of_the_user: Option<&str>, rank: usize) -> String {
    match of_the_user.filter(|name| !name.is_empty()) {
        Some(name) => format!("{name}-r{rank}"),
        None => format!("r{rank}"),
    }
}

/// What a recipe says that matters for its cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Work {
    /// Name of the run.
    pub name: String,
    /// The device that ranks compute on.
    pub device: String,
    /// Weights of the network; unknown before the vocabulary is trained.
    pub parameters: Option<u64>,
    /// Which checkpoints are written and kept.
    pub checkpoint: CheckpointConfig,
    /// Parts that each step is computed in for exact sums; 0: sums as fast as the world allows.
    pub exact_shards: usize,
    /// In order.
    pub phases: Vec<Phase>,
    /// What is asked at the end.
    pub evaluation: Workload,
}

/// One phase of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Samples of a step over all ranks.
    pub samples: usize,
    /// Longest sample in tokens.
    pub max_length: usize,
    /// Tokens that a rank computes at a time.
    pub micro_tokens: usize,
    /// Steps, where the recipe or the prepared shards say so.
    pub steps: Option<usize>,
    /// Passes over the data, where the recipe says so.
    pub epochs: Option<f64>,
    /// What a rank will hold; unknown before the vocabulary is trained.
    pub memory: Option<PhasePlan>,
    /// Weights that change; unknown before the vocabulary is trained.
    pub trainable: Option<u64>,
    /// Whether these are adapters, beside weights that stay as they are.
    pub adapters: bool,
    /// Seconds of a step, timed on this machine; unknown before the shards are prepared.
    pub seconds_per_step: Option<f64>,
}

/// What it will take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What is learned.
    pub work: Work,
    /// Who starts the processes.
    pub backend: String,
    /// Number of processes.
    pub ranks: usize,
    /// Threads of each.
    pub threads_per_rank: usize,
    /// Which of them are where, spares last.
    pub nodes: Vec<NodeRanks>,
    /// One of each phase.
    pub needs: Vec<Needs>,
    /// Bytes of a phase's first checkpoint: weights, adapters and moments in f32.
    pub checkpoint_bytes: Option<u64>,
    /// Bytes of each further one of it.
    pub next_checkpoint_bytes: Option<u64>,
    /// Bytes of all checkpoints that are there at a time, at most.
    pub disk_bytes: Option<u64>,
    /// How long it takes and what it costs, where somebody says how fast the hardware is.
    pub estimate: Option<Estimate>,
    /// The same on other numbers of ranks.
    pub scale: Vec<Scaled>,
    /// How far the estimate was from what this run has measured, or the last good one.
    pub error: Option<Kept>,
    /// The directory of that one, where it is another run.
    pub error_of: Option<String>,
    /// What must be there before it starts, where that was looked at.
    pub inputs: Option<Inputs>,
    /// What is otherwise than in the last run of this name that was done.
    pub changes: Option<Changes>,
    /// What would be handed to the scheduler.
    pub rendered: Vec<Script>,
    /// What may be wrong with it.
    pub warnings: Vec<String>,
}

/// What differs from a run that was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changes {
    /// The run's directory.
    pub run: String,
    /// Key, value there, value now.
    pub keys: Vec<[String; 3]>,
}

/// A file for a scheduler.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Script {
    /// Its name below `RUN/submit/`.
    pub file: String,
    /// How long it is.
    pub lines: usize,
    /// Its text, where it was asked for.
    pub text: Option<String>,
}

/// What a phase needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Needs {
    /// Name of the phase.
    pub phase: String,
    /// Samples of a rank in a step, on average: whole groups are dealt out, by their tokens.
    pub samples_per_rank: f64,
    /// Bytes of a rank at its fullest moment.
    pub bytes_per_rank: Option<u64>,
    /// Bytes that each rank sends in a step.
    pub wire_bytes_per_step: Option<u64>,
    /// The same if sums were not exact, where they are.
    pub wire_bytes_without_exact: Option<u64>,
    /// What each further micro-batch adds, where gradients are kept by share.
    pub wire_bytes_per_micro_batch: Option<u64>,
}

impl Work {
    /// What the checkpoints of each phase are like; unknown before the vocabulary is trained.
    pub fn sizes(&self) -> Option<Vec<Sizes>> {
        let parameters = self.parameters?;
        let sizes = |phase: &Phase| {
            let trainable = phase.trainable.unwrap_or(0);
            // Two moments for each weight that changes, and adapters themselves.
            let own = if phase.adapters { 12 * trainable } else { 8 * trainable };
            let (weights, frozen) = (4 * parameters, phase.adapters);
            Sizes { weights, own, frozen, steps: phase.steps }
        };
        Some(self.phases.iter().map(sizes).collect())
    }

    /// Bytes that checkpoints take at most at a time.
    pub fn disk_bytes(&self) -> Option<u64> {
        Some(space::most(&self.sizes()?, &self.checkpoint))
    }
}

impl Plan {
    /// What `work` takes on `cluster`, whose machine has `cores`.
    pub fn new(work: Work, cluster: &Cluster, cores: usize) -> Self {
        let mut warnings = Vec::new();
        let threads = cluster.ranks * cluster.threads_per_rank;
        // Of other machines nobody here knows how many cores they have.
        if threads > cores && cluster.backend == Backend::Local {
            warnings.push(format!(
                "{threads} threads ({} ranks x {}) share {cores} cores",
                cluster.ranks, cluster.threads_per_rank
            ));
        }
        let needs = work
            .phases
            .iter()
            .map(|phase| wire::needs(phase, cluster, work.exact_shards))
            .collect();
        let sizes = work.sizes();
        let largest = sizes.as_ref().and_then(|sizes| sizes.iter().max_by_key(|it| it.one()));
        Self {
            checkpoint_bytes: largest.map(Sizes::one),
            next_checkpoint_bytes: largest.map(|sizes| sizes.all(2) - sizes.all(1)),
            disk_bytes: work.disk_bytes(),
            work,
            backend: cluster.backend.name().to_owned(),
            ranks: cluster.ranks,
            threads_per_rank: cluster.threads_per_rank,
            nodes: nodes::of(cluster),
            needs,
            estimate: None,
            scale: Vec::new(),
            error: None,
            error_of: None,
            inputs: None,
            changes: None,
            rendered: Vec::new(),
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn cluster(ranks: usize) -> Cluster {
        Cluster { ranks, threads_per_rank: 1, ..Cluster::of_this_machine() }
    }

    #[test]
    fn workers_differ_in_their_rank_only() {
        let start = Start {
            run_dir: Path::new("runs/x"),
            data_root: Path::new("data"),
            rendezvous: "127.0.0.1:4000",
            generation: 3,
            kernels: None,
        };
        let lines: Vec<String> = workers(&cluster(2), start)
            .iter()
            .map(|worker| {
                let words: Vec<_> =
                    worker.arguments.iter().map(|it| it.to_string_lossy()).collect();
                format!("{} | {:?}", words.join(" "), worker.environment)
            })
            .collect();
        expect![[r#"
            worker --run-dir runs/x --data-root data --rank 0 --world 2 --rendezvous 127.0.0.1:4000 --generation 3 --local-rank 0 --local-world 2 --zero-stage 0 --bucket-mib 25 --join-seconds 60 --operation-seconds 600 --stall-seconds 30 | [("RAYON_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1"), ("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "2"), ("NODE_RANK", "0"), ("CUBECL_ENVIRONMENT", "r0")]
            worker --run-dir runs/x --data-root data --rank 1 --world 2 --rendezvous 127.0.0.1:4000 --generation 3 --local-rank 1 --local-world 2 --zero-stage 0 --bucket-mib 25 --join-seconds 60 --operation-seconds 600 --stall-seconds 30 | [("RAYON_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1"), ("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "2"), ("NODE_RANK", "0"), ("CUBECL_ENVIRONMENT", "r1")]"#]]
        .assert_eq(&lines.join("\n"));
        let mine = workers(&cluster(2), Start { kernels: Some("h200"), ..start });
        assert_eq!(mine[1].environment.last().map(|it| it.1.as_str()), Some("h200-r1"));
    }
}
