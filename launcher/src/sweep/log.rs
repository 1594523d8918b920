//! `sweep.jsonl`: what happened to a sweep, one line an event, added to and never changed. It is the truth:
//! all else can be made again from it.

use super::space::Point;
use crate::error::Error;
use crate::events::rfc3339;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The first line.
    Begun {
        /// Our version.
        version: String,
        /// What the log belongs to.
        sweep: serde_json::Value,
    },
    /// There is a new trial, which has the next number.
    Asked {
        /// Its number.
        trial: usize,
        /// Its values.
        values: Point,
    },
    /// It cannot be trained here, and is not.
    Infeasible {
        /// Its number.
        trial: usize,
        /// Why.
        cause: String,
    },
    /// A run of it has a process.
    Started {
        /// Its number.
        trial: usize,
        /// Which run.
        seed: u64,
        /// How often it was tried, this time included, from 1.
        attempt: usize,
        /// The step behind which it will pause; none: it goes to its end.
        until: Option<usize>,
        /// Whose process.
        owner: String,
    },
    /// A run came to a rung and left a checkpoint there.
    Paused {
        /// Its number.
        trial: usize,
        /// Which run.
        seed: u64,
        /// The rung, from 0.
        rung: usize,
        /// Its step.
        step: usize,
        /// The metric there; none where it is no number.
        value: Option<f64>,
        /// Of work since it was started.
        seconds: f64,
    },
    /// A trial goes on.
    Promoted {
        /// Its number.
        trial: usize,
        /// To this rung; behind the last one, to its end.
        rung: usize,
    },
    /// A trial does not go on.
    Stopped {
        /// Its number.
        trial: usize,
        /// At this rung.
        rung: usize,
        /// Why.
        why: String,
    },
    /// A run was asked to stop, and goes on later.
    Interrupted {
        /// Its number.
        trial: usize,
        /// Which run.
        seed: u64,
        /// Of work since it was started.
        seconds: f64,
    },
    /// Whoever ran it is gone; it goes on with another.
    Lost {
        /// Its number.
        trial: usize,
        /// Which run.
        seed: u64,
        /// Of work since it was started, as far as its files say.
        seconds: f64,
    },
    /// A run ended otherwise.
    Failed {
        /// Its number.
        trial: usize,
        /// Which run.
        seed: u64,
        /// With this exit code.
        code: u8,
        /// Why.
        cause: String,
        /// Whether it is tried again.
        again: bool,
        /// Of work since it was started.
        seconds: f64,
    },
    /// A run did everything.
    Finished {
        /// Its number.
        trial: usize,
        /// Which run.
        seed: u64,
        /// The metric; none where it is no number.
        value: Option<f64>,
        /// Of work since it was started.
        seconds: f64,
    },
}

/// An event and when it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// RFC 3339.
    pub time: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// The file, at its end. To be held by one process at a time: see [`claims`](super::claims).
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the file to be added to; a line that a crash left half-written is removed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let write = |error| Error::from(data_pipeline::Error::write(path)(error));
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(write)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(data_pipeline::Error::read(path))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(write)?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds an event, on the disk when this returns.
    pub fn add(&mut self, event: Event) -> Result<Line, Error> {
        let line = Line { time: rfc3339(SystemTime::now()), event };
        // Strings and numbers always have a JSON form.
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(data_pipeline::Error::write(&self.path))?;
        Ok(line)
    }
}

/// The whole lines of a log; none where there is none.
pub fn read(path: &Path) -> Result<Vec<Line>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(data_pipeline::Error::read(path)(error).into()),
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            let message = format!("not an event of this version: {error}");
            data_pipeline::Error::data(path, index + 1, message).into()
        })
    };
    whole.lines().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_added_is_read_and_a_torn_line_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.jsonl");
        assert_eq!(read(&path).unwrap(), []);
        let values = [("a.b".to_owned(), toml::Value::Float(1.0)), ("c".to_owned(), "x".into())];
        let asked = Event::Asked { trial: 0, values: values.into() };
        let paused = Event::Paused {
            trial: 0,
            seed: u64::MAX,
            rung: 1,
            step: 9,
            value: None,
            seconds: 0.25,
        };
        Log::open(&path).unwrap().add(asked.clone()).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"time\":\"2026").unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        Log::open(&path).unwrap().add(paused.clone()).unwrap();
        let events: Vec<Event> = read(&path).unwrap().into_iter().map(|line| line.event).collect();
        assert_eq!(events, [asked, paused]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.lines()
                .next()
                .unwrap()
                .contains("\"event\":\"asked\",\"trial\":0,\"values\":{\"a.b\":1.0,")
        );
        std::fs::write(&path, "{\"time\":\"\",\"event\":\"odd\"}\n").unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.message.contains("sweep.jsonl:1: not an event of this version"), "{error}");
        assert_eq!(error.code, crate::error::exit::DATA);
    }
}
