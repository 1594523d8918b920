//! Which sentences share a prompt, and which classes it offers.
//!
//! Classes are drawn per group, not per sentence, so that the group's prefix is one. Which items form
//! a group is decided at once, its classes when it is asked for: a corpus has many groups, and hard
//! negatives are found in texts, which are not in memory before.

use super::lesson::{Lesson, Outline};
use super::likeness::Likeness;
use super::{PrepareConfig, SelectionMode};
use crate::random::Random;
use crate::schema::Task;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

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
    /// The groups, if they are asked about batches.
    batches: Vec<Batch>,
    /// Sentences without objects beyond the wanted share; of batches, questions without objects.
    pub left_out: usize,
}

/// Items that are asked about the same classes.
pub(super) struct DrawnGroup {
    /// Places in the items of the group's lesson.
    pub items: Vec<usize>,
    /// Places in the schema, in the order of the prompt.
    pub classes: Vec<usize>,
    /// What is put behind the ids of these samples; the same sentence may also be in another group.
    pub mark: String,
}

/// Items that are asked about a batch of classes.
struct Batch {
    /// Counted over those of all items, also those that nobody is asked about.
    number: usize,
    /// Where its items end in `order`; they begin where those of the batch before end.
    end: usize,
}

/// Forms the groups of `lesson`; a function of the settings and the lesson alone.
pub(super) fn draw<'a>(lesson: &'a Outline<'a>, config: &'a PrepareConfig) -> Drawn<'a> {
    let draw = Draw { lesson, config, likeness: Likeness::of(lesson) };
    match config.selection.mode {
        SelectionMode::Full => draw.full(),
        SelectionMode::Sampled => draw.sampled(),
        SelectionMode::Batches => draw.batches(),
    }
}

impl Drawn<'_> {
    /// How many groups there are, those that [`Self::group`] finds without a class among them.
    pub(super) fn len(&self) -> usize {
        match self.draw.config.selection.mode {
            SelectionMode::Batches => self.batches.len(),
            _ => self.first() + self.emptied.len().div_ceil(self.draw.config.group),
        }
    }

    /// The items of the group with this number, as places in the outline.
    pub(super) fn items(&self, number: usize) -> Vec<usize> {
        let items = if self.draw.config.selection.mode == SelectionMode::Batches {
            let start = number.checked_sub(1).map_or(0, |before| self.batches[before].end);
            &self.order[start..self.batches[number].end]
        } else if number < self.first() {
            self.draw.chunk(&self.order, number)
        } else {
            self.draw.chunk(&self.emptied, number - self.first())
        };
        items.iter().map(|item| *item as usize).collect()
    }

    /// The group with this number; none if there is no class that it could be asked about. `lesson`
    /// is about its items, in their order.
    pub(super) fn group(&self, number: usize, lesson: &Lesson<'_>) -> Option<DrawnGroup> {
        let (draw, first) = (&self.draw, self.first());
        match draw.config.selection.mode {
            SelectionMode::Full => Some(draw.with_all(lesson, number)),
            SelectionMode::Sampled if number < first => Some(draw.with_negatives(lesson, number)),
            SelectionMode::Sampled => draw.without_positives(lesson, &self.sizes, number - first),
            SelectionMode::Batches => Some(draw.with_batch(lesson, self.batches[number].number)),
        }
    }

    /// How many groups `order` has; of batches this is not asked.
    fn first(&self) -> usize {
        self.order.len().div_ceil(self.draw.config.group)
    }
}

struct Draw<'a> {
    lesson: &'a Outline<'a>,
    config: &'a PrepareConfig,
    /// Where negatives may be hard.
    likeness: Option<Likeness<'a>>,
}

impl<'a> Draw<'a> {
    /// Every item is asked about every class.
    fn full(self) -> Drawn<'a> {
        let order = self.grouped((0..self.lesson.items.len() as u32).collect(), "order");
        self.drawn(order, 0)
    }

    /// Items are asked about what occurs in their group and some other classes.
    fn sampled(self) -> Drawn<'a> {
        let items = &self.lesson.items;
        let (full, mut bare): (Vec<u32>, Vec<u32>) =
            (0..items.len() as u32).partition(|item| !items[*item as usize].positives.is_empty());
        let wanted = self.wanted_empty(full.len());
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
        let mut drawn = self.drawn(order, left_out);
        if missing > 0 {
            let size = |number| drawn.draw.size(&drawn.items(number));
            drawn.sizes = (0..drawn.first()).into_par_iter().map(size).collect();
            drawn.emptied = drawn.draw.grouped(emptied, "emptied order");
        }
        drawn
    }

    /// Every item is asked about every class, a batch of classes at a time. Where nothing of a batch
    /// occurs in an item, the answer is empty: of these questions only the wanted share is asked.
    fn batches(self) -> Drawn<'a> {
        let members = self.grouped((0..self.lesson.items.len() as u32).collect(), "order");
        let (cuts, per_cut) = (members.len().div_ceil(self.config.group), self.batches_of_a_cut());
        let answered = |cut| self.answered(self.chunk(&members, cut), cut);
        let full: usize = (0..cuts).into_par_iter().map(|cut| answered(cut).len()).sum();
        // Of the empty questions: those that are still to be seen, and to be asked.
        let mut left = members.len() * per_cut - full;
        let mut wanted = self.wanted_empty(full).min(left);
        let left_out = left - wanted;
        let mut random = self.random("empty batches", 0);
        let (mut order, mut batches) = (Vec::new(), Vec::new());
        for cut in 0..cuts {
            let answered = answered(cut);
            for batch in 0..per_cut {
                let start = order.len();
                for item in self.chunk(&members, cut) {
                    let is_asked = answered.contains(&(batch, *item)) || {
                        // So all choices of as many are equally likely.
                        let is_chosen = random.below(left) < wanted;
                        left -= 1;
                        wanted -= usize::from(is_chosen);
                        is_chosen
                    };
                    if is_asked {
                        order.push(*item);
                    }
                }
                if order.len() > start {
                    batches.push(Batch { number: cut * per_cut + batch, end: order.len() });
                }
            }
        }
        Drawn { batches, ..self.drawn(order, left_out) }
    }

    fn drawn(self, order: Vec<u32>, left_out: usize) -> Drawn<'a> {
        let (emptied, sizes, batches) = (Vec::new(), Vec::new(), Vec::new());
        Drawn { draw: self, order, emptied, sizes, batches, left_out }
    }

    /// How many samples with an empty answer belong to `full` others.
    fn wanted_empty(&self, full: usize) -> usize {
        let ratio = if self.told() { 0.0 } else { self.config.selection.empty_ratio };
        (full as f64 * ratio / (1.0 - ratio)).round() as usize
    }

    /// EAE is told the events, so nothing is to be decided and nothing is empty.
    fn told(&self) -> bool {
        self.lesson.task == Task::Eae
    }

    /// All classes.
    fn with_all(&self, lesson: &Lesson<'_>, number: usize) -> DrawnGroup {
        let classes =
            self.ordered(self.lesson.classes.clone(), &mut self.random("classes", number));
        DrawnGroup { items: all(lesson), classes, mark: String::new() }
    }

    /// The classes that occur in `lesson` and, per one of them, some that do not.
    fn with_negatives(&self, lesson: &Lesson<'_>, number: usize) -> DrawnGroup {
        let mut random = self.random("negatives", number);
        let positives = positives(lesson);
        let mut others = self.others(&positives);
        random.shuffle(&mut others);
        let others = self.hardest(lesson, &positives, others, self.negatives(&positives));
        let classes = self.ordered(positives.into_iter().chain(others).collect(), &mut random);
        DrawnGroup { items: all(lesson), classes, mark: String::new() }
    }

    /// Only classes that do not occur in `lesson`, as many as a group of the other kind has: their
    /// number must not give away that the answers are empty.
    fn without_positives(
        &self,
        lesson: &Lesson<'_>,
        sizes: &[usize],
        number: usize,
    ) -> Option<DrawnGroup> {
        let mut random = self.random("without", number);
        let positives = positives(lesson);
        let mut others = self.others(&positives);
        random.shuffle(&mut others);
        let wanted = sizes.get(random.below(sizes.len())).copied().unwrap_or(1);
        let classes = self.hardest(lesson, &positives, others, wanted);
        let classes = self.ordered(classes, &mut random);
        let mark = "~empty".to_owned();
        (!classes.is_empty()).then(|| DrawnGroup { items: all(lesson), classes, mark })
    }

    /// A batch of classes.
    fn with_batch(&self, lesson: &Lesson<'_>, number: usize) -> DrawnGroup {
        let (size, per_cut) = (self.config.selection.size, self.batches_of_a_cut());
        let (cut, batch) = (number / per_cut, number % per_cut);
        let classes = self.cut(cut).into_iter().skip(batch * size).take(size).collect();
        let classes = self.ordered(classes, &mut self.random("batch", number));
        DrawnGroup { items: all(lesson), classes, mark: format!("@{}", batch + 1) }
    }

    /// All classes in the order in which they are cut into batches for the same items.
    fn cut(&self, number: usize) -> Vec<usize> {
        let mut classes = self.lesson.classes.clone();
        self.random("batches", number).shuffle(&mut classes);
        classes
    }

    fn batches_of_a_cut(&self) -> usize {
        self.lesson.classes.len().div_ceil(self.config.selection.size)
    }

    /// The batches of a cut, each with an item in which something of it occurs.
    fn answered(&self, items: &[u32], cut: usize) -> BTreeSet<(usize, u32)> {
        let cut = self.cut(cut).into_iter().enumerate();
        let batch_of: BTreeMap<usize, usize> =
            cut.map(|(place, class)| (class, place / self.config.selection.size)).collect();
        let of = |item: &u32| {
            let positives = self.lesson.items[*item as usize].positives.iter();
            let batches = positives.filter_map(|class| batch_of.get(class).copied());
            batches.map(|batch| (batch, *item)).collect::<Vec<_>>()
        };
        items.iter().flat_map(of).collect()
    }

    /// How many classes beside `positives` a group is asked about, if there are as many.
    fn negatives(&self, positives: &BTreeSet<usize>) -> usize {
        let per_positive =
            if self.told() { 0.0 } else { self.config.selection.negatives_per_positive };
        let wanted = (positives.len().max(1) as f64 * per_positive).round() as usize;
        // A prompt without classes asks nothing.
        wanted.max(usize::from(positives.is_empty()))
    }

    /// How many classes [`Self::with_negatives`] finds for `items` of the outline.
    fn size(&self, items: &[usize]) -> usize {
        let classes = items.iter().flat_map(|item| self.lesson.items[*item].positives.iter());
        let positives: BTreeSet<usize> = classes.copied().collect();
        positives.len() + self.negatives(&positives).min(self.others(&positives).len())
    }

    /// The first `wanted` of `others`, which are in random order; the declared share of them are
    /// instead those that are most easily taken for what occurs.
    fn hardest(
        &self,
        lesson: &Lesson<'_>,
        positives: &BTreeSet<usize>,
        mut others: Vec<usize>,
        wanted: usize,
    ) -> Vec<usize> {
        if let Some(likeness) = &self.likeness {
            let mut seen = BTreeSet::new();
            for text in all(lesson).into_iter().flat_map(|item| lesson.items[item].texts()) {
                seen.extend(likeness.suggested(text));
            }
            let score = |class: &usize| likeness.score(*class, positives, &seen);
            let mut ranked: Vec<(f64, usize)> =
                others.iter().map(|class| (score(class), *class)).collect();
            // The sort is stable: among equals chance decides. What is like nothing is not hard.
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
            let count = (wanted as f64 * self.config.selection.hard).round() as usize;
            let hard: Vec<usize> = ranked
                .into_iter()
                .filter(|(score, _)| *score > 0.0)
                .take(count)
                .map(|(_, class)| class)
                .collect();
            others.retain(|class| !hard.contains(class));
            others = [hard, others].concat();
        }
        others.truncate(wanted);
        others
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

    /// As many neighbours as form a group.
    fn chunk<'i>(&self, items: &'i [u32], number: usize) -> &'i [u32] {
        let start = number.saturating_mul(self.config.group).min(items.len());
        &items[start..items.len().min(start.saturating_add(self.config.group))]
    }

    fn random(&self, purpose: &str, number: usize) -> Random {
        Random::of(self.config.seed, &[&self.lesson.name, purpose, &number.to_string()])
    }
}

/// The places of the items of a group's lesson.
fn all(lesson: &Lesson<'_>) -> Vec<usize> {
    (0..lesson.items.len()).collect()
}

/// The classes that occur in a group.
fn positives(lesson: &Lesson<'_>) -> BTreeSet<usize> {
    lesson.items.iter().flat_map(|item| item.positives.iter().copied()).collect()
}
