//! What runs were asked and answered, for the tables of papers.
//!
//! Only receipts count: a file of predictions is taken for the test set, split and part that the
//! receipt beside it names, and only if it is the file that the receipt was written for.

use crate::error::{Error, exit};
use data_pipeline::benchmark::{Filled, Run};
use data_pipeline::predictions;
use data_pipeline::score::{Options, Protocol, Quality, Set, score_with};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainer::RunDir;
use trainer::evaluate::receipt::{Proof, Question, proof};
use trainer::evaluate::{FINAL_FREE, TRAINED};

/// The models of one directory, the trained one first, and what of it cannot be counted.
pub struct Answered {
    /// A row each.
    pub runs: Vec<Run>,
    /// Files without a receipt that holds.
    pub left_out: Vec<String>,
}

/// Reads what the directory of a run, of an evaluation or of a baseline proves.
pub fn read(directory: &Path, protocol: Protocol) -> Result<Answered, Error> {
    let run_dir = RunDir::new(directory);
    let folders = entries(&run_dir.all_predictions())?;
    if folders.is_empty() {
        let message =
            format!("`{}` holds no predictions: nothing in it was asked yet", directory.display());
        return Err(Error::new(exit::DECLARATION, message)
            .hint("name the directory of a run, or the --out of `evaluate` or `baseline`"));
    }
    let name = name_of(&run_dir)?;
    let mut left_out = Vec::new();
    let mut models: BTreeMap<(bool, String), (Vec<Filled>, bool)> = BTreeMap::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let which = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut filled = Vec::new();
        let mut constrained = false;
        for file in entries(folder)?.iter().filter(|file| is_of_predictions(file)) {
            match proof(file) {
                // Other orders of the classes, other wordings and predicted triggers are other
                // questions, and one of several rounds is no model of its own.
                Proof::Answers(question) if !question.is_ordinary() => {}
                Proof::Answers(question) => {
                    constrained |= question.constrained;
                    filled.extend(answered(file, &question, protocol)?);
                }
                Proof::Missing => left_out.push(format!("`{}` has no receipt", file.display())),
                Proof::Changed => left_out.push(format!(
                    "`{}` is not the file that its receipt was written for",
                    file.display()
                )),
                Proof::Unreadable(why) => {
                    left_out.push(format!("the receipt of `{}`: {why}", file.display()));
                }
            }
        }
        if !filled.is_empty() || which == TRAINED {
            models.insert((which != TRAINED, which), (filled, constrained));
        }
    }
    let runs = models
        .into_iter()
        .map(|((is_other, which), (filled, constrained))| {
            let about = match (constrained, which == FINAL_FREE) {
                (true, _) => {
                    vec!["its answers were held to a grammar of what was offered".to_owned()]
                }
                (false, true) => vec!["the same model, without the grammar".to_owned()],
                (false, false) => Vec::new(),
            };
            let which = which.strip_prefix("final-").unwrap_or(&which);
            let name = if is_other { format!("{name} ({which})") } else { name.clone() };
            Run { name, filled, about }
        })
        .collect();
    Ok(Answered { runs, left_out })
}

/// The test sets in a file of predictions, scored.
fn answered(file: &Path, question: &Question, protocol: Protocol) -> Result<Vec<Filled>, Error> {
    let (dataset, split) = named(&question.benchmark.0);
    let sets = Set::group(predictions::read(file)?);
    let of_set = |set: &Set| {
        let scores = score_with(std::slice::from_ref(set), &[protocol], &Options::default());
        // A set has a row, or a reason why it has none.
        let row = scores.rows.first();
        let undefined = scores.absent.into_iter().next().map(|it| it.why);
        let sentences = set.predictions.len();
        // Whoever asks for more sentences than there are asks for all; of arguments only those
        // sentences are asked that have events, so there nothing can be told.
        let is_cut = |limit: &usize| set.task == data_pipeline::Task::Eae || sentences >= *limit;
        Filled {
            dataset: dataset.clone(),
            split: split.clone(),
            language: set.language.clone(),
            task: set.task,
            shots: question.shots,
            limit: question.limit.filter(is_cut),
            sentences,
            undefined,
            f1: row.and_then(|row| row.f1),
            interval: row.and_then(|row| row.low.zip(row.high)),
            quality: set.predictions.iter().map(Quality::of).sum(),
        }
    };
    Ok(sets.iter().map(of_set).collect())
}

/// Declaration and split of `NAME`, `NAME:SPLIT` or `FOLDER/NAME.toml:SPLIT`.
fn named(dataset: &str) -> (String, String) {
    let (name, split) = dataset.split_once(':').unwrap_or((dataset, "test"));
    let name = match name.strip_suffix(".toml") {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => name,
    };
    (name.to_owned(), split.to_owned())
}

/// What the run is called: by its recipe, else as its directory.
fn name_of(run_dir: &RunDir) -> Result<String, Error> {
    let recipe = std::fs::read_to_string(run_dir.recipe_lock()).ok();
    let recipe: Option<toml::Table> = recipe.and_then(|text| text.parse().ok());
    let named = recipe.as_ref().and_then(|table| table.get("run")?.get("name")?.as_str());
    if let Some(name) = named {
        return Ok(name.to_owned());
    }
    let whole = std::fs::canonicalize(run_dir.root())
        .map_err(data_pipeline::Error::read(run_dir.root()))?;
    Ok(whole.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// Whether it is a whole file of predictions: ranks leave parts of theirs while they answer.
fn is_of_predictions(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".jsonl").is_some_and(|name| !name.contains(".rank-"))
}

/// What lies in a folder, sorted; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = match std::fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(data_pipeline::Error::read(folder)(error).into()),
    };
    let mut paths = read
        .map(|entry| Ok(entry.map_err(data_pipeline::Error::read(folder))?.path()))
        .collect::<Result<Vec<_>, Error>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::Task;
    use trainer::evaluate::receipt::Receipt;

    const LINE: &str = r#"{"id":"1","dataset":"d","language":"en","task":"ner","sentence":"Ann","gold":[{"type":"Person","name":"Ann","start":0,"end":3}],"predicted":[{"type":"Person","name":"Ann","start":0,"end":3}]}"#;

    fn put(
        run_dir: &Path,
        which: &str,
        name: &str,
        dataset: &str,
        limit: Option<usize>,
    ) -> PathBuf {
        let question = Question { limit, ..question(dataset) };
        put_asked(run_dir, which, name, (question, LINE))
    }

    fn question(dataset: &str) -> Question {
        let benchmark = (dataset.to_owned(), "d".to_owned());
        Question::without_model("m".into(), benchmark, "c".into(), vec![Task::Ner], None)
    }

    fn put_asked(run_dir: &Path, which: &str, name: &str, asked: (Question, &str)) -> PathBuf {
        let path = RunDir::new(run_dir).predictions(which, name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{}\n", asked.1)).unwrap();
        Receipt::new(asked.0, 0).write(&path).unwrap();
        path
    }

    #[test]
    fn rounds_are_no_models_and_grammars_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("a-run");
        let ordinary = Question { constrained: true, shots: 5, ..question("d") };
        let round = |wording, order: &str| Question {
            wording,
            order: order.to_owned(),
            ..ordinary.clone()
        };
        put_asked(&run, "final", "d-en", (ordinary.clone(), LINE));
        put_asked(&run, "final-paraphrase-1", "d-en", (round(Some(1), ""), LINE));
        put_asked(&run, "final-order-1", "d-en", (round(None, "1 of seed 5"), LINE));
        let free = Question { constrained: false, ..ordinary.clone() };
        put_asked(&run, FINAL_FREE, "d-en", (free, LINE));
        let runs = read(&run, Protocol::Set).unwrap().runs;
        let told: Vec<(&str, &[String], usize)> =
            runs.iter().map(|it| (&*it.name, &*it.about, it.filled[0].shots)).collect();
        let grammar = ["its answers were held to a grammar of what was offered".to_owned()];
        let free = ["the same model, without the grammar".to_owned()];
        assert_eq!(told, [("a-run", &grammar[..], 5), ("a-run (free)", &free[..], 5)]);
    }

    #[test]
    fn a_task_that_the_protocol_does_not_define_was_asked_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let relation = LINE.replace("\"ner\"", "\"re\"");
        put_asked(dir.path(), TRAINED, "d-en", (question("d"), &relation));
        let runs = read(dir.path(), Protocol::B2ner).unwrap().runs;
        let filled = &runs[0].filled[0];
        assert_eq!(filled.undefined.as_deref(), Some("B2NER scores entities only"));
        assert_eq!((filled.f1, filled.sentences), (None, 1));
    }

    #[test]
    fn only_what_receipts_prove_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("a-run");
        put(&run, "final", "whole-en", "corpora/set-en.toml:dev", None);
        put(&run, "final", "limited-en", "limited", Some(1));
        put(&run, "final", "small-en", "small:test", Some(300));
        put(&run, "base", "whole-en", "set-en:dev", None);
        let changed = put(&run, "final", "changed-en", "changed", None);
        std::fs::write(&changed, format!("{LINE}\n\n")).unwrap();
        let bare = put(&run, "final", "bare-en", "bare", None);
        std::fs::remove_file(bare.with_extension("json")).unwrap();

        let Answered { runs, left_out } = read(&run, Protocol::Set).unwrap();
        type Sets<'a> = Vec<(&'a str, &'a str, Option<usize>)>;
        let told: Vec<(&str, Sets<'_>)> = runs
            .iter()
            .map(|run| {
                let filled = run.filled.iter();
                let filled = filled.map(|it| (it.dataset.as_str(), it.split.as_str(), it.limit));
                (run.name.as_str(), filled.collect())
            })
            .collect();
        assert_eq!(
            told,
            [
                (
                    "a-run",
                    vec![
                        ("limited", "test", Some(1)),
                        // It has fewer sentences than were asked for: it is whole.
                        ("small", "test", None),
                        ("set-en", "dev", None),
                    ]
                ),
                ("a-run (base)", vec![("set-en", "dev", None)]),
            ]
        );
        assert_eq!(runs[0].filled[0].f1, Some(100.0));
        assert_eq!(left_out.len(), 2, "{left_out:?}");
        assert!(left_out[0].ends_with("bare-en.jsonl` has no receipt"), "{left_out:?}");
        assert!(left_out[1].ends_with("is not the file that its receipt was written for"));

        let error = read(dir.path(), Protocol::Set).err().unwrap();
        assert!(error.message.ends_with("nothing in it was asked yet"), "{error}");
    }
}
