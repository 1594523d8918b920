//! Whether a run's directory is still where it was when its driver began.
//!
//! Whoever moves a directory takes along the files that are open. What is written by name afterwards would make the
//! old place anew, or change a run that somebody has begun there since.

use crate::error::{Error, exit};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For so long a file server may say of a directory that it is not there, in the midst of changes of its own.
const DOUBT: Duration = Duration::from_secs(2);

/// A directory that is held open: no other one gets its number meanwhile.
pub struct Home {
    path: PathBuf,
    held: Option<Metadata>,
    _handle: Option<File>,
    /// Since when it has not been found.
    missed: Option<Instant>,
}

impl Home {
    /// The directory at `path`. One that cannot be opened is never taken for moved.
    pub fn of(path: &Path) -> Self {
        let handle = File::open(path).ok();
        let held = handle.as_ref().and_then(|handle| handle.metadata().ok());
        Self { path: path.to_owned(), held, _handle: handle, missed: None }
    }

    /// Whether something else, or nothing, is there now.
    pub fn is_moved(&self) -> bool {
        self.held.as_ref().is_some_and(|held| is_other(held, std::fs::metadata(&self.path)))
    }

    /// Refuses to go on where the directory has been somewhere else for a while, as seen until `now`.
    pub fn check(&mut self, now: Instant) -> Result<(), Error> {
        if !self.is_moved() {
            self.missed = None;
            return Ok(());
        }
        let since = *self.missed.get_or_insert(now);
        if now.saturating_duration_since(since) < DOUBT {
            return Ok(());
        }
        let path = self.path.display();
        let message = format!("the run's directory `{path}` was moved or removed while it went on");
        Err(Error::new(exit::DECLARATION, message)
            .hint("where it lies now, `knowcoder resume` goes on from its newest checkpoint"))
    }
}

/// Whether what was `found` by name is another thing than what is held; that nothing can be said is no answer.
fn is_other(held: &Metadata, found: io::Result<Metadata>) -> bool {
    match found {
        Ok(found) => (found.dev(), found.ino()) != (held.dev(), held.ino()),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_that_is_moved_is_told_from_one_that_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let mut home = Home::of(&old);
        std::fs::write(old.join("file"), "").unwrap();
        let now = Instant::now();
        assert!(!home.is_moved());
        home.check(now).unwrap();
        std::fs::rename(&old, &new).unwrap();
        assert!(home.is_moved());
        home.check(now).unwrap();
        let error = home.check(now + DOUBT).unwrap_err();
        assert_eq!(error.code, exit::DECLARATION);
        assert!(error.message.ends_with("/old` was moved or removed while it went on"), "{error}");
        // Another one has come in its place.
        std::fs::create_dir(&old).unwrap();
        assert!(home.is_moved());
        // It is back, in time.
        std::fs::remove_dir(&old).unwrap();
        std::fs::rename(&new, &old).unwrap();
        home.check(now + DOUBT).unwrap();
        std::fs::rename(&old, &new).unwrap();
        home.check(now + 2 * DOUBT).unwrap();
    }

    #[test]
    fn what_was_never_there_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home::of(&folder.path().join("none"));
        assert!(!home.is_moved());
        home.check(Instant::now() + 2 * DOUBT).unwrap();
    }
}
