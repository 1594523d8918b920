//! The steps of `metrics.jsonl`, of this version or an older one.

use super::lines::{self, Broken};
use data_pipeline::Error;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::Path;

/// Values beyond this are not measured but broken; sums of what is below stay finite.
const MEASURE: f64 = 1e200;

/// Every step that was told, and the sources that are told of.
#[derive(Debug, Default)]
pub(in crate::report) struct Steps {
    /// The phases in the order in which they ran.
    pub phases: Vec<Phase>,
    /// What [`Heard::source`] counts.
    pub sources: Vec<Source>,
}

/// The steps of one phase.
#[derive(Debug, Default)]
pub(in crate::report) struct Phase {
    /// Its name in the metrics.
    pub name: String,
    /// By step; a step that ran twice, because a run continued, counts as it ran last.
    pub steps: BTreeMap<u64, Step>,
}

/// Where rows come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) struct Source {
    pub dataset: String,
    pub language: String,
    pub task: String,
}

/// What a step heard of one source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Heard {
    /// Which of [`Steps::sources`].
    pub source: usize,
    pub samples: f64,
    /// Supervised tokens.
    pub tokens: f64,
    pub loss: Option<f64>,
}

/// One line of `metrics.jsonl`; counts and seconds are those of the step alone.
#[derive(Debug, Default, Deserialize)]
pub(in crate::report) struct Step {
    phase: String,
    step: u64,
    /// Steps of the phase.
    #[serde(default)]
    pub steps: Option<u64>,
    #[serde(default, deserialize_with = "measured")]
    pub loss: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub learning_rate: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub gradient_norm: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub samples: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub tokens: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub supervised_tokens: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub computed_tokens: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub padded_tokens: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub seconds: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub tokens_per_second: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub flops: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    pub memory_bytes: Option<f64>,
    /// Seconds by what they were spent on.
    #[serde(default)]
    pub parts: BTreeMap<String, Option<f64>>,
    #[serde(default)]
    applied: Option<bool>,
    #[serde(default, rename = "sources")]
    lines: Vec<SourceLine>,
    /// By source.
    #[serde(skip)]
    pub heard: Vec<Heard>,
}

#[derive(Debug, Default, Deserialize)]
struct SourceLine {
    #[serde(default)]
    dataset: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    task: String,
    #[serde(default, deserialize_with = "measured")]
    samples: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    tokens: Option<f64>,
    #[serde(default, deserialize_with = "measured")]
    loss: Option<f64>,
}

/// A number as far as it can be drawn: one beyond all measure is none, like `null`.
fn measured<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.filter(|number| number.abs() < MEASURE))
}

impl Steps {
    /// Reads the log.
    pub(super) fn read(path: &Path, broken: &mut Vec<Broken>) -> Result<Self, Error> {
        let mut phases: Vec<Phase> = Vec::new();
        let mut places: BTreeMap<Source, usize> = BTreeMap::new();
        lines::each(path, broken, |mut row: Step| {
            // A run has few sources and many steps, so each name is kept once.
            for line in std::mem::take(&mut row.lines) {
                let SourceLine { dataset, language, task, samples, tokens, loss } = line;
                let next = places.len();
                let source = *places.entry(Source { dataset, language, task }).or_insert(next);
                let (samples, tokens) = (samples.unwrap_or(0.0), tokens.unwrap_or(0.0));
                row.heard.push(Heard { source, samples, tokens, loss });
            }
            let at = phases.iter().position(|phase| phase.name == row.phase).unwrap_or_else(|| {
                phases.push(Phase { name: row.phase.clone(), ..Phase::default() });
                phases.len() - 1
            });
            phases[at].steps.insert(row.step, row);
        })?;
        let mut sources = vec![Source::default(); places.len()];
        for (source, place) in places {
            sources[place] = source;
        }
        Ok(Self { phases, sources })
    }
}

impl Step {
    /// A step that says nothing but this.
    #[cfg(test)]
    pub fn hearing(heard: Vec<Heard>) -> Self {
        Self { heard, ..Self::default() }
    }

    /// Whether the step changed the weights.
    pub fn applied(&self) -> bool {
        self.applied.unwrap_or(true)
    }

    /// Something of the step a second.
    pub fn rate(&self, number: Option<f64>) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        number.filter(|number| *number > 0.0).map(|number| number / seconds)
    }
}

impl Phase {
    /// One measure over the steps.
    pub fn curve(&self, measure: impl Fn(&Step) -> Option<f64>) -> Vec<(f64, f64)> {
        self.steps.iter().filter_map(|(step, row)| Some((*step as f64, measure(row)?))).collect()
    }

    /// One measure over the steps that changed the weights.
    pub fn learned(&self, measure: impl Fn(&Step) -> Option<f64>) -> Vec<(f64, f64)> {
        self.curve(|step| measure(step).filter(|_| step.applied()))
    }

    /// One measure summed over the steps.
    pub fn sum(&self, measure: impl Fn(&Step) -> Option<f64>) -> f64 {
        self.steps.values().filter_map(measure).sum()
    }

    /// The first step and the last.
    pub fn across(&self) -> (f64, f64) {
        let end = |entry: Option<(&u64, &Step)>| entry.map_or(0.0, |(step, _)| *step as f64);
        (end(self.steps.first_key_value()), end(self.steps.last_key_value()))
    }

    /// Steps for which something holds.
    pub fn steps_that(&self, hold: impl Fn(&Step) -> bool) -> Vec<u64> {
        self.steps.iter().filter(|(_, row)| hold(row)).map(|(step, _)| *step).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        std::fs::write(&path, text).unwrap();
        let mut broken = Vec::new();
        let steps = Steps::read(&path, &mut broken).unwrap();
        let mut told = String::new();
        for phase in &steps.phases {
            for (number, step) in &phase.steps {
                let Step { loss, heard, .. } = step;
                let applied = step.applied();
                told += &format!("{} {number}: {loss:?}, applied {applied}", phase.name);
                for Heard { source, samples, tokens, loss } in heard {
                    let Source { dataset, language, task } = &steps.sources[*source];
                    told += &format!("; {dataset} {language} {task} {samples} {tokens} {loss:?}");
                }
                told.push('\n');
            }
        }
        for Broken { lines, why, .. } in broken {
            told += &format!("broken {lines:?}: {why}\n");
        }
        expected.assert_eq(&told);
    }

    #[test]
    fn a_repeated_step_counts_as_it_ran_last_and_a_torn_line_not_at_all() {
        let line = |step, loss| format!("{{\"phase\":\"a\",\"step\":{step},\"loss\":{loss}}}\n");
        check(
            &(line(1, 3) + &line(2, 9) + &line(2, 2) + "{\"phase\":\"a\",\"st"),
            expect![[r#"
                a 1: Some(3.0), applied true
                a 2: Some(2.0), applied true
            "#]],
        );
    }

    #[test]
    fn broken_lines_are_named_and_the_rest_is_read() {
        check(
            "{}\n\n{\"phase\":\"a\",\"step\":1,\"loss\":null,\"applied\":false}\nnoise\n",
            expect![[r#"
                a 1: None, applied false
                broken [1, 4]: missing field `phase` at line 1 column 2
            "#]],
        );
    }

    #[test]
    fn sources_are_kept_with_each_step() {
        let source = |language: &str| {
            format!(
                r#"{{"dataset":"d","language":"{language}","task":"ner","samples":2,"tokens":9,"loss":1.5}}"#
            )
        };
        let line = |step: usize, sources: &str| {
            format!("{{\"phase\":\"a\",\"step\":{step},\"loss\":1e250,\"sources\":[{sources}]}}\n")
        };
        check(
            &(line(1, &source("en")) + &line(2, &format!("{},{}", source("zh"), source("en")))),
            expect![[r#"
                a 1: None, applied true; d en ner 2 9 Some(1.5)
                a 2: None, applied true; d zh ner 2 9 Some(1.5); d en ner 2 9 Some(1.5)
            "#]],
        );
    }
}
