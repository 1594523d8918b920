//! A corpus in numbers; `knowcoder data stats`.

use super::Corpus;
use crate::{Error, Sentence, Span};
use serde::Serialize;
use std::collections::BTreeMap;

/// One split in one language.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SplitStats {
    /// Its name.
    pub split: String,
    /// Its language; each side of a parallel corpus has a row of its own.
    pub language: String,
    /// Sentences.
    pub sentences: usize,
    /// Sentences in which nothing is annotated.
    pub empty_sentences: usize,
    /// Characters of all texts.
    pub characters: usize,
    /// Entities by class.
    pub entities: BTreeMap<String, usize>,
    /// Relations by class.
    pub relations: BTreeMap<String, usize>,
    /// Events by class.
    pub events: BTreeMap<String, usize>,
    /// Event arguments by role.
    pub arguments: BTreeMap<String, usize>,
    /// Entities a sentence, on average.
    pub mentions_per_sentence: f64,
    /// Characters an entity, on average.
    pub mention_length: f64,
    /// Entities whose mention is in pieces.
    pub entities_in_pieces: usize,
    /// Entities that stand inside another one or share characters with it.
    pub entities_nested: usize,
}

/// Every split of `corpus` in numbers.
pub fn stats(corpus: &Corpus) -> Result<Vec<SplitStats>, Error> {
    let mut rows = Vec::new();
    for split in corpus.splits() {
        if corpus.is_parallel() {
            let pairs = corpus.read_parallel(split)?.pairs;
            rows.push(of(split, pairs.iter().map(|pair| &pair.source)));
            rows.push(of(split, pairs.iter().map(|pair| &pair.target)));
        } else {
            rows.push(of(split, &corpus.read(split)?.sentences));
        }
    }
    Ok(rows)
}

fn of<'a>(split: &str, sentences: impl IntoIterator<Item = &'a Sentence>) -> SplitStats {
    let mut stats = SplitStats { split: split.to_owned(), ..SplitStats::default() };
    let (mut mentions, mut mention_characters) = (0, 0);
    for sentence in sentences {
        if stats.language.is_empty() {
            stats.language.clone_from(&sentence.language);
        }
        stats.sentences += 1;
        stats.characters += sentence.text.chars().count();
        let annotated = [sentence.entities.len(), sentence.relations.len(), sentence.events.len()];
        stats.empty_sentences += usize::from(annotated == [0; 3]);
        for entity in &sentence.entities {
            *stats.entities.entry(entity.class.clone()).or_default() += 1;
            mentions += 1;
            mention_characters += entity.mention.text.chars().count();
            stats.entities_in_pieces += usize::from(entity.mention.is_in_pieces());
        }
        stats.entities_nested += nested(sentence);
        for relation in &sentence.relations {
            *stats.relations.entry(relation.class.clone()).or_default() += 1;
        }
        for event in &sentence.events {
            *stats.events.entry(event.class.clone()).or_default() += 1;
            for (role, _) in &event.arguments {
                *stats.arguments.entry(role.clone()).or_default() += 1;
            }
        }
    }
    stats.mentions_per_sentence = ratio(mentions, stats.sentences);
    stats.mention_length = ratio(mention_characters, mentions);
    stats
}

/// How many entities of a sentence share characters with another.
fn nested(sentence: &Sentence) -> usize {
    let mut places: Vec<(Span, usize)> = Vec::new();
    for (index, entity) in sentence.entities.iter().enumerate() {
        places.extend(entity.mention.places().iter().map(|place| (*place, index)));
    }
    places.sort_unstable();
    let mut shared = vec![false; sentence.entities.len()];
    for (at, (place, index)) in places.iter().enumerate() {
        // Sorted by their starts: what begins before this one ends may be beside it.
        for (_, other) in places[at + 1..].iter().take_while(|(it, _)| it.start < place.end) {
            if index != other {
                (shared[*index], shared[*other]) = (true, true);
            }
        }
    }
    shared.into_iter().filter(|shared| *shared).count()
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
