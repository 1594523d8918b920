//! What is asked of the sentences of a corpus.

use super::{Output, PrepareConfig};
use crate::corpus::Corpus;
use crate::manifest::Refused;
use crate::prompt::{self, Example, PromptConfig};
use crate::schema::{Class, Schema, Task, sha256_hex};
use crate::sentence::{Parallel, Sentence};
use crate::shard::Sample;
use crate::tokenizer::Tokenizer;
use crate::tokens::Tokens;
use std::collections::{BTreeSet, HashSet};

/// One task over one split of a corpus.
pub(super) struct Lesson<'a> {
    /// Dataset, split and task, for people and for chance.
    pub name: String,
    /// The dataset's name.
    pub dataset: &'a str,
    /// What rows call the task.
    pub task_name: String,
    /// What is asked.
    pub task: Task,
    /// Where the classes are.
    pub schema: &'a Schema,
    /// The classes that the task may instantiate, as places in the schema.
    pub classes: Vec<usize>,
    /// The questions.
    pub items: Vec<Item<'a>>,
}

/// A sentence or pair about which classes are asked.
pub(super) struct Item<'a> {
    /// Unique in its lesson.
    pub id: String,
    /// The language of the answer's mentions.
    pub language: &'a str,
    /// Roughly how long its text is.
    pub size: usize,
    /// The classes of its objects.
    pub positives: BTreeSet<usize>,
    /// The class of each object that its answer is to have.
    pub objects: Vec<usize>,
    content: Content<'a>,
}

enum Content<'a> {
    Sentence(&'a Sentence),
    Pair(&'a Parallel),
}

impl<'a> Lesson<'a> {
    /// One lesson per task of the corpus; EAE asks about sentences with events only.
    pub(super) fn instruction(
        corpus: &'a Corpus,
        split: &str,
        sentences: &'a [Sentence],
    ) -> Vec<Self> {
        let tasks = if corpus.is_parallel() { &[Task::Ner] } else { corpus.tasks() };
        let name = format!("{}:{split}", corpus.name());
        tasks
            .iter()
            .map(|task| Self::extraction(corpus.name(), &name, corpus.schema(), *task, sentences))
            .collect()
    }

    /// The lesson of one task.
    pub(super) fn extraction(
        dataset: &'a str,
        name: &str,
        schema: &'a Schema,
        task: Task,
        sentences: &'a [Sentence],
    ) -> Self {
        let asked =
            sentences.iter().filter(|sentence| task != Task::Eae || !sentence.events.is_empty());
        let item = |sentence: &'a Sentence| Item {
            id: sentence.id.clone(),
            language: &sentence.language,
            size: sentence.text.len(),
            positives: positives(schema, task, sentence),
            objects: places(schema, task, sentence),
            content: Content::Sentence(sentence),
        };
        Self {
            name: format!("{name} {task}"),
            dataset,
            task_name: task.to_string(),
            task,
            schema,
            classes: of_task(schema, task),
            items: asked.map(item).collect(),
        }
    }

    /// The lesson of a corpus of pairs.
    pub(super) fn alignment(corpus: &'a Corpus, split: &str, pairs: &'a [Parallel]) -> Self {
        let schema = corpus.schema();
        let item = |pair: &'a Parallel| {
            let (source, target) = (&pair.source, &pair.target);
            let sides = [source, target].map(|side| positives(schema, Task::Ner, side));
            Item {
                id: format!("{}>{}", source.id, target.language),
                language: &target.language,
                size: source.text.len() + target.text.len(),
                positives: sides.into_iter().flatten().collect(),
                objects: places(schema, Task::Ner, target),
                content: Content::Pair(pair),
            }
        };
        Self {
            name: format!("{}:{split} alignment", corpus.name()),
            dataset: corpus.name(),
            task_name: "alignment".to_owned(),
            task: Task::Ner,
            schema,
            classes: of_task(schema, Task::Ner),
            items: pairs.iter().map(item).collect(),
        }
    }

    /// What is to be read in the question about `item`.
    pub(super) fn texts_of(&self, item: usize) -> Vec<&'a str> {
        match self.items[item].content {
            Content::Sentence(sentence) => vec![&sentence.text],
            Content::Pair(pair) => vec![&pair.source.text, &pair.target.text],
        }
    }

    /// The names of the objects of `item`, each with the place of its class.
    pub(super) fn surfaces(&self, item: usize) -> Vec<(usize, &'a str)> {
        let place = |name: &str| self.schema.classes.iter().position(|class| class.name == name);
        let sides = match self.items[item].content {
            Content::Sentence(sentence) => vec![sentence],
            Content::Pair(pair) => vec![&pair.source, &pair.target],
        };
        let found = sides.into_iter().flat_map(|side| surfaces(self.task, side));
        found.filter_map(|(class, surface)| Some((place(class)?, surface))).collect()
    }

    /// The question about `item` that offers `classes`.
    pub(super) fn example(&self, item: usize, classes: &[usize], config: &PromptConfig) -> Example {
        let classes: Vec<&Class> =
            classes.iter().map(|class| &self.schema.classes[*class]).collect();
        match self.items[item].content {
            Content::Sentence(sentence) => {
                prompt::extraction(self.schema, &classes, self.task, sentence, config)
            }
            Content::Pair(pair) => prompt::alignment(self.schema, &classes, pair, config),
        }
    }
}

fn of_task(schema: &Schema, task: Task) -> Vec<usize> {
    let classes = schema.classes.iter().enumerate();
    classes.filter(|(_, class)| class.kind == task.kind()).map(|(place, _)| place).collect()
}

fn positives(schema: &Schema, task: Task, sentence: &Sentence) -> BTreeSet<usize> {
    places(schema, task, sentence).into_iter().collect()
}

/// The class of each object, as places in the schema.
fn places(schema: &Schema, task: Task, sentence: &Sentence) -> Vec<usize> {
    let place = |name: &str| schema.classes.iter().position(|class| class.name == name);
    sentence.instances(task).iter().filter_map(|object| place(object.class())).collect()
}

/// By what the objects of a task are known in a text, each with its class.
fn surfaces(task: Task, sentence: &Sentence) -> Vec<(&str, &str)> {
    match task {
        Task::Ner => sentence
            .entities
            .iter()
            .map(|entity| (entity.class.as_str(), entity.mention.text.as_str()))
            .collect(),
        Task::Re => sentence
            .relations
            .iter()
            .flat_map(|relation| {
                [&relation.head, &relation.tail]
                    .map(|side| (relation.class.as_str(), side.mention.text.as_str()))
            })
            .collect(),
        Task::Ed | Task::Eae => sentence
            .events
            .iter()
            .map(|event| (event.class.as_str(), event.trigger.text.as_str()))
            .collect(),
    }
}

/// A text of schema understanding.
pub(super) struct Text {
    id: String,
    language: String,
    task_name: String,
    example: Example,
}

/// Definitions of the corpus's classes and the objects of its sentences as code. `known` has the
/// hashes of definitions that an earlier dataset brought.
pub(super) fn texts(
    corpus: &Corpus,
    split: &str,
    sentences: &[Sentence],
    config: &PromptConfig,
    known: &mut HashSet<String>,
) -> Vec<Text> {
    let schema = corpus.schema();
    let mut texts = Vec::new();
    for class in &schema.classes {
        let example = prompt::definition(class, schema, config);
        if known.insert(sha256_hex(example.answer.as_bytes())) {
            texts.push(Text {
                id: format!("{}/{split}/class {}", corpus.name(), class.name),
                language: "en".to_owned(),
                task_name: "definition".to_owned(),
                example,
            });
        }
    }
    let tasks = if corpus.is_parallel() { &[Task::Ner] } else { corpus.tasks() };
    // The code of arguments holds that of the events.
    let covered = |task: Task| task == Task::Ed && tasks.contains(&Task::Eae);
    for task in tasks.iter().filter(|task| !covered(**task)) {
        texts.extend(sentences.iter().map(|sentence| Text {
            id: sentence.id.clone(),
            language: sentence.language.clone(),
            task_name: format!("instances-{task}"),
            example: prompt::instances(*task, sentence, schema, config),
        }));
    }
    texts
}

impl Text {
    /// Its only row: no prefix, and a loss on everything but the first token, which nothing predicts.
    pub(super) fn output(
        &self,
        dataset: &str,
        config: &PrepareConfig,
        tokenizer: &Tokenizer,
    ) -> Output {
        let tokens = Tokens::of(&self.example, tokenizer);
        if tokens.len() > config.max_length {
            let id = format!("{} ({})", self.id, self.task_name);
            let refused = Refused { id, length: tokens.len(), limit: config.max_length };
            return Output { refused: vec![refused], ..Output::default() };
        }
        let sample = Sample {
            sample_id: self.id.clone(),
            dataset: dataset.to_owned(),
            language: self.language.clone(),
            task: self.task_name.clone(),
            prefix_ids: Vec::new(),
            suffix_ids: tokens.answer,
            supervised_from: 1,
            group: 0,
        };
        Output { groups: vec![vec![sample]], ..Output::default() }
    }
}
