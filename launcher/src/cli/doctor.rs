//! What `knowcoder doctor` can be asked.

use clap::Args;
use std::path::PathBuf;

/// `knowcoder doctor`.
#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Where a run will happen, a TOML file: its nodes are looked at, and its ranks are what must fit; without
    /// it, this machine alone, a rank for each GPU.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// What will be learned: whether its worst batch and its checkpoints fit, and its data are the same
    /// everywhere.
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<PathBuf>,

    /// What ranks compute on: flex, cuda or wgpu; without it, what the recipe says or the build was made for.
    #[arg(long, value_name = "NAME", value_parser = ["flex", "cuda", "wgpu"])]
    pub device: Option<String>,

    /// Where runs will be written, or the run itself; without it `runs`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    /// Measure how fast this machine computes, reads, sends and writes, with --cluster also how fast ranks there sum,
    /// and keep it for `plan`.
    #[arg(long, conflicts_with = "recipe")]
    pub calibrate: bool,

    /// Where to keep what was measured; without it RUN/calibration.json, or the user's cache.
    #[arg(long, value_name = "FILE", requires = "calibrate")]
    pub calibration: Option<PathBuf>,
}
