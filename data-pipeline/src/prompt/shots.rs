//! Demonstrations: sentences of training text with their answers, between classes and question.
//!
//! They stand in the prefix, so a group shares them. A demonstration is the very prompt that would
//! ask about its sentence, without the call for an answer, and with the answer: it follows whatever
//! form prompts have.

use super::{Example, PromptConfig};
use serde::{Deserialize, Serialize};

/// Whose examples the classes of a prompt show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExamplesFrom {
    /// Those that stand in the schema file.
    #[default]
    Schema,
    /// The most frequent mentions of training text; never one of a test.
    Training,
}

impl ExamplesFrom {
    pub(super) fn is_schema(&self) -> bool {
        *self == Self::Schema
    }
}

/// Settings that are not used stay out of fingerprints: older ones hold on.
pub(super) fn is_none(shots: &usize) -> bool {
    *shots == 0
}

/// `asked` behind the demonstrations `shots`, examples about the same classes without any.
pub fn with_shots(asked: Example, shots: &[Example], config: &PromptConfig) -> Example {
    let shown: String = shots.iter().map(|shot| demonstration(shot, config)).collect();
    Example { prefix: asked.prefix + &shown, ..asked }
}

/// The sentence of `shot`, its answer below, and an empty line behind each.
fn demonstration(shot: &Example, config: &PromptConfig) -> String {
    let question = shot.prompt.strip_suffix(config.closing()).unwrap_or(&shot.prompt);
    format!("{question}\n{}\n\n", shot.answer)
}
