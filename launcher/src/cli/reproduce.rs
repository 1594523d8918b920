//! What `knowcoder reproduce` can be asked.

use super::DataRoot;
use clap::Args;
use std::path::PathBuf;

/// `knowcoder reproduce`.
#[derive(Clone, Debug, Args)]
pub struct Reproduce {
    /// The directory of a run that is done.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Where it is done again; without it, beside the run, as `NAME-again`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    /// Where it is learned, a TOML file; without it, as the run was.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,
}
