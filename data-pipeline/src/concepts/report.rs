//! What becomes of the labels of a corpus.

use super::{Concepts, Relation};
use crate::Error;
use crate::corpus::Corpus;
use serde::Serialize;
use std::collections::BTreeMap;

/// What becomes of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is a class of its own.
    Kept,
    /// It is a class together with other labels.
    Merged,
    /// It means several concepts and becomes one class.
    Split,
    /// It is left out.
    Dropped,
}

/// One label of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The corpus's own word.
    pub label: String,
    /// How it stands to `concepts`; none if the map does not have it.
    pub relation: Option<Relation>,
    /// What it means, as `entity/person`.
    pub concepts: Vec<String>,
    /// The class that it becomes; none where it is dropped.
    pub class: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, if the map says so.
    pub why: Option<String>,
    /// How often it stands in the files that are there; none if there are none.
    pub count: Option<usize>,
}

impl Concepts {
    /// What becomes of each label of `corpus`; empty if its labels are classes.
    pub fn outcomes(&self, corpus: &Corpus) -> Result<Vec<Outcome>, Error> {
        let labels = corpus.declared_labels();
        if labels.is_empty() {
            return Ok(Vec::new());
        }
        let counts = corpus.label_counts()?;
        let mut sharing: BTreeMap<&str, usize> = BTreeMap::new();
        for class in labels.values() {
            *sharing.entry(*class).or_default() += 1;
        }
        let known = self.labels_of(corpus.name());
        let outcome = |(label, class): (&str, &str)| {
            let mapping = known.and_then(|known| known.get(label));
            let relation = mapping.map(|mapping| mapping.relation);
            let is_shared = sharing.get(class).is_some_and(|labels| *labels > 1);
            let fate = match relation {
                _ if class.is_empty() => Fate::Dropped,
                Some(Relation::Split) => Fate::Split,
                Some(Relation::Merge) => Fate::Merged,
                _ if is_shared => Fate::Merged,
                _ => Fate::Kept,
            };
            Outcome {
                label: label.to_owned(),
                relation,
                concepts: mapping.map_or_else(Vec::new, |mapping| mapping.concepts.clone()),
                class: (!class.is_empty()).then(|| class.to_owned()),
                fate,
                why: mapping.and_then(|mapping| mapping.why.clone()),
                count: counts.as_ref().map(|counts| counts.get(label).copied().unwrap_or(0)),
            }
        };
        Ok(labels.iter().map(|(label, class)| outcome((*label, *class))).collect())
    }
}
