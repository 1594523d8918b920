//! One pair of names a row, and the relation between them: rows of one sentence become one row.
//!
//! A relation extractor is asked for all relations of a sentence, so a sentence that the corpus
//! repeats for each pair is put together again.

use super::locate;
use super::merged::{self, Part, Records};
use super::row::{Annotated, Labelled, Linked, Place, Row};
use super::stream::Take;
use crate::Error;
use serde::Deserialize;
use std::path::Path;

/// What a declaration says about the pairs.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// How a pair is written.
    layout: Layout,
    /// Of `columns`: the column of the first argument, from 0.
    head: usize,
    /// Of `columns`: the column of the second argument.
    tail: usize,
    /// Of `columns`: the column of the relation.
    relation: usize,
    /// Of `columns`: the column of the sentence.
    sentence: usize,
    /// Relations that mean that there is none.
    none: Vec<String>,
}

/// How a pair is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Layout {
    /// A line a pair, its columns divided by a TAB; the arguments are strings of the sentence.
    #[default]
    Columns,
    /// Blocks as of SemEval-2010 Task 8: a number and the sentence with `<e1>` and `<e2>` in it, a
    /// line `Relation(e1,e2)` with the first argument first, comments, a blank line.
    Marked,
}

/// What one row says.
struct Pair {
    id: Option<String>,
    text: String,
    /// The relation, first and second argument; none where nothing relates them.
    relation: Option<(String, Place, Place)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            head: 0,
            tail: 1,
            relation: 2,
            sentence: 3,
            none: Vec::new(),
        }
    }
}

impl Options {
    /// Refuses two meanings of one column.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let mut columns = [self.head, self.tail, self.relation, self.sentence];
        columns.sort_unstable();
        match columns.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                let message = format!("[options] reads column {} twice", pair[0]);
                Err(Error::declaration(path, message))
            }
            None => Ok(()),
        }
    }

    fn is_none(&self, relation: &str) -> bool {
        self.none.iter().any(|none| none == relation)
    }
}

/// Hands on the sentences of a file, each with all its pairs, in the order in which they come first.
pub(crate) fn each(path: &Path, options: &Options, take: Take<'_>) -> Result<(), Error> {
    let layout = match options.layout {
        Layout::Columns => merged::Layout::Lines,
        Layout::Marked => merged::Layout::Blocks,
    };
    merged::each(path, layout, options, take)
}

impl Options {
    fn pair(&self, record: &str) -> Result<Pair, String> {
        match self.layout {
            Layout::Columns => row(record, self),
            Layout::Marked => of_block(&record.lines().collect::<Vec<_>>(), self),
        }
    }
}

impl Records for Options {
    fn sentences(&self, record: &str) -> Vec<Option<String>> {
        vec![self.pair(record).ok().map(|pair| pair.text)]
    }

    fn row(&self, path: &Path, parts: &[Part]) -> Option<Row> {
        let first = parts.first()?;
        let mut content = Annotated::default();
        let mut own = None;
        for (index, part) in parts.iter().enumerate() {
            let Pair { id, text, relation } = match self.pair(&part.record) {
                Ok(pair) => pair,
                Err(fault) => return Some(Row::of(path, part.line, None, Err(fault))),
            };
            if index == 0 {
                (own, content.text) = (id, text);
            }
            if let Some((label, head, tail)) = relation {
                let head = argument(&mut content.entities, head);
                let tail = argument(&mut content.entities, tail);
                content.relations.push(Linked { label, head, tail });
            }
        }
        Some(Row::of(path, first.line, own, Ok(content)))
    }
}

/// The index of the entity that stands at `place`; these corpora do not give its type.
fn argument(entities: &mut Vec<Labelled>, place: Place) -> usize {
    let same =
        |entity: &Labelled| (entity.place.start, entity.place.end) == (place.start, place.end);
    if let Some(index) = entities.iter().position(same) {
        return index;
    }
    entities.push(Labelled { label: None, place });
    entities.len() - 1
}

fn row(line: &str, options: &Options) -> Result<Pair, String> {
    let cells: Vec<&str> = line.split('\t').collect();
    let last = [options.head, options.tail, options.relation, options.sentence].into_iter().max();
    let expected = last.unwrap_or_default() + 1;
    if cells.len() != expected {
        let found = cells.len();
        return Err(format!("expected {expected} columns divided by a TAB, found {found}"));
    }
    let (text, relation) = (cells[options.sentence], cells[options.relation]);
    let place = |name: &str| {
        let found = locate::find(text, name).first().map(|(start, end)| Place::at(*start, *end));
        found.ok_or_else(|| format!("`{name}` is not in the sentence"))
    };
    let relation = match options.is_none(relation) {
        true => None,
        false => {
            Some((relation.to_owned(), place(cells[options.head])?, place(cells[options.tail])?))
        }
    };
    Ok(Pair { id: None, text: text.to_owned(), relation })
}

fn of_block(lines: &[&str], options: &Options) -> Result<Pair, String> {
    let [sentence, relation, ..] = lines else {
        return Err("a sentence without the line of its relation".into());
    };
    let Some((id, sentence)) = sentence.split_once('\t') else {
        return Err("expected a number, a TAB and the sentence".into());
    };
    let sentence = sentence.trim();
    let bare = sentence.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let (text, first, second) = unmarked(bare.unwrap_or(sentence))?;
    let relation = relation.trim();
    let relation = if options.is_none(relation) {
        None
    } else if let Some(label) = relation.strip_suffix("(e1,e2)") {
        Some((label.to_owned(), first, second))
    } else if let Some(label) = relation.strip_suffix("(e2,e1)") {
        Some((label.to_owned(), second, first))
    } else {
        let known = options.none.join("`, `");
        return Err(format!(
            "relation `{relation}` ends with neither `(e1,e2)` nor `(e2,e1)`, and `none` is [`{known}`]"
        ));
    };
    Ok(Pair { id: Some(id.trim().to_owned()), text, relation })
}

/// What stands around the two names of a pair.
const MARKS: [&str; 4] = ["<e1>", "</e1>", "<e2>", "</e2>"];

/// A sentence without its marks, and the two names that they stood around.
fn unmarked(sentence: &str) -> Result<(String, Place, Place), String> {
    let (mut text, mut at, mut rest) = (String::new(), 0, sentence);
    let mut seen: [Option<usize>; 4] = [None; 4];
    while let Some(next) = rest.chars().next() {
        match MARKS.iter().position(|mark| rest.starts_with(*mark)) {
            Some(mark) => {
                if seen[mark].replace(at).is_some() {
                    return Err(format!("`{}` stands twice", MARKS[mark]));
                }
                rest = &rest[MARKS[mark].len()..];
            }
            None => {
                text.push(next);
                at += 1;
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    match seen {
        [Some(first), Some(first_end), Some(second), Some(second_end)] => {
            Ok((text, Place::at(first, first_end), Place::at(second, second_end)))
        }
        _ => Err("the sentence has not all of `<e1>`, `</e1>`, `<e2>`, `</e2>`".into()),
    }
}
