//! `knowcoder data`: what can be asked about corpora, and what is made of them.

use super::{DataRoot, RecipeArgs, assignment};
use crate::error::exit;
use clap::{Args, Subcommand};
use data_pipeline::order::Share;
use std::path::PathBuf;

/// `knowcoder data`.
#[derive(Clone, Debug, Subcommand)]
pub enum Data {
    /// Hold corpora against their declared counts.
    #[command(after_help = exit::HELP)]
    Validate(Datasets),
    /// Corpora in numbers: sentences, classes, lengths, and what a vocabulary makes of languages.
    #[command(after_help = exit::HELP)]
    Stats(Stats),
    /// Download corpora from their sources, as far as their licences allow.
    #[command(after_help = exit::HELP)]
    Fetch(Fetch),
    /// What original labels mean, and what becomes of them: kept, merged, split or dropped.
    #[command(after_help = exit::HELP)]
    Concepts(Datasets),
    /// Find what a recipe's training data and benchmarks have in common.
    #[command(after_help = exit::HELP)]
    Audit(Audit),
    /// Write the shards of a recipe, without training.
    #[command(after_help = exit::HELP)]
    Prepare(Prepare),
    /// Show rows as the model sees them: text, tokens, ids, and what has a loss.
    #[command(after_help = exit::HELP)]
    Inspect(Inspect),
    /// Translate sentences and their names with language models; goes on where it stopped.
    #[command(after_help = exit::HELP)]
    Parallel(Parallel),
    /// Hold a bank of paraphrased descriptions against its schema, and bring it up to date.
    #[command(after_help = exit::HELP)]
    Paraphrase(Paraphrase),
}

/// Which corpora.
#[derive(Clone, Debug, Args)]
pub struct Datasets {
    /// Names of declarations, or their files; without any, all in the folder of configurations.
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,

    /// The folder of configurations, in which `datasets/NAME.toml` lie.
    #[arg(long, value_name = "DIR", default_value = "configs")]
    pub configs: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,
}

/// `knowcoder data fetch`.
#[derive(Clone, Debug, Args)]
pub struct Fetch {
    /// Names of declarations, or their files.
    #[arg(value_name = "DATASET", required = true)]
    pub datasets: Vec<String>,

    /// Say that you keep the terms of licences that do not allow every use.
    #[arg(long)]
    pub accept_licence: bool,

    /// The folder of configurations, in which `datasets/NAME.toml` lie.
    #[arg(long, value_name = "DIR", default_value = "configs")]
    pub configs: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,
}

/// `knowcoder data audit`.
#[derive(Clone, Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    pub recipe: RecipeArgs,

    #[command(flatten)]
    pub data: DataRoot,
}

/// `knowcoder data prepare`.
#[derive(Clone, Debug, Args)]
pub struct Prepare {
    #[command(flatten)]
    pub recipe: RecipeArgs,

    /// Where the shards go; without it `runs/NAME`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    /// Where the shards go beside that, for `run --shards`: a folder, or s3://, gs:// or az://.
    #[arg(long, value_name = "PLACE")]
    pub out: Option<PathBuf>,

    /// Make the part K of N only, counted from 1, as one of several programs that share the run
    /// directory or `--out`; the last to end joins the parts.
    #[arg(long, value_name = "K/N", value_parser = share)]
    pub share: Option<Share>,

    #[command(flatten)]
    pub data: DataRoot,
}

/// `knowcoder data stats`.
#[derive(Clone, Debug, Args)]
pub struct Stats {
    #[command(flatten)]
    pub corpora: Datasets,

    /// All declared corpora whose files are there, which is also what no name means.
    #[arg(long, conflicts_with = "datasets")]
    pub all: bool,

    /// Count tokens too: a tokenizer's file or directory, a run, or a recipe that has one.
    #[arg(long, value_name = "PATH")]
    pub tokenizer: Option<PathBuf>,

    /// Draw each histogram with its numbers.
    #[arg(long)]
    pub histograms: bool,

    /// Draw with letters, as where the locale is not UTF-8.
    #[arg(long)]
    pub ascii: bool,

    /// Write a page with tables and histograms instead.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `knowcoder data inspect`.
#[derive(Clone, Debug, Args)]
pub struct Inspect {
    /// A run directory, a folder of shards, a recipe, or a dataset as `NAME` or `NAME:SPLIT`; rows
    /// that nobody prepared are made to be looked at.
    #[arg(value_name = "SOURCE")]
    pub source: String,

    /// The phase, by its name or number; without it the last one, or all with --id and --find.
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<String>,

    /// From this row on, from 0.
    #[arg(long, value_name = "N", group = "which")]
    pub row: Option<usize>,

    /// The rows of this sample.
    #[arg(long, value_name = "ID", group = "which")]
    pub id: Option<String>,

    /// Rows with this text in prompt or answer.
    #[arg(long, value_name = "TEXT", group = "which")]
    pub find: Option<String>,

    /// Rows by chance.
    #[arg(long, group = "which")]
    pub random: bool,

    /// Other rows by chance.
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub seed: u64,

    /// At most so many rows; without it one, with --id all.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rows: Option<u32>,

    /// All rows of their groups as well.
    #[arg(long)]
    pub group: bool,

    /// Write a page instead.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// The tokenizer's file or directory, or a recipe that has one; without it that of the run or
    /// recipe.
    #[arg(long, value_name = "PATH")]
    pub tokenizer: Option<PathBuf>,

    /// Change a value of the recipe: `--set batch.max_length=512`.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    pub sets: Vec<String>,

    /// The folder of configurations, in which `datasets/NAME.toml` lie.
    #[arg(long, value_name = "DIR", default_value = "configs")]
    pub configs: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,
}

/// `knowcoder data parallel`.
#[derive(Clone, Debug, Args)]
pub struct Parallel {
    /// What is translated, by whom and for how much, a TOML file.
    #[arg(value_name = "JOB")]
    pub job: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,

    /// Say what it would take and stop; asks nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `knowcoder data paraphrase`.
#[derive(Clone, Debug, Args)]
pub struct Paraphrase {
    /// The classes, a Python file.
    #[arg(value_name = "SCHEMA.py")]
    pub schema: PathBuf,

    /// The bank, JSON Lines; it is written again if its schema changed.
    #[arg(long, value_name = "FILE.jsonl")]
    pub bank: PathBuf,

    /// Change nothing; end with 65 if the bank is not up to date.
    #[arg(long)]
    pub check: bool,
}

/// `2/8` is the second of eight.
fn share(text: &str) -> Result<Share, String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((part, count)) if (1..=count).contains(&part) => Ok(Share { index: part - 1, count }),
        _ => Err("expected K/N with K from 1 to N, such as 2/8".to_owned()),
    }
}
