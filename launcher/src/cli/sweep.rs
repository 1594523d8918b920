//! What `knowcoder sweep` can be asked.

use super::DataRoot;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `knowcoder sweep`.
#[derive(Clone, Debug, Subcommand)]
pub enum Sweep {
    /// Begin or continue a search: ask for trials, run them, until the budget is used.
    Start(SweepFile),
    /// Say how far it is.
    Status(SweepFile),
    /// Continue a search that was stopped or killed; the same as `start`.
    Resume(SweepFile),
    /// Print the best trial's recipe.
    Best(SweepFile),
    /// Write a page: parallel coordinates, importance, budget.
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
