//! A run as other tracking programs keep theirs.
//!
//! Nothing is sent anywhere: files are written that the programs themselves read and, if their user
//! wants it, upload. What is written replaces what an earlier call wrote of the same run, in one step.
//!
//! - [`Tracked`]: what the files of a run directory say, as settings, tags and points in time.
//! - `mlflow`: MLflow's folder of files. `wandb`: an offline run of Weights & Biases.
//! - `folder`: a folder takes its name when it is complete.

mod folder;
mod mlflow;
mod points;
mod settings;
#[cfg(test)]
mod tests;
mod wandb;

use crate::error::{Error, exit};
use crate::events::milliseconds;
use points::Points;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use trainer::{Recipe, RunDir};

/// Whose files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The file store of MLflow.
    Mlflow,
    /// An offline run of Weights & Biases.
    Wandb,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The folder of the run.
    pub folder: PathBuf,
    /// Values over all steps.
    pub values: usize,
    /// Lines of `metrics.jsonl` that could not be read.
    pub unreadable: usize,
}

/// How a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Begun and not ended, as far as its events say.
    Running,
    /// Everything is done.
    Done,
    /// A rank failed.
    Failed,
    /// Stopped as asked.
    Stopped,
}

/// A run, as every tracking program sees runs.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    /// 32 hexadecimal digits: the same for each call on the run.
    pub id: String,
    /// Name of the run directory.
    pub name: String,
    /// The recipe's name for such runs.
    pub experiment: String,
    /// The recipe: sections, and phases by name.
    pub settings: Map<String, Value>,
    /// Facts about the run.
    pub tags: Vec<(String, String)>,
    /// When it began, in milliseconds since 1970.
    pub started: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// How it is doing.
    pub status: Status,
    /// Its numbers.
    pub points: Points,
}

/// Writes the run at `run` below `out`.
pub fn write(run: &Path, format: Format, out: &Path) -> Result<Written, Error> {
    let tracked = Tracked::read(run)?;
    std::fs::create_dir_all(out).map_err(data_pipeline::Error::write(out))?;
    // Other programs keep where it is.
    let out = std::path::absolute(out).map_err(data_pipeline::Error::write(out))?;
    let folder = match format {
        Format::Mlflow => mlflow::write(&tracked, &out)?,
        Format::Wandb => wandb::write(&tracked, &out)?,
    };
    let Points { points, finals, unreadable } = &tracked.points;
    let values = points.iter().map(|point| point.values.len()).sum::<usize>() + finals.len();
    Ok(Written { folder, values, unreadable: *unreadable })
}

impl Tracked {
    fn read(run: &Path) -> Result<Self, Error> {
        let run_dir = RunDir::new(run);
        let lock = run_dir.recipe_lock();
        if !lock.is_file() {
            let message =
                format!("`{}` is not the directory of a run: it has no recipe.lock", run.display());
            return Err(Error::new(exit::DECLARATION, message).hint("name one like runs/NAME"));
        }
        let recipe = Recipe::load_lock(&lock)?;
        let events = lines(&run_dir.events())?;
        let started = events.iter().find_map(time).unwrap_or_default();
        let (status, ended) = end(&events);
        let name = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let digest = Sha256::digest(format!("{name}\n{started}"));
        Ok(Self {
            id: digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            experiment: match recipe.run.name.as_str() {
                "" => "knowcoder".to_owned(),
                name => name.to_owned(),
            },
            settings: settings::of(&recipe),
            tags: tags(&events, &recipe),
            points: Points::read(&run_dir, started)?,
            name,
            started,
            ended,
            status,
        })
    }
}

/// What is worth looking for runs by, of their newest start.
fn tags(events: &[Value], recipe: &Recipe) -> Vec<(String, String)> {
    let mut tags = vec![("device".to_owned(), recipe.run.device.clone())];
    let started = events.iter().rev().find(|event| event["event"] == "started");
    for key in ["version", "revision", "world", "backend", "threads_per_rank", "start"] {
        match started.and_then(|event| event.get(key)) {
            Some(Value::String(text)) => tags.push((key.to_owned(), text.clone())),
            Some(value) => tags.push((key.to_owned(), value.to_string())),
            None => {}
        }
    }
    tags
}

/// How a run is doing, and since when it does nothing any more.
fn end(events: &[Value]) -> (Status, Option<u64>) {
    let end = |event: &Value| {
        let status = match event["event"].as_str()? {
            "started" => Status::Running,
            "done" => Status::Done,
            "failed" => Status::Failed,
            "stopped" => Status::Stopped,
            _ => return None,
        };
        Some((status, time(event).filter(|_| status != Status::Running)))
    };
    events.iter().rev().find_map(end).unwrap_or((Status::Running, None))
}

fn time(event: &Value) -> Option<u64> {
    milliseconds(event["time"].as_str()?)
}

/// The complete lines of a file of JSON, none if there is no file; others are left out.
fn lines(path: &Path) -> Result<Vec<Value>, Error> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(data_pipeline::Error::read(path))?,
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
