//! What `knowcoder score` can be asked.

use clap::{Args, ValueEnum};
use data_pipeline::score::Protocol;
use std::path::PathBuf;

/// `knowcoder score`.
#[derive(Clone, Debug, Default, Args)]
pub struct Score {
    /// Files of predictions; `-` is stdin.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// How to score; may be given several times.
    #[arg(long = "protocol", value_name = "P", default_value = "set", conflicts_with = "panel")]
    pub protocols: Vec<Protocol>,

    /// Score under every protocol, side by side.
    #[arg(long)]
    pub panel: bool,

    /// Files of another run on the same sentences: say how far the two differ, and how likely that is chance.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub against: Vec<PathBuf>,

    /// Score each class (type), the sets of each language, the languages of each dataset (source).
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<By>,

    /// Languages that were trained on, such as `en,zh`: means over them and over the others.
    #[arg(long, value_name = "LANGUAGES", value_delimiter = ',')]
    pub seen: Vec<String>,

    /// Compare the heads of mentions under `set` and `strict-span`: their last word, in English the last
    /// before a preposition. A rule of our own, not KnowCoder's, which asks a parser.
    #[arg(long)]
    pub heads: bool,

    /// Compare the types of the heads and tails of relations, too.
    #[arg(long)]
    pub strict: bool,
}

/// What scores are told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Each class, and the mean of all.
    Type,
    /// The sets of a language together.
    Language,
    /// The languages of a dataset together.
    Source,
}
