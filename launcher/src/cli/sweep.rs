//! What `knowcoder sweep` can be asked.

use super::DataRoot;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `knowcoder sweep`.
#[derive(Clone, Debug, Subcommand)]
pub enum Sweep {
    /// Begin or continue a search: ask for trials, run them, until the budget is used.
    Start(SweepStart),
    /// Say how far it is.
    Status(SweepFile),
    /// Continue a search that was stopped or killed; the same as `start`.
    Resume(SweepStart),
    /// Print the command that trains the best trial again.
    Best(SweepFile),
    /// Write a page and a table: parallel coordinates, importance, budget.
    Report(SweepFile),
}

/// A search.
#[derive(Clone, Debug, Args)]
pub struct SweepFile {
    /// What is searched, a TOML file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Everything that the search writes; without it `sweeps/NAME`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,
}

/// A search to work on.
#[derive(Clone, Debug, Args)]
pub struct SweepStart {
    #[command(flatten)]
    pub sweep: SweepFile,

    /// Where each trial happens, a TOML file; without it, as the search says.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// Work on it beside others that share its directory; one run at a time, unless --slots says more.
    #[arg(long)]
    pub worker: bool,

    /// Runs at a time of this process; without it `parallel`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: Option<u16>,

    /// Hand it to SLURM or Kubernetes: an array of `parallel` workers, tasks or pods. What is handed over stays
    /// in `DIR/submit`.
    #[arg(long, conflicts_with_all = ["worker", "slots"])]
    pub array: bool,

    /// Say what would be tried first, and stop.
    #[arg(long)]
    pub dry_run: bool,
}
