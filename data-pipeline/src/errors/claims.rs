//! What one object of gold or prediction claims, in the form in which mistakes are told.

use crate::predictions::Prediction;
use crate::schema::Task;
use crate::score::places;
use crate::sentence::{Instance, Mention, Span};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Places of one text that are kept; a text that stands in more of them is paired by the first.
const PLACES: usize = 16;

/// A label for one mention, or for the two of a relation; each once a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<'a> {
    /// The class; of an argument, class and role.
    pub label: Cow<'a, str>,
    /// The mention, or head and tail.
    pub slots: Vec<Slot<'a>>,
}

/// One mention of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot<'a> {
    /// How it reads.
    pub text: &'a str,
    /// Where it stands, each time with its pieces; where the file does not say, where the sentence
    /// has the text; nothing where it has not.
    pub places: Vec<Vec<Span>>,
}

impl Claim<'_> {
    /// How it reads: of a relation, head and tail with an arrow between them.
    pub fn text(&self) -> String {
        self.slots.iter().map(|slot| slot.text).collect::<Vec<_>>().join(" → ")
    }

    /// Whether the sentence has all its mentions.
    pub fn is_placed(&self) -> bool {
        self.slots.iter().all(|slot| !slot.places.is_empty())
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        self.slots.iter().map(|slot| slot.text).collect()
    }
}

/// The claims of gold, or of what was predicted, without repetitions.
pub(super) fn claims<'a>(prediction: &'a Prediction, instances: &'a [Instance]) -> Vec<Claim<'a>> {
    let sentence = Letters::new(&prediction.sentence, instances);
    let mut list = List { sentence, ..List::default() };
    for instance in instances {
        let class = instance.class();
        match instance {
            Instance::Entity(entity) => list.add(Cow::Borrowed(class), &[&entity.mention]),
            Instance::Relation(relation) => {
                list.add(Cow::Borrowed(class), &[&relation.head.mention, &relation.tail.mention]);
            }
            Instance::Event(event) if prediction.task == Task::Eae => {
                for (role, mention) in &event.arguments {
                    list.add(Cow::Owned(format!("{class}.{role}")), &[mention]);
                }
            }
            Instance::Event(event) => list.add(Cow::Borrowed(class), &[&event.trigger]),
        }
    }
    list.claims
}

/// Claims as they are collected.
#[derive(Default)]
struct List<'a> {
    sentence: Letters<'a>,
    claims: Vec<Claim<'a>>,
    known: HashMap<(Cow<'a, str>, Vec<&'a str>), usize>,
}

impl<'a> List<'a> {
    fn add(&mut self, label: Cow<'a, str>, mentions: &[&'a Mention]) {
        let texts: Vec<&str> = mentions.iter().map(|mention| mention.text.as_str()).collect();
        let places = mentions.iter().map(|mention| self.sentence.places(mention));
        let slots =
            texts.iter().copied().zip(places).map(|(text, places)| Slot { text, places }).collect();
        match self.known.get(&(label.clone(), texts.clone())) {
            Some(at) => merge(&mut self.claims[*at], slots),
            None => {
                self.known.insert((label.clone(), texts), self.claims.len());
                self.claims.push(Claim { label, slots });
            }
        }
    }
}

/// Adds the places of a claim that was made once more.
fn merge(claim: &mut Claim, slots: Vec<Slot>) {
    for (slot, other) in claim.slots.iter_mut().zip(slots) {
        for place in other.places {
            if slot.places.len() < PLACES && !slot.places.contains(&place) {
                slot.places.push(place);
            }
        }
    }
}

/// A sentence in which texts are looked up: all at once, since an answer may have as many as it likes.
#[derive(Default)]
struct Letters<'a> {
    /// The first byte of each character, if there is anything to look up.
    starts: Vec<usize>,
    /// The first bytes of the texts that have no place of their own.
    found: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Letters<'a> {
    fn new(sentence: &str, instances: &'a [Instance]) -> Self {
        let mentions = instances.iter().flat_map(Instance::mentions);
        let wanted: HashSet<&str> = mentions
            .filter(|mention| !mention.text.is_empty() && known(mention).is_empty())
            .map(|mention| mention.text.as_str())
            .collect();
        if wanted.is_empty() {
            return Self::default();
        }
        let starts = sentence.char_indices().map(|(at, _)| at).collect();
        Self { starts, found: places(sentence, &wanted, PLACES) }
    }

    fn places(&self, mention: &Mention) -> Vec<Vec<Span>> {
        let known = known(mention);
        if !known.is_empty() {
            return vec![known];
        }
        let length = mention.text.chars().count();
        let found = self.found.get(mention.text.as_str()).into_iter().flatten();
        found
            .map(|at| {
                let start = self.starts.partition_point(|start| start < at);
                vec![Span { start, end: start + length }]
            })
            .collect()
    }
}

/// Where the file says that a mention stands.
fn known(mention: &Mention) -> Vec<Span> {
    mention.places().iter().copied().filter(|span| span.start < span.end).collect()
}
