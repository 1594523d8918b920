//! What `knowcoder submit` can be asked.

use super::{DataRoot, RecipeArgs};
use clap::Args;
use std::path::PathBuf;

/// `knowcoder submit`.
#[derive(Clone, Debug, Args)]
pub struct Submit {
    #[command(flatten)]
    pub recipe: RecipeArgs,

    /// Where it is learned, a TOML file; without it, this machine, in the background.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// Everything that the run writes; without it `runs/NAME`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,

    /// Write the scripts or manifests to `RUN/submit/` and stop.
    #[arg(long)]
    pub render: bool,
}
