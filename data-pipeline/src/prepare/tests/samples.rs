//! Which samples come of sentences: nothing cut, no label lost, the ids of the whole text.

use super::*;

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
