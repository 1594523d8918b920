//! What a run is asked for while it goes on: to save and stop, or to save and go on.
//!
//! Signals set flags. Files of the run directory, `stop` and `save`, do the same for whoever cannot send a
//! signal; they go when what they ask for is done, so that a script can wait for that. A request that one
//! rank hears is every rank's: they tell each other with the sums of a step. A drill is one rank's own.

use crate::{Error, RunDir};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

/// The flags of one rank.
#[derive(Debug, Default)]
pub struct Requests {
    /// To save and stop; stays set.
    pub stop: AtomicBool,
    /// To save and go on; taken back when a checkpoint begins.
    pub save: AtomicBool,
    /// What is to go wrong.
    pub drills: Drills,
}

/// What one rank is asked to let go wrong, once each.
#[derive(Debug, Default)]
pub struct Drills {
    /// The loss of its next step is no number.
    pub nan: AtomicBool,
    /// Its next checkpoint meets a full disk.
    pub full_disk: AtomicBool,
}

impl Requests {
    /// Nothing is asked for.
    pub const fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
            save: AtomicBool::new(false),
            drills: Drills { nan: AtomicBool::new(false), full_disk: AtomicBool::new(false) },
        }
    }
}

/// When a file was last written to, which tells a request from the one before it.
pub fn made(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|it| it.modified()).ok()
}

/// Removes the file of a request, if it is there.
pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::write(path)(error))
        }
        _ => Ok(()),
    }
}

/// The files of requests, as the first rank takes them away.
#[derive(Debug)]
pub struct Wishes {
    /// `None` on other ranks.
    files: Option<(PathBuf, PathBuf)>,
    /// The request to save that was there when the newest checkpoint began.
    heard: Option<SystemTime>,
}

impl Wishes {
    /// For a rank of the run.
    pub fn new(run_dir: &RunDir, rank: usize) -> Self {
        let files = (rank == 0).then(|| (run_dir.stop(), run_dir.save()));
        Self { files, heard: None }
    }

    /// A checkpoint begins: it is what whoever asked until now wants.
    pub fn heard(&mut self) {
        self.heard = self.files.as_ref().and_then(|(_, save)| made(save));
    }

    /// It is complete. A request that came after it began stays.
    pub fn fulfilled(&mut self) -> Result<(), Error> {
        match (&self.files, self.heard.take()) {
            (Some((_, save)), Some(heard)) if made(save) == Some(heard) => remove(save),
            _ => Ok(()),
        }
    }

    /// The run has ended, and all of it is saved.
    pub fn ended(&self) -> Result<(), Error> {
        let Some((stop, save)) = &self.files else { return Ok(()) };
        remove(stop)?;
        remove(save)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    /// Makes the file of a request at the given second.
    fn ask(path: &Path, second: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        File::create(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_request_goes_when_it_is_fulfilled_and_a_later_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut wishes = Wishes::new(&run_dir, 0);
        wishes.heard();
        ask(&run_dir.save(), 1);
        wishes.fulfilled().unwrap();
        assert!(run_dir.save().exists(), "asked after the checkpoint had begun");
        wishes.heard();
        ask(&run_dir.save(), 2);
        wishes.fulfilled().unwrap();
        assert!(run_dir.save().exists(), "asked again while it was written");
        wishes.heard();
        wishes.fulfilled().unwrap();
        assert!(!run_dir.save().exists());
        ask(&run_dir.stop(), 3);
        Wishes::new(&run_dir, 1).ended().unwrap();
        assert!(run_dir.stop().exists(), "another rank takes nothing away");
        wishes.ended().unwrap();
        wishes.ended().unwrap();
        assert!(!run_dir.stop().exists());
    }
}
