//! Small corpora of our own, written for each test, and what is read from them as text.
#![allow(clippy::unwrap_used)]

mod brat;
mod columns;
mod declarations;
mod frames;
mod instructions;
mod lines;
mod mentions;
mod pairs;
mod parallel;
mod readers;
mod record_refusals;
mod records;
mod refusals;
mod table;
mod xml;

use super::Corpus;
use super::source::tests::in_pieces_of;
use crate::{Error, Mention, Sentence};
use expect_test::Expect;
use std::fmt::Write;
use std::path::Path;

pub(super) const SCHEMA: &str = r#"
class Person(Entity):
    """
    Description: A human being.
    Examples: Ann
    """

class Location(Entity):
    """
    Description: A place.
    Examples: Rome
    """

class Organization(Entity):
    """
    Description: A group.
    Examples: Acme
    """

class WorksFor(Relation):
    """
    Description: Employment.
    Examples: (Ann, Acme)
    """
    def __init__(self, head_entity: Person, tail_entity: Organization):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)

class Hiring(Event):
    """
    Description: Somebody gets a job.
    Examples: hired
    """
    def __init__(self, trigger: str, employer: List[Organization], employee: List[Person], time: List[Entity]):
        super().__init__(trigger=trigger)
"#;

pub(super) const LABELS: &str = "[labels]\nPER = \"Person\"\nLOC = \"Location\"\nORG = \"Organization\"\nDATE = \"\"\nWork = \"WorksFor\"\n";

/// A folder with `configs` and `data`, removed at the end.
pub(super) struct Fixture(pub(super) tempfile::TempDir);

impl Fixture {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        fixture.write("configs/schemas/s.py", SCHEMA.as_bytes());
        for (path, content) in files {
            fixture.write(path, content);
        }
        fixture
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(super) fn declare(&self, declaration: &str) -> Result<Corpus, Error> {
        self.write("configs/datasets/x.toml", declaration.as_bytes());
        let configs = self.0.path().join("configs/datasets/x.toml");
        Corpus::load(&configs, &self.0.path().join("data"))
    }

    /// An error without the folder, and with its exit code.
    pub(super) fn error(&self, error: &Error) -> String {
        let folder = format!("{}/", self.0.path().display());
        format!("{} [{}]", error.to_string().replace(&folder, ""), error.exit_code())
    }
}

/// The head that most declarations here share.
pub(super) fn declaration(reader: &str, rest: &str) -> String {
    format!(
        "name = \"x\"\ntask = [\"ner\"]\nlanguage = \"en\"\nlicence = \"ours\"\nsource = \"the test\"\nschema = \"../schemas/s.py\"\nreader = \"{reader}\"\n{rest}"
    )
}

/// Reads `content` as the one file of the split `train`.
pub(super) fn check(reader: &str, rest: &str, content: impl AsRef<[u8]>, expected: Expect) {
    let rest = match rest.contains("[splits.train]") {
        true => rest.to_owned(),
        false => format!("{rest}[splits.train]\nfiles = [\"f\"]\n"),
    };
    check_files(reader, &rest, &[("data/f", content.as_ref())], expected);
}

/// Reads `files` as the split `train`, which `rest` declares.
pub(super) fn check_files(reader: &str, rest: &str, files: &[(&str, &[u8])], expected: Expect) {
    let fixture = Fixture::new(files);
    let labels = if rest.contains("[labels]") { "" } else { LABELS };
    let read = || match fixture.declare(&format!("{}{labels}", declaration(reader, rest))) {
        Err(error) => fixture.error(&error),
        Ok(corpus) => match corpus.read("train") {
            Err(error) => fixture.error(&error),
            Ok(reading) => {
                let mut text = show(&reading.sentences);
                for row in &reading.quarantined {
                    let file = Path::new(&row.file).file_name().unwrap().to_string_lossy();
                    writeln!(text, "quarantined {file}:{}: {}", row.line, row.reason).unwrap();
                }
                if !reading.dropped.is_empty() {
                    writeln!(text, "dropped {:?}", reading.dropped).unwrap();
                }
                text
            }
        },
    };
    let text = read();
    for size in [1, 7, 40] {
        assert_eq!(in_pieces_of(size, read), text, "read by {size} bytes");
    }
    expected.assert_eq(text.trim_end());
}

pub(super) fn show(sentences: &[Sentence]) -> String {
    let mention = |mention: &Mention| {
        let places = mention.places();
        let characters: usize = places.iter().map(|place| place.end - place.start).sum();
        let spaces = places.len() - 1;
        assert_eq!(characters + spaces, mention.text.chars().count(), "{mention:?}");
        let places: Vec<String> =
            places.iter().map(|place| format!("{}..{}", place.start, place.end)).collect();
        format!("{} {}", mention.text, places.join("+"))
    };
    let mut text = String::new();
    for sentence in sentences {
        write!(text, "{} ({}): {}", sentence.id, sentence.language, sentence.text).unwrap();
        for entity in &sentence.entities {
            write!(text, " | {} {}", entity.class, mention(&entity.mention)).unwrap();
        }
        for relation in &sentence.relations {
            let (head, tail) = (&relation.head.mention.text, &relation.tail.mention.text);
            write!(text, " | {}({head}, {tail})", relation.class).unwrap();
        }
        for event in &sentence.events {
            write!(text, " | {} {}", event.class, mention(&event.trigger)).unwrap();
            for (role, filler) in &event.arguments {
                write!(text, ", {role} = {}", mention(filler)).unwrap();
            }
        }
        text.push('\n');
    }
    text
}
