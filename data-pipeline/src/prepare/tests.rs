//! Preparation keeps its promises: nothing cut, nothing lost, nothing left to chance.
#![allow(clippy::unwrap_used)]

mod corpora;
mod selection;

use super::draw::{Drawn, draw};
use super::fit::Fit;
use super::*;
use crate::prompt::{ClassStyle, Dialect, TextLanguage};
use crate::python::read::read;
use crate::schema::{Class, Schema, Task};
use crate::sentence::{Entity, Mention, Sentence, Span};
use crate::shard::ShardSet;
use crate::tokens::Tokens;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const CLASSES: [&str; 12] = [
    "Person", "Ship", "Port", "River", "Company", "Award", "Language", "Animal", "Plant", "Weapon",
    "Song", "Theory",
];

fn schema() -> Schema {
    let class = |name: &&str| Class {
        name: (*name).to_owned(),
        kind: crate::schema::Kind::Entity,
        base: "Entity".to_owned(),
        descriptions: [("en".to_owned(), format!("What people call {name}, in any text."))].into(),
        examples: BTreeMap::new(),
        names: BTreeMap::new(),
        arguments: Vec::new(),
    };
    Schema { classes: CLASSES.iter().map(class).collect() }
}

/// Sentence `number` has `number % 4` mentions of neighbouring classes.
fn sentences(count: usize) -> Vec<Sentence> {
    (0..count)
        .map(|number| {
            let classes =
                (0..number % 4).map(|place| CLASSES[(number * 5 + place) % CLASSES.len()]);
            let mut text = String::new();
            let mut entities = Vec::new();
            for class in classes {
                let name = format!("{class}{number}");
                text += "the ";
                let start = text.len();
                text += &name;
                entities.push(Entity {
                    class: class.to_owned(),
                    mention: Mention { text: name, span: Some(Span { start, end: text.len() }) },
                });
                text += " and ";
            }
            text += &"more words ".repeat(number % 5);
            Sentence {
                id: format!("s{number}"),
                text,
                language: "en".to_owned(),
                entities,
                ..Sentence::default()
            }
        })
        .collect()
}

fn tokenizer() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    TOKENIZER.get_or_init(|| {
        let texts: Vec<String> = CLASSES
            .iter()
            .map(|class| format!("class {class}(Entity): What people call {class}, in any text. the and more words"))
            .collect();
        Tokenizer::train(&[texts.clone(), texts].concat(), 600).unwrap()
    })
}

fn config(max_length: usize, mode: SelectionMode) -> PrepareConfig {
    PrepareConfig {
        seed: 7,
        max_length,
        prompt: PromptConfig {
            classes: ClassStyle::Full,
            system: false,
            task_sentence: TextLanguage::None,
            ..PromptConfig::default()
        },
        selection: Selection { mode, ..Selection::default() },
        group: 4,
    }
}

/// All rows of the NER lesson over `sentences`, group by group.
fn rows(sentences: &[Sentence], config: &PrepareConfig) -> (Vec<Vec<Sample>>, Vec<Refused>, usize) {
    let schema = schema();
    let lesson = Lesson::extraction("d", "d:train", &schema, Task::Ner, sentences);
    let Drawn { groups, left_out } = draw(&lesson, config);
    let fit = Fit { lesson: &lesson, config, tokenizer: tokenizer() };
    let mut rows = Vec::new();
    let mut refused = Vec::new();
    for group in &groups {
        let output = fit.output(group);
        rows.extend(output.groups);
        refused.extend(output.refused);
    }
    (rows, refused, left_out)
}

fn answer(sample: &Sample) -> Vec<(String, String)> {
    let text = tokenizer().decode(&sample.suffix_ids[sample.supervised_from as usize..]);
    let answer = read(&text, Task::Ner, Dialect::Python);
    assert!(answer.flaws.is_empty(), "{text}");
    let pair = |instance: &crate::Instance| match instance {
        crate::Instance::Entity(entity) => (entity.class.clone(), entity.mention.text.clone()),
        other => panic!("{other:?}"),
    };
    answer.instances.iter().map(pair).collect()
}

fn offered(sample: &Sample) -> BTreeSet<&'static str> {
    let prefix = tokenizer().decode(&sample.prefix_ids);
    CLASSES.into_iter().filter(|class| prefix.contains(&format!("class {class}(Entity)"))).collect()
}

/// Per sentence the labels of all its rows; `#` begins the number of a part, `@` of a batch.
fn labels(groups: &[Vec<Sample>]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut labels: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for sample in groups.iter().flatten() {
        let id = sample.sample_id.split(['#', '@']).next().unwrap().to_owned();
        labels.entry(id).or_default().extend(answer(sample));
    }
    labels.values_mut().for_each(|labels| labels.sort());
    labels
}

fn gold(sentences: &[Sentence]) -> BTreeMap<String, Vec<(String, String)>> {
    let gold = |sentence: &Sentence| {
        let pair = |entity: &Entity| (entity.class.clone(), entity.mention.text.clone());
        let mut labels: Vec<_> = sentence.entities.iter().map(pair).collect();
        labels.sort();
        (sentence.id.clone(), labels)
    };
    sentences.iter().map(gold).collect()
}

fn check_groups(groups: &[Vec<Sample>], config: &PrepareConfig) {
    for group in groups {
        assert!((1..=config.group).contains(&group.len()));
        for sample in group {
            assert_eq!(sample.prefix_ids, group[0].prefix_ids);
            assert!(sample.prefix_ids.len() + sample.suffix_ids.len() <= config.max_length);
            assert_eq!(sample.suffix_ids.last(), Some(&tokenizer().eos()));
            let prompt = &sample.suffix_ids[..sample.supervised_from as usize];
            assert!(tokenizer().decode(prompt).starts_with("sentence = \""));
        }
    }
}

#[test]
fn a_full_schema_is_offered_to_every_sentence_once() {
    let sentences = sentences(50);
    let config = config(2048, SelectionMode::Full);
    let (groups, refused, left_out) = rows(&sentences, &config);
    check_groups(&groups, &config);
    assert_eq!((refused.len(), left_out), (0, 0));
    assert_eq!(groups.iter().flatten().count(), 50);
    assert!(groups.iter().flatten().all(|sample| offered(sample).len() == 12));
    assert_eq!(labels(&groups), gold(&sentences));
    // Another group, another order of the classes.
    assert!(groups.windows(2).any(|pair| pair[0][0].prefix_ids != pair[1][0].prefix_ids));
}

#[test]
fn an_over_long_schema_is_split_and_every_label_kept() {
    let sentences = sentences(50);
    let full = config(2048, SelectionMode::Full);
    let longest =
        rows(&sentences, &full).0.iter().flatten().map(|s| s.prefix_ids.len()).max().unwrap();
    for part in [2, 3, 5] {
        let config = config(longest / part + 150, SelectionMode::Full);
        let (groups, refused, _) = rows(&sentences, &config);
        check_groups(&groups, &config);
        assert_eq!(refused, []);
        assert!(groups.iter().flatten().any(|sample| sample.sample_id.contains('#')));
        assert_eq!(labels(&groups), gold(&sentences), "limit {}", config.max_length);
        let mut offered_to: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for sample in groups.iter().flatten() {
            let id = sample.sample_id.split('#').next().unwrap();
            offered_to.entry(id).or_default().extend(offered(sample));
        }
        // The parts offer each class exactly once.
        assert!(offered_to.values().all(|classes| classes.len() == 12));
    }
}

#[test]
fn a_sentence_that_is_too_long_by_itself_is_refused_by_name() {
    let mut sentences = sentences(20);
    sentences[7].text += &"endless ".repeat(3000);
    for mode in [SelectionMode::Full, SelectionMode::Sampled] {
        let config = config(1000, mode);
        let (groups, refused, _) = rows(&sentences, &config);
        check_groups(&groups, &config);
        let names: BTreeSet<&str> = refused.iter().map(|refused| refused.id.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["s7 (ner)"]));
        assert!(refused[0].length > 1000 && refused[0].limit == 1000);
        let left = labels(&groups);
        assert!(!left.contains_key("s7"));
        let mut expected = gold(&sentences);
        expected.remove("s7");
        expected.retain(|id, labels| !labels.is_empty() && left.contains_key(id));
        assert!(expected.iter().all(|(id, labels)| &left[id] == labels));
    }
}

#[test]
fn sampled_classes_are_what_occurs_and_three_times_as_many_others() {
    let sentences = sentences(200);
    let mut config = config(2048, SelectionMode::Sampled);
    config.group = 1;
    let (groups, refused, left_out) = rows(&sentences, &config);
    check_groups(&groups, &config);
    assert_eq!(refused, []);
    let gold = gold(&sentences);
    let (mut empty, mut all) = (0, 0);
    for sample in groups.iter().flatten() {
        let labels = answer(sample);
        all += 1;
        empty += usize::from(labels.is_empty());
        if !labels.is_empty() {
            assert_eq!(labels.len(), gold[&sample.sample_id].len());
            let positives: BTreeSet<&String> = labels.iter().map(|(class, _)| class).collect();
            assert_eq!(offered(sample).len(), (4 * positives.len()).min(12));
        }
    }
    // 150 sentences have objects; 20 % of the samples are 37.5 of 187.5, and 50 sentences are bare.
    assert_eq!((all, empty, left_out), (188, 38, 12));
}

#[test]
fn where_few_sentences_are_bare_others_are_asked_what_they_do_not_have() {
    let sentences: Vec<Sentence> =
        sentences(200).into_iter().filter(|sentence| !sentence.entities.is_empty()).collect();
    let config = config(2048, SelectionMode::Sampled);
    let (groups, _, left_out) = rows(&sentences, &config);
    check_groups(&groups, &config);
    assert_eq!(left_out, 0);
    let (emptied, full): (Vec<&Sample>, Vec<&Sample>) =
        groups.iter().flatten().partition(|sample| sample.sample_id.ends_with("~empty"));
    assert!(emptied.iter().all(|sample| answer(sample).is_empty()));
    assert!(full.iter().all(|sample| !answer(sample).is_empty()));
    assert_eq!(full.len(), 150);
    // Groups of four sentences with up to six classes may leave few others, but never none here.
    assert!((30..=38).contains(&emptied.len()), "{}", emptied.len());
}

#[test]
fn an_over_long_sampled_prompt_loses_negatives_first() {
    let sentences = sentences(60);
    let wide = config(2048, SelectionMode::Sampled);
    let narrow = config(330, SelectionMode::Sampled);
    let (groups, refused, _) = rows(&sentences, &narrow);
    check_groups(&groups, &narrow);
    assert_eq!(refused, []);
    let offers = |groups: &[Vec<Sample>]| -> usize {
        groups.iter().flatten().map(|sample| offered(sample).len()).sum()
    };
    assert!(offers(&groups) < offers(&rows(&sentences, &wide).0));
    let gold = gold(&sentences);
    let found = labels(&groups);
    for (id, labels) in gold.iter().filter(|(_, labels)| !labels.is_empty()) {
        assert_eq!(&found[id], labels);
    }
}

#[test]
fn parts_have_the_ids_that_they_have_in_the_whole_text() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["quickstart-en", "quickstart-zh"] {
        let declaration = repository.join(format!("configs/datasets/{name}.toml"));
        let corpus = Corpus::load(&declaration, &repository).unwrap();
        let sentences = corpus.read("test-names").unwrap().sentences;
        for (classes, system) in [(ClassStyle::Full, true), (ClassStyle::Names, false)] {
            let task_sentence = if system { TextLanguage::En } else { TextLanguage::None };
            let config = PromptConfig { classes, system, task_sentence, ..PromptConfig::default() };
            for lesson in Lesson::instruction(&corpus, "test-names", &sentences) {
                let example = lesson.example(0, &lesson.classes, &config);
                let mut parts = Tokens::of(&example, tokenizer());
                assert_eq!(parts.answer.pop(), Some(tokenizer().eos()));
                let whole = example.prefix + &example.prompt + &example.answer;
                assert_eq!(
                    tokenizer().encode(&whole),
                    [parts.prefix, parts.prompt, parts.answer].concat(),
                    "{whole}"
                );
            }
        }
    }
}

fn plan(kind: Kind, datasets: &[&str]) -> PreparePlan {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    PreparePlan {
        kind,
        datasets: datasets.iter().map(|dataset| dataset.parse().unwrap()).collect(),
        declarations: repository.join("configs/datasets"),
        data_root: repository.clone(),
        both_directions: true,
        removed: Removed::new(),
        config: PrepareConfig {
            prompt: PromptConfig {
                classes: ClassStyle::Names,
                system: false,
                task_sentence: TextLanguage::None,
                ..PromptConfig::default()
            },
            ..PrepareConfig::default()
        },
    }
}

fn run(plan: &PreparePlan, out: &Path) -> Manifest {
    prepare(plan, tokenizer(), out, &|_| {}).unwrap()
}

#[test]
fn preparing_is_deterministic_and_happens_once() {
    let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut plan = plan(Kind::Instruction, &["quickstart-en:test-names", "random-copy:300"]);
    let manifest = run(&plan, first.path());
    assert_eq!(run(&plan, second.path()), manifest);

    let shard = first.path().join(&manifest.files[0].name);
    let written = || std::fs::metadata(&shard).unwrap().modified().unwrap();
    let before = written();
    assert_eq!(run(&plan, first.path()), manifest);
    assert_eq!(written(), before, "an equal plan does nothing");

    // What is torn or stale is made again, and that is said.
    let said = std::cell::RefCell::new(Vec::new());
    let again = |plan: &PreparePlan| {
        let hear = |progress| match progress {
            Progress::Again { reason } => said.borrow_mut().push(reason),
            Progress::Groups { .. } => {}
        };
        prepare(plan, tokenizer(), first.path(), &hear).unwrap()
    };
    std::fs::write(&shard, "torn").unwrap();
    assert!(ShardSet::open(first.path()).is_err());
    assert_eq!(again(&plan), manifest);
    assert_eq!(ShardSet::open(first.path()).unwrap().len(), manifest.total.samples);
    std::fs::write(first.path().join("manifest.json"), "{").unwrap();
    assert_eq!(again(&plan), manifest);

    plan.config.seed += 1;
    let other = again(&plan);
    expect_test::expect![[r#"
        [
            "a file of theirs is not the one that their manifest names",
            "their manifest cannot be read",
            "they were made from other data, settings or another vocabulary",
        ]
    "#]]
    .assert_debug_eq(&said.borrow());
    assert_ne!(other.fingerprint, manifest.fingerprint);
    assert_ne!(other.files, manifest.files);
}

#[test]
fn every_task_of_a_corpus_and_random_copies_are_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Kind::Instruction, &["quickstart-en:test-names", "random-copy:50"]);
    let manifest = run(&plan, dir.path());
    let tasks: BTreeSet<&str> = manifest.parts.iter().map(|part| part.task.as_str()).collect();
    assert_eq!(tasks, BTreeSet::from(["ner", "re", "ed", "eae", "copy"]));
    assert!(manifest.total.saved() > 0.2, "{}", manifest.total.saved());
    let set = ShardSet::open(dir.path()).unwrap();
    let copy = set.groups().iter().find(|groups| groups.dataset == "random-copy").unwrap();
    for row in copy.runs.iter().map(|run| run.start) {
        let sample = set.sample(row).unwrap();
        let open = tokenizer().encode("(\"");
        let from = sample.supervised_from as usize;
        let ids = &sample.suffix_ids[..from - open.len()];
        assert!((6..=20).contains(&ids.len()));
        assert_eq!(&sample.suffix_ids[from..from + ids.len()], ids);
        assert_eq!(sample.supervised(), ids.len() + tokenizer().encode("\")\n]").len() + 1);
    }
}

#[test]
fn schema_understanding_learns_whole_texts() {
    let dir = tempfile::tempdir().unwrap();
    // Two datasets with one schema: each class is defined once.
    let plan = plan(
        Kind::SchemaUnderstanding,
        &["quickstart-en:test-names", "quickstart-zh:test-names", "quickstart-parallel:test-names"],
    );
    let manifest = run(&plan, dir.path());
    let set = ShardSet::open(dir.path()).unwrap();
    let mut definitions = 0;
    for row in 0..set.len() {
        let sample = set.sample(row).unwrap();
        assert!(sample.prefix_ids.is_empty());
        assert_eq!(sample.supervised(), sample.suffix_ids.len() - 1);
        definitions += usize::from(sample.task == "definition");
    }
    let schema = Schema::load(&plan.declarations.join("../schemas/quickstart.py")).unwrap();
    assert_eq!(definitions, schema.classes.len());
    assert_eq!(manifest.total.groups, manifest.total.samples);
}

#[test]
fn alignment_asks_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(Kind::Alignment, &["quickstart-parallel:test-names"]);
    let both = run(&plan, dir.path());
    let languages: BTreeSet<&str> = both.parts.iter().map(|part| part.language.as_str()).collect();
    assert_eq!(languages, BTreeSet::from(["en", "zh"]));
    plan.both_directions = false;
    let one = run(&plan, dir.path());
    assert_eq!(2 * one.total.samples, both.total.samples);
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let check = |plan: PreparePlan, expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        let error = prepare(&plan, tokenizer(), dir.path(), &|_| {}).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 64);
        assert!(Manifest::load(dir.path()).is_err());
    };
    check(
        plan(Kind::Alignment, &["quickstart-en"]),
        "quickstart-en.toml: it is not parallel: a phase `alignment` learns from pairs",
    );
    check(plan(Kind::Instruction, &["quickstart-xx"]), "quickstart-xx.toml");
    let mut short = plan(Kind::Instruction, &["quickstart-en:test-names"]);
    short.config.max_length = 4;
    check(short, "the datasets give no sample");
    let mut copy = plan(Kind::RandomCopy, &["random-copy:5"]);
    copy.config.max_length = 20;
    check(copy, "[batch]: max_length = 20 is too short for random copying");
    let mut none = plan(Kind::RandomCopy, &["random-copy:5"]);
    none.config.group = 0;
    check(none, "[prepare]: group = 0: a group has at least 1 sample");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_nothing_that_a_reader_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Kind::RandomCopy, &["random-copy:2000"]);
    // The first file is cleared away; what comes after the shards is not.
    std::os::unix::fs::symlink("/dev/full", dir.path().join("manifest.json.tmp")).unwrap();
    let error = prepare(&plan, tokenizer(), dir.path(), &|progress| {
        // As a disk that fills up while the preparation runs.
        let full = dir.path().join("manifest.json.tmp");
        if matches!(progress, Progress::Groups { done, total, .. } if done == total)
            && !full.exists()
        {
            std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        }
    })
    .unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(error.exit_code(), 75);
    assert!(ShardSet::open(dir.path()).is_err());
    std::fs::remove_file(dir.path().join("manifest.json.tmp")).unwrap();
    assert_eq!(run(&plan, dir.path()).total.samples, 2000);
}
