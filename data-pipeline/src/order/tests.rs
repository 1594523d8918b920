//! The laws of the order: pure, complete, free of the world.
#![allow(clippy::unwrap_used)]

use super::share::Chunk;
use super::*;
use crate::shard::{Length, RowSource};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::collections::BTreeMap;

const WORLDS: [usize; 5] = [1, 2, 3, 4, 8];

/// Datasets `a`, `b`, … with groups of the given sizes; rows are numbered through.
fn groups(sizes: &[&[usize]]) -> Vec<Groups> {
    let mut row = 0;
    let mut run = |size: &usize| {
        row += size;
        row - size..row
    };
    let names = "abcdefgh".chars();
    let dataset = |(name, sizes): (char, &&[usize])| Groups {
        dataset: name.to_string(),
        runs: sizes.iter().map(&mut run).collect(),
    };
    names.zip(sizes).map(dataset).collect()
}

/// A length for each row: prefix 50 and a suffix between 10 and 40, group by group; a source for each
/// dataset.
fn lengths(groups: &[Groups]) -> Vec<Length> {
    let runs = groups
        .iter()
        .enumerate()
        .flat_map(|(source, groups)| groups.runs.iter().cloned().map(move |run| (source, run)));
    runs.enumerate()
        .flat_map(|(group, (source, run))| {
            run.map(move |row| Length {
                prefix: 50,
                suffix: 10 + (row * 7 % 31) as u32,
                supervised: 5,
                group: group as u32,
                source: source as u32,
            })
        })
        .collect()
}

fn source(dataset: &str, language: &str, task: &str) -> RowSource {
    let [dataset, language, task] = [dataset, language, task].map(str::to_owned);
    RowSource { dataset, language, task }
}

/// The order of groups whose datasets have one language and task each.
fn new(
    seed: u64,
    groups: &[Groups],
    mixture: &Mixture,
    samples: usize,
) -> Result<Order, crate::Error> {
    let sources: Vec<RowSource> =
        groups.iter().map(|groups| source(&groups.dataset, "en", "ner")).collect();
    let rows = Rows { groups, lengths: &lengths(groups), sources: &sources };
    Order::new(seed, rows, mixture, samples)
}

fn order(sizes: &[&[usize]], samples: usize) -> Order {
    new(42, &groups(sizes), &Mixture::default(), samples).unwrap()
}

fn named(weights: &[(&str, f64)]) -> BTreeMap<String, f64> {
    weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

fn weights(weights: &[(&str, f64)]) -> Mixture {
    Mixture { weights: named(weights), ..Mixture::default() }
}

/// Rows of sources that share datasets and groups: of dataset `a` in English and Chinese by turns,
/// of `b` in English for two tasks, of `c` in Chinese.
struct Mixed {
    groups: Vec<Groups>,
    lengths: Vec<Length>,
    sources: Vec<RowSource>,
}

impl Mixed {
    fn new() -> Self {
        let groups = groups(&[&[4; 30], &[2; 40], &[1; 20]]);
        let mut lengths = lengths(&groups);
        for (row, length) in lengths.iter_mut().enumerate() {
            length.source = match row {
                // Each group has two rows in English, then two in Chinese.
                0..120 => (row / 2 % 2) as u32,
                120..180 => 2,
                180..200 => 3,
                _ => 4,
            };
        }
        let sources = vec![
            source("a", "en", "alignment"),
            source("a", "zh", "alignment"),
            source("b", "en", "ner"),
            source("b", "en", "re"),
            source("c", "zh", "ner"),
        ];
        Self { groups, lengths, sources }
    }

    fn order(&self, mixture: &Mixture) -> Result<Order, crate::Error> {
        let Self { groups, lengths, sources } = self;
        Order::new(11, Rows { groups, lengths, sources }, mixture, 16)
    }
}

#[test]
fn an_epoch_has_every_row_once_and_epochs_differ() {
    // 24 rows, 6 a step: four steps an epoch.
    let order = order(&[&[8, 1, 3], &[4, 4, 4]], 6);
    assert_eq!(order.steps(1.0), 4);
    let epoch = |epoch: usize| -> Vec<usize> {
        (4 * epoch..4 * epoch + 4).flat_map(|step| order.rows(step)).collect()
    };
    for number in 0..5 {
        let mut rows = epoch(number);
        rows.sort_unstable();
        assert_eq!(rows, (0..24).collect::<Vec<_>>());
    }
    assert_ne!(epoch(0), epoch(1));
}

#[test]
fn groups_stay_together_inside_an_epoch() {
    let order = order(&[&[8, 1, 3], &[4, 4, 4]], 24);
    let rows = order.rows(0);
    let breaks = rows.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert!(breaks <= 5, "{rows:?}");
}

#[test]
fn a_step_depends_on_seed_and_step_alone() {
    let sizes: &[&[usize]] = &[&[3, 2, 5, 1], &[7, 7]];
    let forwards: Vec<_> = (0..40).map(|step| order(sizes, 4).rows(step)).collect();
    // One order, asked backwards: what was asked before leaves no trace.
    let shared = order(sizes, 4);
    for step in (0..40).rev() {
        assert_eq!(shared.rows(step), forwards[step]);
    }
    let other = new(43, &groups(sizes), &Mixture::default(), 4).unwrap();
    assert_ne!(other.rows(0), forwards[0]);
}

#[test]
fn steps_cross_the_border_of_epochs_without_a_gap() {
    // 10 rows, 4 a step: step 2 has the last two of epoch 0 and the first two of epoch 1.
    let order = order(&[&[3, 3, 4]], 4);
    assert_eq!((order.steps(1.0), order.steps(2.0), order.steps(0.0)), (3, 5, 0));
    let line: Vec<usize> = (0..5).flat_map(|step| order.rows(step)).collect();
    for epoch in line.chunks(10) {
        let mut rows = epoch.to_vec();
        rows.sort_unstable();
        assert_eq!(rows, (0..10).collect::<Vec<_>>());
    }
    // A step larger than an epoch takes several.
    let large = new(1, &groups(&[&[2, 1]]), &Mixture::default(), 7).unwrap();
    assert_eq!(large.rows(0).len(), 7);
}

#[test]
fn weights_are_shares_of_rows() {
    // 300 rows of `a`, 20 of `b`, 80 of `c` in groups of other sizes.
    let sizes: &[&[usize]] = &[&[3; 100], &[1; 20], &[8; 10]];
    let mixture = weights(&[("a", 5.0), ("b", 4.0), ("c", 1.0)]);
    let order = new(7, &groups(sizes), &mixture, 16).unwrap();
    for (name, expected) in [("a", 0.5), ("b", 0.4), ("c", 0.1)] {
        let shares = order.shares(8);
        let share = shares.iter().find(|share| share.source.dataset == name).unwrap();
        assert!((share.wanted - expected).abs() < 1e-12, "{shares:?}");
        // One group of 8 more or less in an epoch of 400 rows.
        assert!((share.realised - expected).abs() < 0.02, "{shares:?}");
    }
    // Each dataset is passed through evenly: no group of `a` comes twice before all came once.
    let mut seen = vec![0; 400];
    (0..order.steps(2.0)).flat_map(|step| order.rows(step)).for_each(|row| seen[row] += 1);
    let (least, most) = (seen[..300].iter().min().unwrap(), seen[..300].iter().max().unwrap());
    assert!(most - least <= 1, "{least}..{most}");
    assert!(seen[300..320].iter().all(|count| (15..=18).contains(count)), "{:?}", &seen[300..320]);
}

/// Models have been trained in these orders: they are written down, as literals from a second
/// implementation.
#[test]
fn the_order_without_a_mixture_and_by_datasets_stays_what_it_was() {
    let check = |mixture: &Mixture, expected: &[usize]| {
        let order = new(42, &groups(&[&[3, 2, 5, 1], &[7, 7]]), mixture, 10).unwrap();
        let rows: Vec<usize> = (0..3).flat_map(|step| order.rows(step)).collect();
        assert_eq!(rows, expected);
    };
    check(
        &Mixture::default(),
        &[
            3, 4, 10, 0, 1, 2, 18, 19, 20, 21, 22, 23, 24, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16,
            17, 11, 12, 13, 14, 15,
        ],
    );
    check(
        &weights(&[("a", 1.0), ("b", 3.0)]),
        &[
            0, 1, 2, 3, 4, 18, 19, 20, 21, 22, 23, 24, 11, 12, 13, 14, 15, 16, 17, 11, 12, 13, 14,
            15, 16, 17, 18, 19, 20, 21,
        ],
    );
}

/// Shares that a mixture wants of [`Mixed`], beside what 40 epochs of it realise.
fn check_mixed(mixture: &Mixture, expected: [f64; 5]) {
    let mixed = Mixed::new();
    let order = mixed.order(mixture).unwrap();
    let shares = order.shares(40);
    for (share, expected) in shares.iter().zip(expected) {
        assert!((share.wanted - expected).abs() < 1e-9, "{expected}: {share:?}");
        // At most one run of each part lacks or is too many: 2 + 2 + 2 + 2 + 1 rows of 40 x 220.
        assert!((share.realised - share.wanted).abs() <= 9.0 / 8700.0, "{share:?}");
    }
    // What `rows` gives is what `shares` counts.
    let mut counts = vec![0; 5];
    let steps = (0..40).map(|epoch| order.epoch_rows(epoch)).sum::<usize>() / 16;
    for row in (0..steps).flat_map(|step| order.rows(step)) {
        counts[mixed.lengths[row].source as usize] += 1;
    }
    for (share, counted) in shares.iter().zip(order.shares_of(&counts)) {
        // Less than a step of 16 rows is cut off.
        assert!((share.realised - counted.realised).abs() <= 16.0 / 8000.0, "{share:?}");
    }
}

#[test]
fn languages_tasks_and_temperature_are_mixed_as_wanted() {
    // 60, 60, 60, 20 and 20 rows.
    let rows = [60.0, 60.0, 60.0, 20.0, 20.0];
    let shares = |weights: [f64; 5]| weights.map(|weight| weight / weights.iter().sum::<f64>());
    let language = |weight| named(&[("zh", weight)]);
    let tasks = named(&[("alignment", 0.5), ("re", 3.0)]);
    check_mixed(&Mixture::default(), shares(rows));
    check_mixed(&Mixture { language_weights: language(1.0), ..Mixture::default() }, shares(rows));
    check_mixed(
        &Mixture { language_weights: language(2.0), ..Mixture::default() },
        shares([60.0, 120.0, 60.0, 20.0, 40.0]),
    );
    check_mixed(
        &Mixture { language_weights: language(0.0), ..Mixture::default() },
        shares([60.0, 0.0, 60.0, 20.0, 0.0]),
    );
    check_mixed(
        &Mixture { task_weights: tasks.clone(), ..Mixture::default() },
        shares([30.0, 30.0, 60.0, 60.0, 20.0]),
    );
    check_mixed(&Mixture { temperature: 2.0, ..Mixture::default() }, shares(rows.map(f64::sqrt)));
    // A dataset's weight is divided among its parts by their rows.
    let by_dataset = weights(&[("a", 2.0), ("b", 1.0), ("c", 1.0)]);
    check_mixed(
        &Mixture { language_weights: language(1.0), ..by_dataset.clone() },
        shares([1.0, 1.0, 0.75, 0.25, 1.0]),
    );
    check_mixed(
        &Mixture { language_weights: language(2.0), task_weights: tasks, ..by_dataset },
        shares([0.5, 1.0, 0.75, 0.75, 2.0]),
    );
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let check = |mixture: &Mixture, expect: Expect| {
        let error = new(1, &groups(&[&[1], &[1]]), mixture, 4).err().unwrap();
        expect.assert_eq(&error.to_string());
        assert_eq!(error.exit_code(), 64);
    };
    check(
        &weights(&[("a", 1.0), ("x", 1.0)]),
        expect!["[[phase]] weights: `x` is not one of the phase's datasets: a, b"],
    );
    check(
        &weights(&[("a", 1.0)]),
        expect!["[[phase]] weights: `b` has no weight; give one to every dataset or to none"],
    );
    check(
        &weights(&[("a", 1.0), ("b", -1.0)]),
        expect!["[[phase]]: weights: `b` = -1 is not a number from 0 up"],
    );
    check(&weights(&[("a", 0.0), ("b", 0.0)]), expect!["[[phase]] weights: all weights are 0"]);
    let language_weights = named(&[("de", 1.0)]);
    check(
        &Mixture { language_weights, ..Mixture::default() },
        expect![
            "[[phase]] language_weights: `de` is not one of the languages of the phase's rows: en"
        ],
    );
    let task_weights = named(&[("er", 1.0)]);
    check(
        &Mixture { task_weights, ..Mixture::default() },
        expect!["[[phase]] task_weights: `er` is not one of the tasks of the phase's rows: ner"],
    );
    check(
        &Mixture { temperature: 0.0, ..Mixture::default() },
        expect!["[[phase]]: temperature is 0, expected a number above 0"],
    );
    check(
        &Mixture { temperature: 2.0, ..weights(&[("a", 1.0), ("b", 1.0)]) },
        expect![
            "[[phase]]: temperature weighs datasets by their rows, and `weights` by themselves; give one"
        ],
    );
    let empty = new(1, &groups(&[&[]]), &Mixture::default(), 4).err().unwrap();
    expect!["[[phase]]: its datasets have no rows"].assert_eq(&empty.to_string());
}

/// The shares of every world are the step's rows, each once, and of similar weight.
fn check_worlds(rows: &[usize], lengths: &[Length]) {
    for count in WORLDS {
        let shares: Vec<Vec<usize>> =
            (0..count).map(|index| split(rows, Share { index, count }, lengths)).collect();
        let mut union: Vec<usize> = shares.concat();
        union.sort_unstable();
        let mut expected = rows.to_vec();
        expected.sort_unstable();
        assert_eq!(union, expected, "world of {count}");
        if rows.len() >= count {
            assert!(shares.iter().all(|share| !share.is_empty()), "world of {count}: {shares:?}");
        }
    }
}

#[test]
fn shares_are_balanced_by_tokens() {
    let groups = groups(&[&[8; 16]]);
    let lengths = lengths(&groups);
    let order = new(3, &groups, &Mixture::default(), 64).unwrap();
    let rows = order.rows(0);
    for count in [2, 4, 8] {
        let cost = |index| -> u64 {
            let share = split(&rows, Share { index, count }, &lengths);
            let runs = rows_by_group(&share, &lengths);
            runs.into_iter().map(|run| Chunk::new(run, &share, &lengths).cost).sum()
        };
        let costs: Vec<u64> = (0..count).map(cost).collect();
        let (least, most) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
        assert!(*most as f64 <= 1.35 * *least as f64, "world of {count}: {costs:?}");
    }
}

#[test]
fn one_large_group_still_feeds_every_rank() {
    let groups = groups(&[&[8]]);
    check_worlds(&(0..8).collect::<Vec<_>>(), &lengths(&groups));
}

proptest! {
    /// The realised share of every part is within one run of each part of the wanted one, after any
    /// number of epochs, and no row of a part comes twice before all of it came once.
    #[test]
    fn realised_shares_are_the_wanted_ones(
        sizes in proptest::collection::vec((1usize..9, 1usize..30), 1..7),
        by_language in proptest::collection::vec(0.01f64..9.0, 7),
        temperature in 1.0f64..20.0,
        epochs in 1usize..12,
        seed: u64,
    ) {
        let sizes: Vec<Vec<usize>> = sizes.iter().map(|(size, count)| vec![*size; *count]).collect();
        let sizes: Vec<&[usize]> = sizes.iter().map(Vec::as_slice).collect();
        let groups = groups(&sizes);
        let lengths = lengths(&groups);
        let language = |place: usize| format!("l{place}");
        let sources: Vec<RowSource> = groups
            .iter()
            .enumerate()
            .map(|(place, groups)| source(&groups.dataset, &language(place), "ner"))
            .collect();
        let language_weights =
            (0..groups.len()).map(|place| (language(place), by_language[place])).collect();
        let mixture = Mixture { language_weights, temperature, ..Mixture::default() };
        let rows = Rows { groups: &groups, lengths: &lengths, sources: &sources };
        let order = Order::new(seed, rows, &mixture, 8).unwrap();
        let taken: usize = (0..epochs).map(|epoch| order.epoch_rows(epoch)).sum();
        let one_run_each: usize = sizes.iter().map(|sizes| sizes[0]).sum();
        for share in order.shares(epochs).iter().filter(|_| taken > 0) {
            let apart = (share.realised - share.wanted).abs() * taken as f64;
            prop_assert!(apart <= one_run_each as f64, "{apart} rows: {share:?}");
        }
        let mut seen = vec![0usize; lengths.len()];
        let line = (0..taken.div_ceil(8)).flat_map(|step| order.rows(step));
        line.take(taken).for_each(|row| seen[row] += 1);
        for groups in &groups {
            let of_part = || groups.runs.iter().cloned().flatten().map(|row| seen[row]);
            let (least, most) = (of_part().min().unwrap(), of_part().max().unwrap());
            prop_assert!(most - least <= 1, "{least}..{most}");
        }
    }

    #[test]
    fn every_world_trains_on_the_same_rows(
        sizes in proptest::collection::vec(1usize..9, 1..20),
        samples in 1usize..40,
        seed: u64,
        step in 0usize..30,
    ) {
        let groups = groups(&[&sizes]);
        let order = new(seed, &groups, &Mixture::default(), samples).unwrap();
        let rows = order.rows(step);
        prop_assert_eq!(rows.len(), samples);
        check_worlds(&rows, &lengths(&groups));
    }

    #[test]
    fn any_epoch_is_a_permutation(
        sizes in proptest::collection::vec(1usize..9, 1..30),
        samples in 1usize..20,
        seed: u64,
    ) {
        let groups = groups(&[&sizes]);
        let total: usize = sizes.iter().sum();
        let order = new(seed, &groups, &Mixture::default(), samples).unwrap();
        let line: Vec<usize> = (0..).flat_map(|step| order.rows(step)).take(3 * total).collect();
        for epoch in line.chunks(total) {
            let mut rows = epoch.to_vec();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..total).collect::<Vec<_>>());
        }
    }
}
