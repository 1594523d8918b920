//! Zip archives as torch writes them: every entry stored as it is, so that a tensor is a range of the
//! file.
//!
//! Only the directory at the end of the archive is believed, and only after it was held against the
//! file: entries lie before it, apart from each other, each behind its own local header.

use super::contents::quoted;
use std::collections::HashMap;
use std::ops::Range;

/// The end of the directory, without its comment.
const END: usize = 22;
/// The longest comment behind it.
const MAX_COMMENT: usize = 65_535;
/// An entry of the directory, without its name.
const ENTRY: usize = 46;
/// A local header, without its name.
const LOCAL: usize = 30;
/// Names of torch's entries are short; a directory of gigabytes is none.
const MAX_DIRECTORY: usize = 256 << 20;
/// In the fields of 16 and 32 bits: the number stands in the zip64 record.
const SEE_ZIP64: [usize; 2] = [0xffff, 0xffff_ffff];

/// Where the entries of an archive stand in it.
pub(crate) struct Archive<'a> {
    file: &'a [u8],
    entries: HashMap<&'a str, Range<usize>>,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive.
    pub(crate) fn read(file: &'a [u8]) -> Result<Self, String> {
        let directory = directory(file)?;
        let mut fields = Fields { bytes: file, at: directory.start, end: directory.end };
        let mut entries = HashMap::new();
        // From the local header to the end of the data.
        let mut taken: Vec<(usize, usize)> = Vec::new();
        while fields.at < fields.end {
            let entry =
                entry(&mut fields).ok_or("is a torn archive: its directory breaks off")??;
            let data = data(file, &entry, directory.start)?;
            taken.push((entry.offset, data.end));
            if entries.insert(entry.name, data).is_some() {
                return Err(format!("holds {} twice", quoted(entry.name)));
            }
        }
        taken.sort_unstable();
        if taken.windows(2).any(|pair| pair[1].0 < pair[0].1) {
            return Err("is a forged archive: its entries overlap".into());
        }
        Ok(Self { file, entries })
    }

    /// Where an entry stands in the file.
    pub(crate) fn range(&self, name: &str) -> Option<Range<usize>> {
        self.entries.get(name).cloned()
    }

    /// The bytes of an entry.
    pub(crate) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.file.get(self.range(name)?)
    }

    /// The names of all entries, in any order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.keys().copied()
    }
}

/// Where the directory stands.
fn directory(file: &[u8]) -> Result<Range<usize>, String> {
    const LOST: &str = "is truncated: the archive's directory, at its end, is not there";
    let last = file.len().checked_sub(END).ok_or(LOST)?;
    let end = (last.saturating_sub(MAX_COMMENT)..=last)
        .rev()
        .find(|at| {
            file[*at..].starts_with(b"PK\x05\x06")
                && number(file, at + 20, 2) == Some(file.len() - at - END)
        })
        .ok_or(LOST)?;
    let read = || {
        let found = [number(file, end + 12, 4)?, number(file, end + 16, 4)?];
        if number(file, end + 10, 2)? != SEE_ZIP64[0] && !found.contains(&SEE_ZIP64[1]) {
            return Some((found, end));
        }
        let locator = end.checked_sub(20)?;
        let record = number(file, locator + 8, 8)?;
        let is = |at: usize, sign: &[u8]| file.get(at..).is_some_and(|it| it.starts_with(sign));
        if !is(locator, b"PK\x06\x07") || !is(record, b"PK\x06\x06") || record > locator {
            return None;
        }
        let at = |field: usize| number(file, record.checked_add(field)?, 8);
        Some(([at(40)?, at(48)?], record))
    };
    let ([size, start], before) =
        read().ok_or("is a torn archive: the end of its directory is wrong")?;
    match start.checked_add(size) {
        Some(end) if end <= before && size <= MAX_DIRECTORY => Ok(start..end),
        _ => Err(format!(
            "is a torn archive: its directory should be {size} bytes from {start} on, \
             before byte {before}"
        )),
    }
}

/// An entry as the directory has it.
struct Entry<'a> {
    name: &'a str,
    offset: usize,
    size: usize,
}

/// The next entry; none where the directory breaks off.
fn entry<'a>(fields: &mut Fields<'a>) -> Option<Result<Entry<'a>, String>> {
    let at = fields.at;
    let head = fields.take(ENTRY)?;
    if !head.starts_with(b"PK\x01\x02") {
        return Some(Err(format!("is a torn archive: no entry of its directory at byte {at}")));
    }
    let [flags, method] = [number(head, 8, 2)?, number(head, 10, 2)?];
    let [name, extra, comment] = [number(head, 28, 2)?, number(head, 30, 2)?, number(head, 32, 2)?];
    let name = fields.take(name)?;
    let extra = fields.take(extra)?;
    fields.take(comment)?;
    let Ok(name) = str::from_utf8(name) else {
        let name = String::from_utf8_lossy(name);
        return Some(Err(format!("is no torch file: it has an entry {}", quoted(&name))));
    };
    let [mut packed, mut size, mut offset] =
        [number(head, 20, 4)?, number(head, 24, 4)?, number(head, 42, 4)?];
    // The order in which the record has them, each only where it is needed.
    let mut wide = [&mut size, &mut packed, &mut offset];
    if wide.iter().any(|field| **field == SEE_ZIP64[1]) {
        let Some(mut record) = zip64(extra) else {
            return Some(Err(format!("is a torn archive: {} has no sizes", quoted(name))));
        };
        for field in wide.iter_mut().filter(|field| ***field == SEE_ZIP64[1]) {
            let (bytes, rest) = record.split_at_checked(8)?;
            **field = number(bytes, 0, 8)?;
            record = rest;
        }
    }
    let name_shown = quoted(name);
    if flags & 1 != 0 {
        return Some(Err(format!("is no torch file: its entry {name_shown} is encrypted")));
    }
    if method != 0 || packed != size {
        return Some(Err(format!(
            "is no torch file: its entry {name_shown} is compressed; torch stores all as it is"
        )));
    }
    Some(Ok(Entry { name, offset, size }))
}

/// The record of 64-bit sizes among the extra fields of an entry.
fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let [kind, length] = [number(extra, 0, 2)?, number(extra, 2, 2)?];
        let record = extra.get(4..4 + length)?;
        if kind == 1 {
            return Some(record);
        }
        extra = &extra[4 + length..];
    }
}

/// Where the data of an entry stand, behind its local header.
fn data(file: &[u8], entry: &Entry, directory: usize) -> Result<Range<usize>, String> {
    let read = || {
        let head = file.get(entry.offset..entry.offset.checked_add(LOCAL)?)?;
        if !head.starts_with(b"PK\x03\x04") {
            return None;
        }
        let start = entry.offset + LOCAL + number(head, 26, 2)? + number(head, 28, 2)?;
        let end = start.checked_add(entry.size)?;
        (end <= directory).then_some(start..end)
    };
    read().ok_or_else(|| {
        format!(
            "is a torn archive: its entry {} should be {} bytes at byte {}, which are not there",
            quoted(entry.name),
            entry.size,
            entry.offset
        )
    })
}

/// The number of `width` bytes, the least first, at `at`.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(width)?)?;
    let number = field.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    usize::try_from(number).ok()
}

/// What is read from front to end.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{Made, zip};
    use super::*;
    use expect_test::{Expect, expect};

    fn check(file: &[u8], expected: Expect) {
        expected.assert_eq(&match Archive::read(file) {
            Ok(archive) => {
                let mut names: Vec<&str> = archive.names().collect();
                names.sort_unstable();
                let entries = names.iter().map(|name| {
                    format!("{name} = {}", archive.bytes(name).unwrap_or_default().escape_ascii())
                });
                entries.collect::<Vec<_>>().join(", ")
            }
            Err(message) => message,
        });
    }

    /// Two entries, changed.
    fn made(change: impl Fn(&mut Made)) -> Vec<u8> {
        let mut made = Made::new(&[("x/a", b"alpha"), ("x/b", b"be")]);
        change(&mut made);
        made.bytes()
    }

    #[test]
    fn stored_entries_are_ranges_of_the_file() {
        check(&zip(&[]), expect![""]);
        check(&made(|_| ()), expect!["x/a = alpha, x/b = be"]);
        check(
            &made(|it| it.comment = b"PK\x05\x06 and more".to_vec()),
            expect!["x/a = alpha, x/b = be"],
        );
        check(&made(|it| it.wide = true), expect!["x/a = alpha, x/b = be"]);
    }

    #[test]
    fn what_the_directory_says_must_be_there() {
        check(b"", expect!["is truncated: the archive's directory, at its end, is not there"]);
        let whole = made(|_| ());
        check(
            &whole[..whole.len() - 1],
            expect!["is truncated: the archive's directory, at its end, is not there"],
        );
        check(
            &whole[1..],
            expect![
                "is a torn archive: its directory should be 98 bytes from 73 on, before byte 170"
            ],
        );
        check(
            &made(|it| it.entries[0].method = 8),
            expect!["is no torch file: its entry `x/a` is compressed; torch stores all as it is"],
        );
        check(
            &made(|it| it.entries[0].flags = 1),
            expect!["is no torch file: its entry `x/a` is encrypted"],
        );
        check(
            &made(|it| it.entries[1].size = 3),
            expect![
                "is a torn archive: its entry `x/b` should be 3 bytes at byte 38, which are not there"
            ],
        );
        check(
            &made(|it| it.entries[1].size = u32::MAX),
            expect!["is a torn archive: `x/b` has no sizes"],
        );
        check(
            &made(|it| it.entries[1].offset = 0),
            expect!["is a forged archive: its entries overlap"],
        );
        check(
            &made(|it| it.entries[0].size = 6),
            expect!["is a forged archive: its entries overlap"],
        );
        check(
            &made(|it| it.entries[1].offset = u32::MAX - 1),
            expect![
                "is a torn archive: its entry `x/b` should be 2 bytes at byte 4294967294, which are not there"
            ],
        );
        check(&made(|it| it.entries[1].name = b"x/a".to_vec()), expect!["holds `x/a` twice"]);
        check(
            &made(|it| it.entries[1].name = b"x/\xff".to_vec()),
            expect!["is no torch file: it has an entry `x/\u{fffd}`"],
        );
        check(
            &made(|it| it.directory_size = Some(1)),
            expect!["is a torn archive: its directory breaks off"],
        );
        check(
            &made(|it| it.directory_size = Some(1 << 20)),
            expect![
                "is a torn archive: its directory should be 1048576 bytes from 73 on, before byte 171"
            ],
        );
    }
}
