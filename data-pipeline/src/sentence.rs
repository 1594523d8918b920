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
    /// The surface text.
    pub text: String,
    /// Where it stands, if known.
    pub span: Option<Span>,
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
        Self { text: text.into(), span: None }
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

impl Parallel {
    /// The same pair in the other direction.
    pub fn reversed(self) -> Self {
        Self { source: self.target, target: self.source }
    }
}
