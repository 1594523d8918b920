//! Objects as tags: what a tagger could have said.
//!
//! A character has one tag, so spans neither nest nor overlap. Of objects that do, a longer one comes
//! before a shorter one, then the one further left, then the one said first; what finds a character
//! taken is left out, as is what has no place or several.

use crate::sentence::{Instance, Mention, Span};
use std::cmp::Reverse;

/// Class and place of each object that has its own tags.
pub(super) fn laid(objects: &[Instance]) -> Vec<(&str, Span)> {
    let mut placed: Vec<(&str, Span)> = objects.iter().filter_map(placed).collect();
    placed.sort_by_key(|(_, span)| (Reverse(span.end - span.start), span.start));
    let mut taken = Taken::default();
    placed.retain(|(_, span)| taken.take(*span));
    placed
}

fn placed(object: &Instance) -> Option<(&str, Span)> {
    let (class, mention): (_, &Mention) = match object {
        Instance::Entity(entity) => (&entity.class, &entity.mention),
        Instance::Event(event) => (&event.class, &event.trigger),
        Instance::Relation(_) => return None,
    };
    let span = mention.span.filter(|span| span.start < span.end && !mention.is_in_pieces())?;
    Some((class, span))
}

/// Characters that have their tag, as spans without overlaps, by their starts.
#[derive(Default)]
struct Taken(std::collections::BTreeMap<usize, usize>);

impl Taken {
    /// Takes the characters of `span` if all of them are free.
    fn take(&mut self, span: Span) -> bool {
        // Spans do not overlap, so only the last one that begins before the end can reach into it.
        let before = self.0.range(..span.end).next_back();
        let free = before.is_none_or(|(_, end)| *end <= span.start);
        if free {
            self.0.insert(span.start, span.end);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::Entity;

    #[test]
    fn longer_ones_come_first_and_nothing_overlaps() {
        let at = |class: &str, start: usize, end: usize| {
            let mention = Mention::at("x".repeat(end - start), start, end);
            Instance::Entity(Entity { class: class.to_owned(), mention })
        };
        let objects = [
            at("inner", 2, 4),
            at("outer", 0, 6),
            at("reaches-in", 5, 8),
            at("beside", 6, 8),
            at("same", 6, 8),
            at("empty", 9, 9),
        ];
        let found: Vec<&str> = laid(&objects).into_iter().map(|(class, _)| class).collect();
        // Of 5..8 and 0..6 the longer one comes first; then 5..8 is taken from 6..8.
        assert_eq!(found, ["outer", "beside"]);
        assert_eq!(laid(&objects[2..]).len(), 1);
    }
}
