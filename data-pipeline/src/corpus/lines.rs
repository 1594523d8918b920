//! Two files side by side: a sentence a line in one, its tags on the same line of the other.

use super::columns::joined;
use super::row::{Annotated, Labelled, Place, Row};
use super::source::{self, Ends, Pieces};
use super::spans::{self, Orphans, Scheme};
use super::stream::Take;
use crate::Error;
use serde::Deserialize;
use std::path::Path;

/// What a declaration says about the two files.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// The name of the file of tags; `*` stands for the name of the sentences' up to its first dot.
    tags: String,
    /// The scheme of the tags.
    scheme: Scheme,
    /// What to do with tags that continue nothing.
    orphans: Orphans,
    /// What stands between two tokens of the text.
    joiner: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tags: String::new(),
            scheme: Scheme::default(),
            orphans: Orphans::default(),
            joiner: " ".into(),
        }
    }
}

impl Options {
    /// Whether texts are tokens with a space between each two of them.
    pub(crate) fn joins_by_spaces(&self) -> bool {
        self.joiner == " "
    }

    /// Refuses a file of sentences without one of tags.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        if self.tags.is_empty() {
            let message = "[options] has no `tags`: the name of the file beside, as \"seq.out\"";
            return Err(Error::declaration(path, message));
        }
        if self.tags.contains('/') {
            let message = "[options] `tags` is the name of a file in the folder of the sentences";
            return Err(Error::declaration(path, message));
        }
        Ok(())
    }

    /// The name of the tags that belong to the sentences called `name`.
    pub(crate) fn tags_of(&self, name: &str) -> String {
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        self.tags.replace('*', stem)
    }
}

/// Hands on the sentences of a file; its tags lie beside it.
pub(crate) fn each(path: &Path, options: &Options, take: Take<'_>) -> Result<(), Error> {
    let tags = source::neighbour(path, &options.tags_of(&source::name(path)))?;
    let open = |path: &Path| Pieces::open(path, Ends::Line);
    let (count, tagged) = (last(open(path)?)?, last(open(&tags)?.or_none())?);
    if count != tagged {
        let line = count.min(tagged) + 1;
        let name = source::name(&tags);
        let message = format!("{count} lines, but `{name}` has {tagged}; fetch both again");
        return Err(Error::data(path, line, message));
    }
    let mut tags = open(&tags)?.or_none();
    let mut waiting = Vec::new().into_iter();
    let mut tagging = || -> Result<String, Error> {
        loop {
            if let Some(line) = waiting.next() {
                return Ok(line);
            }
            let Some(piece) = tags.next() else { return Ok(String::new()) };
            let lines: Vec<String> = piece?.lines().map(|(_, line)| line.to_owned()).collect();
            waiting = lines.into_iter();
        }
    };
    for piece in open(path)? {
        let piece = piece?;
        for (number, sentence) in piece.lines().take_while(|(number, _)| *number <= count) {
            let tagging = tagging()?;
            // Behind the last line nothing of the file is read.
            let (sentence, tagging) = match number == count {
                true => (sentence.trim_end(), tagging.trim_end()),
                false => (sentence, tagging.as_str()),
            };
            if !sentence.trim().is_empty() || !tagging.trim().is_empty() {
                let content = annotated(sentence, tagging, options);
                take(Row::new(&piece, number, None, content))?;
            }
        }
    }
    Ok(())
}

/// The number of the last line that says something.
fn last(pieces: Pieces) -> Result<usize, Error> {
    let mut last = 0;
    for piece in pieces {
        for (number, line) in piece?.lines() {
            if !line.trim().is_empty() {
                last = number;
            }
        }
    }
    Ok(last)
}

fn annotated(sentence: &str, tagging: &str, options: &Options) -> Result<Annotated, String> {
    // Only ASCII: a no-break space may be part of a token.
    let tokens: Vec<&str> = sentence.split_ascii_whitespace().collect();
    let tags: Vec<&str> = tagging.split_ascii_whitespace().collect();
    if tokens.len() != tags.len() {
        return Err(format!("{} tags for {} tokens", tags.len(), tokens.len()));
    }
    let spans = spans::join(&tags, options.scheme, options.orphans)
        .map_err(|(index, fault)| format!("token {index}, counted from 0: {fault}"))?;
    let (text, places) = joined(tokens.into_iter(), &options.joiner);
    let entities = spans
        .into_iter()
        .map(|span| Labelled {
            label: Some(span.label),
            place: Place::at(places[span.start].0, places[span.end - 1].1),
        })
        .collect();
    Ok(Annotated { text, entities, ..Annotated::default() })
}
