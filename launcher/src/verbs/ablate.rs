//! `knowcoder ablate`: a question about the method, answered by training a recipe in several variants.
//!
//! The directory is the state, as that of a run is: what is done is not done again, so that the same
//! command goes on after a stop, for whatever reason.

use super::Answer;
use crate::ablation::children::{self, Ended, Start};
use crate::ablation::definition::{Ablation, Choice};
use crate::ablation::missing;
use crate::ablation::outcome::{self, Outcome};
use crate::ablation::runs::{self, Planned, State};
use crate::cli;
use crate::error::{Error, exit};
use crate::interrupt;
use crate::lock::RunLock;
use data_pipeline::shell;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs what is not done, and compares what is.
pub fn ablate(args: &cli::Ablate) -> Result<Answer, Error> {
    let choice = Choice { smoke: args.smoke, variants: &args.variants, sets: &args.sets };
    let ablation = Ablation::load(&args.file, choice)?;
    let folder = folder_of(args, &ablation);
    let runs = runs::planned(&ablation, &folder)?;
    if args.dry_run {
        return Ok(dry(&ablation, &runs, &folder));
    }
    missing::check(&ablation, &runs, &args.data.data_root)?;
    runs::check_unchanged(&ablation, &runs, &folder)?;
    std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    let _lock = RunLock::take(&folder.join("lock"))?;
    let mut state = State::read(&folder, &ablation)?;
    state.write(&folder)?;
    interrupt::ignore_save();
    let stop = interrupt::stop_flag().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let failed = work(args, &ablation, &runs, &folder, &mut state, stop)?;
    let outcome = outcome::of(&ablation, &runs, &state)?;
    let page = outcome.write(&ablation, &folder)?;
    let left = runs.iter().filter(|run| !state.is_finished(run)).count();
    Ok(answer(&ablation, &outcome, &folder, &page, &Rest { left, failed, stop }))
}

/// What is not done.
struct Rest<'a> {
    left: usize,
    /// Name, exit code, and where it says why.
    failed: Vec<(String, u8, String)>,
    stop: &'a AtomicBool,
}

fn folder_of(args: &cli::Ablate, ablation: &Ablation) -> PathBuf {
    let own = || {
        let mark = if ablation.is_smoke { "-smoke" } else { "" };
        Path::new("runs/ablations").join(format!("{}{mark}", ablation.name))
    };
    args.run_dir.clone().unwrap_or_else(own)
}

/// Runs what is not finished; returns what failed.
fn work(
    args: &cli::Ablate,
    ablation: &Ablation,
    runs: &[Planned],
    folder: &Path,
    state: &mut State,
    stop: &AtomicBool,
) -> Result<Vec<(String, u8, String)>, Error> {
    let waiting: Vec<&Planned> = runs.iter().filter(|run| !state.is_finished(run)).collect();
    let done = runs.len() - waiting.len();
    if done > 0 {
        eprintln!("{done} of {} runs are done already", runs.len());
    }
    let start = Start {
        base: &ablation.base,
        cluster: args.cluster.as_deref(),
        data_root: &args.data.data_root,
        cache_dir: args.data.cache.cache_dir.as_deref(),
        logs: folder.join("logs"),
        jobs: usize::from(args.jobs),
    };
    let mut failed = Vec::new();
    children::run(&waiting, &start, stop, &mut |run, ended| {
        match ended {
            Ended::Done => {
                state.finish(run);
                state.write(folder)?;
            }
            Ended::Stopped => {}
            Ended::Failed(code) => {
                let said = start.said(run);
                eprintln!("`{}` ended with exit code {code}; {said}", run.name);
                failed.push((run.name.clone(), code, said));
            }
        }
        Ok(())
    })?;
    Ok(failed)
}

/// What would be run.
fn dry(ablation: &Ablation, runs: &[Planned], folder: &Path) -> Answer {
    let mut text = format!("{}\n{}\n\n", ablation.title, ablation.question);
    for run in runs {
        let sets = run.sets.iter().map(|set| format!(" --set {}", shell::word(set)));
        let sets: Vec<String> = sets.collect();
        text += &format!(
            "knowcoder run {} --run-dir {}{}\n",
            shell::path(&ablation.base),
            shell::path(run.run_dir.root()),
            sets.concat()
        );
    }
    let told = |run: &Planned| json!({"run": run.name, "seed": run.seed, "set": run.sets, "run_dir": run.run_dir.root()});
    let runs: Vec<_> = runs.iter().map(told).collect();
    let json = json!({"dry_run": true, "base": ablation.base, "run_dir": folder, "runs": runs});
    Answer::new(text, json)
}

fn answer(
    ablation: &Ablation,
    outcome: &Outcome,
    folder: &Path,
    page: &Path,
    Rest { left, failed, stop }: &Rest<'_>,
) -> Answer {
    let mut text = outcome.text(ablation);
    for (name, code, said) in failed {
        text += &format!("`{name}` ended with exit code {code}; {said}\n");
    }
    let (status, code) = match failed.first() {
        Some((_, code, _)) => ("failed", *code),
        None if *left == 0 => ("done", exit::DONE),
        None => ("stopped", exit::STOPPED),
    };
    if *left > 0 {
        let why = match stop.load(Ordering::Relaxed) {
            true => "stopped",
            false => "not all is done",
        };
        text += &format!("{why}: {left} run(s) are left; the same command goes on with them\n");
    }
    text += &format!("report: {}\n", page.display());
    let failed: Vec<_> =
        failed.iter().map(|(name, code, _)| json!({"run": name, "exit_code": code})).collect();
    let json = json!({
        "status": status,
        "run_dir": folder,
        "report": page,
        "left": left,
        "failed": failed,
        "results": outcome.json(ablation),
    });
    Answer { text, json, code }
}
