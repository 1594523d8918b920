//! The ends of a run's logs, of its newest start.

use super::signs::{self, Sign};
use crate::logs::tail::{Tail, of_ranks};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Last lines of a log that are looked at.
const LINES: usize = 200;

/// Most logs of ranks that are looked at: of a thousand ranks that fail together, these say it.
const RANKS: usize = 128;

/// What each start of a run begins its logs with.
const HEADING: &str = "--- ";

/// The ends of logs.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// By rank.
    pub ranks: BTreeMap<usize, Vec<String>>,
    /// Of a driver in the background.
    pub driver: Vec<String>,
    /// Of other files, by their name below the run directory: what a scheduler wrote.
    pub others: BTreeMap<String, Vec<String>>,
}

impl Ends {
    /// Reads them; what cannot be read says nothing.
    pub fn read(root: &Path) -> Self {
        let folder = root.join("logs");
        let ranks = of_ranks(&folder).into_iter().take(RANKS);
        let others = others(&folder).into_iter().map(|path| {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            (name, end(path))
        });
        Self {
            ranks: ranks.map(|(rank, path)| (rank, end(path))).collect(),
            driver: end(folder.join("driver.log")),
            others: others.collect(),
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
        let driver = [(true, "logs/driver.log".to_owned(), &self.driver)];
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

/// Logs that are no rank's and not the driver's, in their order.
fn others(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_text =
                name.ends_with(".log") || name.ends_with(".out") || name.ends_with(".err");
            is_text && !name.starts_with("rank-") && name != "driver.log"
        })
        .collect();
    paths.sort();
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
