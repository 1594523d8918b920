//! What a rank's memory holds, before and while it trains.
//!
//! Before a run its largest micro-batches are laid out, what they will hold is computed, and the
//! largest size that fits is chosen. The choice is made once: it decides in which order gradients are
//! added, so a run that goes on keeps it, on whatever machine. While it trains the system is asked what
//! was really held.

mod budget;
mod choice;
mod measured;
mod needs;
mod plan;
mod rehearsal;
mod shape;
mod states;

pub use budget::Budget;
pub use measured::{forget, of_all, peak};
pub use model::memory::BatchShape;
pub use needs::{Machine, Needs, Predicted, beside, network};
pub use plan::{Planned, bytes_text};
pub use rehearsal::Rehearsal;
pub use shape::{Worst, shape, worst};
pub use states::state_bytes;

use crate::collective::Collective;
use crate::network::decoder_config;
use crate::recipe::{MicroTokens, Recipe, Recompute};
use crate::sharding::Sharding;
use crate::{Error, RunDir};
use data_pipeline::tokenizer::Tokenizer;
use model::DecoderConfig;
use plan::Subject;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The `[memory]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// GiB that a rank may use; without it what the device, or its share of this machine, has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_gib: Option<f64>,
    /// Computes the largest batch of each phase before its first step, so that a lack of memory shows
    /// in the first minute.
    pub worst_first: bool,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { budget_gib: None, worst_first: true }
    }
}

impl MemoryConfig {
    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        match self.budget_gib {
            Some(gib) if !(gib > 0.0 && gib < 1e6) => {
                Err(format!("memory.budget_gib is {gib}, expected more than 0, such as 6.5"))
            }
            _ => Ok(()),
        }
    }
}

/// What was chosen for a phase, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhasePlan {
    /// Name of the phase.
    pub phase: String,
    /// Tokens of a micro-batch, at most, or a single longer sample.
    pub micro_tokens: usize,
    /// Blocks that are computed again.
    pub recompute: usize,
    /// Of so many.
    pub blocks: usize,
    /// Ranks of the machine that it was chosen for.
    pub ranks: usize,
    /// What a rank may use.
    pub budget: Option<Budget>,
    /// What no micro-batch is larger than.
    pub largest: BatchShape,
    /// Micro-batches that a rank computes in a step, at most: their gradients add up in f32. 0 in plans of
    /// versions that did not count them.
    #[serde(default)]
    pub micro_batches: usize,
    /// Steps that were laid out to find it; 0 before shards are prepared.
    pub examined: usize,
    /// Steps of the phase, where they are known.
    pub steps: Option<usize>,
    /// What a rank will hold.
    pub predicted: Predicted,
    /// What a rank held at most, once the phase is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_peak: Option<u64>,
}

/// The file `memory.json` of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryPlan {
    /// In order.
    pub phases: Vec<PhasePlan>,
}

impl MemoryPlan {
    /// `recipe` with what was chosen for the run in `run_dir`, if a plan was made.
    pub fn chosen(recipe: &Recipe, run_dir: &RunDir) -> Result<Recipe, Error> {
        let plan = Self::load(&run_dir.memory())?.unwrap_or_default();
        Ok(plan.resolved(recipe))
    }

    /// The plan of a run, if one was made.
    pub fn load(path: &Path) -> Result<Option<Self>, Error> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(Self::parse(&bytes, path)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(path)(error)),
        }
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::Memory(format!(
                "{}: not a memory plan of this version: {error}; without a checkpoint the file may go",
                path.display()
            ))
        })
    }

    /// Writes it, complete or not at all.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        Ok(model::files::write_atomically(path, &self.bytes())?)
    }

    fn bytes(&self) -> Vec<u8> {
        // Numbers and strings always have a JSON form.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The plan of a phase.
    pub fn of(&self, phase: &str) -> Option<&PhasePlan> {
        self.phases.iter().find(|plan| plan.phase == phase)
    }

    /// `recipe` with what was chosen in the place of what it leaves open.
    pub fn resolved(&self, recipe: &Recipe) -> Recipe {
        let mut recipe = recipe.clone();
        for phase in &mut recipe.phase {
            if let Some(plan) = self.of(&phase.name) {
                phase.batch.micro_tokens = MicroTokens::Most(plan.micro_tokens);
                phase.batch.recompute = Recompute::Blocks(plan.recompute);
            }
        }
        recipe
    }

    /// Notes what a rank held in a phase; returns what was predicted.
    pub fn note(&mut self, phase: &str, peak: u64) -> Option<u64> {
        let plan = self.phases.iter_mut().find(|plan| plan.phase == phase)?;
        plan.measured_peak = Some(peak.max(plan.measured_peak.unwrap_or(0)));
        Some(plan.predicted.total)
    }
}

impl PhasePlan {
    /// Bytes that a phase will hold, and that are not there when it begins.
    pub fn to_come(&self) -> u64 {
        let Predicted { gradients, states, exchange, .. } = self.predicted;
        gradients + states + exchange
    }
}

/// The plan of a prepared run, phase by phase, and what may be wrong with it.
///
/// With `keeps` the run has learned something: what `memory.json` says stays, even where it does not
/// fit this machine. Otherwise what does not fit is refused.
pub fn settle(
    recipe: &Recipe,
    run_dir: &RunDir,
    machine: Machine,
    keeps: bool,
) -> Result<(MemoryPlan, Vec<String>), Error> {
    let budget = Budget::of(&recipe.memory, &recipe.run.device, machine.ranks)?;
    settle_within(recipe, run_dir, (machine, budget.as_ref()), keeps)
}

/// The same for ranks of several machines, each of which may use the budget.
fn settle_within(
    recipe: &Recipe,
    run_dir: &RunDir,
    (machine, budget): (Machine, Option<&Budget>),
    keeps: bool,
) -> Result<(MemoryPlan, Vec<String>), Error> {
    let kept = if keeps { MemoryPlan::load(&run_dir.memory())? } else { None }.unwrap_or_default();
    let config = decoder_config(recipe, &Tokenizer::load(&run_dir.tokenizer())?)?;
    let (mut plan, mut warnings) = (MemoryPlan::default(), Vec::new());
    for (index, phase) in recipe.phase.iter().enumerate() {
        let subject = Subject { recipe, index, config: &config, machine, budget };
        let planned = match kept.of(&phase.name) {
            Some(kept) => subject.again(kept)?,
            None => subject.plan(run_dir)?,
        };
        match planned.misfit {
            // What is done needs no memory any more.
            Some(misfit) if keeps => warnings.push(misfit),
            Some(misfit) => return Err(Error::Memory(misfit)),
            None => {}
        }
        plan.phases.push(planned.plan);
    }
    Ok((plan, warnings))
}

/// A plan for a phase that need not be prepared, for whoever only wants to know.
pub fn plan_phase(
    recipe: &Recipe,
    index: usize,
    run_dir: &RunDir,
    config: &DecoderConfig,
    machine: Machine,
) -> Result<Planned, Error> {
    let budget = Budget::of(&recipe.memory, &recipe.run.device, machine.ranks)?;
    plan_phase_within(recipe, index, run_dir, config, (machine, budget.as_ref()))
}

/// The same for ranks that need not be of this machine, and what each of them may use, where that is known.
pub fn plan_phase_within(
    recipe: &Recipe,
    index: usize,
    run_dir: &RunDir,
    config: &DecoderConfig,
    (machine, budget): (Machine, Option<&Budget>),
) -> Result<Planned, Error> {
    Subject { recipe, index, config, machine, budget }.plan(run_dir)
}

/// The plan that every rank of a run goes by: the launcher's, or where there is none one that rank 0 makes, whose
/// machine has `local_world` of the ranks.
pub fn of_run(
    recipe: &Recipe,
    run_dir: &RunDir,
    (sharding, local_world): (Sharding, usize),
    collective: &mut dyn Collective,
) -> Result<MemoryPlan, Error> {
    let path = run_dir.memory();
    let mut bytes = Vec::new();
    if collective.rank() == 0 {
        let whole = |plan: &MemoryPlan| recipe.phase.iter().all(|it| plan.of(&it.name).is_some());
        let plan = match MemoryPlan::load(&path)?.filter(whole) {
            Some(plan) => plan,
            None => {
                let machine = Machine::here(collective.world(), sharding);
                let budget = Budget::of(&recipe.memory, &recipe.run.device, local_world)?;
                let place = (machine, budget.as_ref());
                let (plan, warnings) = settle_within(recipe, run_dir, place, true)?;
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                plan.save(&path)?;
                plan
            }
        };
        bytes = plan.bytes();
    }
    collective.broadcast(&mut bytes, 0)?;
    MemoryPlan::parse(&bytes, &path)
}

#[cfg(test)]
mod tests;
