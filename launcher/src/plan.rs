//! Who does what: the processes of a run, and what they will need.
//!
//! Here a recipe's global batch meets the number of ranks, once. Everything is a pure function, so
//! that `plan` and `run` cannot disagree.

use crate::cluster::Cluster;
use crate::display::short;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use trainer::checkpoint::space::{self, Sizes};
use trainer::collective::Carrier;
use trainer::evaluate::Workload;
pub use trainer::memory::bytes_text;
use trainer::memory::{PhasePlan, Predicted};
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
    let here = cluster.ranks_per_node();
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
    /// Number of processes.
    pub ranks: usize,
    /// Threads of each.
    pub threads_per_rank: usize,
    /// One of each phase.
    pub needs: Vec<Needs>,
    /// Bytes of a phase's first checkpoint: weights, adapters and moments in f32.
    pub checkpoint_bytes: Option<u64>,
    /// Bytes of each further one of it.
    pub next_checkpoint_bytes: Option<u64>,
    /// Bytes of all checkpoints that are there at a time, at most.
    pub disk_bytes: Option<u64>,
    /// What may be wrong with it.
    pub warnings: Vec<String>,
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
    /// What the checkpoints of each phase are like.
    fn sizes(&self) -> Option<Vec<Sizes>> {
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
        if threads > cores {
            warnings.push(format!(
                "{threads} threads ({} ranks x {}) share {cores} cores",
                cluster.ranks, cluster.threads_per_rank
            ));
        }
        for phase in work.phases.iter().filter(|phase| phase.samples < cluster.ranks) {
            warnings.push(format!(
                "phase `{}` has {} samples a step for {} ranks: some ranks compute nothing",
                phase.name, phase.samples, cluster.ranks
            ));
        }
        let needs =
            work.phases.iter().map(|phase| needs(phase, cluster, work.exact_shards)).collect();
        let sizes = work.sizes();
        let largest = sizes.as_ref().and_then(|sizes| sizes.iter().max_by_key(|it| it.one()));
        Self {
            checkpoint_bytes: largest.map(Sizes::one),
            next_checkpoint_bytes: largest.map(|sizes| sizes.all(2) - sizes.all(1)),
            disk_bytes: work.disk_bytes(),
            work,
            ranks: cluster.ranks,
            threads_per_rank: cluster.threads_per_rank,
            needs,
            warnings,
        }
    }

    /// The plan for a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Self { work, ranks, threads_per_rank, .. } = self;
        writeln!(text, "run `{}` on {}", work.name, work.device)?;
        writeln!(
            text,
            "  ranks        {ranks} on this machine, {threads_per_rank} thread(s) each"
        )?;
        let parameters = work.parameters.map_or(UNKNOWN.to_owned(), |it| short(it as f64));
        writeln!(text, "  parameters   {parameters}")?;
        if let Some(bytes) = self.checkpoint_bytes {
            let next = self.next_checkpoint_bytes.filter(|next| *next < bytes);
            let next = next.map_or(String::new(), |next| {
                format!(", {} each further one of its phase", bytes_text(next))
            });
            writeln!(text, "  checkpoint   {}{next}", bytes_text(bytes))?;
        }
        if let Some(bytes) = self.disk_bytes {
            let kept = rules(&work.checkpoint);
            writeln!(text, "  disk         {} for checkpoints ({kept})", bytes_text(bytes))?;
        }
        for (phase, needs) in work.phases.iter().zip(&self.needs) {
            writeln!(text, "phase `{}`", phase.name)?;
            writeln!(text, "  length       {}", length(phase))?;
            writeln!(text, "  batch        {}", batch(phase.samples, *ranks))?;
            writeln!(
                text,
                "  micro-batch  up to {} tokens a rank, samples of up to {}",
                phase.micro_tokens, phase.max_length
            )?;
            let trainable = phase
                .trainable
                .map_or(UNKNOWN.to_owned(), |it| format!("{} parameters", short(it as f64)));
            writeln!(text, "  trained      {trainable}")?;
            writeln!(text, "  time         {}", time(phase))?;
            if let Some(plan) = &phase.memory {
                write_memory(text, plan)?;
            }
            if let Some(bytes) = needs.wire_bytes_per_step {
                writeln!(text, "  wire         {} a rank and step", bytes_text(bytes))?;
            }
            let more = "              ";
            if let Some(bytes) = needs.wire_bytes_without_exact {
                let bytes = bytes_text(bytes);
                writeln!(text, "{more} {bytes} without run.exact_shards = {}", work.exact_shards)?;
            }
            if let Some(bytes) = needs.wire_bytes_per_micro_batch {
                let bytes = bytes_text(bytes);
                writeln!(text, "{more} and {bytes} for each micro-batch but the first")?;
            }
        }
        write_evaluation(text, &work.evaluation)?;
        for warning in &self.warnings {
            writeln!(text, "warning: {warning}")?;
        }
        Ok(())
    }
}

/// What is asked at the end; nothing where there are no benchmarks.
fn write_evaluation(text: &mut String, work: &Workload) -> std::fmt::Result {
    if work.rounds.is_empty() {
        return Ok(());
    }
    writeln!(text, "evaluation")?;
    for asked in &work.rounds {
        writeln!(
            text,
            "  {:<24} {} benchmark(s), up to {} questions",
            asked.round, asked.benchmarks, asked.questions
        )?;
    }
    writeln!(
        text,
        "  together     up to {} questions, answers of up to {} tokens each",
        work.questions(),
        work.max_new_tokens
    )?;
    match work.undeclared.as_slice() {
        [] => Ok(()),
        names => writeln!(text, "  and those of {}, which do not say how many", names.join(", ")),
    }
}

/// Which checkpoints are kept, in words.
fn rules(config: &CheckpointConfig) -> String {
    let mut rules = format!("{} of each phase are kept", config.keep.max(1));
    if config.keep_every > 0 {
        rules += &format!(", those of every {} steps", config.keep_every);
    }
    if config.keep_best > 0 {
        rules += &format!(", the {} best", config.keep_best);
    }
    rules
}

const UNKNOWN: &str = "known when the data are prepared";

fn needs(phase: &Phase, cluster: &Cluster, exact_shards: usize) -> Needs {
    let (ranks, exact) = (cluster.ranks as u64, exact_shards > 0);
    let sharded = cluster.sharding.stage > 0;
    Needs {
        phase: phase.name.clone(),
        samples_per_rank: phase.samples as f64 / cluster.ranks as f64,
        bytes_per_rank: phase.memory.as_ref().map(|plan| plan.predicted.total),
        wire_bytes_per_step: phase
            .trainable
            .map(|trainable| wire(trainable, ranks, exact, sharded)),
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

/// What a rank holds, by what it is for, at 80 columns.
fn write_memory(text: &mut String, plan: &PhasePlan) -> std::fmt::Result {
    let Predicted { total, data, program, exchange, .. } = plan.predicted;
    let Predicted { weights, gradients, states, activations, logits, work, .. } = plan.predicted;
    let more = "              ";
    writeln!(text, "  memory       {} a rank", bytes_text(total))?;
    match &plan.budget {
        Some(budget) => {
            writeln!(text, "{more} of {} ({})", bytes_text(budget.bytes), budget.origin)?;
        }
        None => writeln!(text, "{more} of an unknown amount: give memory.budget_gib")?,
    }
    for parts in [
        [("weights", weights), ("gradients", gradients), ("states", states)],
        [("activations", activations), ("logits", logits), ("work", work)],
        [("exchange", exchange), ("data", data), ("program", program)],
    ] {
        let parts = parts.map(|(name, bytes)| format!("{name} {}", bytes_text(bytes)));
        writeln!(text, "{more} {}", parts.join(", "))?;
    }
    let largest = &plan.largest;
    let origin = match (plan.examined, plan.steps) {
        (0, _) => "samples of the longest kind; prepare the data to know".to_owned(),
        (examined, Some(steps)) if examined < steps => {
            format!("a bound, by {examined} of {steps} steps")
        }
        (examined, _) => format!("the largest of {examined} steps"),
    };
    let (tokens, targets) = (largest.tokens, largest.targets);
    writeln!(text, "{more} for {tokens} tokens, {targets} with a loss")?;
    writeln!(text, "{more} ({origin})")?;
    writeln!(text, "{more} {} of {} blocks are computed again", plan.recompute, plan.blocks)?;
    match plan.measured_peak {
        Some(peak) => writeln!(text, "  measured     {} a rank at most", bytes_text(peak)),
        None => Ok(()),
    }
}

fn length(phase: &Phase) -> String {
    match (phase.steps, phase.epochs) {
        (Some(steps), Some(epochs)) => format!("{steps} steps, {epochs} epoch(s)"),
        (Some(steps), None) => format!("{steps} steps"),
        (None, Some(epochs)) => format!("{epochs} epoch(s)"),
        (None, None) => UNKNOWN.to_owned(),
    }
}

/// Steps times the timed step; ranks that share cores may take longer.
fn time(phase: &Phase) -> String {
    match (phase.steps, phase.seconds_per_step) {
        (Some(steps), Some(seconds)) => {
            let all = std::time::Duration::from_secs_f64(steps as f64 * seconds);
            format!(
                "about {}, by a step of {seconds:.2} s timed here",
                indicatif::HumanDuration(all)
            )
        }
        _ => UNKNOWN.to_owned(),
    }
}

/// `256 samples = 2 ranks x 128`, or what that is about.
fn batch(samples: usize, ranks: usize) -> String {
    if samples.is_multiple_of(ranks) {
        format!("{samples} samples = {ranks} rank(s) x {}", samples / ranks)
    } else {
        format!("{samples} samples over {ranks} ranks, about {} each", samples / ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use trainer::evaluate::Asked;
    use trainer::memory::{BatchShape, Budget};

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
            worker --run-dir runs/x --data-root data --rank 0 --world 2 --rendezvous 127.0.0.1:4000 --generation 3 --zero-stage 0 --bucket-mib 25 --join-seconds 60 --operation-seconds 600 --stall-seconds 30 | [("RAYON_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1"), ("RANK", "0"), ("WORLD_SIZE", "2"), ("CUBECL_ENVIRONMENT", "r0")]
            worker --run-dir runs/x --data-root data --rank 1 --world 2 --rendezvous 127.0.0.1:4000 --generation 3 --zero-stage 0 --bucket-mib 25 --join-seconds 60 --operation-seconds 600 --stall-seconds 30 | [("RAYON_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1"), ("RANK", "1"), ("WORLD_SIZE", "2"), ("CUBECL_ENVIRONMENT", "r1")]"#]]
        .assert_eq(&lines.join("\n"));
        let mine = workers(&cluster(2), Start { kernels: Some("h200"), ..start });
        assert_eq!(mine[1].environment.last().map(|it| it.1.as_str()), Some("h200-r1"));
    }

    fn memory() -> PhasePlan {
        let predicted = Predicted {
            weights: 4 << 20,
            gradients: 256 << 10,
            states: 512 << 10,
            activations: 3 << 29,
            logits: 1000,
            work: 1 << 20,
            exchange: 0,
            data: 5 << 20,
            program: 64 << 20,
            total: 1_690_000_000,
        };
        PhasePlan {
            phase: "alignment".to_owned(),
            micro_tokens: 4096,
            recompute: 1,
            blocks: 3,
            ranks: 4,
            budget: Some(Budget {
                bytes: 7 << 30,
                origin: "90 % of what its control group leaves, for 4 rank(s)".to_owned(),
            }),
            largest: BatchShape { tokens: 4090, targets: 811, ..BatchShape::default() },
            examined: 256,
            steps: Some(300),
            predicted,
            measured_peak: Some(1_234_567_890),
        }
    }

    #[test]
    fn memory_is_told_within_80_columns() {
        let told = |plan: &PhasePlan| {
            let mut text = String::new();
            write_memory(&mut text, plan).map(|()| text).unwrap_or_default()
        };
        let unprepared =
            PhasePlan { budget: None, examined: 0, steps: None, measured_peak: None, ..memory() };
        let whole = PhasePlan { examined: 300, ..memory() };
        let text = ["phase\n", &told(&unprepared), &told(&whole)].concat();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        expect![[r#"
            phase
              memory       1.6 GiB a rank
                           of an unknown amount: give memory.budget_gib
                           weights 4.0 MiB, gradients 256.0 KiB, states 512.0 KiB
                           activations 1.5 GiB, logits 1000 B, work 1.0 MiB
                           exchange 0 B, data 5.0 MiB, program 64.0 MiB
                           for 4090 tokens, 811 with a loss
                           (samples of the longest kind; prepare the data to know)
                           1 of 3 blocks are computed again
              memory       1.6 GiB a rank
                           of 7.0 GiB (90 % of what its control group leaves, for 4 rank(s))
                           weights 4.0 MiB, gradients 256.0 KiB, states 512.0 KiB
                           activations 1.5 GiB, logits 1000 B, work 1.0 MiB
                           exchange 0 B, data 5.0 MiB, program 64.0 MiB
                           for 4090 tokens, 811 with a loss
                           (the largest of 300 steps)
                           1 of 3 blocks are computed again
              measured     1.1 GiB a rank at most
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_plan_shows_its_arithmetic() {
        let phase = |name: &str, samples, trainable: Option<u64>| Phase {
            name: name.to_owned(),
            samples,
            max_length: 512,
            micro_tokens: 4096,
            memory: trainable.map(|_| memory()),
            steps: Some(300),
            epochs: None,
            trainable,
            adapters: true,
            seconds_per_step: trainable.map(|_| 0.5),
        };
        let work = Work {
            name: "quickstart".to_owned(),
            device: "flex".to_owned(),
            parameters: Some(1_000_000),
            checkpoint: CheckpointConfig::default(),
            exact_shards: 0,
            phases: vec![
                phase("alignment", 33, Some(65_536)),
                Phase { steps: None, epochs: Some(2.0), ..phase("instruction", 2, None) },
            ],
            evaluation: Workload {
                rounds: ["final-free", "final", "final-order-1"]
                    .map(|round| Asked { round: round.to_owned(), benchmarks: 2, questions: 150 })
                    .into(),
                undeclared: vec!["ours".to_owned()],
                max_new_tokens: 640,
            },
        };
        expect![[r#"
            run `quickstart` on flex
              ranks        4 on this machine, 1 thread(s) each
              parameters   1.00M
              checkpoint   4.6 MiB, 768.0 KiB each further one of its phase
              disk         9.1 MiB for checkpoints (2 of each phase are kept)
            phase `alignment`
              length       300 steps
              batch        33 samples over 4 ranks, about 8 each
              micro-batch  up to 4096 tokens a rank, samples of up to 512
              trained      65.5k parameters
              time         about 3 minutes, by a step of 0.50 s timed here
              memory       1.6 GiB a rank
                           of 7.0 GiB (90 % of what its control group leaves, for 4 rank(s))
                           weights 4.0 MiB, gradients 256.0 KiB, states 512.0 KiB
                           activations 1.5 GiB, logits 1000 B, work 1.0 MiB
                           exchange 0 B, data 5.0 MiB, program 64.0 MiB
                           for 4090 tokens, 811 with a loss
                           (a bound, by 256 of 300 steps)
                           1 of 3 blocks are computed again
              measured     1.1 GiB a rank at most
              wire         384.0 KiB a rank and step
            phase `instruction`
              length       2 epoch(s)
              batch        2 samples over 4 ranks, about 0 each
              micro-batch  up to 4096 tokens a rank, samples of up to 512
              trained      known when the data are prepared
              time         known when the data are prepared
            evaluation
              final-free               2 benchmark(s), up to 150 questions
              final                    2 benchmark(s), up to 150 questions
              final-order-1            2 benchmark(s), up to 150 questions
              together     up to 450 questions, answers of up to 640 tokens each
              and those of ours, which do not say how many
            warning: 4 threads (4 ranks x 1) share 2 cores
            warning: phase `instruction` has 2 samples a step for 4 ranks: some ranks compute nothing
        "#]]
        .assert_eq(&Plan::new(work, &cluster(4), 2).text());
    }

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
