//! What was read, on disk until it is asked for.
//!
//! Groups are formed over a whole corpus, which may be larger than the memory. So each thing goes to
//! a file as it comes, and is read back from its place when its group is made. The file has no name:
//! however the process ends, the disk gets it back.

use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A spill that grows.
pub(super) struct Spill<T> {
    path: PathBuf,
    file: BufWriter<File>,
    /// Where each thing begins.
    starts: Vec<u64>,
    end: u64,
    of: PhantomData<T>,
}

/// A spill that is read.
pub(super) struct Spilled<T> {
    path: PathBuf,
    file: File,
    /// Where each thing begins, and the end of the last.
    starts: Vec<u64>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize> Spill<T> {
    /// An empty one in the existing folder `dir`.
    pub(super) fn create(dir: &Path) -> Result<Self, Error> {
        // Several programs may prepare parts of one folder.
        let path = crate::durable::unique(&dir.join("spill"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(Error::write(&path))?;
        std::fs::remove_file(&path).map_err(Error::write(&path))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { path, file, starts: Vec::new(), end: 0, of: PhantomData })
    }

    /// Adds a thing; its number is how many there were.
    pub(super) fn push(&mut self, thing: &T) -> Result<(), Error> {
        // Text and numbers always have a JSON form.
        let bytes = serde_json::to_vec(thing).unwrap_or_default();
        self.file.write_all(&bytes).map_err(Error::write(&self.path))?;
        self.starts.push(self.end);
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Ready to be read.
    pub(super) fn finish(mut self) -> Result<Spilled<T>, Error> {
        self.starts.push(self.end);
        let Self { path, file, starts, .. } = self;
        let file = file.into_inner().map_err(|error| Error::write(&path)(error.into_error()))?;
        Ok(Spilled { path, file, starts, of: PhantomData })
    }
}

impl<T: DeserializeOwned> Spilled<T> {
    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The thing with this number.
    pub(super) fn get(&self, number: usize) -> Result<T, Error> {
        let (start, end) = (self.starts[number], self.starts[number + 1]);
        let mut bytes = vec![0; (end - start) as usize];
        self.file.read_exact_at(&mut bytes, start).map_err(Error::read(&self.path))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::corrupt(&self.path, format!("changed while in use: {error}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_spilled_comes_back_in_any_order_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut spill = Spill::create(dir.path()).unwrap();
        let things: Vec<String> = (0..300).map(|number| "末\n\"".repeat(number)).collect();
        things.iter().for_each(|thing| spill.push(thing).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let spilled = spill.finish().unwrap();
        assert_eq!(spilled.len(), 300);
        for number in (0..300).rev().chain([7, 299, 0]) {
            assert_eq!(spilled.get(number).unwrap(), things[number]);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_writing_error() {
        let error = Spill::<String>::create(Path::new("/nowhere")).err().unwrap();
        assert!(error.to_string().starts_with("failed to write `/nowhere/spill."), "{error}");
    }
}
