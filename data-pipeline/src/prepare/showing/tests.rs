//! What prompts show is training text, is never what they ask, and leaves every label in place.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::prepare::draw::draw;
use crate::prepare::fit::Fit;
use crate::prepare::tests::{config, gold, labels, plan, run, schema, sentences, tokenizer};
use crate::prepare::{PrepareConfig, SelectionMode, prepare};
use crate::prompt::{ClassStyle, ExamplesFrom};
use crate::schema::Task;
use crate::sentence::Sentence;
use crate::shard::{Sample, ShardSet};

/// All rows of a lesson that shows `shots` mentions a class of its own sentences.
fn rows(
    sentences: &[Sentence],
    shots: usize,
    config: &PrepareConfig,
) -> (Vec<Vec<Sample>>, Vec<crate::manifest::Refused>, Option<ShotsMade>) {
    let schema = schema();
    let training = Training::of_sentences("d:train", sentences.to_vec());
    let mut outline = Outline::new("d:train ner".to_owned(), Task::Ner, &schema, &config.selection);
    for (at, sentence) in sentences.iter().enumerate() {
        outline.add_sentence(at, sentence);
    }
    let pool = (shots > 0).then(|| Pool::of_sentences(&training, Task::Ner, shots, 7));
    let showing = Showing {
        name: outline.name.clone(),
        schema: &schema,
        classes: outline.classes.clone(),
        wordings: None,
        pool,
        seed: 0,
    };
    let drawn = draw(&outline, config);
    let (mut groups, mut refused) = (Vec::new(), Vec::new());
    let mut made = showing.made();
    for number in 0..drawn.len() {
        let sentence = |item: usize| sentences[outline.items[item].at as usize].clone();
        let taken: Vec<Sentence> = drawn.items(number).into_iter().map(sentence).collect();
        let lesson = Lesson::extraction("d", &schema, Task::Ner, &taken).show(&showing);
        let Some(group) = drawn.group(number, &lesson) else { continue };
        let output = Fit { lesson: &lesson, config, tokenizer: tokenizer() }.output(&group);
        groups.extend(output.groups);
        refused.extend(output.refused);
        if let Some(made) = &mut made {
            made.fewer += output.fewer_shots;
        }
    }
    (groups, refused, made)
}

/// The sentences that a prefix shows.
fn shown_in(sample: &Sample) -> Vec<String> {
    let prefix = tokenizer().decode(&sample.prefix_ids);
    prefix.lines().filter(|line| line.starts_with("sentence = ")).map(str::to_owned).collect()
}

fn asked_in(sample: &Sample) -> String {
    let prompt = tokenizer().decode(&sample.suffix_ids[..sample.supervised_from as usize]);
    prompt.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn what_is_asked_is_never_shown_and_every_label_stays() {
    let sentences = sentences(60);
    for mode in [SelectionMode::Full, SelectionMode::Sampled] {
        let wide = PrepareConfig { max_length: 1 << 16, ..config(0, mode) };
        let (groups, refused, made) = rows(&sentences, 2, &wide);
        assert_eq!(refused, []);
        let made = made.unwrap();
        assert_eq!((made.fewer, made.lacking.len()), (0, 0));
        assert_eq!(made.sentences, 45, "sentences with objects");
        let mut prefixes = BTreeSet::new();
        for group in &groups {
            for sample in group {
                assert_eq!(sample.prefix_ids, group[0].prefix_ids);
                let shown = shown_in(sample);
                assert!(!shown.is_empty());
                assert!(!shown.contains(&asked_in(sample)), "{}", sample.sample_id);
            }
            prefixes.insert(shown_in(&group[0]));
        }
        assert!(prefixes.len() > 1, "groups differ in what they show");
        let found = labels(&groups);
        let mut gold = gold(&sentences);
        gold.retain(|id, labels| !labels.is_empty() && found.contains_key(id));
        assert_eq!(gold.len(), 45);
        assert!(gold.iter().all(|(id, labels)| found[id] == *labels));
        // Once more, and nothing is left to chance.
        assert_eq!(rows(&sentences, 2, &wide).0, groups);
    }
}

#[test]
fn where_there_is_no_room_demonstrations_go_and_labels_stay() {
    let sentences = sentences(60);
    let wide = PrepareConfig { max_length: 1 << 16, ..config(0, SelectionMode::Full) };
    let bare = rows(&sentences, 0, &wide).0;
    let lengths = |groups: &[Vec<Sample>]| {
        let length = |sample: &Sample| sample.prefix_ids.len() + sample.suffix_ids.len();
        groups.iter().flatten().map(length).collect::<Vec<_>>()
    };
    let longest = lengths(&bare).into_iter().max().unwrap();
    let full = lengths(&rows(&sentences, 2, &wide).0).into_iter().min().unwrap();
    assert!(full > longest + 200, "{full} and {longest}");
    let narrow = PrepareConfig { max_length: longest + 100, ..wide };
    let (groups, refused, made) = rows(&sentences, 2, &narrow);
    assert_eq!(refused, []);
    assert_eq!(labels(&groups), gold(&sentences));
    assert!(lengths(&groups).into_iter().all(|length| length <= narrow.max_length));
    // All had to do with fewer, and none lost its classes for them.
    assert_eq!(made.unwrap().fewer, 60);
    assert!(groups.iter().flatten().all(|sample| !sample.sample_id.contains('#')));
}

#[test]
fn a_corpus_shows_its_training_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(Kind::Instruction, &["quickstart-en:test-frames"]);
    let plain = run(&plan, dir.path());
    let json = serde_json::to_string(&plain).unwrap();
    assert!(!json.contains("\"shown\"") && !json.contains("shots"), "old fingerprints hold");

    plan.config.prompt.shots = 1;
    plan.config.max_length = 1 << 14;
    let manifest = run(&plan, dir.path());
    assert_eq!(manifest.shots.len(), 4);
    assert!(manifest.origin.shown.contains_key("quickstart-en:train"));
    assert!(manifest.origin.shown.contains_key("without quickstart-en:test-names"));
    let set = ShardSet::open(dir.path()).unwrap();
    let tests: BTreeSet<String> =
        (0..set.len()).map(|row| asked_in(&set.sample(row).unwrap())).collect();
    for row in (0..set.len()).step_by(7) {
        let shown = shown_in(&set.sample(row).unwrap());
        assert!(!shown.is_empty());
        assert!(shown.iter().all(|sentence| !tests.contains(sentence)));
    }
    let other = PreparePlan { benchmarks: vec!["quickstart-zh:test-names".into()], ..plan.clone() };
    let other =
        super::fingerprints(&other, &crate::prepare::source::load(&other).unwrap()).unwrap();
    assert_ne!(other, manifest.origin.shown);
}

#[test]
fn pairs_are_shown_in_the_direction_that_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(Kind::Alignment, &["quickstart-parallel:test-names"]);
    plan.config.prompt.shots = 1;
    plan.config.max_length = 1 << 14;
    let manifest = run(&plan, dir.path());
    assert!(manifest.shots["quickstart-parallel:test-names alignment"].sentences > 100);
    let set = ShardSet::open(dir.path()).unwrap();
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for row in (0..set.len()).step_by(11) {
        let sample = set.sample(row).unwrap();
        let shown = shown_in(&sample);
        assert!(shown.len() >= 2 && shown.len().is_multiple_of(2));
        // `language` is that of the answer: the second of each two.
        for pair in shown.chunks(2) {
            let wanted = sample.language == "zh";
            assert_eq!((is_chinese(&pair[0]), is_chinese(&pair[1])), (!wanted, wanted), "{pair:?}");
        }
    }
}

#[test]
fn groups_draw_of_all_descriptions() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(Kind::Instruction, &["quickstart-en:test-frames"]);
    plan.config.prompt.classes = ClassStyle::Full;
    plan.config.max_length = 1 << 14;
    let bank = plan.declarations.join("../paraphrases/quickstart.jsonl");
    plan.config.prompt.paraphrases = Some(bank.clone());
    let manifest = run(&plan, dir.path());
    assert_eq!(manifest.origin.shown.keys().collect::<Vec<_>>(), ["paraphrases"]);
    assert_eq!(manifest.origin.config.prompt.paraphrases, None, "a bank may be moved");
    let descriptions = || -> BTreeSet<String> {
        let set = ShardSet::open(dir.path()).unwrap();
        let rows = (0..set.len()).map(|row| set.sample(row).unwrap());
        let prefixes = rows.map(|sample| tokenizer().decode(&sample.prefix_ids));
        let lines: Vec<String> = prefixes
            .flat_map(|prefix| prefix.split("class Person(Entity):").nth(1).map(str::to_owned))
            .filter_map(|rest| rest.lines().nth(2).map(str::to_owned))
            .collect();
        lines.into_iter().collect()
    };
    let path = plan.declarations.join("../schemas/quickstart.py");
    let schema = Schema::load(&path).unwrap();
    let wordings = Bank::load(&bank).unwrap().wordings(&path).unwrap().unwrap();
    let person = schema.class("Person").unwrap();
    let said =
        |number| format!("\tDescription: {}", wordings.worded(person, number).descriptions["en"]);
    let all: BTreeSet<String> = (0..=wordings.count("Person")).map(said).collect();
    assert_eq!(descriptions(), all);
    plan.config.prompt.paraphrase = Some(2);
    run(&plan, dir.path());
    assert_eq!(descriptions(), BTreeSet::from([said(2)]));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let check =
        |kind: Kind, datasets: &[&str], change: &dyn Fn(&mut PromptConfig), expected: &str| {
            let mut plan = plan(kind, datasets);
            change(&mut plan.config.prompt);
            let dir = tempfile::tempdir().unwrap();
            let error = prepare(&plan, tokenizer(), dir.path(), &|_| {}).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 64, "{error}");
        };
    let shots: &dyn Fn(&mut PromptConfig) = &|prompt| prompt.shots = 2;
    check(
        Kind::SchemaUnderstanding,
        &["quickstart-en"],
        shots,
        "[prompt]: shots = 2: the phase asks no question that a demonstration could answer",
    );
    check(
        Kind::Alignment,
        &["quickstart-parallel"],
        &|prompt| {
            prompt.shots = 1;
            prompt.shots_from = Some("quickstart-en".to_owned());
        },
        "shots_from = \"quickstart-en\" is not parallel",
    );
    check(
        Kind::Instruction,
        &["quickstart-en:test-frames"],
        &|prompt| {
            prompt.shots = 1;
            prompt.shots_from = Some("quickstart-en:test-names".to_owned());
        },
        "its split `test-names` is a test: no prompt may show what it holds",
    );
    check(
        Kind::Instruction,
        &["quickstart-en:test-frames"],
        &|prompt| prompt.paraphrase = Some(1),
        "paraphrase needs `paraphrases`",
    );
    let bank = plan(Kind::Instruction, &[]).declarations.join("../paraphrases/quickstart.jsonl");
    check(
        Kind::Instruction,
        &["quickstart-en:test-frames"],
        &|prompt| {
            prompt.paraphrases = Some(bank.clone());
            prompt.paraphrase = Some(9);
        },
        "paraphrase = 9, but the bank has at most 3",
    );
    check(
        Kind::Instruction,
        &["base-en"],
        &|prompt| prompt.paraphrases = Some(bank.clone()),
        "has nothing for the schema of any dataset of the phase",
    );
    check(
        Kind::Instruction,
        &["quickstart-en:test-frames"],
        &|prompt| {
            prompt.examples_from = ExamplesFrom::Training;
            prompt.shots_from = Some("quickstart-zh".to_owned());
        },
        "has no example in `en` for prompts of `quickstart-en`",
    );
}
