//! `knowcoder drive`: a submitted run, where it happens.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};

/// To be built.
pub fn drive(_args: &cli::Drive) -> Result<Answer, Error> {
    Err(Error::new(exit::BUG, "not built yet"))
}
