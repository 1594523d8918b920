//! Logs of several ranks as one, without the times at which they were written.
//!
//! Ranks of one run say mostly the same, in the same order. A line that others will say soon waits for them;
//! so equal lines meet, and what a rank said between two of them stays between them.

use super::tail::Tail;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;

/// So many lines of each rank are looked at.
const AHEAD: usize = 64;

/// Lines of several ranks, in an order that fits all of them.
pub struct Merged {
    sources: Vec<Source>,
    /// How often a line stands in wait behind the first of its rank.
    behind: HashMap<String, usize>,
}

/// What one rank says.
struct Source {
    rank: usize,
    tail: Tail,
    /// Lines that are read and not yet looked at.
    read: VecDeque<String>,
    /// Lines that are looked at, the next one first.
    ahead: VecDeque<String>,
    /// With a last line that has no end.
    with_rest: bool,
}

impl Merged {
    /// The lines of `tails`; with `with_rest`, the last ones even if they have no end.
    pub fn new(tails: impl IntoIterator<Item = (usize, Tail)>, with_rest: bool) -> Self {
        let source = |(rank, tail)| Source {
            rank,
            tail,
            read: VecDeque::new(),
            ahead: VecDeque::new(),
            with_rest,
        };
        Self { sources: tails.into_iter().map(source).collect(), behind: HashMap::new() }
    }

    /// The next line with the ranks that say it there.
    pub fn line(&mut self) -> io::Result<Option<(BTreeSet<usize>, String)>> {
        for source in &mut self.sources {
            source.fill(&mut self.behind)?;
        }
        let heads =
            || self.sources.iter().filter_map(|source| Some((source, source.ahead.front()?)));
        let is_ready = |source: &Source, line: &String| match self.behind.get(line) {
            None => true,
            // It may be its own next line.
            Some(times) => source.ahead.iter().skip(1).filter(|it| *it == line).count() == *times,
        };
        let ready =
            heads().find(|(source, line)| is_ready(source, line)).or_else(|| heads().next());
        let Some(line) = ready.map(|(_, line)| line.clone()) else { return Ok(None) };
        let mut ranks = BTreeSet::new();
        for source in &mut self.sources {
            if source.ahead.front() == Some(&line) {
                ranks.insert(source.rank);
                source.pop(&mut self.behind);
            }
        }
        Ok(Some((ranks, line)))
    }

    /// The places behind everything that was returned.
    pub fn into_tails(self) -> Vec<(usize, Tail)> {
        self.sources.into_iter().map(|source| (source.rank, source.tail)).collect()
    }
}

impl Source {
    fn fill(&mut self, behind: &mut HashMap<String, usize>) -> io::Result<()> {
        while self.ahead.len() < AHEAD {
            if self.read.is_empty() {
                self.read = self.tail.more()?.into();
            }
            if self.read.is_empty() && self.with_rest {
                self.read.extend(self.tail.rest());
            }
            let Some(line) = self.read.pop_front() else { return Ok(()) };
            if !self.ahead.is_empty() {
                *behind.entry(line.clone()).or_default() += 1;
            }
            self.ahead.push_back(line);
        }
        Ok(())
    }

    /// The first line goes, and the second becomes the first.
    fn pop(&mut self, behind: &mut HashMap<String, usize>) {
        self.ahead.pop_front();
        let Some(first) = self.ahead.front() else { return };
        if let Some(times) = behind.get_mut(first) {
            *times -= 1;
            if *times == 0 {
                behind.remove(first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tagged;
    use super::*;
    use expect_test::{Expect, expect};

    fn merged(logs: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let tails = logs.iter().enumerate().map(|(rank, text)| {
            let path = folder.path().join(format!("rank-{rank}.log"));
            std::fs::write(&path, text).unwrap();
            (rank, Tail::last(path, 0).unwrap())
        });
        let mut merged = Merged::new(tails.collect::<Vec<_>>(), true);
        let mut lines = Vec::new();
        while let Some((ranks, text)) = merged.line().unwrap() {
            lines.push(tagged(&ranks, &text));
        }
        lines
    }

    fn check(logs: &[&str], expected: Expect) {
        expected.assert_eq(&merged(logs).join("\n"));
    }

    #[test]
    fn equal_lines_meet_and_others_stay_between_them() {
        check(
            &["start 1\na\nb\nstart 2\nd\n", "start 1\nb\nx\nstart 2\nd\n", "start 2\nd\nd\nlast"],
            expect![[r#"
                [ranks 0-1] start 1
                [rank 0] a
                [ranks 0-1] b
                [rank 1] x
                [ranks 0-2] start 2
                [ranks 0-2] d
                [rank 2] d
                [rank 2] last"#]],
        );
        check(&["", ""], expect![""]);
        // No order fits: nothing is lost.
        check(
            &["a\nb\n", "b\na\n"],
            expect![[r#"
                [rank 0] a
                [ranks 0-1] b
                [rank 1] a"#]],
        );
    }

    #[test]
    fn every_line_of_every_rank_is_there_once() {
        let log = |salt: usize| -> String {
            (0..500).map(|line| format!("{}\n", (line * salt + line / 7) % 13)).collect()
        };
        let logs = [log(1), log(2), log(3)];
        let lines = merged(&logs.each_ref().map(String::as_str));
        for (rank, log) in logs.iter().enumerate() {
            let of_rank: String = lines
                .iter()
                .filter_map(|line| {
                    let (ranks, text) = line.split_once("] ").unwrap();
                    let named = match ranks.split_once(' ').unwrap().1 {
                        "0-1" => vec![0, 1],
                        "0-2" => vec![0, 1, 2],
                        "1-2" => vec![1, 2],
                        "0, 2" => vec![0, 2],
                        one => vec![one.parse().unwrap()],
                    };
                    named.contains(&rank).then(|| format!("{text}\n"))
                })
                .collect();
            assert_eq!(&of_rank, log);
        }
    }
}
