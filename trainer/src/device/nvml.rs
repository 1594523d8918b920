//! How GPUs are doing, and how they are wired: NVIDIA's management library, loaded where it is there.
//!
//! It counts GPUs in an order of its own and shows all of the machine, whatever `CUDA_VISIBLE_DEVICES` says;
//! they are matched by their address on the bus.

use model::cuda::{CudaError, Library};
use serde::Serialize;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::PathBuf;
use std::ptr::null_mut;

type Status = c_int;
type Handle = *mut c_void;

/// More links than any GPU has: `NVML_NVLINK_MAX_LINKS`.
const MOST_LINKS: c_uint = 18;
// Numbers of `nvmlTemperatureSensors_t` and `nvmlClockType_t`.
const OF_THE_GPU: c_int = 0;
const OF_MULTIPROCESSORS: c_int = 1;

/// `nvmlMemory_t`.
#[repr(C)]
#[derive(Default)]
struct Memory {
    total: u64,
    free: u64,
    used: u64,
}

/// What a GPU says of itself; `None` where it does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Health {
    /// Bytes of memory that nobody uses.
    pub free: Option<u64>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Watts, and how many it may take.
    pub power: Option<(u32, u32)>,
    /// MHz of the multiprocessors, and how many they can have.
    pub clock: Option<(u32, u32)>,
    /// NVLinks that are up; `None`: it has none.
    pub links: Option<u32>,
}

/// The opened library.
#[derive(Debug)]
pub struct Nvml {
    library: Library,
}

impl Nvml {
    /// The names of the library.
    pub fn names() -> Vec<PathBuf> {
        ["libnvidia-ml.so.1", "libnvidia-ml.so"].map(PathBuf::from).to_vec()
    }

    /// Opens and initialises the first of these names or paths.
    pub fn load_from(names: &[PathBuf]) -> Result<Self, CudaError> {
        let library = Library::open("NVML", names)?;
        // SAFETY: the types here and below are those of `nvml.h`; pointers are to live locals.
        let code = unsafe {
            let init: unsafe extern "C" fn() -> Status = library.pointer("nvmlInit_v2")?;
            init()
        };
        match code {
            0 => Ok(Self { library }),
            code => {
                let reason = "see what `nvidia-smi` says".to_owned();
                Err(CudaError::Call { call: "nvmlInit_v2", code, reason })
            }
        }
    }

    /// The version of the driver's package: `580.65.06`.
    pub fn driver(&self) -> Option<String> {
        type Function = unsafe extern "C" fn(*mut c_char, c_uint) -> Status;
        let mut text = [0 as c_char; 96];
        // SAFETY: it writes at most as many bytes as it is told, the last one 0.
        unsafe {
            let version: Function = self.library.pointer("nvmlSystemGetDriverVersion").ok()?;
            (version(text.as_mut_ptr(), 95) == 0)
                .then(|| CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned())
        }
    }

    /// How the GPU at this address on the bus is doing.
    pub fn health(&self, bus: &str) -> Option<Health> {
        type Find = unsafe extern "C" fn(*const c_char, *mut Handle) -> Status;
        let bus = CString::new(bus).ok()?;
        let mut gpu = null_mut();
        // SAFETY: as above.
        unsafe {
            let find: Find = self.library.pointer("nvmlDeviceGetHandleByPciBusId_v2").ok()?;
            if find(bus.as_ptr(), &mut gpu) != 0 {
                return None;
            }
        }
        let milliwatts = self
            .number(gpu, "nvmlDeviceGetPowerUsage")
            .zip(self.number(gpu, "nvmlDeviceGetEnforcedPowerLimit"));
        Some(Health {
            free: self.free(gpu),
            temperature: self.number_of(gpu, "nvmlDeviceGetTemperature", OF_THE_GPU),
            power: milliwatts.map(|(now, most)| (now / 1000, most / 1000)),
            clock: self
                .number_of(gpu, "nvmlDeviceGetClockInfo", OF_MULTIPROCESSORS)
                .zip(self.number_of(gpu, "nvmlDeviceGetMaxClockInfo", OF_MULTIPROCESSORS)),
            links: self.links(gpu),
        })
    }

    fn free(&self, gpu: Handle) -> Option<u64> {
        type Function = unsafe extern "C" fn(Handle, *mut Memory) -> Status;
        let mut memory = Memory::default();
        // SAFETY: as above.
        unsafe {
            let info: Function = self.library.pointer("nvmlDeviceGetMemoryInfo").ok()?;
            (info(gpu, &mut memory) == 0).then_some(memory.free)
        }
    }

    fn number(&self, gpu: Handle, name: &'static str) -> Option<u32> {
        type Function = unsafe extern "C" fn(Handle, *mut c_uint) -> Status;
        let mut number = 0;
        // SAFETY: as above.
        unsafe {
            let function: Function = self.library.pointer(name).ok()?;
            (function(gpu, &mut number) == 0).then_some(number)
        }
    }

    fn number_of(&self, gpu: Handle, name: &'static str, what: c_int) -> Option<u32> {
        type Function = unsafe extern "C" fn(Handle, c_int, *mut c_uint) -> Status;
        let mut number = 0;
        // SAFETY: as above.
        unsafe {
            let function: Function = self.library.pointer(name).ok()?;
            (function(gpu, what, &mut number) == 0).then_some(number)
        }
    }

    fn links(&self, gpu: Handle) -> Option<u32> {
        type Function = unsafe extern "C" fn(Handle, c_uint, *mut c_int) -> Status;
        let mut up = None;
        for link in 0..MOST_LINKS {
            let mut is_up = 0;
            // SAFETY: as above.
            let status = unsafe {
                let state: Function = self.library.pointer("nvmlDeviceGetNvLinkState").ok()?;
                state(gpu, link, &mut is_up)
            };
            // Links that it does not have are no states, but errors.
            if status == 0 {
                up = Some(up.unwrap_or(0) + u32::from(is_up != 0));
            }
        }
        up
    }
}

impl Drop for Nvml {
    fn drop(&mut self) {
        type Function = unsafe extern "C" fn() -> Status;
        // SAFETY: as above; nothing can be done where it fails.
        unsafe {
            if let Ok(shutdown) = self.library.pointer::<Function>("nvmlShutdown") {
                shutdown();
            }
        }
    }
}

/// The address on the bus of the GPU with this number for the driver, which is initialised.
pub fn bus(driver: &[PathBuf], ordinal: usize) -> Option<String> {
    type Get = unsafe extern "C" fn(*mut c_int, c_int) -> Status;
    type Address = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> Status;
    let library = Library::open("the NVIDIA driver", driver).ok()?;
    let mut gpu = 0;
    let mut text = [0 as c_char; 64];
    // SAFETY: the types are those of `cuda.h`; it writes at most as many bytes as it is told.
    unsafe {
        let get: Get = library.pointer("cuDeviceGet").ok()?;
        let address: Address = library.pointer("cuDeviceGetPCIBusId").ok()?;
        let done = get(&mut gpu, c_int::try_from(ordinal).ok()?) == 0
            && address(text.as_mut_ptr(), 63, gpu) == 0;
        done.then(|| CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned())
    }
}

/// Bytes that nobody uses on that of the first `count` GPUs which has the fewest, by libraries of these names; the
/// driver is initialised. `None` where one of them does not say.
pub fn least_free(driver: &[PathBuf], names: &[PathBuf], count: usize) -> Option<u64> {
    let nvml = Nvml::load_from(names).ok()?;
    let free = |ordinal| nvml.health(&bus(driver, ordinal)?)?.free;
    (0..count).map(free).collect::<Option<Vec<u64>>>()?.into_iter().min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fake;
    use super::*;

    #[test]
    fn a_gpu_says_how_it_is_doing() {
        let folder = tempfile::tempdir().unwrap();
        let nvml = Nvml::load_from(&[fake::nvml(folder.path())]).unwrap();
        assert_eq!(nvml.driver().as_deref(), Some("580.65.06"));
        let driver = [fake::driver(folder.path(), &["DEVICES=2"])];
        assert_eq!(bus(&driver, 1).as_deref(), Some("0000:01:00.0"));
        assert_eq!(bus(&driver, 2), None);
        let health = nvml.health("0000:01:00.0").unwrap();
        let expected = Health {
            free: Some(100 << 30),
            temperature: Some(41),
            power: Some((120, 700)),
            clock: Some((345, 1980)),
            links: Some(17),
        };
        assert_eq!(health, expected);
        // The first one has no links and does not say what it takes.
        let other = nvml.health("0000:00:00.0").unwrap();
        assert_eq!((other.links, other.power), (None, None));
        assert_eq!(nvml.health("0000:07:00.0"), None);
    }

    #[test]
    fn what_is_free_is_known_of_all_or_of_none() {
        let folder = tempfile::tempdir().unwrap();
        let driver = [fake::driver(folder.path(), &["DEVICES=3"])];
        let names = [fake::nvml(folder.path())];
        // The first has 90 GiB, the second 100.
        assert_eq!(least_free(&driver, &names, 1), Some(90 << 30));
        assert_eq!(least_free(&driver, &names, 2), Some(90 << 30));
        // The third is not known there.
        assert_eq!(least_free(&driver, &names, 3), None);
        assert_eq!(least_free(&driver, &[folder.path().join("no")], 1), None);
    }
}
