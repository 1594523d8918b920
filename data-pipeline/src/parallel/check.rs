//! Whether a translation kept what was annotated: pure functions of two texts and their names.
//!
//! What is refused goes to the next stage, so an error that is missed teaches something wrong and a
//! false alarm costs a request. `seeded.rs` counts both on pairs whose errors we made ourselves.

use super::fault::Fault;
use super::glossary::Glossary;
use super::language::{Languages, Script, letters};
use crate::audit::normal;
use crate::corpus::locate;
use crate::{Entity, Parallel, Sentence, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A name in a translation, known by its surface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The class that it was given.
    pub class: String,
    /// Its surface; empty where the translation gives none.
    pub text: String,
}

/// A translation that may be wrong; its names stand in the order of the source's entities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The translated sentence.
    pub sentence: String,
    /// One for each entity of the source.
    pub names: Vec<Name>,
}

/// Holds translations against their source.
#[derive(Clone, Copy, Debug)]
pub struct Checker<'a> {
    /// Language code of the source.
    pub source_language: &'a str,
    /// Language code of the translation.
    pub target_language: &'a str,
    /// What is known of both.
    pub languages: &'a Languages,
    /// How names must be written.
    pub glossary: &'a Glossary,
    /// Whether a name must not begin or end within a word; scripts without spaces have no words.
    pub whole_words: bool,
}

/// Letters from which on the script of a text says something.
const FEW_LETTERS: usize = 4;

impl Checker<'_> {
    /// What is wrong with a draft; nothing if it may be kept.
    pub fn draft(&self, source: &Sentence, draft: &Draft) -> Vec<Fault> {
        if draft.sentence.trim().is_empty() {
            return vec![Fault::Empty];
        }
        let mut faults = Vec::new();
        let copied = normal(&source.text) == normal(&draft.sentence);
        if copied {
            faults.push(Fault::Copied);
        } else if self.is_foreign(draft) {
            faults.push(Fault::Language { expected: self.target_language.to_owned() });
        }
        types(source, draft, &mut faults);
        for (entity, name) in source.entities.iter().zip(&draft.names) {
            self.name(entity, name, &draft.sentence, &mut faults);
        }
        for (term, wanted) in self.glossary.terms_of(source) {
            if !draft.sentence.contains(wanted) {
                let (source, expected) = (term.to_owned(), wanted.to_owned());
                faults.push(Fault::Terminology { source, expected });
            }
        }
        if faults.is_empty() {
            match places(source, draft) {
                Ok(spans) => extra(source, draft, &spans, &mut faults),
                Err(fault) => faults.push(fault),
            }
        }
        faults
    }

    /// What is wrong with a pair whose names have offsets.
    pub fn pair(&self, pair: &Parallel) -> Vec<Fault> {
        let (source, target) = (&pair.source, &pair.target);
        let chars: Vec<char> = target.text.chars().collect();
        let mut faults = Vec::new();
        for mention in target.entities.iter().map(|entity| &entity.mention) {
            let texts =
                mention.places().iter().map(|place| match chars.get(place.start..place.end) {
                    Some(found) => found.iter().collect(),
                    None => String::new(),
                });
            let found = texts.collect::<Vec<_>>().join(" ");
            if mention.span.is_some() && found != mention.text {
                faults.push(Fault::Moved { text: mention.text.clone(), found });
            }
        }
        let draft = Draft { sentence: target.text.clone(), names: aligned(source, target) };
        faults.extend(self.draft(source, &draft));
        faults
    }

    /// What is wrong with one name of a sentence.
    pub fn name_faults(&self, entity: &Entity, name: &Name, sentence: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.name(entity, name, sentence, &mut faults);
        faults
    }

    /// Holds one name against its source and its sentence.
    fn name(&self, entity: &Entity, name: &Name, sentence: &str, faults: &mut Vec<Fault>) {
        let source = &entity.mention.text;
        let text = name.text.clone();
        if name.class != entity.class {
            let (expected, found) = (entity.class.clone(), name.class.clone());
            faults.push(Fault::Class { text: text.clone(), expected, found });
        }
        let found = locate::find(sentence, &name.text);
        if found.is_empty() {
            faults.push(Fault::Missing { text, source: source.clone() });
            return;
        }
        let chars: Vec<char> = sentence.chars().collect();
        let whole = || found.iter().any(|(start, end)| is_whole(&chars, *start, *end));
        if self.whole_words && (name.text.trim() != name.text || !whole()) {
            faults.push(Fault::InsideWord { text: text.clone() });
        }
        match self.glossary.wanted(source, &entity.class) {
            Some(wanted) if wanted != name.text => {
                faults.push(Fault::Term { expected: wanted.to_owned(), found: text });
            }
            Some(_) => {}
            None if self.is_left(&name.text) => faults.push(Fault::Untranslated { text }),
            None => {}
        }
    }

    /// Whether a name is still written in the source's script. Latin letters stand in names of every
    /// script (`小米Note`), and capitals alone (`IBM`, `R7`) may be a whole name.
    fn is_left(&self, name: &str) -> bool {
        let source = Script::of_language(self.source_language);
        let target = Script::of_language(self.target_language);
        if target.takes(source) || source.takes(target) {
            return false;
        }
        if source != Script::Latin {
            return letters(name, source).0 > 0;
        }
        let code = name.chars().filter(|c| c.is_alphabetic()).all(|c| c.is_ascii_uppercase());
        matches!(letters(name, target), (0, all) if all > 0 && !code)
    }

    /// Whether what stands around the names is in another language.
    fn is_foreign(&self, draft: &Draft) -> bool {
        let mut names: Vec<&str> = draft.names.iter().map(|name| name.text.as_str()).collect();
        // A long name first: a short one may be a part of it.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let mut rest = draft.sentence.clone();
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            rest = rest.replace(name, " ");
        }
        let (own, all) = letters(&rest, Script::of_language(self.target_language));
        if all < FEW_LETTERS {
            return false;
        }
        own * 2 < all || self.languages.is_source(&rest)
    }
}

/// The names of `target` in the order of the source's entities: the next one of the same class, for
/// languages put names in different orders; what is left over comes last.
fn aligned(source: &Sentence, target: &Sentence) -> Vec<Name> {
    let mut rest: Vec<Option<&Entity>> = target.entities.iter().map(Some).collect();
    let mut names: Vec<Option<Name>> = Vec::with_capacity(source.entities.len());
    for wanted in &source.entities {
        let same = |found: &Option<&Entity>| found.is_some_and(|it| it.class == wanted.class);
        let place = rest.iter().position(same);
        names.push(place.and_then(|place| rest[place].take()).map(named));
    }
    let mut left = rest.into_iter().flatten();
    let mut aligned: Vec<Name> = source
        .entities
        .iter()
        .zip(names)
        .map(|(wanted, name)| match name {
            Some(name) => name,
            None => left
                .next()
                .map_or_else(|| Name { class: wanted.class.clone(), text: String::new() }, named),
        })
        .collect();
    aligned.extend(left.map(named));
    aligned
}

fn named(entity: &Entity) -> Name {
    Name { class: entity.class.clone(), text: entity.mention.text.clone() }
}

/// Holds the classes as a whole against each other.
fn types(source: &Sentence, draft: &Draft, faults: &mut Vec<Fault>) {
    let (expected, found) = (source.entities.len(), draft.names.len());
    if expected != found {
        faults.push(Fault::Count { expected, found });
    }
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for entity in &source.entities {
        counts.entry(&entity.class).or_default().0 += 1;
    }
    for name in &draft.names {
        counts.entry(&name.class).or_default().1 += 1;
    }
    for (class, (expected, found)) in counts {
        if expected != found {
            faults.push(Fault::Types { class: class.to_owned(), expected, found });
        }
    }
}

/// Where each name of a draft stands: longest first, each at a place of its own unless the source's
/// entities share theirs, too.
pub fn places(source: &Sentence, draft: &Draft) -> Result<Vec<Span>, Fault> {
    let mut order: Vec<usize> = (0..draft.names.len()).collect();
    order
        .sort_by_key(|index| (std::cmp::Reverse(draft.names[*index].text.chars().count()), *index));
    let mut taken: Vec<Option<Span>> = vec![None; draft.names.len()];
    for index in order {
        let text = &draft.names[index].text;
        let found = locate::find(&draft.sentence, text);
        let free =
            found.iter().map(|(start, end)| Span { start: *start, end: *end }).find(|place| {
                taken.iter().enumerate().all(|(other, held)| match held {
                    Some(held) if overlap(*held, *place) => share(source, index, other),
                    _ => true,
                })
            });
        let Some(place) = free else {
            let expected = draft.names.iter().filter(|name| name.text == *text).count();
            let text = text.clone();
            return Err(Fault::Occurrences { text, expected, found: found.len() });
        };
        taken[index] = Some(place);
    }
    Ok(taken.into_iter().flatten().collect())
}

/// Finds places of a name that nothing marks, where the source marks all places of its own.
fn extra(source: &Sentence, draft: &Draft, spans: &[Span], faults: &mut Vec<Fault>) {
    let marked: Vec<Span> = source.entities.iter().filter_map(|it| it.mention.span).collect();
    for (entity, name) in source.entities.iter().zip(&draft.names) {
        // A verb is no name: that it comes again does not say that the event does.
        if source.events.iter().any(|event| event.trigger == entity.mention) {
            continue;
        }
        let more = unmarked(&draft.sentence, &name.text, spans);
        if more == 0 || unmarked(&source.text, &entity.mention.text, &marked) > 0 {
            continue;
        }
        let expected = draft.names.iter().filter(|other| other.text == name.text).count();
        let text = name.text.clone();
        let fault = Fault::Occurrences { text, expected, found: expected + more };
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
}

/// How often `name` stands in `text` clear of all `spans`.
fn unmarked(text: &str, name: &str, spans: &[Span]) -> usize {
    let places = locate::find(text, name);
    let clear = |(start, end): &&(usize, usize)| {
        let place = Span { start: *start, end: *end };
        !spans.iter().any(|span| overlap(*span, place))
    };
    places.iter().filter(clear).count()
}

fn overlap(one: Span, other: Span) -> bool {
    one.start < other.end && other.start < one.end
}

/// Whether two entities of the source have characters in common.
fn share(source: &Sentence, one: usize, other: usize) -> bool {
    let span = |index: usize| source.entities.get(index).and_then(|entity| entity.mention.span);
    match (span(one), span(other)) {
        (Some(one), Some(other)) => overlap(one, other),
        _ => false,
    }
}

fn is_whole(chars: &[char], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| chars.get(at)).copied();
    let last = end.checked_sub(1).and_then(|at| chars.get(at)).copied();
    let first = chars.get(start).copied();
    let after = chars.get(end).copied();
    !locate::one_word(before, first) && !locate::one_word(last, after)
}

/// The share of common pairs of letters of two texts (Dice), for sentences translated back.
pub fn similarity(one: &str, other: &str) -> f64 {
    let (one, other) = (pairs(one), pairs(other));
    let all: usize = one.values().sum::<usize>() + other.values().sum::<usize>();
    if all == 0 {
        return 0.0;
    }
    let common: usize = one
        .iter()
        .map(|(pair, count)| (*count).min(other.get(pair).copied().unwrap_or_default()))
        .sum();
    2.0 * common as f64 / all as f64
}

fn pairs(text: &str) -> BTreeMap<[char; 2], usize> {
    let letters: Vec<char> =
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let mut counts = BTreeMap::new();
    for pair in letters.windows(2) {
        *counts.entry([pair[0], pair[1]]).or_default() += 1;
    }
    counts
}
