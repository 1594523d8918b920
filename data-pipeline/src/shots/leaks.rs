//! Examples of schema files that only tests have.
//!
//! A prompt that shows such a mention tells the model a part of the answer.

use super::examples::mentions;
use crate::corpus::{Corpus, SplitCheck, validate, validate_seeing};
use crate::error::Error;
use crate::schema::Schema;
use serde::Serialize;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

/// An example that stands in tests and nowhere in training.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leak {
    /// The schema file.
    pub schema: PathBuf,
    /// The class.
    pub class: String,
    /// The example.
    pub example: String,
    /// `name:split` of the sets that have it as a mention.
    pub found_in: BTreeSet<String>,
}

/// Schema files and where their examples were seen.
#[derive(Default)]
pub struct Schemas {
    seen: BTreeMap<PathBuf, Seen>,
}

/// By example: in training, and in which other sets.
#[derive(Default)]
struct Seen {
    /// Classes of an example.
    classes: HashMap<String, BTreeSet<String>>,
    trained: BTreeSet<String>,
    asked: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    fn of(schema: &Schema) -> Self {
        let mut seen = Self::default();
        for class in &schema.classes {
            for example in class.examples.values().flatten() {
                seen.classes.entry(example.clone()).or_default().insert(class.name.clone());
            }
        }
        seen
    }

    /// Notes what a split of a corpus has.
    fn note(&mut self, corpus: &str, split: &str, examples: BTreeSet<String>) {
        if split.starts_with("train") {
            self.trained.extend(examples);
            return;
        }
        for example in examples {
            self.asked.entry(example).or_default().insert(format!("{corpus}:{split}"));
        }
    }
}

impl Schemas {
    /// Holds `corpus` against its declared counts, and looks for the examples of its schema in the
    /// splits that lie on this machine: they are read once for both.
    pub fn validate(&mut self, corpus: &Corpus) -> Result<Vec<SplitCheck>, Error> {
        let path = corpus.schema_path();
        let seen = match self.seen.entry(path.to_owned()) {
            Entry::Occupied(seen) => seen.into_mut(),
            // The whole file: a corpus that comes later may know more of its classes.
            Entry::Vacant(place) => place.insert(Seen::of(&Schema::load(path)?)),
        };
        if seen.classes.is_empty() {
            return Ok(validate(corpus));
        }
        // By split, the examples that it has.
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let checks = validate_seeing(corpus, &mut |split, sentence| {
            for (_, text) in mentions(sentence) {
                if seen.classes.contains_key(&text) {
                    found.entry(split.to_owned()).or_default().insert(text);
                }
            }
        });
        // What stands in files that are wrong says nothing.
        if checks.iter().all(|check| check.ok || check.absent) {
            for check in checks.iter().filter(|check| check.ok) {
                let examples = found.remove(&check.split).unwrap_or_default();
                seen.note(corpus.name(), &check.split, examples);
            }
        }
        Ok(checks)
    }

    /// The examples that only sets outside of training have, in order.
    pub fn leaks(&self) -> Vec<Leak> {
        let mut leaks = Vec::new();
        for (schema, seen) in &self.seen {
            for (example, found_in) in &seen.asked {
                if seen.trained.contains(example) {
                    continue;
                }
                for class in seen.classes.get(example).into_iter().flatten() {
                    leaks.push(Leak {
                        schema: schema.clone(),
                        class: class.clone(),
                        example: example.clone(),
                        found_in: found_in.clone(),
                    });
                }
            }
        }
        leaks.sort();
        leaks
    }
}
