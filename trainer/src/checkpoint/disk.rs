//! Every change that the writing of a checkpoint makes to the file system, one operation at a time.
//!
//! A test lets the program end at any of them, see `Disk::ending_after`: what is on the disk then is
//! what a crash leaves. A drill takes the disk to be full, see `Disk::full`.

use super::info::digits;
use crate::Error;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes that are written, hashed, and counted as one operation.
const PIECE: usize = 4 << 20;

/// What is said where a drill takes the disk to be full: the system's words, and why.
const DRILLED: &str = "No space left on device (a drill)";

/// The file system.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Operations until the program ends; `None`: it does not.
    left: Option<usize>,
    /// Nothing more can be written.
    is_full: bool,
    /// What was done.
    #[cfg(test)]
    pub trace: Vec<String>,
}

impl Disk {
    /// A file system whose program ends after so many operations, in the middle of the next one.
    #[cfg(test)]
    pub(super) fn ending_after(operations: usize) -> Self {
        Self { left: Some(operations), ..Self::default() }
    }

    /// A file system that has no room left.
    pub(super) fn full() -> Self {
        Self { is_full: true, ..Self::default() }
    }

    fn step(&mut self, what: &str, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.trace.push(format!("{what} {}", path.file_name().unwrap_or_default().display()));
        if self.is_full && what == "write" {
            return Err(io::Error::new(io::ErrorKind::StorageFull, DRILLED));
        }
        match &mut self.left {
            Some(0) => Err(io::Error::other(format!("ended before: {what} {}", path.display()))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Makes a folder, if it is not there.
    pub(super) fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step("create", path)?;
        std::fs::create_dir_all(path)
    }

    /// Begins a file.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<Output<'_>> {
        self.step("create", path)?;
        let file = File::create(path)?;
        let name = path.to_owned();
        Ok(Output { disk: self, path: name, file, hasher: Sha256::new() })
    }

    /// Writes and syncs a small file; returns its hash.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<String> {
        let mut output = self.create(path)?;
        output.write_all(bytes)?;
        output.finish()
    }

    /// Gives a file one more name.
    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("link", to)?;
        std::fs::hard_link(from, to)
    }

    /// Gives a file or folder another name, at once.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename to", to)?;
        std::fs::rename(from, to)
    }

    /// Makes what was created or renamed in a folder last.
    pub(super) fn sync(&mut self, folder: &Path) -> io::Result<()> {
        self.step("sync", folder)?;
        File::open(folder)?.sync_all()
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step("remove", path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Removes a folder and what is in it, file by file.
    pub(super) fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        let entries = match std::fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => self.remove_folder(&entry.path())?,
                false => self.remove(&entry.path())?,
            }
        }
        self.step("remove", path)?;
        std::fs::remove_dir(path)
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Output<'a> {
    disk: &'a mut Disk,
    path: std::path::PathBuf,
    file: File,
    hasher: Sha256,
}

impl Output<'_> {
    /// Makes the file last; returns the hash of what was written.
    pub(super) fn finish(self) -> io::Result<String> {
        self.disk.step("sync", &self.path)?;
        self.file.sync_all()?;
        Ok(digits(self.hasher))
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        if let Err(end) = self.disk.step("write", &self.path) {
            // Whoever ends here ends in the middle of it.
            self.file.write_all(&piece[..piece.len() / 2])?;
            return Err(end);
        }
        let written = self.file.write(piece)?;
        self.hasher.update(&piece[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a rename or a new file durable.
pub fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::write(path))
}
