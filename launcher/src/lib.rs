//! The program `knowcoder`: who runs where. A library, so that fuzz targets reach what reads foreign bytes;
//! `main.rs` only calls it.
//!
//! # Layout
//! - `cli`: what can be asked. `verbs`: the answers, one file each.
//! - `cluster`, `plan`: where a run happens, and which processes that means.
//! - `drive`: starts of a run until it is done. `crew`, `agent`, `wire`: nodes, from both ends. `backend`: who places
//!   agents, and where jobs wait. `supervise`: one start. `message`, `logs`, `display`: what
//!   ranks say and how it is shown. `interrupt`: Ctrl-C. `watch`: a rank's files and deadline.
//!   `hang`: who keeps others waiting. `rank_drill`, `surroundings`: a rank's own faults, and its place.
//!   `room`: what a run needs on the disk. `preflight`: whether nodes can do a run together.
//! - `panics`: our bugs, on any thread. `doctor`: what this machine has for a run.
//! - `ablation`: one recipe in several variants, and what differs.
//! - `events`, `lock`: what happened to a run directory, and who may write to it. `submission`: to whom
//!   a run was handed over. `standing`, `why`: how it is, and why.
//! - `estimate`: time and cost before a run. `reproduce`: two runs side by side.
//! - `sweep`: a search for better values of a recipe's keys.
//! - `table`: what runs were asked, for the tables of papers.
//! - `track`: a run for MLflow and W&B. `report`: a run as one page. `page`: what all pages are made of, rows and corpora as pages.
//!   `download`: one file from its source to its place.
//!   `store`: corpora and shards in object stores. `serve`: a model over HTTP.
//! - `fuzzed`: every reader of foreign bytes, as a fuzzer calls it.
//!
//! Results go to stdout, everything else to stderr. No type of a tensor is named here.

mod ablation;
mod agent;
mod backend;
mod cli;
mod cluster;
mod crew;
mod display;
mod doctor;
mod download;
mod drive;
mod error;
mod estimate;
mod events;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzed;
mod hang;
mod interrupt;
mod lock;
mod logs;
mod message;
mod page;
mod panics;
mod plan;
mod preflight;
mod rank_drill;
mod report;
mod reproduce;
mod room;
mod serve;
mod standing;
mod store;
mod submission;
mod supervise;
mod surroundings;
mod sweep;
mod table;
mod track;
mod verbs;
mod watch;
mod why;
mod wire;

use clap::Parser;
use cli::{Cli, Data, Ledger, Verb};
use error::{Error, exit};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use verbs::Answer;

/// Answers the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    panics::install(cli.json);
    if let Err(error) = names_can_be_written() {
        return ExitCode::from(complain(&error, cli.json, false));
    }
    let filter = EnvFilter::try_from_env("KNOWCODER_LOG").unwrap_or_else(|_| "warn".into());
    let said = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .without_time()
        .with_target(false)
        .finish();
    // `init` would take the place of who listens to CubeCL's log. No other subscriber can be there yet.
    let _ = tracing::subscriber::set_global_default(said);
    let json = cli.json;
    let code = match catch_unwind(AssertUnwindSafe(|| answer(cli.verb, json))) {
        Ok(Ok(answer)) => show(&answer, json),
        Ok(Err(error)) => complain(&error, json, false),
        Err(payload) => {
            let (error, said) = panics::unwound(payload.as_ref());
            complain(&error, json, said)
        }
    };
    ExitCode::from(code)
}

/// Refuses paths that are no text before anything is done: JSON, which holds no others, is where they go.
fn names_can_be_written() -> Result<(), Error> {
    let here = std::env::current_dir().map(std::path::PathBuf::into_os_string).unwrap_or_default();
    let Some(other) = std::env::args_os().chain([here]).find(|it| it.to_str().is_none()) else {
        return Ok(());
    };
    let message = format!("the path `{}` is not UTF-8", other.display());
    let hint =
        "give the folder another name, or a link to it one: paths are written into files of JSON";
    Err(Error::new(exit::DECLARATION, message).hint(hint))
}

/// What a verb answers; with `json` in one piece, even where it could be in several.
fn answer(verb: Verb, json: bool) -> Result<Answer, Error> {
    match verb {
        Verb::Run(args) => verbs::run::run(&args),
        Verb::Plan(args) => verbs::plan::plan(&args),
        Verb::Submit(args) => verbs::submit::submit(&args),
        Verb::Status(args) => verbs::status::status(&args),
        Verb::Logs(args) => verbs::logs::logs(&args, json),
        Verb::Cancel(args) => verbs::cancel::cancel(&args),
        Verb::Resume(args) => verbs::resume::resume(&args),
        Verb::Why(args) => verbs::why::why(&args),
        Verb::Drill(args) => verbs::drill::drill(&args),
        Verb::Reproduce(args) => verbs::reproduce::reproduce(&args),
        Verb::Drive(args) => verbs::drive::drive(&args),
        Verb::Agent(args) => verbs::agent::agent(&args),
        Verb::Sweep(args) => verbs::sweep::sweep(&args),
        Verb::Ablate(args) => verbs::ablate::ablate(&args),
        Verb::Data(Data::Validate(args)) => verbs::data::validate(&args),
        Verb::Data(Data::Stats(args)) => verbs::data::stats(&args),
        Verb::Data(Data::Fetch(args)) => verbs::fetch::fetch(&args),
        Verb::Data(Data::Concepts(args)) => verbs::concepts::concepts(&args),
        Verb::Data(Data::Audit(args)) => verbs::audit::audit(&args),
        Verb::Data(Data::Prepare(args)) => verbs::data::prepare(&args),
        Verb::Data(Data::Inspect(args)) => verbs::data::inspect(&args),
        Verb::Data(Data::Parallel(args)) => verbs::parallel::parallel(&args),
        Verb::Data(Data::Paraphrase(args)) => verbs::paraphrase::paraphrase(&args),
        Verb::Evaluate(args) => verbs::evaluate::evaluate(&args),
        Verb::Baseline(args) => verbs::baseline::baseline(&args),
        Verb::Score(args) => verbs::score::score(&args),
        Verb::Extract(args) => verbs::extract::extract(&args, json),
        Verb::Serve(args) => verbs::serve::serve(&args),
        Verb::Export(args) => verbs::export::export(&args),
        Verb::Ledger(Ledger::Diff(args)) => verbs::ledger::diff(&args),
        Verb::Ledger(Ledger::Prove(args)) => verbs::ledger::prove(&args),
        Verb::Replay(args) => verbs::replay::replay(&args),
        Verb::Report(args) => verbs::report::report(&args),
        Verb::Track(args) => verbs::track::track(&args),
        Verb::Doctor(args) => verbs::doctor::doctor(&args),
        Verb::Worker(args) => verbs::worker::worker(&args),
    }
}

/// Prints an answer and returns its exit code.
fn show(answer: &Answer, json: bool) -> u8 {
    let text = if json { format!("{:#}\n", answer.json) } else { answer.text.clone() };
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => answer.code,
        // Whoever closed the pipe, as `head` does, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => answer.code,
        Err(error) => {
            let message = format!("failed to write to stdout: {error}");
            complain(&Error::new(exit::TRANSIENT, message), false, false)
        }
    }
}

/// Prints an error, unless stderr has it already, and returns its exit code.
fn complain(error: &Error, json: bool, said: bool) -> u8 {
    if json {
        let Error { message, hint, code } = error;
        let document = serde_json::json!({
            "error": {"message": message, "hint": hint, "exit_code": code}
        });
        // With stdout gone, stderr below is all that is left.
        let _ = writeln!(io::stdout(), "{document:#}");
    }
    if !said {
        eprintln!("{error}");
    }
    error.code
}
