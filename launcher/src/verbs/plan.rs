//! `knowcoder plan`, and `run --dry-run`: what would be done, without doing any of it.

use super::run::{cluster_of, recipe_of, run_dir_of};
use super::{Answer, verify};
use crate::cli;
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use crate::plan::{Phase, Plan, Work};
use data_pipeline::order::{Mixture, Order};
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use trainer::network::decoder_config;
use trainer::pace::seconds_per_step;
use trainer::recipe::{self, Length, Train};
use trainer::run::steps;
use trainer::{Recipe, RunDir};

/// Says what a run would do.
pub fn plan(args: &cli::Plan) -> Result<Answer, Error> {
    let recipe = recipe_of(&args.recipe)?;
    trainer::prepare::check(&recipe)?;
    let cluster = cluster_of(args.cluster.as_deref())?;
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
    let plan = Plan::new(work(recipe, run_dir, cluster.ranks)?, cluster, cores);
    let json = serde_json::to_value(&plan)
        .map_err(|error| Error::new(exit::BUG, format!("the plan cannot be written: {error}")))?;
    Ok(Answer::new(plan.text(), json))
}

/// Larger models are not timed: `plan` answers within seconds.
const TIMED_PARAMETERS: u64 = 50_000_000;

fn work(recipe: &Recipe, run_dir: &RunDir, world: usize) -> Result<Work, Error> {
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
    let parameters = shape.as_ref().map(|shape| shape.parameters() as u64);
    let trainable = |phase: &recipe::Phase| match phase.train {
        Train::Full => parameters,
        Train::Lora => shape
            .as_ref()
            .and_then(|shape| phase.lora.parameters(shape).ok())
            .map(|parameters| parameters as u64),
    };
    Ok(Work {
        name: recipe.run.name.clone(),
        device: recipe.run.device.clone(),
        parameters,
        keep: recipe.checkpoint.keep,
        phases: recipe
            .phase
            .iter()
            .enumerate()
            .map(|(index, phase)| {
                Ok(Phase {
                    name: phase.name.clone(),
                    samples: phase.batch.samples,
                    max_length: phase.batch.max_length,
                    micro_tokens: phase.batch.micro_tokens,
                    steps: steps_of(recipe, index, run_dir)?,
                    epochs: match phase.length {
                        Length::Steps(_) => None,
                        Length::Epochs(epochs) => Some(epochs),
                    },
                    trainable: trainable(phase),
                    seconds_per_step: match parameters {
                        Some(..=TIMED_PARAMETERS) if is_prepared(recipe, index, run_dir) => {
                            Some(seconds_per_step(recipe, index, run_dir, world)?)
                        }
                        _ => None,
                    },
                })
            })
            .collect::<Result<_, Error>>()?,
    })
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
    let mixture = Mixture { weights: phase.weights.clone() };
    let order = Order::new(recipe.run.seed, shards.groups(), &mixture, phase.batch.samples)?;
    Ok(Some(steps(phase, &order)))
}
