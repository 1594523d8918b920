//! Logs of JSON Lines that may be missing, still be written to, or be spoilt.

use super::text;
use data_pipeline::Error;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Lines of a log that could not be read.
#[derive(Debug, Default, PartialEq)]
pub(in crate::report) struct Broken {
    /// The log.
    pub file: String,
    /// Which lines, from 1.
    pub lines: Vec<u64>,
    /// What is wrong with the first.
    pub why: String,
}

/// Hands every line of the log on; a spoilt one must not cost a run its report, but is named.
///
/// A last line without its end is not there yet.
pub(super) fn each<T: DeserializeOwned>(
    path: &Path,
    broken: &mut Vec<Broken>,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    let text = text(path)?.unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Broken { file, ..Broken::default() };
    for (number, line) in whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(row) => take(row),
            Err(error) => {
                if found.lines.is_empty() {
                    found.why = error.to_string();
                }
                found.lines.push(number as u64 + 1);
            }
        }
    }
    if !found.lines.is_empty() {
        broken.push(found);
    }
    Ok(())
}
