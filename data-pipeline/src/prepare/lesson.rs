//! What is asked of the sentences of a corpus.

use super::likeness::Names;
use super::showing::{Showing, Shown};
use super::{Output, PrepareConfig, Selection};
use crate::corpus::Corpus;
use crate::manifest::Refused;
use crate::prompt::{self, AlignmentTarget, Example, NameLanguage, PromptConfig, with_shots};
use crate::schema::{Class, Schema, Task, sha256_hex};
use crate::sentence::{Parallel, Sentence};
use crate::shard::Sample;
use crate::shots::ShownSchema;
use crate::tokenizer::Tokenizer;
use crate::tokens::Tokens;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// What rows call the task of pairs.
const ALIGNMENT: &str = "alignment";

/// One task over some sentences of a corpus.
pub(super) struct Lesson<'a> {
    /// The dataset's name.
    pub dataset: &'a str,
    /// What rows call the task.
    pub task_name: String,
    /// What is asked.
    pub task: Task,
    /// Where the classes are.
    pub schema: &'a Schema,
    /// The questions.
    pub items: Vec<Item<'a>>,
    /// What prompts show beside the classes' own words, if they do.
    pub showing: Option<&'a Showing<'a>>,
}

/// A sentence or pair about which classes are asked.
pub(super) struct Item<'a> {
    /// Unique in its lesson.
    pub id: String,
    /// The language of the answer's mentions.
    pub language: &'a str,
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

/// What drawing needs to know of a lesson whose texts are not in memory.
pub(super) struct Outline<'a> {
    /// Dataset, split and task, for people and for chance.
    pub name: String,
    /// What rows call the task.
    pub task_name: String,
    /// What is asked.
    pub task: Task,
    /// Where the classes are.
    pub schema: &'a Schema,
    /// The classes that the task may instantiate, as places in the schema.
    pub classes: Vec<usize>,
    /// The questions.
    pub items: Vec<Shape>,
    /// Objects that the answers of all items have.
    pub labels: usize,
    /// The names of the objects, where negatives are to be hard.
    pub names: Option<Names>,
    /// Objects that the answers in the other direction would have.
    reversed_labels: usize,
    /// Of pairs: what is to be written of them.
    target: AlignmentTarget,
    sets: Sets,
}

/// Sets of classes, each of them once in memory: most sentences and names have the classes of others.
#[derive(Default)]
pub(super) struct Sets(HashSet<Arc<BTreeSet<usize>>>);

/// What drawing needs to know of an item.
#[derive(Clone)]
pub(super) struct Shape {
    /// Roughly how long its text is.
    pub size: u32,
    /// The number of its sentence or pair.
    pub at: u32,
    /// The classes of its objects.
    pub positives: Arc<BTreeSet<usize>>,
}

impl<'a> Outline<'a> {
    /// One lesson per task of the corpus, about nothing yet.
    pub(super) fn instruction(corpus: &'a Corpus, split: &str, selection: &Selection) -> Vec<Self> {
        let name = format!("{}:{split}", corpus.name());
        let outline =
            |task: &Task| Self::new(format!("{name} {task}"), *task, corpus.schema(), selection);
        tasks(corpus).iter().map(outline).collect()
    }

    /// The lesson of a corpus of pairs, about nothing yet.
    pub(super) fn alignment(
        corpus: &'a Corpus,
        split: &str,
        selection: &Selection,
        target: AlignmentTarget,
    ) -> Self {
        let name = format!("{}:{split} alignment", corpus.name());
        let task_name = ALIGNMENT.to_owned();
        Self { task_name, target, ..Self::new(name, Task::Ner, corpus.schema(), selection) }
    }

    /// The lesson of one task, about nothing yet.
    pub(super) fn new(name: String, task: Task, schema: &'a Schema, selection: &Selection) -> Self {
        Self {
            name,
            task_name: task.to_string(),
            task,
            schema,
            classes: of_task(schema, task),
            items: Vec::new(),
            labels: 0,
            names: (selection.hard > 0.0).then(Names::default),
            reversed_labels: 0,
            target: AlignmentTarget::default(),
            sets: Sets::default(),
        }
    }

    /// Asks about sentence number `at`, unless it is for EAE and has no event.
    pub(super) fn add_sentence(&mut self, at: usize, sentence: &Sentence) {
        if is_asked(self.task, sentence) {
            let objects = places(self.schema, self.task, sentence);
            self.labels += objects.len();
            self.add(at, sentence.text.len(), objects.into_iter().collect());
            self.add_names(sentence);
        }
    }

    /// Asks about pair number `at`.
    pub(super) fn add_pair(&mut self, at: usize, pair: &Parallel) {
        let sides = [&pair.source, &pair.target];
        let [source, target] = sides.map(|side| places(self.schema, Task::Ner, side));
        let (there, back) = match self.target.has_source() {
            true => (source.len() + target.len(), source.len() + target.len()),
            false => (target.len(), source.len()),
        };
        self.labels += there;
        self.reversed_labels += back;
        let size = pair.source.text.len() + pair.target.text.len();
        self.add(at, size, source.into_iter().chain(target).collect());
        sides.into_iter().for_each(|side| self.add_names(side));
    }

    /// Asks about every pair in the other direction, too; their numbers go on behind the others.
    pub(super) fn add_reversed(&mut self) {
        let count = self.items.len() as u32;
        let reversed = |item: &Shape| Shape { at: item.at + count, ..item.clone() };
        let reversed: Vec<Shape> = self.items.iter().map(reversed).collect();
        self.items.extend(reversed);
        self.labels += self.reversed_labels;
    }

    fn add(&mut self, at: usize, size: usize, positives: BTreeSet<usize>) {
        let positives = self.sets.shared(positives);
        self.items.push(Shape { size: size as u32, at: at as u32, positives });
    }

    fn add_names(&mut self, sentence: &Sentence) {
        let Some(names) = &mut self.names else { return };
        for (class, name) in surfaces(self.task, sentence) {
            if let Some(class) = place(self.schema, class) {
                names.add(class, name);
            }
        }
    }
}

impl Sets {
    /// The set that is equal to this one.
    pub(super) fn shared(&mut self, set: BTreeSet<usize>) -> Arc<BTreeSet<usize>> {
        if let Some(known) = self.0.get(&set) {
            return known.clone();
        }
        let new = Arc::new(set);
        self.0.insert(new.clone());
        new
    }
}

impl<'a> Lesson<'a> {
    /// The lesson of one task; EAE asks about sentences with events only.
    pub(super) fn extraction(
        dataset: &'a str,
        schema: &'a Schema,
        task: Task,
        sentences: &'a [Sentence],
    ) -> Self {
        let asked = sentences.iter().filter(|sentence| is_asked(task, sentence));
        let item = |sentence: &'a Sentence| Item {
            id: sentence.id.clone(),
            language: &sentence.language,
            positives: positives(schema, task, sentence),
            objects: places(schema, task, sentence),
            content: Content::Sentence(sentence),
        };
        Self {
            dataset,
            task_name: task.to_string(),
            task,
            schema,
            items: asked.map(item).collect(),
            showing: None,
        }
    }

    /// The lesson of a corpus of pairs, of which `target` is to be written.
    pub(super) fn alignment(
        corpus: &'a Corpus,
        pairs: &'a [Parallel],
        target: AlignmentTarget,
    ) -> Self {
        let schema = corpus.schema();
        let written = |pair: &Parallel| {
            let mut objects = places(schema, Task::Ner, &pair.target);
            if target.has_source() {
                objects.extend(places(schema, Task::Ner, &pair.source));
            }
            objects
        };
        let item = |pair: &'a Parallel| {
            let (source, target) = (&pair.source, &pair.target);
            let sides = [source, target].map(|side| positives(schema, Task::Ner, side));
            Item {
                id: format!("{}>{}", source.id, target.language),
                language: &target.language,
                positives: sides.into_iter().flatten().collect(),
                objects: written(pair),
                content: Content::Pair(pair),
            }
        };
        Self {
            dataset: corpus.name(),
            task_name: ALIGNMENT.to_owned(),
            task: Task::Ner,
            schema,
            items: pairs.iter().map(item).collect(),
            showing: None,
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

/// What is asked about the sentences of a corpus.
pub(super) fn tasks(corpus: &Corpus) -> &[Task] {
    if corpus.is_parallel() { &[Task::Ner] } else { corpus.tasks() }
}

/// EAE is told the events, so there is nothing to ask where there are none.
fn is_asked(task: Task, sentence: &Sentence) -> bool {
    task != Task::Eae || !sentence.events.is_empty()
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
    let objects = sentence.instances(task);
    objects.iter().filter_map(|object| place(schema, object.class())).collect()
}

fn place(schema: &Schema, class: &str) -> Option<usize> {
    schema.classes.iter().position(|known| known.name == class)
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

/// Definitions of the corpus's classes, `shown`, as code. `known` has the hashes of definitions that an
/// earlier dataset brought.
pub(super) fn definitions(
    corpus: &Corpus,
    split: &str,
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
    texts
}

/// The tasks whose objects schema understanding writes as code.
pub(super) fn tasks_of_texts(corpus: &Corpus) -> Vec<Task> {
    let tasks = tasks(corpus);
    // The code of arguments holds that of the events.
    let covered = |task: Task| task == Task::Ed && tasks.contains(&Task::Eae);
    tasks.iter().copied().filter(|task| !covered(*task)).collect()
}

/// The objects of a sentence as code.
pub(super) fn instances(
    schema: &Schema,
    task: Task,
    sentence: &Sentence,
    config: &PromptConfig,
) -> Text {
    Text {
        id: sentence.id.clone(),
        language: sentence.language.clone(),
        task_name: format!("instances-{task}"),
        example: prompt::instances(task, sentence, schema, config),
    }
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
