//! A shared library that is opened at run time.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why something of NVIDIA's could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// No such library on this machine.
    #[error("{what} is not here (looked for {tried}): {reason}")]
    Missing {
        /// What the library is for: `the NVIDIA driver`.
        what: &'static str,
        /// The names and paths that were tried.
        tried: String,
        /// What the loader said last.
        reason: String,
    },
    /// The library lacks a function.
    #[error("{} has no function `{symbol}`: it is too old", library.display())]
    Symbol {
        /// The library.
        library: PathBuf,
        /// The function.
        symbol: &'static str,
    },
    /// A call failed.
    #[error("{call} failed with {code}: {reason}")]
    Call {
        /// The function.
        call: &'static str,
        /// Its answer.
        code: i32,
        /// The library's own words for it.
        reason: String,
    },
    /// A tensor's memory cannot be worked on.
    #[error("a tensor cannot be reached in a GPU's memory: {reason}")]
    Tensor {
        /// What is in the way.
        reason: String,
    },
}

/// An open library.
pub struct Library {
    path: PathBuf,
    handle: libloading::Library,
}

/// A function of a library.
pub type Symbol<'a, F> = libloading::Symbol<'a, F>;

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Library({})", self.path.display())
    }
}

impl Library {
    /// The first of `names` that can be opened: file names for the loader's own search, or paths.
    pub fn open(what: &'static str, names: &[PathBuf]) -> Result<Self, CudaError> {
        let mut reason = "no name to look for".to_owned();
        for name in names {
            // SAFETY: the libraries that are asked for here are NVIDIA's, or stand in for them in tests;
            // what runs when they are opened is theirs to answer for.
            match unsafe { libloading::Library::new(name) } {
                Ok(handle) => return Ok(Self { path: name.clone(), handle }),
                Err(error) => reason = error.to_string(),
            }
        }
        let tried: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
        Err(CudaError::Missing { what, tried: tried.join(", "), reason })
    }

    /// Where it was found: a path, or the name under which the loader knew it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The function `name`.
    ///
    /// # Safety
    /// `F` must be the type of the function.
    pub unsafe fn symbol<F>(&self, name: &'static str) -> Result<Symbol<'_, F>, CudaError> {
        let missing = || CudaError::Symbol { library: self.path.clone(), symbol: name };
        // SAFETY: the caller's promise.
        unsafe { self.handle.get(name.as_bytes()) }.map_err(|_| missing())
    }

    /// The same as a plain pointer, which must not outlive the library.
    ///
    /// # Safety
    /// `F` must be the type of the function, and what is returned may be called only while `self` lives.
    pub unsafe fn pointer<F: Copy>(&self, name: &'static str) -> Result<F, CudaError> {
        // SAFETY: the caller's promise.
        Ok(*unsafe { self.symbol::<F>(name)? })
    }
}
