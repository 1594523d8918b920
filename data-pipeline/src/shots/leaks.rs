//! Examples of schema files that only tests have.
//!
//! A prompt that shows such a mention tells the model a part of the answer.

use super::examples::mentions;
use crate::corpus::Corpus;
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
}

impl Schemas {
    /// Looks for the examples of `corpus`'s schema in the splits that lie on this machine.
    pub fn add(&mut self, corpus: &Corpus) -> Result<(), Error> {
        let path = corpus.schema_path();
        let seen = match self.seen.entry(path.to_owned()) {
            Entry::Occupied(seen) => seen.into_mut(),
            // The whole file: a corpus that comes later may know more of its classes.
            Entry::Vacant(place) => place.insert(Seen::of(&Schema::load(path)?)),
        };
        if seen.classes.is_empty() {
            return Ok(());
        }
        for split in corpus.splits() {
            if !corpus.files(split)?.iter().all(|file| file.is_file()) {
                continue;
            }
            let sentences = if corpus.is_parallel() {
                let pairs = corpus.read_parallel(split)?.pairs;
                pairs.into_iter().flat_map(|pair| [pair.source, pair.target]).collect()
            } else {
                corpus.read(split)?.sentences
            };
            for (_, text) in sentences.iter().flat_map(mentions) {
                if !seen.classes.contains_key(&text) {
                    continue;
                }
                if split.starts_with("train") {
                    seen.trained.insert(text);
                } else {
                    let dataset = format!("{}:{split}", corpus.name());
                    seen.asked.entry(text).or_default().insert(dataset);
                }
            }
        }
        Ok(())
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
