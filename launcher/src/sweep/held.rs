//! The log while it is ours to add to.

use super::claims::Claim;
use super::log::{Event, Log, read};
use super::state::State;
use super::telling;
use super::trial::Setting;
use crate::error::{Error, exit};

/// The log, and what it comes to, as long as nobody takes the claim on it.
pub struct Held<'a> {
    /// What all lines so far come to.
    pub state: State,
    setting: &'a Setting,
    log: Log,
    claim: Claim,
}

/// Why nothing was added.
#[derive(Debug)]
pub enum Unwritten {
    /// Somebody took us for dead and writes now: what follows from the log is to be found again.
    Taken,
    /// Another reason.
    Failed(Error),
}

impl From<Error> for Unwritten {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Held<'a> {
    /// The log of a sweep, ours by `claim`.
    pub fn open(setting: &'a Setting, claim: Claim) -> Result<Self, Error> {
        let path = setting.folder.log();
        let log = Log::open(&path)?;
        let state = State::of(&read(&path)?, &setting.sweep);
        Ok(Self { state, setting, log, claim })
    }

    /// Adds events: all of them, or none.
    pub fn add(&mut self, events: Vec<Event>) -> Result<(), Unwritten> {
        if !self.is_ours()? {
            return Err(Unwritten::Taken);
        }
        for line in self.log.add(events)? {
            self.state.take(&line, &self.setting.sweep);
            telling::say(&line, self.setting);
        }
        Ok(())
    }

    /// Shows that its owner lives, and looks whether it still is ours.
    fn is_ours(&mut self) -> Result<bool, Error> {
        let failed = |error: std::io::Error| {
            let message = format!("failed to look who has the log of the sweep: {error}");
            Error::new(exit::TRANSIENT, message)
        };
        Ok(self.claim.beat() && self.claim.is_ours().map_err(failed)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::claims::Claims;
    use super::super::trial::tests::setting;
    use super::*;

    #[test]
    fn who_lost_the_log_adds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let setting = setting(folder.path());
        let mut claims = Claims::open(&setting.folder.claims()).unwrap();
        let claim = claims.take("log").unwrap().unwrap();
        let mut held = Held::open(&setting, claim).unwrap();
        let asked = |trial: usize| vec![Event::Asked { trial, values: Default::default() }];
        held.add(asked(0)).unwrap();
        assert_eq!(held.state.trials.len(), 1);
        // Somebody heard nothing of us for long enough, and has it now.
        let path = setting.folder.claims().join("log");
        std::fs::remove_dir_all(&path).unwrap();
        let theirs = claims.take("log").unwrap().unwrap();
        assert!(matches!(held.add(asked(1)), Err(Unwritten::Taken)));
        assert_eq!(read(&setting.folder.log()).unwrap().len(), 1);
        assert_eq!(held.state.trials.len(), 1);
        drop(held);
        assert!(theirs.is_ours().unwrap(), "what is another's stays");
        let mut again = Held::open(&setting, theirs).unwrap();
        again.add(asked(1)).unwrap();
        assert_eq!(read(&setting.folder.log()).unwrap().len(), 2);
    }
}
