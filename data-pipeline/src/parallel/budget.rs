//! What a job may take, and what it is likely to take.
//!
//! A question is asked only if the longest reply that it may have still fits: the limit holds even
//! when every reply is as long as it can be. A token is at least one byte, so bytes bound tokens.

use super::config::Budget;
use super::transcript::Usage;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many tokens `text` is likely to be: four ASCII characters to one, any other character one.
pub fn likely_tokens(text: &str) -> u64 {
    let ascii = text.chars().filter(char::is_ascii).count();
    let others = text.chars().count() - ascii;
    (ascii.div_ceil(4) + others) as u64
}

/// Tokens that a message takes beside its text, at most.
const AROUND: u64 = 16;

/// How many tokens the messages of a request can be at most.
pub fn most_tokens(texts: &[&str]) -> u64 {
    texts.iter().map(|text| text.len() as u64 + AROUND).sum()
}

/// What may come of asking for a part of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It is set aside.
    Granted,
    /// The budget does not hold it, and nothing on the way can give any back.
    Exhausted,
    /// Somebody wants to stop.
    Stopped,
}

/// A budget from which threads take.
#[derive(Debug)]
pub struct Purse {
    tokens: Option<u64>,
    /// In billionths.
    cost: Option<u64>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    spent_tokens: u64,
    spent_cost: u64,
    held_tokens: u64,
    held_cost: u64,
    flying: usize,
}

impl Purse {
    /// A budget of which `spent` is gone.
    pub fn new(budget: Budget, spent: Usage) -> Self {
        let state =
            State { spent_tokens: spent.tokens(), spent_cost: spent.cost, ..State::default() };
        Self {
            tokens: budget.tokens,
            cost: budget.money.map(|money| (money * 1e9).round() as u64),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Sets `tokens` and `cost` aside for a question, once it is sure that they are there.
    pub fn take(&self, tokens: u64, cost: u64, stop: &dyn Fn() -> bool) -> Permit {
        let mut state = self.state();
        loop {
            if stop() {
                return Permit::Stopped;
            }
            let fits = |limit: Option<u64>, sum: u64| limit.is_none_or(|limit| sum <= limit);
            if fits(self.tokens, state.spent_tokens + state.held_tokens + tokens)
                && fits(self.cost, state.spent_cost + state.held_cost + cost)
            {
                state.held_tokens += tokens;
                state.held_cost += cost;
                state.flying += 1;
                return Permit::Granted;
            }
            if state.flying == 0 {
                return Permit::Exhausted;
            }
            // A reply that is shorter than it might be gives some back.
            let waited = self.changed.wait_timeout(state, Duration::from_millis(100));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Puts back what was set aside and takes what was used.
    pub fn settle(&self, tokens: u64, cost: u64, used: Usage) {
        let mut state = self.state();
        state.held_tokens -= tokens;
        state.held_cost -= cost;
        state.flying -= 1;
        state.spent_tokens += used.tokens();
        state.spent_cost += used.cost;
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_estimated_and_bounded() {
        assert_eq!(likely_tokens("eight ch"), 2);
        assert_eq!(likely_tokens("瓦萨号 is"), 4);
        assert_eq!(most_tokens(&["瓦萨号", "ab"]), 9 + 2 + 32);
    }

    #[test]
    fn nothing_is_asked_that_might_not_be_paid() {
        let go = || false;
        let budget = Budget { tokens: Some(100), money: Some(1e-6) };
        let purse = Purse::new(budget, Usage { prompt: 40, ..Usage::default() });
        assert_eq!(purse.take(61, 0, &go), Permit::Exhausted);
        assert_eq!(purse.take(60, 1_000, &go), Permit::Granted);
        purse.settle(60, 1_000, Usage { prompt: 5, completion: 5, lost: 0, cost: 900 });
        assert_eq!(purse.take(50, 101, &go), Permit::Exhausted);
        assert_eq!(purse.take(50, 100, &go), Permit::Granted);
        assert_eq!(purse.take(1, 1, &|| true), Permit::Stopped);
    }

    #[test]
    fn without_a_limit_everything_is_granted() {
        let go = || false;
        let purse = Purse::new(Budget::default(), Usage::default());
        assert_eq!(purse.take(u64::MAX / 4, u64::MAX / 4, &go), Permit::Granted);
    }
}
