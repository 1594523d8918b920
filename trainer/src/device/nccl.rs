//! NCCL as far as a preflight asks: which library there is, and its version. Sums go through `collective`.

use model::cuda::{CudaError, Library};
use serde::Serialize;
use std::ffi::{OsString, c_int};
use std::path::PathBuf;

/// A library that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nccl {
    /// The path or name that it was opened by.
    pub library: PathBuf,
    /// `2.27.3`.
    pub version: String,
}

/// What to look for: what `KNOWCODER_NCCL` names alone, or the usual names.
pub fn names(named: Option<OsString>) -> Vec<PathBuf> {
    match named {
        Some(path) => vec![path.into()],
        None => ["libnccl.so.2", "libnccl.so"].map(PathBuf::from).to_vec(),
    }
}

/// Opens the first of them and asks it.
pub fn find(names: &[PathBuf]) -> Result<Nccl, CudaError> {
    let library = Library::open("NCCL", names)?;
    let mut number: c_int = 0;
    // SAFETY: the type is that of `nccl.h`; the pointer is to a live local.
    let code = unsafe {
        let version: unsafe extern "C" fn(*mut c_int) -> c_int =
            library.pointer("ncclGetVersion")?;
        version(&mut number)
    };
    if code != 0 {
        let reason = "the library does not work".to_owned();
        return Err(CudaError::Call { call: "ncclGetVersion", code, reason });
    }
    Ok(Nccl { library: library.path().to_owned(), version: text(number.unsigned_abs()) })
}

/// NCCL's number as it is written: before 2.9 one digit for the minor version, two since.
fn text(number: u32) -> String {
    let major = if number < 10_000 { 1000 } else { 10_000 };
    format!("{}.{}.{}", number / major, number % major / 100, number % 100)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fake;
    use super::*;

    #[test]
    fn versions_are_written_as_nccl_writes_them() {
        assert_eq!(text(2_708), "2.7.8");
        assert_eq!(text(22_703), "2.27.3");
    }

    #[test]
    fn the_library_says_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = fake::nccl(folder.path());
        let absent = folder.path().join("libnccl.so.1");
        let found = find(&[absent.clone(), path.clone()]).unwrap();
        assert_eq!(found, Nccl { library: path, version: "2.27.3".to_owned() });
        let error = find(&[absent]).unwrap_err().to_string();
        assert!(error.starts_with("NCCL is not here (looked for "), "{error}");
        assert_eq!(names(Some("/x.so".into())), [PathBuf::from("/x.so")]);
    }
}
