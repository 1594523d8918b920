//! What the text of an answer says: objects whose mentions are known by their surface alone.

use super::options::{Form, Options};
use super::{bracketed, gollie};
use crate::corpus::json::parse;
use crate::corpus::records::kind_of;
use crate::python::{self, Dialect, FlawKind};
use crate::{Entity, Instance, Task};
use serde_json::Value;

/// One object of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Entity {
        label: String,
        surface: String,
    },
    Relation {
        label: String,
        head: Argument,
        tail: Argument,
    },
    /// With role and surface of each argument.
    Event {
        label: String,
        trigger: String,
        arguments: Vec<(String, String)>,
    },
}

/// An argument of a relation; some answers give its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    pub label: Option<String>,
    pub surface: String,
}

/// The class that stands for an argument without a type.
const UNTYPED: &str = "Entity";

/// What `answer` says of `sentence`.
pub(crate) fn said(answer: &str, sentence: &str, options: &Options) -> Result<Vec<Said>, String> {
    let Some((form, task)) = options.form() else { return Ok(Vec::new()) };
    let mut said = match form {
        Form::IePile => iepile(answer, task)?,
        Form::InstructUie => instruct_uie(answer, task, sentence, options)?,
        Form::KnowCoder => knowcoder(answer, task)?,
        Form::GoLlie => gollie::read(answer, task)?,
    };
    for object in &mut said {
        if let Said::Event { arguments, .. } = object {
            arguments
                .retain(|(role, surface)| !options.is_none(surface) && !options.is_attribute(role));
        }
    }
    said.retain(|object| match object {
        Said::Entity { surface, .. } => !options.is_none(surface),
        Said::Relation { head, tail, .. } => {
            !options.is_none(&head.surface) && !options.is_none(&tail.surface)
        }
        Said::Event { trigger, .. } => !options.is_none(trigger),
    });
    Ok(said)
}

/// An object of labels, each with a list of what it marks, or, of a knowledge graph, with an object
/// of entities and their attributes.
fn iepile(answer: &str, task: Task) -> Result<Vec<Said>, String> {
    let value = parse(answer).map_err(|fault| format!("the answer: {fault}"))?;
    let Some(labels) = value.as_object() else {
        return Err(format!("the answer is {}, expected an object of labels", kind_of(&value)));
    };
    let mut said = Vec::new();
    for (label, items) in labels {
        if let Some(entities) = items.as_object()
            && matches!(task, Task::Ner | Task::Re)
        {
            let found = graph(label, entities, task).map_err(|fault| format!("`{label}`: {fault}"));
            said.extend(found?);
            continue;
        }
        let Some(items) = items.as_array() else {
            return Err(format!("`{label}` of the answer is {}, expected a list", kind_of(items)));
        };
        for item in items {
            said.push(object(label, item, task).map_err(|fault| format!("`{label}`: {fault}"))?);
        }
    }
    Ok(said)
}

/// What a knowledge graph says of the entities of one label: for NER their names, for RE each
/// attribute as a relation between the entity and every value.
fn graph(
    label: &str,
    entities: &serde_json::Map<String, Value>,
    task: Task,
) -> Result<Vec<Said>, String> {
    let mut said = Vec::new();
    for (name, attributes) in entities {
        if task == Task::Ner {
            said.push(Said::Entity { label: label.to_owned(), surface: name.clone() });
            continue;
        }
        let Some(attributes) = attributes.as_object() else {
            let kind = kind_of(attributes);
            return Err(format!("`{name}` is {kind}, expected an object of attributes"));
        };
        for (attribute, values) in attributes {
            let values = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
            for value in values {
                let value = plain(value).map_err(|fault| format!("`{attribute}`: {fault}"))?;
                said.push(Said::Relation {
                    label: attribute.clone(),
                    head: Argument { label: Some(label.to_owned()), surface: name.clone() },
                    tail: Argument { label: None, surface: value.to_owned() },
                });
            }
        }
    }
    Ok(said)
}

/// What one item of IEPile's lists says.
fn object(label: &str, item: &Value, task: Task) -> Result<Said, String> {
    let label = label.to_owned();
    match task {
        Task::Ner => Ok(Said::Entity { label, surface: plain(item)?.to_owned() }),
        Task::Re => {
            let argument = |names: [&str; 2]| {
                let surface = member(item, names)?.to_owned();
                Ok::<Argument, String>(Argument { label: None, surface })
            };
            let (head, tail) = (argument(["head", "subject"])?, argument(["tail", "object"])?);
            Ok(Said::Relation { label, head, tail })
        }
        Task::Ed => {
            let trigger = match item {
                Value::Object(_) => member(item, ["trigger", "trigger"])?,
                item => plain(item)?,
            };
            Ok(Said::Event { label, trigger: trigger.to_owned(), arguments: Vec::new() })
        }
        Task::Eae => {
            let trigger = member(item, ["trigger", "trigger"])?.to_owned();
            let mut arguments = Vec::new();
            let roles = item.get("arguments").and_then(Value::as_object);
            for (role, fillers) in roles.ok_or("there is no object `arguments`".to_owned())? {
                match fillers {
                    Value::Array(fillers) => {
                        for filler in fillers {
                            arguments.push((role.clone(), plain(filler)?.to_owned()));
                        }
                    }
                    filler => arguments.push((role.clone(), plain(filler)?.to_owned())),
                }
            }
            Ok(Said::Event { label, trigger, arguments })
        }
    }
}

/// A text.
fn plain(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{} stands where a text should", kind_of(value)))
}

/// The text of the member that has one of these names.
fn member<'a>(value: &'a Value, names: [&str; 2]) -> Result<&'a str, String> {
    let found = names.into_iter().find_map(|name| value.get(name)).and_then(Value::as_str);
    found.ok_or_else(|| format!("there is no text `{}`", names[0]))
}

/// `label: mention; label: mention`, or `relation: head, tail; …`, or events in brackets.
fn instruct_uie(
    answer: &str,
    task: Task,
    sentence: &str,
    options: &Options,
) -> Result<Vec<Said>, String> {
    let answer = answer.trim().trim_end_matches(';');
    if options.is_none(answer) {
        return Ok(Vec::new());
    }
    if matches!(task, Task::Ed | Task::Eae) && bracketed::is_events(answer) {
        let mut events = bracketed::events(answer)?;
        for event in &mut events {
            if let Said::Event { arguments, .. } = event
                && task == Task::Ed
            {
                arguments.clear();
            }
        }
        return Ok(events);
    }
    if task == Task::Eae {
        return Err(
            "the answer has no `(type:…, trigger:…, arguments:…)`, where alone arguments stand \
                    beside their event"
                .into(),
        );
    }
    let mut said = Vec::new();
    for part in parts(answer) {
        let Some((label, surface)) = part.split_once(':') else {
            return Err(format!("`{part}` of the answer is not a label, `:` and a mention"));
        };
        let (label, surface) = (label.trim().to_owned(), surface.trim());
        said.push(match task {
            Task::Ner => Said::Entity { label, surface: surface.to_owned() },
            Task::Re => {
                let (head, tail) = pair(surface, sentence).ok_or_else(|| {
                    format!("`{surface}` of the answer is not two mentions of the sentence")
                })?;
                Said::Relation { label, head, tail }
            }
            Task::Ed | Task::Eae => {
                Said::Event { label, trigger: surface.to_owned(), arguments: Vec::new() }
            }
        });
    }
    Ok(said)
}

/// The parts of an answer; what has no label is the rest of a mention with a semicolon in it.
fn parts(answer: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in answer.split("; ") {
        match parts.last_mut() {
            Some(last) if !part.contains(':') => {
                last.push_str("; ");
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// `head, tail`, divided at the first comma that leaves two pieces of the sentence.
fn pair(text: &str, sentence: &str) -> Option<(Argument, Argument)> {
    let is_there = |surface: &str| !surface.is_empty() && sentence.contains(surface);
    for (comma, _) in text.match_indices(',') {
        let (head, tail) = (text[..comma].trim(), text[comma + 1..].trim());
        if is_there(head) && is_there(tail) {
            let argument = |surface: &str| Argument { label: None, surface: surface.to_owned() };
            return Some((argument(head), argument(tail)));
        }
    }
    None
}

/// Our own objects: as Python if they are, else as the released evaluation reads them.
fn knowcoder(answer: &str, task: Task) -> Result<Vec<Said>, String> {
    let python = python::read(answer, task, Dialect::Python);
    let readable = python.flaws.iter().all(|flaw| flaw.kind == FlawKind::SingleQuotes);
    if readable {
        return Ok(python.instances.into_iter().map(of_instance).collect());
    }
    let official = python::read(answer, task, Dialect::Official);
    match python.flaws.first() {
        Some(flaw) if !official.flaws.is_empty() => Err(format!("the answer: {flaw}")),
        _ => Ok(official.instances.into_iter().map(of_instance).collect()),
    }
}

fn of_instance(instance: Instance) -> Said {
    match instance {
        Instance::Entity(Entity { class, mention }) => {
            Said::Entity { label: class, surface: mention.text }
        }
        Instance::Relation(relation) => {
            let argument = |entity: Entity| Argument {
                label: Some(entity.class).filter(|class| class != UNTYPED),
                surface: entity.mention.text,
            };
            Said::Relation {
                label: relation.class,
                head: argument(relation.head),
                tail: argument(relation.tail),
            }
        }
        Instance::Event(event) => {
            let arguments = event.arguments.into_iter();
            Said::Event {
                label: event.class,
                trigger: event.trigger.text,
                arguments: arguments.map(|(role, mention)| (role, mention.text)).collect(),
            }
        }
    }
}
