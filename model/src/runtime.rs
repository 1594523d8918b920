//! What the program and CubeCL, the runtime of GPUs, must agree on beside tensors.

/// Where CubeCL logs, as a warning, that a task of a device's thread has panicked.
///
/// Such a task was queued by somebody who does not wait for it: the panic is caught, the thread goes on, and
/// what the task should have written is never written. Nothing else tells: a program that goes on computes
/// with whatever the memory held. Panics that CubeCL expects, as of a kernel that cannot be compiled, are
/// turned into errors and not logged there.
pub const LOST_TASK: &str = "cubecl_common::device::handle::channel";

/// The beginnings of the names of a device's threads.
pub const THREADS: [&str; 2] = ["DSU-", "DSD-"];

/// Whether a message says that a device's memory is full: in CubeCL's words, where an allocation failed or could
/// never fit, in those of a driver, or in our own.
pub fn tells_of_full_memory(message: &str) -> bool {
    const WORDS: [&str; 7] = [
        "out of device memory",
        "can't allocate buffer of size",
        "out-of-memory error",
        "out of memory",
        "OUT_OF_MEMORY",
        "OutOfMemory",
        "too little memory",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

/// What the message of a panic says, in one line. What a GPU could not do is reported by the read of what it
/// should have written, in a message of many lines: what every such read begins with, and what only announces
/// the next line, is left out.
pub fn said(message: &str) -> String {
    const ANNOUNCE: [&str; 8] = [
        "Caused by:",
        "Asked at:",
        "Backtrace",
        "Backtrace:",
        "No backtrace available",
        "An error happened during execution",
        "An IO error happened",
        "A launch error happened",
    ];
    let of_read = message.strip_prefix("Error while reading data: ");
    let reason = of_read.and_then(|it| it.split_once(" at runtime: ")).map_or(message, |it| it.1);
    if !reason.contains("\nCaused by:") {
        return reason.replace('\n', " ");
    }
    let lines = reason.lines().map(str::trim);
    let told: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !ANNOUNCE.contains(line)).collect();
    told.join(": ")
}

/// Has f32 multiplied as f32 from now on. Kernels of the tensor library else round operands in f32 to TF32, which
/// keeps 10 bits of 23. It is decided once, before the first product of a process: `false` where that was too late.
#[cfg(feature = "cuda")]
pub fn full_precision() -> bool {
    use cubek::std::config::{CubekConfig, RuntimeConfig};
    let mut config = CubekConfig::from_current_dir().override_from_env();
    config.matmul.allow_tf32 = false;
    CubekConfig::try_set(config) || !CubekConfig::get().matmul.allow_tf32
}

/// The same of a build whose devices have no TF32.
#[cfg(not(feature = "cuda"))]
pub fn full_precision() -> bool {
    true
}

/// Keeps compiled kernels and the results of tuning in the file `name`.db of `folder`; returns the file.
///
/// To be called before the first use of a device; later calls change nothing. A folder that the user's
/// `cubecl.toml` names is used instead.
#[cfg(feature = "cuda")]
pub fn keep_kernels(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    use burn_cubecl::cubecl::config::cache::CacheConfig;
    use burn_cubecl::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    if matches!(config.environment.path, CacheConfig::Target) {
        config.environment.path = CacheConfig::Directory(folder.to_owned());
    }
    config.environment.name = name.to_owned();
    // Off by default there; keys hold the hash of the build, so that no other program's kernel is taken.
    config.compilation.cache = true;
    CubeClRuntimeConfig::try_set(config);
    burn_cubecl::cubecl::environment::path()
}

#[cfg(test)]
mod messages {
    use super::{said, tells_of_full_memory};

    #[test]
    fn a_failed_read_is_told_by_its_cause() {
        let message = "Error while reading data: use `try_into_data` instead to catch the error at runtime: \
                       An error happened during execution\nCaused by:\n  The bytes were never written (failure #3, \
                       still claiming 2 buffer(s))\n  matmul\nCaused by:\n  An IO error happened\nCaused by:\n  out of \
                       device memory allocating 528482304 bytes\nNo backtrace available\nAsked at:\nNo backtrace \
                       available";
        let expected = "The bytes were never written (failure #3, still claiming 2 buffer(s)): matmul: out of device \
                        memory allocating 528482304 bytes";
        assert_eq!(said(message), expected);
        assert!(tells_of_full_memory(&said(message)));
        assert_eq!(said("the kernel\nis gone"), "the kernel is gone");
        assert_eq!(said("no result"), "no result");
    }

    #[test]
    fn what_drivers_and_we_say_of_full_memory_is_known() {
        for words in [
            "CUDA_ERROR_OUT_OF_MEMORY",
            "CUDA is out of memory",
            "error: the device has too little memory: no room",
        ] {
            assert!(tells_of_full_memory(words), "{words}");
        }
        for words in ["no such kernel", "memory.budget_gib is 0", "CUDA_ERROR_ILLEGAL_ADDRESS"] {
            assert!(!tells_of_full_memory(words), "{words}");
        }
    }

    /// By the errors themselves: other words in another version fail here.
    #[test]
    #[cfg(feature = "kernels")]
    fn what_this_version_of_cubecl_says_of_full_memory_is_known() {
        use burn_cubecl::cubecl::server::{IoError, LaunchError, ServerError};
        let (size, reason) = (7, "no room".to_owned());
        let full: [ServerError; 3] = [
            IoError::OutOfMemory { size, backtrace: Default::default() }.into(),
            IoError::BufferTooBig { size, backtrace: Default::default() }.into(),
            LaunchError::OutOfMemory { reason, backtrace: Default::default() }.into(),
        ];
        let read = "Error while reading data: use `try_into_data` instead to catch the error at runtime: An error \
                    happened during execution\nCaused by:\n  ";
        let told = full.map(|error| {
            let at_once = said(&error.to_string());
            assert!(tells_of_full_memory(&at_once), "{at_once}");
            let unwritten = ServerError::Unwritten {
                failure: 3,
                claimed: 2,
                chain: Vec::new(),
                root: Box::new(error),
                backtrace: Default::default(),
            };
            let later = said(&format!("{read}{unwritten}"));
            assert!(later.ends_with(&format!("buffer(s)): {at_once}")), "{later}");
            at_once
        });
        assert_eq!(told[0], "out of device memory allocating 7 bytes");
        assert_eq!(told[1], "can't allocate buffer of size: 7");
        let other =
            IoError::Unknown { description: "no".to_owned(), backtrace: Default::default() };
        assert!(!tells_of_full_memory(&ServerError::from(other).to_string()));
    }
}

/// Both are decided for a whole process: these are for themselves.
#[cfg(all(test, feature = "cuda"))]
mod precision {
    #![allow(clippy::unwrap_used)]
    use super::full_precision;
    use cubek::std::config::MatmulConfig;
    use std::process::Command;

    fn child(case: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runtime::precision::decides", "--ignored"])
            .env("KNOWCODER_TEST_PRECISION", case)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    fn f32_is_multiplied_as_f32_if_that_is_said_in_time() {
        child("early");
        child("late");
    }

    #[test]
    #[ignore = "started by the test above, in a process of its own"]
    fn decides() {
        match std::env::var("KNOWCODER_TEST_PRECISION").as_deref() {
            Ok("early") => {
                assert!(full_precision());
                assert!(!MatmulConfig::get().allow_tf32);
                assert!(full_precision());
            }
            Ok("late") => {
                assert!(MatmulConfig::get().allow_tf32);
                assert!(!full_precision());
            }
            _ => {}
        }
    }
}

#[cfg(all(test, feature = "cuda", feature = "wgpu"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::{Device, DeviceKind, Distribution, Tensor};
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// What is kept holds for a whole process: this one is for itself.
    #[test]
    fn kernels_are_kept_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runtime::tests::child", "--ignored", "--nocapture"])
            .env("KNOWCODER_TEST_FOLDER", folder.path())
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(folder.path().join("kernels/r3.db").is_file());
    }

    #[test]
    #[ignore = "started by the test above, in a process of its own"]
    fn child() {
        let Some(folder) = std::env::var_os("KNOWCODER_TEST_FOLDER") else { return };
        let folder = PathBuf::from(folder).join("kernels");
        assert_eq!(keep_kernels(&folder, "r3"), folder.join("r3.db"));
        // Only the first call counts.
        assert_eq!(keep_kernels(Path::new("/nowhere"), "r4"), folder.join("r3.db"));
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        let random = || Tensor::<2>::random([64, 64], Distribution::Default, &device);
        assert_eq!(random().matmul(random()).into_data().iter::<f32>().count(), 64 * 64);
    }
}
