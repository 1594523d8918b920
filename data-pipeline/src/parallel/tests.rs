//! Jobs are refused where they cannot be meant, and stages come in their order.

#![allow(clippy::unwrap_used)]

use super::carried::Carried;
use super::check::Checker;
use super::config::{Job, Kind};
use super::fault::Fault;
use super::items::Item;
use super::language::Languages;
use super::stages::{Outcome, Stages, Step};
use super::transcript::{Record, Usage};
use crate::{Entity, Mention, Sentence, Task};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

const JOB: &str = r#"
[job]
name = "ships"
target = "zh"
out = "out"

[[source]]
dataset = "ships-en:train"

[server]
url = "http://127.0.0.1:9/v1"

[glossary]
terms = { Stockholm = "斯德哥尔摩" }

[[stage]]
kind = "translate"
model = "weak"
prompt = "PROMPTS/translate.txt"

[[stage]]
kind = "names"
model = "weak"
prompt = "PROMPTS/names.txt"

[[stage]]
kind = "sentence"
model = "weak"
prompt = "PROMPTS/sentence.txt"

[[stage]]
kind = "translate"
name = "again"
model = "strong"
prompt = "PROMPTS/translate.txt"
"#;

/// The job above with `from` changed to `to`.
fn load(from: &str, to: &str) -> Result<Job, String> {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/parallel/prompts");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    let text = JOB.replace(from, to).replace("PROMPTS", &prompts.display().to_string());
    std::fs::write(&path, text).unwrap();
    let place = format!("{}/", folder.path().display());
    Job::load(&path).map_err(|error| error.to_string().replace(&place, ""))
}

fn refused(from: &str, to: &str, expected: Expect) {
    expected.assert_eq(&load(from, to).unwrap_err());
}

#[test]
fn a_job_that_cannot_be_meant_is_refused() {
    refused(
        "target =",
        "tarhet =",
        expect!["job.toml:4:1: unknown key `tarhet`; did you mean `target`?"],
    );
    refused(
        "http://127.0.0.1:9/v1",
        "127.0.0.1",
        expect![[r#"job.toml: `server.url = "127.0.0.1"` must begin with http:// or https://"#]],
    );
    refused(
        "name = \"again\"",
        "",
        expect!["job.toml: two stages are called `translate`; give one another `name`"],
    );
    assert!(
        load("kind = \"translate\"\nmodel = \"weak\"", "kind = \"names\"\nmodel = \"weak\"")
            .is_err()
    );
    assert_eq!(load("", "").unwrap().stages.len(), 4);
}

fn item() -> Item {
    let text = "The Vasa sank in Stockholm.";
    let entity = |class: &str, start: usize, end: usize| Entity {
        class: class.to_owned(),
        mention: Mention::at(&text[start..end], start, end),
    };
    let sentence = Sentence {
        id: "1".to_owned(),
        text: text.to_owned(),
        language: "en".to_owned(),
        entities: vec![entity("Ship", 4, 8), entity("Location", 17, 26)],
        ..Sentence::default()
    };
    Item { domain: "ships".to_owned(), carried: Carried::of(&sentence, &[Task::Ner]) }
}

/// Walks the sentence to its end; `reply` answers a stage.
fn walk(job: &Job, reply: impl Fn(&str, Kind) -> Value) -> Outcome {
    let languages = Languages::default();
    let checker = Checker {
        source_language: "en",
        target_language: "zh",
        languages: &languages,
        glossary: &job.glossary,
        whole_words: true,
    };
    let stages = Stages { job, checker };
    let mut records: HashMap<String, Record> = HashMap::new();
    // More questions than stages would be a walk that never ends.
    for _ in 0..=job.stages.len() {
        let step = stages.walk(&item(), &|key: &str| records.get(key).cloned());
        let question = match step {
            Step::Done(outcome) => return *outcome,
            Step::Ask(question) => question,
        };
        let record = Record {
            key: question.key.clone(),
            stage: question.stage.name.clone(),
            request: question.request.clone(),
            reply: Some(reply(&question.stage.name, question.stage.kind).to_string()),
            finish: "stop".to_owned(),
            usage: Usage::default(),
        };
        records.insert(record.key.clone(), record);
    }
    panic!("the walk does not end")
}

/// The stages that were visited, each with the kinds of its faults.
fn visits(outcome: &Outcome) -> String {
    let visit = |stage: &str, faults: &[Fault]| {
        let kinds: Vec<&str> = faults.iter().map(Fault::kind).collect();
        format!("{stage}: {}", kinds.join(" "))
    };
    let each = outcome.visits.iter().map(|it| visit(&it.stage, &it.faults));
    each.collect::<Vec<_>>().join("\n")
}

fn names(ship: &str, place: &str) -> Value {
    json!([
        {"id": 1, "class": "Ship", "text": ship},
        {"id": 2, "class": "Location", "text": place},
    ])
}

#[test]
fn each_stage_comes_where_the_one_before_failed() {
    let job = load("", "").unwrap();
    let outcome = walk(&job, |_, kind| match kind {
        Kind::Translate => {
            json!({"sentence": "瓦萨号在斯京沉没。", "names": names("瓦萨", "斯德哥尔摩")})
        }
        Kind::Names => json!({"names": [{"id": 1, "text": "瓦萨号"}]}),
        _ => json!({"sentence": "瓦萨号在斯德哥尔摩沉没。"}),
    });
    expect![[r#"
        translate: missing
        names: missing
        sentence: "#]]
    .assert_eq(&visits(&outcome));
    assert!(outcome.faults.is_empty());
    assert_eq!(outcome.draft.names[0].text, "瓦萨号");
}

#[test]
fn a_sentence_in_the_wrong_language_goes_to_the_strong_model() {
    let job = load("", "").unwrap();
    let outcome = walk(&job, |stage, _| match stage {
        "translate" => {
            json!({"sentence": "The Vasa sank in Stockholm.", "names": names("Vasa", "Stockholm")})
        }
        _ => json!({
            "sentence": "瓦萨号在斯德哥尔摩沉没。",
            "names": names("瓦萨号", "斯德哥尔摩"),
        }),
    });
    expect![[r#"
        translate: copied untranslated term
        again: "#]]
    .assert_eq(&visits(&outcome));
}

#[test]
fn a_hard_term_beside_the_names_is_asked_for_and_held() {
    let job = load("Stockholm = ", "sank = \"沉没\", Stockholm = ").unwrap();
    let outcome = walk(&job, |_, kind| match kind {
        Kind::Translate => json!({
            "sentence": "瓦萨号在斯德哥尔摩沉了。",
            "names": names("瓦萨号", "斯德哥尔摩"),
        }),
        _ => json!({"sentence": "瓦萨号在斯德哥尔摩沉没。"}),
    });
    expect![[r#"
        translate: terminology
        sentence: "#]]
    .assert_eq(&visits(&outcome));
    let asked = ask(&job);
    assert!(asked.contains("Write `Stockholm` as `斯德哥尔摩`."), "{asked}");
    assert!(asked.contains("Write `sank` as `沉没`."), "{asked}");
}

/// The first question about the sentence, as the user asks it.
fn ask(job: &Job) -> String {
    let languages = Languages::default();
    let checker = Checker {
        source_language: "en",
        target_language: "zh",
        languages: &languages,
        glossary: &job.glossary,
        whole_words: true,
    };
    match (Stages { job, checker }).walk(&item(), &|_: &str| None) {
        Step::Ask(question) => {
            question.request["messages"][1]["content"].as_str().unwrap_or_default().to_owned()
        }
        Step::Done(outcome) => panic!("{outcome:?}"),
    }
}

#[test]
fn what_no_stage_mends_is_left_with_its_best_draft() {
    let job = load("", "").unwrap();
    let outcome = walk(&job, |stage, kind| match (stage, kind) {
        ("translate", _) => {
            json!({"sentence": "瓦萨号在斯京沉没。", "names": names("瓦萨号", "斯京")})
        }
        (_, Kind::Translate) => json!("no object"),
        _ => json!({"oh": "no"}),
    });
    expect![[r#"
        translate: term
        names: unreadable
        sentence: unreadable
        again: unreadable"#]]
    .assert_eq(&visits(&outcome));
    assert_eq!(outcome.draft.sentence, "瓦萨号在斯京沉没。");
    assert_eq!(outcome.faults.len(), 1);
}
