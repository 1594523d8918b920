//! Rows of token ids in Parquet files.
//!
//! A row is one sample: the ids of its group's prefix, its own suffix, and where in the suffix the
//! supervised part begins. Rows of one group stand side by side in one file; groups are numbered
//! within their file, so that files can be made apart, and through all files when they are read.
//! Files are
//! written whole or not at all and hashed on the way; a reader compares the hashes before it believes a
//! row.

mod writer;

pub use writer::ShardWriter;

use crate::error::Error;
use crate::manifest::Manifest;
use crate::order::{Groups, Rows};
use arrow::array::{Array, AsArray, ListArray, RecordBatch};
use arrow::datatypes::UInt32Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use serde::Serialize;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How many row groups a reader keeps: about 50 MB of long samples, and all of a small set.
const CACHED: usize = 256;

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Unique in its dataset; a part of a split sample ends in `#` and its number.
    pub sample_id: String,
    /// The dataset's name.
    pub dataset: String,
    /// The language of the text.
    pub language: String,
    /// What is learned from it: a task, `alignment`, `definition`, `instances-…`, `copy`.
    pub task: String,
    /// What the rows of a group share; may be empty.
    pub prefix_ids: Vec<u32>,
    /// Prompt, answer and end.
    pub suffix_ids: Vec<u32>,
    /// The first index into `suffix_ids` that has a loss.
    pub supervised_from: u32,
    /// Rows with one number have one prefix and stand side by side; counted through the shard set, in
    /// a file from its first row.
    pub group: u32,
}

/// What the order of training needs to know of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Tokens of the prefix.
    pub prefix: u32,
    /// Tokens of the suffix.
    pub suffix: u32,
    /// Tokens with a loss.
    pub supervised: u32,
    /// The row's group.
    pub group: u32,
    /// Which of the set's [`sources`](ShardSet::sources) it is of.
    pub source: u32,
}

/// What a row is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RowSource {
    /// The dataset's name.
    pub dataset: String,
    /// The language of the text.
    pub language: String,
    /// What is learned from it.
    pub task: String,
}

/// A prepared directory, opened for reading.
pub struct ShardSet {
    manifest: Manifest,
    lengths: Vec<Length>,
    groups: Vec<Groups>,
    sources: Vec<RowSource>,
    blocks: Vec<Block>,
    files: Vec<(PathBuf, ArrowReaderMetadata)>,
    cache: Mutex<VecDeque<(usize, Arc<Vec<Sample>>)>>,
}

/// One row group of one file: what is read at once.
struct Block {
    file: usize,
    row_group: usize,
    first_row: usize,
}

impl Sample {
    /// How many tokens have a loss; without a prefix nothing predicts the first token.
    pub fn supervised(&self) -> usize {
        let first = (self.supervised_from as usize).max(usize::from(self.prefix_ids.is_empty()));
        self.suffix_ids.len().saturating_sub(first)
    }
}

impl ShardSet {
    /// Opens the prepared directory `dir`, if its manifest and all its shards are as written.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let manifest = Manifest::load(dir)?;
        manifest.verify(dir)?;
        let mut set = Self {
            manifest,
            lengths: Vec::new(),
            groups: Vec::new(),
            sources: Vec::new(),
            blocks: Vec::new(),
            files: Vec::new(),
            cache: Mutex::default(),
        };
        for (index, shard) in set.manifest.files.clone().iter().enumerate() {
            let path = dir.join(&shard.name);
            let file = File::open(&path).map_err(Error::read(&path))?;
            let metadata = ArrowReaderMetadata::load(&file, Default::default())
                .map_err(|error| unreadable(&path, &error))?;
            let mut first_row = set.lengths.len();
            for (row_group, block) in metadata.metadata().row_groups().iter().enumerate() {
                set.blocks.push(Block { file: index, row_group, first_row });
                first_row += block.num_rows() as usize;
            }
            set.read_lengths(file, &path, &metadata)?;
            set.files.push((path, metadata));
        }
        Ok(set)
    }

    /// Reads the small columns of one file.
    fn read_lengths(
        &mut self,
        file: File,
        path: &Path,
        metadata: &ArrowReaderMetadata,
    ) -> Result<(), Error> {
        let names = [
            "dataset",
            "prefix_length",
            "suffix_length",
            "supervised_from",
            "group",
            "language",
            "task",
        ];
        let mask = ProjectionMask::columns(metadata.parquet_schema(), names);
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_projection(mask)
            .build()
            .map_err(|error| unreadable(path, &error))?;
        // The number that the file gives the group of the row before.
        let mut last = None;
        for batch in batches {
            let batch = batch.map_err(|error| unreadable(path, &error))?;
            let columns = Columns { batch: &batch, path };
            let dataset = columns.text("dataset")?;
            let (language, task) = (columns.text("language")?, columns.text("task")?);
            let [prefix, suffix, from, group] = [
                columns.number(names[1])?,
                columns.number(names[2])?,
                columns.number(names[3])?,
                columns.number(names[4])?,
            ];
            for row in 0..batch.num_rows() {
                let first = from.value(row).max(u32::from(prefix.value(row) == 0));
                let opens = last.replace(group.value(row)) != Some(group.value(row));
                let known = self.lengths.last().map_or(0, |last| last.group + u32::from(opens));
                let source = self.source(dataset.value(row), language.value(row), task.value(row));
                self.add(
                    dataset.value(row),
                    Length {
                        prefix: prefix.value(row),
                        suffix: suffix.value(row),
                        supervised: suffix.value(row).saturating_sub(first),
                        group: known,
                        source,
                    },
                );
            }
        }
        Ok(())
    }

    /// The number of a source; neighbouring rows mostly are of one.
    fn source(&mut self, dataset: &str, language: &str, task: &str) -> u32 {
        let is = |source: &RowSource| {
            source.dataset == dataset && source.language == language && source.task == task
        };
        let known = self.lengths.last().map(|last| last.source as usize);
        let known = known.filter(|known| is(&self.sources[*known]));
        let known = known.or_else(|| self.sources.iter().position(is));
        known.unwrap_or_else(|| {
            let [dataset, language, task] = [dataset, language, task].map(str::to_owned);
            self.sources.push(RowSource { dataset, language, task });
            self.sources.len() - 1
        }) as u32
    }

    /// Adds the next row to the lengths and to its dataset's groups.
    fn add(&mut self, dataset: &str, length: Length) {
        let row = self.lengths.len();
        let known = self.groups.iter().position(|groups| groups.dataset == dataset);
        let known = known.unwrap_or_else(|| {
            self.groups.push(Groups { dataset: dataset.to_owned(), runs: Vec::new() });
            self.groups.len() - 1
        });
        let same = self.lengths.last().is_some_and(|last| last.group == length.group);
        match self.groups[known].runs.last_mut() {
            Some(run) if same && run.end == row => run.end = row + 1,
            _ => self.groups[known].runs.push(row..row + 1),
        }
        self.lengths.push(length);
    }

    /// What was prepared, from what.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The lengths of every row.
    pub fn lengths(&self) -> &[Length] {
        &self.lengths
    }

    /// Datasets, languages and tasks that rows are of, in the order of their first rows.
    pub fn sources(&self) -> &[RowSource] {
        &self.sources
    }

    /// The groups of every dataset.
    pub fn groups(&self) -> &[Groups] {
        &self.groups
    }

    /// What an [`Order`](crate::order::Order) is made of.
    pub fn rows(&self) -> Rows<'_> {
        Rows { groups: &self.groups, lengths: &self.lengths, sources: &self.sources }
    }

    /// Row `row`; `row` must be below [`len`](Self::len).
    pub fn sample(&self, row: usize) -> Result<Sample, Error> {
        assert!(row < self.len(), "row {row} of a shard set of {}", self.len());
        let block = self.blocks.partition_point(|block| block.first_row <= row) - 1;
        let samples = self.block(block)?;
        let place = row - self.blocks[block].first_row;
        let sample = samples.get(place).cloned().ok_or_else(|| {
            let path = &self.files[self.blocks[block].file].0;
            Error::corrupt(path, format!("row {place} of its row group is missing"))
        })?;
        Ok(Sample { group: self.lengths[row].group, ..sample })
    }

    /// The samples of one row group, from the cache if they were read lately.
    fn block(&self, index: usize) -> Result<Arc<Vec<Sample>>, Error> {
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut cache = lock();
            if let Some(found) = cache.iter().position(|(block, _)| *block == index)
                && let Some(entry) = cache.remove(found)
            {
                let samples = entry.1.clone();
                cache.push_front(entry);
                return Ok(samples);
            }
        }
        let samples = Arc::new(self.read_block(&self.blocks[index])?);
        let mut cache = lock();
        cache.push_front((index, samples.clone()));
        cache.truncate(CACHED);
        Ok(samples)
    }

    fn read_block(&self, block: &Block) -> Result<Vec<Sample>, Error> {
        let (path, metadata) = &self.files[block.file];
        let file = File::open(path).map_err(Error::read(path))?;
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_row_groups(vec![block.row_group])
            .build()
            .map_err(|error| unreadable(path, &error))?;
        let mut samples = Vec::new();
        for batch in batches {
            let batch = batch.map_err(|error| unreadable(path, &error))?;
            Columns { batch: &batch, path }.samples(&mut samples)?;
        }
        Ok(samples)
    }
}

/// The columns of a batch, by name and type.
struct Columns<'a> {
    batch: &'a RecordBatch,
    path: &'a Path,
}

impl<'a> Columns<'a> {
    fn column(&self, name: &str) -> Result<&'a dyn Array, Error> {
        let column = self.batch.column_by_name(name);
        column.map(|column| column.as_ref()).ok_or_else(|| self.wrong(name))
    }

    fn text(&self, name: &str) -> Result<&'a arrow::array::StringArray, Error> {
        self.column(name)?.as_string_opt().ok_or_else(|| self.wrong(name))
    }

    fn number(&self, name: &str) -> Result<&'a arrow::array::UInt32Array, Error> {
        self.column(name)?.as_primitive_opt().ok_or_else(|| self.wrong(name))
    }

    fn list(&self, name: &str) -> Result<&'a ListArray, Error> {
        self.column(name)?.as_list_opt().ok_or_else(|| self.wrong(name))
    }

    fn ids(&self, name: &str, row: usize) -> Result<Vec<u32>, Error> {
        let ids = self.list(name)?.value(row);
        let ids = ids.as_primitive_opt::<UInt32Type>().ok_or_else(|| self.wrong(name))?;
        Ok(ids.values().to_vec())
    }

    fn samples(&self, samples: &mut Vec<Sample>) -> Result<(), Error> {
        let (sample_id, dataset) = (self.text("sample_id")?, self.text("dataset")?);
        let (language, task) = (self.text("language")?, self.text("task")?);
        let (from, group) = (self.number("supervised_from")?, self.number("group")?);
        for row in 0..self.batch.num_rows() {
            samples.push(Sample {
                sample_id: sample_id.value(row).to_owned(),
                dataset: dataset.value(row).to_owned(),
                language: language.value(row).to_owned(),
                task: task.value(row).to_owned(),
                prefix_ids: self.ids("prefix_ids", row)?,
                suffix_ids: self.ids("suffix_ids", row)?,
                supervised_from: from.value(row),
                group: group.value(row),
            });
        }
        Ok(())
    }

    fn wrong(&self, name: &str) -> Error {
        Error::corrupt(
            self.path,
            format!(
                "column `{name}` is missing or of another type; run `knowcoder data prepare` again"
            ),
        )
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::corrupt(
        path,
        format!("not a readable shard: {error}; run `knowcoder data prepare` again"),
    )
}

#[cfg(test)]
pub(crate) mod tests;
