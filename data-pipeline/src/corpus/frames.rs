//! The corpus that we write ourselves: frames with slots, filled with names.
//!
//! A frame is one sentence in English and in Chinese with the same slots, so that it serves both
//! languages and their alignment. What fills it is a function of (seed, frame, repetition) alone.

use super::declaration::{Declaration, Split};
use super::labels::did_you_mean;
use super::names::{Name, Names};
use super::row::{Annotated, Happening, Labelled, Linked, Place, Row};
use super::source::Source;
use crate::Error;
use crate::error::explain;
use crate::random::Random;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// What a declaration says about the frames.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Files of frames.
    pub frames: Vec<String>,
    /// Files of names.
    pub names: Vec<String>,
}

impl Options {
    /// Refuses a corpus without files or in a language that frames do not have.
    pub(crate) fn check(&self, declaration: &Declaration) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::declaration(&declaration.path, message));
        if self.frames.is_empty() || self.names.is_empty() {
            return refuse("[options] needs `frames = […]` and `names = […]`".into());
        }
        let language = declaration.language.as_str();
        let known = match declaration.parallel {
            true => ["en-zh", "zh-en"],
            false => ["en", "zh"],
        };
        if !known.contains(&language) {
            let known = known.join("\" or \"");
            return refuse(format!("`language = \"{language}\"`, but frames have \"{known}\""));
        }
        Ok(())
    }
}

/// One line of a file of frames.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    part: String,
    en: String,
    zh: String,
    /// Slot to class.
    slots: BTreeMap<String, String>,
    /// Class, head slot, tail slot.
    #[serde(default)]
    relations: Vec<(String, String, String)>,
    #[serde(default)]
    events: Vec<LineEvent>,
}

/// An event of a frame: its trigger is a mark, its arguments are slots or marks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineEvent {
    class: String,
    trigger: String,
    arguments: Vec<(String, String)>,
}

/// A frame that is known to be sound.
#[derive(Debug)]
struct Frame {
    file: PathBuf,
    number: usize,
    line: Line,
    en: Vec<Piece>,
    zh: Vec<Piece>,
}

/// A piece of a frame's text.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `{p1}`
    Slot(String),
    /// `[e1:joined]`
    Mark(String, String),
}

/// Which language of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    En,
    Zh,
}

/// The frames of a split, filled, in the declaration's language.
pub(crate) fn rows(
    options: &Options,
    declaration: &Declaration,
    split: &Split,
    find: impl Fn(&str) -> Result<PathBuf, Error>,
) -> Result<Vec<Row>, Error> {
    let side = Side::of(&declaration.language);
    filled(options, split, find, |frame, id, names| frame.row(side, id, names))
}

/// The frames of a split, filled, in both languages.
pub(crate) fn pairs(
    options: &Options,
    declaration: &Declaration,
    split: &Split,
    find: impl Fn(&str) -> Result<PathBuf, Error>,
) -> Result<Vec<(Row, Row)>, Error> {
    let (source, target) = declaration.languages().unwrap_or(("en", "zh"));
    let (source, target) = (Side::of(source), Side::of(target));
    filled(options, split, find, |frame, id, names| {
        (frame.row(source, id, names), frame.row(target, id, names))
    })
}

/// Every frame of the split's part, `repeat` times, through `make`.
fn filled<T>(
    options: &Options,
    split: &Split,
    find: impl Fn(&str) -> Result<PathBuf, Error>,
    make: impl Fn(&Frame, &str, &BTreeMap<String, Name>) -> T,
) -> Result<Vec<T>, Error> {
    let open = |file: &String| Source::open(&find(file)?);
    let frames = options.frames.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let names = options.names.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let part = split.frames_part.as_deref().unwrap_or_default();
    let names_part = split.names_part.as_deref().unwrap_or_default();
    let none = |source: &Source, what: &str, part: &str| {
        Error::data(&source.path, 1, format!("no {what} of the part `{part}`"))
    };
    let names_of_part = Names::read(&names, names_part)?;
    if names_of_part.is_empty() {
        return Err(none(&names[0], "name", names_part));
    }
    let mut ids = HashSet::new();
    let mut made = Vec::new();
    for source in &frames {
        for (number, text) in source.lines().filter(|(_, line)| !line.trim().is_empty()) {
            let data = |message| Error::data(&source.path, number, message);
            let frame = Frame::parse(source, number, text).map_err(data)?;
            if !ids.insert(frame.line.id.clone()) {
                return Err(data(format!("frame `{}` comes twice", frame.line.id)));
            }
            let same_everywhere = split.named == Some(true) && frame.line.slots.is_empty();
            if frame.line.part != part || same_everywhere {
                continue;
            }
            for repetition in 0..split.repeat.unwrap_or(1) {
                let names = frame.names(&names_of_part, split, repetition).map_err(data)?;
                let id = format!("{}.{}", frame.line.id, repetition + 1);
                made.push(make(&frame, &id, &names));
            }
        }
    }
    match made.is_empty() {
        true => Err(none(&frames[0], "frame", part)),
        false => Ok(made),
    }
}

impl Side {
    fn of(language: &str) -> Self {
        if language == "zh" { Self::Zh } else { Self::En }
    }
}

impl Frame {
    /// Reads one line; refuses what its slots and marks do not bear out.
    fn parse(source: &Source, number: usize, text: &str) -> Result<Self, String> {
        let line: Line = serde_json::from_str(text).map_err(|error| {
            format!("not a frame: {}", explain(&super::json::without_place(&error)))
        })?;
        let (en, zh) = (pieces(&line.en)?, pieces(&line.zh)?);
        let frame = Self { file: source.path.clone(), number, line, en, zh };
        frame.check()?;
        Ok(frame)
    }

    fn check(&self) -> Result<(), String> {
        let mut all_marks: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
        for (index, (language, pieces)) in [("en", &self.en), ("zh", &self.zh)].iter().enumerate() {
            let mut slots = Vec::new();
            for piece in *pieces {
                match piece {
                    Piece::Slot(name) => slots.push(name.as_str()),
                    Piece::Mark(name, _) => all_marks[index].push(name.as_str()),
                    Piece::Text(_) => {}
                }
            }
            for name in self.line.slots.keys() {
                let count = slots.iter().filter(|slot| *slot == name).count();
                if count != 1 {
                    return Err(format!(
                        "`{language}` has {{{name}}} {count} times, expected once"
                    ));
                }
            }
            if let Some(name) = slots.iter().find(|name| !self.line.slots.contains_key(**name)) {
                let hint = did_you_mean(name, self.line.slots.keys().map(String::as_str));
                return Err(format!(
                    "`{language}` has {{{name}}}, which `slots` does not list{hint}"
                ));
            }
            all_marks[index].sort_unstable();
            if let Some(twice) = all_marks[index].windows(2).find(|two| two[0] == two[1]) {
                return Err(format!("`{language}` has the mark [{}:…] twice", twice[0]));
            }
        }
        if all_marks[0] != all_marks[1] {
            let [en, zh] = all_marks.map(|marks| marks.join("`, `"));
            return Err(format!("`en` marks `{en}`, but `zh` marks `{zh}`"));
        }
        let [marks, _] = all_marks;
        if let Some(name) = marks.iter().find(|name| self.line.slots.contains_key(**name)) {
            return Err(format!("`{name}` is a slot and a mark; give the mark another name"));
        }
        let known = |name: &str, what: &str, among_slots: bool| {
            let slot = among_slots && self.line.slots.contains_key(name);
            match slot || (what != "a relation" && marks.contains(&name)) {
                true => Ok(()),
                false => Err(format!("{what} names `{name}`, which the text does not hold")),
            }
        };
        for (_, head, tail) in &self.line.relations {
            known(head, "a relation", true)?;
            known(tail, "a relation", true)?;
        }
        for event in &self.line.events {
            known(&event.trigger, "a trigger", false)?;
            for (_, filler) in &event.arguments {
                known(filler, "an argument", true)?;
            }
        }
        Ok(())
    }

    /// A name for each slot: a function of the split's seed, the frame and the repetition.
    fn names(
        &self,
        names: &Names,
        split: &Split,
        repetition: usize,
    ) -> Result<BTreeMap<String, Name>, String> {
        let (seed, repetition) = (split.seed.unwrap_or(0).to_string(), repetition.to_string());
        let mut random = Random::named(&[&seed, &self.line.id, &repetition]);
        let mut used: Vec<Name> = Vec::new();
        let mut filled = BTreeMap::new();
        for (slot, class) in &self.line.slots {
            let made_up = random.chance(split.made_up.unwrap_or(0.0));
            let name = names.draw(class, &used, made_up, &mut random).ok_or_else(|| {
                let part = split.names_part.as_deref().unwrap_or_default();
                if made_up {
                    return format!(
                        "other parts than `{part}` list so many names that none of the class `{class}` can be invented"
                    );
                }
                format!("the part `{part}` has too few names of the class `{class}`")
            })?;
            used.push(name.clone());
            filled.insert(slot.clone(), name);
        }
        Ok(filled)
    }

    fn row(&self, side: Side, id: &str, names: &BTreeMap<String, Name>) -> Row {
        let content = Ok(self.annotated(side, names));
        Row { file: self.file.clone(), line: self.number, id: Some(id.to_owned()), content }
    }

    fn annotated(&self, side: Side, names: &BTreeMap<String, Name>) -> Annotated {
        let (mut text, mut at) = (String::new(), 0);
        let mut places: BTreeMap<&str, Place> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        let pieces = if side == Side::En { &self.en } else { &self.zh };
        for piece in pieces {
            let (part, name) = match piece {
                Piece::Text(text) => (text.as_str(), None),
                Piece::Mark(name, text) => (text.as_str(), Some(name)),
                Piece::Slot(name) => {
                    order.push(name);
                    let filler = &names[name];
                    let filler = if side == Side::En { &filler.en } else { &filler.zh };
                    (filler.as_str(), Some(name))
                }
            };
            let end = at + part.chars().count();
            places.extend(name.map(|name| (name.as_str(), Place::at(at, end))));
            text.push_str(part);
            at = end;
        }
        let place = |name: &str| places.get(name).cloned().unwrap_or_default();
        let index = |name: &str| order.iter().position(|slot| *slot == name).unwrap_or_default();
        let entities = order
            .iter()
            .map(|slot| {
                let label = Some(self.line.slots[*slot].clone());
                Labelled { label, place: place(slot) }
            })
            .collect();
        let relations = self.line.relations.iter().map(|(label, head, tail)| Linked {
            label: label.clone(),
            head: index(head),
            tail: index(tail),
        });
        let events = self.line.events.iter().map(|event| Happening {
            label: event.class.clone(),
            trigger: place(&event.trigger),
            arguments: event
                .arguments
                .iter()
                .map(|(role, filler)| (role.clone(), place(filler)))
                .collect(),
        });
        Annotated {
            text,
            entities,
            relations: relations.collect(),
            events: events.collect(),
            left_out: Vec::new(),
        }
    }
}

/// Cuts a frame's text at its slots and marks.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['{', '[', '}', ']']).unwrap_or(rest.len());
        let (plain, marked) = rest.split_at(end);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        let Some(open) = marked.chars().next() else { break };
        let close = match open {
            '{' => '}',
            '[' => ']',
            other => return Err(format!("`{other}` closes what nothing opens in `{text}`")),
        };
        let (inside, after) = marked[1..]
            .split_once(close)
            .filter(|(inside, _)| !inside.contains(['{', '[', '}', ']']))
            .ok_or_else(|| format!("`{open}` is not closed in `{text}`"))?;
        pieces.push(match (open, inside.split_once(':')) {
            ('{', None) if !inside.is_empty() => Piece::Slot(inside.to_owned()),
            ('[', Some((name, literal))) if !name.is_empty() && !literal.is_empty() => {
                Piece::Mark(name.to_owned(), literal.to_owned())
            }
            _ => {
                let found = format!("{open}{inside}{close}");
                return Err(format!("`{found}` is neither a slot {{p1}} nor a mark [e1:text]"));
            }
        });
        rest = after;
    }
    Ok(pieces)
}
