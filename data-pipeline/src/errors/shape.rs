//! How two mentions lie to each other.

use super::Kind;
use super::claims::{Claim, Slot};
use crate::sentence::Span;

/// What two claims have in common, the most that any of their places have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Overlap {
    /// Characters of both, of the characters of either; of a relation, the mean of head and tail.
    pub likeness: f64,
    /// How the predicted one lies to the annotated one.
    pub kind: Kind,
}

/// The overlap of two claims with as many mentions; none if any of them lies apart.
pub(super) fn overlap(gold: &Claim, predicted: &Claim) -> Option<Overlap> {
    if gold.slots.len() != predicted.slots.len() {
        return None;
    }
    let pairs = gold.slots.iter().zip(&predicted.slots);
    let slots: Vec<Overlap> = pairs.map(|(a, b)| of_slots(a, b)).collect::<Option<_>>()?;
    let likeness = slots.iter().map(|it| it.likeness).sum::<f64>() / slots.len().max(1) as f64;
    Some(Overlap { likeness, kind: together(&slots) })
}

/// Whether the predicted mention and the place of the annotated one share a character.
pub(super) fn touches(place: &[Span], slot: &Slot) -> bool {
    slot.places.iter().any(|other| common(place, other) > 0)
}

/// The kind of a pair of relations: that of the side that differs; of sides that differ unlike each
/// other, that they are shifted.
fn together(slots: &[Overlap]) -> Kind {
    let mut kind = Kind::Correct;
    for slot in slots.iter().filter(|slot| slot.kind != Kind::Correct) {
        kind = if kind == Kind::Correct || kind == slot.kind { slot.kind } else { Kind::Shifted };
    }
    if kind == Kind::Correct { Kind::Rewritten } else { kind }
}

fn of_slots(gold: &Slot, predicted: &Slot) -> Option<Overlap> {
    if gold.text == predicted.text {
        return Some(Overlap { likeness: 1.0, kind: Kind::Correct });
    }
    let pairs = gold.places.iter().flat_map(|a| predicted.places.iter().map(move |b| (a, b)));
    pairs
        .filter_map(|(a, b)| of_places(a, b))
        .reduce(|best, other| if other.likeness > best.likeness { other } else { best })
}

fn of_places(gold: &[Span], predicted: &[Span]) -> Option<Overlap> {
    let both = common(gold, predicted);
    if both == 0 {
        return None;
    }
    let (gold, predicted) = (length(gold), length(predicted));
    let kind = match (both == gold, both == predicted) {
        (true, true) => Kind::Rewritten,
        (true, false) => Kind::TooLong,
        (false, true) => Kind::TooShort,
        (false, false) => Kind::Shifted,
    };
    Some(Overlap { likeness: both as f64 / (gold + predicted - both) as f64, kind })
}

fn length(pieces: &[Span]) -> usize {
    pieces.iter().map(|piece| piece.end - piece.start).sum()
}

/// Characters that two mentions share; their pieces are in the order of the text.
fn common(a: &[Span], b: &[Span]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        shared += x.end.min(y.end).saturating_sub(x.start.max(y.start));
        if x.end <= y.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    shared
}
