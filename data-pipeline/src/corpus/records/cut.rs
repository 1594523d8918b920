//! The annotation of a document becomes that of its rows.

use super::document::Document;
use crate::Kind;
use crate::corpus::row::{Annotated, Happening, Labelled, LeftOut, Linked, Place};

/// Why an annotation is left out that no row holds as a whole.
const ACROSS: &str = "across sentences";

/// One annotation a row of `document`; what no row holds is left out, and counted.
pub(crate) fn cut(document: &Document, whole: Annotated) -> Vec<Annotated> {
    let mut rows: Vec<Annotated> = document
        .rows
        .iter()
        .map(|row| Annotated { text: document.slice(*row).to_owned(), ..Annotated::default() })
        .collect();
    let Annotated { entities, relations, events, left_out, .. } = whole;
    if let Some(first) = rows.first_mut() {
        first.left_out = left_out;
    }
    let starts: Vec<usize> = entities.iter().map(|entity| entity.place.start).collect();
    let indices = give_entities(document, entities, &mut rows);
    for Linked { label, head, tail } in relations {
        match (indices[head], indices[tail]) {
            (Some((row, head)), Some((other, tail))) if row == other => {
                rows[row].relations.push(Linked { label, head, tail });
            }
            _ => {
                let row = document.row_at(starts[head]);
                leave_out(&mut rows[row], Some(Kind::Relation), &label);
            }
        }
    }
    for event in events {
        give_event(document, event, &mut rows);
    }
    rows
}

/// Puts each entity into its row; where it is then, by its index in the document.
fn give_entities(
    document: &Document,
    entities: Vec<Labelled>,
    rows: &mut [Annotated],
) -> Vec<Option<(usize, usize)>> {
    let mut indices = Vec::with_capacity(entities.len());
    for Labelled { label, place } in entities {
        match row_of(document, &place) {
            Some(row) => {
                indices.push(Some((row, rows[row].entities.len())));
                let place = moved(document, row, place);
                rows[row].entities.push(Labelled { label, place });
            }
            None => {
                indices.push(None);
                // Without a label it is nothing beside its relation, which is left out itself.
                if let Some(label) = label {
                    let row = document.row_at(place.start);
                    leave_out(&mut rows[row], Some(Kind::Entity), &label);
                }
            }
        }
    }
    indices
}

/// Puts an event into the row of its trigger, with the arguments that stand there too.
fn give_event(document: &Document, event: Happening, rows: &mut [Annotated]) {
    let Happening { label, trigger, arguments } = event;
    let Some(row) = row_of(document, &trigger) else {
        let row = document.row_at(trigger.start);
        leave_out(&mut rows[row], Some(Kind::Event), &label);
        return;
    };
    let mut kept = Vec::new();
    for (role, place) in arguments {
        if row_of(document, &place) == Some(row) {
            kept.push((role, moved(document, row, place)));
        } else {
            leave_out(&mut rows[row], None, &role);
        }
    }
    let trigger = moved(document, row, trigger);
    rows[row].events.push(Happening { label, trigger, arguments: kept });
}

fn row_of(document: &Document, place: &Place) -> Option<usize> {
    document.row_of((place.start, place.end))
}

/// A place counted from the start of its row.
fn moved(document: &Document, row: usize, place: Place) -> Place {
    let start = document.rows[row].0;
    let pieces = place.pieces.into_iter().map(|(from, to)| (from - start, to - start)).collect();
    Place { start: place.start - start, end: place.end - start, surface: place.surface, pieces }
}

fn leave_out(row: &mut Annotated, kind: Option<Kind>, label: &str) {
    row.left_out.push(LeftOut { kind, reason: format!("{label} ({ACROSS})") });
}
