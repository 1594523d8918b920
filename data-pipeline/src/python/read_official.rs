//! Answers in the dialect `official`, read as KnowCoder's evaluation reads them.
//!
//! Its converters search with regular expressions that know nothing of nesting and take
//! exponential time on an event that was cut off. Here the same texts are accepted by hand-written
//! searches in linear time. Where the two differ, more is read here: parentheses nest to any
//! depth in an event's body, and the arguments of a cut-off event are not taken for events.
//!
//! What is flawed is told by writing the objects again: a sound answer is its own rendering.

use super::Dialect;
use super::read::{Answer, FlawKind, is_space, is_word};
use super::render::answer_code;
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Relation};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// Reads every object that stands anywhere in the answer.
pub(super) fn read(answer: &str, task: Task) -> Answer {
    let chars: Vec<char> = answer.chars().collect();
    let text = Text { following: Following::new(&chars), chars: &chars };
    let instances = match task {
        Task::Ner => text.entities(),
        Task::Re => text.relations(),
        Task::Ed | Task::Eae => text.events(task),
    };
    let mut found = Answer { instances, flaws: Vec::new() };
    compare(&mut found, &chars, task);
    found
}

/// Notes where the answer departs from the rendering of what was read from it.
fn compare(found: &mut Answer, chars: &[char], task: Task) {
    let canonical: Vec<char> =
        answer_code(&found.instances, task, Dialect::Official).chars().collect();
    let start = chars.iter().take_while(|c| is_space(**c)).count();
    let end = chars.len() - chars[start..].iter().rev().take_while(|c| is_space(**c)).count();
    let written = &chars[start..end];
    let same = written.iter().zip(&canonical).take_while(|(a, b)| a == b).count();
    let at = start + same;
    if same < written.len() && same == canonical.len() {
        found.flaw(at, FlawKind::TrailingText, "the answer goes on behind its list");
        return;
    }
    if same < "results = [".len() {
        found.flaw(at, FlawKind::MissingList, "expected `results = [`");
    } else if same < written.len() {
        found.flaw(at, FlawKind::Unreadable, "not what the objects read would be written as");
    }
    if written.last() != Some(&']') {
        found.flaw(end, FlawKind::UnterminatedList, "the list has no `]`");
    }
}

struct Text<'a> {
    chars: &'a [char],
    following: Following,
}

/// For every position, where the next of some mark stands; so that no search runs twice.
struct Following {
    quote: Vec<usize>,
    /// The next `")`.
    close: Vec<usize>,
    line_break: Vec<usize>,
}

impl Following {
    fn new(chars: &[char]) -> Self {
        let next = |is_mark: &dyn Fn(usize) -> bool| {
            let mut positions = vec![usize::MAX; chars.len() + 1];
            for at in (0..chars.len()).rev() {
                positions[at] = if is_mark(at) { at } else { positions[at + 1] };
            }
            positions
        };
        Self {
            quote: next(&|at| chars[at] == '"'),
            close: next(&|at| chars[at] == '"' && chars.get(at + 1) == Some(&')')),
            line_break: next(&|at| chars[at] == '\n'),
        }
    }
}

impl Text<'_> {
    /// `Name( "` and all text up to the next quote; nothing needs to follow.
    fn entities(&self) -> Vec<Instance> {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some((name, open)) = self.next_call(at) {
            let start = self.skip_space(open + 1);
            let end = self.quote_after(start);
            if !self.is(start, '"') || end == usize::MAX {
                at = start;
                continue;
            }
            let mention = Mention::surface(self.slice(start + 1..end));
            found.push(Instance::Entity(Entity { class: self.slice(name), mention }));
            at = end + 1;
        }
        found
    }

    /// The quote behind the one at `start`, or `usize::MAX`.
    fn quote_after(&self, start: usize) -> usize {
        self.following.quote.get(start + 1).copied().unwrap_or(usize::MAX)
    }

    /// `Name( Name("head"), Name("tail")`: both mentions on one line, at least one character each.
    fn relations(&self) -> Vec<Instance> {
        let seams = self.seams();
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some((name, open)) = self.next_call(at) {
            let inner = self.skip_space(open + 1);
            let inner_end = self.skip_word(inner);
            let start = inner_end + 2;
            at = inner.max(open + 1);
            if inner == inner_end || !self.is(inner_end, '(') || !self.is(inner_end + 1, '"') {
                continue;
            }
            // The head is the shortest text before a seam, but not empty.
            let seam = seams.partition_point(|seam| seam.quote < start + 1);
            let Some(seam) = seams.get(seam) else { continue };
            if self.line_break_before(start, seam.quote) {
                continue;
            }
            let head = Entity {
                class: self.slice(inner..inner_end),
                mention: Mention::surface(self.slice(start..seam.quote)),
            };
            let tail = Entity {
                class: self.slice(seam.class.clone()),
                mention: Mention::surface(self.slice(seam.tail.clone())),
            };
            found.push(Instance::Relation(Relation { class: self.slice(name), head, tail }));
            at = seam.tail.end + 2;
        }
        found
    }

    /// Every `"), Name("tail")`, in order.
    fn seams(&self) -> Vec<Seam> {
        let mut seams = Vec::new();
        let mut quote = self.following.close[0];
        while quote != usize::MAX {
            let class = self.skip_space(quote + 3);
            let class_end = self.skip_word(class);
            let start = class_end + 2;
            let is_seam = self.is(quote + 2, ',')
                && class < class_end
                && self.is(class_end, '(')
                && self.is(class_end + 1, '"');
            let end = self.following.close.get(start + 1).copied().unwrap_or(usize::MAX);
            if is_seam && end != usize::MAX && !self.line_break_before(start, end) {
                seams.push(Seam { quote, class: class..class_end, tail: start..end });
            }
            quote = self.following.close[quote + 1];
        }
        seams
    }

    /// `Name(…)` with matching parentheses; quotes do not shield them.
    fn events(&self, task: Task) -> Vec<Instance> {
        let closings = self.closings();
        let mut found = Vec::new();
        let (mut at, mut open_lists) = (0, None::<usize>);
        while at < self.chars.len() {
            match (self.chars[at], &mut open_lists) {
                ('[', Some(depth)) => *depth += 1,
                (']', Some(depth)) => *depth = depth.saturating_sub(1),
                // What stands in a list of an event without an end is its arguments.
                ('(', Some(1..)) => {}
                ('(', _) => {
                    let word = self.chars[..at].iter().rev().take_while(|c| is_word(**c)).count();
                    match closings[at] {
                        _ if word == 0 => {}
                        usize::MAX => open_lists = Some(0),
                        close => {
                            let class = self.slice(at - word..at);
                            found.extend(self.event(class, at + 1..close, task));
                            at = close;
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// The trigger is the first string of the body; an event without one is none.
    fn event(&self, class: String, body: Range<usize>, task: Task) -> Option<Instance> {
        let quote = self.following.quote[body.start];
        let end = if quote < body.end { self.quote_after(quote) } else { usize::MAX };
        if end >= body.end {
            return None;
        }
        let trigger = Mention::surface(self.slice(quote + 1..end));
        let arguments = match task {
            Task::Eae => self.roles(body),
            _ => Vec::new(),
        };
        Some(Instance::Event(Event { class, trigger, arguments }))
    }

    /// Every `name = [ … ]` up to the next bracket; a name that comes again replaces the first.
    fn roles(&self, body: Range<usize>) -> Vec<(String, Mention)> {
        let mut roles: Vec<(String, Vec<String>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut at = body.start;
        while at < body.end {
            let name_end = self.skip_word(at);
            if name_end == at {
                at += 1;
                continue;
            }
            let equals = self.skip_space(name_end);
            let open = self.skip_space(equals + 1);
            if !self.is(equals, '=') || !self.is(open, '[') || open >= body.end {
                at = equals.max(name_end);
                continue;
            }
            let Some(length) = self.chars[open..body.end].iter().position(|c| *c == ']') else {
                break;
            };
            let (name, values) = (self.slice(at..name_end), self.values(open..open + length));
            match known.entry(name.clone()) {
                Entry::Occupied(entry) => roles[*entry.get()].1 = values,
                Entry::Vacant(entry) => {
                    entry.insert(roles.len());
                    roles.push((name, values));
                }
            }
            at = open + length + 1;
        }
        roles
            .into_iter()
            .flat_map(|(role, values)| {
                values.into_iter().map(move |value| (role.clone(), Mention::surface(value)))
            })
            .collect()
    }

    /// Every `("…")` on one line.
    fn values(&self, list: Range<usize>) -> Vec<String> {
        let (mut values, mut at) = (Vec::new(), list.start);
        while at + 1 < list.end {
            if !self.is(at, '(') || !self.is(at + 1, '"') {
                at += 1;
                continue;
            }
            let close = self.following.close[at + 2];
            if close >= list.end - 1 || self.line_break_before(at + 2, close) {
                at += 2;
                continue;
            }
            values.push(self.slice(at + 2..close));
            at = close + 2;
        }
        values
    }

    /// For every `(` the `)` that closes it, `usize::MAX` where there is none.
    fn closings(&self) -> Vec<usize> {
        let mut closings = vec![usize::MAX; self.chars.len()];
        let mut open = Vec::new();
        for (at, c) in self.chars.iter().enumerate() {
            match c {
                '(' => open.push(at),
                ')' => {
                    if let Some(start) = open.pop() {
                        closings[start] = at;
                    }
                }
                _ => {}
            }
        }
        closings
    }

    /// The next word with a parenthesis right behind it, and where that stands.
    fn next_call(&self, mut at: usize) -> Option<(Range<usize>, usize)> {
        while at < self.chars.len() {
            let end = self.skip_word(at);
            if end > at && self.is(end, '(') {
                return Some((at..end, end));
            }
            at = end.max(at + 1);
        }
        None
    }

    fn line_break_before(&self, start: usize, end: usize) -> bool {
        self.following.line_break[start] < end
    }

    fn skip_space(&self, at: usize) -> usize {
        self.skip(at, is_space)
    }

    fn skip_word(&self, at: usize) -> usize {
        self.skip(at, is_word)
    }

    fn skip(&self, at: usize, is_skipped: fn(char) -> bool) -> usize {
        let rest = self.chars.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|c| is_skipped(**c)).count()
    }

    fn is(&self, at: usize, c: char) -> bool {
        self.chars.get(at) == Some(&c)
    }

    fn slice(&self, range: Range<usize>) -> String {
        self.chars[range].iter().collect()
    }
}

/// Where a relation's head ends and its tail stands.
struct Seam {
    /// The quote that ends the head.
    quote: usize,
    class: Range<usize>,
    tail: Range<usize>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    /// Objects as the official dialect writes them, then the kinds of flaws.
    fn check(task: Task, answer: &str, read_as: Expect) {
        let answer = read(answer, task);
        let code = answer_code(&answer.instances, task, Dialect::Official).replace("\n\t", "");
        let objects = code.trim_start_matches("results = ");
        let flaws: String = answer.flaws.iter().map(|flaw| format!(" | {}", flaw.kind)).collect();
        read_as.assert_eq(&format!("{}{flaws}", objects.replace("\n]", "]")));
    }

    /// What the official evaluation returned when it was run on these.
    #[test]
    fn the_official_table() {
        let ner = |answer, read_as| check(Task::Ner, answer, read_as);
        ner(
            "results = [\n\tPerson(\"He said \"hi\" there\")\n]",
            expect![[r#"[Person("He said ")] | unreadable"#]],
        );
        ner("Person(name=\"Bob\")", expect!["[] | missing-list | unterminated-list"]);
        ner("Person('Bob')", expect!["[] | missing-list | unterminated-list"]);
        ner("Person(\"Bo", expect!["[] | missing-list | unterminated-list"]);
        ner("results = [\n\tPerson(\"\")\n]", expect![[r#"[Person("")]"#]]);
        ner("results = [\n\t人物(\"李明\")\n]", expect![[r#"[人物("李明")]"#]]);
        ner(
            "results = [\n\tPerson( \"Bob\"",
            expect![[r#"[Person("Bob")] | unreadable | unterminated-list"#]],
        );
        ner(
            "results = [\n\tR(Entity(\"A\"), Entity(\"B\"))\n]",
            expect![[r#"[Entity("A"),Entity("B")] | unreadable"#]],
        );
        let re = |answer, read_as| check(Task::Re, answer, read_as);
        re(
            "results = [\n\tR(Entity(\"A\"), Entity(\"B\"))\n]",
            expect![[r#"[R(Entity("A"), Entity("B"))]"#]],
        );
        re(
            "results = [\n\tR(\n\t\tHuman(\"A\"),\n\t\tClub(\"B\")",
            expect![[r#"[R(Human("A"), Club("B"))] | unreadable | unterminated-list"#]],
        );
        re(
            "results = [\n\tR(head_entity = Entity(\"A\"), tail_entity = Entity(\"B\"))\n]",
            expect!["[] | unreadable"],
        );
        re("results = [\n\tR(Entity( \"A\"), Entity(\"B\"))\n]", expect!["[] | unreadable"]);
        re(
            "results = [\n\tR(Entity(\"A \"q\" b\"), Entity(\"B\"))\n]",
            expect![[r#"[R(Entity("A "q" b"), Entity("B"))]"#]],
        );
        let eae = |answer, read_as| check(Task::Eae, answer, read_as);
        eae(
            "results = [\n\tAttack(trigger = \"hit\", place = [Entity(\"a ] b\")])\n]",
            expect![[r#"[Attack(trigger = "hit")] | unreadable"#]],
        );
        eae(
            "results = [\n\tAttack(trigger = \"hit\", place = [Entity(\"Foo (bar)\")])\n]",
            expect![[r#"[Attack(trigger = "hit", place = [Entity("Foo (bar)")])]"#]],
        );
        eae(
            "results = [\n\tAttack(place = [Entity(\"P\")], trigger = \"hit\")\n]",
            expect![[r#"[Attack(trigger = "P", place = [Entity("P")])] | unreadable"#]],
        );
        // The official search never returns from these two.
        eae("Attack(trigger = \"hit\", place = [Entity(\"P\")]", expect!["[] | missing-list"]);
        eae(
            "results = [\n\tA(trigger = \"a\"),\n\tB(trigger = \"b\", c = [Entity(\"P\"), Entity(\"Q",
            expect![[r#"[A(trigger = "a")] | unreadable | unterminated-list"#]],
        );
    }

    #[test]
    fn more_is_read_than_officially() {
        let eae = |answer, read_as| check(Task::Eae, answer, read_as);
        eae(
            "results = [\n\tA(trigger = \"a\", b = [Entity(\"c (d (e))\")])\n]",
            expect![[r#"[A(trigger = "a", b = [Entity("c (d (e))")])]"#]],
        );
        // A parenthesis inside a mention costs that event only.
        eae(
            "results = [\n\tA(trigger = \":(\", b = [Entity(\"c\")]),\n\tB(trigger = \"b\")\n]",
            expect![[r#"[B(trigger = "b")] | unreadable"#]],
        );
        check(
            Task::Ed,
            "results = [\n\tA(\"a\"),\n\tB(\"b\", c = [Entity(\"d\")])\n]",
            expect![[r#"[A("a"),B("b")] | unreadable"#]],
        );
        check(Task::Ner, " results = []\n", expect!["[]"]);
        check(Task::Ner, "results = []\nsentence", expect!["[] | trailing-text"]);
    }
}
