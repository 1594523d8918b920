//! In which form the model is asked and answers: code, a list, or JSON.
//!
//! The forms say the same; comparing them is an ablation of the paper's claim that code helps.
//! Here, and only here, the writer of a form's answers stands beside their reader.

use super::naming::Naming;
use super::{Dialect, PromptConfig, json, list};
use crate::python::render::answer_code;
use crate::python::{self, Answer, ground};
use crate::schema::{Class, Schema, Task};
use crate::sentence::{Instance, Sentence};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How classes, sentence and answer are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Python: classes are instantiated.
    #[default]
    Code,
    /// Plain text: types are described in words, the answer is a list of lines.
    List,
    /// The schema and the answer are JSON.
    Json,
}

/// Under which names classes and roles are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameLanguage {
    /// The schema's own, whatever the language of the sentence.
    #[default]
    English,
    /// Those that the schema has in the language of the sentence; its own where it has none, or
    /// where two classes would have the same.
    Native,
}

impl PromptConfig {
    /// Says which settings cannot go together.
    pub fn check(&self) -> Result<(), String> {
        if self.dialect == Dialect::Python {
            return Ok(());
        }
        if self.form != Form::Code {
            let form = self.form;
            return Err(format!(
                "prompt.dialect = \"official\" is a dialect of code, prompt.form is \"{form}\"; \
                 leave one of them out"
            ));
        }
        if self.names == NameLanguage::Native {
            return Err(
                "prompt.dialect = \"official\" writes names as they are, so that not every \
                        one of prompt.names = \"native\" could be read back; leave one of them out"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// What calls for the answer.
    pub(super) fn closing(&self) -> &'static str {
        if self.system { "\nOutput:\n" } else { "\n" }
    }

    /// The answer that lists `objects`, under the names that the prompt shows.
    pub(super) fn write(&self, objects: &[Instance], task: Task) -> String {
        match self.form {
            Form::Code => answer_code(objects, task, self.dialect),
            Form::List => list::write(objects, task),
            Form::Json => json::write(objects, task),
        }
    }

    /// What [`Self::write`] wrote, or a model in its manner: never fails, takes linear time.
    pub(super) fn read(&self, answer: &str, task: Task) -> Answer {
        match self.form {
            Form::Code => python::read(answer, task, self.dialect),
            Form::List => list::read(answer, task),
            Form::Json => json::read(answer, task),
        }
    }
}

/// Reads the answer to [`extraction`](super::extraction) with the same arguments: objects under the
/// schema's own names and with their places in the sentence, and everything that is wrong with the
/// answer. `pieces` says whether a mention whose words stand apart may be in pieces.
pub fn read(
    answer: &str,
    schema: &Schema,
    classes: &[&Class],
    task: Task,
    sentence: &Sentence,
    config: &PromptConfig,
    pieces: bool,
) -> Answer {
    let naming = Naming::of(schema, &sentence.language, config);
    let mut read = config.read(answer, task);
    ground::locate(&mut read.instances, &sentence.text);
    if pieces {
        ground::locate_pieces(&mut read.instances, &sentence.text);
    }
    // Held against what was shown: another name of an offered class is a flaw.
    let shown = naming.classes(classes);
    let shown: Vec<&Class> = shown.iter().map(Cow::as_ref).collect();
    ground::check(&mut read, &shown, &sentence.text);
    read.instances = read.instances.into_iter().map(|object| naming.read(object)).collect();
    read
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Code => "code",
            Self::List => "list",
            Self::Json => "json",
        })
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
