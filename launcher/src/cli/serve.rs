//! What `knowcoder serve` can be asked.

use super::positive;
use clap::Args;
use std::path::PathBuf;

/// `knowcoder serve`.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// A checkpoint directory of a run.
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,

    /// Classes that `/extract` and the page know by the name of their file; may be given several times.
    /// The first one is meant where a request names none.
    #[arg(long = "schema", value_name = "FILE.py")]
    pub schemas: Vec<PathBuf>,

    /// Where to listen: an address, or a name of this machine.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// The port; 0 takes any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 8765)]
    pub port: u16,

    /// The environment variable with the token that requests must show, as `Authorization: Bearer TOKEN`.
    #[arg(long, value_name = "NAME")]
    pub token_env: Option<String>,

    /// Serve other machines without a token.
    #[arg(long, conflicts_with = "token_env")]
    pub no_token: bool,

    /// What the model is called; without it, the name of its directory.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// What computes.
    #[arg(long, value_name = "DEVICE", default_value = "flex")]
    pub device: String,

    /// Answers in work at a time.
    #[arg(long, value_name = "N", default_value = "32", value_parser = positive)]
    pub rows: usize,

    /// Cached tokens at a time: answers wait for room.
    #[arg(long, value_name = "N", default_value = "32768", value_parser = positive)]
    pub budget_tokens: usize,

    /// Prompts that wait; whoever comes then is told to come again later (429).
    #[arg(long, value_name = "N", default_value = "256", value_parser = positive)]
    pub queue: usize,

    /// The most tokens of an answer, and what a request gets that does not say how many it wants.
    #[arg(long, value_name = "N", default_value = "640", value_parser = positive)]
    pub max_new_tokens: usize,

    /// The most KiB of a request (413).
    #[arg(long, value_name = "KIB", default_value = "1024", value_parser = positive)]
    pub max_body_kib: usize,

    /// Seconds after which a request has no answer (504).
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,

    /// Seconds that work has to end after a request to stop.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub drain: u64,
}
