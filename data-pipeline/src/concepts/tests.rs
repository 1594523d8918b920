//! Small maps with each relation and each fault, and the one that is shipped.
#![allow(clippy::unwrap_used)]

use super::{Concepts, Fate, Relation};
use crate::Error;
use crate::corpus::Corpus;
use std::path::{Path, PathBuf};

const CONCEPTS: &str = r#"
kind = "entity"

[concepts]
person = { en = "person", zh = "人物" }
writer = { en = "writer", zh = "作家", broader = ["person"] }
place = { en = "place", zh = "地点" }
date = { en = "date", zh = "日期" }

[classes."tiny.py"]
Person = "person"
Place = "place"
"#;

const SCHEMA: &str = r#"
class Person(Entity):
    """
    Description: A human being.
    """


class Place(Entity):
    """
    Description: Somewhere.
    """
"#;

/// A folder with a map, a schema and one declaration of the corpus `tiny`.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// `map` is what `[corpus.labels]` says, `labels` what the declaration's `[labels]` says.
    fn new(map: &str, labels: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["concepts", "datasets", "data"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let bench = Self { folder };
        bench.write("concepts/entities.toml", CONCEPTS);
        let group = format!("[[corpus]]\ndatasets = [\"tiny\"]\n\n[corpus.labels]\n{map}");
        bench.write("concepts/labels.toml", &group);
        bench.write("datasets/tiny.py", SCHEMA);
        let declaration = format!(
            "name = \"tiny\"\ntask = [\"ner\"]\nlanguage = \"en\"\nlicence = \"ours\"\n\
             source = \"here\"\nschema = \"tiny.py\"\nreader = \"columns\"\n\n\
             [splits.test]\nfiles = [\"test.txt\"]\n\n[labels]\n{labels}"
        );
        bench.write("datasets/tiny.toml", &declaration);
        bench
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn map(&self) -> Result<Concepts, Error> {
        Concepts::load(&self.folder.path().join("concepts"))
    }

    fn corpus(&self) -> Corpus {
        let folder = self.folder.path();
        Corpus::load(&folder.join("datasets/tiny.toml"), &folder.join("data")).unwrap()
    }

    /// Everything that is wrong, a line each.
    fn faults(&self) -> String {
        let map = match self.map() {
            Ok(map) => map,
            Err(error) => return error.to_string(),
        };
        let corpus = self.corpus();
        let faults = map.faults().into_iter().chain(map.check(&corpus));
        let faults = faults.chain(map.stale(&[corpus]));
        faults.map(|fault| format!("{fault}\n")).collect()
    }
}

#[test]
fn each_relation_is_understood() {
    let bench = Bench::new(
        "PER = { equal = \"entity/person\" }\n\
         POET = { narrower = \"entity/writer\" }\n\
         TOWN = { merge = \"entity/place\" }\n\
         GPE = { split = [\"entity/place\", \"entity/person\"], why = \"who rules is marked alike\" }\n\
         WHO = { broader = \"entity/person\", why = \"animals, too, but there are few\" }\n\
         DAY = { equal = \"entity/date\", why = \"no class\" }\n\
         MISC = { none = \"a rest\" }\n",
        "PER = \"Person\"\nPOET = \"Person\"\nTOWN = \"Place\"\nGPE = \"Place\"\nWHO = \"Person\"\n\
         DAY = \"\"\nMISC = \"\"\n",
    );
    assert_eq!(bench.faults(), "");
    bench.write("data/test.txt", "Ann\tB-PER\nsaw\tO\nRome\tB-GPE\nMay\tB-DAY\n\nBob\tB-PER\n");
    let map = bench.map().unwrap();
    let outcomes = map.outcomes(&bench.corpus()).unwrap();
    let found: Vec<(&str, Fate, Option<usize>)> =
        outcomes.iter().map(|it| (it.label.as_str(), it.fate, it.count)).collect();
    let expected = [
        ("DAY", Fate::Dropped, Some(1)),
        ("GPE", Fate::Split, Some(1)),
        ("MISC", Fate::Dropped, Some(0)),
        ("PER", Fate::Merged, Some(2)),
        ("POET", Fate::Merged, Some(0)),
        ("TOWN", Fate::Merged, Some(0)),
        ("WHO", Fate::Merged, Some(0)),
    ];
    assert_eq!(found, expected);
    assert_eq!(outcomes[2].relation, Some(Relation::None));
    assert_eq!(map.name("entity/writer", "zh"), Some("作家"));
}

#[test]
fn what_does_not_agree_is_named() {
    let person = "PER = { equal = \"entity/person\" }\n";
    for (map, labels, fault) in [
        (person, "PER = \"Person\"\nLOC = \"Place\"\n", "label `LOC` of `tiny` has no concept"),
        (person, "PER = \"Place\"\n", "which is neither that nor broader"),
        (person, "PER = \"\"\n", "say `why`"),
        (person, "PERS = \"Person\"\n", "label `PER` is in no declaration"),
        ("PER = { none = \"a rest\" }\n", "PER = \"Person\"\n", "has no concept here"),
        ("PER = { equal = \"entity/persn\" }\n", "PER = \"\"\n", "did you mean `entity/person`?"),
        ("PER = { broader = \"entity/person\" }\n", "PER = \"Person\"\n", "must say why"),
        ("PER = { none = \"\" }\n", "PER = \"\"\n", "must say why"),
        ("PER = {}\n", "PER = \"Person\"\n", "must have exactly one of"),
        (
            "PER = { equal = \"entity/person\", merge = \"entity/place\" }\n",
            "PER = \"Person\"\n",
            "must have exactly one of",
        ),
        (
            "PER = { split = [\"entity/person\"], why = \"so\" }\n",
            "PER = \"Person\"\n",
            "at least two",
        ),
        ("PER = { equals = \"entity/person\" }\n", "PER = \"Person\"\n", "did you mean `equal`?"),
    ] {
        let faults = Bench::new(map, labels).faults();
        assert!(faults.contains(fault), "{fault}: {faults}");
    }
}

#[test]
fn a_fault_has_its_line() {
    let bench = Bench::new("PER = { equal = \"entity/place\" }\n", "PER = \"Person\"\n");
    assert!(bench.faults().contains("labels.toml:5:"), "{}", bench.faults());
}

#[test]
fn circles_unknown_classes_and_doubles_are_found() {
    let bench = Bench::new("PER = { equal = \"entity/person\" }\n", "PER = \"Person\"\n");
    bench.write(
        "concepts/more.toml",
        "kind = \"event\"\n[concepts]\na = { en = \"a\", zh = \"a\", broader = [\"b\"] }\n\
         b = { en = \"b\", zh = \"b\", broader = [\"a\"] }\n",
    );
    assert!(bench.faults().contains("`event/a` is broader than itself"), "{}", bench.faults());
    bench.write("concepts/more.toml", "[concepts]\na = { en = \"a\", zh = \"a\" }\n");
    assert!(bench.faults().contains("no `kind`"), "{}", bench.faults());
    let double = "kind = \"entity\"\n[concepts]\nperson = { en = \"a\", zh = \"a\" }\n";
    bench.write("concepts/more.toml", double);
    assert!(bench.faults().contains("`entity/person` is there twice"), "{}", bench.faults());
    bench.write("concepts/more.toml", "[[corpus]]\ndatasets = [\"tiny\"]\n[corpus.labels]\n");
    assert!(bench.faults().contains("`tiny` is there twice"), "{}", bench.faults());
    bench.write("concepts/more.toml", "");
    bench.write("concepts/entities.toml", &CONCEPTS.replace("Person = \"person\"\n", ""));
    assert!(bench.faults().contains("class `Person` is no concept"), "{}", bench.faults());
}

#[test]
fn a_corpus_without_labels_needs_concepts_for_its_classes() {
    let bench = Bench::new("PER = { equal = \"entity/person\" }\n", "");
    let corpus = bench.corpus();
    assert!(bench.map().unwrap().check(&corpus).is_empty());
    bench.write("concepts/entities.toml", &CONCEPTS.replace("Place = \"place\"\n", ""));
    assert_eq!(bench.map().unwrap().check(&corpus).len(), 1);
}

#[test]
fn every_label_of_every_declaration_has_a_meaning() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let map = Concepts::load(&configs.join("concepts")).unwrap();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(configs.join("datasets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let corpora: Vec<Corpus> =
        paths.iter().map(|path| Corpus::load(path, Path::new("nowhere")).unwrap()).collect();
    let mut faults: Vec<String> = map.faults().iter().map(ToString::to_string).collect();
    for corpus in &corpora {
        faults.extend(map.check(corpus).iter().map(ToString::to_string));
    }
    faults.extend(map.stale(&corpora).iter().map(ToString::to_string));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(map.len() > 800 && corpora.len() > 140, "{} {}", map.len(), corpora.len());
}
