//! Benchmarks that watch training data go by.
//!
//! What leaks is found without holding the training data: benchmarks and known translations are
//! indexed, and each training text is compared as it passes. What two training sets have in common
//! is for [`overlaps`](super::overlaps), which needs them all.

use super::index::Index;
use super::normal::normal;
use super::overlap::{Bridge, Kind, Match, Node, Nodes, Overlap, Place, Role, Texts, with_near};
use super::shingles::{jaccard, shingles};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Benchmarks, and what they have seen.
pub struct Watch<'a> {
    benchmarks: &'a [Texts],
    nodes: Nodes,
    index: Index,
    threshold: f64,
    /// Of each text, those of benchmarks that it translates, and how nearly.
    translated: Vec<Vec<(usize, f64)>>,
    /// By benchmark and by the order in which training sets came.
    seen: BTreeMap<(usize, usize), Seen>,
    trained: Vec<String>,
}

/// What a benchmark and a training set share.
#[derive(Default)]
struct Seen {
    /// The best partner of each sentence of the benchmark.
    best: BTreeMap<usize, Match>,
    leaking: BTreeSet<String>,
}

/// A text of a benchmark that a training text meets.
type Hit = (usize, Kind, f64);

impl<'a> Watch<'a> {
    /// Watches for `benchmarks`, directly or over `bridges`, as [`overlaps`](super::overlaps) does.
    pub fn new(benchmarks: &'a [Texts], bridges: &[Bridge], threshold: f64) -> Self {
        let nodes = Nodes::new(benchmarks, bridges, threshold);
        let sets: Vec<&[u32]> = nodes.all.iter().map(|node| &*node.set).collect();
        let index = Index::new(&sets);
        let mut translated = vec![Vec::new(); nodes.all.len()];
        let asked = (0..nodes.all.len()).filter(|node| !nodes.all[*node].members.is_empty());
        for at in asked {
            for (side, share) in with_near(&nodes.all, at) {
                for mate in &nodes.all[side].mates {
                    translated[*mate].push((at, share));
                }
            }
        }
        let (seen, trained) = (BTreeMap::new(), Vec::new());
        Self { benchmarks, nodes, index, threshold, translated, seen, trained }
    }

    /// Looks at the next sentences, id and text, of a training set.
    pub fn see(&mut self, dataset: &str, items: &[(String, String)]) {
        let known = self.trained.iter().position(|name| name == dataset);
        let training = known.unwrap_or_else(|| {
            self.trained.push(dataset.to_owned());
            self.trained.len() - 1
        });
        let hits: Vec<Vec<Hit>> = items.par_iter().map(|(_, text)| self.hits(text)).collect();
        for ((id, _), hits) in items.iter().zip(hits) {
            for (at, kind, similarity) in hits {
                for Place { dataset, item } in self.nodes.all[at].members.clone() {
                    let seen = self.seen.entry((dataset, training)).or_default();
                    seen.leaking.insert(id.clone());
                    let own = &self.benchmarks[dataset].items[item].0;
                    seen.note(item, Match { id: own.clone(), other: id.clone(), kind, similarity });
                }
            }
        }
    }

    /// What was found, the largest leak first.
    pub fn leaks(self) -> Vec<Overlap> {
        let overlap = |((benchmark, training), seen): ((usize, usize), Seen)| Overlap {
            dataset: self.benchmarks[benchmark].dataset.clone(),
            role: Role::Benchmark,
            other: self.trained[training].clone(),
            other_role: Role::Train,
            sentences: self.benchmarks[benchmark].items.len(),
            matches: seen.best.into_values().collect(),
            leaking: seen.leaking,
        };
        let mut leaks: Vec<Overlap> = self.seen.into_iter().map(overlap).collect();
        leaks.sort_by_key(|leak| Reverse(leak.matches.len()));
        leaks
    }

    /// The texts of benchmarks that `text` meets: itself or near, or over a translation of those.
    fn hits(&self, text: &str) -> Vec<Hit> {
        let normal = normal(text);
        if normal.is_empty() {
            return Vec::new();
        }
        let same = self.nodes.known.get(&normal).copied();
        let set = shingles(&normal);
        let near = self.index.near(&set).into_iter().map(|node| node as usize);
        let near = near
            .filter(|node| Some(*node) != same)
            .map(|node| (node, Kind::Near, jaccard(&self.nodes.all[node].set, &set)))
            .filter(|(_, _, similarity)| *similarity >= self.threshold);
        let mut hits = Vec::new();
        for (node, kind, share) in same.map(|node| (node, Kind::Exact, 1.0)).into_iter().chain(near)
        {
            let Node { members, .. } = &self.nodes.all[node];
            if !members.is_empty() {
                hits.push((node, kind, share));
            }
            let over = self.translated[node].iter();
            hits.extend(over.map(|(at, first)| (*at, Kind::Translated, f64::min(*first, share))));
        }
        hits
    }
}

impl Seen {
    /// Keeps the better partner of a sentence, of equals the earlier.
    fn note(&mut self, item: usize, found: Match) {
        let is_better = self.best.get(&item).is_none_or(|best| {
            found.kind < best.kind
                || (found.kind == best.kind && found.similarity > best.similarity)
        });
        if is_better {
            self.best.insert(item, found);
        }
    }
}
