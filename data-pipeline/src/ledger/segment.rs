//! Some steps of a phase in one Parquet file.
//!
//! The file says of itself what it should hold: its name tells the steps, its metadata its own hash. The
//! latter is taken with zeros in its place, so that any byte that changes is noticed, before a reader of
//! Parquet stumbles over it.

use super::{Entry, LedgerRow};
use crate::durable;
use crate::error::Error;
use crate::shard::RowSource;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float32Array, Int32Array, RecordBatch,
    StringArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Float32Type, Int32Type, UInt32Type, UInt64Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The metadata's name for the hash of the file.
const KEY: &str = "knowcoder.sha256";

/// What the hash stands behind.
const MARK: &str = "knowcoder-sha256:";

/// Characters of a hash.
const DIGITS: usize = 64;

/// A file and the steps that its name promises, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) path: PathBuf,
}

/// Writes rows, which must be ordered by step and slot, as one segment in the directory `dir`.
pub fn write(dir: &Path, entries: &[Entry]) -> Result<(), Error> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
    let path = dir.join(format!("{:06}-{:06}.parquet", first.row.step + 1, last.row.step + 1));
    let failed = |error: ParquetError| {
        let source = std::io::Error::other(error);
        Error::Write { path: path.clone(), source }
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let batch = batch(entries).map_err(|error| failed(error.into()))?;
    // In memory first: a segment has a few dozen bytes a row.
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    let zeros = format!("{MARK}{}", "0".repeat(DIGITS));
    writer.append_key_value_metadata(KeyValue::new(KEY.to_owned(), zeros));
    let mut bytes = writer.into_inner().map_err(failed)?;
    let hash = sha256(&bytes);
    if let Some(place) = place_of_hash(&bytes) {
        bytes[place].copy_from_slice(hash.as_bytes());
    }
    durable::write(&path, &bytes)
}

/// The segments in `dir`, by their first step; none where there is no such directory.
pub(super) fn list(dir: &Path) -> Result<Vec<Segment>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::read(dir)(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::read(dir))?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            segments.push(Segment::of(path)?);
        }
    }
    segments.sort();
    Ok(segments)
}

impl Segment {
    fn of(path: PathBuf) -> Result<Self, Error> {
        let steps = path.file_stem().and_then(|stem| stem.to_str()?.split_once('-'));
        let number = |text: &str| text.parse::<usize>().ok();
        match steps.map(|(first, last)| (number(first), number(last))) {
            Some((Some(first), Some(last))) if 1 <= first && first <= last => {
                Ok(Self { first, last, path })
            }
            _ => Err(Error::corrupt(
                &path,
                "is not called FIRST-LAST.parquet as segments of a ledger are; move it elsewhere",
            )),
        }
    }

    /// The name, for sentences.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The rows, if the file is the one that was written.
    pub(super) fn read(&self) -> Result<Vec<Entry>, Error> {
        self.verify()?;
        let torn = |error: &dyn std::fmt::Display| {
            Error::corrupt(&self.path, format!("not a readable segment of a ledger: {error}"))
        };
        let file = File::open(&self.path).map_err(Error::read(&self.path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|it| torn(&it))?;
        let mut entries = Vec::new();
        for batch in builder.build().map_err(|error| torn(&error))? {
            let batch = batch.map_err(|error| torn(&error))?;
            Columns { batch: &batch, path: &self.path }.read(&mut entries)?;
        }
        let steps = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.row.step + 1);
        let (first, last) = (steps(entries.first()), steps(entries.last()));
        if (first, last) != (self.first, self.last) {
            return Err(Error::corrupt(
                &self.path,
                format!("holds steps {first} to {last}, which is not what its name says"),
            ));
        }
        Ok(entries)
    }

    /// Holds the file against the hash that it carries.
    fn verify(&self) -> Result<(), Error> {
        let mut bytes = std::fs::read(&self.path).map_err(Error::read(&self.path))?;
        let mut expected = "no hash".to_owned();
        if let Some(place) = place_of_hash(&bytes) {
            expected = String::from_utf8_lossy(&bytes[place.clone()]).into_owned();
            bytes[place].fill(b'0');
        }
        let found = sha256(&bytes);
        if found == expected {
            return Ok(());
        }
        let message = format!(
            "the segment is torn or changed after it was written: its hash is {found}, it says {expected}"
        );
        Err(Error::corrupt(&self.path, message))
    }
}

/// Where the hash stands, near the end of the file.
fn place_of_hash(bytes: &[u8]) -> Option<Range<usize>> {
    let mark = MARK.as_bytes();
    let start = bytes.windows(mark.len()).rposition(|window| window == mark)? + mark.len();
    let place = start..start + DIGITS;
    (place.end <= bytes.len()).then_some(place)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn batch(entries: &[Entry]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let number = |get: fn(&LedgerRow) -> usize| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(entries.iter().map(|it| get(&it.row) as u32)))
    };
    let text = |get: fn(&RowSource) -> &str| -> ArrayRef {
        let names = entries.iter().map(|entry| get(&entry.source));
        Arc::new(names.collect::<DictionaryArray<Int32Type>>())
    };
    let rows = || entries.iter().map(|entry| &entry.row);
    let sample: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.sample)));
    let loss: ArrayRef = Arc::new(Float32Array::from_iter_values(rows().map(|row| row.loss)));
    let applied: Vec<bool> = rows().map(|row| row.applied).collect();
    RecordBatch::try_from_iter([
        // From 1, as everywhere that a person reads it.
        ("step", number(|row| row.step + 1)),
        ("slot", number(|row| row.slot)),
        ("row", number(|row| row.row)),
        ("sample", sample),
        ("tokens", number(|row| row.tokens as usize)),
        ("loss", loss),
        ("applied", Arc::new(BooleanArray::from(applied)) as ArrayRef),
        ("dataset", text(|source| &source.dataset)),
        ("language", text(|source| &source.language)),
        ("task", text(|source| &source.task)),
    ])
}

/// The columns of a batch, by name and type.
struct Columns<'a> {
    batch: &'a RecordBatch,
    path: &'a Path,
}

impl Columns<'_> {
    fn read(&self, entries: &mut Vec<Entry>) -> Result<(), Error> {
        let (steps, slots) = (self.numbers("step")?, self.numbers("slot")?);
        let (rows, tokens) = (self.numbers("row")?, self.numbers("tokens")?);
        let samples = self.column("sample")?.as_primitive_opt::<UInt64Type>();
        let samples = samples.ok_or_else(|| self.wrong("sample"))?;
        let losses = self.column("loss")?.as_primitive_opt::<Float32Type>();
        let losses = losses.ok_or_else(|| self.wrong("loss"))?;
        let applied = self.column("applied")?.as_boolean_opt();
        let applied = applied.ok_or_else(|| self.wrong("applied"))?;
        let (datasets, languages) = (self.names("dataset")?, self.names("language")?);
        let tasks = self.names("task")?;
        let mut known: BTreeSet<Arc<RowSource>> = BTreeSet::new();
        for place in 0..self.batch.num_rows() {
            let step = steps.value(place).checked_sub(1).ok_or_else(|| self.wrong("step"))?;
            let source = RowSource {
                dataset: datasets.at(place).to_owned(),
                language: languages.at(place).to_owned(),
                task: tasks.at(place).to_owned(),
            };
            let source = known.get(&source).cloned().unwrap_or_else(|| {
                let source = Arc::new(source);
                known.insert(source.clone());
                source
            });
            let row = LedgerRow {
                step: step as usize,
                slot: slots.value(place) as usize,
                row: rows.value(place) as usize,
                sample: samples.value(place),
                tokens: tokens.value(place),
                loss: losses.value(place),
                applied: applied.value(place),
            };
            entries.push(Entry { row, source });
        }
        Ok(())
    }

    fn column(&self, name: &str) -> Result<&dyn Array, Error> {
        let column = self.batch.column_by_name(name);
        let column = column.filter(|column| column.null_count() == 0);
        column.map(|column| column.as_ref()).ok_or_else(|| self.wrong(name))
    }

    fn numbers(&self, name: &str) -> Result<&UInt32Array, Error> {
        self.column(name)?.as_primitive_opt::<UInt32Type>().ok_or_else(|| self.wrong(name))
    }

    fn names(&self, name: &str) -> Result<Names<'_>, Error> {
        let column = self.column(name)?.as_dictionary_opt::<Int32Type>();
        let column = column.ok_or_else(|| self.wrong(name))?;
        let words = column.values().as_string_opt().ok_or_else(|| self.wrong(name))?;
        Ok(Names { keys: column.keys(), words })
    }

    fn wrong(&self, name: &str) -> Error {
        let message = format!("column `{name}` is missing, of another type or has gaps");
        Error::corrupt(self.path, message)
    }
}

/// A column of names.
struct Names<'a> {
    keys: &'a Int32Array,
    words: &'a StringArray,
}

impl Names<'_> {
    fn at(&self, place: usize) -> &str {
        self.words.value(self.keys.value(place) as usize)
    }
}
