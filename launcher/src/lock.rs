//! One launcher at a time in a run directory.
//!
//! The lock belongs to the open file and ends with the process, however that ends: there is no
//! stale lock to remove by hand.

use crate::error::{Error, exit};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// How often a lock that is taken is tried again, and how soon: whoever only looks whether it is held has
/// it for a moment.
const AGAIN: (usize, Duration) = (5, Duration::from_millis(20));

/// The way out where a run directory is taken.
const ANOTHER_RUN: &str = "wait for it, or give this run another --run-dir";

/// A run directory that is ours until this is dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Locks the file at `path`, or says who holds it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        Self::lock(path, File::try_lock, "", ANOTHER_RUN)
    }

    /// Locks the file at `path` in the directory of an evaluation.
    pub fn take_evaluation(path: &Path) -> Result<Self, Error> {
        Self::lock(path, File::try_lock, "", "wait for it, or give this evaluation another --out")
    }

    /// Locks the file at `path` in the folder of a job, which its file names.
    pub fn take_job(path: &Path) -> Result<Self, Error> {
        Self::lock(path, File::try_lock, "", "wait for it, or give this job another `job.out`")
    }

    /// Locks the file at `path` in the directory of a sweep.
    pub fn take_sweep(path: &Path) -> Result<Self, Error> {
        Self::lock(path, File::try_lock, "", "wait for it, or work beside it with --worker")
    }

    /// Locks the file at `path` as one of several that share the run directory, and nobody else.
    pub fn take_share(path: &Path) -> Result<Self, Error> {
        Self::lock(path, File::try_lock_shared, "a share of its preparation, ", ANOTHER_RUN)
    }

    fn lock(
        path: &Path,
        lock: fn(&File) -> Result<(), TryLockError>,
        what: &str,
        hint: &str,
    ) -> Result<Self, Error> {
        let write = |error| Error::from(data_pipeline::Error::write(path)(error));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(write)?;
        match patiently(&file, lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is helps; that it cannot be read changes nothing.
                let _ = file.read_to_string(&mut holder);
                let run_dir = path.parent().unwrap_or(path).display();
                let message = format!("`{run_dir}` is in use by {}", holder.trim());
                return Err(Error::new(exit::TRANSIENT, message).hint(hint));
            }
            Err(TryLockError::Error(error)) => return Err(write(error)),
        }
        file.set_len(0).map_err(write)?;
        writeln!(file, "{what}process {}", std::process::id()).map_err(write)?;
        Ok(Self { _file: file })
    }
}

fn patiently(file: &File, lock: fn(&File) -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    let (times, pause) = AGAIN;
    for _ in 1..times {
        match lock(file) {
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
            other => return other,
        }
    }
    lock(file)
}

/// Who works alone in the run directory whose lock is at `path`, in the lock's words; `None`: nobody.
pub fn holder(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who it is helps; that it is held is what counts.
            let _ = file.read_to_string(&mut holder);
            Some(holder.trim().to_owned())
        }
        // Ours for a moment, or a file system without locks.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_launcher_is_told_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = RunLock::take(&path).unwrap();
        let error = RunLock::take(&path).unwrap_err();
        let expected = format!("is in use by process {}", std::process::id());
        assert!(error.message.ends_with(&expected), "{error}");
        assert_eq!(error.code, exit::TRANSIENT);
        // A job has no --run-dir.
        let error = RunLock::take_job(&path).unwrap_err();
        assert!(error.hint.is_some_and(|hint| hint.contains("`job.out`")));
        assert_eq!(holder(&path), Some(format!("process {}", std::process::id())));
        drop(first);
        assert_eq!(holder(&path), None);
        assert_eq!(holder(&dir.path().join("none")), None);
        RunLock::take(&path).unwrap();
    }
    #[test]
    fn shares_go_together_and_with_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let shares = [RunLock::take_share(&path).unwrap(), RunLock::take_share(&path).unwrap()];
        let error = RunLock::take(&path).unwrap_err();
        assert!(error.message.contains("is in use by a share of its preparation, "), "{error}");
        drop(shares);
        let _alone = RunLock::take(&path).unwrap();
        assert!(RunLock::take_share(&path).is_err());
    }
}
