//! `knowcoder drive`: a run that was submitted, where it happens.
//!
//! What it is stands in its directory; what is done there already is not done again.

use super::{Answer, run};
use crate::cli;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use crate::events::Events;
use crate::interrupt;
use crate::lock::RunLock;
use crate::room;
use crate::store;
use crate::supervise::Ending;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use trainer::{Recipe, RunDir};

/// Prepares what is not prepared, trains, evaluates, scores and reports.
pub fn drive(args: &cli::Drive) -> Result<Answer, Error> {
    let run_dir = RunDir::new(&args.run_dir);
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let cluster = Cluster::load(&run_dir.cluster())?;
    if let Some(phase) = args.through_phase.filter(|it| !(1..=recipe.phase.len()).contains(it)) {
        let message = format!(
            "there is no phase {phase} in `{}`, which has {}",
            run_dir.recipe_lock().display(),
            recipe.phase.len()
        );
        return Err(Error::new(exit::USAGE, message));
    }
    run_dir.create()?;
    let _lock = RunLock::take(&run_dir.lock())?;
    // It was for the start before this one.
    trainer::requests::remove(&run_dir.stop())?;
    let mut events = Events::open(&run_dir.events())?;
    interrupt::ignore_save();
    // Only the cluster signals a pod, and it takes 76 for the wish of a person: no other pod would follow.
    let is_pod = cluster.backend == Backend::Kubernetes;
    let if_signalled = if is_pod { exit::TRANSIENT } else { exit::STOPPED };
    let cut = run::cut_while_preparing(&run_dir, "`knowcoder resume`", if_signalled);
    let data_root = match prepared(args, &recipe, &cluster, &run_dir) {
        Ok(data_root) => data_root,
        Err(error) => {
            // Nobody sits at a terminal: who asks later shall find it.
            events.record("failed", run::failure(&error))?;
            return Err(error);
        }
    };
    drop(cut);
    let more: Vec<OsString> = match args.through_phase {
        Some(phase) if phase < recipe.phase.len() => {
            vec!["--through-phase".into(), phase.to_string().into()]
        }
        _ => Vec::new(),
    };
    let is_part = !more.is_empty();
    let asked = events.count("stop-requested")?;
    let ending =
        run::ranks(&run_dir, &cluster, &data_root, false, &mut events, (Some(&recipe), &more))?;
    let is_taken_away = is_pod
        && ending == Ending::Stopped
        && events.count("stop-requested")? > asked
        && !is_asked_by_file(&events)?;
    match ending {
        Ending::Done if is_part => {
            let phase = args.through_phase.unwrap_or_default();
            events.record("phases-done", json!({"through": phase}))?;
            let text = format!("phases 1 to {phase} are done in `{}`\n", run_dir.root().display());
            Ok(Answer::new(text, json!({"status": "part", "through_phase": phase})))
        }
        ending => {
            let answer = run::ended(ending, &recipe, &cluster, &run_dir, &mut events)?;
            let code = if is_taken_away { if_signalled } else { answer.code };
            Ok(Answer { code, ..answer })
        }
    }
}

/// Whether the newest request to stop came as the file `stop`, as a person's does. The file is gone by now.
fn is_asked_by_file(events: &Events) -> Result<bool, Error> {
    let requests = events.newest("stop-requested")?;
    Ok(requests.last().is_some_and(|event| event["by"] == "file"))
}

/// What ranks need before they start; returns where corpora lie.
fn prepared(
    args: &cli::Drive,
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
) -> Result<PathBuf, Error> {
    let data_root = store::data_root(&args.data, || store::of_recipe(recipe, |_| true))?;
    let data_root =
        std::path::absolute(&data_root).map_err(data_pipeline::Error::read(&data_root))?;
    run::prepared(recipe, run_dir, &data_root)?;
    run::settle_memory(recipe, cluster, run_dir)?;
    room::check(recipe, run_dir)?;
    Ok(data_root)
}
