//! What a grammar of answers must know of how they are written.
//!
//! The writers of the forms say it here in parts, name by name and character by character; the laws
//! of the grammar hold the two against each other.

use super::naming::Naming;
use super::order::offered;
use super::{Form, PromptConfig, json, list};
use crate::python::Dialect;
use crate::python::escape::push_escaped;
use crate::python::render;
use crate::schema::{Class, Kind, Schema, Task};
use crate::sentence::{Event, Instance, Sentence};
use std::fmt::Write;

/// A class as answers name it.
pub(crate) struct Shown {
    /// As it stands in the answer.
    pub name: String,
    /// Roles of an event, head and tail of a relation.
    pub arguments: Vec<ShownArgument>,
}

/// A role, or one end of a relation.
pub(crate) struct ShownArgument {
    /// As it stands in the answer.
    pub name: String,
    /// The entity classes that may stand there: those that the schema names, and what is below them.
    pub types: Vec<String>,
}

/// The classes as answers to a prompt about sentences of `language` name them.
pub(crate) fn shown(
    schema: &Schema,
    classes: &[&Class],
    language: &str,
    config: &PromptConfig,
) -> Vec<Shown> {
    let naming = Naming::of(schema, language, config);
    let types = |own: &[String]| {
        let mut names: Vec<String> = Vec::new();
        for own in with_heirs(schema, own) {
            let name = config.spelt_name(naming.class_name(own));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let shown = naming.classes(classes);
    classes
        .iter()
        .zip(&shown)
        .map(|(own, shown)| Shown {
            name: config.spelt_name(&shown.name),
            arguments: own
                .arguments
                .iter()
                .zip(&shown.arguments)
                .map(|(own, shown)| ShownArgument {
                    name: config.spelt_name(&shown.name),
                    types: types(&own.types),
                })
                .collect(),
        })
        .collect()
}

/// The events that the prompt tells when it asks for their arguments, as the answer names them.
pub(crate) fn told(
    schema: &Schema,
    classes: &[&Class],
    sentence: &Sentence,
    config: &PromptConfig,
) -> Vec<Event> {
    let naming = Naming::of(schema, &sentence.language, config);
    let objects = offered(sentence.instances(Task::Eae), classes, config.dialect);
    let events =
        naming.write(&objects).into_owned().into_iter().filter_map(|object| match object {
            Instance::Event(event) => Some(event),
            _ => None,
        });
    events.collect()
}

/// `types` and every entity class of the schema that is one of them.
fn with_heirs<'s>(schema: &'s Schema, types: &'s [String]) -> Vec<&'s str> {
    let entities = || schema.classes.iter().filter(|class| class.kind == Kind::Entity);
    let mut found: Vec<&str> = types.iter().map(String::as_str).collect();
    if found.is_empty() {
        found.push("Entity");
    }
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        for class in entities().filter(|class| class.base == parent) {
            if !found.contains(&class.name.as_str()) {
                found.push(&class.name);
            }
        }
        at += 1;
    }
    if found.contains(&"Entity") {
        // The root is above those, too, whose parent the schema does not define.
        let others: Vec<&str> = entities().map(|class| class.name.as_str()).collect();
        found.extend(others);
    }
    found
}

impl PromptConfig {
    /// A class or role as it stands in an answer.
    pub(crate) fn spelt_name(&self, name: &str) -> String {
        match self.form {
            Form::Code => render::name(name, self.dialect).into_owned(),
            Form::List => list::name(name),
            Form::Json => json::string(name),
        }
    }

    /// A whole text as it stands in an answer, with its quotes.
    pub(crate) fn spelt_text(&self, text: &str) -> String {
        match self.form {
            Form::Code => render::string(text, self.dialect),
            Form::List => list::text(text),
            Form::Json => json::string(text),
        }
    }

    /// All that a character of a mention may be written as, the usual way first. Nothing where the
    /// reader of the dialect `official` would lose its place.
    pub(crate) fn spelt_character(&self, c: char, task: Task) -> Vec<String> {
        let mut escaped = String::new();
        match self.form {
            Form::Json => {
                let quoted = json::string(c.encode_utf8(&mut [0; 4]));
                vec![quoted[1..quoted.len() - 1].to_owned()]
            }
            Form::List => {
                match c {
                    ';' => escaped.push_str("\\;"),
                    c => push_escaped(&mut escaped, c),
                }
                if c.is_whitespace() && !c.is_control() {
                    // So it is written at either end.
                    let mut ending = String::new();
                    let _ = write!(ending, "\\u{:04x}", u32::from(c));
                    return vec![escaped, ending];
                }
                vec![escaped]
            }
            Form::Code if self.dialect == Dialect::Python => {
                match c {
                    '"' => escaped.push_str("\\\""),
                    c => push_escaped(&mut escaped, c),
                }
                vec![escaped]
            }
            Form::Code => {
                let loses = match task {
                    Task::Ner | Task::Ed => "\"",
                    Task::Re => "\"\n",
                    Task::Eae => "\"\n[]",
                };
                if loses.contains(c) { Vec::new() } else { vec![c.to_string()] }
            }
        }
    }

    /// Whether parentheses in a mention have to match, one pair inside none other: the reader of the
    /// dialect `official` counts those of events.
    pub(crate) fn nests(&self, task: Task) -> bool {
        let official = self.form == Form::Code && self.dialect == Dialect::Official;
        official && task.kind() == Kind::Event
    }

    /// Whether a text can be a mention that the reader finds again.
    pub(crate) fn can_say(&self, text: &str, task: Task) -> bool {
        let nests = self.nests(task);
        let inside = text.chars().try_fold(false, |inside, c| match c {
            '(' if nests => (!inside).then_some(true),
            ')' if nests => inside.then_some(false),
            c => (!self.spelt_character(c, task).is_empty()).then_some(inside),
        });
        !text.is_empty() && inside == Some(false)
    }

    /// Whether a mention may begin with this way to write a character: in a list, white space at
    /// either end is no part of a text.
    pub(crate) fn begins_mention(&self, spelt: &str) -> bool {
        self.form != Form::List || spelt.trim() == spelt
    }

    /// Whether the reader finds a name again: that of the dialect `official` knows plain words only.
    pub(crate) fn is_readable(&self, name: &str) -> bool {
        self.form != Form::Code
            || self.dialect == Dialect::Python
            || (!name.is_empty() && name.chars().all(crate::python::read::is_word))
    }
}
