//! Rows become sentences: offsets are held against the text, labels become classes.

use super::Counts;
use super::labels::Labels;
use super::quarantine::Quarantined;
use super::row::{Annotated, LeftOut, Place, Row};
use crate::{Class, Entity, Error, Event, Kind, Mention, Relation, Sentence, Span};
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// The class of a relation's argument whose type the corpus does not give.
const UNTYPED: &str = "Entity";

/// Misfits that are kept with their reasons; more than these nobody declares or reads.
const KEPT: usize = 100_000;

/// Collects the sentences of one language of one split.
#[derive(Debug)]
pub(crate) struct Assembly<'a> {
    /// `corpus/split`, the front of made ids.
    name: String,
    language: &'a str,
    labels: Labels<'a>,
    /// Hashes of the ids: of ten million, two are equal by chance in one of 300,000 corpora, and
    /// then one of them is told apart without need.
    ids: HashSet<u64>,
    rows: usize,
    /// Whether entities keep the order of the file.
    pub in_step: bool,
    /// Rows that did not fit, the first [`KEPT`].
    pub quarantined: Vec<Quarantined>,
    /// How many did not.
    pub misfits: usize,
    /// Annotations whose label is declared as dropped.
    pub dropped: BTreeMap<String, usize>,
    /// Annotations of sound rows, dropped ones too.
    pub counts: Counts,
}

/// An annotation whose places are mentions of the text.
struct Located {
    entities: Vec<(Option<String>, Mention)>,
    relations: Vec<(String, usize, usize)>,
    events: Vec<LocatedEvent>,
}

/// An event whose places are mentions of the text.
struct LocatedEvent {
    label: String,
    trigger: Mention,
    fillers: Vec<(String, Mention)>,
}

impl<'a> Assembly<'a> {
    /// Nothing yet, for the split `name` in `language`.
    pub(crate) fn new(name: String, language: &'a str, labels: Labels<'a>) -> Self {
        Self {
            name,
            language,
            labels,
            ids: HashSet::new(),
            rows: 0,
            in_step: false,
            quarantined: Vec::new(),
            misfits: 0,
            dropped: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// The sentence of `row`, or none if it goes to quarantine; a label that nobody declared stops.
    pub(crate) fn sentence(&mut self, row: Row) -> Result<Option<Sentence>, Error> {
        self.rows += 1;
        let located = row.content.and_then(|content| {
            let located = locate(&content)?;
            Ok((content.text, content.left_out, located))
        });
        let (text, left_out, located) = match located {
            Ok(found) => found,
            Err(reason) => {
                let file = row.file.display().to_string();
                self.misfits += 1;
                if self.quarantined.len() < KEPT {
                    self.quarantined.push(Quarantined { file, line: row.line, reason });
                }
                return Ok(None);
            }
        };
        let id = self.unique(row.id);
        self.counts.sentences += 1;
        let typed = located.entities.iter().filter(|(label, _)| label.is_some());
        self.counts.entities += typed.count();
        self.counts.relations += located.relations.len();
        self.counts.events += located.events.len();
        self.leave_out(left_out);
        let data = |message| Error::data(&row.file, row.line, message);
        let entities = self.entities(located.entities).map_err(data)?;
        let relations = self.relations(located.relations, &entities).map_err(data)?;
        let events = self.events(located.events).map_err(data)?;
        let mut sentence = Sentence {
            id,
            text,
            language: self.language.to_owned(),
            entities: entities
                .into_iter()
                .flatten()
                .filter(|entity| entity.class != UNTYPED)
                .collect(),
            relations,
            events,
        };
        in_order(&mut sentence, self.in_step);
        Ok(Some(sentence))
    }

    /// Counts what the reader could not put into a sentence.
    fn leave_out(&mut self, left_out: Vec<LeftOut>) {
        for LeftOut { kind, reason } in left_out {
            match kind {
                Some(Kind::Entity) => self.counts.entities += 1,
                Some(Kind::Relation) => self.counts.relations += 1,
                Some(Kind::Event) => self.counts.events += 1,
                None => {}
            }
            *self.dropped.entry(reason).or_default() += 1;
        }
    }

    fn unique(&mut self, own: Option<String>) -> String {
        let id = own.unwrap_or_else(|| format!("{}/{}", self.name, self.rows));
        // An id that comes again is told apart by the number of its row.
        let hash = |id: &str| BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
        if self.ids.insert(hash(&id)) {
            return id;
        }
        let id = format!("{id}#{}", self.rows);
        self.ids.insert(hash(&id));
        id
    }

    /// One for each annotation, so that relations can point at them; none where dropped.
    fn entities(
        &mut self,
        found: Vec<(Option<String>, Mention)>,
    ) -> Result<Vec<Option<Entity>>, String> {
        let entity = |(label, mention): (Option<String>, Mention)| {
            let Some(label) = label else {
                return Ok(Some(Entity { class: UNTYPED.to_owned(), mention }));
            };
            let class = self.class(&label, Kind::Entity)?;
            Ok(class.map(|class| Entity { class: class.name.clone(), mention }))
        };
        found.into_iter().map(entity).collect()
    }

    /// The relations whose label and whose two arguments are kept.
    fn relations(
        &mut self,
        found: Vec<(String, usize, usize)>,
        entities: &[Option<Entity>],
    ) -> Result<Vec<Relation>, String> {
        let mut relations = Vec::new();
        for (label, head, tail) in found {
            let Some(class) = self.class(&label, Kind::Relation)? else { continue };
            let (Some(head), Some(tail)) = (&entities[head], &entities[tail]) else {
                *self.dropped.entry(label).or_default() += 1;
                continue;
            };
            let (head, tail) = (head.clone(), tail.clone());
            relations.push(Relation { class: class.name.clone(), head, tail });
        }
        Ok(relations)
    }

    fn events(&mut self, found: Vec<LocatedEvent>) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for LocatedEvent { label, trigger, fillers } in found {
            let Some(class) = self.class(&label, Kind::Event)? else { continue };
            let mut arguments = Vec::new();
            for (role, mention) in fillers {
                match self.labels.role(&role, class)? {
                    Some(position) => arguments.push((position, mention)),
                    None => *self.dropped.entry(role).or_default() += 1,
                }
            }
            arguments.sort_by_key(|(position, mention)| {
                (*position, mention.span, mention.pieces.clone())
            });
            arguments.dedup();
            let name = |position: usize| class.arguments[position].name.clone();
            let arguments = arguments
                .into_iter()
                .map(|(position, mention)| (name(position), mention))
                .collect();
            events.push(Event { class: class.name.clone(), trigger, arguments });
        }
        Ok(events)
    }

    /// The class of `label`; a dropped one is counted.
    fn class(&mut self, label: &str, kind: Kind) -> Result<Option<&'a Class>, String> {
        let class = self.labels.class(label, kind)?;
        if class.is_none() {
            *self.dropped.entry(label.to_owned()).or_default() += 1;
        }
        Ok(class)
    }
}

/// Order of appearance, each object once: two labels that map to one class would repeat it.
/// Entities of pairs `in_step` stay where they are.
fn in_order(sentence: &mut Sentence, in_step: bool) {
    let start = |mention: &Mention| (mention.span, mention.pieces.clone());
    if !in_step {
        sentence
            .entities
            .sort_by(|a, b| (start(&a.mention), &a.class).cmp(&(start(&b.mention), &b.class)));
    }
    sentence.entities.dedup();
    sentence.relations.sort_by_key(|relation| {
        (start(&relation.head.mention), start(&relation.tail.mention), relation.class.clone())
    });
    sentence.relations.dedup();
    sentence.events.sort_by_key(|event| (start(&event.trigger), event.class.clone()));
    sentence.events.dedup();
}

/// Holds every place against the text.
fn locate(content: &Annotated) -> Result<Located, String> {
    if content.text.trim().is_empty() {
        return Err("the text is empty".into());
    }
    let text = Characters::new(&content.text);
    let entities = content
        .entities
        .iter()
        .map(|entity| {
            let label = entity.label.as_deref().unwrap_or(UNTYPED);
            Ok((entity.label.clone(), text.mention(&entity.place, label)?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let count = entities.len();
    let relations = content
        .relations
        .iter()
        .map(|relation| match relation.head.max(relation.tail) {
            last if last < count => Ok((relation.label.clone(), relation.head, relation.tail)),
            last => Err(format!(
                "relation `{}` points at entity {last}, but there are only {count}",
                relation.label
            )),
        })
        .collect::<Result<Vec<_>, String>>()?;
    let events = content
        .events
        .iter()
        .map(|event| {
            let trigger = text.mention(&event.trigger, &event.label)?;
            let fillers = event
                .arguments
                .iter()
                .map(|(role, place)| Ok((role.clone(), text.mention(place, role)?)))
                .collect::<Result<Vec<_>, String>>()?;
            Ok(LocatedEvent { label: event.label.clone(), trigger, fillers })
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok(Located { entities, relations, events })
}

/// A text that is cut by characters.
struct Characters<'a> {
    text: &'a str,
    /// The byte at which each character starts, and the end.
    bytes: Vec<usize>,
}

impl<'a> Characters<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { text, bytes }
    }

    fn mention(&self, place: &Place, label: &str) -> Result<Mention, String> {
        let Place { start, end, surface, pieces } = place;
        self.is_inside(*start, *end, label)?;
        for (from, to) in pieces {
            self.is_inside(*from, *to, label)?;
        }
        let text = match pieces.as_slice() {
            [] => self.slice(*start, *end).to_owned(),
            pieces => {
                let texts: Vec<&str> =
                    pieces.iter().map(|(from, to)| self.slice(*from, *to)).collect();
                texts.join(" ")
            }
        };
        if let Some(surface) = surface.as_ref().filter(|surface| **surface != text) {
            return Err(format!(
                "`{label}` at characters {} (end exclusive) reads `{text}`, but the row says `{surface}`",
                written(place)
            ));
        }
        if pieces.is_empty() {
            return Ok(Mention::at(text, *start, *end));
        }
        let spans = pieces.iter().map(|(start, end)| Span { start: *start, end: *end }).collect();
        Ok(Mention::in_pieces(text, spans))
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        &self.text[self.bytes[start]..self.bytes[end]]
    }

    fn is_inside(&self, start: usize, end: usize, label: &str) -> Result<(), String> {
        let length = self.bytes.len() - 1;
        if start >= end {
            return Err(format!("`{label}` at characters {start}..{end} (end exclusive) is empty"));
        }
        if end > length {
            return Err(format!(
                "`{label}` at characters {start}..{end} (end exclusive) leaves the text, which has {length}"
            ));
        }
        Ok(())
    }
}

/// The characters of a place, as `0..3` or `0..3, 8..11`.
fn written(place: &Place) -> String {
    if place.pieces.is_empty() {
        return format!("{}..{}", place.start, place.end);
    }
    let pieces: Vec<String> =
        place.pieces.iter().map(|(start, end)| format!("{start}..{end}")).collect();
    pieces.join(", ")
}
