//! What checkpoints take on the disk, and what there is.

use crate::Error;
use crate::recipe::CheckpointConfig;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the checkpoints of a phase are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the weights.
    pub weights: u64,
    /// Bytes of what each checkpoint has of its own: adapters and the optimizer's state.
    pub own: u64,
    /// Whether the weights stay as they are: all checkpoints of the phase have one file of them.
    pub frozen: bool,
    /// Steps of the phase, where that is known.
    pub steps: Option<usize>,
}

impl Sizes {
    /// Bytes of one checkpoint.
    pub fn one(&self) -> u64 {
        self.weights + self.own
    }

    /// Bytes of `count` checkpoints of the phase.
    pub fn all(&self, count: usize) -> u64 {
        match (count, self.frozen) {
            (0, _) => 0,
            (count, true) => self.weights + self.own * count as u64,
            (count, false) => self.one() * count as u64,
        }
    }

    /// How many checkpoints of the phase are kept at its end.
    ///
    /// With `keep_every` and without a known number of steps, the others are counted only.
    pub fn kept(&self, config: &CheckpointConfig) -> usize {
        let (keep, best) = (config.keep.max(1), config.keep_best);
        let Some(steps) = self.steps else { return keep + best };
        let marked = steps.checked_div(config.keep_every).unwrap_or(0);
        // Every `every` steps, and at the end.
        (keep + best + marked).min(steps.div_ceil(config.every.max(1))).max(1)
    }
}

/// Bytes that the checkpoints of a run take at most at a time: those that phases keep, and one that is
/// written before another is removed.
pub fn most(phases: &[Sizes], config: &CheckpointConfig) -> u64 {
    let mut kept = 0;
    let mut most = 0;
    for phase in phases {
        let count = phase.kept(config);
        let written = phase.steps.map_or(usize::MAX, |steps| steps.div_ceil(config.every.max(1)));
        most = most.max(kept + phase.all((count + 1).min(written.max(1))));
        kept += phase.all(count);
    }
    most
}

/// Bytes that are free for us on the file system of `path`; `None` where it does not say.
pub fn free(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with a zero byte, and the struct is filled in by the call or not read.
    let (result, found) = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut found), found)
    };
    // The widths of these fields differ between systems.
    #[allow(clippy::unnecessary_cast)]
    (result == 0).then(|| (found.f_bavail as u64).saturating_mul(found.f_frsize as u64))
}

/// Bytes that the checkpoints of a folder take; a file with several names counts once.
pub fn taken(checkpoints: &Path) -> u64 {
    let mut files = BTreeMap::new();
    let within = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    for folder in within(checkpoints) {
        for file in within(&folder.path()) {
            if let Ok(found) = file.metadata()
                && found.is_file()
            {
                files.insert((found.dev(), found.ino()), found.len());
            }
        }
    }
    files.into_values().sum()
}

/// Refuses to begin what has no room.
pub fn check(path: &Path, needed: u64) -> Result<(), Error> {
    match free(path) {
        Some(free) if free < needed => Err(Error::Full { path: path.to_owned(), needed, free }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check_most(phases: &[Sizes], config: CheckpointConfig, expected: u64) {
        assert_eq!(most(phases, &config), expected, "{phases:?}, {config:?}");
    }

    #[test]
    fn checkpoints_add_up() {
        let config = |every, keep, keep_every, keep_best| CheckpointConfig {
            every,
            keep,
            keep_every,
            keep_best,
            ..CheckpointConfig::default()
        };
        let full = Sizes { weights: 1000, own: 10, frozen: false, steps: Some(100) };
        let lora = Sizes { frozen: true, ..full };
        check_most(&[full], config(10, 2, 0, 0), 3 * 1010);
        check_most(&[lora], config(10, 2, 0, 0), 1000 + 3 * 10);
        // All ten of them, or no more than there will ever be.
        check_most(&[lora], config(10, 2, 10, 0), 1000 + 10 * 10);
        check_most(&[full], config(100, 2, 0, 5), 1010);
        check_most(&[full], config(50, 2, 0, 5), 2 * 1010);
        // What earlier phases keep stays.
        check_most(&[full, lora], config(10, 2, 0, 0), 2 * 1010 + 1000 + 3 * 10);
        let unknown = Sizes { steps: None, ..lora };
        check_most(&[unknown], config(10, 2, 10, 1), 1000 + 4 * 10);
    }

    #[test]
    fn too_little_room_is_said_with_both_values() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free(folder.path()).unwrap() > 0);
        check(folder.path(), 0).unwrap();
        let error = check(folder.path(), u64::MAX).unwrap_err();
        assert_eq!(error.exit_code(), 75);
        let said = error.to_string();
        assert!(said.contains("16777216.0 TiB") && said.contains("are free"), "{said}");
        assert_eq!(free(Path::new("/nowhere/at all")), None);
    }
}
