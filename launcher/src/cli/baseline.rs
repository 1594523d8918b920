//! What `knowcoder baseline` can be asked.

use super::{DataRoot, task};
use clap::Args;
use data_pipeline::Task;
use data_pipeline::floor::Method;
use data_pipeline::score::Protocol;
use std::path::PathBuf;

/// `knowcoder baseline`.
#[derive(Clone, Debug, Args)]
pub struct Baseline {
    /// `gazetteer` looks up names (or triggers) of training text; `capitals` adds runs of capitalised
    /// words.
    #[arg(long, value_name = "METHOD")]
    pub method: Method,

    /// What it learns from, as `NAME` (its split `train`) or `NAME:SPLIT`.
    #[arg(long = "train", value_name = "NAME", required = true, num_args = 1..)]
    pub training: Vec<String>,

    /// Test sets, as `NAME` (its split `test`) or `NAME:SPLIT`.
    #[arg(long = "benchmark", value_name = "NAME", required = true, num_args = 1..)]
    pub benchmarks: Vec<String>,

    /// Where predictions, receipts and scores go.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// What is asked, ner or ed; without it, whichever of them a test set is annotated for.
    #[arg(long, value_name = "TASK", value_parser = task)]
    pub task: Option<Task>,

    /// Ask only the first N sentences of each test set.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// How to score; may be given several times.
    #[arg(long = "protocol", value_name = "P", default_value = "set")]
    pub protocols: Vec<Protocol>,

    /// The folder of configurations, in which `datasets/NAME.toml` lie.
    #[arg(long, value_name = "DIR", default_value = "configs")]
    pub configs: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,
}
