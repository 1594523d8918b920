//! Every way to select classes keeps every label.

use super::*;
use crate::effect::Effect;
use proptest::prelude::*;

/// The rows of the NER lesson of `schema`, what was refused, and the effect with its labels.
fn prepared(
    schema: &Schema,
    sentences: &[Sentence],
    config: &PrepareConfig,
) -> (Vec<Vec<Sample>>, Vec<Refused>, Effect) {
    let Made { outputs, labels, .. } = made(schema, sentences, config);
    let mut effect = Effect::of("d", "ner");
    effect.labels = labels;
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for output in outputs {
        effect.merge(&output.effect.unwrap());
        rows.extend(output.groups);
        refused.extend(output.refused);
    }
    for group in &rows {
        for (place, sample) in group.iter().enumerate() {
            effect.count(sample, place == 0, config.max_length);
        }
    }
    (rows, refused, effect)
}

/// How often each class is offered to each sentence.
fn offers(groups: &[Vec<Sample>]) -> BTreeMap<String, BTreeMap<&'static str, usize>> {
    let mut offers: BTreeMap<String, BTreeMap<_, usize>> = BTreeMap::new();
    for sample in groups.iter().flatten() {
        let id = sample.sample_id.split(['#', '@']).next().unwrap().to_owned();
        for class in offered(sample) {
            *offers.entry(id.clone()).or_default().entry(class).or_default() += 1;
        }
    }
    offers
}

fn batches(size: usize, empty_ratio: f64) -> PrepareConfig {
    let mut config = config(2048, SelectionMode::Batches);
    config.selection.size = size;
    config.selection.empty_ratio = empty_ratio;
    config
}

#[test]
fn batches_ask_every_sentence_about_every_class() {
    let sentences = sentences(50);
    for size in [1, 5, 12, 20] {
        // Nearly all may be empty, so that no question is left out.
        let config = batches(size, 0.99);
        let (groups, refused, effect) = prepared(&schema(), &sentences, &config);
        check_groups(&groups, &config);
        assert_eq!(refused, []);
        assert_eq!(labels(&groups), gold(&sentences));
        assert!(groups.iter().flatten().all(|sample| offered(sample).len() <= size));
        for classes in offers(&groups).values() {
            assert!(classes.len() == 12 && classes.values().all(|count| *count == 1));
        }
        assert_eq!(effect.classes.max, size.min(12));
        assert_eq!((effect.labels_lost(), effect.supervised_lost), (0, 0));
    }
    // Another group, another cut.
    let groups = prepared(&schema(), &sentences, &batches(4, 0.99)).0;
    let cuts: BTreeSet<BTreeSet<&str>> = groups.iter().map(|group| offered(&group[0])).collect();
    assert!(cuts.len() > 6, "{}", cuts.len());
}

#[test]
fn empty_batches_are_as_many_as_wanted() {
    let sentences = sentences(200);
    for ratio in [0.0, 0.2, 0.5] {
        let config = batches(4, ratio);
        let (groups, _, effect) = prepared(&schema(), &sentences, &config);
        let mut expected = gold(&sentences);
        expected.retain(|_, labels| !labels.is_empty());
        let mut found = labels(&groups);
        found.retain(|_, labels| !labels.is_empty());
        assert_eq!(found, expected);
        assert!((effect.empty_share() - ratio).abs() < 0.01, "{}", effect.empty_share());
    }
}

#[test]
fn hard_negatives_are_classes_whose_names_stand_in_the_text() {
    // Every text holds a song's name that another sentence annotates.
    let mut sentences = sentences(120);
    sentences.retain(|sentence| !sentence.entities.is_empty());
    for sentence in &mut sentences {
        sentence.text += " Yesterday";
    }
    let mention = Mention::at("Yesterday", 0, 9);
    sentences.push(Sentence {
        id: "song".to_owned(),
        text: "Yesterday".to_owned(),
        language: "en".to_owned(),
        entities: vec![Entity { class: "Song".to_owned(), mention }],
        ..Sentence::default()
    });
    let songs = |hard: f64| {
        let mut config = config(2048, SelectionMode::Sampled);
        config.group = 1;
        config.selection.hard = hard;
        config.selection.empty_ratio = 0.0;
        config.selection.negatives_per_positive = 0.5;
        let (groups, _, effect) = prepared(&schema(), &sentences, &config);
        assert_eq!(labels(&groups), gold(&sentences));
        let again = prepared(&schema(), &sentences, &config).0;
        assert_eq!(again, groups, "a function of data and seed");
        let with = groups.iter().filter(|group| offered(&group[0]).contains("Song")).count();
        (with as f64 / groups.len() as f64, effect.negatives)
    };
    let ((by_chance, drawn), (hard, as_many)) = (songs(0.0), songs(0.5));
    assert!(hard == 1.0 && by_chance < 0.5, "{hard} {by_chance}");
    assert_eq!(drawn, as_many);
}

#[test]
fn pruning_drops_the_least_important_and_no_label() {
    let sentences = sentences(60);
    let full = config(2048, SelectionMode::Full);
    let longest = prepared(&schema(), &sentences, &full).0;
    let longest = longest.iter().flatten().map(|sample| sample.prefix_ids.len()).max().unwrap();
    for part in [2, 3] {
        let mut config = config(longest / part + 150, SelectionMode::Full);
        // Alone, so that what a row offers is known from its own answer.
        config.group = 1;
        config.selection.overlong = Overlong::Prune;
        config.selection.priority = vec!["Theory".to_owned(), "Song".to_owned()];
        let (groups, refused, effect) = prepared(&schema(), &sentences, &config);
        check_groups(&groups, &config);
        assert_eq!(refused, []);
        assert_eq!(labels(&groups), gold(&sentences));
        assert!(effect.pruned > 0);
        assert_eq!((effect.labels_lost(), effect.supervised_lost), (0, 0));
        // What is named first goes last: it is offered wherever something else that does not occur is.
        for group in groups.iter().filter(|group| !group[0].sample_id.contains('#')) {
            let classes = offered(&group[0]);
            let occurring: BTreeSet<String> =
                group.iter().flat_map(answer).map(|(class, _)| class).collect();
            let spare = classes
                .iter()
                .any(|class| !occurring.contains(*class) && !["Theory", "Song"].contains(class));
            assert!(!spare || classes.contains("Theory"), "{classes:?}");
        }
    }
}

#[test]
fn priority_must_name_classes_of_the_datasets() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(Kind::Instruction, &["quickstart-en:test-names"]);
    plan.config.selection.overlong = Overlong::Prune;
    plan.config.selection.priority = vec!["Persn".to_owned()];
    let error = prepare(&plan, tokenizer(), dir.path(), &|_| {}).unwrap_err().to_string();
    assert!(
        error.starts_with("[selection]: priority names `Persn`, a class of no dataset here; did"),
        "{error}"
    );
    assert_eq!(check(&plan).unwrap_err().to_string(), error);
}

/// Up to twelve classes with descriptions of any length, and sentences with objects of theirs.
fn any_corpus() -> impl Strategy<Value = (Schema, Vec<Sentence>)> {
    let descriptions = proptest::collection::vec(0usize..30, 1..=12);
    descriptions.prop_flat_map(|lengths| {
        let mut schema = schema();
        schema.classes.truncate(lengths.len());
        for (class, length) in schema.classes.iter_mut().zip(&lengths) {
            class.descriptions = [("en".to_owned(), "any words ".repeat(*length))].into();
        }
        let entities = proptest::collection::vec((0..lengths.len(), "[a-zé中]{1,6}"), 0..6);
        let sentence = (entities, 0usize..60);
        let sentences = proptest::collection::vec(sentence, 1..12).prop_map(|sentences| {
            sentences.into_iter().enumerate().map(any_sentence).collect::<Vec<Sentence>>()
        });
        (Just(schema), sentences)
    })
}

fn any_sentence((number, (entities, words)): (usize, (Vec<(usize, String)>, usize))) -> Sentence {
    let mut sentence =
        Sentence { id: format!("s{number}"), language: "en".to_owned(), ..Sentence::default() };
    for (class, name) in entities {
        let start = sentence.text.chars().count();
        let mention = Mention::at(name.clone(), start, start + name.chars().count());
        sentence.entities.push(Entity { class: CLASSES[class].to_owned(), mention });
        sentence.text += &format!("{name} ");
    }
    sentence.text += &"words ".repeat(words);
    sentence
}

fn any_selection() -> impl Strategy<Value = Selection> {
    let full = |overlong| Selection { overlong, ..Selection::default() };
    let sampled = |hard| Selection { mode: SelectionMode::Sampled, hard, ..Selection::default() };
    prop_oneof![
        Just(full(Overlong::Split)),
        Just(full(Overlong::Prune)),
        Just(sampled(0.0)),
        Just(sampled(0.5)),
        (1usize..6, 0.0..0.99f64).prop_map(|(size, empty_ratio)| Selection {
            mode: SelectionMode::Batches,
            size,
            empty_ratio,
            ..Selection::default()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_selection_loses_or_doubles_a_label(
        (schema, sentences) in any_corpus(),
        selection in any_selection(),
        limit in 40usize..900,
        seed: u64,
    ) {
        let config = PrepareConfig { seed, selection, ..config(limit, SelectionMode::Full) };
        let (groups, refused, effect) = prepared(&schema, &sentences, &config);
        check_groups(&groups, &config);
        prop_assert_eq!((effect.labels_lost(), effect.supervised_lost), (0, 0));
        let refused: BTreeSet<&str> = refused
            .iter()
            .map(|refused| refused.id.split([' ', '@']).next().unwrap_or_default())
            .collect();
        let gold = gold(&sentences);
        for (id, found) in &labels(&groups) {
            let id = id.split('~').next().unwrap_or_default();
            if !refused.contains(id) && !found.is_empty() {
                prop_assert_eq!(found, &gold[id]);
            }
        }
        let found = labels(&groups);
        for (id, expected) in gold.iter().filter(|(_, labels)| !labels.is_empty()) {
            let kept = found.get(id) == Some(expected);
            prop_assert!(kept || refused.contains(id.as_str()), "{} {:?}", id, expected);
        }
        for (id, classes) in &offers(&groups) {
            prop_assert!(classes.values().all(|count| *count == 1), "{} {:?}", id, classes);
            let full = config.selection.mode == SelectionMode::Full
                && config.selection.overlong == Overlong::Split;
            prop_assert!(!full || classes.len() == schema.classes.len(), "{} {:?}", id, classes);
        }
    }
}
