//! The program `knowcoder`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
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
    launcher::main()
}
