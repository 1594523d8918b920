//! What a plan says of time and cost, here and on other numbers of ranks, and how far that was from the truth.

use super::{Place, Planned, is_prepared, machine};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::estimate::measured::{Kept, Written};
use crate::estimate::work::Samples;
use crate::estimate::{Calibration, Estimate, Question, Rates, advice, ranks_of_a_node};
use crate::plan::Plan;
use crate::plan::scale::{Scaled, misfit, uneven};
use crate::plan::wire::bytes_per_step;
use crate::preflight::calibration;
use data_pipeline::manifest::Manifest;
use std::path::Path;
use trainer::checkpoint::space::Sizes;
use trainer::memory::{Machine, MemoryPlan, plan_phase_within};
use trainer::{Recipe, RunDir};

/// What is asked about, and what was planned of it.
pub(super) struct Outlook<'a> {
    pub recipe: &'a Recipe,
    pub run_dir: &'a RunDir,
    pub cluster: &'a Cluster,
    pub planned: &'a Planned,
    /// How fast ranks are, where somebody says it.
    pub rates: Option<Rates>,
    pub samples: Vec<Samples>,
    pub steps: Vec<Option<usize>>,
    /// Phases whose number of steps is only promised, and of whom corpora promise nothing.
    pub promised: Vec<String>,
}

/// The warning of a plan where nobody says how fast the hardware is.
pub(super) const NO_TIMES: &str = "no estimate of time: neither the cluster file's [hardware] nor a measurement says how fast the hardware is; \
     give `name` under [hardware], such as \"h200\", or --calibration FILE";

/// The speeds that a plan goes by: those of a file, those that were measured for the run or on this machine, or those
/// that the cluster file promises; and what is odd about them.
pub(super) fn rates(
    recipe: &Recipe,
    cluster: &Cluster,
    place: &Place,
    (file, run_dir): (Option<&Path>, &RunDir),
) -> Result<(Option<Rates>, Option<String>), Error> {
    let device = &recipe.run.device;
    let of_run = || {
        let kept = calibration::Calibration::path(Some(run_dir.root()));
        Calibration::load(&kept).ok().filter(|it| it.is_of(device))
    };
    let measured = match (file, place) {
        (Some(file), _) => Some(Calibration::load(file)?),
        // Hardware with a name is meant, not this machine.
        (None, Place::Here) if cluster.hardware.name.is_none() => {
            of_run().or_else(|| Calibration::of_this_machine(device))
        }
        (None, _) => of_run(),
    };
    let odd = measured.as_ref().filter(|it| !it.is_of(device)).map(|it| {
        format!("the speeds were measured on `{}`, and the recipe computes on {device}", it.device)
    });
    Ok((Rates::of(cluster, device, measured.as_ref()), odd))
}

impl<'a> Outlook<'a> {
    /// Of a recipe whose network is known.
    pub fn new(
        recipe: &'a Recipe,
        run_dir: &'a RunDir,
        cluster: &'a Cluster,
        planned: &'a Planned,
        rates: Option<Rates>,
    ) -> Self {
        let samples = |(index, phase)| {
            let prepared = is_prepared(recipe, index, run_dir)
                .then(|| Manifest::load(&run_dir.prepared(index, &recipe.phase[index].name)).ok())
                .flatten();
            let known = prepared.as_ref().and_then(Samples::prepared);
            known.unwrap_or_else(|| Samples::assumed(phase))
        };
        let mut promised = Vec::new();
        let steps = planned.work.phases.iter().zip(&recipe.phase).map(|(known, phase)| {
            known.steps.or_else(|| {
                let (steps, silent) = super::work::declared_steps(recipe, phase)?;
                if !silent.is_empty() {
                    promised.push(format!(
                        "phase `{}` has at least {steps} steps: {} do not say how many sentences they have",
                        phase.name,
                        silent.join(", ")
                    ));
                }
                Some(steps)
            })
        });
        let steps = steps.collect();
        Self {
            samples: recipe.phase.iter().enumerate().map(samples).collect(),
            steps,
            promised,
            recipe,
            run_dir,
            cluster,
            planned,
            rates,
        }
    }

    /// What the run takes on the cluster as it is; `None` before the vocabulary is trained, or without rates.
    pub fn estimate(&self) -> Result<Option<Estimate>, Error> {
        let world = self.cluster.ranks;
        self.on(world, &self.planned.memory)
    }

    fn on(&self, world: usize, memory: &MemoryPlan) -> Result<Option<Estimate>, Error> {
        let sizes = self.planned.work.sizes();
        let question = self.question(memory, sizes.as_deref());
        question.map(|question| Estimate::on(&question, world)).transpose()
    }

    /// What would make it faster on so many ranks.
    fn advice(&self, world: usize, memory: &MemoryPlan) -> Result<Vec<String>, Error> {
        let sizes = self.planned.work.sizes();
        let question = self.question(memory, sizes.as_deref());
        Ok(question.map(|question| advice(&question, world)).transpose()?.unwrap_or_default())
    }

    /// What is to be estimated; `None` before the vocabulary is trained, or without rates.
    fn question<'q>(
        &'q self,
        memory: &'q MemoryPlan,
        checkpoints: Option<&'q [Sizes]>,
    ) -> Option<Question<'q>> {
        Some(Question {
            recipe: self.recipe,
            config: self.planned.shape.as_ref()?,
            cluster: self.cluster,
            rates: self.rates.as_ref()?,
            memory,
            samples: &self.samples,
            steps: &self.steps,
            checkpoints,
            questions: self.planned.work.evaluation.questions(),
        })
    }

    /// Ranks that wait for others on so many, a sentence for each phase.
    fn uneven(&self, world: usize) -> Vec<String> {
        let phases = self.recipe.phase.iter().zip(&self.samples);
        phases.filter_map(|(it, of)| uneven(&it.name, it.batch.samples, of, world)).collect()
    }

    /// What it would take on so many ranks.
    pub fn scaled(&self, world: usize) -> Result<Scaled, Error> {
        let (mut memory, mut problems) = (MemoryPlan::default(), self.uneven(world));
        let exact = self.recipe.run.exact_shards;
        let smallest = self.recipe.phase.iter().min_by_key(|phase| phase.batch.samples);
        let refused = smallest.and_then(|it| misfit(&it.name, it.batch.samples, exact, world));
        if refused.is_some() {
            return Ok(Scaled {
                world,
                nodes: world.div_ceil(ranks_of_a_node(self.cluster)),
                bytes_per_rank: None,
                wire_bytes_per_step: None,
                estimate: None,
                problems: refused.into_iter().collect(),
            });
        }
        // A run that has no memory for its batches is refused, too.
        let mut can_be = true;
        let budget = Place::budget(self.recipe, self.cluster);
        let machine = Machine { ranks: world, ..machine(self.cluster) };
        for index in 0..self.recipe.phase.len() {
            let Some(config) = &self.planned.shape else { continue };
            let within = (machine, budget.as_ref());
            let planned = plan_phase_within(self.recipe, index, self.run_dir, config, within)?;
            can_be &= planned.misfit.is_none();
            problems.extend(planned.misfit);
            memory.phases.push(planned.plan);
        }
        problems.dedup();
        let node = ranks_of_a_node(self.cluster);
        if world > node && !world.is_multiple_of(node) {
            let whole = world / node * node;
            problems.push(format!(
                "nodes of {node} ranks are not all full; {whole} or {} fill them",
                whole + node
            ));
        }
        if can_be {
            problems.extend(self.advice(world, &memory)?);
        }
        Ok(Scaled {
            world,
            nodes: world.div_ceil(node),
            wire_bytes_per_step: self.wire(world),
            bytes_per_rank: memory.phases.iter().map(|plan| plan.predicted.total).max(),
            estimate: if can_be { self.on(world, &memory)? } else { None },
            problems,
        })
    }

    /// Bytes that each of so many ranks sends in a step of the phase that sends most.
    fn wire(&self, world: usize) -> Option<u64> {
        let cluster = Cluster { ranks: world, ..self.cluster.clone() };
        let exact = self.recipe.run.exact_shards;
        let phases = self.planned.work.phases.iter();
        phases.filter_map(|phase| bytes_per_step(phase, &cluster, exact)).max()
    }
}

/// Adds to `plan` what is known of time: an estimate, the same on other numbers of ranks, and its error so far.
pub(super) fn add(plan: &mut Plan, outlook: &Outlook<'_>, scale: &[u16]) -> Result<(), Error> {
    plan.estimate = outlook.estimate()?;
    if outlook.rates.is_some() {
        plan.warnings.extend(outlook.promised.iter().cloned());
        let world = outlook.cluster.ranks;
        plan.warnings.extend(outlook.uneven(world));
        plan.warnings.extend(outlook.advice(world, &outlook.planned.memory)?);
    }
    plan.scale =
        scale.iter().map(|world| outlook.scaled(usize::from(*world))).collect::<Result<_, _>>()?;
    // What is measured now comes before what was kept when the run ended.
    plan.error = Kept::of(plan.estimate.as_ref(), &Written::read(outlook.run_dir)?);
    Ok(())
}
