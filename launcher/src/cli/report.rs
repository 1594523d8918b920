//! What `knowcoder report` can be asked.

use clap::Args;
use data_pipeline::score::Protocol;
use std::path::PathBuf;

/// `knowcoder report`.
#[derive(Clone, Debug, Args)]
pub struct Report {
    /// A run directory; with --table several, those of `evaluate` and `baseline` too.
    #[arg(value_name = "RUN", required_unless_present = "table")]
    pub runs: Vec<PathBuf>,

    /// Compare with another run, or with a directory of predictions: `RUN/predictions/base`. Without
    /// it, the page of an earlier comparison is removed.
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
