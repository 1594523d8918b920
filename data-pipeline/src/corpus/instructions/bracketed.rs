//! InstructUIE's events: `(type:Hire, trigger:hired, arguments:(name:Ann,role:new), …), (type:…)`,
//! with `None` in place of arguments that an event does not have.
//!
//! Nothing is escaped there, so a mention may hold commas and brackets of its own; what divides is
//! the next key.

use super::answer::Said;

/// How InstructUIE writes `'` in types and triggers, which its own reader could not take.
const QUOTE: &str = "#$%#";

/// Whether an answer is a list of events.
pub(crate) fn is_events(answer: &str) -> bool {
    answer.trim_start().starts_with(EVENT)
}

/// What begins an event, and what begins an argument.
const EVENT: &str = "(type:";
const ARGUMENT: &str = "(name:";

/// The events of an answer.
pub(crate) fn events(answer: &str) -> Result<Vec<Said>, String> {
    let mut parts = answer.split(EVENT);
    let before = parts.next().unwrap_or_default().trim();
    if !before.is_empty() {
        return Err(format!("`{before}` of the answer stands before its first `{EVENT}`"));
    }
    parts.map(event).collect()
}

/// One event without its `(type:`.
fn event(part: &str) -> Result<Said, String> {
    let whole = closed(part)
        .ok_or_else(|| format!("the event `{EVENT}{}` of the answer has no end", part.trim()))?;
    let missing = |key: &str| format!("the event `{EVENT}{whole})` of the answer has no `{key}`");
    let (label, rest) = whole.split_once(", trigger:").ok_or_else(|| missing("trigger"))?;
    let (trigger, rest) = rest.split_once(", arguments:").ok_or_else(|| missing("arguments"))?;
    let plain = |text: &str| text.trim().replace(QUOTE, "'");
    let arguments = match rest.trim() {
        "None" | "" => Vec::new(),
        rest => arguments(rest)?,
    };
    Ok(Said::Event { label: plain(label), trigger: plain(trigger), arguments })
}

/// `(name:Ann,role:new), (name:…,role:…)` as role and surface of each.
fn arguments(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut parts = text.split(ARGUMENT);
    let before = parts.next().unwrap_or_default().trim();
    if !before.is_empty() {
        return Err(format!("`{before}` of the answer is no argument `{ARGUMENT}…,role:…)`"));
    }
    let argument = |part: &str| {
        let (name, role) = closed(part)?.rsplit_once(",role:")?;
        Some((role.trim().to_owned(), name.trim().to_owned()))
    };
    parts
        .map(|part| {
            argument(part).ok_or_else(|| {
                format!("`{ARGUMENT}{}` of the answer is no argument with a role", part.trim())
            })
        })
        .collect()
}

/// What stands before the bracket that closes it and the comma behind that.
fn closed(part: &str) -> Option<&str> {
    let part = part.trim_end();
    part.strip_suffix(',').unwrap_or(part).trim_end().strip_suffix(')')
}
