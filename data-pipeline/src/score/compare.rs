//! Two runs on the same sentences.
//!
//! Intervals of two scores overlap long before their difference is chance, since both runs meet the
//! same hard sentences. So the difference is looked at sentence by sentence: its interval is that of a
//! paired bootstrap (Koehn, 2004), and its p-value that of approximate randomization (Noreen, 1989; Yeh,
//! 2000): how often a difference as large comes about if the answers to each sentence are swapped or
//! not by the toss of a coin.

use super::{MEAN, MICRO, Protocol, Rule, Set, Tally, bootstrap, tally};
use crate::error::Error;
use crate::predictions::Prediction;
use crate::random::Random;
use crate::schema::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Draws of the bootstrap, as for single scores.
const RESAMPLES: usize = 1000;
/// Tosses for all sentences; with the answers as they are that makes 2,000, so p is never below 0.0005.
const TRIALS: usize = 1999;

/// The difference between two runs on one set, or on several together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the dataset, [`MICRO`] or [`MEAN`].
    pub dataset: String,
    /// Language code; `all` where several are in it.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// The rule.
    pub protocol: Protocol,
    /// F1 of the first run, in percent.
    pub a_f1: f64,
    /// F1 of the second.
    pub b_f1: f64,
    /// What the first has more.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How likely a difference as large, in either direction, would be if the runs were equally good.
    pub p: f64,
    /// Sentences asked.
    pub sentences: usize,
    /// Those in which the runs count differently.
    pub differing: usize,
}

/// Compares two runs under `protocol`; both must have answered the same sentences with the same gold.
///
/// Sets in which nothing is annotated are left out, and so are tasks that the protocol does not define.
pub fn compare(a: &[Set], b: &[Set], protocol: Protocol) -> Result<Vec<Comparison>, Error> {
    compare_under(a, b, protocol.into())
}

/// Compares two runs as [`compare()`] does, under a protocol in any form.
pub fn compare_under(a: &[Set], b: &[Set], rule: Rule) -> Result<Vec<Comparison>, Error> {
    let same = |one: &Set, other: &Set| {
        one.dataset == other.dataset && one.language == other.language && one.task == other.task
    };
    if let Some(alone) = b.iter().find(|set| !a.iter().any(|other| same(set, other))) {
        return Err(differs(alone, "is only in the second run".to_owned()));
    }
    let mut tasks: Vec<Task> = Vec::new();
    let mut pairs: Vec<Paired> = Vec::new();
    for set in a {
        let Some(other) = b.iter().find(|other| same(set, other)) else {
            return Err(differs(set, "is only in the first run".to_owned()));
        };
        let together = aligned(set, other)?;
        if rule.undefined(set.task).is_some() || set.unfit(rule).is_some() {
            continue;
        }
        let of = |(a, b): &(&Prediction, &Prediction)| (tally(rule, a), tally(rule, b));
        let pair = Paired { set, tallies: together.iter().map(of).collect() };
        if pair.tallies.iter().any(|(a, _)| a.gold > 0) {
            if !tasks.contains(&set.task) {
                tasks.push(set.task);
            }
            pairs.push(pair);
        }
    }
    let mut found = Vec::new();
    for task in tasks {
        let pairs: Vec<&Paired> = pairs.iter().filter(|pair| pair.set.task == task).collect();
        found.extend(of_task(&pairs, rule.protocol));
    }
    Ok(found)
}

/// What both runs counted in each sentence of a set.
struct Paired<'a> {
    set: &'a Set,
    tallies: Vec<(Tally, Tally)>,
}

/// Each set, then all of them, then the mean of languages.
fn of_task(pairs: &[&Paired], protocol: Protocol) -> Vec<Comparison> {
    let task = pairs[0].set.task;
    let compared = |dataset: &str, language: &str, groups: Vec<Vec<(Tally, Tally)>>| {
        let Difference { a, b, low, high, p } =
            difference(&groups, &[dataset, language, &task.to_string()]);
        let all = || groups.iter().flatten();
        Comparison {
            dataset: dataset.to_owned(),
            language: language.to_owned(),
            task,
            protocol,
            a_f1: a,
            b_f1: b,
            difference: a - b,
            low,
            high,
            p,
            sentences: all().count(),
            differing: all().filter(|(a, b)| a != b).count(),
        }
    };
    let mut found: Vec<Comparison> = pairs
        .iter()
        .map(|pair| compared(&pair.set.dataset, &pair.set.language, vec![pair.tallies.clone()]))
        .collect();
    let mut languages: BTreeMap<&str, Vec<(Tally, Tally)>> = BTreeMap::new();
    for pair in pairs {
        languages.entry(&pair.set.language).or_default().extend(&pair.tallies);
    }
    let language = match languages.keys().next() {
        Some(only) if languages.len() == 1 => (*only).to_owned(),
        _ => "all".to_owned(),
    };
    if pairs.len() > 1 {
        let all = pairs.iter().flat_map(|pair| pair.tallies.iter().copied()).collect();
        found.push(compared(MICRO, &language, vec![all]));
    }
    if languages.len() > 1 {
        found.push(compared(MEAN, "all", languages.into_values().collect()));
    }
    found
}

/// The answers of both runs to each sentence; else which sentence they do not share.
fn aligned<'a>(a: &'a Set, b: &'a Set) -> Result<Vec<(&'a Prediction, &'a Prediction)>, Error> {
    let by_id: HashMap<&str, &Prediction> =
        b.predictions.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut pairs = Vec::with_capacity(a.predictions.len());
    for row in &a.predictions {
        let Some(other) = by_id.get(row.id.as_str()) else {
            return Err(differs(a, format!("has the sentence `{}` in the first run only", row.id)));
        };
        if row.sentence != other.sentence {
            return Err(differs(a, format!("has two texts for the sentence `{}`", row.id)));
        }
        if row.gold != other.gold {
            return Err(differs(a, format!("has other gold for the sentence `{}`", row.id)));
        }
        pairs.push((row, *other));
    }
    if by_id.len() > pairs.len() {
        let known: HashSet<&str> = a.predictions.iter().map(|row| row.id.as_str()).collect();
        let alone = b.predictions.iter().find(|row| !known.contains(row.id.as_str()));
        let id = alone.map_or("", |row| row.id.as_str());
        return Err(differs(a, format!("has the sentence `{id}` in the second run only")));
    }
    Ok(pairs)
}

fn differs(set: &Set, what: String) -> Error {
    let Set { dataset, language, task, .. } = set;
    let message = format!(
        "`{dataset}` ({language}, {task}) {what}; a comparison needs both runs on the same sentences, \
         with the same gold"
    );
    Error::corrupt(Path::new("predictions of two runs"), message)
}

/// Two scores and what is to be said of their difference.
struct Difference {
    a: f64,
    b: f64,
    low: f64,
    high: f64,
    p: f64,
}

/// The mean over `groups` of the F1 of each, for both runs.
fn difference(groups: &[Vec<(Tally, Tally)>], name: &[&str]) -> Difference {
    let sums: Vec<(Tally, Tally)> = groups.iter().map(|group| sum(group.iter().copied())).collect();
    let (a, b) = means(&sums);
    let purpose =
        |what| -> Vec<&str> { std::iter::once(what).chain(name.iter().copied()).collect() };
    let mut random = Random::of(0, &purpose("paired bootstrap"));
    let mut resample = || {
        let mut drawn = Vec::with_capacity(groups.len());
        for group in groups {
            drawn.push(sum((0..group.len()).map(|_| group[random.below(group.len())])));
        }
        let (a, b) = means(&drawn);
        a - b
    };
    let (low, high) = bootstrap::interval((0..RESAMPLES).map(|_| resample()).collect());
    let p = p_value(groups, &sums, &mut Random::of(0, &purpose("randomization")));
    Difference { a, b, low, high, p }
}

fn p_value(groups: &[Vec<(Tally, Tally)>], sums: &[(Tally, Tally)], random: &mut Random) -> f64 {
    let distance = |sums: &[(Tally, Tally)]| {
        let (a, b) = means(sums);
        (a - b).abs()
    };
    // Sums of equal parts in another order may differ in the last bits.
    let observed = distance(sums) - 1e-9;
    // Swapping equals changes nothing.
    let differing: Vec<Vec<(Tally, Tally)>> = groups
        .iter()
        .map(|group| group.iter().filter(|(a, b)| a != b).copied().collect())
        .collect();
    let mut bits = 0;
    let mut left = 0;
    let mut toss = || {
        if left == 0 {
            (bits, left) = (random.next(), 64);
        }
        left -= 1;
        let heads = bits & 1 == 1;
        bits >>= 1;
        heads
    };
    let mut as_large = 0;
    for _ in 0..TRIALS {
        let mut swapped = sums.to_vec();
        for (group, (first, second)) in differing.iter().zip(&mut swapped) {
            for (a, b) in group {
                if toss() {
                    *first = exchanged(*first, *a, *b);
                    *second = exchanged(*second, *b, *a);
                }
            }
        }
        as_large += usize::from(distance(&swapped) >= observed);
    }
    (as_large + 1) as f64 / (TRIALS + 1) as f64
}

/// `total` with `new` in the place of `old`, which is a part of it.
fn exchanged(total: Tally, old: Tally, new: Tally) -> Tally {
    Tally {
        gold: total.gold - old.gold + new.gold,
        predicted: total.predicted - old.predicted + new.predicted,
        correct: total.correct - old.correct + new.correct,
    }
}

fn sum(tallies: impl Iterator<Item = (Tally, Tally)>) -> (Tally, Tally) {
    tallies.fold(Default::default(), |(a, b), (x, y)| (a + x, b + y))
}

fn means(sums: &[(Tally, Tally)]) -> (f64, f64) {
    let mean = |scores: Vec<f64>| scores.iter().sum::<f64>() / scores.len() as f64;
    let a = sums.iter().map(|(a, _)| a.f1()).collect();
    (mean(a), mean(sums.iter().map(|(_, b)| b.f1()).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::prediction;
    use super::*;

    /// A set with a sentence for each letter: `x` finds the object, `-` says another.
    fn set(dataset: &str, language: &str, answers: &str) -> Set {
        let row = |(number, answer): (usize, char)| Prediction {
            id: number.to_string(),
            ..prediction(Task::Ner, &["P a"], &[if answer == 'x' { "P a" } else { "P b" }])
        };
        let predictions = answers.chars().enumerate().map(row).collect();
        Set { dataset: dataset.into(), language: language.into(), task: Task::Ner, predictions }
    }

    #[test]
    fn p_is_that_of_the_sign_test_where_sentences_have_one_object() {
        // Eight sentences differ, all in favour of the first: 2 / 2^8 = 0.0078 by the sign test.
        let a = [set("d", "en", &"x".repeat(20))];
        let b = [set("d", "en", &("-".repeat(8) + &"x".repeat(12)))];
        let found = compare(&a, &b, Protocol::Set).unwrap();
        let [it] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((it.a_f1, it.b_f1, it.difference), (100.0, 60.0, 40.0));
        assert_eq!((it.sentences, it.differing), (20, 8));
        // Three standard errors of 2,000 tosses.
        assert!((it.p - 0.0078).abs() < 0.006, "{}", it.p);
        // 40 ± 1.96 · 11 for a mean of 20 coins of 0.4.
        assert!((10.0..30.0).contains(&it.low) && (50.0..70.0).contains(&it.high), "{it:?}");
        let back = compare(&b, &a, Protocol::Set).unwrap();
        assert_eq!((back[0].difference, back[0].low, back[0].p), (-40.0, -it.high, it.p));
    }

    #[test]
    fn equal_runs_do_not_differ() {
        let a = [set("d", "en", "x-x-"), set("e", "zh", "-x")];
        let found = compare(&a, &a, Protocol::StrictSpan).unwrap();
        let told: Vec<(&str, f64, f64, f64, f64)> =
            found.iter().map(|it| (&*it.dataset, it.difference, it.low, it.high, it.p)).collect();
        let nothing = |name| (name, 0.0, 0.0, 0.0, 1.0);
        assert_eq!(told, [nothing("d"), nothing("e"), nothing(MICRO), nothing(MEAN)]);
    }

    #[test]
    fn languages_weigh_the_same() {
        let a = [set("d", "en", "xxxxxxxx"), set("d", "zh", "--")];
        let b = [set("d", "en", "xxxx----"), set("d", "zh", "x-")];
        let found = compare(&a, &b, Protocol::Set).unwrap();
        let told: Vec<(&str, &str, f64)> =
            found.iter().map(|it| (&*it.dataset, &*it.language, it.difference)).collect();
        let expected =
            [("d", "en", 50.0), ("d", "zh", -50.0), (MICRO, "all", 30.0), (MEAN, "all", 0.0)];
        assert_eq!(told, expected);
    }

    #[test]
    fn runs_on_other_sentences_are_refused() {
        let a = [set("d", "en", "xx")];
        let check = |b: Set, expected: &str| {
            let error = compare(&a, &[b], Protocol::Set).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 65);
        };
        check(set("e", "en", "xx"), "`e` (en, ner) is only in the second run;");
        check(set("d", "en", "x"), "has the sentence `1` in the first run only;");
        check(set("d", "en", "xxx"), "has the sentence `2` in the second run only;");
        let mut other = set("d", "en", "xx");
        other.predictions[1].sentence = "b".into();
        check(other.clone(), "has two texts for the sentence `1`;");
        other.predictions[1] = Prediction { gold: Vec::new(), ..a[0].predictions[1].clone() };
        check(other, "has other gold for the sentence `1`;");
        assert!(compare(&a, &[], Protocol::Set).is_err());
        // Another order is no other gold.
        let mut turned = set("d", "en", "xx");
        turned.predictions.reverse();
        assert_eq!(compare(&a, &[turned], Protocol::Set).unwrap()[0].difference, 0.0);
        let relations = [Set { task: Task::Re, ..set("d", "en", "x") }];
        assert_eq!(compare(&relations, &relations, Protocol::B2ner).unwrap(), []);
    }
}
