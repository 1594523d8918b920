//! What happened to a run, one JSON line an event, on the disk before anything follows from it.

use data_pipeline::Error;
use serde_json::{Map, Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file `events.jsonl` of a run.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Opens the file at its end; a line that a crash left half-written is removed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(Error::write(path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::read(path))?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if complete < bytes.len() {
            file.set_len(complete as u64).map_err(Error::write(path))?;
            file.seek(SeekFrom::End(0)).map_err(Error::write(path))?;
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds an event; `fields` is an object whose entries follow the time and the name.
    pub fn record(&mut self, event: &str, fields: Value) -> Result<(), Error> {
        let mut line = Map::new();
        line.insert("time".to_owned(), json!(rfc3339(SystemTime::now())));
        line.insert("event".to_owned(), json!(event));
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let mut bytes = Value::Object(line).to_string().into_bytes();
        bytes.push(b'\n');
        self.file.write_all(&bytes).map_err(Error::write(&self.path))?;
        self.file.sync_data().map_err(Error::write(&self.path))
    }

    /// The events called `name` of the newest start.
    pub fn newest(&self, name: &str) -> Result<Vec<Value>, Error> {
        let text = self.text()?;
        let mut found = Vec::new();
        for event in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if event["event"] == "started" {
                found.clear();
            }
            if event["event"] == name {
                found.push(event);
            }
        }
        Ok(found)
    }

    /// All of it. That the file is not where it was opened is no wrong declaration, whatever else such a file is.
    fn text(&self) -> Result<String, Error> {
        let moved = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                io::Error::other("it was there before; was the run's folder moved?")
            }
            _ => error,
        };
        std::fs::read_to_string(&self.path).map_err(moved).map_err(Error::read(&self.path))
    }

    /// How many events called `name` there are.
    pub fn count(&self, name: &str) -> Result<usize, Error> {
        let text = self.text()?;
        let is_one = |line: &&str| {
            serde_json::from_str::<Value>(line).is_ok_and(|event| event["event"] == name)
        };
        Ok(text.lines().filter(is_one).count())
    }
}

/// Whether the newest start in the text of a file got to its end.
pub fn is_done(text: &str) -> bool {
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.fold(false, |done, event| match event["event"].as_str() {
        Some("started") => false,
        Some("done") => true,
        _ => done,
    })
}

/// A moment in UTC with milliseconds, as RFC 3339 writes it.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (seconds, milliseconds) = (since.as_secs(), since.subsec_millis());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Milliseconds since 1970 of a moment that [`rfc3339`] wrote.
pub fn milliseconds(text: &str) -> Option<u64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // Other moments are no calendar's, and beyond what the sums below hold.
    let is_day = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time = [hour, minute, second].iter().all(|it| (0.0..100.0).contains(it));
    if !is_day || !is_time {
        return None;
    }
    // The way back of `date` below, from the same source.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = u64::try_from(days - 719_468).ok()?;
    let seconds = hour * 3600.0 + minute * 60.0 + second;
    Some(days * 86_400_000 + (seconds * 1000.0).round() as u64)
}

/// The civil date of a day since 1970-01-01: `civil_from_days` of Howard Hinnant's
/// "chrono-compatible low-level date algorithms", for days that are not negative.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months are counted from March, so that the leap day is the last one of its year.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.250Z"),
            (951_782_399, "2000-02-28T23:59:59.250Z"),
            (951_782_400, "2000-02-29T00:00:00.250Z"),
            (1_709_251_199, "2024-02-29T23:59:59.250Z"),
            (4_107_542_400, "2100-03-01T00:00:00.250Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 250);
            assert_eq!(rfc3339(time), expected);
            assert_eq!(milliseconds(expected), Some(seconds * 1000 + 250));
        }
        for no_moment in [
            "9223372036854775807-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01Tinf:00:00Z",
            "2026-01-01T00:00:NaNZ",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(milliseconds(no_moment), None, "{no_moment}");
        }
    }

    #[test]
    fn a_torn_line_is_removed_and_the_rest_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        Events::open(&path).unwrap().record("started", json!({"world": 2})).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"time\":\"2026").unwrap();
        let mut events = Events::open(&path).unwrap();
        events.record("started", json!({})).unwrap();
        assert_eq!(events.count("started").unwrap(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            serde_json::from_str::<Value>(line).unwrap();
        }
        assert!(text.lines().next().unwrap().ends_with("\"event\":\"started\",\"world\":2}"));
    }

    #[test]
    fn a_folder_that_was_moved_is_no_wrong_declaration() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut events = Events::open(&path).unwrap();
        events.record("started", json!({})).unwrap();
        std::fs::rename(&path, dir.path().join("moved.jsonl")).unwrap();
        let error = events.count("started").unwrap_err();
        assert_eq!(error.exit_code(), 75);
        assert!(error.to_string().contains("was the run's folder moved?"), "{error}");
    }
}
