//! Mentions of training text as examples of classes.

use super::training::Training;
use crate::random::Random;
use crate::schema::Schema;
use crate::sentence::{Instance, Sentence};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The longest example, in characters: a longer one is a sentence.
const LONGEST: usize = 80;

/// `schema` with the most frequent mentions of `training` as examples, at most `most` a class and
/// language, and no others; chance decides among equally frequent ones.
pub fn exemplified(schema: &Schema, training: &Training, most: usize, seed: u64) -> Schema {
    let mut counts: BTreeMap<(&str, &str), BTreeMap<String, usize>> = BTreeMap::new();
    let found: Vec<(&str, Vec<(String, String)>)> =
        training.all().map(|sentence| (sentence.language.as_str(), mentions(sentence))).collect();
    for (language, mentions) in &found {
        for (class, text) in mentions {
            let texts = counts.entry((class, language)).or_default();
            *texts.entry(text.clone()).or_default() += 1;
        }
    }
    let mut schema = schema.clone();
    for class in &mut schema.classes {
        class.examples.clear();
        for ((_, language), texts) in counts.iter().filter(|((name, _), _)| *name == class.name) {
            let draw =
                |text: &str| Random::of(seed, &["examples", &class.name, language, text]).next();
            let mut texts: Vec<(&String, usize)> = texts
                .iter()
                .filter(|(text, _)| is_clear(text))
                .map(|(text, n)| (text, *n))
                .collect();
            texts.sort_by_key(|(text, count)| (Reverse(*count), draw(text)));
            let texts: Vec<String> =
                texts.into_iter().take(most).map(|(text, _)| text.clone()).collect();
            if !texts.is_empty() {
                class.examples.insert((*language).to_owned(), texts);
            }
        }
    }
    schema
}

/// Class and text of what an example of a class may be: mentions, `(head, tail)`, triggers.
pub(super) fn mentions(sentence: &Sentence) -> Vec<(String, String)> {
    let entities = sentence.entities.iter().cloned().map(Instance::Entity);
    let relations = sentence.relations.iter().cloned().map(Instance::Relation);
    let events = sentence.events.iter().cloned().map(Instance::Event);
    let text = |object: &Instance| match object {
        Instance::Entity(entity) => entity.mention.text.clone(),
        Instance::Relation(relation) => {
            format!("({}, {})", relation.head.mention.text, relation.tail.mention.text)
        }
        Instance::Event(event) => event.trigger.text.clone(),
    };
    let objects = entities.chain(relations).chain(events);
    objects.map(|object| (object.class().to_owned(), text(&object))).collect()
}

/// Whether `text` reads as one example among others, which commas part.
fn is_clear(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let parts = match inner.and_then(|inner| inner.split_once(", ")) {
        Some((head, tail)) => vec![head, tail],
        None => vec![text],
    };
    text.chars().count() <= LONGEST
        && parts.iter().all(|part| {
            !part.trim().is_empty()
                && !part.contains(", ")
                && !part.contains(['、', '\n', '\r', '\t'])
        })
}
