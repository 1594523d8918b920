//! `knowcoder resume`: continues a run.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn resume(_args: &cli::Resume) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
