//! What the map gets wrong, and where declarations do not agree with it.

use super::{Concepts, Group, Mapping, Place, Relation};
use crate::Error;
use crate::corpus::Corpus;
use crate::error::nearest;
use std::collections::BTreeSet;

impl Concepts {
    /// What is wrong with the map itself: names of nothing, circles, corpora that are there twice.
    pub fn faults(&self) -> Vec<Error> {
        let mut faults: Vec<Error> = Vec::new();
        for (name, concept) in &self.concepts {
            for broader in &concept.broader {
                faults.extend(self.unknown(broader, concept.place));
            }
            if concept.broader.iter().any(|broader| self.is_kind_of(broader, name)) {
                let message = format!("`{name}` is broader than itself: take out a `broader`");
                faults.push(self.error(concept.place, message));
            }
        }
        for bound in self.classes.values() {
            faults.extend(self.unknown(&bound.concept, bound.place));
        }
        let mut seen = BTreeSet::new();
        for group in &self.groups {
            for mapping in group.labels.values() {
                for concept in &mapping.concepts {
                    faults.extend(self.unknown(concept, mapping.place));
                }
            }
            for (dataset, place) in &group.datasets {
                if !seen.insert(dataset.as_str()) {
                    let message = format!("`{dataset}` is there twice: its labels have one table");
                    faults.push(self.error(*place, message));
                }
            }
        }
        faults
    }

    /// Where the labels of `corpus` have no meaning, or another one than its classes.
    pub fn check(&self, corpus: &Corpus) -> Vec<Error> {
        let labels = corpus.declared_labels();
        if labels.is_empty() {
            // Its labels are its classes.
            let classes = corpus.schema().classes.iter();
            return classes.filter_map(|class| self.unbound(corpus, "", &class.name)).collect();
        }
        let known = self.labels_of(corpus.name());
        let mut faults: Vec<Error> = Vec::new();
        for (label, class) in labels {
            match known.and_then(|known| known.get(label)) {
                Some(mapping) => faults.extend(self.disagreement(corpus, label, class, mapping)),
                None => {
                    let message = format!(
                        "label `{label}` of `{}` has no concept; say in configs/concepts what it means",
                        corpus.name()
                    );
                    faults.push(corpus.error_at_label(label, message));
                }
            }
        }
        faults
    }

    /// What the map says of corpora and labels that are not declared; `corpora` are all there are.
    pub fn stale(&self, corpora: &[Corpus]) -> Vec<Error> {
        self.groups.iter().flat_map(|group| self.stale_of(group, corpora)).collect()
    }

    fn stale_of(&self, group: &Group, corpora: &[Corpus]) -> Vec<Error> {
        let mut faults: Vec<Error> = Vec::new();
        let mut declared: BTreeSet<&str> = BTreeSet::new();
        for (dataset, place) in &group.datasets {
            match corpora.iter().find(|corpus| corpus.name() == dataset) {
                Some(corpus) => declared.extend(corpus.declared_labels().into_keys()),
                None => {
                    let names = corpora.iter().map(Corpus::name);
                    let message =
                        format!("no data set `{dataset}` is declared{}", hint(dataset, names));
                    faults.push(self.error(*place, message));
                }
            }
        }
        for (label, mapping) in &group.labels {
            if !declared.contains(label.as_str()) {
                let message = format!(
                    "label `{label}` is in no declaration of its data sets{}",
                    hint(label, declared.iter().copied())
                );
                faults.push(self.error(mapping.place, message));
            }
        }
        faults
    }

    /// Whether a label means what the class that it becomes means.
    fn disagreement(
        &self,
        corpus: &Corpus,
        label: &str,
        class: &str,
        mapping: &Mapping,
    ) -> Option<Error> {
        if class.is_empty() {
            let message = format!(
                "label `{label}` is dropped by `{}`, but is `{}` here: say `why`",
                corpus.name(),
                mapping.relation
            );
            return mapping.why.is_none().then(|| self.error(mapping.place, message));
        }
        let Some(concept) = self.concept_of(corpus.schema_path(), class) else {
            return self.unbound(corpus, label, class);
        };
        if mapping.relation == Relation::None {
            let message = format!(
                "label `{label}` has no concept here, but `{}` maps it to the class `{class}`, `{concept}`",
                corpus.name()
            );
            return Some(self.error(mapping.place, message));
        }
        if mapping.concepts.iter().any(|meant| self.is_kind_of(meant, concept)) {
            return None;
        }
        let message = format!(
            "label `{label}` is `{} {}` here, but `{}` maps it to the class `{class}`, `{concept}`, which is neither that nor broader",
            mapping.relation,
            mapping.concepts.join(", "),
            corpus.name()
        );
        Some(self.error(mapping.place, message))
    }

    /// A class that is no concept.
    fn unbound(&self, corpus: &Corpus, label: &str, class: &str) -> Option<Error> {
        let schema = corpus.schema_path();
        if self.concept_of(schema, class).is_some() {
            return None;
        }
        let file = schema.file_name().unwrap_or_default().to_string_lossy();
        let message = format!(
            "class `{class}` is no concept; name it in configs/concepts under [classes.\"{file}\"]"
        );
        Some(corpus.error_at_label(label, message))
    }

    /// An error if there is no such concept.
    fn unknown(&self, concept: &str, place: Place) -> Option<Error> {
        if self.concepts.contains_key(concept) {
            return None;
        }
        let names = self.concepts.keys().map(String::as_str);
        let message = format!("there is no concept `{concept}`{}", hint(concept, names));
        Some(self.error(place, message))
    }
}

/// "; did you mean `x`?", or nothing.
fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
