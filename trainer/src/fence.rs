//! Whether this rank may still change what a later start trusts.
//!
//! A node that is cut off goes on computing until somebody ends it, while elsewhere the run may have begun
//! again. Its agent keeps the time until which it may act in a file; a newer start of the run writes its number
//! into the run directory. Whoever commits looks at both just before. What is left is the moment between the
//! look and the rename: a coordinator therefore hands the work on only some time after a lease has lapsed.

use crate::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Names the file that says until when this node may act: milliseconds of `CLOCK_BOOTTIME`, decimal.
pub const LEASE: &str = "KNOWCODER_LEASE";

/// Goes on while a machine sleeps, where there is such a clock.
#[cfg(target_os = "linux")]
const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// What a commit is held against; the default lets everything pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// The file with the end of this node's lease.
    lease: Option<PathBuf>,
    /// The file with the number of the run's newest start, and that of ours.
    generation: Option<(PathBuf, u32)>,
}

impl Fence {
    /// Of a rank whose lease is in `lease`, and that belongs to start `generation` of the run, whose newest one
    /// stands in `newest`.
    pub fn new(lease: Option<PathBuf>, newest: PathBuf, generation: u32) -> Self {
        Self { lease, generation: Some((newest, generation)) }
    }

    /// As [`Fence::new`] with the lease that the environment names.
    pub fn of_process(newest: PathBuf, generation: u32) -> Self {
        let lease = std::env::var_os(LEASE).filter(|path| !path.is_empty());
        Self::new(lease.map(PathBuf::from), newest, generation)
    }

    /// The number of the start that this rank belongs to.
    pub fn generation(&self) -> u32 {
        self.generation.as_ref().map_or(0, |(_, own)| *own)
    }

    /// Refuses to commit `path` unless the lease holds and no newer start has begun.
    pub fn check(&self, path: &Path) -> Result<(), Error> {
        let lost = |reason: String| Error::Fenced { path: path.to_owned(), reason };
        if let Some((newest, own)) = &self.generation {
            match number(newest) {
                Ok(Some(newest)) if newest > u64::from(*own) => {
                    return Err(lost(format!(
                        "start {newest} of the run has begun, this is {own}"
                    )));
                }
                Ok(_) => {}
                Err(reason) => return Err(lost(reason)),
            }
        }
        let Some(lease) = &self.lease else { return Ok(()) };
        let until = match number(lease).map_err(lost)? {
            Some(until) => until,
            None => return Err(lost(format!("`{}` is gone", lease.display()))),
        };
        let now = now().map_err(|error| lost(format!("the clock cannot be read: {error}")))?;
        match now < until {
            true => Ok(()),
            false => Err(lost(format!("it lapsed {:.1} s ago", (now - until) as f64 / 1000.0))),
        }
    }
}

/// The decimal number in a file; `None` where there is no file.
fn number(path: &Path) -> Result<Option<u64>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("`{}` cannot be read: {error}", path.display())),
    };
    let text = text.trim();
    let wrong = |_| format!("`{}` holds `{text}`, which is no number", path.display());
    text.parse().map(Some).map_err(wrong)
}

/// Milliseconds since the machine started, those in which it slept included.
pub fn now() -> std::io::Result<u64> {
    // SAFETY: the call fills the struct in, or it is not read.
    let (result, time) = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        (libc::clock_gettime(CLOCK, &mut time), time)
    };
    match result {
        0 => Ok(time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is said of a commit, or nothing if it may happen.
    fn refusal(fence: &Fence, folder: &Path) -> Option<String> {
        let error = fence.check(Path::new("c")).err()?;
        assert_eq!(error.exit_code(), 75);
        Some(error.to_string().replace(&folder.display().to_string(), "DIR"))
    }

    #[test]
    fn without_files_nobody_is_held_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refusal(&Fence::default(), folder.path()), None);
        let fence = Fence::new(None, folder.path().join("generation"), 0);
        assert_eq!(refusal(&fence, folder.path()), None);
    }

    #[test]
    fn a_newer_start_ends_the_right_of_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let newest = folder.path().join("generation");
        let fence = Fence::new(None, newest.clone(), 3);
        for (text, expected) in [
            ("3\n", None),
            // A file of the start before is about to be replaced.
            ("2", None),
            ("4", Some("start 4 of the run has begun, this is 3")),
            ("four", Some("`DIR/generation` holds `four`, which is no number")),
            ("", Some("`DIR/generation` holds ``, which is no number")),
        ] {
            std::fs::write(&newest, text).unwrap();
            let expected = expected.map(|it| {
                format!(
                    "this node lost its lease: {it}; `c` is left to those that go on with the run"
                )
            });
            assert_eq!(refusal(&fence, folder.path()), expected, "{text}");
        }
    }

    #[test]
    fn a_lease_holds_until_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let lease = folder.path().join("lease");
        let fence = Fence::new(Some(lease.clone()), folder.path().join("generation"), 0);
        let said = refusal(&fence, folder.path()).unwrap();
        assert!(said.contains("this node lost its lease: `DIR/lease` is gone"), "{said}");
        let now = now().unwrap();
        std::fs::write(&lease, format!("{}\n", now + 3_600_000)).unwrap();
        assert_eq!(refusal(&fence, folder.path()), None);
        std::fs::write(&lease, now.to_string()).unwrap();
        let said = refusal(&fence, folder.path()).unwrap();
        assert!(said.contains("this node lost its lease: it lapsed "), "{said}");
        std::fs::write(&lease, "soon").unwrap();
        let said = refusal(&fence, folder.path()).unwrap();
        assert!(said.contains("`DIR/lease` holds `soon`"), "{said}");
    }

    #[test]
    fn the_clock_goes_on() {
        let first = now().unwrap();
        assert!(first > 0 && now().unwrap() >= first);
    }
}
