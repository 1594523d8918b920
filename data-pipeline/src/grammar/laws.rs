//! What holds for the grammar of any classes and any sentence, whatever the form and the tokenizer:
//! what is written for gold is in it, and what is in it can be read.

#![allow(clippy::unwrap_used)]

use super::specimen::{Case, FORMS, TASKS, Walker, case, configuration, tokenizer};
use super::*;
use crate::prompt::{self, Dialect, Form, NameLanguage, extraction};
use crate::python::FlawKind;
use crate::real::data_root;
use crate::schema::Kind;
use crate::sentence::Instance;
use crate::tokenizer::Tokenizer;
use proptest::prelude::*;

fn allows(words: &[u32], id: u32) -> bool {
    words.get(id as usize / 32).is_some_and(|word| (word >> (id % 32)) & 1 == 1)
}

/// Whether the dialect that escapes nothing can say all gold objects.
fn is_safe(case: &Case) -> bool {
    let Case { config, schema, task, sentence, .. } = case;
    let plain = |name: &str| config.is_readable(name);
    let classes = schema.classes.iter().all(|class| {
        let arguments = class.arguments.iter().all(|argument| plain(&argument.name));
        plain(&class.name) && arguments
    });
    let objects = sentence.instances(*task);
    classes
        && objects
            .iter()
            .flat_map(Instance::mentions)
            .all(|mention| config.can_say(&mention.text, *task))
}

/// The ids of the gold answer are allowed one after the other, and then the end.
fn gold_is_in_it(case: &Case, tokenizer: &Tokenizer) -> Result<(), String> {
    let Case { config, schema, task, sentence, pieces } = case;
    let classes = schema.of_task(*task);
    let answer = extraction(schema, &classes, *task, sentence, config).answer;
    if config.dialect == Dialect::Official && !is_safe(case) {
        // What its reader may lose its place in is not in the grammar.
        return Ok(());
    }
    let grammar = Grammar::new(config, schema, &classes, *task, sentence, *pieces).unwrap();
    let mut matcher = grammar.matcher(&Vocabulary::new(tokenizer)).with_limit(10_000);
    let mut ids = tokenizer.encode(&answer);
    ids.push(tokenizer.eos());
    for (at, id) in ids.iter().enumerate() {
        let allowed = matcher.allowed(&ids[..at]).unwrap();
        if !allows(&allowed, *id) {
            let before = tokenizer.decode(&ids[..at]);
            let piece = tokenizer.piece(*id);
            return Err(format!(
                "`{piece}` behind `{before}`, to say `{answer}` of {:?}",
                sentence.text
            ));
        }
    }
    Ok(())
}

/// A walk over what is allowed ends in time, and is read without a flaw in its form, of offered
/// classes, with every mention in the sentence.
fn what_is_in_it_is_read(
    case: &Case,
    tokenizer: &Tokenizer,
    seed: u64,
    limit: usize,
) -> Result<(), String> {
    let Case { config, schema, task, sentence, pieces } = case;
    let classes = schema.of_task(*task);
    let grammar = Grammar::new(config, schema, &classes, *task, sentence, *pieces).unwrap();
    let mut matcher = grammar.matcher(&Vocabulary::new(tokenizer)).with_limit(limit);
    let mut ids = Vec::new();
    let mut walker = Walker(seed);
    loop {
        let allowed = matcher.allowed(&ids).unwrap();
        let said = tokenizer.decode(&ids);
        let Some(id) = walker.choose(&allowed, tokenizer.eos()) else {
            return Err(format!("nothing may follow `{said}` about {:?}", sentence.text));
        };
        if id == tokenizer.eos() {
            break;
        }
        ids.push(id);
        if ids.len() >= limit {
            return Err(format!("{limit} ids were too few for `{said}` about {:?}", sentence.text));
        }
    }
    let answer = tokenizer.decode(&ids);
    let read = prompt::read(&answer, schema, &classes, *task, sentence, config, *pieces);
    let wrong = |what: String| Err(format!("{what}: `{answer}` about {:?}", sentence.text));
    if let Some(flaw) = read.flaws.iter().find(|flaw| flaw.kind != FlawKind::Duplicate) {
        return wrong(flaw.to_string());
    }
    for object in &read.instances {
        if !classes.iter().any(|class| class.name == object.class()) {
            return wrong(format!("class {}", object.class()));
        }
        for mention in object.mentions() {
            if mention.text.is_empty()
                || !(mention.is_in_pieces() || sentence.text.contains(&mention.text))
            {
                return wrong(format!("mention `{}`", mention.text));
            }
        }
    }
    misplaced(case, &classes, &read.instances).map_or(Ok(()), wrong)
}

/// An end of a relation of another type than the schema names there, roles in another order than their
/// class has them, or events that are not those of the prompt in their order, each at most once.
fn misplaced(case: &Case, classes: &[&Class], found: &[Instance]) -> Option<String> {
    let Case { config, schema, task, sentence, .. } = case;
    for object in found {
        let Instance::Relation(relation) = object else { continue };
        let class = classes.iter().find(|class| class.name == relation.class)?;
        for (end, argument) in [&relation.head, &relation.tail].into_iter().zip(&class.arguments) {
            if !is_one_of(schema, &end.class, &argument.types) {
                return Some(format!("`{}` as {} of `{}`", end.class, argument.name, class.name));
            }
        }
    }
    for object in found.iter().filter(|_| config.form == Form::Code) {
        let Instance::Event(event) = object else { continue };
        let class = classes.iter().find(|class| class.name == event.class)?;
        let place = |role: &String| class.arguments.iter().position(|known| known.name == *role);
        if !event.arguments.is_sorted_by_key(|(role, _)| place(role)) {
            return Some(format!("roles of `{}` in another order", class.name));
        }
    }
    let told = crate::prompt::spelling::told(schema, classes, sentence, config);
    if *task != Task::Eae || told.is_empty() {
        return None;
    }
    let mut told = told.iter();
    for object in found {
        let Instance::Event(event) = object else { continue };
        // Native names are those of the prompt, those that are read the schema's own.
        let is_class = |name: &str| config.names == NameLanguage::Native || name == event.class;
        let trigger = &event.trigger.text;
        if !told.any(|told| is_class(&told.class) && told.trigger.text == *trigger) {
            return Some(format!("event `{}` of `{trigger}` out of turn", event.class));
        }
    }
    None
}

/// Whether an entity class, or one above it, is one of `types`; all are below `Entity`.
fn is_one_of(schema: &Schema, class: &str, types: &[String]) -> bool {
    let entity = |name: &str| {
        schema.classes.iter().find(|class| class.kind == Kind::Entity && class.name == name)
    };
    let above =
        std::iter::successors(Some(class), |name| entity(name).map(|class| class.base.as_str()));
    let root = (class == "Entity" || entity(class).is_some()).then_some("Entity");
    above.chain(root).any(|name| types.iter().any(|known| known == name))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"'\\\\\\n\\r\\t\\x00\u{2028}\u{85}\u{a0}\u{3000}人物😀éا#{}();:=, ]{0,12}",
        "([A-C][a-z]{0,3}|人物|10|[,.\"(); ]){1,9}",
        r#"("\),|\n|results = \[|\\|x| ){0,6}"#,
    ]
}

proptest! {
    #[test]
    fn gold_is_always_in_it(
        text in text(), form in 0..FORMS, task in 0..4usize, picks in prop::collection::vec(any::<u16>(), 0..14),
        names in 0..3usize,
    ) {
        // U+2581 is how SentencePiece writes a space: no tokenizer of that kind keeps it.
        prop_assume!(!text.contains('\u{2581}'));
        let case = case(&text, configuration(form), TASKS[task], &picks, names);
        for tokenizer in tokenizer::ALL {
            let Some(tokenizer) = tokenizer() else { continue };
            prop_assert_eq!(gold_is_in_it(&case, tokenizer), Ok(()));
        }
    }

    #[test]
    fn whatever_is_in_it_is_read(
        text in text(), form in 0..FORMS, task in 0..4usize, picks in prop::collection::vec(any::<u16>(), 0..14),
        names in 0..3usize, seed in any::<u64>(), limit in prop_oneof![24..90usize, Just(400)],
    ) {
        prop_assume!(!text.contains('\u{2581}'));
        let case = case(&text, configuration(form), TASKS[task], &picks, names);
        for tokenizer in tokenizer::ALL {
            let Some(tokenizer) = tokenizer() else { continue };
            prop_assert_eq!(what_is_in_it_is_read(&case, tokenizer, seed, limit), Ok(()));
        }
    }
}

/// Sentences as they come: quotes, backslashes, line ends, emoji, right to left, Chinese.
#[test]
fn every_answer_to_many_sentences_is_read() {
    let mut asked = 0;
    for (number, sentence) in include_str!("sentences.txt").lines().enumerate() {
        let sentence = sentence.replace("\\n", "\n").replace("\\t", "\t");
        let picks: Vec<u16> = (0..10).map(|i| (number * 977 + i * 7919) as u16).collect();
        for form in 0..FORMS {
            for (place, task) in TASKS.into_iter().enumerate() {
                let case = case(&sentence, configuration(form), task, &picks, number % 3);
                for tokenizer in tokenizer::ALL.into_iter().filter_map(|tokenizer| tokenizer()) {
                    assert_eq!(gold_is_in_it(&case, tokenizer), Ok(()));
                    let seed = (number * 100 + form * 10 + place) as u64;
                    assert_eq!(what_is_in_it_is_read(&case, tokenizer, seed, 60), Ok(()));
                    asked += 1;
                }
            }
        }
    }
    // With at least two tokenizers, wherever no data lies.
    assert!(asked >= 2 * 17 * FORMS * TASKS.len(), "{asked}");
}

/// What cannot end where it is begun: a parenthesis that has to match, a word of a mention in pieces.
#[test]
fn a_mention_that_has_a_long_way_to_its_end_is_closed_in_time() {
    let inside = format!("Ann ({}) met Bonn", "all the way around ".repeat(24));
    let words = format!("left {} or/and {} right", "x".repeat(160), "y".repeat(200));
    let cases = [
        (&inside, 2, Task::Ed, 0),
        (&inside, 2, Task::Eae, 0),
        (&words, 0, Task::Ner, 1),
        (&words, 3, Task::Re, 1),
    ];
    for (text, form, task, names) in cases {
        let case = case(text, configuration(form), task, &[], names);
        for limit in (24..700).step_by(29) {
            for tokenizer in tokenizer::ALL.into_iter().filter_map(|tokenizer| tokenizer()) {
                for seed in 0..6 {
                    assert_eq!(what_is_in_it_is_read(&case, tokenizer, seed, limit), Ok(()));
                }
            }
        }
    }
}

/// The real vocabulary, if it is there: two ids for a line end, runs of spaces, whole phrases.
#[test]
fn the_vocabulary_of_baichuan2_keeps_the_laws() {
    let Some(tokenizer) = tokenizer::baichuan() else { return };
    for (number, sentence) in include_str!("sentences.txt").lines().enumerate() {
        let sentence = sentence.replace("\\n", "\n").replace("\\t", "\t");
        let picks: Vec<u16> = (0..10).map(|i| (number * 977 + i * 7919) as u16).collect();
        let (form, task) = (number % FORMS, TASKS[number / 2 % TASKS.len()]);
        let case = case(&sentence, configuration(form), task, &picks, number % 3);
        assert_eq!(gold_is_in_it(&case, tokenizer), Ok(()));
        for seed in 0..4 {
            assert_eq!(what_is_in_it_is_read(&case, tokenizer, seed, 60), Ok(()));
        }
    }
}

/// The corpora, if they are there: what is annotated is what may be answered.
#[test]
fn gold_of_the_corpora_is_in_it() {
    let Some(root) = data_root("no SentencePiece, no real sentences") else { return };
    let datasets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let mut refused = Vec::new();
    for name in ["conll04", "scierc", "ade", "finre", "phee", "cluener", "fewfc", "casie", "duie2"]
    {
        let Ok(corpus) = crate::corpus::Corpus::load(&datasets.join(format!("{name}.toml")), &root)
        else {
            continue;
        };
        let read = ["test", "dev", "train"].iter().find_map(|split| corpus.read(split).ok());
        let Some(read) = read else { continue };
        let pieces = read.sentences.iter().any(Sentence::has_pieces);
        for sentence in read.sentences.iter().step_by(1 + read.sentences.len() / 40) {
            for task in corpus.tasks() {
                for form in 0..FORMS {
                    let case = Case {
                        config: configuration(form),
                        schema: corpus.schema().clone(),
                        task: *task,
                        sentence: sentence.clone(),
                        pieces,
                    };
                    let found = gold_is_in_it(&case, tokenizer::small().unwrap());
                    refused
                        .extend(found.err().map(|error| format!("{name} {task} {form}: {error}")));
                }
            }
        }
    }
    assert!(refused.is_empty(), "{}: {}", refused.len(), refused[0]);
}
