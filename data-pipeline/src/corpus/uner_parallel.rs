//! Universal NER's PUD: the same sentences in many languages, each annotated by hand.
//!
//! A split is a range of pairs in the order of their hashed *documents*: sentences of one document
//! share names, so they should not be parted. A view in one language takes the same pairs, so what
//! is held out of alignment is also held out of NER.

use super::declaration::Declaration;
use super::row::Row;
use super::source::Source;
use super::uner;
use crate::Error;
use crate::random::Random;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// What a declaration says about the pairs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Source and target language; documents are those of the source.
    pair: (String, String),
    /// The `.iob2` file of each language.
    pub files: BTreeMap<String, String>,
    /// TSV with a header and the columns `xx_sent_id` of both languages; left out, ids are equal.
    pub alignment: Option<String>,
    /// Which order of documents.
    #[serde(default)]
    seed: u64,
}

impl Options {
    /// Refuses languages without a file.
    pub(crate) fn check(&self, declaration: &Declaration) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::declaration(&declaration.path, message));
        let (source, target) = (&self.pair.0, &self.pair.1);
        if source.is_empty() {
            return refuse("[options] lacks `pair = [\"en\", \"zh\"]` and `files`".into());
        }
        for language in [source, target] {
            if !self.files.contains_key(language) {
                return refuse(format!("[options] `files` has no file for `{language}`"));
            }
        }
        let language = &declaration.language;
        let fits = match declaration.parallel {
            true => *language == format!("{source}-{target}"),
            false => language == source || language == target,
        };
        if !fits {
            return refuse(format!(
                "`language = \"{language}\"`, but the pair is \"{source}-{target}\""
            ));
        }
        Ok(())
    }

    /// The files that it reads.
    pub(crate) fn sources(&self) -> Vec<&str> {
        let sides = [&self.pair.0, &self.pair.1].map(|side| self.files[side].as_str());
        sides.into_iter().chain(self.alignment.as_deref()).collect()
    }
}

/// The pairs `range` in the order of the source file; `find` says where a file lies.
pub(crate) fn pairs(
    options: &Options,
    range: (usize, usize),
    find: impl Fn(&str) -> Result<PathBuf, Error>,
) -> Result<Vec<(Row, Row)>, Error> {
    let open = |language: &str| Source::open(&find(&options.files[language])?);
    let source = open(&options.pair.0)?;
    let sources = uner::rows(&source);
    let target = open(&options.pair.1)?;
    let mut targets = by_id(uner::rows(&target))?;
    let partners = match &options.alignment {
        Some(file) => Some(alignment(&Source::open(&find(file)?)?, &options.pair)?),
        None => None,
    };
    let mut order: Vec<(u64, usize)> = Vec::with_capacity(sources.len());
    for (index, row) in sources.iter().enumerate() {
        let document = row.id.as_deref().ok_or_else(|| no_id(row))?;
        let document = document.rsplit_once('-').map_or(document, |(document, _)| document);
        let seed = options.seed.to_string();
        order.push((Random::named(&[&seed, document]).next(), index));
    }
    order.sort_unstable();
    let chosen = order.get(range.0..range.1).ok_or_else(|| {
        let ((start, end), count) = (range, order.len());
        let message = format!("`pairs = [{start}, {end}]`, but the file holds {count} sentences");
        Error::data(&source.path, 1, message)
    })?;
    let mut chosen: Vec<usize> = chosen.iter().map(|(_, index)| *index).collect();
    chosen.sort_unstable();
    let partner = |row: &Row| -> Result<String, Error> {
        let id = row.id.clone().unwrap_or_default();
        match &partners {
            None => Ok(id),
            Some(partners) => partners.get(&id).cloned().ok_or_else(|| {
                let message = format!("sentence `{id}` has no line in the alignment");
                Error::data(&row.file, row.line, message)
            }),
        }
    };
    let mut sources: Vec<Option<Row>> = sources.into_iter().map(Some).collect();
    chosen
        .into_iter()
        .filter_map(|index| sources[index].take())
        .map(|row| {
            let id = partner(&row)?;
            let other = targets.remove(&id).ok_or_else(|| {
                let file = target.path.display();
                let message =
                    format!("its partner `{id}` is not in {file}, or has another partner");
                Error::data(&row.file, row.line, message)
            })?;
            Ok((row, other))
        })
        .collect()
}

/// The view of one side of the pairs.
pub(crate) fn rows(
    options: &Options,
    language: &str,
    range: (usize, usize),
    find: impl Fn(&str) -> Result<PathBuf, Error>,
) -> Result<Vec<Row>, Error> {
    let first = language == options.pair.0;
    let pairs = pairs(options, range, find)?;
    Ok(pairs.into_iter().map(|(source, target)| if first { source } else { target }).collect())
}

fn by_id(rows: Vec<Row>) -> Result<HashMap<String, Row>, Error> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let id = row.id.clone().ok_or_else(|| no_id(&row))?;
        let place = (row.file.clone(), row.line);
        if found.insert(id.clone(), row).is_some() {
            return Err(Error::data(&place.0, place.1, format!("sent_id `{id}` comes twice")));
        }
    }
    Ok(found)
}

fn no_id(row: &Row) -> Error {
    let message = "the sentence has no line `# sent_id = …`; without it, it has no partner";
    Error::data(&row.file, row.line, message)
}

/// Source id to target id.
fn alignment(source: &Source, pair: &(String, String)) -> Result<HashMap<String, String>, Error> {
    let mut lines = source.lines();
    let header: Vec<&str> = lines.next().map_or(Vec::new(), |(_, line)| line.split('\t').collect());
    let column = |language: &str| {
        let name = format!("{language}_sent_id");
        header.iter().position(|cell| *cell == name).ok_or_else(|| {
            let found = header.join("`, `");
            Error::data(&source.path, 1, format!("no column `{name}`; the header has `{found}`"))
        })
    };
    let (from, to) = (column(&pair.0)?, column(&pair.1)?);
    let mut partners = HashMap::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells.len() != header.len() {
            return Err(wrong_width(&source.path, number, header.len(), cells.len()));
        }
        partners.insert(cells[from].to_owned(), cells[to].to_owned());
    }
    Ok(partners)
}

fn wrong_width(path: &Path, line: usize, expected: usize, found: usize) -> Error {
    let message = format!("expected {expected} columns divided by a TAB, found {found}");
    Error::data(path, line, message)
}
