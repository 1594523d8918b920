//! CLUENER's layout: JSON objects one after another, surfaces under their label with offsets.

use super::json::{Values, without_place};
use super::row::{Annotated, Labelled, Place, Row};
use super::stream::Take;
use crate::Error;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a declaration says about the offsets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Whether the end offset is the last character or one past it.
    end: End,
}

/// What an end offset names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum End {
    /// The last character, as in CLUENER.
    #[default]
    Inclusive,
    /// One past the last character.
    Exclusive,
}

/// One object of the stream.
#[derive(Deserialize)]
struct Object {
    text: String,
    label: BTreeMap<String, BTreeMap<String, Vec<(usize, usize)>>>,
}

/// The sentences of a file.
pub(crate) fn each(path: &Path, options: &Options, take: Take<'_>) -> Result<(), Error> {
    for value in Values::stream(path)? {
        let (line, value) = value?;
        take(Row::of(path, line, None, annotated(value, options.end)))?;
    }
    Ok(())
}

fn annotated(value: Value, end: End) -> Result<Annotated, String> {
    let object: Object = serde_json::from_value(value).map_err(|error| without_place(&error))?;
    let past = usize::from(end == End::Inclusive);
    let mut entities = Vec::new();
    for (label, surfaces) in object.label {
        for (surface, spans) in surfaces {
            for (start, end) in spans {
                let end = end
                    .checked_add(past)
                    .ok_or_else(|| format!("`{surface}` ends at {end}, behind any text"))?;
                let place = Place { surface: Some(surface.clone()), ..Place::at(start, end) };
                entities.push(Labelled { label: Some(label.clone()), place });
            }
        }
    }
    Ok(Annotated { text: object.text, entities, ..Annotated::default() })
}
