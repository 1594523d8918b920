//! What is drawn of a step and of scores: numbers with tags. One list for every program that draws them.

use crate::metrics::StepMetrics;
use data_pipeline::score::{MEAN, MICRO, Row, Tally};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Every number of a step with its tag, such as `loss` or `loss/wnut17/en/ner`.
///
/// Numbers that this machine does not know (memory, operations) are left out rather than 0.
pub fn of_step(step: &StepMetrics) -> Vec<(String, f64)> {
    let parts = &step.parts;
    let mut scalars: Vec<(String, f64)> = [
        ("loss", step.loss),
        ("learning_rate", step.learning_rate),
        ("gradient_norm", step.gradient_norm),
        ("tokens_per_second", step.tokens_per_second),
        ("samples", step.samples as f64),
        ("tokens/all", step.tokens as f64),
        ("tokens/supervised", step.supervised_tokens as f64),
        ("tokens/computed", step.computed_tokens as f64),
        ("tokens/padded", step.padded_tokens as f64),
        ("seconds/all", step.seconds),
        ("seconds/data", parts.data),
        ("seconds/compute", parts.compute),
        ("seconds/exchange", parts.exchange),
        ("seconds/update", parts.update),
        ("seconds/checkpoint", parts.checkpoint),
    ]
    .map(|(tag, value)| (tag.to_owned(), value))
    .into();
    let known = [("flops", step.flops), ("memory_bytes", step.memory_bytes as f64)];
    scalars.extend(known.into_iter().filter(|(_, value)| *value > 0.0).map(owned));
    if !step.applied {
        scalars.push(owned(("left_out", 1.0)));
    }
    scalars.extend(step.sources.iter().map(|source| {
        let tag = format!("loss/{}/{}/{}", source.dataset, source.language, source.task);
        (tag, source.loss)
    }));
    scalars
}

fn owned((tag, value): (&str, f64)) -> (String, f64) {
    (tag.to_owned(), value)
}

/// A line of `evaluations.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Evaluated {
    /// Name of the phase.
    pub phase: String,
    /// Steps done.
    pub step: usize,
    /// The test set.
    pub dataset: String,
    /// Language of its text.
    pub language: String,
    /// What was asked.
    pub task: String,
    /// The rule.
    pub protocol: String,
    /// In percent; absent where nothing is annotated.
    #[serde(default)]
    pub f1: Option<f64>,
    /// Annotated objects.
    #[serde(default)]
    pub gold: usize,
    /// Predicted objects.
    #[serde(default)]
    pub predicted: usize,
    /// Right ones.
    #[serde(default)]
    pub correct: usize,
}

/// F1 of each row, `f1/PROTOCOL/DATASET/LANGUAGE/TASK`, and of each language,
/// `f1_by_language/PROTOCOL/LANGUAGE`: of its objects of all sets together.
pub fn of_evaluation(rows: &[Evaluated]) -> Vec<(String, f64)> {
    let mut scalars = Vec::new();
    let mut languages: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
    for row in rows {
        let Evaluated { dataset, language, task, protocol, gold, predicted, correct, .. } = row;
        if let Some(f1) = row.f1 {
            scalars.push((format!("f1/{protocol}/{dataset}/{language}/{task}"), f1));
        }
        // Rows of several sets would be counted twice.
        if ![MICRO, MEAN].contains(&dataset.as_str()) && *gold > 0 {
            let tally = languages.entry((protocol, language)).or_default();
            *tally += Tally { gold: *gold, predicted: *predicted, correct: *correct };
        }
    }
    scalars.extend(languages.into_iter().map(|((protocol, language), tally)| {
        (format!("f1_by_language/{protocol}/{language}"), tally.f1())
    }));
    scalars
}

/// The scores of a model: `f1`, `precision` and `recall`, each `/PROTOCOL/DATASET/LANGUAGE/TASK`.
pub fn of_scores(rows: &[Row]) -> Vec<(String, f64)> {
    let mut scalars = Vec::new();
    for row in rows {
        let Row { dataset, language, task, protocol, .. } = row;
        for (name, value) in [("f1", row.f1), ("precision", row.precision), ("recall", row.recall)]
        {
            if let Some(value) = value {
                scalars.push((format!("{name}/{protocol}/{dataset}/{language}/{task}"), value));
            }
        }
    }
    scalars
}
