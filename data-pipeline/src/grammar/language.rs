//! The answers to a prompt as an expression over bytes, in each form.
//!
//! ```text
//! code   results = [] | results = [⏎→ object (,⏎→ object)* ⏎]
//! list   none | (- object ⏎)+ end
//! json   [] | [⏎ object (,⏎ object)* ⏎]
//! ```

use super::Grammar;
use super::pieces::in_pieces;
use super::room::Room;
use super::substring::{Ways, substrings, tree};
use crate::error::Error;
use crate::prompt::spelling::{Shown, ShownArgument, shown, told};
use crate::prompt::{Form, PromptConfig};
use crate::schema::{Class, Schema, Task};
use crate::sentence::{Event, Sentence};
use llguidance::derivre::{ExprRef, RegexAst, RegexBuilder};
use std::path::Path;
use std::sync::Arc;

/// What the grammars of sentences have in common that are asked about the same classes.
pub struct Template<'a> {
    config: &'a PromptConfig,
    schema: &'a Schema,
    classes: Vec<&'a Class>,
    task: Task,
    shown: Vec<Shown>,
    objects: Arc<[String]>,
}

impl<'a> Template<'a> {
    /// For sentences of `language` that are asked about `classes` of `schema`.
    pub fn new(
        config: &'a PromptConfig,
        schema: &'a Schema,
        classes: &[&'a Class],
        task: Task,
        language: &str,
    ) -> Self {
        let mut shown = shown(schema, classes, language, config);
        shown.retain(|class| config.is_readable(&class.name));
        for class in &mut shown {
            class.arguments.retain(|role| task == Task::Re || config.is_readable(&role.name));
            for argument in &mut class.arguments {
                argument.types.retain(|name| config.is_readable(name));
            }
        }
        let objects = shown.iter().map(|class| shortest(class, task)).collect();
        Self { config, schema, classes: classes.to_vec(), task, shown, objects }
    }

    /// The answers about one sentence of that language; see [`Grammar::new`].
    pub fn grammar(&self, sentence: &Sentence, pieces: bool) -> Result<Grammar, Error> {
        let about = match sentence.id.as_str() {
            "" => String::new(),
            id => format!(" about `{id}`"),
        };
        let failed = |reason: String| {
            let message = format!(
                "the grammar of the answers{about} cannot be built: {reason}; ask without constrained"
            );
            Error::declaration(Path::new("[evaluation]"), message)
        };
        let told = match self.task {
            Task::Eae => told(self.schema, &self.classes, sentence, self.config),
            _ => Vec::new(),
        };
        let (builder, mention) = (RegexBuilder::new(), ExprRef::NO_MATCH);
        let mut writer = Writer { template: self, builder, mention };
        let answer = writer.mentions(sentence, pieces).and_then(|()| writer.answer(&told));
        let language = writer.builder.into_regex(answer.map_err(failed)?);
        let nests = self.config.nests(self.task);
        let objects = self.objects(&told, &stretch(&sentence.text, nests, pieces));
        Ok(Grammar { language, room: Room::new(self.config.form, nests, objects) })
    }

    /// The shortest object of each class; triggers that are told are as long as they are, and a mention
    /// that is begun may have to go on for a `stretch`.
    fn objects(&self, told: &[Event], stretch: &str) -> Arc<[String]> {
        let trigger = told.iter().map(|event| self.config.spelt_text(&event.trigger.text));
        let trigger = trigger.max_by_key(String::len).unwrap_or_default();
        match trigger.is_empty() && stretch.is_empty() {
            true => self.objects.clone(),
            false => {
                let longer = |object: &String| format!("{object}{trigger}{stretch}");
                self.objects.iter().map(longer).collect()
            }
        }
    }
}

/// About as much of a text as a mention may have to go on for before it can end: to a parenthesis that
/// closes; in pieces, over the marks before a word and to that word's end.
fn stretch(text: &str, nests: bool, pieces: bool) -> String {
    let length = |part: &&str| part.len();
    let mut longest = String::new();
    if nests {
        let inside = text.split('(').skip(1).filter_map(|part| part.split_once(')'));
        longest += inside.map(|(part, _)| part).max_by_key(length).unwrap_or_default();
    }
    if pieces {
        longest += &text.split(' ').max_by_key(length).unwrap_or_default().repeat(2);
    }
    longest
}

/// About as much as the shortest object of a class takes in any form, with the longest of its names.
fn shortest(class: &Shown, task: Task) -> String {
    let longest = |argument: &ShownArgument| {
        argument.types.iter().max_by_key(|name| name.len()).cloned().unwrap_or_default()
    };
    // The longest way to write a character.
    let text = "\\u3000";
    let plain = format!(",\n\t{{\"type\":{}(\"name\":\"{text}\")}}\n]", class.name);
    match task {
        Task::Ner | Task::Ed => plain,
        Task::Re => class.arguments.iter().take(2).fold(plain, |object, argument| {
            object + &format!(", \"head\":{{\"type\":{}(\"name\":\"{text}\")}}", longest(argument))
        }),
        Task::Eae => {
            let roles = class.arguments.iter().map(|role| &role.name);
            let role = roles.max_by_key(|name| name.len()).cloned().unwrap_or_default();
            plain
                + &format!(
                    ",\"trigger\":\"arguments\":[{{\"role\":{role} = [Entity(\"name\":\"{text}\")]}}]"
                )
        }
    }
}

/// Makes the expression of one sentence.
struct Writer<'t, 'a> {
    template: &'t Template<'a>,
    builder: RegexBuilder,
    /// A mention, as it is written between its quotes.
    mention: ExprRef,
}

/// A part of an object.
enum Part<'p> {
    Text(&'p str),
    OneOf(Vec<&'p str>),
    Mention,
    Is(ExprRef),
}

type Built = Result<ExprRef, String>;

impl Writer<'_, '_> {
    /// Everything that may be a mention.
    fn mentions(&mut self, sentence: &Sentence, pieces: bool) -> Result<(), String> {
        let Template { config, task, .. } = *self.template;
        let spelt = |c: char| config.spelt_character(c, task);
        let begins = |way: &str| config.begins_mention(way);
        let nests = config.nests(task);
        let ways = Ways { spelt: &spelt, begins: &begins, nests };
        let whole = substrings(&mut self.builder, &sentence.text, &ways)?;
        self.mention = match pieces {
            true => {
                let usual = |c: char| match c {
                    '(' | ')' if nests => None,
                    c => spelt(c).into_iter().next(),
                };
                let apart = in_pieces(&mut self.builder, &sentence.text, usual)?;
                self.one_of(&[whole, apart])?
            }
            false => whole,
        };
        Ok(())
    }

    fn answer(&mut self, told: &[Event]) -> Built {
        let config = self.template.config;
        let (open, between, close, nothing) = match config.form {
            Form::Code => ("results = [\n\t", ",\n\t", "\n]", "results = []"),
            Form::List => ("- ", "- ", "end", "none"),
            Form::Json => ("[\n", ",\n", "\n]", "[]"),
        };
        let objects = match told.is_empty() {
            true => {
                let object = self.object()?;
                let more = self.join(&[Part::Text(between), Part::Is(object)])?;
                let more = self.any_number_of(more)?;
                self.join(&[Part::Is(object), Part::Is(more)])?
            }
            false => self.in_turn(told, between)?,
        };
        let some = self.join(&[Part::Text(open), Part::Is(objects), Part::Text(close)])?;
        let none = self.join(&[Part::Text(nothing)])?;
        self.one_of(&[none, some])
    }

    /// Events that are known but for their arguments, in their order, any of them left out.
    fn in_turn(&mut self, told: &[Event], between: &str) -> Built {
        let mut from_here = ExprRef::NO_MATCH;
        for event in told.iter().rev() {
            let Some(object) = self.told_object(event)? else { continue };
            let more = self.join(&[Part::Text(between), Part::Is(from_here)])?;
            let more = self.maybe(more)?;
            let this = self.join(&[Part::Is(object), Part::Is(more)])?;
            from_here = self.one_of(&[this, from_here])?;
        }
        Ok(from_here)
    }

    /// A known event with any arguments; nothing if the reader would not find it again.
    fn told_object(&mut self, event: &Event) -> Result<Option<ExprRef>, String> {
        let Template { config, task, shown, .. } = self.template;
        let name = config.spelt_name(&event.class);
        let Some(class) = shown.iter().find(|class| class.name == name) else { return Ok(None) };
        if !config.can_say(&event.trigger.text, *task) {
            return Ok(None);
        }
        let trigger = config.spelt_text(&event.trigger.text);
        self.event(class, &[Part::Text(&trigger)]).map(Some)
    }

    /// Any object.
    fn object(&mut self) -> Built {
        let Template { task, shown, config, .. } = self.template;
        match task {
            Task::Ner | Task::Ed => self.labelled(shown),
            Task::Re => self.relation(shown),
            Task::Eae => {
                let quoted = [Part::Text("\""), Part::Mention, Part::Text("\"")];
                let trigger = if config.form == Form::List { &quoted[1..2] } else { &quoted[..] };
                let events = shown.iter().map(|class| self.event(class, trigger));
                let events = events.collect::<Result<Vec<_>, _>>()?;
                self.one_of(&events)
            }
        }
    }

    /// A class and a mention.
    fn labelled(&mut self, shown: &[Shown]) -> Built {
        let names = Part::OneOf(shown.iter().map(|class| class.name.as_str()).collect());
        let key = if self.template.task == Task::Ner { ",\"name\":\"" } else { ",\"trigger\":\"" };
        match self.template.config.form {
            Form::Code => self.join(&[names, Part::Text("(\""), Part::Mention, Part::Text("\")")]),
            Form::List => self.join(&[names, Part::Text(": "), Part::Mention, Part::Text("\n")]),
            Form::Json => self.join(&[
                Part::Text("{\"type\":"),
                names,
                Part::Text(key),
                Part::Mention,
                Part::Text("\"}"),
            ]),
        }
    }

    /// Relations, those with the same types together.
    fn relation(&mut self, shown: &[Shown]) -> Built {
        type Ends<'s> = [&'s [String]; 2];
        let root = ["Entity".to_owned()];
        let mut groups: Vec<(Ends, Vec<&str>)> = Vec::new();
        for class in shown {
            let types = |at: usize| class.arguments.get(at).map_or(&root[..], |it| &it.types);
            let ends: Ends = [types(0), types(1)];
            match groups.iter_mut().find(|(known, _)| *known == ends) {
                Some((_, names)) => names.push(&class.name),
                None => groups.push((ends, vec![&class.name])),
            }
        }
        let mut relations = Vec::new();
        for ([head, tail], names) in groups {
            let [head, tail] = [self.entity(head)?, self.entity(tail)?].map(Part::Is);
            let names = Part::OneOf(names);
            relations.push(match self.template.config.form {
                Form::Code => self.join(&[
                    names,
                    Part::Text("("),
                    head,
                    Part::Text(", "),
                    tail,
                    Part::Text(")"),
                ])?,
                Form::List => self.join(&[
                    names,
                    Part::Text(": "),
                    head,
                    Part::Text("; "),
                    tail,
                    Part::Text("\n"),
                ])?,
                Form::Json => self.join(&[
                    Part::Text("{\"type\":"),
                    names,
                    Part::Text(",\"head\":"),
                    head,
                    Part::Text(",\"tail\":"),
                    tail,
                    Part::Text("}"),
                ])?,
            });
        }
        self.one_of(&relations)
    }

    /// One end of a relation.
    fn entity(&mut self, types: &[String]) -> Built {
        let types = Part::OneOf(types.iter().map(String::as_str).collect());
        match self.template.config.form {
            Form::Code => self.join(&[types, Part::Text("(\""), Part::Mention, Part::Text("\")")]),
            Form::List => self.join(&[types, Part::Text(": "), Part::Mention]),
            Form::Json => self.join(&[
                Part::Text("{\"type\":"),
                types,
                Part::Text(",\"name\":\""),
                Part::Mention,
                Part::Text("\"}"),
            ]),
        }
    }

    /// An event with its trigger, and any arguments.
    fn event(&mut self, class: &Shown, trigger: &[Part]) -> Built {
        let trigger = self.join(trigger)?;
        let name = Part::Text(&class.name);
        match self.template.config.form {
            Form::Code => {
                let mut parts = vec![name, Part::Text("(trigger = "), Part::Is(trigger)];
                // A role comes once, in the order of the class, with all of its fillers.
                for role in &class.arguments {
                    let more =
                        self.join(&[Part::Text(", Entity(\""), Part::Mention, Part::Text("\")")])?;
                    let more = self.any_number_of(more)?;
                    let role = self.join(&[
                        Part::Text(", "),
                        Part::Text(&role.name),
                        Part::Text(" = [Entity(\""),
                        Part::Mention,
                        Part::Text("\")"),
                        Part::Is(more),
                        Part::Text("]"),
                    ])?;
                    parts.push(Part::Is(self.maybe(role)?));
                }
                parts.push(Part::Text(")"));
                self.join(&parts)
            }
            Form::List => {
                let argument =
                    self.join(&[Part::Text("; "), roles(class), Part::Text(": "), Part::Mention])?;
                let arguments = self.any_number_of(argument)?;
                let parts = [name, Part::Text(": "), Part::Is(trigger), Part::Is(arguments)];
                let line = self.join(&parts)?;
                self.join(&[Part::Is(line), Part::Text("\n")])
            }
            Form::Json => {
                let argument = self.join(&[
                    Part::Text("{\"role\":"),
                    roles(class),
                    Part::Text(",\"name\":\""),
                    Part::Mention,
                    Part::Text("\"}"),
                ])?;
                let more = self.join(&[Part::Text(","), Part::Is(argument)])?;
                let more = self.any_number_of(more)?;
                let arguments = self.join(&[Part::Is(argument), Part::Is(more)])?;
                let arguments = self.maybe(arguments)?;
                self.join(&[
                    Part::Text("{\"type\":"),
                    name,
                    Part::Text(",\"trigger\":"),
                    Part::Is(trigger),
                    Part::Text(",\"arguments\":["),
                    Part::Is(arguments),
                    Part::Text("]}"),
                ])
            }
        }
    }

    /// One part behind the other.
    fn join(&mut self, parts: &[Part]) -> Built {
        let mut expressions = Vec::with_capacity(parts.len());
        for part in parts {
            expressions.push(match part {
                Part::Text(text) => self.mk(RegexAst::Literal((*text).to_owned()))?,
                Part::OneOf(names) => {
                    let end = |name: &&str| (name.as_bytes().to_vec(), ExprRef::EMPTY_STRING);
                    tree(&mut self.builder, names.iter().map(end).collect())?
                }
                Part::Mention => self.mention,
                Part::Is(expression) => *expression,
            });
        }
        match expressions.contains(&ExprRef::NO_MATCH) {
            true => Ok(ExprRef::NO_MATCH),
            false => self.mk(RegexAst::Concat(refs(&expressions))),
        }
    }

    fn one_of(&mut self, expressions: &[ExprRef]) -> Built {
        self.mk(RegexAst::Or(refs(expressions)))
    }

    fn maybe(&mut self, expression: ExprRef) -> Built {
        self.one_of(&[ExprRef::EMPTY_STRING, expression])
    }

    fn any_number_of(&mut self, expression: ExprRef) -> Built {
        self.mk(RegexAst::Repeat(Box::new(RegexAst::ExprRef(expression)), 0, u32::MAX))
    }

    fn mk(&mut self, ast: RegexAst) -> Built {
        self.builder.mk(&ast).map_err(|error| error.to_string())
    }
}

fn roles(class: &Shown) -> Part<'_> {
    Part::OneOf(class.arguments.iter().map(|role| role.name.as_str()).collect())
}

fn refs(expressions: &[ExprRef]) -> Vec<RegexAst> {
    expressions.iter().map(|it| RegexAst::ExprRef(*it)).collect()
}
