//! Which sentences share a prompt, and which classes it offers.
//!
//! Classes are drawn per group, not per sentence, so that the group's prefix is one.

use super::lesson::Lesson;
use super::{PrepareConfig, SelectionMode};
use crate::random::Random;
use crate::schema::Task;
use std::collections::BTreeSet;

/// Groups are formed among so many neighbours of a random order: near in length, else by chance.
const WINDOW: usize = 32;

/// The groups of a lesson.
pub(super) struct Drawn {
    pub groups: Vec<DrawnGroup>,
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
pub(super) fn draw(lesson: &Lesson<'_>, config: &PrepareConfig) -> Drawn {
    let draw = Draw { lesson, config };
    match config.selection.mode {
        SelectionMode::Full => draw.full(),
        SelectionMode::Sampled => draw.sampled(),
    }
}

struct Draw<'a> {
    lesson: &'a Lesson<'a>,
    config: &'a PrepareConfig,
}

impl Draw<'_> {
    /// Every item is asked about every class.
    fn full(&self) -> Drawn {
        let chunks = self.chunks((0..self.lesson.items.len()).collect(), "order");
        let group = |(number, items)| {
            let classes =
                self.ordered(self.lesson.classes.clone(), &mut self.random("classes", number));
            DrawnGroup { items, classes, mark: "" }
        };
        Drawn { groups: chunks.into_iter().enumerate().map(group).collect(), left_out: 0 }
    }

    /// Items are asked about what occurs in their group and some other classes.
    fn sampled(&self) -> Drawn {
        let items = &self.lesson.items;
        let (full, mut bare): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|item| !items[*item].positives.is_empty());
        // EAE is told the events, so nothing is to be decided and nothing is empty.
        let told = self.lesson.task == Task::Eae;
        let ratio = if told { 0.0 } else { self.config.selection.empty_ratio };
        let wanted = (full.len() as f64 * ratio / (1.0 - ratio)).round() as usize;
        self.random("bare", 0).shuffle(&mut bare);
        let left_out = bare.len().saturating_sub(wanted);
        bare.truncate(wanted);

        let missing = wanted - bare.len();
        let mut emptied = full.clone();
        self.random("emptied", 0).shuffle(&mut emptied);
        emptied.truncate(missing);

        let mut groups: Vec<DrawnGroup> = self
            .chunks(full.into_iter().chain(bare).collect(), "order")
            .into_iter()
            .enumerate()
            .map(|(number, items)| self.with_negatives(items, told, number))
            .collect();
        let sizes: Vec<usize> = groups.iter().map(|group| group.classes.len()).collect();
        for (number, items) in self.chunks(emptied, "emptied order").into_iter().enumerate() {
            groups.extend(self.without_positives(items, &sizes, number));
        }
        Drawn { groups, left_out }
    }

    /// The classes that occur in `items` and, per one of them, some that do not.
    fn with_negatives(&self, items: Vec<usize>, told: bool, number: usize) -> DrawnGroup {
        let mut random = self.random("negatives", number);
        let positives = self.positives(&items);
        let per_positive = if told { 0.0 } else { self.config.selection.negatives_per_positive };
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
        &self,
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
        items.iter().flat_map(|item| self.lesson.items[*item].positives.clone()).collect()
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

    /// Random groups of items of similar length.
    fn chunks(&self, mut items: Vec<usize>, purpose: &str) -> Vec<Vec<usize>> {
        let k = self.config.group;
        self.random(purpose, 0).shuffle(&mut items);
        for window in items.chunks_mut(k.saturating_mul(WINDOW)) {
            window.sort_by_key(|item| self.lesson.items[*item].size);
        }
        items.chunks(k).map(<[usize]>::to_vec).collect()
    }

    fn random(&self, purpose: &str, number: usize) -> Random {
        Random::of(self.config.seed, &[&self.lesson.name, purpose, &number.to_string()])
    }
}
