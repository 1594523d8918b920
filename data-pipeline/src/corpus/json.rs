//! The values of a JSON file one after another, each with its line.

use super::source::Source;
use crate::Error;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Walks over the values of a file.
pub(crate) struct Values<'a> {
    source: &'a Source,
    layout: Layout,
    position: usize,
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

impl<'a> Values<'a> {
    /// The values of a file that holds one after another.
    pub(crate) fn stream(source: &'a Source) -> Self {
        Self { source, layout: Layout::Stream, position: 0, line: 1, done: false }
    }

    /// The items of a file that is one array.
    pub(crate) fn array(source: &'a Source) -> Self {
        let layout = Layout::Array { first: true };
        Self { source, layout, position: 0, line: 1, done: false }
    }

    fn rest(&self) -> &'a str {
        &self.source.text[self.position..]
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.source.text.as_bytes()[self.position..self.position + bytes];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.position += bytes;
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start().len());
    }

    /// Takes `mark` if it comes next.
    fn take(&mut self, mark: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(mark);
        if found {
            self.advance(mark.len_utf8());
        }
        found
    }

    fn broken(&mut self, message: &str) -> Error {
        self.done = true;
        let way_out = "correct the file or fetch it again";
        Error::data(&self.source.path, self.line, format!("broken JSON: {message}; {way_out}"))
    }

    /// Goes to the next value; says whether there is one.
    fn seek(&mut self) -> Result<bool, Error> {
        if let Layout::Array { first } = self.layout {
            self.layout = Layout::Array { first: false };
            if first && !self.take('[') {
                return Err(self.broken("expected an array, `[`"));
            }
            if self.take(']') {
                self.skip_space();
                return match self.rest().is_empty() {
                    true => Ok(false),
                    false => Err(self.broken("something follows the array")),
                };
            }
            if !first && !self.take(',') {
                return Err(self.broken("expected `,` or `]`"));
            }
            self.skip_space();
            return Ok(true);
        }
        self.skip_space();
        Ok(!self.rest().is_empty())
    }

    fn value(&mut self) -> Result<Option<(usize, Value)>, Error> {
        if !self.seek()? {
            return Ok(None);
        }
        let line = self.line;
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<Distinct>();
        match values.next() {
            Some(Ok(Distinct(value))) => {
                let bytes = values.byte_offset();
                self.advance(bytes);
                Ok(Some((line, value)))
            }
            Some(Err(error)) => {
                self.line += error.line().saturating_sub(1);
                Err(self.broken(&without_place(&error)))
            }
            None => Err(self.broken("the file ends where a value should stand")),
        }
    }
}

impl Iterator for Values<'_> {
    type Item = Result<(usize, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let value = self.value().transpose();
        self.done |= value.is_none();
        value
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
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, array: bool, expected: Expect) {
        let source = Source { path: "x.json".into(), text: text.to_owned() };
        let values = if array { Values::array(&source) } else { Values::stream(&source) };
        let lines: Vec<String> = values
            .map(|value| match value {
                Ok((line, value)) => format!("{line}: {value}"),
                Err(error) => error.to_string(),
            })
            .collect();
        expected.assert_eq(&lines.join("\n"));
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
