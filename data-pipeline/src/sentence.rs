//! Annotated text, and the objects found in it, gold or predicted.

use crate::schema::Task;
use serde::{Deserialize, Serialize};

/// Where a mention stands: characters, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
}

/// A piece of text; without a span it is known by its surface only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mention {
    /// The surface text; of one in pieces, theirs with a space between them in every script, as brat
    /// shows it: so an answer says where a piece ends even where the language writes no spaces.
    pub text: String,
    /// Where it stands, if known; of one in pieces, from the start of the first to the end of the
    /// last.
    pub span: Option<Span>,
    /// The pieces of a discontinuous mention, at least two, in the order of the text and without
    /// overlaps; none of one that is whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<Span>,
}

/// An object of an entity class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entity {
    /// Name of its class; plain `Entity` where the type is not known.
    pub class: String,
    /// Its mention.
    pub mention: Mention,
}

/// An object of a relation class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Relation {
    /// Name of its class.
    pub class: String,
    /// The first argument.
    pub head: Entity,
    /// The second argument.
    pub tail: Entity,
}

/// An object of an event class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// Name of its class.
    pub class: String,
    /// The word that says that it happens.
    pub trigger: Mention,
    /// Role and filler, in the order of the class's roles.
    pub arguments: Vec<(String, Mention)>,
}

/// One extracted object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instance {
    /// Of NER.
    Entity(Entity),
    /// Of RE.
    Relation(Relation),
    /// Of ED (no arguments) and EAE.
    Event(Event),
}

/// A text and what is annotated in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// `corpus/split/number` or the corpus's own id; unique in its split.
    pub id: String,
    /// The text.
    pub text: String,
    /// Language code (ISO 639-1, else 639-3).
    pub language: String,
    /// Entities in order of appearance.
    pub entities: Vec<Entity>,
    /// Relations.
    pub relations: Vec<Relation>,
    /// Events with their arguments.
    pub events: Vec<Event>,
}

/// A sentence and its translation, each with its own annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parallel {
    /// The side that is given with its answer.
    pub source: Sentence,
    /// The side whose answer is asked for.
    pub target: Sentence,
}

impl Mention {
    /// A mention known by its surface only.
    pub fn surface(text: impl Into<String>) -> Self {
        Self { text: text.into(), span: None, pieces: Vec::new() }
    }

    /// A mention that stands at these characters.
    pub fn at(text: impl Into<String>, start: usize, end: usize) -> Self {
        Self { text: text.into(), span: Some(Span { start, end }), pieces: Vec::new() }
    }

    /// A mention in pieces, given in the order of the text.
    pub fn in_pieces(text: impl Into<String>, pieces: Vec<Span>) -> Self {
        let hull = pieces.first().zip(pieces.last());
        let span = hull.map(|(first, last)| Span { start: first.start, end: last.end });
        Self { text: text.into(), span, pieces }
    }

    /// Whether something else stands between its characters.
    pub fn is_in_pieces(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Where its characters stand: its pieces, its span, or nothing that is known.
    pub fn places(&self) -> &[Span] {
        match self.pieces.as_slice() {
            [] => self.span.as_slice(),
            pieces => pieces,
        }
    }
}

impl Instance {
    /// The name of the object's class.
    pub fn class(&self) -> &str {
        match self {
            Self::Entity(entity) => &entity.class,
            Self::Relation(relation) => &relation.class,
            Self::Event(event) => &event.class,
        }
    }

    /// Every mention of the object: head before tail, the trigger before the arguments.
    pub fn mentions(&self) -> Vec<&Mention> {
        match self {
            Self::Entity(entity) => vec![&entity.mention],
            Self::Relation(relation) => vec![&relation.head.mention, &relation.tail.mention],
            Self::Event(event) => {
                let arguments = event.arguments.iter().map(|(_, mention)| mention);
                std::iter::once(&event.trigger).chain(arguments).collect()
            }
        }
    }
}

impl Sentence {
    /// The gold objects of `task`; ED leaves the arguments out.
    pub fn instances(&self, task: Task) -> Vec<Instance> {
        match task {
            Task::Ner => self.entities.iter().cloned().map(Instance::Entity).collect(),
            Task::Re => self.relations.iter().cloned().map(Instance::Relation).collect(),
            Task::Ed => self
                .events
                .iter()
                .map(|event| Instance::Event(Event { arguments: Vec::new(), ..event.clone() }))
                .collect(),
            Task::Eae => self.events.iter().cloned().map(Instance::Event).collect(),
        }
    }
}

impl Sentence {
    /// Whether any mention is in pieces.
    pub fn has_pieces(&self) -> bool {
        let relations = self.relations.iter().flat_map(|it| [&it.head.mention, &it.tail.mention]);
        let events = self.events.iter().flat_map(|event| {
            let arguments = event.arguments.iter().map(|(_, mention)| mention);
            std::iter::once(&event.trigger).chain(arguments)
        });
        let entities = self.entities.iter().map(|entity| &entity.mention);
        entities.chain(relations).chain(events).any(Mention::is_in_pieces)
    }
}

impl Parallel {
    /// The same pair in the other direction.
    pub fn reversed(self) -> Self {
        Self { source: self.target, target: self.source }
    }
}
