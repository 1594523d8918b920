//! Trials that fail for a reason that is none of theirs.

use super::state::{Fate, State};
use crate::error::{Error, exit};

/// So many trials that fail before one has come to anything are no accident.
const ACCIDENTS: usize = 3;

/// Refuses to go on where trials fail for a reason that is none of theirs.
pub fn check(state: &State) -> Result<(), Error> {
    let mut failed = state.trials.iter().filter_map(|trial| match &trial.fate {
        // Values that need too much memory, or diverge, are the trial's own reason.
        Fate::Failed { code, cause, out_of_memory: false } if *code != exit::DIVERGED => {
            Some((trial.number, *code, cause))
        }
        _ => None,
    });
    if state.trials.iter().any(|trial| trial.newest().is_some()) {
        return Ok(());
    }
    match failed.nth(ACCIDENTS - 1) {
        None => Ok(()),
        Some((trial, code, cause)) => {
            let message = format!(
                "{ACCIDENTS} trials failed and none came to anything; trial {trial}: {cause}"
            );
            Err(Error::new(code, message)
                .hint("see the folder `logs` of the sweep; mend it, and begin with another --out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::definition::tests::specimen;
    use super::super::log::Event;
    use super::super::state::tests::{add, asked};
    use super::*;

    #[test]
    fn trials_that_diverge_or_need_too_much_memory_do_not_end_a_sweep_and_others_do() {
        let sweep = specimen();
        let failing = |code: u8, out_of_memory: bool| {
            let mut state = State::default();
            for trial in 0..ACCIDENTS {
                asked(&mut state, &sweep, trial);
                let (cause, again, seconds) = ("no GPU".to_owned(), false, 0.0);
                let event =
                    Event::Failed { trial, seed: 5, code, cause, again, out_of_memory, seconds };
                add(&mut state, &sweep, event);
            }
            check(&state)
        };
        assert_eq!(failing(69, true), Ok(()));
        assert_eq!(failing(exit::DIVERGED, false), Ok(()));
        assert!(failing(69, false).is_err_and(|error| error.message.ends_with("no GPU")));
    }
}
