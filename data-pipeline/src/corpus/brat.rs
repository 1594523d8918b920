//! brat's standoff: a text, and beside it lines that say what stands at which of its characters.
//!
//! A document is cut at its line ends, which is where brat's own sentences end; offsets count from
//! the start of the document and are moved to the row that holds them.

use super::records::{Document, cut};
use super::row::{Annotated, Happening, Labelled, LeftOut, Linked, Place, Row};
use super::source::Source;
use crate::{Error, Kind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the file of the annotation ends with.
const EXTENSION: &str = "ann";

/// Why a relation is left out of which an argument is an event.
const OF_EVENTS: &str = "of events";

/// What a declaration says about the documents.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// What becomes a row.
    sentences: Sentences,
}

/// What becomes a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sentences {
    /// Each line of the text.
    #[default]
    Lines,
    /// All of the text.
    Document,
}

/// First character, and one past the last.
type Range = (usize, usize);

/// The lines of an annotation, by what they mark.
#[derive(Default)]
struct Notes<'a> {
    bounds: Vec<Bound<'a>>,
    events: Vec<Link<'a>>,
    relations: Vec<Link<'a>>,
}

/// A `T` line: characters under a type.
struct Bound<'a> {
    line: usize,
    id: &'a str,
    label: &'a str,
    place: Place,
}

/// An `R` or `E` line: what is related, under which role. The trigger of an event comes first,
/// under its type.
struct Link<'a> {
    line: usize,
    id: &'a str,
    label: &'a str,
    arguments: Vec<(&'a str, &'a str)>,
}

/// The name of the annotation that belongs to the text called `text`.
pub(crate) fn notes_of(text: &str) -> String {
    Path::new(text).with_extension(EXTENSION).to_string_lossy().into_owned()
}

/// The rows of one text; its annotation lies beside it.
pub(crate) fn rows(source: &Source, options: &Options) -> Result<Vec<Row>, Error> {
    let name = source.name();
    let beside = notes_of(&name);
    if beside == name {
        let message = "`files` names the texts; what is marked in them is found beside them";
        return Err(Error::data(&source.path, 1, message));
    }
    let notes = source.neighbour(&beside)?;
    let id = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let parts = parts(&source.text, options.sentences);
    let ranges = parts.iter().map(|(_, range)| *range).collect();
    let document = Document::of_parts(source.text.clone(), ranges);
    let whole = match read(&notes, &document).and_then(|found| found.annotated()) {
        Ok(whole) => whole,
        Err((line, fault)) => return Ok(vec![Row::new(&notes, line, Some(id), Err(fault))]),
    };
    let contents = cut(&document, whole);
    let rows = parts.into_iter().zip(contents).enumerate().map(|(index, ((line, _), content))| {
        let own = match options.sentences {
            Sentences::Lines => format!("{id}/{}", index + 1),
            Sentences::Document => id.clone(),
        };
        Row::new(source, line, Some(own), Ok(content))
    });
    Ok(rows.collect())
}

/// The characters of each row, with the line on which it begins.
fn parts(text: &str, sentences: Sentences) -> Vec<(usize, Range)> {
    if sentences == Sentences::Document {
        return vec![(1, (0, text.trim_end().chars().count()))];
    }
    let (mut parts, mut at) = (Vec::new(), 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end_matches(['\n', '\r']);
        if !bare.trim().is_empty() {
            parts.push((index + 1, (at, at + bare.chars().count())));
        }
        at += line.chars().count();
    }
    parts
}

/// The lines of an annotation; the error is a sentence and its line.
fn read<'a>(notes: &'a Source, document: &Document) -> Result<Notes<'a>, (usize, String)> {
    let mut found = Notes::default();
    for (number, line) in notes.lines() {
        if !line.trim().is_empty() {
            found.push(number, line, document).map_err(|fault| (number, fault))?;
        }
    }
    Ok(found)
}

impl<'a> Notes<'a> {
    fn push(&mut self, line: usize, text: &'a str, document: &Document) -> Result<(), String> {
        let (id, rest) =
            text.split_once('\t').ok_or("expected an id, a TAB and what it marks".to_owned())?;
        match id.chars().next() {
            Some('T') => self.bounds.push(bound(line, id, rest, document)?),
            Some('R') => self.relations.push(relation(line, id, rest)?),
            Some('E') => self.events.push(event(line, id, rest)?),
            // Attributes, links to other sources, notes and equivalences: a sentence holds none.
            Some('A' | 'M' | 'N' | '#' | '*') => {}
            _ => {
                return Err(format!(
                    "`{id}` is no id: one begins with T, R, E, A, M, N, `#` or `*`"
                ));
            }
        }
        Ok(())
    }

    /// What the lines say of the whole document.
    fn annotated(self) -> Result<Annotated, (usize, String)> {
        let places = self.places()?;
        let triggers: BTreeSet<&str> =
            self.events.iter().filter_map(|event| event.first()).collect();
        let mut draft = Annotated::default();
        let mut indices: BTreeMap<&str, usize> = BTreeMap::new();
        for Bound { id, label, place, .. } in &self.bounds {
            if triggers.contains(id) {
                continue;
            }
            indices.insert(id, draft.entities.len());
            let label = Some((*label).to_owned());
            draft.entities.push(Labelled { label, place: place.clone() });
        }
        for relation in &self.relations {
            add_relation(&mut draft, relation, &places, &indices)
                .map_err(|fault| (relation.line, fault))?;
        }
        for event in &self.events {
            add_event(&mut draft, event, &places).map_err(|fault| (event.line, fault))?;
        }
        Ok(draft)
    }

    /// Where each id stands; an event stands where its trigger does.
    fn places(&self) -> Result<BTreeMap<&'a str, Place>, (usize, String)> {
        let mut places = BTreeMap::new();
        for bound in &self.bounds {
            if places.insert(bound.id, bound.place.clone()).is_some() {
                return Err((bound.line, format!("the id `{}` stands twice", bound.id)));
            }
        }
        for event in &self.events {
            let fault = |message: String| (event.line, message);
            let trigger = event.first().unwrap_or_default();
            let place =
                places.get(trigger).cloned().ok_or_else(|| fault(nowhere(event, trigger)))?;
            if places.insert(event.id, place).is_some() {
                return Err(fault(format!("the id `{}` stands twice", event.id)));
            }
        }
        Ok(places)
    }
}

impl<'a> Link<'a> {
    /// The id of the first argument, which of an event is its trigger.
    fn first(&self) -> Option<&'a str> {
        self.arguments.first().map(|(_, id)| *id)
    }
}

/// Adds a relation between two entities.
fn add_relation(
    draft: &mut Annotated,
    relation: &Link<'_>,
    places: &BTreeMap<&str, Place>,
    indices: &BTreeMap<&str, usize>,
) -> Result<(), String> {
    let label = relation.label;
    let [(_, head), (_, tail)] = relation.arguments[..] else {
        let count = relation.arguments.len();
        return Err(format!("relation `{label}` has {count} arguments, expected 2"));
    };
    for id in [head, tail] {
        if !places.contains_key(id) {
            return Err(nowhere(relation, id));
        }
    }
    match (indices.get(head), indices.get(tail)) {
        (Some(head), Some(tail)) => {
            let linked = Linked { label: label.to_owned(), head: *head, tail: *tail };
            draft.relations.push(linked);
        }
        // What stands somewhere and is no entity is an event or its trigger.
        _ => {
            let reason = format!("{label} ({OF_EVENTS})");
            draft.left_out.push(LeftOut { kind: Some(Kind::Relation), reason });
        }
    }
    Ok(())
}

/// Adds an event with its arguments.
fn add_event(
    draft: &mut Annotated,
    event: &Link<'_>,
    places: &BTreeMap<&str, Place>,
) -> Result<(), String> {
    let place = |id: &str| places.get(id).cloned().ok_or_else(|| nowhere(event, id));
    let trigger = place(event.first().unwrap_or_default())?;
    let mut arguments = Vec::new();
    for &(role, id) in event.arguments.iter().skip(1) {
        arguments.push((role.to_owned(), place(id)?));
    }
    draft.events.push(Happening { label: event.label.to_owned(), trigger, arguments });
    Ok(())
}

fn nowhere(link: &Link<'_>, id: &str) -> String {
    format!("`{}` points at `{id}`, which the file does not have", link.label)
}

/// A `T` line behind its id: type, offsets, a TAB and the surface.
fn bound<'a>(
    line: usize,
    id: &'a str,
    rest: &'a str,
    document: &Document,
) -> Result<Bound<'a>, String> {
    let (marked, surface) = match rest.split_once('\t') {
        Some((marked, surface)) => (marked, Some(surface)),
        None => (rest, None),
    };
    let (label, offsets) = marked
        .split_once(' ')
        .ok_or_else(|| format!("`{marked}` is not a type, a space and offsets"))?;
    let mut pieces = Vec::new();
    for piece in offsets.split(';') {
        let range = range(piece, document.len()).map_err(|fault| format!("`{label}`: {fault}"))?;
        pieces.push(range);
    }
    if let Some(surface) = surface {
        let texts: Vec<&str> = pieces.iter().map(|piece| document.slice(*piece)).collect();
        let text = texts.join(" ");
        // A line end inside a mention is written as a space.
        if !text.split_whitespace().eq(surface.split_whitespace()) {
            return Err(format!(
                "`{label}`: characters {offsets} read `{text}`, but the row says `{surface}`"
            ));
        }
    }
    // Nothing but white space between two pieces: brat itself cuts a mention at a line end.
    let is_blank = |between: Range| document.slice(between).trim().is_empty();
    let place =
        Place::of_pieces(pieces, is_blank).ok_or_else(|| format!("`{label}` has no characters"))?;
    Ok(Bound { line, id, label, place })
}

/// `0 3` in a text of `length` characters.
fn range(written: &str, length: usize) -> Result<Range, String> {
    let numbers: Vec<usize> =
        written.split_whitespace().map_while(|number| number.parse().ok()).collect();
    let [start, end] = numbers[..] else {
        return Err(format!("`{written}` is not a start and an end"));
    };
    if start >= end {
        return Err(format!("characters {start}..{end} are empty"));
    }
    if end > length {
        return Err(format!("characters {start}..{end} leave the text, which has {length}"));
    }
    Ok((start, end))
}

/// An `R` line behind its id: a type and the arguments in their order.
fn relation<'a>(line: usize, id: &'a str, rest: &'a str) -> Result<Link<'a>, String> {
    let mut words = rest.split_whitespace();
    let label = words.next().ok_or_else(|| format!("`{id}` has no type"))?;
    Ok(Link { line, id, label, arguments: arguments(words)? })
}

/// An `E` line behind its id: a type with its trigger, then the arguments.
fn event<'a>(line: usize, id: &'a str, rest: &'a str) -> Result<Link<'a>, String> {
    let arguments = arguments(rest.split_whitespace())?;
    let label = arguments.first().map(|(label, _)| *label);
    let label = label.ok_or_else(|| format!("`{id}` has no trigger"))?;
    Ok(Link { line, id, label, arguments })
}

/// `role:id`, each.
fn arguments<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<(&'a str, &'a str)>, String> {
    words
        .map(|word| {
            word.rsplit_once(':').ok_or_else(|| format!("`{word}` is not a role, `:` and an id"))
        })
        .collect()
}
