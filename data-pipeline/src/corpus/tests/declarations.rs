//! Every declaration of the repository, held against real files.
#![allow(clippy::unwrap_used)]

use crate::audit::{Kind, Role, THRESHOLD, Texts, overlaps};
use crate::corpus::fetch::{State, plans};
use crate::corpus::{Corpus, stats, validate};
use crate::real::data_root;
use crate::{Schema, Sentence};
use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The repository's declarations, in their order.
fn declarations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn every_declaration_fits_its_files() {
    let root = data_root("declarations were not held against real files");
    let (mut held, mut absent) = (0, 0);
    let mut faults = String::new();
    for path in declarations() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let own = std::fs::read_to_string(&path).unwrap().contains("root = \"configs\"");
        if root.is_none() && !own {
            continue;
        }
        let corpus = match Corpus::load(&path, root.as_deref().unwrap_or(Path::new("nowhere"))) {
            Ok(corpus) => corpus,
            Err(error) => {
                writeln!(faults, "{name}: {error}").unwrap();
                continue;
            }
        };
        for check in validate(&corpus) {
            // What must be fetched by hand, under a licence that nobody here has, may be absent.
            if check.absent && !own {
                absent += 1;
                continue;
            }
            held += 1;
            if !check.ok {
                writeln!(faults, "{name}:{}: {:?} {:?}", check.split, check.error, check.found)
                    .unwrap();
            }
        }
        for split in corpus.splits() {
            for row in stats(&corpus, split, None).unwrap_or_default() {
                let (language, texts) = (row.language, row.texts);
                println!(
                    "{name}:{split} {language}: {} sentences, {} empty, {:?} {:?} {:?}, {:.2} mentions of {:.1}",
                    texts.sentences(),
                    texts.empty_sentences,
                    texts.entities,
                    texts.relations,
                    texts.events,
                    texts.mentions_per_sentence(),
                    texts.mentions.mean().unwrap_or_default(),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    println!("{held} splits hold, {absent} are absent");
    assert!(root.is_none() || held >= 150, "only {held} splits were held against files");
}

#[test]
fn files_that_may_be_fetched_are_the_ones_that_are_declared() {
    let root = data_root("declarations were not held against real files");
    let mut held = 0;
    for path in declarations() {
        let corpus = Corpus::load(&path, root.as_deref().unwrap_or(Path::new("nowhere"))).unwrap();
        // Most that may not be fetched are not ours to give.
        let Ok(found) = plans(&corpus) else { continue };
        assert!(!found.is_empty(), "{}", corpus.name());
        let Some(root) = &root else { continue };
        for file in found.iter().flat_map(|plan| &plan.files) {
            let state = file.state(root).unwrap();
            assert_ne!(state, State::Other, "{}: {}", corpus.name(), file.path);
            held += usize::from(state == State::Present);
        }
    }
    assert!(root.is_none() || held >= 100, "only {held} files were held against their checksums");
}

#[test]
fn the_test_sentences_that_mafand_trains_on_are_found() {
    let Some(root) = data_root("declarations were not held against real files") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let corpus = |name: &str| Corpus::load(&folder.join(format!("{name}.toml")), &root).unwrap();
    let texts = |dataset: &str, role, sentences: Vec<Sentence>| Texts {
        dataset: dataset.to_owned(),
        role,
        items: sentences.into_iter().map(|it| (it.id, it.text)).collect(),
    };
    let pairs = corpus("mafand-en-twi-text").read_parallel("train").unwrap().pairs;
    let train = pairs.into_iter().map(|pair| pair.target).collect();
    let test = corpus("masakhaner2-twi").read("test").unwrap().sentences;
    let found = overlaps(
        &[texts("mafand", Role::Train, train), texts("test", Role::Benchmark, test)],
        &[],
        THRESHOLD,
    );
    // The number that the corpus's own notes have, counted by another program.
    assert_eq!(found[0].count(Kind::Exact), 1106);
    assert!(found[0].is_leak());
}

/// A declaration of the repository that holds its own data.
fn own(name: &str) -> Corpus {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    Corpus::load(&folder.join(format!("{name}.toml")), Path::new("nowhere")).unwrap()
}

#[test]
fn names_of_the_tests_are_never_seen_in_training() {
    for name in ["quickstart-en", "quickstart-zh", "base-en", "base-zh"] {
        let corpus = own(name);
        let mentions = |split: &str| -> HashSet<String> {
            let sentences = corpus.read(split).unwrap().sentences.into_iter();
            sentences.flat_map(|it| it.entities.into_iter().map(|it| it.mention.text)).collect()
        };
        let train = mentions("train");
        for split in ["test-names", "test-frames"] {
            let seen: Vec<String> = mentions(split).intersection(&train).cloned().collect();
            assert!(seen.is_empty(), "{name}:{split} shares {seen:?}");
        }
    }
}

#[test]
fn no_document_of_pud_is_on_both_sides() {
    let Some(root) = data_root("declarations were not held against real files") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let corpus = Corpus::load(&folder.join("uner-pud.toml"), &root).unwrap();
    let documents = |split: &str| -> HashSet<String> {
        let pairs = corpus.read_parallel(split).unwrap().pairs.into_iter();
        pairs.map(|pair| pair.source.id[..6].to_owned()).collect()
    };
    assert!(documents("train").is_disjoint(&documents("test")));
}

/// The classes of `schema` from `name` up to its root.
fn line_of_descent<'a>(schema: &'a Schema, name: &'a str) -> Vec<&'a str> {
    let base = |name: &&'a str| schema.class(name).map(|class| class.base.as_str());
    std::iter::successors(Some(name), base).collect()
}

#[test]
fn our_relations_and_events_take_what_their_classes_say() {
    let mut faults = HashSet::new();
    for name in ["quickstart-en", "base-en"] {
        let corpus = own(name);
        let schema = corpus.schema();
        let mut hold = |id: &str, class: &str, position: usize, filler: &str| {
            let argument = &schema.class(class).unwrap().arguments[position];
            let descent = line_of_descent(schema, filler);
            if !argument.types.iter().any(|known| descent.contains(&known.as_str())) {
                let frame = id.split('.').next().unwrap();
                faults.insert(format!("{name} {frame}: {class}.{} is a {filler}", argument.name));
            }
        };
        for split in ["test-names", "test-frames"] {
            for sentence in corpus.read(split).unwrap().sentences {
                for relation in &sentence.relations {
                    hold(&sentence.id, &relation.class, 0, &relation.head.class);
                    hold(&sentence.id, &relation.class, 1, &relation.tail.class);
                }
                for event in &sentence.events {
                    let class = schema.class(&event.class).unwrap();
                    for (role, mention) in &event.arguments {
                        let position = class.arguments.iter().position(|it| it.name == *role);
                        // A mark is no entity: a date, a price.
                        let filler = sentence.entities.iter().find(|it| it.mention == *mention);
                        if let (Some(position), Some(filler)) = (position, filler) {
                            hold(&sentence.id, &event.class, position, &filler.class);
                        }
                    }
                }
            }
        }
    }
    let mut faults: Vec<_> = faults.into_iter().collect();
    faults.sort();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
