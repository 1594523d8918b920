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
use super::source::Source;
use super::table;
use crate::Error;
use options::Rows;
use serde_json::Value;
use std::path::Path;

/// The rows of a file.
pub(crate) fn rows(source: &Source, options: &Options) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (line, value) in values(source, options.container)? {
        match value.and_then(|value| rows_of(source, line, &value, options)) {
            Ok(found) => rows.extend(found),
            Err(fault) => rows.push(Row::new(source, line, None, Err(fault))),
        }
    }
    Ok(rows)
}

/// The rows of a Parquet file, each of whose rows is a value; faults name the number of the row.
pub(crate) fn rows_of_table(path: &Path, options: &Options) -> Result<Vec<Row>, Error> {
    let source = Source { path: path.to_owned(), text: String::new() };
    let mut rows = Vec::new();
    table::each_row(path, |number, value| {
        match value.and_then(|value| rows_of(&source, number, &value, options)) {
            Ok(found) => rows.extend(found),
            Err(fault) => rows.push(Row::new(&source, number, None, Err(fault))),
        }
    })?;
    Ok(rows)
}

/// A value and its line, or what is wrong with it.
type Record = (usize, Result<Value, String>);

/// The values of a file with their lines. A broken line is a row that does not fit; where values
/// are not divided by lines, nothing can be read behind the fault, and the file is refused.
pub(crate) fn values(source: &Source, container: Container) -> Result<Vec<Record>, Error> {
    let found = match container {
        Container::Lines => {
            let lines = source.lines().filter(|(_, line)| !line.trim().is_empty());
            return Ok(lines.map(|(number, line)| (number, parse(line))).collect());
        }
        Container::Array => Values::array(source),
        // A table never comes here: it is no text.
        Container::Stream | Container::Object | Container::Parquet => Values::stream(source),
    };
    let mut values = Vec::new();
    for value in found {
        let (line, value) = value?;
        if container == Container::Object && !values.is_empty() {
            let message = "a second value, where `container = \"object\"` says that the file is \
                           one; write \"stream\" or \"lines\"";
            return Err(Error::data(&source.path, line, message));
        }
        values.push((line, Ok(value)));
    }
    Ok(values)
}

/// The rows of all records of a value.
fn rows_of(
    source: &Source,
    line: usize,
    value: &Value,
    options: &Options,
) -> Result<Vec<Row>, String> {
    let root = Found::root(value);
    let records = match &options.records {
        Some(route) => route.select(&root)?,
        None => vec![root],
    };
    let mut rows = Vec::new();
    for record in &records {
        push(&mut rows, source, line, record, options);
    }
    Ok(rows)
}

/// Adds the rows of a record: one, or one a sentence.
fn push(rows: &mut Vec<Row>, source: &Source, line: usize, record: &Found<'_>, options: &Options) {
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
                rows.push(Row::new(source, line, own, Ok(content)));
            }
        }
        // A whole file may be one line: what the record is called finds it again.
        Err(fault) => {
            let name = id.clone().unwrap_or_else(|| record.stars.join("."));
            let fault = if name.is_empty() { fault } else { format!("item {name}: {fault}") };
            rows.push(Row::new(source, line, id, Err(fault)));
        }
    }
}

fn annotated(record: &Found<'_>, options: &Options) -> Result<Vec<Annotated>, String> {
    let document = Document::read(record, options)?;
    let whole = annotation::annotated(record, &document, options)?;
    Ok(cut(&document, whole))
}
