//! The values of a JSON file one after another, each with its line.

use super::source::{Text, empty, piece_size};
use crate::Error;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::path::Path;

/// Walks over the values of a file, of which it holds a piece, and never less than a value.
pub(crate) struct Values {
    text: Text,
    layout: Layout,
    /// What was read and is not passed yet begins at `position`.
    buffer: String,
    position: usize,
    more: bool,
    /// Bytes of the text before the buffer.
    before: u64,
    line: usize,
    done: bool,
}

/// How values follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// With white space between them.
    Stream,
    /// As items of one array; the flag says that none was read yet.
    Array { first: bool },
}

/// Where a value stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Its first byte.
    pub offset: u64,
    /// How many bytes it has.
    pub length: usize,
}

impl Values {
    /// The values of a file that holds one after another.
    pub(crate) fn stream(path: &Path) -> Result<Self, Error> {
        Self::new(Text::open(path)?, Layout::Stream)
    }

    /// The items of a file that is one array.
    pub(crate) fn array(path: &Path) -> Result<Self, Error> {
        Self::new(Text::open(path)?, Layout::Array { first: true })
    }

    /// Refuses a text that is nothing but space.
    fn new(text: Text, layout: Layout) -> Result<Self, Error> {
        let buffer = String::new();
        let (position, more, before, line, done) = (0, true, 0, 1, false);
        let mut values = Self { text, layout, buffer, position, more, before, line, done };
        values.skip_space()?;
        if values.rest().is_empty() {
            return Err(empty(values.text.path()));
        }
        Ok(values)
    }

    fn rest(&self) -> &str {
        &self.buffer[self.position..]
    }

    /// Reads on, and forgets what is passed.
    fn read(&mut self, size: usize) -> Result<(), Error> {
        self.buffer.drain(..self.position);
        self.before += self.position as u64;
        self.position = 0;
        self.more = self.text.read(size, &mut self.buffer)?;
        Ok(())
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.buffer.as_bytes()[self.position..self.position + bytes];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.position += bytes;
    }

    /// Goes to what is no space, or to the end of the file.
    fn skip_space(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            self.advance(rest.len() - rest.trim_start().len());
            if !self.rest().is_empty() || !self.more {
                return Ok(());
            }
            self.read(piece_size())?;
        }
    }

    /// Takes `mark` if it comes next.
    fn take(&mut self, mark: char) -> Result<bool, Error> {
        self.skip_space()?;
        let found = self.rest().starts_with(mark);
        if found {
            self.advance(mark.len_utf8());
        }
        Ok(found)
    }

    fn broken(&mut self, message: &str) -> Error {
        self.done = true;
        let way_out = "correct the file or fetch it again";
        Error::data(self.text.path(), self.line, format!("broken JSON: {message}; {way_out}"))
    }

    /// Goes to the next value; says whether there is one.
    fn seek(&mut self) -> Result<bool, Error> {
        if let Layout::Array { first } = self.layout {
            self.layout = Layout::Array { first: false };
            if first && !self.take('[')? {
                return Err(self.broken("expected an array, `[`"));
            }
            if self.take(']')? {
                self.skip_space()?;
                return match self.rest().is_empty() {
                    true => Ok(false),
                    false => Err(self.broken("something follows the array")),
                };
            }
            if !first && !self.take(',')? {
                return Err(self.broken("expected `,` or `]`"));
            }
            self.skip_space()?;
            return Ok(true);
        }
        self.skip_space()?;
        Ok(!self.rest().is_empty())
    }

    fn value(&mut self) -> Result<Option<(usize, Extent, Value)>, Error> {
        if !self.seek()? {
            return Ok(None);
        }
        let line = self.line;
        let mut size = piece_size();
        loop {
            let rest = self.rest();
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Distinct>();
            match values.next() {
                Some(Ok(Distinct(value))) => {
                    let length = values.byte_offset();
                    // At the end of what was read, a number may go on.
                    if length < rest.len() || !self.more {
                        let offset = self.text.mark() + self.before + self.position as u64;
                        self.advance(length);
                        return Ok(Some((line, Extent { offset, length }, value)));
                    }
                }
                Some(Err(error)) if !self.more || !error.is_eof() => {
                    self.line += error.line().saturating_sub(1);
                    return Err(self.broken(&without_place(&error)));
                }
                None if !self.more => {
                    return Err(self.broken("the file ends where a value should stand"));
                }
                Some(Err(_)) | None => {}
            }
            // A value that is longer than a piece: twice as much is read each time.
            self.read(size)?;
            size = size.saturating_mul(2);
        }
    }

    /// The next value with its line and its place.
    pub(crate) fn placed(&mut self) -> Option<Result<(usize, Extent, Value), Error>> {
        if self.done {
            return None;
        }
        let value = self.value().transpose();
        self.done |= value.is_none();
        value
    }
}

impl Iterator for Values {
    type Item = Result<(usize, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.placed()?.map(|(line, _, value)| (line, value)))
    }
}

/// A value whose objects have no key twice: of two, one would be lost without a word.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor).map(Self)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Distinct(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Distinct(value))) = entries.next_entry::<String, Distinct>()? {
            if object.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format_args!("the key `{key}` stands twice")));
            }
        }
        Ok(object.into())
    }
}

/// The one value that `text` holds, for formats that have one a line.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    match serde_json::from_str::<Distinct>(text) {
        Ok(Distinct(value)) => Ok(value),
        Err(error) => Err(format!("broken JSON: {}", without_place(&error))),
    }
}

/// What serde says, without its line and column, which count from the value's own start.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::corpus::source::tests::in_pieces_of;
    use expect_test::{Expect, expect};

    fn lines(text: &str, array: bool) -> String {
        let layout = if array { Layout::Array { first: true } } else { Layout::Stream };
        let values = match Values::new(Text::of("x.json", text), layout) {
            Ok(values) => values,
            Err(error) => return error.to_string(),
        };
        let lines: Vec<String> = values
            .map(|value| match value {
                Ok((line, value)) => format!("{line}: {value}"),
                Err(error) => error.to_string(),
            })
            .collect();
        lines.join("\n")
    }

    fn check(text: &str, array: bool, expected: Expect) {
        let whole = lines(text, array);
        for size in 1..text.len() + 2 {
            let cut = in_pieces_of(size, || lines(text, array));
            assert_eq!(cut, whole, "read by {size} bytes");
        }
        expected.assert_eq(&whole);
    }

    #[test]
    fn numbers_and_words_are_not_cut() {
        check(
            "12345 true -1.5e3\n\"\\ud83d\\ude00\" null",
            false,
            expect![[r#"
                1: 12345
                1: true
                1: -1500.0
                2: "😀"
                2: null"#]],
        );
        check(
            "[12, 345 ,6]",
            true,
            expect![[r#"
            1: 12
            1: 345
            1: 6"#]],
        );
        check(" \n", true, expect!["x.json:1: the file is empty; fetch it again"]);
    }

    #[test]
    fn a_value_knows_where_it_stands() {
        let text = "\u{feff}[ {\"a\": 1},\n[2] ]";
        for size in 1..text.len() {
            let text_of = Text::of("x.json", text);
            let found = in_pieces_of(size, || {
                let mut values = Values::new(text_of, Layout::Array { first: true }).unwrap();
                std::iter::from_fn(|| values.placed()).map(|it| it.unwrap().1).collect::<Vec<_>>()
            });
            let cut = |extent: &Extent| &text[extent.offset as usize..][..extent.length];
            assert_eq!(found.iter().map(cut).collect::<Vec<_>>(), ["{\"a\": 1}", "[2]"]);
        }
    }

    #[test]
    fn values_come_with_their_lines() {
        check(
            "{\n \"a\": 1\n}\n\n{\"b\":\n[2]}",
            false,
            expect![[r#"
            1: {"a":1}
            5: {"b":[2]}"#]],
        );
        check(
            "[\n{\"a\": 1},\n {\"b\": \"]\"}\n]\n",
            true,
            expect![[r#"
            2: {"a":1}
            3: {"b":"]"}"#]],
        );
        check("[]", true, expect![""]);
    }

    #[test]
    fn broken_json_is_named_with_its_line() {
        check(
            "{\"a\": 1}\n{\"b\":\n oops}",
            false,
            expect![[r#"
            1: {"a":1}
            x.json:3: broken JSON: expected value; correct the file or fetch it again"#]],
        );
        check(
            "{\"a\": 1,\n\"a\": 2}",
            false,
            expect![
                "x.json:2: broken JSON: the key `a` stands twice; correct the file or fetch it again"
            ],
        );
        check(
            "{\"a\": \"cut",
            false,
            expect![
                "x.json:1: broken JSON: EOF while parsing a string; correct the file or fetch it again"
            ],
        );
        check(
            "[{\"a\": 1}\n{\"b\": 2}]",
            true,
            expect![[r#"
            1: {"a":1}
            x.json:2: broken JSON: expected `,` or `]`; correct the file or fetch it again"#]],
        );
        check(
            "{\"a\": 1}",
            true,
            expect![
                "x.json:1: broken JSON: expected an array, `[`; correct the file or fetch it again"
            ],
        );
        check(
            "[1, ",
            true,
            expect![[r#"
            1: 1
            x.json:1: broken JSON: the file ends where a value should stand; correct the file or fetch it again"#]],
        );
    }
}
