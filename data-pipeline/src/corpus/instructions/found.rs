//! Where a sentence has what an answer says.

use super::answer::{Argument, Said};
use crate::corpus::locate;
use crate::corpus::row::{Annotated, Happening, Labelled, Linked, Place};

/// What is said of `text`, each mention at a place of its own as far as there are places.
pub(crate) fn annotated(text: &str, said: Vec<Said>) -> Result<Annotated, String> {
    let mut draft = Annotated { text: text.to_owned(), ..Annotated::default() };
    for object in said {
        match object {
            Said::Entity { label, surface } => entity(&mut draft, label, &surface)?,
            Said::Relation { label, head, tail } => {
                let head = argument(&mut draft, head)?;
                let tail = argument(&mut draft, tail)?;
                link(&mut draft, Linked { label, head, tail });
            }
            Said::Event { label, trigger, arguments } => {
                event(&mut draft, label, &trigger, arguments)?;
            }
        }
    }
    Ok(draft)
}

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

/// The places of a surface; there is at least one.
fn places(text: &str, surface: &str) -> Result<Vec<(usize, usize)>, String> {
    let found = locate::find(text, surface);
    match found.is_empty() {
        true => Err(format!("`{surface}` is not in the sentence")),
        false => Ok(found),
    }
}

/// Adds an entity where none of its label stands yet; one too many is said twice.
fn entity(draft: &mut Annotated, label: String, surface: &str) -> Result<(), String> {
    for place in places(&draft.text, surface)? {
        if index_of(draft, &Some(label.clone()), place).is_none() {
            labelled(draft, Some(label), place);
            return Ok(());
        }
    }
    Ok(())
}

/// The entity that an argument of a relation is: where the sentence has it first.
fn argument(draft: &mut Annotated, argument: Argument) -> Result<usize, String> {
    let Argument { label, surface } = argument;
    let place = places(&draft.text, &surface)?[0];
    Ok(labelled(draft, label, place))
}

/// Adds an event where none of its class has its trigger yet, or where the sentence has it first.
fn event(
    draft: &mut Annotated,
    label: String,
    trigger: &str,
    arguments: Vec<(String, String)>,
) -> Result<(), String> {
    let found = places(&draft.text, trigger)?;
    let free = found.iter().find(|(start, _)| {
        !draft.events.iter().any(|event| event.label == label && event.trigger.start == *start)
    });
    let (start, end) = *free.unwrap_or(&found[0]);
    let mut fillers = Vec::new();
    for (role, surface) in arguments {
        let (start, end) = places(&draft.text, &surface)?[0];
        fillers.push((role, Place::at(start, end)));
    }
    let trigger = Place::at(start, end);
    draft.events.push(Happening { label, trigger, arguments: fillers });
    Ok(())
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
