//! Answers in JSON, read object by object.
//!
//! An answer that was cut off is no JSON, but the objects before the cut are: each is parsed on its
//! own. Behind one that is broken reading goes on at the next line, or where the next object
//! begins; no character is parsed twice.

use crate::python::{Answer, FlawKind};
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads the objects of the first array.
pub(in crate::prompt) fn read(answer: &str, task: Task) -> Answer {
    let last_line = answer.rfind('\n').unwrap_or(0);
    let found = Answer::default();
    let mut reader = Reader { answer, last_line, task, next: 0, counted: (0, 0), found };
    reader.array();
    reader.found
}

/// How an object ended.
enum End {
    Whole,
    /// Somewhere in it the JSON is wrong.
    Broken,
    /// The answer ends in it.
    Cut,
}

struct Reader<'a> {
    answer: &'a str,
    /// Where the last newline stands.
    last_line: usize,
    task: Task,
    /// The byte that is read next.
    next: usize,
    /// A byte, and how many characters lie before it.
    counted: (usize, usize),
    found: Answer,
}

impl Reader<'_> {
    fn array(&mut self) {
        self.opening();
        // Behind a broken object what follows is no fault of its own.
        let (mut comma_due, mut recovering, mut comma) = (false, false, None);
        loop {
            self.skip_space();
            let at = self.at();
            match self.peek() {
                None => {
                    self.found.flaw(at, FlawKind::UnterminatedList, "the array has no `]`");
                    return;
                }
                Some(']') => break,
                Some(',') if comma_due => {
                    (comma_due, comma) = (false, Some(at));
                    self.next += 1;
                }
                Some('{') => {
                    if comma_due {
                        let message = "expected `,` before an object";
                        self.found.flaw(at, FlawKind::MissingComma, message);
                    }
                    comma = None;
                    match self.object(at) {
                        End::Whole => (comma_due, recovering) = (true, false),
                        End::Broken => (comma_due, recovering) = (false, true),
                        End::Cut => {
                            let message = "the array has no `]`";
                            self.found.flaw(at, FlawKind::UnterminatedList, message);
                            return;
                        }
                    }
                }
                Some(_) => {
                    if !recovering {
                        self.found.flaw(at, FlawKind::Unreadable, "expected an object");
                    }
                    self.skip();
                }
            }
        }
        self.next += 1;
        if let Some(at) = comma {
            self.found.flaw(at, FlawKind::Unreadable, "no object behind the comma");
        }
        self.skip_space();
        if self.next < self.answer.len() {
            let at = self.at();
            self.found.flaw(at, FlawKind::TrailingText, "the answer goes on behind its array");
        }
    }

    /// Passes the bracket; without one, everything before the first object.
    fn opening(&mut self) {
        self.skip_space();
        if self.peek() != Some('[') {
            self.found.flaw(0, FlawKind::MissingList, "expected a JSON array, `[…]`");
            self.next = self.answer.find(['[', '{']).unwrap_or(self.answer.len());
        }
        if self.peek() == Some('[') {
            self.next += 1;
        }
    }

    /// Passes over everything up to the next object or the array's end.
    fn skip(&mut self) {
        let mut chars = self.answer[self.next..].char_indices().skip(1);
        let length = chars.find(|(_, c)| matches!(c, '{' | ']')).map(|(length, _)| length);
        self.next = length.map_or(self.answer.len(), |length| self.next + length);
    }

    /// Reads the object that begins here.
    fn object(&mut self, at: usize) -> End {
        let rest = &self.answer[self.next..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Json>();
        match values.next() {
            Some(Ok(json)) => {
                self.next += values.byte_offset();
                self.take(json, at);
                End::Whole
            }
            Some(Err(error)) if !error.is_eof() => {
                let message = error.to_string();
                // Its place is counted in a part of the answer, which says nothing to a reader.
                let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(it, _)| it);
                self.found.flaw(at, FlawKind::Unreadable, format!("not JSON: {what}"));
                self.next += place(rest, error.line(), error.column());
                self.recover();
                End::Broken
            }
            Some(Err(_)) | None => End::Cut,
        }
    }

    /// Goes from the middle of a broken object to the next line, or to what looks like an object.
    fn recover(&mut self) {
        let rest = &self.answer[self.next..];
        let line = if self.next <= self.last_line { rest.find('\n') } else { None };
        let length = line.or_else(|| rest.find("{\"type\"")).unwrap_or(rest.len());
        self.next += length;
    }

    fn take(&mut self, json: Json, at: usize) {
        let Json::Object(members) = json else { return };
        let mut members = Members(members);
        let instance = match self.task {
            Task::Ner => self.entity(&mut members).map(Instance::Entity),
            Task::Re => self.relation(&mut members, at).map(Instance::Relation),
            Task::Ed | Task::Eae => self.event(&mut members, at).map(Instance::Event),
        };
        match instance {
            Some(instance) => {
                self.found.instances.push(instance);
                self.refuse(members, at);
            }
            None => {
                let form = match self.task {
                    Task::Ner => r#"{"type":"…","name":"…"}"#,
                    Task::Re => r#"{"type":"…","head":{…},"tail":{…}}"#,
                    Task::Ed => r#"{"type":"…","trigger":"…"}"#,
                    Task::Eae => r#"{"type":"…","trigger":"…","arguments":[…]}"#,
                };
                self.flaw(at, format!("expected `{form}`"));
            }
        }
    }

    fn entity(&mut self, members: &mut Members) -> Option<Entity> {
        let (class, name) = (members.text("type"), members.text("name"));
        Some(Entity { class: class?, mention: Mention::surface(name?) })
    }

    fn relation(&mut self, members: &mut Members, at: usize) -> Option<Relation> {
        let class = members.text("type");
        let (head, tail) = (members.take("head"), members.take("tail"));
        let (head, tail) = (self.argument(head?, at), self.argument(tail?, at));
        Some(Relation { class: class?, head: head?, tail: tail? })
    }

    /// An entity of a relation; a name alone is one of which the type is not known.
    fn argument(&mut self, json: Json, at: usize) -> Option<Entity> {
        let (class, name) = match json {
            Json::Text(name) => (None, Some(name)),
            Json::Object(members) => {
                let mut members = Members(members);
                let known = (members.text("type"), members.text("name"));
                self.refuse(members, at);
                known
            }
            Json::List(_) | Json::Other => (None, None),
        };
        let mention = Mention::surface(name?);
        if class.is_none() {
            self.flaw(at, "a relation's entity has `type` and `name`");
        }
        Some(Entity { class: class.unwrap_or_else(|| "Entity".to_owned()), mention })
    }

    fn event(&mut self, members: &mut Members, at: usize) -> Option<Event> {
        let (class, trigger) = (members.text("type"), members.text("trigger"));
        let mut arguments = Vec::new();
        match (self.task, members.take("arguments")) {
            (Task::Eae, Some(Json::List(given))) => {
                for json in given {
                    arguments.extend(self.filler(json, at));
                }
            }
            (Task::Eae, _) => self.flaw(at, "an event has a list of `arguments`"),
            (_, Some(_)) => self.flaw(at, "only the trigger was asked for"),
            (_, None) => {}
        }
        Some(Event { class: class?, trigger: Mention::surface(trigger?), arguments })
    }

    fn filler(&mut self, json: Json, at: usize) -> Option<(String, Mention)> {
        if let Json::Object(members) = json {
            let mut members = Members(members);
            let known = (members.text("role"), members.text("name"));
            self.refuse(members, at);
            if let (Some(role), Some(name)) = known {
                return Some((role, Mention::surface(name)));
            }
        }
        self.flaw(at, "an argument has `role` and `name`");
        None
    }

    /// Notes keys that nobody asked for, or that come twice.
    fn refuse(&mut self, members: Members, at: usize) {
        for (key, _) in members.0 {
            self.flaw(at, format!("`{key}` is not asked for, or is there twice"));
        }
    }

    fn flaw(&mut self, at: usize, message: impl Into<String>) {
        self.found.flaw(at, FlawKind::Arguments, message);
    }

    fn peek(&self) -> Option<char> {
        self.answer[self.next..].chars().next()
    }

    fn skip_space(&mut self) {
        let rest = &self.answer[self.next..];
        self.next += rest.len() - rest.trim_start().len();
    }

    /// The character that stands at the next byte; reading only goes forward.
    fn at(&mut self) -> usize {
        let (byte, chars) = self.counted;
        let chars = chars + self.answer[byte..self.next].chars().count();
        self.counted = (self.next, chars);
        chars
    }
}

/// The byte at a line and column as `serde_json` counts them; at least 1, so that reading goes on.
fn place(text: &str, line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        Some(earlier) => text.match_indices('\n').nth(earlier).map_or(0, |(at, _)| at + 1),
        None => 0,
    };
    let place = (start + column).clamp(1, text.len());
    (place..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// The members of an object that nobody took yet.
struct Members(Vec<(String, Json)>);

impl Members {
    fn take(&mut self, key: &str) -> Option<Json> {
        let place = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(place).1)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What of JSON an answer can hold. `serde_json::Value` would keep one of two equal keys.
enum Json {
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object: Vec<(String, Json)> = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            // More members than any object has are not worth keeping, nor looking through.
            if object.len() == MOST_MEMBERS {
                members.next_value::<IgnoredAny>()?;
            } else {
                object.push((key, members.next_value()?));
            }
        }
        Ok(Json::Object(object))
    }
}

/// Twice as many as the largest object that is asked for needs, and some.
const MOST_MEMBERS: usize = 16;

#[cfg(test)]
mod tests;
