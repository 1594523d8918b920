//! What the model is asked, and what it should answer.
//!
//! Training, evaluation and `extract` all build their text here, so they cannot drift apart; a
//! checkpoint keeps [`template_fingerprint`] and refuses another template.
//!
//! An example is cut where its group's common part ends: `prefix` is the same for all sentences
//! that are asked about the same classes, and is computed once.

mod alignment;
mod form;
mod json;
mod list;
mod naming;
mod order;
mod paraphrase;
mod shots;
mod specimen;
pub(crate) mod spelling;
mod wording;
mod words;

pub use crate::python::{ClassStyle, Dialect};
pub use alignment::{AlignmentTarget, alignment};
pub use form::{Form, NameLanguage, read};
pub use paraphrase::{Bank, Kept, Wordings};
pub use shots::{ExamplesFrom, with_shots};

use crate::python::render::{
    self, ClassView, base_code, by_role, class_code, entity_code, role_code, string,
};
use crate::schema::{Class, Kind, Schema, Task, sha256_hex};
use crate::sentence::{Instance, Parallel, Sentence};
use naming::Naming;
use order::offered;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// Everything about the form of a prompt that can be chosen.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct PromptConfig {
    /// Code, a list in plain text, or JSON.
    #[serde(skip_serializing_if = "is_default")]
    pub form: Form,
    /// English class names, or those of the sentence's language.
    #[serde(skip_serializing_if = "is_default")]
    pub names: NameLanguage,
    /// What phases of alignment have the model write of a pair.
    #[serde(skip_serializing_if = "is_default")]
    pub alignment: AlignmentTarget,
    /// Valid Python, or the released rows byte for byte.
    pub dialect: Dialect,
    /// Whole classes or their names.
    pub classes: ClassStyle,
    /// Whether the system text and the labels `Input:` and `Output:` stand around the prompt.
    pub system: bool,
    /// Language of the sentence that states the task.
    pub task_sentence: TextLanguage,
    /// Language of the classes' descriptions.
    pub descriptions: TextLanguage,
    /// Language of the classes' examples.
    pub examples: TextLanguage,
    /// At most so many examples per class.
    pub max_examples: usize,
    /// Whose examples: the schema's own, or mentions of training text.
    #[serde(skip_serializing_if = "ExamplesFrom::is_schema")]
    pub examples_from: ExamplesFrom,
    /// Mentions that demonstrations should have of each class; 0: no demonstrations.
    #[serde(skip_serializing_if = "shots::is_none")]
    pub shots: usize,
    /// `name:split` that demonstrations and `examples_from = "training"` take from; a dataset's own
    /// split `train` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shots_from: Option<String>,
    /// A bank of other descriptions for the classes, see [`Bank`]. Each group of training draws of
    /// them and the schema's own; evaluation shows the schema's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrases: Option<PathBuf>,
    /// Shows this description of the bank everywhere, counted from 1; 0 is the schema's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paraphrase: Option<usize>,
}

impl Default for PromptConfig {
    fn default() -> Self {
        Self {
            form: Form::Code,
            names: NameLanguage::English,
            alignment: AlignmentTarget::Instances,
            dialect: Dialect::Python,
            classes: ClassStyle::Full,
            system: true,
            task_sentence: TextLanguage::En,
            descriptions: TextLanguage::En,
            examples: TextLanguage::Source,
            max_examples: 10,
            examples_from: ExamplesFrom::Schema,
            shots: 0,
            shots_from: None,
            paraphrases: None,
            paraphrase: None,
        }
    }
}

/// In which language a text of the prompt stands; where a class has none, English stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextLanguage {
    /// English.
    #[default]
    En,
    /// Chinese.
    Zh,
    /// The language of the sentence.
    Source,
    /// The text is left out.
    None,
}

/// Model input is `prefix + prompt`, its completion is `answer`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// What all examples with the same classes share.
    pub prefix: String,
    /// What belongs to this sentence.
    pub prompt: String,
    /// What the model is to write; the end-of-text token is not part of it.
    pub answer: String,
}

/// What was added to the settings later is left out where nobody uses it: the fingerprints of
/// checkpoints are taken from what is written.
fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// Asks for the objects of `classes` in a sentence; the answer has the annotated ones of them.
///
/// `schema` is the library the classes are from: it decides which names are unambiguous.
pub fn extraction(
    schema: &Schema,
    classes: &[&Class],
    task: Task,
    sentence: &Sentence,
    config: &PromptConfig,
) -> Example {
    let frame = Frame::new(schema, &sentence.language, config);
    let objects = offered(sentence.instances(task), classes, config.dialect);
    let mut prefix = frame.opening() + &frame.classes(classes, task) + "\n\n";
    let mut prompt = String::new();
    match task {
        Task::Eae => prompt += &frame.task(task, &objects),
        _ => prefix += &frame.task(task, &objects),
    }
    prompt += &format!("{}{}", frame.sentence(sentence), frame.closing());
    Example { prefix, prompt, answer: frame.answer(&objects, task) }
}

/// Schema understanding: what a prompt says of a class, to be learned as text.
///
/// The language counts where a setting asks for that of the sentence.
pub fn definition(
    class: &Class,
    schema: &Schema,
    language: &str,
    config: &PromptConfig,
) -> Example {
    let task = match class.kind {
        Kind::Entity => Task::Ner,
        Kind::Relation => Task::Re,
        Kind::Event => Task::Eae,
    };
    let frame = Frame::new(schema, language, config);
    let view = ClassView { style: ClassStyle::Full, ..frame.view(task) };
    let class = &*frame.naming.classes(&[class])[0];
    let answer = match config.form {
        Form::Code => class_code(class, &view),
        Form::List => list::classes(&[class], &view, frame.words()),
        Form::Json => json::classes(&[class], &view),
    };
    Example { answer, ..Example::default() }
}

/// Schema understanding: a sentence and its objects, to be learned as text.
pub fn instances(
    task: Task,
    sentence: &Sentence,
    schema: &Schema,
    config: &PromptConfig,
) -> Example {
    let frame = Frame::new(schema, &sentence.language, config);
    let objects = offered(sentence.instances(task), &schema.of_task(task), config.dialect);
    if config.form != Form::Code {
        let comment = frame.code(config.task_sentence).map_or_else(String::new, |language| {
            wording::instance_comment(task, language).trim_start_matches("# ").to_owned() + "\n"
        });
        let answer =
            format!("{comment}{}\n{}", frame.sentence(sentence), frame.answer(&objects, task));
        return Example { answer, ..Example::default() };
    }
    let objects = frame.naming.write(&objects);
    let imports = frame.imports_of(&objects, task);
    let blank = if imports.is_empty() { "" } else { "\n" };
    let code: Vec<String> = objects.iter().map(|object| frame.spread(object, task)).collect();
    let comment = match frame.code(config.task_sentence) {
        Some(language) => wording::instance_comment(task, language).to_owned() + "\n",
        None => String::new(),
    };
    let answer = format!(
        "{comment}{}\n{imports}{blank}{}",
        frame.sentence(sentence),
        render::list_code(&code),
    );
    Example { answer, ..Example::default() }
}

/// A hash that changes whenever any prompt or answer of this configuration would.
pub fn template_fingerprint(config: &PromptConfig) -> String {
    let (schema, sentences) = specimen::specimen();
    // Where a bank lies changes no prompt; whoever uses one keeps the hash of what it says.
    let settings = PromptConfig { paraphrases: None, ..config.clone() };
    let mut text = serde_json::to_string(&settings).expect("a configuration has a JSON form");
    let mut add = |example: Example| {
        for part in [example.prefix, example.prompt, example.answer] {
            // Lengths keep the parts apart: a seam that moves is a change.
            text += &format!("{}\n{part}", part.len());
        }
    };
    for task in [Task::Ner, Task::Re, Task::Ed, Task::Eae] {
        for sentence in &sentences {
            add(extraction(&schema, &schema.of_task(task), task, sentence, config));
            add(extraction(&schema, &schema.of_task(task), task, &Sentence::default(), config));
            add(instances(task, sentence, &schema, config));
        }
    }
    let languages = if config.names == NameLanguage::English { &["en"][..] } else { &["en", "zh"] };
    for language in languages {
        schema.classes.iter().for_each(|class| add(definition(class, &schema, language, config)));
    }
    if config.shots > 0 {
        for task in [Task::Ner, Task::Re, Task::Ed, Task::Eae] {
            let classes = schema.of_task(task);
            let [shot, asked] =
                [0, 1].map(|place| extraction(&schema, &classes, task, &sentences[place], config));
            add(with_shots(asked, &[shot], config));
        }
    }
    let [source, target] = sentences;
    let pair = Parallel { source, target };
    add(alignment(&schema, &schema.of_task(Task::Ner), &pair, config));
    add(alignment(&schema, &schema.of_task(Task::Ner), &pair.reversed(), config));
    sha256_hex(text.as_bytes())
}

/// The parts of a prompt for sentences of one language.
struct Frame<'a> {
    config: &'a PromptConfig,
    language: &'a str,
    naming: Naming<'a>,
}

impl<'a> Frame<'a> {
    fn new(schema: &'a Schema, language: &'a str, config: &'a PromptConfig) -> Self {
        Self { config, language, naming: Naming::of(schema, language, config) }
    }

    /// The words of a prompt that is no code.
    fn words(&self) -> &'static words::Words {
        words::words(self.code(self.config.task_sentence))
    }

    fn code(&self, language: TextLanguage) -> Option<&'a str> {
        match language {
            TextLanguage::En => Some("en"),
            TextLanguage::Zh => Some("zh"),
            TextLanguage::Source => Some(self.language),
            TextLanguage::None => None,
        }
    }

    fn view(&self, task: Task) -> ClassView<'a> {
        ClassView {
            task,
            dialect: self.config.dialect,
            style: self.config.classes,
            description: self.code(self.config.descriptions),
            examples: self.code(self.config.examples),
            max_examples: self.config.max_examples,
        }
    }

    fn opening(&self) -> String {
        match self.config.system {
            true => format!("{}\nInput:\n", words::system(self.config.form)),
            false => String::new(),
        }
    }

    fn closing(&self) -> &'static str {
        self.config.closing()
    }

    /// The answer that lists `objects`, which have the schema's own names.
    fn answer(&self, objects: &[Instance], task: Task) -> String {
        self.config.write(&self.naming.write(objects), task)
    }

    /// What may be found, without a final newline.
    fn classes(&self, classes: &[&Class], task: Task) -> String {
        let shown = self.naming.classes(classes);
        let shown: Vec<&Class> = shown.iter().map(Cow::as_ref).collect();
        match self.config.form {
            Form::Code => self.class_codes(&shown, task),
            Form::List => list::classes(&shown, &self.view(task), self.words()),
            Form::Json => json::classes(&shown, &self.view(task)),
        }
    }

    /// Imports, roots and classes.
    fn class_codes(&self, classes: &[&Class], task: Task) -> String {
        let view = self.view(task);
        let code = classes.iter().map(|class| class_code(class, &view));
        match self.config.classes {
            ClassStyle::Names => code.collect::<Vec<_>>().join("\n"),
            ClassStyle::Full => {
                let imports = imports(&self.undefined(classes, task), self.config.dialect);
                let blocks = std::iter::once(base_code(task)).chain(code);
                let separator = if imports.is_empty() { "" } else { "\n" };
                format!("{imports}{separator}{}", blocks.collect::<Vec<_>>().join("\n\n"))
            }
        }
    }

    /// The classes that the code of `classes` names but the prompt does not define.
    fn undefined<'c>(&self, classes: &[&'c Class], task: Task) -> Vec<(Kind, &'c str)> {
        let mut names: Vec<(Kind, &str)> = Vec::new();
        for class in classes {
            // The released rows import what hints name, but no parents.
            if self.config.dialect == Dialect::Python {
                names.push((class.kind, &class.base));
            }
            if matches!(task, Task::Re | Task::Eae) {
                let types = class.arguments.iter().flat_map(|argument| &argument.types);
                names.extend(types.map(|name| (Kind::Entity, name.as_str())));
            }
        }
        names.retain(|(_, name)| {
            !ROOTS.contains(name) && !classes.iter().any(|class| class.name == *name)
        });
        names
    }

    /// The block that states the task, or what must stand in its place.
    fn task(&self, task: Task, objects: &[Instance]) -> String {
        let objects = &*self.naming.write(objects);
        if self.config.form != Form::Code {
            let language = self.code(self.config.task_sentence);
            return words::task(self.config.form, task, objects, language);
        }
        let dialect = self.config.dialect;
        let events = objects.iter().filter_map(|object| match object {
            Instance::Event(event) if task == Task::Eae => Some(event),
            _ => None,
        });
        let Some(language) = self.code(self.config.task_sentence) else {
            let triggers: Vec<String> = events
                .map(|event| {
                    let class = render::name(&event.class, dialect);
                    format!("trigger = {class}({})", string(&event.trigger.text, dialect))
                })
                .collect();
            return if triggers.is_empty() { String::new() } else { triggers.join("; ") + "\n" };
        };
        let triggers: Vec<(String, String)> = events
            .map(|event| {
                let class = render::name(&event.class, dialect).into_owned();
                (string(&event.trigger.text, dialect), class)
            })
            .collect();
        format!("\"\"\"\n{}\n\"\"\"\n", wording::task(task, &triggers, language))
    }

    fn sentence(&self, sentence: &Sentence) -> String {
        let text = sentence.text.as_str();
        match self.config.form {
            Form::Code => format!("sentence = {}\n", string(text, self.config.dialect)),
            Form::List => format!("{}: {}\n", self.words().text, list::one_line(text)),
            Form::Json => format!("{}: {}\n", self.words().text, json::string(text)),
        }
    }

    /// `from Entities import …` and its like, for the classes of `objects`.
    fn imports_of(&self, objects: &[Instance], task: Task) -> String {
        let mut names: Vec<(Kind, &str)> = Vec::new();
        for object in objects {
            match object {
                Instance::Entity(entity) => names.push((Kind::Entity, &entity.class)),
                Instance::Relation(relation) => names.extend([
                    (Kind::Entity, relation.head.class.as_str()),
                    (Kind::Entity, relation.tail.class.as_str()),
                    (Kind::Relation, relation.class.as_str()),
                ]),
                Instance::Event(event) => {
                    if task == Task::Eae && !event.arguments.is_empty() {
                        names.push((Kind::Entity, "Entity"));
                    }
                    names.push((Kind::Event, &event.class));
                }
            }
        }
        imports(&names, self.config.dialect)
    }

    /// An object over several lines, as instance code has those with several arguments.
    fn spread(&self, object: &Instance, task: Task) -> String {
        let dialect = self.config.dialect;
        let arguments: Vec<String> = match object {
            Instance::Entity(entity) => return entity_code(entity, dialect),
            Instance::Relation(relation) => {
                [&relation.head, &relation.tail].map(|entity| entity_code(entity, dialect)).into()
            }
            Instance::Event(event) if task == Task::Eae => {
                let trigger = format!("trigger = {}", string(&event.trigger.text, dialect));
                let roles = by_role(event).into_iter().map(|(role, mentions)| {
                    let role = render::name(role, dialect).into_owned();
                    format!("{role} = {}", role_code(&mentions, dialect))
                });
                std::iter::once(trigger).chain(roles).collect()
            }
            Instance::Event(event) => {
                let class = render::name(&event.class, dialect);
                return format!("{class}({})", string(&event.trigger.text, dialect));
            }
        };
        let class = render::name(object.class(), dialect);
        format!("{class}(\n\t\t{}\n\t)", arguments.join(",\n\t\t"))
    }
}

const ROOTS: [&str; 3] = ["Entity", "Relation", "Event"];

/// One import line per kind, each name once, in the order of first use.
fn imports(names: &[(Kind, &str)], dialect: Dialect) -> String {
    let modules =
        [(Kind::Entity, "Entities"), (Kind::Relation, "Relations"), (Kind::Event, "Events")];
    let mut lines = String::new();
    for (kind, module) in modules {
        let mut known: Vec<&str> = Vec::new();
        for (_, name) in names.iter().filter(|(of, _)| *of == kind) {
            if !known.contains(name) {
                known.push(name);
            }
        }
        if !known.is_empty() {
            let known: Vec<_> = known.into_iter().map(|name| render::name(name, dialect)).collect();
            lines += &format!("from {module} import {}\n", known.join(", "));
        }
    }
    lines
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod released;
#[cfg(test)]
mod tests;
