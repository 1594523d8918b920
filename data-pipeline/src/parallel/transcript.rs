//! Every reply that was ever paid for, by what was asked.
//!
//! A line is written and forced to the disk before its reply is used, so a run that was killed goes
//! on without asking again. Of two replies to one question the first holds: what follows from a
//! transcript is a function of its bytes.

use crate::Error;
use crate::schema::sha256_hex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A question and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// SHA-256 of `request`.
    pub key: String,
    /// The stage that asked.
    pub stage: String,
    /// What was asked: model, messages and parameters; never a secret.
    pub request: Value,
    /// The reply's text; none where no whole reply could be had.
    pub reply: Option<String>,
    /// Why the reply ends or is not there.
    pub finish: String,
    /// What it took.
    pub usage: Usage,
}

/// Tokens and money that a question took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the question.
    pub prompt: u64,
    /// Tokens of the reply.
    pub completion: u64,
    /// At most so many tokens of replies that were cut on the way.
    pub lost: u64,
    /// Money, in billionths.
    pub cost: u64,
}

/// The key of what is asked.
pub fn key_of(request: &Value) -> String {
    sha256_hex(request.to_string().as_bytes())
}

impl Usage {
    /// All tokens.
    pub fn tokens(&self) -> u64 {
        self.prompt + self.completion + self.lost
    }

    /// Adds what another question took.
    pub fn add(&mut self, other: Usage) {
        self.prompt += other.prompt;
        self.completion += other.completion;
        self.lost += other.lost;
        self.cost += other.cost;
    }
}

/// A file of JSON Lines that only grows.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    file: Option<File>,
    records: HashMap<String, Record>,
    /// By stage, over all lines, those that came second too.
    spent: BTreeMap<String, Usage>,
}

impl Transcript {
    /// Reads `path` without touching it; it need not exist. Nothing can be added.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::read(path)(error)),
        };
        Self::parse(path, &bytes).map(|(transcript, _)| transcript)
    }

    /// Opens `path` for more; a last line that was torn by a kill is taken off.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(Error::write(path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::read(path))?;
        let (transcript, whole) = Self::parse(path, &bytes)?;
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(Error::write(path))?;
        }
        Ok(Self { file: Some(file), ..transcript })
    }

    /// The records of whole lines, and how many bytes those are.
    fn parse(path: &Path, bytes: &[u8]) -> Result<(Self, usize), Error> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut transcript = Self {
            path: path.to_owned(),
            file: None,
            records: HashMap::new(),
            spent: BTreeMap::new(),
        };
        let lines = bytes[..whole].split(|byte| *byte == b'\n').enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let record: Record = serde_json::from_slice(line).map_err(|error| {
                let message = format!("no record of a transcript: {error}; {WAY_OUT}");
                Error::data(path, index + 1, message)
            })?;
            if record.key != key_of(&record.request) {
                let message = format!("the key is not that of the request; {WAY_OUT}");
                return Err(Error::data(path, index + 1, message));
            }
            transcript.keep(record);
        }
        Ok((transcript, whole))
    }

    fn keep(&mut self, record: Record) {
        self.spent.entry(record.stage.clone()).or_default().add(record.usage);
        self.records.entry(record.key.clone()).or_insert(record);
    }

    /// Writes a record down before it is used.
    pub fn add(&mut self, record: Record) -> Result<(), Error> {
        // Strings and numbers always have a JSON form.
        let mut line = serde_json::to_string(&record).unwrap_or_default();
        line.push('\n');
        if let Some(file) = &mut self.file {
            file.write_all(line.as_bytes()).map_err(Error::write(&self.path))?;
            file.sync_data().map_err(Error::write(&self.path))?;
        }
        self.keep(record);
        Ok(())
    }

    /// The reply to what has this key.
    pub fn get(&self, key: &str) -> Option<&Record> {
        self.records.get(key)
    }

    /// What all questions took.
    pub fn spent(&self) -> Usage {
        let mut sum = Usage::default();
        self.spent.values().for_each(|usage| sum.add(*usage));
        sum
    }

    /// What the questions of each stage took.
    pub fn spent_by_stage(&self) -> &BTreeMap<String, Usage> {
        &self.spent
    }
}

/// What to do with a transcript that is not ours.
const WAY_OUT: &str = "take the line out, and its question is asked again";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn record(question: &str, reply: &str) -> Record {
        let request =
            json!({"model": "m", "messages": [{"content": question}], "temperature": 0.1});
        Record {
            key: key_of(&request),
            stage: "translate".to_owned(),
            request,
            reply: Some(reply.to_owned()),
            finish: "stop".to_owned(),
            usage: Usage { prompt: 3, completion: 2, lost: 0, cost: 7 },
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What was added is there after any number of starts, the first reply to each question.
        #[test]
        fn what_is_written_is_read_back(rows in prop::collection::vec(("[a-c\n\"漢]{0,3}", ".{0,9}"), 0..12)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("transcript.jsonl");
            let mut first: HashMap<String, String> = HashMap::new();
            for (question, reply) in &rows {
                let mut transcript = Transcript::open(&path).unwrap();
                transcript.add(record(question, reply)).unwrap();
                first.entry(question.clone()).or_insert_with(|| reply.clone());
            }
            let transcript = Transcript::open(&path).unwrap();
            prop_assert_eq!(transcript.spent().tokens(), 5 * rows.len() as u64);
            for (question, reply) in &first {
                let found = transcript.get(&record(question, "").key).unwrap();
                prop_assert_eq!(found.reply.as_ref(), Some(reply));
            }
        }

        /// Wherever the file was cut, whole lines are kept and it can be gone on with.
        #[test]
        fn a_torn_line_is_taken_off(cut in 0usize..600) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("transcript.jsonl");
            let mut transcript = Transcript::open(&path).unwrap();
            for question in ["一", "two", "three"] {
                transcript.add(record(question, "reply")).unwrap();
            }
            drop(transcript);
            let whole = std::fs::read(&path).unwrap();
            let cut = cut.min(whole.len());
            std::fs::write(&path, &whole[..cut]).unwrap();
            for question in ["一", "two", "three"] {
                let mut transcript = Transcript::open(&path).unwrap();
                if transcript.get(&record(question, "").key).is_none() {
                    transcript.add(record(question, "reply")).unwrap();
                }
            }
            prop_assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_broken_line_inside_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transcript.jsonl");
        std::fs::write(&path, "{\"key\"\n{}\n").unwrap();
        let error = Transcript::open(&path).unwrap_err();
        assert!(error.to_string().contains("transcript.jsonl:1: no record"), "{error}");
        assert_eq!(error.exit_code(), 65);
        assert!(Transcript::read(&folder.path().join("none")).unwrap().get("x").is_none());
    }
}
