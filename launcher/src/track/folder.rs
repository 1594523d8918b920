//! Folders that are complete or absent.

use crate::error::Error;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A folder that grows beside its name.
pub(super) struct Growing {
    folder: PathBuf,
    path: PathBuf,
}

impl Growing {
    /// An empty folder that will be `folder`; it grows in `nursery`, on the same disk.
    pub(super) fn new(folder: PathBuf, nursery: &Path) -> Result<Self, Error> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = nursery.join(format!(".{name}.{}.tmp", std::process::id()));
        let growing = Self { folder, path };
        remove(&growing.path)?;
        fs::create_dir_all(&growing.path).map_err(data_pipeline::Error::write(&growing.path))?;
        Ok(growing)
    }

    /// Writes a file below the folder.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(data_pipeline::Error::write(parent))?;
        }
        Ok(fs::write(&path, bytes).map_err(data_pipeline::Error::write(&path))?)
    }

    /// Adds an empty folder.
    pub(super) fn folder(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        Ok(fs::create_dir_all(&path).map_err(data_pipeline::Error::write(&path))?)
    }

    /// Gives the folder its name; what had it is gone.
    pub(super) fn keep(self) -> Result<PathBuf, Error> {
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent).map_err(data_pipeline::Error::write(parent))?;
        }
        let swapped = match self.folder.exists() {
            true => swap(&self.path, &self.folder),
            false => fs::rename(&self.path, &self.folder),
        };
        swapped.map_err(data_pipeline::Error::write(&self.folder))?;
        Ok(self.folder.clone())
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // What was replaced, or what was not finished.
        let _ = remove(&self.path);
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(data_pipeline::Error::write(path)(error).into())
        }
        _ => Ok(()),
    }
}

/// Exchanges two folders in one step, where the system can.
fn swap(new: &Path, old: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::CString;
        use std::os::unix::ffi::OsStrExt;
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes());
        let (a, b) = (name(new)?, name(old)?);
        let here = libc::AT_FDCWD;
        // SAFETY: both names end with a zero and outlive the call, which touches no other memory.
        let result = unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                here,
                a.as_ptr(),
                here,
                b.as_ptr(),
                libc::RENAME_EXCHANGE,
            )
        };
        if result == 0 {
            return Ok(());
        }
    }
    // In two steps: between them the run is absent, never half there.
    let mut aside = new.as_os_str().to_owned();
    aside.push(".old");
    let aside = PathBuf::from(aside);
    fs::rename(old, &aside)?;
    fs::rename(new, old)?;
    fs::remove_dir_all(&aside)
}
