//! CoNLL columns: a token and its tag a line, a blank line between sentences.

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
    fault: Option<(usize, String)>,
}

impl<'a> Block<'a> {
    fn push(&mut self, number: usize, line: &'a str, options: &Options) {
        match cells(line, options) {
            Ok((token, _)) if options.skip.iter().any(|skipped| skipped == token) => {}
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
        let tokens = self.tokens.iter().map(|(_, token, _)| *token);
        let (text, places) = joined(tokens, &options.joiner);
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
    match cells[options.token] {
        "" => Err("the token is empty".into()),
        token => Ok((token, cells[options.tag])),
    }
}

/// Tokens as a text, and the characters of each.
pub(crate) fn joined<'a>(
    tokens: impl Iterator<Item = &'a str>,
    joiner: &str,
) -> (String, Vec<(usize, usize)>) {
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

/// Tokens laid onto a text that they follow each other in, with at most white space between them,
/// and the characters of each; a fault comes with the index of its token.
pub(crate) fn laid<'a>(
    text: &str,
    tokens: impl Iterator<Item = &'a str>,
) -> Result<Vec<(usize, usize)>, (usize, String)> {
    let (mut rest, mut at, mut places) = (text, 0, Vec::new());
    for token in tokens {
        let trimmed = rest.trim_start();
        at += rest[..rest.len() - trimmed.len()].chars().count();
        rest = trimmed.strip_prefix(token).filter(|_| !token.is_empty()).ok_or_else(|| {
            let found: String = trimmed.chars().take(token.chars().count().max(8)).collect();
            let message =
                format!("token `{token}` is not what the text holds at character {at}: `{found}`");
            (places.len(), message)
        })?;
        let length = token.chars().count();
        places.push((at, at + length));
        at += length;
    }
    if !rest.trim().is_empty() {
        let found: String = rest.trim().chars().take(12).collect();
        let message = format!("no token stands for the end of the text, `{found}`");
        return Err((places.len(), message));
    }
    Ok(places)
}
