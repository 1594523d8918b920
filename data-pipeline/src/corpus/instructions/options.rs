//! What a declaration says about instruction rows.

use super::Exchange;
use crate::corpus::json::parse;
use crate::corpus::records::{Container, Field, Found, Route, kind_of};
use crate::{Error, Task};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// `[options]` of the reader `instructions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// How rows follow each other in a file.
    pub container: Container,
    /// From a row to its id.
    id: Option<Field>,
    /// From a row to the text that holds the sentence.
    prompt: Option<Route>,
    /// From a row to the answer.
    response: Option<Route>,
    /// In place of both: the name of the file beside that says where they stand.
    dataset_info: Option<String>,
    /// Where the prompt is JSON: the member that is the sentence.
    sentence_key: Option<String>,
    /// What the sentence stands behind, where it comes last in the prompt.
    sentence_after: Option<String>,
    /// What stands behind the sentence, where it comes last in the rest.
    sentence_before: Option<String>,
    /// How an answer is written.
    answer: Option<Form>,
    /// What it answers.
    task: Option<Task>,
    /// Texts that stand for no mention, beside `None` and `NAN`.
    none: Vec<String>,
    /// Roles whose values are no mentions.
    attributes: Vec<String>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// An object of labels, as JSON.
    IePile,
    /// `label: mention; label: mention`; events in brackets, with their arguments.
    #[serde(alias = "b2ner")]
    InstructUie,
    /// Our own objects, in either dialect.
    KnowCoder,
    /// A list of Python objects with keywords.
    GoLlie,
}

impl Options {
    /// Refuses what does not say where sentence and answer stand.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        match self.fault() {
            Some(fault) => Err(Error::declaration(path, format!("[options] {fault}"))),
            None => Ok(()),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let paths = (self.prompt.is_some(), self.response.is_some());
        match (&self.dataset_info, paths) {
            (Some(_), (false, false)) | (None, (true, true)) => {}
            (Some(_), _) => {
                return Some("has `dataset_info`, which says where `prompt` and `response` stand");
            }
            (None, _) => {
                return Some("needs `prompt` and `response`: paths to texts; or `dataset_info`");
            }
        }
        if self.dataset_info.as_ref().is_some_and(|name| name.contains('/')) {
            return Some("`dataset_info` is the name of a file in the folder of the rows");
        }
        if self.sentence_key.is_some() && self.sentence_after.is_some() {
            return Some("has `sentence_key` and `sentence_after`: write one of them");
        }
        if self.sentence_before.is_some() && self.sentence_after.is_none() {
            return Some("has `sentence_before`, but no `sentence_after`");
        }
        let empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
        if empty(&self.sentence_after) || empty(&self.sentence_before) {
            return Some("has an empty mark of the sentence");
        }
        if self.container == Container::Parquet {
            return Some("reads JSON: `container` is `lines`, `array`, `stream` or `object`");
        }
        match (self.answer, self.task) {
            (None, _) => Some("needs `answer`: `iepile`, `instructuie`, `knowcoder` or `gollie`"),
            (_, None) => Some("needs `task`, what is answered: `ner`, `re`, `ed` or `eae`"),
            _ => None,
        }
    }

    /// The name of the file that says how rows are built.
    pub(crate) fn info(&self) -> Option<&str> {
        self.dataset_info.as_deref()
    }

    /// How answers are written, and what they answer; `check` has seen both.
    pub(crate) fn form(&self) -> Option<(Form, Task)> {
        self.answer.zip(self.task)
    }

    /// Whether a text stands for no mention.
    pub(crate) fn is_none(&self, text: &str) -> bool {
        matches!(text, "" | "None" | "NAN") || self.none.iter().any(|none| none == text)
    }

    /// Whether the values of a role are no mentions.
    pub(crate) fn is_attribute(&self, role: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute == role)
    }

    /// The id of a row.
    pub(crate) fn id_of(&self, row: &Value) -> Result<Option<String>, String> {
        self.id.as_ref().map(|id| id.text(&Found::root(row))).transpose()
    }

    /// What a row asks and answers, by the declared paths.
    pub(crate) fn exchange(&self, row: &Value) -> Result<Exchange, String> {
        let (prompt, answer) = (text(&self.prompt, row)?, text(&self.response, row)?);
        Ok(Exchange { prompt, query: None, answer })
    }

    /// The sentence that an exchange is about.
    pub(crate) fn sentence(&self, exchange: &Exchange) -> Result<String, String> {
        let Exchange { prompt, query, .. } = exchange;
        if let Some(key) = &self.sentence_key {
            let prompt = parse(prompt).map_err(|fault| format!("the prompt: {fault}"))?;
            return match prompt.get(key.as_str()) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(other) => Err(format!("`{key}` of the prompt is {}", kind_of(other))),
                None => Err(format!("the prompt has no `{key}`")),
            };
        }
        let Some(after) = &self.sentence_after else {
            return Ok(query.as_ref().unwrap_or(prompt).trim().to_owned());
        };
        let missing = |mark: &str| format!("the prompt has no `{mark}` around its sentence");
        let (_, rest) = prompt.rsplit_once(after.as_str()).ok_or_else(|| missing(after))?;
        let sentence = match &self.sentence_before {
            Some(before) => rest.rsplit_once(before.as_str()).ok_or_else(|| missing(before))?.0,
            None => rest,
        };
        Ok(sentence.trim().to_owned())
    }
}

/// The one text that a path leads to.
fn text(route: &Option<Route>, row: &Value) -> Result<String, String> {
    let Some(route) = route else { return Ok(String::new()) };
    let written = route.written();
    match route.select(&Found::root(row))?.as_slice() {
        [Found { value: Value::String(text), .. }] => Ok(text.clone()),
        [other] => Err(format!("`{written}` is {}, expected a text", kind_of(other.value))),
        several => Err(format!("`{written}` leads to {} values, expected one", several.len())),
    }
}
