//! A folder of this machine as a place like any other.

use super::{Meta, Objects, Take};
use crate::error::{Error, exit};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// A folder; it need not be there yet.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn path(&self, key: &str) -> PathBuf {
        if key.is_empty() { self.root.clone() } else { self.root.join(key) }
    }
}

impl Objects for Folder {
    fn name(&self, key: &str) -> String {
        self.path(key).display().to_string()
    }

    fn find(&self, key: &str) -> Result<Option<Meta>, Error> {
        let path = self.path(key);
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some(meta(key.to_owned(), &found))),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(data_pipeline::Error::read(&path)(error).into()),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<Meta>, Error> {
        let path = self.path(folder);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(data_pipeline::Error::read(&path)(error).into()),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(data_pipeline::Error::read(&path))?;
            let file = entry.path();
            let metadata = match std::fs::metadata(&file) {
                Ok(metadata) => metadata,
                // Another program has just removed it, or given it another name.
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(data_pipeline::Error::read(&file)(error).into()),
            };
            if metadata.is_file() {
                let key = super::join(folder, &entry.file_name().to_string_lossy());
                found.push(meta(key, &metadata));
            }
        }
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    fn read(&self, wanted: &Meta, from: u64, take: Take<'_>) -> Result<(), Error> {
        let path = self.path(&wanted.key);
        let read = |error| Error::from(data_pipeline::Error::read(&path)(error));
        let mut file = File::open(&path).map_err(read)?;
        if meta(wanted.key.clone(), &file.metadata().map_err(read)?) != *wanted {
            let message = format!("`{}` changed while it was read", path.display());
            return Err(Error::new(exit::TRANSIENT, message).hint("try again"));
        }
        file.seek(SeekFrom::Start(from)).map_err(read)?;
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => take(&piece[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(read(error)),
            }
        }
    }

    fn write(&self, key: &str, file: &Path) -> Result<(), Error> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?;
        super::cache::copy(file, &path)
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key);
        match std::fs::remove_file(&path) {
            Err(error) if !is_absent(&error) => {
                Err(data_pipeline::Error::write(&path)(error).into())
            }
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        Some(self.path(key))
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn meta(key: String, found: &std::fs::Metadata) -> Meta {
    let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    // Times of files fit in 64 bits for some hundred million years.
    let modified = modified.map_or(0, |since| since.as_millis() as i64);
    Meta { key, size: found.len(), etag: None, modified }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_found_listed_read_and_removed() {
        let place = tempfile::tempdir().unwrap();
        let source = place.path().join("source");
        std::fs::write(&source, "0123456789").unwrap();
        let folder = Folder::new(&place.path().join("not/yet"));
        assert_eq!(folder.find("a/b").unwrap(), None);
        assert_eq!(folder.list("a").unwrap(), []);
        folder.write("a/b", &source).unwrap();
        folder.write("a/deeper/c", &source).unwrap();
        let found = folder.find("a/b").unwrap().unwrap();
        assert_eq!(folder.list("a").unwrap(), std::slice::from_ref(&found));
        let mut tail = Vec::new();
        let mut take = |bytes: &[u8]| {
            tail.extend_from_slice(bytes);
            Ok(())
        };
        folder.read(&found, 7, &mut take).unwrap();
        assert_eq!(tail, b"789");
        folder.remove("a/b").unwrap();
        folder.remove("a/b").unwrap();
        assert_eq!(folder.find("a/b").unwrap(), None);
    }

    #[test]
    fn an_object_that_changed_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("a"), "old").unwrap();
        let folder = Folder::new(place.path());
        let found = folder.find("a").unwrap().unwrap();
        std::fs::write(place.path().join("a"), "longer").unwrap();
        let error = folder.read(&found, 0, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.code, exit::TRANSIENT);
        assert!(error.message.ends_with("changed while it was read"), "{error}");
    }
}
