//! cuBLASLt as far as a preflight asks: which library there is, and its version. Products go through
//! `model::cuda::blas`.

use model::cuda::{CudaError, Library};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// A library that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CublasLt {
    /// The path or name that it was opened by.
    pub library: PathBuf,
    /// `13.1.0`.
    pub version: String,
}

impl fmt::Display for CublasLt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.library.display())
    }
}

/// What to do without it.
pub const WAY: &str =
    "pip install nvidia-cublas and name its libcublasLt.so with KNOWCODER_CUBLASLT";

/// Opens the first of them and asks it.
pub fn find(names: &[PathBuf]) -> Result<CublasLt, CudaError> {
    let library = Library::open("cuBLASLt", names)?;
    // SAFETY: the type is that of `cublasLt.h`.
    let number = unsafe {
        let version: unsafe extern "C" fn() -> usize = library.pointer("cublasLtGetVersion")?;
        version()
    };
    Ok(CublasLt {
        library: library.path().to_owned(),
        version: format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100),
    })
}

/// What a run is told that has none: it works, by kernels that are made for every GPU.
pub(super) fn slowness(names: &[PathBuf]) -> Option<String> {
    let error = find(names).err()?;
    Some(format!(
        "matrix products, most of what is computed, will be slower than they could be: {error}; {WAY}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fake;
    use super::*;

    #[test]
    fn the_library_says_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = fake::cublaslt(folder.path());
        let absent = folder.path().join("libcublasLt.so.9");
        let names = [absent.clone(), path.clone()];
        let found = find(&names).unwrap();
        assert_eq!(found.to_string(), format!("13.1.2 ({})", path.display()));
        assert_eq!(slowness(&names), None);
        let said = slowness(&[absent]).unwrap();
        assert!(
            said.starts_with("matrix products, most of what is computed, will be slower"),
            "{said}"
        );
        assert!(
            said.contains("cuBLASLt is not here (looked for ") && said.ends_with(WAY),
            "{said}"
        );
    }
}
