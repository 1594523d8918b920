//! What a declaration says about the elements of an XML corpus.

use super::text::Markup;
use crate::Error;
use crate::corpus::records::{self, End, Entities, Events, Field, Locate, Relations, Route};
use serde::Deserialize;
use std::path::Path;

/// `[options]` of the reader `xml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// The name of the element that is a record; left out, the whole file is one.
    pub record: Option<String>,
    /// From a record to its id.
    pub id: Option<Field>,
    /// The name of the file that holds the text, with `*` for that of the XML without `suffix`.
    text_file: Option<String>,
    /// What the names of the files end with.
    suffix: Option<String>,
    /// Whether offsets count the markup of the text file.
    pub markup: Markup,
    /// Elements of the text file outside which nothing becomes a row.
    pub within: Vec<String>,
    /// From a record to its text, in place of a file.
    pub text: Option<Route>,
    /// The name of the element whose characters are the text, in place of either; left out, the
    /// record itself.
    pub content: Option<String>,
    /// What becomes a row.
    pub sentences: Sentences,
    /// What an end names.
    end_is: End,
    /// Where a mention without offsets stands.
    locate: Locate,
    entities: Option<Entities>,
    relations: Option<Relations>,
    events: Option<Events>,
}

/// What becomes a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sentences {
    /// All of the text.
    #[default]
    Document,
    /// Each line.
    Lines,
    /// What empty lines divide.
    Paragraphs,
    /// What signs at the end of a sentence divide, too.
    #[serde(rename = "sentences")]
    Guessed,
}

impl Options {
    /// The name of the text that belongs to the file called `name`.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        let suffix = self.suffix.as_deref().unwrap_or(".xml");
        let stem = name.strip_suffix(suffix).unwrap_or(name);
        Some(self.text_file.as_ref()?.replace('*', stem))
    }

    /// The same as options of JSON: where an element says what.
    pub(crate) fn described(&self) -> records::Options {
        records::Options {
            id: self.id.clone(),
            text: self.text.clone(),
            end_is: self.end_is,
            locate: self.locate,
            entities: self.entities.clone(),
            relations: self.relations.clone(),
            events: self.events.clone(),
            is_wrapped: true,
            ..records::Options::default()
        }
    }

    /// Refuses what each option allows but all together cannot mean.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        if let Some(fault) = self.fault() {
            return Err(Error::declaration(path, format!("[options] {fault}")));
        }
        // There is always a text, wherever it stands.
        let text = Route::try_from("text".to_owned()).ok();
        records::Options { text, ..self.described() }.check(path)
    }

    fn fault(&self) -> Option<&'static str> {
        let texts = [self.text_file.is_some(), self.text.is_some(), self.content.is_some()];
        if texts.into_iter().filter(|is_there| *is_there).count() > 1 {
            return Some("has several of `text_file`, `text` and `content`: write one of them");
        }
        if self.text_file.is_none() {
            if self.suffix.is_some() || self.markup != Markup::default() || !self.within.is_empty()
            {
                return Some("has `suffix`, `markup` or `within`, but no `text_file`");
            }
            return None;
        }
        let name = self.text_of("a.xml").unwrap_or_default();
        match name.is_empty() || name.starts_with('/') {
            true => Some("`text_file` is a name as seen from the folder of the XML"),
            false => None,
        }
    }
}
