//! The rows about the machine itself.

use super::{Asked, Row, State};
use crate::events::rfc3339;
use std::path::Path;
use std::time::SystemTime;
use trainer::checkpoint::space;
use trainer::device::kernels;
use trainer::memory::bytes_text;

const GIB: u64 = 1 << 30;

/// Shared memory that NCCL is at ease with: containers often get 64 MiB.
const SHARED: u64 = GIB;

/// Files that a rank with its shards, sockets and libraries is at ease with.
const FILES: u64 = 1024;

/// What the system says of itself; `None` where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Processors that this process may use.
    pub cores: usize,
    /// Bytes of memory that can be had now, and all.
    pub memory: Option<(u64, u64)>,
    /// Bytes that are free where runs are written, and where kernels are kept.
    pub disks: [Option<u64>; 2],
    /// Bytes of shared memory.
    pub shared: Option<u64>,
    /// Files that a process may open.
    pub files: Option<u64>,
    /// What decides how text is written: the first that is set of `LC_ALL`, `LC_CTYPE` and `LANG`.
    pub locale: Option<String>,
    /// What time it is.
    pub now: SystemTime,
    /// When this program was made.
    pub built: Option<SystemTime>,
}

impl Host {
    /// This machine, for what is asked of it.
    pub fn of_this_machine(asked: &Asked) -> Self {
        let disk = |path: &Path| {
            let path = std::path::absolute(path).ok()?;
            let there = path.ancestors().find(|it| it.exists())?;
            space::free(there)
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
        let locale = locale.filter_map(|name| std::env::var(name).ok());
        let program = std::env::current_exe().and_then(std::fs::metadata);
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: std::fs::read_to_string("/proc/meminfo").ok().and_then(|it| memory(&it)),
            disks: [disk(&asked.run_dir), disk(&asked.kernels)],
            shared: Some(Path::new("/dev/shm")).filter(|it| it.is_dir()).and_then(size),
            files: files(),
            locale: locale.into_iter().find(|it| !it.is_empty()),
            now: SystemTime::now(),
            built: program.and_then(|it| it.modified()).ok(),
        }
    }
}

/// What can be had and what there is, of `/proc/meminfo`.
fn memory(text: &str) -> Option<(u64, u64)> {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
    };
    Some((of("MemAvailable")?, of("MemTotal")?))
}

/// Bytes of a whole file system.
fn size(path: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with a zero byte, and the struct is filled in by the call or not read.
    let (result, found) = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut found), found)
    };
    // The widths of these fields differ between systems.
    #[allow(clippy::unnecessary_cast)]
    (result == 0).then(|| (found.f_blocks as u64).saturating_mul(found.f_frsize as u64))
}

fn files() -> Option<u64> {
    // SAFETY: the struct is filled in by the call or not read.
    let (result, limit) = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        (libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), limit)
    };
    #[allow(clippy::unnecessary_cast)]
    (result == 0).then_some(limit.rlim_cur as u64)
}

/// The rows of a machine with so many GPUs.
pub fn rows(asked: &Asked, host: &Host, gpus: usize) -> Vec<Row> {
    let mut rows = vec![cores(asked, host)];
    rows.extend(host.memory.map(|(free, all)| {
        let row = Row::ok("memory", format!("{} of {} free", bytes_text(free), bytes_text(all)));
        match free < GIB {
            true => row.but(State::Warning, "preparing data takes about 1 GiB: end other programs"),
            false => row,
        }
    }));
    rows.push(disk("disk of runs", &asked.run_dir, host.disks[0], 10 * GIB));
    if asked.device == "cuda" {
        rows.push(kernels_row(&asked.kernels, host.disks[1]));
    }
    rows.extend(host.shared.map(|bytes| {
        let row = Row::ok("shared memory", bytes_text(bytes));
        match bytes < SHARED && gpus > 1 && asked.device == "cuda" {
            true => row.but(
                State::Warning,
                "NCCL may end for lack of it: start the container with --shm-size 4g",
            ),
            false => row,
        }
    }));
    rows.extend(host.files.map(|files| {
        let text = if files > 1 << 40 { "no limit".to_owned() } else { files.to_string() };
        let row = Row::ok("open files", text);
        match files < FILES {
            true => row.but(State::Warning, format!("raise it: ulimit -n {FILES}")),
            false => row,
        }
    }));
    rows.push(locale(host));
    rows.push(clock(host));
    rows
}

fn cores(asked: &Asked, host: &Host) -> Row {
    let threads = asked.ranks * asked.threads_per_rank;
    let row = Row::ok("cores", format!("{} for {} rank(s)", host.cores, asked.ranks));
    match threads > host.cores {
        true => row.but(
            State::Warning,
            format!("{threads} threads share them: fewer ranks, or a smaller threads_per_rank"),
        ),
        false => row,
    }
}

fn disk(what: &str, path: &Path, free: Option<u64>, least: u64) -> Row {
    let Some(free) = free else {
        let found = format!("nobody knows what is free for `{}`", path.display());
        return Row::ok(what, found)
            .but(State::Warning, "a full disk ends a run; the same command goes on");
    };
    let row = Row::ok(what, format!("{} free for `{}`", bytes_text(free), path.display()));
    match free < least {
        true => row.but(State::Warning, "little: `knowcoder plan` says what a run takes"),
        false => row,
    }
}

fn kernels_row(folder: &Path, free: Option<u64>) -> Row {
    let row = disk("disk of kernels", folder, free, GIB);
    let elsewhere = |kind: &str| {
        format!(
            "it lies on {kind}, where several processes wait for each other: name a local folder with KNOWCODER_KERNELS"
        )
    };
    match kernels::remote(folder) {
        Some(kind) => row.but(State::Warning, elsewhere(kind)),
        None => row,
    }
}

fn locale(host: &Host) -> Row {
    let name = host.locale.as_deref().unwrap_or("none");
    let row = Row::ok("locale", name);
    let plain: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.contains("utf8") {
        true => row,
        false => row.but(
            State::Warning,
            "tables are written in UTF-8: export LANG=C.UTF-8, or Chinese may not show",
        ),
    }
}

/// A clock that runs behind makes wrong times of events, and certificates that are not valid yet.
fn clock(host: &Host) -> Row {
    let row = Row::ok("clock", rfc3339(host.now));
    match host.built {
        Some(built) if host.now < built => row.but(
            State::Warning,
            format!("this program was made later, {}: set the clock", rfc3339(built)),
        ),
        _ => row,
    }
}
