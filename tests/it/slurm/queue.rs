//! What the queue says of a run before it begins.

use super::{Slurm, expect, two_nodes};
use crate::program::{fixture, knowcoder, must, stderr};
use serde_json::{Value, json};
use std::process::{Command, Output};

#[test]
fn what_slurm_refuses_is_said_before_the_queue() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let refused = |section: &str, code: i32, parts: &[&str]| {
        let cluster = folder.path().join("slurm.toml");
        let text =
            format!("[cluster]\nbackend = \"slurm\"\nnodes = 2\nranks = 2\n\n[slurm]\n{section}\n");
        std::fs::write(&cluster, text).unwrap();
        let output = slurm.submission(&run_dir, &cluster, &[]).output().unwrap();
        expect(&output, code, parts);
        assert_eq!(slurm.ask("squeue", &["-h"]), "", "{section}");
    };
    refused(
        "partition = \"a100\"",
        64,
        &["slurm.partition is `a100`, and SLURM knows no such partition", "`sinfo -s`"],
    );
    refused("constraint = \"ib\"", 64, &["slurm.constraint is `ib`, and no node has that"]);
    refused(
        "partition = \"short\"\ntime = \"01:00:00\"",
        64,
        &["the job asks for more time than its partition ever gives", "set slurm.time"],
    );
    let mut why = knowcoder(&["why", "--json"]);
    why.arg(&run_dir);
    let why: Value = serde_json::from_slice(&must(slurm.here(why)).stdout).unwrap();
    let verdict = why["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("nothing was submitted: SLURM refused it: "), "{why}");
    refused("exclude = \"n[1-2\"", 64, &["slurm.exclude"]);
}

#[test]
fn a_run_that_waits_is_taken_out_of_the_queue_as_asked() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = two_nodes(folder.path(), 0, "");
    let partition = |state: &str| {
        let state = format!("State={state}");
        slurm.ask("scontrol", &["update", "PartitionName=test", &state]);
    };
    let asked = |verb: &str| {
        let mut command = knowcoder(&[verb, "--json"]);
        command.arg(&run_dir);
        slurm.here(command).output().unwrap()
    };
    // A partition that is down takes jobs and begins none.
    partition("DOWN");
    let submitted = slurm.submission(&run_dir, &cluster, &[]).output().unwrap();
    let waiting = asked("why");
    let cancelled = asked("cancel");
    partition("UP");
    expect(&submitted, 0, &[]);
    let read = |output: Output| -> Value {
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)))
    };
    assert_eq!(read(waiting)["status"], "waiting");
    assert_eq!(read(cancelled)["status"], "withdrawn");
    let why = read(asked("why"));
    let told = "it was taken out of the queue, as asked";
    assert_eq!((&why["status"], &why["verdict"]), (&json!("stopped"), &json!(told)), "{why}");
}

#[test]
fn a_login_node_says_what_it_can_of_a_run() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let looked = |spares: usize, from: &str, to: &str| -> (i32, Value) {
        let cluster = two_nodes(folder.path(), spares, "");
        let text = std::fs::read_to_string(&cluster).unwrap();
        std::fs::write(&cluster, text.replace(from, to)).unwrap();
        let mut command = knowcoder(&["--json", "doctor", "--recipe"]);
        command.arg(fixture("tiny.toml")).arg("--cluster").arg(&cluster);
        command.arg("--run-dir").arg(&run_dir);
        let output = slurm.here(command).output().unwrap();
        let document = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), document.unwrap_or_else(|_| panic!("{}", stderr(&output))))
    };
    let line = |document: &Value, check: &str, level: &str| {
        let findings = document["preflight"]["findings"].as_array().unwrap();
        let found = findings.iter().find(|it| it["check"] == check && it["level"] == level);
        found.map_or(String::new(), |it| it["line"].as_str().unwrap().to_owned())
    };
    let (code, document) = looked(0, "", "");
    assert_eq!(code, 0, "{document:#}");
    let partition = line(&document, "partition", "pass");
    assert!(partition.starts_with("`test` is up: 3 node(s)"), "{partition}");
    assert!(partition.ends_with(", 1:00:00 a job at most"), "{partition}");
    assert_eq!(line(&document, "sbatch", "pass"), "SLURM would take the run's 1 job(s)");
    assert!(line(&document, "checkpoint", "pass").starts_with("written and read back alike"));
    assert!(line(&document, "nodes", "pass").contains("within the job"));
    assert!(!run_dir.exists(), "nothing stays");
    // One of several partitions is enough; what is wrong with the others is told.
    let (code, document) = looked(0, "\"test\"", "\"short,test\"");
    assert_eq!(code, 0, "{document:#}");
    let partition = line(&document, "partition", "pass");
    assert!(partition.starts_with("`test` is up: 3 node(s)"), "{partition}");
    let short = "not there: slurm.time is 00:20:00, partition `short` gives a job 1:00 at most";
    assert!(partition.ends_with(short), "{partition}");
    for (spares, from, to, expected) in [
        (2, "", "", "partition `test` has 3 node(s), the run asks for 4"),
        (
            0,
            "00:20:00",
            "02:00:00",
            "slurm.time is 02:00:00, partition `test` gives a job 1:00:00 at most",
        ),
        (0, "\"test\"", "\"a100\"", "slurm.partition is `a100`, and SLURM knows no such partition"),
    ] {
        let (code, document) = looked(spares, from, to);
        assert_eq!((code, line(&document, "partition", "fail").as_str()), (69, expected));
    }
}

#[test]
fn limits_of_a_login_node_count_where_slurm_passes_them_on() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let looked = |section: &str| -> (i32, String) {
        let cluster = two_nodes(folder.path(), 0, section);
        let mut command = knowcoder(&["--json", "doctor", "--recipe"]);
        command.arg(fixture("tiny.toml")).arg("--cluster").arg(&cluster);
        command.arg("--run-dir").arg(folder.path().join("run"));
        let command = slurm.here(command);
        // 128 and one for each rank are needed.
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -S -n 100 && exec \"$0\" \"$@\""]);
        limited.arg(command.get_program()).args(command.get_args());
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = limited.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", stderr(&output)));
        let findings = document["preflight"]["findings"].as_array().unwrap();
        let limits = findings.iter().find(|it| it["check"] == "limits");
        let line = limits.map_or(String::new(), |it| it["line"].as_str().unwrap().to_owned());
        (output.status.code().unwrap(), line)
    };
    assert_eq!(looked(""), (0, String::new()));
    let passed_on =
        "100 open files a process, 130 are needed; SLURM gives jobs the limits of this shell";
    assert_eq!(looked("extra = [\"--propagate=NOFILE\"]\n"), (69, passed_on.to_owned()));
}
