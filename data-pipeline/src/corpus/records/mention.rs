//! Where a mention stands: offsets or a surface become characters of the text.

use super::document::{Document, Range};
use super::field::Field;
use super::options::{End, Locate, Mention, Options, Unit};
use super::route::{Found, kind_of, scalar};
use crate::corpus::locate;
use crate::corpus::row::Place;
use serde_json::Value;

/// The mentions of `item`; `label` is for errors.
pub(crate) fn spots(
    mention: &Mention,
    item: &Found<'_>,
    document: &Document,
    options: &Options,
    label: &str,
) -> Result<Vec<Place>, String> {
    let found = match &mention.start {
        Some(start) if mention.pieces.is_some() => {
            in_pieces(start, mention, item, document, options)
        }
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
) -> Result<Vec<Place>, String> {
    let starts = start.values(item)?;
    let count = starts.len();
    let ends = in_step(&mention.end, item, count, "ends")?;
    let lengths = in_step(&mention.length, item, count, "lengths")?;
    let surfaces = in_step(&mention.surface, item, count, "surfaces")?;
    let base = match sentence_of(mention, item)? {
        Some(index) => document.base(index, options.unit())?,
        None => 0,
    };
    let mut spots = Vec::with_capacity(count);
    for (index, start) in starts.iter().enumerate() {
        // A list in place of a value is a mention in pieces.
        let starts = listed(start)?;
        let beside = |values: &Option<Vec<Value>>, what: &str| match values {
            Some(values) => listed_in_step(&values[index], starts.len(), what).map(Some),
            None => Ok(None),
        };
        let ends = beside(&ends, "ends")?;
        let lengths = beside(&lengths, "lengths")?;
        let surface = surfaces.as_ref().map(|surfaces| &surfaces[index]);
        let (surfaces, whole) = surfaces_of(surface, starts.len())?;
        let mut pieces = Vec::with_capacity(starts.len());
        for (index, start) in starts.iter().enumerate() {
            let of = |values: &Option<Vec<Value>>| Some(values.as_ref()?[index].clone());
            let (end, length) = (of(&ends), of(&lengths));
            let said = Said::new(start, end.as_ref(), length.as_ref(), of(&surfaces).as_ref())?;
            pieces.push(piece(&said, base, document, options)?);
        }
        spots.extend(one_of(pieces, whole, document));
    }
    Ok(spots)
}

/// The one mention whose pieces an item lists.
fn in_pieces(
    start: &Field,
    mention: &Mention,
    item: &Found<'_>,
    document: &Document,
    options: &Options,
) -> Result<Vec<Place>, String> {
    let Some(route) = &mention.pieces else { return Ok(Vec::new()) };
    let found = route.select(item)?;
    // Several values are the surfaces of as many pieces, as one list of them is.
    let surface = match &mention.surface {
        Some(surface) => match surface.values(item)? {
            values if values.is_empty() => None,
            mut values if values.len() == 1 => values.pop(),
            values => Some(Value::Array(values)),
        },
        None => None,
    };
    let (surfaces, whole) = surfaces_of(surface.as_ref(), found.len())?;
    let base = match sentence_of(mention, item)? {
        Some(index) => document.base(index, options.unit())?,
        None => 0,
    };
    let one = |field: &Option<Field>, from: &Found<'_>| match field {
        Some(field) => field.text(from).map(|text| Some(Value::from(text))),
        None => Ok(None),
    };
    let mut pieces = Vec::with_capacity(found.len());
    for (index, from) in found.iter().enumerate() {
        let start = Value::from(start.text(from)?);
        let (end, length) = (one(&mention.end, from)?, one(&mention.length, from)?);
        let surface = surfaces.as_ref().map(|surfaces| &surfaces[index]);
        let said = Said::new(&start, end.as_ref(), length.as_ref(), surface)?;
        pieces.push(piece(&said, base, document, options)?);
    }
    Ok(one_of(pieces, whole, document).into_iter().collect())
}

/// What an item says of one piece.
struct Said {
    start: usize,
    end: Option<usize>,
    length: Option<usize>,
    surface: Option<String>,
}

impl Said {
    fn new(
        start: &Value,
        end: Option<&Value>,
        length: Option<&Value>,
        surface: Option<&Value>,
    ) -> Result<Self, String> {
        let said = |value: Option<&Value>, what| value.map(|it| number(it, what)).transpose();
        Ok(Self {
            start: number(start, "start")?,
            end: said(end, "end")?,
            length: said(length, "length")?,
            surface: surface.map(text).transpose()?,
        })
    }
}

/// Where a piece stands, its surface held against the text.
fn piece(
    said: &Said,
    base: usize,
    document: &Document,
    options: &Options,
) -> Result<Place, String> {
    let unit = options.unit();
    let (start, end) = (said.start, past(said, unit, options.end_is)?);
    let far = || format!("{start} and {end} are behind any text");
    let moved = start.checked_add(base).zip(end.checked_add(base)).ok_or_else(far)?;
    held(document, document.characters(moved, unit)?, said.surface.clone(), options.is_wrapped)
}

/// The surfaces of each piece, or that of the whole mention.
fn surfaces_of(
    surface: Option<&Value>,
    count: usize,
) -> Result<(Option<Vec<Value>>, Option<String>), String> {
    match surface {
        None => Ok((None, None)),
        Some(Value::String(whole)) if count > 1 => Ok((None, Some(whole.clone()))),
        Some(surfaces) => Ok((Some(listed_in_step(surfaces, count, "surfaces")?), None)),
    }
}

/// The mention that has these pieces; the surface of one piece is that of the mention.
fn one_of(mut pieces: Vec<Place>, whole: Option<String>, document: &Document) -> Option<Place> {
    if pieces.len() == 1 {
        return pieces.pop();
    }
    let pieces = pieces.iter().map(|piece| (piece.start, piece.end)).collect();
    let place = Place::of_pieces(pieces, |between| document.slice(between).trim().is_empty())?;
    Some(Place { surface: whole, ..place })
}

/// One past the last: as the file gives it, or as the length of the surface says.
fn past(said: &Said, unit: Unit, end_is: End) -> Result<usize, String> {
    let Said { start, end, length, surface } = said;
    if let Some(length) = length {
        return start.checked_add(*length).ok_or_else(|| format!("{start} is behind any text"));
    }
    let length = match (end, surface, unit) {
        (None, None, Unit::Character | Unit::Byte) => {
            return Err(format!("it starts at {start}, but has neither an end nor a surface"));
        }
        (Some(end), ..) => {
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
fn held(
    document: &Document,
    range: Range,
    surface: Option<String>,
    is_wrapped: bool,
) -> Result<Place, String> {
    let (start, end) = range;
    let words =
        |surface: &String| surface.split_whitespace().eq(document.slice(range).split_whitespace());
    match surface {
        Some(surface) if is_wrapped && words(&surface) => Ok(Place::at(start, end)),
        Some(surface) if surface != document.slice(range) => {
            let text = document.slice(range);
            Err(format!("characters {start}..{end} read `{text}`, but the row says `{surface}`"))
        }
        surface => Ok(Place { surface, ..Place::at(start, end) }),
    }
}

fn by_surface(
    mention: &Mention,
    item: &Found<'_>,
    document: &Document,
    locate: Locate,
) -> Result<Vec<Place>, String> {
    let Some(surfaces) = &mention.surface else { return Ok(Vec::new()) };
    let within = match sentence_of(mention, item)? {
        Some(index) => document.sentence(index)?,
        None => (0, document.len()),
    };
    let mut spots = Vec::new();
    for surface in surfaces.values(item)? {
        let parts = listed(&surface)?.iter().map(text).collect::<Result<Vec<_>, String>>()?;
        if parts.len() > 1 {
            spots.push(in_order(&parts, document, within)?);
            continue;
        }
        let surface = parts.concat();
        let mut places = document.find(&surface, within);
        if places.is_empty() {
            return Err(format!("`{surface}` is not in the text"));
        }
        if locate == Locate::First {
            places.truncate(1);
        }
        spots.extend(places.into_iter().map(|(start, end)| Place::at(start, end)));
    }
    Ok(spots)
}

/// Where the text has the surfaces of a mention in pieces.
fn in_order(parts: &[String], document: &Document, within: Range) -> Result<Place, String> {
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    let found = locate::in_order(document.slice(within), &words, |_| true).and_then(|pieces| {
        let moved = pieces.into_iter().map(|(from, to)| (from + within.0, to + within.0)).collect();
        Place::of_pieces(moved, |between| document.slice(between).trim().is_empty())
    });
    found.ok_or_else(|| format!("`{}` are not in the text in this order", parts.join("`, `")))
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

/// The values of as many pieces as there are starts.
fn listed_in_step(value: &Value, count: usize, what: &str) -> Result<Vec<Value>, String> {
    let values = listed(value)?;
    match values.len() == count {
        true => Ok(values.to_vec()),
        false => Err(format!("{count} pieces start, but they have {} {what}", values.len())),
    }
}

/// A value itself, or the items of a list, each of a piece.
fn listed(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(pieces) if pieces.is_empty() => Err("a list of pieces is empty".into()),
        Value::Array(pieces) => Ok(pieces),
        value => Ok(std::slice::from_ref(value)),
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
