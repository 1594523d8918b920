//! What a reader found in one row, in the corpus's own words.
//!
//! Readers know formats; `Assembly` knows labels, classes and what
//! makes a sentence sound. This is what passes between them.

use super::source::Source;
use crate::Kind;
use std::path::{Path, PathBuf};

/// One annotated sentence of a file, or why it is none.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The file.
    pub file: PathBuf,
    /// The line on which the row, or its fault, stands.
    pub line: usize,
    /// The corpus's own id.
    pub id: Option<String>,
    /// The annotation, or the reason why the row does not fit.
    pub content: Result<Annotated, String>,
}

/// A text and what its annotators marked in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotated {
    /// The text.
    pub text: String,
    /// Entities.
    pub entities: Vec<Labelled>,
    /// Relations between two of `entities`.
    pub relations: Vec<Linked>,
    /// Events.
    pub events: Vec<Happening>,
    /// What the file says but a sentence cannot hold.
    pub left_out: Vec<LeftOut>,
}

/// An annotation that a sentence cannot hold: it is counted, under its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// What it counts as; none for an argument of an event.
    pub kind: Option<Kind>,
    /// Its label, and why.
    pub reason: String,
}

/// Characters of the text, end exclusive, and what the file says stands there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// The surface that the file gives beside the offsets, if it does.
    pub surface: Option<String>,
    /// Of a mention in pieces: each of them, from left to right; `start` and `end` are then those of
    /// the first and the last.
    pub pieces: Vec<(usize, usize)>,
}

/// An entity under its original label.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    /// The corpus's label; none for an argument of a relation whose type the corpus does not give,
    /// which is no entity beside its relation.
    pub label: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// A relation under its original label.
#[derive(Clone, Debug)]
pub(crate) struct Linked {
    /// The corpus's label.
    pub label: String,
    /// Index of the first argument in `entities`.
    pub head: usize,
    /// Index of the second argument in `entities`.
    pub tail: usize,
}

/// An event under its original label.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    /// The corpus's label.
    pub label: String,
    /// The trigger.
    pub trigger: Place,
    /// Original role and filler.
    pub arguments: Vec<(String, Place)>,
}

impl Row {
    /// A row of `source`.
    pub(crate) fn new(
        source: &Source,
        line: usize,
        id: Option<String>,
        content: Result<Annotated, String>,
    ) -> Self {
        Self::of(&source.path, line, id, content)
    }

    /// A row of the file at `path`.
    pub(crate) fn of(
        path: &Path,
        line: usize,
        id: Option<String>,
        content: Result<Annotated, String>,
    ) -> Self {
        Self { file: path.to_owned(), line, id, content }
    }
}

impl Place {
    /// A place without a surface to hold against the text.
    pub(crate) fn at(start: usize, end: usize) -> Self {
        Self { start, end, ..Self::default() }
    }

    /// A place made of `pieces`, in any order: those that overlap, or between which `is_blank` says
    /// that nothing stands, are one. None of no pieces.
    pub(crate) fn of_pieces(
        mut pieces: Vec<(usize, usize)>,
        is_blank: impl Fn((usize, usize)) -> bool,
    ) -> Option<Self> {
        pieces.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for piece in pieces {
            match joined.last_mut() {
                Some(last) if piece.0 <= last.1 || is_blank((last.1, piece.0)) => {
                    last.1 = last.1.max(piece.1);
                }
                _ => joined.push(piece),
            }
        }
        let (start, end) = (joined.first()?.0, joined.last()?.1);
        let pieces = if joined.len() > 1 { joined } else { Vec::new() };
        Some(Self { start, end, surface: None, pieces })
    }

    /// What says where it stands.
    pub(crate) fn ends(&self) -> (usize, usize, &[(usize, usize)]) {
        (self.start, self.end, &self.pieces)
    }
}
