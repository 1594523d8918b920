//! The work of a recipe: its phases, what they hold, and how long they are.

use super::{Place, Planned, is_prepared, machine};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::plan::{Phase, Work};
use crate::verbs::run::has_checkpoints;
use data_pipeline::corpus::Corpus;
use data_pipeline::order::Order;
use data_pipeline::prepare::{Kind, Source};
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use std::path::Path;
use trainer::evaluate::{Workload, declaration};
use trainer::memory::{MemoryPlan, plan_phase, plan_phase_within, settle};
use trainer::network::{DecoderConfig, decoder_config, preset, shape};
use trainer::pace::seconds_per_step;
use trainer::recipe::{self, Length, Train};
use trainer::run::steps;
use trainer::{Recipe, RunDir};

/// Larger models are not timed: `plan` answers within seconds.
const TIMED_PARAMETERS: u64 = 50_000_000;

/// The work of a recipe, and what of it does not fit into memory. Memory and the time of a step are those
/// of a cluster, if one is given.
pub(super) fn work(
    recipe: &Recipe,
    run_dir: &RunDir,
    cluster: Option<(&Cluster, &Place)>,
) -> Result<Planned, Error> {
    let shape = shape_of(recipe, run_dir)?;
    let (memory, misfits) = match cluster {
        Some((cluster, place)) => memory(recipe, run_dir, (cluster, place), shape.as_ref())?,
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
                        (Some(..=TIMED_PARAMETERS), Some((cluster, Place::Here)))
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
    Ok(Planned { work, shape, memory, misfits })
}

/// The network's shape; `None` while the vocabulary is yet to be trained.
///
/// Where neither the run's vocabulary nor the recipe's is here, a preset has its own.
fn shape_of(recipe: &Recipe, run_dir: &RunDir) -> Result<Option<DecoderConfig>, Error> {
    let vocabulary = match (&recipe.tokenizer.file, &recipe.model.path) {
        _ if run_dir.tokenizer().exists() => Some(run_dir.tokenizer()),
        (Some(file), _) => Some(file.clone()),
        (None, model) => model.clone(),
    };
    let Some(path) = vocabulary else { return Ok(None) };
    match &recipe.model.preset {
        Some(name) if !path.exists() => Ok(Some(shape(recipe, preset(name)?.vocab_size)?)),
        _ => Ok(Some(decoder_config(recipe, &Tokenizer::load(&path)?)?)),
    }
}

/// What was chosen when the run began, or what would be chosen now, and what of it does not fit.
fn memory(
    recipe: &Recipe,
    run_dir: &RunDir,
    (cluster, place): (&Cluster, &Place),
    shape: Option<&DecoderConfig>,
) -> Result<(MemoryPlan, Vec<String>), Error> {
    let machine = machine(cluster);
    if run_dir.memory().exists() && has_checkpoints(run_dir) {
        return match place {
            Place::Here => Ok(settle(recipe, run_dir, machine, true)?),
            // What was chosen there stays; what is free there, nobody here can ask.
            Place::Elsewhere { .. } => {
                Ok((MemoryPlan::load(&run_dir.memory())?.unwrap_or_default(), Vec::new()))
            }
        };
    }
    let (mut plan, mut misfits) = (MemoryPlan::default(), Vec::new());
    let Some(shape) = shape else { return Ok((plan, misfits)) };
    let budget = Place::budget(recipe, cluster);
    for index in 0..recipe.phase.len() {
        let planned = match place {
            Place::Here => plan_phase(recipe, index, run_dir, shape, machine)?,
            Place::Elsewhere { .. } => {
                plan_phase_within(recipe, index, run_dir, shape, (machine, budget.as_ref()))?
            }
        };
        misfits.extend(planned.misfit);
        plan.phases.push(planned.plan);
    }
    Ok((plan, misfits))
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

/// Steps of a phase as the declarations of its corpora promise them, about: a sample for each sentence and task; and
/// the corpora that do not say how many sentences they have. `None` where none says it.
pub(super) fn declared_steps(
    recipe: &Recipe,
    phase: &recipe::Phase,
) -> Option<(usize, Vec<String>)> {
    let Length::Epochs(epochs) = phase.length else { return None };
    let (mut samples, mut silent) = (0, Vec::new());
    for source in &phase.datasets {
        match declared_samples(recipe, phase, source) {
            Some(count) => samples += count,
            None => silent.push(source.to_string()),
        }
    }
    let steps = (samples as f64 * epochs / phase.batch.samples as f64).ceil() as usize;
    (samples > 0).then_some((steps.max(1), silent))
}

/// Samples that a source of a phase is declared to have.
fn declared_samples(recipe: &Recipe, phase: &recipe::Phase, source: &Source) -> Option<usize> {
    match source {
        Source::RandomCopy { samples } => Some(*samples),
        Source::Corpus { name, split } => {
            // What is wrong with a declaration is another check's sentence.
            let corpus = Corpus::load(&declaration(&recipe.datasets, name), Path::new("")).ok()?;
            let tasks = match phase.kind {
                Kind::Alignment if phase.both_directions => 2,
                Kind::Alignment => 1,
                _ => corpus.tasks().len().max(1),
            };
            Some(tasks * corpus.declared_sentences(split)?)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn declarations_promise_a_number_of_steps() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/cross-lingual-ner.toml");
        let mut recipe = Recipe::load(&path, &[]).unwrap();
        let phase = &mut recipe.phase[0];
        assert_eq!(declared_steps(&Recipe::load(&path, &[]).unwrap(), phase), None);
        // 800 pairs of two directions in batches of 32.
        phase.length = Length::Epochs(1.0);
        let phase = phase.clone();
        assert_eq!(declared_steps(&recipe, &phase), Some((50, Vec::new())));
        let once = recipe::Phase { both_directions: false, ..phase };
        assert_eq!(declared_steps(&recipe, &once), Some((25, Vec::new())));
        // Nobody counted the sentences of ACE 2005's events.
        let datasets = ["uner-en:dev", "ace05-ee:train"].map(|name| name.parse().unwrap()).into();
        let mixed = recipe::Phase { kind: Kind::Instruction, datasets, ..once };
        let (steps, silent) = declared_steps(&recipe, &mixed).unwrap();
        assert!(steps > 10, "{steps}");
        assert_eq!(silent, ["ace05-ee:train"]);
    }
}
