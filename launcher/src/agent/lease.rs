//! How long a node may work on without hearing from the coordinator, also for its ranks to look at.

use std::path::PathBuf;
use std::time::Duration;

/// A lease, kept in a file of this machine: ranks commit nothing after it has lapsed.
///
/// The file holds the milliseconds since this machine was started at which the lease ends: no clock that can
/// be set is involved. It is replaced as a whole.
pub struct Lease {
    length: Duration,
    until: u64,
    path: PathBuf,
}

impl Lease {
    /// A lease of this length from now.
    pub fn new(length: Duration) -> Self {
        let name = format!("knowcoder-lease-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut lease = Self { length, until: 0, path };
        lease.renew();
        lease
    }

    /// It goes on from now.
    pub fn renew(&mut self) {
        self.until = now() + self.length.as_millis() as u64;
        let temporary = self.path.with_extension("new");
        // A rank that reads an older number, or none, commits nothing: the safe side.
        let _ = std::fs::write(&temporary, self.until.to_string())
            .and_then(|()| std::fs::rename(&temporary, &self.path));
    }

    /// Whether it is over.
    pub fn has_lapsed(&self) -> bool {
        now() > self.until
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// The file, for the environment of ranks.
    pub fn path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What remains of a lost agent's is in a folder that the system empties.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Milliseconds since this machine was started, sleep included.
fn now() -> u64 {
    // SAFETY: the struct is plain numbers, and the call writes to nothing else.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time);
        time
    };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lease_lapses_and_goes_on() {
        let mut lease = Lease::new(Duration::from_millis(40));
        let read = |lease: &Lease| -> u64 {
            std::fs::read_to_string(lease.path()).unwrap().parse().unwrap()
        };
        let first = read(&lease);
        assert!(!lease.has_lapsed());
        std::thread::sleep(Duration::from_millis(60));
        assert!(lease.has_lapsed());
        lease.renew();
        assert!(!lease.has_lapsed() && read(&lease) > first);
        let path = lease.path();
        drop(lease);
        assert!(!std::path::Path::new(&path).exists());
    }
}
