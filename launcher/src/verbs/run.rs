//! `knowcoder run`: the whole way from a recipe to a table of scores.
//!
//! The run directory is the state: what is there and complete is not done again, so that the same
//! command continues a run that stopped, for whatever reason.

use super::submit::check_batches;
use super::{Answer, difference, follow, plan, score, verify};
use crate::cli;
use crate::cluster::{Backend, Cluster};
use crate::display::Display;
use crate::drive::standing::Writer;
use crate::drive::{Drive, drive};
use crate::error::{Error, exit};
use crate::events::Events;
use crate::interrupt::{self, Cut};
use crate::lock::RunLock;
use crate::report;
use crate::room;
use crate::standing::{Standing, State};
use crate::store::shards::Given;
use crate::store::{self, Place};
use crate::supervise::Ending;
use data_pipeline::order::Share;
use data_pipeline::predictions::{replace, replace_among_others};
use data_pipeline::prepare::{Prepared, Progress};
use data_pipeline::tokenizer::Tokenizer;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;
use trainer::audit::Use;
use trainer::memory::MemoryPlan;
use trainer::{Recipe, RunDir};

/// Prepares, trains, evaluates, scores and reports.
pub fn run(args: &cli::Run) -> Result<Answer, Error> {
    let recipe = recipe_of(&args.recipe)?;
    let cluster = cluster_of(args.cluster.as_deref())?;
    let run_dir = run_dir_of(args.run_dir.as_deref(), &recipe);
    let is_here = cluster.backend == Backend::Local;
    match is_here {
        true => {
            trainer::prepare::check(&recipe)?;
            trainer::device::ready(&recipe.run.device, cluster.ranks, cluster.collective)?;
        }
        // What other machines have, they say themselves.
        false => trainer::prepare::check_declared(&recipe)?,
    }
    trainer::run::check_world(&args.recipe.recipe, &recipe, cluster.ranks)?;
    check_batches(&recipe, cluster.ranks)?;
    cluster.check_device(&recipe.run.device)?;
    if let Some(slowness) = is_here.then(|| trainer::device::slowness(&recipe.run.device)).flatten()
    {
        eprintln!("warning: {slowness}");
    }
    if args.dry_run {
        return plan::of(&recipe, &cluster, &run_dir);
    }
    if matches!(cluster.backend, Backend::Slurm | Backend::Kubernetes) {
        return follow::run(args, &run_dir);
    }
    if args.tui {
        Display::check_view()?;
    }
    let given = args.shards.as_deref().map(Place::of).transpose()?;
    let given = given.map(|place| Given::new(place, args.data.cache.folder()));
    run_dir.create()?;
    let _lock = RunLock::take(&run_dir.lock())?;
    // It was for the start before this one.
    trainer::requests::remove(&run_dir.stop())?;
    let mut events = Events::open(&run_dir.events())?;
    replace(&run_dir.cluster(), cluster.to_toml().as_bytes())?;
    interrupt::ignore_save();
    let cut = cut_while_preparing(&run_dir, "the same command", exit::STOPPED);
    let is_read: fn(Use) -> bool = match &given {
        None => |_| true,
        Some(_) => |used| used == Use::Benchmark,
    };
    let data_root = store::data_root(&args.data, || store::of_recipe(&recipe, is_read))?;
    let data_root =
        std::path::absolute(&data_root).map_err(data_pipeline::Error::read(&data_root))?;
    match &given {
        None => prepare(&recipe, &args.recipe.recipe, &run_dir, &data_root)?,
        Some(given) => take(&recipe, &args.recipe.recipe, &run_dir, given)?,
    }
    settle_memory(&recipe, &cluster, &run_dir)?;
    if is_here && !has_checkpoints(&run_dir) {
        verify::before(args, &recipe, &cluster, &run_dir, &mut events)?;
    }
    drop(cut);
    room::check(&recipe, &run_dir)?;
    let ending =
        ranks(&run_dir, &cluster, &data_root, args.tui, &mut events, (Some(&recipe), &[]))?;
    ended(ending, &recipe, &cluster, &run_dir, &mut events)
}

/// Until it is dropped, a stop ends the process, and the events say so; `again` prepares what is left. A signal
/// ends it with `code`.
pub fn cut_while_preparing(run_dir: &RunDir, again: &'static str, code: u8) -> Cut {
    let run_dir = run_dir.clone();
    Cut::allow(run_dir.stop(), move |by_file| {
        let asked = if by_file { json!({"by": "file"}) } else { json!({}) };
        // A stop that cannot be written down is one all the same.
        if let Ok(mut events) = Events::open(&run_dir.events()) {
            let _ = events.record("stop-requested", asked);
            let _ = events.record("stopped", json!({}));
        }
        Standing::conclude(&run_dir.root().join("status.json"), State::Stopped);
        eprintln!("\nstopped while preparing data; {again} prepares them");
        if by_file { exit::STOPPED } else { code }
    })
}

/// What is said of an ending; a run that is done is scored first.
pub fn ended(
    ending: Ending,
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
    events: &mut Events,
) -> Result<Answer, Error> {
    match ending {
        Ending::Done => {
            let finished = finish(recipe, cluster, run_dir, events);
            match &finished {
                Ok(_) => Standing::conclude(&run_dir.root().join("status.json"), State::Done),
                Err(error) => {
                    events.record("failed", failure(error))?;
                    Standing::conclude(&run_dir.root().join("status.json"), State::Failed);
                }
            }
            finished
        }
        Ending::Stopped => {
            events.record("stopped", json!({}))?;
            concluded(recipe, cluster, run_dir);
            let how = match has_checkpoints(run_dir) {
                true => "with a checkpoint",
                false => "before the first checkpoint",
            };
            Ok(Answer {
                text: format!(
                    "stopped {how} in `{}`; the same command continues\n",
                    run_dir.root().display()
                ),
                json: json!({"status": "stopped", "run_dir": run_dir.root()}),
                code: exit::STOPPED,
            })
        }
        Ending::Killed | Ending::Failed(_) => {
            // What went wrong is the sentence to read.
            plan::conclude(recipe, cluster, run_dir).ok();
            match ending {
                Ending::Failed(cause) => Err(cause.into_error()),
                _ => Err(killed()),
            }
        }
    }
}

/// Chooses micro-batches, or keeps what was chosen, before any rank starts.
pub fn settle_memory(recipe: &Recipe, cluster: &Cluster, run_dir: &RunDir) -> Result<(), Error> {
    let learned = has_checkpoints(run_dir);
    let machine = plan::machine(cluster);
    let (memory, warnings) = trainer::memory::settle(recipe, run_dir, machine, learned)?;
    for warning in warnings {
        Display::new().line(&format!("warning: {warning}"));
    }
    Ok(memory.save(&run_dir.memory())?)
}

/// The recipe of a command line.
pub fn recipe_of(args: &cli::RecipeArgs) -> Result<Recipe, Error> {
    Ok(Recipe::load(&args.recipe, &args.sets)?)
}

/// The cluster of a command line, or this machine.
pub fn cluster_of(path: Option<&Path>) -> Result<Cluster, Error> {
    path.map_or_else(|| Ok(Cluster::of_this_machine()), Cluster::load)
}

/// The run directory of a command line, or the one that has the recipe's name.
pub fn run_dir_of(path: Option<&Path>, recipe: &Recipe) -> RunDir {
    RunDir::new(path.map_or_else(|| Path::new("runs").join(&recipe.run.name), PathBuf::from))
}

/// Fixes what is learned here, and takes the shards that were prepared for it elsewhere.
fn take(recipe: &Recipe, source: &Path, run_dir: &RunDir, given: &Given) -> Result<(), Error> {
    fix(recipe, source, run_dir)?;
    given.take(recipe, run_dir, has_checkpoints(run_dir))?;
    trainer::prepare::given(recipe, run_dir)?;
    Ok(())
}

/// Fixes what is learned in a run directory; what was prepared for something else goes.
pub(super) fn fix(recipe: &Recipe, source: &Path, run_dir: &RunDir) -> Result<(), Error> {
    run_dir.create()?;
    let lock = run_dir.recipe_lock();
    if lock.exists() {
        let before = Recipe::load_lock(&lock)?;
        if !before.trains_like(recipe) {
            if has_checkpoints(run_dir) {
                return Err(other_recipe(run_dir, &before, source, recipe));
            }
            // Nothing was learned from the other recipe: what it prepared is made again.
            for folder in [run_dir.tokenizer(), run_dir.root().join("prepared")] {
                match std::fs::remove_dir_all(&folder) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(data_pipeline::Error::write(&folder)(error).into());
                    }
                    _ => {}
                }
            }
            run_dir.create()?;
        }
    }
    let text = std::fs::read(source).map_err(data_pipeline::Error::read(source))?;
    replace(&run_dir.recipe(), &text)?;
    replace(&lock, recipe.to_lock().as_bytes())?;
    Ok(())
}

/// Fixes what is learned here, and makes the shards that are not there yet.
pub fn prepare(
    recipe: &Recipe,
    source: &Path,
    run_dir: &RunDir,
    data_root: &Path,
) -> Result<(), Error> {
    fix(recipe, source, run_dir)?;
    prepared(recipe, run_dir, data_root)
}

/// Makes the shards that are not there yet, of what is fixed.
pub fn prepared(recipe: &Recipe, run_dir: &RunDir, data_root: &Path) -> Result<(), Error> {
    let display = RefCell::new(Display::new());
    let tell = |phase: &str, progress: Progress| show(&display, phase, progress);
    let manifests = trainer::prepare::all(recipe, run_dir, data_root, &tell)?;
    let mut display = display.into_inner();
    display.finish();
    for (phase, manifest) in recipe.phase.iter().zip(&manifests) {
        for (corpus, (count, _)) in &manifest.origin.removed {
            display.line(&format!(
                "{}: {count} sentence(s) of {corpus} are in a benchmark and are left out",
                phase.name
            ));
        }
        for (corpus, rows) in &manifest.quarantined {
            display.line(&format!(
                "{}: {rows} row(s) of {corpus} do not fit and are left out, as declared; see \
                 quarantine-*.jsonl beside the shards",
                phase.name
            ));
        }
        for (lesson, shots) in &manifest.shots {
            if shots.fewer > 0 {
                display.line(&format!(
                    "{}: {} sample(s) of {lesson} have no room for all demonstrations",
                    phase.name, shots.fewer
                ));
            }
            if !shots.lacking.is_empty() {
                display.line(&format!(
                    "{}: the training text of {lesson} has fewer than {} mentions to show of {}",
                    phase.name,
                    phase.prompt.shots,
                    shots.lacking.join(", ")
                ));
            }
        }
        if let Some(first) = manifest.refused.first() {
            display.line(&format!(
                "{}: {} sample(s) are longer than {} tokens and are left out, `{}` the first; the \
                 manifest of the shards names all",
                phase.name,
                manifest.refused.len(),
                first.limit,
                first.id
            ));
        }
    }
    Ok(())
}

/// Makes a share of the shards; other programs make the others, here and now or elsewhere.
pub fn prepare_share(
    recipe: &Recipe,
    source: &Path,
    run_dir: &RunDir,
    data_root: &Path,
    share: Share,
) -> Result<Vec<Prepared>, Error> {
    let lock = run_dir.recipe_lock();
    if lock.exists() {
        let before = Recipe::load_lock(&lock)?;
        // What lies there may be what other shares are making: nothing is taken away.
        if !before.trains_like(recipe) {
            return Err(other_recipe(run_dir, &before, source, recipe));
        }
    } else {
        let text = std::fs::read(source).map_err(data_pipeline::Error::read(source))?;
        replace_among_others(&run_dir.recipe(), &text)?;
        replace_among_others(&lock, recipe.to_lock().as_bytes())?;
    }
    let display = RefCell::new(Display::new());
    let tell = |phase: &str, progress: Progress| show(&display, phase, progress);
    let prepared = trainer::prepare::share(recipe, run_dir, data_root, share, &tell)?;
    display.into_inner().finish();
    Ok(prepared)
}

/// Shows how far a preparation is.
fn show(display: &RefCell<Display>, phase: &str, progress: Progress) {
    match progress {
        Progress::Groups { dataset, done, total } => {
            let what = format!("preparing {phase}: {dataset}");
            display.borrow_mut().advance(&what, done, total, "", Instant::now());
        }
        Progress::Reading { dataset, sentences, declared } => {
            let what = format!("preparing {phase}: reading {dataset}");
            let total = declared.unwrap_or(sentences).max(sentences);
            display.borrow_mut().advance(&what, sentences, total, "", Instant::now());
        }
        Progress::Again { reason } => display
            .borrow_mut()
            .line(&format!("the shards of phase `{phase}` are made again: {reason}")),
    }
}

/// Whether something was learned there.
pub fn has_checkpoints(run_dir: &RunDir) -> bool {
    let entries = std::fs::read_dir(run_dir.checkpoints()).into_iter().flatten().flatten();
    entries.filter(|it| it.path().extension().is_none_or(|it| it != "tmp")).count() > 0
}

/// Refuses a run directory whose run learns something else than `recipe`, which was read from `source`.
pub(super) fn check_same(recipe: &Recipe, source: &Path, run_dir: &RunDir) -> Result<(), Error> {
    let there = Recipe::load_lock(&run_dir.recipe_lock())?;
    match there.trains_like(recipe) {
        true => Ok(()),
        false => Err(other_recipe(run_dir, &there, source, recipe)),
    }
}

/// A run directory cannot hold two runs.
fn other_recipe(run_dir: &RunDir, before: &Recipe, source: &Path, now: &Recipe) -> Error {
    let (run_dir, source) = (run_dir.root().display(), source.display());
    let message = match difference::first(&before.fixed(), &now.fixed()) {
        Some((key, before, now)) => format!(
            "`{run_dir}` holds a run of another recipe: {key} = {before} there, {now} in `{source}`"
        ),
        None => format!("`{run_dir}` holds a run of another recipe than `{source}`"),
    };
    Error::new(exit::DECLARATION, message)
        .hint("give this one another --run-dir, or remove the old run")
}

/// What is said of a run that somebody wanted to end at once.
fn killed() -> Error {
    Error::new(exit::TRANSIENT, "the run was ended at once, as asked")
        .hint("the same command continues from the newest checkpoint")
}

/// The event `failed` of a run that ends before a rank can say why.
pub fn failure(error: &Error) -> Value {
    let words = format!("error: {}", error.message);
    json!({"exit_code": error.code, "last_words": words, "hint": error.hint})
}

/// Starts the ranks, each with `more` arguments, and waits for them.
pub fn ranks(
    run_dir: &RunDir,
    cluster: &Cluster,
    data_root: &Path,
    tui: bool,
    events: &mut Events,
    (recipe, more): (Option<&Recipe>, &[OsString]),
) -> Result<Ending, Error> {
    let folder = run_dir.root().file_name().unwrap_or_default().to_string_lossy();
    let name = recipe.map_or_else(|| folder.into_owned(), |recipe| recipe.run.name.clone());
    let status = run_dir.root().join("status.json");
    let mut standing = Writer::new(status, &name, cluster.backend.name());
    let asked = Drive { run_dir, cluster, data_root, tui, more, recipe };
    let ending = drive(&asked, events, &mut standing);
    match &ending {
        // It is scored first.
        Ok(Ending::Done) => {}
        // Who was asked to end at once has not failed.
        Ok(Ending::Stopped | Ending::Killed) => standing.state(State::Stopped),
        Ok(Ending::Failed(_)) | Err(_) => standing.state(State::Failed),
    }
    if matches!(ending, Ok(Ending::Stopped)) {
        // Ranks that had nothing to save leave it: who asked may wait until it is gone.
        trainer::requests::remove(&run_dir.stop())?;
    }
    match &ending {
        Err(error) => events.record("failed", failure(error))?,
        Ok(Ending::Killed) => events.record("failed", failure(&killed()))?,
        Ok(_) => {}
    }
    ending
}

/// Holds the plan against what was measured; a run is what it is without that, too.
fn concluded(recipe: &Recipe, cluster: &Cluster, run_dir: &RunDir) -> Vec<String> {
    plan::conclude(recipe, cluster, run_dir).unwrap_or_else(|error| {
        eprintln!("warning: the plan is not held against the run: {}", error.message);
        Vec::new()
    })
}

/// Scores what the ranks predicted and writes the page.
fn finish(
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
    events: &mut Events,
) -> Result<Answer, Error> {
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let scores = score::of_run(run_dir, recipe, &tokenizer)?;
    scores.write(&run_dir.scores())?;
    if recipe.run.tensorboard
        && let Err(error) = trainer::tensorboard::write_scores(run_dir, &scores)
    {
        eprintln!("warning: TensorBoard will not see the scores: {error}");
    }
    events.record("done", json!({}))?;
    // The report shows it.
    let planned = concluded(recipe, cluster, run_dir);
    let page = report::write(run_dir.root())?.report;
    let answer = score::answer(&scores)?;
    let memory = MemoryPlan::load(&run_dir.memory())?.unwrap_or_default();
    let mut text = format!("{}\n", answer.text);
    let devices = events.newest("device")?;
    let kernels: Vec<&str> = devices.iter().filter_map(|it| it["kernels"].as_str()).collect();
    if !kernels.is_empty() {
        text += &format!("kernels, kept for the next start: {}\n", kernels.join(", "));
    }
    planned.iter().for_each(|it| text += &format!("{it}\n"));
    text += &format!("report: {}\n", page.display());
    let json = json!({
        "status": "done",
        "run_dir": run_dir.root(),
        "report": page,
        "memory": memory,
        "devices": devices,
        "scores": answer.json,
    });
    Ok(Answer::new(text, json))
}
