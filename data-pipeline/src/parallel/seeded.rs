//! Errors of every kind, put into sound pairs: how many are caught, how many sound pairs are refused.

#![allow(clippy::unwrap_used)]

use super::check::Checker;
use super::fault::Fault;
use super::glossary::Glossary;
use super::language::Languages;
use crate::corpus::Corpus;
use crate::random::Random;
use crate::{Entity, Parallel, Span};
use std::path::Path;

/// The pairs of the quick start in both directions.
fn sound() -> Vec<Parallel> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let corpus = Corpus::load(&configs.join("quickstart-parallel.toml"), Path::new("")).unwrap();
    let mut pairs = Vec::new();
    for split in ["train", "test-names", "test-frames"] {
        for pair in corpus.read_parallel(split).unwrap().pairs {
            pairs.push(pair.clone());
            pairs.push(pair.reversed());
        }
    }
    pairs
}

fn faults(pair: &Parallel) -> Vec<Fault> {
    let checker = Checker {
        source_language: &pair.source.language,
        target_language: &pair.target.language,
        languages: &Languages::default(),
        glossary: &Glossary::default(),
        whole_words: true,
    };
    checker.pair(pair)
}

/// Seeds an error into each pair that can have it and counts: caught, seeded.
fn caught(seed: impl Fn(&mut Parallel, &mut Random) -> bool) -> (usize, usize) {
    let (mut caught, mut seeded) = (0, 0);
    for (index, mut pair) in sound().into_iter().enumerate() {
        let mut random = Random::named(&["seeded", &index.to_string()]);
        if !faults(&pair).is_empty() || !seed(&mut pair, &mut random) {
            continue;
        }
        seeded += 1;
        let found = faults(&pair);
        if found.is_empty() {
            println!(
                "missed: {} | {} | {:?}",
                pair.source.text, pair.target.text, pair.target.entities
            );
        }
        caught += usize::from(!found.is_empty());
    }
    (caught, seeded)
}

/// At least 99 of 100 of at least 1,000.
fn must_catch(kind: &str, seed: impl Fn(&mut Parallel, &mut Random) -> bool) {
    let (caught, seeded) = caught(seed);
    println!("{kind}: {caught} of {seeded} caught");
    assert!(seeded >= 1_000, "{kind}: only {seeded} pairs");
    assert!(caught * 100 >= seeded * 99, "{kind}: {caught} of {seeded}");
}

/// The index of one of the names of the translation.
fn one(pair: &Parallel, random: &mut Random) -> Option<usize> {
    let count = pair.target.entities.len();
    (count > 0).then(|| random.below(count))
}

/// Offset and length of a name.
fn place(entity: &Entity) -> Span {
    entity.mention.span.unwrap()
}

#[test]
fn sound_pairs_pass() {
    let pairs = sound();
    let refused: Vec<_> =
        pairs.iter().map(|pair| (pair, faults(pair))).filter(|(_, it)| !it.is_empty()).collect();
    for (pair, faults) in refused.iter().take(5) {
        println!("false alarm: {} | {} | {faults:?}", pair.source.text, pair.target.text);
    }
    println!("{} false alarms in {} sound pairs", refused.len(), pairs.len());
    assert!(refused.len() * 100 <= pairs.len(), "{} of {}", refused.len(), pairs.len());
}

#[test]
fn dropped_names_are_caught() {
    must_catch("dropped", |pair, random| {
        let Some(index) = one(pair, random) else { return false };
        pair.target.entities.remove(index);
        true
    });
}

#[test]
fn mistyped_names_are_caught() {
    must_catch("mistyped", |pair, random| {
        let Some(index) = one(pair, random) else { return false };
        let entity = &mut pair.target.entities[index];
        let classes = ["Person", "Organization", "Location", "Product"];
        let others: Vec<&str> = classes.into_iter().filter(|it| *it != entity.class).collect();
        entity.class = random.pick(&others).to_owned();
        true
    });
}

#[test]
fn names_at_other_offsets_are_caught() {
    must_catch("moved offsets", |pair, random| {
        let Some(index) = one(pair, random) else { return false };
        let length = pair.target.text.chars().count();
        let Span { start, end } = place(&pair.target.entities[index]);
        let by = 1 + random.below(5);
        let moved = match end + by <= length {
            true => Span { start: start + by, end: end + by },
            false if start >= by => Span { start: start - by, end: end - by },
            false => return false,
        };
        pair.target.entities[index].mention.span = Some(moved);
        true
    });
}

/// Other characters of the sentence are marked, offsets and text alike. In a language with spaces
/// that cuts words; in Chinese nothing of one pair tells it, so only English translations count.
#[test]
fn names_of_other_characters_are_caught_where_words_have_edges() {
    must_catch("moved characters", |pair, random| {
        let Some(index) = one(pair, random) else { return false };
        if pair.target.language != "en" {
            return false;
        }
        let chars: Vec<char> = pair.target.text.chars().collect();
        let Span { start, end } = place(&pair.target.entities[index]);
        let by = 1 + random.below(2);
        let moved = match end + by <= chars.len() {
            true => Span { start: start + by, end: end + by },
            false if start >= by => Span { start: start - by, end: end - by },
            false => return false,
        };
        let mention = &mut pair.target.entities[index].mention;
        mention.text = chars[moved.start..moved.end].iter().collect();
        mention.span = Some(moved);
        true
    });
}

#[test]
fn untranslated_names_are_caught() {
    must_catch("untranslated", |pair, random| {
        let Some(index) = one(pair, random) else { return false };
        let class = pair.target.entities[index].class.clone();
        let same = |entity: &&Entity| entity.class == class;
        let Some(source) = pair.source.entities.iter().find(same) else { return false };
        let left = source.mention.text.clone();
        let chars: Vec<char> = pair.target.text.chars().collect();
        let Span { start, end } = place(&pair.target.entities[index]);
        let (before, after): (String, String) =
            (chars[..start].iter().collect(), chars[end..].iter().collect());
        pair.target.text = format!("{before}{left}{after}");
        let grown = left.chars().count();
        for (other, entity) in pair.target.entities.iter_mut().enumerate() {
            let Some(span) = &mut entity.mention.span else { continue };
            if other == index {
                *span = Span { start, end: start + grown };
                entity.mention.text = left.clone();
            } else if span.start >= end {
                span.start = span.start - (end - start) + grown;
                span.end = span.end - (end - start) + grown;
            }
        }
        true
    });
}

#[test]
fn sentences_that_are_not_translated_are_caught() {
    must_catch("untranslated sentences", |pair, _| {
        pair.target.text = pair.source.text.clone();
        pair.target.entities = pair.source.entities.clone();
        true
    });
}
