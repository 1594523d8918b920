//! How far the model was from what happened: `RUN/estimate.json`.

use super::{Estimate, Rates, seconds_text};
use crate::error::{Error, exit};
use data_pipeline::predictions::replace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainer::RunDir;

/// Steps of a phase that are not counted where there are more: kernels are compiled and caches filled in them.
const FIRST: usize = 2;

/// What was planned of a run, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Ranks.
    pub world: usize,
    /// What the plan went by.
    pub rates: Rates,
    /// Phases that have steps, in the order of the recipe.
    pub phases: Vec<PhaseError>,
}

/// One phase, planned and measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseError {
    /// Its name.
    pub phase: String,
    /// Steps that were measured.
    pub steps: usize,
    /// Seconds of a step as planned.
    pub planned_seconds: f64,
    /// Seconds of the middle one of those that were measured.
    pub measured_seconds: f64,
    /// How much longer it took than planned, as a share of that; shorter is negative.
    pub error: f64,
}

impl Kept {
    /// Holds `estimate` against the steps in `metrics.jsonl`; `None` where no phase has any.
    pub fn of(estimate: &Estimate, metrics: &str) -> Option<Self> {
        let seconds = seconds(metrics);
        let phases: Vec<PhaseError> = estimate
            .phases
            .iter()
            .filter_map(|phase| {
                let measured = seconds.get(&phase.phase)?;
                let planned_seconds = phase.step.seconds;
                let measured_seconds = middle(measured)?;
                Some(PhaseError {
                    phase: phase.phase.clone(),
                    steps: measured.len(),
                    planned_seconds,
                    measured_seconds,
                    error: hundredths(measured_seconds / planned_seconds - 1.0),
                })
            })
            .collect();
        let (world, rates) = (estimate.world, estimate.rates.clone());
        (!phases.is_empty()).then_some(Self { world, rates, phases })
    }

    /// What was kept of a run; `None` where there is nothing, or of another version.
    pub fn load(run_dir: &RunDir) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(place(run_dir)).ok()?).ok()
    }

    /// Keeps it in the run's directory.
    pub fn save(&self, run_dir: &RunDir) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::new(exit::BUG, format!("the estimate cannot be written: {error}"))
        })?;
        bytes.push(b'\n');
        Ok(replace(&place(run_dir), &bytes)?)
    }

    /// One sentence a phase.
    pub fn sentences(&self) -> Vec<String> {
        let sentence = |it: &PhaseError| {
            format!(
                "{}: planned {} a step, measured {} ({:+.0} %)",
                it.phase,
                seconds_text(it.planned_seconds),
                seconds_text(it.measured_seconds),
                100.0 * it.error
            )
        };
        self.phases.iter().map(sentence).collect()
    }
}

/// The file of a run.
fn place(run_dir: &RunDir) -> PathBuf {
    run_dir.root().join("estimate.json")
}

/// The text of `metrics.jsonl`; empty where there is none.
pub fn metrics(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(data_pipeline::Error::read(path)(error).into()),
    }
}

/// Seconds of each step by its phase; a step that was done again counts once, and the first steps do not.
fn seconds(metrics: &str) -> BTreeMap<String, Vec<f64>> {
    let mut phases: BTreeMap<String, BTreeMap<u64, f64>> = BTreeMap::new();
    for line in metrics.lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let (Some(phase), Some(step), Some(seconds)) =
            (line["phase"].as_str(), line["step"].as_u64(), line["seconds"].as_f64())
        else {
            continue;
        };
        phases.entry(phase.to_owned()).or_default().insert(step, seconds);
    }
    let later = |steps: BTreeMap<u64, f64>| {
        let skipped = FIRST.min(steps.len().saturating_sub(1));
        steps.into_values().skip(skipped).collect()
    };
    phases.into_iter().map(|(phase, steps)| (phase, later(steps))).collect()
}

/// The middle of some values.
fn middle(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A part in hundredths of a percent: more is noise, and would not survive the file digit by digit.
fn hundredths(part: f64) -> f64 {
    (1e4 * part).round() / 1e4
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::estimate;
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_middle_step_is_held_against_the_plan() {
        let mut planned = estimate(8);
        planned.phases.truncate(1);
        planned.phases[0].phase = "alignment".to_owned();
        planned.phases[0].step.seconds = 1.9;
        let line = |step: usize, seconds: f64| {
            format!("{{\"phase\": \"alignment\", \"step\": {step}, \"seconds\": {seconds}}}\n")
        };
        // Two steps to begin with, one that a later start did again, and half a line.
        let steps = [(1, 40.0), (2, 9.0), (3, 50.0), (3, 2.0), (4, 2.1), (5, 2.2)];
        let metrics: String = steps.map(|(step, seconds)| line(step, seconds)).concat() + "{\"pha";
        let kept = Kept::of(&planned, &metrics).unwrap();
        assert_eq!(kept.phases[0].steps, 3);
        expect!["alignment: planned 1.90 s a step, measured 2.10 s (+11 %)"]
            .assert_eq(&kept.sentences().join("\n"));
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        assert_eq!(Kept::load(&run_dir), None);
        kept.save(&run_dir).unwrap();
        assert_eq!(Kept::load(&run_dir), Some(kept));
        assert_eq!(Kept::of(&planned, ""), None);
        // A single step is better than none.
        assert_eq!(Kept::of(&planned, &line(1, 3.8)).unwrap().phases[0].error, 1.0);
    }
}
