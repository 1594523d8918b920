//! What the rounds of an evaluation come to: arguments of predicted triggers beside the others, and how
//! far F1 moves with orders and wordings.

use crate::error::Error;
use data_pipeline::predictions;
use data_pipeline::score::{Fertility, Options, Scores, Set, Varied, score_apart, sensitivity};
use data_pipeline::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};
use trainer::evaluate::{TRAINED, What, round_files, rounds, sets_asked};
use trainer::recipe::EvaluationConfig;
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
    let mut sets = read(&files)?;
    for (dataset, language, task) in sets_asked(&recipe.datasets, benchmarks)? {
        let is_it =
            |set: &Set| set.dataset == dataset && set.language == language && set.task == task;
        if !sets.iter().any(is_it) {
            sets.push(Set { dataset, language, task, predictions: Vec::new() });
        }
    }
    Ok(sets)
}

/// `scores` of a run with what the trained model's F1s come to over all orders and wordings, and with
/// the fertility of its languages.
pub fn told(
    scores: Scores,
    run_dir: &RunDir,
    recipe: &Recipe,
    tokenizer: &Tokenizer,
) -> Result<Scores, Error> {
    let EvaluationConfig { benchmarks, protocols, .. } = &recipe.evaluation;
    let (mut orders, mut wordings) = (Vec::new(), Vec::new());
    for round in rounds(&recipe.evaluation, TRAINED) {
        let rounds = match round.what {
            What::Order(_) => &mut orders,
            What::Paraphrase(_) => &mut wordings,
            What::Ordinary | What::Chained(_) => continue,
        };
        let files = round_files(run_dir, &round, &recipe.datasets, benchmarks)?;
        rounds.push(score_apart(&read(&files)?, protocols, &Options::default()).rows);
    }
    let mut found = sensitivity(Varied::Order, &scores.rows, &orders);
    found.extend(sensitivity(Varied::Paraphrase, &scores.rows, &wordings));
    let fertility = Fertility::of(&sets_of(run_dir, TRAINED, recipe)?, tokenizer);
    Ok(Scores { sensitivity: found, fertility, ..scores })
}

fn read(files: &[PathBuf]) -> Result<Vec<Set>, Error> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    Ok(Set::group(predictions::read_all(&files)?))
}
