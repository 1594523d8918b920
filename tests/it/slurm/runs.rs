//! Runs that come to their end: on one allocation, in a chain of jobs, without a node.

use super::{Slurm, events, has, logs, steps, two_nodes, until, until_event, until_training};
use crate::program::{fixture, metrics, must, run};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

#[test]
fn two_nodes_learn_what_this_machine_learns() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    must(run(&fixture("tiny.toml"), &here, "laptop", &[]));
    let ids = slurm.submit(&there, &two_nodes(folder.path(), 0, ""), &[]);
    assert_eq!(ids.len(), 1);
    until_event(&there, "done");
    slurm.until_job(&ids[0], "JobState=COMPLETED");
    let losses = |run_dir: &Path| -> Vec<f64> {
        metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
    };
    let (here_losses, there_losses) = (losses(&here), losses(&there));
    assert_eq!(here_losses.len(), 16);
    assert_eq!(here_losses.len(), there_losses.len());
    for (a, b) in here_losses.iter().zip(&there_losses) {
        // f32: the order of summation at most.
        assert!((a - b).abs() <= 1e-6 * a.abs(), "{here_losses:?}\n{there_losses:?}");
    }
    let scores = |run_dir: &Path| std::fs::read_to_string(run_dir.join("scores.json")).unwrap();
    assert_eq!(scores(&here), scores(&there));
    // The secret of the run stands in no file that SLURM sees.
    let secret = std::fs::read(there.join("secret")).unwrap();
    let shown = String::from_utf8_lossy(&secret).trim().to_owned();
    for file in std::fs::read_dir(there.join("submit")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(shown.is_empty() || !text.contains(&shown));
    }
}

#[test]
fn data_are_prepared_in_an_array_and_phases_follow_each_other() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = two_nodes(folder.path(), 0, "chain = true\nprepare_shares = 2\n");
    let ids = slurm.submit(&run_dir, &cluster, &[]);
    assert_eq!(ids.len(), 1 + 3);
    until_event(&run_dir, "done");
    for id in &ids[1..] {
        slurm.until_job(id, "JobState=COMPLETED");
    }
    let array = slurm.job(&ids[0]);
    assert_eq!(array.lines().count(), 2, "{array}");
    assert!(array.lines().all(|task| task.contains(" JobState=COMPLETED ")), "{array}");
    assert_eq!(steps(&run_dir).len(), 16);
    assert!(run_dir.join("scores.json").is_file());
    for task in [1, 2] {
        let log = run_dir.join(format!("logs/prepare-{}-{task}.log", ids[0]));
        assert!(log.is_file(), "{}", log.display());
    }
}

#[test]
fn jobs_behind_the_one_in_which_a_node_was_cordoned_keep_clear_of_it() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = two_nodes(folder.path(), 0, "chain = true\n");
    let ids = slurm.submit(&run_dir, &cluster, &["phase.0.steps=300"]);
    assert_eq!(ids.len(), 3);
    until_training(&run_dir);
    // As if this node had failed again and again.
    let bad = slurm.nodes_of(&ids[0]).pop().unwrap();
    let cordoned =
        json!({"time": "2026-11-23T09:00:00.000Z", "event": "cordoned", "node": 1, "name": bad});
    let mut file = OpenOptions::new().append(true).open(run_dir.join("events.jsonl")).unwrap();
    file.write_all(format!("{cordoned}\n").as_bytes()).unwrap();
    assert!(!has(&run_dir, "phases-done"), "the first phase was over before");
    until_event(&run_dir, "done");
    for id in &ids[1..] {
        slurm.until_job(id, "JobState=COMPLETED");
        let said = slurm.job(id);
        assert!(said.contains(&format!(" ExcNodeList={bad} ")), "{said}\n{}", logs(&run_dir));
    }
    let all = events(&run_dir);
    let first = all.iter().position(|event| event["event"] == "phases-done").unwrap();
    let joined: Vec<&Value> = all[first..]
        .iter()
        .filter(|event| event["event"] == "agent-joined")
        .map(|it| &it["name"])
        .collect();
    assert_eq!(joined.len(), 4, "{joined:?}");
    assert!(!joined.iter().any(|name| **name == *bad), "{bad} is in {joined:?}");
    assert_eq!(steps(&run_dir).len(), 300 + 5 + 7);
}

#[test]
fn a_spare_takes_the_place_of_a_node_that_is_cut_off() {
    let Some(slurm) = Slurm::take(true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let ids = slurm.submit(&run_dir, &two_nodes(folder.path(), 1, ""), &["phase.0.steps=400"]);
    until_training(&run_dir);
    let milliseconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let before = events(&run_dir).len();
    let cut = milliseconds();
    // The driver is on the first node, the spare is the third.
    slurm.must(&["link-down", "2"]);
    let again = |event: &Value| event["event"] == "rank-started";
    until("second start", || events(&run_dir)[before..].iter().filter(|it| again(it)).count() >= 2);
    let restarted = events(&run_dir)[before..].iter().rfind(|it| again(it)).cloned().unwrap();
    let time = restarted["time"].as_str().unwrap().to_owned();
    let recovered = seconds_of_day(&time);
    // A run over midnight begins a day anew.
    let begun = (cut % 86_400_000) as f64 / 1000.0;
    let took = (recovered - begun).rem_euclid(86_400.0);
    slurm.must(&["link-up", "2"]);
    until_event(&run_dir, "done");
    slurm.until_job(&ids[0], "JobState=COMPLETED");
    slurm.must(&["resume"]);
    assert!(took <= 10.0, "it took {took} s: {}", logs(&run_dir));
    let lost: Vec<Value> =
        events(&run_dir).into_iter().filter(|event| event["event"] == "agent-lost").collect();
    assert!(lost.iter().any(|event| event["name"] == "n2"), "{lost:?}");
    assert!(!has(&run_dir, "requeued"), "{}", logs(&run_dir));
    assert_eq!(steps(&run_dir).last().unwrap().1, 7);
}

/// The time of day of `2026-11-23T13:04:05.250Z`.
fn seconds_of_day(time: &str) -> f64 {
    let clock = time.split('T').nth(1).unwrap().trim_end_matches('Z');
    clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}
