//! What happens when a step goes wrong: the loss is not a number, or jumps.
//!
//! A step is judged between its gradients and its update, where nothing has changed yet, from numbers
//! that are the same bits on every rank: all decide alike, without asking each other. What the judgement
//! depends on is part of each checkpoint, so that a run that goes on decides as one that never stopped.
//!
//! - `guard.rs`: the judgement. `incident`: what is kept of a step that went wrong.
//!   `marks`: which steps a run that went back leaves out.

mod incident;
mod marks;
#[cfg(test)]
mod tests;

pub use incident::{Incident, IncidentSlot, Surroundings};

use crate::recipe::LossAverage;
use crate::step::{Found, SlotLoss};
use crate::{Error, RunDir};
use burn::tensor::DType;
use marks::{Mark, Marks};
use model::weight::{Visitor, Weight, Weights};
use model::{Decoder, ops};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The `[guard]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// What becomes of the run.
    pub policy: Policy,
    /// A loss is a spike from so many standard deviations above the mean of the window on; 0: never.
    pub spike: f64,
    /// So many steps before are looked at.
    pub window: usize,
    /// After so many incidents in a phase the run stops, whatever the policy.
    pub most: usize,
}

/// What becomes of a run whose step went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// It ends; the incident is kept to be replayed.
    #[default]
    Stop,
    /// The step changes nothing, and the ledger says so.
    Skip,
    /// It goes back to its newest checkpoint, and leaves the step out this time.
    Rewind,
}

/// A spike is looked for once so many steps were accepted.
const FEWEST: usize = 8;

impl Default for GuardConfig {
    fn default() -> Self {
        Self { policy: Policy::Stop, spike: 0.0, window: 50, most: 10 }
    }
}

impl GuardConfig {
    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        if !(self.spike >= 0.0 && self.spike.is_finite()) {
            return Err(format!("guard.spike is {}, expected 0 or more", self.spike));
        }
        if self.spike > 0.0 && self.window < FEWEST {
            return Err(format!(
                "guard.window is {}, expected at least {FEWEST} steps",
                self.window
            ));
        }
        if self.most == 0 {
            return Err("guard.most is 0, expected at least 1".to_owned());
        }
        Ok(())
    }
}

/// What the guard remembers of a phase; a part of its checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardState {
    /// Losses of the last accepted steps, oldest first, as the bits of an f64: their decimal form may
    /// not read back as the same number.
    pub losses: Vec<u64>,
    /// Steps that changed nothing, counted from 0, in their order.
    pub left_out: Vec<usize>,
}

impl GuardState {
    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty() && self.left_out.is_empty()
    }

    /// How many of the first `steps` steps the optimizer has taken.
    pub fn applied(&self, steps: usize) -> usize {
        steps - self.left_out.len().min(steps)
    }

    /// Remembers a step that is done.
    pub fn note(&mut self, config: &GuardConfig, step: usize, loss: f64, applied: bool) {
        if !applied {
            self.left_out.push(step);
        } else if config.spike > 0.0 {
            self.losses.push(loss.to_bits());
            let surplus = self.losses.len().saturating_sub(config.window);
            self.losses.drain(..surplus);
        }
    }

    /// The last step before `step` that changed the weights.
    fn last_applied(&self, step: usize) -> Option<usize> {
        (0..step).rev().find(|step| !self.left_out.contains(step))
    }

    fn window(&self) -> Option<Window> {
        let count = self.losses.len();
        if count < FEWEST {
            return None;
        }
        let losses = || self.losses.iter().map(|bits| f64::from_bits(*bits));
        let mean = losses().sum::<f64>() / count as f64;
        let variance = losses().map(|loss| (loss - mean).powi(2)).sum::<f64>() / count as f64;
        Some(Window { mean, deviation: variance.sqrt(), steps: count })
    }
}

/// The accepted steps that a loss was held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Mean of their losses.
    pub mean: f64,
    /// Standard deviation of their losses, as of a whole population.
    pub deviation: f64,
    /// How many they are.
    pub steps: usize,
}

/// What is wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The loss of a sample is not finite.
    Loss,
    /// The loss of every sample is not finite: the weights are useless, or all samples are.
    EveryLoss,
    /// The loss is not finite, and neither are weights that are trained: an update broke them.
    Weights,
    /// The losses are finite, the gradient is not.
    Gradient,
    /// The loss is far above those of the steps before.
    Spike,
}

/// What becomes of the run after an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// It ends.
    Stop,
    /// The step changes nothing.
    Skip,
    /// It goes back and leaves steps out.
    Rewind,
}

/// What a step deserves.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// To change the weights.
    Apply,
    /// To change nothing, as was decided before.
    LeaveOut,
    /// To be kept and looked at.
    Incident(Trouble),
}

/// A step that went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// What is wrong.
    pub reason: Reason,
    /// The place of the sample that is blamed first.
    pub blamed: usize,
    /// What the loss was held against, if it is a spike.
    pub window: Option<Window>,
    /// What becomes of the run.
    pub course: Course,
    /// Why it stops, where that is not the policy.
    pub because: Option<String>,
    /// The steps, counted from 0, that are left out if the run goes back.
    pub leave_out: Vec<usize>,
}

/// Judges the steps of a phase.
pub struct Guard<'a> {
    config: &'a GuardConfig,
    average: LossAverage,
    marks: Marks,
}

impl<'a> Guard<'a> {
    /// For the phase called `phase`, whose marked steps are left out.
    pub fn open(
        config: &'a GuardConfig,
        average: LossAverage,
        run_dir: &RunDir,
        phase: &str,
    ) -> Result<Self, Error> {
        Ok(Self { config, average, marks: Marks::load(&run_dir.left_out(), phase)? })
    }

    /// What step number `step`, counted from 0, deserves.
    ///
    /// `is_broken` says whether trained weights are not finite; it is asked only if the loss is not.
    pub fn judge(
        &self,
        state: &GuardState,
        step: usize,
        found: &Found,
        is_broken: &dyn Fn() -> bool,
    ) -> Verdict {
        if self.marks.has(step) {
            return Verdict::LeaveOut;
        }
        let Some((reason, window)) = self.reason(state, found, is_broken) else {
            return Verdict::Apply;
        };
        let mut leave_out = vec![step];
        if matches!(reason, Reason::EveryLoss | Reason::Weights) {
            // Whichever of the two is at fault, it is left out.
            leave_out.extend(state.last_applied(step));
            leave_out.sort_unstable();
        }
        let (course, because) = self.course(state, step, reason);
        Verdict::Incident(Trouble {
            reason,
            blamed: first_blamed(&found.slots, self.average),
            window,
            course,
            because,
            leave_out,
        })
    }

    fn reason(
        &self,
        state: &GuardState,
        found: &Found,
        is_broken: &dyn Fn() -> bool,
    ) -> Option<(Reason, Option<Window>)> {
        if !found.loss.is_finite() {
            let mut supervised = found.slots.iter().filter(|slot| slot.tokens > 0);
            let reason = match supervised.all(|slot| !slot.loss.is_finite()) {
                _ if is_broken() => Reason::Weights,
                true => Reason::EveryLoss,
                false => Reason::Loss,
            };
            return Some((reason, None));
        }
        if !found.gradient_norm.is_finite() {
            return Some((Reason::Gradient, None));
        }
        if self.config.spike == 0.0 {
            return None;
        }
        let window = state.window()?;
        let limit = window.mean + self.config.spike * window.deviation;
        (found.loss > limit).then_some((Reason::Spike, Some(window)))
    }

    /// What becomes of the run, and why it is not what the policy says.
    fn course(&self, state: &GuardState, step: usize, reason: Reason) -> (Course, Option<String>) {
        let course = match self.config.policy {
            Policy::Stop => return (Course::Stop, None),
            Policy::Skip => Course::Skip,
            Policy::Rewind => Course::Rewind,
        };
        let skipped = state.left_out.iter().filter(|step| !self.marks.has(**step)).count();
        let incidents = self.marks.incidents() + skipped + 1;
        if incidents >= self.config.most {
            let because = format!("incident {incidents} of the phase, guard.most is {incidents}");
            return (Course::Stop, Some(because));
        }
        let again = step > 0 && state.left_out.last() == Some(&(step - 1));
        let is_lasting = matches!(reason, Reason::EveryLoss | Reason::Weights);
        if course == Course::Skip && is_lasting && again {
            let because = "leaving steps out does not mend it, guard.policy = \"rewind\" may";
            return (Course::Stop, Some(because.to_owned()));
        }
        (course, None)
    }
}

/// Persists that the run went back and leaves steps out from now on; for one rank to call.
pub fn mark(run_dir: &RunDir, phase: &str, step: usize, leave_out: &[usize]) -> Result<(), Error> {
    let new = leave_out.iter().map(|left| Mark {
        phase: phase.to_owned(),
        step: left + 1,
        incident: step + 1,
    });
    marks::add(&run_dir.left_out(), new.collect::<BTreeSet<Mark>>())
}

/// Whether a weight that is trained is not finite.
pub fn is_broken(decoder: &Decoder) -> bool {
    struct Look(bool);
    impl Visitor for Look {
        fn weight<const D: usize>(&mut self, _: &str, weight: &Weight<D>) {
            if weight.trainable && !self.0 {
                let values = ops::cast(weight.value.clone(), DType::F32);
                // What is not finite stays so times 0: one number comes from the device.
                let sum = values.mul_scalar(0.0).sum().into_data();
                self.0 = sum.iter::<f32>().any(|value| !value.is_finite());
            }
        }
    }
    let mut look = Look(false);
    decoder.visit("", &mut look);
    look.0
}

/// How much a sample pulls the loss of its step up: what the step's total would lose if the sample were
/// as good as the mean. Infinite where its own loss is no number.
pub fn pulls(slots: &[SlotLoss], average: LossAverage) -> Vec<f64> {
    let finite = || slots.iter().filter(|slot| slot.loss.is_finite() && slot.tokens > 0);
    let weight = |slot: &SlotLoss| match average {
        LossAverage::Token => f64::from(slot.tokens),
        LossAverage::Sample => 1.0,
    };
    let share =
        |slot: &SlotLoss| f64::from(slot.loss) / f64::from(slot.tokens.max(1)) * weight(slot);
    let mean = finite().map(share).sum::<f64>() / finite().map(weight).sum::<f64>().max(1.0);
    let pull = |slot: &SlotLoss| match slot {
        SlotLoss { tokens: 0, loss, .. } if loss.is_finite() => f64::NEG_INFINITY,
        SlotLoss { loss, .. } if loss.is_finite() => share(slot) - weight(slot) * mean,
        _ => f64::INFINITY,
    };
    slots.iter().map(pull).collect()
}

/// The first of the samples that pull most.
fn first_blamed(slots: &[SlotLoss], average: LossAverage) -> usize {
    let pulls = pulls(slots, average);
    let mut worst = 0;
    for (slot, pull) in pulls.iter().enumerate() {
        if *pull > pulls[worst] {
            worst = slot;
        }
    }
    worst
}
