//! Preparation keeps its promises: nothing cut, nothing lost, nothing left to chance.
#![allow(clippy::unwrap_used)]

mod corpora;
mod selection;

use super::draw::draw;
use super::fit::Fit;
use super::lesson::{Lesson, Outline};
use super::*;
use crate::prompt::{ClassStyle, Dialect, Form, NameLanguage, TextLanguage};
use crate::python::read::read;
use crate::schema::{Class, Schema, Task};
use crate::sentence::{Entity, Mention, Sentence};
use crate::shard::ShardSet;
use crate::tokens::Tokens;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const CLASSES: [&str; 12] = [
    "Person", "Ship", "Port", "River", "Company", "Award", "Language", "Animal", "Plant", "Weapon",
    "Song", "Theory",
];

pub(super) fn schema() -> Schema {
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
pub(super) fn sentences(count: usize) -> Vec<Sentence> {
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
                    mention: Mention::at(name, start, text.len()),
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

pub(super) fn tokenizer() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    TOKENIZER.get_or_init(|| {
        let texts: Vec<String> = CLASSES
            .iter()
            .map(|class| format!("class {class}(Entity): What people call {class}, in any text. the and more words"))
            .collect();
        Tokenizer::train(&[texts.clone(), texts].concat(), 600).unwrap()
    })
}

pub(super) fn config(max_length: usize, mode: SelectionMode) -> PrepareConfig {
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
    let Made { outputs, left_out, .. } = made(&schema(), sentences, config);
    let mut rows = Vec::new();
    let mut refused = Vec::new();
    for output in outputs {
        rows.extend(output.groups);
        refused.extend(output.refused);
    }
    (rows, refused, left_out)
}

/// What becomes of a lesson.
struct Made {
    outputs: Vec<Output>,
    left_out: usize,
    labels: usize,
}

/// The NER lesson over `sentences`, each group made as if its sentences were all in memory.
fn made(schema: &Schema, sentences: &[Sentence], config: &PrepareConfig) -> Made {
    let name = "d:train ner".to_owned();
    let mut outline = Outline::new(name, Task::Ner, schema, &config.selection);
    let add = |(at, sentence)| outline.add_sentence(at, sentence);
    sentences.iter().enumerate().for_each(add);
    let drawn = draw(&outline, config);
    let output = |group| {
        let sentence = |item: usize| sentences[outline.items[item].at as usize].clone();
        let sentences: Vec<Sentence> = drawn.items(group).into_iter().map(sentence).collect();
        let lesson = Lesson::extraction("d", schema, Task::Ner, &sentences);
        let fit = Fit { lesson: &lesson, config, tokenizer: tokenizer() };
        drawn.group(group, &lesson).map(|group| fit.output(&group))
    };
    // From the last to the first: a group does not depend on those before.
    let mut outputs: Vec<Output> = (0..drawn.len()).rev().filter_map(output).collect();
    outputs.reverse();
    Made { outputs, left_out: drawn.left_out, labels: outline.labels }
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
pub(super) fn labels(groups: &[Vec<Sample>]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut labels: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for sample in groups.iter().flatten() {
        let id = sample.sample_id.split(['#', '@']).next().unwrap().to_owned();
        labels.entry(id).or_default().extend(answer(sample));
    }
    labels.values_mut().for_each(|labels| labels.sort());
    labels
}

pub(super) fn gold(sentences: &[Sentence]) -> BTreeMap<String, Vec<(String, String)>> {
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
        let styles = [(ClassStyle::Full, true), (ClassStyle::Names, false)];
        for ((classes, system), (form, names)) in
            styles.into_iter().flat_map(|style| renderings().map(|rendering| (style, rendering)))
        {
            let task_sentence = if system { TextLanguage::En } else { TextLanguage::None };
            let config = PromptConfig {
                form,
                names,
                classes,
                system,
                task_sentence,
                ..PromptConfig::default()
            };
            for task in corpus.tasks() {
                let lesson = Lesson::extraction(name, corpus.schema(), *task, &sentences);
                let classes =
                    Outline::new(String::new(), *task, corpus.schema(), &Selection::default())
                        .classes;
                let shown = lesson.shown(&[0], &classes, &config);
                let example = lesson.example(0, &shown, &config);
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

/// Every form, under either kind of names.
fn renderings() -> [(Form, NameLanguage); 6] {
    let forms = [Form::Code, Form::List, Form::Json];
    std::array::from_fn(|number| {
        let native = number >= forms.len();
        let names = if native { NameLanguage::Native } else { NameLanguage::English };
        (forms[number % forms.len()], names)
    })
}

pub(super) fn plan(kind: Kind, datasets: &[&str]) -> PreparePlan {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    PreparePlan {
        kind,
        datasets: datasets.iter().map(|dataset| dataset.parse().unwrap()).collect(),
        declarations: repository.join("configs/datasets"),
        data_root: repository.clone(),
        both_directions: true,
        removed: Removed::new(),
        benchmarks: Vec::new(),
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

pub(super) fn run(plan: &PreparePlan, out: &Path) -> Manifest {
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
            Progress::Again { reason } => {
                // What differs from machine to machine: the folder and the hashes of the torn file.
                let reason = reason.replace(&first.path().display().to_string(), "DIR");
                let end = reason.find(": expected sha256").unwrap_or(reason.len());
                said.borrow_mut().push(reason[..end].to_owned());
            }
            Progress::Groups { .. } | Progress::Reading { .. } => {}
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
            "a file of theirs is not what they say: DIR/shard-00-0-00000.parquet: the shard changed after its manifest",
            "their manifest cannot be read: DIR/manifest.json: not a manifest: EOF while parsing an object at line 1 column 1; run `knowcoder data prepare` again",
            "they were made from something else: seed: 42 → 43",
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
fn every_kind_of_phase_is_prepared_in_every_form() {
    let lessons = [
        (Kind::SchemaUnderstanding, "quickstart-parallel:test-names"),
        (Kind::Alignment, "quickstart-parallel:test-names"),
        (Kind::Instruction, "quickstart-zh:test-names"),
    ];
    for (kind, dataset) in lessons {
        let mut samples = BTreeSet::new();
        for (form, names) in renderings() {
            let dir = tempfile::tempdir().unwrap();
            let mut plan = plan(kind, &[dataset]);
            plan.config.prompt = PromptConfig { form, names, ..plan.config.prompt };
            let manifest = run(&plan, dir.path());
            assert_eq!(manifest.refused, []);
            let set = ShardSet::open(dir.path()).unwrap();
            let mut text = String::new();
            for row in 0..set.len() {
                let sample = set.sample(row).unwrap();
                text += &tokenizer().decode(&[sample.prefix_ids, sample.suffix_ids].concat());
            }
            // No definition of a class has an answer; these have all.
            let marks =
                [("results = ", Form::Code), ("\nend", Form::List), ("{\"type\":", Form::Json)];
            for (mark, of) in marks {
                assert_eq!(text.contains(mark), of == form, "{kind:?} {form} {mark}");
            }
            assert_eq!(text.contains("人物"), names == NameLanguage::Native, "{kind:?} {form}");
            samples.insert(text);
        }
        assert_eq!(samples.len(), renderings().len());
    }
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
    let mut mixed = plan(Kind::Instruction, &["quickstart-en:test-names"]);
    mixed.config.prompt.dialect = Dialect::Official;
    mixed.config.prompt.form = Form::Json;
    check(mixed, "[prepare]: prompt.dialect = \"official\" is a dialect of code");
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

/// Every file of a prepared folder.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(dir).unwrap().map(file).collect()
}

/// Those that a reader sees.
fn shown(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(dir);
    files.retain(|name, _| !name.starts_with("part-"));
    files
}

/// Six lessons of one block, and one of three.
fn many_blocks() -> PreparePlan {
    let datasets =
        ["quickstart-en:test-names", "random-copy:35000", "quickstart-parallel:test-names"];
    plan(Kind::Instruction, &datasets)
}

fn share(plan: &PreparePlan, index: usize, count: usize, out: &Path) -> Result<Prepared, Error> {
    prepare_share(plan, Share { index, count }, tokenizer(), out, &|_| {})
}

#[test]
fn shares_together_are_one_run_byte_for_byte() {
    let whole = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    assert_eq!(manifest.files.len(), 8);
    for count in [1, 2, 3, 11] {
        let dir = tempfile::tempdir().unwrap();
        // From the last to the first: the order of shares says nothing.
        for index in (0..count).rev() {
            let expected = match index {
                0 => Prepared::Whole(Box::new(manifest.clone())),
                _ => {
                    assert!(ShardSet::open(dir.path()).is_err());
                    let (missing, origin) = ((1..=index).collect(), manifest.origin.clone());
                    Prepared::Part { missing, origin: Box::new(origin) }
                }
            };
            assert_eq!(share(&plan, index, count, dir.path()).unwrap(), expected);
        }
        assert!(shown(dir.path()) == files(whole.path()), "{count} shares");
        // What is done is not done again, by a share or by the whole.
        let before = files(dir.path());
        assert!(matches!(share(&plan, 0, count, dir.path()).unwrap(), Prepared::Whole(_)));
        assert_eq!(run(&plan, dir.path()), manifest);
        assert!(files(dir.path()) == before);
    }
}

#[test]
fn lists_of_shares_are_enough_to_join_them() {
    let whole = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    let (mut lists, mut named) = (Vec::new(), 0);
    // Each has a folder of its own; the order in which they come says nothing.
    for index in [1, 2, 0] {
        let gathered = gather(&manifest.origin, lists.clone(), 3, Path::new("place")).unwrap();
        assert!(
            matches!(gathered, Prepared::Part { missing, .. } if missing.contains(&(index + 1)))
        );
        let dir = tempfile::tempdir().unwrap();
        let prepared = share(&plan, index, 3, dir.path()).unwrap();
        assert_eq!(*prepared.origin(), manifest.origin);
        let name = ShareList::name(Share { index, count: 3 });
        assert!(ShareList::is_name(&name), "{name}");
        let text = std::fs::read(dir.path().join(name)).unwrap();
        let mut other = manifest.origin.clone();
        other.config.seed += 1;
        assert_eq!(ShareList::read(&text, &other).unwrap(), None);
        assert_eq!(ShareList::read(&text[1..], &manifest.origin).unwrap(), None);
        let list = ShareList::read(&text, &manifest.origin).unwrap().unwrap();
        assert!(list.files().all(|file| dir.path().join(&file.name).is_file()));
        named += list.files().count();
        lists.push(list);
    }
    assert_eq!(named, manifest.files.len());
    let gathered = gather(&manifest.origin, lists.clone(), 3, Path::new("place")).unwrap();
    assert_eq!(gathered, Prepared::Whole(Box::new(manifest.clone())));
    assert!(manifest.to_json().unwrap() == files(whole.path())["manifest.json"]);
    // Shares of another division are none of these.
    let gathered = gather(&manifest.origin, lists, 4, Path::new("place")).unwrap();
    assert!(matches!(gathered, Prepared::Part { missing, .. } if missing == [1, 2, 3, 4]));
}

#[test]
fn shares_of_every_selection_add_up_to_one_run() {
    let sampled = Selection { mode: SelectionMode::Sampled, hard: 0.5, ..Selection::default() };
    let batches = Selection { mode: SelectionMode::Batches, size: 2, ..Selection::default() };
    let pruned = Selection { overlong: Overlong::Prune, ..Selection::default() };
    for selection in [sampled, batches, pruned] {
        let mut plan =
            plan(Kind::Instruction, &["quickstart-en:test-names", "quickstart-zh:test-names"]);
        plan.config.selection = selection;
        let mode = plan.config.selection.mode;
        if mode == SelectionMode::Batches {
            // All sentences at once about each batch, and each of these groups a block of its own.
            plan.config.group = 16_384;
        }
        let whole = tempfile::tempdir().unwrap();
        let manifest = run(&plan, whole.path());
        let several = manifest.files.iter().any(|file| file.name.ends_with("-00001.parquet"));
        assert_eq!(several, mode == SelectionMode::Batches, "{mode:?}");
        for effect in &manifest.effects {
            assert!(effect.labels > 0, "{effect:?}");
            assert_eq!((effect.labels_lost(), effect.supervised_lost), (0, 0), "{effect:?}");
        }
        let samples = manifest.effects.iter().map(|effect| effect.samples).sum::<usize>();
        assert_eq!(samples, manifest.total.samples);
        let dir = tempfile::tempdir().unwrap();
        for index in [1, 2, 0] {
            share(&plan, index, 3, dir.path()).unwrap();
        }
        assert!(shown(dir.path()) == files(whole.path()), "{mode:?}");
    }
}

#[test]
fn shares_that_work_at_one_time_do_not_disturb_each_other() {
    let whole = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    run(&plan, whole.path());
    for _ in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let (plan, path) = (&plan, dir.path());
        let ended: Vec<Prepared> = std::thread::scope(|scope| {
            let shares: Vec<_> =
                (0..4).map(|index| scope.spawn(move || share(plan, index, 4, path))).collect();
            shares.into_iter().map(|share| share.join().unwrap().unwrap()).collect()
        });
        // At least the last one has seen all others.
        assert!(ended.iter().any(|prepared| matches!(prepared, Prepared::Whole(_))));
        assert!(shown(path) == files(whole.path()));
    }
}

#[test]
fn a_whole_run_takes_over_what_shares_have_made() {
    let (whole, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    share(&plan, 1, 3, dir.path()).unwrap();
    let written =
        |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().modified().unwrap();
    let before: BTreeMap<String, _> =
        files(dir.path()).into_keys().map(|name| (name.clone(), written(&name))).collect();
    let shards = before.keys().filter(|name| name.ends_with(".parquet"));
    assert!((2..=4).contains(&shards.clone().count()));
    assert_eq!(run(&plan, dir.path()), manifest);
    assert!(shards.clone().all(|name| written(name) == before[name]));
    assert!(files(dir.path()) == files(whole.path()), "no part is left behind");
}

#[test]
fn blocks_that_are_whole_survive_an_end_and_torn_ones_are_made_again() {
    let (whole, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = many_blocks();
    let manifest = run(&plan, whole.path());
    // The program ends in the second dataset, however that happens.
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        prepare(&plan, tokenizer(), dir.path(), &|progress| {
            let late = matches!(&progress, Progress::Groups { dataset, done, .. }
                if dataset == "random-copy" && *done > 20_000);
            assert!(!late, "the end");
        })
    }));
    assert!(ended.is_err());
    assert!(ShardSet::open(dir.path()).is_err());
    let journal = dir.path().join("part-1-of-1.jsonl");
    let blocks = std::fs::read_to_string(&journal).unwrap().lines().count() - 1;
    assert!(blocks >= 4, "{blocks}");
    // One of them is torn meanwhile.
    let torn = dir.path().join("shard-00-1-00000.parquet");
    std::fs::write(&torn, "torn").unwrap();
    let kept = dir.path().join("shard-00-0-00000.parquet");
    let written = std::fs::metadata(&kept).unwrap().modified().unwrap();
    assert_eq!(run(&plan, dir.path()), manifest);
    assert_eq!(std::fs::metadata(&kept).unwrap().modified().unwrap(), written);
    assert!(files(dir.path()) == files(whole.path()));
}

#[test]
fn a_share_whose_file_changed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let plan = many_blocks();
    share(&plan, 0, 2, dir.path()).unwrap();
    let torn = dir.path().join("shard-00-0-00000.parquet");
    std::fs::write(&torn, "torn").unwrap();
    let error = share(&plan, 1, 2, dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("; run `knowcoder data prepare --share 1/2` again"), "{error}");
    assert!(matches!(share(&plan, 0, 2, dir.path()).unwrap(), Prepared::Whole(_)));
    ShardSet::open(dir.path()).unwrap();
}

#[test]
fn shares_of_another_plan_are_not_taken() {
    let (dir, expected) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut plan = many_blocks();
    share(&plan, 0, 2, dir.path()).unwrap();
    plan.config.seed += 1;
    let prepared = share(&plan, 1, 2, dir.path()).unwrap();
    assert!(matches!(prepared, Prepared::Part { missing, .. } if missing == [1]));
    run(&plan, expected.path());
    share(&plan, 0, 2, dir.path()).unwrap();
    assert!(shown(dir.path()) == files(expected.path()));
}
