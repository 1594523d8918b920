//! What a declaration asks of a record: one text, or a value for each mention.

use super::route::{Found, Route, item_at, kind_of, scalar};
use serde::Deserialize;
use serde_json::Value;

/// What a declaration asks of a record: a way to values, `@1`, or a `=constant`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Field {
    /// The same in every record.
    Constant(String),
    /// What a `*` stood for: the first is 1, the last -1.
    Star(isize),
    /// What stands in the record.
    At(Route),
    /// Several of them, and what stands between: `{type}:{subtype}`.
    Joined(Vec<Part>),
}

/// A text, and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    text: String,
    route: Option<Route>,
}

impl Field {
    /// What `item` says.
    pub(crate) fn values(&self, item: &Found<'_>) -> Result<Vec<Value>, String> {
        match self {
            Self::Constant(text) => Ok(vec![Value::from(text.as_str())]),
            Self::Star(number) => match item_at(*number, &item.stars) {
                Some(star) => Ok(vec![Value::from(star.as_str())]),
                None => {
                    let count = item.stars.len();
                    Err(format!("`@{number}` is asked for, but the way here has {count} `*`"))
                }
            },
            Self::At(route) => {
                Ok(route.select(item)?.into_iter().map(|found| found.value.clone()).collect())
            }
            Self::Joined(parts) => {
                let mut text = String::new();
                for part in parts {
                    text += &part.text;
                    if let Some(route) = &part.route {
                        // What may be missing is empty.
                        match route.select(item)?.as_slice() {
                            [] => {}
                            [found] => text += &single(route, found.value)?,
                            several => return Err(too_many(route.written(), several.len())),
                        }
                    }
                }
                Ok(vec![Value::from(text)])
            }
        }
    }

    /// The one text or number that `item` says.
    pub(crate) fn text(&self, item: &Found<'_>) -> Result<String, String> {
        let values = self.values(item)?;
        let written = match self {
            Self::Constant(text) => text.clone(),
            Self::Star(number) => format!("@{number}"),
            Self::At(route) => route.written().to_owned(),
            Self::Joined(_) => "a text of several fields".to_owned(),
        };
        match values.as_slice() {
            [value] => scalar(value).ok_or_else(|| {
                format!("`{written}` is {}, expected a text or a number", kind_of(value))
            }),
            _ => Err(format!("`{written}` leads to {} values, expected one", values.len())),
        }
    }
}

/// The text or number that a route led to.
fn single(route: &Route, value: &Value) -> Result<String, String> {
    let written = route.written();
    scalar(value)
        .ok_or_else(|| format!("`{written}` is {}, expected a text or a number", kind_of(value)))
}

fn too_many(written: &str, count: usize) -> String {
    format!("`{written}` leads to {count} values, expected one")
}

/// The parts of `{type}:{subtype}`.
fn joined(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once('{') {
        let (route, behind) =
            inside.split_once('}').ok_or_else(|| format!("a `{{` of `{text}` is not closed"))?;
        let route = Some(Route::try_from(route.to_owned())?);
        parts.push(Part { text: before.to_owned(), route });
        rest = behind;
    }
    parts.push(Part { text: rest.to_owned(), route: None });
    Ok(parts)
}

impl TryFrom<String> for Field {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(constant) = text.strip_prefix('=') {
            return match constant {
                "" => Err("nothing follows the `=` of a constant".into()),
                _ => Ok(Self::Constant(constant.to_owned())),
            };
        }
        if text.contains('{') && text.contains('}') && !text.contains('"') {
            return Ok(Self::Joined(joined(&text)?));
        }
        // `@1` is a `*`, `@ID` an attribute.
        let star = text.strip_prefix('@').filter(|rest| {
            rest.chars().next().is_none_or(|first| first == '-' || first.is_ascii_digit())
        });
        match star.map(str::parse::<isize>) {
            None => Route::try_from(text).map(Self::At),
            Some(Ok(number)) if number != 0 => Ok(Self::Star(number)),
            Some(_) => {
                Err(format!("`{text}` is no number of a `*`: the first is @1, the last @-1"))
            }
        }
    }
}
