//! Prompts to predictions: each rank generates its share, rank 0 joins them.
//!
//! Generation and scoring meet in files, so that a scoring rule can be changed and run again on old
//! predictions in a second.

use crate::collective::Collective;
use crate::recipe::{Benchmark, EvaluationConfig};
use crate::{Error, RunDir};
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::prompt::{PromptConfig, extraction};
use data_pipeline::python::read as reader;
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Schema, Sentence, Task};
use model::Decoder;
use model::generate::{GenerateConfig, Request, generate};
use std::path::{Path, PathBuf};

/// What an evaluation needs beside the model.
pub struct Evaluation<'a> {
    /// Where results go.
    pub run_dir: &'a RunDir,
    /// Where declarations lie.
    pub datasets: &'a Path,
    /// Where corpora lie.
    pub data_root: &'a Path,
    /// Text to ids.
    pub tokenizer: &'a Tokenizer,
    /// The template.
    pub prompt: &'a PromptConfig,
    /// The `[evaluation]` section.
    pub config: &'a EvaluationConfig,
}

/// One sentence to ask about.
struct Question {
    task: Task,
    sentence: Sentence,
}

impl Evaluation<'_> {
    /// Predictions of `decoder` for every benchmark, in `predictions/WHICH/`; finished files stay.
    pub fn run(
        &self,
        which: &str,
        decoder: &Decoder,
        collective: &mut dyn Collective,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<(), Error> {
        let mut taken = std::collections::BTreeSet::new();
        for benchmark in &self.config.benchmarks {
            let corpus = open(self.datasets, self.data_root, &benchmark.dataset)?;
            let path = self.run_dir.predictions(which, &file_name(benchmark, corpus.language()));
            if !taken.insert(path.clone()) {
                return Err(Error::recipe(
                    Path::new("[evaluation]"),
                    format!(
                        "two benchmarks are called `{}` in {}; give one of them another `name`",
                        benchmark.name,
                        corpus.language()
                    ),
                ));
            }
            if path.exists() {
                continue;
            }
            let questions = questions(&corpus, benchmark)?;
            let share: Vec<&Question> =
                questions.iter().skip(collective.rank()).step_by(collective.world()).collect();
            let label = format!("{which} {} {}", benchmark.name, corpus.language());
            let mut report = |done: usize| progress(&label, done, share.len());
            let found = self.answer(decoder, &corpus, benchmark, &share, &mut report)?;
            self.join(&path, found, questions.len(), collective)?;
        }
        Ok(())
    }

    /// Predictions for `questions`, in their order.
    fn answer(
        &self,
        decoder: &Decoder,
        corpus: &Corpus,
        benchmark: &Benchmark,
        questions: &[&Question],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, Error> {
        let schema = corpus.schema();
        let requests: Vec<Request> = questions
            .iter()
            .map(|question| request(self.tokenizer, schema, question, self.prompt))
            .collect();
        let limit = decoder.config.max_length();
        let room =
            GenerateConfig { max_new_tokens: self.config.max_new_tokens, rows: self.config.rows };
        for (question, request) in questions.iter().zip(&requests) {
            let length = request.prefix.len() + request.prompt.len();
            if length >= limit {
                return Err(Error::Model(model::Error::Config(format!(
                    "`{}`: the prompt has {length} tokens, the model reads {limit}; offer fewer classes",
                    question.sentence.id
                ))));
            }
        }
        let answers = generate(decoder, &requests, room, progress);
        Ok(questions
            .iter()
            .zip(requests.iter().zip(answers))
            .map(|(question, (request, ids))| {
                let answer = self.tokenizer.decode(&ids);
                let classes = schema.of_task(question.task);
                let (predicted, flaws) = read_answer(
                    &answer,
                    question.task,
                    &classes,
                    &question.sentence.text,
                    self.prompt,
                );
                Prediction {
                    id: question.sentence.id.clone(),
                    dataset: benchmark.name.clone(),
                    language: question.sentence.language.clone(),
                    task: question.task,
                    sentence: question.sentence.text.clone(),
                    answer,
                    gold: question.sentence.instances(question.task),
                    predicted,
                    flaws,
                    prompt_tokens: request.prefix.len() + request.prompt.len(),
                    answer_tokens: ids.len(),
                }
            })
            .collect())
    }

    /// Every rank's part in a file of its own; rank 0 puts them together in the original order.
    fn join(
        &self,
        path: &Path,
        found: Vec<Prediction>,
        total: usize,
        collective: &mut dyn Collective,
    ) -> Result<(), Error> {
        let (rank, world) = (collective.rank(), collective.world());
        let part = |rank: usize| path.with_extension(format!("rank-{rank}.jsonl"));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
        }
        predictions::write(&part(rank), &found)?;
        collective.barrier()?;
        if rank == 0 {
            let mut parts = (0..world)
                .map(|rank| Ok(predictions::read(&part(rank))?.into_iter()))
                .collect::<Result<Vec<_>, Error>>()?;
            let joined: Vec<Prediction> =
                (0..total).filter_map(|i| parts[i % world].next()).collect();
            predictions::write(path, &joined)?;
            for rank in 0..world {
                let part = part(rank);
                std::fs::remove_file(&part).map_err(Error::write(&part))?;
            }
        }
        collective.barrier()?;
        Ok(())
    }
}

/// `name-language`, the name of a benchmark's prediction file.
pub fn file_name(benchmark: &Benchmark, language: &str) -> String {
    format!("{}-{language}", benchmark.name)
}

/// The declaration of `name` or `name:split`: `datasets/NAME.toml`, or a path of its own.
pub fn declaration(datasets: &Path, dataset: &str) -> PathBuf {
    let name = dataset.split(':').next().unwrap_or(dataset);
    if name.ends_with(".toml") {
        PathBuf::from(name)
    } else {
        datasets.join(format!("{name}.toml"))
    }
}

/// The split of `name:split`.
pub fn split<'a>(dataset: &'a str, default: &'a str) -> &'a str {
    dataset.split_once(':').map_or(default, |(_, split)| split)
}

fn open(datasets: &Path, data_root: &Path, dataset: &str) -> Result<Corpus, Error> {
    Ok(Corpus::load(&declaration(datasets, dataset), data_root)?)
}

fn questions(corpus: &Corpus, benchmark: &Benchmark) -> Result<Vec<Question>, Error> {
    let sentences = corpus.read(split(&benchmark.dataset, "test"))?.sentences;
    let limit = benchmark.limit.unwrap_or(usize::MAX);
    let tasks = if benchmark.tasks.is_empty() { corpus.tasks() } else { &benchmark.tasks };
    Ok(tasks
        .iter()
        .flat_map(|task| {
            sentences
                .iter()
                .take(limit)
                .filter(|sentence| *task != Task::Eae || !sentence.events.is_empty())
                .map(|sentence| Question { task: *task, sentence: sentence.clone() })
        })
        .collect())
}

/// The prompt of a question, with the same encoder as training.
fn request(
    tokenizer: &Tokenizer,
    schema: &Schema,
    question: &Question,
    prompt: &PromptConfig,
) -> Request {
    let classes = match question.task {
        // Arguments are asked of known triggers: only their classes are offered.
        Task::Eae => event_classes(schema, &question.sentence),
        task => schema.of_task(task),
    };
    let example = extraction(schema, &classes, question.task, &question.sentence, prompt);
    Request { prefix: tokenizer.encode(&example.prefix), prompt: tokenizer.encode(&example.prompt) }
}

fn event_classes<'a>(schema: &'a Schema, sentence: &Sentence) -> Vec<&'a Class> {
    schema
        .of_task(Task::Eae)
        .into_iter()
        .filter(|class| sentence.events.iter().any(|event| event.class == class.name))
        .collect()
}

/// Objects with offsets, and what was wrong with the answer.
pub fn read_answer(
    answer: &str,
    task: Task,
    classes: &[&Class],
    sentence: &str,
    prompt: &PromptConfig,
) -> (Vec<data_pipeline::Instance>, Vec<String>) {
    let mut read = reader::read(answer, task, prompt.dialect);
    data_pipeline::python::ground::locate(&mut read.instances, sentence);
    data_pipeline::python::ground::check(&mut read, classes, sentence);
    let flaws = read.flaws.iter().map(|flaw| flaw.message.clone()).collect();
    (read.instances, flaws)
}
