//! Which device a rank computes on; the only place that knows the features.
//!
//! What a device needs of its machine is looked for before it is touched: the tensor library opens it on a
//! thread of its own, where what is missing becomes a panic and its cause is lost.

pub mod cublaslt;
pub mod cuda;
#[cfg(test)]
mod fake;
pub mod inventory;
pub mod kernels;
pub mod libdevice;
pub mod lost;
pub mod nccl;
pub mod nvml;
pub mod rate;

use crate::Error;
use crate::collective::Carrier;
use crate::collective::nccl::library::SETTING;
use burn::tensor::Device;
use model::cuda::blas::Blas;
pub use model::runtime::{THREADS, said, tells_of_full_memory};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The device called `name` for the rank with this local number.
pub fn of(name: &str, local_rank: usize) -> Result<Device, Error> {
    here(name, local_rank + 1)?;
    match name {
        #[cfg(feature = "flex")]
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        "cuda" => {
            kernels::keep();
            Ok(Device::cuda(local_rank))
        }
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        other => Err(check(other).err().unwrap_or_else(|| {
            Error::Device(format!("device `{other}` is built, but cannot be opened"))
        })),
    }
}

/// Whether tensors there lie in this machine's own memory, so that slices of them cost no transfer.
pub(crate) fn is_host(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    let host = *device == Device::flex();
    #[cfg(not(feature = "flex"))]
    let host = {
        let _ = device;
        false
    };
    host
}

/// Refuses a device that this build does not have.
pub fn check(name: &str) -> Result<(), Error> {
    if BUILT.contains(&name) {
        return Ok(());
    }
    let built = BUILT.join(", ");
    Err(Error::Device(format!(
        "run.device is `{name}`, which is not in this build; it was built with: {built}"
    )))
}

/// Refuses a device that this build or this machine does not have for so many ranks, whose sums `carrier`
/// carries.
pub fn ready(name: &str, ranks: usize, carrier: Carrier) -> Result<(), Error> {
    here(name, ranks)?;
    if carrier.is_nccl(name, ranks) {
        let names = nccl::names(std::env::var_os(SETTING));
        nccl::ready(&names, ranks).map_err(Error::Device)?;
    }
    Ok(())
}

/// Refuses a device that this build or this machine does not have for so many ranks.
fn here(name: &str, ranks: usize) -> Result<(), Error> {
    check(name)?;
    if name == "cuda" {
        cuda::Places::of_this_machine().find(ranks).map_err(Error::Device)?;
    }
    Ok(())
}

/// Bytes of the smallest of the first `ranks` devices called `name`, as their runtime states them.
///
/// Of a GPU of NVIDIA's its driver is asked: the device is not opened, since who plans with its memory may
/// not be who computes there.
pub fn capacity(name: &str, ranks: usize) -> Result<Option<u64>, Error> {
    if name != "cuda" {
        return Ok(of(name, 0)?.memory_capacity());
    }
    check(name)?;
    let found = cuda::Places::of_this_machine().find(ranks).map_err(Error::Device)?;
    Ok(found.gpus.iter().take(ranks).map(|gpu| gpu.memory).min())
}

/// What makes a device slower here than it could be, in a sentence.
pub fn slowness(name: &str) -> Option<String> {
    match name {
        "cuda" => cublaslt::slowness(&Blas::names()),
        _ => None,
    }
}

/// The devices of this build.
pub const BUILT: &[&str] = &[
    #[cfg(feature = "flex")]
    "flex",
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "wgpu")]
    "wgpu",
];

/// What a rank computes on, for those who read of it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The device as recipes call it.
    pub device: String,
    /// What the driver calls it.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// The highest version of CUDA that the driver serves.
    pub driver: String,
    /// The version and the file of NVIDIA's own matrix products; `None` where they are not found.
    #[serde(default)]
    pub cublaslt: Option<String>,
    /// The file that keeps compiled kernels and tuning; `None` where nothing is kept.
    pub kernels: Option<PathBuf>,
}

/// The facts of a GPU of NVIDIA's; other devices have none. To be asked for when the device is open.
pub fn facts(name: &str, local_rank: usize) -> Option<Facts> {
    if name != "cuda" {
        return None;
    }
    let found = cuda::Places::of_this_machine().find(local_rank + 1).ok()?;
    let gpu = found.gpus.get(local_rank)?;
    Some(Facts {
        device: format!("cuda:{local_rank}"),
        name: gpu.name.clone(),
        memory: gpu.memory,
        driver: cuda::version_text(found.version),
        cublaslt: cublaslt::find(&Blas::names()).ok().map(|found| found.to_string()),
        kernels: kernels::kept(),
    })
}
