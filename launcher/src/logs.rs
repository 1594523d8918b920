//! What ranks say: kept whole in `logs/rank-N.log`, shown once.
//!
//! Ranks of one run mostly say the same at nearly the same time. A line waits a moment for its
//! twins, so that eight ranks that load a model fill one line of the terminal and not eight.

pub mod merge;
pub mod tail;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a line waits for other ranks to say it too.
const TWINS: Duration = Duration::from_millis(200);

/// The file of one rank's lines.
#[derive(Debug)]
pub struct Log {
    file: File,
    /// A disk that is full is reported once.
    broken: bool,
}

impl Log {
    /// Opens the file at its end: a run that is continued keeps what it said before.
    pub fn open(path: &Path, first_line: &str) -> Result<Self, data_pipeline::Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path);
        let mut log =
            Self { file: file.map_err(data_pipeline::Error::write(path))?, broken: false };
        log.write(first_line).map_err(data_pipeline::Error::write(path))?;
        Ok(log)
    }

    /// Adds a line. Only the first failure is returned: a lost log ends no training.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        let result = self.file.write_all(format!("{line}\n").as_bytes());
        self.broken = result.is_err();
        result
    }
}

/// Lines on their way to the terminal.
#[derive(Debug)]
pub struct Collapser {
    world: usize,
    waiting: VecDeque<Line>,
}

#[derive(Debug)]
struct Line {
    text: String,
    ranks: BTreeSet<usize>,
    since: Instant,
}

impl Collapser {
    /// For the lines of `world` ranks.
    pub fn new(world: usize) -> Self {
        Self { world, waiting: VecDeque::new() }
    }

    /// A line that `rank` said at `now`.
    pub fn push(&mut self, rank: usize, text: &str, now: Instant) {
        let twin =
            self.waiting.iter_mut().find(|line| line.text == text && !line.ranks.contains(&rank));
        match twin {
            Some(line) => {
                line.ranks.insert(rank);
            }
            None => self.waiting.push_back(Line {
                text: text.to_owned(),
                ranks: BTreeSet::from([rank]),
                since: now,
            }),
        }
    }

    /// The lines that need not wait any longer at `now`, in the order in which they began.
    pub fn ready(&mut self, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.waiting.front() {
            if line.ranks.len() < self.world && now < line.since + TWINS {
                break;
            }
            lines.extend(self.waiting.pop_front().map(|line| line.show()));
        }
        lines
    }

    /// All lines that are left.
    pub fn rest(&mut self) -> Vec<String> {
        self.waiting.drain(..).map(|line| line.show()).collect()
    }
}

impl Line {
    fn show(&self) -> String {
        tagged(&self.ranks, &self.text)
    }
}

/// A line with who said it: `[ranks 0-3] loading`.
pub fn tagged(ranks: &BTreeSet<usize>, text: &str) -> String {
    format!("[{}] {text}", name(ranks))
}

/// `rank 1`, `ranks 0-3`, `ranks 0, 2-4`.
pub fn name(ranks: &BTreeSet<usize>) -> String {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for &rank in ranks {
        match spans.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(rank) => *last = rank,
            _ => spans.push((rank, rank)),
        }
    }
    let mut text = if ranks.len() == 1 { "rank ".to_owned() } else { "ranks ".to_owned() };
    for (index, (first, last)) in spans.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = if first == last {
            write!(text, "{comma}{first}")
        } else {
            write!(text, "{comma}{first}-{last}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(world: usize, said: &[(usize, &str, u64)], at: u64, expected: &[&str]) {
        let begin = Instant::now();
        let mut collapser = Collapser::new(world);
        for (rank, text, at) in said {
            collapser.push(*rank, text, begin + Duration::from_millis(*at));
        }
        assert_eq!(collapser.ready(begin + Duration::from_millis(at)), expected);
    }

    #[test]
    fn equal_lines_of_several_ranks_become_one() {
        check(1, &[(0, "a", 0)], 0, &["[rank 0] a"]);
        check(2, &[(0, "a", 0), (1, "a", 10)], 10, &["[ranks 0-1] a"]);
        // One rank says it twice: that is two lines.
        check(2, &[(0, "a", 0), (0, "a", 1)], 500, &["[rank 0] a", "[rank 0] a"]);
        check(4, &[(0, "a", 0), (2, "a", 1), (3, "a", 2)], 500, &["[ranks 0, 2-3] a"]);
    }

    #[test]
    fn lines_keep_their_order_and_do_not_wait_long() {
        let said = [(0, "a", 0), (0, "b", 1), (1, "b", 2)];
        check(2, &said, 100, &[]);
        check(2, &said, 250, &["[rank 0] a", "[ranks 0-1] b"]);
    }

    #[test]
    fn a_log_is_continued() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/rank-0.log");
        Log::open(&path, "start 1").unwrap().write("a").unwrap();
        Log::open(&path, "start 2").unwrap().write("b").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "start 1\na\nstart 2\nb\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_reported_once() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = Log { file, broken: false };
        assert!(log.write("a").is_err());
        assert!(log.write("b").is_ok());
    }
}
