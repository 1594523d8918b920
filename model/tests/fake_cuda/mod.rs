//! A driver and a cuBLASLt that work on memory of the host, in place of NVIDIA's.

use std::ffi::{CStr, c_char, c_long};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both libraries, for as long as the program runs.
pub struct Fake {
    driver: libloading::Library,
    library: libloading::Library,
    /// The driver's other name: the tensor library looks for this one.
    _other: libloading::Library,
    _folder: tempfile::TempDir,
}

/// Puts them in place; products go `way`, and `kept` is what was found of ways before. To be called once,
/// before anything asks for a GPU.
pub fn begin(way: &str, kept: &str) -> Fake {
    let folder = tempfile::tempdir().unwrap();
    let source = include_str!("../../src/cuda/blas/fakes/cuda.c");
    let driver = compiled(folder.path(), "libcuda.so.1", source, &["-Wl,-soname,libcuda.so.1"]);
    let driver_path = driver.display().to_string();
    let arguments = ["-Wl,-soname,libcuda.so", "-Wl,--no-as-needed", &driver_path];
    let other = compiled(folder.path(), "libcuda.so", "int fake_driver;", &arguments);
    let source = include_str!("../../src/cuda/blas/fakes/cublaslt.c");
    let library = compiled(folder.path(), "libcublasLt.so.13", source, &[]);
    let routes = folder.path().join("gemm-routes.json");
    std::fs::write(&routes, kept).unwrap();
    // SAFETY: the only test of its program, before it starts any thread of its own.
    unsafe {
        std::env::set_var("KNOWCODER_CUBLASLT", &library);
        std::env::set_var("KNOWCODER_GEMM", way);
        std::env::set_var("KNOWCODER_GEMM_ROUTES", routes);
    }
    let [driver, library, other] = [driver, library, other].map(|path| opened(&path));
    Fake { driver, library, _other: other, _folder: folder }
}

impl Fake {
    /// What a function of `fakes/cuda.c` has counted.
    pub fn count(&self, name: &str) -> c_long {
        // SAFETY: its type.
        unsafe { self.driver.get::<unsafe extern "C" fn() -> c_long>(name).unwrap()() }
    }

    /// The products that cuBLASLt was asked for, one a line.
    pub fn products(&self) -> Vec<String> {
        type Notes = unsafe extern "C" fn() -> *const c_char;
        // SAFETY: its type, and a text that stays.
        let notes = unsafe { CStr::from_ptr(self.library.get::<Notes>("fake_notes").unwrap()()) };
        let lines = notes.to_str().unwrap().lines().filter(|line| line.starts_with("matmul"));
        lines.map(str::to_owned).collect()
    }
}

/// Where the compiler finds what they include.
const FAKES: &str = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/src/cuda/blas/fakes");

fn compiled(folder: &Path, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let (from, to) = (folder.join(name).with_extension("c"), folder.join(name));
    std::fs::write(&from, source).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", FAKES, "-o"])
        .args([&to, &from])
        .args(arguments)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    to
}

/// Opens a library for good. Whoever asks for one of its name from now on is given this one.
fn opened(path: &Path) -> libloading::Library {
    // SAFETY: our own code, which does nothing when it is opened.
    unsafe { libloading::Library::new(path).unwrap() }
}
