//! Processes of this machine, as the system shows them.

use crate::error::{Error, exit};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a driver that is to end at once may take to end its ranks.
const GRACE: Duration = Duration::from_secs(10);

/// Between two requests to stop: the second one insists, and must be told from the first.
const INSISTS: Duration = Duration::from_millis(300);

/// What the system says of a process.
pub struct Seen {
    /// When it was started, in ticks since the machine was.
    pub began: u64,
    /// It has ended, and nobody has asked how.
    pub is_over: bool,
}

impl Seen {
    /// Looks; `None`: there is no such process.
    pub fn of(process: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// The fields behind the name, which may hold anything: the first is the state, the twentieth the start.
    pub fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let is_over = matches!(fields.next()?, "Z" | "X" | "x");
        Some(Self { began: fields.nth(18)?.parse().ok()?, is_over })
    }
}

/// The command line of a process, the program first.
pub fn arguments(process: u32) -> Vec<OsString> {
    use std::os::unix::ffi::OsStringExt;
    let bytes = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0);
    words.map(|word| OsString::from_vec(word.to_vec())).collect()
}

/// A hold on a process: while it is held, no other process is meant, whatever its number.
pub struct Handle {
    process: u32,
    /// `None` where the system has no such thing.
    file: Option<OwnedFd>,
}

impl Handle {
    /// A hold on the process of this number, if there is one.
    #[cfg(target_os = "linux")]
    pub fn open(process: u32) -> Self {
        // SAFETY: the call takes two numbers and returns a descriptor that nobody else owns, or -1.
        let file = unsafe { libc::syscall(libc::SYS_pidfd_open, process as libc::pid_t, 0) };
        // SAFETY: see above.
        let file = (file >= 0).then(|| unsafe { OwnedFd::from_raw_fd(file as i32) });
        Self { process, file }
    }

    /// A hold on the process of this number, if there is one.
    #[cfg(not(target_os = "linux"))]
    pub fn open(process: u32) -> Self {
        Self { process, file: None }
    }

    /// Asks twice, which ends the ranks at once, and then does not ask any more.
    pub fn end(&self, is_gone: impl Fn() -> bool) -> Result<(), Error> {
        self.send(libc::SIGTERM)?;
        if within(INSISTS, &is_gone) {
            return Ok(());
        }
        self.send(libc::SIGTERM)?;
        if within(GRACE, &is_gone) {
            return Ok(());
        }
        self.send(libc::SIGKILL)?;
        if within(GRACE, &is_gone) {
            return Ok(());
        }
        let message = format!("the driver, process {}, cannot be ended", self.process);
        Err(Error::new(exit::TRANSIENT, message)
            .hint("perhaps it waits for a disk that does not answer; look at it with `ps`"))
    }

    /// Sends a signal, unless the process has ended.
    pub fn send(&self, signal: libc::c_int) -> Result<(), Error> {
        let result = match &self.file {
            Some(file) => send_to_file(file, signal),
            // SAFETY: the call takes two numbers.
            None => unsafe { libc::kill(self.process as libc::pid_t, signal) },
        };
        let error = io::Error::last_os_error();
        match result {
            0 => Ok(()),
            // It has ended meanwhile.
            _ if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            _ => {
                let process = self.process;
                let message = format!("failed to signal the driver, process {process}: {error}");
                Err(Error::new(exit::BACKEND, message))
            }
        }
    }
}

/// Waits until it is true.
fn within(patience: Duration, is_true: &impl Fn() -> bool) -> bool {
    let until = Instant::now() + patience;
    loop {
        if is_true() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
fn send_to_file(file: &OwnedFd, signal: libc::c_int) -> libc::c_int {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the pointer is null, as is allowed; the rest are numbers.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, file.as_raw_fd(), signal, nothing, 0) };
    result as libc::c_int
}

#[cfg(not(target_os = "linux"))]
fn send_to_file(_file: &OwnedFd, _signal: libc::c_int) -> libc::c_int {
    -1
}

/// The process of this machine that has the file at `path` open, if it is the one that `words` name last.
pub fn that_holds(path: &Path, words: &str) -> Option<u32> {
    let digits = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let numbers: Vec<u32> = words
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(digits)
        .filter_map(|word| word.parse().ok())
        .collect();
    let path = std::fs::canonicalize(path).ok()?;
    numbers.into_iter().find(|process| {
        let files =
            std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        files.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|it| it == path))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_holds_a_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = std::fs::File::create(&path).unwrap();
        let me = std::process::id();
        assert_eq!(that_holds(&path, &format!("process {me}")), Some(me));
        assert_eq!(that_holds(&path, &format!("process {me} of node-1")), Some(me));
        assert_eq!(that_holds(&path, "process 1"), None);
        assert_eq!(that_holds(&path, "somebody"), None);
        drop(file);
        assert_eq!(that_holds(&path, &format!("process {me}")), None);
    }
}
