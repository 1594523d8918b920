//! The laws of the order: pure, complete, free of the world.
#![allow(clippy::unwrap_used)]

use super::share::Chunk;
use super::*;
use crate::shard::Length;
use expect_test::{Expect, expect};
use proptest::prelude::*;

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

/// A length for each row: prefix 50 and a suffix between 10 and 40, group by group.
fn lengths(groups: &[Groups]) -> Vec<Length> {
    let runs = groups.iter().flat_map(|groups| groups.runs.iter().cloned());
    runs.enumerate()
        .flat_map(|(group, run)| {
            run.map(move |row| Length {
                prefix: 50,
                suffix: 10 + (row * 7 % 31) as u32,
                supervised: 5,
                group: group as u32,
                source: 0,
            })
        })
        .collect()
}

fn order(sizes: &[&[usize]], samples: usize) -> Order {
    Order::new(42, &groups(sizes), &Mixture::default(), samples).unwrap()
}

fn weights(weights: &[(&str, f64)]) -> Mixture {
    Mixture {
        weights: weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect(),
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
    let other = Order::new(43, &groups(sizes), &Mixture::default(), 4).unwrap();
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
    let large = Order::new(1, &groups(&[&[2, 1]]), &Mixture::default(), 7).unwrap();
    assert_eq!(large.rows(0).len(), 7);
}

#[test]
fn weights_are_shares_of_rows() {
    // 300 rows of `a`, 20 of `b`, 80 of `c` in groups of other sizes.
    let sizes: &[&[usize]] = &[&[3; 100], &[1; 20], &[8; 10]];
    let mixture = weights(&[("a", 5.0), ("b", 4.0), ("c", 1.0)]);
    let order = Order::new(7, &groups(sizes), &mixture, 16).unwrap();
    for (name, expected) in [("a", 0.5), ("b", 0.4), ("c", 0.1)] {
        let realised = order.realised(8);
        let share = realised.iter().find(|(known, _)| known == name).unwrap().1;
        // One group of 8 more or less in an epoch of 400 rows.
        assert!((share - expected).abs() < 0.02, "{realised:?}");
    }
    // Each dataset is passed through evenly: no group of `a` comes twice before all came once.
    let mut seen = vec![0; 400];
    (0..order.steps(2.0)).flat_map(|step| order.rows(step)).for_each(|row| seen[row] += 1);
    let (least, most) = (seen[..300].iter().min().unwrap(), seen[..300].iter().max().unwrap());
    assert!(most - least <= 1, "{least}..{most}");
    assert!(seen[300..320].iter().all(|count| (15..=18).contains(count)), "{:?}", &seen[300..320]);
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let check = |mixture: &Mixture, expect: Expect| {
        let error = Order::new(1, &groups(&[&[1], &[1]]), mixture, 4).err().unwrap();
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
        expect!["[[phase]] weights: `b` = -1 is not a number from 0 up"],
    );
    check(&weights(&[("a", 0.0), ("b", 0.0)]), expect!["[[phase]] weights: all weights are 0"]);
    let empty = Order::new(1, &groups(&[&[]]), &Mixture::default(), 4).err().unwrap();
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
    let order = Order::new(3, &groups, &Mixture::default(), 64).unwrap();
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
    #[test]
    fn every_world_trains_on_the_same_rows(
        sizes in proptest::collection::vec(1usize..9, 1..20),
        samples in 1usize..40,
        seed: u64,
        step in 0usize..30,
    ) {
        let groups = groups(&[&sizes]);
        let order = Order::new(seed, &groups, &Mixture::default(), samples).unwrap();
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
        let order = Order::new(seed, &groups, &Mixture::default(), samples).unwrap();
        let line: Vec<usize> = (0..).flat_map(|step| order.rows(step)).take(3 * total).collect();
        for epoch in line.chunks(total) {
            let mut rows = epoch.to_vec();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..total).collect::<Vec<_>>());
        }
    }
}
