//! What fails is recovered from: the run goes on by itself, and its result is that of a run in which nothing
//! went wrong.

use crate::pretended::Pretended;
use crate::program::{checkpoints, fixture, knowcoder, metrics, must, run, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// Nodes that are agents of this machine, two ranks in all.
fn cluster(folder: &Path, nodes: usize, spares: usize, more: &str) -> PathBuf {
    let path = folder.join("cluster.toml");
    let text = format!(
        "[cluster]\nbackend = \"local\"\nranks = 2\nnodes = {nodes}\nspares = {spares}\n\n\
         [deadlines]\noperation = 20\nstall = 5\njoin = 30\n\n[faults]\nlease = 2\n{more}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The tiny recipe with a first phase that is long enough to be disturbed.
fn long_run(run_dir: &Path, cluster: &Path, steps: usize) -> Command {
    let mut command = knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir).arg("--cluster").arg(cluster);
    command.args(["--set", &format!("phase.0.steps={steps}")]);
    command
}

fn events(run_dir: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

/// Waits until so many steps are done, while the process lives.
fn until_step(child: &mut Child, run_dir: &Path, step: usize) {
    let patience = Instant::now() + Duration::from_secs(300);
    while metrics(run_dir).len() < step {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            use std::io::Read;
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it ended with {status} before step {step}: {said}");
        }
        assert!(Instant::now() < patience, "no step {step} in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kill(process: u64) {
    send(process, libc::SIGKILL);
}

fn send(process: u64, signal: i32) {
    // SAFETY: the process belongs to a run that is ours and still goes on.
    assert_eq!(unsafe { libc::kill(process as i32, signal) }, 0);
}

/// The process of a node's agent.
fn agent_of(run_dir: &Path, node: u64) -> u64 {
    let agents = events(run_dir, "agent-joined");
    agents.iter().find(|agent| agent["node"] == node).unwrap()["process"].as_u64().unwrap()
}

/// What nodes were in the end.
fn states(run_dir: &Path) -> Vec<String> {
    let status = std::fs::read_to_string(run_dir.join("status.json")).unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    let nodes = status["nodes"].as_array().unwrap().iter();
    nodes.map(|it| it["state"].as_str().unwrap().to_owned()).collect()
}

fn losses(run_dir: &Path) -> Vec<f64> {
    metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

/// The same command where nothing goes wrong.
fn undisturbed(folder: &Path, steps: usize) -> PathBuf {
    let run_dir = folder.join("undisturbed");
    let more = format!("phase.0.steps={steps}");
    must(run(&fixture("tiny.toml"), &run_dir, "laptop", &["--set", &more]));
    run_dir
}

fn done(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}\n{}", output.status, stderr(&output));
    output
}

/// Whether a process exists and is no zombie.
fn is_running(process: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']))
}

#[test]
fn ranks_that_are_killed_are_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = cluster(folder.path(), 1, 0, "");
    let mut child = long_run(&run_dir, &cluster, 60).spawn().unwrap();
    until_step(&mut child, &run_dir, 8);
    let started = events(&run_dir, "rank-started");
    kill(started[1]["process"].as_u64().unwrap());
    let output = done(child);
    let said = stderr(&output);
    let sentence = "rank 1 was ended by signal 9 (SIGKILL) after step ";
    assert!(said.contains(sentence), "{said}");
    let way = "; all ranks start again from the newest checkpoint (failure 1 of at most 3)";
    assert!(said.contains(way), "{said}");
    let failures = events(&run_dir, "failure");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["kind"], "rank-killed");
    assert_eq!(failures[0]["course"], "restart");
    assert_eq!(events(&run_dir, "started").len(), 2);
    let other = undisturbed(folder.path(), 60);
    assert_eq!(losses(&run_dir), losses(&other));
    assert_eq!(checkpoints(&run_dir), checkpoints(&other));
}

#[test]
fn a_drill_of_a_preemption_is_told_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = cluster(folder.path(), 1, 0, "");
    let mut child = long_run(&run_dir, &cluster, 4000).spawn().unwrap();
    until_step(&mut child, &run_dir, 8);
    let mut drill = knowcoder(&["drill"]);
    drill.arg(&run_dir).arg("preempt");
    must(drill);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    let failures = events(&run_dir, "failure");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0]["kind"], "preempted");
    assert_eq!(failures[0]["course"], "stop");
    // The checkpoint that it names is the one that the run goes on from.
    let step = failures[0]["step"].as_u64().unwrap() as usize;
    assert_eq!(step, metrics(&run_dir).len());
    let mut why = knowcoder(&["why", "--json"]);
    why.arg(&run_dir);
    let why: Value = serde_json::from_slice(&must(why).stdout).unwrap();
    let text = why["text"].as_str().unwrap();
    let told = format!(
        "It stopped with a checkpoint. The first cause, preempted: a drill of a preemption: the driver was sent \
         SIGTERM; the checkpoint of step {step} of phase `"
    );
    assert!(text.starts_with(&told), "{text}");
    assert!(!text.contains("asked to"), "{text}");
}

#[test]
fn a_node_that_is_lost_is_replaced_by_a_spare() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = cluster(folder.path(), 2, 1, "");
    let mut child = long_run(&run_dir, &cluster, 60).spawn().unwrap();
    until_step(&mut child, &run_dir, 8);
    let agents = events(&run_dir, "agent-joined");
    let agent = agents.iter().find(|agent| agent["node"] == 1).unwrap();
    let ranks = events(&run_dir, "rank-started");
    kill(agent["process"].as_u64().unwrap());
    done(child);
    assert!(ranks.iter().all(|rank| !is_running(rank["process"].as_u64().unwrap())));
    let failures = events(&run_dir, "failure");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0]["kind"], "node-lost", "{failures:?}");
    assert_eq!(failures[0]["course"], "spare", "{failures:?}");
    assert_eq!(failures[0]["node"], "local-1", "{failures:?}");
    assert_eq!(losses(&run_dir), losses(&undisturbed(folder.path(), 60)));
    let status = std::fs::read_to_string(run_dir.join("status.json")).unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["state"], "done");
    let states: Vec<&str> = status["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["working", "lost", "working"]);
}

/// A node that is asked to end saves with all others, and the run goes on without it; nothing is computed twice.
#[test]
fn a_node_that_is_drained_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let other = losses(&undisturbed(folder.path(), 60));
    for (spares, course, in_the_end) in [
        (1, "spare", &["working", "drained", "working"][..]),
        (0, "replace", &["working", "working"]),
    ] {
        let run_dir = folder.path().join(course);
        // More failures than one would end it: this is none.
        let cluster = cluster(folder.path(), 2, spares, "max_failures = 0");
        let mut child = long_run(&run_dir, &cluster, 60).spawn().unwrap();
        until_step(&mut child, &run_dir, 8);
        send(agent_of(&run_dir, 1), libc::SIGTERM);
        let said = stderr(&done(child));
        assert!(said.contains("node `local-1` was drained after step "), "{said}");
        assert!(said.contains("its agent was asked to end, and all ranks saved before"), "{said}");
        let failures = events(&run_dir, "failure");
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0]["kind"], "node-drained", "{failures:?}");
        assert_eq!(failures[0]["course"], course, "{failures:?}");
        assert_eq!(failures[0]["node"], "local-1", "{failures:?}");
        assert_eq!(events(&run_dir, "agent-leaving").len(), 1);
        assert!(events(&run_dir, "stop-requested").is_empty());
        // It went on exactly where it was.
        let resumed = events(&run_dir, "resumed");
        assert_eq!(resumed.last().unwrap()["step"], failures[0]["step"], "{resumed:?}");
        assert_eq!(losses(&run_dir), other);
        assert_eq!(states(&run_dir), in_the_end);
    }
}

#[test]
fn a_node_that_is_cut_off_ends_its_ranks_before_a_spare_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = cluster(folder.path(), 2, 1, "");
    let mut child = long_run(&run_dir, &cluster, 800).spawn().unwrap();
    until_step(&mut child, &run_dir, 8);
    let said = drilled(&run_dir, &["cut-link", "--rank", "1"]);
    let told = "cut-link is asked for, of the node of rank 1, for 6 s\n\
                the coordinator notices after 3 s of silence, one and a half leases (faults.lease = 2): a spare \
                takes its place, ";
    assert!(said.starts_with(told), "{said}");
    done(child);
    let failures = events(&run_dir, "failure");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0]["kind"], "node-lost", "{failures:?}");
    assert_eq!(failures[0]["course"], "spare", "{failures:?}");
    // Nothing of it came through, not even its end.
    let lost = events(&run_dir, "agent-lost");
    let cut: Vec<_> = lost.iter().filter(|event| event["name"] == "local-1").collect();
    assert_eq!(cut.len(), 1, "{lost:?}");
    let reason = cut[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("nothing was heard of it for "), "{reason}");
    let time = |event: &Value| event["time"].as_str().unwrap().to_owned();
    let [drill, started] =
        ["drill", "started"].map(|name| time(events(&run_dir, name).last().unwrap()));
    assert!(drill < started);
    assert_eq!(losses(&run_dir).len(), 800 + 5 + 7);
}

/// What `drill` says of the fault that it asks for.
fn drilled(run_dir: &Path, words: &[&str]) -> String {
    let mut drill = knowcoder(&["drill"]);
    drill.arg(run_dir).args(words);
    String::from_utf8(must(drill).stdout).unwrap()
}

/// Without a time, a rank hangs until the run notices.
#[test]
fn a_rank_that_hangs_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = cluster(folder.path(), 1, 0, "");
    let text = std::fs::read_to_string(&cluster).unwrap();
    let text = text.replace("operation = 20\nstall = 5", "operation = 8\nstall = 8");
    std::fs::write(&cluster, text).unwrap();
    let mut child = long_run(&run_dir, &cluster, 800).spawn().unwrap();
    until_step(&mut child, &run_dir, 8);
    let said = drilled(&run_dir, &["hang-rank"]);
    let told = "hang-rank is asked for, of rank 1, until it is ended\n\
                the other ranks, which wait for it, notice after 8 s (deadlines.operation): a failure of the kind \
                `hang`, ";
    assert!(said.starts_with(told), "{said}");
    done(child);
    let failures = events(&run_dir, "failure");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0]["kind"], "hang", "{failures:?}");
    assert_eq!(failures[0]["rank"], 1, "{failures:?}");
    // Where it was is its own last word, no more.
    let sentence = failures[0]["sentence"].as_str().unwrap();
    assert!(sentence.contains(" has not been heard of for "), "{sentence}");
    assert!(sentence.contains("what it said last was that it is in "), "{sentence}");
    assert_eq!(losses(&run_dir).len(), 800 + 5 + 7);
}

/// The spare is the last to be asked in vain: nobody waits for `deadlines.join` then, and the reason is said.
#[test]
fn a_node_that_cannot_come_ends_the_run_with_its_reason() {
    let hosts = Pretended::new(&["a", "b", "c"]);
    for host in ["a", "c"] {
        hosts.surround(host, "echo 'Host key verification failed.' >&2; exit 255");
    }
    let file = hosts.cluster("", "");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("ranks = 3\nnodes = 3\n", "ranks = 2\nnodes = 2\nspares = 1\n");
    assert!(text.contains("spares = 1"), "{text}");
    std::fs::write(&file, text).unwrap();
    let run_dir = hosts.folder().join("run");
    let mut command = hosts.knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(&run_dir).arg("--cluster").arg(&file);
    let output = command.output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(69), "{said}");
    let reason = "error: node a did not come: the key of host `a` is not known here, so that nothing shows that \
                  it is the right machine";
    assert!(said.contains(reason), "{said}");
    assert!(said.contains("hint: log in once by hand"), "{said}");
    let lost = events(&run_dir, "agent-lost");
    let mut names: Vec<_> = lost.iter().map(|event| event["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"], "one event each: {lost:?}");
}

#[test]
fn a_run_that_fails_too_often_ends() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let cluster = cluster(folder.path(), 1, 0, "max_failures = 1");
    let mut child = long_run(&run_dir, &cluster, 4000).spawn().unwrap();
    for (start, step) in [(0, 4), (1, 12)] {
        until_step(&mut child, &run_dir, step);
        let patience = Instant::now() + Duration::from_secs(60);
        let process = loop {
            assert!(Instant::now() < patience);
            let started = events(&run_dir, "rank-started");
            if let Some(rank) = started.get(2 * start + 1) {
                break rank["process"].as_u64().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        kill(process);
    }
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("error: rank 1 was ended by signal 9 (SIGKILL)"), "{said}");
    let courses: Vec<Value> =
        events(&run_dir, "failure").iter().map(|it| it["course"].clone()).collect();
    assert_eq!(courses, ["restart", "stop"]);
    // What was recovered from is no end of the run.
    assert_eq!(events(&run_dir, "failed").len(), 1);
}
