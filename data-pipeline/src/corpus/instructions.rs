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

use super::json::parse;
use super::merged::{self, Layout, Part, Records};
use super::row::{Annotated, Row};
use super::source::Source;
use super::stream::Take;
use crate::Error;
use info::Info;
use serde_json::Value;
use std::path::Path;

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

/// Hands on the sentences of a file, each with all that its rows say of it, in the order in which
/// they come first.
pub(crate) fn each(path: &Path, options: &Options, take: Take<'_>) -> Result<(), Error> {
    let info = match options.info() {
        Some(name) => Some(Info::beside(&Source::new(path, ""), name)?),
        None => None,
    };
    let questions = Questions { options, info };
    merged::each(path, Layout::Values(options.container), &questions, take)
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

/// Rows as the declaration describes them.
struct Questions<'a> {
    options: &'a Options,
    info: Option<Info>,
}

impl Questions<'_> {
    fn exchanges(&self, record: &str) -> Result<Vec<(Option<String>, Exchange)>, String> {
        exchanges(&parse(record)?, self.options, self.info.as_ref())
    }

    /// What one part of a row says, with its id.
    fn said(&self, part: &Part) -> (Option<String>, Result<Annotated, String>) {
        let (id, exchange) = match self.exchanges(&part.record) {
            Ok(found) => match found.into_iter().nth(part.number) {
                Some(found) => found,
                None => return (None, Err("the file changed while it was read".to_owned())),
            },
            Err(fault) => return (None, Err(fault)),
        };
        let text = self.options.sentence(&exchange);
        (id, text.and_then(|text| annotated(&text, &exchange.answer, self.options)))
    }
}

impl Records for Questions<'_> {
    fn sentences(&self, record: &str) -> Vec<Option<String>> {
        match self.exchanges(record) {
            Ok(found) => found.iter().map(|(_, it)| self.options.sentence(it).ok()).collect(),
            Err(_) => vec![None],
        }
    }

    /// Where one of a sentence's rows does not fit, none is kept: what is left would say of some
    /// classes that they do not occur.
    fn row(&self, path: &Path, parts: &[Part]) -> Option<Row> {
        let (first, others) = parts.split_first()?;
        let (id, content) = self.said(first);
        let mut row = Row::of(path, first.line, id, content);
        for part in others {
            let Ok(whole) = &mut row.content else { break };
            match self.said(part).1 {
                Ok(more) => found::merge(whole, more),
                Err(fault) => {
                    row.line = part.line;
                    row.content = Err(fault);
                }
            }
        }
        Some(row)
    }
}

/// What an answer says of a text.
fn annotated(text: &str, answer: &str, options: &Options) -> Result<Annotated, String> {
    let said = answer::said(answer, text, options)?;
    found::annotated(text, said)
}
