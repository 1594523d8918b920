//! A driver on this machine that outlasts the terminal which started it.

use super::{Job, QueueState, Rendered};
use crate::error::{Error, exit};

/// Drivers that are processes of this machine, in a session of their own.
pub struct Detached;

impl super::Queue for Detached {
    fn render(&self, _job: &Job) -> Result<Vec<Rendered>, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn submit(&self, _job: &Job) -> Result<Vec<String>, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn state(&self, _ids: &[String]) -> Result<QueueState, Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }

    fn cancel(&self, _ids: &[String], _now: bool) -> Result<(), Error> {
        Err(Error::new(exit::BUG, "not built yet"))
    }
}
