//! Why SLURM wants a job to stop: from the signal that its script was sent, and from what the controller says of
//! it.
//!
//! Before a preemption and before the time limit comes the same signal. They are told apart by how much of its time
//! a job has had: the end that the controller names moves when a job is preempted.

use super::super::Notice;
use crate::cluster::Slurm;
use crate::cluster::slurm::seconds;

/// SLURM looks at time limits now and then, and may send a signal a minute early; the rest is for a run to stop.
const SLACK: u64 = 90;

/// What is known about the end of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight<'a> {
    /// Number of the job.
    pub job: &'a str,
    /// How often it had begun again when this driver began.
    pub restarts: u64,
    /// The signal that its script wrote down; `None`: none came to it.
    pub signal: Option<&'a str>,
    /// What `scontrol -o show job` says; empty where it could not be asked.
    pub said: &'a str,
}

impl Sight<'_> {
    /// Why the job is to stop; `None`: not by SLURM's wish, as far as can be seen.
    pub fn notice(&self, slurm: &Slurm) -> Option<Notice> {
        let job = self.job;
        let is_preempted = self.field("PreemptTime").is_some_and(|it| it != "None" && it != "N/A");
        let limit = self.field("TimeLimit").unwrap_or_default();
        let left = self.left();
        let wanted = |why: &str| format!("SLURM wants the nodes of job {job} back{why}");
        let preempted = |sentence: String, comes_back: bool| {
            Some(Notice { kind: "preempted", sentence, comes_back })
        };
        match self.signal {
            // Somebody wants it to end.
            Some("INT") => None,
            Some(_) if is_preempted => preempted(wanted(": other jobs come first"), slurm.requeue),
            Some(_) if left.is_some_and(|left| left <= slurm.signal_seconds + SLACK) => {
                let sentence = format!("the time limit of SLURM's job {job}, {limit}, came near");
                Some(Notice { kind: "time-limit", sentence, comes_back: slurm.requeue })
            }
            Some(signal) => preempted(wanted(&format!(" (SIG{signal})")), slurm.requeue),
            None if self.is_requeued() => {
                preempted(wanted(" and begins with it again later"), true)
            }
            None if self.field("Reason") == Some("TimeLimit") || left == Some(0) => {
                let sentence = format!("the time limit of SLURM's job {job}, {limit}, was reached");
                Some(Notice { kind: "time-limit", sentence, comes_back: slurm.requeue })
            }
            // While its script still runs, we can put it back.
            None if is_preempted => {
                let is_running = self.field("JobState") == Some("RUNNING");
                preempted(wanted(": other jobs come first"), slurm.requeue && is_running)
            }
            None => None,
        }
    }

    /// Whether the job begins again only if we put it back, and its script has heard of nothing: before SLURM takes
    /// nodes away, it may end the steps alone.
    pub fn is_left_to_us(&self) -> bool {
        self.signal.is_none() && !self.is_requeued()
    }

    /// Seconds that the job has left of its time; `None`: its time is not limited, or not known.
    fn left(&self) -> Option<u64> {
        let limit = seconds(self.field("TimeLimit")?)?;
        Some(limit.saturating_sub(seconds(self.field("RunTime")?)?))
    }

    /// Whether it is to begin again: the controller counts that at once.
    fn is_requeued(&self) -> bool {
        let restarts = self.field("Restarts").and_then(|it| it.parse::<u64>().ok());
        restarts.is_some_and(|it| it > self.restarts)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.said.split_whitespace().find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(signal: Option<&str>, said: &str, expected: Expect) {
        let sight = Sight { job: "17", restarts: 1, signal, said };
        let told = match sight.notice(&Slurm::default()) {
            None => "nothing".to_owned(),
            Some(Notice { kind, sentence, comes_back }) => {
                format!("{kind}: {sentence} | {comes_back}")
            }
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn the_time_limit_and_others_that_come_first_are_told_apart() {
        let early = "JobId=17 JobState=RUNNING Reason=None Restarts=1 RunTime=02:00:00 TimeLimit=1-00:00:00";
        let late = "JobId=17 JobState=RUNNING Reason=None Restarts=1 RunTime=23:56:30 TimeLimit=1-00:00:00";
        let unlimited = "JobId=17 Restarts=1 RunTime=2-00:00:00 TimeLimit=UNLIMITED";
        check(
            Some("USR1"),
            late,
            expect!["time-limit: the time limit of SLURM's job 17, 1-00:00:00, came near | true"],
        );
        check(
            Some("USR1"),
            early,
            expect!["preempted: SLURM wants the nodes of job 17 back (SIGUSR1) | true"],
        );
        check(
            Some("TERM"),
            unlimited,
            expect!["preempted: SLURM wants the nodes of job 17 back (SIGTERM) | true"],
        );
        check(
            Some("TERM"),
            &format!(
                "{late} PreemptEligibleTime=2026-11-23T10:00:00 PreemptTime=2026-11-23T11:00:00"
            ),
            expect![
                "preempted: SLURM wants the nodes of job 17 back: other jobs come first | true"
            ],
        );
        check(Some("INT"), late, expect!["nothing"]);
        // A controller that does not answer.
        check(
            Some("USR1"),
            "",
            expect!["preempted: SLURM wants the nodes of job 17 back (SIGUSR1) | true"],
        );
        check(None, "", expect!["nothing"]);
    }

    #[test]
    fn what_slurm_ends_itself_is_told_by_its_controller() {
        let said = |more: &str| format!("JobId=17 JobState=COMPLETING {more}");
        check(
            None,
            &said("Reason=TimeLimit Restarts=1 RunTime=00:20:10 TimeLimit=00:20:00"),
            expect!["time-limit: the time limit of SLURM's job 17, 00:20:00, was reached | true"],
        );
        // As recorded of a job that was put back into the queue: it runs for no time, and has begun once more.
        check(
            None,
            &said("Reason=None Restarts=2 RunTime=00:00:00 TimeLimit=00:20:00"),
            expect![
                "preempted: SLURM wants the nodes of job 17 back and begins with it again later | true"
            ],
        );
        check(
            None,
            &said("Reason=None Restarts=1 RunTime=00:10:00 TimeLimit=00:20:00"),
            expect!["nothing"],
        );
        // As recorded within the seconds of grace of a preemption, when the steps were ended, and behind them.
        let preempted = "Reason=None Restarts=1 RunTime=00:00:12 TimeLimit=00:20:00 \
                         PreemptEligibleTime=2026-11-23T17:03:37 PreemptTime=2026-11-23T17:03:49";
        check(
            None,
            &format!("JobId=17 JobState=RUNNING {preempted}"),
            expect![
                "preempted: SLURM wants the nodes of job 17 back: other jobs come first | true"
            ],
        );
        check(
            None,
            &said(preempted),
            expect![
                "preempted: SLURM wants the nodes of job 17 back: other jobs come first | false"
            ],
        );
    }
}
