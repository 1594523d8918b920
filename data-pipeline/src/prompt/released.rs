//! The nine training rows that KnowCoder released, written again from their own annotation.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::python::read;
use crate::python::render::answer_code;
use crate::schema::Argument;
use crate::sentence::{Entity, Event, Mention, Relation, Span};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The released rows, which lie beside the repository and are not ours to ship.
fn released_rows() -> Option<Vec<Value>> {
    let root = std::env::var_os("KNOWCODER_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let path = root.join("knowcoder_examples/example_data.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "`{}` is not there", path.display());
        eprintln!("SKIPPED: `{}` is not there; nothing was compared", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Reads back the classes that a released prompt shows; they are no Python, a role is `from`.
fn released_classes(prompt: &str, kind: Kind) -> Vec<Class> {
    let (code, _) = prompt.split_once("\n\n\"\"\"\n").unwrap();
    let blocks =
        code.split("\n\nclass ").filter(|block| block.lines().next().unwrap().contains('('));
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('(').unwrap();
            let mut class = Class {
                name: name.to_owned(),
                kind,
                base: rest.split_once("):").unwrap().0.to_owned(),
                descriptions: BTreeMap::new(),
                examples: BTreeMap::new(),
                names: BTreeMap::new(),
                arguments: Vec::new(),
            };
            let argument = |name: &str, types: &str| Argument {
                name: name.to_owned(),
                types: types.split(" | ").map(str::to_owned).collect(),
                names: BTreeMap::new(),
            };
            for line in block.lines().skip(1) {
                if let Some(text) = line.strip_prefix("\tDescription: ").filter(|t| !t.is_empty()) {
                    class.descriptions.insert("en".to_owned(), text.to_owned());
                } else if let Some((_, list)) = line.split_once("Examples: ") {
                    let list = list.strip_suffix(", ").unwrap_or(list);
                    let examples = list.split(", ").map(str::to_owned).collect();
                    class.examples.insert("en".to_owned(), examples);
                } else if let Some(roles) = line.strip_prefix("\t\targ_names = ") {
                    let roles: Vec<String> = serde_json::from_str(roles).unwrap();
                    class.arguments = roles.iter().map(|role| argument(role, "Entity")).collect();
                } else if let Some(roles) = line.strip_prefix("\tdef __init__(self, head") {
                    let roles = roles.strip_suffix("):").unwrap();
                    let (head, tail) = roles.split_once(", tail_entity: ").unwrap();
                    let head = head.strip_prefix("_entity: ").unwrap();
                    class.arguments =
                        vec![argument("head_entity", head), argument("tail_entity", tail)];
                } else if let Some((role, hint)) = line.split_once(": List[ ") {
                    let hint = hint.split_once(" ]").unwrap().0;
                    class.arguments.push(argument(role.trim(), hint));
                }
            }
            class
        })
        .collect()
}

/// The annotation of a released row; some rows name the classes in lower case.
fn released_sentence(row: &Value, classes: &[Class]) -> Sentence {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let class = |value: &Value| {
        let name = text(value, "type");
        let known = classes.iter().find(|class| class.name.eq_ignore_ascii_case(&name));
        known.map_or(name, |class| class.name.clone())
    };
    let mention = |value: &Value, key: &str| Mention {
        span: value["pos"].as_array().map(|pos| Span {
            start: pos[0].as_u64().unwrap() as usize,
            end: pos[1].as_u64().unwrap() as usize,
        }),
        ..Mention::surface(text(value, key))
    };
    let entity = |value: &Value| Entity { class: class(value), mention: mention(value, "name") };
    let rows = |key: &str| row[key].as_array().cloned().unwrap_or_default();
    Sentence {
        id: String::new(),
        text: text(row, "sentence"),
        language: "en".to_owned(),
        entities: rows("entities").iter().map(entity).collect(),
        relations: rows("relations")
            .iter()
            .map(|row| Relation {
                class: class(row),
                head: entity(&row["head"]),
                tail: entity(&row["tail"]),
            })
            .collect(),
        events: rows("events")
            .iter()
            .map(|row| Event {
                class: class(row),
                trigger: mention(row, "trigger"),
                arguments: row["arguments"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|argument| (text(argument, "role"), mention(argument, "name")))
                    .collect(),
            })
            .collect(),
    }
}

#[test]
fn released_rows_are_reproduced_byte_for_byte() {
    let Some(rows) = released_rows() else { return };
    assert_eq!(rows.len(), 9);
    let config = PromptConfig { dialect: Dialect::Official, ..PromptConfig::default() };
    let config = PromptConfig { max_examples: usize::MAX, ..config };
    for row in rows {
        let prompt = row["one-stage"]["zero-shot"]["prompt"].as_str().unwrap();
        let answer = row["one-stage"]["output"].as_str().or(row["output"].as_str());
        let answer = answer.or(row["one-stage"]["zero-shot"]["output"].as_str()).unwrap();
        let task = match () {
            () if row.get("entities").is_some() => Task::Ner,
            () if row.get("relations").is_some() => Task::Re,
            () if prompt.contains("arg_names") => Task::Ed,
            () => Task::Eae,
        };
        let schema = Schema { classes: released_classes(prompt, task.kind()) };
        let sentence = released_sentence(&row, &schema.classes);
        let example = extraction(&schema, &schema.of_task(task), task, &sentence, &config);
        let input = format!("{}\nInput:\n{prompt}\nOutput:\n", wording::SYSTEM);
        assert_eq!(format!("{}{}", example.prefix, example.prompt), input);
        assert_eq!(example.answer, answer);
        let read = read(answer, task, Dialect::Official);
        assert_eq!(read.flaws, []);
        assert_eq!(answer_code(&read.instances, task, Dialect::Official), answer);
    }
}
