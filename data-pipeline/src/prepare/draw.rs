//! Which sentences share a prompt, and which classes it offers.
//!
//! Classes are drawn per group, not per sentence, so that the group's prefix is one.

use super::lesson::Lesson;
use super::likeness::Likeness;
use super::{PrepareConfig, SelectionMode};
use crate::random::Random;
use crate::schema::Task;
use std::collections::BTreeSet;

/// Groups are formed among so many neighbours of a random order: near in length, else by chance.
const WINDOW: usize = 32;

/// The groups of a lesson.
pub(super) struct Drawn {
    pub groups: Vec<DrawnGroup>,
    /// Sentences without objects beyond the wanted share; of batches, questions without objects.
    pub left_out: usize,
}

/// Items that are asked about the same classes.
pub(super) struct DrawnGroup {
    /// Places in the lesson's items.
    pub items: Vec<usize>,
    /// Places in the schema, in the order of the prompt.
    pub classes: Vec<usize>,
    /// What is put behind the ids of these samples; the same sentence may also be in another group.
    pub mark: String,
}

/// Forms the groups of `lesson`; a function of the settings and the lesson alone.
pub(super) fn draw(lesson: &Lesson<'_>, config: &PrepareConfig) -> Drawn {
    let likeness = (config.selection.hard > 0.0).then(|| Likeness::of(lesson));
    let draw = Draw { lesson, config, likeness };
    match config.selection.mode {
        SelectionMode::Full => draw.full(),
        SelectionMode::Sampled => draw.sampled(),
        SelectionMode::Batches => draw.batches(),
    }
}

struct Draw<'a> {
    lesson: &'a Lesson<'a>,
    config: &'a PrepareConfig,
    /// Where negatives may be hard.
    likeness: Option<Likeness>,
}

impl Draw<'_> {
    /// Every item is asked about every class.
    fn full(&self) -> Drawn {
        let chunks = self.chunks((0..self.lesson.items.len()).collect(), "order");
        let group = |(number, items)| {
            let classes =
                self.ordered(self.lesson.classes.clone(), &mut self.random("classes", number));
            DrawnGroup { items, classes, mark: String::new() }
        };
        Drawn { groups: chunks.into_iter().enumerate().map(group).collect(), left_out: 0 }
    }

    /// Items are asked about what occurs in their group and some other classes.
    fn sampled(&self) -> Drawn {
        let items = &self.lesson.items;
        let (full, mut bare): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|item| !items[*item].positives.is_empty());
        let told = self.lesson.task == Task::Eae;
        let wanted = self.wanted_empty(full.len());
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

    /// Every item is asked about every class, a batch of classes at a time. Where nothing of a batch
    /// occurs in an item, the answer is empty: of these questions only the wanted share is asked.
    fn batches(&self) -> Drawn {
        let items = &self.lesson.items;
        let mut groups: Vec<DrawnGroup> = Vec::new();
        for (number, members) in
            self.chunks((0..items.len()).collect(), "order").into_iter().enumerate()
        {
            let mut random = self.random("batches", number);
            let mut classes = self.lesson.classes.clone();
            random.shuffle(&mut classes);
            for (batch, classes) in classes.chunks(self.config.selection.size).enumerate() {
                let classes = self.ordered(classes.to_vec(), &mut random);
                let mark = format!("@{}", batch + 1);
                groups.push(DrawnGroup { items: members.clone(), classes, mark });
            }
        }
        let occurs = |group: &DrawnGroup, item: usize| {
            group.classes.iter().any(|class| items[item].positives.contains(class))
        };
        let questions = groups
            .iter()
            .enumerate()
            .flat_map(|(number, group)| group.items.iter().map(move |item| (number, *item)));
        let (full, mut empty): (Vec<_>, Vec<_>) =
            questions.partition(|(number, item)| occurs(&groups[*number], *item));
        let wanted = self.wanted_empty(full.len());
        self.random("empty batches", 0).shuffle(&mut empty);
        let left_out: BTreeSet<(usize, usize)> = empty.into_iter().skip(wanted).collect();
        for (number, group) in groups.iter_mut().enumerate() {
            group.items.retain(|item| !left_out.contains(&(number, *item)));
        }
        groups.retain(|group| !group.items.is_empty());
        Drawn { groups, left_out: left_out.len() }
    }

    /// How many samples with an empty answer belong to `full` others.
    fn wanted_empty(&self, full: usize) -> usize {
        // EAE is told the events, so nothing is to be decided and nothing is empty.
        let told = self.lesson.task == Task::Eae;
        let ratio = if told { 0.0 } else { self.config.selection.empty_ratio };
        (full as f64 * ratio / (1.0 - ratio)).round() as usize
    }

    /// The classes that occur in `items` and, per one of them, some that do not.
    fn with_negatives(&self, items: Vec<usize>, told: bool, number: usize) -> DrawnGroup {
        let mut random = self.random("negatives", number);
        let positives = self.positives(&items);
        let per_positive = if told { 0.0 } else { self.config.selection.negatives_per_positive };
        let wanted = (positives.len().max(1) as f64 * per_positive).round() as usize;
        // A prompt without classes asks nothing.
        let wanted = wanted.max(usize::from(positives.is_empty()));
        let others = self.negatives(&items, &positives, wanted, &mut random);
        let classes = self.ordered(positives.into_iter().chain(others).collect(), &mut random);
        DrawnGroup { items, classes, mark: String::new() }
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
        let positives = self.positives(&items);
        let mut others = self.others(&positives);
        random.shuffle(&mut others);
        let wanted = sizes.get(random.below(sizes.len())).copied().unwrap_or(1);
        let classes = self.hardest(&items, &positives, others, wanted);
        let classes = self.ordered(classes, &mut random);
        (!classes.is_empty()).then(|| DrawnGroup { items, classes, mark: "~empty".to_owned() })
    }

    /// `wanted` of the classes that do not occur in `items`, or all.
    fn negatives(
        &self,
        items: &[usize],
        positives: &BTreeSet<usize>,
        wanted: usize,
        random: &mut Random,
    ) -> Vec<usize> {
        let mut others = self.others(positives);
        random.shuffle(&mut others);
        self.hardest(items, positives, others, wanted)
    }

    /// The first `wanted` of `others`, which are in random order; the declared share of them are
    /// instead those that are most easily taken for what occurs.
    fn hardest(
        &self,
        items: &[usize],
        positives: &BTreeSet<usize>,
        mut others: Vec<usize>,
        wanted: usize,
    ) -> Vec<usize> {
        if let Some(likeness) = &self.likeness {
            let mut seen = BTreeSet::new();
            for text in items.iter().flat_map(|item| self.lesson.texts_of(*item)) {
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
