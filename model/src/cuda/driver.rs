//! The driver: which GPUs there are, streams of our own, and the order between streams.

use super::library::{CudaError, Library};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::path::PathBuf;
use std::ptr::null_mut;
use std::sync::Arc;

type Status = c_int;
type Handle = *mut c_void;

/// `CUresult` of an operation that has not ended.
const NOT_READY: Status = 600;

macro_rules! functions {
    ($($field:ident = $name:literal: fn($($argument:ty),*);)*) => {
        struct Functions { $($field: unsafe extern "C" fn($($argument),*) -> Status,)* }

        impl Functions {
            fn of(library: &Library) -> Result<Self, CudaError> {
                // SAFETY: the types are those of `cuda.h`; the pointers live beside the library.
                Ok(Self { $($field: unsafe { library.pointer($name)? },)* })
            }
        }
    };
}

functions! {
    init = "cuInit": fn(c_uint);
    driver_version = "cuDriverGetVersion": fn(*mut c_int);
    error_string = "cuGetErrorString": fn(Status, *mut *const c_char);
    device_count = "cuDeviceGetCount": fn(*mut c_int);
    device_get = "cuDeviceGet": fn(*mut c_int, c_int);
    device_name = "cuDeviceGetName": fn(*mut c_char, c_int, c_int);
    device_memory = "cuDeviceTotalMem_v2": fn(*mut usize, c_int);
    device_attribute = "cuDeviceGetAttribute": fn(*mut c_int, c_int, c_int);
    can_access_peer = "cuDeviceCanAccessPeer": fn(*mut c_int, c_int, c_int);
    retain = "cuDevicePrimaryCtxRetain": fn(*mut Handle, c_int);
    set_current = "cuCtxSetCurrent": fn(Handle);
    memory_info = "cuMemGetInfo_v2": fn(*mut usize, *mut usize);
    allocate = "cuMemAlloc_v2": fn(*mut u64, usize);
    free = "cuMemFree_v2": fn(u64);
    to_device = "cuMemcpyHtoDAsync_v2": fn(u64, *const c_void, usize, Handle);
    to_host = "cuMemcpyDtoHAsync_v2": fn(*mut c_void, u64, usize, Handle);
    stream_create = "cuStreamCreate": fn(*mut Handle, c_uint);
    stream_destroy = "cuStreamDestroy_v2": fn(Handle);
    stream_synchronize = "cuStreamSynchronize": fn(Handle);
    stream_query = "cuStreamQuery": fn(Handle);
    stream_wait_event = "cuStreamWaitEvent": fn(Handle, Handle, c_uint);
    event_create = "cuEventCreate": fn(*mut Handle, c_uint);
    event_record = "cuEventRecord": fn(Handle, Handle);
    event_destroy = "cuEventDestroy_v2": fn(Handle);
    stream_wait_value = "cuStreamWaitValue32_v2": fn(Handle, u64, c_uint, c_uint);
    stream_write_value = "cuStreamWriteValue32_v2": fn(Handle, u64, c_uint, c_uint);
}

/// The opened driver.
pub struct Driver {
    functions: Functions,
    library: Library,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Driver({})", self.library.path().display())
    }
}

/// A GPU as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its number for the driver, from 0, among those that this process may see.
    pub ordinal: usize,
    /// `NVIDIA H200`.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Compute capability: `(9, 0)`.
    pub capability: (u32, u32),
    /// Multiprocessors.
    pub multiprocessors: u32,
}

impl Driver {
    /// The names of the driver's library.
    pub fn names() -> Vec<PathBuf> {
        ["libcuda.so.1", "libcuda.so"].map(PathBuf::from).to_vec()
    }

    /// Opens and initialises the driver.
    pub fn load() -> Result<Arc<Self>, CudaError> {
        Self::load_from(&Self::names())
    }

    /// The same from one of these names or paths.
    pub fn load_from(names: &[PathBuf]) -> Result<Arc<Self>, CudaError> {
        let library = Library::open("the NVIDIA driver", names)?;
        let driver = Self { functions: Functions::of(&library)?, library };
        // SAFETY: as `cuda.h` says; here and below, every pointer is to a live local.
        driver.check("cuInit", unsafe { (driver.functions.init)(0) })?;
        Ok(Arc::new(driver))
    }

    /// Highest CUDA version that it can serve: `(13, 0)`.
    pub fn version(&self) -> Result<(u32, u32), CudaError> {
        let mut version = 0;
        let status = unsafe { (self.functions.driver_version)(&mut version) };
        self.check("cuDriverGetVersion", status)?;
        let version = version.unsigned_abs();
        Ok((version / 1000, version % 1000 / 10))
    }

    /// The GPUs that this process may see.
    pub fn devices(&self) -> Result<Vec<DeviceInfo>, CudaError> {
        let mut count = 0;
        let status = unsafe { (self.functions.device_count)(&mut count) };
        self.check("cuDeviceGetCount", status)?;
        (0..count).map(|ordinal| self.device(ordinal)).collect()
    }

    fn device(&self, ordinal: c_int) -> Result<DeviceInfo, CudaError> {
        let mut device = 0;
        let status = unsafe { (self.functions.device_get)(&mut device, ordinal) };
        self.check("cuDeviceGet", status)?;
        let mut name = [0 as c_char; 256];
        let status = unsafe { (self.functions.device_name)(name.as_mut_ptr(), 255, device) };
        self.check("cuDeviceGetName", status)?;
        let mut memory = 0;
        let status = unsafe { (self.functions.device_memory)(&mut memory, device) };
        self.check("cuDeviceTotalMem", status)?;
        // Numbers of `CUdevice_attribute`.
        let attribute = |number| -> Result<u32, CudaError> {
            let mut value = 0;
            let status = unsafe { (self.functions.device_attribute)(&mut value, number, device) };
            self.check("cuDeviceGetAttribute", status)?;
            Ok(value.unsigned_abs())
        };
        Ok(DeviceInfo {
            ordinal: ordinal.unsigned_abs() as usize,
            // SAFETY: the last of the 256 bytes is still 0.
            name: unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned(),
            memory: memory as u64,
            capability: (attribute(75)?, attribute(76)?),
            multiprocessors: attribute(16)?,
        })
    }

    /// Whether one GPU can reach the memory of another.
    pub fn reaches(&self, from: usize, to: usize) -> Result<bool, CudaError> {
        let mut can = 0;
        let status =
            unsafe { (self.functions.can_access_peer)(&mut can, from as c_int, to as c_int) };
        self.check("cuDeviceCanAccessPeer", status)?;
        Ok(can != 0)
    }

    /// The context that every library of this process shares on a GPU.
    pub fn context(self: &Arc<Self>, ordinal: usize) -> Result<Context, CudaError> {
        let mut device = 0;
        let status = unsafe { (self.functions.device_get)(&mut device, ordinal as c_int) };
        self.check("cuDeviceGet", status)?;
        let mut handle = null_mut();
        let status = unsafe { (self.functions.retain)(&mut handle, device) };
        self.check("cuDevicePrimaryCtxRetain", status)?;
        Ok(Context { driver: Arc::clone(self), handle })
    }

    fn check(&self, call: &'static str, status: Status) -> Result<(), CudaError> {
        if status == 0 {
            return Ok(());
        }
        let mut text: *const c_char = null_mut();
        // SAFETY: it sets `text` to a constant of its own, or leaves it.
        let known = unsafe { (self.functions.error_string)(status, &mut text) } == 0;
        let reason = match known && !text.is_null() {
            // SAFETY: just checked.
            true => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
            false => "unknown to the driver".to_owned(),
        };
        Err(CudaError::Call { call, code: status, reason })
    }
}

/// A GPU's primary context.
#[derive(Clone, Debug)]
pub struct Context {
    driver: Arc<Driver>,
    handle: Handle,
}

// SAFETY: contexts may be made current on any thread; the driver orders what several threads ask for.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Makes it the one of this thread.
    pub fn enter(&self) -> Result<(), CudaError> {
        let status = unsafe { (self.driver.functions.set_current)(self.handle) };
        self.driver.check("cuCtxSetCurrent", status)
    }

    /// Bytes of memory that are free, and all.
    pub fn memory(&self) -> Result<(u64, u64), CudaError> {
        self.enter()?;
        let (mut free, mut total) = (0, 0);
        let status = unsafe { (self.driver.functions.memory_info)(&mut free, &mut total) };
        self.driver.check("cuMemGetInfo", status)?;
        Ok((free as u64, total as u64))
    }

    /// So many bytes of device memory, to be given back with [`free`](Self::free).
    pub fn allocate(&self, bytes: usize) -> Result<u64, CudaError> {
        self.enter()?;
        let mut address = 0;
        let status = unsafe { (self.driver.functions.allocate)(&mut address, bytes) };
        self.driver.check("cuMemAlloc", status)?;
        Ok(address)
    }

    /// Gives memory of [`allocate`](Self::allocate) back.
    pub fn free(&self, address: u64) -> Result<(), CudaError> {
        self.enter()?;
        let status = unsafe { (self.driver.functions.free)(address) };
        self.driver.check("cuMemFree", status)
    }

    /// A stream that orders with no other.
    pub fn stream(&self) -> Result<Stream, CudaError> {
        self.enter()?;
        let mut handle = null_mut();
        // CU_STREAM_NON_BLOCKING
        let status = unsafe { (self.driver.functions.stream_create)(&mut handle, 1) };
        self.driver.check("cuStreamCreate", status)?;
        Ok(Stream { context: self.clone(), handle })
    }
}

/// A queue of operations on a GPU.
#[derive(Debug)]
pub struct Stream {
    context: Context,
    handle: Handle,
}

// SAFETY: a stream may be used from any thread.
unsafe impl Send for Stream {}
// SAFETY: as above, and by several at a time.
unsafe impl Sync for Stream {}

impl Stream {
    /// `CUstream`, for other libraries.
    pub fn raw(&self) -> *mut c_void {
        self.handle
    }

    /// The context it belongs to.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Waits for all that was queued.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.context.enter()?;
        let functions = &self.context.driver.functions;
        let status = unsafe { (functions.stream_synchronize)(self.handle) };
        self.context.driver.check("cuStreamSynchronize", status)
    }

    /// Whether all that was queued has ended.
    pub fn is_idle(&self) -> Result<bool, CudaError> {
        self.context.enter()?;
        match unsafe { (self.context.driver.functions.stream_query)(self.handle) } {
            NOT_READY => Ok(false),
            status => self.context.driver.check("cuStreamQuery", status).map(|()| true),
        }
    }

    /// Lets what follows begin when all that is queued on another stream so far is done; no host waits.
    ///
    /// # Safety
    /// `other` is a `CUstream` of this stream's context.
    pub unsafe fn follow(&self, other: *mut c_void) -> Result<(), CudaError> {
        self.context.enter()?;
        let driver = &self.context.driver;
        let mut event = null_mut();
        // CU_EVENT_DISABLE_TIMING
        driver.check("cuEventCreate", unsafe { (driver.functions.event_create)(&mut event, 2) })?;
        let recorded = unsafe { (driver.functions.event_record)(event, other) };
        let ordered = driver.check("cuEventRecord", recorded).and_then(|()| {
            let waits = unsafe { (driver.functions.stream_wait_event)(self.handle, event, 0) };
            driver.check("cuStreamWaitEvent", waits)
        });
        // It is given back behind whoever waits for it.
        let destroyed = unsafe { (driver.functions.event_destroy)(event) };
        ordered.and(driver.check("cuEventDestroy", destroyed))
    }

    /// Lets what follows begin when the 32 bits at `address` are at least `value`.
    ///
    /// # Safety
    /// `address` is device memory, aligned to 4 bytes, that outlives the wait.
    pub unsafe fn wait_value(&self, address: u64, value: u32) -> Result<(), CudaError> {
        self.context.enter()?;
        let functions = &self.context.driver.functions;
        // CU_STREAM_WAIT_VALUE_GEQ
        let status = unsafe { (functions.stream_wait_value)(self.handle, address, value, 0) };
        self.context.driver.check("cuStreamWaitValue32", status)
    }

    /// Writes 32 bits behind all that is queued.
    ///
    /// # Safety
    /// As for [`wait_value`](Self::wait_value).
    pub unsafe fn write_value(&self, address: u64, value: u32) -> Result<(), CudaError> {
        self.context.enter()?;
        let functions = &self.context.driver.functions;
        let status = unsafe { (functions.stream_write_value)(self.handle, address, value, 0) };
        self.context.driver.check("cuStreamWriteValue32", status)
    }

    /// Queues a copy to the device.
    ///
    /// # Safety
    /// `to` has room for `from`, and `from` stays as it is until the stream has come past.
    pub unsafe fn upload(&self, from: &[u8], to: u64) -> Result<(), CudaError> {
        self.context.enter()?;
        let functions = &self.context.driver.functions;
        let status =
            unsafe { (functions.to_device)(to, from.as_ptr().cast(), from.len(), self.handle) };
        self.context.driver.check("cuMemcpyHtoDAsync", status)
    }

    /// Queues a copy from the device.
    ///
    /// # Safety
    /// `from` holds as many bytes as `to`, and `to` is read only when the stream has come past.
    pub unsafe fn download(&self, from: u64, to: &mut [u8]) -> Result<(), CudaError> {
        self.context.enter()?;
        let functions = &self.context.driver.functions;
        let status =
            unsafe { (functions.to_host)(to.as_mut_ptr().cast(), from, to.len(), self.handle) };
        self.context.driver.check("cuMemcpyDtoHAsync", status)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Nothing can be done where the driver is already gone.
        let _ = unsafe { (self.context.driver.functions.stream_destroy)(self.handle) };
    }
}
