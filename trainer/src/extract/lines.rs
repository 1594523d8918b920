//! Texts in JSON Lines, with what their lines carry beside them.
//!
//! A line is an object; one of its fields is the text. All others go into the answer as they are, so that
//! ids and whatever else a user keeps there come out beside the objects: only `objects` and `flaws` are
//! the answer's own. Where arguments are asked for, the events of a line (`events`, or `objects` as an
//! earlier answer has them) are those that are asked about.

use super::Text;
use data_pipeline::predictions;
use data_pipeline::sentence::{Event, Mention, Span};
use data_pipeline::{Instance, Task};
use serde_json::{Map, Value};

/// Which fields are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The text's.
    pub text: String,
    /// The one with the language code of the text; a line need not have it.
    pub language: Option<String>,
}

/// A line that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is asked about.
    pub text: Text,
    /// All of its fields.
    pub fields: Map<String, Value>,
}

impl Fields {
    /// Reads a line; an error says what is wrong with it.
    pub fn read(&self, line: &str, task: Task) -> Result<Line, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            format!("no JSON: {what}, at column {}", error.column())
        })?;
        let Value::Object(fields) = value else {
            return Err(format!("expected a JSON object with the field `{}`", self.text));
        };
        let text = match fields.get(&self.text) {
            Some(Value::String(text)) => text.clone(),
            Some(_) => return Err(format!("the field `{}` is no string", self.text)),
            None => {
                let known: Vec<String> =
                    fields.keys().take(8).map(|key| format!("`{key}`")).collect();
                return Err(format!(
                    "there is no field `{}`, only {}; --field NAME says where the text stands",
                    self.text,
                    if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
                ));
            }
        };
        let language = match self.language.as_ref().and_then(|name| fields.get(name)) {
            None | Some(Value::Null) => None,
            Some(Value::String(code)) => Some(code.clone()),
            Some(_) => return Err("the language is no string".to_owned()),
        };
        let events = match task {
            Task::Eae => events(&fields, &text)?,
            _ => None,
        };
        Ok(Line { text: Text { text, language, events }, fields })
    }
}

impl Line {
    /// The line with `objects` and `flaws` behind its own fields.
    pub fn answered(self, objects: Value, flaws: Value) -> Value {
        let mut fields = self.fields;
        // Removed first, so that what an earlier answer left does not decide where they stand.
        for (name, value) in [("objects", objects), ("flaws", flaws)] {
            fields.shift_remove(name);
            fields.insert(name.to_owned(), value);
        }
        Value::Object(fields)
    }
}

/// The events that a line names; none where it names none.
fn events(fields: &Map<String, Value>, text: &str) -> Result<Option<Vec<Event>>, String> {
    let Some(listed) = fields.get("events").or_else(|| fields.get("objects")) else {
        return Ok(None);
    };
    let Value::Array(listed) = listed else {
        return Err("the events are no list".to_owned());
    };
    let event = |value: &Value| match predictions::object(value)? {
        Instance::Event(event) => placed(event, text),
        other => Err(format!("`{}` is no event: it has no trigger", other.class())),
    };
    listed.iter().map(event).collect::<Result<_, _>>().map(Some)
}

/// The event at the place it names, or where its trigger first stands in the text.
fn placed(event: Event, text: &str) -> Result<Event, String> {
    let trigger = event.trigger.text.clone();
    let count = trigger.chars().count();
    let says = |start: usize| text.chars().skip(start).take(count).eq(trigger.chars());
    let start = match event.trigger.span {
        Some(Span { start, end }) if end - start == count && says(start) => start,
        Some(Span { start, end }) => {
            let there: String = text.chars().skip(start).take(end - start).collect();
            return Err(format!(
                "the trigger `{trigger}` does not stand at {start} to {end}: there stands `{there}`"
            ));
        }
        None => match text.find(&trigger) {
            Some(at) if count > 0 => text[..at].chars().count(),
            _ => return Err(format!("the trigger `{trigger}` does not stand in the text")),
        },
    };
    // What is asked for is not told.
    Ok(Event {
        trigger: Mention::at(trigger, start, start + count),
        arguments: Vec::new(),
        ..event
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn fields() -> Fields {
        Fields { text: "text".into(), language: Some("lang".into()) }
    }

    fn refused(line: &str, task: Task, expected: &str) {
        let error = fields().read(line, task).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_a_line_carries_comes_out_beside_the_answer() {
        let line = r#"{"objects": 3, "id": "a/1", "text": "Ann 在", "lang": "zh", "more": [1, {"x": null}]}"#;
        let read = fields().read(line, Task::Ner).unwrap();
        assert_eq!(
            (read.text.text.as_str(), read.text.language.as_deref()),
            ("Ann 在", Some("zh"))
        );
        assert_eq!(read.text.events, None);
        let answer = read.answered(json!(["o"]), json!([])).to_string();
        assert_eq!(
            answer,
            r#"{"id":"a/1","text":"Ann 在","lang":"zh","more":[1,{"x":null}],"objects":["o"],"flaws":[]}"#
        );
    }

    #[test]
    fn events_stand_in_the_text() {
        let line = r#"{"text": "莱娜 met Bo, met", "events": [{"type": "Meet", "trigger": "met"},
            {"type": "Meet", "trigger": "met", "start": 11, "end": 14, "arguments": []}]}"#;
        let events = fields().read(line, Task::Eae).unwrap().text.events.unwrap();
        let spans: Vec<Span> = events.iter().filter_map(|event| event.trigger.span).collect();
        assert_eq!(spans, [Span { start: 3, end: 6 }, Span { start: 11, end: 14 }]);
        refused(
            r#"{"text": "a met", "events": [{"type": "M", "trigger": "met", "start": 0, "end": 3}]}"#,
            Task::Eae,
            "does not stand at 0 to 3: there stands `a m`",
        );
        refused(
            r#"{"text": "a", "events": [{"type": "M", "trigger": "met"}]}"#,
            Task::Eae,
            "does not stand in the text",
        );
        refused(
            r#"{"text": "a", "objects": [{"type": "P", "name": "a"}]}"#,
            Task::Eae,
            "`P` is no event",
        );
        refused(r#"{"text": "a", "events": 3}"#, Task::Eae, "no list");
    }

    #[test]
    fn lines_that_cannot_be_read_are_explained() {
        refused("{\"text\": ", Task::Ner, "no JSON: EOF");
        refused("[]", Task::Ner, "expected a JSON object with the field `text`");
        refused(
            "{\"texts\": \"a\", \"id\": 1}",
            Task::Ner,
            "no field `text`, only `texts`, `id`; --field",
        );
        refused("{}", Task::Ner, "only nothing");
        refused("{\"text\": 3}", Task::Ner, "is no string");
        refused("{\"text\": \"a\", \"lang\": 3}", Task::Ner, "the language is no string");
    }
}
