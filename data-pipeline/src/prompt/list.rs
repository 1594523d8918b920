//! Answers as a list in plain text, both ways.
//!
//! ```text
//! answer = "none" | 1*line "end"
//! line   = "- " name ": " body LF
//! body   = text                                   NER, ED: the mention or the trigger
//!        | name ": " text "; " name ": " text     RE: head and tail, each behind its type
//!        | text *("; " name ": " text)            EAE: the trigger, then role and argument
//! ```
//!
//! Names and texts stand as they are but for what would end them: a backslash stands before `\` and
//! `;`, in a name also before `:`; control characters, and white space at either end, are written
//! as Python's escapes. So white space around names and texts means nothing, and no text can be
//! taken for the end of its line or of the list.

mod classes;

pub(super) use classes::classes;

use crate::python::escape::{push_escaped, unescape};
use crate::python::{Answer, FlawKind};
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation};
use std::fmt::Write;

const NONE: &str = "none";
const END: &str = "end";

/// The answer that lists `objects` in this order.
pub(super) fn write(objects: &[Instance], task: Task) -> String {
    match objects {
        [] => NONE.to_owned(),
        objects => lines(objects, task) + END,
    }
}

/// A line for each object.
pub(super) fn lines(objects: &[Instance], task: Task) -> String {
    let mut lines = String::new();
    for object in objects {
        let _ = write!(lines, "- {}: ", name(object.class()));
        match object {
            Instance::Entity(entity) => lines += &text(&entity.mention.text),
            Instance::Relation(relation) => {
                let [head, tail] = [&relation.head, &relation.tail]
                    .map(|entity| field(&entity.class, &entity.mention));
                // Writing into a string cannot fail.
                let _ = write!(lines, "{head}; {tail}");
            }
            Instance::Event(event) => {
                lines += &text(&event.trigger.text);
                for (role, mention) in event.arguments.iter().filter(|_| task == Task::Eae) {
                    let _ = write!(lines, "; {}", field(role, mention));
                }
            }
        }
        lines.push('\n');
    }
    lines
}

/// Reads the lines of an answer; one that was cut off is not read, half a mention is a wrong one.
pub(super) fn read(answer: &str, task: Task) -> Answer {
    let mut found = Answer::default();
    if answer.trim().is_empty() {
        found.flaw(0, FlawKind::MissingList, "expected lines `- …: …`, or `none`");
        return found;
    }
    let mut at = 0;
    let mut begun = false;
    let mut rest = answer;
    while !rest.is_empty() {
        let (line, behind) = match rest.find('\n') {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        let content = line.trim();
        let last = content == END || content == NONE && !begun;
        match content.strip_prefix('-') {
            _ if last => {
                if behind.is_some_and(|behind| !behind.trim().is_empty()) {
                    found.flaw(at, FlawKind::TrailingText, "the answer goes on behind its list");
                }
                if content == END && !begun {
                    found.flaw(at, FlawKind::MissingList, "a list without lines is `none`");
                }
                return found;
            }
            _ if content.is_empty() => {}
            _ if behind.is_none() => break,
            Some(record) => {
                begun = true;
                Reader { task, at, found: &mut found }.record(record);
            }
            None => found.flaw(at, FlawKind::Unreadable, "expected a line `- …: …`"),
        }
        at += line.chars().count() + 1;
        rest = behind.unwrap_or_default();
    }
    found.flaw(at, FlawKind::UnterminatedList, "the list has no `end`");
    found
}

/// A name or role as it stands before its colon.
pub(super) fn name(name: &str) -> String {
    escaped(name, &[';', ':'])
}

/// A text of a prompt, which nothing but the end of its line ends.
pub(super) fn one_line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    escaped
}

/// A mention as it stands in a line.
pub(super) fn text(text: &str) -> String {
    escaped(text, &[';'])
}

fn field(role: &str, mention: &Mention) -> String {
    format!("{}: {}", name(role), text(&mention.text))
}

fn escaped(text: &str, ends: &[char]) -> String {
    let inner = text.trim();
    let start = text.len() - text.trim_start().len();
    let mut escaped = String::with_capacity(text.len() + 4);
    for (at, c) in text.char_indices() {
        let outside = at < start || at >= start + inner.len();
        if ends.contains(&c) {
            escaped.push('\\');
            escaped.push(c);
        } else if outside && !c.is_control() {
            // All white space lies below U+10000: four digits are enough.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            push_escaped(&mut escaped, c);
        }
    }
    escaped
}

/// The reader of one line, which begins at a character of the answer.
struct Reader<'a> {
    task: Task,
    at: usize,
    found: &'a mut Answer,
}

impl Reader<'_> {
    /// What stands behind the dash.
    fn record(&mut self, record: &str) {
        let fields = split(record, ';', usize::MAX);
        let object = match split(fields[0], ':', 2)[..] {
            [class, first] => {
                let class = self.unescaped(class);
                match self.task {
                    Task::Ner => self.entity(class, first, &fields[1..]),
                    Task::Re => self.relation(class, first, &fields[1..]),
                    Task::Ed | Task::Eae => self.event(class, first, &fields[1..]),
                }
            }
            _ => None,
        };
        match object {
            Some(object) => self.found.instances.push(object),
            None => {
                let form = match self.task {
                    Task::Ner => "- type: mention",
                    Task::Re => "- type: type of head: head; type of tail: tail",
                    Task::Ed => "- type: trigger",
                    Task::Eae => "- type: trigger; role: argument",
                };
                self.flaw(format!("expected `{form}`"));
            }
        }
    }

    fn entity(&mut self, class: String, text: &str, others: &[&str]) -> Option<Instance> {
        if !others.is_empty() {
            self.flaw("an entity has one mention");
        }
        Some(Instance::Entity(Entity { class, mention: self.mention(text) }))
    }

    fn relation(&mut self, class: String, head: &str, others: &[&str]) -> Option<Instance> {
        let (tail, others) = others.split_first()?;
        if !others.is_empty() {
            self.flaw("a relation has two entities");
        }
        let (head, tail) = (self.argument(head), self.argument(tail));
        Some(Instance::Relation(Relation { class, head, tail }))
    }

    /// `type: text`; a text alone is an entity of which the type is not known.
    fn argument(&mut self, field: &str) -> Entity {
        match split(field, ':', 2)[..] {
            [class, text] => Entity { class: self.unescaped(class), mention: self.mention(text) },
            _ => {
                self.flaw("a relation's entity has its type before it");
                Entity { class: "Entity".to_owned(), mention: self.mention(field) }
            }
        }
    }

    fn event(&mut self, class: String, trigger: &str, fields: &[&str]) -> Option<Instance> {
        let mut arguments = Vec::new();
        if self.task == Task::Ed && !fields.is_empty() {
            self.flaw("only the trigger was asked for");
        }
        let fields = if self.task == Task::Eae { fields } else { &[] };
        for field in fields {
            match split(field, ':', 2)[..] {
                [role, text] => arguments.push((self.unescaped(role), self.mention(text))),
                _ => self.flaw("an argument without its role"),
            }
        }
        Some(Instance::Event(Event { class, trigger: self.mention(trigger), arguments }))
    }

    fn mention(&mut self, text: &str) -> Mention {
        Mention::surface(self.unescaped(text))
    }

    /// What [`escaped`] wrote.
    fn unescaped(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.trim().chars().collect();
        let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
        while let Some(&c) = chars.get(at) {
            at += 1;
            if c != '\\' {
                plain.push(c);
                continue;
            }
            match (chars.get(at), unescape(&chars[at..])) {
                (Some(&c @ (';' | ':')), _) => {
                    plain.push(c);
                    at += 1;
                }
                (_, Some((meaning, length))) => {
                    plain.extend(meaning);
                    at += length;
                }
                _ => {
                    let message = "a backslash that escapes nothing";
                    self.found.flaw(self.at, FlawKind::BadEscape, message);
                    plain.push('\\');
                }
            }
        }
        plain
    }

    fn flaw(&mut self, message: impl Into<String>) {
        self.found.flaw(self.at, FlawKind::Arguments, message);
    }
}

/// The parts of `text` between `mark`s that no backslash stands before; at most so many.
fn split(text: &str, mark: char, most: usize) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == mark && !escaped && parts.len() + 1 < most {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(answer: &str, task: Task, expected: Expect) {
        let read = read(answer, task);
        let mut shown = write(&read.instances, task);
        for flaw in read.flaws {
            let _ = write!(shown, "\n{} {flaw}", flaw.at);
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn what_would_end_a_text_is_escaped() {
        assert_eq!(name("a: b; c\\"), "a\\: b\\; c\\\\");
        assert_eq!(text(" 10:30; \u{3000}"), "\\u002010:30\\;\\u0020\\u3000");
        assert_eq!(text("\n a \u{85}"), "\\n\\u0020a\\u0020\\x85");
        assert_eq!(text("- none, \"end\""), "- none, \"end\"");
        assert_eq!(text(""), "");
    }

    #[test]
    fn what_a_model_may_write_is_read_as_far_as_it_goes() {
        check("none", Task::Ner, expect!["none"]);
        check("- A: x\n- B: y\nend", Task::Ner, expect!["- A: x\n- B: y\nend"]);
        check("  -A:x  \n\n-  B :  y:z\nend\n", Task::Ner, expect!["- A: x\n- B: y:z\nend"]);
        check(" ", Task::Ner, expect!["none\n0 missing-list: expected lines `- …: …`, or `none`"]);
        check("end", Task::Ner, expect!["none\n0 missing-list: a list without lines is `none`"]);
        check(
            "- A: x\n- B: y",
            Task::Ner,
            expect!["- A: x\nend\n7 unterminated-list: the list has no `end`"],
        );
        check(
            "- A: x\nend\n- B: y\nend",
            Task::Ner,
            expect!["- A: x\nend\n7 trailing-text: the answer goes on behind its list"],
        );
        check(
            "Here:\n- A\n- B: x; y\n- C: \\q\nend",
            Task::Ner,
            expect![[r"
                - B: x
                - C: \\q
                end
                0 unreadable: expected a line `- …: …`
                6 arguments: expected `- type: mention`
                10 arguments: an entity has one mention
                20 bad-escape: a backslash that escapes nothing"]],
        );
        check(
            "- R: A: x; B: y\n- R: x; y\n- R: A: x\n- R: A: x; B: y; C: z\nend",
            Task::Re,
            expect![[r"
                - R: A: x; B: y
                - R: Entity: x; Entity: y
                - R: A: x; B: y
                end
                16 arguments: a relation's entity has its type before it
                16 arguments: a relation's entity has its type before it
                26 arguments: expected `- type: type of head: head; type of tail: tail`
                36 arguments: a relation has two entities"]],
        );
        check(
            "- E: x; r: y; z;\nend",
            Task::Eae,
            expect![[r"
                - E: x; r: y
                end
                0 arguments: an argument without its role
                0 arguments: an argument without its role"]],
        );
        check(
            "- E: x; r: y\nend",
            Task::Ed,
            expect!["- E: x\nend\n0 arguments: only the trigger was asked for"],
        );
    }
}
