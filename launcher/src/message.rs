//! What a rank tells the launcher beside its log: lines on stdout of `@` and a JSON object.

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What such a line starts with; no log line of ours does.
const MARK: char = '@';

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// A step was done.
    Progress(Progress),
    /// What the rank computes on, if that is a GPU.
    Device(trainer::device::Facts),
    /// Weights were read.
    Loading(Loading),
    /// Sentences were answered.
    Evaluation(Evaluation),
    /// The model in training was evaluated.
    Evaluated(Evaluated),
    /// A phase ended before its last step.
    EarlyStop(EarlyStop),
    /// A checkpoint is complete.
    Checkpoint(Checkpoint),
    /// The run goes on from a checkpoint.
    Resumed(Resumed),
    /// A folder among the checkpoints is not one.
    Skipped(Skipped),
    /// A step went wrong and is kept.
    Incident(Incident),
    /// A phase is done; what it held.
    Memory(Memory),
    /// Where the rank is, about once a second.
    Where(Where),
    /// The rank gives up; its sentence is the last line on stderr.
    Failure(Failure),
}

/// How far a phase is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Name of the phase.
    pub phase: String,
    /// Steps done.
    pub step: usize,
    /// Steps of the phase.
    pub steps: usize,
    /// Loss per supervised token; `null` where it is no number.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Rate of the newest step.
    #[serde(default)]
    pub learning_rate: f64,
    /// Speed over the world.
    pub tokens_per_second: f64,
    /// Time left in the phase.
    pub eta_seconds: f64,
}

/// JSON has no NaN: such a number was written as `null`.
fn or_nan<'de, D: Deserializer<'de>>(number: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(number)?.unwrap_or(f64::NAN))
}

/// How far the reading of a large model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loading {
    /// Megabytes (2²⁰) that are read.
    pub megabytes: u64,
    /// Of how many.
    pub of: u64,
}

/// How far an evaluation is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Name of the test set.
    pub dataset: String,
    /// Sentences done.
    pub done: usize,
    /// Sentences of the set.
    pub total: usize,
}

/// F1 of the model in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Name of the phase.
    pub phase: String,
    /// Steps done in it.
    pub step: usize,
    /// By language, in percent.
    pub f1: BTreeMap<String, f64>,
}

/// How a phase ended before its last step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// Name of the phase.
    pub phase: String,
    /// Steps done in it.
    pub step: usize,
    /// The step with the best F1 of the worst language.
    pub best: usize,
    /// That F1.
    pub f1: f64,
    /// The step whose weights go on.
    pub weights: usize,
}

/// A complete checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its directory.
    pub path: String,
}

/// Where a run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// Name of the phase.
    pub phase: String,
    /// Steps that are done.
    pub step: usize,
}

/// A folder that cannot be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which, and why.
    pub reason: String,
}

/// A step that went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Name of the phase.
    pub phase: String,
    /// The step, from 1.
    pub step: usize,
    /// What is wrong, in a word.
    pub reason: String,
    /// The same as a sentence.
    pub sentence: String,
    /// What becomes of the run: `stop`, `skip` or `rewind`.
    pub course: String,
    /// The sample that is blamed first.
    pub sample: String,
    /// The folder that it can be replayed from.
    pub path: String,
}

/// What a rank held in a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Name of the phase.
    pub phase: String,
    /// Bytes that the plan said.
    pub predicted: u64,
    /// Bytes of the rank that held most.
    pub measured: u64,
}

/// Where a rank is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Where {
    /// Name of the phase; empty outside of phases.
    pub phase: String,
    /// The step that it is in, from 1; 0 outside of steps.
    pub step: usize,
    /// What it does: `loading`, `data`, `compute`, `update`, `checkpoint`, `evaluation`, or an operation over ranks
    /// such as `all-reduce 812`.
    pub section: String,
    /// Seconds since it began that.
    pub seconds: f64,
}

/// Why a rank ends, as far as the launcher must know to find the first cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What the rank will end with.
    pub exit_code: u8,
    /// The rank that it holds responsible, if that is another one.
    pub culprit: Option<usize>,
}

impl Message {
    /// The message in a line of a rank's stdout, if it is one.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.strip_prefix(MARK)?).ok()
    }

    /// The line that says it.
    pub fn line(&self) -> String {
        // A struct of strings and numbers always has a JSON form.
        format!("{MARK}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Says it to the launcher: one whole line, whichever threads of the rank speak at a time.
    pub fn say(&self) {
        let mut line = self.line();
        line.push('\n');
        let mut stdout = io::stdout().lock();
        // If the launcher is gone, so are we.
        let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_are_told_from_log_lines() {
        let message =
            Message::Evaluation(Evaluation { dataset: "wnut17".to_owned(), done: 3, total: 9 });
        let line = r#"@{"evaluation":{"dataset":"wnut17","done":3,"total":9}}"#;
        assert_eq!(message.line(), line);
        assert_eq!(Message::parse(line).unwrap(), message);
        // A step that a guard left out still counts as progress.
        let line = r#"@{"progress":{"phase":"p","step":4,"steps":9,"loss":null,"learning_rate":0.0,"tokens_per_second":1.0,"eta_seconds":0.5}}"#;
        let Some(Message::Progress(progress)) = Message::parse(line) else { panic!("{line}") };
        assert!(progress.loss.is_nan());
        assert_eq!(Message::Progress(progress).line(), line);
        for other in ["", "@", "@ home", "@{\"weather\":1}", "loading", " @{}"] {
            assert_eq!(Message::parse(other), None);
        }
    }
}
