//! CoNLL columns: a token and its tag a line, a blank line between sentences.
//!
//! CoNLL-U is this with numbers that tell words from what several of them are written as, and with
//! features in its last column; HIPE's files have a header, and flags where sentences end.

mod cells;

use super::laid;
use super::row::{Annotated, Labelled, Place, Row};
use super::source::{Ends, Pieces, Source};
use super::spans::{self, Orphans, Scheme};
use super::stream::{self, Take};
use crate::Error;
use cells::{Cells, Position, cells};
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
    /// Whether the first line names the columns.
    header: bool,
    /// What a comment line begins with that holds the sentence's id; where `end_of_sentence` ends
    /// sentences, that of a document.
    id: Option<String>,
    /// Column of the token's number: `3`, `3-4` for several words that are written as one, `5.1`
    /// for a word that is not written.
    position: Option<usize>,
    /// Of features in the column of the tag, the one whose value is the tag; a token without it has
    /// none.
    tag_key: Option<String>,
    /// Column of the features that the next two keys name.
    misc: Option<usize>,
    /// The feature of a token behind which a sentence ends, blank line or not.
    end_of_sentence: Option<String>,
    /// The feature of a token that has no space behind it.
    no_space: Option<String>,
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
            header: false,
            id: None,
            position: None,
            tag_key: None,
            misc: None,
            end_of_sentence: None,
            no_space: None,
        }
    }
}

impl Options {
    /// Whether texts are tokens with a space between each two of them.
    pub(crate) fn joins_by_spaces(&self) -> bool {
        self.joiner == " " && self.text.is_none() && self.no_space.is_none()
    }

    /// Refuses a column that no line can have, and a feature of no column.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::declaration(path, message));
        let last = self.last();
        if let Some(columns) = self.columns.filter(|columns| *columns <= last) {
            return refuse(format!(
                "[options] reads column {last}, counted from 0, but `columns = {columns}`"
            ));
        }
        let flags = [("end_of_sentence", &self.end_of_sentence), ("no_space", &self.no_space)];
        match flags.iter().find(|(_, flag)| flag.is_some() && self.misc.is_none()) {
            Some((key, _)) => {
                refuse(format!("[options] has `{key}`, but no `misc`: the column that holds it"))
            }
            None => Ok(()),
        }
    }

    /// The last column that is read.
    fn last(&self) -> usize {
        let others = [self.position, self.misc].into_iter().flatten();
        others.fold(self.token.max(self.tag), usize::max)
    }
}

/// Hands on the sentences of a file.
pub(crate) fn each(path: &Path, options: &Options, take: Take<'_>) -> Result<(), Error> {
    let pieces = Pieces::open(path, Ends::Blank)?;
    let ids = || Ids { numbered: options.end_of_sentence.is_some(), ..Ids::default() };
    if options.id.is_none() && !options.header {
        return stream::each(pieces, |piece| rows(piece, options, 0, &mut ids()), take);
    }
    let (mut ids, mut skipped) = (ids(), usize::from(options.header));
    for piece in pieces {
        rows(&piece?, options, skipped, &mut ids).into_iter().try_for_each(&mut *take)?;
        skipped = 0;
    }
    Ok(())
}

/// The sentences of a piece behind its first lines.
fn rows(source: &Source, options: &Options, skipped: usize, ids: &mut Ids) -> Vec<Row> {
    let mut reading = Reading { source, options, ids, block: Block::default(), rows: Vec::new() };
    for (number, line) in source.lines().skip(skipped) {
        reading.line(number, line);
    }
    reading.end();
    reading.rows
}

/// A piece as it is read.
struct Reading<'a> {
    source: &'a Source,
    options: &'a Options,
    ids: &'a mut Ids,
    block: Block<'a>,
    rows: Vec<Row>,
}

/// Ids as the comments give them.
#[derive(Default)]
struct Ids {
    current: Option<String>,
    /// Whether they are of documents, whose sentences are numbered.
    numbered: bool,
    sentences: usize,
}

/// The lines of one sentence.
#[derive(Default)]
struct Block<'a> {
    words: Vec<Word<'a>>,
    /// What the text holds: words, or what several of them are written as.
    pieces: Vec<Piece<'a>>,
    /// The last word that is written as the last piece.
    covered: Option<usize>,
    text: Option<&'a str>,
    fault: Option<(usize, String)>,
}

/// What carries a tag.
struct Word<'a> {
    line: usize,
    tag: &'a str,
    /// Its index in `pieces`.
    piece: usize,
}

/// What is written.
struct Piece<'a> {
    line: usize,
    text: &'a str,
    /// Whether the next one follows without a space.
    tight: bool,
}

impl<'a> Reading<'a> {
    fn line(&mut self, number: usize, line: &'a str) {
        let options = self.options;
        let behind = |prefix: &Option<String>| {
            prefix.as_ref().and_then(|prefix| line.strip_prefix(prefix.as_str()))
        };
        if line.trim().is_empty() {
            self.end();
        } else if let Some(text) = behind(&options.text) {
            self.block.text = Some(text.trim());
        } else if let Some(id) = behind(&options.id) {
            self.ids.begin(id.trim());
        } else if behind(&options.comment).is_none() && self.block.push(number, line, options) {
            self.end();
        }
    }

    /// Ends the sentence, if there is one.
    fn end(&mut self) {
        let block = std::mem::take(&mut self.block);
        if let Some(mut row) = block.finish(self.source, self.options) {
            row.id = self.ids.take();
            self.rows.push(row);
        }
    }
}

impl Ids {
    fn begin(&mut self, id: &str) {
        self.current = Some(id.to_owned());
        self.sentences = 0;
    }

    /// The id of the sentence that has just ended.
    fn take(&mut self) -> Option<String> {
        if !self.numbered {
            return self.current.take();
        }
        self.sentences += 1;
        self.current.as_ref().map(|id| format!("{id}/{}", self.sentences))
    }
}

impl<'a> Block<'a> {
    /// Takes a line; whether the sentence ends with it.
    fn push(&mut self, number: usize, line: &'a str, options: &Options) -> bool {
        match cells(line, options) {
            Ok(cells) => {
                if let Err(message) = self.add(number, &cells, options) {
                    self.fault.get_or_insert((number, message));
                }
                cells.has(&options.end_of_sentence)
            }
            // The first fault is what a reader of the message can act on.
            Err(message) => {
                self.fault.get_or_insert((number, message));
                false
            }
        }
    }

    fn add(&mut self, line: usize, cells: &Cells<'a>, options: &Options) -> Result<(), String> {
        let token = cells.token;
        if options.skip.iter().any(|skipped| skipped == token) {
            return Ok(());
        }
        if token.is_empty() {
            return match options.empty {
                Empty::Skip => Ok(()),
                Empty::Misfit => {
                    Err("the token is empty; `empty = \"skip\"` passes over such lines".into())
                }
            };
        }
        let tight = cells.has(&options.no_space);
        let piece = Piece { line, text: token, tight };
        match cells.position {
            Some(Position::Unwritten) => return Ok(()),
            Some(Position::Several(last)) => {
                self.pieces.push(piece);
                self.covered = Some(last);
                return Ok(());
            }
            Some(Position::Word(number))
                if self.covered.is_some_and(|covered| number <= covered) => {}
            _ => self.pieces.push(piece),
        }
        self.words.push(Word { line, tag: cells.tag, piece: self.pieces.len() - 1 });
        Ok(())
    }

    fn finish(self, source: &Source, options: &Options) -> Option<Row> {
        let fault = |(line, message)| Some(Row::new(source, line, None, Err(message)));
        if let Some(found) = self.fault {
            return fault(found);
        }
        let line = self.words.first()?.line;
        let tags: Vec<&str> = self.words.iter().map(|word| word.tag).collect();
        let spans = match spans::join(&tags, options.scheme, options.orphans) {
            Ok(spans) => spans,
            Err((index, message)) => return fault((self.words[index].line, message)),
        };
        let (text, places) = match self.placed(options) {
            Ok(placed) => placed,
            Err((index, message)) => return fault((self.pieces[index].line, message)),
        };
        let place = |word: usize| places[self.words[word].piece];
        let entities = spans
            .into_iter()
            .map(|span| Labelled {
                label: Some(span.label),
                place: Place::at(place(span.start).0, place(span.end - 1).1),
            })
            .collect();
        let annotated = Annotated { text, entities, ..Annotated::default() };
        Some(Row::new(source, line, None, Ok(annotated)))
    }

    /// The text, and the characters of each piece in it.
    fn placed(&self, options: &Options) -> Result<Placed, (usize, String)> {
        match (&options.text, self.text) {
            (None, _) => {
                let pieces = self.pieces.iter().map(|piece| (piece.text, piece.tight));
                Ok(spaced(pieces, &options.joiner))
            }
            (Some(_), Some(text)) => {
                let tokens: Vec<&str> = self.pieces.iter().map(|piece| piece.text).collect();
                Ok((text.to_owned(), laid::places(&tokens, text)?))
            }
            (Some(prefix), None) => Err((0, format!("no line `{prefix}…` stands before it"))),
        }
    }
}

/// A text and the characters of each of its tokens.
type Placed = (String, Vec<(usize, usize)>);

/// Tokens as a text, and the characters of each.
pub(crate) fn joined<'a>(tokens: impl Iterator<Item = &'a str>, joiner: &str) -> Placed {
    spaced(tokens.map(|token| (token, false)), joiner)
}

/// Tokens as a text, and the characters of each; some have nothing between them and the next.
fn spaced<'a>(tokens: impl Iterator<Item = (&'a str, bool)>, joiner: &str) -> Placed {
    let (mut text, mut places, mut at) = (String::new(), Vec::new(), 0);
    let width = joiner.chars().count();
    let mut gap = false;
    for (token, tight) in tokens {
        if gap {
            text.push_str(joiner);
            at += width;
        }
        gap = !tight;
        text.push_str(token);
        let length = token.chars().count();
        places.push((at, at + length));
        at += length;
    }
    (text, places)
}
