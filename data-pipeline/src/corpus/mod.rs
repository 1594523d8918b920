//! A declaration in `configs/datasets/` becomes sentences.
//!
//! # Layout
//! - `declaration`: what a declaration may say; `labels`: original labels and their classes.
//! - `columns`, `lines`, `brat`, `json_stream`, `uner`, `uner_parallel`, `spert`, `fewfc`, `pairs`,
//!   `frames`: one file a family of formats; `records`: whatever JSON a declaration describes;
//!   `instructions`: answers of models. A reader gives `row`s in the corpus's own words and knows no
//!   class. `glob`, `locate`, `spans`: files, names and tags that a reader looks for; `table`:
//!   Parquet as JSON.
//! - `uner_parallel`, `joined`, `translations`, `frames`: sentences in two languages, which `parallel`
//!   makes pairs of.
//! - `assembly`: rows become sentences, or go to `quarantine` with the reason.
//! - [`fetch`]: what of a corpus may be downloaded, and whether it is what was declared.
//! - `check`, `stats`, `tally`: what `knowcoder data validate`, `data stats` and `data concepts` say.
//!
//! Nothing is lost silently: a dropped label is counted, a row that does not fit is kept with its
//! reason, more of them than declared stop the run, and so does a count that is not the declared.

mod assembly;
mod brat;
mod check;
mod columns;
mod declaration;
pub mod fetch;
mod fewfc;
mod frames;
mod glob;
mod instructions;
mod joined;
mod json;
mod json_stream;
mod labels;
mod laid;
mod lines;
pub(crate) mod locate;
mod names;
mod pairs;
mod parallel;
mod quarantine;
mod records;
mod row;
pub(crate) mod source;
mod spans;
mod spert;
mod stats;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod translations;
mod uner;
mod uner_parallel;

pub use check::{Difference, SplitCheck, validate};
pub use glob::fits;
pub use quarantine::{Quarantined, write_quarantine};
pub use stats::{SplitStats, stats};

use crate::manifest::sha256_of;
use crate::schema::sha256_hex;
use crate::{Error, Parallel, Schema, Sentence, Task};
use assembly::Assembly;
use declaration::{Declaration, Reader, Root, Split};
use labels::Labels;
use row::Row;
use serde::Serialize;
use source::Source;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A declared corpus; reading it happens split by split.
#[derive(Clone, Debug)]
pub struct Corpus {
    declaration: Declaration,
    schema: Schema,
    data_root: PathBuf,
}

/// The sentences of a split, and what was left out of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Sentences in the order of the files.
    pub sentences: Vec<Sentence>,
    /// Rows that do not fit, as many as the declaration allows.
    pub quarantined: Vec<Quarantined>,
    /// Annotations by original label or role, where the declaration drops it.
    pub dropped: BTreeMap<String, usize>,
}

/// The pairs of a split of a parallel corpus, and what was left out of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParallelReading {
    /// Pairs in the order of the files.
    pub pairs: Vec<Parallel>,
    /// Rows that do not fit, as many as the declaration allows.
    pub quarantined: Vec<Quarantined>,
}

/// How many there are; what the declaration drops is counted too, so that the numbers can be held
/// against published ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Sentences, or pairs of a parallel corpus.
    pub sentences: usize,
    /// Entities; both sides of a pair.
    pub entities: usize,
    /// Relations.
    pub relations: usize,
    /// Events.
    pub events: usize,
}

/// Everything that a split holds, not yet held against its declaration.
struct Found<T> {
    items: Vec<T>,
    quarantined: Vec<Quarantined>,
    dropped: BTreeMap<String, usize>,
    counts: Counts,
}

impl Corpus {
    /// Reads the declaration and its schema; the files of the corpus are not touched yet.
    pub fn load(declaration: &Path, data_root: &Path) -> Result<Self, Error> {
        let declaration = Declaration::load(declaration)?;
        if !declaration.schema.is_file() {
            let schema = declaration.schema.display();
            let message = format!("its schema `{schema}` is not there; paths start at this file");
            return Err(Error::declaration(&declaration.path, message));
        }
        let schema = Schema::load(&declaration.schema)?;
        if let Some(task) = declaration.tasks.iter().find(|task| schema.of_task(**task).is_empty())
        {
            let file = declaration.schema.display();
            let message = format!("its task `{task}` needs classes that `{file}` does not have");
            return Err(Error::declaration(&declaration.path, message));
        }
        Labels::new(&declaration, &schema).check()?;
        let schema = annotated_part(schema, &declaration);
        Ok(Self { declaration, schema, data_root: data_root.to_owned() })
    }

    /// The sentences of `split`; for a parallel corpus see [`Self::read_parallel`].
    pub fn read(&self, split: &str) -> Result<Reading, Error> {
        let declared = self.declaration.split(split)?;
        let found = self.found(split, declared)?;
        self.accept(split, declared, &found)?;
        let Found { items: sentences, quarantined, dropped, .. } = found;
        Ok(Reading { sentences, quarantined, dropped })
    }

    /// The pairs of `split` of a parallel corpus; one with a misfit on either side is left out.
    pub fn read_parallel(&self, split: &str) -> Result<ParallelReading, Error> {
        let declared = self.declaration.split(split)?;
        let found = self.found_pairs(split, declared)?;
        self.accept(split, declared, &found)?;
        Ok(ParallelReading { pairs: found.items, quarantined: found.quarantined })
    }

    /// The name that recipes use.
    pub fn name(&self) -> &str {
        &self.declaration.name
    }

    /// The language code; `en-zh` if source and target are parallel.
    pub fn language(&self) -> &str {
        &self.declaration.language
    }

    /// What the annotation can be used for.
    pub fn tasks(&self) -> &[Task] {
        &self.declaration.tasks
    }

    /// Whether it holds pairs.
    pub fn is_parallel(&self) -> bool {
        self.declaration.parallel
    }

    /// Under what licence its files are used.
    pub fn licence(&self) -> &str {
        &self.declaration.licence
    }

    /// Where its files come from.
    pub fn origin(&self) -> &str {
        &self.declaration.origin
    }

    /// The file of its classes.
    pub fn schema_path(&self) -> &Path {
        &self.declaration.schema
    }

    /// The classes that it annotates: of a schema that several corpora share, those that its
    /// `[labels]` name.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The names of its splits, sorted.
    pub fn splits(&self) -> Vec<&str> {
        self.declaration.splits.keys().map(String::as_str).collect()
    }

    /// The files that the split `name` is read from; they need not exist.
    pub fn files(&self, name: &str) -> Result<Vec<PathBuf>, Error> {
        let split = self.declaration.split(name)?;
        let files: Vec<String> = match &self.declaration.reader {
            Reader::UnerParallel(options) => {
                options.sources().into_iter().map(str::to_owned).collect()
            }
            Reader::Frames(options) => {
                options.frames.iter().chain(&options.names).cloned().collect()
            }
            Reader::Joined(_) | Reader::Translations(_) => return self.files_of_sides(name),
            Reader::Lines(options) => {
                glob::with_neighbours(self.files_of(split), |name| options.tags_of(name))
            }
            Reader::Instructions(options) => match options.info() {
                Some(info) => glob::with_neighbours(self.files_of(split), |_| info.to_owned()),
                None => self.files_of(split),
            },
            Reader::Brat(_) => glob::with_neighbours(self.files_of(split), brat::notes_of),
            _ => self.files_of(split),
        };
        Ok(files.iter().map(|file| self.place(file)).collect())
    }

    /// SHA-256 over what decides the sentences of `split`: the declaration, the schema, the bytes of
    /// the files. A file that is not there counts as empty; reading the split says so.
    pub fn fingerprint(&self, split: &str) -> Result<String, Error> {
        let mut parts = format!("{split} {} ", sha256_hex(self.declaration.text.as_bytes()));
        parts += &self.schema.hash();
        for file in self.files(split)?.iter().filter(|file| file.is_file()) {
            parts.push(' ');
            parts += &sha256_of(file)?;
        }
        Ok(sha256_hex(parts.as_bytes()))
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.declaration, &self.schema)
    }

    /// The names in `files` of `split`, with what their `*` stands for.
    fn files_of(&self, split: &Split) -> Vec<String> {
        split.files.iter().flat_map(|file| glob::expand(file, |name| self.place(name))).collect()
    }

    /// Where a file should lie.
    fn place(&self, file: &str) -> PathBuf {
        match self.declaration.root {
            Root::Data => self.data_root.join(file),
            Root::Configs => {
                let folder = self.declaration.path.parent().unwrap_or(Path::new(""));
                declaration::beside(folder, &Path::new("..").join(file))
            }
        }
    }

    /// Where a file does lie.
    fn find(&self, file: &str) -> Result<PathBuf, Error> {
        let place = self.place(file);
        if place.exists() {
            return Ok(place);
        }
        let way_out = match self.declaration.root {
            Root::Configs => "it belongs to the repository: check it out again".to_owned(),
            Root::Data => format!(
                "point --data-root (KNOWCODER_DATA) at the folder that holds it, or get it from {}",
                self.declaration.origin
            ),
        };
        let message = format!("`{}` is not there; {way_out}", place.display());
        Err(Error::declaration(&self.declaration.path, message))
    }

    /// The rows of a corpus that is not parallel.
    fn rows(&self, split: &Split) -> Result<Vec<Row>, Error> {
        let find = |file: &str| self.find(file);
        match &self.declaration.reader {
            Reader::UnerParallel(options) => {
                let range = split.pairs.unwrap_or_default();
                return uner_parallel::rows(options, &self.declaration.language, range, find);
            }
            Reader::Frames(options) => {
                return frames::rows(options, &self.declaration, split, find);
            }
            _ => {}
        }
        let mut rows = Vec::new();
        for file in self.files_of(split) {
            let path = self.find(&file)?;
            let found = self.rows_of(&path)?;
            if found.is_empty() {
                return Err(Error::data(&path, 1, "the file holds no sentence"));
            }
            rows.extend(found);
        }
        match split.rows {
            Some((start, end)) => self.part(rows, start, end),
            None => Ok(rows),
        }
    }

    /// The rows of one file.
    fn rows_of(&self, path: &Path) -> Result<Vec<Row>, Error> {
        let reader = &self.declaration.reader;
        if let Reader::Json(options) = reader
            && options.is_table()
        {
            return records::rows_of_table(path, options);
        }
        let source = Source::open(path)?;
        Ok(match reader {
            Reader::Columns(options) => columns::rows(&source, options),
            Reader::Lines(options) => lines::rows(&source, options)?,
            Reader::Brat(options) => brat::rows(&source, options)?,
            Reader::Instructions(options) => instructions::rows(&source, options)?,
            Reader::JsonStream(options) => json_stream::rows(&source, options)?,
            Reader::Uner => uner::rows(&source),
            Reader::Spert => spert::rows(&source)?,
            Reader::FewFc => fewfc::rows(&source),
            Reader::Json(options) => records::rows(&source, options)?,
            Reader::Pairs(options) => pairs::rows(&source, options),
            Reader::UnerParallel(_)
            | Reader::Frames(_)
            | Reader::Joined(_)
            | Reader::Translations(_) => Vec::new(),
        })
    }

    /// Rows `start` to `end`, exclusive, of a split's files.
    fn part(&self, mut rows: Vec<Row>, start: usize, end: usize) -> Result<Vec<Row>, Error> {
        if end > rows.len() {
            let message = format!("`rows = [{start}, {end}]`, but its files hold {}", rows.len());
            return Err(Error::declaration(&self.declaration.path, message));
        }
        rows.truncate(end);
        Ok(rows.split_off(start))
    }

    fn found(&self, name: &str, split: &Split) -> Result<Found<Sentence>, Error> {
        if self.declaration.parallel {
            let name = &self.declaration.name;
            let message = format!("`{name}` is parallel: its pairs are for the phase `alignment`");
            return Err(Error::declaration(&self.declaration.path, message));
        }
        let name = format!("{}/{name}", self.declaration.name);
        let mut assembly = Assembly::new(name, &self.declaration.language, self.labels());
        let mut items = Vec::new();
        for row in self.rows(split)? {
            items.extend(assembly.sentence(row)?);
        }
        let Assembly { quarantined, dropped, counts, .. } = assembly;
        Ok(Found { items, quarantined, dropped, counts })
    }

    /// Refuses more misfits, or other counts, than declared.
    fn accept<T>(&self, name: &str, split: &Split, found: &Found<T>) -> Result<(), Error> {
        let count = found.quarantined.len();
        if let Some(first) = found.quarantined.first().filter(|_| count > split.misfits) {
            let rows =
                if count == 1 { "1 row does".to_owned() } else { format!("{count} rows do") };
            let message = format!(
                "{}; {rows} not fit and [splits.{name}] allows {}: correct them, or write `misfits = {count}` in {}",
                first.reason,
                split.misfits,
                self.declaration.path.display(),
            );
            return Err(Error::data(Path::new(&first.file), first.line, message));
        }
        let Some(difference) = check::differences(split, found.counts).into_iter().next() else {
            return Ok(());
        };
        let Difference { what, declared, found, at } = difference;
        let line = self.declaration.line_of(at);
        let message = format!(
            "[splits.{name}] declares {declared} {what}, but its files hold {found}; they are another version of {}, or the declaration is wrong",
            self.declaration.origin
        );
        Err(Error::data(&self.declaration.path, line, message))
    }
}

/// `schema` without the classes that no label of `declaration` stands for: to offer a class that
/// nobody looked for would teach that it never occurs.
fn annotated_part(mut schema: Schema, declaration: &Declaration) -> Schema {
    if !declaration.labels.is_empty() {
        schema.classes.retain(|class| {
            declaration.labels.values().any(|label| *label.get_ref() == class.name)
        });
    }
    schema
}
