//! What is asked in parts because it is too long in one prompt.
//!
//! Preparation and evaluation divide here, so that a model meets at work the parts that it was
//! trained on; answers to parts become one answer again. A part is a run of the classes: together
//! the parts offer each class exactly once.

use crate::sentence::{Instance, Span};
use std::collections::HashSet;

/// The two parts of what is too long; the first is the larger. There are none of a single class.
pub fn halves<T>(classes: &[T]) -> Option<(&[T], &[T])> {
    (classes.len() > 1).then(|| classes.split_at(classes.len().div_ceil(2)))
}

/// The fewest parts of `classes`, by halves, that `fits` accepts; none if a single class is too much.
///
/// `fits` is asked for whole `classes` first; without classes there is one part, if it fits.
pub fn parts<'a, T>(classes: &'a [T], fits: &mut impl FnMut(&[T]) -> bool) -> Option<Vec<&'a [T]>> {
    if fits(classes) {
        return Some(vec![classes]);
    }
    let (first, second) = halves(classes)?;
    let mut found = parts(first, fits)?;
    found.extend(parts(second, fits)?);
    Some(found)
}

/// One answer of those to parts: each object once, in the order of the sentence, and behind them
/// those that stand nowhere in it.
pub fn merged(answers: impl IntoIterator<Item = Vec<Instance>>) -> Vec<Instance> {
    let mut seen = HashSet::new();
    let mut objects: Vec<Instance> =
        answers.into_iter().flatten().filter(|object| seen.insert(object.clone())).collect();
    objects.sort_by_key(|object| {
        let place = place(object);
        (place.is_none(), place)
    });
    objects
}

/// Where an object begins in its sentence.
fn place(object: &Instance) -> Option<Span> {
    match object {
        Instance::Entity(entity) => entity.mention.span,
        Instance::Relation(relation) => relation.head.mention.span,
        Instance::Event(event) => event.trigger.span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::{Entity, Mention};
    use proptest::prelude::*;

    fn entity(class: &str, text: &str, start: Option<usize>) -> Instance {
        let mut mention = Mention::surface(text);
        mention.span = start.map(|start| Span { start, end: start + text.chars().count() });
        Instance::Entity(Entity { class: class.to_owned(), mention })
    }

    #[test]
    fn answers_become_one_in_the_order_of_the_sentence() {
        let first = vec![entity("A", "Ann", Some(9)), entity("A", "Eve", None)];
        let second = vec![
            entity("B", "Bonn", Some(0)),
            entity("A", "Ann", Some(9)),
            // The same text with another class is another object.
            entity("B", "Ann", Some(9)),
        ];
        let expected = vec![
            entity("B", "Bonn", Some(0)),
            entity("A", "Ann", Some(9)),
            entity("B", "Ann", Some(9)),
            entity("A", "Eve", None),
        ];
        assert_eq!(merged([first, second]), expected);
    }

    proptest! {
        #[test]
        fn parts_offer_every_class_once_and_fit(
            lengths in proptest::collection::vec(1usize..20, 0..40),
            limit in 1usize..120,
        ) {
            let mut fits = |part: &[usize]| part.iter().sum::<usize>() <= limit;
            match parts(&lengths, &mut fits) {
                Some(found) => {
                    prop_assert_eq!(found.concat(), lengths.clone());
                    prop_assert!(found.iter().all(|part| fits(part)));
                }
                // Nothing is left out: only a single class that is too long by itself refuses all.
                None => prop_assert!(lengths.iter().any(|length| *length > limit)),
            }
        }
    }
}
