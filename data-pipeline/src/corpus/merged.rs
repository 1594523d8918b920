//! Rows of one sentence, wherever in a file they stand, become one.
//!
//! A corpus may say what it knows of a sentence in several records, and nobody promises that they
//! stand together. So a file is passed twice: first its records only say which sentence they are
//! about; then the rows are made in the order in which their sentences come first, of records that
//! are read again from where they stand. What is held between is some twenty bytes a record.

use super::json::{Extent, Values};
use super::records::{Container, second_value};
use super::row::Row;
use super::source::{Ends, Pieces, Source, piece_size};
use super::stream::{self, Take};
use crate::Error;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Rows that are made at once on one core.
const BATCH: usize = 256;

/// How records follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One a line.
    Lines,
    /// Lines with blank lines between.
    Blocks,
    /// As values of JSON.
    Values(Container),
}

/// What records say. A record may have several parts, each about a sentence.
pub(crate) trait Records: Sync {
    /// The sentence of each part; none of a part that is a row of its own, as it does not fit.
    fn sentences(&self, record: &str) -> Vec<Option<String>>;

    /// The row of parts that are about one sentence, in their order.
    fn row(&self, path: &Path, parts: &[Part]) -> Option<Row>;
}

/// A part of a record.
pub(crate) struct Part {
    /// The line on which the record begins.
    pub line: usize,
    /// The record.
    pub record: String,
    /// Which part of it.
    pub number: usize,
}

/// Where a part stands.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    length: usize,
    line: u32,
    number: u32,
}

/// The parts of every row.
#[derive(Default)]
struct Index {
    /// The first part of each.
    first: Vec<Place>,
    /// The others, with the number of their row.
    more: Vec<(u32, Place)>,
}

/// What tells a sentence from others.
type Key = (u64, u64);

/// A record's line, its place and the keys of its parts.
type Keyed = (usize, Extent, Vec<Option<Key>>);

/// A record with its line and its place in the file.
type Record = (usize, Extent, String);

/// Hands on the rows of the file at `path`.
pub(crate) fn each(
    path: &Path,
    layout: Layout,
    records: &impl Records,
    take: Take<'_>,
) -> Result<(), Error> {
    let index = index(path, layout, records)?;
    let file = File::open(path).map_err(Error::read(path))?;
    let row = |places: &Vec<Place>| -> Result<Option<Row>, Error> {
        let part = |place: &Place| {
            let mut bytes = vec![0; place.length];
            file.read_exact_at(&mut bytes, place.offset).map_err(Error::read(path))?;
            let record = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Part { line: place.line as usize, record, number: place.number as usize })
        };
        let parts = places.iter().map(part).collect::<Result<Vec<_>, Error>>()?;
        Ok(records.row(path, &parts))
    };
    stream::in_order(
        index.batches().map(Ok),
        |batch: &Vec<Vec<Place>>| batch.iter().map(row).collect::<Vec<_>>(),
        |rows| rows.into_iter().try_for_each(|row| row?.map_or(Ok(()), &mut *take)),
    )
}

impl Index {
    /// The places of every row, some rows at once.
    fn batches(&self) -> impl Iterator<Item = Vec<Vec<Place>>> {
        let mut more = self.more.iter().peekable();
        let mut number = 0;
        let mut rows = self.first.iter().map(move |first| {
            let mut places = vec![*first];
            while let Some((_, place)) = more.next_if(|(row, _)| *row == number) {
                places.push(*place);
            }
            number += 1;
            places
        });
        std::iter::from_fn(move || {
            let batch: Vec<Vec<Place>> = rows.by_ref().take(BATCH).collect();
            (!batch.is_empty()).then_some(batch)
        })
    }
}

/// Passes the file for the first time.
fn index(path: &Path, layout: Layout, records: &impl Records) -> Result<Index, Error> {
    let mut index = Index::default();
    // 128 bits: of a billion sentences, no two are taken for one.
    let mut known: HashMap<Key, u32> = HashMap::new();
    stream::in_order(
        batches(path, layout)?,
        |batch: &Vec<Record>| -> Vec<Keyed> {
            let keys = |(line, extent, record): &Record| {
                let sentences = records.sentences(record).into_iter();
                (*line, *extent, sentences.map(|text| text.map(|text| key(&text))).collect())
            };
            batch.iter().map(keys).collect()
        },
        |found| {
            for (line, Extent { offset, length }, keys) in found {
                for (number, key) in keys.into_iter().enumerate() {
                    let place = Place { offset, length, line: line as u32, number: number as u32 };
                    let next = index.first.len() as u32;
                    match key.map_or(next, |key| *known.entry(key).or_insert(next)) {
                        row if row == next => index.first.push(place),
                        row => index.more.push((row, place)),
                    }
                }
            }
            Ok(())
        },
    )?;
    // Stable: the parts of a row keep the order of the file.
    index.more.sort_by_key(|(row, _)| *row);
    Ok(index)
}

fn key(text: &str) -> Key {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    (hasher.hash_one(text), hasher.hash_one((text, 1)))
}

type Batches = Box<dyn Iterator<Item = Result<Vec<Record>, Error>>>;

/// The records of a file, some at once.
fn batches(path: &Path, layout: Layout) -> Result<Batches, Error> {
    Ok(match layout {
        Layout::Lines => Box::new(Pieces::open(path, Ends::Line)?.map(|piece| Ok(lines(&piece?)))),
        Layout::Blocks => {
            Box::new(Pieces::open(path, Ends::Blank)?.map(|piece| Ok(blocks(&piece?))))
        }
        Layout::Values(Container::Lines) => return batches(path, Layout::Lines),
        Layout::Values(container) => Box::new(values(path, container)?),
    })
}

/// The lines of a piece that say something.
fn lines(piece: &Source) -> Vec<Record> {
    let mut offset = piece.offset;
    let mut found = Vec::new();
    for (index, whole) in piece.text.split_inclusive('\n').enumerate() {
        let line = whole.lines().next().unwrap_or_default();
        if !line.trim().is_empty() {
            let extent = Extent { offset, length: line.len() };
            found.push((piece.before + index + 1, extent, line.to_owned()));
        }
        offset += whole.len() as u64;
    }
    found
}

/// Lines of a piece with no blank one between them, as one record.
fn blocks(piece: &Source) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    for (line, extent, text) in lines(piece) {
        match found.last_mut() {
            Some((first, block, lines)) if *first + lines.lines().count() == line => {
                block.length = (extent.offset - block.offset) as usize + extent.length;
                lines.push('\n');
                lines.push_str(&text);
            }
            _ => found.push((line, extent, text)),
        }
    }
    found
}

/// The values of a file, as many at once as a piece holds.
fn values(
    path: &Path,
    container: Container,
) -> Result<impl Iterator<Item = Result<Vec<Record>, Error>> + use<>, Error> {
    let mut values = match container {
        Container::Array => Values::array(path)?,
        _ => Values::stream(path)?,
    };
    let path = path.to_owned();
    let (mut count, mut fault) = (0, None);
    Ok(std::iter::from_fn(move || {
        let (mut batch, mut size) = (Vec::new(), 0);
        while fault.is_none() && size < piece_size() {
            match values.placed() {
                Some(Ok((line, _, _))) if container == Container::Object && count > 0 => {
                    fault = Some(Some(second_value(&path, line)));
                }
                Some(Ok((line, extent, value))) => {
                    (count, size) = (count + 1, size + extent.length);
                    batch.push((line, extent, value.to_string()));
                }
                Some(Err(error)) => fault = Some(Some(error)),
                None => fault = Some(None),
            }
        }
        match batch.is_empty() {
            false => Some(Ok(batch)),
            true => fault.as_mut().and_then(Option::take).map(Err),
        }
    }))
}
