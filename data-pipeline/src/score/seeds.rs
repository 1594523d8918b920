//! Several recipes, each trained with several seeds, on the same sentences: what differs, and how sure
//! that is.
//!
//! A difference may come from the sentences of the test set or from the seed, so both are drawn again
//! for its interval, the same ones for either recipe: their sentences are paired, and so are their
//! seeds. The p value asks about sentences only: answers to a sentence are swapped in all seeds
//! together. Three seeds say little about all seeds: the F1 of each is kept, to be looked at.

use super::bootstrap::{self, Group};
use super::chained::is_chained;
use super::paired::{self, Difference};
use super::shared::agree;
use super::{MEAN, MICRO, Protocol, Quality, Rule, SEEN, Set, Tally, UNSEEN, tally};
use crate::predictions::Prediction;
use crate::schema::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Why the protocol has no number for it, if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
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
    /// What F1 does not show of the answers, those of all seeds together.
    #[serde(default, skip_serializing_if = "is_clean")]
    pub quality: Quality,
    /// This recipe less the first; none of the first itself, and where the two have no seed in common
    /// or were asked about other sentences, or with other gold.
    pub difference: Option<Difference>,
}

fn is_clean(quality: &Quality) -> bool {
    quality.is_clean()
}

/// Holds recipes against the first of them, set by set and over languages, of which `seen` were
/// trained on.
///
/// What the protocol does not define has no results and says why; it is in no mean.
pub fn contests(recipes: &[Runs], protocol: Protocol, seen: &[String]) -> Vec<Contest> {
    let rule = Rule::from(protocol);
    let mut undefined: BTreeMap<Key, &'static str> = BTreeMap::new();
    let mut keys: Vec<Key> = Vec::new();
    let mut places: BTreeMap<Key, Places> = BTreeMap::new();
    for set in recipes.iter().flatten().flat_map(|(_, sets)| sets) {
        let key = key_of(set);
        if let Some(why) = rule.undefined(set.task).or_else(|| set.unfit(rule)) {
            undefined.entry(key.clone()).or_insert(why);
        }
        if !keys.contains(&key) {
            places.insert(key.clone(), places_of(set));
            keys.push(key);
        }
    }
    let counted: Vec<Counted> =
        recipes.iter().map(|runs| Counted::of(runs, rule, &places)).collect();
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
        let mut languages: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
        for key in of_task {
            let known = (!seen.is_empty()).then(|| is_seen(&key.1));
            let cell = Cell { name: &key.0, groups: vec![vec![key.clone()]] };
            let contest = contest((&key.0, &key.1, task, known), &cell, &counted);
            if let Some(why) = undefined.get(key) {
                let results = vec![None; recipes.len()];
                all.push(Contest { undefined: Some((*why).to_owned()), results, ..contest });
                continue;
            }
            all.push(contest);
            // Arguments of predicted triggers are in no sum.
            if !is_chained(&key.0) && counted.iter().any(|it| it.gold(key) > 0) {
                languages.entry(&key.1).or_default().push(key.clone());
            }
        }
        let mean_of = |keep: &dyn Fn(&str) -> bool| {
            let groups = languages.iter().filter(|(language, _)| keep(language));
            Cell { name: MICRO, groups: groups.map(|(_, keys)| keys.clone()).collect() }
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

/// The place of each sentence of a set, by its id, in the first run that has the set.
type Places<'a> = HashMap<&'a str, usize>;

fn places_of(set: &Set) -> Places<'_> {
    set.predictions.iter().enumerate().map(|(at, it)| (it.id.as_str(), at)).collect()
}

fn key_of(set: &Set) -> Key {
    (set.dataset.clone(), set.language.clone(), set.task)
}

/// Sets whose objects are counted together, and the mean of that over groups.
struct Cell<'a> {
    /// What the sets of a group are called together.
    name: &'a str,
    /// None of them is empty.
    groups: Vec<Vec<Key>>,
}

/// The tallies of a recipe's runs.
struct Counted<'a> {
    seeds: BTreeMap<u64, BTreeMap<Key, Sentences<'a>>>,
}

/// The sentences of a set in one run, in the order that they have in the first run.
struct Sentences<'a> {
    answers: Vec<&'a Prediction>,
    tallies: Vec<Tally>,
    quality: Quality,
}

impl<'a> Sentences<'a> {
    fn of(set: &'a Set, rule: Rule, places: Option<&Places>) -> Self {
        let mut answers: Vec<&Prediction> = set.predictions.iter().collect();
        let place =
            |it: &&Prediction| places.and_then(|places| places.get(it.id.as_str()).copied());
        answers.sort_by_key(place);
        let tallies = answers.iter().map(|it| tally(rule, it)).collect();
        let quality = answers.iter().map(|it| Quality::of(it)).sum();
        Self { answers, tallies, quality }
    }

    /// Whether both were asked the same, and are held against the same gold.
    fn are_those_of(&self, other: &Self) -> bool {
        let same = |(one, other): (&&Prediction, &&Prediction)| {
            one.id == other.id && agree(one, other).is_ok()
        };
        self.answers.len() == other.answers.len()
            && self.answers.iter().zip(&other.answers).all(same)
    }
}

impl<'a> Counted<'a> {
    fn of(runs: &'a Runs, rule: Rule, places: &BTreeMap<Key, Places>) -> Self {
        let of_set = |set: &'a Set| {
            let key = key_of(set);
            let sentences = Sentences::of(set, rule, places.get(&key));
            (key, sentences)
        };
        let of_run = |(seed, sets): &'a (u64, Vec<Set>)| (*seed, sets.iter().map(of_set).collect());
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

    fn set(&self, seed: u64, key: &Key) -> Option<&Sentences<'a>> {
        self.seeds.get(&seed)?.get(key)
    }
}

fn contest(
    (dataset, language, task, seen): (&str, &str, Task, Option<bool>),
    cell: &Cell,
    recipes: &[Counted],
) -> Contest {
    let task_name = task.to_string();
    let name = [dataset, language, &task_name];
    let results = recipes.iter().enumerate().map(|(index, recipe)| {
        let mut reached = reached(cell, recipe)?;
        if index > 0 {
            reached.difference = difference(&name, cell, recipe, &recipes[0]);
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
        undefined: None,
        results: results.collect(),
    }
}

/// The sentences of `sides` with these seeds, which all have them.
fn groups<const N: usize>(cell: &Cell, seeds: &[u64], sides: [&Counted; N]) -> Vec<Group<N>> {
    let of_keys = |keys: &Vec<Key>| {
        let of_seed = |seed: &u64| {
            let mut sentences: Vec<[Tally; N]> = Vec::new();
            for key in keys {
                let tallies = sides.map(|side| side.tallies(*seed, key));
                let count = tallies.iter().map(|side| side.len()).min().unwrap_or(0);
                let of_place = |place: usize| tallies.map(|side| side[place]);
                sentences.extend((0..count).map(of_place));
            }
            sentences
        };
        let (_, language, task) = &keys[0];
        Group::new((cell.name, language, *task), seeds.iter().map(of_seed).collect())
    };
    cell.groups.iter().map(of_keys).collect()
}

/// What one recipe reached; none without a run that has all sets, or without anything annotated.
fn reached(cell: &Cell, recipe: &Counted) -> Option<Reached> {
    let seeds: Vec<u64> = recipe.seeds_of(cell).into_iter().collect();
    if seeds.is_empty() || cell.groups.iter().flatten().all(|key| recipe.gold(key) == 0) {
        return None;
    }
    let f1_of = |seed: &u64| {
        let [f1] = bootstrap::scores(&groups(cell, &[*seed], [recipe]));
        (*seed, f1)
    };
    let all = groups(cell, &seeds, [recipe]);
    let [f1] = bootstrap::scores(&all);
    let drawn = bootstrap::resamples(&all).into_iter().map(|[f1]| f1).collect();
    let (low, high) = bootstrap::interval(drawn);
    let sets = seeds.iter().flat_map(|seed| {
        cell.groups.iter().flatten().filter_map(move |key| recipe.set(*seed, key))
    });
    let quality = sets.map(|set| set.quality).sum();
    Some(Reached {
        f1,
        low,
        high,
        seeds: seeds.iter().map(f1_of).collect(),
        quality,
        difference: None,
    })
}

/// A recipe less the first, over the seeds that both have.
fn difference(name: &[&str], cell: &Cell, recipe: &Counted, first: &Counted) -> Option<Difference> {
    let (one, other) = (first.seeds_of(cell), recipe.seeds_of(cell));
    let seeds: Vec<u64> = one.intersection(&other).copied().collect();
    let is_shared = |key: &Key| {
        let of_recipe = |counted: &Counted| {
            seeds.iter().all(|seed| {
                let sets = first.set(seeds[0], key).zip(counted.set(*seed, key));
                sets.is_some_and(|(one, other)| one.are_those_of(other))
            })
        };
        of_recipe(first) && of_recipe(recipe)
    };
    if seeds.is_empty() || !cell.groups.iter().flatten().all(is_shared) {
        return None;
    }
    if cell.groups.iter().flatten().all(|key| first.gold(key) == 0) {
        return None;
    }
    Some(paired::difference(&groups(cell, &seeds, [recipe, first]), name))
}

#[cfg(test)]
mod tests;
