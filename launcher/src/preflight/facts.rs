//! What a node is: its program, its clock, its parts and its limits.

use super::interfaces::{self, Interface};
use super::{Answer, Trouble};
use crate::doctor::{Asked, Host};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use trainer::checkpoint::space;
use trainer::collective::Carrier;
use trainer::device::inventory::{Gpu, Inventory, Places};
use trainer::device::kernels;
use trainer::memory::{Budget, MemoryConfig};

/// What a node is. Numbers are `None` where the system does not say them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it calls itself.
    pub host: String,
    /// SHA-256 of the running program.
    pub program: String,
    /// Its version.
    pub version: String,
    /// Release of the system's kernel.
    pub kernel: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Bytes of memory that can be had now, and all.
    pub memory: Option<(u64, u64)>,
    /// Bytes that ranks may plan with, below the limits of control groups.
    pub usable: Option<u64>,
    /// GPUs that the driver shows.
    pub gpus: Vec<GpuFacts>,
    /// NVIDIA's driver.
    pub driver: Library,
    /// NCCL.
    pub nccl: Library,
    /// The file of mathematical functions, by its hash.
    pub libdevice: Library,
    /// Files that a process may open.
    pub files: Option<u64>,
    /// Bytes that a process may keep from being swapped; the largest number: no limit.
    pub locked: Option<u64>,
    /// Whether there are adapters of InfiniBand.
    pub infiniband: bool,
    /// Bytes of shared memory.
    pub shared: Option<u64>,
    /// Bytes that are free where the run is written.
    pub disk: Option<u64>,
    /// Files that can be made there; file systems without such a limit say 0 of 0, and nothing here.
    pub inodes: Option<u64>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
}

/// Something of NVIDIA's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Library {
    /// It is there.
    Version(String),
    /// It is not, and why.
    Lacking(String),
}

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuFacts {
    /// `NVIDIA H200`.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Bytes that are free, where it says so.
    pub free: Option<u64>,
}

impl Library {
    fn of(found: Result<String, String>) -> Self {
        found.map_or_else(Self::Lacking, Self::Version)
    }

    /// Its version, where it is there.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Version(version) => Some(version),
            Self::Lacking(_) => None,
        }
    }
}

impl Default for Library {
    fn default() -> Self {
        Self::Lacking("it is not here".to_owned())
    }
}

impl Facts {
    /// The same with what is there of NVIDIA's.
    fn with(self, inventory: Inventory) -> Self {
        let driver = inventory.driver.map(|driver| {
            let (major, minor) = driver.cuda;
            let package = driver.version.map_or(String::new(), |version| format!("{version}, "));
            format!("{package}CUDA {major}.{minor}")
        });
        let gpu = |gpu: Gpu| GpuFacts { name: gpu.name, memory: gpu.memory, free: gpu.health.free };
        let libdevice = inventory.libdevice.and_then(|path| {
            let hashed = File::open(&path).and_then(hash);
            hashed.map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
        });
        Self {
            gpus: inventory.gpus.into_iter().map(gpu).collect(),
            driver: Library::of(driver),
            nccl: Library::of(inventory.nccl.map(|nccl| nccl.version)),
            libdevice: Library::of(libdevice),
            ..self
        }
    }
}

/// What is asked of a node.
#[derive(Debug, Deserialize)]
pub struct About {
    /// Where the run is written.
    folder: PathBuf,
    /// The device of a run whose only node this is: only what it needs of that is looked at, and not the program.
    #[serde(default)]
    brief: Option<String>,
}

/// What this node is.
pub fn facts(about: &About) -> Answer<Facts> {
    let asked = Asked {
        device: "flex".to_owned(),
        ranks: 1,
        threads_per_rank: 1,
        carrier: Carrier::default(),
        run_dir: about.folder.clone(),
        kernels: kernels::folder(),
        visible: None,
    };
    let Host { cores, memory, shared, files, .. } = Host::of_this_machine(&asked);
    let program = match about.brief {
        Some(_) => String::new(),
        None => program().map_err(Trouble::new)?,
    };
    let interfaces = interfaces::all()
        .map_err(|error| Trouble::new(format!("interfaces cannot be listed: {error}")))?;
    let (host, kernel) = names();
    let needs_gpus = about.brief.as_ref().is_none_or(|device| device == "cuda");
    let inventory = needs_gpus.then(|| Places::of_this_machine().take());
    let budget = Budget::of(&MemoryConfig::default(), "flex", 1).ok().flatten();
    let facts = Facts {
        host,
        program,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel,
        cores,
        memory,
        usable: budget.map(|budget| budget.bytes),
        files,
        locked: locked(),
        infiniband: has_entries(Path::new("/sys/class/infiniband")),
        shared,
        disk: space::free(&about.folder),
        inodes: inodes(&about.folder),
        interfaces,
        ..Facts::default()
    };
    Ok(match inventory {
        Some(inventory) => facts.with(inventory),
        None => facts,
    })
}

/// SHA-256 of the running program, found even if its file was replaced meanwhile.
fn program() -> Result<String, String> {
    static HASHED: OnceLock<Result<String, String>> = OnceLock::new();
    let hashed = || {
        let file = File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?));
        file.and_then(hash).map_err(|error| format!("the program cannot read itself: {error}"))
    };
    HASHED.get_or_init(hashed).clone()
}

fn hash(mut file: File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(super::files::hex(&hasher.finalize()))
}

/// The names of this machine and of its kernel.
pub fn names() -> (String, String) {
    // SAFETY: the struct is filled in by the call, or all zeros: texts of no length.
    unsafe {
        let mut found: libc::utsname = std::mem::zeroed();
        libc::uname(&mut found);
        let text = |of: &[libc::c_char]| CStr::from_ptr(of.as_ptr()).to_string_lossy().into_owned();
        (text(&found.nodename), text(&found.release))
    }
}

fn locked() -> Option<u64> {
    // SAFETY: the struct is filled in by the call or not read.
    let (result, limit) = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        (libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit), limit)
    };
    #[allow(clippy::unnecessary_cast)]
    (result == 0).then_some(limit.rlim_cur as u64)
}

/// Files that can still be made in the file system of `path`, where it counts them.
fn inodes(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with a zero byte, and the struct is filled in by the call or not read.
    let (result, found) = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut found), found)
    };
    // The widths of these fields differ between systems.
    #[allow(clippy::unnecessary_cast)]
    (result == 0 && found.f_files > 0).then_some(found.f_favail as u64)
}

fn has_entries(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some())
}
