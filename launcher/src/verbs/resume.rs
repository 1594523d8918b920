//! `knowcoder resume`: hands a run that stopped over again, as its directory says.

use super::Answer;
use super::submit::{Handover, absolute, check, shown};
use crate::cli;
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use crate::standing::State;
use crate::standing::now::Now;
use crate::standing::sight::paused;
use crate::store;
use crate::submission::Submission;
use crate::why::after_pause;
use serde_json::json;
use std::path::PathBuf;
use trainer::recipe::Pause;
use trainer::{Recipe, RunDir};

/// Continues a run where it stopped.
pub fn resume(args: &cli::Resume) -> Result<Answer, Error> {
    let run_dir = RunDir::new(absolute(&args.run)?);
    let (now, _) = Now::of_files(&run_dir)?;
    if now.standing.state == State::Done && now.driver.is_none() {
        let text = format!("`{}` is done: there is nothing to continue\n", shown(run_dir.root()));
        return Ok(Answer::new(text, json!({"status": "done", "run_dir": run_dir.root()})));
    }
    let lock = run_dir.recipe_lock();
    if !lock.exists() {
        let message =
            format!("`{}` has no recipe.lock: no run began there", run_dir.root().display());
        return Err(Error::new(exit::DECLARATION, message)
            .hint("`knowcoder submit RECIPE --run-dir DIR` begins one"));
    }
    refuse_paused(&run_dir, &now)?;
    let recipe = Recipe::load_lock(&lock)?;
    let cluster = match &args.cluster {
        Some(path) => Cluster::load(path)?,
        None if run_dir.cluster().exists() => Cluster::load(&run_dir.cluster())?,
        None => Cluster::of_this_machine(),
    };
    check(&lock, &recipe, &cluster)?;
    let data_root = data_root(args, &run_dir, &recipe)?;
    Handover { recipe, source: None, cluster, run_dir, data_root }.give(false)
}

/// Refuses a run that would only come to where its recipe paused it.
fn refuse_paused(run_dir: &RunDir, now: &Now) -> Result<(), Error> {
    let Some(Pause { phase, step }) = paused(run_dir, &now.standing) else { return Ok(()) };
    if now.driver.is_some() {
        return Ok(());
    }
    let root = shown(run_dir.root());
    let whose = match &now.sight.sweep {
        Some(sweep) => format!(", a trial of the sweep in `{}`,", shown(sweep)),
        None => String::new(),
    };
    let message = format!(
        "`{root}`{whose} is paused behind step {step} of phase `{phase}`, as checkpoint.pause of its recipe says"
    );
    let way_out = after_pause(now.sight.sweep.as_deref());
    Err(Error::new(exit::DECLARATION, message).hint(way_out))
}

/// Where corpora lie: as asked, as they did, or as for any other run.
fn data_root(args: &cli::Resume, run_dir: &RunDir, recipe: &Recipe) -> Result<PathBuf, Error> {
    let before = Submission::load(run_dir)?.map(|submission| submission.data_root);
    let usual = || std::env::var_os("KNOWCODER_DATA").map_or_else(|| "data".into(), PathBuf::from);
    let data_root = args.data_root.clone().or(before).unwrap_or_else(usual);
    let cache_dir = std::env::var_os("KNOWCODER_CACHE").map(PathBuf::from);
    let asked = cli::DataRoot { data_root, cache: cli::CacheDir { cache_dir } };
    absolute(&store::data_root(&asked, || store::of_recipe(recipe, |_| true))?)
}
