//! What this machine has for a run, as rows: what is fine, what may hurt, what is missing and how to get it.
//!
//! A row is missing only if the device that is asked for cannot do without it: a machine that computes on its
//! processors needs nothing of CUDA.

mod host;
mod nvidia;

pub use host::Host;

use data_pipeline::width::{TERMINAL, columns, folded, padded};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use trainer::collective::Carrier;
use trainer::device::inventory::Inventory;

/// How good a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, or may work, but look at it.
    Warning,
    /// A run ends without it.
    Missing,
    /// It is not there, and not needed.
    Unused,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is.
    pub what: String,
    /// How good it is.
    pub state: State,
    /// What there is.
    pub found: String,
    /// What to do, where something is to be done.
    pub way: Option<String>,
}

/// What the machine is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The device that ranks compute on.
    pub device: String,
    /// Ranks on this machine.
    pub ranks: usize,
    /// Threads of each.
    pub threads_per_rank: usize,
    /// What carries the sums of several ranks.
    pub carrier: Carrier,
    /// Where runs are written.
    pub run_dir: PathBuf,
    /// Where compiled kernels are kept.
    pub kernels: PathBuf,
    /// `CUDA_VISIBLE_DEVICES`, which hides GPUs.
    pub visible: Option<String>,
}

impl Row {
    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Ok, found: found.into(), way: None }
    }

    fn but(self, state: State, way: impl Into<String>) -> Self {
        Self { state, way: Some(way.into()), ..self }
    }
}

/// Everything that was looked at.
pub fn rows(asked: &Asked, inventory: &Inventory, host: &Host) -> Vec<Row> {
    let mut rows = vec![build(asked)];
    rows.extend(nvidia::rows(asked, inventory));
    rows.extend(host::rows(asked, host, inventory.gpus.len()));
    rows
}

/// This program.
fn build(asked: &Asked) -> Row {
    let extra = [
        ("fusion", cfg!(feature = "fusion")),
        ("object-store", cfg!(feature = "object-store")),
        ("tui", cfg!(feature = "tui")),
    ];
    let extra: Vec<&str> = extra.iter().filter(|it| it.1).map(|it| it.0).collect();
    let devices = trainer::device::BUILT.join(", ");
    let mut found = format!("knowcoder {} for {devices}", env!("CARGO_PKG_VERSION"));
    if !extra.is_empty() {
        let _ = write!(found, ", with {}", extra.join(", "));
    }
    let row = Row::ok("build", found);
    match trainer::device::check(&asked.device) {
        Err(_) if asked.device == "cuda" => {
            row.but(State::Missing, "build for CUDA: scripts/cuda/build.sh, see docs/cuda.md")
        }
        Err(_) => row.but(State::Missing, format!("build it with --features {}", asked.device)),
        Ok(()) if cfg!(debug_assertions) => {
            row.but(State::Warning, "a debug build is slow: build with --release")
        }
        Ok(()) => row,
    }
}

/// The rows as a table for a terminal of 80 columns, and what they come to.
pub fn table(rows: &[Row], device: &str) -> String {
    const STATE: usize = 7;
    let what = rows.iter().map(|row| columns(&row.what)).max().unwrap_or(0).min(16);
    let room = TERMINAL - STATE - what - 4;
    let mut text = format!("state    {}  found\n{}\n", padded("what", what), "─".repeat(TERMINAL));
    for row in rows {
        let state = match row.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Missing => "MISSING",
            State::Unused => "-",
        };
        let mut lines = wrapped(&row.found, room);
        lines.extend(row.way.iter().flat_map(|way| wrapped(&format!("→ {way}"), room)));
        for (index, line) in lines.iter().enumerate() {
            let (state, name) = if index == 0 { (state, row.what.as_str()) } else { ("", "") };
            let line = format!("{}  {}  {line}", padded(state, STATE), padded(name, what));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    let (missing, warnings) = (count(State::Missing), count(State::Warning));
    let _ = match missing {
        0 => writeln!(text, "\nwhat `{device}` needs is here; warnings: {warnings}"),
        _ => writeln!(text, "\nmissing for `{device}`: {missing}; warnings: {warnings}"),
    };
    text
}

/// `text` in lines of at most `most` columns, between words.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    folded(&words, " ", most)
}

#[cfg(test)]
mod tests;
