//! What `configs/benchmarks/NAME.toml` says, refused where it cannot be meant.

use crate::Task;
use crate::error::{Error, nearest};
use crate::score::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What is said of a scorer that a source does not name.
pub const UNKNOWN: &str = "unknown";

/// A table of a paper.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Benchmark {
    /// What `report --table` calls it: the file's name.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// What a reader of its numbers must know.
    pub about: String,
    /// Where methods stand.
    pub layout: Layout,
    /// Test sets, in the order of their columns.
    pub cells: Vec<Cell>,
    /// Means over cells, behind them.
    pub averages: Vec<Average>,
    /// What others report.
    pub published: Vec<Published>,
}

/// Where methods stand in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A row a method, a column a test set.
    #[default]
    MethodsInRows,
    /// A row a test set, a column a method.
    MethodsInColumns,
}

/// One test set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// What stands above it; unique in the table.
    pub column: String,
    /// Its declaration in `configs/datasets`; none where there is no declaration of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Its split.
    pub split: String,
    /// Language code.
    pub language: String,
    /// What is asked.
    pub task: Task,
    /// Demonstrations before each question.
    #[serde(skip_serializing_if = "is_zero")]
    pub shots: usize,
    /// Sentences of the test set that the sources used, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentences: Option<usize>,
    /// In what ours differs from what the sources asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A mean over cells, each weighing the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Average {
    /// What stands above it; unique in the table.
    pub column: String,
    /// The columns that it is of.
    pub of: Vec<String>,
}

/// What a source reports of one method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    /// The method.
    pub method: String,
    /// Where the numbers are from.
    pub source: String,
    /// The scorer that the source used: a name of ours, or `unknown`.
    pub protocol: String,
    /// What else keeps its numbers from being compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether it was trained on what the others are asked without: no rival, but a bound.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
    /// F1 in percent by column; a column without one is not reported.
    pub values: BTreeMap<String, f64>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    layout: Layout,
    /// Demonstrations, in cells that do not say it.
    #[serde(default)]
    shots: usize,
    #[serde(rename = "cell")]
    cells: Vec<Spanned<CellTable>>,
    #[serde(rename = "average", default)]
    averages: Vec<Spanned<AverageTable>>,
    #[serde(default)]
    published: Vec<Spanned<PublishedTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CellTable {
    column: String,
    /// `NAME` or `NAME:SPLIT`.
    dataset: Option<String>,
    language: String,
    task: Task,
    shots: Option<usize>,
    sentences: Option<usize>,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AverageTable {
    column: String,
    of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedTable {
    method: String,
    source: String,
    protocol: String,
    note: Option<String>,
    #[serde(default)]
    bound: bool,
    values: BTreeMap<String, Spanned<f64>>,
}

impl Benchmark {
    /// Reads `folder/NAME.toml`; a name that is not there comes with the nearest that is.
    pub fn named(folder: &Path, name: &str) -> Result<Self, Error> {
        let path = folder.join(format!("{name}.toml"));
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let known = names(folder)?;
                let hint = match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => format!("; known are `{}`", known.join("`, `")),
                };
                Err(Error::declaration(&path, format!("no table `{name}` is declared{hint}")))
            }
            Err(error) => Err(Error::read(&path)(error)),
        }
    }

    /// Every table of `folder`, by name.
    pub fn all(folder: &Path) -> Result<Vec<Self>, Error> {
        names(folder)?.iter().map(|name| Self::named(folder, name)).collect()
    }

    /// Reads the text of a declaration; `path` gives it its name and is for errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error::toml(path, text, &error))?;
        let refuse = |byte: usize, message: String| Error::at(path, text, byte, message);
        let mut columns: Vec<String> = Vec::new();
        let mut take = |byte: usize, column: &str| match columns.iter().any(|it| it == column) {
            true => Err(refuse(byte, format!("a second column `{column}`; give it another name"))),
            false => {
                columns.push(column.to_owned());
                Ok(())
            }
        };
        let mut cells = Vec::new();
        for cell in file.cells {
            let byte = cell.span().start;
            let cell = cell.into_inner();
            take(byte, &cell.column)?;
            cells.push(cell.with_shots(file.shots));
        }
        if cells.is_empty() {
            return Err(refuse(0, "no [[cell]]; a table has one at least".to_owned()));
        }
        let mut averages = Vec::new();
        for average in file.averages {
            let byte = average.span().start;
            let AverageTable { column, of } = average.into_inner();
            let known = || cells.iter().map(|cell| cell.column.as_str());
            if let Some(stranger) = of.iter().find(|it| !known().any(|known| known == *it)) {
                let message = format!("`{column}` is a mean of the column `{stranger}`");
                return Err(refuse(byte, unknown(&message, stranger, known())));
            }
            if of.is_empty() {
                return Err(refuse(byte, format!("`{column}` is a mean of no column; write `of`")));
            }
            take(byte, &column)?;
            averages.push(Average { column, of });
        }
        let mut published: Vec<Published> = Vec::new();
        for row in file.published {
            let byte = row.span().start;
            let row = row.into_inner();
            if published.iter().any(|known| known.method == row.method) {
                let message = format!("`{}` has a row already; put both together", row.method);
                return Err(refuse(byte, message));
            }
            published
                .push(row.checked(&columns, |at, message| refuse(at.unwrap_or(byte), message))?);
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let File { title, about, layout, .. } = file;
        Ok(Self { name, title, about, layout, cells, averages, published })
    }

    /// The names of its columns: cells, then means.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let cells = self.cells.iter().map(|cell| cell.column.as_str());
        cells.chain(self.averages.iter().map(|average| average.column.as_str()))
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl CellTable {
    /// The cell, with the table's demonstrations where it does not name its own.
    fn with_shots(self, of_table: usize) -> Cell {
        let Self { column, dataset, language, task, shots, sentences, note } = self;
        let shots = shots.unwrap_or(of_table);
        let (dataset, split) = match dataset {
            Some(dataset) => match dataset.split_once(':') {
                Some((name, split)) => (Some(name.to_owned()), split.to_owned()),
                None => (Some(dataset), "test".to_owned()),
            },
            None => (None, "test".to_owned()),
        };
        Cell { column, dataset, split, language, task, shots, sentences, note }
    }
}

impl PublishedTable {
    fn checked(
        self,
        columns: &[String],
        refuse: impl Fn(Option<usize>, String) -> Error,
    ) -> Result<Published, Error> {
        let Self { method, source, protocol, note, bound, values } = self;
        if source.trim().is_empty() {
            return Err(refuse(
                None,
                format!("`{method}` has an empty `source`; say where its numbers are from"),
            ));
        }
        let known = || {
            let ours = Protocol::ALL.iter().map(|it| it.name());
            ours.chain([UNKNOWN])
        };
        if !known().any(|it| it == protocol) {
            let message = format!("`{method}` has the protocol `{protocol}`");
            return Err(refuse(None, unknown(&message, &protocol, known())));
        }
        let mut numbers = BTreeMap::new();
        for (column, value) in values {
            let at = Some(value.span().start);
            let value = value.into_inner();
            if !columns.contains(&column) {
                let message = format!("`{method}` has a value for the column `{column}`");
                let columns = columns.iter().map(String::as_str);
                return Err(refuse(at, unknown(&message, &column, columns)));
            }
            if !(0.0..=100.0).contains(&value) {
                let message = format!("`{column} = {value}` is no F1 in percent: 0 to 100");
                return Err(refuse(at, message));
            }
            numbers.insert(column, value);
        }
        Ok(Published { method, source, protocol, note, bound, values: numbers })
    }
}

/// `message`, and what the unknown `word` in it may have meant.
fn unknown<'a>(message: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("{message}, which is not known; did you mean `{near}`?"),
        None => format!("{message}, which is not known; known are `{}`", known.join("`, `")),
    }
}

/// The names of the tables of a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::read(folder))?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry.map_err(Error::read(folder))?.path()))
        .collect::<Result<_, Error>>()?;
    let mut names: Vec<String> = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
