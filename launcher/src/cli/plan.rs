//! What `knowcoder plan` can be asked.

use super::{DataRoot, RecipeArgs};
use clap::Args;
use std::path::PathBuf;

/// `knowcoder plan`; for RECIPE, the directory of a run may stand.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub recipe: RecipeArgs,

    /// Where it is learned, a TOML file; without it, up to two processes on this machine.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// A run directory whose prepared shards give exact numbers; without it `runs/NAME`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,

    /// Say what it would take on so many ranks, too: `--scale 1,8,64,1024`.
    #[arg(long, value_name = "RANKS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub scale: Vec<u16>,

    /// Show the scripts and manifests that a scheduler would get, not only how long they are.
    #[arg(long)]
    pub render: bool,

    /// Measured speeds to go by; without it, on this machine, those that `doctor` has kept.
    #[arg(long, value_name = "FILE.json")]
    pub calibration: Option<PathBuf>,

    /// Compute the first step of each phase under several splits (ranks, ZeRO, groups, micro-batches,
    /// recomputed blocks) and compare the gradients; ends with 70 where they differ. `short`: what `run` does
    /// by itself, as `run.verify` says.
    #[arg(
        long,
        value_name = "EXTENT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "full"
    )]
    pub verify_gradients: Option<VerifyExtent>,
}

/// How much is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum VerifyExtent {
    /// Every phase, every kind of split.
    Full,
    /// Few splits of the phases in which that costs little.
    Short,
}
