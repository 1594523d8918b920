//! What is done about a failure, by its cause and by how many there were.

use super::places::Replacement;
use crate::cluster::{Faults, OnNodeLoss};
use crate::error::exit;
use crate::supervise::{Cause, End};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use trainer::collective::tells_of_a_hang;
use trainer::device::tells_of_full_memory;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The same nodes start again.
    Restart,
    /// A spare takes the place of a node.
    Spare,
    /// A node that is lost is asked to come back.
    Replace,
    /// The scheduler starts the job again.
    Requeue,
    /// The run ends.
    Stop,
}

/// The failures that count.
#[derive(Debug, Default)]
pub struct History {
    failures: VecDeque<(Instant, &'static str)>,
}

impl Course {
    /// Its name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Spare => "spare",
            Self::Replace => "replace",
            Self::Requeue => "requeue",
            Self::Stop => "stop",
        }
    }

    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Restart => "all ranks start again from the newest checkpoint",
            Self::Spare => "a spare takes its place, and all ranks start again",
            Self::Replace => "it is asked to come back, and all ranks start again",
            Self::Requeue => "the scheduler starts the job again",
            Self::Stop => "the run ends",
        }
    }

    /// Whether this driver goes on.
    pub fn goes_on(self) -> bool {
        !matches!(self, Self::Requeue | Self::Stop)
    }
}

impl History {
    /// How many failures count.
    pub fn len(&self) -> usize {
        self.failures.len()
    }

    /// Notes a failure at `now` and says what is done about it. `replacement` says who could take the place of
    /// the node that is to blame; a run that is `stopping` is not started again.
    pub fn course(
        &mut self,
        cause: &Cause,
        faults: &Faults,
        replacement: Replacement,
        stopping: bool,
        now: Instant,
    ) -> Course {
        let kind = kind(cause);
        let window = Duration::from_secs(faults.window);
        self.failures.retain(|(at, _)| now.duration_since(*at) < window);
        let same_before = self.failures.iter().any(|(_, before)| *before == kind);
        // Nothing is wrong with a node that is wanted elsewhere.
        if cause.end != End::Drained {
            self.failures.push_back((now, kind));
        }
        let is_worth_it = match kind {
            "rank-killed" | "hang" | "node-lost" | "node-drained" | "transient" => true,
            // Another process may have taken the memory; twice, it is ours.
            "out-of-memory" => matches!(cause.end, End::OutOfMemory) && !same_before,
            _ => false,
        };
        if stopping || cause.stopping || !is_worth_it || self.len() > faults.max_failures {
            return Course::Stop;
        }
        match (replacement, faults.on_node_loss) {
            (Replacement::NotNeeded, _) => Course::Restart,
            (_, OnNodeLoss::Stop) => Course::Stop,
            (_, OnNodeLoss::Requeue) => Course::Requeue,
            (Replacement::Spare, OnNodeLoss::Spare) => Course::Spare,
            (Replacement::Spare | Replacement::Itself, _) => Course::Replace,
            (Replacement::Nobody, _) => Course::Stop,
        }
    }
}

/// What a rank says that has nowhere to write: the system, or the check before a checkpoint.
const FULL: [&str; 3] = ["No space left on device", "Disk quota exceeded", "no room for `"];

/// The kind of a failure, in a word of `events.jsonl`.
pub fn kind(cause: &Cause) -> &'static str {
    let words = cause.last_words.as_deref().unwrap_or_default();
    let says = |part: &str| words.contains(part);
    match cause.end {
        End::Lost => "node-lost",
        End::Drained => "node-drained",
        End::Hung => "hang",
        End::OutOfMemory => "out-of-memory",
        End::Signal(_) => "rank-killed",
        End::Unstarted => "transient",
        End::Code(_) => match cause.exit_code() {
            exit::DECLARATION => "declaration",
            exit::DATA => "data",
            exit::DIVERGED => "diverged",
            exit::BACKEND if tells_of_full_memory(words) => "out-of-memory",
            exit::BACKEND => "backend",
            exit::TRANSIENT if FULL.iter().any(|it| says(it)) => "disk-full",
            exit::TRANSIENT if tells_of_a_hang(words) => "hang",
            exit::TRANSIENT => "transient",
            _ => "bug",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(end: End, words: &str) -> Cause {
        Cause {
            rank: 1,
            blamed: 1,
            end,
            last_words: Some(words.to_owned()),
            reached: None,
            node: None,
            verdict: None,
            stopping: false,
        }
    }

    #[test]
    fn kinds_are_told_by_end_and_words() {
        let table = [
            (End::Signal(9), "", "rank-killed"),
            (End::Lost, "", "node-lost"),
            (End::Unstarted, "failed to start rank 1 as `knowcoder`: no room", "transient"),
            (End::Drained, "", "node-drained"),
            (End::OutOfMemory, "", "out-of-memory"),
            (End::Code(64), "", "declaration"),
            (End::Code(75), "No space left on device (os error 28)", "disk-full"),
            (End::Code(75), "error: no room for `r/checkpoints/a-000100.part`", "disk-full"),
            (End::Code(75), "rank 1 took nothing for 5 s during barrier 3", "hang"),
            (
                End::Code(75),
                "error: phase `instruction`, step 513: rank 1 did not finish for 8 s during all-reduce 1090 \
                 (said rank 2)",
                "hang",
            ),
            (End::Code(75), "rank 1 stopped within a frame for 30 s during all-reduce 9", "hang"),
            (End::Code(75), "waited 60 s at 10.0.0.1:4 for 2 ranks: rank 1 did not come", "hang"),
            (End::Code(75), "rank 2 failed to reach rank 0 at 10.0.0.1:4: timed out", "transient"),
            (End::Code(75), "rank 1 hung up during barrier 3", "transient"),
            (End::Code(69), "CUDA is out of memory", "out-of-memory"),
            (
                End::Code(69),
                "error: the device has too little memory: out of device memory allocating 7 bytes",
                "out-of-memory",
            ),
            (End::Code(69), "can't allocate buffer of size: 7", "out-of-memory"),
            (End::Code(69), "device `cuda`: the driver shows no GPU", "backend"),
            (End::Code(79), "", "diverged"),
            (End::Code(101), "", "bug"),
        ];
        for (end, words, expected) in table {
            assert_eq!(kind(&cause(end, words)), expected);
        }
    }

    #[test]
    fn failures_are_recovered_from_until_there_are_too_many() {
        let faults = Faults { max_failures: 2, window: 10, ..Faults::default() };
        let mut history = History::default();
        let now = Instant::now();
        let mut course = |end, seconds, replacement| {
            let now = now + Duration::from_secs(seconds);
            history.course(&cause(end, ""), &faults, replacement, false, now)
        };
        assert_eq!(course(End::Signal(9), 0, Replacement::NotNeeded), Course::Restart);
        assert_eq!(course(End::Lost, 1, Replacement::Spare), Course::Spare);
        assert_eq!(course(End::Signal(9), 2, Replacement::NotNeeded), Course::Stop);
        // The first ones are forgotten.
        assert_eq!(course(End::Lost, 11, Replacement::Itself), Course::Replace);
        assert_eq!(course(End::Lost, 30, Replacement::Nobody), Course::Stop);
        assert_eq!(course(End::Code(79), 50, Replacement::NotNeeded), Course::Stop);
        assert_eq!(course(End::OutOfMemory, 70, Replacement::NotNeeded), Course::Restart);
        assert_eq!(course(End::OutOfMemory, 75, Replacement::NotNeeded), Course::Stop);
    }

    #[test]
    fn nodes_that_are_taken_away_are_no_failures() {
        let faults = Faults { max_failures: 1, ..Faults::default() };
        let mut history = History::default();
        let now = Instant::now();
        let mut course =
            |end, replacement| history.course(&cause(end, ""), &faults, replacement, false, now);
        for _ in 0..5 {
            assert_eq!(course(End::Drained, Replacement::Spare), Course::Spare);
            assert_eq!(course(End::Drained, Replacement::Itself), Course::Replace);
        }
        assert_eq!(course(End::Lost, Replacement::Spare), Course::Spare);
        assert_eq!(course(End::Drained, Replacement::NotNeeded), Course::Restart);
        assert_eq!(course(End::Lost, Replacement::Spare), Course::Stop);
        let faults = Faults { on_node_loss: OnNodeLoss::Stop, ..Faults::default() };
        let drained = cause(End::Drained, "");
        let course = history.course(&drained, &faults, Replacement::Spare, false, now);
        assert_eq!(course, Course::Stop);
    }

    #[test]
    fn who_stops_is_not_started_again() {
        let mut history = History::default();
        let faults = Faults::default();
        let cause = cause(End::Signal(9), "");
        let now = Instant::now();
        let course = history.course(&cause, &faults, Replacement::NotNeeded, true, now);
        assert_eq!(course, Course::Stop);
    }
}
