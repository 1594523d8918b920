//! SpERT's JSON: an array of tokens, entities over tokens, and relations between entities.

use super::columns::joined;
use super::json::{Values, without_place};
use super::row::{Annotated, Labelled, Linked, Place, Row};
use super::stream::Take;
use crate::Error;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// One item of the array.
#[derive(Deserialize)]
struct Item {
    tokens: Vec<String>,
    entities: Vec<TokenEntity>,
    #[serde(default)]
    relations: Vec<TokenRelation>,
}

/// An entity over tokens, end exclusive.
#[derive(Deserialize)]
struct TokenEntity {
    r#type: String,
    start: usize,
    end: usize,
}

/// A relation between two items of `entities`.
#[derive(Deserialize)]
struct TokenRelation {
    r#type: String,
    head: usize,
    tail: usize,
}

/// The sentences of a file.
pub(crate) fn each(path: &Path, take: Take<'_>) -> Result<(), Error> {
    Values::array(path)?
        .map(|value| {
            let (line, value) = value?;
            let id = match value.get("orig_id") {
                Some(Value::String(id)) => Some(id.clone()),
                Some(Value::Number(id)) => Some(id.to_string()),
                _ => None,
            };
            // The whole file may be one line: the id is what finds the item again.
            let content = annotated(value).map_err(|message| match &id {
                Some(id) => format!("item {id}: {message}"),
                None => message,
            });
            Ok(Row::of(path, line, id, content))
        })
        .try_for_each(|row| take(row?))
}

fn annotated(value: Value) -> Result<Annotated, String> {
    let item: Item = serde_json::from_value(value).map_err(|error| without_place(&error))?;
    if item.tokens.iter().any(String::is_empty) {
        return Err("a token is empty".into());
    }
    let (text, places) = joined(item.tokens.iter().map(String::as_str), " ");
    let mut entities = Vec::with_capacity(item.entities.len());
    for TokenEntity { r#type, start, end } in item.entities {
        if start >= end || end > places.len() {
            let count = places.len();
            return Err(format!("the entity at tokens {start}..{end} is not in {count} tokens"));
        }
        let place = Place::at(places[start].0, places[end - 1].1);
        entities.push(Labelled { label: Some(r#type), place });
    }
    let relations = item
        .relations
        .into_iter()
        .map(|relation| Linked { label: relation.r#type, head: relation.head, tail: relation.tail })
        .collect();
    Ok(Annotated { text, entities, relations, ..Annotated::default() })
}
