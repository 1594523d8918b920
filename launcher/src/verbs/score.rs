//! `knowcoder score`: predictions are scored again, in a second and without a model.

use super::{Answer, rounds};
use crate::cli;
use crate::error::{Error, exit};
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::score::{
    Matching, Options, Protocol, Relations, Rule, Scores, Set, compare_under, comparisons, panel,
    score_apart, table, types,
};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::width::{TERMINAL, clipped, folded, printable};
use data_pipeline::{Span, Task};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trainer::evaluate::{FINAL_FREE, TRAINED, declaration};
use trainer::recipe::Constrained;
use trainer::{Recipe, RunDir};

/// More protocols than these stand side by side.
const BLOCKS: usize = 2;
/// Stands for stdin among files.
const STDIN: &str = "-";
/// Columns of what an error quotes.
const SHOWN: usize = 60;
/// Pieces of a mention whose places an error tells.
const PIECES: usize = 5;

/// Scores files of predictions, and compares them with those of another run if there are any.
pub fn score(args: &cli::Score) -> Result<Answer, Error> {
    let named = args.files.iter().chain(&args.against);
    if named.filter(|file| file.as_os_str() == STDIN).count() > 1 {
        let message = "stdin is named twice; `-` may stand for it once";
        return Err(Error::new(exit::USAGE, message));
    }
    let sets = read(&args.files)?;
    let against = read(&args.against)?;
    let protocols = protocols(args);
    let options = options(args);
    let scores = score_apart(&sets, &protocols, &options);
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
        for &protocol in &protocols {
            let Options { matching, relations, .. } = options;
            found.extend(compare_under(&sets, &against, Rule { protocol, matching, relations })?);
        }
        let (a, b) = (names(&args.files), names(&args.against));
        if found.is_empty() {
            let message =
                format!("nothing is compared: nothing is annotated in what {a} and {b} answered");
            return Err(Error::new(exit::DATA, message).hint("leave out --against"));
        }
        answer.text += &format!("\nA: {a}\nB: {b}\n{}", comparisons(&found));
        answer.json["comparisons"] = json!(found);
    }
    let unknown = not_there(&args.seen, &sets);
    if !unknown.is_empty() {
        let known: BTreeSet<&str> = sets.iter().map(|set| set.language.as_str()).collect();
        let known: Vec<&str> = known.into_iter().collect();
        let line = format!(
            "--seen: nothing here is in {}; the languages are {}",
            unknown.join(", "),
            known.join(", ")
        );
        let lines = folded(&line.split(' ').map(printable).collect::<Vec<_>>(), " ", TERMINAL);
        answer.text += &format!("{}\n", lines.join("\n"));
        answer.json["seen_not_here"] = json!(unknown);
    }
    Ok(answer)
}

/// The protocols that are asked for, each once.
fn protocols(args: &cli::Score) -> Vec<Protocol> {
    let named: &[Protocol] = if args.panel { &Protocol::ALL } else { &args.protocols };
    let mut protocols = Vec::with_capacity(named.len());
    for protocol in named {
        if !protocols.contains(protocol) {
            protocols.push(*protocol);
        }
    }
    protocols
}

/// The languages of `seen` that no set is in.
fn not_there<'a>(seen: &'a [String], sets: &[Set]) -> Vec<&'a str> {
    let is_there = |language: &str| sets.iter().any(|set| set.language == language);
    seen.iter().map(String::as_str).filter(|language| !is_there(language)).collect()
}

/// The sets of predictions in files; a file without any is refused, and gold that stands elsewhere than
/// it says.
fn read(files: &[PathBuf]) -> Result<Vec<Set>, Error> {
    let path = |file: &'_ PathBuf| match file.as_os_str() == STDIN {
        true => PathBuf::from("/dev/stdin"),
        false => file.clone(),
    };
    let paths: Vec<PathBuf> = files.iter().map(path).collect();
    // Each is read once: a pipe has nothing to say a second time.
    let read = predictions::read_each(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    for (file, rows) in files.iter().zip(&read) {
        if rows.is_empty() {
            let message = format!("`{}` holds no prediction", file.display());
            return Err(Error::new(exit::DATA, message));
        }
        rows.iter().try_for_each(|row| placed(file, row))?;
    }
    Ok(Set::group(read.into_iter().flatten()))
}

/// Refuses gold whose place is not its text: what counts by place would count something else.
fn placed(file: &Path, row: &Prediction) -> Result<(), Error> {
    let Some((mention, read)) = row.misplaced() else { return Ok(()) };
    let short = |text: &str| clipped(&printable(text), SHOWN);
    let written = |place: &Span| format!("{}..{}", place.start, place.end);
    let places: Vec<String> = mention.places().iter().take(PIECES).map(written).collect();
    let Prediction { id, dataset, task, .. } = row;
    let message = format!(
        "{}: the gold of {task} sentence `{}` of `{}` has `{}` at characters {}, where the sentence has `{}`",
        file.display(),
        short(id),
        short(dataset),
        short(&mention.text),
        places.join(", "),
        short(&read)
    );
    Err(Error::new(exit::DATA, message).hint(
        "characters count from 0 and the end is exclusive; put the place right or leave it out",
    ))
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
    fn a_comparison_of_nothing_is_refused() {
        let empty = LINE.replacen(r#"[{"type":"Person","name":"Ann","start":0,"end":3}]"#, "[]", 1);
        let against = |args: &mut cli::Score, dir: &Path| args.against = vec![dir.join("e.jsonl")];
        let error = check(&[("d.jsonl", &empty), ("e.jsonl", &empty)], against).unwrap_err();
        assert!(error.message.starts_with("nothing is compared: "), "{error}");
        assert_eq!(error.code, exit::DATA);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("e.jsonl");
        std::fs::write(&other, LINE).unwrap();
        let protocols = vec![Protocol::Set];
        // What was written once has been read when it is looked at again.
        let piped = || {
            let (reader, mut writer) = std::io::pipe().unwrap();
            std::io::Write::write_all(&mut writer, LINE.as_bytes()).unwrap();
            reader
        };
        let path = |pipe: &std::io::PipeReader| {
            PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(pipe)))
        };
        let (one, two) = (piped(), piped());
        let (files, against) = (vec![path(&one)], vec![path(&two)]);
        let args = cli::Score { files, against, protocols, ..cli::Score::default() };
        let answer = score(&args).unwrap();
        assert_eq!(answer.json["rows"][0]["f1"], 100.0);
        assert_eq!(answer.json["comparisons"][0]["difference"], 0.0);
        let files = vec![PathBuf::from("-"), PathBuf::from("-")];
        let error = score(&cli::Score { files, ..cli::Score::default() }).unwrap_err();
        assert_eq!((error.code, error.message.contains("named twice")), (exit::USAGE, true));
    }

    #[test]
    fn gold_that_stands_elsewhere_is_refused() {
        let off = LINE.replacen("Ann", "Is Ann", 1).replacen(
            r#""start":0,"end":3"#,
            r#""start":2,"end":5"#,
            1,
        );
        let error = check(&[("d.jsonl", &off)], |_, _| ()).unwrap_err();
        let expected = "has `Ann` at characters 2..5, where the sentence has ` An`";
        assert!(error.message.ends_with(expected), "{error}");
        assert_eq!(error.code, exit::DATA);
    }

    #[test]
    fn a_protocol_counts_once_and_a_language_that_is_not_there_is_told() {
        let answer = check(&[("d.jsonl", LINE)], |args, _| {
            args.protocols = vec![Protocol::Set, Protocol::StrictSpan, Protocol::Set];
            args.seen = vec!["en".into(), "xx".into()];
        });
        let answer = answer.unwrap();
        let rows = answer.json["rows"].as_array().unwrap();
        assert!(
            rows.iter().filter(|row| row["protocol"] == "set" && row["dataset"] == "d").count()
                == 1
        );
        assert_eq!(answer.json["seen_not_here"], json!(["xx"]));
        let expected = "--seen: nothing here is in xx; the languages are en\n";
        assert!(answer.text.ends_with(expected), "{}", answer.text);
        let answer = check(&[("d.jsonl", LINE)], |args, _| args.seen = vec!["en".into()]);
        assert!(!answer.unwrap().text.contains("--seen"));
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
