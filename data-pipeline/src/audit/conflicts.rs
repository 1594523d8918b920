//! One mention under several classes: corpora that teach against each other.

use super::normal::normal;
use crate::sentence::Sentence;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A mention that corpora call by different classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The mention as it is written first.
    pub mention: String,
    /// Class to dataset to how often it is said there.
    pub classes: BTreeMap<String, BTreeMap<String, usize>>,
}

/// What each dataset calls its mentions, from sentences that pass by.
#[derive(Clone, Debug, Default)]
pub struct Conflicts {
    /// By the mention as it is compared.
    known: BTreeMap<String, Conflict>,
}

impl Conflicts {
    /// Notes the mentions of a sentence of `dataset`.
    pub fn see(&mut self, dataset: &str, sentence: &Sentence) {
        for entity in &sentence.entities {
            let surface = &entity.mention.text;
            let conflict = self
                .known
                .entry(normal(surface))
                .or_insert_with(|| Conflict { mention: surface.clone(), classes: BTreeMap::new() });
            let counts = conflict.classes.entry(entity.class.clone()).or_default();
            *counts.entry(dataset.to_owned()).or_default() += 1;
        }
    }

    /// The mentions that some dataset gives one class and another dataset a class that the first does
    /// not give them; the most frequent contradiction first.
    ///
    /// A mention that means two things within each corpus (`Washington`) is no conflict between them.
    pub fn found(self) -> Vec<Conflict> {
        let mut found: Vec<Conflict> = self.known.into_values().filter(Conflict::is_one).collect();
        found.sort_by_key(|conflict| std::cmp::Reverse(conflict.weight()));
        found
    }
}

impl Conflict {
    /// Whether two datasets have no class in common.
    fn is_one(&self) -> bool {
        let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (class, datasets) in &self.classes {
            for dataset in datasets.keys() {
                of.entry(dataset).or_default().insert(class);
            }
        }
        let sets: Vec<&BTreeSet<&str>> = of.values().collect();
        sets.iter().enumerate().any(|(i, one)| sets[i + 1..].iter().any(|it| it.is_disjoint(one)))
    }

    /// How often the second most frequent class is said: what a decision for one class would change.
    fn weight(&self) -> usize {
        let mut counts: Vec<usize> =
            self.classes.values().map(|datasets| datasets.values().sum()).collect();
        counts.sort_unstable();
        counts.iter().rev().nth(1).copied().unwrap_or_default()
    }
}
