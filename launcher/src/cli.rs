//! The command line: what can be asked, and nothing that cannot be answered yet.
//!
//! No flag sets a hyperparameter: those stand in the recipe, and `--set` changes one of its values
//! by name.

mod ablate;
mod baseline;
mod data;
mod doctor;
mod evaluate;
mod export;
mod extract;
mod job;
mod ledger;
mod node;
mod plan;
mod replay;
mod report;
mod reproduce;
mod score;
mod serve;
mod submit;
mod sweep;
#[cfg(test)]
mod tests;
mod track;
mod worker;

pub use ablate::Ablate;
pub use baseline::Baseline;
pub use data::{Audit, Data, Datasets, Fetch, Inspect, Parallel, Paraphrase, Prepare, Stats};
pub use doctor::Doctor;
pub use evaluate::Evaluate;
pub use export::Export;
pub use extract::{Extract, GenerationArgs};
pub use job::{Cancel, Drill, Fault, Logs, Resume, Status, Why};
pub use ledger::{Ledger, LedgerDiff, LedgerProve};
pub use node::{Agent, Drive};
pub use plan::{Plan, VerifyExtent};
pub use replay::Replay;
pub use report::Report;
pub use reproduce::Reproduce;
pub use score::{By, Score};
pub use serve::Serve;
pub use submit::Submit;
pub use sweep::{Sweep, SweepFile, SweepStart};
pub use track::Track;
pub use worker::Worker;

use crate::error::exit;
use clap::{Args, Parser, Subcommand};
use data_pipeline::Task;
use std::path::{Path, PathBuf};

/// Everything on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "knowcoder",
    version,
    about = "From labelled text in many languages to an information-extraction model and its F1 table.",
    after_help = exit::HELP,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Print one JSON document on stdout, nothing else.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Prepare, train every phase, evaluate and report; continues a run where it stopped.
    #[command(after_help = exit::HELP)]
    Run(Run),
    /// Say what a run would do and take: ranks, memory, traffic, time, cost. Changes nothing.
    #[command(after_help = exit::HELP)]
    Plan(Plan),
    /// Hand a run over to a cluster, or to the background of this machine, and return.
    #[command(after_help = exit::HELP)]
    Submit(Submit),
    /// Say how a run is: phase, step, speed, ranks, nodes, queue.
    #[command(after_help = exit::HELP)]
    Status(Status),
    /// Show what a run's ranks said, equal lines once.
    #[command(after_help = exit::HELP)]
    Logs(Logs),
    /// Ask a run to save and stop; with --now, end it.
    #[command(after_help = exit::HELP)]
    Cancel(Cancel),
    /// Continue a run where it stopped, on its cluster or in the background of this machine.
    #[command(after_help = exit::HELP)]
    Resume(Resume),
    /// Say why a run stopped, failed or waits: the first cause, what was done, what to do.
    #[command(after_help = exit::HELP)]
    Why(Why),
    /// Make something go wrong in a run that goes on, to see that it recovers.
    #[command(after_help = exit::HELP)]
    Drill(Drill),
    /// Search for better values of a recipe's keys.
    #[command(subcommand, disable_help_subcommand = true, after_help = exit::HELP)]
    Sweep(Sweep),
    /// Do a run again from what its directory says, and list what differs.
    #[command(after_help = exit::HELP)]
    Reproduce(Reproduce),
    /// Answer a question about the method: train a recipe in several variants with several seeds, and compare.
    #[command(after_help = exit::HELP)]
    Ablate(Ablate),
    /// Check, count, prepare and look at data.
    #[command(subcommand, disable_help_subcommand = true, after_help = exit::HELP)]
    Data(Data),
    /// Let a checkpoint answer benchmarks: predictions and scores.
    #[command(after_help = exit::HELP)]
    Evaluate(Evaluate),
    /// Let a method that needs no model answer benchmarks: what a model must beat.
    #[command(after_help = exit::HELP)]
    Baseline(Baseline),
    /// Score predictions again; no model is needed.
    #[command(after_help = exit::HELP)]
    Score(Score),
    /// Use a model: JSON Lines of objects with offsets.
    #[command(after_help = exit::HELP)]
    Extract(Extract),
    /// Let a model be used over HTTP: OpenAI's completions, /extract, and a page to try it.
    #[command(after_help = exit::HELP)]
    Serve(Serve),
    /// Write files that transformers, PEFT and vLLM load; refuses what does not compute the same.
    #[command(after_help = exit::HELP)]
    Export(Export),
    /// Say what runs have trained on: whether two did the same, and one what it should.
    #[command(subcommand, disable_help_subcommand = true, after_help = exit::HELP)]
    Ledger(Ledger),
    /// Compute a step that went wrong again: loss and gradient of each of its samples.
    #[command(after_help = exit::HELP)]
    Replay(Replay),
    /// Write a run as one self-contained HTML page, or print a paper's table with runs in it.
    #[command(after_help = exit::HELP)]
    Report(Report),
    /// Write a run's numbers as MLflow and Weights & Biases keep them; sends nothing.
    #[command(after_help = exit::HELP)]
    Track(Track),
    /// Say what this machine, or a cluster, has for a run and what it lacks: driver, GPUs, disk, links, memory.
    #[command(after_help = exit::HELP)]
    Doctor(Doctor),
    /// A run that was submitted, where it happens.
    #[command(hide = true)]
    Drive(Drive),
    /// One node of a run; started by whoever drives it.
    #[command(hide = true)]
    Agent(Agent),
    /// One rank of a run; started by the launcher.
    #[command(hide = true)]
    Worker(Worker),
}

/// A recipe, with changes.
#[derive(Clone, Debug, Args)]
pub struct RecipeArgs {
    /// What is learned, a TOML file.
    #[arg(value_name = "RECIPE")]
    pub recipe: PathBuf,

    /// Change a value of the recipe: `--set optimizer.learning_rate=1e-3`.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    pub sets: Vec<String>,
}

/// Where corpora lie.
#[derive(Clone, Debug, Args)]
pub struct DataRoot {
    /// Where corpora lie: a folder, or a place in an object store such as `s3://BUCKET/corpora`.
    #[arg(long, env = "KNOWCODER_DATA", value_name = "DIR", default_value = "data")]
    pub data_root: PathBuf,

    #[command(flatten)]
    pub cache: CacheDir,
}

/// Where what comes from object stores is kept.
#[derive(Clone, Debug, Args)]
pub struct CacheDir {
    /// Where what comes from object stores is kept; without it `~/.cache/knowcoder/stores`.
    #[arg(long, env = "KNOWCODER_CACHE", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

impl CacheDir {
    /// The folder that is meant.
    pub fn folder(&self) -> PathBuf {
        self.cache_dir.as_deref().map_or_else(crate::store::default_folder, Path::to_owned)
    }
}

/// `knowcoder run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub recipe: RecipeArgs,

    /// Where it is learned, a TOML file; without it, up to two processes on this machine.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// Everything that the run writes; without it `runs/NAME`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,

    /// Shards that `data prepare --out PLACE` made elsewhere: only benchmarks are read of the corpora.
    #[arg(long, value_name = "PLACE")]
    pub shards: Option<PathBuf>,

    /// Say what would be done and stop.
    #[arg(long)]
    pub dry_run: bool,

    /// Show training in the terminal view of burn-train (builds with the feature `tui`).
    #[arg(long)]
    pub tui: bool,
}

/// `a.b=c`, checked for its shape only: the recipe knows its keys.
fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("expected KEY=VALUE, such as optimizer.learning_rate=1e-3".to_owned()),
    }
}

/// A count that is not 0.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// A code of a language.
fn language(code: &str) -> Result<String, String> {
    data_pipeline::language::check(code).map(|()| code.to_owned())
}

/// The task of this name.
fn task(name: &str) -> Result<Task, String> {
    match name {
        "ner" => Ok(Task::Ner),
        "re" => Ok(Task::Re),
        "ed" => Ok(Task::Ed),
        "eae" => Ok(Task::Eae),
        _ => Err("known are ner, re, ed and eae".to_owned()),
    }
}
