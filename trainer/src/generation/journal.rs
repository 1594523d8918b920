//! Answers on disk while others are still generated.
//!
//! Each rank appends to a file of its own beside the predictions to be, `NAME-LANG.rank-N.answers`, one
//! line an answer, and reads those of all: after a stop, whatever ended it and however many ranks go on,
//! what was answered is there. When the predictions are complete, the files go.

use super::Key;
use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Ends the names of journals.
const ENDING: &str = ".answers";

/// What is answered already, and where new answers go.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    known: HashMap<String, Vec<u32>>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    request: String,
    ids: Vec<u32>,
}

impl Journal {
    /// The journal of `rank` for the predictions at `predictions`, which need not exist.
    pub(crate) fn open(predictions: &Path, rank: usize) -> Result<Self, Error> {
        if let Some(folder) = predictions.parent() {
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
        }
        let mut known = HashMap::new();
        for path in files(predictions)? {
            let bytes = match std::fs::read(&path) {
                // Another rank may have found everything complete meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                read => read.map_err(Error::read(&path))?,
            };
            // Torn lines, and what is none, are generated again.
            let lines = whole(&bytes).split(|byte| *byte == b'\n');
            let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
            known.extend(lines.map(|line| (line.request, line.ids)));
        }
        let path = predictions.with_extension(format!("rank-{rank}{ENDING}"));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(Error::write(&path))?;
        let length = match std::fs::read(&path) {
            Ok(bytes) => whole(&bytes).len(),
            Err(error) => return Err(Error::read(&path)(error)),
        };
        // What comes next begins a line.
        file.set_len(length as u64).map_err(Error::write(&path))?;
        Ok(Self { path, file, known })
    }

    /// The answer to a request, if it is there.
    pub(super) fn answer(&self, key: &Key) -> Option<&[u32]> {
        self.known.get(&key.hex()).map(Vec::as_slice)
    }

    /// Keeps an answer.
    pub(super) fn add(&mut self, key: &Key, ids: &[u32]) -> Result<(), Error> {
        let line = Line { request: key.hex(), ids: ids.to_vec() };
        // Numbers and strings always have a JSON form.
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        self.file.write_all(&text).map_err(Error::write(&self.path))
    }

    /// Removes the journals of all ranks: the predictions at `predictions` are complete.
    pub(crate) fn remove(predictions: &Path) -> Result<(), Error> {
        for path in files(predictions)? {
            std::fs::remove_file(&path).map_err(Error::write(&path))?;
        }
        Ok(())
    }
}

/// Up to the last line's end.
fn whole(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    &bytes[..end]
}

/// The journals of all ranks.
fn files(predictions: &Path) -> Result<Vec<PathBuf>, Error> {
    let (Some(folder), Some(stem)) = (predictions.parent(), predictions.file_stem()) else {
        return Ok(Vec::new());
    };
    let start = format!("{}.rank-", stem.to_string_lossy());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::read(folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::read(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&start) && name.ends_with(ENDING) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(byte: u8) -> Key {
        Key([byte; 32])
    }

    #[test]
    fn a_torn_line_costs_one_answer_and_ranks_read_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let predictions = folder.path().join("final").join("a-en.jsonl");
        let mut first = Journal::open(&predictions, 0).unwrap();
        first.add(&key(1), &[7, 8]).unwrap();
        first.add(&key(2), &[]).unwrap();
        let mut second = Journal::open(&predictions, 1).unwrap();
        assert_eq!(second.answer(&key(1)), Some(&[7, 8][..]));
        second.add(&key(3), &[9]).unwrap();
        drop((first, second));
        // Killed in the middle of a line.
        let path = predictions.with_extension("rank-0.answers");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 4]).unwrap();
        let mut again = Journal::open(&predictions, 0).unwrap();
        let found = [1, 2, 3].map(|byte| again.answer(&key(byte)).map(<[u32]>::to_vec));
        assert_eq!(found, [Some(vec![7, 8]), None, Some(vec![9])]);
        again.add(&key(2), &[5]).unwrap();
        assert_eq!(Journal::open(&predictions, 2).unwrap().answer(&key(2)), Some(&[5][..]));
        // Those of others stay.
        let other = folder.path().join("final").join("a-en-b.rank-0.answers");
        std::fs::write(&other, "").unwrap();
        Journal::remove(&predictions).unwrap();
        assert!(files(&predictions).unwrap().is_empty() && other.exists());
        assert_eq!(Journal::open(&predictions, 0).unwrap().answer(&key(1)), None);
    }
}
