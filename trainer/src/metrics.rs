//! What a step reports, as one line of `metrics.jsonl`.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Name of the phase.
    pub phase: String,
    /// Step in the phase, from 1.
    pub step: usize,
    /// Steps of the phase.
    pub steps: usize,
    /// Loss per supervised token.
    pub loss: f64,
    /// Rate of this step.
    pub learning_rate: f64,
    /// Global norm before clipping.
    pub gradient_norm: f64,
    /// Samples over the world.
    pub samples: usize,
    /// Tokens of the samples, as if each had its own prefix.
    pub tokens: u64,
    /// Supervised tokens.
    pub supervised_tokens: u64,
    /// Wall time.
    pub seconds: f64,
    /// Tokens over wall time.
    pub tokens_per_second: f64,
}

/// Appends steps to a file; on opening, lines after the resumed position are dropped.
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens `path`, keeping the lines that `keep` accepts.
    pub fn open(path: &Path, keep: impl Fn(&StepMetrics) -> bool) -> Result<Self, Error> {
        let mut kept = String::new();
        if let Ok(file) = File::open(path) {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                if serde_json::from_str::<StepMetrics>(&line).is_ok_and(|step| keep(&step)) {
                    kept.push_str(&line);
                    kept.push('\n');
                }
            }
        }
        model::files::write_atomically(path, kept.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::write(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a line.
    pub fn append(&mut self, step: &StepMetrics) -> Result<(), Error> {
        let mut line = serde_json::to_string(step).unwrap_or_default();
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(Error::write(&self.path))
    }
}
