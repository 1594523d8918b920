//! What is otherwise than in the last run of the same name that was done.

use crate::cluster::Cluster;
use crate::error::Error;
use crate::estimate::measured::Kept;
use crate::events::is_done;
use crate::plan::Changes;
use crate::verbs::difference;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use toml::Table;
use trainer::{Recipe, RunDir};

/// Changes since the newest run of this name that was done, in `run_dir` or beside it.
pub(super) fn changes(
    recipe: &Recipe,
    cluster: &Cluster,
    run_dir: &RunDir,
) -> Result<Option<Changes>, Error> {
    let Some((run, before)) = last_good(recipe, run_dir) else { return Ok(None) };
    let mut keys = difference::all(&table(&before.to_lock()), &table(&recipe.to_lock()));
    // A cluster file of another version has no keys to compare.
    if let Ok(there) = Cluster::load(&RunDir::new(&run).cluster()) {
        keys.extend(difference::all(&table(&there.to_toml()), &table(&cluster.to_toml())));
    }
    let keys = keys.into_iter().map(|(key, before, now)| [key, before, now]).collect();
    Ok(Some(Changes { run: run.display().to_string(), keys }))
}

/// How far plans were from what was measured: what this run has kept, else the last good one, which is named then.
pub(super) fn error(run_dir: &RunDir, good: Option<&Changes>) -> (Option<Kept>, Option<String>) {
    if let Some(kept) = Kept::load(run_dir) {
        return (Some(kept), None);
    }
    let of = good.map(|changes| changes.run.clone());
    match of.as_ref().and_then(|run| Kept::load(&RunDir::new(run))) {
        Some(kept) => (Some(kept), of),
        None => (None, None),
    }
}

/// The directory and the recipe of the newest run that was done and has this name.
fn last_good(recipe: &Recipe, run_dir: &RunDir) -> Option<(PathBuf, Recipe)> {
    let beside = run_dir.root().parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = beside.and_then(|beside| std::fs::read_dir(beside).ok()).into_iter().flatten();
    let mut runs: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .map(|entry| entry.path())
        .chain([run_dir.root().to_owned()])
        .filter_map(|path| Some((done(&path)?, path)))
        .collect();
    runs.sort();
    // A recipe of another version has nothing to compare with.
    let read = |path: PathBuf| {
        let before = Recipe::load_lock(&RunDir::new(&path).recipe_lock()).ok()?;
        (before.run.name == recipe.run.name).then_some((path, before))
    };
    runs.into_iter().rev().find_map(|(_, path)| read(path))
}

/// When the run in `path` was done; `None` where it is not.
fn done(path: &Path) -> Option<SystemTime> {
    let events = RunDir::new(path).events();
    let text = std::fs::read_to_string(&events).ok()?;
    is_done(&text).then_some(())?;
    events.metadata().ok()?.modified().ok()
}

/// A resolved recipe or a cluster file without where its values come from.
fn table(text: &str) -> Table {
    // Both are our own text.
    let mut table: Table = text.parse().unwrap_or_default();
    table.remove("origins");
    table
}
