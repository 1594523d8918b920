//! What original labels mean, across corpora and languages.
//!
//! `configs/concepts/` holds concepts with names and an order of broader and narrower ones, the
//! concept of each class of each schema, and for each label of each declared corpus how it stands to
//! a concept. A declaration says what becomes of a label; the map says whether that is right.
//!
//! # Layout
//! - `file`: the files as they are written. `check`: what the map and the declarations get wrong.
//! - `report`: what becomes of the labels of one corpus.

mod check;
mod file;
mod report;
#[cfg(test)]
mod tests;

pub use report::{Fate, Outcome};

use crate::{Error, Kind};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How an original label stands to a concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// It means the concept.
    Equal,
    /// It means more than the concept.
    Broader,
    /// It means less than the concept.
    Narrower,
    /// It means several concepts, which the corpus does not tell apart.
    Split,
    /// It is one of several labels that are the concept together.
    Merge,
    /// It means nothing that is worth a concept.
    None,
}

/// Something that labels and classes stand for.
#[derive(Clone, Debug)]
pub(crate) struct Concept {
    /// Names per language code.
    pub names: BTreeMap<String, String>,
    /// Concepts that it is a kind of, as `entity/person`.
    pub broader: Vec<String>,
    place: Place,
}

/// What one label means.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub relation: Relation,
    /// None for [`Relation::None`], several for [`Relation::Split`], one otherwise.
    pub concepts: Vec<String>,
    /// Why, where one may doubt it; always there for [`Relation::None`].
    pub why: Option<String>,
    place: Place,
}

/// Corpora that have their labels in common.
#[derive(Clone, Debug)]
struct Group {
    datasets: Vec<(String, Place)>,
    labels: BTreeMap<String, Mapping>,
}

/// A file of the map, by its number, and a byte of it.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: usize,
    byte: usize,
}

/// The class of a schema that is a concept.
#[derive(Clone, Debug)]
struct Bound {
    concept: String,
    place: Place,
}

/// The map.
#[derive(Clone, Debug, Default)]
pub struct Concepts {
    /// Path and text of each file, to find lines in.
    files: Vec<(PathBuf, String)>,
    /// By their full names, as `entity/person`.
    concepts: BTreeMap<String, Concept>,
    /// By the schema's file name and the class.
    classes: BTreeMap<(String, String), Bound>,
    groups: Vec<Group>,
}

impl Concepts {
    /// Reads all files of a folder; what they say is not yet held against anything.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
            let path = entry.map_err(Error::read(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut map = Self::default();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
            map.add(path, text)?;
        }
        if map.concepts.is_empty() {
            return Err(Error::declaration(folder, "the folder holds no concept"));
        }
        Ok(map)
    }

    /// How many concepts there are.
    pub fn len(&self) -> usize {
        self.concepts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.concepts.is_empty()
    }

    /// The name of a concept in a language, as `entity/person` in `zh`.
    pub fn name(&self, concept: &str, language: &str) -> Option<&str> {
        self.concepts.get(concept)?.names.get(language).map(String::as_str)
    }

    /// The labels of a corpus; none where no group names it.
    fn labels_of(&self, dataset: &str) -> Option<&BTreeMap<String, Mapping>> {
        let is_meant = |group: &&Group| group.datasets.iter().any(|(name, _)| name == dataset);
        self.groups.iter().find(is_meant).map(|group| &group.labels)
    }

    /// The concept of a class of the schema at `schema`.
    fn concept_of(&self, schema: &Path, class: &str) -> Option<&str> {
        let file = schema.file_name()?.to_string_lossy().into_owned();
        self.classes.get(&(file, class.to_owned())).map(|bound| bound.concept.as_str())
    }

    /// Whether `concept` is `other` or a kind of it.
    fn is_kind_of(&self, concept: &str, other: &str) -> bool {
        self.above(concept).contains(other)
    }

    /// A concept and everything that is broader; ends where the order is a circle, too.
    fn above<'a>(&'a self, concept: &'a str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![concept];
        while let Some(next) = open.pop() {
            if seen.insert(next)
                && let Some(found) = self.concepts.get(next)
            {
                open.extend(found.broader.iter().map(String::as_str));
            }
        }
        seen
    }

    /// An error at a place of the map.
    fn error(&self, place: Place, message: impl Into<String>) -> Error {
        match self.files.get(place.file) {
            Some((path, text)) => Error::at(path, text, place.byte, message),
            None => Error::declaration(Path::new("concepts"), message),
        }
    }
}

/// The full name of a concept: two kinds may have one of the same name.
fn full(kind: Kind, id: &str) -> String {
    let kind = match kind {
        Kind::Entity => "entity",
        Kind::Relation => "relation",
        Kind::Event => "event",
    };
    format!("{kind}/{id}")
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Equal => "equal",
            Self::Broader => "broader",
            Self::Narrower => "narrower",
            Self::Split => "split",
            Self::Merge => "merge",
            Self::None => "none",
        })
    }
}
