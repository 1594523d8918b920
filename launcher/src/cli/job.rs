//! What can be asked about a run that goes on somewhere.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `knowcoder status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// A run directory.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Show it again and again until it ends.
    #[arg(long)]
    pub watch: bool,
}

/// `knowcoder logs`.
#[derive(Clone, Debug, Args)]
pub struct Logs {
    /// A run directory.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Go on until the run ends.
    #[arg(long, short)]
    pub follow: bool,

    /// Only of this rank; may be given several times.
    #[arg(long = "rank", value_name = "N")]
    pub ranks: Vec<usize>,

    /// Begin with the last N lines of each rank; 0: all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub lines: usize,
}

/// `knowcoder cancel`.
#[derive(Clone, Debug, Args)]
pub struct Cancel {
    /// A run directory.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// End it at once, without a checkpoint.
    #[arg(long)]
    pub now: bool,
}

/// `knowcoder resume`.
#[derive(Clone, Debug, Args)]
pub struct Resume {
    /// A run directory.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Where it goes on, a TOML file; without it, where it was.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// Where corpora lie; without it, where they lay when the run was submitted, else as for `run`.
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
}

/// `knowcoder why`.
#[derive(Clone, Debug, Args)]
pub struct Why {
    /// A run directory.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

/// `knowcoder drill`.
#[derive(Clone, Debug, Args)]
pub struct Drill {
    /// The directory of a run that goes on, driven from any machine that shares it.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// What shall go wrong.
    #[arg(value_name = "FAULT")]
    pub fault: Fault,

    /// With this rank, or its node; without it, the last one, and rank 0 for fill-disk.
    #[arg(long, value_name = "N")]
    pub rank: Option<usize>,

    /// Seconds that it lasts; without it, hang-rank until the run notices, slow-rank 180, cut-link three leases.
    /// Other faults do not pass.
    #[arg(long, value_name = "S")]
    pub seconds: Option<u64>,
}

/// What can be made to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A rank is killed.
    KillRank,
    /// A rank stops moving.
    HangRank,
    /// A rank moves a tenth of the time.
    SlowRank,
    /// A rank ends as if memory had run out.
    OutOfMemory,
    /// A rank's loss becomes no number.
    Nan,
    /// A node's agent and all its ranks are killed.
    KillNode,
    /// A node hears nothing and nobody hears it; its ranks stand still.
    CutLink,
    /// The run directory's disk is full.
    FillDisk,
    /// The scheduler wants the nodes back.
    Preempt,
    /// The time limit comes near.
    TimeLimit,
}
