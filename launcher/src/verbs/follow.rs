//! `knowcoder run` where jobs wait in a queue: handed over unless it is there already, then watched to its end.

use super::{Answer, status, submit, why};
use crate::cli;
use crate::error::{Error, exit};
use crate::standing::State;
use crate::standing::now::{Look, Now};
use crate::submission::Submission;
use serde_json::{Value, json};
use trainer::RunDir;

/// Hands the run over, or finds it where it is, and watches it.
pub fn run(args: &cli::Run, run_dir: &RunDir) -> Result<Answer, Error> {
    if args.shards.is_some() || args.tui {
        let message = "`--shards` and `--tui` are for runs that this process drives itself";
        return Err(Error::new(exit::USAGE, message).hint(
            "leave them out: the job prepares its shards, `knowcoder status --watch` shows it",
        ));
    }
    if is_alive(run_dir)? {
        eprintln!("`{}` has a job already, which goes on", run_dir.root().display());
    } else {
        let submitted = submit::submit(&cli::Submit {
            recipe: args.recipe.clone(),
            cluster: args.cluster.clone(),
            run_dir: args.run_dir.clone(),
            data: args.data.clone(),
            render: false,
        })?;
        eprint!("{}", submitted.text);
    }
    eprintln!("Ctrl-C ends this view, not the run");
    let now = status::watched(&mut Look::new(run_dir.clone()))?;
    ended(&now, run_dir)
}

fn is_alive(run_dir: &RunDir) -> Result<bool, Error> {
    let Some(submission) = Submission::load(run_dir)? else { return Ok(false) };
    let (now, _) = Now::of_files(run_dir)?;
    Ok(submission.alive(run_dir, &now)?.is_some())
}

/// What became of it, with the exit code that its own driver ended with.
fn ended(now: &Now, run_dir: &RunDir) -> Result<Answer, Error> {
    let root = run_dir.root();
    let answer = |status: &str, text: String, code| Answer {
        text,
        json: json!({"status": status, "run_dir": root}),
        code,
    };
    Ok(match now.standing.state {
        State::Done => {
            let page = root.join("report.html");
            answer("done", format!("done; report: {}\n", page.display()), exit::DONE)
        }
        State::Stopped => {
            let how = match (&now.sight.checkpoint, &now.sight.how) {
                (_, Some(how)) => format!(": {}", how.words()),
                (Some(_), None) => " with a checkpoint".to_owned(),
                (None, None) => " before the first checkpoint".to_owned(),
            };
            let text =
                format!("stopped{how}; the same command continues in `{}`\n", root.display());
            answer("stopped", text, exit::STOPPED)
        }
        _ => {
            let told = why::why(&cli::Why { run: root.to_owned() })?;
            answer("failed", told.text, exit_code(run_dir))
        }
    })
}

/// As the newest failure in `events.jsonl` says.
fn exit_code(run_dir: &RunDir) -> u8 {
    let text = std::fs::read_to_string(run_dir.events()).unwrap_or_default();
    let events = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // What an earlier job failed with is not this one's.
    let mut events = events.take_while(|event| event["event"] != "submitted");
    let code =
        events.find(|event| event["event"] == "failed").and_then(|it| it["exit_code"].as_u64());
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::TRANSIENT)
}
