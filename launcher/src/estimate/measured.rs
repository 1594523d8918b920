//! How far the model was from what happened: `RUN/estimate.json`.

use super::{Estimate, Rates, seconds_text};
use crate::display::duration;
use crate::error::{Error, exit};
use crate::events::milliseconds;
use crate::plan::bytes_text;
use data_pipeline::predictions::replace;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trainer::RunDir;
use trainer::memory::MemoryPlan;

/// Steps of a phase that are not counted where there are more: kernels are compiled and caches filled in them.
const FIRST: usize = 2;

/// What was planned of a run, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Numbers of ranks that its starts had.
    pub worlds: BTreeSet<u64>,
    /// What the plan went by, where somebody says how fast the hardware is.
    pub rates: Option<Rates>,
    /// Phases that have steps, in the order of the run.
    pub phases: Vec<PhaseError>,
    /// From the start of the ranks to their end, all starts together.
    pub hours: Option<Held>,
    /// Whether the run got to its end.
    pub done: bool,
}

/// One phase, planned and measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseError {
    /// Its name.
    pub phase: String,
    /// Steps that were measured.
    pub steps: usize,
    /// Seconds of a step as planned, where that is known.
    pub planned_seconds: Option<f64>,
    /// Seconds of the middle one of those that were measured.
    pub measured_seconds: f64,
    /// How much longer it took than planned, as a share of that; shorter is negative.
    pub error: Option<f64>,
    /// Bytes of a rank, the most of all ranks, where the phase is done.
    pub memory: Option<Held>,
}

/// A number that was planned, and what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// As planned, where that is known.
    pub planned: Option<f64>,
    /// As it was.
    pub measured: f64,
    /// How much more that is, as a share of what was planned; less is negative.
    pub error: Option<f64>,
}

impl Held {
    fn new(planned: Option<f64>, measured: f64) -> Self {
        let planned = planned.filter(|it| *it > 0.0);
        Self { planned, measured, error: planned.map(|it| hundredths(measured / it - 1.0)) }
    }

    /// `planned 1.90 s a step, measured 2.10 s (+11 %)`; nothing where nothing was planned.
    fn sentence(&self, of: &str, shown: impl Fn(f64) -> String) -> Option<String> {
        let (planned, error) = (shown(self.planned?), 100.0 * self.error?);
        Some(format!("planned {planned}{of}, measured {} ({error:+.0} %)", shown(self.measured)))
    }
}

/// What a run has written so far.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// `metrics.jsonl`.
    pub metrics: String,
    /// `events.jsonl`.
    pub events: String,
    /// `memory.json`.
    pub memory: MemoryPlan,
}

impl Written {
    /// Of a run's directory; what is not there is empty.
    pub fn read(run_dir: &RunDir) -> Result<Self, Error> {
        Ok(Self {
            metrics: metrics(&run_dir.metrics())?,
            events: metrics(&run_dir.events())?,
            memory: MemoryPlan::load(&run_dir.memory())?.unwrap_or_default(),
        })
    }
}

impl Kept {
    /// Holds an estimate against what was written; `None` where no phase has a step.
    pub fn of(estimate: Option<&Estimate>, written: &Written) -> Option<Self> {
        let (order, seconds) = seconds(&written.metrics);
        let phase = |name: String| {
            let measured = &seconds[&name];
            let planned = estimate.and_then(|it| it.phases.iter().find(|it| it.phase == name));
            let Held { planned, measured: middle, error } =
                Held::new(planned.map(|it| it.step.seconds), middle(measured)?);
            let memory = written.memory.of(&name).and_then(|plan| {
                let peak = plan.measured_peak?;
                Some(Held::new(Some(plan.predicted.total as f64), peak as f64))
            });
            Some(PhaseError {
                phase: name,
                steps: measured.len(),
                planned_seconds: planned,
                measured_seconds: middle,
                error,
                memory,
            })
        };
        let phases: Vec<PhaseError> = order.into_iter().filter_map(phase).collect();
        let Course { worlds, hours, done } = Course::of(&written.events);
        // Of a part of a run nothing was planned.
        let planned = estimate.and_then(|it| it.hours).filter(|_| done);
        (!phases.is_empty()).then(|| Self {
            worlds,
            rates: estimate.map(|it| it.rates.clone()),
            phases,
            hours: hours.map(|hours| Held::new(planned, hours)),
            done,
        })
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

    /// How long it took, a sentence a phase and one for all; nothing of what was not planned.
    pub fn times(&self) -> Vec<String> {
        let step = |it: &PhaseError| {
            let held = Held::new(it.planned_seconds, it.measured_seconds);
            Some(format!("{}: {}", it.phase, held.sentence(" a step", seconds_text)?))
        };
        let hours = |it: &Held| {
            let sentence = it.sentence("", |hours| duration(3600.0 * hours))?;
            Some(format!("all of it: {sentence}{}", self.of_worlds()))
        };
        let all = self.hours.as_ref().and_then(hours);
        self.phases.iter().filter_map(step).chain(all).collect()
    }

    /// What ranks held, a sentence a phase.
    pub fn memories(&self) -> Vec<String> {
        let bytes = |bytes: f64| bytes_text(bytes as u64);
        let held = |it: &PhaseError| {
            Some(format!("{}: {}", it.phase, it.memory.as_ref()?.sentence(" a rank", bytes)?))
        };
        self.phases.iter().filter_map(held).collect()
    }

    /// Plans are for one number of ranks.
    fn of_worlds(&self) -> String {
        if self.worlds.len() < 2 {
            return String::new();
        }
        let worlds: Vec<String> = self.worlds.iter().map(u64::to_string).collect();
        format!(", on {} ranks", worlds.join(" and "))
    }
}

/// When ranks were there.
#[derive(Clone, Debug, Default, PartialEq)]
struct Course {
    worlds: BTreeSet<u64>,
    hours: Option<f64>,
    done: bool,
}

impl Course {
    /// From the text of `events.jsonl`: each start lasts to the last event before the next one, or to its end.
    fn of(events: &str) -> Self {
        let (mut course, mut spans) = (Self::default(), Vec::<[u64; 2]>::new());
        let mut runs = false;
        for line in events.lines() {
            let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let Some(time) = event["time"].as_str().and_then(milliseconds) else { continue };
            let name = event["event"].as_str().unwrap_or_default();
            if name == "started" {
                course.worlds.extend(event["world"].as_u64());
                (course.done, runs) = (false, true);
                spans.push([time, time]);
            } else if let Some(span) = spans.last_mut().filter(|_| runs) {
                span[1] = time.max(span[1]);
                runs = !["done", "stopped", "failed"].contains(&name);
                course.done |= name == "done";
            }
        }
        let all: u64 = spans.iter().map(|[start, end]| end - start).sum();
        course.hours = (all > 0).then_some(all as f64 / 3.6e6);
        course
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

/// The phases in the order of their first steps, and seconds of each step by its phase; a step that was done again
/// counts once, and the first steps do not.
fn seconds(metrics: &str) -> (Vec<String>, BTreeMap<String, Vec<f64>>) {
    let (mut order, mut phases) = (Vec::new(), BTreeMap::<String, BTreeMap<u64, f64>>::new());
    for line in metrics.lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let (Some(phase), Some(step), Some(seconds)) =
            (line["phase"].as_str(), line["step"].as_u64(), line["seconds"].as_f64())
        else {
            continue;
        };
        if !phases.contains_key(phase) {
            order.push(phase.to_owned());
        }
        phases.entry(phase.to_owned()).or_default().insert(step, seconds);
    }
    let later = |steps: BTreeMap<u64, f64>| {
        let skipped = FIRST.min(steps.len().saturating_sub(1));
        steps.into_values().skip(skipped).collect()
    };
    (order, phases.into_iter().map(|(phase, steps)| (phase, later(steps))).collect())
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
        let started = |time: &str, world: usize| {
            format!(
                "{{\"time\": \"2026-11-23T{time}Z\", \"event\": \"started\", \"world\": {world}}}\n"
            )
        };
        let ended = |time: &str, event: &str| {
            format!("{{\"time\": \"2026-11-23T{time}Z\", \"event\": \"{event}\"}}\n")
        };
        // Stopped after an hour; done an hour and a half after it went on. What comes later is no part of it.
        let events = started("10:00:00.000", 8)
            + &ended("11:00:00.000", "stopped")
            + &ended("11:30:00.000", "submitted")
            + &started("12:00:00.000", 4)
            + &ended("13:30:00.000", "done")
            + &ended("15:00:00.000", "scored");
        planned.hours = Some(2.0);
        let memory = MemoryPlan::default();
        let written = Written { metrics, events, memory };
        let kept = Kept::of(Some(&planned), &written).unwrap();
        assert_eq!(kept.phases[0].steps, 3);
        expect![[r#"
            alignment: planned 1.90 s a step, measured 2.10 s (+11 %)
            all of it: planned 2 h 00 min, measured 2 h 30 min (+25 %), on 4 and 8 ranks"#]]
        .assert_eq(&kept.times().join("\n"));
        assert_eq!(kept.memories(), [] as [String; 0]);
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        assert_eq!(Kept::load(&run_dir), None);
        kept.save(&run_dir).unwrap();
        assert_eq!(Kept::load(&run_dir), Some(kept));
        assert_eq!(Kept::of(Some(&planned), &Written::default()), None);
        // Nobody says how fast the hardware is: what was measured is kept all the same.
        let alone = Kept::of(None, &written).unwrap();
        assert_eq!((alone.phases[0].measured_seconds, alone.phases[0].error), (2.1, None));
        assert_eq!(alone.times(), [] as [String; 0]);
        // A single step is better than none; of a run that was stopped no hours were planned.
        let one = Written {
            metrics: line(1, 3.8),
            events: started("10:00:00.000", 8) + &ended("11:00:00.000", "stopped"),
            ..Written::default()
        };
        let stopped = Kept::of(Some(&planned), &one).unwrap();
        assert_eq!((stopped.phases[0].error, stopped.done), (Some(1.0), false));
        assert_eq!(stopped.hours, Some(Held { planned: None, measured: 1.0, error: None }));
    }
}
