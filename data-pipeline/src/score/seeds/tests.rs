#![allow(clippy::unwrap_used)]
use super::super::tests::prediction;
use super::*;

/// A set with a person in each sentence, of which the first `right` are found.
fn set(dataset: &str, language: &str, sentences: usize, right: usize) -> Set {
    let row = |number: usize| {
        let said: &[&str] = if number < right { &["P a"] } else { &["P b"] };
        let mut row = prediction(Task::Ner, &["P a"], said);
        row.id = number.to_string();
        row
    };
    let predictions = (0..sentences).map(row).collect();
    Set { dataset: dataset.into(), language: language.into(), task: Task::Ner, predictions }
}

/// Runs with seeds from 1, each with so many right of 100 English sentences and of 50 Chinese ones.
fn runs(right: &[(usize, usize)]) -> Runs {
    let run = |(index, (en, zh)): (usize, &(usize, usize))| {
        (1 + index as u64, vec![set("d", "en", 100, *en), set("d", "zh", 50, *zh)])
    };
    right.iter().enumerate().map(run).collect()
}

fn found<'a>(all: &'a [Contest], dataset: &str, language: &str) -> &'a Contest {
    all.iter().find(|it| it.dataset == dataset && it.language == language).unwrap()
}

#[test]
fn the_f1_is_the_mean_over_seeds_and_the_difference_has_its_sign() {
    let recipes = [runs(&[(40, 10), (44, 10)]), runs(&[(70, 10), (74, 10)])];
    let all = contests(&recipes, Protocol::Set, &["en".to_owned()]);
    let names: Vec<(&str, &str, Option<bool>)> =
        all.iter().map(|it| (&*it.dataset, &*it.language, it.seen)).collect();
    assert_eq!(
        names,
        [
            ("d", "en", Some(true)),
            ("d", "zh", Some(false)),
            (SEEN, "all", Some(true)),
            (UNSEEN, "all", Some(false)),
            (MEAN, "all", None)
        ]
    );
    let english = found(&all, "d", "en");
    assert_eq!((english.sentences, english.gold), (100, 100));
    let [first, second] = [0, 1].map(|place| english.results[place].as_ref().unwrap());
    assert_eq!((first.f1, second.f1), (42.0, 72.0));
    assert_eq!(first.seeds, [(1, 40.0), (2, 44.0)].into());
    assert_eq!(first.difference, None);
    let difference = second.difference.unwrap();
    assert_eq!(difference.points, 30.0);
    assert!(difference.low > 15.0 && difference.high < 45.0, "{difference:?}");
    assert!(difference.p < 0.005, "{difference:?}");
    for reached in [first, second] {
        assert!(reached.low < reached.f1 && reached.f1 < reached.high, "{reached:?}");
    }
    // The same answers: nothing apart, however they are drawn or exchanged.
    let chinese = found(&all, "d", "zh").results[1].as_ref().unwrap().difference.unwrap();
    assert_eq!((chinese.points, chinese.low, chinese.high, chinese.p), (0.0, 0.0, 0.0, 1.0));
    // (72 + 20) / 2 against (42 + 20) / 2.
    let mean = found(&all, MEAN, "all").results[1].as_ref().unwrap();
    assert_eq!((mean.f1, mean.difference.unwrap().points), (46.0, 15.0));
}

#[test]
fn seeds_that_disagree_widen_the_interval() {
    let check = |first: &[(usize, usize)], second: &[(usize, usize)]| {
        let all = contests(&[runs(first), runs(second)], Protocol::Set, &[]);
        found(&all, "d", "en").results[1].as_ref().unwrap().difference.unwrap()
    };
    let steady = check(&[(40, 0), (40, 0), (40, 0)], &[(50, 0), (50, 0), (50, 0)]);
    let torn = check(&[(40, 0), (40, 0), (40, 0)], &[(20, 0), (50, 0), (80, 0)]);
    assert_eq!((steady.points, torn.points), (10.0, 10.0));
    assert!(steady.low > 0.0, "{steady:?}");
    assert!(torn.low < -10.0 && torn.high > 30.0, "{torn:?}");
}

#[test]
fn what_cannot_be_paired_has_no_difference() {
    let reference = runs(&[(40, 10), (44, 10)]);
    // Only the second seed is there: the difference is that of this seed.
    let later = vec![(2, vec![set("d", "en", 100, 74), set("d", "zh", 50, 10)])];
    let all = contests(&[reference.clone(), later], Protocol::Set, &[]);
    let second = found(&all, "d", "en").results[1].as_ref().unwrap();
    assert_eq!((second.f1, second.difference.unwrap().points), (74.0, 30.0));
    // Other sentences, other seeds, no run at all.
    let other = vec![(1, vec![set("d", "en", 90, 70), set("d", "zh", 50, 10)])];
    let strange = vec![(9, vec![set("d", "en", 100, 70), set("d", "zh", 50, 10)])];
    let all = contests(&[reference, other, strange, Vec::new()], Protocol::Set, &[]);
    let english = found(&all, "d", "en");
    assert_eq!(english.results[1].as_ref().unwrap().difference, None);
    assert_eq!(english.results[2].as_ref().unwrap().difference, None);
    assert_eq!(english.results[3], None);
    assert_eq!(contests(&[Vec::new(), Vec::new()], Protocol::Set, &[]), []);
}

#[test]
fn other_gold_is_no_pair() {
    let reference = runs(&[(40, 10)]);
    let mut other = reference.clone();
    other[0].1[0].predictions[3].gold = prediction(Task::Ner, &["P b"], &[]).gold;
    let all = contests(&[reference, other], Protocol::Set, &[]);
    let of = |language: &str| found(&all, "d", language).results[1].as_ref().unwrap().difference;
    assert_eq!((of("en"), of("zh").map(|it| it.points)), (None, Some(0.0)));
    let mean = found(&all, MEAN, "all").results[1].as_ref().unwrap();
    assert_eq!(mean.difference, None, "a part of it is no pair");
}

#[test]
fn another_order_is_no_other_question() {
    let (first, second) = (runs(&[(40, 10)]), runs(&[(47, 12)]));
    let mut turned = second.clone();
    turned[0].1[0].predictions.reverse();
    let all = contests(&[first, second, turned], Protocol::Set, &[]);
    let english = found(&all, "d", "en");
    assert!(english.results[1].is_some());
    assert_eq!(english.results[1], english.results[2]);
}

#[test]
fn what_the_protocol_does_not_define_says_so_and_is_in_no_mean() {
    let mut recipe = runs(&[(40, 10)]);
    let relations = |language: &str| {
        let mut set = set("r", language, 0, 0);
        set.task = Task::Re;
        set.predictions = vec![prediction(Task::Re, &["In a > b"], &["In a > b"])];
        set
    };
    recipe[0].1.extend([relations("en"), relations("zh")]);
    let all = contests(&[recipe.clone(), recipe.clone()], Protocol::UniversalNer, &[]);
    let told: Vec<(&str, Task, bool)> =
        all.iter().map(|it| (&*it.dataset, it.task, it.undefined.is_some())).collect();
    let (ner, re) = (Task::Ner, Task::Re);
    let expected = [
        ("d", ner, false),
        ("d", ner, false),
        (MEAN, ner, false),
        ("r", re, true),
        ("r", re, true),
    ];
    assert_eq!(told, expected);
    let relation = found(&all, "r", "en");
    assert_eq!(relation.undefined.as_deref(), Some("UniversalNER scores entities only"));
    assert_eq!((&relation.results, relation.sentences), (&vec![None, None], 1));
    // Tags need offsets, which this gold has not.
    let all = contests(&[recipe.clone(), recipe], Protocol::Seqeval, &[]);
    assert!(all.iter().all(|it| it.undefined.is_some()), "{all:?}");
}

#[test]
fn one_seed_is_told_as_two_runs_are() {
    let (first, second) = (runs(&[(40, 10)]), runs(&[(47, 12)]));
    let all = contests(&[first.clone(), second.clone()], Protocol::Set, &[]);
    let compared = super::super::compare(&second[0].1, &first[0].1, Protocol::Set).unwrap();
    let rows = super::super::score(&second[0].1, &[Protocol::Set]);
    for (dataset, language) in [("d", "en"), ("d", "zh"), (MEAN, "all")] {
        let reached = found(&all, dataset, language).results[1].as_ref().unwrap();
        let it = compared.iter().find(|it| it.dataset == dataset && it.language == language);
        let it = it.unwrap();
        let expected = Difference { points: it.difference, low: it.low, high: it.high, p: it.p };
        assert_eq!(reached.difference, Some(expected));
        let row = rows.iter().find(|it| it.dataset == dataset && it.language == language);
        let row = row.unwrap();
        for (found, row) in [(reached.low, row.low), (reached.high, row.high)] {
            assert!((found - row.unwrap()).abs() < 1e-9, "{reached:?}");
        }
    }
}

#[test]
fn what_f1_does_not_show_is_told_of_all_seeds() {
    let mut recipe = runs(&[(40, 10), (40, 10)]);
    let clean = contests(&[recipe.clone()], Protocol::Set, &[]);
    recipe[0].1[0].predictions[7].cut = true;
    recipe[1].1[0].predictions[8].cut = true;
    let all = contests(&[recipe], Protocol::Set, &[]);
    let quality = |all: &[Contest]| found(all, "d", "en").results[0].as_ref().unwrap().quality;
    assert_eq!(quality(&all), Quality { cut: 2, ..quality(&clean) });
}

#[test]
fn a_set_without_gold_is_empty_and_no_language_of_the_mean() {
    let mut empty = set("void", "sw", 5, 0);
    for row in &mut empty.predictions {
        *row = crate::predictions::Prediction {
            id: row.id.clone(),
            ..prediction(Task::Ner, &[], &["P b"])
        };
    }
    let recipe: Runs = vec![(1, vec![set("d", "en", 10, 5), empty])];
    let all = contests(&[recipe.clone(), recipe], Protocol::Set, &[]);
    assert_eq!(found(&all, "void", "sw").results, [None, None]);
    assert_eq!(all.len(), 2, "one language with gold needs no mean: {all:?}");
}
