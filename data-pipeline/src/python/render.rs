//! Classes and objects as code.
//!
//! The layout is that of KnowCoder's released training rows, byte for byte: one tab per level,
//! spaces around `=`, no trailing comma. The dialect decides about names and strings only.

use super::escape::{escape, escape_line, mangle};
use super::{ClassStyle, Dialect};
use crate::schema::{Class, Kind, Task};
use crate::sentence::{Entity, Event, Instance, Mention, Relation};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// What a prompt shows of a class.
#[derive(Clone, Copy, Debug)]
pub struct ClassView<'a> {
    /// Events look different in detection and argument extraction.
    pub task: Task,
    /// How names and texts are written.
    pub dialect: Dialect,
    /// Full classes, or one line each.
    pub style: ClassStyle,
    /// Language of the description; without one the line is left out.
    pub description: Option<&'a str>,
    /// Language of the examples; without one the line is left out.
    pub examples: Option<&'a str>,
    /// At most so many examples.
    pub max_examples: usize,
}

/// The roots that a prompt for `task` defines, without a final newline.
pub fn base_code(task: Task) -> String {
    let roots: &[&str] = match task {
        Task::Ner => &[ENTITY],
        Task::Re => &[ENTITY, RELATION],
        Task::Ed => &[EVENT_WITH_ROLES],
        Task::Eae => &[ENTITY, EVENT],
    };
    roots.join("\n\n")
}

/// The code of one class, without a final newline.
pub fn class_code(class: &Class, view: &ClassView) -> String {
    match view.style {
        ClassStyle::Names => names_only(class, view),
        ClassStyle::Full => match (class.kind, view.task) {
            (Kind::Entity, _) => entity_class(class, view),
            (Kind::Relation, _) => relation_class(class, view),
            (Kind::Event, Task::Eae) => event_class_with_arguments(class, view),
            (Kind::Event, _) => event_class(class, view),
        },
    }
}

/// The answer that lists `instances` in this order, without a final newline.
pub fn answer_code(instances: &[Instance], task: Task, dialect: Dialect) -> String {
    let objects: Vec<String> =
        instances.iter().map(|instance| object_code(instance, task, dialect)).collect();
    list_code(&objects)
}

/// `results = […]` over objects that are code already.
pub(crate) fn list_code(objects: &[String]) -> String {
    if objects.is_empty() {
        return "results = []".to_owned();
    }
    format!("results = [\n\t{}\n]", objects.join(",\n\t"))
}

/// `text` as a string literal.
pub(crate) fn string(text: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Python => format!("\"{}\"", escape(text)),
        Dialect::Official => format!("\"{text}\""),
    }
}

/// The name of a class or role as it stands in code.
pub(crate) fn name(name: &str, dialect: Dialect) -> Cow<'_, str> {
    match dialect {
        Dialect::Python => mangle(name),
        Dialect::Official => name.into(),
    }
}

/// `Class("mention")`.
pub(crate) fn entity_code(entity: &Entity, dialect: Dialect) -> String {
    format!("{}({})", name(&entity.class, dialect), string(&entity.mention.text, dialect))
}

/// The arguments of an event by role, both in the order in which they first occur.
pub(crate) fn by_role(event: &Event) -> Vec<(&str, Vec<&Mention>)> {
    let mut roles: Vec<(&str, Vec<&Mention>)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (role, mention) in &event.arguments {
        let number = *known.entry(role).or_insert(roles.len());
        if number == roles.len() {
            roles.push((role, Vec::new()));
        }
        roles[number].1.push(mention);
    }
    roles
}

/// `[Entity("a"), Entity("b")]`, the value of a role.
pub(crate) fn role_code(mentions: &[&Mention], dialect: Dialect) -> String {
    let entities: Vec<String> = mentions
        .iter()
        .map(|mention| format!("Entity({})", string(&mention.text, dialect)))
        .collect();
    format!("[{}]", entities.join(", "))
}

fn object_code(instance: &Instance, task: Task, dialect: Dialect) -> String {
    match instance {
        Instance::Entity(entity) => entity_code(entity, dialect),
        Instance::Relation(relation) => relation_code(relation, dialect),
        Instance::Event(event) if task == Task::Ed => {
            format!("{}({})", name(&event.class, dialect), string(&event.trigger.text, dialect))
        }
        Instance::Event(event) => event_code(event, dialect),
    }
}

fn relation_code(relation: &Relation, dialect: Dialect) -> String {
    format!(
        "{}({}, {})",
        name(&relation.class, dialect),
        entity_code(&relation.head, dialect),
        entity_code(&relation.tail, dialect),
    )
}

fn event_code(event: &Event, dialect: Dialect) -> String {
    let mut code = format!(
        "{}(trigger = {}",
        name(&event.class, dialect),
        string(&event.trigger.text, dialect)
    );
    for (role, mentions) in by_role(event) {
        code += &format!(", {} = {}", name(role, dialect), role_code(&mentions, dialect));
    }
    code + ")"
}

/// The root stands in the brackets, not the parent: the line must tell the task.
fn names_only(class: &Class, view: &ClassView) -> String {
    let root = match class.kind {
        Kind::Entity => "Entity",
        Kind::Relation => "Relation",
        Kind::Event => "Event",
    };
    let roles: Vec<Cow<str>> = match view.task {
        Task::Eae => class.arguments.iter().map(|role| name(&role.name, view.dialect)).collect(),
        _ => Vec::new(),
    };
    let body = if roles.is_empty() { "pass".to_owned() } else { roles.join(", ") };
    format!("class {}({root}): {body}", name(&class.name, view.dialect))
}

fn entity_class(class: &Class, view: &ClassView) -> String {
    let examples = examples(class, view).map(|examples| examples.join(", "));
    format!("{}{}\n\tpass", head(class, view), docstring(class, view, examples))
}

fn relation_class(class: &Class, view: &ClassView) -> String {
    let examples = examples(class, view).map(|examples| examples.join(", "));
    let parameters: String = class
        .arguments
        .iter()
        .map(|argument| format!(", {}: {}", argument.name, hint(&argument.types, view)))
        .collect();
    format!(
        "{}{}\n\tdef __init__(self{parameters}):\
         \n\t\tsuper().__init__(head_entity = head_entity, tail_entity = tail_entity)",
        head(class, view),
        docstring(class, view, examples),
    )
}

/// Detection: the roles are listed by name, they take no part in the answer.
fn event_class(class: &Class, view: &ClassView) -> String {
    let roles: Vec<String> =
        class.arguments.iter().map(|role| string(&role.name, view.dialect)).collect();
    format!(
        "{}{}\n\tdef __init__(self, trigger: str, *args):\
         \n\t\targ_names = [{}]\
         \n\t\tsuper().__init__(trigger = trigger, arg_names = arg_names, *args)",
        head(class, view),
        docstring(class, view, triggers(class, view)),
        roles.join(", "),
    )
}

/// Argument extraction: the roles are typed parameters, the trigger words stand beside theirs.
fn event_class_with_arguments(class: &Class, view: &ClassView) -> String {
    let comma = if class.arguments.is_empty() { "" } else { "," };
    let words =
        triggers(class, view).map_or_else(String::new, |words| format!(" # Examples: {words}"));
    let parameters: Vec<String> = class
        .arguments
        .iter()
        .map(|role| {
            format!("\n\t\t{}: List[ {} ]", name(&role.name, view.dialect), hint(&role.types, view))
        })
        .collect();
    let assignments: String = class
        .arguments
        .iter()
        .map(|role| name(&role.name, view.dialect))
        .map(|role| format!("\n\t\tself.{role} = {role}"))
        .collect();
    format!(
        "{}{}\n\tdef __init__(\n\t\tself,\n\t\ttrigger: str{comma}{words}{}\n\t):\
         \n\t\tsuper().__init__(trigger = trigger){assignments}",
        head(class, view),
        docstring(class, view, None),
        parameters.join(","),
    )
}

fn head(class: &Class, view: &ClassView) -> String {
    format!("class {}({}):", name(&class.name, view.dialect), name(&class.base, view.dialect))
}

/// A docstring of the lines that the view asks for; a line without text keeps its label and the
/// space behind it, as released.
fn docstring(class: &Class, view: &ClassView, examples: Option<String>) -> String {
    let description = view.description.map(|language| {
        let text = in_language(&class.descriptions, language).map_or("", String::as_str);
        format!("\n\tDescription: {}", line(text, view.dialect))
    });
    let examples = examples.map(|examples| format!("\n\tExamples: {examples}"));
    match (description, examples) {
        (None, None) => String::new(),
        (description, examples) => format!(
            "\n\t\"\"\"{}{}\n\t\"\"\"",
            description.unwrap_or_default(),
            examples.unwrap_or_default(),
        ),
    }
}

/// Trigger words, each with a comma behind it, as released.
fn triggers(class: &Class, view: &ClassView) -> Option<String> {
    Some(examples(class, view)?.iter().map(|word| format!("{word}, ")).collect())
}

fn examples<'a>(class: &'a Class, view: &ClassView) -> Option<Vec<Cow<'a, str>>> {
    let language = view.examples.filter(|_| view.max_examples > 0)?;
    let known = in_language(&class.examples, language).map_or(&[][..], Vec::as_slice);
    Some(known.iter().take(view.max_examples).map(|text| line(text, view.dialect)).collect())
}

/// The entry for `language`, else the English one.
pub(crate) fn in_language<'a, T>(texts: &'a BTreeMap<String, T>, language: &str) -> Option<&'a T> {
    texts.get(language).or_else(|| texts.get("en"))
}

fn hint(types: &[String], view: &ClassView) -> String {
    let types: Vec<Cow<str>> = types.iter().map(|class| name(class, view.dialect)).collect();
    types.join(" | ")
}

fn line(text: &str, dialect: Dialect) -> Cow<'_, str> {
    match dialect {
        Dialect::Python => escape_line(text),
        Dialect::Official => text.into(),
    }
}

const ENTITY: &str = "class Entity:
\t\"\"\"
\tThe base class for all entities.
\t\"\"\"
\tdef __init__(self, name: str):
\t\tself.name = name";

const RELATION: &str = "class Relation:
\t\"\"\"
\tThe base class for all relations.
\t\"\"\"
\tdef __init__(self, head_entity: Entity, tail_entity: Entity):
\t\tself.head_entity = head_entity
\t\tself.tail_entity = tail_entity";

const EVENT: &str = "class Event:
\t\"\"\"
\tThe base class for all events.
\t\"\"\"
\tdef __init__(self, trigger: str):
\t\tself.trigger = trigger";

const EVENT_WITH_ROLES: &str = "class Event:
\t\"\"\"
\tThe base class for all events.
\t\"\"\"
\tdef __init__(self, trigger: str, arg_names, *args):
\t\tself.trigger = trigger
\t\tself.arguments = {}
\t\tfor arg_name, arg_values in zip(arg_names, args):
\t\t\tself.arguments[arg_name] = arg_values";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::Argument;
    use expect_test::{Expect, expect};

    fn class(kind: Kind, name: &str, base: &str, roles: &[&str]) -> Class {
        Class {
            name: name.to_owned(),
            kind,
            base: base.to_owned(),
            descriptions: [("en".to_owned(), "Staff leave.".to_owned())].into(),
            examples: [("en".to_owned(), vec!["fired".to_owned(), "let \"go\"".to_owned()])].into(),
            names: Default::default(),
            arguments: roles
                .iter()
                .map(|role| Argument {
                    name: role.to_string(),
                    types: vec!["Entity".to_owned()],
                    names: Default::default(),
                })
                .collect(),
        }
    }

    fn check(class: &Class, task: Task, style: ClassStyle, dialect: Dialect, code: Expect) {
        let (description, examples) = (Some("zh"), Some("en"));
        let view = ClassView { task, dialect, style, description, examples, max_examples: 9 };
        // Tabs and trailing spaces are what these tests are about: make them visible.
        code.assert_eq(&class_code(class, &view).replace('\t', "→").replace(" \n", "·\n"));
    }

    #[test]
    fn a_class_reads_as_its_task_asks() {
        let entity = class(Kind::Entity, "TV show", "Entity", &[]);
        check(
            &entity,
            Task::Ner,
            ClassStyle::Full,
            Dialect::Python,
            expect![[r#"
            class TV_0x20_show(Entity):
            →"""
            →Description: Staff leave.
            →Examples: fired, let "go"
            →"""
            →pass"#]],
        );
        check(
            &entity,
            Task::Ner,
            ClassStyle::Names,
            Dialect::Official,
            expect!["class TV show(Entity): pass"],
        );
        let event = class(Kind::Event, "Layoff", "Employment", &["from", "employer"]);
        check(
            &event,
            Task::Ed,
            ClassStyle::Full,
            Dialect::Python,
            expect![[r#"
            class Layoff(Employment):
            →"""
            →Description: Staff leave.
            →Examples: fired, let "go",·
            →"""
            →def __init__(self, trigger: str, *args):
            →→arg_names = ["from", "employer"]
            →→super().__init__(trigger = trigger, arg_names = arg_names, *args)"#]],
        );
        check(
            &event,
            Task::Eae,
            ClassStyle::Full,
            Dialect::Python,
            expect![[r#"
            class Layoff(Employment):
            →"""
            →Description: Staff leave.
            →"""
            →def __init__(
            →→self,
            →→trigger: str, # Examples: fired, let "go",·
            →→from_: List[ Entity ],
            →→employer: List[ Entity ]
            →):
            →→super().__init__(trigger = trigger)
            →→self.from_ = from_
            →→self.employer = employer"#]],
        );
        check(
            &event,
            Task::Eae,
            ClassStyle::Names,
            Dialect::Python,
            expect!["class Layoff(Event): from_, employer"],
        );
        check(
            &event,
            Task::Ed,
            ClassStyle::Names,
            Dialect::Python,
            expect!["class Layoff(Event): pass"],
        );
    }

    #[test]
    fn an_answer_lists_its_objects() {
        let entity = Entity { class: "class".to_owned(), mention: Mention::surface("O\"Hara\n") };
        let instances = [Instance::Entity(entity)];
        let code = |dialect| answer_code(&instances, Task::Ner, dialect);
        assert_eq!(code(Dialect::Python), "results = [\n\tclass_(\"O\\\"Hara\\n\")\n]");
        assert_eq!(code(Dialect::Official), "results = [\n\tclass(\"O\"Hara\n\")\n]");
        assert_eq!(answer_code(&[], Task::Re, Dialect::Python), "results = []");
    }
}
