//! `knowcoder cancel`: asks a run to stop.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn cancel(_args: &cli::Cancel) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
