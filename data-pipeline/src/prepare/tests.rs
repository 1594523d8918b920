//! Preparation keeps its promises: nothing cut, nothing lost, nothing left to chance.
#![allow(clippy::unwrap_used)]

mod corpora;
mod phases;
mod samples;
mod selection;
mod shares;

use super::draw::draw;
use super::fit::Fit;
use super::lesson::{Lesson, Outline};
use super::*;
use crate::prompt::{AlignmentTarget, ClassStyle, Dialect, Form, NameLanguage, TextLanguage};
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
