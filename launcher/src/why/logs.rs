//! The ends of a run's logs, of its newest start.

use super::signs::{self, Sign};
use crate::logs::tail::{Tail, of_ranks};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Last lines of a log that are looked at.
const LINES: usize = 200;

/// Most logs of ranks that are looked at: of a thousand ranks that fail together, these say it.
const RANKS: usize = 128;

/// The log of a driver in the background.
const DRIVER: &str = "driver.log";

/// What logs of jobs begin with in which drivers run, or which prepare data for them.
const JOBS: [&str; 2] = ["slurm-", "prepare-"];

/// What each start of a run begins its logs with.
const HEADING: &str = "--- ";

/// The ends of logs.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// By rank.
    pub ranks: BTreeMap<usize, Vec<String>>,
    /// Of the newest driver that nobody sat at.
    pub driver: Vec<String>,
    /// Where that is, below the run directory: in the background a driver has a log of its own, else the job
    /// that it was in has.
    pub driver_file: String,
    /// Of other files, by their name below the run directory: what a scheduler wrote.
    pub others: BTreeMap<String, Vec<String>>,
}

impl Ends {
    /// Reads them; what cannot be read says nothing.
    pub fn read(root: &Path) -> Self {
        let folder = root.join("logs");
        let ranks = of_ranks(&folder).into_iter().take(RANKS);
        let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let mut others = others(&folder);
        let driver = driver(&others).unwrap_or_else(|| folder.join(DRIVER));
        others.retain(|path| *path != driver);
        Self {
            ranks: ranks.map(|(rank, path)| (rank, end(path))).collect(),
            driver_file: name(&driver),
            driver: end(driver),
            others: others.into_iter().map(|path| (name(&path), end(path))).collect(),
        }
    }

    /// The last error that the driver said.
    pub fn driver_error(&self) -> Option<&str> {
        self.driver.iter().rev().find_map(|line| line.trim().strip_prefix("error: "))
    }

    /// The way out that followed it, if the driver knew one.
    pub fn driver_hint(&self) -> Option<&str> {
        let error = self.driver.iter().rposition(|line| line.trim().starts_with("error: "))?;
        self.driver[error..].iter().find_map(|line| line.trim().strip_prefix("hint: "))
    }

    /// Known lines, those of `rank` first, else the more telling first; each meaning once.
    pub fn signs(&self, rank: Option<usize>) -> Vec<Sign> {
        let ranks = self.ranks.iter().map(|(number, lines)| {
            (Some(*number) != rank, format!("logs/rank-{number}.log"), lines)
        });
        let others = self.others.iter().map(|(name, lines)| (true, name.clone(), lines));
        let driver = [(true, self.driver_file.clone(), &self.driver)];
        let mut found: Vec<(bool, usize, Sign)> = Vec::new();
        for (is_other, file, lines) in ranks.chain(others).chain(driver) {
            for (place, sign) in lines.iter().filter_map(|line| signs::of(&file, line)) {
                if !found
                    .iter()
                    .any(|(_, _, known)| known.means == sign.means && known.file == file)
                {
                    found.push((is_other, place, sign));
                }
            }
        }
        found.sort_by_key(|(is_other, place, _)| (*is_other, *place));
        let mut signs: Vec<Sign> = Vec::new();
        for (_, _, sign) in found {
            if !signs.iter().any(|known| known.means == sign.means) {
                signs.push(sign);
            }
        }
        signs
    }
}

/// The log that a driver, or what prepared data for it, wrote to last.
fn driver(logs: &[PathBuf]) -> Option<PathBuf> {
    let is_driver = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_job = JOBS.iter().any(|beginning| name.starts_with(beginning));
        name == DRIVER || is_job && name.ends_with(".log")
    };
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    // Of two at the same moment the later job.
    logs.iter().filter(is_driver).max_by_key(|path| (changed(path), job(path))).cloned()
}

/// Number of the job whose log it is, by its name.
fn job(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits = name.split(|it: char| !it.is_ascii_digit()).find(|it| !it.is_empty());
    digits.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Logs that are no rank's, in the order of their jobs.
fn others(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_text =
                name.ends_with(".log") || name.ends_with(".out") || name.ends_with(".err");
            is_text && !name.starts_with("rank-")
        })
        .collect();
    paths.sort_by_cached_key(|path| (job(path), path.clone()));
    // The newest jobs have the highest numbers.
    let old = paths.len().saturating_sub(RANKS);
    paths.split_off(old)
}

/// The last lines of a log, from its newest heading on.
fn end(path: PathBuf) -> Vec<String> {
    let Ok(mut tail) = Tail::last(path, LINES) else { return Vec::new() };
    let mut lines = Vec::new();
    while let Ok(more) = tail.more()
        && !more.is_empty()
    {
        lines.extend(more);
    }
    lines.extend(tail.rest());
    let begin = lines.iter().rposition(|line| line.starts_with(HEADING) && line.ends_with(" ---"));
    lines.split_off(begin.unwrap_or(0))
}
