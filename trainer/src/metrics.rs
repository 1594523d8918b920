//! What a step reports, as one line of `metrics.jsonl`.

use crate::Error;
use crate::recipe::LossAverage;
use crate::step::{SlotLoss, mean};
use data_pipeline::shard::RowSource;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Name of the phase.
    pub phase: String,
    /// Step in the phase, from 1.
    pub step: usize,
    /// Steps of the phase.
    pub steps: usize,
    /// What is minimised, averaged as the phase's `loss_average` says: over supervised tokens, or over
    /// samples. The terms of label smoothing and z-loss are in it. `null` where it is no number.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Rate of this step.
    pub learning_rate: f64,
    /// Global norm before clipping; `null` where it is no number.
    #[serde(deserialize_with = "or_nan")]
    pub gradient_norm: f64,
    /// Samples over the world.
    pub samples: usize,
    /// Tokens of the samples, as if each had its own prefix.
    pub tokens: u64,
    /// Supervised tokens.
    pub supervised_tokens: u64,
    /// Wall time.
    pub seconds: f64,
    /// Tokens over wall time.
    pub tokens_per_second: f64,
    /// Tokens that were computed: a prefix once for its group.
    #[serde(default)]
    pub computed_tokens: u64,
    /// Places that attention was computed over, padding included.
    #[serde(default)]
    pub padded_tokens: u64,
    /// Loss of each dataset, language and task of the step.
    #[serde(default)]
    pub sources: Vec<SourceLoss>,
    /// Where the wall time of rank 0 went.
    #[serde(default)]
    pub parts: Parts,
    /// Floating-point operations of the model over the world, without what is computed again.
    #[serde(default)]
    pub flops: f64,
    /// Bytes that rank 0 held at most, as far as the system says it.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Whether the step changed the weights: not where a guard left it out.
    #[serde(default = "yes")]
    pub applied: bool,
}

fn yes() -> bool {
    true
}

/// JSON has no NaN: such a number was written as `null`.
pub(crate) fn or_nan<'de, D: Deserializer<'de>>(number: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(number)?.unwrap_or(f64::NAN))
}

/// Loss of the samples of one dataset, language and task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceLoss {
    /// The dataset's name.
    pub dataset: String,
    /// The language of the text.
    pub language: String,
    /// What is learned from it.
    pub task: String,
    /// Samples in the step.
    pub samples: usize,
    /// Supervised tokens in the step.
    pub tokens: u64,
    /// Their loss, averaged as that of the step: the step's is the mean of its sources', weighted by their
    /// tokens or, with `loss_average = "sample"`, by their samples. `null` where it is no number.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
}

impl SourceLoss {
    /// The losses of a step's `slots`, by what `sources` says of each of them.
    pub(crate) fn of(
        slots: &[SlotLoss],
        sources: &[u32],
        names: &[RowSource],
        average: LossAverage,
    ) -> Vec<Self> {
        let mut by_source: BTreeMap<u32, Vec<SlotLoss>> = BTreeMap::new();
        for (source, slot) in sources.iter().zip(slots) {
            by_source.entry(*source).or_default().push(*slot);
        }
        let line = |(source, slots): (u32, Vec<SlotLoss>)| {
            let name = names.get(source as usize)?;
            Some(Self {
                dataset: name.dataset.clone(),
                language: name.language.clone(),
                task: name.task.clone(),
                samples: slots.len(),
                tokens: slots.iter().map(|slot| u64::from(slot.tokens)).sum(),
                loss: mean(&slots, average),
            })
        };
        by_source.into_iter().filter_map(line).collect()
    }
}

/// Seconds of a step by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parts {
    /// Waiting for rows.
    pub data: f64,
    /// Forward and backward passes.
    pub compute: f64,
    /// Waiting for sums over ranks, as far as they did not hide behind the backward pass.
    pub exchange: f64,
    /// Changing the weights.
    pub update: f64,
    /// Waiting for a checkpoint to be copied.
    pub checkpoint: f64,
}

/// Appends steps to a file; on opening, lines after the resumed position are dropped.
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens `path`, keeping the lines that `keep` accepts.
    pub fn open(path: &Path, keep: impl Fn(&StepMetrics) -> bool) -> Result<Self, Error> {
        let mut kept = String::new();
        if let Ok(file) = File::open(path) {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                if serde_json::from_str::<StepMetrics>(&line).is_ok_and(|step| keep(&step)) {
                    kept.push_str(&line);
                    kept.push('\n');
                }
            }
        }
        model::files::write_atomically(path, kept.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::write(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a line.
    pub fn append(&mut self, step: &StepMetrics) -> Result<(), Error> {
        let mut line = serde_json::to_string(step).unwrap_or_default();
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(Error::write(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses of slots by source, and their mean weighted by tokens or samples, beside the step's.
    fn check(average: LossAverage, expected: [f64; 2], weigh: fn(&SourceLoss) -> f64) {
        let slot = |tokens, loss| SlotLoss { sample: 0, tokens, loss };
        let slots = [slot(1, 4.0), slot(3, 3.0), slot(10, 5.0), slot(0, 0.0)];
        let name = |language: &str| RowSource {
            dataset: "d".into(),
            language: language.into(),
            task: "ner".into(),
        };
        let found = SourceLoss::of(&slots, &[1, 0, 1, 1], &[name("en"), name("zh")], average);
        let known: Vec<_> =
            found.iter().map(|it| (it.language.as_str(), it.samples, it.tokens)).collect();
        assert_eq!(known, [("en", 1, 3), ("zh", 3, 11)]);
        let losses: Vec<f64> = found.iter().map(|source| source.loss).collect();
        assert!(losses.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{losses:?}");
        let weights: f64 = found.iter().map(weigh).sum();
        let together = found.iter().map(|it| it.loss * weigh(it)).sum::<f64>() / weights;
        assert!((together - mean(&slots, average)).abs() < 1e-12, "{together}");
    }

    #[test]
    fn the_losses_of_sources_come_to_that_of_the_step() {
        check(LossAverage::Token, [1.0, 9.0 / 11.0], |source| source.tokens as f64);
        check(LossAverage::Sample, [1.0, 4.5 / 3.0], |source| source.samples as f64);
    }
}
