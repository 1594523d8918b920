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
    /// It does not fit, as it is planned, or is no recipe at all: it is not trained.
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
        /// Of work since it was started, as far as its last sign of life says.
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
        /// Whether memory ran out at work, although the plan fits: the next values may need less.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        out_of_memory: bool,
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
    /// Of whole lines.
    length: u64,
}

impl Log {
    /// Opens the file to be added to; a line that a crash or a full disk left half-written is removed.
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
        Ok(Self { path: path.to_owned(), file, length: whole as u64 })
    }

    /// Adds events, on the disk when this returns: all of them, or none where it fails. Returned as whoever reads the
    /// file will have them: the last digit of a number may be another one there.
    pub fn add(&mut self, events: Vec<Event>) -> Result<Vec<Line>, Error> {
        let time = rfc3339(SystemTime::now());
        let mut bytes = Vec::new();
        for event in events {
            let line = Line { time: time.clone(), event };
            // Strings and numbers always have a JSON form.
            bytes.extend(serde_json::to_vec(&line).unwrap_or_default());
            bytes.push(b'\n');
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What was written of them goes, which needs no room; should that fail, too, the next one that opens the
            // file removes what is torn.
            let _ = self.file.set_len(self.length);
            return Err(data_pipeline::Error::write(&self.path)(error).into());
        }
        self.length += bytes.len() as u64;
        parse(&bytes, &self.path)
    }
}

/// The whole lines of a log; none where there is none.
pub fn read(path: &Path) -> Result<Vec<Line>, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(data_pipeline::Error::read(path)(error).into()),
    };
    // Behind the last end of a line somebody may be writing, in the middle of a letter.
    parse(&bytes, path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Line>, Error> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let line = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            let message = format!("not an event of this version: {error}");
            data_pipeline::Error::data(path, index + 1, message).into()
        })
    };
    match whole {
        [] => Ok(Vec::new()),
        whole => whole.split(|byte| *byte == b'\n').enumerate().map(line).collect(),
    }
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
        Log::open(&path).unwrap().add(vec![asked.clone()]).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"time\":\"2026").unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        // In the middle of a letter, too.
        file.write_all(&"é".as_bytes()[..1]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        Log::open(&path).unwrap().add(vec![paused.clone()]).unwrap();
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

    #[test]
    fn what_was_added_is_what_all_others_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.jsonl");
        let mut log = Log::open(&path).unwrap();
        let mut random = super::super::random::Random::of(&[3]);
        for trial in 0..500 {
            // With all digits that a number can have, and none at all.
            let number = random.unit() * 10f64.powi((random.unit() * 80.0) as i32 - 40);
            let values = [("a".to_owned(), toml::Value::Float(number))].into();
            let value = Some(if trial % 100 == 0 { f64::NAN } else { number });
            let (seed, seconds) = (5, number.abs());
            let events = vec![
                Event::Asked { trial, values },
                Event::Finished { trial, seed, value, seconds },
            ];
            let added = log.add(events).unwrap();
            let read = read(&path).unwrap();
            assert_eq!(&read[2 * trial..], added);
        }
    }

    /// A file system of 16 KiB, taken down when this is dropped.
    struct SmallDisk(tempfile::TempDir);

    impl SmallDisk {
        /// None where this user may not mount; on a machine of CI that is a failure.
        fn mount() -> Option<Self> {
            let folder = tempfile::tempdir().unwrap();
            let mut mount = std::process::Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(folder.path());
            let is_mounted = mount.status().is_ok_and(|status| status.success());
            if !is_mounted {
                assert!(std::env::var_os("CI").is_none(), "CI may mount");
                eprintln!("SKIPPED: a full disk needs a user who may mount a tmpfs");
            }
            is_mounted.then_some(Self(folder))
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            let mut umount = std::process::Command::new("umount");
            let _ = umount.arg("--lazy").arg(self.0.path()).status();
        }
    }

    #[test]
    fn a_full_disk_leaves_whole_lines_and_all_or_none_of_what_belongs_together() {
        let Some(disk) = SmallDisk::mount() else { return };
        let path = disk.0.path().join("sweep.jsonl");
        let stopped = |trial: usize| {
            let why = "x".repeat(900);
            vec![
                Event::Interrupted { trial, seed: 5, seconds: 1.0 },
                Event::Stopped { trial, rung: 0, why },
            ]
        };
        // Something else that takes room, and gives it back.
        let other = disk.0.path().join("other");
        std::fs::write(&other, vec![b'x'; 5000]).unwrap();
        let mut log = Log::open(&path).unwrap();
        let mut added = 0;
        let error = loop {
            match log.add(stopped(added)) {
                Ok(_) => added += 1,
                Err(error) => break error,
            }
            assert!(added < 100, "the disk has no end");
        };
        assert_eq!(error.code, crate::error::exit::TRANSIENT, "{error}");
        assert!(added > 0);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n') && text.lines().count() == 2 * added, "{text}");
        std::fs::remove_file(&other).unwrap();
        // With the same open file, and with another one.
        log.add(stopped(added)).unwrap();
        Log::open(&path).unwrap().add(vec![Event::Promoted { trial: 0, rung: 1 }]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2 * added + 3);
    }
}
