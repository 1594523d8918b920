//! When an object is right, protocol by protocol.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation, Span};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn mention(text: &str) -> Mention {
    // `Ann@3` stands at character 3, `Ann Lee@3+12` in two pieces.
    if let Some((text, (start, rest))) =
        text.split_once('@').and_then(|(text, at)| Some((text, at.split_once('+')?)))
    {
        let starts = [start, rest].map(|start| start.parse::<usize>().unwrap());
        let words = text.split(' ').map(|word| word.chars().count());
        let pieces = starts.into_iter().zip(words);
        let pieces = pieces.map(|(start, length)| Span { start, end: start + length }).collect();
        return Mention::in_pieces(text, pieces);
    }
    match text.split_once('@') {
        Some((text, start)) => {
            let start = start.parse().unwrap();
            let end = start + text.chars().count();
            Mention::at(text, start, end)
        }
        None => Mention::surface(text),
    }
}

fn entity(text: &str) -> Entity {
    let (class, text) = text.split_once(' ').unwrap_or(("Entity", text));
    Entity { class: class.to_owned(), mention: mention(text) }
}

/// `Person Ann`, `WorksFor Ann > UN`, `Hiring joined: employee Ann, employer UN`.
fn instance(text: &str) -> Instance {
    if let Some((event, arguments)) = text.split_once(": ") {
        let Entity { class, mention: trigger } = entity(event);
        let arguments = arguments
            .split(", ")
            .map(entity)
            .map(|Entity { class, mention }| (class, mention))
            .collect();
        Instance::Event(Event { class, trigger, arguments })
    } else if let Some((head, tail)) = text.split_once(" > ") {
        let (class, head) = head.split_once(' ').unwrap();
        Instance::Relation(Relation {
            class: class.to_owned(),
            head: entity(head),
            tail: entity(tail),
        })
    } else {
        Instance::Entity(entity(text))
    }
}

pub(super) fn prediction(task: Task, gold: &[&str], predicted: &[&str]) -> Prediction {
    Prediction {
        id: "1".to_owned(),
        dataset: "d".to_owned(),
        language: "en".to_owned(),
        task,
        sentence: String::new(),
        answer: String::new(),
        gold: gold.iter().map(|text| instance(text)).collect(),
        predicted: predicted.iter().map(|text| instance(text)).collect(),
        flaws: Vec::new(),
        prompt_tokens: 0,
        answer_tokens: 0,
        parts: Vec::new(),
        cut: false,
    }
}

/// A set of entities: what is annotated and what is predicted, sentence by sentence.
pub(super) fn set(dataset: &str, language: &str, rows: &[(&[&str], &[&str])]) -> Set {
    let predictions = rows.iter().map(|(gold, said)| prediction(Task::Ner, gold, said)).collect();
    Set { dataset: dataset.into(), language: language.into(), task: Task::Ner, predictions }
}

fn check(task: Task, gold: &[&str], predicted: &[&str], expected: Expect) {
    let prediction = prediction(task, gold, predicted);
    let mut found = String::new();
    for protocol in [Protocol::Set, Protocol::StrictSpan, Protocol::Knowcoder2024] {
        let tally = tally(protocol, &prediction);
        let Tally { gold, predicted, correct } = tally;
        let (p, r, f) = (tally.precision(), tally.recall(), tally.f1());
        found +=
            &format!("{protocol:14} {correct} of {predicted}, {gold} gold: {p:.1} {r:.1} {f:.1}\n");
    }
    expected.assert_eq(&found);
}

#[test]
fn protocols_differ_where_they_say() {
    // The example that the official scorer was run on: 66.7, 133.3, 88.9.
    check(
        Task::Ner,
        &["Person Ann@0", "City Rome@8", "Organization UN@20"],
        &[
            "Person Ann@0",
            "City Rome@8",
            "City Rome",
            "City Rome",
            "Organization the UN@16",
            "City X",
        ],
        expect![[r#"
            set            2 of 4, 3 gold: 50.0 66.7 57.1
            strict-span    2 of 5, 3 gold: 40.0 66.7 50.0
            knowcoder-2024 4 of 6, 3 gold: 66.7 133.3 88.9
        "#]],
    );
    // The same word at two places.
    check(
        Task::Ner,
        &["City Rome@0", "City Rome@9"],
        &["City Rome@0"],
        expect![[r#"
            set            1 of 1, 1 gold: 100.0 100.0 100.0
            strict-span    1 of 1, 2 gold: 100.0 50.0 66.7
            knowcoder-2024 1 of 1, 2 gold: 100.0 50.0 66.7
        "#]],
    );
    // Names of types.
    check(
        Task::Ner,
        &["place_of_birth Rome"],
        &["PlaceOfBirth Rome"],
        expect![[r#"
            set            0 of 1, 1 gold: 0.0 0.0 0.0
            strict-span    0 of 1, 1 gold: 0.0 0.0 0.0
            knowcoder-2024 1 of 1, 1 gold: 100.0 100.0 100.0
        "#]],
    );
}

#[test]
fn pieces_are_compared_piece_by_piece() {
    let gold = ["Pain left arm@0+14", "Pain left arm@19"];
    let all = expect![[r#"
        set            1 of 1, 1 gold: 100.0 100.0 100.0
        strict-span    2 of 2, 2 gold: 100.0 100.0 100.0
        knowcoder-2024 2 of 2, 2 gold: 100.0 100.0 100.0
    "#]];
    check(Task::Ner, &gold, &gold, all);
    // The same text, but the second piece is another; and no place at all.
    check(
        Task::Ner,
        &gold[..1],
        &["Pain left arm@0+13", "Pain left arm"],
        expect![[r#"
            set            1 of 1, 1 gold: 100.0 100.0 100.0
            strict-span    0 of 2, 1 gold: 0.0 0.0 0.0
            knowcoder-2024 2 of 2, 1 gold: 100.0 200.0 133.3
        "#]],
    );
}

#[test]
fn each_task_compares_its_own_parts() {
    // Types of head and tail do not matter, the direction does.
    check(
        Task::Re,
        &["WorksFor Person Ann@0 > Organization UN@9", "Near A > B"],
        &["WorksFor Ann@0 > UN@9", "Near B > A"],
        expect![[r#"
            set            1 of 2, 2 gold: 50.0 50.0 50.0
            strict-span    1 of 2, 2 gold: 50.0 50.0 50.0
            knowcoder-2024 1 of 2, 2 gold: 50.0 50.0 50.0
        "#]],
    );
    // ED looks at triggers only, EAE at everything else.
    let gold = ["Hiring joined@4: employee Ann@0, employer UN@14"];
    let said = ["Hiring joined@4: employee Bob@30, employer UN@14, place UN@14"];
    check(
        Task::Ed,
        &gold,
        &said,
        expect![[r#"
            set            1 of 1, 1 gold: 100.0 100.0 100.0
            strict-span    1 of 1, 1 gold: 100.0 100.0 100.0
            knowcoder-2024 1 of 1, 1 gold: 100.0 100.0 100.0
        "#]],
    );
    check(
        Task::Eae,
        &gold,
        &said,
        expect![[r#"
            set            1 of 3, 2 gold: 33.3 50.0 40.0
            strict-span    1 of 3, 2 gold: 33.3 50.0 40.0
            knowcoder-2024 1 of 3, 2 gold: 33.3 50.0 40.0
        "#]],
    );
    check(
        Task::Ner,
        &[],
        &[],
        expect![[r#"
            set            0 of 0, 0 gold: 0.0 0.0 0.0
            strict-span    0 of 0, 0 gold: 0.0 0.0 0.0
            knowcoder-2024 0 of 0, 0 gold: 0.0 0.0 0.0
        "#]],
    );
}

#[test]
fn heads_are_compared_by_surface_and_by_place() {
    let head = |protocol| Rule { matching: Matching::Head, ..Rule::from(protocol) };
    let check = |protocol, task, gold: &str, said: &str, expected: usize| {
        let row = prediction(task, &[gold], &[said]);
        assert_eq!(tally(head(protocol), &row).correct, expected, "{protocol} {gold} {said}");
        assert_eq!(tally(protocol, &row).correct, 0, "{protocol}: exactly they differ");
    };
    for protocol in [Protocol::Set, Protocol::StrictSpan] {
        check(protocol, Task::Ner, "P the city Rome@0", "P Rome@9", 1);
        check(protocol, Task::Ner, "P the city Rome@0", "P city@4", 0);
        check(protocol, Task::Re, "Near P Ann Lee@0 > C in Rome@20", "Near P Lee@4 > C Rome@23", 1);
        check(protocol, Task::Eae, "Hit hit: who Ann Lee@0", "Hit hit: who Lee@4", 1);
    }
    check(Protocol::StrictSpan, Task::Ner, "P city Rome@0", "P Rome@20", 0);
    // In English a preposition ends the phrase that the head closes.
    check(Protocol::Set, Task::Ner, "P the Bank of England", "P Bank", 1);
    check(Protocol::StrictSpan, Task::Ner, "P the Bank of England@0", "P Bank@4", 1);
    for protocol in Protocol::ALL {
        let is_defined = head(protocol).undefined(Task::Ner).is_none();
        // KnowCoder's heads are a parser's, which this rule must not be taken for.
        let ours = [Protocol::Set, Protocol::StrictSpan].contains(&protocol);
        assert_eq!(is_defined, ours, "{protocol}");
    }
}

#[test]
fn an_unknown_protocol_names_the_nearest() {
    assert_eq!("strict-span".parse(), Ok(Protocol::StrictSpan));
    expect!["unknown protocol `strict-spam`; did you mean `strict-span`?"]
        .assert_eq(&"strict-spam".parse::<Protocol>().unwrap_err());
    for protocol in Protocol::ALL {
        assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
    }
}

proptest! {
    // Law 8.
    #[test]
    fn gold_against_gold_is_100(
        words in proptest::collection::vec("[ab](@[0-3])?", 1..24),
        task in prop_oneof![Just(Task::Ner), Just(Task::Re), Just(Task::Ed), Just(Task::Eae)],
    ) {
        let gold: Vec<String> = words.chunks_exact(2).map(|pair| match task {
            Task::Ner => format!("Class{} {}", &pair[1][..1], pair[0]),
            Task::Re => format!("Near {} > {}", pair[0], pair[1]),
            Task::Ed | Task::Eae => format!("Hit {}: who {}, where b", pair[0], pair[1]),
        }).collect();
        let gold: Vec<&str> = gold.iter().map(String::as_str).collect();
        let mut prediction = prediction(task, &gold, &gold);
        // GoLLIE's filter looks there as often as something is said.
        prediction.sentence = "a hit b ".repeat(gold.len() + 1);
        for protocol in Protocol::ALL {
            let tally = tally(protocol, &prediction);
            let placed = prediction.gold.iter().all(|it| it.mentions()[0].span.is_some());
            // What has no place has no tag, and what has no tag no score.
            if Rule::from(protocol).undefined(task).is_some() || protocol == Protocol::Seqeval && !placed {
                continue;
            }
            prop_assert_eq!(tally.gold > 0, !gold.is_empty(), "{}", protocol);
            prop_assert_eq!(tally.f1(), if gold.is_empty() { 0.0 } else { 100.0 }, "{}", protocol);
        }
    }
}
