//! `knowcoder worker`: one rank of a run.
//!
//! It tells the launcher how far it is through lines on stdout; started by hand on a terminal, it
//! shows that itself.

use super::Answer;
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::message::{
    Checkpoint, EarlyStop, Evaluated, Evaluation, Failure, Incident, Loading, Memory, Message,
    Progress, Resumed, Skipped,
};
use crate::store;
use crate::watch::Watch;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use trainer::audit::Use;
use trainer::collective::nccl::{Gpu, Nccl};
use trainer::collective::{self, Collective, Deadlines, Identity, Membership, Secret, Solo};
use trainer::during;
use trainer::evaluate::{Evaluation as Evaluate, TRAINED};
use trainer::extract;
use trainer::metrics::StepMetrics;
use trainer::run::{Outcome, Progress as Happening, WORTH_TELLING};
use trainer::sharding::Sharding;
use trainer::{Recipe, RunDir};

/// Lives the life of one rank.
pub fn worker(args: &cli::Worker) -> Result<Answer, Error> {
    let requests = interrupt::requests().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let asked = |used| used == Use::Benchmark;
    let data_root = store::data_root(&args.data, || {
        let lock = RunDir::new(&args.run_dir).recipe_lock();
        store::of_recipe(&Recipe::load_lock(&lock)?, asked)
    })?;
    let mut teller = Teller::new();
    let run_dir = RunDir::new(&args.run_dir);
    if let Some(checkpoint) = &args.evaluate {
        let result = evaluate(args, checkpoint, &data_root, &requests.stop, &mut teller);
        return teller.end(result);
    }
    let result = Recipe::load_lock(&run_dir.recipe_lock()).and_then(|recipe| {
        let mut collective = join(args, &recipe.run.device)?;
        let deadline = Duration::from_secs(recipe.checkpoint.stop_deadline);
        let tell = &mut |happening| teller.tell(happening);
        let sharding = Sharding { stage: args.zero_stage, bucket_mib: args.bucket_mib.max(1) };
        Watch { run_dir: run_dir.clone(), rank: args.rank, deadline }.start(requests);
        let result =
            trainer::run::run(&run_dir, &data_root, sharding, &mut *collective, requests, tell);
        if result.is_err() {
            // The others need not wait for a deadline to learn of it.
            collective.abort();
        }
        result
    });
    teller.end(result)
}

/// Answers this rank's share of what an evaluation asks.
fn evaluate(
    args: &cli::Worker,
    checkpoint: &Path,
    data_root: &Path,
    stop: &AtomicBool,
    teller: &mut Teller,
) -> Result<Outcome, trainer::Error> {
    let run_dir = RunDir::new(&args.run_dir);
    let recipe = Recipe::load_lock(&run_dir.evaluation_lock())?;
    let mut collective = join(args, &recipe.run.device)?;
    let mut answer = || {
        let mut reading = |read: u64, total: u64| {
            if total >= WORTH_TELLING {
                teller.tell(Happening::Loading(read, total));
            }
        };
        let (decoder, tokenizer, info) =
            extract::open_as(checkpoint, (&recipe.run.device, args.rank), &mut reading)?;
        let prompt = recipe.evaluation_prompt();
        let evaluation = Evaluate::of_run(&recipe, &run_dir, data_root, &tokenizer, &prompt);
        let mut tell = |label: &str, done, total| {
            teller.tell(Happening::Evaluation { label: label.to_owned(), done, total });
        };
        let precision = extract::precision(checkpoint, &recipe.run.device);
        let model = extract::fingerprint(&info, precision);
        evaluation.run(TRAINED, (&decoder, &model), &mut *collective, stop, &mut tell)
    };
    let result = answer();
    if result.is_err() {
        // The others need not wait for a deadline to learn of it.
        collective.abort();
    }
    result
}

/// The other ranks, or nobody.
fn join(
    args: &cli::Worker,
    device: &str,
) -> Result<Box<dyn Collective>, collective::CollectiveError> {
    if args.world == 1 {
        return Ok(Box::new(Solo));
    }
    let network = |source| collective::CollectiveError::Network {
        rank: args.rank,
        what: "read its own program".to_owned(),
        source,
    };
    let run_dir = RunDir::new(&args.run_dir);
    let name = args.run_dir.file_name().unwrap_or_default().to_string_lossy();
    let membership = Membership {
        identity: Identity {
            run: name.into_owned(),
            generation: args.generation,
            rank: args.rank,
            world: args.world,
            program: collective::hello::program_fingerprint().map_err(network)?,
        },
        secret: Secret::load(&run_dir.secret())?,
        deadlines: Deadlines {
            join: Duration::from_secs(args.join_seconds),
            operation: Duration::from_secs(args.operation_seconds),
            stall: Duration::from_secs(args.stall_seconds),
        },
    };
    if !args.collective.is_nccl(device, args.world) {
        return collective::join(&args.rendezvous, &membership);
    }
    // The ring first: what is wrong with one rank's GPU or NCCL is told to all through it.
    let ring = collective::meet(&args.rendezvous, &membership)?;
    // All ranks are on this machine, so that a rank's number is that of its GPU here.
    let nccl = Nccl::new(ring, Gpu::open(args.rank), membership.deadlines)?;
    Ok(Box::new(nccl))
}

/// A variant by its name in files.
fn word(variant: &impl Serialize) -> String {
    let value = serde_json::to_value(variant).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Passes on what happens, to the launcher or to a person.
struct Teller {
    display: Option<Display>,
    /// Seconds of a step, smoothed.
    pace: f64,
}

impl Teller {
    fn new() -> Self {
        Self { display: io::stdout().is_terminal().then(Display::new), pace: 0.0 }
    }

    fn tell(&mut self, happening: Happening) {
        let message = match happening {
            Happening::Step(step) => Message::Progress(self.progress(step)),
            Happening::Loading(read, total) => {
                Message::Loading(Loading { megabytes: read >> 20, of: total >> 20 })
            }
            Happening::Device(facts) => Message::Device(facts),
            Happening::Evaluation { label, done, total } => {
                Message::Evaluation(Evaluation { dataset: label, done, total })
            }
            Happening::Evaluated(during::Evaluated { phase, step, f1 }) => {
                Message::Evaluated(Evaluated { phase, step, f1 })
            }
            Happening::EarlyStop(during::EarlyStop { phase, step, best, f1, weights }) => {
                Message::EarlyStop(EarlyStop { phase, step, best, f1, weights })
            }
            Happening::Checkpoint(path) => {
                Message::Checkpoint(Checkpoint { path: path.display().to_string() })
            }
            Happening::Skipped(reason) => Message::Skipped(Skipped { reason }),
            Happening::Memory { phase, predicted, measured } => {
                Message::Memory(Memory { phase, predicted, measured })
            }
            Happening::Resumed(phase, step) => Message::Resumed(Resumed { phase, step }),
            Happening::Incident(incident, path) => Message::Incident(Incident {
                reason: word(&incident.reason),
                course: word(&incident.course),
                sample: incident.blamed(),
                path: path.display().to_string(),
                phase: incident.phase,
                step: incident.step,
                sentence: incident.sentence,
            }),
        };
        self.say(&message);
    }

    fn say(&mut self, message: &Message) {
        match &mut self.display {
            Some(display) => display.report(message, Instant::now()),
            None => {
                use std::io::Write;
                // If the launcher is gone, so are we.
                let _ = writeln!(io::stdout(), "{}", message.line());
            }
        }
    }

    /// What the process ends with, and its last words.
    fn end(mut self, result: Result<Outcome, trainer::Error>) -> Result<Answer, Error> {
        match result {
            Ok(outcome) => Ok(Answer {
                text: String::new(),
                json: Value::Null,
                code: match outcome {
                    Outcome::Done => exit::DONE,
                    Outcome::Stopped => exit::STOPPED,
                },
            }),
            Err(error) => {
                let culprit = error.culprit();
                self.say(&Message::Failure(Failure { exit_code: error.exit_code(), culprit }));
                Err(error.into())
            }
        }
    }

    fn progress(&mut self, step: StepMetrics) -> Progress {
        // The first steps of a phase are slower than the rest: old ones are soon forgotten.
        self.pace =
            if step.step <= 2 { step.seconds } else { 0.9 * self.pace + 0.1 * step.seconds };
        Progress {
            eta_seconds: self.pace * step.steps.saturating_sub(step.step) as f64,
            phase: step.phase,
            step: step.step,
            steps: step.steps,
            loss: step.loss,
            learning_rate: step.learning_rate,
            tokens_per_second: step.tokens_per_second,
        }
    }
}
