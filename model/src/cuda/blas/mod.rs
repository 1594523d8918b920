//! cuBLASLt, opened at run time: NVIDIA's own matrix products.
//!
//! A product is described once for each shape: descriptors are made and the library's heuristic is asked
//! for its best algorithms. Which of them runs is measured elsewhere
//! ([`routes`](super::routes)); what is measured is an [`Algorithm`], 64 bytes that the same version of
//! the library understands in another process, too.

mod functions;
mod plan;
mod problem;
#[cfg(test)]
mod tests;

pub use plan::{Algorithm, Plan};
pub use problem::{Number, Operand, Problem};

use super::recent::Recent;
use super::{Context, CudaError, Library};
use functions::{Found, Functions, Handle};
use std::collections::HashMap;
use std::ffi::c_void;
use std::path::PathBuf;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that an algorithm may use beside its operands: NVIDIA's advice for Hopper.
pub const WORKSPACE: usize = 32 << 20;

/// Algorithms that the heuristic is asked for.
const ALGORITHMS: usize = 8;

/// Shapes whose descriptors are kept: batches of any length make ever new ones.
const PLANS: usize = 4096;

/// The environment variable that names the library's file.
pub const VARIABLE: &str = "KNOWCODER_CUBLASLT";

/// The opened library on one GPU.
#[derive(Debug)]
pub struct Blas {
    shared: Arc<Shared>,
    handle: Handle,
    context: Context,
    plans: Mutex<Recent<Problem, Arc<Plan>>>,
    /// Of each stream, since products on two streams run at the same time.
    workspaces: Mutex<HashMap<usize, u64>>,
}

// SAFETY: handles and descriptors may be used from any thread; workspaces are of one stream.
unsafe impl Send for Blas {}
// SAFETY: as above.
unsafe impl Sync for Blas {}

/// What descriptors need to be given back.
struct Shared {
    functions: Functions,
    library: Library,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.library)
    }
}

/// Where the operands of one product lie, and what becomes of the result: `d = scale · a b + keep · c`.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Address of the left operand.
    pub a: u64,
    /// Address of the right operand.
    pub b: u64,
    /// Address of what is added: `d` itself, or something that lies like it.
    pub c: u64,
    /// Address of the result.
    pub d: u64,
    /// What the product is multiplied with.
    pub scale: f32,
    /// What `c` is multiplied with; it is not read where this is 0.
    pub keep: f32,
}

impl Blas {
    /// The file that [`VARIABLE`] names, or else the names that the library goes by.
    pub fn names() -> Vec<PathBuf> {
        match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            Some(path) => vec![PathBuf::from(path)],
            None => ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"]
                .map(PathBuf::from)
                .to_vec(),
        }
    }

    /// Opens the library for a GPU.
    pub fn load(context: &Context) -> Result<Self, CudaError> {
        Self::load_from(context, &Self::names())
    }

    /// The same from one of these names or paths.
    pub fn load_from(context: &Context, names: &[PathBuf]) -> Result<Self, CudaError> {
        let library = Library::open("cuBLASLt", names)?;
        let shared = Arc::new(Shared { functions: Functions::of(&library)?, library });
        context.enter()?;
        let mut handle = null_mut();
        // SAFETY: as `cublasLt.h` says; here and below, every pointer is to a live local.
        let status = unsafe { (shared.functions.create)(&mut handle) };
        shared.check("cublasLtCreate", status)?;
        Ok(Self {
            shared,
            handle,
            context: context.clone(),
            plans: Mutex::new(Recent::new(PLANS)),
            workspaces: Mutex::default(),
        })
    }

    /// `130100` is 13.1.0.
    pub fn version(&self) -> usize {
        unsafe { (self.shared.functions.version)() }
    }

    /// The file, or the name under which the loader knew it.
    pub fn path(&self) -> &std::path::Path {
        self.shared.library.path()
    }

    /// Descriptors and algorithms of a product; the heuristic is asked once for each.
    pub fn plan(&self, problem: &Problem) -> Result<Arc<Plan>, CudaError> {
        if let Some(plan) = locked(&self.plans).get(problem) {
            return Ok(plan);
        }
        self.context.enter()?;
        let plan = Arc::new(Plan::of(&self.shared, self.handle, problem)?);
        locked(&self.plans).insert(problem.clone(), Arc::clone(&plan));
        Ok(plan)
    }

    /// Whether an algorithm that was chosen for a product of nearly this shape can compute this one.
    pub fn accepts(&self, plan: &Plan, algorithm: &Algorithm) -> bool {
        let mut found = Found::default();
        let status = unsafe {
            (self.shared.functions.check)(
                self.handle,
                plan.descriptor,
                plan.first,
                plan.second,
                plan.out,
                plan.out,
                algorithm.words(),
                &mut found,
            )
        };
        status == 0 && found.state == 0 && found.workspace <= WORKSPACE
    }

    /// Queues a product on `stream`, a `CUstream`.
    ///
    /// # Safety
    /// The addresses are of device memory of the extents of the plan's problem, which stay what they are
    /// until the stream has come past; `stream` is one of this GPU.
    pub unsafe fn run(
        &self,
        plan: &Plan,
        algorithm: &Algorithm,
        call: Call,
        stream: *mut c_void,
    ) -> Result<(), CudaError> {
        self.context.enter()?;
        let workspace = self.workspace(stream)?;
        let at = |address: u64| address as *const c_void;
        // The library counts by columns: what is our right operand comes first there.
        let status = unsafe {
            (self.shared.functions.matmul)(
                self.handle,
                plan.descriptor,
                (&raw const call.scale).cast(),
                at(call.b),
                plan.first,
                at(call.a),
                plan.second,
                (&raw const call.keep).cast(),
                at(call.c),
                plan.out,
                call.d as *mut c_void,
                plan.out,
                algorithm.words(),
                workspace as *mut c_void,
                WORKSPACE,
                stream,
            )
        };
        self.shared.check("cublasLtMatmul", status)
    }

    fn workspace(&self, stream: *mut c_void) -> Result<u64, CudaError> {
        let mut workspaces = locked(&self.workspaces);
        if let Some(address) = workspaces.get(&(stream as usize)) {
            return Ok(*address);
        }
        let address = self.context.allocate(WORKSPACE)?;
        workspaces.insert(stream as usize, address);
        Ok(address)
    }
}

impl Drop for Blas {
    fn drop(&mut self) {
        // Nothing can be done where the driver is already gone.
        for address in locked(&self.workspaces).drain().map(|(_, address)| address) {
            let _ = self.context.free(address);
        }
        locked(&self.plans).clear();
        let _ = unsafe { (self.shared.functions.destroy)(self.handle) };
    }
}

/// What lies behind a lock, also after a panic elsewhere: each of them is whole at any time.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
