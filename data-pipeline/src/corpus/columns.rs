//! CoNLL columns: a token and its tag a line, a blank line between sentences.

use super::laid;
use super::row::{Annotated, Labelled, Place, Row};
use super::source::Source;
use super::spans::{self, Orphans, Scheme};
use crate::Error;
use serde::Deserialize;
use std::path::Path;

/// What a declaration says about the columns.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Column of the token, from 0.
    token: usize,
    /// Column of the tag, from 0.
    tag: usize,
    /// Columns a line; left out, one more than the last one that is read.
    columns: Option<usize>,
    /// What divides the columns.
    delimiter: Delimiter,
    /// The scheme of the tags.
    scheme: Scheme,
    /// What to do with tags that continue nothing.
    orphans: Orphans,
    /// Lines that start with it are comments.
    comment: Option<String>,
    /// Lines with one of these tokens are passed over.
    skip: Vec<String>,
    /// What stands between two tokens of the text.
    joiner: String,
    /// What a comment line begins with that holds the text; tokens are laid onto it.
    text: Option<String>,
    /// What to do with a token that is empty.
    empty: Empty,
    /// Whether a token is one character with its position in the word glued to it (`科0`).
    glued_position: bool,
}

/// What to do with an empty token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Empty {
    /// Its sentence does not fit.
    #[default]
    Misfit,
    /// Its line is passed over.
    Skip,
}

/// What divides columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Delimiter {
    /// One space.
    #[serde(rename = " ")]
    Space,
    /// One TAB.
    #[default]
    #[serde(rename = "\t")]
    Tab,
    /// Any number of spaces and TABs.
    #[serde(rename = "whitespace")]
    Whitespace,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: 0,
            tag: 1,
            columns: None,
            delimiter: Delimiter::default(),
            scheme: Scheme::default(),
            orphans: Orphans::default(),
            comment: None,
            skip: Vec::new(),
            joiner: " ".into(),
            text: None,
            empty: Empty::default(),
            glued_position: false,
        }
    }
}

impl Options {
    /// Refuses a column that no line can have.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let last = self.token.max(self.tag);
        match self.columns {
            Some(columns) if columns <= last => Err(Error::declaration(
                path,
                format!("[options] reads column {last}, counted from 0, but `columns = {columns}`"),
            )),
            _ => Ok(()),
        }
    }
}

/// The sentences of a file.
pub(crate) fn rows(source: &Source, options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut block = Block::default();
    for (number, line) in source.lines() {
        if line.trim().is_empty() {
            rows.extend(std::mem::take(&mut block).finish(source, options));
        } else if let Some(text) =
            options.text.as_ref().and_then(|prefix| line.strip_prefix(prefix))
        {
            block.text = Some(text.trim());
        } else if !options.comment.as_ref().is_some_and(|prefix| line.starts_with(prefix)) {
            block.push(number, line, options);
        }
    }
    rows.extend(block.finish(source, options));
    rows
}

/// The lines of one sentence.
#[derive(Default)]
struct Block<'a> {
    tokens: Vec<(usize, &'a str, &'a str)>,
    text: Option<&'a str>,
    fault: Option<(usize, String)>,
}

impl<'a> Block<'a> {
    fn push(&mut self, number: usize, line: &'a str, options: &Options) {
        match cells(line, options) {
            Ok((token, _)) if options.skip.iter().any(|skipped| skipped == token) => {}
            Ok(("", _)) if options.empty == Empty::Skip => {}
            Ok(("", _)) => {
                let message = "the token is empty; `empty = \"skip\"` passes over such lines";
                self.fault.get_or_insert((number, message.into()));
            }
            Ok((token, tag)) => self.tokens.push((number, token, tag)),
            // The first fault is what a reader of the message can act on.
            Err(message) => {
                self.fault.get_or_insert((number, message));
            }
        }
    }

    fn finish(self, source: &Source, options: &Options) -> Option<Row> {
        let fault = |(line, message)| Some(Row::new(source, line, None, Err(message)));
        if let Some(found) = self.fault {
            return fault(found);
        }
        let line = self.tokens.first()?.0;
        let tags: Vec<&str> = self.tokens.iter().map(|(_, _, tag)| *tag).collect();
        let spans = match spans::join(&tags, options.scheme, options.orphans) {
            Ok(spans) => spans,
            Err((index, message)) => return fault((self.tokens[index].0, message)),
        };
        let (text, places) = match self.placed(options) {
            Ok(placed) => placed,
            Err((index, message)) => return fault((self.tokens[index].0, message)),
        };
        let entities = spans
            .into_iter()
            .map(|span| Labelled {
                label: Some(span.label),
                place: Place::at(places[span.start].0, places[span.end - 1].1),
            })
            .collect();
        let annotated = Annotated { text, entities, ..Annotated::default() };
        Some(Row::new(source, line, None, Ok(annotated)))
    }

    /// The text, and the characters of each token in it.
    fn placed(&self, options: &Options) -> Result<Placed, (usize, String)> {
        let tokens: Vec<&str> = self.tokens.iter().map(|(_, token, _)| *token).collect();
        match (&options.text, self.text) {
            (None, _) => Ok(joined(tokens.into_iter(), &options.joiner)),
            (Some(_), Some(text)) => Ok((text.to_owned(), laid::places(&tokens, text)?)),
            (Some(prefix), None) => Err((0, format!("no line `{prefix}…` stands before it"))),
        }
    }
}

/// The token and the tag of a line.
fn cells<'a>(line: &'a str, options: &Options) -> Result<(&'a str, &'a str), String> {
    let cells: Vec<&str> = match options.delimiter {
        Delimiter::Space => line.split(' ').collect(),
        Delimiter::Tab => line.split('\t').collect(),
        // Only ASCII: a no-break space may be part of a token.
        Delimiter::Whitespace => line.split_ascii_whitespace().collect(),
    };
    let expected = options.columns.unwrap_or(options.token.max(options.tag) + 1);
    if cells.len() != expected {
        let between = match options.delimiter {
            Delimiter::Space => "one space",
            Delimiter::Tab => "a TAB",
            Delimiter::Whitespace => "white space",
        };
        let found = cells.len();
        let by_space = line.split_ascii_whitespace().count();
        let way_out = match options.delimiter {
            Delimiter::Tab if found == 1 && by_space == expected => {
                "; white space divides them: write `delimiter = \"whitespace\"` in [options]"
            }
            _ => "",
        };
        return Err(format!(
            "expected {expected} columns divided by {between}, found {found}{way_out}"
        ));
    }
    let token = cells[options.token].trim();
    let token = if options.glued_position { without_position(token) } else { token };
    Ok((token, cells[options.tag]))
}

/// A first character, whatever it is, and what follows it up to the digits at the end.
fn without_position(token: &str) -> &str {
    let first = token.chars().next().map_or(0, char::len_utf8);
    let kept = token[first..].trim_end_matches(|c: char| c.is_ascii_digit());
    &token[..first + kept.len()]
}

/// A text and the characters of each of its tokens.
type Placed = (String, Vec<(usize, usize)>);

/// Tokens as a text, and the characters of each.
pub(crate) fn joined<'a>(tokens: impl Iterator<Item = &'a str>, joiner: &str) -> Placed {
    let (mut text, mut places, mut at) = (String::new(), Vec::new(), 0);
    let gap = joiner.chars().count();
    for token in tokens {
        if !places.is_empty() {
            text.push_str(joiner);
            at += gap;
        }
        text.push_str(token);
        let length = token.chars().count();
        places.push((at, at + length));
        at += length;
    }
    (text, places)
}
