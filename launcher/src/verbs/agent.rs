//! `knowcoder agent`: one node of a run.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn agent(_args: &cli::Agent) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
