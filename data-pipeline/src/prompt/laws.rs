//! What holds for prompts of any classes and any text: law 6.

#![allow(clippy::unwrap_used)]

use super::order::grouped;
use super::*;
use crate::python::read;
use crate::schema::Argument;
use crate::sentence::{Entity, Event, Mention, Relation};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

const TASKS: [Task; 4] = [Task::Ner, Task::Re, Task::Ed, Task::Eae];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"'\\\\\\n\\r\\t\\x00\u{2028}人😀#{} ]{0,9}",
        r#"("""|\\|x){0,4}"#
    ]
}

fn class(kind: Kind) -> impl Strategy<Value = Class> {
    let name = || "[A-Z][a-z]{0,4}|class|None|人物|TV show|3D|match|type|case|_";
    let roles = prop::collection::hash_set("[a-z]{1,5}|from|self|trigger|match|type|b c|é", 0..4);
    let texts = || prop::collection::btree_map("en|zh", text(), 0..2);
    let examples = prop::collection::btree_map("en|zh", prop::collection::vec(text(), 0..3), 0..2);
    (name(), name(), texts(), examples, roles).prop_map(
        move |(name, base, descriptions, examples, roles)| Class {
            name,
            kind,
            base,
            descriptions,
            examples,
            names: BTreeMap::new(),
            arguments: roles
                .into_iter()
                .map(|name| Argument {
                    name,
                    types: vec!["A b".to_owned(), "Entity".to_owned()],
                    names: BTreeMap::new(),
                })
                .collect(),
        },
    )
}

/// The answers in demonstrations; in this dialect no text has a line end, so lines part them.
fn answers(shown: &str) -> Vec<String> {
    let mut answers: Vec<String> = Vec::new();
    let mut open = false;
    for line in shown.split('\n') {
        if line.starts_with("results = [") {
            answers.push(String::new());
            open = true;
        }
        if let (true, Some(answer)) = (open, answers.last_mut()) {
            *answer += line;
            answer.push('\n');
        }
        open &= !(line == "]" || line == "results = []");
    }
    answers
}

proptest! {
    #[test]
    fn prompts_are_python_and_answers_come_back(
        classes in prop::collection::vec(class(Kind::Event), 1..4),
        triggers in prop::collection::vec(text(), 0..4),
        sentence_text in text(),
        kinds in prop::collection::vec(0..3usize, 4),
        zh in any::<bool>(),
        names in any::<bool>(),
        stated in any::<bool>(),
    ) {
        let mut classes = classes;
        for (class, kind) in classes.iter_mut().zip(kinds) {
            class.kind = [Kind::Entity, Kind::Relation, Kind::Event][kind];
            if class.kind == Kind::Relation {
                class.arguments = ["head_entity", "tail_entity"]
                    .map(|name| Argument {
                        name: name.to_owned(),
                        types: vec!["A b".to_owned()],
                        names: BTreeMap::new(),
                    })
                    .into();
            }
        }
        // No schema has two classes of one name.
        let mut known = HashSet::new();
        classes.retain(|class| known.insert(class.name.clone()));
        let schema = Schema { classes };
        let language = if zh { TextLanguage::Zh } else { TextLanguage::En };
        let config = PromptConfig {
            classes: if names { ClassStyle::Names } else { ClassStyle::Full },
            system: false,
            task_sentence: if stated { language } else { TextLanguage::None },
            descriptions: language,
            ..PromptConfig::default()
        };
        let mut sentence = Sentence { text: sentence_text, ..Sentence::default() };
        for (class, trigger) in schema.classes.iter().zip(triggers) {
            let mention = Mention::surface(trigger);
            let entity = Entity { class: class.name.clone(), mention: mention.clone() };
            let class_name = class.name.clone();
            match class.kind {
                Kind::Entity => sentence.entities.push(entity),
                Kind::Relation => sentence.relations.push(Relation {
                    class: class_name,
                    head: entity.clone(),
                    tail: entity,
                }),
                Kind::Event => sentence.events.push(Event {
                    class: class_name,
                    trigger: mention.clone(),
                    arguments: class
                        .arguments
                        .iter()
                        .map(|role| (role.name.clone(), mention.clone()))
                        .collect(),
                }),
            }
        }
        for task in TASKS {
            let offered = schema.of_task(task);
            let example = extraction(&schema, &offered, task, &sentence, &config);
            let code = format!("{}{}{}", example.prefix, example.prompt, example.answer);
            let parsed = ruff_python_parser::parse_module(&code);
            prop_assert!(parsed.is_ok(), "{:?}\n{}", parsed, code);
            let answer = read(&example.answer, task, Dialect::Python);
            prop_assert_eq!(&answer.flaws, &[]);
            prop_assert_eq!(answer.instances, grouped(sentence.instances(task)));
            let few = with_shots(example.clone(), &[example.clone(), example.clone()], &config);
            let code = format!("{}{}{}", few.prefix, few.prompt, few.answer);
            prop_assert!(ruff_python_parser::parse_module(&code).is_ok(), "{}", code);
            let shown = few.prefix.strip_prefix(&example.prefix).unwrap_or_default();
            let answers = answers(shown);
            prop_assert_eq!(answers.len(), 2, "{}", shown);
            for answer in answers {
                let answer = read(&answer, task, Dialect::Python);
                prop_assert_eq!(&answer.flaws, &[]);
                prop_assert_eq!(answer.instances, grouped(sentence.instances(task)));
            }
            let code = instances(task, &sentence, &schema, &config).answer;
            prop_assert!(ruff_python_parser::parse_module(&code).is_ok(), "{}", code);
        }
        for class in &schema.classes {
            let code = definition(class, &schema, "en", &config).answer;
            prop_assert!(ruff_python_parser::parse_module(&code).is_ok(), "{}", code);
        }
    }
}
