//! Samples become Parquet files.

use super::Sample;
use crate::durable;
use crate::error::Error;
use crate::manifest::ShardFile;
use arrow::array::{ArrayRef, ListBuilder, RecordBatch, StringArray, UInt32Array, UInt32Builder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a row group, the unit of reading: small, because training reads in random order.
const ROW_GROUP: usize = 64;

/// Writes samples to one file, which is there when it is whole; without a sample there is none.
pub struct ShardWriter {
    path: PathBuf,
    open: Option<Open>,
    waiting: Vec<Sample>,
}

/// The file that is growing.
struct Open {
    path: PathBuf,
    writer: ArrowWriter<Hashed>,
    rows: usize,
}

impl ShardWriter {
    /// Writes to the file called `name` in the existing directory `dir`.
    pub fn create(dir: &Path, name: &str) -> Self {
        Self { path: dir.join(name), open: None, waiting: Vec::new() }
    }

    /// Adds a row.
    pub fn write(&mut self, sample: Sample) -> Result<(), Error> {
        self.waiting.push(sample);
        if self.waiting.len() == ROW_GROUP {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the file and gives it its name.
    pub fn finish(mut self) -> Result<Option<ShardFile>, Error> {
        self.flush()?;
        let Some(Open { path, writer, rows }) = self.open.take() else { return Ok(None) };
        let growing = durable::temporary(&path);
        let hashed = writer.into_inner().map_err(|error| failed(&growing, error))?;
        let (file, sha256) = hashed.finish().map_err(Error::write(&growing))?;
        durable::keep(&file, &path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(ShardFile { name, rows, sha256 }))
    }

    /// Writes the waiting rows as one row group.
    fn flush(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::create(self.path.clone())?),
        };
        let batch = batch(&self.waiting).map_err(|error| open.failed(error.into()))?;
        let written = open.writer.write(&batch).and_then(|()| open.writer.flush());
        written.map_err(|error| open.failed(error))?;
        open.rows += self.waiting.len();
        self.waiting.clear();
        Ok(())
    }
}

impl Open {
    fn create(path: PathBuf) -> Result<Self, Error> {
        let growing = durable::temporary(&path);
        let file = File::create(&growing).map_err(Error::write(&growing))?;
        let hashed = Hashed { file: BufWriter::new(file), hash: Sha256::new() };
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = ArrowWriter::try_new(hashed, columns(), Some(properties))
            .map_err(|error| failed(&growing, error))?;
        Ok(Self { path, writer, rows: 0 })
    }

    fn failed(&self, error: ParquetError) -> Error {
        failed(&durable::temporary(&self.path), error)
    }
}

/// A full disk reaches us inside a Parquet error.
fn failed(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => *source,
            Err(source) => std::io::Error::other(source),
        },
        error => std::io::Error::other(error),
    };
    Error::Write { path: path.to_owned(), source }
}

/// A file that hashes what is written to it.
struct Hashed {
    file: BufWriter<File>,
    hash: Sha256,
}

impl Hashed {
    fn finish(self) -> std::io::Result<(File, String)> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        let hash = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((file, hash))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn columns() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let number = |name: &str| Field::new(name, DataType::UInt32, false);
    let ids = |name: &str| {
        let item = Field::new("item", DataType::UInt32, true);
        Field::new(name, DataType::List(Arc::new(item)), false)
    };
    Arc::new(Schema::new(vec![
        text("sample_id"),
        text("dataset"),
        text("language"),
        text("task"),
        ids("prefix_ids"),
        ids("suffix_ids"),
        // The lengths repeat what the lists say, so that an order is made without reading them.
        number("prefix_length"),
        number("suffix_length"),
        number("supervised_from"),
        number("group"),
    ]))
}

fn batch(samples: &[Sample]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let text = |get: fn(&Sample) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(samples.iter().map(get)))
    };
    let number = |get: fn(&Sample) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(samples.iter().map(get)))
    };
    let ids = |get: fn(&Sample) -> &[u32]| -> ArrayRef {
        let mut list = ListBuilder::new(UInt32Builder::new());
        for sample in samples {
            list.values().append_slice(get(sample));
            list.append(true);
        }
        Arc::new(list.finish())
    };
    RecordBatch::try_new(
        columns(),
        vec![
            text(|sample| &sample.sample_id),
            text(|sample| &sample.dataset),
            text(|sample| &sample.language),
            text(|sample| &sample.task),
            ids(|sample| &sample.prefix_ids),
            ids(|sample| &sample.suffix_ids),
            number(|sample| sample.prefix_ids.len() as u32),
            number(|sample| sample.suffix_ids.len() as u32),
            number(|sample| sample.supervised_from),
            number(|sample| sample.group),
        ],
    )
}
