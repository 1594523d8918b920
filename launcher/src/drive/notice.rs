//! Why a run stopped that a scheduler, or a drill of one, wanted to stop.

use super::Drive;
use super::standing::Writer;
use crate::backend::{self, Notice};
use crate::cli::Fault;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::events::{Events, rfc3339};
use crate::standing::Failure;
use crate::standing::past::Past;
use crate::supervise::{Cause, End};
use serde_json::{Value, json};
use std::path::Path;
use std::time::SystemTime;

/// What the newest start of a run says about its end.
#[derive(Default)]
struct Start {
    number: u32,
    /// The fault that was asked for, if it is one of a scheduler.
    drill: Option<&'static str>,
    /// Phase and step of its newest checkpoint.
    checkpoint: Option<(String, u64)>,
}

/// Notes in the events why a run stopped, where its scheduler wanted it to, or a drill did.
pub fn note(asked: &Drive<'_>, events: &mut Events, standing: &mut Writer) -> Result<(), Error> {
    let root = asked.run_dir.root();
    let notice = backend::nodes(asked.cluster, root).notice();
    let start = Start::newest(&Past::read(&asked.run_dir.events()));
    let Some((kind, sentence, course)) = start.meaning(notice) else { return Ok(()) };
    let (phase, step) = start.checkpoint.clone().unzip();
    let failure = Failure {
        time: rfc3339(SystemTime::now()),
        generation: start.number,
        kind: kind.to_owned(),
        sentence,
        rank: None,
        node: None,
        course: course.to_owned(),
        phase,
        step,
    };
    events.record("failure", failure.fields())?;
    standing.failed(failure);
    Ok(())
}

/// Whether a rank or a node may have failed because a scheduler takes the nodes back: then, to start again would be
/// in vain.
pub fn may_explain(cause: &Cause) -> bool {
    matches!(cause.end, End::Lost | End::Drained | End::Signal(libc::SIGTERM))
}

/// Has the scheduler say that it wants the nodes back; where there is none, the driver gets the signal that
/// schedulers send.
pub fn warn(cluster: &Cluster, run_dir: &Path) {
    if !backend::nodes(cluster, run_dir).warn() {
        // SAFETY: sending a signal to this process has no precondition; it is listened to while drills are.
        unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
    }
}

/// The kind of failure that a fault of a scheduler is.
fn kind(fault: &Value) -> Option<&'static str> {
    [(Fault::Preempt, "preempted"), (Fault::TimeLimit, "time-limit")]
        .into_iter()
        .find(|(known, _)| json!(known) == *fault)
        .map(|(_, kind)| kind)
}

/// A kind of failure that a scheduler causes, in a sentence.
fn words(kind: &str) -> &'static str {
    match kind {
        "time-limit" => "a time limit",
        _ => "a preemption",
    }
}

impl Start {
    fn newest(past: &Past) -> Self {
        let mut start = Self::default();
        for event in &past.events {
            match event["event"].as_str() {
                Some("started") => {
                    let number = event["start"].as_u64().unwrap_or_default();
                    start = Self { number: number as u32, ..Self::default() };
                }
                Some("drill") => start.drill = kind(&event["fault"]).or(start.drill),
                Some("checkpoint") => {
                    let path = Path::new(event["path"].as_str().unwrap_or_default());
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    start.checkpoint = name
                        .rsplit_once('-')
                        .and_then(|(phase, step)| Some((phase.to_owned(), step.parse().ok()?)));
                }
                _ => {}
            }
        }
        start
    }

    /// Kind, sentence and course of the stop; `None`: somebody asked for it.
    fn meaning(&self, notice: Option<Notice>) -> Option<(&'static str, String, &'static str)> {
        let (kind, what, comes_back) = match (self.drill, notice) {
            (None, None) => return None,
            (None, Some(Notice { kind, sentence, comes_back })) => (kind, sentence, comes_back),
            (Some(kind), Some(notice)) => {
                let what = format!(
                    "a drill of {}: the scheduler sent its signal, as it does before a real one",
                    words(kind)
                );
                (kind, what, notice.comes_back)
            }
            (Some(kind), None) => {
                let what = format!("a drill of {}: the driver was sent SIGTERM", words(kind));
                (kind, what, false)
            }
        };
        let saved = match &self.checkpoint {
            Some((phase, step)) => {
                format!("the checkpoint of step {step} of phase `{phase}` is written")
            }
            None => "no checkpoint was written in this start".to_owned(),
        };
        let course = if comes_back { "requeue" } else { "stop" };
        Some((kind, format!("{what}; {saved}"), course))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(lines: &[&str], notice: Option<Notice>, expected: Expect) {
        let started = [r#"{"event":"started","start":3,"world":2}"#];
        let lines = started.iter().chain(lines);
        let events = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let meaning = Start::newest(&Past { events }).meaning(notice);
        expected.assert_eq(&format!("{meaning:?}"));
    }

    #[test]
    fn a_stop_is_somebodys_wish_unless_a_scheduler_or_a_drill_wanted_it() {
        let saved = r#"{"event":"checkpoint","path":"/run/checkpoints/align-ment-000040"}"#;
        let drill = r#"{"event":"drill","fault":"time-limit","rank":1,"seconds":60}"#;
        let other = r#"{"event":"drill","fault":"slow-rank","rank":1,"seconds":60}"#;
        let notice = || Notice {
            kind: "preempted",
            sentence: "SLURM wants the nodes of job 17 back (SIGUSR1)".to_owned(),
            comes_back: true,
        };
        check(&[saved, other], None, expect!["None"]);
        check(
            &[saved],
            Some(notice()),
            expect![[
                r#"Some(("preempted", "SLURM wants the nodes of job 17 back (SIGUSR1); the checkpoint of step 40 of phase `align-ment` is written", "requeue"))"#
            ]],
        );
        check(
            &[drill, other],
            Some(notice()),
            expect![[
                r#"Some(("time-limit", "a drill of a time limit: the scheduler sent its signal, as it does before a real one; no checkpoint was written in this start", "requeue"))"#
            ]],
        );
        check(
            &[drill, saved],
            None,
            expect![[
                r#"Some(("time-limit", "a drill of a time limit: the driver was sent SIGTERM; the checkpoint of step 40 of phase `align-ment` is written", "stop"))"#
            ]],
        );
        // What an earlier start was asked for is over.
        let again = r#"{"event":"started","start":4,"world":2}"#;
        check(&[drill, saved, again], None, expect!["None"]);
    }
}
