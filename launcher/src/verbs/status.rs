//! `knowcoder status`: how a run is.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn status(_args: &cli::Status) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
