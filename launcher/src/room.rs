//! Room on the disk for a run, before it begins.
//!
//! The estimate knows checkpoints to their headers; an answer is taken to be as long as those of real runs
//! are at most. A quota that the file system does not report is met later, when a file cannot be written.

use crate::error::Error;
use crate::verbs::plan;
use data_pipeline::corpus::Corpus;
use std::path::Path;
use trainer::checkpoint::space;
use trainer::evaluate::{declaration, split};
use trainer::recipe::Constrained;
use trainer::{Recipe, RunDir};

/// Bytes of a prediction: sentence, gold, answer and what was read of it.
const PREDICTION: u64 = 2 << 10;

/// Refuses a run that has less room than it will need, with both values.
pub fn check(recipe: &Recipe, run_dir: &RunDir) -> Result<(), Error> {
    let checkpoints = plan::disk_bytes(recipe, run_dir)?.unwrap_or(0);
    let there = space::taken(&run_dir.checkpoints());
    let needed = checkpoints.saturating_sub(there) + predictions(recipe);
    Ok(space::check(run_dir.root(), needed)?)
}

/// Bytes that the answers of all models will take.
fn predictions(recipe: &Recipe) -> u64 {
    let free = recipe.evaluation.constrained == Constrained::Both;
    let models = 1 + usize::from(free) + recipe.evaluation.baselines.len();
    let sentences = |benchmark: &trainer::recipe::Benchmark| {
        let path = declaration(&recipe.datasets, &benchmark.dataset);
        // Where a declaration says nothing, nothing is known.
        let corpus = Corpus::load(&path, Path::new("")).ok()?;
        let all = corpus.declared_sentences(split(&benchmark.dataset, "test"))?;
        Some(all.min(benchmark.limit.unwrap_or(all)))
    };
    let sentences: usize = recipe.evaluation.benchmarks.iter().filter_map(sentences).sum();
    (sentences * models) as u64 * PREDICTION
}
