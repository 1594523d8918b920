//! `knowcoder sweep`: a search for better values.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn sweep(_args: &cli::Sweep) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
