//! In which order an answer lists its objects.
//!
//! A fixed order is what makes an answer learnable: of the many lists that say the same, the
//! model is only ever shown one.

use crate::python::Dialect;
use crate::schema::Class;
use crate::sentence::{Instance, Span};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The objects of offered classes in the order of an answer, roles in the order of their class.
pub(super) fn offered(
    objects: Vec<Instance>,
    classes: &[&Class],
    dialect: Dialect,
) -> Vec<Instance> {
    let mut objects = filtered(objects, classes);
    for object in &mut objects {
        if let Instance::Event(event) = object
            && let Some(class) = classes.iter().find(|class| class.name == event.class)
        {
            event.arguments.sort_by_key(|(role, _)| {
                class.arguments.iter().position(|known| known.name == *role).unwrap_or(usize::MAX)
            });
        }
    }
    ordered(objects, dialect)
}

pub(super) fn filtered(mut objects: Vec<Instance>, classes: &[&Class]) -> Vec<Instance> {
    objects.retain(|object| classes.iter().any(|class| class.name == object.class()));
    objects
}

/// The order of an answer: grouped by class, classes and objects as they appear in the sentence.
///
/// The dialect `official` keeps the order of the annotation, as the released rows do.
pub(super) fn ordered(mut objects: Vec<Instance>, dialect: Dialect) -> Vec<Instance> {
    if dialect == Dialect::Python && objects.iter().all(|object| place(object).is_some()) {
        objects.sort_by_key(place);
    }
    grouped(objects)
}

/// Objects of one class side by side, classes in the order of their first object.
pub(super) fn grouped(objects: Vec<Instance>) -> Vec<Instance> {
    let mut ranks: HashMap<String, usize> = HashMap::new();
    let mut ranked: Vec<(usize, Instance)> = objects
        .into_iter()
        .map(|object| {
            let next = ranks.len();
            (*ranks.entry(object.class().to_owned()).or_insert(next), object)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, object)| object).collect()
}

/// What an object is sorted by; nothing where it has no span.
fn place(object: &Instance) -> Option<(Span, Option<Span>)> {
    match object {
        Instance::Entity(entity) => Some((entity.mention.span?, None)),
        Instance::Relation(relation) => {
            Some((relation.head.mention.span?, Some(relation.tail.mention.span?)))
        }
        Instance::Event(event) => Some((event.trigger.span?, None)),
    }
}

/// Both sides in the order of the source's answer, if they have the same classes equally often;
/// else each in its own order.
pub(super) fn aligned(
    source: Vec<Instance>,
    target: Vec<Instance>,
    dialect: Dialect,
) -> (Vec<Instance>, Vec<Instance>) {
    let classes = |objects: &[Instance]| -> Vec<String> {
        objects.iter().map(|object| object.class().to_owned()).collect()
    };
    let sorted = |objects: &[Instance]| {
        let mut classes = classes(objects);
        classes.sort();
        classes
    };
    let source_in_order = ordered(source.clone(), dialect);
    if sorted(&source) != sorted(&target) {
        return (source_in_order, ordered(target, dialect));
    }
    // Annotations in step pair up as they stand; else the n-th of a class goes with the n-th.
    let in_step = classes(&source) == classes(&target);
    let given = if in_step { source } else { source_in_order.clone() };
    let target = if in_step { target } else { ordered(target, dialect) };
    let mut of_class: BTreeMap<String, VecDeque<Instance>> = BTreeMap::new();
    for object in target {
        of_class.entry(object.class().to_owned()).or_default().push_back(object);
    }
    let mut partners: HashMap<Instance, VecDeque<Instance>> = HashMap::new();
    for object in given {
        let partner = of_class.get_mut(object.class()).and_then(VecDeque::pop_front);
        partners.entry(object).or_default().extend(partner);
    }
    let target_in_order = source_in_order
        .iter()
        .filter_map(|object| partners.get_mut(object).and_then(VecDeque::pop_front))
        .collect();
    (source_in_order, target_in_order)
}
