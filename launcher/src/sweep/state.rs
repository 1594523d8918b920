//! What a sweep's log comes to.

use super::definition::Sweep;
use super::log::{Event, Line};
use super::space::Point;
use crate::error::exit;
use crate::events::milliseconds;
use std::collections::{BTreeMap, BTreeSet};

/// How a sweep stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// What the log belongs to, and since when.
    pub begun: Option<(serde_json::Value, String)>,
    /// By their numbers.
    pub trials: Vec<Trial>,
    /// Of work of all runs that have ended or paused.
    pub seconds: f64,
}

/// How a trial stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number.
    pub number: usize,
    /// Its values.
    pub values: Point,
    /// The rung that it goes to; as many as there are rungs: to its end.
    pub goal: usize,
    /// What became of it.
    pub fate: Fate,
    /// By their seeds.
    pub runs: BTreeMap<u64, Run>,
    /// Of work of its runs.
    pub seconds: f64,
}

/// What became of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It is at work, waits, or is done.
    Open,
    /// It does not fit, as it is planned, or is no recipe at all.
    Infeasible(String),
    /// It did not go on.
    Stopped(String),
    /// A run of it failed for good.
    Failed {
        /// With this exit code.
        code: u8,
        /// Why.
        cause: String,
        /// Whether memory ran out at work.
        out_of_memory: bool,
    },
}

/// How a run of a trial stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// How often it was started.
    pub attempts: usize,
    /// How often it failed since it came to a rung.
    pub failures: usize,
    /// The metric at each rung that it came to.
    pub rungs: BTreeMap<usize, Option<f64>>,
    /// Where it is.
    pub stage: Stage,
}

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stage {
    /// It has no process.
    #[default]
    Waiting,
    /// It has one.
    Running {
        /// Whose.
        owner: String,
        /// Since when, in milliseconds since 1970.
        since: u64,
    },
    /// It came to a rung and has a checkpoint there.
    Paused(usize),
    /// It did everything.
    Finished(Option<f64>),
}

impl State {
    /// What `lines` come to. What is said twice counts once, and what cannot follow is passed over.
    pub fn of(lines: &[Line], sweep: &Sweep) -> Self {
        let mut state = Self::default();
        for line in lines {
            state.take(line, sweep);
        }
        state
    }

    /// One more line.
    pub fn take(&mut self, line: &Line, sweep: &Sweep) {
        let time = &line.time;
        match &line.event {
            Event::Begun { sweep, .. } => {
                self.begun.get_or_insert_with(|| (sweep.clone(), time.clone()));
            }
            Event::Asked { trial, values } => {
                if *trial == self.trials.len() {
                    self.trials.push(Trial::new(*trial, values.clone(), sweep));
                }
            }
            Event::Infeasible { trial, cause } => {
                self.end(*trial, Fate::Infeasible(cause.clone()));
            }
            Event::Stopped { trial, why, .. } => self.end(*trial, Fate::Stopped(why.clone())),
            Event::Promoted { trial, rung } => {
                if let Some(trial) = self.trials.get_mut(*trial) {
                    trial.goal = trial.goal.max(*rung);
                }
            }
            Event::Started { trial, seed, owner, .. } => self.run(*trial, *seed, 0.0, |run| {
                run.attempts += 1;
                let since = milliseconds(time).unwrap_or_default();
                run.stage = Stage::Running { owner: owner.clone(), since };
            }),
            Event::Paused { trial, seed, rung, value, seconds, .. } => {
                self.run(*trial, *seed, *seconds, |run| {
                    run.failures = 0;
                    run.rungs.insert(*rung, *value);
                    run.stage = Stage::Paused(*rung);
                });
            }
            Event::Interrupted { trial, seed, seconds } | Event::Lost { trial, seed, seconds } => {
                self.run(*trial, *seed, *seconds, |run| run.stage = Stage::Waiting);
            }
            Event::Failed { trial, seed, code, cause, again, out_of_memory, seconds } => {
                self.run(*trial, *seed, *seconds, |run| {
                    run.failures += 1;
                    run.stage = Stage::Waiting;
                });
                if !again {
                    let (code, cause, out_of_memory) = (*code, cause.clone(), *out_of_memory);
                    self.end(*trial, Fate::Failed { code, cause, out_of_memory });
                }
            }
            Event::Finished { trial, seed, value, seconds } => {
                self.run(*trial, *seed, *seconds, |run| run.stage = Stage::Finished(*value));
            }
        }
    }

    fn end(&mut self, trial: usize, fate: Fate) {
        if let Some(trial) = self.trials.get_mut(trial) {
            trial.fate = fate;
        }
    }

    fn run(&mut self, trial: usize, seed: u64, seconds: f64, change: impl FnOnce(&mut Run)) {
        let Some(trial) = self.trials.get_mut(trial) else { return };
        let Some(run) = trial.runs.get_mut(&seed) else { return };
        // What is done stays done, whoever says what afterwards.
        if !matches!(run.stage, Stage::Finished(_)) {
            change(run);
            trial.seconds += seconds;
            self.seconds += seconds;
        }
    }

    /// Runs that have a process: trial, seed, whose, since when.
    pub fn running(&self) -> impl Iterator<Item = (usize, u64, &str, u64)> {
        self.trials.iter().flat_map(|trial| {
            trial.runs.iter().filter_map(|(seed, run)| match &run.stage {
                Stage::Running { owner, since } => {
                    Some((trial.number, *seed, owner.as_str(), *since))
                }
                _ => None,
            })
        })
    }

    /// Runs that have something to do and no process, those that are furthest first.
    pub fn waiting(&self) -> Vec<(usize, u64)> {
        let mut waiting: Vec<(&Trial, u64)> = self
            .trials
            .iter()
            .flat_map(|trial| trial.waiting().into_iter().map(move |seed| (trial, seed)))
            .collect();
        waiting.sort_by_key(|(trial, _)| (std::cmp::Reverse(trial.goal), trial.number));
        waiting.into_iter().map(|(trial, seed)| (trial.number, seed)).collect()
    }

    /// Trials that were not refused before they began.
    pub fn feasible(&self) -> usize {
        self.trials.iter().filter(|it| !matches!(it.fate, Fate::Infeasible(_))).count()
    }

    /// The best trial: of those that are done, else of those that came furthest and did not diverge behind that.
    pub fn best(&self, sweep: &Sweep) -> Option<&Trial> {
        let loss =
            |trial: &&Trial| trial.newest().map(|(rung, value)| (rung, sweep.mode.loss(value)));
        let order = |a: &&Trial, b: &&Trial| {
            let (a, b) = (loss(a).unwrap_or_default(), loss(b).unwrap_or_default());
            b.0.cmp(&a.0).then(a.1.total_cmp(&b.1))
        };
        let diverged = |it: &Trial| matches!(it.fate, Fate::Failed { code: exit::DIVERGED, .. });
        let known = self.trials.iter().filter(|it| it.newest().is_some() && !diverged(it));
        known.min_by(order)
    }
}

impl Trial {
    fn new(number: usize, values: Point, sweep: &Sweep) -> Self {
        let runs = sweep.seeds.iter().map(|seed| (*seed, Run::default())).collect();
        Self { number, values, goal: 0, fate: Fate::Open, runs, seconds: 0.0 }
    }

    /// Whether all of it is done.
    pub fn is_done(&self) -> bool {
        self.runs.values().all(|run| matches!(run.stage, Stage::Finished(_)))
    }

    /// Seeds of its runs that have something to do and no process.
    fn waiting(&self) -> Vec<u64> {
        let waits = |run: &Run| match run.stage {
            Stage::Waiting => true,
            Stage::Paused(rung) => rung < self.goal,
            Stage::Running { .. } | Stage::Finished(_) => false,
        };
        match self.fate {
            Fate::Open => {
                self.runs.iter().filter(|(_, run)| waits(run)).map(|(seed, _)| *seed).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether all of its runs came to the rung that it goes to, and wait there for what follows.
    pub fn is_at_goal(&self) -> bool {
        let is_there = |run: &Run| match run.stage {
            Stage::Paused(rung) => rung >= self.goal,
            Stage::Finished(_) => true,
            Stage::Waiting | Stage::Running { .. } => false,
        };
        self.fate == Fate::Open && !self.is_done() && self.runs.values().all(is_there)
    }

    /// The mean over seeds at a rung that all runs came to; infinite losses are `None`.
    pub fn at(&self, rung: usize) -> Option<Option<f64>> {
        let of = |run: &Run| match (run.rungs.get(&rung), &run.stage) {
            (Some(value), _) => Some(*value),
            // It was over before.
            (None, Stage::Finished(value)) => Some(*value),
            _ => None,
        };
        let values: Option<Vec<Option<f64>>> = self.runs.values().map(of).collect();
        values.map(|values| mean(&values))
    }

    /// What each of its runs came to at its end.
    pub fn results(&self) -> Vec<(u64, f64)> {
        let of = |(seed, run): (&u64, &Run)| match run.stage {
            Stage::Finished(Some(value)) => Some((*seed, value)),
            _ => None,
        };
        self.runs.iter().filter_map(of).collect()
    }

    /// The mean over seeds at its end, or at the last rung that all came to, with that rung; its end comes
    /// behind all rungs.
    pub fn newest(&self) -> Option<(usize, f64)> {
        if self.is_done() {
            let values: Vec<Option<f64>> = self
                .runs
                .values()
                .map(|run| if let Stage::Finished(value) = run.stage { value } else { None })
                .collect();
            return mean(&values).map(|value| (usize::MAX, value));
        }
        // What any run came to, not what a log says that it goes to: that may be any number.
        let rungs = self.runs.values().flat_map(|run| run.rungs.keys().copied());
        let rungs: BTreeSet<usize> = rungs.filter(|rung| *rung <= self.goal).collect();
        rungs
            .into_iter()
            .rev()
            .find_map(|rung| self.at(rung).map(|value| (rung, value)))
            .and_then(|(rung, value)| value.map(|value| (rung, value)))
    }
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Option<Vec<f64>> = values.iter().copied().collect();
    known.filter(|it| !it.is_empty()).map(|it| it.iter().sum::<f64>() / it.len() as f64)
}

#[cfg(test)]
pub(super) mod tests;
