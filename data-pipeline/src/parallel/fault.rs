//! What can be wrong with a translation, and what a person is told about it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wrong with a translation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The answer is not in the form that was asked for.
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// The sentence is empty.
    Empty,
    /// The sentence is that of the source.
    Copied,
    /// The sentence is in another language.
    Language {
        /// The language that was asked for.
        expected: String,
    },
    /// There are more or fewer names.
    Count {
        /// In the source.
        expected: usize,
        /// In the translation.
        found: usize,
    },
    /// A name has another class than in the source.
    Class {
        /// The name.
        text: String,
        /// In the source.
        expected: String,
        /// In the translation.
        found: String,
    },
    /// A class has more or fewer names than in the source.
    Types {
        /// The class.
        class: String,
        /// In the source.
        expected: usize,
        /// In the translation.
        found: usize,
    },
    /// A name does not stand in the sentence as it is written.
    Missing {
        /// The name.
        text: String,
        /// The name in the source.
        source: String,
    },
    /// Other characters stand at the offsets of a name.
    Moved {
        /// The name.
        text: String,
        /// What stands there.
        found: String,
    },
    /// A name begins or ends within a word, or with a space.
    InsideWord {
        /// The name.
        text: String,
    },
    /// A name stands in the sentence more or less often than it is marked.
    Occurrences {
        /// The name.
        text: String,
        /// How often it is marked.
        expected: usize,
        /// How often it stands there.
        found: usize,
    },
    /// A name is still written in the script of the source.
    Untranslated {
        /// The name.
        text: String,
    },
    /// A name is not written as the glossary wants it.
    Term {
        /// What the glossary wants.
        expected: String,
        /// The name.
        found: String,
    },
    /// A term of the source that is no name is not written as the glossary wants it.
    Terminology {
        /// The term in the source.
        source: String,
        /// What the glossary wants.
        expected: String,
    },
    /// Translated back, the sentence says something else.
    RoundTrip {
        /// Common pairs of letters, in percent.
        similarity: u32,
    },
}

impl Fault {
    /// Whether other names for the same sentence could mend it.
    pub fn is_about_names(&self) -> bool {
        match self {
            Self::Unreadable { .. }
            | Self::Empty
            | Self::Copied
            | Self::Language { .. }
            | Self::Terminology { .. }
            | Self::RoundTrip { .. } => false,
            Self::Count { .. }
            | Self::Class { .. }
            | Self::Types { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::InsideWord { .. }
            | Self::Occurrences { .. }
            | Self::Untranslated { .. }
            | Self::Term { .. } => true,
        }
    }
}

impl Fault {
    /// Its kind, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Empty => "empty",
            Self::Copied => "copied",
            Self::Language { .. } => "language",
            Self::Count { .. } => "count",
            Self::Class { .. } => "class",
            Self::Types { .. } => "types",
            Self::Missing { .. } => "missing",
            Self::Moved { .. } => "moved",
            Self::InsideWord { .. } => "inside-word",
            Self::Occurrences { .. } => "occurrences",
            Self::Untranslated { .. } => "untranslated",
            Self::Term { .. } => "term",
            Self::Terminology { .. } => "terminology",
            Self::RoundTrip { .. } => "round-trip",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "the answer is unreadable: {reason}"),
            Self::Empty => f.write_str("the sentence is empty"),
            Self::Copied => f.write_str("the sentence is that of the source"),
            Self::Language { expected } => write!(f, "the sentence is not in `{expected}`"),
            Self::Count { expected, found } => {
                write!(f, "{found} names, where the source has {expected}")
            }
            Self::Class { text, expected, found } => {
                write!(f, "`{text}` is a {found}, in the source a {expected}")
            }
            Self::Types { class, expected, found } => {
                write!(f, "{found} names of the class {class}, in the source {expected}")
            }
            Self::Missing { text, source } => {
                write!(f, "`{text}` (`{source}`) does not stand in the sentence")
            }
            Self::Moved { text, found } => {
                write!(f, "`{found}` stands at the offsets of `{text}`")
            }
            Self::InsideWord { text } => {
                write!(f, "`{text}` begins or ends within a word or with a space")
            }
            Self::Occurrences { text, expected, found } => {
                write!(f, "`{text}` is marked {expected} times and stands there {found} times")
            }
            Self::Untranslated { text } => write!(f, "`{text}` is not translated"),
            Self::Term { expected, found } => {
                write!(f, "`{found}`, where the glossary wants `{expected}`")
            }
            Self::Terminology { source, expected } => {
                write!(f, "`{source}` is not written `{expected}`, as the glossary wants it")
            }
            Self::RoundTrip { similarity } => {
                write!(f, "translated back, only {similarity} % of it are the source's")
            }
        }
    }
}
