//! What `knowcoder replay` can be asked.

use clap::Args;
use std::path::PathBuf;

/// `knowcoder replay`.
#[derive(Clone, Debug, Args)]
pub struct Replay {
    /// What is kept of the step: a folder below `incidents/` in the directory of its run.
    #[arg(value_name = "EVENT")]
    pub event: PathBuf,

    /// Show so many samples; 0 shows all, as `--json` does.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub samples: usize,
}
