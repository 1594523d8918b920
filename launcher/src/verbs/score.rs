//! `knowcoder score`: predictions are scored again, in a second and without a model.

use super::{Answer, rounds};
use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::Task;
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions;
use data_pipeline::score::{
    Matching, Options, Protocol, Relations, Rule, Scores, Set, compare_under, comparisons, panel,
    score_apart, table, types,
};
use data_pipeline::tokenizer::Tokenizer;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trainer::evaluate::{FINAL_FREE, TRAINED, declaration};
use trainer::recipe::Constrained;
use trainer::{Recipe, RunDir};

/// More protocols than these stand side by side.
const BLOCKS: usize = 2;

/// Scores files of predictions, and compares them with those of another run if there are any.
pub fn score(args: &cli::Score) -> Result<Answer, Error> {
    let sets = read(&args.files)?;
    let against = read(&args.against)?;
    let protocols: &[Protocol] = if args.panel { &Protocol::ALL } else { &args.protocols };
    let options = options(args);
    let scores = score_apart(&sets, protocols, &options);
    if scores.rows.is_empty() {
        let reasons: BTreeSet<String> = scores
            .absent
            .iter()
            .map(|it| format!("`{}` for {}: {}", it.protocol, it.task, it.why))
            .collect();
        let reasons: Vec<String> = reasons.into_iter().collect();
        let message = format!("there is no score of {}", reasons.join("; "));
        return Err(Error::new(exit::DATA, message).hint("ask for another --protocol"));
    }
    let shown = if protocols.len() > BLOCKS { panel(&scores) } else { table(&scores) };
    let mut answer = Answer { text: shown, ..answer(&scores)? };
    if options.by_type {
        answer.text += &format!("\n{}", types(&scores));
    }
    if !against.is_empty() {
        let mut found = Vec::new();
        for &protocol in protocols {
            let Options { matching, relations, .. } = options;
            found.extend(compare_under(&sets, &against, Rule { protocol, matching, relations })?);
        }
        let shown = match found.as_slice() {
            [] => "nothing is annotated in what both answered\n".to_owned(),
            found => comparisons(found),
        };
        let (a, b) = (names(&args.files), names(&args.against));
        answer.text += &format!("\nA: {a}\nB: {b}\n{shown}");
        answer.json["comparisons"] = json!(found);
    }
    Ok(answer)
}

/// The sets of predictions in files; a file without any is refused.
fn read(files: &[PathBuf]) -> Result<Vec<Set>, Error> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    for file in &files {
        if predictions::read(file)?.is_empty() {
            let message = format!("`{}` holds no prediction", file.display());
            return Err(Error::new(exit::DATA, message));
        }
    }
    Ok(Set::group(predictions::read_all(&files)?))
}

fn options(args: &cli::Score) -> Options {
    let by = |what| args.by.contains(&what);
    Options {
        seen: (!args.seen.is_empty()).then(|| args.seen.iter().cloned().collect()),
        by_type: by(cli::By::Type),
        by_language: by(cli::By::Language),
        by_source: by(cli::By::Source),
        matching: if args.heads { Matching::Head } else { Matching::Exact },
        relations: if args.strict { Relations::Strict } else { Relations::Boundary },
    }
}

fn names(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    names.join(", ")
}

/// The scores of a run: the trained model's, with floors, papers and other models beside them.
pub fn of_run(run_dir: &RunDir, recipe: &Recipe, tokenizer: &Tokenizer) -> Result<Scores, Error> {
    let mut baselines = BTreeMap::new();
    for name in &recipe.evaluation.baselines {
        baselines.insert(name.clone(), scores_of(run_dir, name, recipe)?.rows);
    }
    if recipe.evaluation.constrained == Constrained::Both {
        let free = scores_of(run_dir, FINAL_FREE, recipe)?.rows;
        baselines.insert("free".to_owned(), free);
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
    let sets = rounds::sets_of(run_dir, TRAINED, recipe)?;
    let scores = Scores { floors, papers, baselines, ..rounds::scored(&sets, recipe) };
    rounds::told(scores, &sets, run_dir, recipe, tokenizer)
}

/// Scores as a table and as JSON.
pub fn answer(scores: &Scores) -> Result<Answer, Error> {
    let json = serde_json::to_value(scores)
        .map_err(|error| Error::new(exit::BUG, format!("scores cannot be written: {error}")))?;
    Ok(Answer::new(table(scores), json))
}

/// The scores of one model's predictions for the recipe's benchmarks.
fn scores_of(run_dir: &RunDir, which: &str, recipe: &Recipe) -> Result<Scores, Error> {
    Ok(rounds::scored(&rounds::sets_of(run_dir, which, recipe)?, recipe))
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

    /// What becomes of files, each with its lines, and of further arguments.
    fn check(
        files: &[(&str, &str)],
        change: impl Fn(&mut cli::Score, &Path),
    ) -> Result<Answer, Error> {
        let dir = tempfile::tempdir().unwrap();
        for (name, lines) in files {
            std::fs::write(dir.path().join(name), lines).unwrap();
        }
        let first = vec![dir.path().join(files[0].0)];
        let protocols = vec![Protocol::Set, Protocol::StrictSpan];
        let mut args = cli::Score { files: first, protocols, ..cli::Score::default() };
        change(&mut args, dir.path());
        score(&args)
    }

    #[test]
    fn files_are_scored_under_each_protocol() {
        let answer = check(&[("d.jsonl", LINE)], |_, _| ()).unwrap();
        assert_eq!(answer.json["rows"][0]["f1"], 100.0);
        assert_eq!(answer.json["rows"].as_array().unwrap().len(), 2);
        assert!(answer.text.contains("protocol `set`"), "{}", answer.text);
    }

    #[test]
    fn every_protocol_and_every_class_is_told_if_asked() {
        let answer = check(&[("d.jsonl", LINE)], |args, _| {
            (args.panel, args.by) = (true, vec![cli::By::Type]);
        });
        let answer = answer.unwrap();
        let rows = answer.json["rows"].as_array().unwrap();
        // A row of the set and one of the mean of classes.
        assert_eq!(rows.len(), 2 * Protocol::ALL.len());
        assert!(rows.iter().all(|row| row["f1"] == 100.0), "{rows:?}");
        assert_eq!(answer.json["by_type"][0]["class"], "Person");
        assert!(answer.text.contains("known defect of `gollie`"), "{}", answer.text);
        assert!(answer.text.contains("F1 of each class"), "{}", answer.text);
        assert!(answer.text.lines().all(|line| data_pipeline::width::columns(line) <= 80));
    }

    #[test]
    fn two_runs_are_compared() {
        let other = LINE
            .replace("\"predicted\":[{\"type\":\"Person\"", "\"predicted\":[{\"type\":\"City\"");
        let against = |args: &mut cli::Score, dir: &Path| args.against = vec![dir.join("e.jsonl")];
        let answer = check(&[("d.jsonl", LINE), ("e.jsonl", &other)], against).unwrap();
        assert_eq!(answer.json["comparisons"][0]["difference"], 100.0);
        assert_eq!(answer.json["comparisons"].as_array().unwrap().len(), 2);
        assert!(answer.text.contains("+100.0"), "{}", answer.text);
        let other = LINE.replace("\"id\":\"1\"", "\"id\":\"2\"");
        let error = check(&[("d.jsonl", LINE), ("e.jsonl", &other)], against).unwrap_err();
        assert!(error.message.contains("the sentence `1` in the first run only"), "{error}");
        assert_eq!(error.code, exit::DATA);
        let error = check(&[("d.jsonl", LINE), ("e.jsonl", "\n")], against).unwrap_err();
        assert!(error.message.ends_with("holds no prediction"), "{error}");
    }

    #[test]
    fn a_protocol_that_says_nothing_says_so() {
        let relation = LINE.replace("\"ner\"", "\"re\"");
        let only = |args: &mut cli::Score, _: &Path| args.protocols = vec![Protocol::B2ner];
        let error = check(&[("d.jsonl", &relation)], only).unwrap_err();
        assert!(error.message.ends_with("`b2ner` for re: B2NER scores entities only"), "{error}");
    }

    #[test]
    fn a_file_without_predictions_is_refused() {
        let error = check(&[("d.jsonl", "")], |_, _| ()).unwrap_err();
        assert!(error.message.ends_with("holds no prediction"), "{error}");
        assert_eq!(error.code, exit::DATA);
    }
}
