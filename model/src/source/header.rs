//! The header of a safetensors file: eight bytes of length, then JSON, then the numbers.
//!
//! Read here and not by the crate `safetensors`, which says of a torn file only that its offsets are
//! invalid, and adds them up unchecked.

use super::contents::{Contents, Element, Float, Place, count, quoted};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::Range;

/// As the format has it.
const MAX_HEADER: usize = 100_000_000;

/// Bytes of the header's length.
const LENGTH: usize = 8;

/// The tensors of a safetensors file.
pub(crate) fn read(file: &[u8]) -> Result<Contents, String> {
    let (length, rest) = file
        .split_first_chunk::<LENGTH>()
        .ok_or_else(|| format!("is {} bytes long, too short for a safetensors file", file.len()))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_HEADER {
        return Err("is no safetensors file: its header would be longer than 100 MB".into());
    }
    let header = rest.get(..length).ok_or_else(|| {
        format!("is truncated: its header is {length} bytes long, {} are there", rest.len())
    })?;
    let header: Header = serde_json::from_slice(header)
        .map_err(|error| format!("is no safetensors file: its header is wrong: {error}"))?;
    whole(&header.0, rest.len() - length)?;
    let mut contents = Contents::default();
    for (name, entry) in header.0 {
        let start = LENGTH + length;
        let bytes = start + entry.data_offsets.0..start + entry.data_offsets.1;
        match entry.place(bytes).map_err(|message| format!("tensor {} {message}", quoted(&name)))? {
            Some(place) => drop(contents.tensors.insert(name, place)),
            None => drop(contents.others.insert(name, quoted(&entry.dtype))),
        }
    }
    Ok(contents)
}

/// Refuses tensors that do not follow each other up to the end of the file.
fn whole(tensors: &BTreeMap<String, Entry>, length: usize) -> Result<(), String> {
    let mut ranges: Vec<(usize, usize, &String)> =
        tensors.iter().map(|(name, it)| (it.data_offsets.0, it.data_offsets.1, name)).collect();
    ranges.sort_unstable();
    let mut end = 0;
    for (from, to, name) in ranges {
        if from != end || to < from {
            let name = quoted(name);
            return Err(format!(
                "tensor {name} stands at {from}..{to}, but the one before it ends at {end}"
            ));
        }
        end = to;
    }
    if end > length {
        return Err(format!("is truncated: its tensors take {end} bytes, {length} are there"));
    }
    if end < length {
        return Err(format!("has {} bytes behind its last tensor", length - end));
    }
    Ok(())
}

/// The tensors that a header names.
struct Header(BTreeMap<String, Entry>);

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Entry {
    /// Where its numbers stand, if they are floats.
    fn place(&self, bytes: Range<usize>) -> Result<Option<Place>, String> {
        let element = element(&self.dtype);
        let found = bytes.len();
        let expected = element.bytes().map(|bytes| {
            count(&self.shape)?
                .checked_mul(bytes)
                .ok_or(String::from("has more bytes than can be counted"))
        });
        match expected.transpose()? {
            Some(expected) if expected != found => Err(format!(
                "has {found} bytes, but {} {:?} takes {expected}",
                quoted(&self.dtype),
                self.shape
            )),
            _ => match element {
                Element::Float(float) => Place::dense(float, self.shape.clone(), bytes).map(Some),
                Element::Other(_) => Ok(None),
            },
        }
    }
}

fn element(dtype: &str) -> Element {
    match dtype {
        "BF16" => Element::Float(Float::Bf16),
        "F16" => Element::Float(Float::F16),
        "F32" => Element::Float(Float::F32),
        "F64" => Element::Float(Float::F64),
        "BOOL" | "I8" | "U8" => Element::Other(Some(1)),
        "I16" | "U16" => Element::Other(Some(2)),
        "I32" | "U32" => Element::Other(Some(4)),
        "I64" | "U64" => Element::Other(Some(8)),
        // Formats of less than a byte, and those that do not exist yet.
        _ => Element::Other(None),
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    match tensors.entry(name) {
                        btree_map::Entry::Vacant(place) => {
                            place.insert(map.next_value()?);
                        }
                        btree_map::Entry::Occupied(place) => {
                            let twice = format!("{} stands twice", quoted(place.key()));
                            return Err(A::Error::custom(twice));
                        }
                    }
                }
                Ok(Header(tensors))
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(header: &str, data: usize, expected: Expect) {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.resize(file.len() + data, 0);
        expected.assert_eq(&shown(&file));
    }

    fn shown(file: &[u8]) -> String {
        match read(file) {
            Ok(contents) => {
                let tensors = contents.tensors.iter();
                let mut lines: Vec<String> = tensors
                    .map(|(name, it)| format!("{name} {:?} {:?} {:?}", it.float, it.dims, it.bytes))
                    .collect();
                lines.extend(contents.others.iter().map(|(name, it)| format!("{name} is {it}")));
                lines.join("; ")
            }
            Err(message) => message,
        }
    }

    #[test]
    fn headers_are_read_or_refused() {
        check(
            r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#,
            12,
            expect!["b Bf16 [2] 155..159; a is `I64`"],
        );
        check("{}", 0, expect![""]);
        check("{}", 3, expect!["has 3 bytes behind its last tensor"]);
        check(
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            7,
            expect!["is truncated: its tensors take 8 bytes, 7 are there"],
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            8,
            expect!["tensor `a` has 8 bytes, but `F32` [3] takes 12"],
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}"#,
            8,
            expect!["tensor `a` has more bytes than can be counted"],
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            4,
            expect!["tensor `b` stands at 0..4, but the one before it ends at 4"],
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            4,
            expect![
                "is no safetensors file: its header is wrong: `a` stands twice at line 1 column 57"
            ],
        );
        check(
            r#"{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}}"#,
            4,
            expect!["is truncated: its tensors take 18446744073709551615 bytes, 4 are there"],
        );
        check(
            "[]",
            0,
            expect![
                "is no safetensors file: its header is wrong: invalid type: sequence, expected an object of tensors at line 1 column 0"
            ],
        );
    }

    #[test]
    fn no_header_at_all() {
        let check = |file: &[u8], expected: Expect| expected.assert_eq(&shown(file));
        check(b"", expect!["is 0 bytes long, too short for a safetensors file"]);
        check(
            b"\x09\0\0\0\0\0\0\0{}",
            expect!["is truncated: its header is 9 bytes long, 2 are there"],
        );
        check(
            b"version https://",
            expect!["is no safetensors file: its header would be longer than 100 MB"],
        );
    }
}
