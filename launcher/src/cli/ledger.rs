//! What `knowcoder ledger` can be asked.

use crate::error::exit;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `knowcoder ledger`.
#[derive(Clone, Debug, Subcommand)]
pub enum Ledger {
    /// Hold two runs against each other: the same rows in the same places, with the same losses?
    #[command(after_help = exit::HELP)]
    Diff(LedgerDiff),
    /// Hold a run against its recipe: every row once, at its place, with the ids of its shard?
    #[command(after_help = exit::HELP)]
    Prove(LedgerProve),
}

/// `knowcoder ledger diff`.
#[derive(Clone, Debug, Args)]
pub struct LedgerDiff {
    /// The directory of a run, done or not.
    #[arg(value_name = "RUN")]
    pub a: PathBuf,

    /// The directory of another one.
    #[arg(value_name = "OTHER")]
    pub b: PathBuf,

    /// How far the losses of a row may be apart, relative to the larger one or to 1; 0 wants the
    /// same bits, as runs on the same number of ranks have them.
    #[arg(long, value_name = "R", default_value = "1e-4", value_parser = tolerance)]
    pub tolerance: f64,

    /// Compare the steps that both have: one run may be farther than the other.
    #[arg(long)]
    pub so_far: bool,
}

/// `knowcoder ledger prove`.
#[derive(Clone, Debug, Args)]
pub struct LedgerProve {
    /// The directory of a run, done or not.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value >= 0.0 => Ok(value),
        _ => Err("expected a number from 0 up".to_owned()),
    }
}
