//! What the files of a run directory say.
//!
//! A report is asked for while a run goes on and after one has died, so a file that is not there
//! is a section less, and a last line without its end is not there yet. Other lines of logs that
//! cannot be read are named on the page; what scores stand on is an error with its place.

mod evaluations;
mod events;
mod lines;
mod memory;
mod prepared;
mod steps;

use crate::cluster::Cluster;
use crate::estimate::measured::Kept;
use data_pipeline::score::{Scores, Set};
use data_pipeline::{Error, predictions};
pub(super) use evaluations::Evaluation;
pub(super) use events::{Event, World, checkpoints, worlds};
pub(super) use lines::Broken;
use memory::MemoryPlan;
pub(super) use memory::PhaseMemory;
pub(super) use prepared::{Counts, Part, Prepared};
use serde_json::Value;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
pub(super) use steps::{Heard, Phase, Source, Step, Steps};
use trainer::RunDir;

/// One run, read.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The recipe's name for it, else the directory's.
    pub name: String,
    /// When it began.
    pub date: Option<String>,
    /// `recipe.lock` as text.
    pub recipe: Option<String>,
    /// `recipe.lock` as far as it is TOML.
    pub settings: toml::Table,
    /// `cluster.toml`, if there is one of this version.
    pub cluster: Option<Cluster>,
    /// `metrics.jsonl`.
    pub steps: Steps,
    /// `evaluations.jsonl`, of one protocol.
    pub evaluations: Vec<Evaluation>,
    /// `memory.json`, by phase.
    pub memory: Vec<PhaseMemory>,
    /// `estimate.json`, of this version.
    pub kept: Option<Kept>,
    /// `scores.json`.
    pub scores: Scores,
    /// The test sets with the trained model's answers: `predictions/final/*.jsonl`.
    pub sets: Vec<Set>,
    /// `events.jsonl`.
    pub events: Vec<Event>,
    /// `prepared/*/manifest.json`.
    pub prepared: Vec<Prepared>,
    /// What of these could not be read.
    pub broken: Vec<Broken>,
}

impl Run {
    /// Reads what is there.
    pub(super) fn read(run_dir: &Path) -> Result<Self, Error> {
        if !run_dir.is_dir() {
            let missing = std::io::Error::new(ErrorKind::NotFound, "no such run directory");
            return Err(Error::read(run_dir)(missing));
        }
        let recipe = text(&run_dir.join("recipe.lock"))?;
        // A lock file of another version is still worth showing as text.
        let settings: toml::Table =
            recipe.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default();
        let named = settings.get("run").and_then(|run| run.get("name")).and_then(|it| it.as_str());
        let directory = fs::canonicalize(run_dir).map_err(Error::read(run_dir))?;
        let directory = directory.file_name().unwrap_or_default().to_string_lossy();
        let scores = match Scores::read(&run_dir.join("scores.json")) {
            Err(Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Scores::default()
            }
            scores => scores?,
        };
        let mut broken = Vec::new();
        let events = events::read(&run_dir.join("events.jsonl"), &mut broken)?;
        Ok(Self {
            name: named.unwrap_or(&directory).to_owned(),
            date: events.first().map(|event| event.time.clone()).filter(|time| !time.is_empty()),
            steps: Steps::read(&run_dir.join("metrics.jsonl"), &mut broken)?,
            evaluations: evaluations::read(&run_dir.join("evaluations.jsonl"), &mut broken)?,
            memory: memory(&run_dir.join("memory.json"), &mut broken)?,
            kept: Kept::load(&RunDir::new(run_dir)),
            scores,
            sets: sets(&run_dir.join("predictions/final"))?,
            events,
            prepared: prepared(&run_dir.join("prepared"))?,
            cluster: cluster(&run_dir.join("cluster.toml"), &mut broken)?,
            recipe,
            settings,
            broken,
        })
    }

    /// What the last event that mentions `key`, or the recipe's `[run]`, says of it.
    pub(super) fn fact(&self, key: &str) -> Option<String> {
        let told = self.events.iter().rev().find_map(|event| event.fields.get(key)).map(plain);
        told.or_else(|| {
            let value = self.settings.get("run")?.get(key)?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
    }

    /// From the first event to the last.
    pub(super) fn seconds(&self) -> Option<f64> {
        let (first, last) = (self.events.first()?.seconds?, self.events.last()?.seconds?);
        (last > first).then_some(last - first)
    }

    /// What the recipe says of a phase.
    pub(super) fn phase_settings(&self, name: &str) -> Option<&toml::Table> {
        let phases = self.settings.get("phase")?.as_array()?;
        let is_it = |phase: &&toml::Table| {
            phase.get("name").and_then(toml::Value::as_str).is_some_and(|it| it == name)
        };
        phases.iter().filter_map(toml::Value::as_table).find(is_it)
    }
}

/// The text of a file that may be missing.
fn text(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read(path)(error)),
    }
}

/// A JSON value without the quotes of a string.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The cluster file in use; one of another version is named, and the run has a page all the same.
fn cluster(path: &Path, broken: &mut Vec<Broken>) -> Result<Option<Cluster>, Error> {
    let Some(text) = text(path)? else { return Ok(None) };
    match Cluster::parse(&text, Path::new("cluster.toml")) {
        Ok(cluster) => Ok(Some(cluster)),
        Err(error) => {
            let file = "cluster.toml".to_owned();
            broken.push(Broken { file, lines: Vec::new(), why: error.message });
            Ok(None)
        }
    }
}

/// The memory plan; one that cannot be read is named.
fn memory(path: &Path, broken: &mut Vec<Broken>) -> Result<Vec<PhaseMemory>, Error> {
    let Some(text) = text(path)? else { return Ok(Vec::new()) };
    match serde_json::from_str::<MemoryPlan>(&text) {
        Ok(plan) => Ok(plan.phases),
        Err(error) => {
            let file = "memory.json".to_owned();
            broken.push(Broken { file, lines: Vec::new(), why: error.to_string() });
            Ok(Vec::new())
        }
    }
}

/// The name of a run and its answers; of a directory with files of predictions, its name and theirs.
pub(super) fn answers(directory: &Path) -> Result<(String, Vec<Set>), Error> {
    if !directory.is_dir() {
        let missing = std::io::Error::new(ErrorKind::NotFound, "no such directory");
        return Err(Error::read(directory)(missing));
    }
    let whole = fs::canonicalize(directory).map_err(Error::read(directory))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let of_run = directory.join("predictions/final");
    let found = sets(if of_run.is_dir() { &of_run } else { directory })?;
    if found.is_empty() {
        let message =
            "no predictions lie here or in its `predictions/final`; evaluate first".to_owned();
        return Err(Error::Declaration { path: directory.to_owned(), message });
    }
    Ok((name, found))
}

/// The predictions of every file of the directory, by set, without one rank's part of a set.
fn sets(directory: &Path) -> Result<Vec<Set>, Error> {
    let mut paths = entries(directory)?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".jsonl") && !name.contains(".rank-")
    });
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    Ok(Set::group(predictions::read_finished(&paths)?))
}

fn prepared(directory: &Path) -> Result<Vec<Prepared>, Error> {
    let mut sets = Vec::new();
    for set in entries(directory)? {
        let path = set.join("manifest.json");
        let Some(text) = text(&path)? else { continue };
        let mut manifest: Prepared = serde_json::from_str(&text)
            .map_err(|error| Error::data(&path, error.line(), error.to_string()))?;
        manifest.name = set.file_name().unwrap_or_default().to_string_lossy().into_owned();
        sets.push(manifest);
    }
    Ok(sets)
}

/// What lies in a directory that may be missing, by name.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::read(directory)(error)),
    };
    let mut paths: Vec<PathBuf> = listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(Error::read(directory))?;
    paths.sort();
    Ok(paths)
}
