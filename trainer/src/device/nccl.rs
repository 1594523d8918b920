//! NCCL as far as a preflight asks: which library there is, and its version. Sums go through `collective`.

use crate::collective::nccl::{NcclLibrary, Version};
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

/// What to look for: what `KNOWCODER_NCCL` names alone, or the usual names, as a run does.
pub fn names(named: Option<OsString>) -> Vec<PathBuf> {
    NcclLibrary::names_for(named.map(PathBuf::from).as_deref())
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
    Ok(Nccl {
        library: library.path().to_owned(),
        version: Version::of(number.unsigned_abs()).to_string(),
    })
}

/// Refuses a machine without NCCL before any data is prepared: its ranks could not sum.
///
/// Whether it can be used for that, and whether all ranks have the same, they find out among themselves.
pub fn ready(names: &[PathBuf], ranks: usize) -> Result<(), String> {
    let Err(error) = find(names) else { return Ok(()) };
    Err(format!(
        "device `cuda`: {ranks} ranks sum over NCCL: {error}; install NCCL 2.14 or later (the library \
         libnccl.so.2, as in the Python package nvidia-nccl-cu13), or say with KNOWCODER_NCCL where it lies, or \
         set collective = \"tcp\" in the cluster file"
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
        let path = fake::nccl(folder.path());
        let absent = folder.path().join("libnccl.so.1");
        let found = find(&[absent.clone(), path.clone()]).unwrap();
        assert_eq!(found, Nccl { library: path, version: "2.27.3".to_owned() });
        let error = find(&[absent]).unwrap_err().to_string();
        assert!(error.starts_with("NCCL is not here (looked for "), "{error}");
        assert_eq!(names(Some("/x.so".into())), [PathBuf::from("/x.so")]);
    }

    #[test]
    fn several_ranks_are_told_before_they_begin() {
        let folder = tempfile::tempdir().unwrap();
        let path = fake::nccl(folder.path());
        assert_eq!(ready(&[path], 4), Ok(()));
        let absent = folder.path().join("libnccl.so.9");
        let said = ready(std::slice::from_ref(&absent), 4).unwrap_err();
        let start = format!(
            "device `cuda`: 4 ranks sum over NCCL: NCCL is not here (looked for {})",
            absent.display()
        );
        assert!(said.starts_with(&start), "{said}");
        let end = "KNOWCODER_NCCL where it lies, or set collective = \"tcp\" in the cluster file";
        assert!(said.ends_with(end), "{said}");
    }
}
