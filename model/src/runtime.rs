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
