//! What `knowcoder doctor` can be asked.

use clap::Args;
use std::path::PathBuf;

/// `knowcoder doctor`.
#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Where a run will happen, a TOML file: its ranks are what must fit; without it, one a GPU.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// What ranks compute on: flex, cuda or wgpu; without it, what the build was made for.
    #[arg(long, value_name = "NAME", value_parser = ["flex", "cuda", "wgpu"])]
    pub device: Option<String>,

    /// Where runs will be written; without it `runs`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
}
