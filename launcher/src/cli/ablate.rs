//! What `knowcoder ablate` can be asked.

use super::{DataRoot, assignment};
use clap::Args;
use std::path::PathBuf;

/// `knowcoder ablate`.
#[derive(Clone, Debug, Args)]
pub struct Ablate {
    /// The question and its variants, a TOML file such as `configs/ablations/alignment.toml`.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// As small as the file says: in a minute or two, on data of this repository. Its numbers mean nothing.
    #[arg(long)]
    pub smoke: bool,

    /// Everything that the runs write; without it `runs/ablations/NAME`, or `NAME-smoke`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    /// Where each run happens, a TOML file; without it, up to two processes on this machine.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// These variants only, in the file's order; the first of them is what the others are compared with.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub variants: Vec<String>,

    /// Change a value of every variant's recipe: `--set run.device=cuda`.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    pub sets: Vec<String>,

    /// Runs at a time; more than one make each other slower on one machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,

    /// Say what would be run, and stop.
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub data: DataRoot,
}
