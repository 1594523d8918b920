//! `knowcoder drill`: makes something go wrong.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn drill(_args: &cli::Drill) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
