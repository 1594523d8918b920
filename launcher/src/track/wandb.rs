//! An offline run of Weights & Biases: what its own program keeps where there is no network, and
//! `wandb sync` sends later.
//!
//! ```text
//! OUT/wandb/offline-run-DATE_TIME-ID/run-ID.wandb      records in the log format of LevelDB
//! OUT/wandb/offline-run-DATE_TIME-ID/files/            nothing of ours
//! ```
//! Records are those of `wandb/proto/wandb_internal.proto`: header, run with its settings, a row of
//! history for each step, the summary, the exit. Read with the message types of wandb 0.31 by
//! `scripts/reference/track_check.py`.

use super::folder::Growing;
use super::points::allowed;
use super::{Status, Tracked};
use crate::error::Error;
use crate::events::rfc3339;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use trainer::protobuf::Message;

/// Writes a run below `out/wandb`.
pub(super) fn write(run: &Tracked, out: &Path) -> Result<PathBuf, Error> {
    let folder = out.join("wandb");
    let id = &run.id[..8];
    let time = rfc3339(UNIX_EPOCH + Duration::from_millis(run.started));
    // `2026-03-01T09:30:00.000Z` becomes `20260301_093000`.
    let digits: String = time.chars().filter(char::is_ascii_digit).take(14).collect();
    let (date, time) = digits.split_at(8);
    let name = format!("offline-run-{date}_{time}-{id}");
    let growing = Growing::new(folder.join(name), &folder)?;
    growing.folder("files")?;
    growing.write(&format!("run-{id}.wandb"), &log(&records(run)))?;
    growing.keep()
}

/// The records of a run, in order.
fn records(run: &Tracked) -> Vec<Message> {
    let mut records = vec![(21, header()), (17, begin(run))];
    let mut summary: BTreeMap<&str, String> = BTreeMap::new();
    for point in &run.points.points {
        let time = point.time as f64 / 1000.0;
        let runtime = point.time.saturating_sub(run.started) as f64 / 1000.0;
        let mut history = Message::new();
        for (key, value) in &point.values {
            history = history.message(1, &item(key, &number(*value)));
        }
        for (key, value) in [
            ("_timestamp", number(time)),
            ("_runtime", number(runtime)),
            ("_step", point.step.to_string()),
        ] {
            history = history.message(1, &item(key, &value));
        }
        records.push((2, history.message(2, &Message::new().int(1, point.step as i64))));
        // The newest value of each is what its table of runs shows.
        summary.extend(point.values.iter().map(|(key, value)| (key.as_str(), number(*value))));
    }
    summary.extend(run.points.finals.iter().map(|(key, value)| (key.as_str(), number(*value))));
    let summary = summary
        .iter()
        .fold(Message::new(), |summary, (key, value)| summary.message(1, &item(key, value)));
    records.push((3, summary));
    if run.status != Status::Running {
        let seconds = run.ended.unwrap_or(run.started).saturating_sub(run.started) / 1000;
        let code = i64::from(run.status == Status::Failed);
        records.push((18, Message::new().int(1, code).int(2, seconds as i64)));
    }
    let number = |(i, (field, record)): (usize, (u32, Message))| {
        Message::new().int(1, i as i64 + 1).message(field, &record)
    };
    records.into_iter().enumerate().map(number).collect()
}

/// `HeaderRecord`: who wrote this, and which version can read it.
fn header() -> Message {
    let producer = concat!("knowcoder-", env!("CARGO_PKG_VERSION"));
    let versions = Message::new().text(1, producer).text(2, "0.70.0");
    Message::new().message(1, &versions)
}

/// `RunRecord`.
fn begin(run: &Tracked) -> Message {
    let mut config = Message::new();
    for (key, value) in &run.settings {
        config = config.message(1, &item(key, &value.to_string()));
    }
    let facts: serde_json::Map<String, Value> =
        run.tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    config = config.message(1, &item("knowcoder", &Value::Object(facts).to_string()));
    let (seconds, milliseconds) = (run.started / 1000, run.started % 1000);
    let mut record = Message::new()
        .text(1, &run.id[..8])
        .text(3, &allowed(&run.experiment))
        .message(4, &config)
        .text(8, &run.name);
    for (key, value) in &run.tags {
        if ["version", "revision", "device"].contains(&key.as_str()) {
            // A tag of W&B has 64 signs at most.
            record =
                record.text(10, &format!("{key}-{value}").chars().take(64).collect::<String>());
        }
    }
    let start = Message::new().int(1, seconds as i64).int(2, milliseconds as i64 * 1_000_000);
    record.message(17, &start)
}

/// `ConfigItem`, `HistoryItem` and `SummaryItem` agree in these fields.
fn item(key: &str, json: &str) -> Message {
    Message::new().text(1, key).text(16, json)
}

/// A number of JSON, with the names that W&B knows for those that are none.
fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => Value::from(value).to_string(),
    }
}

/// Bytes of a block; no fragment of a record crosses its end.
const BLOCK: usize = 32 * 1024;
/// Checksum, length and kind before each fragment.
const HEADER: usize = 7;

/// Records in LevelDB's log format with W&B's beginning and plain CRC-32.
fn log(records: &[Message]) -> Vec<u8> {
    // Name, a number to know it by, version 0.
    let mut log = b":W&B\xe1\xbe\x00".to_vec();
    for record in records {
        let mut rest = record.bytes();
        let mut is_first = true;
        loop {
            let left = BLOCK - log.len() % BLOCK;
            if left < HEADER {
                log.resize(log.len() + left, 0);
                continue;
            }
            let (fragment, behind) = rest.split_at(rest.len().min(left - HEADER));
            let kind = match (is_first, behind.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            let mut crc = crc32fast::Hasher::new();
            crc.update(&[kind]);
            crc.update(fragment);
            log.extend(crc.finalize().to_le_bytes());
            log.extend((fragment.len() as u16).to_le_bytes());
            log.push(kind);
            log.extend(fragment);
            (rest, is_first) = (behind, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a log, as their bytes.
    fn read(log: &[u8]) -> Vec<Vec<u8>> {
        assert_eq!(&log[..HEADER], b":W&B\xe1\xbe\x00");
        let (mut records, mut record, mut at) = (Vec::new(), Vec::new(), HEADER);
        let mut is_open = false;
        while at < log.len() {
            let left = BLOCK - at % BLOCK;
            if left < HEADER {
                assert!(log[at..at + left].iter().all(|byte| *byte == 0));
                at += left;
                continue;
            }
            let length = usize::from(u16::from_le_bytes([log[at + 4], log[at + 5]]));
            let kind = log[at + 6];
            let body = &log[at + HEADER..at + HEADER + length];
            let crc = crc32fast::hash(&[&[kind], body].concat());
            assert_eq!(log[at..at + 4], crc.to_le_bytes());
            assert_eq!(is_open, matches!(kind, 3 | 4));
            is_open = matches!(kind, 2 | 3);
            record.extend(body);
            if matches!(kind, 1 | 4) {
                records.push(std::mem::take(&mut record));
            }
            at += HEADER + length;
        }
        records
    }

    #[test]
    fn records_of_any_length_come_back() {
        // Around the ends of blocks: 14 bytes go to the beginning and a header.
        for lengths in [
            vec![1, 2, 3],
            vec![BLOCK - 14, 5],
            vec![BLOCK - 15, 5],
            vec![BLOCK - 21, 9],
            vec![BLOCK - 20, 9],
            vec![3 * BLOCK, 1, 100_000],
        ] {
            let records: Vec<Message> =
                lengths.iter().map(|length| Message::new().text(1, &"x".repeat(*length))).collect();
            let expected: Vec<Vec<u8>> =
                records.iter().map(|record| record.bytes().to_vec()).collect();
            assert!(read(&log(&records)) == expected, "{lengths:?}");
        }
    }

    #[test]
    fn numbers_are_those_that_are_understood() {
        for (value, expected) in [
            (1.5, "1.5"),
            (3.0, "3.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
