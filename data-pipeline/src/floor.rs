//! What needs no model: names looked up in a list, and runs of capitalised words.
//!
//! A model that does not beat a list of the names that it was trained on has learned nothing but
//! names, and in most languages of Europe and Africa capitals alone find half of what is a name. So
//! both are methods here like any other: they learn from training text, answer test sets, and are
//! scored as models are.
//!
//! - `list`: which surfaces stand for which class, and where in a text they stand.
//! - `words`: where a text may be cut.

mod list;
#[cfg(test)]
mod tests;
mod words;

pub use words::Cut;

use crate::error::nearest;
use crate::schema::Task;
use crate::sentence::{Entity, Event, Instance, Mention, Sentence};
use list::{List, Votes};
use serde::Serialize;
use std::fmt;
use words::{Word, words};

/// A way to answer without a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Names (or triggers) of training text, the longest first, with the class that they have most
    /// often. A surface of which no more than half of all places are annotated is not in the list.
    Gazetteer,
    /// The same, and where the list has nothing: runs of capitalised words, wherever a sentence does
    /// not begin with them. A run ends before a word that the list has by itself. Its class is that of
    /// most training names of one word, or of several.
    Capitals,
}

/// Sentences to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The sentences, annotated.
    pub sentences: &'a [Sentence],
    /// How their corpus writes words.
    pub cut: Cut,
}

/// Why there is no such floor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Capitals begin names; nothing begins a trigger.
    #[error(
        "`capitals` finds names only; triggers are written small: use `--method gazetteer` for `ed`"
    )]
    CapitalsOfTriggers,
    /// What the answer needs is not in any list.
    #[error(
        "there is no floor for `{0}`: its answers join several mentions, and a list of mentions does not say which belong together; floors are for `ner` and `ed`"
    )]
    Joined(Task),
    /// There is nothing to learn from.
    #[error("the training text has nothing annotated for `{0}`; name another with --train")]
    Nothing(Task),
}

/// A floor that has seen its training text.
#[derive(Clone, Debug)]
pub struct Floor {
    task: Task,
    list: List,
    /// Classes of runs: of one word, of several.
    runs: Option<(String, String)>,
}

impl Floor {
    /// Learns `method` for `task` from training text.
    pub fn learn(method: Method, task: Task, training: &[Training<'_>]) -> Result<Self, Refused> {
        match (method, task) {
            (_, Task::Re | Task::Eae) => return Err(Refused::Joined(task)),
            (Method::Capitals, Task::Ed) => return Err(Refused::CapitalsOfTriggers),
            _ => {}
        }
        let (mut one, mut more) = (Votes::default(), Votes::default());
        for (class, mention) in training.iter().flat_map(|it| named(task, it.sentences)) {
            let votes = if list::parts(&mention.text) > 1 { &mut more } else { &mut one };
            votes.add(class);
        }
        let of_either = one.first().or(more.first()).ok_or(Refused::Nothing(task))?;
        let class = |votes: &Votes| votes.first().unwrap_or(of_either).to_owned();
        let runs = (method == Method::Capitals).then(|| (class(&one), class(&more)));
        Ok(Self { task, list: List::learn(task, training), runs })
    }

    /// The classes that it can answer with.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        let of_runs = self.runs.iter().flat_map(|(one, more)| [one.as_str(), more.as_str()]);
        self.list.classes().chain(of_runs)
    }

    /// How many surfaces the list has.
    pub fn surfaces(&self) -> usize {
        self.list.len()
    }

    /// The classes that it gives to runs of one capitalised word and of several, if it does.
    pub fn runs(&self) -> Option<(&str, &str)> {
        self.runs.as_ref().map(|(one, more)| (one.as_str(), more.as_str()))
    }

    /// The objects that it finds in a text, in the order of the text.
    pub fn answer(&self, text: &str, cut: Cut) -> Vec<Instance> {
        let words = words(text, cut);
        let mut found = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let (end, class) = match (self.list.longest(text, &words[at..], cut), &self.runs) {
                (Some((taken, class)), _) => (at + taken, class),
                // Every sentence begins with a capital, names or not.
                (None, Some((one, more))) if at > 0 && is_capital(text, &words[at]) => {
                    let (taken, several) = self.run(text, &words[at..]);
                    (at + taken, if several { more.as_str() } else { one.as_str() })
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            found.push(self.object(class, mention(text, &words[at..end])));
            at = end;
        }
        found
    }

    /// How many of `words` the run takes that begins with them, and whether it is a run of several.
    fn run(&self, text: &str, words: &[Word]) -> (usize, bool) {
        let goes_on = |word: &Word| is_capital(text, word) && !self.list.has(&text[word.bytes()]);
        let (mut taken, mut several) = (1, false);
        loop {
            taken += match &words[taken..] {
                [next, ..] if goes_on(next) => 1,
                // A double name is one, also where its hyphen is a word of its own.
                [sign, next, ..]
                    if is_glue(text, &words[taken - 1], sign, next) && goes_on(next) =>
                {
                    2
                }
                _ => return (taken, several),
            };
            several = true;
        }
    }

    fn object(&self, class: &str, mention: Mention) -> Instance {
        let class = class.to_owned();
        match self.task {
            Task::Ed => Instance::Event(Event { class, trigger: mention, arguments: Vec::new() }),
            _ => Instance::Entity(Entity { class, mention }),
        }
    }
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::Gazetteer, Self::Capitals];

    /// Its name on the command line and in receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gazetteer => "gazetteer",
            Self::Capitals => "capitals",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            match nearest(name, known) {
                Some(near) => format!("unknown method `{name}`; did you mean `{near}`?"),
                None => format!("unknown method `{name}`; known are `{}`", known.join("`, `")),
            }
        })
    }
}

/// Class and mention of everything that a list of `task` is made of; what is in pieces is in no list.
fn named(task: Task, sentences: &[Sentence]) -> impl Iterator<Item = (&str, &Mention)> {
    let of_events = task == Task::Ed;
    sentences
        .iter()
        .flat_map(move |sentence| {
            let entities = sentence.entities.iter().filter(move |_| !of_events);
            let events = sentence.events.iter().filter(move |_| of_events);
            let entities = entities.map(|entity| (entity.class.as_str(), &entity.mention));
            entities.chain(events.map(|event| (event.class.as_str(), &event.trigger)))
        })
        .filter(|(_, mention)| !mention.is_in_pieces())
}

fn is_capital(text: &str, word: &Word) -> bool {
    text[word.bytes()].chars().next().is_some_and(char::is_uppercase)
}

/// Whether `sign` stands between two words without a space on either side, as in `Jean-Luc`.
fn is_glue(text: &str, before: &Word, sign: &Word, next: &Word) -> bool {
    matches!(&text[sign.bytes()], "-" | "." | "'" | "’" | "&")
        && before.bytes().end == sign.bytes().start
        && sign.bytes().end == next.bytes().start
}

/// The text from the first to the last of `words`, which are some.
fn mention(text: &str, words: &[Word]) -> Mention {
    let (first, last) = (&words[0], &words[words.len() - 1]);
    let surface = &text[first.bytes().start..last.bytes().end];
    Mention::at(surface, first.chars().start, last.chars().end)
}
