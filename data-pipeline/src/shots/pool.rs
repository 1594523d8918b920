//! Which sentences demonstrate given classes.
//!
//! A greedy cover: the rarest class first, for each the sentence that says most in least, among some
//! that the seed names. The first demonstrations cover all classes once, the next twice, so a prompt
//! that has room for some of them loses no class before it must.

use super::training::Training;
use crate::audit::Print;
use crate::prompt::{self, Example, PromptConfig};
use crate::random::Random;
use crate::schema::{Class, Schema, Task, sha256_hex};
use crate::sentence::{Parallel, Sentence};
use serde::Serialize;
use std::collections::BTreeMap;

/// Sentences of one class that are kept; of a large corpus they are drawn by chance.
const OF_A_CLASS: usize = 256;

/// Among so many sentences of a class the best is taken.
const COMPARED: usize = 8;

/// A demonstration's characters beside its sentence, roughly.
const FRAME: usize = 24;

/// Grows when the same seed and text give other demonstrations.
const VERSION: u32 = 1;

/// Sentences with objects of one task, any of which may be shown.
pub struct Pool {
    task: Task,
    /// Where they are from.
    dataset: String,
    /// Mentions that each class should have.
    per_class: usize,
    seed: u64,
    shots: Vec<Shot>,
    /// Places in `shots` by class.
    of_class: BTreeMap<String, Vec<usize>>,
}

/// What is asked, and so must not be shown.
pub struct Asked(Vec<Print>);

struct Shot {
    content: Content,
    /// Its objects by class.
    objects: BTreeMap<String, usize>,
    prints: Vec<Print>,
    length: usize,
}

#[derive(Serialize)]
enum Content {
    Sentence(Sentence),
    Pair(Parallel),
}

impl Asked {
    /// The texts of questions.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(texts.into_iter().map(Print::of).collect())
    }

    /// Whether `text` is, or is nearly, one of them.
    pub fn has(&self, text: &str) -> bool {
        let print = Print::of(text);
        self.0.iter().any(|asked| asked.is_like(&print))
    }
}

impl Pool {
    /// The sentences of `training` with objects of `task`; of pairs, both sides.
    pub fn of_sentences(training: &Training, task: Task, per_class: usize, seed: u64) -> Self {
        let shot = |sentence: &Sentence, texts: &[&str]| {
            let objects = sentence.instances(task);
            let classes = objects.iter().map(|object| object.class());
            Shot::new(Content::Sentence(sentence.clone()), classes, texts.iter().copied())
        };
        let sentences = training.sentences.iter().map(|it| shot(it, &[&it.text]));
        // A side is like the other: its translation must not answer for it.
        let sides = training.pairs.iter().flat_map(|Parallel { source, target }| {
            let texts = [source.text.as_str(), target.text.as_str()];
            [shot(source, &texts), shot(target, &texts)]
        });
        Self::new(sentences.chain(sides), &training.dataset, task, per_class, seed)
    }

    /// The pairs of `training`, for alignment.
    pub fn of_pairs(training: &Training, per_class: usize, seed: u64) -> Self {
        let shots = training.pairs.iter().map(|pair| {
            let classes = pair.source.entities.iter().map(|entity| entity.class.as_str());
            let texts = [&*pair.source.text, &*pair.target.text];
            Shot::new(Content::Pair(pair.clone()), classes, texts)
        });
        Self::new(shots, &training.dataset, Task::Ner, per_class, seed)
    }

    fn new(
        shots: impl Iterator<Item = Shot>,
        dataset: &str,
        task: Task,
        per_class: usize,
        seed: u64,
    ) -> Self {
        let usable =
            |shot: &Shot| !shot.objects.is_empty() && !shot.prints.iter().any(Print::is_blank);
        let mut candidates: Vec<Shot> = shots.filter(usable).collect();
        Random::of(seed, &["shots", dataset, &task.to_string()]).shuffle(&mut candidates);
        let mut pool = Self {
            task,
            dataset: dataset.to_owned(),
            per_class,
            seed,
            shots: Vec::new(),
            of_class: BTreeMap::new(),
        };
        for shot in candidates {
            let is_wanted = |class: &String| {
                pool.of_class.get(class).is_none_or(|places| places.len() < OF_A_CLASS)
            };
            if shot.objects.keys().any(is_wanted) {
                for class in shot.objects.keys() {
                    pool.of_class.entry(class.clone()).or_default().push(pool.shots.len());
                }
                pool.shots.push(shot);
            }
        }
        pool
    }

    /// SHA-256 over everything that decides what is drawn from it.
    pub fn fingerprint(&self) -> String {
        let contents: Vec<&Content> = self.shots.iter().map(|shot| &shot.content).collect();
        let all = (VERSION, self.task, &self.dataset, self.per_class, self.seed, contents);
        // Strings, numbers and lists always have a JSON form.
        sha256_hex(&serde_json::to_vec(&all).unwrap_or_default())
    }

    /// Whether the text has a mention of any of `classes`.
    pub fn has_any(&self, classes: &[&str]) -> bool {
        classes.iter().any(|class| self.of_class.contains_key(*class))
    }

    /// Those of `classes` that the text has fewer mentions of than wanted.
    pub fn lacking<'a>(&self, classes: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mentions = |class: &str| -> usize {
            let places = self.of_class.get(class).into_iter().flatten();
            places.filter_map(|place| self.shots[*place].objects.get(class)).sum()
        };
        let lacks = |class: &&str| mentions(class) < self.per_class;
        classes.into_iter().filter(lacks).map(str::to_owned).collect()
    }

    /// Demonstrations for `classes`, none of them like what is asked, most needed first.
    ///
    /// A function of the pool and the arguments; another `purpose` gives others.
    pub fn draw(&self, classes: &[&str], asked: &Asked, purpose: &str) -> Vec<usize> {
        let words = [&["shots", purpose], classes].concat();
        let mut draw =
            Draw { pool: self, asked, random: Random::of(self.seed, &words), drawn: Vec::new() };
        let mut order: Vec<&str> =
            classes.iter().copied().filter(|class| self.of_class.contains_key(*class)).collect();
        order.sort_unstable_by_key(|class| (self.of_class[*class].len(), *class));
        let mut have: BTreeMap<&str, usize> = order.iter().map(|class| (*class, 0)).collect();
        for wanted in 1..=self.per_class {
            for class in &order {
                while have[class] < wanted {
                    let Some(place) = draw.best(class, &have) else { break };
                    for (class, count) in &self.shots[place].objects {
                        if let Some(have) = have.get_mut(class.as_str()) {
                            *have += count;
                        }
                    }
                    draw.drawn.push(place);
                }
            }
        }
        draw.drawn
    }

    /// A demonstration as an example about `classes`; a pair in the direction that starts with
    /// `source`.
    pub fn example(
        &self,
        shot: usize,
        schema: &Schema,
        classes: &[&Class],
        source: &str,
        config: &PromptConfig,
    ) -> Example {
        match &self.shots[shot].content {
            Content::Sentence(sentence) => {
                prompt::extraction(schema, classes, self.task, sentence, config)
            }
            Content::Pair(pair) if pair.source.language == source => {
                prompt::alignment(schema, classes, pair, config)
            }
            Content::Pair(pair) => {
                prompt::alignment(schema, classes, &pair.clone().reversed(), config)
            }
        }
    }

    /// How many sentences it has.
    pub fn len(&self) -> usize {
        self.shots.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.shots.is_empty()
    }

    #[cfg(test)]
    pub(super) fn text(&self, shot: usize) -> &str {
        match &self.shots[shot].content {
            Content::Sentence(sentence) => &sentence.text,
            Content::Pair(pair) => &pair.source.text,
        }
    }

    #[cfg(test)]
    pub(super) fn objects(&self, shot: usize) -> &BTreeMap<String, usize> {
        &self.shots[shot].objects
    }
}

impl Shot {
    fn new<'a>(
        content: Content,
        classes: impl Iterator<Item = &'a str>,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut objects = BTreeMap::new();
        for class in classes {
            *objects.entry(class.to_owned()).or_default() += 1;
        }
        let mut length = FRAME;
        let print = |text: &str| {
            length += text.chars().count();
            Print::of(text)
        };
        let prints = texts.into_iter().map(print).collect();
        Self { content, objects, prints, length }
    }

    fn is_like(&self, prints: &[Print]) -> bool {
        prints.iter().any(|print| self.prints.iter().any(|own| own.is_like(print)))
    }
}

/// A drawing under way.
struct Draw<'a> {
    pool: &'a Pool,
    asked: &'a Asked,
    random: Random,
    drawn: Vec<usize>,
}

impl Draw<'_> {
    /// The best of some sentences with `class`, of which there are so many mentions so far; of all,
    /// where none of those can be shown.
    fn best(&mut self, class: &str, have: &BTreeMap<&str, usize>) -> Option<usize> {
        let pool = self.pool;
        let mut places = pool.of_class.get(class)?.clone();
        let compared = places.len().div_ceil(2).min(COMPARED);
        for place in 0..compared {
            let other = place + self.random.below(places.len() - place);
            places.swap(place, other);
        }
        // What is missing, by the character; numbers without fractions compare alike everywhere.
        let worth = |place: &usize| {
            let shot = &pool.shots[*place];
            let gain = |(class, have): (&&str, &usize)| {
                let need = pool.per_class.saturating_sub(*have);
                shot.objects.get(*class).copied().unwrap_or(0).min(need)
            };
            std::cmp::Reverse((have.iter().map(gain).sum::<usize>() << 32) / shot.length)
        };
        places[..compared].sort_by_key(worth);
        places.into_iter().find(|place| self.may_show(*place))
    }

    fn may_show(&self, place: usize) -> bool {
        let shot = &self.pool.shots[place];
        !self.drawn.contains(&place)
            && !shot.is_like(&self.asked.0)
            && !self.drawn.iter().any(|other| shot.is_like(&self.pool.shots[*other].prints))
    }
}
