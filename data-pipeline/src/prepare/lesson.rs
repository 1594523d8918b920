//! What is asked of the sentences of a corpus.

use super::showing::{Showing, Shown};
use super::{Output, PrepareConfig};
use crate::corpus::Corpus;
use crate::manifest::Refused;
use crate::prompt::{self, Example, NameLanguage, PromptConfig, with_shots};
use crate::schema::{Class, Schema, Task, sha256_hex};
use crate::sentence::{Parallel, Sentence};
use crate::shard::Sample;
use crate::shots::ShownSchema;
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
    /// What prompts show beside the classes' own words.
    pub showing: Showing<'a>,
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
            showing: Showing::default(),
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
            showing: Showing::default(),
        }
    }

    /// The question about `item` that shows `shown`.
    pub(super) fn example(&self, item: usize, shown: &Shown, config: &PromptConfig) -> Example {
        let classes: Vec<&Class> = shown.classes.iter().map(AsRef::as_ref).collect();
        let item = &self.items[item];
        let example = match item.content {
            Content::Sentence(sentence) => {
                prompt::extraction(self.schema, &classes, self.task, sentence, config)
            }
            Content::Pair(pair) => prompt::alignment(self.schema, &classes, pair, config),
        };
        with_shots(example, shown.shots(item.source_language()), config)
    }
}

impl<'a> Item<'a> {
    /// What is asked about: one text, or both sides of a pair.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        let (one, other) = match self.content {
            Content::Sentence(sentence) => (&sentence.text, None),
            Content::Pair(pair) => (&pair.source.text, Some(&pair.target.text)),
        };
        std::iter::once(one).chain(other).map(String::as_str)
    }

    /// The language of its first text.
    pub(super) fn source_language(&self) -> &'a str {
        match self.content {
            Content::Sentence(sentence) => &sentence.language,
            Content::Pair(pair) => &pair.source.language,
        }
    }
}

fn of_task(schema: &Schema, task: Task) -> Vec<usize> {
    let classes = schema.classes.iter().enumerate();
    classes.filter(|(_, class)| class.kind == task.kind()).map(|(place, _)| place).collect()
}

fn positives(schema: &Schema, task: Task, sentence: &Sentence) -> BTreeSet<usize> {
    let place = |name: &str| schema.classes.iter().position(|class| class.name == name);
    sentence.instances(task).iter().filter_map(|object| place(object.class())).collect()
}

/// A text of schema understanding.
pub(super) struct Text {
    id: String,
    language: String,
    task_name: String,
    example: Example,
}

/// Definitions of the corpus's classes, `shown`, and the objects of its sentences as code. `known` has the
/// hashes of definitions that an earlier dataset brought.
pub(super) fn texts(
    corpus: &Corpus,
    split: &str,
    sentences: &[Sentence],
    shown: &ShownSchema,
    config: &PromptConfig,
    known: &mut HashSet<String>,
) -> Vec<Text> {
    let schema = &shown.schema;
    let mut texts = Vec::new();
    // The corpus's own language matters to native names only; pairs have one for each side.
    let languages: Vec<&str> = match config.names {
        NameLanguage::English => vec!["en"],
        NameLanguage::Native if corpus.is_parallel() => corpus.language().split('-').collect(),
        NameLanguage::Native => vec![corpus.language()],
    };
    for class in &schema.classes {
        // Each description of a class makes a definition of it.
        let wordings = shown.wordings.iter().flat_map(|wordings| {
            let others = 1..=wordings.count(&class.name);
            others.map(|number| (format!("~{number}"), wordings.worded(class, number)))
        });
        let own = std::iter::once((String::new(), class.clone()));
        for (mark, class) in own.chain(wordings) {
            for language in &languages {
                let example = prompt::definition(&class, schema, language, config);
                if known.insert(sha256_hex(example.answer.as_bytes())) {
                    let side =
                        if languages.len() > 1 { format!("~{language}") } else { String::new() };
                    texts.push(Text {
                        id: format!("{}/{split}/class {}{mark}{side}", corpus.name(), class.name),
                        language: (*language).to_owned(),
                        task_name: "definition".to_owned(),
                        example,
                    });
                }
            }
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
