//! Pairs: what of a sentence and its translation the model is told, and what it is to write.
//!
//! The paper has it write the objects of the translation alone: a loss on the sentences would teach
//! translating, one on the objects teaches which name is which. The other targets are there to be
//! compared with that.

use super::naming::Naming;
use super::order::{aligned, filtered};
use super::{Example, Frame, PromptConfig};
use crate::schema::{Class, Schema, Task};
use crate::sentence::{Instance, Parallel, Sentence};
use serde::{Deserialize, Serialize};

/// What a phase of alignment has the model write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlignmentTarget {
    /// The objects of the translation, given the sentence, its objects and the translation.
    #[default]
    Instances,
    /// The translation and its objects, given the sentence and its objects.
    Translation,
    /// The whole record: the sentence, its objects, the translation and its objects.
    Record,
}

impl AlignmentTarget {
    /// Whether the model writes the objects of the sentence that is translated, too.
    pub fn has_source(self) -> bool {
        self == Self::Record
    }
}

/// Asks for the entities of a translation, given the source sentence and its entities, or for more of
/// the two, as [`AlignmentTarget`] says.
///
/// Both answers have the same order wherever the two annotations agree: the n-th object of one
/// is then the translation of the n-th object of the other. The classes are shown once; native
/// names are those of the language that is asked about.
pub fn alignment(
    schema: &Schema,
    classes: &[&Class],
    pair: &Parallel,
    config: &PromptConfig,
) -> Example {
    let (task, dialect) = (Task::Ner, config.dialect);
    let naming = Naming::of(schema, &pair.target.language, config);
    let frame = Frame { config, language: &pair.source.language, naming };
    let (source, target) = aligned(
        filtered(pair.source.instances(task), classes),
        filtered(pair.target.instances(task), classes),
        dialect,
    );
    let side = |sentence: &Sentence, objects: &[Instance]| {
        format!("{}\n{}", frame.sentence(sentence), frame.answer(objects, task))
    };
    let closing = frame.closing();
    let (prompt, answer) = match config.alignment {
        AlignmentTarget::Instances => (
            format!("{}\n\n{}{closing}", side(&pair.source, &source), frame.sentence(&pair.target)),
            frame.answer(&target, task),
        ),
        AlignmentTarget::Translation => {
            (format!("{}\n{closing}", side(&pair.source, &source)), side(&pair.target, &target))
        }
        AlignmentTarget::Record => (
            closing.to_owned(),
            format!("{}\n\n{}", side(&pair.source, &source), side(&pair.target, &target)),
        ),
    };
    let prefix = frame.opening() + &frame.classes(classes, task) + "\n\n" + &frame.task(task, &[]);
    Example { prefix, prompt, answer }
}
