//! XML corpora: entities, relations and events as elements, beside a text or in it.
//!
//! # Layout
//! - `options`: what `[options]` may say. `tree`: an element as the value that paths lead into.
//! - `text`: a text that offsets count with or without its markup. `sentences`: where it is cut.
//!
//! Elements become values like those of JSON, so that paths, mentions and all that is said of them
//! are those of the reader `json`: attributes are `@NAME`, children lists under their name.

mod options;
mod sentences;
mod text;
mod tree;

pub(crate) use options::Options;

use super::records::{Document, Found, annotation_of, cut, kind_of};
use super::row::{Annotated, Place, Row};
use super::source::Source;
use crate::Error;
use options::Sentences;
use serde_json::Value;
use text::Text;
use tree::Element;

/// The rows of a file.
pub(crate) fn rows(source: &Source, options: &Options) -> Result<Vec<Row>, Error> {
    let beside = match options.text_of(&source.name()) {
        Some(name) => {
            let file = source.neighbour(&name)?;
            Some(Text::of_markup(&file.text, options.markup, &options.within))
        }
        None => None,
    };
    let mut rows = Vec::new();
    tree::each(source, options.record.as_deref(), options.content.as_deref(), |element| {
        push(&mut rows, source, element, beside.as_ref(), options);
    })?;
    Ok(rows)
}

/// Adds the rows of a record: one, or one a sentence.
fn push(
    rows: &mut Vec<Row>,
    source: &Source,
    element: Element,
    beside: Option<&Text>,
    options: &Options,
) {
    let Element { line, value, content } = element;
    let found = Found::root(&value);
    let id = options.id.as_ref().map(|id| id.text(&found)).transpose();
    let contents = id.as_ref().map_err(Clone::clone).and_then(|_| {
        let text = match (beside, &options.text) {
            (Some(text), _) => text.clone(),
            (None, Some(_)) => Text::plain(said(&found, options)?),
            (None, None) => Text::plain(content),
        };
        annotated(&found, text, options)
    });
    let id = id.ok().flatten();
    match contents {
        Ok(contents) => {
            let is_cut = options.sentences != Sentences::Document;
            for (index, content) in contents.into_iter().enumerate() {
                let own = match &id {
                    Some(id) if is_cut => Some(format!("{id}/{}", index + 1)),
                    _ => id.clone(),
                };
                rows.push(Row::new(source, line, own, Ok(content)));
            }
        }
        Err(fault) => {
            let fault = match &id {
                Some(id) => format!("item {id}: {fault}"),
                None => fault,
            };
            rows.push(Row::new(source, line, id, Err(fault)));
        }
    }
}

/// The text that a path leads to.
fn said(record: &Found<'_>, options: &Options) -> Result<String, String> {
    let Some(route) = &options.text else { return Ok(String::new()) };
    let written = route.written();
    match route.select(record)?.as_slice() {
        [Found { value: Value::String(text), .. }] => Ok(text.clone()),
        [other] => Err(format!("the text `{written}` is {}", kind_of(other.value))),
        several => Err(format!("`{written}` leads to {} values, expected one text", several.len())),
    }
}

/// What a record says of its text, a sentence each.
fn annotated(record: &Found<'_>, text: Text, options: &Options) -> Result<Vec<Annotated>, String> {
    let characters: Vec<char> = text.characters.chars().collect();
    let ranges = sentences::ranges(&characters, &text, options.sentences);
    if ranges.is_empty() {
        return Err("the text is empty".into());
    }
    let shown = match options.sentences {
        Sentences::Document | Sentences::Lines => text.characters,
        // Lines of a paragraph end where the page did.
        Sentences::Paragraphs | Sentences::Guessed => {
            let plain = |sign: &char| if matches!(sign, '\n' | '\r' | '\t') { ' ' } else { *sign };
            characters.iter().map(plain).collect()
        }
    };
    let mut document = Document::of_parts(shown, ranges);
    document.offsets = text.offsets;
    let whole = annotation_of(record, &document, &options.described())?;
    if options.sentences == Sentences::Guessed {
        // Where a sentence ends is our guess; that a mention does not end there is known.
        document.rows = sentences::joined(&document.rows, &hulls(&whole));
    }
    Ok(cut(&document, whole))
}

/// From where to where each mention goes.
fn hulls(whole: &Annotated) -> Vec<(usize, usize)> {
    let ends = |place: &Place| (place.start, place.end);
    let mut hulls: Vec<(usize, usize)> =
        whole.entities.iter().map(|entity| ends(&entity.place)).collect();
    for event in &whole.events {
        hulls.push(ends(&event.trigger));
        hulls.extend(event.arguments.iter().map(|(_, place)| ends(place)));
    }
    hulls
}
