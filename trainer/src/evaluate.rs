//! Prompts to predictions: each rank generates its share, rank 0 joins them.
//!
//! Generation and scoring meet in files, so that a scoring rule can be changed and run again on old
//! predictions in a second.

pub mod receipt;
mod showing;
mod subset;

pub use showing::check as check_shown;
pub use subset::{Counted, PROTOCOL, Subset};

use crate::collective::Collective;
use crate::generation::{Answerer, Generation, Journal};
use crate::questions;
use crate::recipe::{Benchmark, EvaluationConfig, Recipe};
use crate::run::Outcome;
use crate::{Error, RunDir};
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::prompt::{PromptConfig, template_fingerprint};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Schema, Sentence, Task};
use model::Decoder;
use model::generate::Request;
use showing::Showing;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use subset::spread;

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
    /// Decides which demonstrations and examples of training text prompts show.
    pub seed: u64,
}

/// One sentence to ask about.
struct Question {
    task: Task,
    sentence: Sentence,
    /// Whether the corpus has mentions in pieces.
    pieces: bool,
}

impl<'a> Evaluation<'a> {
    /// As a run's recipe says, with this template.
    pub fn of_run(
        recipe: &'a Recipe,
        run_dir: &'a RunDir,
        data_root: &'a Path,
        tokenizer: &'a Tokenizer,
        prompt: &'a PromptConfig,
    ) -> Self {
        let (datasets, config, seed) = (&recipe.datasets, &recipe.evaluation, recipe.run.seed);
        Self { run_dir, datasets, data_root, tokenizer, prompt, config, seed }
    }

    /// Predictions of `decoder` for every benchmark, in `predictions/WHICH/`; finished files that
    /// answer the same question of the same `model`, a hash, stay.
    ///
    /// When `stop` is set on any rank, all of them end: finished files and single answers stay, and the
    /// next call goes on from there.
    pub fn run(
        &self,
        which: &str,
        (decoder, model): (&Decoder, &str),
        collective: &mut dyn Collective,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Outcome, Error> {
        for benchmark in &self.config.benchmarks {
            let corpus = open(self.datasets, self.data_root, &benchmark.dataset)?;
            let path = self.run_dir.predictions(which, &file_name(benchmark, corpus.language()));
            let showing = Showing::of(self, benchmark, &corpus, asked(&corpus, benchmark))?;
            let question = self.question(model, benchmark, &corpus, &showing)?;
            if receipt::answers(&path, &question) {
                // Left behind if it was stopped between the two.
                if collective.rank() == 0 {
                    Journal::remove(&path)?;
                }
                continue;
            }
            let questions = questions(&corpus, benchmark, usize::MAX)?;
            let share: Vec<&Question> =
                questions.iter().skip(collective.rank()).step_by(collective.world()).collect();
            let label = format!("{which} {} {}", benchmark.name, corpus.language());
            let (world, total) = (collective.world(), questions.len());
            let mut report = |done: usize| {
                // The other ranks are as far as this one, more or less.
                let done = if done == share.len() { total } else { (done * world).min(total) };
                progress(&label, done, total);
                !stop.load(Ordering::Relaxed)
            };
            let mut journal = Journal::open(&path, collective.rank())?;
            let model = (decoder, model);
            let found =
                self.answer(model, &showing, benchmark, &share, Some(&mut journal), &mut report)?;
            let Some((found, fewer)) = agreed(found, stop, collective)? else {
                return Ok(Outcome::Stopped);
            };
            let fewer_shots = self.fewer_shots(fewer, &label, collective)?;
            let receipt = receipt::Receipt::new(question, fewer_shots);
            self.join(&path, found, questions.len(), collective, receipt)?;
        }
        Ok(Outcome::Done)
    }

    fn generation(&self) -> Generation {
        self.config.generation(self.seed)
    }

    /// What decides the answers for `benchmark`.
    fn question(
        &self,
        model: &str,
        benchmark: &Benchmark,
        corpus: &Corpus,
        showing: &Showing,
    ) -> Result<receipt::Question, Error> {
        Ok(receipt::Question {
            model: model.to_owned(),
            benchmark: (benchmark.dataset.clone(), benchmark.name.clone()),
            corpus: corpus.fingerprint(split(&benchmark.dataset, "test"))?,
            tasks: asked(corpus, benchmark).to_vec(),
            limit: benchmark.limit,
            template: template_fingerprint(self.prompt),
            tokenizer: self.tokenizer.fingerprint(),
            max_new_tokens: self.config.max_new_tokens,
            generation: self.generation().choice(),
            shown: showing.fingerprint.clone(),
        })
    }

    /// How many prompts of all ranks had no room for all demonstrations.
    fn fewer_shots(
        &self,
        mine: usize,
        label: &str,
        collective: &mut dyn Collective,
    ) -> Result<usize, Error> {
        if self.prompt.shots == 0 {
            return Ok(0);
        }
        // Exact up to 16 million prompts.
        let mut sum = [mine as f32];
        collective.all_reduce(&mut sum)?;
        let fewer = sum[0] as usize;
        if fewer > 0 && collective.rank() == 0 {
            tracing::warn!("{label}: {fewer} prompts had no room for all demonstrations");
        }
        Ok(fewer)
    }

    /// Predictions for `questions`, in their order, and how many were asked with fewer
    /// demonstrations than drawn; none if it was stopped.
    fn answer(
        &self,
        (decoder, model): (&Decoder, &str),
        showing: &Showing,
        benchmark: &Benchmark,
        questions: &[&Question],
        journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<(Vec<Prediction>, usize)>, Error> {
        let limit = decoder.config.max_length();
        let mut asker = showing.asker(limit, limit.saturating_sub(self.config.max_new_tokens));
        let asked: Vec<questions::Question> = questions
            .iter()
            .map(|question| {
                let classes = offered(&showing.schema, question);
                asker.ask(question.task, &question.sentence, &classes)
            })
            .collect();
        let fewer = asked.iter().filter(|asked| asked.fewer_shots.is_some()).count();
        let too_long = asked.iter().filter(|asked| asked.is_too_long()).count();
        if too_long > 0 {
            tracing::warn!(
                "{}: {too_long} of {} questions are too long for the model, which reads {limit} tokens, even with a single class: they are not asked, and count as answered with nothing",
                benchmark.name,
                questions.len()
            );
        }
        let requests: Vec<Request> =
            asked.iter().flat_map(|asked| asked.requests.iter().cloned()).collect();
        // Some sentences have several requests: what is reported are sentences.
        let mut report = |done: usize| progress(done * questions.len() / requests.len().max(1));
        let (tokenizer, generation) = (self.tokenizer, &self.generation());
        let answerer = Answerer { decoder, model, tokenizer, generation };
        let Some(answers) = answerer.answers(&requests, journal, &mut report)? else {
            return Ok(None);
        };
        let mut answers = answers.as_slice();
        let predictions = questions
            .iter()
            .zip(&asked)
            .map(|(question, asked)| {
                let (own, others) = answers.split_at(asked.requests.len());
                answers = others;
                let reply = asker.reply(asked, &question.sentence, question.pieces, own);
                Prediction {
                    id: question.sentence.id.clone(),
                    dataset: benchmark.name.clone(),
                    language: question.sentence.language.clone(),
                    task: question.task,
                    sentence: question.sentence.text.clone(),
                    answer: reply.answer,
                    gold: question.sentence.instances(question.task),
                    predicted: reply.predicted,
                    flaws: reply.flaws,
                    prompt_tokens: reply.prompt_tokens,
                    answer_tokens: reply.answer_tokens,
                    parts: reply.parts,
                }
            })
            .collect();
        Ok(Some((predictions, fewer)))
    }

    /// Every rank's part in a file of its own; rank 0 puts them together in the original order.
    fn join(
        &self,
        path: &Path,
        found: Vec<Prediction>,
        total: usize,
        collective: &mut dyn Collective,
        receipt: receipt::Receipt,
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
            receipt.write(path)?;
            Journal::remove(path)?;
            for rank in 0..world {
                let part = part(rank);
                std::fs::remove_file(&part).map_err(Error::write(&part))?;
            }
        }
        collective.barrier()?;
        Ok(())
    }
}

/// `found`, if no rank was asked to stop meanwhile.
fn agreed<T>(
    found: Option<T>,
    stop: &AtomicBool,
    collective: &mut dyn Collective,
) -> Result<Option<T>, Error> {
    let mine = found.is_none() || stop.load(Ordering::Relaxed);
    let mut asked = [f32::from(u8::from(mine))];
    collective.all_reduce(&mut asked)?;
    Ok(found.filter(|_| asked[0] == 0.0))
}

/// Refuses benchmarks that cannot be asked; no file of a corpus is read.
pub fn check(datasets: &Path, benchmarks: &[Benchmark]) -> Result<(), Error> {
    let mut taken = BTreeSet::new();
    for benchmark in benchmarks {
        let corpus = open(datasets, Path::new(""), &benchmark.dataset)?;
        let wrong = |message: String| Err(Error::recipe(Path::new("[evaluation]"), message));
        corpus.files(split(&benchmark.dataset, "test"))?;
        if corpus.is_parallel() {
            let name = corpus.name();
            return wrong(format!("`{name}` is parallel: pairs are learned from, not asked about"));
        }
        if let Some(task) = benchmark.tasks.iter().find(|task| !corpus.tasks().contains(task)) {
            let name = corpus.name();
            return wrong(format!("`{name}` is not annotated for the task `{task}`"));
        }
        if !taken.insert((benchmark.name.clone(), corpus.language().to_owned())) {
            return wrong(format!(
                "two benchmarks are called `{}` in {}; give one of them another `name`",
                benchmark.name,
                corpus.language()
            ));
        }
    }
    Ok(())
}

/// The files that hold the predictions for `benchmarks`, in their order; they need not exist.
pub fn prediction_files(
    run_dir: &RunDir,
    which: &str,
    datasets: &Path,
    benchmarks: &[Benchmark],
) -> Result<Vec<PathBuf>, Error> {
    let file = |benchmark: &Benchmark| {
        let corpus = open(datasets, Path::new(""), &benchmark.dataset)?;
        Ok(run_dir.predictions(which, &file_name(benchmark, corpus.language())))
    };
    benchmarks.iter().map(file).collect()
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

fn asked<'a>(corpus: &'a Corpus, benchmark: &'a Benchmark) -> &'a [Task] {
    if benchmark.tasks.is_empty() { corpus.tasks() } else { &benchmark.tasks }
}

/// About the benchmark's first sentences, as far as it is limited, and of those at most `most`.
fn questions(corpus: &Corpus, benchmark: &Benchmark, most: usize) -> Result<Vec<Question>, Error> {
    let sentences = corpus.read(split(&benchmark.dataset, "test"))?.sentences;
    let count = sentences.len().min(benchmark.limit.unwrap_or(usize::MAX));
    let pieces = sentences.iter().any(Sentence::has_pieces);
    Ok(asked(corpus, benchmark)
        .iter()
        .flat_map(|task| {
            spread(count, most)
                .map(|at| &sentences[at])
                .filter(|sentence| *task != Task::Eae || !sentence.events.is_empty())
                .map(|sentence| Question { task: *task, sentence: sentence.clone(), pieces })
        })
        .collect())
}

/// The classes that a question is about.
fn offered<'a>(schema: &'a Schema, question: &Question) -> Vec<&'a Class> {
    match question.task {
        // Arguments are asked of known triggers: only their classes are offered.
        Task::Eae => event_classes(schema, &question.sentence),
        task => schema.of_task(task),
    }
}

fn event_classes<'a>(schema: &'a Schema, sentence: &Sentence) -> Vec<&'a Class> {
    schema
        .of_task(Task::Eae)
        .into_iter()
        .filter(|class| sentence.events.iter().any(|event| event.class == class.name))
        .collect()
}
