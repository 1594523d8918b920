//! Texts become prompts, answers become objects.
//!
//! The verb `extract` and the server's `/extract` both ask here. A text that one prompt has no room for is
//! asked about in parts of the schema, as everywhere; one that is too long even beside a single class, or
//! longer than the windows that were asked for, is read in windows. Arguments are asked of events: of those
//! that a text comes with, else of those that are found in it first.

use super::Extractor;
use super::windows::{joined, windows};
use crate::Error;
use crate::generation::Follow;
use crate::questions::{Asker, Question};
use crate::serve::{Event as Heard, Failure, Order, Refusal};
use data_pipeline::grammar::Grammar;
use data_pipeline::prompt::{Example, extraction};
use data_pipeline::sentence::{Event, Mention, Span};
use data_pipeline::shots::Asked;
use data_pipeline::{Class, Instance, Schema, Sentence, Task};
use model::generate::{Constraint, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Between two looks at whether anybody still waits.
const LOOK: Duration = Duration::from_millis(50);

/// What is looked for, and how.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The classes.
    pub schema: Schema,
    /// What of them.
    pub task: Task,
    /// Language code of texts that do not say theirs.
    pub language: String,
    /// Demonstrations: shown with their answers before each text that is none of them.
    pub shots: Vec<Sentence>,
    /// Whether a mention whose words stand apart in the text is found there, in pieces; if not, it has no
    /// place.
    pub pieces: bool,
    /// Whether answers are held to the grammar of the classes and the text.
    pub constrained: bool,
    /// Texts of more tokens are read in windows of so many; without it, only those that are too long.
    pub window: Option<usize>,
    /// Sentences that a window has in common with the one before it.
    pub overlap: usize,
}

/// A text to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// It.
    pub text: String,
    /// Its language code, where it is known.
    pub language: Option<String>,
    /// Events whose arguments are asked for; where absent, those that are found first.
    pub events: Option<Vec<Event>>,
}

/// What was found in a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Objects, in the order of the text.
    pub objects: Vec<Instance>,
    /// What was wrong with answers.
    pub flaws: Vec<String>,
    /// How many windows it was read in.
    pub windows: usize,
    /// Tokens of all prompts.
    pub prompt_tokens: usize,
    /// Tokens of all answers.
    pub answer_tokens: usize,
}

/// Why texts have no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// They were not taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// They were taken in vain.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// What an answer may be cannot be said for a text.
    #[error("{0}")]
    Grammar(String),
    /// Nobody waits for them any more.
    #[error("nobody waits for the answer any more")]
    Gone,
}

/// How many prompts readers have asked, and how many of them are answered: a long text has many.
#[derive(Debug, Default)]
pub struct Progress {
    asked: AtomicUsize,
    answered: AtomicUsize,
}

impl Progress {
    /// Answered, and asked.
    pub fn counts(&self) -> (usize, usize) {
        (self.answered.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed))
    }
}

/// Asks one model the same about text after text.
pub struct Reader<'a> {
    extractor: &'a Extractor,
    asking: &'a Asking,
    asker: Asker<'a>,
    /// The class with the longest prompt and that prompt's length without a text, once it is known.
    longest: Option<(&'a Class, usize)>,
    progress: Arc<Progress>,
}

/// A text or a window of one.
struct Part {
    /// The number of the text.
    of: usize,
    /// The character of the text that it begins at.
    from: usize,
    sentence: Sentence,
    found: Found,
}

impl Asking {
    /// Refuses a schema that has nothing to look for.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::Model(model::Error::Config(message)));
        if self.schema.of_task(self.task).is_empty() {
            return wrong(format!(
                "the schema has no class for the task `{}`; name another --task, or another --schema",
                self.task
            ));
        }
        if self.window == Some(0) {
            return wrong(
                "a window of 0 tokens has no room for any text; 256 is a good size".into(),
            );
        }
        Ok(())
    }
}

impl<'a> Reader<'a> {
    /// Asks `extractor` for what `asking` says.
    pub fn new(extractor: &'a Extractor, asking: &'a Asking) -> Self {
        let Extractor { engine, prompt, generation, limit, .. } = extractor;
        // None of the demonstrations is the text itself.
        let shown = move |task: Task, classes: &[&Class], sentence: &Sentence| -> Vec<Example> {
            let asked = Asked::new([sentence.text.as_str()]);
            let others = asking.shots.iter().filter(|shot| !asked.has(&shot.text));
            others.map(|shot| extraction(&asking.schema, classes, task, shot, prompt)).collect()
        };
        let with_answer = limit.saturating_sub(generation.config.max_new_tokens);
        let asker = Asker::new(&asking.schema, engine.tokenizer(), prompt, *limit)
            .with_shots(with_answer, Box::new(shown))
            .with_answers_of(generation.config.max_new_tokens);
        Self { extractor, asking, asker, longest: None, progress: Arc::default() }
    }

    /// Counts its prompts there, with those of other readers.
    pub fn counting(self, progress: Arc<Progress>) -> Self {
        Self { progress, ..self }
    }

    /// What is found in each of `texts`; gives up at `deadline`, and as soon as `gone` is set.
    pub fn read(
        &mut self,
        texts: &[Text],
        deadline: Option<Instant>,
        gone: &AtomicBool,
    ) -> Result<Vec<Found>, Trouble> {
        let mut parts: Vec<Part> = Vec::new();
        let mut left_out = Vec::with_capacity(texts.len());
        for (number, text) in texts.iter().enumerate() {
            let own = self.parts(number, text);
            left_out.push(outside(text, &own));
            parts.extend(own);
        }
        let task = self.asking.task;
        if task == Task::Eae {
            let found_first = |part: &Part| texts[part.of].events.is_none();
            self.answer(Task::Ed, &mut parts, found_first, (deadline, gone))?;
            for part in parts.iter_mut().filter(|part| found_first(part)) {
                part.sentence.events = events(std::mem::take(&mut part.found.objects));
            }
        }
        self.answer(task, &mut parts, |_| true, (deadline, gone))?;
        let mut found = whole(texts.len(), parts);
        for (found, flaws) in found.iter_mut().zip(left_out) {
            found.flaws.extend(flaws);
        }
        Ok(found)
    }

    /// A text as a whole, or its windows; none of a blank one, which nothing can be found in.
    fn parts(&mut self, of: usize, text: &Text) -> Vec<Part> {
        if text.text.trim().is_empty() {
            return Vec::new();
        }
        let language = text.language.as_ref().unwrap_or(&self.asking.language).clone();
        let sentence = |part: &str| Sentence {
            text: part.to_owned(),
            language: language.clone(),
            ..Sentence::default()
        };
        let whole = text.text.as_str();
        let found: Vec<std::ops::Range<usize>> = match self.room(whole, &sentence) {
            None => std::iter::once(0..whole.len()).collect(),
            Some(room) => {
                let most = self.asking.window.unwrap_or(usize::MAX);
                let overlap = self.asking.overlap;
                let mut fits =
                    |part: &str| self.tokens(part) <= most && self.fits(&sentence(part), room);
                windows(whole, overlap, &mut fits)
            }
        };
        // Counted on from window to window, as they go forward.
        let (mut at, mut from) = (0, 0);
        let mut part = |window: std::ops::Range<usize>| {
            from += whole[at..window.start].chars().count();
            at = window.start;
            let mut sentence = sentence(&whole[window]);
            sentence.events =
                inside(text.events.as_deref().unwrap_or_default(), from, &sentence.text);
            Part { of, from, sentence, found: Found::default() }
        };
        found.into_iter().map(&mut part).collect()
    }

    /// How many tokens the prompts of windows may have; none if the text needs no windows, or if those
    /// would not help.
    fn room(&mut self, text: &str, sentence: &impl Fn(&str) -> Sentence) -> Option<usize> {
        let limit = self.extractor.limit;
        let (_, empty) = self.longest()?;
        let is_long = self.asking.window.is_some_and(|window| self.tokens(text) > window);
        if empty >= limit || (!is_long && self.fits(&sentence(text), self.asker.most())) {
            return None;
        }
        // Room for the longest answer, unless that leaves a window less than half of what there is.
        let most = limit - 1;
        let answer = self.extractor.generation.config.max_new_tokens;
        Some(most.saturating_sub(answer).max(empty + (most - empty) / 2))
    }

    /// Whether the longest prompt with a single class has at most `room` tokens.
    fn fits(&mut self, sentence: &Sentence, room: usize) -> bool {
        let Some((class, _)) = self.longest() else { return true };
        let mut length = |task: &Task| self.asker.length(*task, sentence, &[class]);
        tasks(self.asking.task).iter().all(|task| length(task) <= room)
    }

    fn tokens(&self, text: &str) -> usize {
        self.extractor.engine.tokenizer().encode(text).len()
    }

    /// The class that takes most room, and how many tokens its prompt has without a text.
    fn longest(&mut self) -> Option<(&'a Class, usize)> {
        if self.longest.is_none() {
            let asking = self.asking;
            let nothing = Sentence { language: asking.language.clone(), ..Sentence::default() };
            let mut length = |class: &'a Class| {
                let length = |task: &Task| self.asker.length(*task, &nothing, &[class]);
                (class, tasks(asking.task).iter().map(length).max().unwrap_or(0))
            };
            let classes = asking.schema.of_task(asking.task).into_iter();
            self.longest = classes.map(&mut length).max_by_key(|(_, length)| *length);
        }
        self.longest
    }

    /// Asks about those of `parts` that `asks` says, and adds what is found.
    fn answer(
        &mut self,
        task: Task,
        parts: &mut [Part],
        asks: impl Fn(&Part) -> bool,
        until: (Option<Instant>, &AtomicBool),
    ) -> Result<(), Trouble> {
        let mut asked: Vec<(usize, Question<'a>)> = Vec::new();
        for (number, part) in parts.iter().enumerate().filter(|(_, part)| asks(part)) {
            let classes = offered(&self.asking.schema, task, &part.sentence);
            if !classes.is_empty() {
                asked.push((number, self.asker.ask(task, &part.sentence, &classes)));
            }
        }
        let requests = asked.iter().flat_map(|(_, question)| question.requests.iter());
        let requests: Vec<Request> = requests.cloned().collect();
        self.progress.asked.fetch_add(requests.len(), Ordering::Relaxed);
        let grammars = self.grammars(&asked, parts, until)?;
        let answers = self.answers(requests, grammars, until)?;
        let mut answers = answers.as_slice();
        for (number, question) in &asked {
            let part = &mut parts[*number];
            let (own, others) = answers.split_at(question.requests.len());
            answers = others;
            let reply = self.asker.reply(question, &part.sentence, self.asking.pieces, own);
            let fewer = |(room, all)| format!("fewer shots: {room} of {all} have room");
            part.found.objects = reply.predicted;
            part.found.flaws.extend(reply.flaws);
            part.found.flaws.extend(question.fewer_shots.map(fewer));
            part.found.prompt_tokens += reply.prompt_tokens;
            part.found.answer_tokens += reply.answer_tokens;
        }
        Ok(())
    }

    /// What each request of `asked` is held to, in their order; nothing where answers are free.
    fn grammars(
        &self,
        asked: &[(usize, Question<'a>)],
        parts: &[Part],
        (deadline, gone): (Option<Instant>, &AtomicBool),
    ) -> Result<Vec<Grammar>, Trouble> {
        let Asking { constrained, pieces, .. } = *self.asking;
        let asked = asked.iter().filter(|_| constrained);
        let each = asked.flat_map(|(part, question)| {
            (0..question.requests.len())
                .map(move |request| (&parts[*part].sentence, question, request))
        });
        let grammar = |(sentence, question, request)| {
            // A text of many windows has many of them.
            if gone.load(Ordering::Relaxed) {
                return Err(Trouble::Gone);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Failure::Late.into());
            }
            let grammar = self.asker.grammar(question, request, sentence, pieces);
            grammar.map_err(|error| Trouble::Grammar(error.to_string()))
        };
        each.map(grammar).collect()
    }

    /// The answers to `requests`, in their order, each held to its grammar where there are any.
    fn answers(
        &self,
        requests: Vec<Request>,
        grammars: Vec<Grammar>,
        (deadline, gone): (Option<Instant>, &AtomicBool),
    ) -> Result<Vec<Vec<u32>>, Trouble> {
        let Extractor { engine, generation, model, ends, .. } = self.extractor;
        let mut answers: Vec<Option<Vec<u32>>> = vec![None; requests.len()];
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let order = |(number, request): (usize, Request)| {
            let grammar = grammars.get(number);
            // Draws depend on what is asked, not on what else is.
            let stream = match grammar {
                Some(_) => generation.key(&format!("{model}\nconstrained"), &request),
                None => generation.key(model, &request),
            };
            let request = Request { stream: Some(stream.stream()), ..request };
            let most = generation.most(&request);
            let constraint = grammar.map(|grammar| {
                let follow = Follow::new(grammar, engine.tokenizer(), most, ends);
                Box::new(follow) as Box<dyn Constraint + Send>
            });
            let stops = generation.stop.clone();
            Order { request, stops, constraint, ..Order::default() }
        };
        let (sender, receiver) = channel();
        let listener = Box::new(move |place, event| {
            // Fails where nobody waits any more.
            let _ = sender.send((place, event));
        });
        let orders = requests.into_iter().enumerate().map(order).collect();
        let _ticket = engine.submit(orders, deadline, listener)?;
        while answers.iter().any(Option::is_none) {
            if gone.load(Ordering::Relaxed) {
                return Err(Trouble::Gone);
            }
            match receiver.recv_timeout(LOOK) {
                Ok((place, Heard::Done(answered))) => {
                    answers[place] = Some(answered.ids);
                    self.progress.answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok((_, Heard::Failed(failure))) => return Err(failure.into()),
                Ok((_, Heard::Piece(_))) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Failure::Ended.into()),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

/// Which prompts a text is put into.
fn tasks(task: Task) -> &'static [Task] {
    match task {
        Task::Ner => &[Task::Ner],
        Task::Re => &[Task::Re],
        Task::Ed => &[Task::Ed],
        Task::Eae => &[Task::Ed, Task::Eae],
    }
}

/// The classes that a sentence is asked about: arguments are asked of its events only.
fn offered<'a>(schema: &'a Schema, task: Task, sentence: &Sentence) -> Vec<&'a Class> {
    let classes = schema.of_task(task).into_iter();
    let is_there = |class: &&Class| sentence.events.iter().any(|event| event.class == class.name);
    classes.filter(|class| task != Task::Eae || is_there(class)).collect()
}

fn events(objects: Vec<Instance>) -> Vec<Event> {
    let event = |object| match object {
        Instance::Event(event) => Some(event),
        _ => None,
    };
    objects.into_iter().filter_map(event).collect()
}

/// The events whose trigger stands in a window that begins at the character `from`, as the window has them.
fn inside(events: &[Event], from: usize, window: &str) -> Vec<Event> {
    let length = window.chars().count();
    let moved = |event: &Event| {
        let Span { start, end } = event.trigger.span?;
        let (start, end) = (start.checked_sub(from)?, end.checked_sub(from)?);
        let trigger = Mention::at(event.trigger.text.clone(), start, end);
        (end <= length).then(|| Event { trigger, ..event.clone() })
    };
    events.iter().filter_map(moved).collect()
}

/// What is said of events that a text comes with and that stand whole in none of its `parts`: nothing is asked
/// of them.
fn outside(text: &Text, parts: &[Part]) -> Vec<String> {
    let is_inside = |event: &&Event| {
        parts.iter().any(|part| {
            !inside(std::slice::from_ref(*event), part.from, &part.sentence.text).is_empty()
        })
    };
    let flaw = |event: &Event| {
        let place = match (event.trigger.span, parts.len()) {
            (None, _) => "has no place in the text".to_owned(),
            (Some(Span { start, end }), 1) => {
                format!("should stand in characters {start} to {end}, where the text has ended")
            }
            (Some(Span { start, end }), _) => {
                format!("stands in characters {start} to {end}, whole in no window")
            }
        };
        format!("not asked: the trigger `{}` of `{}` {place}", event.trigger.text, event.class)
    };
    let events = text.events.iter().flatten();
    events.filter(|event| !is_inside(event)).map(flaw).collect()
}

/// What parts have found, as what their texts have.
fn whole(count: usize, parts: Vec<Part>) -> Vec<Found> {
    let mut of: Vec<Vec<Part>> = Vec::new();
    of.resize_with(count, Vec::new);
    parts.into_iter().for_each(|part| of[part.of].push(part));
    of.into_iter().map(one).collect()
}

/// What the parts of one text have found.
fn one(parts: Vec<Part>) -> Found {
    let count = parts.len();
    let mut whole = Found { windows: count, ..Found::default() };
    let mut objects = Vec::new();
    for (number, part) in (1..).zip(parts) {
        let Part { from, sentence, found, .. } = part;
        let length = sentence.text.chars().count();
        let named = |flaw: String| match count {
            1 => flaw,
            _ => format!(
                "window {number} of {count} (characters {from} to {}): {flaw}",
                from + length
            ),
        };
        whole.flaws.extend(found.flaws.into_iter().map(named));
        whole.prompt_tokens += found.prompt_tokens;
        whole.answer_tokens += found.answer_tokens;
        objects.push((from, with_events(found.objects, sentence.events)));
    }
    whole.objects = match objects.as_mut_slice() {
        // The answer to a whole text is left as it is.
        [(0, objects)] => std::mem::take(objects),
        _ => joined(objects),
    };
    whole
}

/// Objects, and behind them the events that were asked about and that no answer names.
///
/// Each object stands for one of them at most: a word may be the trigger of two events of a class.
fn with_events(mut objects: Vec<Instance>, asked: Vec<Event>) -> Vec<Instance> {
    let mut is_taken = vec![false; objects.len()];
    for event in asked {
        let is_it = |object: &Instance| match object {
            Instance::Event(other) => {
                let is_elsewhere = matches!(
                    (other.trigger.span, event.trigger.span),
                    (Some(there), Some(here)) if there != here
                );
                other.class == event.class
                    && other.trigger.text == event.trigger.text
                    && !is_elsewhere
            }
            _ => false,
        };
        let free = is_taken.iter().zip(&objects).position(|(taken, it)| !taken && is_it(it));
        match free {
            Some(at) => is_taken[at] = true,
            None => objects.push(Instance::Event(event)),
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(start: usize) -> Event {
        let trigger = Mention::at("moved", start, start + 5);
        Event { class: "Move".into(), trigger, arguments: Vec::new() }
    }

    fn places(objects: &[Instance]) -> Vec<usize> {
        let place = |object: &Instance| object.mentions()[0].span.map_or(usize::MAX, |it| it.start);
        objects.iter().map(place).collect()
    }

    #[test]
    fn each_event_that_was_asked_about_is_there_once() {
        let answered = |starts: &[usize]| -> Vec<Instance> {
            starts.iter().map(|start| Instance::Event(event(*start))).collect()
        };
        let asked = || vec![event(4), event(30)];
        assert_eq!(places(&with_events(answered(&[4]), asked())), [4, 30]);
        assert_eq!(places(&with_events(answered(&[30]), asked())), [30, 4]);
        assert_eq!(places(&with_events(answered(&[4, 30]), asked())), [4, 30]);
        assert_eq!(places(&with_events(Vec::new(), asked())), [4, 30]);
        // An answer whose trigger has no place stands for one of them.
        let trigger = Mention::surface("moved");
        let nowhere = Instance::Event(Event { trigger, ..event(0) });
        assert_eq!(places(&with_events(vec![nowhere], asked())), [usize::MAX, 30]);
    }

    #[test]
    fn events_that_no_window_has_whole_are_named() {
        let part = |from: usize, text: &str| Part {
            of: 0,
            from,
            sentence: Sentence { text: text.into(), ..Sentence::default() },
            found: Found::default(),
        };
        let events = vec![event(4), event(7), event(12)];
        let text = Text { text: "Ann moved; moved".into(), language: None, events: Some(events) };
        let parts = [part(0, "Ann moved;"), part(10, " moved1")];
        let said = outside(&text, &parts);
        assert_eq!(
            said,
            [
                "not asked: the trigger `moved` of `Move` stands in characters 7 to 12, whole in no window"
            ]
        );
        let said = outside(&text, &[part(0, "Ann moved; moved")]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].ends_with("characters 12 to 17, where the text has ended"), "{said:?}");
    }
}
