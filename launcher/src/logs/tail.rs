//! The end of a log, however long the log is, and what is added to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes that are read at a time.
const BLOCK: usize = 64 * 1024;

/// The logs of a folder by their ranks.
pub fn of_ranks(folder: &Path) -> BTreeMap<usize, PathBuf> {
    let rank = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("rank-")?.strip_suffix(".log")?.parse().ok()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().filter_map(|it| Some((rank(&it.path())?, it.path()))).collect()
}

/// A place in a log, before which everything was read.
///
/// No file is held open: there may be more ranks than a process may have files.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// Which file of that name it is; a log that is replaced is read from its beginning.
    file: u64,
    position: u64,
    /// A line whose end is not there yet.
    partial: Vec<u8>,
}

impl Tail {
    /// Before everything.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: 0, position: 0, partial: Vec::new() }
    }

    /// Before the last `lines` lines; 0: before everything.
    pub fn last(path: PathBuf, lines: usize) -> io::Result<Self> {
        let file = File::open(&path)?;
        let found = file.metadata()?;
        let position = begin(&file, found.len(), lines)?;
        Ok(Self { path, file: found.ino(), position, partial: Vec::new() })
    }

    /// The next lines, of a block at most; none: nothing was added.
    ///
    /// A line that is longer than a block comes in pieces.
    pub fn more(&mut self) -> io::Result<Vec<String>> {
        let found = match std::fs::metadata(&self.path) {
            // It will come back, or not.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            found => found?,
        };
        if found.ino() != self.file || found.len() < self.position {
            *self = Self { file: found.ino(), ..Self::new(std::mem::take(&mut self.path)) };
        }
        let mut lines = Vec::new();
        // Until a line is whole: whoever hears nothing takes it for the end.
        while lines.is_empty() && self.position < found.len() {
            let mut block = vec![0; BLOCK.min((found.len() - self.position) as usize)];
            let read = File::open(&self.path)?.read_at(&mut block, self.position)?;
            if read == 0 {
                break;
            }
            self.position += read as u64;
            self.take(&block[..read], &mut lines);
        }
        Ok(lines)
    }

    fn take(&mut self, mut bytes: &[u8], lines: &mut Vec<String>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            lines.extend(self.rest().or(Some(String::new())));
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() >= BLOCK {
            lines.extend(self.rest());
        }
    }

    /// What stands behind the last line end.
    pub fn rest(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches('\r');
        // What moves the cursor has its place in a terminal that is watched, not in one that is read.
        let text: String = text.chars().filter(|it| *it == '\t' || !it.is_control()).collect();
        (!bytes.is_empty()).then_some(text)
    }
}

/// Where the last `lines` lines of a file of so many bytes begin.
fn begin(file: &File, length: u64, lines: usize) -> io::Result<u64> {
    let mut left = lines;
    let mut at = if lines == 0 { 0 } else { length };
    let mut block = vec![0; BLOCK];
    while at > 0 {
        let from = at.saturating_sub(BLOCK as u64);
        let block = &mut block[..(at - from) as usize];
        file.read_exact_at(block, from)?;
        for index in (0..block.len()).rev() {
            let behind = from + index as u64 + 1;
            // The end of the last line begins none.
            if block[index] == b'\n' && behind < length {
                left -= 1;
                if left == 0 {
                    return Ok(behind);
                }
            }
        }
        at = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fmt::Write as _;
    use std::fs::OpenOptions;
    use std::io::Write as _;

    fn all(tail: &mut Tail) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let more = tail.more().unwrap();
            if more.is_empty() {
                return lines;
            }
            lines.extend(more);
        }
    }

    fn check(text: &str, lines: usize, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rank-0.log");
        std::fs::write(&path, text).unwrap();
        let mut tail = Tail::last(path, lines).unwrap();
        let mut found = all(&mut tail);
        found.extend(tail.rest());
        assert_eq!(found, expected, "{text:?} {lines}");
    }

    #[test]
    fn the_last_lines_are_found() {
        check("", 3, &[]);
        check("a\nb\nc\n", 0, &["a", "b", "c"]);
        check("a\nb\nc\n", 2, &["b", "c"]);
        check("a\nb\nc\n", 9, &["a", "b", "c"]);
        check("a\nb\nc", 2, &["b", "c"]);
        check("\n\n", 1, &[""]);
        check("a\r\n\x1b[31mb\x1b[0m\n", 2, &["a", "[31mb[0m"]);
    }

    #[test]
    fn a_long_log_is_read_from_its_end() {
        let mut text = String::new();
        for line in 0..100_000 {
            writeln!(text, "line {line}").unwrap();
        }
        let expected: Vec<String> = (90_000..100_000).map(|line| format!("line {line}")).collect();
        check(&text, 10_000, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        // One line that fills two blocks comes in two pieces.
        let long = "x".repeat(2 * BLOCK);
        check(&format!("a\n{long}\n"), 1, &[&long[..BLOCK], &long[..BLOCK], ""]);
    }

    #[test]
    fn what_is_added_truncated_or_replaced_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rank-0.log");
        let mut tail = Tail::new(path.clone());
        assert_eq!(all(&mut tail), [""; 0]);
        std::fs::write(&path, "a\nb").unwrap();
        assert_eq!(all(&mut tail), ["a"]);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"c\nd\n").unwrap();
        assert_eq!(all(&mut tail), ["bc", "d"]);
        std::fs::write(&path, "e\n").unwrap();
        assert_eq!(all(&mut tail), ["e"]);
        let other = folder.path().join("other");
        std::fs::write(&other, "f\ng\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(all(&mut tail), ["f", "g"]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(all(&mut tail), [""; 0]);
    }

    #[test]
    fn only_logs_of_ranks_are_logs_of_ranks() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["rank-0.log", "rank-11.log", "driver.log", "rank-x.log", "rank-1.log.gz"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(of_ranks(folder.path()).into_keys().collect::<Vec<_>>(), [0, 11]);
        assert!(of_ranks(&folder.path().join("none")).is_empty());
    }
}
