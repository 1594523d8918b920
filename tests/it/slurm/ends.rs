//! Runs that somebody ends: they stay ended, and leave nothing behind.

use super::until_training;
use super::{Slurm, events, has, lives, logs, processes, two_nodes, until, until_event};
use crate::program::{knowcoder, must};
use serde_json::Value;

#[test]
fn a_cancelled_run_is_not_put_back_into_the_queue() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let ids = slurm.submit(&run_dir, &two_nodes(folder.path(), 0, ""), &["phase.0.steps=4000"]);
    until_training(&run_dir);
    let mut cancel = knowcoder(&["cancel"]);
    cancel.arg(&run_dir);
    must(slurm.here(cancel));
    until_event(&run_dir, "stopped");
    slurm.until_job(&ids[0], "JobState=FAILED");
    assert!(slurm.job(&ids[0]).contains(" ExitCode=76:0 "), "{}", slurm.job(&ids[0]));
    assert!(!has(&run_dir, "requeued"), "{}", logs(&run_dir));
    until("end of all processes", || processes(&run_dir).is_empty());
}

#[test]
fn scancel_leaves_no_process() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let ids = slurm.submit(&run_dir, &two_nodes(folder.path(), 0, ""), &["phase.0.steps=4000"]);
    until_training(&run_dir);
    let is_process = |event: &&Value| event["process"].is_u64();
    let found: Vec<String> =
        events(&run_dir).iter().filter(is_process).map(|it| it["process"].to_string()).collect();
    assert!(found.len() >= 2, "{found:?}");
    assert!(!processes(&run_dir).is_empty());
    slurm.ask("scancel", &[&ids[0]]);
    slurm.until_job(&ids[0], "JobState=CANCELLED");
    until("end of all processes", || {
        processes(&run_dir).is_empty() && !found.iter().any(|process| lives(process))
    });
    assert!(!has(&run_dir, "requeued"), "{}", logs(&run_dir));
    // However its driver ended, it stays away.
    let said = slurm.job(&ids[0]);
    assert!(said.contains(" JobState=CANCELLED ") && said.contains(" Restarts=0 "), "{said}");
}
