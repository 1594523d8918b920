//! A rank's watch beside its work: files that ask for something, and the deadline of a stop; and its pulse, which
//! says where it is while its work stands still.

use crate::error::exit;
use crate::message::{Failure, Message, Where};
use crate::rank_drill::{Drilled, plant};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};
use trainer::RunDir;
use trainer::collective::Secret;
use trainer::requests::{Requests, made};
use trainer::whereabouts::{self, Here};

/// How often files are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Looks after which drills are looked for, which are in no hurry.
const SELDOM: usize = 10;

/// How often a rank says where it is.
const PULSE: Duration = Duration::from_secs(1);

/// What a rank looks at while it works.
pub struct Watch {
    /// The run.
    pub run_dir: RunDir,
    /// Whose watch it is.
    pub rank: usize,
    /// How long the rank may take to stop; zero: as long as it wants.
    pub deadline: Duration,
    /// What requests for drills are sealed with.
    pub secret: Option<Secret>,
}

impl Watch {
    /// For a rank that only answers: each answer is kept as it comes, and nothing has to be saved in time.
    pub fn of_answers(run_dir: RunDir, rank: usize) -> Self {
        Self { run_dir, rank, deadline: Duration::ZERO, secret: None }
    }

    /// Watches until the process ends, on a thread of its own.
    pub fn start(self, requests: &'static Requests) {
        std::thread::spawn(move || {
            let mut files = Files::new(&self);
            let mut drilled = Drilled::new(self.run_dir.clone(), self.rank, self.secret.clone());
            let mut asked: Option<Instant> = None;
            for look in 0usize.. {
                files.look(requests);
                if look.is_multiple_of(SELDOM)
                    && let Some(fault) = drilled.look()
                {
                    plant(fault, &requests.drills);
                }
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
            Message::Failure(failure).say();
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

/// Says where this rank is, until the process ends and unless a person reads along.
///
/// On a thread of its own: who does not read what it says must not keep the watch from its deadline.
pub fn pulse() {
    if !io::stdout().is_terminal() {
        std::thread::spawn(|| {
            loop {
                message(whereabouts::own().here()).say();
                std::thread::sleep(PULSE);
            }
        });
    }
}

fn message(here: Here) -> Message {
    let Here { phase, step, section, time } = here;
    // A thousandth of a second is more than anybody reads.
    let seconds = (time.as_secs_f64() * 1e3).round() / 1e3;
    Message::Where(Where { phase, step, section, seconds })
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
        let deadline = Duration::from_secs(120);
        Watch { run_dir: run_dir.clone(), rank, deadline, secret: None }
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
    fn a_rank_says_where_it_is() {
        let here = Here {
            phase: "instruction".to_owned(),
            step: 40,
            section: "all-reduce 812".to_owned(),
            time: Duration::from_micros(61_000_400),
        };
        assert_eq!(
            message(here).line(),
            r#"@{"where":{"phase":"instruction","step":40,"section":"all-reduce 812","seconds":61.0}}"#
        );
    }

    #[test]
    fn a_deadline_is_said_in_seconds() {
        let watch = watch(&RunDir::new("run"), 3);
        assert!(!watch.is_late(Duration::from_secs(119)));
        assert!(watch.is_late(Duration::from_secs(120)));
        assert!(!Watch { deadline: Duration::ZERO, ..watch }.is_late(Duration::from_secs(9999)));
        let words = Watch {
            deadline: Duration::from_secs(5),
            run_dir: RunDir::new("run"),
            rank: 3,
            secret: None,
        };
        assert_eq!(
            words.last_words(),
            "rank 3 was asked to stop and has not saved within 5 s (checkpoint.stop_deadline)"
        );
    }
}
