//! Schemas and answers as JSON.
//!
//! Objects have the keys that prediction files give them; positions are found by the reader of the
//! answer, not by the model. An object stands on a line of its own.

mod read;

pub(super) use read::read;

use crate::python::ClassStyle;
use crate::python::render::{ClassView, in_language};
use crate::schema::{Argument, Class, Kind, Task};
use crate::sentence::{Entity, Instance};
use serde_json::{Map, Value, json};

/// The answer that lists `objects` in this order.
pub(super) fn write(objects: &[Instance], task: Task) -> String {
    array(objects.iter().map(|object| object_value(object, task)))
}

/// The schema, without a final newline.
pub(super) fn classes(classes: &[&Class], view: &ClassView) -> String {
    let kind = match view.task {
        Task::Ner => "entities",
        Task::Re => "relations",
        Task::Ed | Task::Eae => "events",
    };
    let classes = classes.iter().map(|class| match view.style {
        ClassStyle::Names => name_value(class, view),
        ClassStyle::Full => class_value(class, view),
    });
    format!("{{\"{kind}\":{}}}", array(classes))
}

/// `text` as a JSON string.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

fn array(values: impl Iterator<Item = Value>) -> String {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    match values.is_empty() {
        true => "[]".to_owned(),
        false => format!("[\n{}\n]", values.join(",\n")),
    }
}

fn object_value(object: &Instance, task: Task) -> Value {
    let entity = |entity: &Entity| json!({ "type": entity.class, "name": entity.mention.text });
    match object {
        Instance::Entity(it) => entity(it),
        Instance::Relation(relation) => json!({
            "type": relation.class,
            "head": entity(&relation.head),
            "tail": entity(&relation.tail),
        }),
        Instance::Event(event) if task == Task::Eae => {
            let argument = |(role, mention): &(String, crate::Mention)| json!({ "role": role, "name": mention.text });
            json!({
                "type": event.class,
                "trigger": event.trigger.text,
                "arguments": event.arguments.iter().map(argument).collect::<Vec<_>>(),
            })
        }
        Instance::Event(event) => json!({ "type": event.class, "trigger": event.trigger.text }),
    }
}

/// A bare name; where roles are asked for, with them.
fn name_value(class: &Class, view: &ClassView) -> Value {
    match view.task {
        Task::Eae => json!({ "type": class.name, "roles": role_names(class) }),
        _ => json!(class.name),
    }
}

fn class_value(class: &Class, view: &ClassView) -> Value {
    let mut value = Map::new();
    let mut set = |key: &str, said: Value| drop(value.insert(key.to_owned(), said));
    set("type", json!(class.name));
    if !["Entity", "Relation", "Event"].contains(&class.base.as_str()) {
        set("parent", json!(class.base));
    }
    let description = view.description.and_then(|code| in_language(&class.descriptions, code));
    if let Some(text) = description.filter(|text| !text.is_empty()) {
        set("description", json!(text));
    }
    let examples = view.examples.and_then(|code| in_language(&class.examples, code));
    let examples = examples.map_or(&[][..], Vec::as_slice);
    let examples = &examples[..examples.len().min(view.max_examples)];
    if !examples.is_empty() {
        set("examples", json!(examples));
    }
    match class.kind {
        Kind::Entity => {}
        Kind::Relation => {
            for (argument, key) in class.arguments.iter().zip(["head", "tail"]) {
                set(key, json!(argument.types));
            }
        }
        Kind::Event if view.task == Task::Eae => {
            let role = |role: &Argument| (role.name.clone(), json!(role.types));
            set("roles", Value::Object(class.arguments.iter().map(role).collect()));
        }
        Kind::Event => set("roles", json!(role_names(class))),
    }
    Value::Object(value)
}

fn role_names(class: &Class) -> Vec<&str> {
    class.arguments.iter().map(|role| role.name.as_str()).collect()
}
