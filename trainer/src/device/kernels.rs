//! Where compiled kernels and the results of tuning are kept between runs: a file a process, on a local disk.
//!
//! CubeCL keeps both in one database, its *environment*, which is called what `CUBECL_ENVIRONMENT` says: the
//! launcher gives each rank a name of its own. Several processes that write to one file are not safe on every
//! file system, so a process takes the first file of its name that nobody else holds. Nothing is ever removed
//! here: what another build or GPU has left is not read, and does no harm.

// Builds without CUDA keep nothing; the tests are the same.
#![cfg_attr(not(feature = "cuda"), allow(dead_code))]

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Names a folder for them.
pub const FOLDER: &str = "KNOWCODER_KERNELS";

/// The name of what no rank of a run keeps: verbs like `extract`, and the launcher itself.
const OWN: &str = "own";

/// Processes of one name at a time; more is a fault of ours.
const MOST: usize = 256;

/// The file of this process, if it has one.
static KEPT: OnceLock<Option<Kept>> = OnceLock::new();

/// A file that is ours as long as this lives.
#[derive(Debug)]
struct Kept {
    file: PathBuf,
    _lock: Option<File>,
}

/// Decides where the kernels of this process are kept, before its first use of a GPU; once.
#[cfg(feature = "cuda")]
pub(super) fn keep() {
    KEPT.get_or_init(|| {
        let folder = folder();
        let name = std::env::var("CUBECL_ENVIRONMENT").unwrap_or_default();
        let name = if name.is_empty() { OWN } else { &name };
        match take(&folder, name) {
            Ok((name, lock)) => {
                let file = model::runtime::keep_kernels(&folder, &name);
                Some(Kept { file, _lock: Some(lock) })
            }
            Err(error) => {
                tracing::warn!(
                    "kernels will be compiled and tuned again by each start: `{}` cannot be written: {error}; \
                     name a folder with {FOLDER}",
                    folder.display()
                );
                None
            }
        }
    });
}

/// The file of this process, if there is one.
pub fn kept() -> Option<PathBuf> {
    KEPT.get().and_then(Option::as_ref).map(|kept| kept.file.clone())
}

/// The folder of all of them: what `KNOWCODER_KERNELS` says, else the user's cache, else, where that lies on
/// another machine's disk, the system's folder of temporary files.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os(FOLDER).filter(|it| !it.is_empty()) {
        return folder.into();
    }
    let of = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let cache = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    // SAFETY: it touches no memory.
    let user = unsafe { libc::getuid() };
    let temporary = std::env::temp_dir().join(format!("knowcoder-{user}"));
    match cache {
        Some(cache) if remote(&cache).is_none() => cache.join("knowcoder/kernels"),
        _ => temporary.join("kernels"),
    }
}

/// The kind of file system that `path`, or what of it exists, lies on, if other machines share it.
pub fn remote(path: &Path) -> Option<&'static str> {
    let there = path.ancestors().find(|it| it.exists())?;
    shared(magic(there)?)
}

/// Numbers of `statfs`, as `linux/magic.h` and the file systems themselves have them.
fn shared(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => "SMB",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x00c3_6400 => "Ceph",
        0x1983_0326 => "BeeGFS",
        0x0102_1997 => "9P",
        0x5346_414f => "AFS",
        0x6573_5546 => "FUSE",
        0x7461_636f => "OCFS2",
        0x0116_1970 => "GFS2",
        _ => return None,
    })
}

#[cfg(target_os = "linux")]
fn magic(path: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with a zero byte, and the struct is filled in by the call or not read.
    let (result, found) = unsafe {
        let mut found: libc::statfs = std::mem::zeroed();
        (libc::statfs(path.as_ptr(), &mut found), found)
    };
    // A number of 32 bits, whatever the field's type.
    #[allow(clippy::unnecessary_cast)]
    (result == 0).then_some(u64::from(found.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
fn magic(_path: &Path) -> Option<u64> {
    None
}

/// The first of `name`, `name-2`, `name-3` that no process holds, and what holds it from now on.
fn take(folder: &Path, name: &str) -> std::io::Result<(String, File)> {
    std::fs::create_dir_all(folder)?;
    for number in 1..=MOST {
        let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let path = folder.join(format!("{name}.lock"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        // SAFETY: the descriptor is open.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok((name, file));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::WouldBlock {
            return Err(error);
        }
    }
    Err(std::io::Error::other(format!("{MOST} processes already keep kernels as `{name}`")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_two_processes_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("below");
        let (first, held) = take(&folder, "r0").unwrap();
        let (second, _held) = take(&folder, "r0").unwrap();
        let (other, _other) = take(&folder, "r1").unwrap();
        assert_eq!([first.as_str(), &second, &other], ["r0", "r0-2", "r1"]);
        drop(held);
        assert_eq!(take(&folder, "r0").unwrap().0, "r0", "who ends gives it back");
        let file = folder.join("file");
        std::fs::write(&file, "").unwrap();
        assert!(take(&file, "r0").is_err(), "a folder that cannot be made");
    }

    #[test]
    fn disks_of_other_machines_are_known() {
        assert_eq!(shared(0x6969), Some("NFS"));
        // ext4, overlayfs, tmpfs, XFS.
        for local in [0xef53, 0x794c_7630, 0x0102_1994, 0x5846_5342] {
            assert_eq!(shared(local), None);
        }
        // What is not there yet is asked of its parent.
        assert_eq!(remote(Path::new("/proc/self/nothing/below")), None);
    }
}
