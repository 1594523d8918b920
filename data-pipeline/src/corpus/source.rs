//! One file of a corpus, whole and in UTF-8.
//!
//! Corpora are small beside what is made of them, so a file is read at once; what is wrong with it
//! as a file (not there, empty, not UTF-8) is said here, once for all readers.

use crate::Error;
use std::path::{Path, PathBuf};

/// A file's path and text; a byte order mark is taken off.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Source {
    /// Reads a file that must exist, hold something and be UTF-8.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let source = Self::read(path)?;
        if source.text.trim().is_empty() {
            return Err(Error::data(path, 1, "the file is empty; fetch it again"));
        }
        Ok(source)
    }

    /// The file called `name` in the folder of this one, which is of no use without it. It may be
    /// empty: a text in which nothing is marked.
    pub(crate) fn neighbour(&self, name: &str) -> Result<Self, Error> {
        let path = self.path.with_file_name(name);
        if !path.is_file() {
            let message = format!("`{name}` does not lie beside it; fetch it too");
            return Err(Error::data(&self.path, 1, message));
        }
        Self::read(&path)
    }

    /// The name of the file, without its folder.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Ok(Self { path: path.to_owned(), text })
    }

    /// The lines with their numbers from 1; ends with `\n` or `\r\n`, as no other character ends a
    /// line in these formats.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Names the line and byte at which a file stops being UTF-8.
pub(crate) fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Error {
    let valid = error.utf8_error().valid_up_to();
    let before = &error.as_bytes()[..valid];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = valid - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
    let byte = error.as_bytes()[valid];
    let message = format!("byte {column} (0x{byte:02X}) is not UTF-8; convert the file to UTF-8");
    Error::data(path, line, message)
}
