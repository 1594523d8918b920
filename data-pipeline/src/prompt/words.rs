//! The words around lists and JSON, in English and Chinese.

use super::{Form, json, list, wording};
use crate::schema::Task;
use crate::sentence::Instance;

/// Titles and labels.
pub(super) struct Words {
    pub entity_types: &'static str,
    pub relation_types: &'static str,
    pub event_types: &'static str,
    pub kind_of: &'static str,
    pub head: &'static str,
    pub tail: &'static str,
    /// Between the classes of a union, with its spaces.
    pub or: &'static str,
    pub examples: &'static str,
    pub roles: &'static str,
    pub events: &'static str,
    pub text: &'static str,
}

/// The words of a language; English where we have none.
pub(super) fn words(language: Option<&str>) -> &'static Words {
    match language {
        Some("zh") => &CHINESE,
        _ => &ENGLISH,
    }
}

/// The system text, one line: that of code but for its last words.
pub(super) fn system(form: Form) -> String {
    let answer = match form {
        Form::Code => "structured code",
        Form::List => "a list",
        Form::Json => "JSON",
    };
    wording::SYSTEM.replace("structured code", answer)
}

/// What the model is to do, and for argument extraction the events that it is told; the whole block
/// with its newlines. Without a language only the events are there.
pub(super) fn task(form: Form, task: Task, events: &[Instance], language: Option<&str>) -> String {
    let mut block = match language {
        Some("zh") => format!("{}{}\n", chinese_task(task), chinese_answer(form, task)),
        Some(_) => format!("{} {}\n", english_task(task), english_answer(form, task)),
        None => String::new(),
    };
    if task == Task::Eae && !events.is_empty() {
        // Events without arguments, in the form in which detection would give them.
        let told = match form {
            Form::Json => json::write(events, Task::Ed) + "\n",
            Form::Code | Form::List => list::lines(events, Task::Ed),
        };
        block += &format!("{}:\n{told}", words(language).events);
    }
    block
}

fn english_task(task: Task) -> &'static str {
    match task {
        Task::Ner => "Find all entities of the types above in the following text.",
        Task::Re => {
            "Find all relations of the types above between two entities in the following text."
        }
        Task::Ed => {
            "Find all events of the types above in the following text, each with its trigger."
        }
        Task::Eae => "Find the arguments of the following events in the text, each with its role.",
    }
}

fn english_answer(form: Form, task: Task) -> String {
    match form {
        Form::Json => format!("Answer with a JSON array of objects such as {}.", json_form(task)),
        Form::Code | Form::List => {
            let line = match task {
                Task::Ner => "- type: mention",
                Task::Re => "- type: type of head: head; type of tail: tail",
                Task::Ed => "- type: trigger",
                Task::Eae => "- type: trigger; role: argument; role: argument",
            };
            format!("Write a line \"{line}\" for each, then \"end\"; if there are none, \"none\".")
        }
    }
}

fn chinese_task(task: Task) -> &'static str {
    match task {
        Task::Ner => "请找出下面文本中属于上述类型的所有实体。",
        Task::Re => "请找出下面文本中两个实体之间属于上述类型的所有关系。",
        Task::Ed => "请找出下面文本中属于上述类型的所有事件及其触发词。",
        Task::Eae => "请找出文本中以下事件的论元及其角色。",
    }
}

fn chinese_answer(form: Form, task: Task) -> String {
    match form {
        Form::Json => format!("请用JSON数组作答，其中的对象形如{}。", json_form(task)),
        Form::Code | Form::List => {
            let line = match task {
                Task::Ner => "- 类型: 实体",
                Task::Re => "- 类型: 头实体类型: 头实体; 尾实体类型: 尾实体",
                Task::Ed => "- 类型: 触发词",
                Task::Eae => "- 类型: 触发词; 角色: 论元; 角色: 论元",
            };
            format!("每个写一行\"{line}\"，最后写\"end\"；如果没有，写\"none\"。")
        }
    }
}

/// The form of one object; its keys are the same in every language.
fn json_form(task: Task) -> &'static str {
    match task {
        Task::Ner => r#"{"type":"…","name":"…"}"#,
        Task::Re => r#"{"type":"…","head":{"type":"…","name":"…"},"tail":{"type":"…","name":"…"}}"#,
        Task::Ed => r#"{"type":"…","trigger":"…"}"#,
        Task::Eae => r#"{"type":"…","trigger":"…","arguments":[{"role":"…","name":"…"}]}"#,
    }
}

const ENGLISH: Words = Words {
    entity_types: "Types of entities",
    relation_types: "Types of relations",
    event_types: "Types of events",
    kind_of: "a kind of",
    head: "head",
    tail: "tail",
    or: " or ",
    examples: "Examples",
    roles: "Roles",
    events: "Events",
    text: "Text",
};

const CHINESE: Words = Words {
    entity_types: "实体类型",
    relation_types: "关系类型",
    event_types: "事件类型",
    kind_of: "属于",
    head: "头实体",
    tail: "尾实体",
    or: "或",
    examples: "例",
    roles: "角色",
    events: "事件",
    text: "文本",
};
