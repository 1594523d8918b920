//! Demonstrations that a person wrote down, for `extract`.

use crate::error::{Error, explain, nearest};
use crate::predictions::objects;
use crate::schema::{Schema, Task};
use crate::sentence::{Instance, Mention, Sentence};
use serde::Deserialize;
use std::path::Path;

/// A line as prediction files and `extract` write them: what is not needed here is passed over.
#[derive(Deserialize)]
struct Row {
    #[serde(alias = "text")]
    sentence: String,
    #[serde(default)]
    task: Option<Task>,
    #[serde(deserialize_with = "objects::deserialize", alias = "objects")]
    gold: Vec<Instance>,
}

/// The demonstrations of `task` in a file of JSON Lines, in their order.
///
/// A line has `sentence` (or `text`) and `gold` (or `objects`), as predictions and answers of
/// `extract` have them, and may have a `task`; those of another task are left out.
pub fn read(
    path: &Path,
    task: Task,
    language: &str,
    schema: &Schema,
) -> Result<Vec<Sentence>, Error> {
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    // A mark of the byte order is no part of the first line.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let mut sentences = Vec::new();
    for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |message: String| Error::data(path, place + 1, message);
        let row: Row = serde_json::from_slice(line).map_err(|error| {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            wrong(format!("no demonstration: {}", explain(what)))
        })?;
        if row.task.is_some_and(|of| of != task) {
            continue;
        }
        for object in &row.gold {
            check(object, &row.sentence, task, schema).map_err(wrong)?;
        }
        sentences.push(sentence(place + 1, language, row));
    }
    if sentences.is_empty() {
        let message = format!("has no demonstration for the task `{task}`");
        return Err(Error::declaration(path, message));
    }
    Ok(sentences)
}

/// Refuses an object of another task, of no class of the schema, or without a place in the sentence.
fn check(object: &Instance, sentence: &str, task: Task, schema: &Schema) -> Result<(), String> {
    let class = object.class();
    let classes = schema.of_task(task);
    if !classes.iter().any(|known| known.name == class) {
        let guess = nearest(class, classes.iter().map(|known| known.name.as_str()))
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        return Err(format!("the schema has no class `{class}` for the task `{task}`{guess}"));
    }
    let mentions: Vec<&Mention> = match object {
        Instance::Entity(entity) => vec![&entity.mention],
        Instance::Relation(relation) => vec![&relation.head.mention, &relation.tail.mention],
        Instance::Event(event) => {
            let fillers = event.arguments.iter().map(|(_, mention)| mention);
            std::iter::once(&event.trigger).chain(fillers).collect()
        }
    };
    let length = sentence.chars().count();
    for mention in mentions {
        if !sentence.contains(&mention.text) {
            return Err(format!("`{}` does not stand in its sentence", mention.text));
        }
        if let Some(span) = mention.span.filter(|span| span.end > length) {
            return Err(format!(
                "`{}` ends at character {}, but its sentence has {length}",
                mention.text, span.end
            ));
        }
    }
    Ok(())
}

fn sentence(number: usize, language: &str, row: Row) -> Sentence {
    let mut sentence = Sentence {
        id: number.to_string(),
        text: row.sentence,
        language: language.to_owned(),
        ..Sentence::default()
    };
    for object in row.gold {
        match object {
            Instance::Entity(entity) => sentence.entities.push(entity),
            Instance::Relation(relation) => sentence.relations.push(relation),
            Instance::Event(event) => sentence.events.push(event),
        }
    }
    sentence
}
