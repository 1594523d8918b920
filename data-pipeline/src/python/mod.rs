//! The Python that we share with the model.
//!
//! Schemas and answers are code, because a model has seen far more code than label lists.
//! [`render`] writes classes and objects, [`read`](mod@read) turns an answer into objects again,
//! [`ground`] finds its mentions in the sentence; [`escape`] holds what writing and reading must
//! agree on: string literals and names.

pub mod escape;
pub mod ground;
mod lexer;
pub mod read;
mod read_official;
mod read_python;
pub mod render;

pub use ground::locate_pieces;
pub use read::{Answer, Flaw, FlawKind, check, locate, read};

use serde::{Deserialize, Serialize};

/// How strings and names are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Valid Python: strings are escaped, names that Python does not allow are mangled.
    #[default]
    Python,
    /// As KnowCoder was released: nothing is escaped, so a quote inside a mention is ambiguous.
    Official,
}

/// How much of a class a prompt shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassStyle {
    /// Base classes, docstrings, constructors.
    #[default]
    Full,
    /// One line per class; for small models and short contexts.
    Names,
}
