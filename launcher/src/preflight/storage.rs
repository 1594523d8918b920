//! The run's directory as the nodes see it: whether it is one and the same, whether it can be written, whether
//! what one node wrote is what another reads.

use super::files::hex;
use super::probe::{asked, found};
use super::{Answer, Trouble};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use trainer::checkpoint::space;

/// A folder of our own within that of the runs, for the time of one preflight.
#[derive(Debug, Deserialize)]
pub struct Scratch {
    /// Where runs are written; it is there.
    folder: PathBuf,
    /// What tells this preflight from others: hexadecimal digits.
    nonce: String,
}

/// What is asked about tokens.
#[derive(Deserialize)]
struct TokenAsked {
    #[serde(flatten)]
    scratch: Scratch,
    node: usize,
    /// Whose tokens to look for; nobody's: the node's own is to be written.
    #[serde(default)]
    of: Vec<usize>,
    /// Seconds to look for them; on network file systems a new file is seen late.
    #[serde(default)]
    seconds: u64,
}

/// What is asked about room.
#[derive(Debug, Deserialize)]
pub struct RoomAsked {
    #[serde(flatten)]
    scratch: Scratch,
    node: usize,
    bytes: u64,
}

/// What is asked about checkpoints.
#[derive(Deserialize)]
struct CheckpointAsked {
    #[serde(flatten)]
    scratch: Scratch,
    node: usize,
    /// Whose checkpoint to read; nobody's: the node's own is to be written.
    of: Option<usize>,
    /// Bytes of the one to be written.
    #[serde(default)]
    bytes: usize,
}

/// A small checkpoint that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Bytes of its weights.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: String,
    /// Until it was on the disk and had its name.
    pub seconds: f64,
}

/// A small checkpoint that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadBack {
    /// Whose it is.
    pub of: usize,
    /// Bytes of its weights.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: String,
    /// What they took.
    pub seconds: f64,
}

/// Whether the disk gives as much as a run will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Bytes that were asked for.
    pub bytes: u64,
    /// Whether it gave them; `false`: it cannot give anything before it is written.
    pub given: bool,
}

/// The manifest of a small checkpoint.
#[derive(Serialize, Deserialize)]
struct Manifest {
    bytes: u64,
    sha256: String,
}

impl Scratch {
    /// The folder, which no other preflight has.
    fn path(&self) -> Answer<PathBuf> {
        let is_digit = |it: char| it.is_ascii_hexdigit();
        if !(8..=64).contains(&self.nonce.len()) || !self.nonce.chars().all(is_digit) {
            return Err(Trouble::new("a preflight is called by 8 to 64 hexadecimal digits"));
        }
        // Whoever looks for checkpoints passes over what ends so.
        Ok(self.folder.join(format!(".preflight-{}.tmp", self.nonce)))
    }

    /// The same, made if it is not there.
    fn made(&self) -> Answer<PathBuf> {
        let path = self.path()?;
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(unwritten(&self.folder, &error))
            }
            _ => Ok(path),
        }
    }
}

/// Writes this node's token, or looks for those of others.
pub fn token(with: &Value) -> Answer<Value> {
    let wanted: TokenAsked = asked(with)?;
    if wanted.of.is_empty() { found(write_token(&wanted)) } else { found(see_tokens(&wanted)) }
}

fn write_token(wanted: &TokenAsked) -> Answer<()> {
    let path = wanted.scratch.made()?.join(format!("token-{}", wanted.node));
    let written = kept(&path, wanted.scratch.nonce.as_bytes());
    written.map_err(|error| unwritten(&wanted.scratch.folder, &error))
}

/// Numbers of those whose tokens were seen in time.
fn see_tokens(wanted: &TokenAsked) -> Answer<Vec<usize>> {
    let folder = wanted.scratch.path()?;
    let ends = Instant::now() + Duration::from_secs(wanted.seconds);
    let is_seen = |node: &usize| {
        let text = fs::read(folder.join(format!("token-{node}")));
        text.is_ok_and(|text| text == wanted.scratch.nonce.as_bytes())
    };
    loop {
        // A folder that is listed is asked of its server again.
        let _ = fs::read_dir(&folder).map(Iterator::count);
        let seen: Vec<usize> = wanted.of.iter().copied().filter(is_seen).collect();
        if seen.len() == wanted.of.len() || Instant::now() >= ends {
            return Ok(seen);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Asks the disk for so many bytes at once, and gives them back: a quota that nobody reports shows here.
pub fn room(wanted: &RoomAsked) -> Answer<Room> {
    let path = wanted.scratch.made()?.join(format!("room-{}", wanted.node));
    let bytes = wanted.bytes;
    // Others write to the disk, too: what would leave them nothing is not asked for, not even for a moment.
    let plenty = space::free(&wanted.scratch.folder).is_some_and(|free| free / 2 >= bytes);
    if !plenty || !gives(&wanted.scratch.folder) {
        return Ok(Room { bytes, given: false });
    }
    errors_for_signals();
    let folder = &wanted.scratch.folder;
    let file = File::create(&path).map_err(|error| unwritten(folder, &error))?;
    let given = allocate(&file, bytes);
    let _ = fs::remove_file(&path);
    match given.map_err(|error| (error.raw_os_error(), error)) {
        Ok(()) => Ok(Room { bytes, given: true }),
        Err((Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG), error)) => {
            Err(unwritten(folder, &error))
        }
        // It cannot give anything before it is written.
        Err(_) => Ok(Room { bytes, given: false }),
    }
}

/// Makes a file so large that all of it has its place.
#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let bytes = libc::off_t::try_from(bytes.max(1)).map_err(io::Error::other)?;
    // SAFETY: the file is open, and no memory is touched.
    match unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(_file: &File, _bytes: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether what a file system gives is not memory: there, asking for it would take it from programs.
#[cfg(target_os = "linux")]
fn gives(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    // `linux/magic.h`: tmpfs, ramfs, and the overlay that containers often have above the former.
    const MEMORY: [u32; 3] = [0x0102_1994, 0x8584_58f6, 0x794c_7630];
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: the path ends with a zero byte, and the struct is filled in by the call or not read.
    let (result, found) = unsafe {
        let mut found: libc::statfs = std::mem::zeroed();
        (libc::statfs(path.as_ptr(), &mut found), found)
    };
    // A number of 32 bits, whatever the field's type.
    #[allow(clippy::unnecessary_cast)]
    let magic = found.f_type as u32;
    result == 0 && !MEMORY.contains(&magic)
}

#[cfg(not(target_os = "linux"))]
fn gives(_folder: &Path) -> bool {
    false
}

/// Writes this node's small checkpoint, or reads another's.
pub fn checkpoint(with: &Value) -> Answer<Value> {
    let wanted: CheckpointAsked = asked(with)?;
    match wanted.of {
        None => found(write_checkpoint(&wanted)),
        Some(of) => found(read_checkpoint(&wanted.scratch, of)),
    }
}

/// Like a real one: under another name, forced to the disk, its manifest behind its weights, then renamed.
fn write_checkpoint(wanted: &CheckpointAsked) -> Answer<Written> {
    errors_for_signals();
    let scratch = wanted.scratch.made()?;
    let (growing, path) = (
        scratch.join(format!("checkpoint-{}.tmp", wanted.node)),
        scratch.join(format!("checkpoint-{}", wanted.node)),
    );
    let bytes = noise(wanted.bytes.clamp(1, 1 << 30), wanted.node as u64);
    let manifest = Manifest { bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(&bytes)) };
    let text = serde_json::to_vec(&manifest)
        .map_err(|error| Trouble::new(format!("the manifest cannot be written: {error}")))?;
    let started = Instant::now();
    let written = fs::create_dir(&growing)
        .and_then(|()| kept(&growing.join("weights"), &bytes))
        .and_then(|()| kept(&growing.join("manifest.json"), &text))
        .and_then(|()| fs::rename(&growing, &path));
    // Where it was to lie is gone soon: the folder is what a person can look at.
    written.map_err(|error| unwritten(&wanted.scratch.folder, &error))?;
    // The name itself lives in the folder; not every file system lets a folder be forced to the disk.
    if let Ok(folder) = File::open(&scratch) {
        folder.sync_all().ok();
    }
    let Manifest { bytes, sha256 } = manifest;
    Ok(Written { bytes, sha256, seconds: started.elapsed().as_secs_f64() })
}

fn read_checkpoint(scratch: &Scratch, of: usize) -> Answer<ReadBack> {
    let path = scratch.path()?.join(format!("checkpoint-{of}"));
    let manifest = path.join("manifest.json");
    let ends = Instant::now() + Duration::from_secs(5);
    while !manifest.exists() && Instant::now() < ends {
        let _ = fs::read_dir(&path).map(Iterator::count);
        thread::sleep(Duration::from_millis(100));
    }
    let unread = |path: &Path, error: &dyn std::fmt::Display| {
        Trouble::new(format!("`{}` cannot be read: {error}", path.display()))
    };
    let text = fs::read(&manifest).map_err(|error| unread(&manifest, &error))?;
    let _: Manifest = serde_json::from_slice(&text).map_err(|error| unread(&manifest, &error))?;
    let weights = path.join("weights");
    let started = Instant::now();
    let bytes = fs::read(&weights).map_err(|error| unread(&weights, &error))?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(ReadBack { of, bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(&bytes)), seconds })
}

/// Removes all that was written here.
pub fn clear(scratch: &Scratch) -> Answer<()> {
    super::links::end(&scratch.nonce);
    let path = scratch.path()?;
    let mut removed = fs::remove_dir_all(&path);
    // Other nodes remove the same: what one of them was faster with is an error here.
    for _ in 0..3 {
        if removed.is_err() && path.exists() {
            removed = fs::remove_dir_all(&path);
        }
    }
    match removed {
        Err(error) if path.exists() => {
            Err(Trouble::new(format!("`{}` cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// A file that grows beyond what this process may write is an error from here on, as a full disk is, and no
/// signal that ends the process: neither here nor in the ranks that it starts.
fn errors_for_signals() {
    // SAFETY: ignoring a signal has no precondition.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// A file that is on the disk before this returns.
fn kept(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Bytes that no disk makes smaller: a counter through the mixer of SplitMix64.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    out.truncate(bytes);
    out
}

/// Why something is not written, and what helps.
fn unwritten(path: &Path, error: &io::Error) -> Trouble {
    let way = match error.raw_os_error() {
        Some(libc::EDQUOT) => {
            "your quota is used up: remove old runs, or ask for more (`quota -s`)"
        }
        Some(libc::ENOSPC) => "the disk is full: remove old runs, or name another --run-dir",
        Some(libc::EFBIG) => {
            "files may be no larger for who runs there: see `ulimit -f`, LimitFSIZE=, or the file system"
        }
        Some(libc::EROFS) => "it is mounted for reading only: name another --run-dir",
        Some(libc::EACCES | libc::EPERM) => {
            "let the user who runs there write to it, or name another --run-dir"
        }
        Some(libc::ENOENT | libc::ENOTDIR) => {
            "run directories lie on a file system that all nodes share, at the same path"
        }
        _ => "look at the file system there: `df`, `dmesg`",
    };
    Trouble::new(format!("`{}` cannot be written: {error}", path.display())).way(way)
}

#[cfg(test)]
mod tests;
