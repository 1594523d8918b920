//! What `knowcoder track` can be asked.

use crate::track::Format;
use clap::Args;
use std::path::PathBuf;

/// `knowcoder track`.
#[derive(Clone, Debug, Args)]
pub struct Track {
    /// A run directory; the run may still be going on.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Whose files to write.
    #[arg(long, value_name = "PROGRAM")]
    pub format: Format,

    /// Where: MLflow's store, which may hold other runs, or the folder above `wandb/`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
