//! Who is asked when the sums of another carrier stand still.

use super::{Collective, CollectiveError, Moment};
use std::fmt;
use std::time::Duration;

/// What a carrier that cannot say why it stands still asks of one that can.
///
/// The sums of [`Nccl`](super::Nccl) wait without a word when a rank is gone. The ring beside it knows.
pub trait Control: Collective {
    /// What a neighbour did that is no part of an operation, without waiting for anything.
    ///
    /// `during` is what this rank is at, for errors.
    fn news(&mut self, during: Moment) -> Option<News>;

    /// Where every rank is; who does not say so within `patience` is named.
    fn ask(
        &mut self,
        here: Whereabouts,
        patience: Duration,
    ) -> Result<Vec<Whereabouts>, CollectiveError>;

    /// As [`Collective::abort`], with a reason that the others are told, and whom to hold responsible.
    fn end(&mut self, culprit: Option<usize>, reason: &str);
}

/// What is heard of a neighbour between operations.
#[derive(Debug)]
pub enum News {
    /// It ended the collective and said why.
    Left(CollectiveError),
    /// Its connection ended without a word: it died, or it has all that it needs and is done.
    Gone(usize),
    /// It waits for an answer to [`Control::ask`].
    Asks,
}

/// What a rank is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The operation.
    pub moment: Moment,
    /// Values of it.
    pub len: u64,
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} values", self.moment, self.len)
    }
}
