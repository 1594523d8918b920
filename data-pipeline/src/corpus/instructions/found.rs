//! Where a sentence has what an answer says.

use super::answer::{Argument, Said};
use crate::corpus::locate;
use crate::corpus::row::{Annotated, Happening, Labelled, Linked, Place};
use std::collections::{HashMap, HashSet};

/// What is said of `text`, each mention at a place of its own as far as there are places.
pub(crate) fn annotated(text: &str, said: Vec<Said>) -> Result<Annotated, String> {
    let mut draft = Draft { text, ..Draft::default() };
    for object in said {
        match object {
            Said::Entity { label, surface } => draft.entity(label, &surface)?,
            Said::Relation { label, head, tail } => {
                let head = draft.argument(head)?;
                let tail = draft.argument(tail)?;
                if draft.linked.insert((label.clone(), head, tail)) {
                    draft.found.relations.push(Linked { label, head, tail });
                }
            }
            Said::Event { label, trigger, arguments } => draft.event(label, &trigger, arguments)?,
        }
    }
    Ok(Annotated { text: text.to_owned(), ..draft.found })
}

/// First character, and one past the last.
type Range = (usize, usize);

/// What is found as it grows. An answer may say one name thousands of times, so nothing is looked
/// for twice.
#[derive(Default)]
struct Draft<'a> {
    text: &'a str,
    /// Where each surface stands.
    places: HashMap<String, Vec<Range>>,
    /// The index of each entity.
    entities: HashMap<(Option<String>, Range), usize>,
    /// Label, head and tail of each relation.
    linked: HashSet<(String, usize, usize)>,
    /// Label of each event, and the first character of its trigger.
    triggers: HashSet<(String, usize)>,
    /// How many places of a label and a surface are taken: of entities, and of triggers.
    taken: [HashMap<(String, String), usize>; 2],
    found: Annotated,
}

impl Draft<'_> {
    /// The place of a surface with this number; none behind the last, and an error where there is
    /// none at all.
    fn place(&mut self, surface: &str, number: usize) -> Result<Option<Range>, String> {
        if !self.places.contains_key(surface) {
            self.places.insert(surface.to_owned(), locate::find(self.text, surface));
        }
        match self.places.get(surface).filter(|places| !places.is_empty()) {
            Some(places) => Ok(places.get(number).copied()),
            None => Err(format!("`{surface}` is not in the sentence")),
        }
    }

    /// Where the sentence has a surface first.
    fn first(&mut self, surface: &str) -> Result<Range, String> {
        Ok(self.place(surface, 0)?.unwrap_or_default())
    }

    /// The first place of a surface that `is_taken` does not refuse. What is taken stays so, and no
    /// place is asked about again.
    fn free(
        &mut self,
        kind: usize,
        label: &str,
        surface: &str,
        is_taken: impl Fn(&Self, Range) -> bool,
    ) -> Result<Option<Range>, String> {
        let key = (label.to_owned(), surface.to_owned());
        let mut number = self.taken[kind].get(&key).copied().unwrap_or_default();
        let free = loop {
            match self.place(surface, number)? {
                Some(place) if is_taken(self, place) => number += 1,
                found => break found,
            }
        };
        self.taken[kind].insert(key, number);
        Ok(free)
    }

    /// Adds an entity where none of its label stands yet; one too many is said twice.
    fn entity(&mut self, label: String, surface: &str) -> Result<(), String> {
        let key = |place: Range| (Some(label.clone()), place);
        let is_taken = |draft: &Self, place: Range| draft.entities.contains_key(&key(place));
        if let Some(place) = self.free(ENTITY, &label, surface, is_taken)? {
            self.labelled(Some(label), place);
        }
        Ok(())
    }

    /// The entity that an argument of a relation is: where the sentence has it first.
    fn argument(&mut self, argument: Argument) -> Result<usize, String> {
        let place = self.first(&argument.surface)?;
        Ok(self.labelled(argument.label, place))
    }

    /// Adds an event where none of its class has its trigger yet, or where the sentence has it first.
    fn event(
        &mut self,
        label: String,
        trigger: &str,
        arguments: Vec<(String, String)>,
    ) -> Result<(), String> {
        let is_taken =
            |draft: &Self, place: Range| draft.triggers.contains(&(label.clone(), place.0));
        let (start, end) = match self.free(TRIGGER, &label, trigger, is_taken)? {
            Some(place) => place,
            None => self.first(trigger)?,
        };
        let mut fillers = Vec::new();
        for (role, surface) in arguments {
            let (start, end) = self.first(&surface)?;
            fillers.push((role, Place::at(start, end)));
        }
        self.triggers.insert((label.clone(), start));
        let trigger = Place::at(start, end);
        self.found.events.push(Happening { label, trigger, arguments: fillers });
        Ok(())
    }

    /// The index of the entity of a label at a place, which is added if it is not there.
    fn labelled(&mut self, label: Option<String>, place: Range) -> usize {
        let entities = &mut self.found.entities;
        *self.entities.entry((label.clone(), place)).or_insert_with(|| {
            entities.push(Labelled { label, place: Place::at(place.0, place.1) });
            entities.len() - 1
        })
    }
}

/// The two that take places of their own.
const ENTITY: usize = 0;
const TRIGGER: usize = 1;

/// Adds to `whole` what `part` says beside it of the same text.
pub(crate) fn merge(whole: &mut Annotated, part: Annotated) {
    let Annotated { entities, relations, events, left_out, .. } = part;
    let mut indices = Vec::with_capacity(entities.len());
    for Labelled { label, place } in entities {
        indices.push(labelled(whole, label, (place.start, place.end)));
    }
    for Linked { label, head, tail } in relations {
        link(whole, Linked { label, head: indices[head], tail: indices[tail] });
    }
    for event in events {
        if !whole.events.iter().any(|known| same(known, &event)) {
            whole.events.push(event);
        }
    }
    whole.left_out.extend(left_out);
}

/// The index of the entity of a label at a place, which is added if it is not there.
fn labelled(draft: &mut Annotated, label: Option<String>, place: (usize, usize)) -> usize {
    if let Some(index) = index_of(draft, &label, place) {
        return index;
    }
    draft.entities.push(Labelled { label, place: Place::at(place.0, place.1) });
    draft.entities.len() - 1
}

fn index_of(draft: &Annotated, label: &Option<String>, place: (usize, usize)) -> Option<usize> {
    draft
        .entities
        .iter()
        .position(|known| known.label == *label && (known.place.start, known.place.end) == place)
}

/// Adds a relation that is not there yet.
fn link(draft: &mut Annotated, new: Linked) {
    let is_new =
        |known: &Linked| (&known.label, known.head, known.tail) != (&new.label, new.head, new.tail);
    if draft.relations.iter().all(is_new) {
        draft.relations.push(new);
    }
}

/// Whether two events say the same.
fn same(one: &Happening, other: &Happening) -> bool {
    let ends = Place::ends;
    one.label == other.label
        && ends(&one.trigger) == ends(&other.trigger)
        && one.arguments.len() == other.arguments.len()
        && one
            .arguments
            .iter()
            .zip(&other.arguments)
            .all(|((role, place), (name, own))| role == name && ends(place) == ends(own))
}
