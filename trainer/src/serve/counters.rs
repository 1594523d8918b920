//! What an engine has done, and what it has to do: numbers that any thread may read at any time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The numbers of an engine, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests that wait for a row.
    pub waiting: usize,
    /// Requests in work.
    pub in_work: usize,
    /// Requests that were taken, ever.
    pub taken: u64,
    /// Requests that were answered to the end.
    pub answered: u64,
    /// Requests whose asker went away before.
    pub withdrawn: u64,
    /// Requests whose time was over before.
    pub late: u64,
    /// Requests that were not taken, because too many waited.
    pub refused: u64,
    /// Tokens of prompts that were taken.
    pub prompt_tokens: u64,
    /// Tokens that were generated.
    pub answer_tokens: u64,
}

/// The same, as they change.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub waiting: AtomicUsize,
    pub in_work: AtomicUsize,
    pub taken: AtomicU64,
    pub answered: AtomicU64,
    pub withdrawn: AtomicU64,
    pub late: AtomicU64,
    pub refused: AtomicU64,
    pub prompt_tokens: AtomicU64,
    pub answer_tokens: AtomicU64,
    /// Of those that were answered: in work, together.
    pub microseconds: AtomicU64,
}

impl Counters {
    pub(super) fn stats(&self) -> Stats {
        Stats {
            waiting: self.waiting.load(Relaxed),
            in_work: self.in_work.load(Relaxed),
            taken: self.taken.load(Relaxed),
            answered: self.answered.load(Relaxed),
            withdrawn: self.withdrawn.load(Relaxed),
            late: self.late.load(Relaxed),
            refused: self.refused.load(Relaxed),
            prompt_tokens: self.prompt_tokens.load(Relaxed),
            answer_tokens: self.answer_tokens.load(Relaxed),
        }
    }

    /// When there may be room again: as long as those that wait will take, going by those before;
    /// whole seconds, 1 to 60.
    pub(super) fn patience(&self, rows: usize) -> u64 {
        let answered = self.answered.load(Relaxed).max(1);
        let each = Duration::from_micros(self.microseconds.load(Relaxed) / answered).as_secs_f64();
        let turns = self.waiting.load(Relaxed) as f64 / rows.max(1) as f64;
        ((each * turns).ceil() as u64).clamp(1, 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_goes_by_what_was_answered() {
        let counters = Counters::default();
        assert_eq!(counters.patience(4), 1, "nothing is known yet");
        counters.answered.store(2, Relaxed);
        counters.microseconds.store(6_000_000, Relaxed);
        counters.waiting.store(8, Relaxed);
        assert_eq!(counters.patience(4), 6, "three seconds each, two turns");
        counters.waiting.store(800, Relaxed);
        assert_eq!(counters.patience(4), 60);
    }
}
