//! Objects as they stand in prediction files.

use crate::sentence::{Entity, Event, Instance, Mention, Relation, Span};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde::{Deserializer, Serializer};

/// Any object; which of the optional fields stand there tells the kind.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object {
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<Argument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<Argument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arguments: Option<Vec<Filler>>,
}

/// One side of a relation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    #[serde(default = "any_entity")]
    r#type: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

/// One argument of an event.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filler {
    role: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<usize>,
}

fn any_entity() -> String {
    "Entity".to_owned()
}

pub(super) fn serialize<S: Serializer>(
    instances: &[Instance],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(instances.iter().map(Object::from))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Instance>, D::Error> {
    let objects = Vec::<Object>::deserialize(deserializer)?;
    objects.into_iter().map(|object| object.instance().map_err(D::Error::custom)).collect()
}

impl From<&Instance> for Object {
    fn from(instance: &Instance) -> Self {
        let r#type = instance.class().to_owned();
        match instance {
            Instance::Entity(Entity { mention, .. }) => {
                let (start, end) = ends(mention);
                Self { r#type, name: Some(mention.text.clone()), start, end, ..Self::default() }
            }
            Instance::Relation(Relation { head, tail, .. }) => Self {
                r#type,
                head: Some(Argument::from(head)),
                tail: Some(Argument::from(tail)),
                ..Self::default()
            },
            Instance::Event(Event { trigger, arguments, .. }) => {
                let (start, end) = ends(trigger);
                Self {
                    r#type,
                    trigger: Some(trigger.text.clone()),
                    start,
                    end,
                    arguments: Some(arguments.iter().map(Filler::from).collect()),
                    ..Self::default()
                }
            }
        }
    }
}

impl From<&Entity> for Argument {
    fn from(entity: &Entity) -> Self {
        let (start, end) = ends(&entity.mention);
        Self { r#type: entity.class.clone(), name: entity.mention.text.clone(), start, end }
    }
}

impl From<&(String, Mention)> for Filler {
    fn from((role, mention): &(String, Mention)) -> Self {
        let (start, end) = ends(mention);
        Self { role: role.clone(), name: mention.text.clone(), start, end }
    }
}

impl Object {
    fn instance(self) -> Result<Instance, String> {
        let Self { r#type: class, name, head, tail, trigger, start, end, arguments } = self;
        Ok(match (name, head, tail, trigger, arguments) {
            (Some(name), None, None, None, None) => {
                Instance::Entity(Entity { class, mention: mention(name, start, end)? })
            }
            (None, Some(head), Some(tail), None, None) if start.is_none() && end.is_none() => {
                let (head, tail) = (head.entity()?, tail.entity()?);
                Instance::Relation(Relation { class, head, tail })
            }
            (None, None, None, Some(trigger), arguments) => Instance::Event(Event {
                class,
                trigger: mention(trigger, start, end)?,
                arguments: arguments
                    .unwrap_or_default()
                    .into_iter()
                    .map(|filler| {
                        let mention = mention(filler.name, filler.start, filler.end)?;
                        Ok((filler.role, mention))
                    })
                    .collect::<Result<_, String>>()?,
            }),
            _ => {
                return Err(format!(
                    "object `{class}` is neither an entity (`name`), a relation (`head`, \
                     `tail`) nor an event (`trigger`, `arguments`)"
                ));
            }
        })
    }
}

impl Argument {
    fn entity(self) -> Result<Entity, String> {
        let mention = mention(self.name, self.start, self.end)?;
        Ok(Entity { class: self.r#type, mention })
    }
}

fn ends(mention: &Mention) -> (Option<usize>, Option<usize>) {
    (mention.span.map(|span| span.start), mention.span.map(|span| span.end))
}

fn mention(text: String, start: Option<usize>, end: Option<usize>) -> Result<Mention, String> {
    let span = match (start, end) {
        (None, None) => None,
        (Some(start), Some(end)) if start <= end => Some(Span { start, end }),
        (Some(start), Some(end)) => {
            return Err(format!("`{text}` starts at {start}, after its end at {end}"));
        }
        (Some(_), None) => return Err(format!("`{text}` has a start and no end")),
        (None, Some(_)) => return Err(format!("`{text}` has an end and no start")),
    };
    Ok(Mention { text, span })
}
