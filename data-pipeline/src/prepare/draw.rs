//! Which sentences share a prompt, and which classes it offers.
//!
//! Classes are drawn per group, not per sentence, so that the group's prefix is one. Which items form
//! a group is decided at once, its classes when it is asked for: a corpus has many groups.

use super::lesson::Outline;
use super::{PrepareConfig, SelectionMode};
use crate::random::Random;
use crate::schema::Task;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Groups are formed among so many neighbours of a random order: near in length, else by chance.
const WINDOW: usize = 32;

/// The groups of a lesson.
pub(super) struct Drawn<'a> {
    draw: Draw<'a>,
    /// Items in the order of their groups.
    order: Vec<u32>,
    /// Items that are asked again about classes that they do not have.
    emptied: Vec<u32>,
    /// How many classes the groups of `order` have, if some items are emptied.
    sizes: Vec<usize>,
    /// Sentences without objects beyond the wanted share.
    pub left_out: usize,
}

/// Items that are asked about the same classes.
pub(super) struct DrawnGroup {
    /// Places in the lesson's items.
    pub items: Vec<usize>,
    /// Places in the schema, in the order of the prompt.
    pub classes: Vec<usize>,
    /// What is put behind the ids of these samples; the same sentence may also be in another group.
    pub mark: &'static str,
}

/// Forms the groups of `lesson`; a function of the settings and the lesson alone.
pub(super) fn draw<'a>(lesson: &'a Outline<'a>, config: &'a PrepareConfig) -> Drawn<'a> {
    let draw = Draw { lesson, config };
    match config.selection.mode {
        SelectionMode::Full => draw.full(),
        SelectionMode::Sampled => draw.sampled(),
    }
}

impl Drawn<'_> {
    /// How many groups there are, those that [`Self::group`] finds without a class among them.
    pub(super) fn len(&self) -> usize {
        self.first() + self.emptied.len().div_ceil(self.draw.config.group)
    }

    /// The group with this number; none if there is no class that it could be asked about.
    pub(super) fn group(&self, number: usize) -> Option<DrawnGroup> {
        let first = self.first();
        if number >= first {
            let items = self.items(&self.emptied, number - first);
            return self.draw.without_positives(items, &self.sizes, number - first);
        }
        let items = self.items(&self.order, number);
        Some(match self.draw.config.selection.mode {
            SelectionMode::Full => self.draw.with_all(items, number),
            SelectionMode::Sampled => self.draw.with_negatives(items, number),
        })
    }

    /// How many groups `order` has.
    fn first(&self) -> usize {
        self.order.len().div_ceil(self.draw.config.group)
    }

    fn items(&self, among: &[u32], number: usize) -> Vec<usize> {
        let k = self.draw.config.group;
        among.iter().skip(number.saturating_mul(k)).take(k).map(|item| *item as usize).collect()
    }
}

#[derive(Clone, Copy)]
struct Draw<'a> {
    lesson: &'a Outline<'a>,
    config: &'a PrepareConfig,
}

impl<'a> Draw<'a> {
    /// Every item is asked about every class.
    fn full(self) -> Drawn<'a> {
        let order = self.grouped((0..self.lesson.items.len() as u32).collect(), "order");
        Drawn { draw: self, order, emptied: Vec::new(), sizes: Vec::new(), left_out: 0 }
    }

    /// Items are asked about what occurs in their group and some other classes.
    fn sampled(self) -> Drawn<'a> {
        let items = &self.lesson.items;
        let (full, mut bare): (Vec<u32>, Vec<u32>) =
            (0..items.len() as u32).partition(|item| !items[*item as usize].positives.is_empty());
        let ratio = if self.told() { 0.0 } else { self.config.selection.empty_ratio };
        let wanted = (full.len() as f64 * ratio / (1.0 - ratio)).round() as usize;
        self.random("bare", 0).shuffle(&mut bare);
        let left_out = bare.len().saturating_sub(wanted);
        bare.truncate(wanted);

        let missing = wanted - bare.len();
        let mut emptied = Vec::new();
        if missing > 0 {
            emptied.clone_from(&full);
            self.random("emptied", 0).shuffle(&mut emptied);
            emptied.truncate(missing);
        }

        let order = self.grouped(full.into_iter().chain(bare).collect(), "order");
        let mut drawn = Drawn { draw: self, order, emptied, sizes: Vec::new(), left_out };
        if missing > 0 {
            let size = |number| drawn.group(number).map_or(0, |group| group.classes.len());
            drawn.sizes = (0..drawn.first()).into_par_iter().map(size).collect();
            drawn.emptied = self.grouped(drawn.emptied, "emptied order");
        }
        drawn
    }

    /// EAE is told the events, so nothing is to be decided and nothing is empty.
    fn told(self) -> bool {
        self.lesson.task == Task::Eae
    }

    /// All classes.
    fn with_all(self, items: Vec<usize>, number: usize) -> DrawnGroup {
        let classes =
            self.ordered(self.lesson.classes.clone(), &mut self.random("classes", number));
        DrawnGroup { items, classes, mark: "" }
    }

    /// The classes that occur in `items` and, per one of them, some that do not.
    fn with_negatives(self, items: Vec<usize>, number: usize) -> DrawnGroup {
        let mut random = self.random("negatives", number);
        let positives = self.positives(&items);
        let per_positive =
            if self.told() { 0.0 } else { self.config.selection.negatives_per_positive };
        let wanted = (positives.len().max(1) as f64 * per_positive).round() as usize;
        let mut others = self.others(&positives);
        random.shuffle(&mut others);
        // A prompt without classes asks nothing.
        others.truncate(wanted.max(usize::from(positives.is_empty())));
        let classes = self.ordered(positives.into_iter().chain(others).collect(), &mut random);
        DrawnGroup { items, classes, mark: "" }
    }

    /// Only classes that do not occur in `items`, as many as a group of the other kind has: their
    /// number must not give away that the answers are empty.
    fn without_positives(
        self,
        items: Vec<usize>,
        sizes: &[usize],
        number: usize,
    ) -> Option<DrawnGroup> {
        let mut random = self.random("without", number);
        let mut classes = self.others(&self.positives(&items));
        random.shuffle(&mut classes);
        classes.truncate(sizes.get(random.below(sizes.len())).copied().unwrap_or(1));
        let classes = self.ordered(classes, &mut random);
        (!classes.is_empty()).then_some(DrawnGroup { items, classes, mark: "~empty" })
    }

    fn positives(&self, items: &[usize]) -> BTreeSet<usize> {
        items.iter().flat_map(|item| self.lesson.items[*item].positives.iter().copied()).collect()
    }

    fn others(&self, positives: &BTreeSet<usize>) -> Vec<usize> {
        let classes = self.lesson.classes.iter().copied();
        classes.filter(|class| !positives.contains(class)).collect()
    }

    /// Classes in the order of the schema, or in none.
    fn ordered(&self, mut classes: Vec<usize>, random: &mut Random) -> Vec<usize> {
        classes.sort_unstable();
        if self.config.selection.shuffle {
            random.shuffle(&mut classes);
        }
        classes
    }

    /// Items in a random order in which neighbours are of similar length.
    fn grouped(&self, mut items: Vec<u32>, purpose: &str) -> Vec<u32> {
        let k = self.config.group;
        self.random(purpose, 0).shuffle(&mut items);
        for window in items.chunks_mut(k.saturating_mul(WINDOW)) {
            window.sort_by_key(|item| self.lesson.items[*item as usize].size);
        }
        items
    }

    fn random(&self, purpose: &str, number: usize) -> Random {
        Random::of(self.config.seed, &[&self.lesson.name, purpose, &number.to_string()])
    }
}
