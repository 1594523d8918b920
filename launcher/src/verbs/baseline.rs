//! `knowcoder baseline`: what needs no model answers benchmarks, as a model would.

use super::{Answer, score};
use crate::cli;
use crate::error::{Error, exit};
use crate::store::{self, Wanted};
use data_pipeline::corpus::Corpus;
use data_pipeline::floor::{Cut, Floor, Refused, Training};
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::score::{Scores, Set, score as score_sets};
use data_pipeline::{Sentence, Task};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainer::RunDir;
use trainer::evaluate::receipt::{Question, Receipt};
use trainer::evaluate::{TRAINED, declaration, file_name, split};
use trainer::recipe::Benchmark;

/// One corpus to learn from.
struct Text {
    sentences: Vec<Sentence>,
    cut: Cut,
}

/// Writes predictions, receipts and scores of a floor.
pub fn baseline(args: &cli::Baseline) -> Result<Answer, Error> {
    let datasets = args.configs.join("datasets");
    let named = |names: &[String], default: &str| -> Vec<Wanted> {
        let wanted = |name: &String| Wanted {
            declaration: declaration(&datasets, name),
            split: Some(split(name, default).to_owned()),
            is_needed: true,
        };
        names.iter().map(wanted).collect()
    };
    let (training, benchmarks) = (named(&args.training, "train"), named(&args.benchmarks, "test"));
    let wanted = || Ok(training.iter().chain(&benchmarks).cloned().collect());
    let data_root = store::data_root(&args.data, wanted)?;
    let open = |wanted: &Wanted| Corpus::load(&wanted.declaration, &data_root).map_err(Error::from);

    let (texts, learned) = read(&training, &open)?;
    let mut floors = BTreeMap::new();
    let out = RunDir::new(&args.out);
    let mut files = Vec::new();
    for (name, wanted) in args.benchmarks.iter().zip(&benchmarks) {
        let corpus = open(wanted)?;
        let split = wanted.split.as_deref().unwrap_or("test");
        let mut sentences = corpus.read(split)?.sentences;
        let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        sentences.truncate(limit.unwrap_or(usize::MAX));
        let tasks = tasks(args, &corpus)?;
        let mut found = Vec::new();
        for task in &tasks {
            let floor = match floors.entry(*task) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(learn(args, *task, &texts)?)
                }
            };
            found.extend(answers(floor, *task, name, &corpus, &sentences)?);
        }
        let benchmark = Benchmark {
            dataset: name.clone(),
            name: name.clone(),
            tasks: tasks.clone(),
            limit,
            floor: None,
            paper: None,
        };
        let path = out.predictions(TRAINED, &file_name(&benchmark, corpus.language()));
        predictions::write(&path, &found)?;
        let asked = Question::without_model(
            format!("{} of {learned}", args.method),
            (format!("{}:{split}", name.split(':').next().unwrap_or(name)), name.clone()),
            corpus.fingerprint(split)?,
            tasks,
            limit,
        );
        Receipt::new(asked, 0).write(&path)?;
        files.push(path);
    }
    answer(args, &out, &files, &floors)
}

/// Scores what was written, and says what the floors are made of.
fn answer(
    args: &cli::Baseline,
    out: &RunDir,
    files: &[PathBuf],
    floors: &BTreeMap<Task, Floor>,
) -> Result<Answer, Error> {
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let sets = Set::group(predictions::read_all(&paths)?);
    let scores = Scores::from(score_sets(&sets, &args.protocols));
    scores.write(&out.scores())?;
    let mut text = String::new();
    for (task, floor) in floors {
        text += &format!("\n{} for {task}: {} surfaces", args.method, floor.surfaces());
        if let Some((one, more)) = floor.runs() {
            text += &format!("; one capitalised word is {one}, several are {more}");
        }
    }
    text += &format!("\nscores: {}\n", out.scores().display());
    let files = json!({
        "scores": out.scores(),
        "predictions": out.all_predictions(),
        "surfaces": floors.iter().map(|(task, floor)| (task.to_string(), floor.surfaces())).collect::<BTreeMap<_, _>>(),
    });
    Ok(score::with_files(score::answer(&scores)?, &text, files))
}

/// The training text, and its names with fingerprints.
fn read(
    training: &[Wanted],
    open: &impl Fn(&Wanted) -> Result<Corpus, Error>,
) -> Result<(Vec<Text>, String), Error> {
    let (mut texts, mut learned) = (Vec::new(), Vec::new());
    for wanted in training {
        let corpus = open(wanted)?;
        let split = wanted.split.as_deref().unwrap_or("train");
        texts.push(Text { sentences: corpus.read(split)?.sentences, cut: corpus.cut() });
        learned.push(format!("{}:{split} {}", corpus.name(), corpus.fingerprint(split)?));
    }
    Ok((texts, learned.join(", ")))
}

fn learn(args: &cli::Baseline, task: Task, texts: &[Text]) -> Result<Floor, Error> {
    let training: Vec<Training<'_>> =
        texts.iter().map(|text| Training { sentences: &text.sentences, cut: text.cut }).collect();
    Floor::learn(args.method, task, &training).map_err(refusal)
}

/// What a benchmark is asked for: the named task, or those of its own that have a floor.
fn tasks(args: &cli::Baseline, corpus: &Corpus) -> Result<Vec<Task>, Error> {
    let annotated = corpus.tasks();
    if let Some(task) = args.task {
        if annotated.contains(&task) {
            return Ok(vec![task]);
        }
        let message = format!("`{}` is not annotated for the task `{task}`", corpus.name());
        return Err(Error::new(exit::DECLARATION, message));
    }
    // A floor that is learned from nothing is refused for its method alone, if it is.
    let is_possible = |task: &&Task| {
        matches!(Floor::learn(args.method, **task, &[]), Ok(_) | Err(Refused::Nothing(_)))
    };
    let tasks: Vec<Task> = annotated.iter().filter(is_possible).copied().collect();
    match (tasks.is_empty(), annotated.first()) {
        (true, Some(first)) => Err(Floor::learn(args.method, *first, &[])
            .map_or_else(refusal, |_| Error::new(exit::BUG, format!("no floor for `{first}`")))),
        _ => Ok(tasks),
    }
}

fn refusal(refused: Refused) -> Error {
    Error::new(exit::DECLARATION, refused.to_string())
}

/// The predictions of a floor for a test set, as far as it knows its classes.
fn answers(
    floor: &Floor,
    task: Task,
    name: &str,
    corpus: &Corpus,
    sentences: &[Sentence],
) -> Result<Vec<Prediction>, Error> {
    let classes = corpus.schema().of_task(task);
    let is_asked = |class: &str| classes.iter().any(|known| known.name == class);
    if !floor.classes().any(is_asked) {
        let asked: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        let message = format!(
            "`{name}` asks for `{}`, and the training text has none of these classes",
            asked.join("`, `")
        );
        return Err(Error::new(exit::DECLARATION, message).hint(
            "train on a corpus with the same schema (`knowcoder data stats` shows classes)",
        ));
    }
    let cut = corpus.cut();
    let prediction = |sentence: &Sentence| {
        let mut predicted = floor.answer(&sentence.text, cut);
        predicted.retain(|object| is_asked(object.class()));
        Prediction {
            id: sentence.id.clone(),
            dataset: name.to_owned(),
            language: sentence.language.clone(),
            task,
            sentence: sentence.text.clone(),
            answer: String::new(),
            gold: sentence.instances(task),
            predicted,
            flaws: Vec::new(),
            prompt_tokens: 0,
            answer_tokens: 0,
            parts: Vec::new(),
            cut: false,
        }
    };
    Ok(sentences.iter().map(prediction).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::floor::Method;
    use data_pipeline::score::Protocol;

    fn args(method: Method, out: &Path) -> cli::Baseline {
        cli::Baseline {
            method,
            training: vec!["quickstart-en:train".to_owned()],
            benchmarks: vec!["quickstart-en:test-names".to_owned()],
            out: out.to_owned(),
            task: Some(Task::Ner),
            limit: None,
            protocols: vec![Protocol::Set],
            configs: Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs"),
            data: cli::DataRoot {
                data_root: PathBuf::from("nowhere"),
                cache: cli::CacheDir { cache_dir: None },
            },
        }
    }

    #[test]
    fn a_floor_answers_as_a_model_would() {
        let dir = tempfile::tempdir().unwrap();
        let answer = baseline(&args(Method::Capitals, dir.path())).unwrap();
        let f1 = answer.json["scores"]["rows"][0]["f1"].as_f64().unwrap();
        assert!(f1 > 0.0 && f1 < 100.0, "{f1}");
        let again = RunDir::new(dir.path());
        let path = again.predictions("final", "quickstart-en:test-names-en");
        assert!(matches!(
            trainer::evaluate::receipt::proof(&path),
            trainer::evaluate::receipt::Proof::Answers(question)
                if question.benchmark.0 == "quickstart-en:test-names" && question.limit.is_none()
        ));
        // The test's names are new: a list of training names finds next to nothing.
        let list = baseline(&args(Method::Gazetteer, dir.path())).unwrap();
        assert!(list.json["scores"]["rows"][0]["f1"].as_f64().unwrap() < f1);
    }

    #[test]
    fn what_has_no_floor_is_refused_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let of = |task| cli::Baseline { task: Some(task), ..args(Method::Capitals, dir.path()) };
        let error = baseline(&of(Task::Re)).unwrap_err();
        assert!(error.message.starts_with("there is no floor for `re`"), "{error}");
        let error = baseline(&of(Task::Ed)).unwrap_err();
        assert!(error.message.starts_with("`capitals` finds names only"), "{error}");
    }
}
