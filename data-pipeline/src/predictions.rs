//! What a model answered, kept as JSON Lines.
//!
//! Generation and scoring meet in these files: a scoring rule can change and run again on old
//! answers in a second, without the model. Objects are written flat, with offsets beside the
//! names, so that other tools read them without knowing our types:
//!
//! ```json
//! {"type":"Person","name":"Ann","start":0,"end":3}
//! {"type":"Disorder","name":"left pain","start":0,"end":17,"pieces":[[0,4],[13,17]]}
//! {"type":"WorksFor","head":{"type":"Person","name":"Ann"},"tail":{"type":"Entity","name":"UN"}}
//! {"type":"Hiring","trigger":"joined","arguments":[{"role":"employee","name":"Ann"}]}
//! ```

pub(crate) mod objects;

use crate::durable;
use crate::error::{Error, explain};
use crate::schema::Task;
use crate::sentence::{Instance, Mention, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

/// One sentence, what was asked, what was answered, and what would have been right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The sentence's id; unique in its dataset, language and task.
    pub id: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Language code of the sentence.
    #[serde(default)]
    pub language: String,
    /// What was asked.
    pub task: Task,
    /// The text.
    pub sentence: String,
    /// The model's answer as generated.
    #[serde(default)]
    pub answer: String,
    /// The annotated objects.
    #[serde(with = "objects")]
    pub gold: Vec<Instance>,
    /// The objects read from the answer.
    #[serde(with = "objects")]
    pub predicted: Vec<Instance>,
    /// What was wrong with the answer, each as `kind: message`.
    #[serde(default)]
    pub flaws: Vec<String>,
    /// Length of the prompt.
    #[serde(default)]
    pub prompt_tokens: usize,
    /// Length of the answer.
    #[serde(default)]
    pub answer_tokens: usize,
    /// Where one prompt would have been too long: what was asked and answered in turn. `answer` has
    /// these answers below each other, `predicted` their objects, and the lengths are sums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether an answer ended only because it was as long as it may be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl Prediction {
    /// The first annotated mention whose place in the sentence reads otherwise, with what it reads.
    pub fn misplaced(&self) -> Option<(&Mention, String)> {
        let begins = self.sentence.char_indices().map(|(at, _)| at);
        let bytes: Vec<usize> = begins.chain([self.sentence.len()]).collect();
        let read = |mention: &Mention| {
            let of = |place: &Span| {
                let ends = bytes.get(place.start).zip(bytes.get(place.end));
                ends.and_then(|(from, to)| self.sentence.get(*from..*to)).unwrap_or_default()
            };
            mention.places().iter().map(of).collect::<Vec<_>>().join(" ")
        };
        let mentions = self.gold.iter().flat_map(Instance::mentions);
        let placed = mentions.filter(|mention| mention.span.is_some());
        placed.map(|mention| (mention, read(mention))).find(|(mention, read)| mention.text != *read)
    }
}

/// One of several prompts about a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The classes that it offered.
    pub classes: Vec<String>,
    /// The model's answer as generated.
    pub answer: String,
    /// Length of the prompt.
    pub prompt_tokens: usize,
    /// Length of the answer.
    pub answer_tokens: usize,
}

/// Reads a file of predictions; the first row that is not one is an error with its line.
pub fn read(path: &Path) -> Result<Vec<Prediction>, Error> {
    read_all(&[path])
}

/// Reads several files as one list; a sentence that occurs twice is an error, not counted twice.
pub fn read_all(paths: &[&Path]) -> Result<Vec<Prediction>, Error> {
    Ok(read_each(paths)?.into_iter().flatten().collect())
}

/// Reads several files as [`read_all`] does, each opened once, and keeps them apart.
pub fn read_each(paths: &[&Path]) -> Result<Vec<Vec<Prediction>>, Error> {
    collect(paths, false)
}

/// Reads files that a run may still be writing to: a last line without its end is not there yet.
pub fn read_finished(paths: &[&Path]) -> Result<Vec<Prediction>, Error> {
    Ok(collect(paths, true)?.into_iter().flatten().collect())
}

/// Reads what a stopped run had finished, and cuts off the line that it was writing.
///
/// No file is no prediction. A whole line that cannot be read is still an error.
pub fn recover(path: &Path) -> Result<Vec<Prediction>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::read(path)(error)),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(path).map_err(Error::write(path))?;
        file.set_len(whole as u64).map_err(Error::write(path))?;
    }
    read(path)
}

/// Writes a whole file of predictions, or leaves what was there.
pub fn write(path: &Path, predictions: &[Prediction]) -> Result<(), Error> {
    replace(path, &lines(path, predictions)?)
}

/// Adds predictions to the end of a file and waits until they are on disk.
pub fn append(path: &Path, predictions: &[Prediction]) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::write(parent))?;
    }
    let mut file =
        OpenOptions::new().append(true).create(true).open(path).map_err(Error::write(path))?;
    file.write_all(&lines(path, predictions)?).map_err(Error::write(path))?;
    file.sync_data().map_err(Error::write(path))
}

/// How often each kind of flaw occurs: its text up to a colon, without what it quotes.
pub fn flaw_kinds<'a>(
    predictions: impl IntoIterator<Item = &'a Prediction>,
) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for flaw in predictions.into_iter().flat_map(|prediction| &prediction.flaws) {
        *kinds.entry(flaw_kind(flaw)).or_default() += 1;
    }
    kinds
}

/// A flaw without what differs from answer to answer: quotations become `…`, and a colon ends it.
fn flaw_kind(flaw: &str) -> String {
    let parts = flaw.split('`').enumerate();
    let unquoted: String =
        parts.map(|(place, part)| if place % 2 == 0 { part } else { "…" }).collect();
    unquoted.split(':').next().unwrap_or_default().trim().to_owned()
}

/// An object as the JSON that prediction files and `knowcoder extract` show.
pub fn json(instance: &Instance) -> serde_json::Value {
    // A struct of strings and numbers always has a JSON form.
    serde_json::to_value(objects::Object::from(instance)).unwrap_or_default()
}

/// The object that [`json`] shows so.
pub fn object(value: &serde_json::Value) -> Result<Instance, String> {
    let object = objects::Object::deserialize(value).map_err(|error| error.to_string())?;
    object.instance()
}

/// Puts `bytes` in place of the file at `path`, whole or not at all, in a directory that need not
/// be there yet.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::write(parent))?;
    }
    durable::write(path, bytes)
}

/// Writes `bytes` to `path` as [`replace`] does, where other processes may write the same.
pub fn replace_among_others(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable::write_among_others(path, bytes)
}

/// What one row of a set of files is known by: dataset, language, task and id.
type Key = (String, String, Task, String);

/// The mark of the byte order that some editors begin a file with.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The rows of each file, each sentence once; with `growing`, without an unended last line.
fn collect(paths: &[&Path], growing: bool) -> Result<Vec<Vec<Prediction>>, Error> {
    let mut predictions: Vec<Vec<Prediction>> = Vec::with_capacity(paths.len());
    let mut seen: HashMap<Key, (usize, usize)> = HashMap::new();
    for (file, path) in paths.iter().enumerate() {
        let mut reader = BufReader::new(File::open(path).map_err(Error::read(path))?);
        let (mut bytes, mut rows) = (Vec::new(), Vec::new());
        for line in 1.. {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes).map_err(Error::read(path))? == 0 {
                break;
            }
            let marked = if line == 1 { bytes.strip_prefix(MARK) } else { None };
            let bytes = marked.unwrap_or(&bytes);
            if bytes.trim_ascii().is_empty() || growing && !bytes.ends_with(b"\n") {
                continue;
            }
            let prediction = parse(bytes.trim_ascii_end())
                .map_err(|message| Error::data(path, line, message))?;
            let Prediction { id, dataset, language, task, .. } = &prediction;
            let key = (dataset.clone(), language.clone(), *task, id.clone());
            if let Some((before, at)) = seen.insert(key, (file, line)) {
                let before = paths[before].display();
                return Err(Error::data(
                    path,
                    line,
                    format!(
                        "{task} prediction `{id}` of `{dataset}` stands already in {before}:{at}; \
                         leave one of them out"
                    ),
                ));
            }
            rows.push(prediction);
        }
        predictions.push(rows);
    }
    Ok(predictions)
}

/// The predictions as JSON Lines.
fn lines(path: &Path, predictions: &[Prediction]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for prediction in predictions {
        serde_json::to_writer(&mut bytes, prediction)
            .map_err(|error| Error::write(path)(error.into()))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// One line as a prediction whose offsets lie in its sentence; else what is wrong with it.
fn parse(line: &[u8]) -> Result<Prediction, String> {
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("not UTF-8 from byte {} on", error.valid_up_to() + 1))?;
    let prediction: Prediction = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        // serde_json counts lines in what it was given, which is one line.
        let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        format!("column {}: {}", error.column(), explain(what))
    })?;
    let length = prediction.sentence.chars().count();
    let objects = prediction.gold.iter().chain(&prediction.predicted);
    for mention in objects.flat_map(Instance::mentions) {
        if let Some(span) = mention.span.filter(|span| span.end > length) {
            return Err(format!(
                "`{}` ends at character {}, but the sentence has {length}",
                mention.text, span.end
            ));
        }
    }
    Ok(prediction)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sentence::{Entity, Event, Relation};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    const ROW: &str = r#"{"id":"a","dataset":"d","language":"en","task":"ner","sentence":"Ann joined the UN.","answer":"…","gold":[GOLD],"predicted":[]}"#;

    fn check(gold: &str, expected: Expect) {
        let found = match parse(ROW.replace("GOLD", gold).as_bytes()) {
            Ok(prediction) => {
                prediction.gold.iter().map(|object| json(object).to_string()).collect::<String>()
            }
            Err(message) => message,
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn each_kind_of_object_keeps_its_form() {
        check(
            r#"{"type":"Person","name":"Ann","start":0,"end":3}"#,
            expect![[r#"{"type":"Person","name":"Ann","start":0,"end":3}"#]],
        );
        check(
            r#"{"type":"Person","name":"Ann UN","start":0,"end":17,"pieces":[[0,3],[15,17]]}"#,
            expect![[
                r#"{"type":"Person","name":"Ann UN","start":0,"end":17,"pieces":[[0,3],[15,17]]}"#
            ]],
        );
        check(
            r#"{"type":"W","head":{"name":"Ann UN","pieces":[[0,3],[15,17]]},"tail":{"name":"UN"}}"#,
            expect![[
                r#"{"type":"W","head":{"type":"Entity","name":"Ann UN","start":0,"end":17,"pieces":[[0,3],[15,17]]},"tail":{"type":"Entity","name":"UN"}}"#
            ]],
        );
        check(
            r#"{"type":"WorksFor","head":{"type":"Person","name":"Ann"},"tail":{"name":"UN"}}"#,
            expect![[
                r#"{"type":"WorksFor","head":{"type":"Person","name":"Ann"},"tail":{"type":"Entity","name":"UN"}}"#
            ]],
        );
        check(
            r#"{"type":"Hiring","trigger":"joined","start":4,"end":10,"arguments":[{"role":"employee","name":"Ann"}]}"#,
            expect![[
                r#"{"type":"Hiring","trigger":"joined","start":4,"end":10,"arguments":[{"role":"employee","name":"Ann"}]}"#
            ]],
        );
        check(
            r#"{"type":"Hiring","trigger":"joined"}"#,
            expect![[r#"{"type":"Hiring","trigger":"joined","arguments":[]}"#]],
        );
    }

    #[test]
    fn a_wrong_row_says_what_is_wrong() {
        check(
            r#"{"type":"Person"}"#,
            expect![
                "column 126: object `Person` is neither an entity (`name`), a relation (`head`, `tail`) nor an event (`trigger`, `arguments`)"
            ],
        );
        check(
            r#"{"type":"Person","name":"Ann","end":3}"#,
            expect!["column 147: `Ann` has an end and no start"],
        );
        check(
            r#"{"type":"Person","name":"Ann","start":9,"end":3}"#,
            expect!["column 157: `Ann` starts at 9, after its end at 3"],
        );
        check(
            r#"{"type":"Person","name":"Ann","start":16,"end":19}"#,
            expect!["`Ann` ends at character 19, but the sentence has 18"],
        );
        check(
            r#"{"type":"Person","name":"Ann","start":0,"end":3,"pieces":[[0,3]]}"#,
            expect![
                "column 174: the pieces of `Ann` are not two or more from left to right without overlaps"
            ],
        );
        check(
            r#"{"type":"Person","name":"Ann UN","start":0,"end":18,"pieces":[[0,3],[15,17]]}"#,
            expect![
                "column 186: the pieces of `Ann UN` do not begin and end where it does, at 0 and 17"
            ],
        );
        check(
            r#"{"type":"Person","nam":"Ann"}"#,
            expect!["column 130: unknown key `nam`; did you mean `name`?"],
        );
        check(r#"{"type":"#, expect!["column 117: expected value"]);
    }

    #[test]
    fn errors_name_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p.jsonl");
        let row = ROW.replace("GOLD", "");
        for (text, expected) in [
            (format!("{row}\n\n{{\n"), ":3: column 1: EOF while parsing an object"),
            (format!("{row}\n{row}\n"), ":2: ner prediction `a` of `d` stands already in "),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 65);
        }
        fs::write(&path, b"\xff\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with(":1: not UTF-8 from byte 1 on"));
        assert_eq!(read(&directory.path().join("none")).unwrap_err().exit_code(), 64);
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_part_of_the_first_row() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("p.jsonl"), directory.path().join("q.jsonl"));
        let row = ROW.replace("GOLD", "");
        fs::write(&path, format!("\u{feff}{row}\n")).unwrap();
        fs::write(&other, "\u{feff}\n").unwrap();
        let rows = read_each(&[&path, &other]).unwrap();
        assert_eq!(rows, [vec![parse(row.as_bytes()).unwrap()], Vec::new()]);
        // Further down it is no mark, but a character that has no place there.
        fs::write(&path, format!("{row}\n\u{feff}{row}\n")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains(":2: column 1: "));
    }

    #[test]
    fn gold_is_held_against_its_place() {
        let check = |gold: &str, expected: Option<(&str, &str)>| {
            let row = parse(ROW.replace("GOLD", gold).as_bytes()).unwrap();
            let found = row.misplaced().map(|(mention, read)| (mention.text.clone(), read));
            let expected = expected.map(|(text, read)| (text.to_owned(), read.to_owned()));
            assert_eq!(found, expected, "{gold}");
        };
        check(r#"{"type":"P","name":"Ann","start":0,"end":3}"#, None);
        check(r#"{"type":"P","name":"Bob"}"#, None);
        check(r#"{"type":"P","name":"Ann","start":1,"end":4}"#, Some(("Ann", "nn ")));
        let pieces = r#"{"type":"P","name":"Ann UN","start":0,"end":17,"pieces":[[0,3],[15,17]]}"#;
        check(pieces, None);
        check(&pieces.replace("[15,17]", "[14,17]"), Some(("Ann UN", "Ann  UN")));
        check(
            r#"{"type":"H","trigger":"joined","start":4,"end":10,"arguments":[{"role":"r","name":"UN","start":14,"end":16}]}"#,
            Some(("UN", " U")),
        );
    }

    #[test]
    fn a_torn_line_is_cut_and_the_rest_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/p.jsonl");
        assert_eq!(recover(&path).unwrap(), []);
        let first = parse(ROW.replace("GOLD", "").as_bytes()).unwrap();
        let second = Prediction { id: "b".to_owned(), ..first.clone() };
        append(&path, std::slice::from_ref(&first)).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"id":"b","data"#).unwrap();
        assert!(read(&path).is_err());
        assert_eq!(read_finished(&[&path]).unwrap(), std::slice::from_ref(&first));
        assert_eq!(recover(&path).unwrap(), std::slice::from_ref(&first));
        append(&path, std::slice::from_ref(&second)).unwrap();
        assert_eq!(read(&path).unwrap(), [first, second]);
    }

    #[test]
    fn flaws_are_counted_by_kind() {
        let mut row = parse(ROW.replace("GOLD", "").as_bytes()).unwrap();
        row.flaws = ["unclosed: expected `)`", "unclosed: end", "`a: b` is odd", "`c` is odd"]
            .map(String::from)
            .into();
        let kinds = [("unclosed", 4), ("… is odd", 4)].map(|(kind, n)| (kind.to_owned(), n));
        assert_eq!(flaw_kinds([&row, &row]), BTreeMap::from(kinds));
    }

    fn mention() -> impl Strategy<Value = Mention> {
        let pieces = proptest::option::of((1..4usize, 1..4usize));
        (".{0,6}", proptest::option::of((0..9usize, 0..9usize)), pieces).prop_map(
            |(text, span, pieces)| match (span, pieces) {
                (Some((start, _)), Some((length, gap))) => {
                    let first = Span { start, end: start + length };
                    let second = Span { start: first.end + gap, end: first.end + gap + length };
                    Mention::in_pieces(text, vec![first, second])
                }
                (span, _) => Mention {
                    span: span.map(|(start, length)| Span { start, end: start + length }),
                    ..Mention::surface(text)
                },
            },
        )
    }

    fn entity() -> impl Strategy<Value = Entity> {
        (".{0,6}", mention()).prop_map(|(class, mention)| Entity { class, mention })
    }

    /// Any object of any kind.
    fn instance() -> impl Strategy<Value = Instance> {
        prop_oneof![
            entity().prop_map(Instance::Entity),
            (".{0,6}", entity(), entity())
                .prop_map(|(class, head, tail)| Instance::Relation(Relation { class, head, tail })),
            (".{0,6}", mention(), proptest::collection::vec((".{0,6}", mention()), 0..4)).prop_map(
                |(class, trigger, arguments)| Instance::Event(Event { class, trigger, arguments })
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            sentence in ".{18,40}",
            gold in proptest::collection::vec(instance(), 0..5),
            predicted in proptest::collection::vec(instance(), 0..5),
            cut in proptest::bool::ANY,
        ) {
            let row = Prediction {
                id: "d/test/1".to_owned(),
                dataset: "d".to_owned(),
                language: "en".to_owned(),
                task: Task::Eae,
                answer: sentence.clone(),
                sentence,
                gold,
                predicted,
                flaws: vec!["unclosed: expected `)`".to_owned()],
                prompt_tokens: 7,
                answer_tokens: 3,
                parts: vec![Part {
                    classes: vec!["A".to_owned()],
                    answer: "results = []".to_owned(),
                    prompt_tokens: 7,
                    answer_tokens: 3,
                }],
                cut,
            };
            let line = lines(Path::new("p.jsonl"), std::slice::from_ref(&row)).unwrap();
            prop_assert_eq!(parse(&line).unwrap(), row);
        }
    }
}
