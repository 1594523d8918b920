//! `knowcoder why`: the first cause.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn why(_args: &cli::Why) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
