//! What holds of every protocol, or of all but those whose defect says so.
#![allow(clippy::unwrap_used)]

use super::tests::prediction;
use super::*;
use crate::predictions::Prediction;
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation};
use proptest::prelude::*;
use proptest::sample::select;

/// What a scorer may stumble over: parts of syntax, letters in two spellings, marks that are not seen,
/// scripts from right to left, letters whose lower case is longer.
const SIGNS: [&str; 44] = [
    "a", "A", "b", "the", " ", ".", ",", ";", ":", "(", ")", "[", "]", "{", "\"", "'", "\\", "-",
    "_", "@", "#", "《", "》", "；", "：", "\n", "\t", "\0", "é", "e\u{301}", "\u{200b}",
    "\u{200d}", "\u{200f}", "\u{202e}", "\u{feff}", "\u{a0}", "\u{3000}", "😀", "İ", "ß", "Σ",
    "北", "م", "के",
];
const PLAIN: [&str; 4] = ["a", "b", "ab", "北"];
const CLASSES: [&str; 6] = ["Person", "person", "PlaceOfBirth", "Attack", "Other", "人物"];
const ROLES: [&str; 3] = ["who", "where", "timeHolds"];

fn text(signs: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::vec(select(signs), 0..4).prop_map(|signs| signs.concat())
}

fn mention(signs: &'static [&'static str]) -> impl Strategy<Value = Mention> {
    (text(signs), proptest::option::of(0..12usize)).prop_map(|(text, start)| {
        let length = text.chars().count();
        match start {
            Some(start) => Mention::at(text, start, start + length),
            None => Mention::surface(text),
        }
    })
}

fn object(task: Task, signs: &'static [&'static str]) -> BoxedStrategy<Instance> {
    let class = select(&CLASSES[..]).prop_map(str::to_owned);
    let entity = move || {
        (select(&CLASSES[..]), mention(signs))
            .prop_map(|(class, mention)| Entity { class: class.to_owned(), mention })
    };
    match task {
        Task::Ner => entity().prop_map(Instance::Entity).boxed(),
        Task::Re => (class, entity(), entity())
            .prop_map(|(class, head, tail)| Instance::Relation(Relation { class, head, tail }))
            .boxed(),
        Task::Ed | Task::Eae => {
            let argument = (select(&ROLES[..]).prop_map(str::to_owned), mention(signs));
            let most = if task == Task::Eae { 4 } else { 1 };
            (class, mention(signs), proptest::collection::vec(argument, 0..most))
                .prop_map(|(class, trigger, arguments)| {
                    Instance::Event(Event { class, trigger, arguments })
                })
                .boxed()
        }
    }
}

/// A sentence with what is annotated and what was said: gold again, some of it twice, and other objects.
fn answered(signs: &'static [&'static str]) -> impl Strategy<Value = Prediction> {
    let task = select(&[Task::Ner, Task::Re, Task::Ed, Task::Eae][..]);
    task.prop_flat_map(move |task| {
        let objects = proptest::collection::vec(object(task, signs), 0..6);
        let repeats = proptest::collection::vec(0..3usize, 6);
        let said = proptest::collection::vec(object(task, signs), 0..4);
        (objects, repeats, said, text(signs)).prop_map(move |(gold, repeats, said, more)| {
            let mut row = prediction(task, &[], &[]);
            let mentions = |objects: &[Instance]| -> String {
                let mentions = objects.iter().flat_map(Instance::mentions);
                mentions.map(|mention| format!("{} ", mention.text)).collect()
            };
            row.sentence = mentions(&gold) + &more;
            let again = gold.iter().zip(repeats).flat_map(|(it, times)| vec![it.clone(); times]);
            row.predicted = again.chain(said).collect();
            row.gold = gold;
            row
        })
    })
}

fn defined(task: Task) -> impl Iterator<Item = Protocol> {
    Protocol::ALL.into_iter().filter(move |it| Rule::from(*it).undefined(task).is_none())
}

fn is_knowcoder(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Knowcoder2024 | Protocol::Knowcoder2025)
}

proptest! {
    #[test]
    fn gold_against_gold_is_100_where_anything_counts(mut row in answered(&SIGNS)) {
        row.predicted.clone_from(&row.gold);
        for protocol in defined(row.task) {
            let tally = tally(protocol, &row);
            // GoLLIE leaves out of the predicted what the sentence has less often: its defect.
            let left_out = protocol == Protocol::Gollie;
            prop_assert_eq!(tally.correct, tally.predicted, "{}", protocol);
            prop_assert!(left_out || tally.predicted == tally.gold, "{protocol}: {tally:?}");
        }
    }

    #[test]
    fn figures_are_shares_but_for_knowcoder_s_recall(row in answered(&SIGNS)) {
        for protocol in defined(row.task) {
            let tally = tally(protocol, &row);
            prop_assert!(tally.correct <= tally.predicted, "{protocol}: {tally:?}");
            prop_assert!(is_knowcoder(protocol) || tally.correct <= tally.gold, "{protocol}: {tally:?}");
            let most = if is_knowcoder(protocol) { 200.0 } else { 100.0 };
            prop_assert!((0.0..=most).contains(&tally.f1()), "{protocol}: {tally:?}");
        }
    }

    #[test]
    fn nothing_said_and_nothing_annotated_is_zero(row in answered(&SIGNS)) {
        for protocol in defined(row.task) {
            let silent = tally(protocol, &Prediction { predicted: Vec::new(), ..row.clone() });
            prop_assert_eq!((silent.predicted, silent.correct), (0, 0), "{}", protocol);
            let empty = tally(protocol, &Prediction { gold: Vec::new(), ..row.clone() });
            prop_assert_eq!((empty.gold, empty.correct, empty.f1()), (0, 0, 0.0), "{}", protocol);
        }
    }

    #[test]
    fn the_order_is_nothing(row in answered(&SIGNS), seed in any::<u64>()) {
        let mut random = crate::random::Random::from_state(seed);
        let mut other = row.clone();
        random.shuffle(&mut other.gold);
        random.shuffle(&mut other.predicted);
        // GoLLIE keeps what is said first, seqeval's tags are those of what is said first, B2NER brings the
        // last object twice into its normal form: see below.
        let ordered = [Protocol::Gollie, Protocol::Seqeval, Protocol::B2ner];
        for protocol in defined(row.task).filter(|it| !ordered.contains(it)) {
            prop_assert_eq!(tally(protocol, &row), tally(protocol, &other), "{}", protocol);
        }
    }

    #[test]
    fn the_order_is_nothing_to_b2ner_where_words_are_plain(row in answered(&PLAIN), seed in any::<u64>()) {
        let mut other = row.clone();
        crate::random::Random::from_state(seed).shuffle(&mut other.predicted);
        if row.task == Task::Ner {
            prop_assert_eq!(tally(Protocol::B2ner, &row), tally(Protocol::B2ner, &other));
        }
    }

    #[test]
    fn one_more_that_is_wrong_raises_no_f1(row in answered(&PLAIN), wrong in mention(&PLAIN)) {
        let class = "Wrong".to_owned();
        // Behind everything else: seqeval leaves out what overlaps, and a long wrong one may hide two.
        let wrong = Mention::at(format!("{}x", wrong.text), 100, 101 + wrong.text.chars().count());
        let entity = |class: &str| Entity { class: class.to_owned(), mention: wrong.clone() };
        let mut more = row.clone();
        more.sentence += " ab x ax bx";
        more.predicted.push(match row.task {
            Task::Ner => Instance::Entity(entity(&class)),
            Task::Re => Instance::Relation(Relation { class, head: entity("A"), tail: entity("B") }),
            Task::Ed | Task::Eae => Instance::Event(Event {
                class,
                trigger: wrong.clone(),
                arguments: vec![("who".to_owned(), wrong.clone())],
            }),
        });
        let before = Prediction { sentence: more.sentence.clone(), ..row };
        for protocol in defined(more.task) {
            let [before, after] = [&before, &more].map(|row| tally(protocol, row));
            prop_assert!(after.f1() <= before.f1() + 1e-9, "{protocol}: {before:?}, {after:?}");
            prop_assert_eq!(after.correct, before.correct, "{}", protocol);
        }
    }
}

/// What counts under `protocol` of two predicted objects, said in this and in the other order.
fn both_ways(protocol: Protocol, sentence: &str, gold: &str, said: [&str; 2]) -> [usize; 2] {
    [said, [said[1], said[0]]].map(|said| {
        let mut row = prediction(Task::Ner, &[gold], &said);
        row.sentence = sentence.to_owned();
        tally(protocol, &row).correct
    })
}

#[test]
fn three_protocols_hear_what_is_said_first() {
    // The sentence has it once: what is said first stays.
    assert_eq!(both_ways(Protocol::Gollie, "Ann", "P Ann", ["P Ann", "Q Ann"]), [1, 0]);
    // A character has one tag.
    assert_eq!(both_ways(Protocol::Seqeval, "Ann", "P Ann@0", ["P Ann@0", "Q Ann@0"]), [1, 0]);
    // The answer as a whole is brought into the normal form, and that unwraps its last mention.
    assert_eq!(both_ways(Protocol::B2ner, "x", "P x", ["Q b", "P (#x#)"]), [1, 0]);
}

#[test]
fn letters_in_another_spelling_are_other_letters() {
    for (gold, said) in [("P é", "P e\u{301}"), ("P x", "P x\u{200b}"), ("P م", "P \u{200f}م")] {
        let mut row = prediction(Task::Ner, &[gold], &[said]);
        row.sentence = format!("{gold} {said}");
        for protocol in defined(Task::Ner) {
            // The originals normalise no Unicode, and neither does `set`.
            assert_eq!(tally(protocol, &row).correct, 0, "{protocol}: {gold:?}, {said:?}");
        }
    }
}

#[test]
fn nested_mentions_count_each() {
    let gold = ["Org Bank of England@0", "Place England@8"];
    let mut row = prediction(Task::Ner, &gold, &gold);
    row.sentence = "Bank of England".to_owned();
    for protocol in defined(Task::Ner) {
        // A character has one tag: the outer mention's.
        let expected = if protocol == Protocol::Seqeval { 1 } else { 2 };
        assert_eq!(tally(protocol, &row).correct, expected, "{protocol}");
    }
}

#[test]
fn a_hundred_thousand_relations_and_events_are_counted() {
    let count = 100_000;
    let mention =
        |number: usize| Mention::at(format!("m{number}"), number, number + 1 + number % 7);
    let entity = |number: usize| Entity { class: "P".to_owned(), mention: mention(number) };
    let object = |task: Task, number: usize| match task {
        Task::Re => Instance::Relation(Relation {
            class: "Near".to_owned(),
            head: entity(number),
            tail: entity(number + 1),
        }),
        // One trigger for all: GoLLIE pairs each event with another.
        _ => Instance::Event(Event {
            class: "Hit".to_owned(),
            trigger: Mention::at("hit", number, number + 3),
            arguments: vec![("who".to_owned(), mention(number))],
        }),
    };
    for task in [Task::Re, Task::Ed, Task::Eae] {
        let mut row = prediction(task, &[], &[]);
        row.gold = (0..count).map(|number| object(task, number)).collect();
        row.predicted = (0..count).map(|number| object(task, number / 2)).collect();
        row.sentence = (0..count).map(|number| format!("hit m{number} ")).collect();
        for protocol in defined(task) {
            let tally = tally(protocol, &row);
            assert!(
                tally.gold > 0 && tally.correct <= tally.predicted,
                "{protocol} {task}: {tally:?}"
            );
        }
    }
}
