//! Several recipes, each trained with several seeds, on the same sentences: what differs, and how sure
//! that is.
//!
//! A difference may come from the sentences of the test set or from the seed, so both are drawn again
//! for its interval, the same ones for either recipe: their sentences are paired, and so are their
//! seeds. The p value asks about sentences only: what a difference of this size would be worth if the
//! two recipes' answers to each sentence were exchanged by coin flips, those of all seeds together
//! (approximate randomization, Noreen, 1989). Three seeds say little about all seeds: the F1 of each
//! is kept, to be looked at.

use super::{MEAN, Protocol, SEEN, Set, Tally, UNSEEN, bootstrap, tally};
use crate::random::Random;
use crate::schema::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Draws for an interval, and exchanges for a p value.
const RESAMPLES: usize = 1000;

/// The runs of one recipe: each a seed and what it predicted.
pub type Runs = Vec<(u64, Vec<Set>)>;

/// One set of sentences, or several sets weighed by language, and what each recipe reached there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// Name of the dataset, [`MEAN`], [`SEEN`] or [`UNSEEN`].
    pub dataset: String,
    /// Language code; `all` of a mean.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// Whether it was trained on; none where that is not said or it is a mean of both.
    pub seen: Option<bool>,
    /// Sentences asked, of the first recipe's.
    pub sentences: usize,
    /// Annotated objects, of the first recipe's.
    pub gold: usize,
    /// One a recipe, in their order; none where it has no run with these sentences.
    pub results: Vec<Option<Reached>>,
}

/// What a recipe reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// F1 in percent, the mean over seeds.
    pub f1: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// F1 of each seed.
    pub seeds: BTreeMap<u64, f64>,
    /// Against the first recipe; none of the first itself, and where the two have no seed in common or
    /// were asked about other sentences.
    pub difference: Option<Difference>,
}

/// How far two recipes are apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In points of F1, the mean over the seeds that both have.
    pub points: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// How often chance alone would be as far from nothing.
    pub p: f64,
}

/// Holds recipes against the first of them, set by set and over languages, of which `seen` were
/// trained on.
pub fn contests(recipes: &[Runs], protocol: Protocol, seen: &[String]) -> Vec<Contest> {
    let counted: Vec<Counted> = recipes.iter().map(|runs| Counted::of(runs, protocol)).collect();
    let mut keys: Vec<Key> = Vec::new();
    for set in recipes.iter().flatten().flat_map(|(_, sets)| sets) {
        let key = (set.dataset.clone(), set.language.clone(), set.task);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut tasks: Vec<Task> = Vec::new();
    for (_, _, task) in &keys {
        if !tasks.contains(task) {
            tasks.push(*task);
        }
    }
    let is_seen = |language: &str| seen.iter().any(|it| it == language);
    let mut all = Vec::new();
    for task in tasks {
        let of_task: Vec<&Key> = keys.iter().filter(|key| key.2 == task).collect();
        for key in &of_task {
            let cell = Cell { groups: vec![vec![(*key).clone()]] };
            let known = (!seen.is_empty()).then(|| is_seen(&key.1));
            all.push(contest((&key.0, &key.1, task, known), &cell, &counted));
        }
        let mut languages: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
        for key in of_task {
            if counted.iter().any(|it| it.gold(key) > 0) {
                languages.entry(&key.1).or_default().push(key.clone());
            }
        }
        let mean_of = |keep: &dyn Fn(&str) -> bool| {
            let groups = languages.iter().filter(|(language, _)| keep(language));
            Cell { groups: groups.map(|(_, keys)| keys.clone()).collect() }
        };
        if languages.len() < 2 {
            continue;
        }
        let parts = [(SEEN, true), (UNSEEN, false)];
        for (name, is) in parts {
            let cell = mean_of(&|language| is_seen(language) == is);
            // All or none of the languages are the mean below.
            if !cell.groups.is_empty() && cell.groups.len() < languages.len() {
                all.push(contest((name, "all", task, Some(is)), &cell, &counted));
            }
        }
        all.push(contest((MEAN, "all", task, None), &mean_of(&|_| true), &counted));
    }
    all
}

/// Dataset, language, task.
type Key = (String, String, Task);

/// Sets whose objects are counted together, and the mean of that over groups.
struct Cell {
    groups: Vec<Vec<Key>>,
}

/// The tallies of a recipe's runs.
struct Counted {
    seeds: BTreeMap<u64, BTreeMap<Key, Sentences>>,
}

/// The sentences of a set in one run.
struct Sentences {
    ids: Vec<String>,
    tallies: Vec<Tally>,
}

impl Counted {
    fn of(runs: &Runs, protocol: Protocol) -> Self {
        let of_set = |set: &Set| {
            let mut rows: Vec<_> =
                set.predictions.iter().map(|it| (it.id.clone(), tally(protocol, it))).collect();
            rows.sort_by(|(one, _), (other, _)| one.cmp(other));
            let (ids, tallies) = rows.into_iter().unzip();
            let key = (set.dataset.clone(), set.language.clone(), set.task);
            (key, Sentences { ids, tallies })
        };
        let of_run = |(seed, sets): &(u64, Vec<Set>)| (*seed, sets.iter().map(of_set).collect());
        Self { seeds: runs.iter().map(of_run).collect() }
    }

    fn gold(&self, key: &Key) -> usize {
        let found = self.seeds.values().find_map(|sets| sets.get(key));
        found.map_or(0, |set| set.tallies.iter().map(|it| it.gold).sum())
    }

    /// The seeds that have all sets of `cell`.
    fn seeds_of(&self, cell: &Cell) -> BTreeSet<u64> {
        let has = |sets: &BTreeMap<Key, Sentences>| {
            cell.groups.iter().flatten().all(|key| sets.contains_key(key))
        };
        self.seeds.iter().filter(|(_, sets)| has(sets)).map(|(seed, _)| *seed).collect()
    }

    /// The tallies of one seed's set; the caller has looked that they are there.
    fn tallies(&self, seed: u64, key: &Key) -> &[Tally] {
        self.set(seed, key).map_or(&[], |set| &set.tallies)
    }

    fn set(&self, seed: u64, key: &Key) -> Option<&Sentences> {
        self.seeds.get(&seed)?.get(key)
    }
}

fn contest(
    (dataset, language, task, seen): (&str, &str, Task, Option<bool>),
    cell: &Cell,
    recipes: &[Counted],
) -> Contest {
    let name = format!("{dataset}/{language}/{task}");
    let results = recipes.iter().enumerate().map(|(index, recipe)| {
        let mut reached = reached(&name, cell, recipe)?;
        if index > 0 {
            reached.difference = difference(&name, cell, &recipes[0], recipe);
        }
        Some(reached)
    });
    let first = recipes.iter().find(|recipe| !recipe.seeds_of(cell).is_empty());
    let first_seed = first.and_then(|it| Some((it, *it.seeds_of(cell).first()?)));
    let sum = |what: &dyn Fn(&[Tally]) -> usize| {
        first_seed.map_or(0, |(recipe, seed)| {
            cell.groups.iter().flatten().map(|key| what(recipe.tallies(seed, key))).sum()
        })
    };
    Contest {
        dataset: dataset.to_owned(),
        language: language.to_owned(),
        task,
        seen,
        sentences: sum(&|tallies| tallies.len()),
        gold: sum(&|tallies| tallies.iter().map(|it| it.gold).sum()),
        results: results.collect(),
    }
}

/// What one recipe reached; none without a run that has all sets, or without anything annotated.
fn reached(name: &str, cell: &Cell, recipe: &Counted) -> Option<Reached> {
    let seeds: Vec<u64> = recipe.seeds_of(cell).into_iter().collect();
    if seeds.is_empty() || cell.groups.iter().flatten().all(|key| recipe.gold(key) == 0) {
        return None;
    }
    let whole = |key: &Key, seed: u64| recipe.tallies(seed, key).iter().copied().sum::<Tally>();
    let f1_of = |seed: u64| mean(cell.groups.iter().map(|group| of_group(group, seed, &whole)));
    let each: BTreeMap<u64, f64> = seeds.iter().map(|seed| (*seed, f1_of(*seed))).collect();
    let draws = Draws::new(name, cell, recipe, &seeds);
    let drawn = (0..RESAMPLES).map(|number| {
        let draw = draws.number(number);
        mean(draw.seeds.iter().map(|seed| draw.f1(cell, recipe, *seed)))
    });
    let (low, high) = bootstrap::interval(drawn.collect());
    let f1 = mean(each.values().copied());
    Some(Reached { f1, low, high, seeds: each, difference: None })
}

/// The second recipe against the first, over the seeds that both have.
fn difference(name: &str, cell: &Cell, first: &Counted, second: &Counted) -> Option<Difference> {
    let (one, other) = (first.seeds_of(cell), second.seeds_of(cell));
    let seeds: Vec<u64> = one.intersection(&other).copied().collect();
    let same = |key: &Key| {
        let sets = |recipe: &Counted| -> Vec<Vec<String>> {
            seeds.iter().filter_map(|it| Some(recipe.set(*it, key)?.ids.clone())).collect()
        };
        let (one, other) = (sets(first), sets(second));
        one == other && one.windows(2).all(|pair| pair[0] == pair[1])
    };
    if seeds.is_empty() || !cell.groups.iter().flatten().all(same) {
        return None;
    }
    if cell.groups.iter().flatten().all(|key| first.gold(key) == 0) {
        return None;
    }
    let whole = |recipe: &Counted| {
        let total = |key: &Key, seed: u64| recipe.tallies(seed, key).iter().copied().sum::<Tally>();
        let f1_of = |seed: &u64| mean(cell.groups.iter().map(|it| of_group(it, *seed, &total)));
        mean(seeds.iter().map(f1_of))
    };
    let points = whole(second) - whole(first);
    let draws = Draws::new(name, cell, first, &seeds);
    let drawn = (0..RESAMPLES).map(|number| {
        let draw = draws.number(number);
        let apart = |seed: &u64| draw.f1(cell, second, *seed) - draw.f1(cell, first, *seed);
        mean(draw.seeds.iter().map(apart))
    });
    let (low, high) = bootstrap::interval(drawn.collect());
    let p = by_chance(name, cell, (first, second), &seeds, points.abs());
    Some(Difference { points, low, high, p })
}

/// How often exchanged answers are at least `points` apart.
fn by_chance(
    name: &str,
    cell: &Cell,
    (first, second): (&Counted, &Counted),
    seeds: &[u64],
    points: f64,
) -> f64 {
    let mut random = Random::of(1, &[name, "exchanged"]);
    // Rounding of equal sums must not decide.
    let least = points - 1e-9;
    let mut as_far = 0;
    for _ in 0..RESAMPLES {
        let mut sides: BTreeMap<(&Key, u64), (Tally, Tally)> = BTreeMap::new();
        for key in cell.groups.iter().flatten() {
            let count = seeds.first().map_or(0, |seed| first.tallies(*seed, key).len());
            let flips: Vec<bool> = (0..count).map(|_| random.chance(0.5)).collect();
            for seed in seeds {
                let pairs = first.tallies(*seed, key).iter().zip(second.tallies(*seed, key));
                let mut sums = (Tally::default(), Tally::default());
                for ((one, other), flip) in pairs.zip(&flips) {
                    let (one, other) = if *flip { (other, one) } else { (one, other) };
                    sums.0 += *one;
                    sums.1 += *other;
                }
                sides.insert((key, *seed), sums);
            }
        }
        let apart = |seed: &u64| {
            let side = |second: bool| {
                let total = |key: &Key, seed: u64| {
                    let sums = sides.get(&(key, seed)).copied().unwrap_or_default();
                    if second { sums.1 } else { sums.0 }
                };
                mean(cell.groups.iter().map(|group| of_group(group, *seed, &total)))
            };
            side(true) - side(false)
        };
        as_far += usize::from(mean(seeds.iter().map(apart)).abs() >= least);
    }
    (1 + as_far) as f64 / (1 + RESAMPLES) as f64
}

/// F1 of the objects of a group's sets together.
fn of_group(group: &[Key], seed: u64, total: &dyn Fn(&Key, u64) -> Tally) -> f64 {
    group.iter().map(|key| total(key, seed)).sum::<Tally>().f1()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    values.for_each(|value| {
        sum += value;
        count += 1;
    });
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// Seeds and sentences drawn again: for one name always the same, whichever recipe asks.
struct Draws<'a> {
    name: &'a str,
    seeds: &'a [u64],
    sizes: BTreeMap<Key, usize>,
}

struct Draw {
    seeds: Vec<u64>,
    places: BTreeMap<Key, Vec<usize>>,
}

impl<'a> Draws<'a> {
    fn new(name: &'a str, cell: &Cell, recipe: &Counted, seeds: &'a [u64]) -> Self {
        let size = |key: &Key| {
            let count = seeds.first().map_or(0, |seed| recipe.tallies(*seed, key).len());
            (key.clone(), count)
        };
        Self { name, seeds, sizes: cell.groups.iter().flatten().map(size).collect() }
    }

    fn number(&self, number: usize) -> Draw {
        let number = number.to_string();
        let mut random = Random::of(0, &[self.name, "seeds", &number]);
        let seeds = self.seeds.iter().map(|_| self.seeds[random.below(self.seeds.len())]).collect();
        let places = |(key, size): (&Key, &usize)| {
            let (dataset, language, _) = key;
            let mut random = Random::of(0, &[dataset, language, "sentences", &number]);
            (key.clone(), (0..*size).map(|_| random.below(*size)).collect())
        };
        Draw { seeds, places: self.sizes.iter().map(places).collect() }
    }
}

impl Draw {
    fn f1(&self, cell: &Cell, recipe: &Counted, seed: u64) -> f64 {
        let total = |key: &Key, seed: u64| {
            let tallies = recipe.tallies(seed, key);
            let places = self.places.get(key).map_or(&[][..], Vec::as_slice);
            // A seed that was asked about fewer sentences has no others.
            places.iter().filter_map(|place| tallies.get(*place)).copied().sum::<Tally>()
        };
        mean(cell.groups.iter().map(|group| of_group(group, seed, &total)))
    }
}

#[cfg(test)]
mod tests;
