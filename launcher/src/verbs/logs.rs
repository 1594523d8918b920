//! `knowcoder logs`: what ranks said.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn logs(_args: &cli::Logs) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
