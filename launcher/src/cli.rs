//! The command line: what can be asked, and nothing that cannot be answered yet.
//!
//! No flag sets a hyperparameter: those stand in the recipe, and `--set` changes one of its values
//! by name.

mod ablate;
mod baseline;
mod data;
mod doctor;
mod export;
mod job;
mod ledger;
mod node;
mod replay;
mod reproduce;
mod score;
mod serve;
mod submit;
mod sweep;
#[cfg(test)]
mod tests;
mod track;

pub use ablate::Ablate;
pub use baseline::Baseline;
pub use data::{Audit, Data, Datasets, Fetch, Inspect, Parallel, Paraphrase, Prepare, Stats};
pub use doctor::Doctor;
pub use export::Export;
pub use job::{Cancel, Drill, Fault, Logs, Resume, Status, Why};
pub use ledger::{Ledger, LedgerDiff, LedgerProve};
pub use node::{Agent, Drive};
pub use replay::Replay;
pub use reproduce::Reproduce;
pub use score::{By, Score};
pub use serve::Serve;
pub use submit::Submit;
pub use sweep::{Sweep, SweepFile, SweepStart};
pub use track::Track;

use crate::error::exit;
use clap::{Args, Parser, Subcommand};
use data_pipeline::Task;
use data_pipeline::score::Protocol;
use std::path::{Path, PathBuf};
use trainer::collective::Carrier;

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

/// `knowcoder plan`; for RECIPE, the directory of a run may stand.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub recipe: RecipeArgs,

    /// Where it is learned, a TOML file; without it, up to two processes on this machine.
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,

    /// A run directory whose prepared shards give exact numbers; without it `runs/NAME`.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,

    /// Say what it would take on so many ranks, too: `--scale 1,8,64,1024`.
    #[arg(long, value_name = "RANKS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub scale: Vec<u16>,

    /// Show the scripts and manifests that a scheduler would get, not only how long they are.
    #[arg(long)]
    pub render: bool,

    /// Measured speeds to go by; without it, on this machine, those that `doctor` has kept.
    #[arg(long, value_name = "FILE.json")]
    pub calibration: Option<PathBuf>,

    /// Compute the first step of each phase under several splits (ranks, ZeRO, groups, micro-batches,
    /// recomputed blocks) and compare the gradients; ends with 70 where they differ. `short`: what `run` does
    /// by itself, as `run.verify` says.
    #[arg(
        long,
        value_name = "EXTENT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "full"
    )]
    pub verify_gradients: Option<VerifyExtent>,
}

/// How much is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum VerifyExtent {
    /// Every phase, every kind of split.
    Full,
    /// Few splits of the phases in which that costs little.
    Short,
}

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

/// `knowcoder extract`.
#[derive(Clone, Debug, Args)]
pub struct Extract {
    /// A checkpoint directory of a run.
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,

    /// The classes to look for, a Python file.
    #[arg(long, value_name = "FILE.py")]
    pub schema: PathBuf,

    /// What to look for: ner, re, ed or eae (arguments of the events that a line names, else of those
    /// that are found first).
    #[arg(long, value_name = "TASK", default_value = "ner", value_parser = task)]
    pub task: Task,

    /// Demonstrations, one a line with `sentence` and `gold` as in predictions (or `text` and
    /// `objects` as this verb writes them).
    #[arg(long, value_name = "FILE.jsonl")]
    pub shots: Option<PathBuf>,

    /// Language code of the texts, for the prompt.
    #[arg(long, value_name = "CODE", default_value = "en")]
    pub language: String,

    /// Mentions may be in pieces, as the model has learned them: words that stand apart in a text
    /// are found there.
    #[arg(long)]
    pub pieces: bool,

    /// Hold answers to the grammar of the classes and the text: all of them can be read, and every
    /// mention stands in its text.
    #[arg(long)]
    pub constrained: bool,

    #[command(flatten)]
    pub generation: GenerationArgs,

    /// A file that is one text; may be given several times.
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// JSON Lines, or `-` for stdin: the text in one field, all others go into the answer. May be given
    /// several times.
    #[arg(long = "jsonl", value_name = "FILE")]
    pub jsonl: Vec<PathBuf>,

    /// The field of JSON Lines with the text.
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub field: String,

    /// The field of JSON Lines with the language code, for lines that have it.
    #[arg(long, value_name = "NAME")]
    pub language_field: Option<String>,

    /// Read texts of more tokens in windows of so many; without it, only those that the model has no
    /// room for.
    #[arg(long, value_name = "TOKENS", value_parser = positive)]
    pub window: Option<usize>,

    /// Sentences that a window has in common with the one before it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub overlap: usize,

    /// What computes.
    #[arg(long, value_name = "DEVICE", default_value = "flex")]
    pub device: String,

    /// Texts; without any and without files, or as `-`, one a line from stdin.
    #[arg(value_name = "TEXT")]
    pub texts: Vec<String>,
}

/// A count that is not 0.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// How answers are generated; the keys of `[evaluation]`.
#[derive(Clone, Debug, Args)]
pub struct GenerationArgs {
    /// An answer is cut after so many tokens.
    #[arg(long, value_name = "N", default_value_t = 640)]
    pub max_new_tokens: usize,

    /// Cached tokens at a time: answers wait for room.
    #[arg(long, value_name = "N", default_value_t = 32_768)]
    pub budget_tokens: usize,

    /// Draw tokens, from logits divided by this; 0 takes the likeliest.
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    pub temperature: f64,

    /// Draw from the K likeliest tokens; 0: from all.
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub top_k: usize,

    /// Draw from the likeliest tokens that together have the probability P.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub top_p: f64,

    /// Draw from tokens that have the part P of the likeliest one's probability.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub min_p: f64,

    /// Make what stands in prompt or answer less likely by this factor.
    #[arg(long, value_name = "F", default_value_t = 1.0)]
    pub repetition_penalty: f64,

    /// Decides the draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// End an answer behind this string; may be given several times.
    #[arg(long = "stop", value_name = "STRING")]
    pub stop: Vec<String>,
}

/// `knowcoder report`.
#[derive(Clone, Debug, Args)]
pub struct Report {
    /// A run directory; with --table several, those of `evaluate` and `baseline` too.
    #[arg(value_name = "RUN", required_unless_present = "table")]
    pub runs: Vec<PathBuf>,

    /// Compare with another run, or with a directory of predictions: `RUN/predictions/base`.
    #[arg(long, value_name = "OTHER", conflicts_with = "table")]
    pub against: Option<PathBuf>,

    /// Print this table of `CONFIGS/benchmarks` with the runs in it, in place of a page; `list` names
    /// them.
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,

    /// Print the table as Markdown.
    #[arg(long, requires = "table")]
    pub markdown: bool,

    /// How to score our rows of the table.
    #[arg(long, value_name = "P", default_value = "set", requires = "table")]
    pub protocol: Protocol,

    /// The folder of configurations, in which `benchmarks/NAME.toml` lie.
    #[arg(long, value_name = "DIR", default_value = "configs", requires = "table")]
    pub configs: PathBuf,
}

/// One rank.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// The run's directory.
    #[arg(long)]
    pub run_dir: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,

    /// This rank; without it, `--world` and `--rendezvous`, what torchrun, SLURM or Open MPI say.
    #[arg(long, requires_all = ["world", "rendezvous"])]
    pub rank: Option<usize>,

    /// How many ranks there are.
    #[arg(long, requires_all = ["rank", "rendezvous"])]
    pub world: Option<usize>,

    /// This rank's number among those of its machine, which is that of its GPU; without it, the rank.
    #[arg(long, value_name = "N", requires = "rank")]
    pub local_rank: Option<usize>,

    /// How many ranks its machine has; without it, all.
    #[arg(long, value_name = "N", requires = "rank", value_parser = clap::value_parser!(u32).range(1..))]
    pub local_world: Option<u32>,

    /// End behind this phase, counted from 1, with exit code 0, and answer nothing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub through_phase: Option<u32>,

    /// Let this checkpoint answer what the directory's `evaluation.lock` asks, and train nothing.
    #[arg(long, value_name = "DIR")]
    pub evaluate: Option<PathBuf>,

    /// Sum nothing of meaning with the other ranks that compute on devices called so, let rank 0 say how fast that
    /// is, and train nothing.
    #[arg(long, value_name = "DEVICE", conflicts_with = "evaluate")]
    pub measure: Option<String>,

    /// Where rank 0 hosts, `host:port`.
    #[arg(long, requires_all = ["rank", "world"])]
    pub rendezvous: Option<String>,

    /// The how-manieth start of the run this is; what a later one trusts is left alone once that has begun.
    #[arg(long)]
    pub generation: Option<u32>,

    /// Who carries the sums between ranks: auto, tcp or nccl.
    #[arg(long, default_value = "auto", value_parser = carrier)]
    pub collective: Carrier,

    /// What ranks hold a share of: 0 nothing, 1 the optimizer's state, 2 gradients, too.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=2))]
    pub zero_stage: u8,

    /// MiB of gradients that are summed at a time.
    #[arg(long, default_value_t = 25)]
    pub bucket_mib: usize,

    /// Seconds for all ranks to come together.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub join_seconds: u64,

    /// Seconds for an operation over ranks, the others' way to it included.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub operation_seconds: u64,

    /// Seconds for the next byte of what a rank has begun to send.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub stall_seconds: u64,
}

/// `collective` of a cluster file.
fn carrier(name: &str) -> Result<Carrier, String> {
    Carrier::named(name).ok_or_else(|| format!("unknown collective `{name}`"))
}

/// `a.b=c`, checked for its shape only: the recipe knows its keys.
fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("expected KEY=VALUE, such as optimizer.learning_rate=1e-3".to_owned()),
    }
}

fn task(name: &str) -> Result<Task, String> {
    match name {
        "ner" => Ok(Task::Ner),
        "re" => Ok(Task::Re),
        "ed" => Ok(Task::Ed),
        "eae" => Ok(Task::Eae),
        _ => Err("known are ner, re, ed and eae".to_owned()),
    }
}
