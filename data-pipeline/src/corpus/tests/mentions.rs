//! Mentions inside others and mentions in pieces, from the file to the score.
#![allow(clippy::unwrap_used)]

use super::{Fixture, declaration};
use crate::predictions::{self, Prediction};
use crate::prompt::{PromptConfig, extraction};
use crate::python::{Dialect, check, locate, locate_pieces, read};
use crate::score::{Protocol, tally};
use crate::{Instance, Sentence, Task};

const LABELS: &str = "[labels]\nPER = \"Person\"\nORG = \"Organization\"\nLOC = \"Location\"\nWork = \"WorksFor\"\nHire = \"Hiring\"\n[roles]\nBoss = \"employer\"\nNew = \"employee\"\nCause = \"time\"\n";

const TEXT: &str = "The Bank of North Rome took Ann and Bob Lee on.\n李和王明在京都。\n";

/// A bank with a place in it, two people of whom one shares the other's family name, a trigger in
/// two pieces, and the same in a script without spaces.
const NOTES: &str = "T1\tORG 4 22\tBank of North Rome\nT2\tLOC 12 22\tNorth Rome\nT3\tLOC 18 22\tRome\nT4\tPER 28 31;40 43\tAnn Lee\nT5\tPER 36 43\tBob Lee\nR1\tWork Arg1:T4 Arg2:T1\nT6\tHire 23 27;44 46\ttook on\nE1\tHire:T6 Boss:T1 New:T4 New:T5\nT7\tPER 48 49;51 52\t李 明\nT8\tPER 50 52\t王明\nT9\tLOC 53 55\t京都\n";

fn sentences() -> (Fixture, Vec<Sentence>) {
    let files = [("data/d/a.txt", TEXT.as_bytes()), ("data/d/a.ann", NOTES.as_bytes())];
    let fixture = Fixture::new(&files);
    let rest = format!("[splits.train]\nfiles = [\"d/a.txt\"]\n{LABELS}");
    let text =
        declaration("brat", &rest).replace("[\"ner\"]", "[\"ner\", \"re\", \"ed\", \"eae\"]");
    let corpus = fixture.declare(&text).unwrap();
    let reading = corpus.read("train").unwrap();
    assert!(reading.dropped.is_empty() && reading.quarantined.is_empty(), "{reading:?}");
    (fixture, reading.sentences)
}

#[test]
fn nested_and_broken_mentions_come_back_from_an_answer() {
    let (fixture, sentences) = sentences();
    let schema = crate::Schema::load(&fixture.0.path().join("configs/schemas/s.py")).unwrap();
    for dialect in [Dialect::Python, Dialect::Official] {
        let config = PromptConfig { dialect, ..PromptConfig::default() };
        for task in [Task::Ner, Task::Re, Task::Ed, Task::Eae] {
            for sentence in &sentences {
                let classes = schema.of_task(task);
                let example = extraction(&schema, &classes, task, sentence, &config);
                let mut answer = read(&example.answer, task, dialect);
                locate(&mut answer.instances, &sentence.text);
                locate_pieces(&mut answer.instances, &sentence.text);
                check(&mut answer, &classes, &sentence.text);
                assert_eq!(answer.flaws, [], "{}", example.answer);
                let gold = sentence.instances(task);
                let whole = prediction(task, sentence, gold, answer.instances);
                let path = fixture.0.path().join("predictions.jsonl");
                predictions::write(&path, std::slice::from_ref(&whole)).unwrap();
                let found = predictions::read(&path).unwrap();
                assert_eq!(found, std::slice::from_ref(&whole));
                // GoLLIE looks for each mention in the sentence, where the words of these are not together.
                let others = Protocol::ALL.into_iter().filter(|it| *it != Protocol::Gollie);
                for protocol in others {
                    let tally = tally(protocol, &found[0]);
                    assert_eq!(tally.correct, tally.gold, "{task} {protocol}: {}", example.answer);
                    assert_eq!(tally.predicted, tally.gold, "{task} {protocol}");
                }
            }
        }
    }
    // The test would say nothing if nothing were nested or in pieces.
    let entities = &sentences[0].entities;
    assert_eq!(entities.len(), 5);
    assert!(sentences.iter().all(Sentence::has_pieces));
    assert!(sentences[0].events[0].trigger.is_in_pieces());
    assert!(sentences[0].relations[0].head.mention.is_in_pieces());
}

fn prediction(
    task: Task,
    sentence: &Sentence,
    gold: Vec<Instance>,
    predicted: Vec<Instance>,
) -> Prediction {
    Prediction {
        id: sentence.id.clone(),
        dataset: "x".to_owned(),
        language: sentence.language.clone(),
        task,
        sentence: sentence.text.clone(),
        answer: String::new(),
        gold,
        predicted,
        flaws: Vec::new(),
        prompt_tokens: 0,
        answer_tokens: 0,
        parts: Vec::new(),
        cut: false,
    }
}

#[test]
fn what_is_made_up_stays_without_a_place_where_nothing_is_in_pieces() {
    let (_fixture, sentences) = sentences();
    let mut answer = read("results = [Person(\"Ann Lee\")]", Task::Ner, Dialect::Python);
    locate(&mut answer.instances, &sentences[0].text);
    assert_eq!(answer.instances[0].mentions()[0].span, None);
    check(&mut answer, &[], &sentences[0].text);
    assert!(answer.flaws.iter().any(|flaw| flaw.message.contains("is not in the sentence")));
}

#[test]
fn stats_count_what_is_nested_and_what_is_in_pieces() {
    let files = [("data/d/a.txt", TEXT.as_bytes()), ("data/d/a.ann", NOTES.as_bytes())];
    let fixture = Fixture::new(&files);
    let rest = format!("[splits.train]\nfiles = [\"d/a.txt\"]\n{LABELS}");
    let corpus = fixture.declare(&declaration("brat", &rest)).unwrap();
    let stats = &crate::corpus::stats(&corpus, "train", None).unwrap()[0].texts;
    assert_eq!((stats.discontinuous, stats.nested), (2, 2));
}
