//! `knowcoder worker`: one rank of a run.
//!
//! It tells the launcher how far it is through lines on stdout; started by hand on a terminal, it
//! shows that itself. It also runs under torchrun, `srun` or `mpirun`, whose environment says which rank it is.

mod place;

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
use crate::watch::{Watch, pulse};
use place::Place;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};
use trainer::audit::Use;
use trainer::bandwidth;
use trainer::collective::nccl::{Gpu, Nccl};
use trainer::collective::{
    self, Collective, CollectiveError, Deadlines, Identity, Membership, Secret, Solo,
};
use trainer::during;
use trainer::evaluate::{Evaluation as Evaluate, TRAINED};
use trainer::extract;
use trainer::metrics::StepMetrics;
use trainer::requests::Requests;
use trainer::run::{Outcome, Progress as Happening, Task, WORTH_TELLING};
use trainer::sharding::Sharding;
use trainer::whereabouts::{self, LOADING, MEETING};
use trainer::{Recipe, RunDir};

/// What the line begins with in which rank 0 says how fast sums are.
pub const SUMS: &str = "sums: ";

/// Lives the life of one rank.
pub fn worker(args: &cli::Worker) -> Result<Answer, Error> {
    if let Some(device) = &args.measure {
        return measure(args, device);
    }
    let requests = interrupt::requests().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let asked = |used| used == Use::Benchmark;
    let data_root = store::data_root(&args.data, || {
        let lock = RunDir::new(&args.run_dir).recipe_lock();
        store::of_recipe(&Recipe::load_lock(&lock)?, asked)
    })?;
    let (place, _lock) = Place::of(args)?;
    let mut teller = Teller::new();
    let run_dir = place.run_dir(args);
    pulse();
    if let Some(checkpoint) = &args.evaluate {
        let result = evaluate((args, &place), checkpoint, &data_root, requests, &mut teller);
        return teller.end(result, &place);
    }
    let result = Recipe::load_lock(&run_dir.recipe_lock()).and_then(|recipe| {
        let deadline = Duration::from_secs(recipe.checkpoint.stop_deadline);
        let secret = place.secret(args, Some(requests));
        // Without one, nobody can ask for a drill.
        let known = secret.as_ref().ok().cloned();
        let watch = Watch { run_dir: run_dir.clone(), rank: place.rank, deadline, secret: known };
        // Before the others are waited for: whoever wants the run to end need not wait for them, too.
        watch.start(requests);
        let Some(mut collective) =
            met(join((args, &place), &recipe.run.device, secret, Some(requests)))?
        else {
            return place.left(&run_dir);
        };
        let tell = &mut |happening| teller.tell(happening);
        let sharding = Sharding { stage: args.zero_stage, bucket_mib: args.bucket_mib.max(1) };
        let task = Task {
            run_dir: &run_dir,
            data_root: &data_root,
            sharding,
            local_rank: place.local_rank,
            local_world: place.local_world,
            through_phase: args.through_phase.map(|phase| phase as usize),
        };
        let result = trainer::run::run(task, &mut *collective, requests, tell);
        if result.is_err() {
            // The others need not wait for a deadline to learn of it.
            collective.abort();
        }
        result
    });
    teller.end(result, &place)
}

/// Answers this rank's share of what an evaluation asks.
fn evaluate(
    (args, place): (&cli::Worker, &Place),
    checkpoint: &Path,
    data_root: &Path,
    requests: &'static Requests,
    teller: &mut Teller,
) -> Result<Outcome, trainer::Error> {
    let run_dir = place.run_dir(args);
    let recipe = Recipe::load_lock(&run_dir.evaluation_lock())?;
    let secret = place.secret(args, Some(requests));
    Watch::of_answers(run_dir.clone(), place.rank).start(requests);
    let Some(mut collective) =
        met(join((args, place), &recipe.run.device, secret, Some(requests)))?
    else {
        return place.left(&run_dir);
    };
    let mut answer = || {
        whereabouts::own().at(LOADING);
        let mut reading = |read: u64, total: u64| {
            whereabouts::own().at(LOADING);
            if total >= WORTH_TELLING {
                teller.tell(Happening::Loading(read, total));
            }
        };
        let (decoder, tokenizer, info) =
            extract::open_as(checkpoint, (&recipe.run.device, place.local_rank), &mut reading)?;
        let prompt = recipe.evaluation_prompt();
        let evaluation = Evaluate::of_run(&recipe, &run_dir, data_root, &tokenizer, &prompt);
        let mut tell = |label: &str, done, total| {
            whereabouts::own().answering(label);
            teller.tell(Happening::Evaluation { label: label.to_owned(), done, total });
        };
        let precision = extract::precision(checkpoint, &recipe.run.device);
        let model = extract::fingerprint(&info, precision);
        let model = (&decoder, model.as_str());
        evaluation.run(TRAINED, model, &mut *collective, &requests.stop, &mut tell)
    };
    let result = answer();
    if result.is_err() {
        // The others need not wait for a deadline to learn of it.
        collective.abort();
    }
    result
}

/// Sums with the other ranks, for the sake of the time that it takes.
fn measure(args: &cli::Worker, device: &str) -> Result<Answer, Error> {
    let (place, _lock) = Place::of(args)?;
    let secret = place.secret(args, None);
    let mut collective =
        join((args, &place), device, secret, None).map_err(trainer::Error::from)?;
    let site = (device, place.local_rank);
    let found = bandwidth::measure(&mut *collective, site, &bandwidth::SIZES);
    if found.is_err() {
        // The others need not wait for a deadline to learn of it.
        collective.abort();
    }
    let found = json!(found?);
    let text = if place.rank == 0 { format!("{SUMS}{found}\n") } else { String::new() };
    Ok(Answer::new(text, found))
}

/// `None`: the rank was asked to stop before all had met.
fn met(
    joined: Result<Box<dyn Collective>, CollectiveError>,
) -> Result<Option<Box<dyn Collective>>, CollectiveError> {
    match joined {
        Err(CollectiveError::Asked { .. }) => Ok(None),
        joined => joined.map(Some),
    }
}

/// The other ranks, who know each other by `secret`, or nobody. Who is asked to stop by `requests` does not wait for
/// them.
fn join(
    (args, place): (&cli::Worker, &Place),
    device: &str,
    secret: Result<Secret, CollectiveError>,
    requests: Option<&'static Requests>,
) -> Result<Box<dyn Collective>, CollectiveError> {
    let Place { rank, world, generation, ref rendezvous, .. } = *place;
    if world == 1 {
        return Ok(Box::new(Solo));
    }
    whereabouts::own().at(MEETING);
    let network =
        |source| CollectiveError::Network { rank, what: "read its own program".to_owned(), source };
    let name = args.run_dir.file_name().unwrap_or_default().to_string_lossy();
    let membership = Membership {
        identity: Identity {
            run: name.into_owned(),
            generation,
            rank,
            world,
            program: collective::hello::program_fingerprint().map_err(network)?,
        },
        secret: secret?,
        deadlines: Deadlines {
            join: Duration::from_secs(args.join_seconds),
            operation: Duration::from_secs(args.operation_seconds),
            stall: Duration::from_secs(args.stall_seconds),
        },
        stop: requests.map(|requests| &requests.stop),
    };
    if !args.collective.is_nccl(device, world) {
        return collective::join(rendezvous, &membership);
    }
    // The ring first: what is wrong with one rank's GPU or NCCL is told to all through it.
    let ring = collective::meet(rendezvous, &membership)?;
    let nccl = Nccl::new(ring, Gpu::open(place.local_rank), membership.deadlines)?;
    Ok(Box::new(nccl))
}

/// Whether the port of rank 0 is somebody else's.
fn is_taken(error: &trainer::Error) -> bool {
    matches!(
        error,
        trainer::Error::Collective(CollectiveError::Network { source, .. })
            if source.kind() == io::ErrorKind::AddrInUse
    )
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
            None => message.say(),
        }
    }

    /// What the process ends with, and its last words.
    fn end(
        mut self,
        result: Result<Outcome, trainer::Error>,
        place: &Place,
    ) -> Result<Answer, Error> {
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
                let is_taken = is_taken(&error) && place.by.is_some();
                let error = Error::from(error);
                Err(match is_taken {
                    true => {
                        error.hint("another process listens there: set MASTER_PORT to a free port")
                    }
                    false => error,
                })
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
