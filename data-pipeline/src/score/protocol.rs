//! The rules by which papers count, each with a name.

use crate::error::nearest;
use crate::schema::Task;
use serde::{Deserialize, Serialize};

/// A rule for when a predicted object is right.
///
/// What is compared, where a protocol does not say otherwise: for NER type and mention; for RE type,
/// head and tail (not the types of head and tail, see [`Relations`]); for ED type and trigger; for
/// EAE event type, role and argument (not the trigger).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Protocol {
    /// Surface texts; an object counts once in a sentence however often it is said.
    #[default]
    #[serde(rename = "set")]
    Set,
    /// Offsets, of a mention in pieces those of each piece; an object counts once at each place. A predicted mention without a place is wrong.
    /// A sentence whose gold has no offsets is compared by surface.
    #[serde(rename = "strict-span")]
    StrictSpan,
    /// The official scorer as published in 2024 (`score()` of its `metric.py`, without the filters
    /// that its converters apply before): surface texts, repeated objects count each time, type
    /// and role names are split and lower-cased, mentions without text are left out.
    #[serde(rename = "knowcoder-2024")]
    Knowcoder2024,
    /// The same behind the converters of May 2025: entities count once, and those of the type
    /// `other` not at all; triggers are lower-cased, and the 33 event types of ACE 2005 become
    /// its 8 in ED. Nothing is filtered by sentence or schema.
    #[serde(rename = "knowcoder-2025")]
    Knowcoder2025,
    /// GoLLIE's: each gold object is found once; entities and triggers are lower-cased; what is
    /// predicted and is not in the sentence, or oftener than the sentence has it, is left out
    /// before. Arguments count where type and trigger of their event are right.
    #[serde(rename = "gollie")]
    Gollie,
    /// UniversalNER's: lower-cased, without punctuation and English articles; each type is a list
    /// of its own, in which a mention counts once.
    #[serde(rename = "universalner")]
    UniversalNer,
    /// IEPile's mode `normal`: surface texts, each gold object is found once, and what is said
    /// again is wrong.
    #[serde(rename = "iepile")]
    Iepile,
    /// B2NER's: the answers `type: mention; …` in its normal form, as sets.
    #[serde(rename = "b2ner")]
    B2ner,
    /// seqeval's default mode over tags: spans that neither nest nor overlap. Each character is a
    /// token; a longer object comes before a shorter one, then the one further left.
    #[serde(rename = "seqeval")]
    Seqeval,
}

/// How much of a mention must be right.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// All of it.
    #[default]
    Exact,
    /// Its head, by a rule of our own that needs no parser: its last word (between white space), in
    /// English the last one before a preposition, comma or bracket, without what is neither letter nor
    /// digit around it. Where no spaces are written that is the whole mention. It is not KnowCoder's head
    /// match, which asks spaCy's parser, and is told by our own protocols only.
    Head,
}

/// What of a relation must be right.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Relations {
    /// Its type and the mentions of head and tail.
    #[default]
    Boundary,
    /// The types of head and tail, too.
    Strict,
}

/// All that says when an object is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Whose rule.
    pub protocol: Protocol,
    /// How much of a mention must be right.
    pub matching: Matching,
    /// What of a relation must be right.
    pub relations: Relations,
}

impl From<Protocol> for Rule {
    fn from(protocol: Protocol) -> Self {
        Self { protocol, ..Self::default() }
    }
}

impl Rule {
    /// Why the rule has no number for `task`, if it has none.
    pub fn undefined(self, task: Task) -> Option<&'static str> {
        use Protocol::{B2ner, Seqeval, UniversalNer};
        let Self { protocol, matching, relations } = self;
        let ours = matches!(protocol, Protocol::Set | Protocol::StrictSpan);
        match (protocol, task) {
            (UniversalNer, Task::Re | Task::Ed | Task::Eae) => {
                return Some("UniversalNER scores entities only");
            }
            (B2ner, Task::Re | Task::Ed | Task::Eae) => return Some("B2NER scores entities only"),
            (Seqeval, Task::Re | Task::Eae) => {
                return Some("seqeval scores tagged spans: no pairs of them and no roles");
            }
            _ => {}
        }
        if matching == Matching::Head && !ours {
            return Some(match protocol {
                Protocol::Knowcoder2024 | Protocol::Knowcoder2025 => {
                    "its head match asks spaCy's parser; heads by a rule of ours are compared by `set` \
                     and `strict-span`"
                }
                _ => "it compares whole mentions; heads are compared by `set` and `strict-span`",
            });
        }
        if task == Task::Re && relations == Relations::Strict && !ours {
            return Some(
                "it does not compare the types of heads and tails; `set` and `strict-span` do",
            );
        }
        None
    }
}

impl Protocol {
    /// Every protocol, the default first.
    pub const ALL: [Self; 9] = [
        Self::Set,
        Self::StrictSpan,
        Self::Knowcoder2024,
        Self::Knowcoder2025,
        Self::Gollie,
        Self::UniversalNer,
        Self::Iepile,
        Self::B2ner,
        Self::Seqeval,
    ];

    /// Its name in recipes, on the command line and in `scores.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::StrictSpan => "strict-span",
            Self::Knowcoder2024 => "knowcoder-2024",
            Self::Knowcoder2025 => "knowcoder-2025",
            Self::Gollie => "gollie",
            Self::UniversalNer => "universalner",
            Self::Iepile => "iepile",
            Self::B2ner => "b2ner",
            Self::Seqeval => "seqeval",
        }
    }

    /// What is known to be wrong with the rule, for whoever reads its numbers.
    pub fn defect(self) -> Option<&'static str> {
        match self {
            Self::Set | Self::StrictSpan | Self::Iepile => None,
            Self::Knowcoder2024 => {
                Some("said twice, a right object counts twice: recall can exceed 100")
            }
            Self::Knowcoder2025 => Some(
                "said twice, a right relation or event counts twice: recall can exceed 100; \
                 entities of the type `other` do not count",
            ),
            Self::Gollie => Some(
                "what is not in the sentence, or oftener than there, is left out before counting: \
                 inventions cost nothing, and of gold objects on the same words only as many can be \
                 found as the words stand there",
            ),
            Self::UniversalNer => Some(
                "a `]` in a mention empties the list of its type, gold too; articles and punctuation \
                 count nowhere",
            ),
            Self::B2ner => Some(
                "case, quotation marks and spaces around punctuation count nowhere, and a `;` ends a \
                 mention",
            ),
            Self::Seqeval => Some(
                "what has no place, is in pieces or overlaps a longer object cannot be tagged and is \
                 left out, gold too: inventions cost nothing",
            ),
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Protocol {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            match nearest(name, known) {
                Some(near) => format!("unknown protocol `{name}`; did you mean `{near}`?"),
                None => format!("unknown protocol `{name}`; known are `{}`", known.join("`, `")),
            }
        })
    }
}

impl Matching {
    /// Whether all of a mention must be right.
    pub fn is_exact(&self) -> bool {
        *self == Self::Exact
    }
}

impl Relations {
    /// Whether the types of head and tail are not compared.
    pub fn is_boundary(&self) -> bool {
        *self == Self::Boundary
    }
}
