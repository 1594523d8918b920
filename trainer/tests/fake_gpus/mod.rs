//! GPUs and an NCCL that work on memory of the host (`fixtures/fake_{cuda,nccl}.c`), for the tensor library and
//! for ours alike.
//!
//! Both open their libraries by name, once and for all: so each test runs in a process of its own, whose loader
//! finds the stand-ins. Kernels are compiled and launched there, but not computed: a test that knows which one
//! is launched says what it comes to.

use model::cuda::Library;
use std::ffi::{CString, c_char, c_int, c_long};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Says that a process has the stand-ins, and in which folder.
const FOLDER: &str = "KNOWCODER_TEST_FAKES";

/// How sums come behind the work that fills their tensors.
const ORDER: &str = "KNOWCODER_NCCL_ORDER";

/// The longest that a test may take: kernels are compiled meanwhile.
const PATIENCE: Duration = Duration::from_secs(300);

/// How sums come behind the work that fills their tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The host waits for it.
    Host,
    /// NCCL's queue does.
    Device,
}

/// Runs the test `name` in this order, in a process of its own.
pub fn alone(name: &str, order: Order, body: impl FnOnce(&Fakes)) {
    let setting = if order == Order::Device { "device" } else { "host" };
    if let Some(folder) = std::env::var_os(FOLDER) {
        if std::env::var(ORDER).as_deref() != Ok(setting) {
            // For another process.
            return;
        }
        thread::spawn(|| {
            thread::sleep(PATIENCE);
            eprintln!("nothing moves any more");
            std::process::abort();
        });
        return body(&Fakes::open(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    built(folder.path(), "fake_cuda", "libcuda.so.1");
    // The tensor library's name for it.
    std::os::unix::fs::symlink("libcuda.so.1", folder.path().join("libcuda.so")).unwrap();
    let nccl = folder.path().join("nccl");
    std::fs::create_dir(&nccl).unwrap();
    built(&nccl, "fake_nccl", "libnccl.so.2");
    let found = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let paths = [folder.path().to_owned()].into_iter().chain(std::env::split_paths(&found));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        // What the tensor library keeps of a process stays there.
        .current_dir(folder.path())
        .env(FOLDER, folder.path())
        .env("LD_LIBRARY_PATH", std::env::join_paths(paths).unwrap())
        .env("KNOWCODER_NCCL", &nccl)
        .env(ORDER, setting)
        .env_remove("CUDA_VISIBLE_DEVICES")
        .output()
        .unwrap();
    let said = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
    let ran = output.status.success() && said[0].contains("1 passed");
    assert!(ran, "{name}, {order:?}: {}\n{}", output.status, said.join("\n"));
}

/// Compiles a stand-in.
fn built(folder: &Path, source: &str, name: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-pthread", "-o"])
        .arg(folder.join(name))
        .arg(fixtures.join(source).with_extension("c"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Both stand-ins of this process.
pub struct Fakes {
    driver: Library,
    nccl: Library,
}

impl Fakes {
    fn open(folder: &Path) -> Self {
        let open = |path: PathBuf| Library::open("a stand-in", &[path]).unwrap();
        Self {
            driver: open(folder.join("libcuda.so.1")),
            nccl: open(folder.join("nccl/libnccl.so.2")),
        }
    }

    /// What the driver has counted.
    pub fn count(&self, name: &'static str) -> c_long {
        // SAFETY: the type of all that are asked for.
        unsafe { self.driver.symbol::<unsafe extern "C" fn() -> c_long>(name).unwrap()() }
    }

    /// From now on a kernel copies so many values of `size` bytes, `stride` bytes apart, from its first tensor to
    /// its second one.
    pub fn copy_kernels(&self, count: usize, size: usize, stride: usize) {
        type Set = unsafe extern "C" fn(c_long, c_long, c_long);
        let set = [count, size, stride].map(|it| it as c_long);
        // SAFETY: its type.
        unsafe { self.driver.symbol::<Set>("fake_copy_kernels").unwrap()(set[0], set[1], set[2]) }
    }

    /// From now on a kernel begins only when the gate is open.
    pub fn hold_kernels(&self) {
        self.tell("fake_hold_kernels");
    }

    /// Opens the gate for good.
    pub fn open_gate(&self) {
        self.tell("fake_open");
    }

    fn tell(&self, name: &'static str) {
        // SAFETY: the type of both.
        unsafe { self.driver.symbol::<unsafe extern "C" fn()>(name).unwrap()() }
    }

    /// Tells NCCL how to behave.
    pub fn set(&self, key: &str, value: c_int) {
        type Set = unsafe extern "C" fn(*const c_char, c_int);
        let key = CString::new(key).unwrap();
        // SAFETY: its type.
        unsafe { self.nccl.symbol::<Set>("fake_set").unwrap()(key.as_ptr(), value) }
    }

    /// What one rank asked of NCCL, in order.
    pub fn log(&self, rank: usize) -> String {
        type Log = unsafe extern "C" fn(*mut c_char, usize);
        let mut room = vec![0u8; 1 << 16];
        // SAFETY: its type, and a room of that size.
        unsafe {
            self.nccl.symbol::<Log>("fake_log").unwrap()(room.as_mut_ptr().cast(), room.len())
        }
        let length = room.iter().position(|byte| *byte == 0).unwrap();
        let text = String::from_utf8(room[..length].to_vec()).unwrap();
        let start = format!("rank {rank}: ");
        text.lines().filter_map(|line| line.strip_prefix(&start)).collect::<Vec<_>>().join("\n")
    }

    /// The operations among them.
    pub fn asked(&self, rank: usize) -> Vec<String> {
        let log = self.log(rank);
        let between = |line: &&str| {
            !line.starts_with("init") && !["finalize", "destroy", "abort"].contains(line)
        };
        log.lines().filter(between).map(str::to_owned).collect()
    }
}
