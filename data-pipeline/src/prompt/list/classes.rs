//! Classes as lines of plain text.

use super::{name, one_line};
use crate::prompt::words::Words;
use crate::python::ClassStyle;
use crate::python::render::{ClassView, in_language};
use crate::schema::{Class, Kind, Task};

/// What may be found, a line each, without a final newline.
pub(in crate::prompt) fn classes(classes: &[&Class], view: &ClassView, words: &Words) -> String {
    let title = match view.task {
        Task::Ner => words.entity_types,
        Task::Re => words.relation_types,
        Task::Ed | Task::Eae => words.event_types,
    };
    let lines = classes.iter().map(|class| match view.style {
        ClassStyle::Names => name_line(class, view),
        ClassStyle::Full => full_line(class, view, words),
    });
    std::iter::once(format!("{title}:")).chain(lines).collect::<Vec<_>>().join("\n")
}

fn name_line(class: &Class, view: &ClassView) -> String {
    let roles: Vec<String> = class.arguments.iter().map(|role| name(&role.name)).collect();
    match view.task == Task::Eae && !roles.is_empty() {
        true => format!("- {}: {}", name(&class.name), roles.join(", ")),
        false => format!("- {}", name(&class.name)),
    }
}

/// Name, parent and arguments, then what is said about the class.
fn full_line(class: &Class, view: &ClassView, words: &Words) -> String {
    let types = |types: &[String]| {
        let types: Vec<String> = types.iter().map(|class| name(class)).collect();
        types.join(words.or)
    };
    let mut notes = Vec::new();
    if !["Entity", "Relation", "Event"].contains(&class.base.as_str()) {
        notes.push(format!("{} {}", words.kind_of, name(&class.base)));
    }
    if class.kind == Kind::Relation {
        for (argument, word) in class.arguments.iter().zip([words.head, words.tail]) {
            notes.push(format!("{word}: {}", types(&argument.types)));
        }
    }
    let notes = match notes.is_empty() {
        true => String::new(),
        false => format!(" ({})", notes.join("; ")),
    };
    let mut said = Vec::new();
    let description = view.description.and_then(|code| in_language(&class.descriptions, code));
    if let Some(text) = description.filter(|text| !text.is_empty()) {
        said.push(sentence(one_line(text)));
    }
    let examples = view.examples.and_then(|code| in_language(&class.examples, code));
    let examples = examples.map_or(&[][..], Vec::as_slice).iter().take(view.max_examples);
    let examples: Vec<_> = examples.map(|text| one_line(text)).collect();
    if !examples.is_empty() {
        said.push(sentence(format!("{}: {}", words.examples, examples.join(", "))));
    }
    if class.kind == Kind::Event && !class.arguments.is_empty() {
        let role = |(role, known): (String, &[String])| match view.task {
            Task::Eae => format!("{role} ({})", types(known)),
            _ => role,
        };
        let roles = class.arguments.iter().map(|role| (name(&role.name), &role.types[..]));
        let roles: Vec<String> = roles.map(role).collect();
        said.push(sentence(format!("{}: {}", words.roles, roles.join(", "))));
    }
    let colon = if said.is_empty() { "" } else { ": " };
    format!("- {}{notes}{colon}{}", name(&class.name), said.join(" "))
}

/// A text that ends as a sentence does, since others follow on its line.
fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?', '。', '！', '？']) {
        text.push('.');
    }
    text
}
