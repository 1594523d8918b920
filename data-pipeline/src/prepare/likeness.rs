//! Which classes are easily taken for which: where hard negatives come from.
//!
//! A class is confusing beside others if it stands near them in the schema, if its name or
//! description resembles theirs, or if the text holds a name that other sentences of the same
//! training data annotate with it. All of it is counted, nothing is drawn: equal data give equal
//! negatives on every machine.

use super::lesson::{Outline, Sets};
use crate::schema::{Class, Kind};
use crate::tokenizer::unspaced;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Characters of the pieces by which names and descriptions are compared.
const GRAM: usize = 3;

/// What each sign is worth. A name in the text says most: it is the mistake itself.
const SURFACE: f64 = 2.0;
const SIBLING: f64 = 1.0;
const NAME: f64 = 1.0;
const DESCRIPTION: f64 = 0.5;

/// Known names that are longer are not looked for.
const LONGEST: usize = 32;

/// The classes of a lesson beside each other, and the names that it knows for them.
pub(super) struct Likeness<'a> {
    /// By pair of places in the schema, the smaller first; pairs without any likeness are absent.
    pairs: BTreeMap<(usize, usize), f64>,
    names: &'a Names,
}

/// What is annotated somewhere in a lesson, and with which classes.
#[derive(Default)]
pub(super) struct Names {
    /// By a hash of the name, as a corpus may have more names than memory: a few bytes stand for
    /// each. That two names have one hash is as good as impossible, and no label depends on it.
    classes: HashMap<u64, Arc<BTreeSet<usize>>>,
    /// How many characters names have.
    lengths: BTreeSet<usize>,
    sets: Sets,
}

impl Names {
    /// Notes that `name` is annotated with `class`.
    pub(super) fn add(&mut self, class: usize, name: &str) {
        let length = name.chars().take(LONGEST + 1).count();
        if !(1..=LONGEST).contains(&length) {
            return;
        }
        self.lengths.insert(length);
        let hash = name.chars().fold(EMPTY, extended);
        let known = self.classes.get(&hash);
        if known.is_some_and(|known| known.contains(&class)) {
            return;
        }
        let mut classes = known.map(|known| (**known).clone()).unwrap_or_default();
        classes.insert(class);
        self.classes.insert(hash, self.sets.shared(classes));
    }
}

/// The hash of a name without a character.
const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of a name with one more character (FNV-1a), the same on every machine.
fn extended(hash: u64, c: char) -> u64 {
    u32::from(c)
        .to_le_bytes()
        .into_iter()
        .fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl<'a> Likeness<'a> {
    /// Compares the classes of a lesson, if it has kept its names.
    pub(super) fn of(lesson: &'a Outline<'_>) -> Option<Self> {
        lesson.names.as_ref().map(|names| Self { pairs: pairs(lesson), names })
    }

    /// How confusing `class` is for who is asked about `positives` in a text that suggests the
    /// classes of `seen`.
    pub(super) fn score(
        &self,
        class: usize,
        positives: &BTreeSet<usize>,
        seen: &BTreeSet<usize>,
    ) -> f64 {
        let pair = |positive: &usize| {
            let key = (class.min(*positive), class.max(*positive));
            self.pairs.get(&key).copied().unwrap_or(0.0)
        };
        let nearest = positives.iter().map(pair).fold(0.0, f64::max);
        nearest + if seen.contains(&class) { SURFACE } else { 0.0 }
    }

    /// The classes of all known names that stand in `text` as words of their own.
    pub(super) fn suggested(&self, text: &str) -> BTreeSet<usize> {
        let text: Vec<char> = text.chars().collect();
        let mut found = BTreeSet::new();
        let inside =
            |at: usize| at > 0 && at < text.len() && is_letter(text[at - 1]) && is_letter(text[at]);
        let longest = self.names.lengths.last().copied().unwrap_or(0);
        for start in (0..text.len()).filter(|start| !inside(*start)) {
            let mut hash = EMPTY;
            for (length, c) in (1..=longest).zip(&text[start..]) {
                hash = extended(hash, *c);
                if self.names.lengths.contains(&length)
                    && !inside(start + length)
                    && let Some(classes) = self.names.classes.get(&hash)
                {
                    found.extend(classes.iter());
                }
            }
        }
        found
    }
}

/// Whether a character continues a word. Scripts without spaces have no gap between words, so every
/// place in them may be the end of one.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !unspaced(c)
}

fn pairs(lesson: &Outline<'_>) -> BTreeMap<(usize, usize), f64> {
    let described: Vec<(usize, Looks)> = lesson
        .classes
        .iter()
        .map(|place| (*place, Looks::of(&lesson.schema.classes[*place])))
        .collect();
    let mut pairs = BTreeMap::new();
    for (at, (first, a)) in described.iter().enumerate() {
        for (second, b) in &described[at + 1..] {
            let likeness = a.likeness(b);
            if likeness > 0.0 {
                pairs.insert((*first.min(second), *first.max(second)), likeness);
            }
        }
    }
    pairs
}

/// What a class looks like beside others.
struct Looks<'a> {
    class: &'a Class,
    name: BTreeSet<Vec<char>>,
    description: BTreeSet<Vec<char>>,
}

impl<'a> Looks<'a> {
    fn of(class: &'a Class) -> Self {
        let description = class.descriptions.get("en").or(class.descriptions.values().next());
        Self {
            class,
            name: grams(&class.name),
            description: description.map(|text| grams(text)).unwrap_or_default(),
        }
    }

    fn likeness(&self, other: &Self) -> f64 {
        let (a, b) = (self.class, other.class);
        // That both stand below the root says nothing.
        let siblings = a.base == b.base && a.base != root(a.kind);
        let family = siblings || a.base == b.name || b.base == a.name;
        let family = if family { SIBLING } else { 0.0 };
        family
            + NAME * common(&self.name, &other.name)
            + DESCRIPTION * common(&self.description, &other.description)
    }
}

fn root(kind: Kind) -> &'static str {
    match kind {
        Kind::Entity => "Entity",
        Kind::Relation => "Relation",
        Kind::Event => "Event",
    }
}

/// Pieces of three characters, the ends of the text marked by a space.
fn grams(text: &str) -> BTreeSet<Vec<char>> {
    let lower = text.to_lowercase();
    let chars: Vec<char> =
        std::iter::once(' ').chain(lower.trim().chars()).chain(std::iter::once(' ')).collect();
    chars.windows(GRAM).map(<[char]>::to_vec).collect()
}

/// The share of pieces that two texts have in common (Jaccard).
fn common(a: &BTreeSet<Vec<char>>, b: &BTreeSet<Vec<char>>) -> f64 {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Selection;
    use super::*;
    use crate::schema::{Schema, Task};
    use crate::sentence::{Entity, Mention, Sentence};
    use std::path::Path;

    const SOURCE: &str = r#"
from knowcoder import Entity

class Place(Entity):
    """Description: Where something is."""

class City(Place):
    """Description: A large town."""

class River(Place):
    """Description: Running water."""

class Politician(Entity):
    """Description: Who lives by politics."""

class PoliticalParty(Entity):
    """Description: Who stands for election together."""

class Song(Entity):
    """Description: Music with words."""
"#;

    fn sentence(text: &str, entities: &[(&str, &str)]) -> Sentence {
        let entity = |(class, text): &(&str, &str)| Entity {
            class: (*class).to_owned(),
            mention: Mention::surface(*text),
        };
        Sentence {
            id: text.to_owned(),
            text: text.to_owned(),
            language: "en".to_owned(),
            entities: entities.iter().map(entity).collect(),
            ..Sentence::default()
        }
    }

    /// The classes from the most to the least confusing beside `positive` in `text`.
    fn order(positive: &str, text: &str) -> Vec<String> {
        let schema = Schema::parse(SOURCE, Path::new("s.py")).unwrap();
        let sentences = [
            sentence("He sang Yesterday.", &[("Song", "Yesterday")]),
            sentence("北京 is far", &[("City", "北京")]),
        ];
        let selection = Selection { hard: 0.5, ..Selection::default() };
        let mut lesson = Outline::new("d:train ner".to_owned(), Task::Ner, &schema, &selection);
        let add = |(at, sentence)| lesson.add_sentence(at, sentence);
        sentences.iter().enumerate().for_each(add);
        let likeness = Likeness::of(&lesson).unwrap();
        let place = |name: &str| schema.classes.iter().position(|class| class.name == name);
        let positives: BTreeSet<usize> = place(positive).into_iter().collect();
        let seen = likeness.suggested(text);
        let mut scored: Vec<(f64, &str)> = lesson
            .classes
            .iter()
            .filter(|class| !positives.contains(class))
            .map(|class| {
                (likeness.score(*class, &positives, &seen), schema.classes[*class].name.as_str())
            })
            .filter(|(score, _)| *score > 0.05)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        scored.into_iter().map(|(_, name)| name.to_owned()).collect()
    }

    #[test]
    fn family_names_and_known_mentions_make_a_class_confusing() {
        // Siblings and the parent, whatever they are called.
        assert_eq!(order("City", "no name here")[..2], ["Place", "River"]);
        // No family: the name decides.
        assert_eq!(order("Politician", "no name here")[0], "PoliticalParty");
        // What another sentence calls a song stands in this text.
        assert_eq!(order("Politician", "Yesterday she won.")[0], "Song");
        // Inside of a word it is no name, except where words have no gaps.
        assert!(!order("River", "Yesterdays news").contains(&"Song".to_owned()));
        assert_eq!(order("Song", "我在北京住")[0], "City");
    }
}
