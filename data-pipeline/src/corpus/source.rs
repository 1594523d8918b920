//! One file of a corpus in UTF-8: in pieces that end where a row may end, or whole.
//!
//! A corpus may be larger than the memory, so what is read of it is a piece; formats whose files are
//! small by nature ask for the whole. What is wrong with a file as a file (not there, empty, not
//! UTF-8) is said here, once for all readers.

use crate::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

/// Bytes that are read at once, unless a row is longer.
const PIECE: usize = 1 << 20;

/// A file's path and text, or that of a piece of it; a byte order mark is taken off.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    /// Lines of the file before `text`.
    pub before: usize,
    /// Bytes of the file before `text`.
    pub offset: u64,
}

impl Source {
    /// All that the file at `path` says.
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), before: 0, offset: 0 }
    }

    /// Reads a file that must exist, hold something and be UTF-8.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let source = Self::read(path)?;
        if source.text.trim().is_empty() {
            return Err(empty(path));
        }
        Ok(source)
    }

    /// The file called `name` in the folder of this one, which is of no use without it. It may be
    /// empty: a text in which nothing is marked.
    pub(crate) fn neighbour(&self, name: &str) -> Result<Self, Error> {
        Self::read(&neighbour(&self.path, name)?)
    }

    /// The name of the file, without its folder.
    pub(crate) fn name(&self) -> String {
        name(&self.path)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let (mut text, mut file) = (String::new(), Text::open(path)?);
        while file.read(PIECE, &mut text)? {}
        Ok(Self::new(path, text))
    }

    /// The lines with their numbers in the file from 1; ends with `\n` or `\r\n`, as no other
    /// character ends a line in these formats.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let first = self.before + 1;
        self.text.lines().enumerate().map(move |(index, line)| (first + index, line))
    }
}

/// The file called `name` beside `path`, which must be there.
pub(crate) fn neighbour(path: &Path, name: &str) -> Result<PathBuf, Error> {
    let beside = path.with_file_name(name);
    if !beside.is_file() {
        let message = format!("`{name}` does not lie beside it; fetch it too");
        return Err(Error::data(path, 1, message));
    }
    Ok(beside)
}

/// The name of a file, without its folder.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a file without a word gets.
pub(crate) fn empty(path: &Path) -> Error {
    Error::data(path, 1, "the file is empty; fetch it again")
}

/// A text that is read bit by bit.
pub(crate) struct Text {
    path: PathBuf,
    file: Box<dyn Read + Send>,
    /// Bytes of a character whose end was not read yet.
    rest: Vec<u8>,
    begun: bool,
    /// Bytes of a byte order mark.
    mark: u64,
    /// Whole lines so far, and bytes behind the last of them.
    lines: usize,
    column: usize,
}

impl Text {
    /// The text of a file that must exist.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::read(path))?;
        Ok(Self::new(path, Box::new(file)))
    }

    fn new(path: &Path, file: Box<dyn Read + Send>) -> Self {
        let (path, rest) = (path.to_owned(), Vec::new());
        Self { path, file, rest, begun: false, mark: 0, lines: 0, column: 0 }
    }

    /// A text that is in memory.
    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Self {
        let bytes = text.as_bytes().to_vec();
        Self::new(Path::new(path), Box::new(std::io::Cursor::new(bytes)))
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the text begins in its file: behind a byte order mark.
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    /// Appends about `size` bytes; whether there may be more.
    pub(crate) fn read(&mut self, size: usize, text: &mut String) -> Result<bool, Error> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut file = self.file.by_ref().take(size as u64);
        let read = file.read_to_end(&mut bytes).map_err(Error::read(&self.path))?;
        let more = read == size;
        let piece = match String::from_utf8(bytes) {
            Ok(piece) => piece,
            Err(error) => {
                let fault = error.utf8_error();
                if fault.error_len().is_some() || !more {
                    return Err(self.not_utf8(&error));
                }
                let mut bytes = error.into_bytes();
                self.rest = bytes.split_off(fault.valid_up_to());
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        self.pass(piece.as_bytes());
        let mut piece = piece.as_str();
        if !self.begun && !piece.is_empty() {
            self.begun = true;
            if let Some(rest) = piece.strip_prefix('\u{feff}') {
                self.mark = (piece.len() - rest.len()) as u64;
                piece = rest;
            }
        }
        text.push_str(piece);
        Ok(more)
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.column = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => bytes.len() - at - 1,
            None => self.column + bytes.len(),
        };
    }

    fn not_utf8(&self, error: &FromUtf8Error) -> Error {
        not_utf8_behind(&self.path, error, (self.lines, self.column))
    }
}

/// Names the line and byte at which a file stops being UTF-8.
pub(crate) fn not_utf8(path: &Path, error: &FromUtf8Error) -> Error {
    not_utf8_behind(path, error, (0, 0))
}

/// The same behind so many lines, and bytes of the next.
fn not_utf8_behind(path: &Path, error: &FromUtf8Error, (lines, column): (usize, usize)) -> Error {
    let valid = error.utf8_error().valid_up_to();
    let before = &error.as_bytes()[..valid];
    let line = lines + before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = match before.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => valid - at,
        None => column + valid + 1,
    };
    let byte = error.as_bytes()[valid];
    let message = format!("byte {column} (0x{byte:02X}) is not UTF-8; convert the file to UTF-8");
    Error::data(path, line, message)
}

/// Where a piece may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Behind any line.
    Line,
    /// Behind a blank line.
    Blank,
}

impl Ends {
    /// Behind the last line of `text` at which a piece may end.
    fn last(self, text: &str) -> Option<usize> {
        let mut end = text.rfind('\n')? + 1;
        loop {
            let start = text[..end - 1].rfind('\n').map_or(0, |at| at + 1);
            if self == Self::Line || text[start..end].trim().is_empty() {
                return Some(end);
            }
            if start == 0 {
                return None;
            }
            end = start;
        }
    }
}

/// The pieces of a file that must hold something, one after another.
pub(crate) struct Pieces {
    text: Text,
    ends: Ends,
    buffer: String,
    more: bool,
    /// Whether anything but space was seen.
    seen: bool,
    before: usize,
    offset: u64,
}

impl Pieces {
    /// The pieces of a file that must exist.
    pub(crate) fn open(path: &Path, ends: Ends) -> Result<Self, Error> {
        let text = Text::open(path)?;
        let buffer = String::new();
        Ok(Self { text, ends, buffer, more: true, seen: false, before: 0, offset: 0 })
    }

    /// Takes a file that says nothing for one without pieces.
    pub(crate) fn or_none(self) -> Self {
        Self { seen: true, ..self }
    }

    /// The next piece.
    fn piece(&mut self) -> Result<Option<Source>, Error> {
        let mut size = piece_size();
        let end = loop {
            if !self.more {
                break self.buffer.len();
            }
            self.more = self.text.read(size, &mut self.buffer)?;
            if let Some(end) = self.ends.last(&self.buffer).filter(|_| self.more) {
                break end;
            }
            // A row that is longer than a piece: twice as much is read each time.
            size = size.saturating_mul(2);
        };
        if end == 0 {
            return if self.seen { Ok(None) } else { Err(empty(&self.text.path)) };
        }
        let rest = self.buffer.split_off(end);
        let text = std::mem::replace(&mut self.buffer, rest);
        self.seen |= !text.trim().is_empty();
        let (before, offset) = (self.before, self.offset + self.text.mark());
        self.before += text.bytes().filter(|byte| *byte == b'\n').count();
        self.offset += text.len() as u64;
        Ok(Some(Source { path: self.text.path.clone(), text, before, offset }))
    }
}

impl Iterator for Pieces {
    type Item = Result<Source, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.piece().transpose()
    }
}

/// How much is read at once.
pub(crate) fn piece_size() -> usize {
    #[cfg(test)]
    if let Some(size) = tests::PIECE_OF_TEST.get() {
        return size;
    }
    PIECE
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// What tests set, so that small files come in many pieces.
        pub(crate) static PIECE_OF_TEST: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Does `work` with pieces of about `size` bytes.
    pub(crate) fn in_pieces_of<T>(size: usize, work: impl FnOnce() -> T) -> T {
        PIECE_OF_TEST.set(Some(size));
        let done = work();
        PIECE_OF_TEST.set(None);
        done
    }

    fn pieces(bytes: &[u8], ends: Ends, size: usize) -> Result<Vec<(usize, u64, String)>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        in_pieces_of(size, || {
            let pieces = Pieces::open(&path, ends).unwrap();
            let piece = |piece: Source| (piece.before, piece.offset, piece.text);
            pieces.map(|found| found.map(piece)).collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "f"))
    }

    #[test]
    fn pieces_are_the_file_whatever_their_size() {
        let text = "\u{feff}Ärger\r\n\n long long line of words\n\t\n末\n\n\nend";
        for ends in [Ends::Line, Ends::Blank] {
            for size in 1..text.len() + 2 {
                let pieces = pieces(text.as_bytes(), ends, size).unwrap();
                let whole: String = pieces.iter().map(|(_, _, text)| text.as_str()).collect();
                assert_eq!(whole, text.trim_start_matches('\u{feff}'), "{size}");
                for (before, offset, piece) in &pieces {
                    let start = *offset as usize;
                    assert_eq!(&text[start..start + piece.len()], piece);
                    assert_eq!(text[..start].matches('\n').count(), *before);
                }
                let (_, inner) = pieces.split_last().unwrap();
                for (_, _, piece) in inner {
                    let last = piece.lines().last().unwrap();
                    assert!(piece.ends_with('\n') && (ends == Ends::Line || last.trim() == ""));
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_does_not_depend_on_pieces() {
        for size in 1..20 {
            let check = |bytes: &[u8], expected: &str| {
                assert_eq!(pieces(bytes, Ends::Line, size).unwrap_err(), expected, "{size}");
            };
            check(b"", "f:1: the file is empty; fetch it again");
            check(b" \n\t\n", "f:1: the file is empty; fetch it again");
            check(
                b"ab\ncd\xC3\xA4\xFFx\n",
                "f:2: byte 5 (0xFF) is not UTF-8; convert the file to UTF-8",
            );
            check(b"ab\n\xE6\x9C", "f:2: byte 1 (0xE6) is not UTF-8; convert the file to UTF-8");
        }
    }
}
