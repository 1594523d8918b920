//! What the fingerprint of a template is taken from.

use crate::schema::{Argument, Class, Kind, Schema};
use crate::sentence::{Entity, Event, Mention, Relation, Sentence};
use std::collections::BTreeMap;

/// A schema and two sentences that exercise every branch of the template.
pub(super) fn specimen() -> (Schema, [Sentence; 2]) {
    let texts = |en: &str, zh: &str| {
        BTreeMap::from([("en".to_owned(), en.to_owned()), ("zh".to_owned(), zh.to_owned())])
    };
    let class = |kind, name: &str, base: &str, roles: &[&str]| {
        let native = format!("名 {name}");
        Class {
            name: name.to_owned(),
            kind,
            base: base.to_owned(),
            descriptions: texts("A \"\"\" \\ b", "某\t物"),
            examples: texts("x", "甲").into_iter().map(|(k, v)| (k, vec![v.clone(), v])).collect(),
            // Two classes with one name: neither can be shown by it.
            names: texts("n", if kind == Kind::Event { "名" } else { &native }),
            arguments: roles
                .iter()
                .map(|role| Argument {
                    name: role.to_string(),
                    types: vec!["A".into(), "B".into()],
                    names: BTreeMap::from([("zh".to_owned(), format!("角色：{role}"))]),
                })
                .collect(),
        }
    };
    let bare = Class {
        descriptions: BTreeMap::new(),
        examples: BTreeMap::new(),
        ..class(Kind::Entity, "class", "Entity", &[])
    };
    let schema = Schema {
        classes: vec![
            class(Kind::Entity, "A", "Thing", &[]),
            bare,
            class(Kind::Relation, "R", "Relation", &["head_entity", "tail_entity"]),
            class(Kind::Event, "E", "Event", &["from", "b c"]),
            class(Kind::Event, "F", "Event", &[]),
        ],
    };
    let sentence = |language: &str, text: &str| {
        let mention =
            |at: usize| Mention::at(text.chars().skip(at).take(1).collect::<String>(), at, at + 1);
        let entity = |class: &str, at| Entity { class: class.to_owned(), mention: mention(at) };
        let event = |class: &str, at, arguments| Event {
            class: class.to_owned(),
            trigger: mention(at),
            arguments,
        };
        let (head, tail) = (entity("A", 0), entity("class", 1));
        Sentence {
            id: language.to_owned(),
            text: text.to_owned(),
            language: language.to_owned(),
            entities: vec![entity("class", 1), entity("A", 0), entity("class", 2)],
            relations: vec![Relation { class: "R".to_owned(), head, tail }],
            events: vec![
                event("F", 2, Vec::new()),
                event(
                    "E",
                    1,
                    vec![("b c".to_owned(), mention(0)), ("from".to_owned(), mention(2))],
                ),
            ],
        }
    };
    (schema, [sentence("en", "a\"\\\n"), sentence("zh", "人物\"。")])
}
