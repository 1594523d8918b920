//! What the files of a run directory say.
//!
//! A report is asked for while a run goes on and after one has died, so a file that is not there
//! is a section less, and a last line without its end is not there yet. Any other line that is
//! not what its format says is an error with its place.

use data_pipeline::score::{Scores, Set};
use data_pipeline::{Error, predictions};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One run, read.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The recipe's name for it, else the directory's.
    pub name: String,
    /// When it began.
    pub date: Option<String>,
    /// `recipe.lock` as text.
    pub recipe: Option<String>,
    /// The phases in the order in which they ran.
    pub phases: Vec<Phase>,
    /// `scores.json`.
    pub scores: Scores,
    /// The test sets with the trained model's answers: `predictions/final/*.jsonl`.
    pub sets: Vec<Set>,
    /// `events.jsonl`.
    pub events: Vec<Event>,
    /// `prepared/*/manifest.json`.
    pub prepared: Vec<Prepared>,
    settings: toml::Table,
}

/// The steps of one phase.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// Its name in the metrics.
    pub name: String,
    /// By step; a step that ran twice, because a run continued, counts as it ran last.
    pub steps: BTreeMap<u64, Step>,
}

/// One line of `metrics.jsonl`; counts and seconds are those of the step alone.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Step {
    phase: String,
    step: u64,
    #[serde(default)]
    pub loss: Option<f64>,
    #[serde(default)]
    pub learning_rate: Option<f64>,
    #[serde(default)]
    pub gradient_norm: Option<f64>,
    #[serde(default)]
    pub samples: Option<f64>,
    #[serde(default)]
    pub tokens: Option<f64>,
    #[serde(default)]
    pub seconds: Option<f64>,
    #[serde(default)]
    pub tokens_per_second: Option<f64>,
}

/// One line of `events.jsonl`.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// When, readable.
    pub time: String,
    /// What.
    pub name: String,
    /// Everything else that the line says.
    pub rest: String,
    seconds: Option<f64>,
    fields: Map<String, Value>,
}

/// What a manifest says of a set of shards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Prepared {
    /// Name of the set: its directory.
    #[serde(skip)]
    pub name: String,
    /// Over all its samples.
    pub total: Counts,
    /// By dataset, language and task.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Samples that are too long.
    #[serde(default)]
    pub refused: Vec<Value>,
    /// Sentences without objects that were not wanted, by dataset.
    #[serde(default)]
    pub left_out: BTreeMap<String, usize>,
    /// Rows in quarantine, by dataset.
    #[serde(default)]
    pub quarantined: BTreeMap<String, usize>,
    /// What became of demonstrations, by dataset and task.
    #[serde(default)]
    pub shots: BTreeMap<String, Shots>,
}

/// The demonstrations of a dataset and task.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shots {
    /// Samples that had no room for all of theirs.
    #[serde(default)]
    pub fewer: usize,
}

/// What one dataset, language and task contributes to a set.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Part {
    pub dataset: String,
    #[serde(default)]
    pub language: String,
    #[serde(default)]
    pub task: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// How much there is.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Counts {
    pub samples: usize,
    pub groups: usize,
    /// Tokens if each sample stood alone.
    pub tokens: usize,
    /// Tokens as the groups hold them.
    pub tokens_grouped: usize,
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
        let events = events(&run_dir.join("events.jsonl"))?;
        Ok(Self {
            name: named.unwrap_or(&directory).to_owned(),
            date: events.first().map(|event| event.time.clone()),
            phases: phases(&run_dir.join("metrics.jsonl"))?,
            scores,
            sets: sets(&run_dir.join("predictions/final"))?,
            events,
            prepared: prepared(&run_dir.join("prepared"))?,
            recipe,
            settings,
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
}

impl Phase {
    /// One measure over the steps.
    pub(super) fn curve(&self, measure: impl Fn(&Step) -> Option<f64>) -> Vec<(f64, f64)> {
        self.steps.iter().filter_map(|(step, row)| Some((*step as f64, measure(row)?))).collect()
    }

    /// One measure summed over the steps.
    pub(super) fn sum(&self, measure: impl Fn(&Step) -> Option<f64>) -> f64 {
        self.steps.values().filter_map(measure).sum()
    }
}

impl Counts {
    /// The share of tokens that groups save, in percent.
    pub(super) fn saved(&self) -> Option<f64> {
        let (apart, grouped) = (self.tokens as f64, self.tokens_grouped as f64);
        (apart > 0.0).then(|| 100.0 * (1.0 - grouped / apart))
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

/// The rows of a file of JSON Lines that may be missing or still be written to.
fn rows<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let text = text(path)?.unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| Error::data(path, number + 1, error.to_string()))
        })
        .collect()
}

fn phases(path: &Path) -> Result<Vec<Phase>, Error> {
    let mut phases: Vec<Phase> = Vec::new();
    for row in rows::<Step>(path)? {
        let at = phases.iter().position(|phase| phase.name == row.phase).unwrap_or_else(|| {
            phases.push(Phase { name: row.phase.clone(), ..Phase::default() });
            phases.len() - 1
        });
        phases[at].steps.insert(row.step, row);
    }
    Ok(phases)
}

/// A line that cannot be read is shown as such: a spoilt log must not cost a finished run its report.
fn events(path: &Path) -> Result<Vec<Event>, Error> {
    let text = text(path)?.unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let read = |(number, line): (usize, &str)| {
        serde_json::from_str(line).unwrap_or_else(|_| {
            let name = format!("line {} of events.jsonl cannot be read", number + 1);
            Map::from_iter([("event".to_owned(), Value::from(name))])
        })
    };
    let lines = whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(lines
        .map(read)
        .map(|fields: Map<String, Value>| {
            let rest = fields.iter().filter(|(key, _)| !["time", "event"].contains(&key.as_str()));
            let rest: Vec<String> =
                rest.map(|(key, value)| format!("{key} {}", plain(value))).collect();
            let (time, seconds) = fields.get("time").map_or((String::new(), None), moment);
            let name = fields.get("event").map(plain).unwrap_or_default();
            Event { time, name, rest: rest.join(" · "), seconds, fields }
        })
        .collect())
}

/// A JSON value without the quotes of a string.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A time of the event log (RFC 3339, UTC), readable; and its seconds since 1970.
fn moment(value: &Value) -> (String, Option<f64>) {
    let text = plain(value);
    match (seconds(&text), text.get(..19)) {
        (Some(seconds), Some(second)) => (second.replace('T', " ") + " UTC", Some(seconds)),
        _ => (text, None),
    }
}

/// Seconds since 1970 of `2026-03-01T09:30:00.500Z`.
fn seconds(text: &str) -> Option<f64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // Howard Hinnant's days_from_civil: years begin in March, so that a leap day ends one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) as f64 * 86_400.0 + hour * 3_600.0 + minute * 60.0 + second)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds, readable) in [
            ("1970-01-01T00:00:00Z", Some(0.0), "1970-01-01 00:00:00 UTC"),
            ("2000-02-29T12:34:56Z", Some(951_827_696.0), "2000-02-29 12:34:56 UTC"),
            ("2026-03-01T09:30:00.500Z", Some(1_772_357_400.5), "2026-03-01 09:30:00 UTC"),
            ("2026-03-01T09:30:00+02:00", None, "2026-03-01T09:30:00+02:00"),
            ("noon", None, "noon"),
        ] {
            assert_eq!(moment(&Value::from(text)), (readable.to_owned(), seconds));
        }
    }

    #[test]
    fn a_repeated_step_counts_as_it_ran_last_and_a_torn_line_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        let line = |step, loss| format!("{{\"phase\":\"a\",\"step\":{step},\"loss\":{loss}}}\n");
        fs::write(&path, line(1, 3) + &line(2, 9) + &line(2, 2) + "{\"phase\":\"a\",\"st").unwrap();
        let phases = phases(&path).unwrap();
        assert_eq!(phases[0].curve(|step| step.loss), [(1.0, 3.0), (2.0, 2.0)]);
        fs::write(&path, line(1, 3) + "{}\n").unwrap();
        let error = rows::<Step>(&path).unwrap_err();
        assert!(error.to_string().contains("metrics.jsonl:2: missing field `phase`"), "{error}");
    }
}
