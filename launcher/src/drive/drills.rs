//! Faults that somebody asks for with `knowcoder drill`, as files in the run directory.

use crate::cli::Fault;
use crate::wire::Order;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often files are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// How long a slow rank stands, and how long it moves, in turn.
const STANDS: Duration = Duration::from_millis(450);
const MOVES: Duration = Duration::from_millis(50);

/// The longest that a fault may be asked for, in seconds.
const LONGEST: u64 = 86_400;

/// A fault that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// What shall go wrong.
    pub fault: Fault,
    /// With which rank; without it, the last one.
    pub rank: Option<usize>,
    /// For how long, if it passes.
    pub seconds: u64,
}

/// What is done about it at a moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A signal to a rank.
    Signal {
        /// Which.
        rank: usize,
        /// Its number.
        signal: i32,
    },
    /// An order to a rank's node.
    Node {
        /// Whose.
        rank: usize,
        /// What.
        order: Order,
    },
}

/// Faults that are asked for and those that are due.
pub struct Drills {
    folder: PathBuf,
    looked: Instant,
    timed: Vec<(Instant, Act)>,
    /// How a rank is asked to go wrong by itself, and a scheduler to want the nodes back.
    ask: Box<dyn Fn(usize, Fault)>,
}

impl Drill {
    /// As a person reads it.
    pub fn words(&self) -> String {
        let fault = serde_json::to_value(self.fault).unwrap_or_default();
        let rank = self.rank.map_or(String::new(), |rank| format!(" with rank {rank}"));
        format!("{}{rank}", fault.as_str().unwrap_or_default())
    }
}

impl Drills {
    /// Those that are asked for in `folder`; older ones are none of this start. `ask` has a rank go wrong by
    /// itself, or a scheduler want the nodes back.
    pub fn new(folder: PathBuf, ask: Box<dyn Fn(usize, Fault)>) -> Self {
        let drills = Self { folder, looked: Instant::now(), timed: Vec::new(), ask };
        drills.files().for_each(|path| drop(std::fs::remove_file(path)));
        drills
    }

    /// What was asked for since; `last` is the last rank that is alive.
    pub fn asked(&mut self, now: Instant, last: Option<usize>) -> Vec<Drill> {
        if now.duration_since(self.looked) < LOOK {
            return Vec::new();
        }
        self.looked = now;
        let mut drills = Vec::new();
        for path in self.files().collect::<Vec<_>>() {
            let read = std::fs::read(&path).ok();
            // Nobody is asked twice.
            let _ = std::fs::remove_file(&path);
            let drill: Option<Drill> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let drill = drill.filter(|it| it.seconds <= LONGEST && it.rank <= last);
            if let (Some(mut drill), Some(last)) = (drill, last) {
                // Only rank 0 writes checkpoints in every world.
                let usual = if drill.fault == Fault::FillDisk { 0 } else { last };
                drill.rank = drill.rank.or(Some(usual));
                self.plan(&drill, drill.rank.unwrap_or(usual), now);
                drills.push(drill);
            }
        }
        drills
    }

    /// What is to be done now.
    pub fn due(&mut self, now: Instant) -> Vec<Act> {
        let (due, later) = std::mem::take(&mut self.timed).into_iter().partition(|it| it.0 <= now);
        self.timed = later;
        let due: Vec<(Instant, Act)> = due;
        due.into_iter().map(|(_, act)| act).collect()
    }

    fn plan(&mut self, drill: &Drill, rank: usize, now: Instant) {
        let until = now + Duration::from_secs(drill.seconds);
        let signal = |signal| Act::Signal { rank, signal };
        match drill.fault {
            Fault::KillRank => self.timed.push((now, signal(libc::SIGKILL))),
            Fault::HangRank => {
                self.timed.push((now, signal(libc::SIGSTOP)));
                self.timed.push((until, signal(libc::SIGCONT)));
            }
            Fault::SlowRank => {
                let mut at = now;
                while at < until {
                    self.timed.push((at, signal(libc::SIGSTOP)));
                    self.timed.push((at + STANDS, signal(libc::SIGCONT)));
                    at += STANDS + MOVES;
                }
            }
            Fault::KillNode => self.timed.push((now, Act::Node { rank, order: Order::Die })),
            Fault::CutLink => {
                let order = Order::Deaf { seconds: drill.seconds };
                self.timed.push((now, Act::Node { rank, order }));
            }
            Fault::OutOfMemory
            | Fault::Nan
            | Fault::FillDisk
            | Fault::Preempt
            | Fault::TimeLimit => (self.ask)(rank, drill.fault),
        }
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|it| it == "json"))
            .collect();
        paths.sort();
        paths.into_iter()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn a_fault_is_asked_for_once_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("0.json", r#"{"fault":"kill-rank","rank":0,"seconds":1}"#);
        let mut drills = Drills::new(folder.path().to_owned(), Box::new(|_, _| {}));
        write("1.json", r#"{"fault":"hang-rank","rank":null,"seconds":3}"#);
        write("2.json", "nonsense");
        let now = Instant::now() + LOOK;
        let asked = drills.asked(now, Some(2));
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].words(), "hang-rank with rank 2");
        let signal = |signal| Act::Signal { rank: 2, signal };
        assert_eq!(drills.due(now), [signal(libc::SIGSTOP)]);
        assert_eq!(drills.due(now + Duration::from_secs(2)), []);
        assert_eq!(drills.due(now + Duration::from_secs(3)), [signal(libc::SIGCONT)]);
        assert!(drills.asked(now + LOOK, Some(2)).is_empty());
    }

    #[test]
    fn a_scheduler_or_a_rank_does_what_no_signal_to_a_rank_is() {
        let folder = tempfile::tempdir().unwrap();
        let told = Rc::new(RefCell::new(Vec::new()));
        let ask = {
            let told = Rc::clone(&told);
            Box::new(move |rank: usize, fault: Fault| told.borrow_mut().push((rank, fault)))
        };
        let mut drills = Drills::new(folder.path().to_owned(), ask);
        for (number, fault) in ["preempt", "time-limit", "nan"].iter().enumerate() {
            let text = format!("{{\"fault\":\"{fault}\",\"rank\":null,\"seconds\":3}}");
            std::fs::write(folder.path().join(format!("{number}.json")), text).unwrap();
        }
        let now = Instant::now() + LOOK;
        assert_eq!(drills.asked(now, Some(1)).len(), 3);
        assert_eq!(drills.due(now), []);
        let expected = [Fault::Preempt, Fault::TimeLimit, Fault::Nan].map(|fault| (1, fault));
        assert_eq!(*told.borrow(), expected);
    }
}
