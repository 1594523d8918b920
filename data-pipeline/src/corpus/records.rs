//! Any JSON corpus whose declaration says where its records keep what.
//!
//! # Layout
//! - `options`: what `[options]` may say; `route`, `field`: ways to values, as they are written there.
//! - `document`: a record's text, its sentences and tokens; `mention`: where a mention stands in it.
//! - `annotation`: entities, relations and events of the record; `cut`: those of each sentence.
//!
//! Formats with their own readers (`spert`, `fewfc`, `json-stream`) could be declared this way too;
//! `configs/datasets/README.md` has the grammar and an example of each shape.

mod annotation;
mod cut;
mod document;
mod field;
mod mention;
mod options;
mod route;

pub(crate) use annotation::annotated as annotation_of;
pub(crate) use cut::cut;
pub(crate) use document::Document;
pub(crate) use field::Field;
pub(crate) use options::{Container, End, Entities, Events, Locate, Options, Relations};
pub(crate) use route::{Found, Route, kind_of};

use super::json::{Values, parse};
use super::row::{Annotated, Row};
use super::source::{Ends, Pieces, Source};
use super::stream::{self, Take};
use super::table;
use crate::Error;
use options::Rows;
use serde_json::Value;
use std::path::Path;

/// Hands on the rows of a file. A broken line is a row that does not fit; where values are not
/// divided by lines, nothing can be read behind the fault, and the file is refused.
pub(crate) fn each(path: &Path, options: &Options, take: Take<'_>) -> Result<(), Error> {
    let container = options.container;
    let values = match container {
        Container::Lines => {
            let pieces = Pieces::open(path, Ends::Line)?;
            return stream::each(pieces, |piece| rows_of_lines(piece, options), take);
        }
        Container::Parquet => {
            return table::each_row(path, |number, value| {
                rows_of_value(path, number, value, options).into_iter().try_for_each(&mut *take)
            });
        }
        Container::Array => Values::array(path)?,
        Container::Stream | Container::Object => Values::stream(path)?,
    };
    for (index, value) in values.enumerate() {
        let (line, value) = value?;
        if container == Container::Object && index > 0 {
            return Err(second_value(path, line));
        }
        rows_of_value(path, line, Ok(value), options).into_iter().try_for_each(&mut *take)?;
    }
    Ok(())
}

/// What a file gets that is declared as one value, and has another on `line`.
pub(crate) fn second_value(path: &Path, line: usize) -> Error {
    let message = "a second value, where `container = \"object\"` says that the file is one; \
                   write \"stream\" or \"lines\"";
    Error::data(path, line, message)
}

/// The rows of a piece with a value a line.
fn rows_of_lines(piece: &Source, options: &Options) -> Vec<Row> {
    let lines = piece.lines().filter(|(_, line)| !line.trim().is_empty());
    lines.flat_map(|(line, text)| rows_of_value(&piece.path, line, parse(text), options)).collect()
}

/// The rows of a value, or of what is wrong with it. Of a Parquet file, `line` is the number of the
/// row.
fn rows_of_value(
    path: &Path,
    line: usize,
    value: Result<Value, String>,
    options: &Options,
) -> Vec<Row> {
    let rows = value.and_then(|value| rows_of(path, line, &value, options));
    rows.unwrap_or_else(|fault| vec![Row::of(path, line, None, Err(fault))])
}

/// The rows of all records of a value.
fn rows_of(path: &Path, line: usize, value: &Value, options: &Options) -> Result<Vec<Row>, String> {
    let root = Found::root(value);
    let records = match &options.records {
        Some(route) => route.select(&root)?,
        None => vec![root],
    };
    let mut rows = Vec::new();
    for record in &records {
        push(&mut rows, path, line, record, options);
    }
    Ok(rows)
}

/// Adds the rows of a record: one, or one a sentence.
fn push(rows: &mut Vec<Row>, path: &Path, line: usize, record: &Found<'_>, options: &Options) {
    let id = options.id.as_ref().map(|id| id.text(record)).transpose();
    let found = match &id {
        Ok(_) => annotated(record, options),
        Err(fault) => Err(fault.clone()),
    };
    let id = id.ok().flatten();
    match found {
        Ok(found) => {
            let cut = options.sentences.is_some() && options.rows == Rows::Sentence;
            for (index, content) in found.into_iter().enumerate() {
                let own = match &id {
                    Some(id) if cut => Some(format!("{id}/{}", index + 1)),
                    _ => id.clone(),
                };
                rows.push(Row::of(path, line, own, Ok(content)));
            }
        }
        // A whole file may be one line: what the record is called finds it again.
        Err(fault) => {
            let name = id.clone().unwrap_or_else(|| record.stars.join("."));
            let fault = if name.is_empty() { fault } else { format!("item {name}: {fault}") };
            rows.push(Row::of(path, line, id, Err(fault)));
        }
    }
}

fn annotated(record: &Found<'_>, options: &Options) -> Result<Vec<Annotated>, String> {
    let document = Document::read(record, options)?;
    let whole = annotation::annotated(record, &document, options)?;
    Ok(cut(&document, whole))
}
