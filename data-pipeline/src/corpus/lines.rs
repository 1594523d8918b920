//! Two files side by side: a sentence a line in one, its tags on the same line of the other.

use super::columns::joined;
use super::row::{Annotated, Labelled, Place, Row};
use super::source::Source;
use super::spans::{self, Orphans, Scheme};
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

/// The sentences of a file; its tags lie beside it.
pub(crate) fn rows(source: &Source, options: &Options) -> Result<Vec<Row>, Error> {
    let tags = source.neighbour(&options.tags_of(&source.name()))?;
    let (sentences, taggings) = (lines(source), lines(&tags));
    if sentences.len() != taggings.len() {
        let line = sentences.len().min(taggings.len()) + 1;
        let message = format!(
            "{} lines, but `{}` has {}; fetch both again",
            sentences.len(),
            tags.name(),
            taggings.len()
        );
        return Err(Error::data(&source.path, line, message));
    }
    let mut rows = Vec::new();
    for (index, (sentence, tagging)) in sentences.into_iter().zip(taggings).enumerate() {
        if !sentence.trim().is_empty() || !tagging.trim().is_empty() {
            let content = annotated(sentence, tagging, options);
            rows.push(Row::new(source, index + 1, None, content));
        }
    }
    Ok(rows)
}

/// The lines of a file, without blank ones at its end.
fn lines(source: &Source) -> Vec<&str> {
    source.text.trim_end().lines().collect()
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
