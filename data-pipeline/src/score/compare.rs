//! Two runs on the same sentences, set by set and together.

use super::bootstrap::{self, Group};
use super::chained::is_chained;
use super::paired::{self, Difference};
use super::shared::{Pair, Shared, shared};
use super::{MEAN, MICRO, Protocol, Quality, Rule, Set, Tally, tally};
use crate::error::Error;
use crate::schema::Task;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

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
    /// What F1 does not show of the first run's answers.
    #[serde(default, skip_serializing_if = "is_clean")]
    pub a_quality: Quality,
    /// What it does not show of the second's.
    #[serde(default, skip_serializing_if = "is_clean")]
    pub b_quality: Quality,
}

fn is_clean(quality: &Quality) -> bool {
    quality.is_clean()
}

/// Compares two runs under `protocol`; both must have answered the same sentences with the same gold.
///
/// Sets in which nothing is annotated are left out, and so are tasks that the protocol does not define.
/// Arguments of predicted triggers are in no sum, as in [`super::score_apart`].
pub fn compare(a: &[Set], b: &[Set], protocol: Protocol) -> Result<Vec<Comparison>, Error> {
    compare_under(a, b, protocol.into())
}

/// Compares two runs as [`compare()`] does, under a protocol in any form.
pub fn compare_under(a: &[Set], b: &[Set], rule: Rule) -> Result<Vec<Comparison>, Error> {
    let found = shared(a, b).and_then(|shared| shared.whole().map(|()| shared));
    let unlike =
        |it: super::Unlike| Error::corrupt(Path::new("predictions of two runs"), it.to_string());
    Ok(compare_shared(&found.map_err(unlike)?, rule))
}

/// Compares two runs as [`compare()`] does, on the sentences that both were asked, whatever else each was.
pub fn compare_shared(shared: &Shared, rule: impl Into<Rule>) -> Vec<Comparison> {
    let rule = rule.into();
    let mut tasks: Vec<Task> = Vec::new();
    let mut pairs: Vec<Pairs> = Vec::new();
    for Pair { a: set, rows, .. } in &shared.pairs {
        if rule.undefined(set.task).is_some() || set.unfit(rule).is_some() {
            continue;
        }
        let pair = Pairs {
            set,
            tallies: rows.iter().map(|(a, b)| [tally(rule, a), tally(rule, b)]).collect(),
            qualities: [
                rows.iter().map(|(a, _)| Quality::of(a)).sum(),
                rows.iter().map(|(_, b)| Quality::of(b)).sum(),
            ],
        };
        if pair.tallies.iter().any(|[a, _]| a.gold > 0) {
            if !tasks.contains(&set.task) {
                tasks.push(set.task);
            }
            pairs.push(pair);
        }
    }
    let mut found = Vec::new();
    for task in tasks {
        let pairs: Vec<&Pairs> = pairs.iter().filter(|pair| pair.set.task == task).collect();
        found.extend(of_task(&pairs, rule.protocol));
    }
    found
}

/// What both runs counted in each sentence of a set.
struct Pairs<'a> {
    set: &'a Set,
    tallies: Vec<[Tally; 2]>,
    qualities: [Quality; 2],
}

/// Each set, then all of them, then the mean of languages.
fn of_task(pairs: &[&Pairs], protocol: Protocol) -> Vec<Comparison> {
    let task = pairs[0].set.task;
    let compared = |dataset: &str, language: &str, parts: &[&Pairs], groups: &[Group<2>]| {
        let name = [dataset, language, &task.to_string()];
        let Difference { points, low, high, p } = paired::difference(groups, &name);
        let [a_f1, b_f1] = bootstrap::scores(groups);
        let [a_quality, b_quality] =
            [0, 1].map(|side| parts.iter().map(|part| part.qualities[side]).sum::<Quality>());
        let sentences = || parts.iter().flat_map(|part| &part.tallies);
        Comparison {
            dataset: dataset.to_owned(),
            language: language.to_owned(),
            task,
            protocol,
            a_f1,
            b_f1,
            difference: points,
            low,
            high,
            p,
            sentences: sentences().count(),
            differing: sentences().filter(|[a, b]| a != b).count(),
            a_quality,
            b_quality,
        }
    };
    let group = |dataset: &str, language: &str, parts: &[&Pairs]| {
        let tallies = parts.iter().flat_map(|part| part.tallies.iter().copied()).collect();
        Group::new((dataset, language, task), vec![tallies])
    };
    let mut found = Vec::new();
    for pair in pairs {
        let Set { dataset, language, .. } = pair.set;
        let parts = std::slice::from_ref(pair);
        found.push(compared(dataset, language, parts, &[group(dataset, language, parts)]));
    }
    let parts: Vec<&Pairs> =
        pairs.iter().filter(|pair| !is_chained(&pair.set.dataset)).copied().collect();
    let mut languages: BTreeMap<&str, Vec<&Pairs>> = BTreeMap::new();
    for pair in &parts {
        languages.entry(&pair.set.language).or_default().push(pair);
    }
    if parts.len() > 1 {
        let language = match languages.keys().next() {
            Some(only) if languages.len() == 1 => *only,
            _ => "all",
        };
        found.push(compared(MICRO, language, &parts, &[group(MICRO, language, &parts)]));
    }
    if languages.len() > 1 {
        let groups: Vec<Group<2>> =
            languages.iter().map(|(language, parts)| group(MICRO, language, parts)).collect();
        found.push(compared(MEAN, "all", &parts, &groups));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::prediction;
    use super::*;
    use crate::predictions::Prediction;

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
    fn what_is_chained_is_in_no_sum() {
        let chained = super::super::chained("d");
        let a = [set("d", "en", "xx"), set(&chained, "en", "xx"), set("e", "zh", "xx")];
        let b = [set("d", "en", "x-"), set(&chained, "en", "--"), set("e", "zh", "xx")];
        let told = |a: &[Set], b: &[Set]| -> Vec<(String, f64, usize)> {
            let found = compare(a, b, Protocol::Set).unwrap().into_iter();
            found.map(|it| (it.dataset, it.difference, it.sentences)).collect()
        };
        let expected = [
            ("d".to_owned(), 50.0, 2),
            (chained, 100.0, 2),
            ("e".to_owned(), 0.0, 2),
            (MICRO.to_owned(), 25.0, 4),
            (MEAN.to_owned(), 25.0, 4),
        ];
        assert_eq!(told(&a, &b), expected);
        // One ordinary set is not summed up.
        assert_eq!(told(&a[..2], &b[..2]), expected[..2]);
    }

    #[test]
    fn f1_is_that_of_each_run_alone() {
        let a = [set("d", "en", "x-x-xx"), set("e", "en", "-x"), set("d", "zh", "xx--")];
        let found = compare(&a, &a, Protocol::Set).unwrap();
        let rows = super::super::score(&a, &[Protocol::Set]);
        let f1 = |name: &str| rows.iter().find(|row| row.dataset == name).unwrap().f1.unwrap();
        for name in [MICRO, MEAN, "e"] {
            let it = found.iter().find(|it| it.dataset == name).unwrap();
            assert!((it.a_f1 - f1(name)).abs() < 1e-9, "{it:?}");
        }
    }

    #[test]
    fn what_f1_does_not_show_is_told_of_each_run() {
        let (a, mut b) = ([set("d", "en", "xx")], [set("d", "en", "xx")]);
        b[0].predictions[1].cut = true;
        let it = compare(&a, &b, Protocol::Set).unwrap().remove(0);
        let cut = b[0].predictions.iter().map(Quality::of).sum::<Quality>();
        assert_eq!((it.b_quality, it.b_quality.cut), (cut, 1));
        assert_eq!(it.a_quality, Quality { cut: 0, ..cut });
    }

    #[test]
    fn runs_on_other_sentences_are_refused() {
        let a = [set("d", "en", "xx")];
        let check = |b: Set, expected: &str| {
            let error = compare(&a, &[b], Protocol::Set).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 65);
        };
        check(set("d", "en", "x"), "has the sentence `1` in the first run only;");
        check(
            set("e", "en", "xx"),
            "share no benchmark: one answered d (en, ner), the other e (en",
        );
        assert!(compare(&a, &[], Protocol::Set).is_err());
        // Another order is no other gold.
        let mut turned = set("d", "en", "xx");
        turned.predictions.reverse();
        assert_eq!(compare(&a, &[turned], Protocol::Set).unwrap()[0].difference, 0.0);
        let relations = [Set { task: Task::Re, ..set("d", "en", "x") }];
        assert_eq!(compare(&relations, &relations, Protocol::B2ner).unwrap(), []);
    }

    #[test]
    fn what_only_one_was_asked_is_left_out_if_allowed() {
        let a = [set("d", "en", "xx--xx"), set("e", "en", "x")];
        let b = [set("d", "en", "xxxx")];
        let shared = shared(&a, &b).unwrap();
        let found = compare_shared(&shared, Protocol::Set);
        let same = [set("d", "en", "xx--")];
        assert_eq!(found, compare(&same, &b, Protocol::Set).unwrap());
        assert_eq!((found[0].sentences, found[0].difference), (4, -50.0));
    }
}
