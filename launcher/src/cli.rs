//! The command line: what can be asked, and nothing that cannot be answered yet.
//!
//! No flag sets a hyperparameter: those stand in the recipe, and `--set` changes one of its values
//! by name.

use crate::error::exit;
use clap::{Args, Parser, Subcommand};
use data_pipeline::Task;
use data_pipeline::order::Share;
use data_pipeline::score::Protocol;
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
    /// Say what a run would do: batches, memory, bytes on the wire, ranks. Changes nothing.
    #[command(after_help = exit::HELP)]
    Plan(Plan),
    /// Check, count, prepare and look at data.
    #[command(subcommand, disable_help_subcommand = true, after_help = exit::HELP)]
    Data(Data),
    /// Let a checkpoint answer benchmarks: predictions and scores.
    #[command(after_help = exit::HELP)]
    Evaluate(Evaluate),
    /// Score predictions again; no model is needed.
    #[command(after_help = exit::HELP)]
    Score(Score),
    /// Use a model: JSON Lines of objects with offsets.
    #[command(after_help = exit::HELP)]
    Extract(Extract),
    /// Write a run as one self-contained HTML page.
    #[command(after_help = exit::HELP)]
    Report(Report),
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
}

/// `knowcoder plan`.
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
}

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

    /// How to score; may be given several times.
    #[arg(long = "protocol", value_name = "P", default_value = "set")]
    pub protocols: Vec<Protocol>,

    /// Show demonstrations from training text with so many mentions of each class; without it, as
    /// in training.
    #[arg(long, value_name = "K")]
    pub shots: Option<usize>,

    /// Show the N-th paraphrase of each description, from 1; without it, the schema's own.
    #[arg(long, value_name = "N")]
    pub paraphrase: Option<usize>,

    /// The bank of paraphrases; without it, that of training.
    #[arg(long, value_name = "FILE.jsonl", requires = "paraphrase")]
    pub paraphrases: Option<PathBuf>,

    #[command(flatten)]
    pub data: DataRoot,
}

/// `knowcoder score`.
#[derive(Clone, Debug, Args)]
pub struct Score {
    /// Files of predictions.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// How to score; may be given several times.
    #[arg(long = "protocol", value_name = "P", default_value = "set")]
    pub protocols: Vec<Protocol>,
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

    /// What to look for: ner, re or ed.
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

    #[command(flatten)]
    pub generation: GenerationArgs,

    /// Texts; without any, or as `-`, one a line from stdin.
    #[arg(value_name = "TEXT")]
    pub texts: Vec<String>,
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
    /// A run directory.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

/// One rank.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// The run's directory.
    #[arg(long)]
    pub run_dir: PathBuf,

    #[command(flatten)]
    pub data: DataRoot,

    /// This rank.
    #[arg(long)]
    pub rank: usize,

    /// How many ranks there are.
    #[arg(long)]
    pub world: usize,

    /// Where rank 0 hosts, `host:port`.
    #[arg(long)]
    pub rendezvous: String,

    /// The how-manieth start of the run this is.
    #[arg(long, default_value_t = 0)]
    pub generation: u32,
}

/// `a.b=c`, checked for its shape only: the recipe knows its keys.
fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("expected KEY=VALUE, such as optimizer.learning_rate=1e-3".to_owned()),
    }
}

/// `2/8` is the second of eight.
fn share(text: &str) -> Result<Share, String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((part, count)) if (1..=count).contains(&part) => Ok(Share { index: part - 1, count }),
        _ => Err("expected K/N with K from 1 to N, such as 2/8".to_owned()),
    }
}

fn task(name: &str) -> Result<Task, String> {
    match name {
        "ner" => Ok(Task::Ner),
        "re" => Ok(Task::Re),
        "ed" => Ok(Task::Ed),
        // The triggers, which its prompt contains, cannot be given on a command line.
        "eae" => Err("arguments need triggers: use `evaluate` on an annotated set".to_owned()),
        _ => Err("known are ner, re and ed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("knowcoder").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_is_understood() {
        for line in [
            "run configs/quickstart.toml",
            "run r.toml --cluster c.toml --run-dir runs/x --data-root d --set a.b=c --set d=e",
            "run r.toml --dry-run --json",
            "--json plan r.toml --cluster c.toml",
            "data validate",
            "data stats cluener configs/datasets/wnut17.toml --json",
            "data fetch wnut17 uner-zh --accept-licence --data-root d",
            "data concepts wnut17 --json",
            "data prepare r.toml --run-dir runs/x",
            "data stats --all --tokenizer t.model --html s.html --ascii --histograms",
            "data prepare r.toml --data-root s3://b/corpora --out s3://b/x --cache-dir c",
            "data inspect s3://b/x/prepared/0-instruction --cache-dir c",
            "run r.toml --shards s3://b/x --data-root gs://b/corpora",
            "data prepare r.toml --share 8/8",
            "data prepare r.toml --share 1/8 --out s3://b/x",
            "data inspect runs/x/prepared/0-instruction --row 7",
            "data inspect runs/x --phase instruction --id a/1 --group --html r.html",
            "data inspect r.toml --find Ann --rows 10 --set a.b=c --json",
            "data inspect wnut17:test --random --seed 3 --tokenizer t.model",
            "data parallel configs/parallel/cluener-en.toml --dry-run --json --data-root d",
            "data paraphrase s.py --bank b.jsonl --check",
            "evaluate --checkpoint c --benchmark a b:test --benchmark c",
            "evaluate --checkpoint c --benchmark a --shots 3 --paraphrase 1 --paraphrases b.jsonl",
            "score a.jsonl b.jsonl --protocol set --protocol strict-span",
            "extract --checkpoint c --schema s.py --task re one two",
            "extract --checkpoint c --schema s.py --shots f.jsonl -",
            "report runs/x",
            "worker --run-dir runs/x --rank 1 --world 2 --rendezvous 127.0.0.1:4000",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn what_is_not_understood_ends_with_2() {
        for (line, kind) in [
            ("run", ErrorKind::MissingRequiredArgument),
            ("run r.toml --sets a=b", ErrorKind::UnknownArgument),
            ("run r.toml --set learning_rate", ErrorKind::ValueValidation),
            ("run r.toml --set =1", ErrorKind::ValueValidation),
            ("runn r.toml", ErrorKind::InvalidSubcommand),
            // Verbs that are not there yet are not half there.
            ("sweep start x.toml", ErrorKind::InvalidSubcommand),
            ("data prepare r.toml --share 0/8", ErrorKind::ValueValidation),
            ("data prepare r.toml --share 9/8", ErrorKind::ValueValidation),
            ("data prepare r.toml --share 2", ErrorKind::ValueValidation),
            ("data fetch", ErrorKind::MissingRequiredArgument),
            ("data inspect x --row minus-one", ErrorKind::ValueValidation),
            ("data inspect x --row 1 --random", ErrorKind::ArgumentConflict),
            ("data inspect x --rows 0", ErrorKind::ValueValidation),
            ("data stats wnut17 --all", ErrorKind::ArgumentConflict),
            ("evaluate --checkpoint c", ErrorKind::MissingRequiredArgument),
            ("score", ErrorKind::MissingRequiredArgument),
            ("score a.jsonl --protocol sett", ErrorKind::ValueValidation),
            ("extract --checkpoint c --schema s.py --task eae x", ErrorKind::ValueValidation),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}");
            assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{line}");
        }
    }

    #[test]
    fn help_tells_the_exit_codes_and_hides_the_worker() {
        let help = Cli::command().render_help().to_string();
        assert!(help.contains("76  stopped with a checkpoint"));
        assert!(!help.contains("worker"));
        for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let help = verb.clone().render_help().to_string();
            assert!(help.contains("Exit codes:"), "{}", verb.get_name());
        }
    }
}
