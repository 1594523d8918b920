//! A driver and a cuBLASLt that work on memory of the host, in place of NVIDIA's.

use std::ffi::c_long;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both libraries, for as long as the program runs.
pub struct Fake {
    driver: libloading::Library,
    /// The driver's other name: the tensor library looks for this one.
    _other: libloading::Library,
    _folder: tempfile::TempDir,
}

/// Puts them in place; products go `way`. To be called once, before anything asks for a GPU.
pub fn begin(way: &str) -> Fake {
    let folder = tempfile::tempdir().unwrap();
    let source = include_str!("../../src/cuda/blas/fakes/cuda.c");
    let driver = compiled(folder.path(), "libcuda.so.1", source, &["-Wl,-soname,libcuda.so.1"]);
    let driver_path = driver.display().to_string();
    let arguments = ["-Wl,-soname,libcuda.so", "-Wl,--no-as-needed", &driver_path];
    let other = compiled(folder.path(), "libcuda.so", "int fake_driver;", &arguments);
    let source = include_str!("../../src/cuda/blas/fakes/cublaslt.c");
    let library = compiled(folder.path(), "libcublasLt.so.13", source, &[]);
    // SAFETY: the only test of its program, before it starts any thread of its own.
    unsafe {
        std::env::set_var("KNOWCODER_CUBLASLT", &library);
        std::env::set_var("KNOWCODER_GEMM", way);
        std::env::set_var("KNOWCODER_GEMM_ROUTES", folder.path().join("gemm-routes.json"));
    }
    Fake { driver: opened(&driver), _other: opened(&other), _folder: folder }
}

impl Fake {
    /// What a function of `fakes/cuda.c` has counted.
    pub fn count(&self, name: &str) -> c_long {
        // SAFETY: its type.
        unsafe { self.driver.get::<unsafe extern "C" fn() -> c_long>(name).unwrap()() }
    }
}

fn compiled(folder: &Path, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let (from, to) = (folder.join(name).with_extension("c"), folder.join(name));
    std::fs::write(&from, source).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
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
