//! Original labels of a corpus: which are declared, and how often they stand in its files.

use super::Corpus;
use super::row::Annotated;
use crate::Error;
use std::collections::BTreeMap;

impl Corpus {
    /// Original labels and the classes that they become, empty where they are dropped; none at all
    /// where labels are classes.
    pub fn declared_labels(&self) -> BTreeMap<&str, &str> {
        let labels = self.declaration.labels.iter();
        labels.map(|(label, class)| (label.as_str(), class.get_ref().as_str())).collect()
    }

    /// How often each original label stands in the splits whose files are there; none if there are
    /// none, or if they hold pairs, whose sides have labels of their own.
    pub fn label_counts(&self) -> Result<Option<BTreeMap<String, usize>>, Error> {
        if self.declaration.parallel {
            return Ok(None);
        }
        let mut counts = BTreeMap::new();
        let mut is_there = false;
        for (name, split) in &self.declaration.splits {
            let files = self.files(name)?;
            if files.is_empty() || files.iter().any(|file| !file.exists()) {
                continue;
            }
            is_there = true;
            self.each_row(split, &mut |row| {
                if let Ok(annotated) = &row.content {
                    count(annotated, &mut counts);
                }
                Ok(())
            })?;
        }
        Ok(is_there.then_some(counts))
    }

    /// An error at the line of [labels] that maps `label`, or about the whole declaration.
    pub(crate) fn error_at_label(&self, label: &str, message: impl Into<String>) -> Error {
        match self.declaration.labels.get(label) {
            Some(class) => self.declaration.error_at(class.span().start, message),
            None => Error::declaration(&self.declaration.path, message),
        }
    }
}

fn count(annotated: &Annotated, counts: &mut BTreeMap<String, usize>) {
    let Annotated { entities, relations, events, .. } = annotated;
    let entities = entities.iter().filter_map(|entity| entity.label.as_ref());
    let relations = relations.iter().map(|relation| &relation.label);
    let events = events.iter().map(|event| &event.label);
    for label in entities.chain(relations).chain(events) {
        *counts.entry(label.clone()).or_default() += 1;
    }
}
