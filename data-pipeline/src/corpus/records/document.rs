//! The text of a record: its sentences and tokens as characters of one text.
//!
//! Whatever offsets count (characters, bytes or tokens, of the record or of a sentence), a mention
//! ends as characters of the whole text here; what becomes a row is cut from it afterwards.

use super::options::{Options, Rows, Unit};
use super::route::{Found, kind_of, scalar};
use crate::corpus::columns::joined;
use crate::corpus::laid;
use crate::corpus::locate;
use serde_json::Value;

/// A record's text, with what offsets may count.
#[derive(Debug)]
pub(crate) struct Document {
    pub text: String,
    /// The byte at which each character starts, and the end.
    bytes: Vec<usize>,
    /// The characters of each token.
    pub tokens: Vec<Range>,
    /// The parts that offsets may start at.
    sentences: Vec<Extent>,
    /// The characters of each row.
    pub rows: Vec<Range>,
    /// The character that each offset means, and one past the last, where offsets count more than
    /// the text has.
    pub offsets: Option<Vec<usize>>,
}

/// First, and one past the last.
pub(crate) type Range = (usize, usize);

/// A sentence of the text.
#[derive(Clone, Copy, Debug)]
struct Extent {
    characters: Range,
    tokens: Range,
}

impl Document {
    /// The text of `record`.
    pub(crate) fn read(record: &Found<'_>, options: &Options) -> Result<Self, String> {
        let sentences = match &options.sentences {
            Some(route) => route.select(record)?,
            None => vec![record.clone()],
        };
        if sentences.is_empty() {
            return Err("the record has no sentence".into());
        }
        let (mut text, mut tokens, mut extents) = (String::new(), Vec::new(), Vec::new());
        // Characters so far.
        let mut at = 0;
        for (index, sentence) in sentences.iter().enumerate() {
            if index > 0 {
                text.push_str(&options.joiner);
                at += options.joiner.chars().count();
            }
            let (own, places) = part(sentence, options)?;
            let (first, start) = (tokens.len(), at);
            tokens.extend(places.into_iter().map(|(from, to)| (start + from, start + to)));
            at += own.chars().count();
            text.push_str(&own);
            extents.push(Extent { characters: (start, at), tokens: (first, tokens.len()) });
        }
        let bytes = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
        let rows = match options.rows {
            Rows::Sentence => extents.iter().map(|extent| extent.characters).collect(),
            Rows::Document => vec![(0, at)],
        };
        Ok(Self { text, bytes, tokens, sentences: extents, rows, offsets: None })
    }

    /// A text of which the characters `rows` become rows; what stands between them is in none.
    pub(crate) fn of_parts(text: String, rows: Vec<Range>) -> Self {
        let bytes = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
        Self { text, bytes, tokens: Vec::new(), sentences: Vec::new(), rows, offsets: None }
    }

    /// How many characters it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - 1
    }

    /// Characters `start..end`, which must be in the text.
    pub(crate) fn slice(&self, (start, end): Range) -> &str {
        &self.text[self.bytes[start]..self.bytes[end]]
    }

    /// The character that starts at a byte.
    pub(crate) fn character(&self, byte: usize) -> Option<usize> {
        self.bytes.binary_search(&byte).ok()
    }

    /// The row that holds all of a place.
    pub(crate) fn row_of(&self, (start, end): Range) -> Option<usize> {
        let row = self.before(start)?;
        (end <= self.rows[row].1).then_some(row)
    }

    /// The row in which a place starts.
    pub(crate) fn row_at(&self, start: usize) -> usize {
        self.before(start).unwrap_or(0)
    }

    /// The last row that begins at or before a character: rows follow each other, and a document may
    /// have as many as mentions.
    fn before(&self, start: usize) -> Option<usize> {
        self.rows.partition_point(|row| row.0 <= start).checked_sub(1)
    }

    /// The characters of a sentence.
    pub(crate) fn sentence(&self, index: usize) -> Result<Range, String> {
        Ok(self.extent(index)?.characters)
    }

    /// What offsets counted from the start of a sentence must be moved by.
    pub(crate) fn base(&self, index: usize, unit: Unit) -> Result<usize, String> {
        let extent = self.extent(index)?;
        Ok(match unit {
            Unit::Character => extent.characters.0,
            Unit::Byte => self.bytes[extent.characters.0],
            Unit::Token => extent.tokens.0,
        })
    }

    /// The characters that `start..end` of a unit are.
    pub(crate) fn characters(&self, (start, end): Range, unit: Unit) -> Result<Range, String> {
        let (names, count) = match unit {
            Unit::Character => match &self.offsets {
                Some(offsets) => ("characters", offsets.len().saturating_sub(1)),
                None => ("characters", self.len()),
            },
            Unit::Byte => ("bytes", self.text.len()),
            Unit::Token => ("tokens", self.tokens.len()),
        };
        if start >= end {
            return Err(format!("{names} {start}..{end} are empty"));
        }
        if end > count {
            return Err(format!("{names} {start}..{end} leave the text, which has {count}"));
        }
        match unit {
            Unit::Character => match &self.offsets {
                Some(offsets) => match (offsets[start], offsets[end]) {
                    (first, last) if first < last => Ok((first, last)),
                    _ => Err(format!("characters {start}..{end} are markup alone")),
                },
                None => Ok((start, end)),
            },
            Unit::Token => Ok((self.tokens[start].0, self.tokens[end - 1].1)),
            Unit::Byte => {
                let inside = |byte: usize| format!("byte {byte} is inside a character");
                let first = self.character(start).ok_or_else(|| inside(start))?;
                let last = self.character(end).ok_or_else(|| inside(end))?;
                Ok((first, last))
            }
        }
    }

    /// Where `wanted` stands inside `within`.
    pub(crate) fn find(&self, wanted: &str, within: Range) -> Vec<Range> {
        let found = locate::find(self.slice(within), wanted);
        found.into_iter().map(|(start, end)| (start + within.0, end + within.0)).collect()
    }

    fn extent(&self, index: usize) -> Result<Extent, String> {
        let count = self.sentences.len();
        self.sentences.get(index).copied().ok_or_else(|| {
            format!("there is no sentence {index}; counted from 0, there are {count}")
        })
    }
}

/// The text of one sentence, and the characters of its tokens.
fn part(sentence: &Found<'_>, options: &Options) -> Result<(String, Vec<Range>), String> {
    let text = match &options.text {
        Some(route) => match route.select(sentence)?.as_slice() {
            [Found { value: Value::String(text), .. }] => Some(text.clone()),
            [other] => {
                let found = kind_of(other.value);
                return Err(format!("the text `{}` is {found}", route.written()));
            }
            several => {
                let (count, written) = (several.len(), route.written());
                return Err(format!("`{written}` leads to {count} values, expected one text"));
            }
        },
        None => None,
    };
    let Some(route) = &options.tokens else { return Ok((text.unwrap_or_default(), Vec::new())) };
    let mut tokens = Vec::new();
    for found in route.select(sentence)? {
        tokens.push(scalar(found.value).ok_or_else(|| {
            let (written, kind) = (route.written(), kind_of(found.value));
            format!("the token `{written}` is {kind}; a path to each token ends with `*`")
        })?);
    }
    if let Some(empty) = tokens.iter().position(String::is_empty) {
        return Err(format!("token {empty}, counted from 0, is empty"));
    }
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    match text {
        Some(text) => {
            let places = laid::places(&words, &text).map_err(|(_, fault)| fault)?;
            Ok((text, places))
        }
        None => Ok(joined(words.into_iter(), &options.joiner)),
    }
}
