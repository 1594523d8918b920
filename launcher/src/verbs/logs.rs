//! `knowcoder logs`: what the ranks of a run said, equal lines once.

use super::Answer;
use super::submit::shown;
use crate::cli;
use crate::error::{Error, exit};
use crate::logs::merge::Merged;
use crate::logs::tail::{Tail, of_ranks};
use crate::logs::{Collapser, tagged};
use crate::standing::now::{Look, Now};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::{Duration, Instant};
use trainer::RunDir;

/// What the line begins with that is written when a rank is started.
const HEADING: &str = "--- start ";

/// Between two looks at files that grow.
const AGAIN: Duration = Duration::from_millis(200);

/// Between two blocks of a log that is long: lines that come all at once are compared with each other.
const SOON: Duration = Duration::from_millis(20);

/// Between two looks at whether the run goes on.
const OVER: Duration = Duration::from_secs(1);

/// Prints the last lines, and with `--follow` those that come until the run is over.
pub fn logs(args: &cli::Logs, json: bool) -> Result<Answer, Error> {
    if json && args.follow {
        return Err(Error::new(
            exit::USAGE,
            "--json is one document, and --follow writes as lines come",
        )
        .hint("leave one of them out"));
    }
    let run_dir = RunDir::new(&args.run);
    let (now, _) = Now::of_files(&run_dir)?;
    let known = chosen(&run_dir, &args.ranks);
    check_ranks(args, &run_dir, &known)?;
    let mut tails = Vec::new();
    for (rank, path) in known {
        tails.push((
            rank,
            Tail::last(path.clone(), args.lines).map_err(data_pipeline::Error::read(&path))?,
        ));
    }
    let is_silent = tails.is_empty();
    if is_silent {
        eprintln!("{}", silence(&run_dir, &now));
    }
    let mut merged = Merged::new(tails, !args.follow);
    if json {
        return collected(&mut merged, &run_dir);
    }
    let mut out = Out::default();
    let mut is_quiet = true;
    while let Some((ranks, text)) =
        merged.line().map_err(data_pipeline::Error::read(&run_dir.logs()))?
    {
        is_quiet &= text.starts_with(HEADING);
        out.line(&tagged(&ranks, &text))?;
    }
    if is_quiet && !is_silent {
        eprintln!("{}", progress(&run_dir));
    }
    if args.follow && !out.is_closed {
        let tails = merged.into_tails().into_iter().collect();
        Following { run_dir, ranks: args.ranks.clone(), tails, out }.until_it_ends()?;
    }
    Ok(Answer::new("", Value::Null))
}

/// The logs of the ranks that are asked for; of all, if none is.
fn chosen(run_dir: &RunDir, ranks: &[usize]) -> BTreeMap<usize, std::path::PathBuf> {
    let mut known = of_ranks(&run_dir.logs());
    known.retain(|rank, _| ranks.is_empty() || ranks.contains(rank));
    known
}

/// Refuses ranks that have said nothing, unless they may still come.
fn check_ranks(
    args: &cli::Logs,
    run_dir: &RunDir,
    known: &BTreeMap<usize, std::path::PathBuf>,
) -> Result<(), Error> {
    let Some(missing) = args.ranks.iter().find(|rank| !known.contains_key(rank)) else {
        return Ok(());
    };
    if args.follow {
        return Ok(());
    }
    let all: BTreeSet<usize> = of_ranks(&run_dir.logs()).into_keys().collect();
    let root = shown(run_dir.root());
    let there = match all.is_empty() {
        true => "no rank has".to_owned(),
        false => format!("{} have", crate::logs::name(&all)),
    };
    let message = format!("--rank {missing}: this rank has no log in `{root}/logs`; {there}");
    Err(Error::new(exit::DECLARATION, message))
}

/// What is said where no rank has said anything.
fn silence(run_dir: &RunDir, now: &Now) -> String {
    let driver = run_dir.logs().join("driver.log");
    let mut text = format!("no rank has said anything yet; the run is {}", now.word());
    if driver.exists() {
        text += &format!("; its driver writes to {}", shown(&driver));
    }
    text
}

/// What is said where ranks began and have said nothing else, as they do while all is well.
fn progress(run_dir: &RunDir) -> String {
    let driver = run_dir.logs().join("driver.log");
    let mut text = format!(
        "ranks write here what goes wrong; steps are in `knowcoder status {} --watch`",
        shown(run_dir.root())
    );
    if driver.exists() {
        text += &format!(" and in {}", shown(&driver));
    }
    text
}

/// All lines as one document.
fn collected(merged: &mut Merged, run_dir: &RunDir) -> Result<Answer, Error> {
    let mut lines = Vec::new();
    while let Some((ranks, text)) =
        merged.line().map_err(data_pipeline::Error::read(&run_dir.logs()))?
    {
        lines.push(json!({"ranks": ranks, "text": text}));
    }
    Ok(Answer::new("", json!({"run_dir": run_dir.root(), "lines": lines})))
}

/// Stdout, until somebody closes it.
#[derive(Default)]
struct Out {
    is_closed: bool,
}

impl Out {
    fn line(&mut self, text: &str) -> Result<(), Error> {
        if self.is_closed {
            return Ok(());
        }
        match writeln!(io::stdout(), "{text}") {
            // Whoever closed the pipe, as `head` does, has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_closed = true,
            written => written.map_err(|error| {
                Error::new(exit::TRANSIENT, format!("failed to write to stdout: {error}"))
            })?,
        }
        Ok(())
    }
}

/// Logs that grow.
struct Following {
    run_dir: RunDir,
    /// Those that are asked for; none: all.
    ranks: Vec<usize>,
    tails: BTreeMap<usize, Tail>,
    out: Out,
}

impl Following {
    fn until_it_ends(mut self) -> Result<(), Error> {
        // How many ranks there will be is not known: a line waits its moment for all of them.
        let mut collapser = Collapser::new(usize::MAX);
        let mut look = Look::new(self.run_dir.clone());
        let mut looked = Instant::now();
        let mut ended: Option<Now> = None;
        loop {
            let is_more = self.read(&mut collapser)?;
            for line in collapser.ready(Instant::now()) {
                self.out.line(&line)?;
            }
            if self.out.is_closed {
                return Ok(());
            }
            if is_more {
                std::thread::sleep(SOON);
                continue;
            }
            // What was written before it ended has been read since.
            if let Some(now) = &ended {
                self.finish(&mut collapser)?;
                eprintln!("the run is {}", now.word());
                return Ok(());
            }
            if looked.elapsed() >= OVER {
                looked = Instant::now();
                ended = Some(look.now()?.0).filter(Now::is_over);
            }
            if ended.is_none() {
                std::thread::sleep(AGAIN);
            }
        }
    }

    /// Reads what was added; whether there was something.
    fn read(&mut self, collapser: &mut Collapser) -> Result<bool, Error> {
        for (rank, path) in chosen(&self.run_dir, &self.ranks) {
            self.tails.entry(rank).or_insert_with(|| Tail::new(path));
        }
        let mut is_more = false;
        for (rank, tail) in &mut self.tails {
            let lines = tail.more().map_err(data_pipeline::Error::read(&self.run_dir.logs()))?;
            is_more |= !lines.is_empty();
            for line in &lines {
                collapser.push(*rank, line, Instant::now());
            }
        }
        Ok(is_more)
    }

    /// The lines that are left, those without an end, too.
    fn finish(&mut self, collapser: &mut Collapser) -> Result<(), Error> {
        for (rank, tail) in &mut self.tails {
            if let Some(line) = tail.rest() {
                collapser.push(*rank, &line, Instant::now());
            }
        }
        for line in collapser.rest() {
            self.out.line(&line)?;
        }
        Ok(())
    }
}
