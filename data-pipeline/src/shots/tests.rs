//! Demonstrations cover their classes, are never what is asked, and follow from the seed.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::prepare::Removed;
use crate::prompt::{ExamplesFrom, PromptConfig};
use crate::schema::{Schema, Task};
use crate::sentence::{Entity, Mention, Parallel, Sentence};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const CLASSES: [&str; 5] = ["Person", "Ship", "Port", "River", "Award"];

/// A sentence with `classes`, each with a name of its own, under words that are nobody else's.
fn sentence(number: usize, classes: &[usize]) -> Sentence {
    let mut text = format!("{} ", word(number));
    let mut entities = Vec::new();
    for (place, class) in classes.iter().enumerate() {
        let name = format!("{}{}", CLASSES[*class], word(number * 31 + place));
        let start = text.chars().count();
        text += &name;
        let end = text.chars().count();
        let mention = Mention::at(name, start, end);
        entities.push(Entity { class: CLASSES[*class].to_owned(), mention });
        text += " und ";
    }
    Sentence {
        id: format!("s{number}"),
        text,
        language: "en".to_owned(),
        entities,
        ..Sentence::default()
    }
}

/// A word that shares few letters in a row with those of other numbers.
fn word(number: usize) -> String {
    let mut state = number as u64 + 1;
    let mut letter = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + ((state >> 33) % 26) as u8)
    };
    (0..40).map(|_| letter()).collect()
}

fn pool(sentences: Vec<Sentence>, per_class: usize, seed: u64) -> Pool {
    let training = Training::of_sentences("d:train", sentences);
    Pool::of_sentences(&training, Task::Ner, per_class, seed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each offered class has as many mentions as wanted or as there are, nothing that is asked is
    /// shown, nothing twice, and a second drawing is the same.
    #[test]
    fn demonstrations_cover_their_classes_and_are_never_asked(
        contents in prop::collection::vec(prop::collection::vec(0..CLASSES.len(), 0..4), 1..60),
        per_class in 1usize..4,
        offered in prop::collection::btree_set(0..CLASSES.len(), 1..5),
        asked in prop::collection::vec(0usize..60, 0..5),
        seed in 0u64..1000,
    ) {
        let sentences: Vec<Sentence> =
            contents.iter().enumerate().map(|(number, classes)| sentence(number, classes)).collect();
        let pool = pool(sentences.clone(), per_class, seed);
        let names: Vec<&str> = offered.iter().map(|class| CLASSES[*class]).collect();
        // Other spacing and case are the same sentence.
        let texts: Vec<String> = asked
            .iter()
            .filter_map(|place| sentences.get(*place))
            .map(|sentence| sentence.text.to_uppercase().replace(' ', ", "))
            .collect();
        let asked = Asked::new(texts.iter().map(String::as_str));
        let drawn = pool.draw(&names, &asked, "test");
        prop_assert_eq!(&drawn, &pool.draw(&names, &asked, "test"));
        for (place, shot) in drawn.iter().enumerate() {
            prop_assert!(!asked.has(pool.text(*shot)));
            prop_assert!(!drawn[..place].contains(shot));
        }
        let shown = |sentence: &&Sentence| !asked.has(&sentence.text);
        for name in &names {
            let has = |sentence: &Sentence| {
                sentence.entities.iter().filter(|entity| entity.class == *name).count()
            };
            let there: usize = sentences.iter().filter(shown).map(has).sum();
            let found: usize =
                drawn.iter().map(|shot| pool.objects(*shot).get(*name).copied().unwrap_or(0)).sum();
            prop_assert!(found >= there.min(per_class), "{}: {} of {}", name, found, there);
        }
        // The first demonstrations cover every class once, whatever comes behind them.
        let once = pool_of_one(&sentences, seed).draw(&names, &asked, "test").len();
        prop_assert!(once <= names.len());
    }
}

fn pool_of_one(sentences: &[Sentence], seed: u64) -> Pool {
    pool(sentences.to_vec(), 1, seed)
}

#[test]
fn the_seed_and_the_text_decide() {
    let sentences: Vec<Sentence> = (0..200).map(|n| sentence(n, &[n % 5])).collect();
    let drawn = |seed: u64, purpose: &str| {
        let pool = pool(sentences.clone(), 2, seed);
        let drawn = pool.draw(&CLASSES, &Asked::new([]), purpose);
        drawn.iter().map(|shot| pool.text(*shot).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1, "a"), drawn(1, "a"));
    assert_ne!(drawn(1, "a"), drawn(2, "a"));
    assert_ne!(drawn(1, "a"), drawn(1, "b"));
    assert_eq!(drawn(1, "a").len(), 10);
    let print = |seed, count| pool(sentences[..count].to_vec(), 2, seed).fingerprint();
    assert_eq!(print(1, 200), print(1, 200));
    assert_ne!(print(1, 200), print(2, 200));
    assert_ne!(print(1, 200), print(1, 199));
    let lacking = pool(sentences[..9].to_vec(), 2, 1).lacking(CLASSES);
    assert_eq!(lacking, ["Award"]);
}

#[test]
fn a_short_sentence_goes_before_a_long_one() {
    let many: Vec<Sentence> = (0..40)
        .map(|n| {
            let mut sentence = sentence(n, &[0]);
            if n % 2 == 0 {
                sentence.text += &format!("{} ", word(n + 500)).repeat(9);
            }
            sentence
        })
        .collect();
    let pool = pool(many, 8, 3);
    let drawn = pool.draw(&["Person"], &Asked::new([]), "test");
    let short = drawn.iter().filter(|shot| pool.text(**shot).len() < 200).count();
    // Eight of forty are compared at a time, and half of them are short.
    assert!(drawn.len() == 8 && short >= 6, "{short} of {}", drawn.len());
}

#[test]
fn the_translation_of_what_is_asked_is_not_shown() {
    let pairs: Vec<Parallel> = (0..10)
        .map(|n| {
            let target = Sentence { language: "zh".to_owned(), ..sentence(n + 100, &[n % 5]) };
            Parallel { source: sentence(n, &[n % 5]), target }
        })
        .collect();
    let training =
        Training { dataset: "p:train".into(), pairs: pairs.clone(), ..Training::default() };
    for pool in [Pool::of_sentences(&training, Task::Ner, 9, 1), Pool::of_pairs(&training, 9, 1)] {
        let asked = Asked::new([pairs[3].target.text.as_str()]);
        let drawn = pool.draw(&CLASSES, &asked, "test");
        assert!(!drawn.is_empty());
        assert!(drawn.iter().all(|shot| pool.text(*shot) != pairs[3].source.text));
        assert!(drawn.iter().all(|shot| pool.text(*shot) != pairs[3].target.text));
    }
}

fn configs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

fn quickstart(split: &str, config: &PromptConfig) -> Origin {
    let declarations = configs().join("datasets");
    Origin::of(&declarations, Path::new(""), &format!("quickstart-en{split}"), config)
}

#[test]
fn training_text_holds_nothing_of_a_test() {
    let config = PromptConfig::default();
    let origin = quickstart("", &config);
    assert_eq!(origin.dataset(), "quickstart-en:train");
    let training = origin.read(&Removed::new()).unwrap();
    assert!(training.sentences.len() > 1000, "{}", training.sentences.len());
    let path = configs().join("datasets/quickstart-en.toml");
    let corpus = crate::corpus::Corpus::load(&path, Path::new("")).unwrap();
    let texts: Vec<String> = ["test-names", "test-frames"]
        .iter()
        .flat_map(|split| corpus.read(split).unwrap().sentences)
        .map(|sentence| sentence.text)
        .collect();
    let asked = Asked::new(texts.iter().map(String::as_str));
    // Each against each: the index may not decide here.
    assert!(training.sentences.iter().step_by(17).all(|sentence| !asked.has(&sentence.text)));
    // What training goes without is not shown either.
    let id = training.sentences[0].id.clone();
    let removed = Removed::from([("quickstart-en:train".to_owned(), [id.clone()].into())]);
    let fewer = origin.read(&removed).unwrap();
    assert_eq!(fewer.sentences.len() + 1, training.sentences.len());
    assert!(fewer.sentences.iter().all(|sentence| sentence.id != id));
    assert!(origin.fingerprints().unwrap().contains_key("without quickstart-en:test-names"));
}

#[test]
fn a_test_is_no_training_text() {
    let check = |from: Option<&str>, dataset: &str, benchmarks: &[&str], expected: &str| {
        let config =
            PromptConfig { shots_from: from.map(str::to_owned), ..PromptConfig::default() };
        let origin = Origin::of(&configs().join("datasets"), Path::new(""), dataset, &config)
            .without(benchmarks.iter().map(|name| (*name).to_owned()));
        let error = origin.check().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 64);
    };
    check(None, "uner-pud-de", &[], "has no split `train` to take demonstrations or examples from");
    check(Some("quickstart-en:test-names"), "wnut17", &[], "its split `test-names` is a test");
    check(None, "quickstart-en", &["quickstart-en:train"], "its split `train` is a test");
    check(Some("quickstart-xx"), "wnut17", &[], "quickstart-xx.toml");
}

#[test]
fn examples_are_the_most_frequent_mentions_of_training() {
    let mut sentences: Vec<Sentence> = (0..6).map(|n| sentence(n, &[0])).collect();
    for sentence in &mut sentences[..3] {
        sentence.entities[0].mention.text = "Ann".to_owned();
    }
    sentences[3].entities[0].mention.text = "two, names".to_owned();
    sentences[4].language = "zh".to_owned();
    let rare = [5].map(|place| sentences[place].entities[0].mention.text.clone());
    let zh = sentences[4].entities[0].mention.text.clone();
    let source = "class Person(Entity):\n    '''Examples: Test Name'''\nclass Ship(Entity):\n    '''Examples: Vasa'''\n";
    let schema = Schema::parse(source, Path::new("s.py")).unwrap();
    let training = Training::of_sentences("d:train", sentences);
    let shown = exemplified(&schema, &training, 2, 1);
    let expected = BTreeMap::from([
        ("en".to_owned(), vec!["Ann".to_owned(), rare[0].clone()]),
        ("zh".to_owned(), vec![zh]),
    ]);
    assert_eq!(shown.classes[0].examples, expected);
    assert!(shown.classes[1].examples.is_empty(), "no example is left that training does not have");
    assert_eq!(exemplified(&schema, &training, 2, 1), shown);
    assert_eq!(exemplified(&schema, &training, 1, 1).classes[0].examples["en"], ["Ann"]);
    // Among equals the seed decides.
    let many = Training::of_sentences("d:train", (0..40).map(|n| sentence(n, &[0])).collect());
    let examples = |seed| exemplified(&schema, &many, 5, seed).classes[0].examples["en"].clone();
    assert_ne!(examples(1), examples(2));
}

#[test]
fn prompts_show_mentions_of_training_text() {
    let config = PromptConfig { examples_from: ExamplesFrom::Training, ..PromptConfig::default() };
    let path = configs().join("datasets/quickstart-en.toml");
    let corpus = crate::corpus::Corpus::load(&path, Path::new("")).unwrap();
    let of = |config: &PromptConfig, from: Option<&str>| {
        let config = PromptConfig { shots_from: from.map(str::to_owned), ..config.clone() };
        ShownSchema::of(&corpus, &quickstart("", &config), &config, 7, &Removed::new())
    };
    let shown = of(&config, None).unwrap().schema;
    let training = quickstart("", &config).read(&Removed::new()).unwrap();
    let mentions: Vec<&str> = training
        .sentences
        .iter()
        .flat_map(|sentence| &sentence.entities)
        .map(|entity| entity.mention.text.as_str())
        .collect();
    let person = &shown.class("Person").unwrap().examples["en"];
    assert_eq!(person.len(), 10);
    assert!(person.iter().all(|example| mentions.contains(&example.as_str())), "{person:?}");
    assert_ne!(shown, *corpus.schema());
    let plain = PromptConfig::default();
    assert_eq!(of(&plain, None).unwrap().schema, *corpus.schema());
    let error = of(&config, Some("quickstart-zh:train")).unwrap_err().to_string();
    assert!(error.contains("has no example in `en` for prompts of `quickstart-en`"), "{error}");
}

#[test]
fn an_example_that_only_tests_have_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("datasets")).unwrap();
    write("s.py", "class Person(Entity):\n    '''Examples: Ann, Bo, Cy'''\n");
    write("train.txt", "Ann\tB-PER\nslept\tO\n\n");
    write("test.txt", "Bo\tB-PER\nand\tO\nAnn\tB-PER\nslept\tO\n\n");
    write(
        "datasets/d.toml",
        r#"name = "d"
task = ["ner"]
language = "en"
licence = "CC0-1.0"
source = "here"
schema = "../s.py"
reader = "columns"
[options]
delimiter = "\t"
scheme = "iob2"
joiner = " "
[labels]
PER = "Person"
[splits.train]
files = ["train.txt"]
[splits.test]
files = ["test.txt"]
"#,
    );
    let path = folder.path().join("datasets/d.toml");
    let corpus = crate::corpus::Corpus::load(&path, folder.path()).unwrap();
    let mut schemas = Schemas::default();
    let checks = schemas.validate(&corpus).unwrap();
    assert!(checks.iter().all(|check| check.ok), "{checks:?}");
    let leaks = schemas.leaks();
    let found: Vec<_> =
        leaks.iter().map(|leak| (leak.class.as_str(), leak.example.as_str())).collect();
    // Training has Ann, and nobody has Cy.
    assert_eq!(found, [("Person", "Bo")]);
    assert_eq!(leaks[0].found_in.iter().collect::<Vec<_>>(), ["d:test"]);
}

#[test]
fn the_quick_start_shows_no_test_name() {
    let mut schemas = Schemas::default();
    for name in ["quickstart-en", "quickstart-zh", "quickstart-ner-en", "quickstart-ner-zh"] {
        let path = configs().join(format!("datasets/{name}.toml"));
        let corpus = crate::corpus::Corpus::load(&path, Path::new("")).unwrap();
        let checks = schemas.validate(&corpus).unwrap();
        assert!(checks.iter().all(|check| check.ok), "{checks:?}");
    }
    assert_eq!(schemas.leaks(), []);
}

#[test]
fn demonstrations_of_a_person_are_checked() {
    let schema = Schema::parse(
        "class Person(Entity): pass\nclass Knows(Relation): pass\n",
        Path::new("s.py"),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.jsonl");
    let check = |text: &str, expected: &str| {
        std::fs::write(&path, text).unwrap();
        let found = match read(&path, Task::Ner, "en", &schema) {
            Ok(sentences) => sentences
                .iter()
                .map(|it| {
                    format!(
                        "{} {:?};",
                        it.text,
                        it.entities.iter().map(|e| &e.mention.text).collect::<Vec<_>>()
                    )
                })
                .collect::<String>(),
            Err(error) => error.to_string().replace(&path.display().to_string(), "f.jsonl"),
        };
        assert_eq!(found, expected);
    };
    let ann = r#"{"sentence":"Ann slept.","gold":[{"type":"Person","name":"Ann","start":0,"end":3}],"id":"x"}"#;
    let other = r#"{"sentence":"Ann knows Bo.","task":"re","gold":[]}"#;
    let own = r#"{"text":"Bo ran.","objects":[{"type":"Person","name":"Bo"}],"flaws":[]}"#;
    check(&format!("{ann}\n\n{other}\n{own}"), "Ann slept. [\"Ann\"];Bo ran. [\"Bo\"];");
    check(other, "f.jsonl: has no demonstration for the task `ner`");
    check(
        &ann.replace("Person", "Persn"),
        "f.jsonl:1: the schema has no class `Persn` for the task `ner`; did you mean `Person`?",
    );
    check(
        &ann.replace("\"name\":\"Ann\"", "\"name\":\"Eve\""),
        "f.jsonl:1: `Eve` does not stand in its sentence",
    );
    check(
        &ann.replace(":3}", ":99}"),
        "f.jsonl:1: `Ann` ends at character 99, but its sentence has 10",
    );
    check("{\"sentence\":\"a\"}", "f.jsonl:1: no demonstration: missing field `gold`");
}
