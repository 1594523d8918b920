//! A rank's watch beside its work: files that ask for something, and the deadline of a stop.

use crate::error::exit;
use crate::message::{Failure, Message};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};
use trainer::RunDir;
use trainer::requests::{Requests, made};

/// How often files are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What a rank looks at while it works.
pub struct Watch {
    /// The run.
    pub run_dir: RunDir,
    /// Whose watch it is.
    pub rank: usize,
    /// How long the rank may take to stop; zero: as long as it wants.
    pub deadline: Duration,
}

impl Watch {
    /// Watches until the process ends, on a thread of its own.
    pub fn start(self, requests: &'static Requests) {
        std::thread::spawn(move || {
            let mut files = Files::new(&self);
            let mut asked: Option<Instant> = None;
            loop {
                files.look(requests);
                if requests.stop.load(Ordering::Relaxed) {
                    let since = *asked.get_or_insert_with(Instant::now);
                    if self.is_late(since.elapsed()) {
                        self.give_up();
                    }
                }
                std::thread::sleep(LOOK);
            }
        });
    }

    fn is_late(&self, waited: Duration) -> bool {
        !self.deadline.is_zero() && waited >= self.deadline
    }

    /// Ends the rank without a checkpoint of where it stands.
    fn give_up(&self) -> ! {
        let failure = Failure { exit_code: exit::TRANSIENT, culprit: None };
        if !io::stdout().is_terminal() {
            // If the launcher is gone, so are we.
            let _ = writeln!(io::stdout(), "{}", Message::Failure(failure).line());
            let _ = io::stdout().flush();
        }
        let _ = writeln!(io::stderr(), "error: {}", self.last_words());
        // SAFETY: the process ends here. Nothing that others trust is half-written under its own name.
        unsafe { libc::_exit(exit::TRANSIENT.into()) }
    }

    fn last_words(&self) -> String {
        format!(
            "rank {} was asked to stop and has not saved within {} s (checkpoint.stop_deadline)",
            self.rank,
            self.deadline.as_secs()
        )
    }
}

/// The files of requests, as a rank has seen them.
struct Files {
    run_dir: RunDir,
    /// One rank hears of it, and tells the others: else each would ask at a step of its own.
    hears_save: bool,
    seen: Option<SystemTime>,
}

impl Files {
    fn new(watch: &Watch) -> Self {
        Self { run_dir: watch.run_dir.clone(), hears_save: watch.rank == 0, seen: None }
    }

    fn look(&mut self, requests: &Requests) {
        if self.run_dir.stop().exists() {
            requests.stop.store(true, Ordering::Relaxed);
        }
        if self.hears_save {
            let made = made(&self.run_dir.save());
            // The same file asks once; it goes when the checkpoint is complete.
            if made.is_some() && made != self.seen {
                requests.save.store(true, Ordering::Relaxed);
            }
            self.seen = made;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::File;

    fn watch(run_dir: &RunDir, rank: usize) -> Watch {
        Watch { run_dir: run_dir.clone(), rank, deadline: Duration::from_secs(120) }
    }

    #[test]
    fn a_file_asks_once() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let (first, second) = (Requests::new(), Requests::new());
        let mut files = [Files::new(&watch(&run_dir, 0)), Files::new(&watch(&run_dir, 1))];
        let mut look = |save: [bool; 2], stop: bool| {
            for (files, requests) in files.iter_mut().zip([&first, &second]) {
                files.look(requests);
            }
            let taken = [&first, &second].map(|it| it.save.swap(false, Ordering::Relaxed));
            assert_eq!(taken, save);
            assert!([&first, &second].iter().all(|it| it.stop.load(Ordering::Relaxed) == stop));
        };
        look([false, false], false);
        let time = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        File::create(run_dir.save()).unwrap().set_modified(time(1)).unwrap();
        look([true, false], false);
        look([false, false], false);
        File::create(run_dir.save()).unwrap().set_modified(time(2)).unwrap();
        look([true, false], false);
        File::create(run_dir.stop()).unwrap();
        look([false, false], true);
    }

    #[test]
    fn a_deadline_is_said_in_seconds() {
        let watch = watch(&RunDir::new("run"), 3);
        assert!(!watch.is_late(Duration::from_secs(119)));
        assert!(watch.is_late(Duration::from_secs(120)));
        assert!(!Watch { deadline: Duration::ZERO, ..watch }.is_late(Duration::from_secs(9999)));
        let words =
            Watch { deadline: Duration::from_secs(5), run_dir: RunDir::new("run"), rank: 3 };
        assert_eq!(
            words.last_words(),
            "rank 3 was asked to stop and has not saved within 5 s (checkpoint.stop_deadline)"
        );
    }
}
