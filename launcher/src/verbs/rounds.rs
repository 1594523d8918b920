//! What the rounds of an evaluation come to: arguments of predicted triggers beside the others, and how
//! far F1 moves with orders and wordings.

use crate::error::Error;
use data_pipeline::predictions;
use data_pipeline::score::{Fertility, Options, Scores, Set, Varied, score_apart, sensitivity};
use data_pipeline::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};
use trainer::evaluate::{TRAINED, What, round_files, rounds, sets_asked, trained_languages};
use trainer::{Recipe, RunDir};

/// One model's predictions for the recipe's benchmarks, those of predicted triggers included; a set
/// for which no sentence could be asked is empty.
pub fn sets_of(run_dir: &RunDir, which: &str, recipe: &Recipe) -> Result<Vec<Set>, Error> {
    let benchmarks = &recipe.evaluation.benchmarks;
    let mut files = Vec::new();
    for round in rounds(&recipe.evaluation, which) {
        if matches!(round.what, What::Ordinary | What::Chained(_)) {
            files.extend(round_files(run_dir, &round, &recipe.datasets, benchmarks)?);
        }
    }
    padded(read(&files)?, recipe)
}

/// `sets` and, without predictions, those that are asked and have none: a row of each, and sums of the
/// same languages, in all rounds.
fn padded(mut sets: Vec<Set>, recipe: &Recipe) -> Result<Vec<Set>, Error> {
    let benchmarks = &recipe.evaluation.benchmarks;
    for (dataset, language, task) in sets_asked(&recipe.datasets, benchmarks)? {
        let is_it =
            |set: &Set| set.dataset == dataset && set.language == language && set.task == task;
        if !sets.iter().any(is_it) {
            sets.push(Set { dataset, language, task, predictions: Vec::new() });
        }
    }
    Ok(sets)
}

/// Scores of the sets of one round, by the recipe; all rounds have the same rows.
pub fn scored(sets: &[Set], recipe: &Recipe) -> Scores {
    // Without the declarations that a phase read, nobody knows which languages it saw.
    let options = Options { seen: trained_languages(recipe).ok(), ..Options::default() };
    score_apart(sets, &recipe.evaluation.protocols, &options)
}

/// `scores` of a run, which are of `sets`, with what the trained model's F1s come to over all orders and
/// wordings, and with the fertility of its languages.
pub fn told(
    scores: Scores,
    sets: &[Set],
    run_dir: &RunDir,
    recipe: &Recipe,
    tokenizer: &Tokenizer,
) -> Result<Scores, Error> {
    let benchmarks = &recipe.evaluation.benchmarks;
    let (mut orders, mut wordings) = (Vec::new(), Vec::new());
    for round in rounds(&recipe.evaluation, TRAINED) {
        let rounds = match round.what {
            What::Order(_) => &mut orders,
            What::Paraphrase(_) => &mut wordings,
            What::Ordinary | What::Chained(_) => continue,
        };
        let files = round_files(run_dir, &round, &recipe.datasets, benchmarks)?;
        rounds.push(scored(&padded(read(&files)?, recipe)?, recipe).rows);
    }
    let mut found = sensitivity(Varied::Order, &scores.rows, &orders);
    found.extend(sensitivity(Varied::Paraphrase, &scores.rows, &wordings));
    let fertility = Fertility::of(sets, tokenizer);
    Ok(Scores { sensitivity: found, fertility, ..scores })
}

fn read(files: &[PathBuf]) -> Result<Vec<Set>, Error> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    Ok(Set::group(predictions::read_all(&files)?))
}
