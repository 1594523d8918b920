//! `status.json`, kept up to date while a run goes on.

use super::home::Home;
use crate::crew::Crew;
use crate::error::Error;
use crate::events::rfc3339;
use crate::message::Message;
use crate::standing::{Failure, Node, Rank, Standing, State, Step};
use crate::supervise::Job;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The file is not written more often.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes how a run stands.
pub struct Writer {
    path: PathBuf,
    home: Home,
    standing: Standing,
    /// When each rank was heard of last.
    heard: Vec<Option<Instant>>,
    written: Option<Instant>,
}

impl Writer {
    /// To the file at `path`, of a run that begins to be prepared.
    pub fn new(path: PathBuf, run: &str, backend: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let standing = Standing {
            run: run.to_owned(),
            backend: backend.to_owned(),
            host: host.trim().to_owned(),
            process: std::process::id(),
            ..Standing::default()
        };
        let home = Home::of(path.parent().unwrap_or(Path::new(".")));
        let mut writer = Self { path, home, standing, heard: Vec::new(), written: None };
        writer.write();
        writer
    }

    /// What the run does now.
    pub fn state(&mut self, state: State) {
        if self.standing.state != state {
            self.standing.state = state;
            self.write();
        }
    }

    /// Something went wrong.
    pub fn failed(&mut self, failure: Failure) {
        self.standing.failures.push(failure);
        self.write();
    }

    /// A start of the run begins.
    pub fn began(&mut self, crew: &Crew, job: &Job) {
        self.standing.generation = job.generation;
        self.standing.world = job.places.len();
        self.standing.state = State::Starting;
        self.standing.ranks =
            job.places.iter().map(|node| Rank { node: *node, ..Rank::default() }).collect();
        self.heard = vec![None; job.places.len()];
        self.look_at(crew);
        self.write();
    }

    /// A rank runs.
    pub fn started(&mut self, rank: usize, process: u32) {
        self.standing.ranks[rank].process = process;
    }

    /// A rank is gone.
    pub fn ended(&mut self, rank: usize) {
        let node = self.standing.ranks[rank].node;
        self.standing.ranks[rank] = Rank { node, section: "ended".to_owned(), ..Rank::default() };
    }

    /// A rank said something.
    pub fn heard(&mut self, rank: usize, message: &Message, now: Instant) {
        self.heard[rank] = Some(now);
        match message {
            Message::Where(place) => {
                let known = &mut self.standing.ranks[rank];
                known.phase.clone_from(&place.phase);
                known.section.clone_from(&place.section);
                (known.step, known.seconds) = (place.step, place.seconds);
            }
            Message::Progress(progress) if rank == 0 => {
                self.runs();
                self.standing.progress = Some(Step {
                    phase: progress.phase.clone(),
                    step: progress.step,
                    steps: progress.steps,
                    loss: Some(progress.loss).filter(|loss| loss.is_finite()),
                    tokens_per_second: progress.tokens_per_second,
                    eta_seconds: progress.eta_seconds,
                });
            }
            Message::Evaluation(_) if rank == 0 => self.runs(),
            _ => {}
        }
    }

    /// Ranks work; those that still do after a failure are about to end.
    fn runs(&mut self) {
        if self.standing.state != State::Recovering {
            self.standing.state = State::Running;
        }
    }

    /// Writes, if it is time to; fails where the run's directory is another one by now.
    pub fn look(&mut self, crew: &Crew, now: Instant) -> Result<(), Error> {
        if self.written.is_none_or(|written| now.duration_since(written) >= PAUSE) {
            for (rank, heard) in self.standing.ranks.iter_mut().zip(&self.heard) {
                rank.silent = heard.map_or(0.0, |heard| now.duration_since(heard).as_secs_f64());
            }
            self.look_at(crew);
            self.write();
            self.home.check(now)?;
        }
        Ok(())
    }

    /// Fails where the run's directory is not where it was when this driver began.
    pub fn check_home(&mut self) -> Result<(), Error> {
        self.home.check(Instant::now())
    }

    fn look_at(&mut self, crew: &Crew) {
        let ranks_of = |node: usize| -> Vec<usize> {
            let ranks = self.standing.ranks.iter().enumerate();
            ranks.filter(|(_, rank)| rank.node == node).map(|(rank, _)| rank).collect()
        };
        let node = |(number, member): (usize, &crate::crew::Member)| {
            let ranks = ranks_of(number);
            let state = match (member.is_cordoned, member.is_present(), ranks.is_empty()) {
                (true, ..) => "cordoned",
                (false, true, false) => "working",
                (false, true, true) => "spare",
                (false, false, _) if member.is_leaving => "drained",
                (false, false, _) if member.facts.is_some() => "lost",
                (false, false, _) => "awaited",
            };
            Node {
                name: member.name.clone(),
                host: member.facts.as_ref().map(|it| it.host.clone()).unwrap_or_default(),
                state: state.to_owned(),
                ranks,
                failures: member.failures.len(),
            }
        };
        self.standing.nodes = crew.members().iter().enumerate().map(node).collect();
    }

    fn write(&mut self) {
        self.written = Some(Instant::now());
        self.standing.updated = rfc3339(SystemTime::now());
        if self.home.is_moved() {
            return;
        }
        // A full disk ends no training: the events are the truth. A directory that is gone is not made again.
        if let Ok(bytes) = serde_json::to_vec_pretty(&self.standing) {
            let _ = put(&self.path, &bytes);
        }
    }
}

/// Puts `bytes` in place of the file, in a directory that is there. What is written again in a second need not
/// outlast the machine.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let growing = path.with_extension("json.tmp");
    std::fs::write(&growing, bytes)?;
    std::fs::rename(&growing, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_is_written_where_a_run_was_before_it_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let mut writer = Writer::new(old.join("status.json"), "run", "local");
        std::fs::rename(&old, &new).unwrap();
        writer.state(State::Running);
        assert!(!old.exists(), "the old place was made again");
        // Somebody begins another run there.
        std::fs::create_dir(&old).unwrap();
        writer.state(State::Failed);
        assert!(!old.join("status.json").exists(), "it is another run's");
        assert!(new.join("status.json").exists());
    }

    #[test]
    fn a_directory_that_is_moved_ends_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let mut writer = Writer::new(old.join("status.json"), "run", "local");
        let crew = Crew::awaited(&["a"]);
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        writer.look(&crew, after(2)).unwrap();
        std::fs::rename(&old, &new).unwrap();
        writer.look(&crew, after(10)).unwrap();
        writer.look(&crew, after(20)).unwrap_err();
    }
}
