//! What processes of ours ask of each other; nobody types this.

use super::DataRoot;
use clap::Args;
use std::path::PathBuf;

/// `knowcoder drive`: a run that was submitted, where it happens.
#[derive(Clone, Debug, Args)]
pub struct Drive {
    /// The run's directory, with `recipe.lock` and `cluster.toml`.
    #[arg(long)]
    pub run_dir: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,

    /// End behind this phase, counted from 1, with exit code 0.
    #[arg(long, value_name = "N")]
    pub through_phase: Option<usize>,
}

/// `knowcoder agent`: one node of a run. What it must know comes as a line of JSON on stdin, or in the
/// environment.
#[derive(Clone, Debug, Args)]
pub struct Agent {
    /// Take the invitation from the environment in place of stdin.
    #[arg(long)]
    pub from_environment: bool,
}
