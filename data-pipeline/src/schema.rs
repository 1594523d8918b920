//! The classes a model may instantiate.
//!
//! A schema is a real Python file: classes with docstrings, bases and typed arguments, names in
//! other languages beside them. It is parsed, never executed.
//!
//! ```python
//! from knowcoder import Entity, Event, Relation
//! from typing import List
//!
//! class Person(Entity):
//!     """
//!     Description: A human being.
//!     Examples: Ann Lee, Obama
//!     """
//!     names = {"zh": "人物"}
//!     descriptions = {"zh": "有名有姓的人。"}
//!     examples = {"zh": ["李明", "王芳"]}
//!
//! class LivesWith(Relation):
//!     def __init__(self, head_entity: Person, tail_entity: Person): ...
//!
//! class Hiring(Event):
//!     names = {"zh": "入职"}
//!     roles = {"zh": {"employee": "员工", "time": "时间"}}
//!
//!     def __init__(self, trigger: str, employee: List[Person], time: List[Entity]): ...
//! ```
//!
//! The roots may be imported, defined or simply used. A parent that the file does not define must
//! be imported `from Entities`, `from Relations` or `from Events`. What the docstring says is
//! English; a description or example of another language stands in the attribute.

mod docstring;
mod file;

use crate::corpus::source::not_utf8;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What is asked of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Named entities: type and mention.
    Ner,
    /// Relations between two entities.
    Re,
    /// Event detection: type and trigger.
    Ed,
    /// Event argument extraction for given triggers.
    Eae,
}

/// What a class stands for; decided by the root of its bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Below `Entity`.
    Entity,
    /// Below `Relation`.
    Relation,
    /// Below `Event`.
    Event,
}

/// One argument of a relation or event class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name, snake_case.
    pub name: String,
    /// Names of the entity classes it takes; a union has several.
    pub types: Vec<String>,
    /// A role's name in other languages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

/// One class of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Python identifier, English, `CamelCase`.
    pub name: String,
    /// Entity, relation or event.
    pub kind: Kind,
    /// The base class as written; it need not be defined in the schema.
    pub base: String,
    /// Description per language code.
    pub descriptions: BTreeMap<String, String>,
    /// Example mentions per language code; for relations `(head, tail)`, for events trigger words.
    pub examples: BTreeMap<String, Vec<String>>,
    /// The class's name in other languages.
    pub names: BTreeMap<String, String>,
    /// Relations: `head_entity`, `tail_entity`. Events: the roles, without the trigger.
    pub arguments: Vec<Argument>,
}

/// The classes of one file, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// The concrete classes; the roots `Entity`, `Relation`, `Event` are implied.
    pub classes: Vec<Class>,
}

impl Task {
    /// The kind of class that this task instantiates.
    pub fn kind(self) -> Kind {
        match self {
            Self::Ner => Kind::Entity,
            Self::Re => Kind::Relation,
            Self::Ed | Self::Eae => Kind::Event,
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ner => "ner",
            Self::Re => "re",
            Self::Ed => "ed",
            Self::Eae => "eae",
        })
    }
}

impl Schema {
    /// Reads a schema file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let source = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
        Self::parse(&source, path)
    }

    /// Reads the text of a schema file; `path` is for errors.
    pub fn parse(source: &str, path: &Path) -> Result<Self, Error> {
        file::parse(source, path)
    }

    /// SHA-256 over everything that a prompt may show of the classes, in hexadecimal.
    pub fn hash(&self) -> String {
        // A schema is strings, lists and maps with string keys: it always has a JSON form.
        sha256_hex(&serde_json::to_vec(self).expect("a schema has a JSON form"))
    }

    /// The class called `name`.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|class| class.name == name)
    }

    /// The classes that `task` may instantiate, in the schema's order.
    pub fn of_task(&self, task: Task) -> Vec<&Class> {
        self.classes.iter().filter(|class| class.kind == task.kind()).collect()
    }
}

/// The SHA-256 of `bytes`, in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
