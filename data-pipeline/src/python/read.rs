//! An answer becomes objects again.
//!
//! A model may write anything: reading never fails, never executes, and takes time linear in the
//! length of the answer. What could be read is returned; what was wrong stands beside it as
//! flaws, so that a score can be told from the share of malformed answers.
//!
//! ```
//! use data_pipeline::{Task, python::{Dialect, read}};
//!
//! let answer = read("results = [\n\tPerson(\"Ann\"),\n\tPerson(\"Bo", Task::Ner, Dialect::Python);
//! assert_eq!(answer.instances.len(), 1);
//! assert_eq!(answer.flaws[0].to_string(), "unterminated-string: the string has no end");
//! ```

pub use super::ground::{check, locate};

use super::{Dialect, read_official, read_python};
use crate::schema::Task;
use crate::sentence::Instance;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an answer says, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The objects, in the order of the answer.
    pub instances: Vec<Instance>,
    /// Everything that a perfect answer would not have.
    pub flaws: Vec<Flaw>,
}

/// One thing wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaw {
    /// The character of the answer; for what [`check`] finds, the number of the object.
    pub at: usize,
    /// What kind of thing.
    pub kind: FlawKind,
    /// What was expected or found.
    pub message: String,
}

/// Kinds of flaws; the first of them are found by [`read`](read()), the last four by [`check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlawKind {
    /// The answer does not begin with `results = [`.
    MissingList,
    /// The list has no end.
    UnterminatedList,
    /// A string has no end on its line.
    UnterminatedString,
    /// An object has no end.
    MissingParenthesis,
    /// The list of a role has no end, or is none.
    MissingBracket,
    /// Two objects stand side by side.
    MissingComma,
    /// A backslash before something that Python knows no escape for.
    BadEscape,
    /// Strings in single quotes: readable, but nobody taught them.
    SingleQuotes,
    /// A keyword where the prompt's form is positional, or the reverse.
    Keyword,
    /// Not the arguments that an object of this task has.
    Arguments,
    /// Text that is no object.
    Unreadable,
    /// Text behind the end of the list.
    TrailingText,
    /// The same object more often than its mention stands in the sentence.
    Duplicate,
    /// A class that was not offered.
    UnknownClass,
    /// A role that the class does not have.
    UnknownRole,
    /// A mention that is not a piece of the sentence.
    NotInSentence,
}

/// Reads an answer: in the dialect `python` by its grammar, in `official` as KnowCoder's own
/// evaluation does.
pub fn read(answer: &str, task: Task, dialect: Dialect) -> Answer {
    match dialect {
        Dialect::Python => read_python::read(answer, task),
        Dialect::Official => read_official::read(answer, task),
    }
}

impl Answer {
    pub(crate) fn flaw(&mut self, at: usize, kind: FlawKind, message: impl Into<String>) {
        self.flaws.push(Flaw { at, kind, message: message.into() });
    }
}

impl fmt::Display for FlawKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingList => "missing-list",
            Self::UnterminatedList => "unterminated-list",
            Self::UnterminatedString => "unterminated-string",
            Self::MissingParenthesis => "missing-parenthesis",
            Self::MissingBracket => "missing-bracket",
            Self::MissingComma => "missing-comma",
            Self::BadEscape => "bad-escape",
            Self::SingleQuotes => "single-quotes",
            Self::Keyword => "keyword",
            Self::Arguments => "arguments",
            Self::Unreadable => "unreadable",
            Self::TrailingText => "trailing-text",
            Self::Duplicate => "duplicate",
            Self::UnknownClass => "unknown-class",
            Self::UnknownRole => "unknown-role",
            Self::NotInSentence => "not-in-sentence",
        })
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// A character of a name, as Python's `\w` and its identifiers have it.
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric() || unicode_ident::is_xid_continue(c)
}

/// White space as Python's `\s` has it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::render::answer_code;
    use super::*;
    use crate::sentence::{Entity, Event, Mention, Relation};
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    const TASKS: [Task; 4] = [Task::Ner, Task::Re, Task::Ed, Task::Eae];
    const DIALECTS: [Dialect; 2] = [Dialect::Python, Dialect::Official];

    /// Texts that a careless reader takes quadratic or exponential time for, `n` long.
    fn hostile(n: usize) -> Vec<String> {
        let parts = [
            "(",
            ")",
            "[",
            "\"",
            "\\",
            "'",
            "\"\\\"",
            "A",
            "A(",
            "A(\"",
            "A( ",
            "A(B(",
            "A(B(\"",
            "A(B(\"c\"), ",
            "A(B(\"c\"),B(\"",
            "A = [",
            "A =",
            "A(b = [",
            "A(b = [C(\"",
            "(\"a",
            "\"),",
            "\"), B",
            "\"), B(\"",
            "\n",
            " ",
            "=",
            "_0x",
            "A(\"b\"), ",
            "A(\"b\"",
            "A(trigger = \"b\", c = [E(\"d\")]",
            "A(trigger = \"b\", ",
            "]",
            "A()",
            "\u{301}",
        ];
        let starts = ["", "results = [\n\t", "A(trigger = \"hit\", place = [", "A(B(\""];
        let roles: String = (0..n / 20).map(|i| format!("a{i} = [E(\"x\")], ")).collect();
        let mut texts = vec![format!("results = [\n\tA(trigger = \"b\", {roles})\n]")];
        for part in parts {
            for start in starts {
                texts.push(format!("{start}{}", part.repeat(n / part.len())));
            }
        }
        texts
    }

    fn time(text: &str, task: Task, dialect: Dialect) -> Duration {
        let start = Instant::now();
        read(text, task, dialect);
        start.elapsed()
    }

    #[test]
    fn hostile_answers_take_linear_time() {
        for text in hostile(50_000) {
            for (task, dialect) in TASKS.into_iter().flat_map(|t| DIALECTS.map(|d| (t, d))) {
                // Quadratic time would be minutes; linear is milliseconds. The second try is for
                // a machine that was busy.
                let limit = Duration::from_secs(2);
                let fast = time(&text, task, dialect) < limit || time(&text, task, dialect) < limit;
                let head: String = text.chars().take(60).collect();
                assert!(fast, "{task} {dialect:?} reads `{head}…` slowly");
            }
        }
    }

    fn mention() -> impl Strategy<Value = Mention> {
        let text = prop_oneof![
            any::<String>(),
            "[\"'\\\\\\n\\r\\t\\x00\\x7f\u{85}\u{2028}人物😀a() \\[\\],=]{0,9}",
        ];
        text.prop_map(Mention::surface)
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[A-Z][a-z]{0,5}",
            "class|from|from_|self|trigger|None|match|人物|TV show|3D|_0x20_||results",
            r"\PC{1,6}",
        ]
    }

    fn entity() -> impl Strategy<Value = Entity> {
        (name(), mention()).prop_map(|(class, mention)| Entity { class, mention })
    }

    fn relation() -> impl Strategy<Value = Relation> {
        (name(), entity(), entity()).prop_map(|(class, head, tail)| Relation { class, head, tail })
    }

    fn event() -> impl Strategy<Value = Event> {
        let roles =
            prop::collection::btree_map(name(), prop::collection::vec(mention(), 1..4), 0..4);
        (name(), mention(), roles).prop_map(|(class, trigger, roles)| {
            let arguments = roles
                .into_iter()
                .flat_map(|(role, texts)| texts.into_iter().map(move |text| (role.clone(), text)))
                .collect();
            Event { class, trigger, arguments }
        })
    }

    fn is_read_back(instances: Vec<Instance>, task: Task) -> Result<(), TestCaseError> {
        let code = answer_code(&instances, task, Dialect::Python);
        let answer = read(&code, task, Dialect::Python);
        prop_assert_eq!(&answer.instances, &instances, "{}", code);
        prop_assert_eq!(&answer.flaws, &[], "{}", code);
        prop_assert!(ruff_python_parser::parse_module(&code).is_ok(), "{}", code);
        Ok(())
    }

    proptest! {
        #[test]
        fn entities_are_read_back(x in prop::collection::vec(entity(), 0..5)) {
            is_read_back(x.into_iter().map(Instance::Entity).collect(), Task::Ner)?;
        }

        #[test]
        fn relations_are_read_back(x in prop::collection::vec(relation(), 0..5)) {
            is_read_back(x.into_iter().map(Instance::Relation).collect(), Task::Re)?;
        }

        #[test]
        fn events_are_read_back(x in prop::collection::vec(event(), 0..5)) {
            is_read_back(x.iter().cloned().map(Instance::Event).collect(), Task::Eae)?;
            let bare = x.into_iter().map(|event| Event { arguments: Vec::new(), ..event });
            is_read_back(bare.map(Instance::Event).collect(), Task::Ed)?;
        }

        #[test]
        fn anything_can_be_read(text in any::<String>(), code in "[ABr\"'\\\\(),=\\[\\] \n人]{0,60}") {
            for (task, dialect) in TASKS.into_iter().flat_map(|t| DIALECTS.map(|d| (t, d))) {
                read(&text, task, dialect);
                read(&code, task, dialect);
                read(&format!("results = [\n\t{code}"), task, dialect);
            }
        }

        #[test]
        fn a_cut_answer_keeps_what_was_complete(x in prop::collection::vec(event(), 1..4), cut in 0.0..1.0) {
            let x: Vec<Instance> = x.into_iter().map(Instance::Event).collect();
            let code: Vec<char> = answer_code(&x, Task::Eae, Dialect::Python).chars().collect();
            let kept: String = code[..(cut * code.len() as f64) as usize].iter().collect();
            let answer = read(&kept, Task::Eae, Dialect::Python);
            prop_assert!(!answer.flaws.is_empty());
            prop_assert_eq!(&answer.instances[..], &x[..answer.instances.len()]);
        }
    }
}
