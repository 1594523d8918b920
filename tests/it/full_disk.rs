//! A disk that is full, and is not any more.

use crate::program::{checkpoints, fixture, must, run, stderr};
use std::path::Path;
use std::process::Command;

/// A small file system of its own, taken down when the test ends.
pub struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// None where this user may not mount; on a machine of CI that is a failure.
    pub fn mount(at: &'a Path, kibibytes: usize) -> Option<Self> {
        let size = format!("size={kibibytes}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            assert!(std::env::var_os("CI").is_none(), "CI may mount");
            eprintln!("SKIPPED: a full disk needs a user who may mount a tmpfs");
        }
        mounted.then_some(Self(at))
    }

    /// Gives it more room.
    pub fn grow(&self, kibibytes: usize) {
        let size = format!("remount,size={kibibytes}k");
        assert!(Command::new("mount").args(["-o", &size]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_run_that_fills_the_disk_says_so_and_goes_on_when_there_is_room() {
    let (undisturbed, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut kibibytes = 64;
    let Some(disk) = SmallDisk::mount(full.path(), kibibytes) else { return };
    must(run(&fixture("tiny.toml"), undisturbed.path(), "laptop", &[]));
    let mut refusals = 0;
    loop {
        let output = run(&fixture("tiny.toml"), full.path(), "laptop", &[]).output().unwrap();
        if output.status.success() {
            break;
        }
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{kibibytes} KiB: {said}");
        let reasons = ["No space left on device", "no room for"];
        assert!(reasons.iter().any(|it| said.contains(it)), "{kibibytes} KiB: {said}");
        refusals += 1;
        kibibytes = kibibytes * 8 / 5;
        assert!(kibibytes < 1 << 20, "a gigabyte is not enough: {said}");
        disk.grow(kibibytes);
    }
    assert!(refusals >= 3, "only {refusals} sizes were too small");
    assert!(checkpoints(undisturbed.path()) == checkpoints(full.path()));
    let scores = |run_dir: &Path| std::fs::read(run_dir.join("scores.json")).unwrap();
    assert!(scores(undisturbed.path()) == scores(full.path()));
}
