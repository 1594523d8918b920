//! What all nodes of a cluster can do together, and what one machine reaches.

use crate::full_disk::SmallDisk;
use crate::program::{cluster, fixture, knowcoder, must, run, stderr};
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

/// `doctor` for one node in `run_dir`, on its processors.
fn doctor(cluster: &Path, run_dir: &Path) -> Command {
    let mut command = knowcoder(&["--json", "doctor", "--device", "flex"]);
    command.arg("--cluster").arg(cluster).arg("--run-dir").arg(run_dir);
    // An interpreter's or a scheduler's own would be looked at, too.
    command.env_remove("MASTER_PORT");
    command
}

/// What it answered.
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The level and the line of a check, as the first node that has one says it.
pub fn finding(document: &Value, check: &str) -> (String, String) {
    let findings = document["preflight"]["findings"].as_array().unwrap();
    let found = findings.iter().find(|it| it["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no `{check}` in {findings:?}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("level"), text("line"))
}

/// The checks that failed.
fn failed(document: &Value) -> Vec<String> {
    let findings = document["preflight"]["findings"].as_array().unwrap();
    let fails = findings.iter().filter(|it| it["level"] == "fail");
    fails.map(|it| it["check"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What a folder has, hidden files included.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn one_node_is_looked_at_and_nothing_stays_but_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let output = doctor(&cluster("one-process"), folder.path()).output().unwrap();
    let document = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}\n{document:#}", stderr(&output));
    assert_eq!(failed(&document), [""; 0], "{document:#}");
    for check in ["program", "clock", "limits", "compute", "shared", "disk", "checkpoint", "port"] {
        assert_ne!(finding(&document, check).0, "fail", "{check}");
    }
    assert_eq!(names(folder.path()), ["preflight.json"]);
    let kept: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("preflight.json")).unwrap())
            .unwrap();
    assert_eq!(kept, document["preflight"]);
    assert_eq!(kept["nodes"][0]["facts"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(kept["nodes"][0]["facts"]["program"].as_str().unwrap().len(), 64);
    // Before there is a run, nothing at all stays.
    let absent = folder.path().join("runs/absent");
    must(doctor(&cluster("one-process"), &absent));
    assert!(!absent.exists());
    assert_eq!(names(folder.path()), ["preflight.json"]);
    // The table is no wider than a terminal.
    let mut command = knowcoder(&["doctor", "--device", "flex", "--run-dir"]);
    command.arg(&absent).arg("--cluster").arg(cluster("one-process"));
    let text = String::from_utf8(must(command).stdout).unwrap();
    assert!(text.contains("1 node(s) in "), "{text}");
    let wide = text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

#[test]
fn a_run_that_was_prepared_is_looked_at_whole() {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &[]));
    let looked = || {
        let mut command = doctor(&cluster("laptop"), folder.path());
        command.arg("--recipe").arg(fixture("tiny.toml"));
        command.output().unwrap()
    };
    let output = looked();
    let document = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}\n{document:#}", stderr(&output));
    let (level, line) = finding(&document, "memory");
    assert!(level == "pass" && line.starts_with("room for the worst batch, "), "{line}");
    // Manifest and shards of three phases, and the vocabulary.
    let data = ("pass".to_owned(), "7 things to read are equal on this node".to_owned());
    assert_eq!(finding(&document, "data"), data);
    assert_eq!(finding(&document, "recipe").0, "pass");
    assert!(finding(&document, "disk").1.contains("checkpoints take "), "{document:#}");
    let before = document["preflight"]["nodes"][0]["recipe"]["hash"].clone();
    let lock = folder.path().join("recipe.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    std::fs::write(&lock, format!("{text}\n# another\n")).unwrap();
    let after = json(&looked())["preflight"]["nodes"][0]["recipe"]["hash"].clone();
    assert!(before.is_string() && before != after, "{before} {after}");
}

#[test]
fn a_run_on_one_node_begins_with_a_quick_look() {
    let folder = tempfile::tempdir().unwrap();
    let output = must(run(&fixture("tiny.toml"), folder.path(), "laptop", &[]));
    let said = stderr(&output);
    let line = said.lines().find(|line| line.starts_with("preflight of 1 node(s) passed in "));
    let line = line.unwrap_or_else(|| panic!("no preflight in: {said}"));
    assert!(line.ends_with(" s: limits, shared, disk, checkpoint"), "{line}");
    for place in [folder.path().to_owned(), folder.path().join("checkpoints")] {
        let names = names(&place);
        assert!(names.iter().all(|name| !name.starts_with(".preflight")), "{names:?}");
    }
    // Who wants none of it says so.
    let without = folder.path().join("without.toml");
    let text = std::fs::read_to_string(cluster("laptop")).unwrap();
    std::fs::write(&without, text.replace("ranks = 2", "ranks = 2\npreflight = false")).unwrap();
    let mut command = knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(folder.path().join("again"));
    command.arg("--cluster").arg(&without);
    let output = must(command);
    assert!(!stderr(&output).contains("preflight"), "{}", stderr(&output));
}

#[test]
fn ranks_sum_before_a_run_and_slow_sums_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let document = json(&must(doctor(&cluster("laptop"), &runs)));
    let (level, line) = finding(&document, "sums");
    assert!(level == "pass" && line.starts_with("over 2 ranks by TCP: "), "{line}");
    let sums = document["preflight"]["sums"].as_array().unwrap();
    assert_eq!((&sums[0]["bytes"], &sums[0]["ranks"]), (&(1 << 20).into(), &2.into()));
    assert!(sums.iter().all(|it| it["seconds"].as_f64().unwrap() > 0.0), "{sums:?}");
    assert!(!runs.exists(), "nothing stays");
    // More than this machine's memory could carry.
    let promising = folder.path().join("promising.toml");
    let text = std::fs::read_to_string(cluster("laptop")).unwrap();
    std::fs::write(&promising, format!("{text}\n[hardware]\nlink_gbps = 100000\n")).unwrap();
    let document = json(&must(doctor(&promising, &runs)));
    let (level, line) = finding(&document, "sums");
    let promise = "; [hardware] promises 12500000 MB/s";
    assert!(level == "warn" && line.ends_with(promise), "{level}: {line}");
    // Agents that stand for two nodes, whose ranks know each other all the same; and kept for plans.
    let nodes = folder.path().join("nodes.toml");
    std::fs::write(&nodes, text.replace("ranks = 2", "ranks = 2\nnodes = 2")).unwrap();
    let file = folder.path().join("calibration.json");
    let mut command = knowcoder(&["--json", "doctor", "--calibrate", "--device", "flex"]);
    command.arg("--cluster").arg(&nodes).arg("--calibration").arg(&file);
    command.arg("--run-dir").arg(&runs).env_remove("MASTER_PORT");
    must(command);
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["sums"]["nodes"], 2, "{kept}");
    assert!(kept["sums"]["bytes_per_second"].as_f64().unwrap() > 0.0, "{kept}");
}

#[test]
fn memory_that_the_worst_batch_does_not_fit_into_is_named() {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &[]));
    let path = folder.path().join("memory.json");
    let mut plan: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    plan["phases"][1]["predicted"]["total"] = (1u64 << 50).into();
    std::fs::write(&path, plan.to_string()).unwrap();
    let mut command = doctor(&cluster("laptop"), folder.path());
    let output = command.arg("--recipe").arg(fixture("tiny.toml")).output().unwrap();
    let document = json(&output);
    assert_eq!(output.status.code(), Some(69), "{document:#}");
    let line = finding(&document, "memory").1;
    let end = "phase `alignment` holds 1024.0 TiB in its worst batch";
    assert!(line.contains(" for each of 2 rank(s), ") && line.ends_with(end), "{line}");
    assert_eq!(failed(&document), ["memory"]);
}

#[test]
fn an_interface_that_is_not_there_and_a_port_that_is_taken_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.toml");
    let text = "[cluster]\nbackend = \"local\"\nranks = 1\ninterface = \"no0\"\n";
    std::fs::write(&file, text).unwrap();
    let runs = folder.path().join("runs");
    let output = doctor(&file, &runs).output().unwrap();
    let document = json(&output);
    assert_eq!((output.status.code(), document["ready"].as_bool()), (Some(69), Some(false)));
    let (level, line) = finding(&document, "interface");
    assert!(level == "fail" && line.starts_with("no interface `no0`, only "), "{line}");
    assert_eq!(failed(&document), ["interface"]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = taken.local_addr().unwrap().port();
    let mut command = doctor(&cluster("one-process"), &runs);
    let output = command.env("MASTER_PORT", number.to_string()).output().unwrap();
    let document = json(&output);
    assert_eq!(output.status.code(), Some(69), "{document:#}");
    let start = format!("cannot listen at 127.0.0.1:{number}: Address already in use");
    assert!(finding(&document, "port").1.starts_with(&start), "{document:#}");
}

#[test]
fn a_disk_that_is_full_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(folder.path(), 1024) else { return };
    let output = doctor(&cluster("one-process"), folder.path()).output().unwrap();
    let document = json(&output);
    assert_eq!(output.status.code(), Some(69), "{document:#}");
    let (level, line) = finding(&document, "checkpoint");
    assert!(level == "fail" && line.contains("No space left on device"), "{line}");
    assert_eq!(failed(&document), ["checkpoint"]);
    assert_eq!(names(folder.path()), ["preflight.json"]);
}

#[test]
fn what_a_machine_reaches_is_measured_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept/calibration.json");
    let mut command = knowcoder(&["--json", "doctor", "--calibrate", "--device", "flex"]);
    command.arg("--run-dir").arg(folder.path()).arg("--calibration").arg(&file);
    let document = json(&must(command));
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept, document["calibration"]);
    let rates = [
        "flops_per_second",
        "memory_bytes_per_second",
        "link_bytes_per_second",
        "disk_bytes_per_second",
    ];
    for rate in rates {
        assert!(kept[rate].as_f64().unwrap() > 1e5, "{rate}: {kept}");
    }
    let latency = kept["link_latency_seconds"].as_f64().unwrap();
    assert!(latency > 0.0 && latency < 1.0, "{kept}");
    assert_eq!(kept["device"], "flex");
    assert_eq!(names(folder.path()), ["kept"]);
    // Without a file: beside the run, or where the user's other caches are.
    let mut command = knowcoder(&["--json", "doctor", "--calibrate", "--device", "flex"]);
    command.current_dir(folder.path()).env("XDG_CACHE_HOME", folder.path().join("cache"));
    must(command);
    assert!(folder.path().join("cache/knowcoder/calibration.json").is_file());
}
