//! Answers that cannot be nonsense: which tokens may come next.
//!
//! The classes of a prompt and its sentence become a language: the answers that offer nothing but
//! these classes and roles, each at its place, and mentions that stand in the sentence, written as
//! [`prompt`](crate::prompt) writes them. Every gold answer is in it, and whatever is in it is read
//! without a flaw in its form. The language is regular, so llguidance's derivatives (`derivre`) are
//! its automaton, made as far as an answer goes, and llguidance's token tree (`toktrie`) is walked
//! with it: what can go on is allowed.
//!
//! ```text
//! Template   what sentences share that are asked about the same classes
//! Grammar    of one sentence: an automaton over the bytes of answers
//! Vocabulary the tokenizer's ids as a tree, made once
//! Matcher    follows one answer, and closes it when its room runs out
//! ```
//!
//! # What is not in the language
//! - In the dialect `official`, which escapes nothing: mentions with a character that its reader
//!   takes for the end of something (a quote; in relations and arguments also a line break, in
//!   arguments brackets; in events parentheses that do not match or have others inside), and classes
//!   whose name is no plain word.
//! - Empty mentions. Mentions in pieces where the corpus has none, or where words are not parted by
//!   single spaces.
//!
//! How often an object may come is left to the room: an automaton that counts would be as many times
//! larger. [`Matcher`] sees to it that the list ends in time.

mod language;
mod matcher;
mod pieces;
mod room;
mod spelling;
mod substring;
mod vocabulary;

pub use language::Template;
pub use matcher::Matcher;
pub use vocabulary::Vocabulary;

use crate::error::Error;
use crate::prompt::PromptConfig;
use crate::schema::{Class, Schema, Task};
use crate::sentence::Sentence;
use llguidance::derivre::Regex;
use room::Room;
use std::sync::Arc;

/// The answers to one prompt.
#[derive(Clone)]
pub struct Grammar {
    language: Regex,
    room: Room,
}

impl Grammar {
    /// The answers to [`extraction`](crate::prompt::extraction) with the same arguments; `pieces`
    /// says whether a mention may be in pieces, as for [`read`](crate::prompt::read).
    ///
    /// For arguments of events, `sentence.events` are those that the prompt tells: an answer has them
    /// in this order, each at most once. Without any, all events of the classes may come.
    ///
    /// ```
    /// use data_pipeline::grammar::{Grammar, Vocabulary};
    /// use data_pipeline::prompt::PromptConfig;
    /// use data_pipeline::tokenizer::Tokenizer;
    /// use data_pipeline::{Schema, Sentence, Task};
    ///
    /// # fn main() -> Result<(), data_pipeline::Error> {
    /// let source = "from knowcoder import Entity\nclass City(Entity):\n    pass\n";
    /// let schema = Schema::parse(source, "cities.py".as_ref())?;
    /// let tokenizer = Tokenizer::train(&["Ann lives in Bonn".to_owned()], 400)?;
    /// let sentence = Sentence { text: "Ann lives in Bonn".to_owned(), ..Sentence::default() };
    /// let classes = schema.of_task(Task::Ner);
    /// let prompt = PromptConfig::default();
    /// let grammar = Grammar::new(&prompt, &schema, &classes, Task::Ner, &sentence, false)?;
    /// let mut matcher = grammar.matcher(&Vocabulary::new(&tokenizer));
    /// let ids = tokenizer.encode("results = [\n\tCity(\"Bonn\")\n]");
    /// for length in 0..ids.len() {
    ///     let allowed = matcher.allowed(&ids[..length]).unwrap_or_default();
    ///     let id = ids[length] as usize;
    ///     assert!((allowed[id / 32] >> (id % 32)) & 1 == 1);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(
        prompt: &PromptConfig,
        schema: &Schema,
        classes: &[&Class],
        task: Task,
        sentence: &Sentence,
        pieces: bool,
    ) -> Result<Self, Error> {
        Template::new(prompt, schema, classes, task, &sentence.language).grammar(sentence, pieces)
    }

    /// Follows an answer in this tokenizer's ids, however long it becomes.
    pub fn matcher(&self, vocabulary: &Arc<Vocabulary>) -> Matcher {
        Matcher::new(self.clone(), vocabulary.clone())
    }
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grammar {{ {} }}", self.language.stats())
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod specimen;
