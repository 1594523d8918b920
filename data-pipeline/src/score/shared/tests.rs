#![allow(clippy::unwrap_used)]

use super::super::tests::prediction;
use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::slice::from_ref;

/// A set with a sentence for each id.
fn set(dataset: &str, language: &str, ids: &[&str]) -> Set {
    let row = |id: &&str| Prediction {
        id: (*id).to_owned(),
        sentence: format!("sentence {id}"),
        ..prediction(Task::Ner, &["P a", "L b"], &["P a"])
    };
    Set {
        dataset: dataset.into(),
        language: language.into(),
        task: Task::Ner,
        predictions: ids.iter().map(row).collect(),
    }
}

fn ids(pair: &Pair) -> Vec<String> {
    pair.rows.iter().map(|(a, b)| format!("{} {}", a.id, b.id)).collect()
}

fn refused(a: &[Set], b: &[Set], expected: Expect) {
    expected.assert_eq(&shared(a, b).unwrap_err().to_string());
}

#[test]
fn sentences_meet_by_their_ids_in_the_order_of_the_first_run() {
    let a = [set("d", "en", &["1", "2", "3"]), set("e", "en", &["1"])];
    let b = [set("d", "zh", &["1"]), set("d", "en", &["4", "3", "1"])];
    let found = shared(&a, &b).unwrap();
    let [pair] = found.pairs.as_slice() else { panic!("{found:?}") };
    assert_eq!(ids(pair), ["1 1", "3 3"]);
    assert_eq!(pair.alone.0.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["2"]);
    assert_eq!(pair.alone.1.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["4"]);
    assert_eq!(found.sets_alone.0.iter().map(|it| it.title()).collect::<Vec<_>>(), ["e (en, ner)"]);
    assert_eq!(found.sets_alone.1.iter().map(|it| it.title()).collect::<Vec<_>>(), ["d (zh, ner)"]);
}

#[test]
fn runs_that_have_nothing_to_say_about_each_other_are_refused() {
    let a = [set("d", "en", &["1", "2"])];
    let mut b = a.clone();
    b[0].predictions[1].gold.pop();
    refused(
        &a,
        &b,
        expect![
            "the gold of ner sentence `2` of `d` (en) is not the same in both runs; evaluate both on the same release of the data"
        ],
    );
    b[0].predictions[1].sentence = "another".into();
    refused(
        &a,
        &b,
        expect![
            "the text of ner sentence `2` of `d` (en) is not the same in both runs; evaluate both on the same release of the data"
        ],
    );
    refused(
        &a,
        &[set("d", "zh", &["1"])],
        expect![
            "the runs share no benchmark: one answered d (en, ner), the other d (zh, ner); evaluate both on the same (`knowcoder evaluate --benchmark NAME`)"
        ],
    );
    refused(
        &a,
        &[],
        expect![
            "the runs share no benchmark: one answered d (en, ner), the other nothing; evaluate both on the same (`knowcoder evaluate --benchmark NAME`)"
        ],
    );
    // The same set, but no sentence of it.
    refused(
        &a,
        &[set("d", "en", &["3"])],
        expect![
            "`d` (en, ner) has the sentence `1` in the first run only; a comparison needs both runs on the same sentences, with the same gold"
        ],
    );
}

#[test]
fn the_order_of_gold_is_nobodys_business() {
    let a = [set("d", "en", &["1"])];
    let mut b = a.clone();
    b[0].predictions[0].gold.reverse();
    assert_eq!(shared(&a, &b).unwrap().pairs[0].rows.len(), 1);
}

#[test]
fn all_must_be_shared_where_it_is_asked() {
    let whole = |a: &[Set], b: &[Set]| {
        shared(a, b)
            .unwrap()
            .whole()
            .err()
            .map(|it| it.to_string().split(';').next().unwrap().to_owned())
    };
    let check = |a: &[Set], b: &[Set], expected: &str| {
        assert_eq!(whole(a, b).as_deref(), Some(expected));
    };
    let (d, e) = (set("d", "en", &["1", "2"]), set("e", "en", &["1"]));
    assert_eq!(whole(&[d.clone(), e.clone()], &[e.clone(), d.clone()]), None);
    check(&[d.clone(), e.clone()], from_ref(&d), "`e` (en, ner) is only in the first run");
    check(from_ref(&d), &[d.clone(), e], "`e` (en, ner) is only in the second run");
    let fewer = [set("d", "en", &["2"])];
    check(from_ref(&d), &fewer, "`d` (en, ner) has the sentence `1` in the first run only");
    check(&fewer, &[d], "`d` (en, ner) has the sentence `1` in the second run only");
}

proptest! {
    /// Whatever the ids, repeated ones among them: each sentence of a run is shared or alone.
    #[test]
    fn every_sentence_is_shared_or_alone(
        a in prop::collection::vec("[a-f]", 1..8),
        b in prop::collection::vec("[a-f]", 1..8),
    ) {
        let strings = |ids: &[String]| -> Set {
            set("d", "en", &ids.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (first, second) = ([strings(&a)], [strings(&b)]);
        let common = |ids: &[String], others: &[String]| {
            ids.iter().filter(|id| others.contains(id)).count()
        };
        match shared(&first, &second) {
            Ok(found) => {
                let Pair { rows, alone, .. } = &found.pairs[0];
                prop_assert_eq!(rows.len(), common(&a, &b));
                prop_assert!(rows.iter().all(|(a, b)| a.id == b.id));
                prop_assert_eq!(alone.0.len(), a.len() - common(&a, &b));
                prop_assert_eq!(alone.1.len(), b.len() - common(&b, &a));
            }
            Err(_) => prop_assert_eq!(common(&a, &b), 0),
        }
    }
}
