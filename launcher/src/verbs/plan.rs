//! `knowcoder plan`, and `run --dry-run`: what would be done, without doing any of it.

use super::run::{cluster_of, has_checkpoints, recipe_of, run_dir_of};
use super::{Answer, verify};
use crate::cli;
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use crate::plan::{Phase, Plan, Work};
use data_pipeline::order::Order;
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use trainer::evaluate::Workload;
use trainer::memory::{Machine, MemoryPlan, plan_phase};
use trainer::network::{DecoderConfig, decoder_config};
use trainer::pace::seconds_per_step;
use trainer::recipe::{self, Length, Train};
use trainer::run::steps;
use trainer::{Recipe, RunDir};

/// Says what a run would do.
pub fn plan(args: &cli::Plan) -> Result<Answer, Error> {
    let recipe = recipe_of(&args.recipe)?;
    trainer::prepare::check(&recipe)?;
    let cluster = cluster_of(args.cluster.as_deref())?;
    trainer::device::ready(&recipe.run.device, cluster.ranks)?;
    trainer::run::check_world(&args.recipe.recipe, &recipe, cluster.ranks)?;
    cluster.check_device(&recipe.run.device)?;
    let run_dir = run_dir_of(args.run_dir.as_deref(), &recipe);
    let planned = of(&recipe, &cluster, &run_dir)?;
    match args.verify_gradients {
        None => Ok(planned),
        Some(extent) => verify::added(planned, &recipe, &cluster, &run_dir, extent),
    }
}

/// What `recipe` would do on `cluster`.
pub fn of(recipe: &Recipe, cluster: &Cluster, run_dir: &RunDir) -> Result<Answer, Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (work, misfits) = work(recipe, run_dir, Some(cluster))?;
    let mut plan = Plan::new(work, cluster, cores);
    plan.warnings.extend(misfits);
    let json = serde_json::to_value(&plan)
        .map_err(|error| Error::new(exit::BUG, format!("the plan cannot be written: {error}")))?;
    Ok(Answer::new(plan.text(), json))
}

/// Bytes that the checkpoints of `recipe` take at most at a time, where the model's size is known.
pub fn disk_bytes(recipe: &Recipe, run_dir: &RunDir) -> Result<Option<u64>, Error> {
    Ok(work(recipe, run_dir, None)?.0.disk_bytes())
}

/// Larger models are not timed: `plan` answers within seconds.
const TIMED_PARAMETERS: u64 = 50_000_000;

/// The ranks of `cluster` on this machine.
pub fn machine(cluster: &Cluster) -> Machine {
    let Cluster { ranks, threads_per_rank: threads, sharding, .. } = *cluster;
    Machine { ranks, threads, sharding }
}

/// What was chosen when the run began, or what would be chosen now, and what of it does not fit.
fn memory(
    recipe: &Recipe,
    run_dir: &RunDir,
    cluster: &Cluster,
    shape: Option<&DecoderConfig>,
) -> Result<(MemoryPlan, Vec<String>), Error> {
    let machine = machine(cluster);
    if run_dir.memory().exists() && has_checkpoints(run_dir) {
        return Ok(trainer::memory::settle(recipe, run_dir, machine, true)?);
    }
    let (mut plan, mut misfits) = (MemoryPlan::default(), Vec::new());
    let Some(shape) = shape else { return Ok((plan, misfits)) };
    for index in 0..recipe.phase.len() {
        let planned = plan_phase(recipe, index, run_dir, shape, machine)?;
        misfits.extend(planned.misfit);
        plan.phases.push(planned.plan);
    }
    Ok((plan, misfits))
}

/// The work of a recipe, and what of it does not fit into memory. Memory and the time of a step are those
/// of a cluster, if one is given.
fn work(
    recipe: &Recipe,
    run_dir: &RunDir,
    cluster: Option<&Cluster>,
) -> Result<(Work, Vec<String>), Error> {
    // A vocabulary that is yet to be trained leaves the model's size open.
    let vocabulary = match (&recipe.tokenizer.file, &recipe.model.path) {
        _ if run_dir.tokenizer().exists() => Some(run_dir.tokenizer()),
        (Some(file), _) => Some(file.clone()),
        (None, model) => model.clone(),
    };
    let shape = match vocabulary {
        Some(path) => Some(decoder_config(recipe, &Tokenizer::load(&path)?)?),
        None => None,
    };
    let (memory, misfits) = match cluster {
        Some(cluster) => memory(recipe, run_dir, cluster, shape.as_ref())?,
        None => Default::default(),
    };
    let resolved = memory.resolved(recipe);
    let parameters = shape.as_ref().map(|shape| shape.parameters() as u64);
    let trainable = |phase: &recipe::Phase| match phase.train {
        Train::Full => parameters,
        Train::Lora => shape
            .as_ref()
            .and_then(|shape| phase.lora.parameters(shape).ok())
            .map(|parameters| parameters as u64),
    };
    let work = Work {
        name: recipe.run.name.clone(),
        device: recipe.run.device.clone(),
        parameters,
        checkpoint: recipe.checkpoint.clone(),
        exact_shards: recipe.run.exact_shards,
        evaluation: Workload::of(recipe)?,
        phases: recipe
            .phase
            .iter()
            .enumerate()
            .map(|(index, phase)| {
                Ok(Phase {
                    name: phase.name.clone(),
                    samples: phase.batch.samples,
                    max_length: phase.batch.max_length,
                    micro_tokens: resolved.phase[index].batch.micro_tokens(),
                    memory: memory.of(&phase.name).cloned(),
                    steps: steps_of(recipe, index, run_dir)?,
                    epochs: match phase.length {
                        Length::Steps(_) => None,
                        Length::Epochs(epochs) => Some(epochs),
                    },
                    trainable: trainable(phase),
                    adapters: phase.train == Train::Lora,
                    seconds_per_step: match (parameters, cluster) {
                        (Some(..=TIMED_PARAMETERS), Some(cluster))
                            if is_prepared(recipe, index, run_dir) =>
                        {
                            Some(seconds_per_step(&resolved, index, run_dir, cluster.ranks)?)
                        }
                        _ => None,
                    },
                })
            })
            .collect::<Result<_, Error>>()?,
    };
    Ok((work, misfits))
}

pub(super) fn is_prepared(recipe: &Recipe, index: usize, run_dir: &RunDir) -> bool {
    let phase = &recipe.phase[index];
    run_dir.prepared(index, &phase.name).join("manifest.json").exists()
}

/// Steps of a phase, where the recipe or its prepared shards say so.
fn steps_of(recipe: &Recipe, index: usize, run_dir: &RunDir) -> Result<Option<usize>, Error> {
    let phase = &recipe.phase[index];
    if let Length::Steps(steps) = phase.length {
        return Ok(Some(steps));
    }
    if !is_prepared(recipe, index, run_dir) {
        return Ok(None);
    }
    let shards = ShardSet::open(&run_dir.prepared(index, &phase.name))?;
    let order = Order::new(recipe.run.seed, shards.rows(), &phase.mixture(), phase.batch.samples)?;
    Ok(Some(steps(phase, &order)))
}
