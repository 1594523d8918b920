//! Numbers of small corpora, counted by hand.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::corpus::tests::{Fixture, LABELS, declaration};
use crate::{Entity, Event, Mention};

#[test]
fn nested_is_inside_another() {
    let check = |spans: &[(usize, usize)], expected: usize| {
        let spans = spans.iter().map(|&(start, end)| Span { start, end }).collect();
        assert_eq!(nested(spans), expected);
    };
    check(&[], 0);
    check(&[(0, 3), (4, 6)], 0);
    check(&[(4, 6), (0, 10)], 1);
    check(&[(0, 10), (0, 4), (6, 10)], 2);
    check(&[(0, 10), (2, 8), (3, 4)], 2);
    // Two classes of one mention, and mentions that cross, are not inside each other.
    check(&[(0, 3), (0, 3)], 0);
    check(&[(0, 5), (3, 8)], 0);
    check(&[(0, 9), (1, 3), (1, 3)], 2);
}

fn entity(class: &str, text: &str, span: Option<(usize, usize)>) -> Entity {
    let span = span.map(|(start, end)| Span { start, end });
    Entity { class: class.to_owned(), mention: Mention { span, ..Mention::surface(text) } }
}

fn sentences() -> [Sentence; 3] {
    let event = Event {
        class: "Hiring".to_owned(),
        trigger: Mention::surface("hired"),
        arguments: vec![
            ("employer".to_owned(), Mention::surface("Acme")),
            ("employee".to_owned(), Mention::surface("Ann")),
        ],
    };
    let sentence = |text: &str, entities, events| Sentence {
        text: text.to_owned(),
        language: "en".to_owned(),
        entities,
        events,
        ..Sentence::default()
    };
    [
        sentence(
            "Bank of Rome hired Ann",
            vec![
                entity("Organization", "Bank of Rome", Some((0, 12))),
                entity("Location", "Rome", Some((8, 12))),
                entity("Person", "Ann", Some((19, 22))),
            ],
            vec![event],
        ),
        sentence("李华", vec![entity("Person", "李华", None)], Vec::new()),
        sentence("", Vec::new(), Vec::new()),
    ]
}

#[test]
fn a_split_by_hand() {
    let sentences = sentences();
    let [one, two, three] = &sentences;
    let tasks = [Task::Ner, Task::Eae];
    let stats = TextStats::of(&[one, two, three], &tasks);
    let json = serde_json::to_value(&stats).unwrap();
    for (key, expected) in [
        ("sentences", "3"),
        ("empty_sentences", "1"),
        ("characters", "24"),
        ("entities", r#"{"Location":1,"Organization":1,"Person":2}"#),
        ("events", r#"{"Hiring":1}"#),
        ("arguments", r#"{"employee":1,"employer":1}"#),
        ("mention_length", "5.25"),
        ("nested", "1"),
        ("discontinuous", "0"),
        ("tokens", "null"),
    ] {
        assert_eq!(json[key].to_string(), expected, "{key}");
    }
    assert_eq!(stats.nested_share(), Some(1.0 / 3.0));
    // Sentences with so many entities; arguments are asked of the sentence with an event only.
    let ner = &stats.tasks[&Task::Ner];
    assert_eq!([0, 1, 2, 3].map(|objects| ner.count_of(objects)), [1, 1, 0, 1]);
    let eae = &stats.tasks[&Task::Eae];
    assert_eq!((eae.count(), eae.sum()), (1, 2));
    assert_eq!(json["tasks"]["ner"]["mean"].as_f64(), Some(4.0 / 3.0));

    let mut parts = TextStats::of(&[one], &tasks);
    parts.merge(&TextStats::of(&[two, three], &tasks));
    assert_eq!(parts, stats);
}

/// The second mention has a gap.
const BRAT: [(&str, &[u8]); 2] = [
    ("data/a.txt", b"Ann left and right wing"),
    ("data/a.ann", b"T1\tPER 0 3\tAnn\nT2\tLOC 4 8;19 23\tleft wing\n"),
];

#[test]
fn mentions_with_gaps_are_counted() {
    let fixture = Fixture::new(&BRAT);
    let text = declaration("brat", &format!("[splits.test]\nfiles = [\"a.txt\"]\n{LABELS}"));
    let corpus = fixture.declare(&text).unwrap();
    let stats = stats(&corpus, "test", None).unwrap();
    assert_eq!(stats[0].texts.discontinuous, 1);
    assert_eq!(stats[0].texts.discontinuous_share(), Some(0.5));
    assert_eq!((stats[0].language.as_str(), stats[0].texts.sentences()), ("en", 1));
}

#[test]
fn a_split_that_comes_in_parts_has_the_numbers_of_the_whole() {
    let rows = (0..AT_ONCE + 3).map(|row| format!("Ann{row}\tB-PER\nleft\tO\n\n"));
    let file: String = rows.collect();
    let fixture = Fixture::new(&[("data/f", file.as_bytes())]);
    let text = declaration("columns", &format!("[splits.test]\nfiles = [\"f\"]\n{LABELS}"));
    let corpus = fixture.declare(&text).unwrap();
    let tokenizer = Tokenizer::train(&vec!["Ann left".to_owned(); 8], 400).unwrap();
    let [row] = &stats(&corpus, "test", Some(&tokenizer)).unwrap()[..] else { panic!("one row") };
    let sentences = corpus.read("test").unwrap().sentences;
    let sentences: Vec<&Sentence> = sentences.iter().collect();
    let mut expected = TextStats::of(&sentences, corpus.tasks());
    expected.tokens = Some(TokenStats::of(&sentences, "en", &tokenizer));
    assert_eq!(row.texts, expected);
    assert_eq!((row.texts.sentences(), row.language.as_str()), (AT_ONCE + 3, "en"));
}
