//! Whether a text is one of a given set, or nearly so.

use super::THRESHOLD;
use super::index::Index;
use super::normal::normal;
use super::shingles::{jaccard, shingles};
use rayon::prelude::*;
use std::collections::HashSet;

/// What texts are compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Print {
    normal: String,
    set: Box<[u32]>,
}

impl Print {
    /// The print of a text.
    pub(crate) fn of(text: &str) -> Self {
        let normal = normal(text);
        Self { set: shingles(&normal), normal }
    }

    /// Whether nothing is left to compare: a text without a letter or digit.
    pub(crate) fn is_blank(&self) -> bool {
        self.normal.is_empty()
    }

    /// Whether both are the same sentence, as an audit sees it.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.normal == other.normal || jaccard(&self.set, &other.set) >= THRESHOLD
    }
}

/// Texts that others are held against.
pub(crate) struct Known {
    normals: HashSet<String>,
    sets: Vec<Box<[u32]>>,
    index: Index,
}

impl Known {
    /// Takes the prints of `texts`.
    pub(crate) fn new(texts: &[String]) -> Self {
        let prints: Vec<Print> = texts.par_iter().map(|text| Print::of(text)).collect();
        let (mut normals, mut sets) = (HashSet::new(), Vec::new());
        for print in prints.into_iter().filter(|print| !print.is_blank()) {
            if normals.insert(print.normal) {
                sets.push(print.set);
            }
        }
        let borrowed: Vec<&[u32]> = sets.iter().map(|set| &**set).collect();
        let index = Index::new(&borrowed);
        Self { normals, sets, index }
    }

    /// Whether one of them is like `print`; a near one is missed with a probability of 0.0002.
    pub(crate) fn has(&self, print: &Print) -> bool {
        self.normals.contains(&print.normal)
            || self.index.near(&print.set).into_iter().any(|place| {
                let set = self.sets.get(place as usize);
                set.is_some_and(|set| jaccard(set, &print.set) >= THRESHOLD)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_seen_whatever_their_writing() {
        let known =
            Known::new(&["Nora Webb joined the Castor Institute in May.".into(), "…".into()]);
        let check = |text: &str, expected: bool| {
            assert_eq!(known.has(&Print::of(text)), expected, "{text}");
        };
        check("nora webb joined the CASTOR institute, in may", true);
        check("Nora Webb joined the Castor Institute in March.", true);
        check("Tarn Rovers lost again.", false);
        check("!", false);
        let (one, other) = (Print::of("北京大学在北京。"), Print::of("北京大学 在 北京"));
        assert!(one.is_like(&other) && !one.is_like(&Print::of("上海")));
        assert!(Print::of("…").is_blank());
    }
}
