//! `knowcoder reproduce`: does a run again.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn reproduce(_args: &cli::Reproduce) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
