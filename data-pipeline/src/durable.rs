//! Files that are complete or absent.
//!
//! Content goes to `NAME.tmp`, is forced to the disk and only then takes its name: a reader never
//! sees half a file, whenever the writer was killed.

use crate::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The name under which a file grows.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// A name beside `path` that no other process takes, on this machine or another.
pub(crate) fn unique(path: &Path) -> PathBuf {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{since:x}-{taken}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Writes `bytes` to `path` as [`write`] does, where others may write the same at the same time.
pub(crate) fn write_among_others(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let growing = unique(path);
    let written = File::create(&growing).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // Nobody else uses this name: on a full disk it must not stay.
        let _ = std::fs::remove_file(&growing);
        return Err(Error::write(&growing)(error));
    }
    std::fs::rename(&growing, path).map_err(Error::write(path))
}

/// Writes `bytes` to `path`, replacing what was there in one step.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let growing = temporary(path);
    let mut file = File::create(&growing).map_err(Error::write(&growing))?;
    file.write_all(bytes).map_err(Error::write(&growing))?;
    keep(&file, path)
}

/// Gives the finished temporary `file` of `path` its name.
pub(crate) fn keep(file: &File, path: &Path) -> Result<(), Error> {
    let growing = temporary(path);
    file.sync_all().map_err(Error::write(&growing))?;
    std::fs::rename(&growing, path).map_err(Error::write(path))?;
    // The name itself lives in the directory; not every file system lets a directory be synced.
    if let Some(directory) = path.parent().and_then(|parent| File::open(parent).ok()) {
        directory.sync_all().ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manifest.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_names_the_file_and_keeps_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manifest.json");
        write(&path, b"old").unwrap();
        std::os::unix::fs::symlink("/dev/full", temporary(&path)).unwrap();
        let error = write(&path, b"new").unwrap_err();
        assert!(matches!(&error, Error::Write { path, .. } if path.ends_with("manifest.json.tmp")));
        assert_eq!(error.exit_code(), 75);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }
    #[test]
    fn many_may_write_the_same_file_at_one_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manifest.json");
        let bytes = vec![7; 100_000];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        write_among_others(&path, &bytes).unwrap();
                        assert!(std::fs::read(&path).unwrap() == bytes);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
