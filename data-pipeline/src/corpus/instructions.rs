//! Rows whose answer is text: what a model was taught to say becomes annotation again.
//!
//! # Layout
//! - `options`: what `[options]` may say, and the sentence in a prompt.
//! - `info`: LLaMA-Factory's `dataset_info.json`, which says how its rows are built.
//! - `answer`, `bracketed`, `gollie`: what an answer says; `found`: where the sentence has it.
//!
//! Such rows name their mentions by surface alone, and a corpus may ask one sentence about a few
//! classes at a time. So rows of one sentence become one: a part of them would teach that the other
//! classes do not occur in it.

mod answer;
mod bracketed;
mod found;
mod gollie;
mod info;
mod options;

pub(crate) use options::Options;

use super::records::values;
use super::row::{Annotated, Row};
use super::source::Source;
use crate::Error;
use info::Info;
use serde_json::Value;
use std::collections::HashMap;

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// All that was asked.
    pub prompt: String,
    /// The part of it that was asked beside a general instruction.
    pub query: Option<String>,
    /// What was answered.
    pub answer: String,
}

/// The sentences of a file, each with all that its rows say of it, in the order in which they come
/// first.
pub(crate) fn rows(source: &Source, options: &Options) -> Result<Vec<Row>, Error> {
    let info = match options.info() {
        Some(name) => Some(Info::beside(source, name)?),
        None => None,
    };
    let mut sentences = Sentences { source, rows: Vec::new(), known: HashMap::new() };
    for (line, value) in values(source, options.container)? {
        match value.and_then(|value| exchanges(&value, options, info.as_ref())) {
            Ok(found) => {
                for (id, exchange) in found {
                    sentences.add(line, id, &exchange, options);
                }
            }
            Err(fault) => sentences.rows.push(Row::new(source, line, None, Err(fault))),
        }
    }
    Ok(sentences.rows)
}

/// What a row asks and answers: once, or as often as a conversation goes back and forth.
fn exchanges(
    value: &Value,
    options: &Options,
    info: Option<&Info>,
) -> Result<Vec<(Option<String>, Exchange)>, String> {
    let id = options.id_of(value)?;
    let found = match info {
        Some(info) => info.exchanges(value)?,
        None => vec![options.exchange(value)?],
    };
    Ok(found.into_iter().map(|exchange| (id.clone(), exchange)).collect())
}

/// Rows as they grow.
struct Sentences<'a> {
    source: &'a Source,
    rows: Vec<Row>,
    /// The row of each text.
    known: HashMap<String, usize>,
}

impl Sentences<'_> {
    /// Adds what an exchange says of its sentence. Where one of a sentence's rows does not fit, none
    /// is kept: what is left would say of some classes that they do not occur.
    fn add(&mut self, line: usize, id: Option<String>, exchange: &Exchange, options: &Options) {
        let text = match options.sentence(exchange) {
            Ok(text) => text,
            Err(fault) => {
                self.rows.push(Row::new(self.source, line, id, Err(fault)));
                return;
            }
        };
        let content = annotated(&text, &exchange.answer, options);
        let index = *self.known.entry(text).or_insert(self.rows.len());
        if index == self.rows.len() {
            self.rows.push(Row::new(self.source, line, id, content));
            return;
        }
        let row = &mut self.rows[index];
        if let Ok(whole) = &mut row.content {
            match content {
                Ok(part) => found::merge(whole, part),
                Err(fault) => {
                    row.line = line;
                    row.content = Err(fault);
                }
            }
        }
    }
}

/// What an answer says of a text.
fn annotated(text: &str, answer: &str, options: &Options) -> Result<Annotated, String> {
    let said = answer::said(answer, text, options)?;
    found::annotated(text, said)
}
