//! Ways to values in a record, as a declaration writes them.
//!
//! Steps are divided by `.`, and `.` alone is the value itself:
//!
//! | step | leads to |
//! |---|---|
//! | `name` | the member of an object; `"na.me"` in quotes, where the name has signs of this table |
//! | `a\|b` | those of the members that are there; counts as a `*` |
//! | `0`, `-1` | an item of a list, counted from its end if negative |
//! | `*` | each item of a list, each value of an object |
//! | `**` | each object inside, at any depth; counts as a `*` |
//! | `…?` | nothing, where the member is not there or null |
//! | `…[kind=x]`, `…[kind!=x]` | only objects whose member is `x`, or is not |
//!
//! A step that leads nowhere is a fault of the row unless it says `?`: what is missing is not lost.

use crate::corpus::labels::did_you_mean;
use serde::Deserialize;
use serde_json::Value;

/// A way from a value to the values in it that are meant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Route {
    written: String,
    steps: Vec<Step>,
}

/// A value, and what each `*` on the way to it stood for: the name or position of what it chose.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a> {
    /// The value.
    pub value: &'a Value,
    /// One for each `*`.
    pub stars: Vec<String>,
}

/// One step of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    pick: Pick,
    optional: bool,
    only: Option<Condition>,
}

/// What a step chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pick {
    All,
    Deep,
    One(String),
    AnyOf(Vec<String>),
}

/// What a chosen object must say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    member: String,
    value: String,
    equal: bool,
}

impl<'a> Found<'a> {
    /// A value that no `*` led to.
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, stars: Vec::new() }
    }

    fn child(&self, value: &'a Value, star: Option<String>) -> Self {
        let mut stars = self.stars.clone();
        stars.extend(star);
        Self { value, stars }
    }
}

impl Route {
    /// The values that it leads to from `from`, in the order of the record.
    pub(crate) fn select<'a>(&self, from: &Found<'a>) -> Result<Vec<Found<'a>>, String> {
        let mut found = vec![from.clone()];
        for step in &self.steps {
            let mut next = Vec::new();
            for at in &found {
                step.take(at, &mut next).map_err(|fault| format!("`{}`: {fault}", self.written))?;
            }
            found = next;
        }
        Ok(found)
    }

    /// As it is written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }
}

impl Step {
    fn take<'a>(&self, at: &Found<'a>, into: &mut Vec<Found<'a>>) -> Result<(), String> {
        if self.optional && at.value.is_null() {
            return Ok(());
        }
        let first = into.len();
        match &self.pick {
            Pick::All => all(at, into)?,
            Pick::Deep => deep(at.value, at, into),
            Pick::One(name) => self.one(name, at, into)?,
            Pick::AnyOf(names) => any_of(names, at, into)?,
        }
        if let Some(condition) = &self.only {
            let found = into.split_off(first);
            into.extend(found.into_iter().filter(|found| condition.holds(found.value)));
        }
        Ok(())
    }

    fn one<'a>(&self, name: &str, at: &Found<'a>, into: &mut Vec<Found<'a>>) -> Result<(), String> {
        let found = match at.value {
            Value::Object(members) => members.get(name),
            Value::Array(items) => match name.parse::<isize>() {
                // Positions start at 0, but those from the end at -1.
                Ok(number) if number >= 0 => items.get(number.unsigned_abs()),
                Ok(number) => item_at(number, items),
                Err(_) => return Err(format!("`{name}` is asked of a list; `*` is each item")),
            },
            other => return Err(format!("`{name}` is asked of {}", kind_of(other))),
        };
        match found {
            None | Some(Value::Null) if self.optional => Ok(()),
            Some(value) => {
                into.push(at.child(value, None));
                Ok(())
            }
            None => Err(match at.value {
                Value::Object(members) => {
                    let hint = did_you_mean(name, members.keys().map(String::as_str));
                    format!("there is no `{name}`{hint}")
                }
                Value::Array(items) => format!("no item {name} in a list of {}", items.len()),
                _ => format!("there is no `{name}`"),
            }),
        }
    }
}

impl Condition {
    fn holds(&self, value: &Value) -> bool {
        let says = value.get(self.member.as_str()).and_then(scalar);
        (says.as_deref() == Some(self.value.as_str())) == self.equal
    }
}

fn all<'a>(at: &Found<'a>, into: &mut Vec<Found<'a>>) -> Result<(), String> {
    match at.value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                into.push(at.child(item, Some(index.to_string())));
            }
            Ok(())
        }
        Value::Object(members) => {
            for (name, value) in members {
                into.push(at.child(value, Some(name.clone())));
            }
            Ok(())
        }
        other => Err(format!("`*` is asked of {}", kind_of(other))),
    }
}

/// Every object inside of `value`, outer before inner. What an element of XML repeats of its parent
/// is not inside of it.
fn deep<'a>(value: &'a Value, at: &Found<'a>, into: &mut Vec<Found<'a>>) {
    let mut visit = |name: String, value: &'a Value| {
        if value.is_object() {
            into.push(at.child(value, Some(name)));
        }
        deep(value, at, into);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| visit(index.to_string(), item));
        }
        Value::Object(members) => {
            let inside = members.iter().filter(|(name, _)| *name != "^");
            inside.for_each(|(name, value)| visit(name.clone(), value));
        }
        _ => {}
    }
}

fn any_of<'a>(names: &[String], at: &Found<'a>, into: &mut Vec<Found<'a>>) -> Result<(), String> {
    let Value::Object(members) = at.value else {
        return Err(format!("`{}` is asked of {}", names.join("|"), kind_of(at.value)));
    };
    for name in names {
        if let Some(value) = members.get(name).filter(|value| !value.is_null()) {
            into.push(at.child(value, Some(name.clone())));
        }
    }
    Ok(())
}

/// The item at a position from 1, or from -1 at the end.
pub(crate) fn item_at<T>(number: isize, items: &[T]) -> Option<&T> {
    let distance = number.unsigned_abs();
    match number {
        0 => None,
        1.. => items.get(distance - 1),
        _ => items.get(items.len().checked_sub(distance)?),
    }
}

/// A text, number or truth value as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// What a value is, for errors.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl TryFrom<String> for Route {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if written.matches('"').count() % 2 == 1 {
            return Err(format!("a quote is not closed in the path `{written}`"));
        }
        let steps = match written.as_str() {
            "." => Vec::new(),
            text => divided(text, '.')
                .into_iter()
                .map(|part| step(part).map_err(|fault| format!("path `{written}`: {fault}")))
                .collect::<Result<Vec<_>, String>>()?,
        };
        Ok(Self { written, steps })
    }
}

/// Divides at `sign` outside quotes and brackets.
fn divided(text: &str, sign: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut bracket) = (Vec::new(), 0, false, false);
    for (at, found) in text.char_indices() {
        match found {
            '"' => quoted = !quoted,
            '[' if !quoted => bracket = true,
            ']' if !quoted => bracket = false,
            _ if found == sign && !quoted && !bracket => {
                parts.push(&text[start..at]);
                start = at + found.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn step(text: &str) -> Result<Step, String> {
    let (text, only) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((text, inside)) => (text, Some(condition(inside)?)),
        None => (text, None),
    };
    let (text, optional) = match text.strip_suffix('?') {
        Some(text) => (text, true),
        None => (text, false),
    };
    if text == "*" {
        return Ok(Step { pick: Pick::All, optional, only });
    }
    if text == "**" {
        return Ok(Step { pick: Pick::Deep, optional, only });
    }
    let mut names =
        divided(text, '|').into_iter().map(unquoted).collect::<Result<Vec<_>, String>>()?;
    let pick = match names.pop() {
        Some(last) if names.is_empty() => Pick::One(last),
        last => {
            names.extend(last);
            Pick::AnyOf(names)
        }
    };
    Ok(Step { pick, optional, only })
}

/// A name without its quotes.
fn unquoted(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match plain.unwrap_or(text) {
        "" => Err("a step is empty".into()),
        name if plain.is_none()
            && name.trim_start_matches('@').contains(['"', '[', ']', '*', '?', '@', '=']) =>
        {
            Err(format!("`{name}` is no step; a name with signs stands in quotes"))
        }
        name => Ok(name.to_owned()),
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let (member, value, equal) = match (text.split_once("!="), text.split_once('=')) {
        (Some((member, value)), _) => (member, value, false),
        (None, Some((member, value))) => (member, value, true),
        (None, None) => return Err(format!("`[{text}]` is no condition `[name=value]`")),
    };
    Ok(Condition { member: unquoted(member)?, value: value.to_owned(), equal })
}

#[cfg(test)]
mod tests;
