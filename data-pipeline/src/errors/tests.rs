//! Mistakes of small sentences, and laws that hold for all.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::predictions::Prediction;
use crate::score::{Protocol, shared, tally};
use crate::sentence::{Entity, Event, Instance, Mention, Relation, Span};
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// `Label text`, where the sentence has it first; `Label text@7` at the seventh character; `Label a..b` in
/// two pieces; `Label a > b` a relation; `Label.role text` an argument.
fn object(sentence: &str, told: &str) -> Instance {
    let (label, rest) = told.split_once(' ').unwrap();
    let entity = |text: &str| Entity { class: "E".to_owned(), mention: mention(sentence, text) };
    if let Some((head, tail)) = rest.split_once(" > ") {
        let (head, tail) = (entity(head), entity(tail));
        return Instance::Relation(Relation { class: label.to_owned(), head, tail });
    }
    if let Some((class, role)) = label.split_once('.') {
        let arguments = vec![(role.to_owned(), mention(sentence, rest))];
        let trigger = Mention::surface("t");
        return Instance::Event(Event { class: class.to_owned(), trigger, arguments });
    }
    Instance::Entity(Entity { class: label.to_owned(), mention: mention(sentence, rest) })
}

fn mention(sentence: &str, told: &str) -> Mention {
    let find = |text: &str| {
        let at = sentence.find(text)?;
        let start = sentence[..at].chars().count();
        Some(Span { start, end: start + text.chars().count() })
    };
    if let Some((first, second)) = told.split_once("..") {
        let pieces = [first, second].iter().filter_map(|it| find(it)).collect();
        return Mention::in_pieces(format!("{first} {second}"), pieces);
    }
    if let Some((text, start)) = told.split_once('@') {
        let start = start.parse().unwrap();
        return Mention::at(text, start, start + text.chars().count());
    }
    Mention { span: find(told), ..Mention::surface(told) }
}

fn prediction(task: Task, sentence: &str, gold: &[&str], predicted: &[&str]) -> Prediction {
    let row = serde_json::json!({
        "id": format!("{sentence}{gold:?}"), "dataset": "d", "language": "en", "task": task,
        "sentence": sentence, "gold": [], "predicted": [],
    });
    let objects = |list: &[&str]| list.iter().map(|told| object(sentence, told)).collect();
    Prediction {
        gold: objects(gold),
        predicted: objects(predicted),
        ..serde_json::from_value(row).unwrap()
    }
}

fn told(found: &Findings) -> String {
    let mut lines = String::new();
    for finding in &found.list {
        let claim = |claim: &Claim| format!("{} {}", claim.label, claim.text());
        let side = |claims: &[Claim], list: &[usize]| {
            list.iter().map(|at| claim(&claims[*at])).collect::<Vec<_>>().join(" | ")
        };
        lines += &format!(
            "{}: {} / {}\n",
            finding.kind.words(),
            side(&found.gold, &finding.gold),
            side(&found.predicted, &finding.predicted)
        );
    }
    lines
}

fn check(task: Task, sentence: &str, gold: &[&str], predicted: &[&str], expected: Expect) {
    expected.assert_eq(&told(&findings(&prediction(task, sentence, gold, predicted))));
}

#[test]
fn each_mistake_has_its_kind() {
    check(
        Task::Ner,
        "Ann Lee met Bob in New York City and Rome",
        &["P Ann Lee", "P Bob", "L New York", "L Rome"],
        &["P Ann Lee", "L Bob", "L New York City", "P Rom", "P Paris", "P met"],
        expect![[r#"
            correct: P Ann Lee / P Ann Lee
            wrong type: P Bob / L Bob
            too long: L New York / L New York City
            wrong type and extent: L Rome / P Rom
            not in the text:  / P Paris
            invented:  / P met
        "#]],
    );
    check(
        Task::Ner,
        "the left or right arm of Ann",
        &["B left..arm", "B right arm", "P Ann"],
        &["B left or right arm", "P of Ann"],
        expect![[r#"
            merged: B left arm | B right arm / B left or right arm
            too long: P Ann / P of Ann
        "#]],
    );
    check(
        Task::Ner,
        "University of New York",
        &["O University of New York"],
        &["O University", "O New York"],
        expect![[r#"
            split: O University of New York / O University | O New York
        "#]],
    );
}

#[test]
fn nested_and_repeated_mentions_are_told_once() {
    check(
        Task::Ner,
        "Bank of China in China",
        &["O Bank of China", "L China@8", "L China@17"],
        &["O Bank of China", "L China@17", "L China@17", "L Bank of"],
        expect![[r#"
            correct: O Bank of China / O Bank of China
            correct: L China / L China
            invented:  / L Bank of
        "#]],
    );
    // The same text at two places is no mention that was split.
    check(
        Task::Ner,
        "Mr Ann and Ann Lee",
        &["P Ann@3", "P Ann@11"],
        &["P Mr Ann", "P Ann Lee"],
        expect![[r#"
            too long: P Ann / P Mr Ann
            invented:  / P Ann Lee
        "#]],
    );
    check(
        Task::Ner,
        "abcdef",
        &["X abcd", "Y cdef"],
        &["X bcde", "Y ef"],
        expect![[r#"
            shifted: X abcd / X bcde
            too short: Y cdef / Y ef
        "#]],
    );
}

#[test]
fn scripts_without_spaces_and_marks_are_counted_in_characters() {
    check(
        Task::Ner,
        "李明在北京大学工作。",
        &["P 李明", "O 北京大学"],
        &["P 李明", "O 北京"],
        expect![[r#"
            correct: P 李明 / P 李明
            too short: O 北京大学 / O 北京
        "#]],
    );
    check(
        Task::Ner,
        "سافر أحمد إلى القاهرة",
        &["P أحمد", "L القاهرة"],
        &["L أحمد", "L إلى القاهرة"],
        expect![[r#"
            wrong type: P أحمد / L أحمد
            too long: L القاهرة / L إلى القاهرة
        "#]],
    );
    check(
        Task::Ner,
        "cafe\u{301} bar",
        &["L cafe\u{301}"],
        &["L cafe"],
        expect!["too short: L cafe\u{301} / L cafe\n"],
    );
}

#[test]
fn relations_and_arguments_have_kinds_of_their_own() {
    check(
        Task::Re,
        "Ann Lee works for the UN in Rome",
        &["Works Ann Lee > UN", "In UN > Rome", "Born Ann Lee > Rome"],
        &["Works Ann Lee > the UN", "In Rome > UN", "Lives Ann Lee > Rome", "Lives UN > Oslo"],
        expect![[r#"
            too long: Works Ann Lee → UN / Works Ann Lee → the UN
            head and tail swapped: In UN → Rome / In Rome → UN
            wrong type: Born Ann Lee → Rome / Lives Ann Lee → Rome
            not in the text:  / Lives UN → Oslo
        "#]],
    );
    check(
        Task::Eae,
        "Ann hired Bob",
        &["Hire.employer Ann", "Hire.employee Bob"],
        &["Hire.employee Ann", "Hire.employee Bob"],
        expect![[r#"
            wrong type: Hire.employer Ann / Hire.employee Ann
            correct: Hire.employee Bob / Hire.employee Bob
        "#]],
    );
}

#[test]
fn objects_without_offsets_are_looked_up() {
    let mut row = prediction(Task::Ner, "in New York", &["L New York"], &["L York", "L "]);
    for instance in row.gold.iter_mut().chain(&mut row.predicted) {
        let Instance::Entity(entity) = instance else { continue };
        entity.mention.span = None;
    }
    expect![[r#"
        too short: L New York / L York
        not in the text:  / L 
    "#]]
    .assert_eq(&told(&findings(&row)));
}

fn set(language: &str, predictions: Vec<Prediction>) -> Set {
    let predictions: Vec<Prediction> = predictions
        .into_iter()
        .enumerate()
        .map(|(row, it)| Prediction { id: row.to_string(), language: language.to_owned(), ..it })
        .collect();
    let task = predictions.first().map_or(Task::Ner, |row| row.task);
    Set { dataset: "d".to_owned(), language: language.to_owned(), task, predictions }
}

#[test]
fn mistakes_are_counted_by_task_and_language() {
    let wrong = || prediction(Task::Ner, "at Rome", &["L Rome"], &["P Rome"]);
    let long = || prediction(Task::Ner, "at Rome", &["L Rome"], &["L at Rome"]);
    let missed = prediction(Task::Ner, "at Rome", &["L Rome"], &[]);
    let sets = [
        set("en", vec![wrong(), wrong(), long(), missed]),
        set("zh", vec![long(), prediction(Task::Ner, "x", &[], &[])]),
        set("en", vec![prediction(Task::Re, "a b", &["R a > b"], &["R a > b"])]),
    ];
    let analysis = analyse(&sets, Limits::default());
    let groups: Vec<(Task, &str, usize, usize)> = analysis
        .groups
        .iter()
        .map(|it| (it.task, it.language.as_str(), it.counts.sentences, it.counts.flawless))
        .collect();
    assert_eq!(
        groups,
        [
            (Task::Ner, ALL, 6, 1),
            (Task::Ner, "en", 4, 0),
            (Task::Ner, "zh", 2, 1),
            (Task::Re, "en", 1, 1)
        ]
    );
    let all = &analysis.groups[0];
    let cell = |gold: &str, predicted: &str, count| Cell {
        gold: gold.to_owned(),
        predicted: predicted.to_owned(),
        count,
    };
    assert_eq!(all.confusion.shown, [cell("L", "P", 2)]);
    assert_eq!(all.labels.shown[0].label, "L");
    let Label { gold, correct, confused, near, missed, .. } = all.labels.shown[0];
    assert_eq!((gold, correct, confused, near, missed), (5, 0, 2, 2, 1));
    assert_eq!(all.boundaries.shown[0].count, 2);
    let edge = Edge { added: true, before: true, text: "at".to_owned(), count: 2 };
    assert_eq!(all.edges.shown, [edge]);
    assert_eq!(all.missed.shown[0].text, "Rome");
    assert_eq!((analysis.examples.shown.len(), analysis.examples.of), (5, 5));
    let json = serde_json::to_value(&analysis).unwrap();
    assert_eq!(json["sets"][0]["counts"]["kinds"]["wrong-type"], 2);
    assert_eq!(json["groups"][0]["boundaries"]["shown"][0]["kind"], "too-long");
    assert_eq!(json["examples"]["shown"][0]["findings"][0]["predicted"][0]["label"], "P");
}

#[test]
fn examples_are_drawn_evenly_and_no_more_than_asked_for() {
    let wrong = || prediction(Task::Ner, "at Rome", &["L Rome"], &["P Rome"]);
    let missed = || prediction(Task::Ner, "at Rome", &["L Rome"], &[]);
    let mut rows: Vec<Prediction> = (0..1000).map(|_| wrong()).collect();
    rows[700] = missed();
    let sets = [set("en", rows), set("zh", vec![missed()])];
    let analysis = analyse(&sets, Limits { examples: 9, ..Limits::default() });
    let shown: Vec<(usize, usize)> =
        analysis.examples.shown.iter().map(|it| (it.set, it.row)).collect();
    assert_eq!(shown, [(0, 0), (0, 333), (0, 666), (0, 700), (1, 0)]);
    assert_eq!(analysis.examples.of, 1001);
}

#[test]
fn two_runs_are_held_against_each_other() {
    let row = |said: &[&str]| prediction(Task::Ner, "Ann in Rome", &["P Ann", "L Rome"], said);
    let a = [set("en", vec![row(&["P Ann"]), row(&["P Ann", "L Rome", "L in"])])];
    let b =
        [set("en", vec![row(&["L Rome"]), row(&["P Ann", "L Rome", "L in", "X in"]), row(&[])])];
    let found = shared(&a, &b).unwrap();
    let [pair] = found.pairs.as_slice() else { panic!("{found:?}") };
    assert_eq!((pair.rows.len(), pair.alone.0.len(), pair.alone.1.len()), (2, 0, 1));
    let Contrast { sets, labels, examples } = contrast(&found, 10);
    let ContrastSet { both, only_a, only_b, neither, wrong_both, wrong_a, wrong_b, .. } = sets[0];
    assert_eq!((both, only_a, only_b, neither), (2, 1, 1, 0));
    assert_eq!((wrong_both, wrong_a, wrong_b), (1, 0, 1));
    assert_eq!(labels.of, 2);
    assert_eq!((examples.shown.len(), examples.of), (1, 1));
    assert_eq!(examples.shown[0].only_a[0].text, "Ann");
    assert_eq!(examples.shown[0].only_b[0].text, "Rome");
}

/// A sentence of a few letters, and objects that are parts of it or nearly so.
fn any_row() -> impl Strategy<Value = Prediction> {
    let object = || {
        ("[XY]", "[ab人é]{1,4}", prop::option::of((0usize..6, 1usize..4)), any::<bool>()).prop_map(
            |(label, text, span, is_relation)| {
                let mention = Mention {
                    span: span.map(|(start, length)| Span { start, end: start + length }),
                    ..Mention::surface(text.clone())
                };
                let entity = Entity { class: label.clone(), mention };
                if is_relation {
                    let head = Entity { mention: Mention::surface(text), ..entity.clone() };
                    return Instance::Relation(Relation { class: label, head, tail: entity });
                }
                Instance::Entity(entity)
            },
        )
    };
    let objects = || prop::collection::vec(object(), 0..8);
    ("[ab人é]{9}", objects(), objects()).prop_map(|(sentence, gold, predicted)| {
        let row = prediction(Task::Ner, &sentence, &[], &[]);
        Prediction { gold, predicted, ..row }
    })
}

proptest! {
    #[test]
    fn every_object_is_told_once_and_the_score_agrees(row in any_row()) {
        let found = findings(&row);
        let side = |list: fn(&Finding) -> &Vec<usize>| {
            let mut told: Vec<usize> = found.list.iter().flat_map(list).copied().collect();
            told.sort_unstable();
            told
        };
        prop_assert_eq!(side(|it| &it.gold), (0..found.gold.len()).collect::<Vec<_>>());
        prop_assert_eq!(side(|it| &it.predicted), (0..found.predicted.len()).collect::<Vec<_>>());
        let correct = found.list.iter().filter(|it| it.kind == Kind::Correct).count();
        let expected = tally(Protocol::Set, &row);
        prop_assert_eq!(correct, expected.correct);
        prop_assert_eq!(found.gold.len(), expected.gold);
        prop_assert_eq!(found.predicted.len(), expected.predicted);
    }

    #[test]
    fn labels_add_up(rows in prop::collection::vec(any_row(), 1..6)) {
        let analysis = analyse(&[set("en", rows)], Limits::default());
        for group in &analysis.groups {
            for it in &group.labels.shown {
                prop_assert_eq!(it.gold, it.correct + it.confused + it.near + it.missed);
                prop_assert_eq!(
                    it.predicted,
                    it.correct + it.instead + it.near_predicted + it.invented
                );
            }
            let gold: usize = group.labels.shown.iter().map(|it| it.gold).sum();
            prop_assert_eq!(gold, group.counts.gold);
        }
    }
}

/// A sentence of a megabyte and an answer with thousands of mentions that are not in it, or everywhere: looked
/// up one by one, or compared each with each, this would not end.
#[test]
fn adversarial_answers_are_told_of_in_linear_time() {
    let sentence = "a".repeat(1 << 20);
    let mention = |i: usize| {
        Instance::Entity(Entity {
            class: format!("C{}", i % 3),
            mention: Mention::surface(
                "a".repeat(i % 2_000 + 1) + if i.is_multiple_of(2) { "" } else { "b" },
            ),
        })
    };
    let mut it = prediction(Task::Ner, "a", &[], &[]);
    it.sentence = sentence;
    it.gold = (0..100).map(mention).collect();
    it.predicted = (100..1_500).map(mention).collect();
    let found = findings(&it);
    let told: usize = found.list.iter().map(|it| it.gold.len() + it.predicted.len()).sum();
    assert_eq!(told, found.gold.len() + found.predicted.len(), "each in one finding");
}
