//! What holds for every form, any names and any text.

use crate::prompt::order::grouped;
use crate::prompt::{ClassStyle, Form, NameLanguage, PromptConfig, TextLanguage, extraction, read};
use crate::schema::{Argument, Class, Kind, Schema, Task};
use crate::sentence::{Entity, Event, Instance, Mention, Relation, Sentence};
use proptest::prelude::*;
use std::collections::BTreeMap;

const TASKS: [Task; 4] = [Task::Ner, Task::Re, Task::Ed, Task::Eae];
const FORMS: [Form; 3] = [Form::Code, Form::List, Form::Json];

fn config(form: Form) -> PromptConfig {
    PromptConfig { form, system: false, ..PromptConfig::default() }
}

fn mention() -> impl Strategy<Value = Mention> {
    let text = prop_oneof![
        any::<String>(),
        "[\"'\\\\\\n\\r\\t\\x00\\x7f\u{85}\u{a0}\u{2028}\u{3000}人😀a(){}\\[\\],=:; -]{0,9}",
        "none|end|- a: b|\\[\\]|\\}\\]|Output:\n",
    ];
    text.prop_map(Mention::surface)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z][a-z]{0,5}",
        "class|from|from_|self|trigger|None|人物|TV show|3D|_0x20_||none|end|type|- a: b;",
        any::<String>(),
    ]
}

fn entity() -> impl Strategy<Value = Entity> {
    (name(), mention()).prop_map(|(class, mention)| Entity { class, mention })
}

fn relation() -> impl Strategy<Value = Relation> {
    (name(), entity(), entity()).prop_map(|(class, head, tail)| Relation { class, head, tail })
}

fn event() -> impl Strategy<Value = Event> {
    let roles = prop::collection::btree_map(name(), prop::collection::vec(mention(), 1..3), 0..4);
    (name(), mention(), roles).prop_map(|(class, trigger, roles)| {
        let arguments = roles
            .into_iter()
            .flat_map(|(role, texts)| texts.into_iter().map(move |text| (role.clone(), text)))
            .collect();
        Event { class, trigger, arguments }
    })
}

/// Some objects of the task.
fn objects(task: Task, least: usize) -> BoxedStrategy<Vec<Instance>> {
    let count = least..4;
    let bare = |event: Event| Instance::Event(Event { arguments: Vec::new(), ..event });
    match task {
        Task::Ner => prop::collection::vec(entity().prop_map(Instance::Entity), count).boxed(),
        Task::Re => prop::collection::vec(relation().prop_map(Instance::Relation), count).boxed(),
        Task::Ed => prop::collection::vec(event().prop_map(bare), count).boxed(),
        Task::Eae => prop::collection::vec(event().prop_map(Instance::Event), count).boxed(),
    }
}

fn task_and_objects(least: usize) -> impl Strategy<Value = (Task, Vec<Instance>)> {
    prop::sample::select(TASKS.to_vec())
        .prop_flat_map(move |task| objects(task, least).prop_map(move |objects| (task, objects)))
}

/// Classes of all kinds, some of which share a native name or have that of another class.
fn schema() -> impl Strategy<Value = Schema> {
    let native = || prop::option::of("甲|乙|丙|丁|A|B|C|r|s|TV show|a: b;|from||Entity");
    let roles = prop::collection::vec(native(), 3);
    prop::collection::vec((native(), roles, 0..3usize), 1..8).prop_map(|classes| {
        let named = |name: Option<String>| {
            name.map(|name| BTreeMap::from([("zh".to_owned(), name)])).unwrap_or_default()
        };
        let class = |(place, (name, roles, kind)): (usize, (_, Vec<Option<String>>, usize))| {
            let kind = [Kind::Entity, Kind::Relation, Kind::Event][kind];
            let own: &[&str] = match kind {
                Kind::Entity => &[],
                Kind::Relation => &["head_entity", "tail_entity"],
                Kind::Event => &["r", "s", "from"],
            };
            let argument = |(name, native): (&&str, Option<String>)| Argument {
                name: (*name).to_owned(),
                types: vec!["A".to_owned()],
                names: named(native),
            };
            Class {
                name: char::from(b'A' + place as u8).to_string(),
                kind,
                base: "Thing".to_owned(),
                descriptions: BTreeMap::new(),
                examples: BTreeMap::new(),
                names: named(name),
                arguments: own.iter().zip(roles).map(argument).collect(),
            }
        };
        Schema { classes: classes.into_iter().enumerate().map(class).collect() }
    })
}

/// A sentence with an object of every class.
fn sentence(schema: &Schema) -> Sentence {
    let mut sentence =
        Sentence { text: "x".to_owned(), language: "zh".to_owned(), ..Sentence::default() };
    let mention = || Mention::surface("x");
    let entity = |class: &str| Entity { class: class.to_owned(), mention: mention() };
    let some = schema.of_task(Task::Ner).first().map_or("Entity", |class| &class.name);
    for class in &schema.classes {
        let name = class.name.clone();
        match class.kind {
            Kind::Entity => sentence.entities.push(entity(&name)),
            Kind::Relation => sentence.relations.push(Relation {
                class: name,
                head: entity(some),
                tail: entity("Entity"),
            }),
            Kind::Event => {
                let roles = class.arguments.iter();
                let arguments = roles.map(|role| (role.name.clone(), mention())).collect();
                sentence.events.push(Event { class: name, trigger: mention(), arguments });
            }
        }
    }
    sentence
}

/// An object without the places that were found for it.
fn unplaced(mut object: Instance) -> Instance {
    match &mut object {
        Instance::Entity(entity) => entity.mention.span = None,
        Instance::Relation(relation) => {
            relation.head.mention.span = None;
            relation.tail.mention.span = None;
        }
        Instance::Event(event) => {
            event.trigger.span = None;
            event.arguments.iter_mut().for_each(|(_, mention)| mention.span = None);
        }
    }
    object
}

#[test]
fn hostile_answers_end() {
    const LENGTH: usize = 50_000;
    let parts = [
        "[",
        "{",
        "}",
        "]",
        ",",
        "\"",
        "\\",
        "{\"",
        "{\"type\"",
        "{\"type\":",
        "{\"type\":\"A\"}",
        "{\"type\":\"A\",\"name\":\"x\"},",
        "{\"type\":\"A\",\"name\":\"x\"}{",
        "[{",
        "{x\n",
        "{}",
        "\\ud800",
        "{\"a\":[",
        "1e9",
        "-",
        "- ",
        "- A: ",
        "- A: x\n",
        ";",
        ":",
        "; :",
        "- A: b; ",
        "\\;",
        "end\n",
        "none",
        "\n",
        " ",
        "\u{3000}",
        "人",
    ];
    // Time that grows with the square of the length would be minutes; there is nothing to measure.
    for part in parts {
        for start in ["", "[\n", "[{\"type\":\"A\",\"x\":[", "- A: b; c: "] {
            let text = format!("{start}{}", part.repeat(LENGTH / part.len()));
            for form in [Form::List, Form::Json] {
                config(form).read(&text, Task::Re);
                config(form).read(&text, Task::Eae);
            }
        }
    }
}

proptest! {
    #[test]
    fn answers_come_back_in_every_form((task, objects) in task_and_objects(0)) {
        for form in FORMS {
            let answer = config(form).write(&objects, task);
            let read = config(form).read(&answer, task);
            prop_assert_eq!(&read.instances, &objects, "{}", answer);
            prop_assert_eq!(&read.flaws, &[], "{}", answer);
        }
    }

    #[test]
    fn anything_can_be_read_in_every_form(
        text in any::<String>(),
        signs in "[ABr\"'\\\\(){}:;,=\\[\\] \n人\u{3000}-]{0,60}",
        json in "((\\[|\\{|\"type\":|\"name\":|\"A\"|\"arguments\":|\\}|\\]|,|\n| |\\\\u|5|null)){0,30}",
        lines in "((- |A|: |; |\n|end|none|\\\\|x|人)){0,30}",
    ) {
        for (form, task) in FORMS.into_iter().flat_map(|form| TASKS.map(|task| (form, task))) {
            for answer in [&text, &signs, &json, &lines] {
                config(form).read(answer, task);
            }
        }
    }

    #[test]
    fn a_cut_answer_keeps_what_was_complete_in_every_form(
        (task, objects) in task_and_objects(1),
        cut in 0.0..1.0,
    ) {
        for form in FORMS {
            let whole: Vec<char> = config(form).write(&objects, task).chars().collect();
            let kept: String = whole[..(cut * whole.len() as f64) as usize].iter().collect();
            let read = config(form).read(&kept, task);
            prop_assert!(!read.flaws.is_empty(), "{}", kept);
            prop_assert_eq!(&read.instances[..], &objects[..read.instances.len()], "{}", kept);
        }
    }

    #[test]
    fn native_names_are_read_as_the_schemas_own(schema in schema(), full in any::<bool>()) {
        let sentence = sentence(&schema);
        for (form, task) in FORMS.into_iter().flat_map(|form| TASKS.map(|task| (form, task))) {
            let config = PromptConfig {
                names: NameLanguage::Native,
                classes: if full { ClassStyle::Full } else { ClassStyle::Names },
                task_sentence: TextLanguage::Source,
                ..config(form)
            };
            let classes = schema.of_task(task);
            let answer = extraction(&schema, &classes, task, &sentence, &config).answer;
            let read = read(&answer, &schema, &classes, task, &sentence, &config, false);
            prop_assert_eq!(&read.flaws, &[], "{}", answer);
            let found: Vec<Instance> = read.instances.into_iter().map(unplaced).collect();
            prop_assert_eq!(found, grouped(sentence.instances(task)), "{}", answer);
        }
    }
}
