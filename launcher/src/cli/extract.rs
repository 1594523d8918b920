//! What `knowcoder extract` can be asked.

use super::{language, positive, task};
use clap::Args;
use data_pipeline::Task;
use std::path::PathBuf;

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
    #[arg(long, value_name = "CODE", default_value = "en", value_parser = language)]
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

/// How answers are generated; the keys of `[evaluation]`.
#[derive(Clone, Debug, Args)]
pub struct GenerationArgs {
    /// An answer is cut after so many tokens.
    #[arg(long, value_name = "N", default_value_t = 640, value_parser = positive)]
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
