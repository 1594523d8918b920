//! Prompts to predictions: each rank generates its share, rank 0 joins them.
//!
//! Generation and scoring meet in files, so that a scoring rule can be changed and run again on old
//! predictions in a second.

mod chain;
mod languages;
mod orders;
pub mod receipt;
mod showing;
mod subset;
mod workload;

pub use languages::trained_languages;
pub use orders::{ClassOrder, Round, TRAINED, What, any_is_chained, check_rounds, rounds};
pub use showing::check as check_shown;
pub use subset::{Counted, PROTOCOL, Subset};
pub use workload::{Asked, Workload};

use crate::checkpoint::sha256;
use crate::collective::Collective;
use crate::generation::{Answerer, Generation, Journal};
use crate::questions;
use crate::recipe::{Benchmark, Constrained, EvaluationConfig, Recipe};
use crate::run::Outcome;
use crate::{Error, RunDir};
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::prompt::{PromptConfig, template_fingerprint};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Instance, Schema, Sentence, Task};
use model::Decoder;
use model::generate::Request;
use showing::Showing;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use subset::spread;

/// Where the final model's answers lie that were held to no grammar, with `constrained = "both"`.
pub const FINAL_FREE: &str = "final-free";

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
    /// What is annotated, where the sentence has predicted objects in its place.
    gold: Option<Vec<Instance>>,
}

impl Question {
    /// What would be right.
    fn gold(&self) -> Vec<Instance> {
        self.gold.clone().unwrap_or_else(|| self.sentence.instances(self.task))
    }
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
    /// answer the same question of the same `model`, a hash, stay. Other rounds, where the settings ask
    /// for them, follow in folders of their own.
    ///
    /// With `constrained = "both"` the final model is asked without a grammar, too: those answers lie
    /// in `predictions/final-free/`.
    ///
    /// When `stop` is set on any rank, all of them end: finished files and single answers stay, and the
    /// next call goes on from there.
    pub fn run(
        &self,
        which: &str,
        model: (&Decoder, &str),
        collective: &mut dyn Collective,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Outcome, Error> {
        if self.config.constrained == Constrained::Both && which == TRAINED {
            let config = EvaluationConfig { constrained: Constrained::No, ..self.config.clone() };
            let free = Evaluation { config: &config, ..*self };
            if free.run(FINAL_FREE, model, collective, stop, progress)? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
        }
        for round in rounds(self.config, which) {
            let (prompt, order) = round.asks(self.prompt, self.seed);
            let Self { run_dir, datasets, data_root, tokenizer, config, seed, .. } = *self;
            let prompt = &prompt;
            let own = Evaluation { run_dir, datasets, data_root, tokenizer, prompt, config, seed };
            if own.ask(&round, order, model, collective, stop, progress)? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Done)
    }

    /// One round over all benchmarks.
    fn ask(
        &self,
        round: &Round,
        order: ClassOrder,
        (decoder, model): (&Decoder, &str),
        collective: &mut dyn Collective,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&str, usize, usize),
    ) -> Result<Outcome, Error> {
        for (benchmark, shown) in &orders::benchmarks(self, round)? {
            let corpus = open(self.datasets, self.data_root, &benchmark.dataset)?;
            let file = file_name(benchmark, corpus.language());
            let path = self.run_dir.predictions(&round.folder, &file);
            // The triggers that arguments are asked of, if that is not the annotation.
            let triggers = match &round.what {
                What::Chained(which) => Some(self.run_dir.predictions(which, &file)),
                _ => None,
            };
            let showing = Showing::of(self, shown, &corpus, asked(&corpus, shown))?.in_order(order);
            let wording = match round.what {
                What::Paraphrase(number) => Some(number),
                _ => None,
            };
            let question = receipt::Question {
                wording,
                triggers: triggers.as_deref().map(sha256).transpose()?.unwrap_or_default(),
                ..self.question(model, shown, &corpus, &showing)?
            };
            if receipt::answers(&path, &question) {
                // Left behind if it was stopped between the two.
                if collective.rank() == 0 {
                    Journal::remove(&path)?;
                }
                continue;
            }
            let questions = match &triggers {
                Some(triggers) => chain::questions(&corpus, benchmark, triggers)?,
                None => questions(&corpus, shown, usize::MAX)?,
            };
            let share: Vec<&Question> =
                questions.iter().skip(collective.rank()).step_by(collective.world()).collect();
            let label = format!("{} {} {}", round.folder, benchmark.name, corpus.language());
            let (world, total) = (collective.world(), questions.len());
            let mut journal = Journal::open(&path, collective.rank())?;
            let model = (decoder, model);
            let (mut found, mut fewer) = (Vec::new(), 0);
            for part in stretches(total, world) {
                let part = &share[part.start.min(share.len())..part.end.min(share.len())];
                let before = found.len();
                let mut report = |done: usize| {
                    // The other ranks are as far as this one, more or less.
                    let done = before + done;
                    let done = if done == share.len() { total } else { (done * world).min(total) };
                    progress(&label, done, total);
                    !stop.load(Ordering::Relaxed)
                };
                let own =
                    self.answer(model, &showing, shown, part, Some(&mut journal), &mut report)?;
                let Some((own, less)) = agreed(own, stop, collective)? else {
                    return Ok(Outcome::Stopped);
                };
                found.extend(own);
                fewer += less;
            }
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
            order: showing.order.name(),
            triggers: String::new(),
            shots: self.prompt.shots,
            wording: None,
            constrained: self.config.constrained.is_on(),
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
        let most = self.config.max_new_tokens;
        let mut asker = showing.asker(limit, limit.saturating_sub(most)).with_answers_of(most);
        let asked: Vec<questions::Question> = questions
            .iter()
            .map(|question| {
                let classes = showing.order.sorted(offered(&showing.schema, question));
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
        // Which question and which of its parts a request is.
        let places: Vec<(usize, usize)> = asked
            .iter()
            .enumerate()
            .flat_map(|(number, asked)| (0..asked.requests.len()).map(move |part| (number, part)))
            .collect();
        let grammar = |request: usize| {
            let (number, part) = places[request];
            let Question { sentence, pieces, .. } = questions[number];
            asker.grammar(&asked[number], part, sentence, *pieces)
        };
        let found = match self.config.constrained.is_on() {
            true => answerer.held_answers(&requests, &grammar, journal, &mut report)?,
            false => answerer.answers(&requests, journal, &mut report)?,
        };
        let Some(answers) = found else {
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
                let mut answered = own.iter().zip(&asked.requests);
                let cut = answered.any(|(ids, request)| generation.cuts(ids, request, tokenizer));
                Prediction {
                    id: question.sentence.id.clone(),
                    dataset: benchmark.name.clone(),
                    language: question.sentence.language.clone(),
                    task: question.task,
                    sentence: question.sentence.text.clone(),
                    answer: reply.answer,
                    gold: question.gold(),
                    predicted: reply.predicted,
                    flaws: reply.flaws,
                    prompt_tokens: reply.prompt_tokens,
                    answer_tokens: reply.answer_tokens,
                    parts: reply.parts,
                    cut,
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
        // Parts of another start may lie there by now, dealt out to other ranks.
        self.run_dir.fence().check(path)?;
        predictions::write(&part(rank), &found)?;
        collective.barrier()?;
        if rank == 0 {
            self.run_dir.fence().check(path)?;
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

/// Questions of a rank after which it waits for the others: ranks that went on alone through a large
/// set would be further apart at its end than an operation over all of them may wait.
const TOGETHER: usize = 1024;

/// Which questions of their shares `world` ranks answer before they meet: of each rank the same number
/// of stretches, the last ones shorter or empty.
fn stretches(total: usize, world: usize) -> Vec<std::ops::Range<usize>> {
    let share = total.div_ceil(world);
    let length = if world == 1 { share.max(1) } else { TOGETHER };
    (0..share.div_ceil(length).max(1)).map(|i| i * length..(i + 1) * length).collect()
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
        if benchmark.limit == Some(0) {
            let name = corpus.name();
            return wrong(format!("`{name}` has limit = 0: no sentence is asked; leave it out"));
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

/// Name, language and task of everything that is asked for `benchmarks`, whether or not a set has a
/// sentence for it.
pub fn sets_asked(
    datasets: &Path,
    benchmarks: &[Benchmark],
) -> Result<Vec<(String, String, Task)>, Error> {
    let mut sets = Vec::new();
    for benchmark in benchmarks {
        let corpus = open(datasets, Path::new(""), &benchmark.dataset)?;
        let set = |task: &Task| (benchmark.name.clone(), corpus.language().to_owned(), *task);
        sets.extend(asked(&corpus, benchmark).iter().map(set));
    }
    Ok(sets)
}

/// The files of a round's predictions for `benchmarks`: of a chained one, those of sets that are asked
/// for triggers and arguments.
pub fn round_files(
    run_dir: &RunDir,
    round: &Round,
    datasets: &Path,
    benchmarks: &[Benchmark],
) -> Result<Vec<PathBuf>, Error> {
    let mut asked_about = benchmarks.to_vec();
    if matches!(round.what, What::Chained(_)) {
        asked_about.clear();
        for benchmark in benchmarks {
            let corpus = open(datasets, Path::new(""), &benchmark.dataset)?;
            if orders::is_chained(asked(&corpus, benchmark)) {
                asked_about.push(benchmark.clone());
            }
        }
    }
    prediction_files(run_dir, &round.folder, datasets, &asked_about)
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
                .map(|sentence| Question {
                    task: *task,
                    sentence: sentence.clone(),
                    pieces,
                    gold: None,
                })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_has_the_same_stretches_and_they_cover_its_share() {
        for (total, world) in [(0, 1), (0, 3), (5, 1), (9000, 1), (5, 2), (2049, 2), (6145, 3)] {
            let found = stretches(total, world);
            for rank in 0..world {
                let share = (0..total).skip(rank).step_by(world).count();
                let covered: usize =
                    found.iter().map(|it| it.end.min(share) - it.start.min(share)).sum();
                assert_eq!(covered, share, "{total} of {world}");
            }
            assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!(found.len() == 1, world == 1 || total.div_ceil(world) <= TOGETHER);
        }
    }
}
