//! Which device a rank computes on; the only place that knows the features.

use crate::Error;
use burn::tensor::Device;

/// The device called `name` for the rank with this local number.
pub fn of(name: &str, local_rank: usize) -> Result<Device, Error> {
    let _ = local_rank;
    match name {
        #[cfg(feature = "flex")]
        "flex" => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(local_rank)),
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

/// The devices of this build.
pub const BUILT: &[&str] = &[
    #[cfg(feature = "flex")]
    "flex",
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "wgpu")]
    "wgpu",
];
