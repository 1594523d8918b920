//! NVIDIA's libraries, as far as they are asked for things that the tensor library does not hand on.
//!
//! Nothing is linked: a library is opened when it is needed, so that every build starts on every
//! machine and says in one sentence what it misses there.

#[cfg(feature = "cuda")]
mod address;
pub mod blas;
mod driver;
mod library;
#[cfg(feature = "cuda")]
pub(crate) mod queue;
pub(crate) mod recent;
pub mod routes;

#[cfg(feature = "cuda")]
pub use address::{Address, synchronized};
pub use driver::{Context, DeviceInfo, Driver, Stream};
pub use library::{CudaError, Library, Symbol};
