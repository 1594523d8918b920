//! FewFC's JSON Lines: events whose mentions carry a role; the one with the role `trigger` is it.

use super::json::without_place;
use super::row::{Annotated, Happening, Place, Row};
use super::source::Source;
use serde::Deserialize;

/// The role that marks the trigger.
const TRIGGER: &str = "trigger";

/// One line.
#[derive(Deserialize)]
struct Line {
    id: String,
    content: String,
    events: Vec<LineEvent>,
}

/// One event.
#[derive(Deserialize)]
struct LineEvent {
    r#type: String,
    mentions: Vec<LineMention>,
}

/// One mention: its word, characters (end exclusive) and role.
#[derive(Deserialize)]
struct LineMention {
    word: String,
    span: (usize, usize),
    role: String,
}

/// The sentences of a file.
pub(crate) fn rows(source: &Source) -> Vec<Row> {
    source
        .lines()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| match serde_json::from_str::<Line>(line) {
            Ok(line) => {
                let id = line.id.clone();
                Row::new(source, number, Some(id), annotated(line))
            }
            Err(error) => {
                let message = match error.classify() {
                    serde_json::error::Category::Data => without_place(&error),
                    _ => format!("broken JSON: {error}", error = without_place(&error)),
                };
                Row::new(source, number, None, Err(message))
            }
        })
        .collect()
}

fn annotated(line: Line) -> Result<Annotated, String> {
    let events = line.events.into_iter().map(happening).collect::<Result<_, _>>()?;
    Ok(Annotated { text: line.content, events, ..Annotated::default() })
}

fn happening(event: LineEvent) -> Result<Happening, String> {
    let (triggers, others): (Vec<_>, Vec<_>) =
        event.mentions.into_iter().partition(|mention| mention.role == TRIGGER);
    let count = triggers.len();
    let Ok([trigger]) = <[LineMention; 1]>::try_from(triggers) else {
        return Err(format!(
            "event `{}` has {count} mentions with the role `{TRIGGER}`, expected 1",
            event.r#type
        ));
    };
    let arguments = others
        .into_iter()
        .map(|mention| {
            let role = mention.role.clone();
            (role, mention.place())
        })
        .collect();
    Ok(Happening { label: event.r#type, trigger: trigger.place(), arguments })
}

impl LineMention {
    fn place(self) -> Place {
        let (start, end) = self.span;
        Place { surface: Some(self.word), ..Place::at(start, end) }
    }
}
