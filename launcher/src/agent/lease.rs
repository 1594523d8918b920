//! How long a node may work on without hearing from the coordinator, also for its ranks to look at.

use std::io;
use std::time::Duration;

/// A lease, kept in a file of this machine: ranks commit nothing after it has lapsed.
///
/// The file holds the milliseconds since this machine was started at which the lease ends: no clock that can
/// be set is involved. It is replaced as a whole, in a folder that nobody else can write to.
pub struct Lease {
    length: Duration,
    until: u64,
    folder: tempfile::TempDir,
    /// That the file cannot be written was said.
    told: bool,
}

impl Lease {
    /// A lease of this length from now.
    pub fn new(length: Duration) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("knowcoder-lease-").tempdir()?;
        let mut lease = Self { length, until: 0, folder, told: false };
        lease.until = now() + length.as_millis() as u64;
        lease.write()?;
        Ok(lease)
    }

    /// It goes on from `since`, a moment that [`now`] gave; 0 stands for the present. One that has lapsed stays so.
    pub fn renew(&mut self, since: u64) {
        if self.has_lapsed() {
            return;
        }
        let since = if since == 0 { now() } else { since };
        self.until = self.until.max(since + self.length.as_millis() as u64);
        // A rank that reads an older number commits nothing: the safe side.
        if let Err(error) = self.write()
            && !self.told
        {
            self.told = true;
            let file = self.path();
            eprintln!("warning: the lease of this node cannot be written to `{file}`: {error}");
        }
    }

    fn write(&self) -> io::Result<()> {
        let temporary = self.folder.path().join("new");
        std::fs::write(&temporary, self.until.to_string())?;
        std::fs::rename(&temporary, self.path())
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
        self.folder.path().join("lease").to_string_lossy().into_owned()
    }
}

/// Milliseconds since this machine was started, sleep included.
pub fn now() -> u64 {
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
    fn a_lease_goes_on_until_it_lapses() {
        let mut lease = Lease::new(Duration::from_millis(300)).unwrap();
        let read = |lease: &Lease| -> u64 {
            std::fs::read_to_string(lease.path()).unwrap().parse().unwrap()
        };
        let first = read(&lease);
        assert!(!lease.has_lapsed());
        // What was said long ago lengthens nothing.
        lease.renew(now() - 200);
        assert_eq!(read(&lease), first);
        std::thread::sleep(Duration::from_millis(20));
        lease.renew(now());
        assert!(read(&lease) > first);
        std::thread::sleep(Duration::from_millis(400));
        assert!(lease.has_lapsed());
        // Too late: others may have its work.
        lease.renew(0);
        assert!(lease.has_lapsed());
        let path = lease.path();
        drop(lease);
        assert!(!std::path::Path::new(&path).exists());
    }
}
