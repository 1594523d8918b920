//! MLflow's file store: folders of small files.
//!
//! ```text
//! OUT/EXPERIMENT/meta.yaml
//! OUT/EXPERIMENT/RUN/meta.yaml
//! OUT/EXPERIMENT/RUN/metrics/PHASE/NAME     a line `time value step` each
//! OUT/EXPERIMENT/RUN/params/KEY  tags/KEY   the value
//! ```
//! Read with MLflow 3.17 by `scripts/reference/track_check.py`.

use super::folder::Growing;
use super::points::allowed;
use super::{Status, Tracked, settings};
use crate::error::Error;
use data_pipeline::predictions::replace;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Longer names are not shown, and no file can have them.
const LONGEST_NAME: usize = 240;

/// Writes a run into the store at `out`, beside other runs.
pub(super) fn write(run: &Tracked, out: &Path) -> Result<PathBuf, Error> {
    let experiment = experiment(run, out)?;
    let folder = out.join(&experiment).join(&run.id);
    // In the store's own folder of deleted things: no reader looks for runs there.
    let growing = Growing::new(folder.clone(), &out.join(".trash"))?;
    growing.write("meta.yaml", meta(run, &experiment, &folder).as_bytes())?;
    for name in ["metrics", "params", "tags", "artifacts"] {
        growing.folder(name)?;
    }
    for (name, lines) in metrics(run) {
        growing.write(&format!("metrics/{name}"), lines.as_bytes())?;
    }
    for (key, value) in settings::flat(&run.settings) {
        growing.write(&format!("params/{}", name(&key)), value.as_bytes())?;
    }
    for (key, value) in tags(run) {
        growing.write(&format!("tags/{}", name(&key)), value.as_bytes())?;
    }
    growing.keep()
}

/// The id of the run's experiment, which is made if the store has none of that name.
fn experiment(run: &Tracked, out: &Path) -> Result<String, Error> {
    let line = format!("name: {}\n", quoted(&run.experiment));
    let plain = format!("name: {}\n", run.experiment);
    let entries = std::fs::read_dir(out).map_err(data_pipeline::Error::read(out))?;
    for entry in entries.flatten() {
        let meta = std::fs::read_to_string(entry.path().join("meta.yaml")).unwrap_or_default();
        // MLflow itself quotes names only where it must.
        if meta.contains(&line) || meta.contains(&plain) {
            return Ok(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let digest = Sha256::digest(run.experiment.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    // MLflow's own are numbers of 18 digits.
    let id = (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string();
    let folder = out.join(&id);
    let meta = format!(
        "artifact_location: {}\ncreation_time: {started}\nexperiment_id: '{id}'\n\
         last_update_time: {started}\nlifecycle_stage: active\n{line}",
        quoted(&url(&folder)),
        started = run.started,
    );
    replace(&folder.join("meta.yaml"), meta.as_bytes())?;
    Ok(id)
}

fn meta(run: &Tracked, experiment: &str, folder: &Path) -> String {
    // `RunStatus` of MLflow.
    let status = match run.status {
        Status::Running => 1,
        Status::Done => 3,
        Status::Failed => 4,
        Status::Stopped => 5,
    };
    let ended = run.ended.map_or("null".to_owned(), |ended| ended.to_string());
    format!(
        "artifact_uri: {artifacts}\nend_time: {ended}\nentry_point_name: ''\n\
         experiment_id: '{experiment}'\nlifecycle_stage: active\nrun_id: {id}\nrun_name: {name}\n\
         run_uuid: {id}\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: {started}\n\
         status: {status}\ntags: []\nuser_id: ''\n",
        artifacts = quoted(&url(&folder.join("artifacts"))),
        id = quoted(&run.id),
        name = quoted(&run.name),
        started = run.started,
    )
}

/// The lines of each metric.
fn metrics(run: &Tracked) -> BTreeMap<String, String> {
    let mut metrics: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |key: &str, time: u64, value: f64, step: usize| {
        let key: String = key.chars().take(LONGEST_NAME).collect();
        // To a string, which takes everything.
        let _ = writeln!(metrics.entry(key).or_default(), "{time} {value} {step}");
    };
    for point in &run.points.points {
        for (key, value) in &point.values {
            add(key, point.time, *value, point.step);
        }
    }
    let last = run.points.points.last();
    let (time, step) = last.map_or((run.started, 0), |point| (point.time, point.step));
    for (key, value) in &run.points.finals {
        add(key, run.ended.unwrap_or(time), *value, step);
    }
    metrics
}

fn tags(run: &Tracked) -> Vec<(String, String)> {
    let mut tags = vec![
        ("mlflow.runName".to_owned(), run.name.clone()),
        ("mlflow.source.name".to_owned(), "knowcoder".to_owned()),
        ("mlflow.source.type".to_owned(), "LOCAL".to_owned()),
    ];
    for (key, value) in &run.tags {
        if key == "revision" {
            tags.push(("mlflow.source.git.commit".to_owned(), value.clone()));
        }
        tags.push((format!("knowcoder.{key}"), value.clone()));
    }
    tags
}

/// The name of a file for a key.
fn name(key: &str) -> String {
    allowed(key).chars().take(LONGEST_NAME).collect()
}

/// A string of YAML.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace(['\n', '\r'], " "))
}

/// The address of a folder.
fn url(folder: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in folder.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            other => {
                let _ = write!(url, "%{other:02X}");
            }
        }
    }
    url
}
