//! Answers in the dialect `python`, read by a parser that recovers.
//!
//! Every step consumes a token and nothing is read twice. An object ends at its parenthesis, or
//! where the next object begins; whatever is neither object nor punctuation is skipped.

use super::escape::unmangle;
use super::lexer::{Token, tokens};
use super::read::{Answer, FlawKind};
use crate::schema::{Kind, Task};
use crate::sentence::{Entity, Event, Instance, Mention, Relation};

/// Reads the objects of the first list; [`read`](super::read()) documents what callers may expect.
pub(super) fn read(answer: &str, task: Task) -> Answer {
    let mut found = Answer::default();
    let tokens = tokens(answer, &mut found);
    let mut reader = Reader { tokens, next: 0, task, broken: false, found };
    reader.list();
    // The lexer runs ahead of the parser; a reader of flaws wants them in the answer's order.
    reader.found.flaws.sort_by_key(|flaw| flaw.at);
    reader.found
}

/// `Name(…)`, read as far as it goes.
struct Call {
    at: usize,
    class: String,
    /// Keyword, if any, and value.
    arguments: Vec<(Option<String>, Value)>,
    /// Its parenthesis was there.
    closed: bool,
}

enum Value {
    Text(String),
    /// `Name("text")`; no text, no value.
    Entity(Entity),
    List(Vec<String>),
    /// Present but unreadable.
    Nothing,
}

struct Reader {
    tokens: Vec<(Token, usize)>,
    next: usize,
    task: Task,
    /// The object at hand has a string without an end: what else it lacks follows from that.
    broken: bool,
    found: Answer,
}

impl Reader {
    /// The whole answer: `results = [ objects ]`.
    fn list(&mut self) {
        self.opening();
        let mut comma_due = false;
        loop {
            let at = self.at();
            match self.peek() {
                Token::End => {
                    self.found.flaw(at, FlawKind::UnterminatedList, "the list has no `]`");
                    return;
                }
                Token::Symbol(']') => break,
                Token::Symbol(',') if comma_due => {
                    comma_due = false;
                    self.next += 1;
                }
                Token::Name(_) if self.begins_call() => {
                    if comma_due {
                        self.found.flaw(
                            at,
                            FlawKind::MissingComma,
                            "expected `,` before an object",
                        );
                    }
                    comma_due = self.object();
                }
                _ => self.skip(),
            }
        }
        self.next += 1;
        if *self.peek() != Token::End {
            let at = self.at();
            self.found.flaw(at, FlawKind::TrailingText, "the answer goes on behind its list");
        }
    }

    fn opening(&mut self) {
        let expected =
            [&Token::Name("results".to_owned()), &Token::Symbol('='), &Token::Symbol('[')];
        if expected.into_iter().eq(self.tokens.iter().map(|(token, _)| token).take(3)) {
            self.next = 3;
            return;
        }
        self.found.flaw(0, FlawKind::MissingList, "expected `results = [`");
        if *self.peek() == Token::Symbol('[') {
            self.next += 1;
        }
    }

    /// Passes over everything up to the next object or the list's end, as one flaw.
    fn skip(&mut self) {
        let at = self.at();
        self.next += 1;
        while !matches!(self.peek(), Token::End | Token::Symbol(']')) && !self.begins_call() {
            self.next += 1;
        }
        self.found.flaw(at, FlawKind::Unreadable, "expected an object");
    }

    /// Reads an object, and says whether it ended as it should.
    fn object(&mut self) -> bool {
        self.broken = false;
        let call = self.call();
        let (at, closed) = (call.at, call.closed);
        if self.broken {
            return closed;
        }
        if !closed {
            self.found.flaw(at, FlawKind::MissingParenthesis, "the object has no `)`");
            // Where the answer broke off, nobody knows what is missing of an event.
            let goes_on = self.begins_call() || *self.peek() == Token::Symbol(']');
            if self.task.kind() == Kind::Event && !goes_on {
                return false;
            }
        }
        let instance = match self.task {
            Task::Ner => self.entity(call),
            Task::Re => self.relation(call),
            Task::Ed | Task::Eae => self.event(call),
        };
        match instance {
            Some(instance) => self.found.instances.push(instance),
            None => {
                let form = match self.task {
                    Task::Ner => "Class(\"mention\")",
                    Task::Re => "Class(Entity(\"head\"), Entity(\"tail\"))",
                    Task::Ed => "Class(\"trigger\")",
                    Task::Eae => "Class(trigger = \"…\", role = [Entity(\"…\")])",
                };
                self.found.flaw(at, FlawKind::Arguments, format!("expected `{form}`"));
            }
        }
        closed
    }

    /// The call at hand, up to its parenthesis or to what cannot be part of it.
    fn call(&mut self) -> Call {
        let at = self.at();
        let mut call = Call { at, class: self.name(), arguments: Vec::new(), closed: false };
        self.next += 1;
        loop {
            match self.peek() {
                Token::Symbol(')') => {
                    self.next += 1;
                    call.closed = true;
                    return call;
                }
                Token::Symbol(',') => self.next += 1,
                Token::Symbol('[') => {
                    let value = self.values();
                    call.arguments.push((None, value));
                }
                Token::Text { .. } => {
                    let value = self.text();
                    call.arguments.push((None, value));
                }
                Token::Name(_) if self.begins_keyword() => {
                    let keyword = self.name();
                    self.next += 1;
                    let value = self.value();
                    call.arguments.push((Some(keyword), value));
                }
                // Only a relation has objects as positional arguments, and two of them; where
                // another begins, this call's parenthesis is missing.
                Token::Name(_) if self.begins_call() && self.task == Task::Re => {
                    if call.arguments.len() == 2 {
                        return call;
                    }
                    let value = self.nested();
                    call.arguments.push((None, value));
                }
                _ => return call,
            }
        }
    }

    /// The value behind `keyword =`.
    fn value(&mut self) -> Value {
        match self.peek() {
            Token::Symbol('[') => self.values(),
            Token::Text { .. } => self.text(),
            Token::Name(_) if self.begins_call() => self.nested(),
            _ => Value::Nothing,
        }
    }

    /// `[Entity("a"), …]`.
    fn values(&mut self) -> Value {
        let at = self.at();
        self.next += 1;
        let mut texts = Vec::new();
        loop {
            match self.peek() {
                Token::Symbol(']') => {
                    self.next += 1;
                    return Value::List(texts);
                }
                Token::Symbol(',') => self.next += 1,
                Token::Text { .. } => {
                    self.found.flaw(self.at(), FlawKind::Arguments, "expected `Entity(\"…\")`");
                    if let Value::Text(text) = self.text() {
                        texts.push(text);
                    }
                }
                Token::Name(_) if self.begins_call() => {
                    if let Value::Entity(entity) = self.nested() {
                        texts.push(entity.mention.text);
                    }
                }
                _ => {
                    if !self.broken {
                        self.found.flaw(at, FlawKind::MissingBracket, "the list has no `]`");
                    }
                    return Value::List(texts);
                }
            }
        }
    }

    /// `Name("text")` inside another object.
    fn nested(&mut self) -> Value {
        let at = self.at();
        let class = self.name();
        self.next += 1;
        if self.begins_keyword() {
            self.found.flaw(self.at(), FlawKind::Keyword, "the mention stands without a keyword");
            self.next += 2;
        }
        let text = match self.peek() {
            Token::Text { .. } => self.text(),
            _ => Value::Nothing,
        };
        match self.peek() {
            Token::Symbol(')') => self.next += 1,
            _ if self.broken => {}
            _ => self.found.flaw(at, FlawKind::MissingParenthesis, "the object has no `)`"),
        }
        match text {
            Value::Text(text) => Value::Entity(Entity { class, mention: Mention::surface(text) }),
            _ => Value::Nothing,
        }
    }

    fn entity(&mut self, call: Call) -> Option<Instance> {
        let at = call.at;
        let mut arguments = call.arguments.into_iter();
        let (keyword, Value::Text(text)) = arguments.next()? else { return None };
        if keyword.is_some() {
            self.found.flaw(at, FlawKind::Keyword, "the mention stands without a keyword");
        }
        if arguments.next().is_some() {
            self.found.flaw(at, FlawKind::Arguments, "an entity has one argument");
        }
        Some(Instance::Entity(Entity { class: call.class, mention: Mention::surface(text) }))
    }

    fn relation(&mut self, call: Call) -> Option<Instance> {
        let at = call.at;
        if call.arguments.iter().any(|(keyword, _)| keyword.is_some()) {
            self.found.flaw(at, FlawKind::Keyword, "head and tail stand without keywords");
        }
        let mut arguments = call.arguments;
        if arguments.first().is_some_and(|(keyword, _)| keyword.as_deref() == Some("tail_entity")) {
            arguments.reverse();
        }
        let mut arguments = arguments.into_iter().map(|(_, value)| match value {
            Value::Entity(entity) => Some((entity, true)),
            Value::Text(text) => {
                let mention = Mention::surface(text);
                Some((Entity { class: "Entity".to_owned(), mention }, false))
            }
            _ => None,
        });
        let ((head, head_typed), (tail, tail_typed)) = (arguments.next()??, arguments.next()??);
        if !head_typed || !tail_typed || arguments.next().is_some() {
            self.found.flaw(at, FlawKind::Arguments, "a relation has two entities");
        }
        Some(Instance::Relation(Relation { class: call.class, head, tail }))
    }

    fn event(&mut self, call: Call) -> Option<Instance> {
        let at = call.at;
        let mut trigger = None;
        let mut arguments: Vec<(String, Mention)> = Vec::new();
        for (keyword, value) in call.arguments {
            // The parameter is called `trigger`; a role of that name is mangled, and so differs.
            match (keyword, value) {
                (Some(keyword), Value::Text(text)) if keyword == TRIGGER && trigger.is_none() => {
                    trigger = Some(text);
                    if self.task == Task::Ed {
                        self.found.flaw(
                            at,
                            FlawKind::Keyword,
                            "the trigger stands without keyword",
                        );
                    }
                }
                (None, Value::Text(text)) if trigger.is_none() => {
                    trigger = Some(text);
                    if self.task == Task::Eae {
                        self.found.flaw(at, FlawKind::Keyword, "expected `trigger = \"…\"`");
                    }
                }
                (Some(_), _) if self.task == Task::Ed => {
                    self.found.flaw(at, FlawKind::Arguments, "only the trigger was asked for");
                }
                (Some(role), value) => {
                    let role = unmangle(&role).into_owned();
                    let texts = match value {
                        Value::List(texts) => texts,
                        value => {
                            self.found.flaw(at, FlawKind::MissingBracket, "a role has a list");
                            match value {
                                Value::Text(text) => vec![text],
                                Value::Entity(entity) => vec![entity.mention.text],
                                _ => Vec::new(),
                            }
                        }
                    };
                    arguments.extend(
                        texts.into_iter().map(|text| (role.clone(), Mention::surface(text))),
                    );
                }
                (None, _) => self.found.flaw(at, FlawKind::Arguments, "a value without its role"),
            }
        }
        let trigger = Mention::surface(trigger?);
        Some(Instance::Event(Event { class: call.class, trigger, arguments }))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn begins_call(&self) -> bool {
        self.name_before('(')
    }

    fn begins_keyword(&self) -> bool {
        self.name_before('=')
    }

    fn name_before(&self, symbol: char) -> bool {
        matches!(self.peek(), Token::Name(_))
            && matches!(self.tokens.get(self.next + 1), Some((Token::Symbol(c), _)) if *c == symbol)
    }

    /// Consumes a class name or keyword; keywords stay as written, classes lose their mangling.
    fn name(&mut self) -> String {
        let keyword = self.begins_keyword();
        let name = match self.peek() {
            Token::Name(name) if keyword => name.clone(),
            Token::Name(name) => unmangle(name).into_owned(),
            _ => String::new(),
        };
        self.next += 1;
        name
    }

    /// Consumes a string; one without an end is no value, half a mention is a wrong mention.
    fn text(&mut self) -> Value {
        let value = match self.peek() {
            Token::Text { value, terminated: true } => Value::Text(value.clone()),
            _ => {
                self.broken = true;
                Value::Nothing
            }
        };
        self.next += 1;
        value
    }
}

const TRIGGER: &str = "trigger";

#[cfg(test)]
mod tests;
