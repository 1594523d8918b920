//! `knowcoder score`: predictions are scored again, in a second and without a model.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::Task;
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions;
use data_pipeline::score::{Protocol, Scores, Set, score as score_sets, table};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainer::evaluate::{FINAL_FREE, declaration, prediction_files};
use trainer::recipe::{Constrained, EvaluationConfig};
use trainer::{Recipe, RunDir};

/// Scores files of predictions.
pub fn score(args: &cli::Score) -> Result<Answer, Error> {
    let files: Vec<&Path> = args.files.iter().map(PathBuf::as_path).collect();
    for file in &files {
        if predictions::read(file)?.is_empty() {
            let message = format!("`{}` holds no prediction", file.display());
            return Err(Error::new(exit::DATA, message));
        }
    }
    let scores = Scores::from(rows(&files, &args.protocols)?);
    answer(&scores)
}

/// The scores of a run: the trained model's, with floors, papers and other models beside them.
pub fn of_run(run_dir: &RunDir, recipe: &Recipe) -> Result<Scores, Error> {
    let mut baselines = BTreeMap::new();
    for name in &recipe.evaluation.baselines {
        baselines.insert(name.clone(), rows_of(run_dir, name, recipe)?);
    }
    if recipe.evaluation.constrained == Constrained::Both {
        baselines.insert("free".to_owned(), rows_of(run_dir, FINAL_FREE, recipe)?);
    }
    let (mut floors, mut papers) = (BTreeMap::new(), BTreeMap::new());
    for benchmark in &recipe.evaluation.benchmarks {
        if benchmark.floor.is_none() && benchmark.paper.is_none() {
            continue;
        }
        let corpus = declaration(&recipe.datasets, &benchmark.dataset);
        let corpus = Corpus::load(&corpus, Path::new(""))?;
        // One name may stand for a set in several languages, each with its own floor.
        let name = format!("{}/{}", benchmark.name, corpus.language());
        floors.extend(benchmark.floor.map(|floor| (name.clone(), floor)));
        if let Some(paper) = benchmark.paper {
            let of_task = |task: &Task| (format!("{name}/{task}"), paper);
            papers.extend(benchmark.tasks.iter().map(of_task));
            if benchmark.tasks.is_empty() {
                papers.insert(name, paper);
            }
        }
    }
    Ok(Scores { rows: rows_of(run_dir, "final", recipe)?, floors, papers, baselines })
}

/// Scores as a table and as JSON.
pub fn answer(scores: &Scores) -> Result<Answer, Error> {
    let json = serde_json::to_value(scores)
        .map_err(|error| Error::new(exit::BUG, format!("scores cannot be written: {error}")))?;
    Ok(Answer::new(table(scores), json))
}

/// The scores of one model's predictions for the recipe's benchmarks.
fn rows_of(
    run_dir: &RunDir,
    which: &str,
    recipe: &Recipe,
) -> Result<Vec<data_pipeline::score::Row>, Error> {
    let EvaluationConfig { benchmarks, protocols, .. } = &recipe.evaluation;
    let files = prediction_files(run_dir, which, &recipe.datasets, benchmarks)?;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    rows(&files, protocols)
}

fn rows(files: &[&Path], protocols: &[Protocol]) -> Result<Vec<data_pipeline::score::Row>, Error> {
    let sets = Set::group(predictions::read_all(files)?);
    Ok(score_sets(&sets, protocols))
}

/// An answer that says too where its files are.
pub fn with_files(mut answer: Answer, text: &str, files: serde_json::Value) -> Answer {
    answer.text.push_str(text);
    answer.json = json!({"files": files, "scores": answer.json});
    answer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LINE: &str = r#"{"id":"1","dataset":"d","language":"en","task":"ner","sentence":"Ann","answer":"","gold":[{"type":"Person","name":"Ann","start":0,"end":3}],"predicted":[{"type":"Person","name":"Ann","start":0,"end":3}],"flaws":[]}"#;

    #[test]
    fn files_are_scored_under_each_protocol() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.jsonl");
        std::fs::write(&path, format!("{LINE}\n")).unwrap();
        let protocols = vec![Protocol::Set, Protocol::StrictSpan];
        let answer = score(&cli::Score { files: vec![path], protocols }).unwrap();
        assert_eq!(answer.json["rows"][0]["f1"], 100.0);
        assert_eq!(answer.json["rows"].as_array().unwrap().len(), 2);
        assert!(answer.text.contains("protocol `set`"), "{}", answer.text);
    }

    #[test]
    fn a_file_without_predictions_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.jsonl");
        std::fs::write(&path, "").unwrap();
        let error = score(&cli::Score { files: vec![path], protocols: vec![] }).unwrap_err();
        assert!(error.message.ends_with("holds no prediction"), "{error}");
        assert_eq!(error.code, exit::DATA);
    }
}
