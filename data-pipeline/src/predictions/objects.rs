//! Objects as they stand in prediction files.

use crate::sentence::{Entity, Event, Instance, Mention, Relation, Span};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde::{Deserializer, Serializer};

/// Start and end of each piece, of a mention that has several.
type Pieces = Vec<(usize, usize)>;

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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Pieces,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Pieces,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Pieces,
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
                let (start, end, pieces) = ends(mention);
                let name = Some(mention.text.clone());
                Self { r#type, name, start, end, pieces, ..Self::default() }
            }
            Instance::Relation(Relation { head, tail, .. }) => Self {
                r#type,
                head: Some(Argument::from(head)),
                tail: Some(Argument::from(tail)),
                ..Self::default()
            },
            Instance::Event(Event { trigger, arguments, .. }) => {
                let (start, end, pieces) = ends(trigger);
                Self {
                    r#type,
                    trigger: Some(trigger.text.clone()),
                    start,
                    end,
                    pieces,
                    arguments: Some(arguments.iter().map(Filler::from).collect()),
                    ..Self::default()
                }
            }
        }
    }
}

impl From<&Entity> for Argument {
    fn from(entity: &Entity) -> Self {
        let (start, end, pieces) = ends(&entity.mention);
        Self { r#type: entity.class.clone(), name: entity.mention.text.clone(), start, end, pieces }
    }
}

impl From<&(String, Mention)> for Filler {
    fn from((role, mention): &(String, Mention)) -> Self {
        let (start, end, pieces) = ends(mention);
        Self { role: role.clone(), name: mention.text.clone(), start, end, pieces }
    }
}

impl Object {
    pub(super) fn instance(self) -> Result<Instance, String> {
        let Self { r#type: class, name, head, tail, trigger, start, end, pieces, arguments } = self;
        let is_placed = start.is_some() || end.is_some() || !pieces.is_empty();
        Ok(match (name, head, tail, trigger, arguments) {
            (Some(name), None, None, None, None) => {
                Instance::Entity(Entity { class, mention: mention(name, start, end, pieces)? })
            }
            (None, Some(head), Some(tail), None, None) if !is_placed => {
                let (head, tail) = (head.entity()?, tail.entity()?);
                Instance::Relation(Relation { class, head, tail })
            }
            (None, None, None, Some(trigger), arguments) => Instance::Event(Event {
                class,
                trigger: mention(trigger, start, end, pieces)?,
                arguments: arguments
                    .unwrap_or_default()
                    .into_iter()
                    .map(|filler| {
                        let Filler { role, name, start, end, pieces } = filler;
                        Ok((role, mention(name, start, end, pieces)?))
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
        let mention = mention(self.name, self.start, self.end, self.pieces)?;
        Ok(Entity { class: self.r#type, mention })
    }
}

fn ends(mention: &Mention) -> (Option<usize>, Option<usize>, Pieces) {
    let pieces = mention.pieces.iter().map(|piece| (piece.start, piece.end)).collect();
    (mention.span.map(|span| span.start), mention.span.map(|span| span.end), pieces)
}

fn mention(
    text: String,
    start: Option<usize>,
    end: Option<usize>,
    pieces: Pieces,
) -> Result<Mention, String> {
    let span = match (start, end) {
        (None, None) => None,
        (Some(start), Some(end)) if start <= end => Some(Span { start, end }),
        (Some(start), Some(end)) => {
            return Err(format!("`{text}` starts at {start}, after its end at {end}"));
        }
        (Some(_), None) => return Err(format!("`{text}` has a start and no end")),
        (None, Some(_)) => return Err(format!("`{text}` has an end and no start")),
    };
    let pieces: Vec<Span> = pieces.into_iter().map(|(start, end)| Span { start, end }).collect();
    let in_order = pieces.iter().all(|piece| piece.start < piece.end)
        && pieces.windows(2).all(|pair| pair[0].end <= pair[1].start);
    let hull = pieces.first().zip(pieces.last());
    match hull.map(|(first, last)| Span { start: first.start, end: last.end }) {
        None => Ok(Mention { span, ..Mention::surface(text) }),
        Some(_) if pieces.len() == 1 || !in_order => Err(format!(
            "the pieces of `{text}` are not two or more from left to right without overlaps"
        )),
        Some(hull) if span.is_some_and(|span| span != hull) => Err(format!(
            "the pieces of `{text}` do not begin and end where it does, at {} and {}",
            hull.start, hull.end
        )),
        Some(_) => Ok(Mention::in_pieces(text, pieces)),
    }
}
