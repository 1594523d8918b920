//! A table with our rows in it.

use super::declaration::{Benchmark, Cell, Layout, Published, UNKNOWN};
use crate::Task;
use crate::score::{Protocol, Quality};
use serde::Serialize;
use std::collections::BTreeMap;

/// What one model was asked, as its receipts prove.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// What to call it.
    pub name: String,
    /// The test sets that it has answered.
    pub filled: Vec<Filled>,
    /// What a reader of all of its numbers must know.
    pub about: Vec<String>,
}

/// One test set and task that a model has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Filled {
    /// Name of the declaration.
    pub dataset: String,
    /// Its split.
    pub split: String,
    /// Language code.
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// Demonstrations before each question.
    pub shots: usize,
    /// Only so many of the first sentences were asked; none where all were.
    pub limit: Option<usize>,
    /// Sentences asked.
    pub sentences: usize,
    /// Why the protocol has no number for it, if it has none.
    pub undefined: Option<String>,
    /// F1 in percent; none where nothing is annotated.
    pub f1: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// What an F1 does not show.
    pub quality: Quality,
}

/// A benchmark with rows of ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Its declaration's name.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// What a reader must know.
    pub about: String,
    /// Where methods stand.
    pub layout: Layout,
    /// The scorer of our rows.
    pub protocol: Protocol,
    /// What stands above the columns, marks of notes included.
    pub columns: Vec<String>,
    /// How many of them are means: the last ones.
    pub means: usize,
    /// Published rows, then each of ours with its differences.
    pub rows: Vec<Row>,
    /// What marks mean.
    pub notes: Vec<Note>,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name, the mark of its note included.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// An entry a column.
    pub entries: Vec<Entry>,
}

/// Whose numbers a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A source's.
    Published,
    /// Ours.
    Ours,
    /// Ours less the best published.
    Difference,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Entry {
    /// The source has no number.
    NotReported,
    /// No receipt says that this was asked.
    NotRun,
    /// Asked, but nothing is annotated there.
    Empty,
    /// Asked, but the protocol has no number for it; a note says why.
    NotDefined,
    /// A mean that lacks one of its cells.
    Incomplete,
    /// F1 in percent.
    Value {
        /// The number.
        f1: f64,
        /// Its 95 % interval, where it is ours and of one test set.
        #[serde(skip_serializing_if = "Option::is_none")]
        interval: Option<(f64, f64)>,
        /// Whether it is not of the sources' whole test set; a note says of what.
        partial: bool,
        /// What of the answers the number does not show, where it is ours and there is something.
        #[serde(skip_serializing_if = "Option::is_none")]
        answers: Option<Quality>,
    },
    /// Ours less the best that is published, bounds apart.
    Difference {
        /// F1 points.
        points: f64,
        /// Whose number that is.
        to: String,
        /// Whether ours is not of the sources' whole test set.
        partial: bool,
    },
}

/// What a mark means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The mark; empty where it is of the whole table.
    pub mark: String,
    /// What it says.
    pub text: String,
}

impl Table {
    /// `benchmark` with rows of `runs`, which were scored under `protocol`.
    pub fn new(benchmark: &Benchmark, runs: &[Run], protocol: Protocol) -> Self {
        let (marks, mut notes) = notes_of_cells(&benchmark.cells);
        let columns = benchmark.columns().enumerate().map(|(place, column)| {
            let mark = marks.get(place).map_or("", String::as_str);
            if mark.is_empty() { column.to_owned() } else { format!("{column} {mark}") }
        });
        let mut rows = Vec::new();
        for (place, published) in benchmark.published.iter().enumerate() {
            let mark = format!("[{}]", place + 1);
            notes.push(Note { mark: mark.clone(), text: source_of(published, protocol) });
            rows.push(Row {
                name: format!("{} {mark}", published.method),
                kind: Kind::Published,
                entries: benchmark.columns().map(|it| reported(published, it)).collect(),
            });
        }
        for run in runs {
            let note = |text| Note { mark: String::new(), text };
            notes.extend(run.about.iter().map(|it| note(format!("{}: {it}", run.name))));
            let entries = entries_of(benchmark, run, &mut notes);
            notes.extend(beside(&entries).map(|it| note(format!("{}: {it}", run.name))));
            let differences: Vec<Entry> = benchmark
                .columns()
                .zip(&entries)
                .map(|(column, entry)| difference(&benchmark.published, column, entry))
                .collect();
            rows.push(Row { name: run.name.clone(), kind: Kind::Ours, entries });
            if differences.iter().any(|it| matches!(it, Entry::Difference { .. })) {
                let name = "  to the best published".to_owned();
                rows.push(Row { name, kind: Kind::Difference, entries: differences });
            }
        }
        Self {
            name: benchmark.name.clone(),
            title: benchmark.title.clone(),
            about: benchmark.about.clone(),
            layout: benchmark.layout,
            protocol,
            columns: columns.collect(),
            means: benchmark.averages.len(),
            rows,
            notes,
        }
    }
}

impl Entry {
    /// As it stands in the table.
    pub fn shown(&self) -> String {
        match self {
            Self::NotReported | Self::Incomplete => "–".to_owned(),
            Self::NotRun => "not run".to_owned(),
            Self::Empty => "empty".to_owned(),
            Self::NotDefined => "not defined".to_owned(),
            Self::Value { f1, partial, .. } => {
                format!("{}{}", figure(*f1), if *partial { "*" } else { "" })
            }
            Self::Difference { points, partial, .. } => {
                format!("{points:+.1}{}", if *partial { "*" } else { "" })
            }
        }
    }

    fn f1(&self) -> Option<f64> {
        match self {
            Self::Value { f1, .. } => Some(*f1),
            _ => None,
        }
    }

    fn answers(&self) -> Option<Quality> {
        match self {
            Self::Value { answers, .. } => *answers,
            _ => None,
        }
    }

    fn is_partial(&self) -> bool {
        matches!(self, Self::Value { partial: true, .. })
    }
}

/// A number with the decimals that its source gives it, one at least; ours has one.
fn figure(f1: f64) -> String {
    let one = format!("{f1:.1}");
    let two = format!("{f1:.2}");
    match two.parse::<f64>() {
        Ok(rounded) if rounded == f1 && !two.ends_with('0') => two,
        _ => one,
    }
}

fn reported(published: &Published, column: &str) -> Entry {
    match published.values.get(column) {
        Some(f1) => Entry::Value { f1: *f1, interval: None, partial: false, answers: None },
        None => Entry::NotReported,
    }
}

/// Cells and means of one run; what is said of them goes to `notes`.
fn entries_of(benchmark: &Benchmark, run: &Run, notes: &mut Vec<Note>) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        benchmark.cells.iter().map(|cell| entry_of(cell, run, notes)).collect();
    for average in &benchmark.averages {
        let own: Vec<&Entry> = benchmark
            .cells
            .iter()
            .zip(&entries)
            .filter(|(cell, _)| average.of.contains(&cell.column))
            .map(|(_, entry)| entry)
            .collect();
        let values: Vec<f64> = own.iter().filter_map(|entry| entry.f1()).collect();
        let mean = if own.iter().all(|entry| **entry == Entry::NotRun) {
            Entry::NotRun
        } else if values.len() < own.len() {
            Entry::Incomplete
        } else {
            let f1 = values.iter().sum::<f64>() / values.len() as f64;
            let partial = own.iter().any(|entry| entry.is_partial());
            Entry::Value { f1, interval: None, partial, answers: None }
        };
        entries.push(mean);
    }
    entries
}

/// What the answers behind a row's numbers do not show, all test sets together.
fn beside(entries: &[Entry]) -> Option<String> {
    let quality: Quality = entries.iter().filter_map(Entry::answers).sum();
    (!quality.is_clean()).then(|| quality.to_string())
}

fn entry_of(cell: &Cell, run: &Run, notes: &mut Vec<Note>) -> Entry {
    let column = &cell.column;
    let of_dataset = || run.filled.iter().filter(|it| Some(&it.dataset) == cell.dataset.as_ref());
    let is_asked = |it: &&Filled| {
        it.split == cell.split && it.task == cell.task && it.language == cell.language
    };
    let with_shots = of_dataset().filter(is_asked).filter(|it| it.shots == cell.shots);
    // Whoever asked for a part and for the whole is shown with the whole.
    let asked = with_shots.max_by_key(|it| (it.limit.is_none(), it.sentences));
    let Some(asked) = asked else {
        if let Some(other) = of_dataset().find(is_asked) {
            let text = format!(
                "{}, {column}: asked with {} demonstrations, not {}",
                run.name, other.shots, cell.shots
            );
            notes.push(Note { mark: String::new(), text });
        } else if let Some(other) = of_dataset().next() {
            let text = format!(
                "{}, {column}: `{}:{}` was asked for `{}` in `{}`, not `:{}` for `{}` in `{}`",
                run.name,
                other.dataset,
                other.split,
                other.task,
                other.language,
                cell.split,
                cell.task,
                cell.language
            );
            notes.push(Note { mark: String::new(), text });
        }
        return Entry::NotRun;
    };
    if let Some(why) = &asked.undefined {
        let text = format!("{}, {column}: not defined: {why}", run.name);
        notes.push(Note { mark: String::new(), text });
        return Entry::NotDefined;
    }
    let Some(f1) = asked.f1 else { return Entry::Empty };
    let part = match (asked.limit, cell.sentences) {
        (Some(limit), _) => Some(format!("only the first {limit} sentences were asked")),
        (None, Some(theirs)) if theirs != asked.sentences => {
            Some(format!("{} sentences, where the sources have {theirs}", asked.sentences))
        }
        _ => None,
    };
    let partial = part.is_some();
    if let Some(part) = part {
        notes.push(Note { mark: "*".to_owned(), text: format!("{}, {column}: {part}", run.name) });
    }
    let answers = Some(asked.quality).filter(|it| !it.is_clean());
    Entry::Value { f1, interval: asked.interval, partial, answers }
}

/// Ours less the best that is published; what was trained on the test set's own kind is no rival.
fn difference(published: &[Published], column: &str, ours: &Entry) -> Entry {
    let rivals = published.iter().filter(|row| !row.bound);
    let best = rivals
        .filter_map(|row| Some((*row.values.get(column)?, row.method.as_str())))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match (ours.f1(), best) {
        (Some(f1), Some((best, method))) => {
            let (points, to) = (f1 - best, method.to_owned());
            Entry::Difference { points, to, partial: ours.is_partial() }
        }
        _ => Entry::NotReported,
    }
}

/// Source, scorer and note of a published row.
fn source_of(published: &Published, ours: Protocol) -> String {
    let scorer = match published.protocol.as_str() {
        UNKNOWN => format!("scorer unknown, ours is `{ours}`"),
        same if same == ours.name() => format!("scorer `{same}`, as ours"),
        other => format!("scorer `{other}`, ours is `{ours}`: another count"),
    };
    let mut text = format!("{}; {scorer}", published.source);
    if published.bound {
        text += "; a bound, no rival: trained on what the others have not seen";
    }
    if let Some(note) = &published.note {
        text = format!("{text}; {note}");
    }
    text
}

/// A mark a cell, and what the marks mean; what is said of all cells needs no mark.
fn notes_of_cells(cells: &[Cell]) -> (Vec<String>, Vec<Note>) {
    let said = |cell: &Cell| match (&cell.dataset, &cell.note) {
        (None, Some(note)) => Some(format!("not declared here: {note}")),
        (None, None) => Some("not declared here".to_owned()),
        (Some(_), note) => note.clone(),
    };
    let texts: Vec<Option<String>> = cells.iter().map(said).collect();
    if let [Some(first), ..] = texts.as_slice()
        && texts.iter().all(|text| text.as_ref() == Some(first))
    {
        let note = Note { mark: String::new(), text: first.clone() };
        return (vec![String::new(); cells.len()], vec![note]);
    }
    let mut marks: BTreeMap<String, String> = BTreeMap::new();
    let mut notes = Vec::new();
    let of_cells = texts
        .into_iter()
        .map(|text| {
            let Some(text) = text else { return String::new() };
            let next = mark(marks.len());
            let mark = marks.entry(text.clone()).or_insert_with(|| {
                notes.push(Note { mark: next.clone(), text });
                next
            });
            mark.clone()
        })
        .collect();
    (of_cells, notes)
}

/// `(a)` to `(z)`, then `(aa)` and on.
fn mark(number: usize) -> String {
    let letter = char::from(b'a' + (number % 26) as u8);
    format!("({})", String::from(letter).repeat(number / 26 + 1))
}
