//! `knowcoder plan`, and `run --dry-run`: what would be done, without doing any of it.

mod before;
mod inputs;
mod outlook;
mod place;
mod work;

pub use place::Place;

use super::run::{cluster_of, recipe_of, run_dir_of};
use super::submit::check_batches;
use super::{Answer, verify};
use crate::backend::{self, Job};
use crate::cli;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use crate::estimate::Estimate;
use crate::estimate::measured::{Kept, Written};
use crate::plan::{Plan, Script, Work};
use outlook::Outlook;
use std::path::{Path, PathBuf};
use trainer::memory::{Machine, MemoryPlan};
use trainer::network::DecoderConfig;
use trainer::{Recipe, RunDir};

/// Says what a run would do.
pub fn plan(args: &cli::Plan) -> Result<Answer, Error> {
    let args = &of_a_run(args);
    let recipe = recipe_of(&args.recipe)?;
    let cluster = cluster_of(args.cluster.as_deref())?;
    let place = Place::of(&recipe, &cluster)?;
    trainer::prepare::check_declared(&recipe)?;
    trainer::run::check_world(&args.recipe.recipe, &recipe, cluster.ranks)?;
    check_batches(&recipe, cluster.ranks)?;
    cluster.check_device(&recipe.run.device)?;
    let run_dir = run_dir_of(args.run_dir.as_deref(), &recipe);
    let asked = Asked {
        calibration: args.calibration.as_deref(),
        scale: &args.scale,
        render: args.render,
        data_root: Some(&args.data.data_root),
    };
    let planned = whole(&recipe, &cluster, &run_dir, (&place, asked))?;
    match args.verify_gradients {
        None => Ok(planned),
        Some(extent) => verify::added(planned, &recipe, &cluster, &run_dir, extent),
    }
}

/// What `recipe` would do on `cluster`.
pub fn of(recipe: &Recipe, cluster: &Cluster, run_dir: &RunDir) -> Result<Answer, Error> {
    whole(recipe, cluster, run_dir, (&Place::of(recipe, cluster)?, Asked::default()))
}

/// Bytes that the checkpoints of `recipe` take at most at a time, where the model's size is known.
pub fn disk_bytes(recipe: &Recipe, run_dir: &RunDir) -> Result<Option<u64>, Error> {
    Ok(work::work(recipe, run_dir, None)?.work.disk_bytes())
}

/// How far the estimate was from what a run has measured, in sentences; kept in its `estimate.json`.
///
/// To be called when the ranks of a run have ended, however that came. Where nobody says how fast the hardware is,
/// only what was measured is kept.
pub fn conclude(
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
) -> Result<Vec<String>, Error> {
    let estimate = estimate_of(recipe, cluster, run_dir)?;
    match Kept::of(estimate.as_ref(), &Written::read(run_dir)?) {
        Some(kept) => {
            kept.save(run_dir)?;
            Ok(kept.times())
        }
        None => Ok(Vec::new()),
    }
}

/// What a run that has begun was to take; `None` where nobody says how fast the hardware is.
fn estimate_of(
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
) -> Result<Option<Estimate>, Error> {
    // Whoever ran there has the device; the driver of a cluster need not.
    let place = match cluster.backend {
        Backend::Local => Place::of(recipe, cluster)?,
        _ => Place::Elsewhere { lacks: None },
    };
    let (Some(rates), _) = outlook::rates(recipe, cluster, &place, (None, run_dir))? else {
        return Ok(None);
    };
    // Steps need not be timed again for this.
    let elsewhere = Place::Elsewhere { lacks: None };
    let mut planned = work::work(recipe, run_dir, Some((cluster, &elsewhere)))?;
    if let Some(chosen) = MemoryPlan::load(&run_dir.memory())? {
        planned.memory = chosen;
    }
    Outlook::new(recipe, run_dir, cluster, &planned, Some(rates)).estimate()
}

/// The ranks of `cluster` that share the memory of a machine, if it is this one; of others each has its device's.
pub fn machine(cluster: &Cluster) -> Machine {
    let Cluster { ranks, threads_per_rank: threads, sharding, .. } = *cluster;
    Machine { ranks, threads, sharding }
}

pub(super) fn is_prepared(recipe: &Recipe, index: usize, run_dir: &RunDir) -> bool {
    let phase = &recipe.phase[index];
    run_dir.prepared(index, &phase.name).join("manifest.json").exists()
}

/// What is asked beside the plan itself.
#[derive(Clone, Copy, Debug, Default)]
struct Asked<'a> {
    calibration: Option<&'a Path>,
    scale: &'a [u16],
    render: bool,
    data_root: Option<&'a Path>,
}

/// What was found out of a recipe before its plan is written.
struct Planned {
    work: Work,
    /// The network; `None` while its vocabulary is yet to be trained.
    shape: Option<DecoderConfig>,
    memory: MemoryPlan,
    /// What does not fit.
    misfits: Vec<String>,
}

/// The command line with the recipe, cluster and directory of a run, where it names one in the recipe's place.
fn of_a_run(args: &cli::Plan) -> cli::Plan {
    let run_dir = RunDir::new(&args.recipe.recipe);
    let mut args = args.clone();
    if run_dir.recipe_lock().is_file() {
        args.recipe.recipe = run_dir.recipe_lock();
        args.run_dir.get_or_insert(run_dir.root().to_owned());
        if run_dir.cluster().is_file() {
            args.cluster.get_or_insert(run_dir.cluster());
        }
    }
    args
}

fn whole(
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
    (place, asked): (&Place, Asked<'_>),
) -> Result<Answer, Error> {
    // Of other machines, and of hardware that is only named, nobody here knows how many cores they have.
    let cores = match place {
        Place::Here if cluster.hardware.name.is_none() => {
            std::thread::available_parallelism().map_or(1, usize::from)
        }
        _ => usize::MAX,
    };
    let planned = work::work(recipe, run_dir, Some((cluster, place)))?;
    let mut plan = Plan::new(planned.work.clone(), cluster, cores);
    plan.warnings.extend(planned.misfits.iter().cloned());
    let (rates, odd) = outlook::rates(recipe, cluster, place, (asked.calibration, run_dir))?;
    plan.warnings.extend(odd);
    plan.warnings.extend(place::other_device(recipe, cluster));
    if rates.is_none() && (*place != Place::Here || !asked.scale.is_empty()) {
        plan.warnings.push(outlook::NO_TIMES.to_owned());
    }
    if rates.is_some() || !asked.scale.is_empty() {
        let outlook = Outlook::new(recipe, run_dir, cluster, &planned, rates);
        outlook::add(&mut plan, &outlook, asked.scale)?;
    }
    if let Some(data_root) = asked.data_root {
        plan.inputs = inputs::inputs(recipe, &planned, data_root, place)?;
    }
    if let (Place::Elsewhere { lacks }, None) = (place, &plan.inputs) {
        plan.warnings.extend(lacks.clone());
    }
    plan.changes = before::changes(recipe, cluster, run_dir)?;
    if plan.error.is_none() {
        (plan.error, plan.error_of) = before::error(run_dir, plan.changes.as_ref());
    }
    match scripts(recipe, cluster, run_dir, asked) {
        Ok(scripts) => plan.rendered = scripts,
        Err(error) if asked.render => return Err(error),
        Err(error) => {
            plan.warnings.push(format!("no scripts for {}: {}", plan.backend, error.message))
        }
    }
    let json = serde_json::to_value(&plan)
        .map_err(|error| Error::new(exit::BUG, format!("the plan cannot be written: {error}")))?;
    Ok(Answer::new(plan.text(), json))
}

/// What a scheduler would get.
fn scripts(
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
    asked: Asked<'_>,
) -> Result<Vec<Script>, Error> {
    if !matches!(cluster.backend, Backend::Slurm | Backend::Kubernetes) {
        return Ok(Vec::new());
    }
    let absolute = |path: &Path| -> Result<PathBuf, Error> {
        Ok(std::path::absolute(path).map_err(data_pipeline::Error::read(path))?)
    };
    let program = std::env::current_exe().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to find the program itself: {error}"))
    })?;
    let job = Job {
        name: recipe.run.name.clone(),
        run_dir: absolute(run_dir.root())?,
        data_root: match asked.data_root.unwrap_or(Path::new("data")) {
            // A place in an object store is the same from everywhere.
            root if root.to_string_lossy().contains("://") => root.to_owned(),
            root => absolute(root)?,
        },
        program,
        cluster: cluster.clone(),
        phases: recipe.phase.iter().map(|phase| phase.name.clone()).collect(),
    };
    let script = |it: backend::Rendered| Script {
        file: it.file,
        lines: it.text.lines().count(),
        text: asked.render.then_some(it.text),
    };
    Ok(backend::queue(cluster).render(&job)?.into_iter().map(script).collect())
}
