//! What `knowcoder worker` can be asked.

use super::DataRoot;
use clap::Args;
use std::path::PathBuf;
use trainer::collective::Carrier;

/// One rank.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// The run's directory.
    #[arg(long)]
    pub run_dir: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,

    /// This rank; without it, `--world` and `--rendezvous`, what torchrun, SLURM or Open MPI say.
    #[arg(long, requires_all = ["world", "rendezvous"])]
    pub rank: Option<usize>,

    /// How many ranks there are.
    #[arg(long, requires_all = ["rank", "rendezvous"])]
    pub world: Option<usize>,

    /// This rank's number among those of its machine, which is that of its GPU; without it, the rank.
    #[arg(long, value_name = "N", requires = "rank")]
    pub local_rank: Option<usize>,

    /// How many ranks its machine has; without it, all.
    #[arg(long, value_name = "N", requires = "rank", value_parser = clap::value_parser!(u32).range(1..))]
    pub local_world: Option<u32>,

    /// End behind this phase, counted from 1, with exit code 0, and answer nothing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub through_phase: Option<u32>,

    /// Let this checkpoint answer what the directory's `evaluation.lock` asks, and train nothing.
    #[arg(long, value_name = "DIR")]
    pub evaluate: Option<PathBuf>,

    /// Sum nothing of meaning with the other ranks that compute on devices called so, let rank 0 say how fast that
    /// is, and train nothing.
    #[arg(long, value_name = "DEVICE", conflicts_with = "evaluate")]
    pub measure: Option<String>,

    /// Where rank 0 hosts, `host:port`.
    #[arg(long, requires_all = ["rank", "world"])]
    pub rendezvous: Option<String>,

    /// The how-manieth start of the run this is; what a later one trusts is left alone once that has begun.
    #[arg(long)]
    pub generation: Option<u32>,

    /// Who carries the sums between ranks: auto, tcp or nccl.
    #[arg(long, default_value = "auto", value_parser = carrier)]
    pub collective: Carrier,

    /// What ranks hold a share of: 0 nothing, 1 the optimizer's state, 2 gradients, too.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=2))]
    pub zero_stage: u8,

    /// MiB of gradients that are summed at a time.
    #[arg(long, default_value_t = 25)]
    pub bucket_mib: usize,

    /// Seconds for all ranks to come together.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub join_seconds: u64,

    /// Seconds for an operation over ranks, the others' way to it included.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub operation_seconds: u64,

    /// Seconds for the next byte of what a rank has begun to send.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub stall_seconds: u64,
}

/// `collective` of a cluster file.
fn carrier(name: &str) -> Result<Carrier, String> {
    Carrier::named(name).ok_or_else(|| format!("unknown collective `{name}`"))
}
