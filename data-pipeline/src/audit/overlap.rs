//! Whose texts meet whose, and how.

use super::index::Index;
use super::normal::normal;
use super::shingles::{jaccard, shingles};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a dataset is to a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Some phase learns from it.
    Train,
    /// It is asked about.
    Benchmark,
}

/// The texts of a dataset, or of one side of a parallel one.
#[derive(Clone, Debug)]
pub struct Texts {
    /// `name:split`.
    pub dataset: String,
    /// Trained on, or asked about.
    pub role: Role,
    /// Id and text of each sentence.
    pub items: Vec<(String, String)>,
}

/// Two texts that mean the same, as a parallel corpus says.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Both sides.
    pub sides: [String; 2],
}

/// How two texts meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Equal but for case, width, spacing and punctuation.
    Exact,
    /// Most of their shingles are common.
    Near,
    /// One is (nearly) one side of a known pair, the other the other side.
    Translated,
}

/// One text, and the best that it meets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// The sentence: of the benchmark, or the later one.
    pub id: String,
    /// What it meets: of the training data, or the earlier one.
    pub other: String,
    /// How.
    pub kind: Kind,
    /// The share of common shingles; of the weaker step for a translation.
    pub similarity: f64,
}

/// What two datasets share; within one, `dataset` and `other` are equal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// The dataset whose sentences are counted: the benchmark, if one is.
    pub dataset: String,
    /// Its role.
    pub role: Role,
    /// The dataset that they are found in.
    pub other: String,
    /// Its role.
    pub other_role: Role,
    /// Sentences that `dataset` has.
    pub sentences: usize,
    /// One entry for each sentence of `dataset` that meets something of `other`.
    pub matches: Vec<Match>,
    /// Of leaks: the ids of every sentence of `other` that meets one of `dataset`.
    pub leaking: BTreeSet<String>,
}

/// A text of a dataset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub dataset: usize,
    pub item: usize,
}

/// A normalised text, whoever holds it.
#[derive(Default)]
pub(super) struct Node {
    pub set: Box<[u32]>,
    /// Who holds it, sorted.
    pub members: Vec<Place>,
    /// Texts that are nearly equal, and how nearly.
    near: Vec<(usize, f64)>,
    /// Its translations.
    pub mates: Vec<usize>,
}

/// Every distinct text.
#[derive(Default)]
pub(super) struct Nodes {
    pub all: Vec<Node>,
    /// The place of each, by the normalised text.
    pub known: HashMap<String, usize>,
}

impl Overlap {
    /// How many sentences meet in this way.
    pub fn count(&self, kind: Kind) -> usize {
        self.matches.iter().filter(|found| found.kind == kind).count()
    }

    /// Whether a benchmark meets training data.
    pub fn is_leak(&self) -> bool {
        self.role == Role::Benchmark && self.other_role == Role::Train
    }
}

/// Everything that `texts` share with each other, directly or over `bridges`: leaks first, then the
/// largest. Two texts with at least `threshold` of their shingles in common are near.
///
/// A benchmark is searched in training data; two datasets of one role, the later in the earlier;
/// one dataset, each sentence among those before it. Translations count between benchmarks and
/// training data only. Memory: about 1 kB a sentence.
pub fn overlaps(texts: &[Texts], bridges: &[Bridge], threshold: f64) -> Vec<Overlap> {
    let nodes = Nodes::new(texts, bridges, threshold).all;
    let mut best: BTreeMap<(usize, Place), Match> = BTreeMap::new();
    let mut leaking: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    for at in 0..nodes.len() {
        for (node, kind, similarity) in reached(&nodes, at) {
            for (benchmark, source) in leaks(texts, &nodes[at], &nodes[node]) {
                let id = texts[source.dataset].items[source.item].0.clone();
                leaking.entry((benchmark, source.dataset)).or_default().insert(id);
            }
            // One partner of a dataset says as much as all of them: the first.
            let partners = nodes[node].members.chunk_by(|one, next| one.dataset == next.dataset);
            for partner in partners.filter_map(<[Place]>::first) {
                for place in &nodes[at].members {
                    if is_asked(texts, *place, *partner, kind) {
                        note(&mut best, texts, (*place, *partner), kind, similarity);
                    }
                }
            }
        }
    }
    let mut pairs: BTreeMap<(usize, usize), Vec<Match>> = BTreeMap::new();
    for ((other, place), found) in best {
        pairs.entry((place.dataset, other)).or_default().push(found);
    }
    let overlap = |((dataset, other), matches): ((usize, usize), Vec<Match>)| Overlap {
        dataset: texts[dataset].dataset.clone(),
        role: texts[dataset].role,
        other: texts[other].dataset.clone(),
        other_role: texts[other].role,
        sentences: texts[dataset].items.len(),
        leaking: leaking.get(&(dataset, other)).cloned().unwrap_or_default(),
        matches,
    };
    let mut overlaps: Vec<Overlap> = pairs.into_iter().map(overlap).collect();
    overlaps.sort_by_key(|overlap| (!overlap.is_leak(), std::cmp::Reverse(overlap.matches.len())));
    overlaps
}

/// The benchmarks that hold the text of `asked`, with every place in training data of `found`.
fn leaks(texts: &[Texts], asked: &Node, found: &Node) -> Vec<(usize, Place)> {
    let of = |role: Role, node: &Node| -> Vec<Place> {
        node.members.iter().filter(|place| texts[place.dataset].role == role).copied().collect()
    };
    let mut benchmarks: Vec<usize> =
        of(Role::Benchmark, asked).into_iter().map(|place| place.dataset).collect();
    benchmarks.dedup();
    let sources = of(Role::Train, found);
    let with = |benchmark: usize| sources.iter().map(move |source| (benchmark, *source));
    benchmarks.into_iter().flat_map(with).collect()
}

/// Whether the text at `place` is to be searched where `partner` stands.
fn is_asked(texts: &[Texts], place: Place, partner: Place, kind: Kind) -> bool {
    match (texts[place.dataset].role, texts[partner.dataset].role) {
        (Role::Benchmark, Role::Train) => true,
        (Role::Train, Role::Benchmark) => false,
        _ => kind != Kind::Translated && partner < place,
    }
}

/// Keeps the best partner of the text at `place` in the partner's dataset.
fn note(
    best: &mut BTreeMap<(usize, Place), Match>,
    texts: &[Texts],
    (place, partner): (Place, Place),
    kind: Kind,
    similarity: f64,
) {
    let found = best.get(&(partner.dataset, place));
    let is_better = found.is_none_or(|found| {
        kind < found.kind || (kind == found.kind && similarity > found.similarity)
    });
    if is_better {
        let id = |place: Place| texts[place.dataset].items[place.item].0.clone();
        let found = Match { id: id(place), other: id(partner), kind, similarity };
        best.insert((partner.dataset, place), found);
    }
}

/// What the text of node `at` meets: itself, what is near, and the translations of both with what
/// is near to them.
fn reached(nodes: &[Node], at: usize) -> Vec<(usize, Kind, f64)> {
    let mut reached = vec![(at, Kind::Exact, 1.0)];
    reached.extend(nodes[at].near.iter().map(|(node, share)| (*node, Kind::Near, *share)));
    for (side, first) in with_near(nodes, at) {
        for mate in &nodes[side].mates {
            for (node, second) in with_near(nodes, *mate) {
                reached.push((node, Kind::Translated, f64::min(first, second)));
            }
        }
    }
    reached
}

/// A text and those near it, with how nearly.
pub(super) fn with_near(nodes: &[Node], at: usize) -> impl Iterator<Item = (usize, f64)> {
    std::iter::once((at, 1.0)).chain(nodes[at].near.iter().copied())
}

impl Nodes {
    /// Every distinct text with its holders, neighbours and translations; texts without a letter are
    /// left out.
    pub(super) fn new(texts: &[Texts], bridges: &[Bridge], threshold: f64) -> Self {
        let mut nodes = Self::default();
        for (dataset, texts) in texts.iter().enumerate() {
            for (item, (_, text)) in texts.items.iter().enumerate() {
                if let Some(node) = nodes.of(text) {
                    nodes.all[node].members.push(Place { dataset, item });
                }
            }
        }
        for Bridge { sides: [one, other] } in bridges {
            let (one, other) = (nodes.of(one), nodes.of(other));
            if let (Some(one), Some(other)) = (one, other) {
                nodes.all[one].mates.push(other);
                nodes.all[other].mates.push(one);
            }
        }
        join_near(&mut nodes.all, threshold);
        nodes
    }

    /// The place of a text, which is added if it is new.
    fn of(&mut self, text: &str) -> Option<usize> {
        let normal = normal(text);
        if normal.is_empty() {
            return None;
        }
        Some(*self.known.entry(normal).or_insert_with_key(|normal| {
            self.all.push(Node { set: shingles(normal), ..Node::default() });
            self.all.len() - 1
        }))
    }
}

/// Finds which texts are near each other.
fn join_near(nodes: &mut [Node], threshold: f64) {
    let sets: Vec<&[u32]> = nodes.iter().map(|node| &*node.set).collect();
    let index = Index::new(&sets);
    let near = |node: usize| {
        let others = index.near(sets[node]).into_iter().map(|other| other as usize);
        others
            .filter(move |other| *other < node)
            .map(|other| (other, node, jaccard(sets[other], sets[node])))
            .filter(|(_, _, similarity)| *similarity >= threshold)
            .collect::<Vec<_>>()
    };
    let pairs: Vec<(usize, usize, f64)> =
        (0..sets.len()).into_par_iter().flat_map_iter(near).collect();
    for (one, other, similarity) in pairs {
        nodes[one].near.push((other, similarity));
        nodes[other].near.push((one, similarity));
    }
}
