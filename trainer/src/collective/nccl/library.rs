//! The functions of NCCL that are needed, opened at run time.
//!
//! Nothing is linked and no header is needed: types and numbers below are those of `nccl.h`, which have
//! not changed since 2.10. So a build runs with the NCCL that a machine has, also where there is only a
//! `libnccl.so.2`, as in the Python package.

use super::calls::{Call, Kind};
use model::cuda::{CudaError, Library};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where NCCL lies, if not where the loader looks: the library, or a directory that it is in.
pub const SETTING: &str = "KNOWCODER_NCCL";

/// Before this version, bf16 could not be summed.
const OLDEST: Version = Version(2, 10, 0);

/// From this version on, a communicator can be told not to block.
const WITH_CONFIG: Version = Version(2, 14, 0);

pub(super) type Status = c_int;
pub(super) type Handle = *mut c_void;

/// `ncclSuccess`.
pub(super) const SUCCESS: Status = 0;
/// `ncclRemoteError`: another rank ended, or the network did.
pub(super) const REMOTE: Status = 6;
/// `ncclInProgress`: a communicator that does not block is at work.
pub(super) const IN_PROGRESS: Status = 7;

/// `ncclSum`.
const SUM: c_int = 0;

/// `ncclUniqueId`: by which ranks find each other.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct UniqueId(pub [u8; 128]);

/// `ncclConfig_t` as it began, which newer libraries read by its size and version.
#[repr(C)]
struct Config {
    size: usize,
    magic: c_uint,
    version: c_uint,
    blocking: c_int,
}

/// A version of NCCL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// Of `ncclGetVersion`: hundreds are the minor version, and thousands were the major one until 2.8.
    pub(super) fn of(code: u32) -> Self {
        let major = if code < 10_000 { 1000 } else { 10_000 };
        Self(code / major, code % major / 100, code % 100)
    }

    /// The other way around.
    pub(super) fn code(self) -> u32 {
        let major = if self < Self(2, 9, 0) { 1000 } else { 10_000 };
        self.0 * major + self.1 * 100 + self.2
    }
}

macro_rules! functions {
    (
        { $($field:ident = $name:literal: fn($($argument:ty),*);)* }
        maybe { $($optional:ident = $its_name:literal: fn($($its_argument:ty),*) -> $result:ty;)* }
    ) => {
        struct Functions {
            $($field: unsafe extern "C" fn($($argument),*) -> Status,)*
            $($optional: Option<unsafe extern "C" fn($($its_argument),*) -> $result>,)*
        }

        impl Functions {
            fn of(library: &'static Library) -> Result<Self, CudaError> {
                // SAFETY: the types are those of `nccl.h`, and the library is never closed.
                Ok(Self {
                    $($field: unsafe { library.pointer($name)? },)*
                    $($optional: unsafe { library.pointer($its_name) }.ok(),)*
                })
            }
        }
    };
}

functions! {
    {
        version = "ncclGetVersion": fn(*mut c_int);
        unique_id = "ncclGetUniqueId": fn(*mut UniqueId);
        init = "ncclCommInitRank": fn(*mut Handle, c_int, UniqueId, c_int);
        destroy = "ncclCommDestroy": fn(Handle);
        abort = "ncclCommAbort": fn(Handle);
        async_error = "ncclCommGetAsyncError": fn(Handle, *mut Status);
        all_reduce = "ncclAllReduce": fn(*const c_void, *mut c_void, usize, c_int, c_int, Handle, Handle);
        reduce_scatter = "ncclReduceScatter": fn(*const c_void, *mut c_void, usize, c_int, c_int, Handle, Handle);
        all_gather = "ncclAllGather": fn(*const c_void, *mut c_void, usize, c_int, Handle, Handle);
        reduce = "ncclReduce": fn(*const c_void, *mut c_void, usize, c_int, c_int, c_int, Handle, Handle);
        broadcast = "ncclBroadcast": fn(*const c_void, *mut c_void, usize, c_int, c_int, Handle, Handle);
        group_start = "ncclGroupStart": fn();
        group_end = "ncclGroupEnd": fn();
    }
    maybe {
        init_config = "ncclCommInitRankConfig":
            fn(*mut Handle, c_int, UniqueId, c_int, *mut Config) -> Status;
        finalize = "ncclCommFinalize": fn(Handle) -> Status;
        error_string = "ncclGetErrorString": fn(Status) -> *const c_char;
        last_error = "ncclGetLastError": fn(Handle) -> *const c_char;
    }
}

/// The opened library.
pub struct NcclLibrary {
    functions: Functions,
    library: &'static Library,
    version: Version,
}

impl fmt::Debug for NcclLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NcclLibrary({}, {})", self.path().display(), self.version)
    }
}

impl NcclLibrary {
    /// Where it is looked for: where [`SETTING`] says, or under the names that the loader knows.
    pub fn names() -> Vec<PathBuf> {
        Self::names_for(std::env::var_os(SETTING).map(PathBuf::from).as_deref())
    }

    fn names_for(setting: Option<&Path>) -> Vec<PathBuf> {
        let files = ["libnccl.so.2", "libnccl.so"];
        let Some(given) = setting.filter(|given| !given.as_os_str().is_empty()) else {
            return files.map(PathBuf::from).to_vec();
        };
        if !given.is_dir() {
            return vec![given.to_owned()];
        }
        // The directory itself, a prefix, and what a Python package has in `site-packages`.
        let folders = ["", "lib", "nccl/lib", "nvidia/nccl/lib"];
        let inside = |folder: &str| files.map(|file| given.join(folder).join(file));
        folders.into_iter().flat_map(inside).collect()
    }

    /// Opens it.
    pub fn load() -> Result<Arc<Self>, CudaError> {
        Self::load_from(&Self::names())
    }

    /// The same from one of these names or paths.
    pub fn load_from(names: &[PathBuf]) -> Result<Arc<Self>, CudaError> {
        // Never closed: it has threads of its own, which may outlive every communicator.
        let library: &'static Library = Box::leak(Box::new(Library::open("NCCL", names)?));
        let functions = Functions::of(library)?;
        let mut code = 0;
        // SAFETY: as `nccl.h` says; here and below, every pointer is to a live local.
        let status = unsafe { (functions.version)(&mut code) };
        let version = Version::of(code.unsigned_abs());
        let opened = Self { functions, library, version };
        opened.check("ncclGetVersion", status, None)?;
        if version < OLDEST {
            return Err(CudaError::Call {
                call: "ncclGetVersion",
                code,
                reason: format!(
                    "{} is NCCL {version}, and sums of bf16 need {OLDEST} or later",
                    opened.path().display()
                ),
            });
        }
        Ok(Arc::new(opened))
    }

    /// Where it was found: a path, or the name under which the loader knew it.
    pub fn path(&self) -> &Path {
        self.library.path()
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    pub(super) fn unique_id(&self) -> Result<UniqueId, CudaError> {
        let mut id = UniqueId([0; 128]);
        let status = unsafe { (self.functions.unique_id)(&mut id) };
        self.check("ncclGetUniqueId", status, None).map(|()| id)
    }

    /// Begins a communicator; where the library can, what is asked of it returns before it is done.
    pub(super) fn init(
        &self,
        id: UniqueId,
        rank: usize,
        world: usize,
    ) -> Result<Handle, CudaError> {
        let mut handle = std::ptr::null_mut();
        let (world, rank) = (world as c_int, rank as c_int);
        match self.functions.init_config.filter(|_| self.version >= WITH_CONFIG) {
            Some(init) => {
                let mut config = Config {
                    size: size_of::<Config>(),
                    magic: 0xcafe_beef,
                    version: WITH_CONFIG.code(),
                    blocking: 0,
                };
                let status = unsafe { init(&mut handle, world, id, rank, &mut config) };
                self.check("ncclCommInitRankConfig", status, None)?;
            }
            None => {
                let status = unsafe { (self.functions.init)(&mut handle, world, id, rank) };
                self.check("ncclCommInitRank", status, None)?;
            }
        }
        Ok(handle)
    }

    /// How a communicator is.
    pub(super) fn state(&self, handle: Handle) -> Result<Status, CudaError> {
        let mut state = SUCCESS;
        let status = unsafe { (self.functions.async_error)(handle, &mut state) };
        self.check("ncclCommGetAsyncError", status, Some(handle)).map(|()| state)
    }

    /// Ends what a communicator does, and the communicator.
    pub(super) fn abort(&self, handle: Handle) {
        // Whether it could is of no use to anybody.
        let _ = unsafe { (self.functions.abort)(handle) };
    }

    /// Lets a communicator come to its end; false if this library does that in `destroy`.
    pub(super) fn finalize(&self, handle: Handle) -> Result<bool, CudaError> {
        let Some(finalize) = self.functions.finalize else { return Ok(false) };
        let status = unsafe { finalize(handle) };
        self.check("ncclCommFinalize", status, Some(handle)).map(|()| true)
    }

    /// Gives back what a communicator holds.
    pub(super) fn destroy(&self, handle: Handle) {
        let _ = unsafe { (self.functions.destroy)(handle) };
    }

    pub(super) fn group_start(&self) -> Result<(), CudaError> {
        self.check("ncclGroupStart", unsafe { (self.functions.group_start)() }, None)
    }

    pub(super) fn group_end(&self) -> Result<(), CudaError> {
        self.check("ncclGroupEnd", unsafe { (self.functions.group_end)() }, None)
    }

    /// Queues a call.
    ///
    /// # Safety
    /// The values of `call` are device memory that stays as it is until `stream` has come past, and that
    /// nothing else reads or writes until then.
    pub(super) unsafe fn queue(
        &self,
        call: &Call,
        handle: Handle,
        stream: Handle,
    ) -> Result<(), CudaError> {
        let functions = &self.functions;
        let Call { kind, from, to, count, element } = *call;
        let (from, to, element) = (from as *const c_void, to as *mut c_void, element.code());
        // SAFETY: the caller's promise.
        let (name, status) = unsafe {
            match kind {
                Kind::AllReduce => (
                    "ncclAllReduce",
                    (functions.all_reduce)(from, to, count, element, SUM, handle, stream),
                ),
                Kind::ReduceScatter => (
                    "ncclReduceScatter",
                    (functions.reduce_scatter)(from, to, count, element, SUM, handle, stream),
                ),
                Kind::AllGather => (
                    "ncclAllGather",
                    (functions.all_gather)(from, to, count, element, handle, stream),
                ),
                Kind::Reduce { root } => (
                    "ncclReduce",
                    (functions.reduce)(
                        from,
                        to,
                        count,
                        element,
                        SUM,
                        root as c_int,
                        handle,
                        stream,
                    ),
                ),
                Kind::Broadcast { root } => (
                    "ncclBroadcast",
                    (functions.broadcast)(from, to, count, element, root as c_int, handle, stream),
                ),
            }
        };
        self.check(name, status, Some(handle))
    }

    /// The error that a status means.
    pub(super) fn error(
        &self,
        call: &'static str,
        status: Status,
        handle: Option<Handle>,
    ) -> CudaError {
        let constant = |text: *const c_char| match text.is_null() {
            true => String::new(),
            // SAFETY: a constant of the library's, or its last message, which lives as long as it does.
            false => unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned(),
        };
        let mut reason = match self.functions.error_string {
            Some(function) => constant(unsafe { function(status) }),
            None => "unknown".to_owned(),
        };
        if let Some(function) = self.functions.last_error {
            let said = constant(unsafe { function(handle.unwrap_or(std::ptr::null_mut())) });
            if !said.is_empty() {
                reason = format!("{reason} ({said})");
            }
        }
        CudaError::Call { call, code: status, reason }
    }

    fn check(
        &self,
        call: &'static str,
        status: Status,
        handle: Option<Handle>,
    ) -> Result<(), CudaError> {
        match status {
            // What is in progress may still fail; whoever waits for it hears.
            SUCCESS | IN_PROGRESS => Ok(()),
            status => Err(self.error(call, status, handle)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_read_as_nccl_writes_them() {
        for (code, text) in
            [(2708, "2.7.8"), (20_903, "2.9.3"), (21_403, "2.14.3"), (23_007, "2.30.7")]
        {
            assert_eq!(Version::of(code).to_string(), text);
            assert_eq!(Version::of(code).code(), code);
        }
    }

    #[test]
    fn it_is_looked_for_where_the_setting_says() {
        let dir = tempfile::tempdir().unwrap();
        let names = |setting: Option<&Path>| -> Vec<String> {
            let names = NcclLibrary::names_for(setting);
            names.iter().map(|name| name.display().to_string()).collect()
        };
        assert_eq!(names(None), ["libnccl.so.2", "libnccl.so"]);
        assert_eq!(names(Some(Path::new(""))), ["libnccl.so.2", "libnccl.so"]);
        assert_eq!(names(Some(Path::new("/opt/libnccl.so.2.30"))), ["/opt/libnccl.so.2.30"]);
        let inside = names(Some(dir.path()));
        assert_eq!(inside.len(), 8);
        assert!(inside.contains(&format!("{}/nvidia/nccl/lib/libnccl.so.2", dir.path().display())));
    }
}
