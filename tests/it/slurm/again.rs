//! Runs whose nodes are wanted back, drained, or out of time: they go on.

use super::until_training;
use super::{Slurm, events, has, logs, processes, steps, two_nodes, until, until_event};
use crate::program::{knowcoder, metrics, must};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;

#[test]
fn a_run_whose_nodes_are_wanted_back_saves_and_goes_on_elsewhere() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let ids = slurm.submit(&run_dir, &two_nodes(folder.path(), 0, ""), &["phase.0.steps=300"]);
    until_training(&run_dir);
    // The node that goes is the last one of the job.
    let bad = slurm.nodes_of(&ids[0]).pop().unwrap();
    let node = format!("nodename={bad}");
    slurm.ask("scontrol", &["update", &node, "state=drain", "reason=test"]);
    slurm.ask("scancel", &["--signal=USR1", "--batch", &ids[0]]);
    until_event(&run_dir, "requeued");
    let before = events(&run_dir);
    let requeued = before.iter().find(|event| event["event"] == "requeued").unwrap();
    assert_eq!(requeued["reason"], "preempted", "{}", logs(&run_dir));
    // What stopped it is told as what it was, not as somebody's wish.
    let noted = before.iter().find(|event| event["event"] == "failure").unwrap();
    assert_eq!((&noted["kind"], &noted["course"]), (&json!("preempted"), &json!("requeue")));
    let sentence = noted["sentence"].as_str().unwrap();
    let job = format!("SLURM wants the nodes of job {} back (SIGUSR1); the checkpoint of", ids[0]);
    assert!(sentence.starts_with(&job), "{sentence}");
    assert_eq!(noted["step"].as_u64(), Some(metrics(&run_dir).len() as u64), "{noted}");
    assert!(metrics(&run_dir).len() < 300, "it was over before it was asked");
    until_event(&run_dir, "done");
    slurm.until_job(&ids[0], "JobState=COMPLETED");
    let said = slurm.job(&ids[0]);
    slurm.must(&["resume"]);
    assert!(said.contains(" Restarts=1 "), "{said}");
    // No step was lost, and none was made twice.
    let steps = steps(&run_dir);
    assert_eq!(steps.len(), 300 + 5 + 7);
    let first: Vec<u64> = steps[..300].iter().map(|(_, step)| *step).collect();
    assert_eq!(first, (1..=300).collect::<Vec<u64>>());
    let after = &events(&run_dir)[before.len()..];
    let joined: Vec<&Value> = after
        .iter()
        .filter(|event| event["event"] == "agent-joined")
        .map(|it| &it["name"])
        .collect();
    assert_eq!(joined.len(), 2, "{joined:?}");
    assert!(!joined.iter().any(|name| **name == *bad), "{bad} is in {joined:?}");
}

#[test]
fn a_node_that_is_drained_does_its_work_to_the_end() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let ids = slurm.submit(&run_dir, &two_nodes(folder.path(), 0, ""), &["phase.0.steps=200"]);
    until_training(&run_dir);
    let last = slurm.nodes_of(&ids[0]).pop().unwrap();
    let node = format!("nodename={last}");
    slurm.ask("scontrol", &["update", &node, "state=drain", "reason=test"]);
    let state = || slurm.ask("sinfo", &["-h", "-p", "test", "-n", &last, "-o", "%T"]);
    let drains = state();
    assert!(metrics(&run_dir).len() < 200, "it was over before the node was drained");
    until_event(&run_dir, "done");
    slurm.until_job(&ids[0], "JobState=COMPLETED");
    let said = slurm.job(&ids[0]);
    until("drained node", || state() == "drained");
    slurm.must(&["resume"]);
    assert_eq!(drains, "draining");
    assert!(said.contains(" Restarts=0 "), "{said}");
    for event in ["agent-lost", "failure", "requeued"] {
        assert!(!has(&run_dir, event), "{event}: {}", logs(&run_dir));
    }
    assert_eq!(steps(&run_dir).len(), 200 + 5 + 7);
}

#[test]
fn a_drill_of_a_time_limit_takes_the_way_of_a_real_one_and_a_cordon_holds() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let ids = slurm.submit(&run_dir, &two_nodes(folder.path(), 0, ""), &["phase.0.steps=300"]);
    until_training(&run_dir);
    // As if this node had failed again and again.
    let bad = slurm.nodes_of(&ids[0]).pop().unwrap();
    let cordoned =
        json!({"time": "2026-11-23T09:00:00.000Z", "event": "cordoned", "node": 1, "name": bad});
    let mut file = OpenOptions::new().append(true).open(run_dir.join("events.jsonl")).unwrap();
    file.write_all(format!("{cordoned}\n").as_bytes()).unwrap();
    let asked = |verb: &str, more: &[&str]| {
        let mut command = knowcoder(&[verb]);
        command.arg(&run_dir).args(more);
        must(slurm.here(command))
    };
    asked("drill", &["time-limit"]);
    until_event(&run_dir, "requeued");
    let before = events(&run_dir);
    let only = |name: &str| {
        let mut found = before.iter().filter(|event| event["event"] == name);
        let first = found.next().cloned().unwrap_or_else(|| panic!("{name}: {}", logs(&run_dir)));
        assert!(found.next().is_none(), "{name} twice");
        first
    };
    assert_eq!(only("drill")["fault"], "time-limit");
    let noted = only("failure");
    assert_eq!((&noted["kind"], &noted["course"]), (&json!("time-limit"), &json!("requeue")));
    // The signal came through SLURM.
    let sentence = noted["sentence"].as_str().unwrap();
    let by = "a drill of a time limit: the scheduler sent its signal";
    assert!(sentence.starts_with(by), "{sentence}");
    let requeued = only("requeued");
    // Of the time limit only the drill knows: to SLURM it is a signal long before it.
    assert_eq!((&requeued["reason"], &requeued["exclude"]), (&json!("preempted"), &json!(bad)));
    let why = asked("why", &["--json"]);
    let why: Value = serde_json::from_slice(&why.stdout).unwrap();
    assert_eq!(why["cause"]["kind"], "time-limit", "{why}");
    assert!(why["text"].as_str().unwrap().contains("job was given back"), "{why}");
    until_event(&run_dir, "done");
    slurm.until_job(&ids[0], "JobState=COMPLETED");
    let said = slurm.job(&ids[0]);
    assert!(said.contains(&format!(" ExcNodeList={bad} ")), "{said}");
    let after = &events(&run_dir)[before.len()..];
    let joined: Vec<&Value> = after
        .iter()
        .filter(|event| event["event"] == "agent-joined")
        .map(|it| &it["name"])
        .collect();
    assert_eq!(joined.len(), 2, "{joined:?}");
    assert!(!joined.iter().any(|name| **name == *bad), "{bad} is in {joined:?}");
    assert_eq!(steps(&run_dir).len(), 300 + 5 + 7);
}

#[test]
fn a_run_whose_steps_are_ended_by_a_preemption_comes_back() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = two_nodes(folder.path(), 0, "");
    let text = std::fs::read_to_string(&cluster).unwrap();
    std::fs::write(&cluster, text.replace("\"test\"", "\"last\"")).unwrap();
    let ids = slurm.submit(&run_dir, &cluster, &["phase.0.steps=4000"]);
    until_training(&run_dir);
    let all =
        ["-p", "first", "-N3", "--exclusive", "--parsable", "--output=/dev/null", "--wrap=true"];
    let first = slurm.ask("sbatch", &all);
    assert!(first.parse::<u64>().is_ok(), "{first}");
    until_event(&run_dir, "requeued");
    let noted: Vec<Value> =
        events(&run_dir).into_iter().filter(|event| event["event"] == "failure").collect();
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert_eq!((&noted[0]["kind"], &noted[0]["course"]), (&json!("preempted"), &json!("requeue")));
    let sentence = noted[0]["sentence"].as_str().unwrap();
    let job = format!("SLURM wants the nodes of job {} back: other jobs come first", ids[0]);
    assert!(sentence.starts_with(&job), "{sentence}");
    slurm.until_job(&first, "JobState=COMPLETED");
    // The first start went on from nothing.
    until_event(&run_dir, "resumed");
    assert!(slurm.job(&ids[0]).contains(" Restarts=1 "), "{}", slurm.job(&ids[0]));
    slurm.ask("scancel", &[&ids[0]]);
    slurm.until_job(&ids[0], "JobState=CANCELLED");
    until("end of all processes", || processes(&run_dir).is_empty());
}
