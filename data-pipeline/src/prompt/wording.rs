//! The sentences around the code, in English as released and in Chinese.

use crate::schema::Task;

/// The system text, one line.
pub(super) const SYSTEM: &str = "You are a highly skilled assistant at digesting and extracting \
    information from textual content. Below is an input containing standard type definitions and \
    textual content. Please complete it with the extracted information in the form of structured \
    code.";

/// What the model is to do; for argument extraction with the triggers, each a string literal and
/// the name of its class.
pub(super) fn task(task: Task, triggers: &[(String, String)], language: &str) -> String {
    match language {
        "zh" => chinese_task(task, triggers),
        _ => english_task(task, triggers),
    }
}

/// The comment on top of instance code.
pub(super) fn instance_comment(task: Task, language: &str) -> &'static str {
    match (language, task) {
        ("zh", Task::Ner) => "# 抽取下面句子中的实体。",
        ("zh", Task::Re) => "# 抽取下面句子中的关系。",
        ("zh", Task::Ed | Task::Eae) => "# 抽取下面句子中的事件。",
        (_, Task::Ner) => "# Extract the entities from the following sentence.",
        (_, Task::Re) => "# Extract the relations from the following sentence.",
        (_, Task::Ed | Task::Eae) => "# Extract the events from the following sentence.",
    }
}

fn english_task(task: Task, triggers: &[(String, String)]) -> String {
    let (classes, objects) = match task {
        Task::Ner => ("Entity Classes", "Entity"),
        Task::Re => ("Relation Classes and related Entity Classes", "Relation"),
        Task::Ed | Task::Eae => ("Event Classes", "Event"),
    };
    let mut text = format!(
        "This is an object-oriented programming task: some {classes} are defined above. Please \
         instantiate all the corresponding {objects} Objects in the following sentence."
    );
    if !triggers.is_empty() {
        let notes: Vec<String> = triggers
            .iter()
            .map(|(trigger, class)| format!("{trigger} is the trigger of event type \"{class}\""))
            .collect();
        text += &format!(
            " It is important to note that the triggers of the events are confirmed as follows: {}.",
            notes.join("; ")
        );
    }
    text
}

fn chinese_task(task: Task, triggers: &[(String, String)]) -> String {
    let (classes, objects) = match task {
        Task::Ner => ("实体类", "实体"),
        Task::Re => ("关系类以及相关的实体类", "关系"),
        Task::Ed | Task::Eae => ("事件类", "事件"),
    };
    let mut text = format!(
        "这是一项面向对象的编程任务：上面定义了一些{classes}，请将下面句子中所有对应的{objects}对象实例化。"
    );
    if !triggers.is_empty() {
        let notes: Vec<String> = triggers
            .iter()
            .map(|(trigger, class)| format!("{trigger}是事件类型\"{class}\"的触发词"))
            .collect();
        text += &format!("请注意，各事件的触发词已经确定：{}。", notes.join("；"));
    }
    text
}
