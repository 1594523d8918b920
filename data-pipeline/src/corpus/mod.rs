//! A declaration in `configs/datasets/` becomes sentences.
//!
//! # Layout
//! - `declaration`: what a declaration may say; `labels`: original labels and their classes.
//! - `columns`, `lines`, `brat`, `json_stream`, `uner`, `uner_parallel`, `spert`, `fewfc`, `pairs`,
//!   `frames`: one file a family of formats; `records`: whatever JSON a declaration describes;
//!   `xml` the same of elements; `instructions`: answers of models. A reader gives `row`s in the corpus's own words and knows no
//!   class. `glob`, `locate`, `spans`: files, names and tags that a reader looks for; `table`:
//!   Parquet as JSON.
//! - `uner_parallel`, `joined`, `translations`, `frames`: sentences in two languages, which `parallel`
//!   makes pairs of.
//! - `source`, `stream`: files in pieces, and their rows one by one, so that a corpus may be larger
//!   than the memory; `merged`: rows of one sentence, which become one.
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
mod merged;
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
mod stream;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod translations;
mod uner;
mod uner_parallel;
mod xml;

pub use check::{Difference, SplitCheck, validate, validate_seeing};
pub use glob::fits;
pub use quarantine::{Quarantined, write_quarantine};
pub use stats::{Bin, Distribution, Histogram, SplitStats, TextStats, TokenStats, Unit, stats};

use crate::floor::Cut;
use crate::manifest::sha256_of;
use crate::schema::sha256_hex;
use crate::{Error, Parallel, Schema, Sentence, Task};
use assembly::Assembly;
use declaration::{Declaration, Reader, Root, Split};
use labels::Labels;
use row::Row;
use serde::Serialize;
use source::{Ends, Pieces, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stream::Take;

/// A declared corpus; reading it happens split by split.
#[derive(Clone, Debug)]
pub struct Corpus {
    declaration: Declaration,
    schema: Schema,
    data_root: PathBuf,
}

/// What was left out of the sentences that were handed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Rows that do not fit, as many as the declaration allows; the first 100,000 of them.
    pub quarantined: Vec<Quarantined>,
    /// How many there are.
    pub misfits: usize,
    /// Annotations by original label or role, where the declaration drops it.
    pub dropped: BTreeMap<String, usize>,
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

/// What a split holds beside its sentences, not yet held against its declaration.
struct Found {
    /// The first of the rows that do not fit; enough of them for a person to see what is wrong.
    quarantined: Vec<Quarantined>,
    /// How many there are.
    misfits: usize,
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

    /// The sentences of `split`, all in memory; for a parallel corpus see [`Self::read_parallel`].
    pub fn read(&self, split: &str) -> Result<Reading, Error> {
        let mut sentences = Vec::new();
        let Rest { quarantined, dropped, .. } = self.each(split, &mut |sentence| {
            sentences.push(sentence);
            Ok(())
        })?;
        Ok(Reading { sentences, quarantined, dropped })
    }

    /// Hands on the sentences of `split` one by one, in the order of the files, of which a piece is
    /// held at a time. Whether they are what was declared is known at the end: an error takes all of
    /// them back.
    pub fn each(
        &self,
        split: &str,
        take: &mut dyn FnMut(Sentence) -> Result<(), Error>,
    ) -> Result<Rest, Error> {
        let declared = self.declaration.split(split)?;
        self.accepted(split, declared, self.found(split, declared, take)?)
    }

    /// The pairs of `split` of a parallel corpus, all in memory.
    pub fn read_parallel(&self, split: &str) -> Result<ParallelReading, Error> {
        let mut pairs = Vec::new();
        let Rest { quarantined, .. } = self.each_pair(split, &mut |pair| {
            pairs.push(pair);
            Ok(())
        })?;
        Ok(ParallelReading { pairs, quarantined })
    }

    /// Hands on the pairs of `split` of a parallel corpus, as [`Self::each`] does sentences; one with
    /// a misfit on either side is left out.
    pub fn each_pair(
        &self,
        split: &str,
        take: &mut dyn FnMut(Parallel) -> Result<(), Error>,
    ) -> Result<Rest, Error> {
        let declared = self.declaration.split(split)?;
        self.accepted(split, declared, self.found_pairs(split, declared, take)?)
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

    /// How its texts are cut into words: at spaces where they were made of tokens.
    pub fn cut(&self) -> Cut {
        let is_spaced = match &self.declaration.reader {
            Reader::Columns(options) => options.joins_by_spaces(),
            Reader::Lines(options) => options.joins_by_spaces(),
            Reader::Spert => true,
            _ => false,
        };
        if is_spaced { Cut::Spaces } else { Cut::Letters }
    }

    /// The names of its splits, sorted.
    pub fn splits(&self) -> Vec<&str> {
        self.declaration.splits.keys().map(String::as_str).collect()
    }

    /// How many sentences the split `name` is declared to have.
    pub fn declared_sentences(&self, name: &str) -> Option<usize> {
        let split = self.declaration.splits.get(name)?;
        split.sentences.as_ref().map(|count| *count.get_ref())
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
            Reader::Xml(options) => {
                let files = self.files_of(split);
                match options.text_of("") {
                    Some(_) => glob::with_neighbours(files, |name| {
                        options.text_of(name).unwrap_or_default()
                    }),
                    None => files,
                }
            }
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
                "point --data-root (KNOWCODER_DATA) at the folder that holds it, or get it from its source: {}",
                self.declaration.origin
            ),
        };
        let message = format!("`{}` is not there; {way_out}", place.display());
        Err(Error::declaration(&self.declaration.path, message))
    }

    /// The rows of a corpus that is not parallel, all in memory.
    fn rows(&self, split: &Split) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.each_row(split, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Hands on the rows of a corpus that is not parallel.
    fn each_row(&self, split: &Split, take: Take<'_>) -> Result<(), Error> {
        let find = |file: &str| self.find(file);
        match &self.declaration.reader {
            Reader::UnerParallel(options) => {
                let range = split.pairs.unwrap_or_default();
                let language = &self.declaration.language;
                let rows = uner_parallel::rows(options, language, range, find)?;
                return rows.into_iter().try_for_each(take);
            }
            Reader::Frames(options) => {
                let rows = frames::rows(options, &self.declaration, split, find)?;
                return rows.into_iter().try_for_each(take);
            }
            _ => {}
        }
        let files = self.files_of(split);
        let paths = files.iter().map(|file| self.find(file)).collect::<Result<Vec<_>, _>>()?;
        let mut count = 0;
        for path in &paths {
            let before = count;
            self.each_row_of(path, &mut |row| {
                count += 1;
                match split.rows {
                    Some((start, end)) if count <= start || end < count => Ok(()),
                    _ => take(row),
                }
            })?;
            if count == before {
                return Err(Error::data(path, 1, "the file holds no sentence"));
            }
        }
        match split.rows {
            Some((start, end)) if end > count => {
                let message = format!("`rows = [{start}, {end}]`, but its files hold {count}");
                Err(Error::declaration(&self.declaration.path, message))
            }
            _ => Ok(()),
        }
    }

    /// Hands on the rows of one file.
    fn each_row_of(&self, path: &Path, take: Take<'_>) -> Result<(), Error> {
        let pieces = |ends| Pieces::open(path, ends);
        match &self.declaration.reader {
            Reader::Columns(options) => columns::each(path, options, take),
            Reader::Lines(options) => lines::each(path, options, take),
            Reader::Brat(options) => {
                brat::rows(&Source::open(path)?, options)?.into_iter().try_for_each(take)
            }
            Reader::Instructions(options) => instructions::each(path, options, take),
            Reader::Xml(options) => {
                xml::rows(&Source::open(path)?, options)?.into_iter().try_for_each(take)
            }
            Reader::JsonStream(options) => json_stream::each(path, options, take),
            Reader::Uner => stream::each(pieces(Ends::Blank)?, uner::rows, take),
            Reader::Spert => spert::each(path, take),
            Reader::FewFc => stream::each(pieces(Ends::Line)?, fewfc::rows, take),
            Reader::Json(options) => records::each(path, options, take),
            Reader::Pairs(options) => pairs::each(path, options, take),
            Reader::UnerParallel(_)
            | Reader::Frames(_)
            | Reader::Joined(_)
            | Reader::Translations(_) => Ok(()),
        }
    }

    fn found(
        &self,
        name: &str,
        split: &Split,
        take: &mut dyn FnMut(Sentence) -> Result<(), Error>,
    ) -> Result<Found, Error> {
        if self.declaration.parallel {
            let name = &self.declaration.name;
            let message = format!("`{name}` is parallel: its pairs are for the phase `alignment`");
            return Err(Error::declaration(&self.declaration.path, message));
        }
        let name = format!("{}/{name}", self.declaration.name);
        let mut assembly = Assembly::new(name, &self.declaration.language, self.labels());
        self.each_row(split, &mut |row| assembly.sentence(row)?.map_or(Ok(()), &mut *take))?;
        let Assembly { quarantined, misfits, dropped, counts, .. } = assembly;
        Ok(Found { quarantined, misfits, dropped, counts })
    }

    /// What is left when the split is what was declared.
    fn accepted(&self, name: &str, split: &Split, found: Found) -> Result<Rest, Error> {
        self.accept(name, split, &found)?;
        let Found { quarantined, misfits, dropped, .. } = found;
        Ok(Rest { quarantined, misfits, dropped })
    }

    /// Refuses more misfits, or other counts, than declared.
    fn accept(&self, name: &str, split: &Split, found: &Found) -> Result<(), Error> {
        let count = found.misfits;
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
            "[splits.{name}] declares {declared} {what}, but its files hold {found}; they are another version (source: {}), or the declaration is wrong",
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
