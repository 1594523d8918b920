//! Where a mention stands: offsets or a surface become characters of the text.

use super::document::{Document, Range};
use super::options::{End, Locate, Mention, Options, Unit};
use super::route::{Field, Found, kind_of, scalar};
use crate::corpus::row::Place;
use serde_json::Value;

/// What an item says of one mention.
#[derive(Clone, Debug)]
pub(crate) enum Spot {
    /// It stands here.
    At(Place),
    /// It is in several pieces, which a sentence cannot hold.
    Pieces,
}

/// The mentions of `item`; `label` is for errors.
pub(crate) fn spots(
    mention: &Mention,
    item: &Found<'_>,
    document: &Document,
    options: &Options,
    label: &str,
) -> Result<Vec<Spot>, String> {
    let found = match &mention.start {
        Some(start) => by_offset(start, mention, item, document, options),
        None => by_surface(mention, item, document, options.locate),
    };
    found.map_err(|fault| format!("`{label}`: {fault}"))
}

fn by_offset(
    start: &Field,
    mention: &Mention,
    item: &Found<'_>,
    document: &Document,
    options: &Options,
) -> Result<Vec<Spot>, String> {
    let starts = start.values(item)?;
    let count = starts.len();
    let ends = in_step(&mention.end, item, count, "ends")?;
    let surfaces = in_step(&mention.surface, item, count, "surfaces")?;
    let base = match sentence_of(mention, item)? {
        Some(index) => document.base(index, options.unit())?,
        None => 0,
    };
    let mut spots = Vec::with_capacity(count);
    for (index, start) in starts.iter().enumerate() {
        let Some(start) = only(start)? else {
            spots.push(Spot::Pieces);
            continue;
        };
        let start = number(start, "start")?;
        let end = match value_at(&ends, index)? {
            Some(end) => Some(number(end, "end")?),
            None => None,
        };
        let surface = match value_at(&surfaces, index)? {
            Some(surface) => Some(text(surface)?),
            None => None,
        };
        let unit = options.unit();
        let end = past(start, end, surface.as_deref(), unit, options.end_is)?;
        let far = || format!("{start} and {end} are behind any text");
        let moved = start.checked_add(base).zip(end.checked_add(base)).ok_or_else(far)?;
        spots.push(Spot::At(held(document, document.characters(moved, unit)?, surface)?));
    }
    Ok(spots)
}

/// One past the last: as the file gives it, or as the length of the surface says.
fn past(
    start: usize,
    end: Option<usize>,
    surface: Option<&str>,
    unit: Unit,
    end_is: End,
) -> Result<usize, String> {
    let length = match (end, surface, unit) {
        (None, None, Unit::Character | Unit::Byte) => {
            return Err(format!("it starts at {start}, but has neither an end nor a surface"));
        }
        (Some(end), _, _) => {
            let more = usize::from(end_is == End::Inclusive);
            return end.checked_add(more).ok_or_else(|| format!("{end} is behind any text"));
        }
        (None, _, Unit::Token) => 1,
        (None, Some(surface), Unit::Character) => surface.chars().count(),
        (None, Some(surface), Unit::Byte) => surface.len(),
    };
    start.checked_add(length).ok_or_else(|| format!("{start} is behind any text"))
}

/// A place whose surface, if the file gives one, is what the text holds there.
fn held(document: &Document, range: Range, surface: Option<String>) -> Result<Place, String> {
    let (start, end) = range;
    match surface {
        Some(surface) if surface != document.slice(range) => {
            let text = document.slice(range);
            Err(format!("characters {start}..{end} read `{text}`, but the row says `{surface}`"))
        }
        surface => Ok(Place { start, end, surface }),
    }
}

fn by_surface(
    mention: &Mention,
    item: &Found<'_>,
    document: &Document,
    locate: Locate,
) -> Result<Vec<Spot>, String> {
    let Some(surfaces) = &mention.surface else { return Ok(Vec::new()) };
    let within = match sentence_of(mention, item)? {
        Some(index) => document.sentence(index)?,
        None => (0, document.len()),
    };
    let mut spots = Vec::new();
    for surface in surfaces.values(item)? {
        let Some(surface) = only(&surface)? else {
            spots.push(Spot::Pieces);
            continue;
        };
        let surface = text(surface)?;
        let mut places = document.find(&surface, within);
        if places.is_empty() {
            return Err(format!("`{surface}` is not in the text"));
        }
        if locate == Locate::First {
            places.truncate(1);
        }
        spots.extend(places.into_iter().map(|(start, end)| Spot::At(Place::at(start, end))));
    }
    Ok(spots)
}

/// The sentence that an item's offsets are counted in, if it names one.
fn sentence_of(mention: &Mention, item: &Found<'_>) -> Result<Option<usize>, String> {
    let Some(field) = &mention.sentence else { return Ok(None) };
    let index = field.text(item)?;
    index.parse().map(Some).map_err(|_| format!("`{index}` is no number of a sentence"))
}

/// The values of a field that has as many as there are starts, or none at all.
fn in_step(
    field: &Option<Field>,
    item: &Found<'_>,
    count: usize,
    what: &str,
) -> Result<Option<Vec<Value>>, String> {
    let Some(field) = field else { return Ok(None) };
    let values = field.values(item)?;
    // A path that ends with `?` may lead nowhere.
    if values.is_empty() {
        return Ok(None);
    }
    if values.len() != count {
        return Err(format!("{count} starts, but {} {what}", values.len()));
    }
    Ok(Some(values))
}

/// The value beside the start with this index.
fn value_at(values: &Option<Vec<Value>>, index: usize) -> Result<Option<&Value>, String> {
    let Some(value) = values.as_ref().and_then(|values| values.get(index)) else { return Ok(None) };
    match only(value)? {
        Some(value) => Ok(Some(value)),
        None => Err("it is in one piece and in several at once".into()),
    }
}

/// A value itself, or the one item of a list; none for a list of several, which are pieces.
fn only(value: &Value) -> Result<Option<&Value>, String> {
    match value {
        Value::Array(pieces) => match pieces.as_slice() {
            [] => Err("a list of pieces is empty".into()),
            [piece] => Ok(Some(piece)),
            _ => Ok(None),
        },
        value => Ok(Some(value)),
    }
}

/// An offset; some corpora write numbers as texts.
fn number(value: &Value, what: &str) -> Result<usize, String> {
    let written = scalar(value).ok_or_else(|| format!("the {what} is {}", kind_of(value)))?;
    written.parse().map_err(|_| format!("the {what} `{written}` is no position"))
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(format!("the surface is {}, expected a text", kind_of(other))),
    }
}
