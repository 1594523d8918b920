//! What a machine has of NVIDIA's, as a whole: for a preflight, where nothing stops at the first fault.

use super::cublaslt::{self, CublasLt};
use super::cuda;
use super::nccl::{self, Nccl};
use super::nvml::{self, Health, Nvml};
use model::cuda::Driver;
use model::cuda::blas::Blas;
use serde::Serialize;
use std::path::PathBuf;

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// The driver and the mathematical functions.
    pub cuda: cuda::Places,
    /// Names of the management library.
    pub nvml: Vec<PathBuf>,
    /// Names of NCCL.
    pub nccl: Vec<PathBuf>,
    /// Names of cuBLASLt.
    pub cublaslt: Vec<PathBuf>,
}

/// Everything; a sentence in place of what is missing.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The driver.
    pub driver: Result<DriverFacts, String>,
    /// The GPUs that it shows.
    pub gpus: Vec<Gpu>,
    /// The file of mathematical functions.
    pub libdevice: Result<PathBuf, String>,
    /// NCCL.
    pub nccl: Result<Nccl, String>,
    /// cuBLASLt.
    pub cublaslt: Result<CublasLt, String>,
    /// Why GPUs do not say how they are doing, if they do not.
    pub nvml: Result<(), String>,
}

/// A driver that works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriverFacts {
    /// The highest version of CUDA that it serves.
    pub cuda: (u32, u32),
    /// The version of its package.
    pub version: Option<String>,
}

/// A GPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gpu {
    /// Its number for the driver.
    pub ordinal: usize,
    /// `NVIDIA H200`.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Compute capability.
    pub capability: (u32, u32),
    /// Numbers of the GPUs whose memory it reaches.
    pub reaches: Vec<usize>,
    /// How it is doing.
    pub health: Health,
}

impl Places {
    /// Where this machine has them.
    pub fn of_this_machine() -> Self {
        Self {
            cuda: cuda::Places::of_this_machine(),
            nvml: Nvml::names(),
            nccl: nccl::names(std::env::var_os("KNOWCODER_NCCL")),
            cublaslt: Blas::names(),
        }
    }

    /// Looks at everything.
    pub fn take(&self) -> Inventory {
        let nvml = Nvml::load_from(&self.nvml).map_err(|error| error.to_string());
        let opened = self.cuda.driver();
        let gpus = match &opened {
            Ok(driver) => self.gpus(driver, nvml.as_ref().ok()),
            Err(_) => Ok(Vec::new()),
        };
        let driver = opened.and_then(|driver| {
            // A driver that cannot describe its GPUs is of no use.
            gpus.as_ref().map_err(Clone::clone)?;
            let cuda = driver.version().map_err(|error| error.to_string())?;
            let version = nvml.as_ref().ok().and_then(Nvml::driver);
            Ok(DriverFacts { cuda, version })
        });
        Inventory {
            driver,
            gpus: gpus.unwrap_or_default(),
            libdevice: self.cuda.libdevice.find(),
            nccl: nccl::find(&self.nccl).map_err(|error| error.to_string()),
            cublaslt: cublaslt::find(&self.cublaslt).map_err(|error| error.to_string()),
            nvml: nvml.map(|_| ()),
        }
    }

    fn gpus(&self, driver: &Driver, nvml: Option<&Nvml>) -> Result<Vec<Gpu>, String> {
        let devices = driver.devices().map_err(|error| error.to_string())?;
        let others = |from: usize| {
            let reaches = |to: &usize| *to != from && driver.reaches(from, *to).unwrap_or(false);
            (0..devices.len()).filter(reaches).collect()
        };
        let health = |ordinal| {
            let bus = nvml::bus(&self.cuda.driver, ordinal)?;
            nvml?.health(&bus)
        };
        let gpu = |device: &model::cuda::DeviceInfo| Gpu {
            ordinal: device.ordinal,
            name: device.name.clone(),
            memory: device.memory,
            capability: device.capability,
            reaches: others(device.ordinal),
            health: health(device.ordinal).unwrap_or_default(),
        };
        Ok(devices.iter().map(gpu).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{fake, libdevice};
    use super::*;

    fn places(folder: &std::path::Path) -> Places {
        let libdevice =
            libdevice::Places { cuda_path: None, roots: Vec::new(), environments: Vec::new() };
        Places {
            cuda: cuda::Places { driver: vec![folder.join("no")], libdevice, visible: None },
            nvml: vec![folder.join("no")],
            nccl: vec![folder.join("no")],
            cublaslt: vec![folder.join("no")],
        }
    }

    #[test]
    fn everything_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let mut places = places(folder.path());
        places.cuda.driver = vec![fake::driver(folder.path(), &["DEVICES=3"])];
        places.nvml = vec![fake::nvml(folder.path())];
        places.nccl = vec![fake::nccl(folder.path())];
        places.cublaslt = vec![fake::cublaslt(folder.path())];
        let found = places.take();
        let version = Some("580.65.06".to_owned());
        assert_eq!(found.driver, Ok(DriverFacts { cuda: (13, 0), version }));
        let links: Vec<_> = found.gpus.iter().map(|gpu| gpu.health.links).collect();
        assert_eq!(links, [None, Some(17), None], "the third one is not known to NVML");
        assert_eq!(found.gpus[1].reaches, [0, 2]);
        assert_eq!(found.nccl.unwrap().version, "2.27.3");
        assert_eq!(found.cublaslt.unwrap().version, "13.1.2");
        assert_eq!(found.nvml, Ok(()));
        assert!(found.libdevice.is_err());
    }

    #[test]
    fn a_machine_with_nothing_has_a_sentence_for_each() {
        let folder = tempfile::tempdir().unwrap();
        let found = places(folder.path()).take();
        assert!(found.driver.unwrap_err().contains("the NVIDIA driver is not here"));
        assert!(found.gpus.is_empty());
        assert!(found.nccl.unwrap_err().starts_with("NCCL is not here"));
        assert!(found.cublaslt.unwrap_err().starts_with("cuBLASLt is not here"));
        assert!(found.nvml.unwrap_err().starts_with("NVML is not here"));
    }
}
