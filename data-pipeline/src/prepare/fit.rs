//! Groups become rows that are short enough, without losing a label.
//!
//! What is too long is asked again with fewer demonstrations, then about fewer classes: first
//! without half of the classes that do not occur (where those were drawn by chance anyway) or without
//! the least important of them (where the recipe says so), then with the classes in two halves, in two
//! samples whose labels together are all labels. A sentence that is too long with a single class is
//! refused, all of its parts.

use super::draw::DrawnGroup;
use super::lesson::Lesson;
use super::showing::Shown;
use super::{Output, Overlong, PrepareConfig, SelectionMode};
use crate::effect::Effect;
use crate::manifest::Refused;
use crate::parts::halves;
use crate::schema::Task;
use crate::shard::Sample;
use crate::tokenizer::Tokenizer;
use crate::tokens::Tokens;
use std::collections::{BTreeMap, BTreeSet};

/// Turns the drawn groups of a lesson into rows.
pub(super) struct Fit<'a> {
    pub lesson: &'a Lesson<'a>,
    pub config: &'a PrepareConfig,
    pub tokenizer: &'a Tokenizer,
}

/// A sample to be: an item, and which part of its classes.
#[derive(Clone)]
struct Asked {
    item: usize,
    part: String,
}

/// Rows under way.
#[derive(Default)]
struct Rows {
    groups: Vec<Group>,
    refused: Vec<(usize, Refused)>,
    /// Rows that have fewer demonstrations than were drawn.
    fewer_shots: usize,
}

/// Rows behind one prefix, each with its item.
struct Group {
    classes: Vec<usize>,
    rows: Vec<(usize, Sample)>,
    /// Whether these are parts of longer prompts.
    parts: bool,
}

/// One of the prefixes of a group: sentences of several languages may have their own.
struct Prefix {
    text: String,
    ids: Vec<u32>,
    rows: Vec<(usize, Sample)>,
}

impl Fit<'_> {
    /// The rows of `group`.
    pub(super) fn output(&self, group: &DrawnGroup) -> Output {
        let asked =
            group.items.iter().map(|item| Asked { item: *item, part: String::new() }).collect();
        let mut rows = Rows::default();
        self.ask(asked, &group.classes, &group.mark, &mut rows);
        // A refused item keeps no part: half of its labels would teach that the rest is wrong.
        let refused: BTreeSet<usize> = rows.refused.iter().map(|(item, _)| *item).collect();
        for group in &mut rows.groups {
            group.rows.retain(|(item, _)| !refused.contains(item));
        }
        rows.groups.retain(|group| !group.rows.is_empty());
        let effect = self.effect(group, &rows, &refused);
        let mut named = BTreeSet::new();
        let samples = |group: Group| -> Vec<Sample> {
            group.rows.into_iter().map(|(_, sample)| sample).collect()
        };
        Output {
            groups: rows.groups.into_iter().map(samples).collect(),
            refused: rows
                .refused
                .into_iter()
                .filter(|(item, _)| named.insert(*item))
                .map(|(_, refused)| refused)
                .collect(),
            fewer_shots: rows.fewer_shots,
            effect: Some(effect),
        }
    }

    /// What the rows of a group offer and answer.
    fn effect(&self, drawn: &DrawnGroup, rows: &Rows, refused: &BTreeSet<usize>) -> Effect {
        let items = &self.lesson.items;
        let answers = |item: usize, classes: &[usize]| {
            items[item].objects.iter().filter(|class| classes.contains(class)).count()
        };
        let mut effect = Effect::of(self.lesson.dataset, &self.lesson.task_name);
        let mut split = BTreeSet::new();
        let mut asked: BTreeMap<usize, usize> = BTreeMap::new();
        for Group { classes, rows, parts } in &rows.groups {
            effect.classes.add(classes.len(), rows.len());
            let occurs = |class: &&usize| {
                rows.iter().any(|(item, _)| items[*item].positives.contains(*class))
            };
            let positives = classes.iter().filter(occurs).count();
            if positives > 0 {
                effect.positives += positives;
                effect.negatives += classes.len() - positives;
            }
            for (item, _) in rows {
                let objects = answers(*item, classes);
                effect.labels_written += objects;
                effect.empty += usize::from(objects == 0);
                effect.parts += usize::from(*parts);
                *asked.entry(*item).or_default() += classes.len();
                if *parts {
                    split.insert(*item);
                }
            }
        }
        effect.split = split.len();
        effect.pruned = asked.values().filter(|count| **count < drawn.classes.len()).count();
        effect.labels_refused =
            refused.iter().map(|item| answers(*item, &drawn.classes)).sum::<usize>();
        effect
    }

    /// Asks `asked` about `classes`, in parts if need be.
    fn ask(&self, asked: Vec<Asked>, classes: &[usize], mark: &str, rows: &mut Rows) {
        let items: Vec<usize> = asked.iter().map(|asked| asked.item).collect();
        let mut shown = self.lesson.shown(&items, classes, &self.config.prompt);
        let mut long = self.rows(asked, &shown, mark, rows);
        // Demonstrations go before classes do; fewer classes may have room for theirs again.
        while !long.is_empty() && shown.halve() {
            let before = long.len();
            let asked = long.into_iter().map(|(asked, _)| asked).collect();
            long = self.rows(asked, &shown, mark, rows);
            rows.fewer_shots += before - long.len();
        }
        if long.is_empty() {
            return;
        }
        let selection = &self.config.selection;
        let fewer = if selection.mode == SelectionMode::Sampled {
            self.fewer_negatives(&long, classes)
        } else if selection.overlong == Overlong::Prune {
            self.most_important(&long, classes)
        } else {
            None
        };
        if let Some(fewer) = fewer {
            let asked = long.into_iter().map(|(asked, _)| asked).collect();
            return self.ask(asked, &fewer, mark, rows);
        }
        if let Some((first, second)) = halves(classes) {
            for (number, half) in [(1, first), (2, second)] {
                let asked: Vec<Asked> = long
                    .iter()
                    .filter(|(asked, _)| self.worth_asking(asked.item, classes, half))
                    .map(|(asked, _)| asked.part(number))
                    .collect();
                self.ask(asked, half, mark, rows);
            }
            return;
        }
        // A sentence that is too long beside one class of a batch may do beside those of another.
        let batch = if selection.mode == SelectionMode::Batches { mark } else { "" };
        for (asked, length) in long {
            let id =
                format!("{}{batch} ({})", self.lesson.items[asked.item].id, self.lesson.task_name);
            let refused = Refused { id, length, limit: self.config.max_length };
            rows.refused.push((asked.item, refused));
        }
    }

    /// Adds the rows that are short enough and returns the others with their lengths.
    fn rows(
        &self,
        asked: Vec<Asked>,
        shown: &Shown,
        mark: &str,
        rows: &mut Rows,
    ) -> Vec<(Asked, usize)> {
        let parts = asked.iter().any(|asked| !asked.part.is_empty());
        let mut prefixes: Vec<Prefix> = Vec::new();
        let mut long = Vec::new();
        for asked in asked {
            let example = self.lesson.example(asked.item, shown, &self.config.prompt);
            let known = prefixes.iter().position(|prefix| prefix.text == example.prefix);
            let known = known.unwrap_or_else(|| {
                let ids = self.tokenizer.encode(&example.prefix);
                prefixes.push(Prefix { text: example.prefix.clone(), ids, rows: Vec::new() });
                prefixes.len() - 1
            });
            let prefix = &mut prefixes[known];
            let tokens = Tokens::behind(prefix.ids.clone(), &example, self.tokenizer);
            if tokens.len() > self.config.max_length {
                long.push((asked, tokens.len()));
            } else {
                prefix.rows.push((asked.item, self.sample(&asked, tokens, mark)));
            }
        }
        let groups = prefixes.into_iter().map(|prefix| Group {
            classes: shown.places.clone(),
            rows: prefix.rows,
            parts,
        });
        rows.groups.extend(groups.filter(|group| !group.rows.is_empty()));
        long
    }

    fn sample(&self, asked: &Asked, tokens: Tokens, mark: &str) -> Sample {
        let item = &self.lesson.items[asked.item];
        let part = if asked.part.is_empty() { "" } else { "#" };
        let supervised_from = tokens.prompt.len() as u32;
        Sample {
            sample_id: format!("{}{mark}{part}{}", item.id, asked.part),
            dataset: self.lesson.dataset.to_owned(),
            language: item.language.to_owned(),
            task: self.lesson.task_name.clone(),
            prefix_ids: tokens.prefix,
            suffix_ids: [tokens.prompt, tokens.answer].concat(),
            supervised_from,
            group: 0,
        }
    }

    /// `classes` without the least important of those that occur in none of the items: as few as
    /// make all prompts short enough, or all of them if that is not enough. None if all occur.
    fn most_important(&self, long: &[(Asked, usize)], classes: &[usize]) -> Option<Vec<usize>> {
        let occurs = |class: usize| {
            long.iter().any(|(asked, _)| self.lesson.items[asked.item].positives.contains(&class))
        };
        let rank =
            |class: usize| self.config.selection.rank(&self.lesson.schema.classes[class].name);
        let mut unneeded: Vec<usize> =
            classes.iter().copied().filter(|class| !occurs(*class)).collect();
        // Least important first; among equals the later one, as the prompt has them.
        unneeded.reverse();
        unneeded.sort_by_key(|class| std::cmp::Reverse(rank(*class)));
        // A prompt without classes asks nothing.
        unneeded.truncate(classes.len() - 1);
        if unneeded.is_empty() {
            return None;
        }
        let without = |count: usize| -> Vec<usize> {
            let gone = &unneeded[..count];
            classes.iter().copied().filter(|class| !gone.contains(class)).collect()
        };
        let fits = |count: usize| {
            // Demonstrations go before classes do.
            let items: Vec<usize> = long.iter().map(|(asked, _)| asked.item).collect();
            let shown = self.lesson.shown(&items, &without(count), &self.config.prompt).bare();
            long.iter().all(|(asked, _)| {
                let example = self.lesson.example(asked.item, &shown, &self.config.prompt);
                Tokens::of(&example, self.tokenizer).len() <= self.config.max_length
            })
        };
        let (mut too_few, mut enough) = (0, unneeded.len());
        while enough - too_few > 1 {
            let middle = too_few.midpoint(enough);
            if fits(middle) { enough = middle } else { too_few = middle }
        }
        Some(without(enough))
    }

    /// `classes` with half of those that occur in none of the items; none if all of them occur.
    fn fewer_negatives(&self, long: &[(Asked, usize)], classes: &[usize]) -> Option<Vec<usize>> {
        let occurs = |class: usize| {
            long.iter().any(|(asked, _)| self.lesson.items[asked.item].positives.contains(&class))
        };
        let negatives = classes.iter().filter(|class| !occurs(**class)).count();
        // Where nothing occurs one class must stay to ask about.
        let mut left = (negatives / 2).max(usize::from(negatives == classes.len()));
        if left == negatives {
            return None;
        }
        let mut keep = |class: &usize| {
            occurs(*class) || {
                let kept = left > 0;
                left = left.saturating_sub(1);
                kept
            }
        };
        Some(classes.iter().copied().filter(|class| keep(class)).collect())
    }

    /// Whether `half` of `classes` is to be asked of an item.
    fn worth_asking(&self, item: usize, classes: &[usize], half: &[usize]) -> bool {
        let positives = &self.lesson.items[item].positives;
        let occurs = |among: &[usize]| among.iter().any(|class| positives.contains(class));
        // EAE names the events in its question; in a sampled prompt the empty half says nothing
        // that other samples do not say.
        let told = self.lesson.task == Task::Eae;
        let sampled = self.config.selection.mode == SelectionMode::Sampled;
        !(told || sampled) || occurs(half) || !occurs(classes)
    }
}

impl Asked {
    /// The same item about one half of its classes.
    fn part(&self, number: usize) -> Self {
        let dot = if self.part.is_empty() { "" } else { "." };
        Self { item: self.item, part: format!("{}{dot}{number}", self.part) }
    }
}
