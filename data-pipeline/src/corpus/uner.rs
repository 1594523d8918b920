//! Universal NER's `.iob2`: the untouched text in a comment, then its words with IOB2 tags.
//!
//! Words are laid onto the text, so that a sentence keeps its own spacing.

use super::laid;
use super::row::{Annotated, Labelled, Place, Row};
use super::source::Source;
use super::spans::{self, Orphans, Scheme};

/// Columns of a line: number, token, tag, second annotation, annotator.
const COLUMNS: usize = 5;

/// The sentences of a file.
pub(crate) fn rows(source: &Source) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut block = Block::default();
    for (number, line) in source.lines() {
        if line.trim().is_empty() {
            rows.extend(std::mem::take(&mut block).finish(source));
        } else {
            block.push(number, line);
        }
    }
    rows.extend(block.finish(source));
    rows
}

/// The lines of one sentence.
#[derive(Default)]
struct Block<'a> {
    first_line: Option<usize>,
    id: Option<&'a str>,
    text: Option<&'a str>,
    tokens: Vec<(usize, &'a str, &'a str)>,
    fault: Option<(usize, String)>,
}

impl<'a> Block<'a> {
    fn push(&mut self, number: usize, line: &'a str) {
        self.first_line.get_or_insert(number);
        if let Some(comment) = line.strip_prefix('#') {
            match comment.split_once('=').map(|(key, value)| (key.trim(), value)) {
                Some(("sent_id", id)) => self.id = Some(id.trim()),
                Some(("text", text)) => self.text = Some(text.trim()),
                _ => {}
            }
            return;
        }
        let cells: Vec<&str> = line.split('\t').collect();
        match cells.as_slice() {
            [_, token, tag, _, _] => self.tokens.push((number, token, tag)),
            _ => {
                let found = cells.len();
                let message = format!("expected {COLUMNS} columns divided by a TAB, found {found}");
                self.fault.get_or_insert((number, message));
            }
        }
    }

    fn finish(self, source: &Source) -> Option<Row> {
        let first_line = self.first_line?;
        // Comments at the end of a file are no sentence.
        if self.tokens.is_empty() && self.fault.is_none() && self.text.is_none() {
            return None;
        }
        let id = self.id.map(str::to_owned);
        Some(match self.annotated(first_line) {
            Ok(annotated) => Row::new(source, first_line, id, Ok(annotated)),
            Err((line, message)) => Row::new(source, line, id, Err(message)),
        })
    }

    fn annotated(self, first_line: usize) -> Result<Annotated, (usize, String)> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let text =
            self.text.ok_or((first_line, "the sentence has no line `# text = …`".to_owned()))?;
        let line = |index: usize| self.tokens.get(index).map_or(first_line, |(line, _, _)| *line);
        let tokens: Vec<&str> = self.tokens.iter().map(|(_, token, _)| *token).collect();
        let places =
            laid::places(&tokens, text).map_err(|(index, message)| (line(index), message))?;
        let tags: Vec<&str> = self.tokens.iter().map(|(_, _, tag)| *tag).collect();
        let spans = spans::join(&tags, Scheme::Iob2, Orphans::Misfit)
            .map_err(|(index, message)| (self.tokens[index].0, message))?;
        let entities = spans
            .into_iter()
            .map(|span| Labelled {
                label: Some(span.label),
                place: Place::at(places[span.start].0, places[span.end - 1].1),
            })
            .collect();
        Ok(Annotated { text: text.to_owned(), entities, ..Annotated::default() })
    }
}
