//! `knowcoder sweep`: a search for better values.

use super::Answer;
use crate::cli;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use crate::interrupt;
use crate::lock::RunLock;
use crate::sweep::definition::{Method, Sweep};
use crate::sweep::log::{self, Line};
use crate::sweep::state::State;
use crate::sweep::worker::{self, End};
use crate::sweep::{Folder, Setting, array, devices, indexed, lost, page, shards, summary};
use data_pipeline::predictions::replace;
use data_pipeline::shell;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Does what is asked of a sweep.
pub fn sweep(args: &cli::Sweep) -> Result<Answer, Error> {
    match args {
        cli::Sweep::Start(args) | cli::Sweep::Resume(args) => start(args),
        cli::Sweep::Status(args) => status(args),
        cli::Sweep::Best(args) => best(args),
        cli::Sweep::Report(args) => report(args),
    }
}

fn start(args: &cli::SweepStart) -> Result<Answer, Error> {
    let setting = setting(&args.sweep, args.cluster.as_deref())?;
    check(&setting)?;
    let usual = if args.worker { 1 } else { setting.sweep.parallel };
    let slots = args.slots.map_or(usual, usize::from);
    if !args.array {
        devices::check(&setting, slots)?;
    }
    let file = absolute(&args.sweep.file)?;
    if args.dry_run && !args.array {
        return Ok(dry(&setting));
    }
    let folder = &setting.folder;
    std::fs::create_dir_all(&folder.0).map_err(data_pipeline::Error::write(&folder.0))?;
    if args.array {
        return hand_over(&setting, &file, args.dry_run);
    }
    if let backend @ (Backend::Slurm | Backend::Kubernetes) = setting.cluster.backend {
        let message = format!(
            "trials cannot wait in the queue of `{}` one by one: they share shards and are paused at rungs",
            backend.name()
        );
        return Err(Error::new(exit::DECLARATION, message).hint(
            "`--array` hands over workers, tasks of an array or pods, that run trials inside",
        ));
    }
    let _lock = match args.worker {
        true => None,
        false => Some(RunLock::take_sweep(&folder.lock())?),
    };
    let text = std::fs::read(&file).map_err(data_pipeline::Error::read(&file))?;
    data_pipeline::predictions::replace_among_others(&folder.definition(), &text)?;
    interrupt::ignore_save();
    let stop = interrupt::stop_flag().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let (setting, note) = devices::share_cores(setting, slots)?;
    if let Some(note) = note {
        eprintln!("{note}");
    }
    let end = worker::work(&setting, slots, stop)?;
    ended(&setting, &end, args.worker)
}

/// What is known when a process has nothing more to do.
fn ended(setting: &Setting, end: &End, is_worker: bool) -> Result<Answer, Error> {
    let (state, lines) = read(setting)?;
    let mut text = summary::text(setting, &state);
    let (status, code) = match end {
        End::Over => ("done", exit::DONE),
        End::Spent(why) => {
            text +=
                &format!("the budget is used: {why}; with a larger one the same command goes on\n");
            ("spent", exit::DONE)
        }
        End::Stopped => {
            text += "stopped; the same command goes on\n";
            ("stopped", exit::STOPPED)
        }
    };
    let mut json = json!({"status": status, "sweep": summary::document(setting, &state)});
    if !is_worker {
        let page = write(setting, &state, &lines)?;
        text += &format!("report: {}\n", page.display());
        json["report"] = json!(page);
    }
    Ok(Answer { text, json, code })
}

/// Hands workers to Kubernetes, a pod each.
fn hand_over_pods(setting: &Setting, file: &Path, is_dry: bool) -> Result<Answer, Error> {
    let manifest = indexed::write(setting, file)?;
    if is_dry {
        let text = format!("would run: kubectl apply -f {}\n", manifest.display());
        return Ok(Answer::new(text, json!({"dry_run": true, "manifest": manifest})));
    }
    let id = indexed::submit(setting, file, &manifest)?;
    let text = format!(
        "{id}: {} workers; `knowcoder sweep status` says how far they are\n",
        setting.sweep.parallel
    );
    Ok(Answer::new(text, json!({"status": "submitted", "job": id, "manifest": manifest})))
}

fn hand_over(setting: &Setting, file: &Path, is_dry: bool) -> Result<Answer, Error> {
    if setting.cluster.backend == Backend::Kubernetes {
        return hand_over_pods(setting, file, is_dry);
    }
    let script = array::write(setting, file)?;
    if is_dry {
        let text = format!("would run: sbatch {}\n", script.display());
        return Ok(Answer::new(text, json!({"dry_run": true, "script": script})));
    }
    let logs = setting.folder.logs();
    std::fs::create_dir_all(&logs).map_err(data_pipeline::Error::write(&logs))?;
    let id = array::submit(setting, &script)?;
    let text = format!(
        "job {id}: {} workers; `knowcoder sweep status` says how far they are\n",
        setting.sweep.parallel
    );
    Ok(Answer::new(text, json!({"status": "submitted", "job": id, "script": script})))
}

/// What would be asked for first.
fn dry(setting: &Setting) -> Answer {
    let points = worker::first(&setting.sweep, setting.sweep.parallel.max(5));
    let lines: Vec<String> = points.iter().map(crate::sweep::told).collect();
    let sweep = &setting.sweep;
    let grid = match sweep.method {
        Method::Grid => sweep.space.grid().ok().map(|grid| grid.count()),
        _ => None,
    };
    let of_grid = grid.map_or(String::new(), |count| format!(" of a grid of {count}"));
    let text = format!(
        "sweep `{}`: up to {} trials{of_grid}, each of {} run(s), the first:\n  {}\n",
        sweep.name,
        sweep.budget.trials,
        sweep.seeds.len(),
        lines.join("\n  ")
    );
    let mut json = json!({"dry_run": true, "trials": sweep.budget.trials, "first": points});
    if let Some(count) = grid {
        // JSON's numbers are not that long.
        json["grid"] = json!(count.min(u128::from(u64::MAX)) as u64);
    }
    Answer::new(text, json)
}

fn status(args: &cli::SweepFile) -> Result<Answer, Error> {
    let setting = setting(args, None)?;
    let (mut state, _) = begun(&setting)?;
    let lost = lost::let_wait(&setting, &mut state)?;
    let mut text = summary::text(&setting, &state);
    if lost > 0 {
        text += &format!(
            "{lost} run(s) have lost their process; `knowcoder sweep start {}` goes on with them\n",
            shell::path(&args.file)
        );
    }
    let mut json = summary::document(&setting, &state);
    json["lost"] = json!(lost);
    Ok(Answer::new(text, json))
}

fn best(args: &cli::SweepFile) -> Result<Answer, Error> {
    let setting = setting(args, None)?;
    let (state, _) = begun(&setting)?;
    let sweep = &setting.sweep;
    let Some(trial) = state.best(sweep) else {
        let message = format!("no trial of `{}` has a value yet", sweep.name);
        return Err(Error::new(exit::TRANSIENT, message)
            .hint("`knowcoder sweep status` says how far they are"));
    };
    let command = page::command(&setting, trial);
    let note =
        format!("# trial {}: {} {}\n", trial.number, sweep.metric, summary::reached(sweep, trial));
    let sets: Vec<String> =
        sweep.sets.iter().cloned().chain(Sweep::sets_of(&trial.values)).collect();
    let mut json = summary::of_trial(sweep, trial);
    json["recipe"] = json!(sweep.recipe);
    json["set"] = json!(sets);
    Ok(Answer::new(format!("{note}{command}\n"), json))
}

fn report(args: &cli::SweepFile) -> Result<Answer, Error> {
    let setting = setting(args, None)?;
    let (state, lines) = begun(&setting)?;
    let page = write(&setting, &state, &lines)?;
    let csv = setting.folder.csv();
    let text = format!("{}\n{}\n", page.display(), csv.display());
    Ok(Answer::new(text, json!({"report": page, "csv": csv})))
}

/// Writes page and table; returns the page.
fn write(setting: &Setting, state: &State, lines: &[Line]) -> Result<PathBuf, Error> {
    let page = setting.folder.page();
    replace(&page, page::html(setting, state, lines).as_bytes())?;
    replace(&setting.folder.csv(), summary::csv(&setting.sweep, state).as_bytes())?;
    Ok(page)
}

fn setting(args: &cli::SweepFile, cluster: Option<&Path>) -> Result<Setting, Error> {
    let sweep = Sweep::load(&args.file)?;
    let folder = args.out.clone().unwrap_or_else(|| Path::new("sweeps").join(&sweep.name));
    let cluster_file = cluster.map(PathBuf::from).or_else(|| sweep.cluster.clone());
    let cluster_file = cluster_file.as_deref().map(absolute).transpose()?;
    let cluster = match &cluster_file {
        Some(path) => Cluster::load(path)?,
        None => Cluster::of_this_machine(),
    };
    let recipe = absolute(&sweep.recipe)?;
    Ok(Setting {
        sweep: Sweep { recipe, ..sweep },
        folder: Folder(absolute(&folder)?),
        cluster_file,
        cluster,
        data_root: absolute(&args.data.data_root)?,
        cache_dir: args.data.cache.cache_dir.clone(),
    })
}

/// Refuses what no trial could do.
fn check(setting: &Setting) -> Result<(), Error> {
    let recipe = setting.sweep.recipe_with(&[])?;
    match setting.cluster.backend {
        Backend::Local => {
            trainer::prepare::check(&recipe)?;
            trainer::device::ready(
                &recipe.run.device,
                setting.cluster.ranks,
                setting.cluster.collective,
            )?;
        }
        // What other machines have, they say themselves.
        _ => trainer::prepare::check_declared(&recipe)?,
    }
    if setting.sweep.plans_memory {
        shards::check_judged(&recipe, &setting.cluster)?;
    }
    trainer::run::check_world(&setting.sweep.recipe, &recipe, setting.cluster.ranks)?;
    setting.cluster.check_device(&recipe.run.device)
}

fn read(setting: &Setting) -> Result<(State, Vec<Line>), Error> {
    let lines = log::read(&setting.folder.log())?;
    let state = State::of(&lines, &setting.sweep);
    if let Some((before, _)) = &state.begun {
        summary::check(before, setting)?;
    }
    Ok((state, lines))
}

/// The same of a sweep that must have begun.
fn begun(setting: &Setting) -> Result<(State, Vec<Line>), Error> {
    let (state, lines) = read(setting)?;
    match lines.is_empty() {
        false => Ok((state, lines)),
        true => {
            let message = format!("`{}` holds no sweep", setting.folder.0.display());
            Err(Error::new(exit::DECLARATION, message).hint(
                "begin it with `knowcoder sweep start FILE`, or name its directory with --out",
            ))
        }
    }
}

/// A place of an object store stays what it is.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    if path.to_string_lossy().contains("://") {
        return Ok(path.to_owned());
    }
    Ok(std::path::absolute(path).map_err(data_pipeline::Error::read(path))?)
}
