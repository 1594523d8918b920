//! What CUDA needs of a machine, and one sentence for each thing that is missing.

use super::libdevice;
use model::cuda::{CudaError, DeviceInfo, Driver};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The oldest driver that has every function that CubeCL calls, as the version of CUDA that it serves:
/// `cuEventElapsedTime_v2`, which times kernels, came with 12.8.
pub const OLDEST: (u32, u32) = (12, 8);

/// Where to look, and what was asked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// Names of the driver's library.
    pub driver: Vec<PathBuf>,
    /// Where the mathematical functions may lie.
    pub libdevice: libdevice::Places,
    /// `CUDA_VISIBLE_DEVICES`: the driver obeys it, we only name it.
    pub visible: Option<String>,
}

/// What is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// The driver.
    pub driver: Arc<Driver>,
    /// The highest version of CUDA that it serves.
    pub version: (u32, u32),
    /// The GPUs that it shows.
    pub gpus: Vec<DeviceInfo>,
    /// The file of mathematical functions.
    pub libdevice: PathBuf,
}

impl Places {
    /// Where this machine has them.
    pub fn of_this_machine() -> Self {
        Self {
            driver: Driver::names(),
            libdevice: libdevice::Places::of_this_machine(),
            visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        }
    }

    /// Everything for so many ranks, or a sentence about the first thing that is missing.
    pub fn find(&self, ranks: usize) -> Result<Found, String> {
        let driver = self.driver()?;
        let version = driver.version().map_err(|error| format!("device `cuda`: {error}"))?;
        if version < OLDEST {
            return Err(format!(
                "device `cuda`: the driver serves CUDA {}, CUDA {} is needed; install a newer driver",
                version_text(version),
                version_text(OLDEST)
            ));
        }
        let gpus = driver.devices().map_err(|error| format!("device `cuda`: {error}"))?;
        if gpus.len() < ranks {
            return Err(self.too_few(&gpus, ranks));
        }
        let libdevice = self.libdevice.find()?;
        Ok(Found { driver, version, gpus, libdevice })
    }

    /// The driver, initialised.
    pub fn driver(&self) -> Result<Arc<Driver>, String> {
        self.open().map_err(|error| match error {
            CudaError::Missing { .. } => format!(
                "device `cuda`: {error}; install NVIDIA's driver, or compute where `nvidia-smi` lists a GPU"
            ),
            CudaError::Symbol { .. } => format!("device `cuda`: {error}; install a newer driver"),
            CudaError::Call { call: "cuInit", code, .. } => {
                format!("device `cuda`: {error}{}; {}", self.visible_text(), way_out(code))
            }
            CudaError::Call { .. } | CudaError::Tensor { .. } => {
                format!("device `cuda`: {error}")
            }
        })
    }

    fn open(&self) -> Result<Arc<Driver>, CudaError> {
        // What the driver starts in a process outlives its handle: it is opened once and never closed.
        static OPEN: OnceLock<Arc<Driver>> = OnceLock::new();
        if self.driver != Driver::names() {
            return Driver::load_from(&self.driver);
        }
        match OPEN.get() {
            Some(driver) => Ok(Arc::clone(driver)),
            None => Driver::load().map(|driver| Arc::clone(OPEN.get_or_init(|| driver))),
        }
    }

    fn too_few(&self, gpus: &[DeviceInfo], ranks: usize) -> String {
        let visible = self.visible_text();
        if gpus.is_empty() {
            return format!(
                "device `cuda`: the driver shows no GPU{visible}; {}",
                way_out(NO_DEVICE)
            );
        }
        format!(
            "device `cuda`: {ranks} ranks of this machine need a GPU each, the driver shows {}: {}{visible}; \
             start no more ranks than that",
            gpus.len(),
            names(gpus)
        )
    }

    fn visible_text(&self) -> String {
        self.visible
            .as_ref()
            .map_or_else(String::new, |it| format!(" (CUDA_VISIBLE_DEVICES is `{it}`)"))
    }
}

/// `2 × NVIDIA H200`.
pub fn names(gpus: &[DeviceInfo]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for gpu in gpus {
        *counts.entry(&gpu.name).or_default() += 1;
    }
    let texts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{count} × {name}")).collect();
    texts.join(", ")
}

/// `13.0`.
pub fn version_text((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

// Numbers of `CUresult`.
const STUB: i32 = 34;
const NO_DEVICE: i32 = 100;
const NOT_READY: i32 = 802;
const MISMATCH: i32 = 803;

/// What helps when `cuInit` gives this code.
fn way_out(code: i32) -> &'static str {
    match code {
        STUB => {
            "a toolkit's stand-in for the driver is found first: take its folder `stubs` out of LD_LIBRARY_PATH"
        }
        NO_DEVICE => "compute where `nvidia-smi` lists a GPU, and leave it visible",
        NOT_READY => {
            "GPUs that share an NVSwitch need its fabric manager: start `nvidia-fabricmanager`"
        }
        MISMATCH => "the driver was changed under the running system: start the machine anew",
        _ => "see what `nvidia-smi` says",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fake;
    use super::*;
    use expect_test::{Expect, expect};
    use std::path::Path;

    /// What is said of a driver that was compiled with these definitions, of a machine with or without
    /// the mathematical functions.
    fn check(definitions: &[&str], has_functions: bool, ranks: usize, expected: Expect) {
        let folder = tempfile::tempdir().unwrap();
        let mut places = places(folder.path(), has_functions);
        places.driver = vec![fake::driver(folder.path(), definitions)];
        let said = match places.find(ranks) {
            Ok(found) => {
                format!("CUDA {}, {}", version_text(found.version), names(&found.gpus))
            }
            Err(message) => message,
        };
        expected.assert_eq(&said.replace(&folder.path().display().to_string(), "DIR"));
    }

    fn places(folder: &Path, has_functions: bool) -> Places {
        if has_functions {
            let nvvm = folder.join("cuda/nvvm/libdevice");
            std::fs::create_dir_all(&nvvm).unwrap();
            std::fs::write(nvvm.join("libdevice.10.bc"), "BC").unwrap();
        }
        let libdevice = libdevice::Places {
            cuda_path: None,
            roots: vec![folder.join("cuda")],
            environments: Vec::new(),
        };
        Places { driver: Vec::new(), libdevice, visible: Some("0,1".to_owned()) }
    }

    #[test]
    fn what_is_missing_is_said_in_a_sentence() {
        check(&["DEVICES=2"], true, 2, expect![[r#"CUDA 13.0, 2 × Fake H200"#]]);
        check(
            &["DEVICES=2"],
            true,
            4,
            expect![[
                r#"device `cuda`: 4 ranks of this machine need a GPU each, the driver shows 2: 2 × Fake H200 (CUDA_VISIBLE_DEVICES is `0,1`); start no more ranks than that"#
            ]],
        );
        check(
            &["DEVICES=0"],
            true,
            1,
            expect![[
                r#"device `cuda`: the driver shows no GPU (CUDA_VISIBLE_DEVICES is `0,1`); compute where `nvidia-smi` lists a GPU, and leave it visible"#
            ]],
        );
        check(
            &["INIT=100"],
            true,
            1,
            expect![[
                r#"device `cuda`: cuInit failed with 100: a reason (CUDA_VISIBLE_DEVICES is `0,1`); compute where `nvidia-smi` lists a GPU, and leave it visible"#
            ]],
        );
        check(
            &["INIT=802"],
            true,
            1,
            expect![[
                r#"device `cuda`: cuInit failed with 802: a reason (CUDA_VISIBLE_DEVICES is `0,1`); GPUs that share an NVSwitch need its fabric manager: start `nvidia-fabricmanager`"#
            ]],
        );
        check(
            &["VERSION=12040"],
            true,
            1,
            expect![[
                r#"device `cuda`: the driver serves CUDA 12.4, CUDA 12.8 is needed; install a newer driver"#
            ]],
        );
        check(
            &["DEVICES=1"],
            false,
            1,
            expect![[
                r#"device `cuda`: libdevice.10.bc, the mathematical functions of its kernels, is not here (looked for DIR/cuda/nvvm/libdevice/libdevice.10.bc); install a CUDA toolkit, or `pip install nvidia-cuda-nvcc-cu12` and set CUDA_PATH to its folder nvidia/cuda_nvcc"#
            ]],
        );
        check(
            &["WITHOUT_PEERS"],
            true,
            1,
            expect![[
                r#"device `cuda`: DIR/libcuda.so.1 has no function `cuDeviceCanAccessPeer`: it is too old; install a newer driver"#
            ]],
        );
    }

    #[test]
    fn a_machine_without_a_driver_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            driver: vec![folder.path().join("libcuda.so.1"), folder.path().join("libcuda.so")],
            ..places(folder.path(), true)
        };
        let said = places.find(1).unwrap_err();
        let start = format!(
            "device `cuda`: the NVIDIA driver is not here (looked for {}/libcuda.so.1, ",
            folder.path().display()
        );
        assert!(said.starts_with(&start), "{said}");
        let end = "; install NVIDIA's driver, or compute where `nvidia-smi` lists a GPU";
        assert!(said.ends_with(end), "{said}");
    }
}
