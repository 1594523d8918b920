//! What a declaration says about the records of a JSON corpus.

use super::field::Field;
use super::route::Route;
use crate::Error;
use crate::corpus::spans::{Orphans, Scheme};
use serde::Deserialize;
use std::path::Path;

/// `[options]` of the reader `json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// How values follow each other in a file.
    pub container: Container,
    /// From a value to its records; left out, the value is the record.
    pub records: Option<Route>,
    /// From a record to its id.
    pub id: Option<Field>,
    /// From a record to its sentences; left out, the record is one.
    pub sentences: Option<Route>,
    /// Whether a sentence or the whole record becomes a row.
    pub rows: Rows,
    /// From a sentence to its text.
    pub text: Option<Route>,
    /// From a sentence to its tokens.
    pub tokens: Option<Route>,
    /// What stands between tokens without a text, and between sentences.
    pub joiner: String,
    /// What offsets count; left out, tokens where there are any, else characters.
    pub unit: Option<Unit>,
    /// What an end names.
    pub end_is: End,
    /// Where a mention without offsets stands.
    pub locate: Locate,
    /// From a record to one tag a token.
    pub tags: Option<Route>,
    /// The tags that numbers stand for.
    pub tag_names: Vec<String>,
    /// The scheme of the tags.
    pub scheme: Scheme,
    /// What to do with tags that continue nothing.
    pub orphans: Orphans,
    pub entities: Option<Entities>,
    pub relations: Option<Relations>,
    pub events: Option<Events>,
    /// Of XML: the text may be wrapped at other places than the surfaces in it are.
    #[serde(skip)]
    pub is_wrapped: bool,
}

/// How values follow each other in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Container {
    /// One a line.
    #[default]
    Lines,
    /// As items of one array.
    Array,
    /// With white space between them.
    Stream,
    /// The whole file is one.
    Object,
    /// As rows of a Parquet file.
    Parquet,
}

/// What becomes a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rows {
    /// Each sentence.
    #[default]
    Sentence,
    /// The record with all its sentences.
    Document,
}

/// What offsets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    Character,
    /// Of UTF-8.
    Byte,
    Token,
}

/// What an end names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// One past the last.
    #[default]
    Exclusive,
    /// The last.
    Inclusive,
}

/// Where a mention without offsets stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Locate {
    /// Where the text has it first.
    #[default]
    First,
    /// Wherever the text has it.
    All,
}

/// `[options.entities]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entities {
    /// From the record to each.
    pub path: Route,
    pub label: Field,
    /// What relations and arguments call it; several with one id are mentions of one thing.
    pub id: Option<Field>,
    pub mention: Mention,
}

/// `[options.relations]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relations {
    /// From the record to each.
    pub path: Route,
    pub label: Field,
    pub head: Mention,
    pub tail: Mention,
}

/// `[options.events]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    /// From the record to each.
    pub path: Route,
    pub label: Field,
    pub trigger: Mention,
    #[serde(default)]
    pub arguments: Vec<Arguments>,
}

/// `[[options.events.arguments]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// From the event to each.
    pub path: Route,
    pub role: Field,
    pub mention: Mention,
}

/// How an item says where it stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mention {
    pub start: Option<Field>,
    pub end: Option<Field>,
    /// In place of an end: how many it has.
    pub length: Option<Field>,
    /// From the item to each piece of one mention; `start`, `end` and `length` are then of a piece.
    pub pieces: Option<Route>,
    pub surface: Option<Field>,
    /// The sentence that the offsets are counted in; left out, the record.
    pub sentence: Option<Field>,
    /// The id of the entity that it is.
    pub entity: Option<Field>,
    /// Of a relation's argument: its label, where `[options.entities]` does not give it.
    pub label: Option<Field>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            container: Container::default(),
            records: None,
            id: None,
            sentences: None,
            rows: Rows::default(),
            text: None,
            tokens: None,
            joiner: " ".into(),
            unit: None,
            end_is: End::default(),
            locate: Locate::default(),
            tags: None,
            tag_names: Vec::new(),
            scheme: Scheme::default(),
            orphans: Orphans::default(),
            entities: None,
            relations: None,
            events: None,
            is_wrapped: false,
        }
    }
}

impl Options {
    /// What offsets count.
    pub(crate) fn unit(&self) -> Unit {
        match self.unit {
            Some(unit) => unit,
            None if self.tokens.is_some() => Unit::Token,
            None => Unit::Character,
        }
    }

    /// Whether entities are annotated, so that an argument must be one of them.
    pub(crate) fn marks_entities(&self) -> bool {
        self.entities.is_some() || self.tags.is_some()
    }

    /// Refuses what each option allows but all together cannot mean.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        self.fault()
            .map_or(Ok(()), |fault| Err(Error::declaration(path, format!("[options] {fault}"))))
    }

    fn fault(&self) -> Option<String> {
        let has_tokens = self.tokens.is_some();
        let annotates = self.marks_entities() || self.relations.is_some() || self.events.is_some();
        if !has_tokens && self.text.is_none() {
            return Some("needs `text`, `tokens` or both: paths to what is annotated".into());
        }
        if !annotates {
            return Some("needs `tags`, `entities`, `relations` or `events`".into());
        }
        if !has_tokens && (self.tags.is_some() || self.unit == Some(Unit::Token)) {
            return Some("counts tokens, but has no `tokens`".into());
        }
        if self.tags.is_none() && !self.tag_names.is_empty() {
            return Some("has `tag_names`, but no `tags`".into());
        }
        if self.rows == Rows::Document && self.sentences.is_none() {
            return Some(
                "has `rows = \"document\"`, but no `sentences`: a record is one row".into(),
            );
        }
        self.mentions().into_iter().find_map(|(place, mention, role)| {
            let fault = self.mention_fault(mention, role)?;
            Some(format!("`{place}` {fault}"))
        })
    }

    /// Each mention of the declaration with its place in it.
    fn mentions(&self) -> Vec<(&'static str, &Mention, Role)> {
        let mut mentions = Vec::new();
        if let Some(entities) = &self.entities {
            mentions.push(("entities.mention", &entities.mention, Role::Entity));
        }
        if let Some(relations) = &self.relations {
            mentions.push(("relations.head", &relations.head, Role::Argument));
            mentions.push(("relations.tail", &relations.tail, Role::Argument));
        }
        if let Some(events) = &self.events {
            mentions.push(("events.trigger", &events.trigger, Role::OfEvent));
            for arguments in &events.arguments {
                mentions.push(("events.arguments.mention", &arguments.mention, Role::OfEvent));
            }
        }
        mentions
    }

    fn mention_fault(&self, mention: &Mention, role: Role) -> Option<&'static str> {
        let Mention { start, end, length, pieces, surface, sentence, entity, label } = mention;
        let stands = start.is_some() || surface.is_some();
        let has_ids = self.entities.as_ref().is_some_and(|entities| entities.id.is_some());
        if label.is_some() && role != Role::Argument {
            return Some("has `label`, which only the arguments of a relation have");
        }
        if entity.is_some() {
            return match role {
                Role::Entity => Some("has `entity`, but is one"),
                _ if stands || end.is_some() || length.is_some() || label.is_some() => {
                    Some("has `entity` and other keys; the entity says where it stands")
                }
                _ if !has_ids => Some("has `entity`, but `entities` has no `id`"),
                _ => None,
            };
        }
        if !stands {
            return Some("needs `start`, `surface` or `entity`");
        }
        if start.is_none() && end.is_some() {
            return Some("has `end`, but no `start`");
        }
        if start.is_none() && (length.is_some() || pieces.is_some()) {
            return Some("has `length` or `pieces`, but no `start`");
        }
        if end.is_some() && length.is_some() {
            return Some("has `end` and `length`: write one of them");
        }
        if pieces.is_some() && end.is_none() && length.is_none() {
            return Some("has `pieces`, which need an `end` or a `length` each");
        }
        if sentence.is_some() && self.sentences.is_none() {
            return Some("has `sentence`, but there are no `sentences`");
        }
        // A token is a mention by itself; a character hardly ever is.
        let has_length = end.is_some() || length.is_some() || surface.is_some();
        if start.is_some() && !has_length && self.unit() != Unit::Token {
            return Some("needs `end`, or `surface` for its length");
        }
        None
    }
}

/// What a mention is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Entity,
    Argument,
    OfEvent,
}
