//! What `knowcoder evaluate` can be asked.

use super::DataRoot;
use clap::Args;
use data_pipeline::score::Protocol;
use std::path::PathBuf;

/// `knowcoder evaluate`.
#[derive(Clone, Debug, Args)]
pub struct Evaluate {
    /// A checkpoint directory of a run.
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,

    /// Test sets, as `NAME` or `NAME:SPLIT`.
    #[arg(long = "benchmark", value_name = "NAME", required = true, num_args = 1..)]
    pub benchmarks: Vec<String>,

    /// Where predictions and scores go; without it `evaluation` in the checkpoint's run directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// How to score; may be given several times. Without it, as the run's recipe says.
    #[arg(long = "protocol", value_name = "P")]
    pub protocols: Vec<Protocol>,

    /// Hold answers to the grammar of their classes and sentence: `true`, `false`, or `both`, which
    /// asks a second time without; without it, as the run's recipe says.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub constrained: Option<trainer::recipe::Constrained>,

    /// Show demonstrations from training text with so many mentions of each class; without it, as
    /// in training.
    #[arg(long, value_name = "K")]
    pub shots: Option<usize>,

    /// Show the N-th paraphrase of each description, from 1; without it, the schema's own.
    #[arg(long, value_name = "N", group = "worded")]
    pub paraphrase: Option<usize>,

    /// The bank of paraphrases; without it, that of training.
    #[arg(long, value_name = "FILE.jsonl", requires = "worded")]
    pub paraphrases: Option<PathBuf>,

    /// Ask with the classes in K orders, the schema's own the first: mean, worst and deviation of F1.
    /// Without it, as the run's recipe says.
    #[arg(long, value_name = "K")]
    pub orders: Option<usize>,

    /// Ask under the first M paraphrases of each description, too: mean, worst and deviation of F1.
    /// Without it, under none.
    #[arg(long, value_name = "M", group = "worded")]
    pub reworded: Option<usize>,

    /// Ask for arguments of predicted triggers, too, where a set has both tasks: `true` or `false`;
    /// without it, as the run's recipe says.
    #[arg(long, value_name = "WHETHER", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub chained: Option<bool>,

    /// Ask about the first N sentences of each set only.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Where it is asked, a TOML file: its ranks share the sentences. Without it, in this process.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// What computes; without it, what the run's recipe says.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,

    #[command(flatten)]
    pub data: DataRoot,
}
