//! Groups become rows that are short enough, without losing a label.
//!
//! What is too long is asked again with fewer demonstrations, then about fewer classes: first
//! without half of the classes that do not occur (where those were drawn by chance anyway), then with
//! the classes in two halves, in two samples whose labels together are all labels. A sentence that is
//! too long with a single class is refused, all of its parts.

use super::draw::DrawnGroup;
use super::lesson::Lesson;
use super::showing::Shown;
use super::{Output, PrepareConfig, SelectionMode};
use crate::manifest::Refused;
use crate::schema::Task;
use crate::shard::Sample;
use crate::tokenizer::Tokenizer;
use crate::tokens::Tokens;
use std::collections::BTreeSet;

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
    /// Per prefix its rows, each with its item.
    groups: Vec<Vec<(usize, Sample)>>,
    refused: Vec<(usize, Refused)>,
    /// Rows that have fewer demonstrations than were drawn.
    fewer_shots: usize,
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
        self.ask(asked, &group.classes, group.mark, &mut rows);
        // A refused item keeps no part: half of its labels would teach that the rest is wrong.
        let refused: BTreeSet<usize> = rows.refused.iter().map(|(item, _)| *item).collect();
        let kept = |rows: Vec<(usize, Sample)>| -> Vec<Sample> {
            let kept = rows.into_iter().filter(|(item, _)| !refused.contains(item));
            kept.map(|(_, sample)| sample).collect()
        };
        let mut named = BTreeSet::new();
        Output {
            groups: rows.groups.into_iter().map(kept).filter(|group| !group.is_empty()).collect(),
            refused: rows
                .refused
                .into_iter()
                .filter(|(item, _)| named.insert(*item))
                .map(|(_, refused)| refused)
                .collect(),
            fewer_shots: rows.fewer_shots,
        }
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
        let sampled = self.config.selection.mode == SelectionMode::Sampled;
        if sampled && let Some(fewer) = self.fewer_negatives(&long, classes) {
            let asked = long.into_iter().map(|(asked, _)| asked).collect();
            return self.ask(asked, &fewer, mark, rows);
        }
        if classes.len() > 1 {
            let (first, second) = classes.split_at(classes.len().div_ceil(2));
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
        for (asked, length) in long {
            let id = format!("{} ({})", self.lesson.items[asked.item].id, self.lesson.task_name);
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
        let groups = prefixes.into_iter().map(|prefix| prefix.rows);
        rows.groups.extend(groups.filter(|group| !group.is_empty()));
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
