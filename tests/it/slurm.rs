//! Runs on a real SLURM: its daemons on this machine, with pretended nodes.
//!
//! `scripts/cluster/slurm.sh install` installs what they need. Without it, or without root, they are
//! skipped with a word about it; where `CI` is set, that is a failure.

use crate::program::{fixture, knowcoder, metrics, must, root, run, stderr};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What each test may take; far beyond what any does.
const PATIENCE: Duration = Duration::from_secs(300);

/// A cluster with three nodes, which ends with this process.
struct Slurm {
    dir: PathBuf,
}

impl Slurm {
    /// The cluster, for one test at a time; `None`: there is none here, which is said.
    fn take(netns: bool) -> Option<MutexGuard<'static, Self>> {
        static PLAIN: OnceLock<Option<Mutex<Slurm>>> = OnceLock::new();
        static APART: OnceLock<Option<Mutex<Slurm>>> = OnceLock::new();
        let cluster = if netns { &APART } else { &PLAIN };
        let cluster = cluster.get_or_init(|| match Self::start(netns) {
            Ok(slurm) => Some(Mutex::new(slurm)),
            Err(reason) => {
                assert!(std::env::var_os("CI").is_none(), "no SLURM to test with: {reason}");
                eprintln!("SKIPPED, no SLURM to test with: {reason}");
                None
            }
        });
        // A test that failed leaves a cluster that others can use.
        cluster.as_ref().map(|it| it.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn start(netns: bool) -> Result<Self, String> {
        let process = std::process::id();
        let dir = std::env::temp_dir().join(format!("kc-slurm-{process}-{}", u8::from(netns)));
        let slurm = Self { dir };
        let mut command = slurm.script(&["start", "3"]);
        let port = 12_000 + process % 900 * 20 + u32::from(netns) * 10;
        command.env("PORT", port.to_string()).env("FOLLOW", process.to_string());
        command.env("NETNS", u8::from(netns).to_string());
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(slurm),
            false => Err(stderr(&output)),
        }
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(root().join("scripts/cluster/slurm.sh"));
        command.args(arguments).env("SLURM_DIR", &self.dir);
        command
    }

    /// A verb of the script that must succeed.
    fn must(&self, arguments: &[&str]) {
        must(self.script(arguments));
    }

    /// One of SLURM's own programs.
    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.arg("30").arg(program).args(arguments);
        let output = self.here(command).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn here(&self, mut command: Command) -> Command {
        command.env("SLURM_CONF", self.dir.join("etc/slurm.conf"));
        command
    }

    /// Hands the tiny recipe over and returns the numbers of its jobs.
    fn submit(&self, run_dir: &Path, cluster: &Path, sets: &[&str]) -> Vec<String> {
        let output = must(self.submission(run_dir, cluster, sets));
        let job = std::fs::read(run_dir.join("job.json"));
        let job: Value = serde_json::from_slice(&job.unwrap()).unwrap();
        assert_eq!(job["backend"], "slurm", "{}", stderr(&output));
        job["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    fn submission(&self, run_dir: &Path, cluster: &Path, sets: &[&str]) -> Command {
        let mut command = knowcoder(&["submit"]);
        command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir);
        command.arg("--cluster").arg(cluster);
        for set in sets {
            command.args(["--set", set]);
        }
        self.here(command)
    }

    /// What the controller says of a job.
    fn job(&self, id: &str) -> String {
        self.ask("scontrol", &["-o", "show", "job", id])
    }

    /// The nodes of a job, in their order.
    fn nodes_of(&self, id: &str) -> Vec<String> {
        let list = self.ask("squeue", &["-h", "-j", id, "-o", "%N"]);
        let names = self.ask("scontrol", &["show", "hostnames", &list]);
        names.lines().map(str::to_owned).collect()
    }

    /// Waits until the controller says `field` of a job.
    fn until_job(&self, id: &str, field: &str) {
        let is_so = || self.job(id).split(' ').any(|it| it == field);
        until(&format!("{field} of job {id}"), is_so);
    }
}

fn until(what: &str, is_true: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < end, "no {what} in {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Two ranks on two nodes; `spares` more, and these lines in `[slurm]`.
fn two_nodes(folder: &Path, spares: usize, section: &str) -> PathBuf {
    let path = folder.join("slurm.toml");
    let text = format!(
        "[cluster]\nbackend = \"slurm\"\nnodes = 2\nranks = 2\nspares = {spares}\n\n\
         [deadlines]\noperation = 20\nstall = 5\n\n[faults]\nlease = 2\n\n\
         [slurm]\npartition = \"test\"\ntime = \"00:20:00\"\n{section}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn events(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn has(run_dir: &Path, event: &str) -> bool {
    events(run_dir).iter().any(|it| it["event"] == event)
}

/// Waits for an event, unless the run fails before.
fn until_event(run_dir: &Path, event: &str) {
    until(event, || {
        assert!(event == "failed" || !has(run_dir, "failed"), "{}", logs(run_dir));
        has(run_dir, event)
    });
}

fn until_training(run_dir: &Path) {
    until("second step", || {
        assert!(!has(run_dir, "failed"), "{}", logs(run_dir));
        metrics(run_dir).len() >= 2
    });
}

/// What the jobs of a run said.
fn logs(run_dir: &Path) -> String {
    let entries = std::fs::read_dir(run_dir.join("logs")).into_iter().flatten().flatten();
    entries.map(|it| std::fs::read_to_string(it.path()).unwrap_or_default()).collect()
}

/// Steps of all phases, in their order.
fn steps(run_dir: &Path) -> Vec<(String, u64)> {
    let step = |line: Value| (line["phase"].to_string(), line["step"].as_u64().unwrap());
    metrics(run_dir).into_iter().map(step).collect()
}

/// Processes of this machine that have `run_dir` in their command line, and are not dead.
fn processes(run_dir: &Path) -> Vec<String> {
    let needle = run_dir.display().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = entries.filter_map(|entry| {
        let text = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&text).replace('\0', " "))
    });
    commands.filter(|command| command.contains(&needle)).collect()
}

/// Whether a process is there and not dead.
fn lives(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains(['Z', 'X']))
}

fn expect(output: &Output, code: i32, parts: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

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

#[test]
fn a_sweep_in_an_array_tells_every_trial_once_also_when_a_task_begins_again() {
    let Some(slurm) = Slurm::take(false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (file, cluster, out) = (at("rates.toml"), at("one.toml"), at("out"));
    let recipe = fixture("tiny.toml").canonicalize().unwrap();
    let text = format!(
        "[sweep]\nname = \"rates\"\nrecipe = {recipe:?}\nmetric = \"loss\"\nmethod = \"grid\"\nparallel = 2\n\n\
         [space]\n\"lora.rank\" = {{ values = [2, 4] }}\n\
         \"optimizer.learning_rate\" = {{ values = [1e-3, 2e-3] }}\n\n[set]\n\"phase.0.steps\" = 200\n"
    );
    std::fs::write(&file, text).unwrap();
    // What `[slurm]` says reaches the tasks: a constraint that no node has is refused, lines are run.
    let write = |more: &str| {
        let text = format!(
            "[cluster]\nbackend = \"slurm\"\nranks = 1\n\n[slurm]\npartition = \"test\"\n\
             time = \"00:20:00\"\nmem = \"100M\"\narray_limit = 2\n{more}"
        );
        std::fs::write(&cluster, text).unwrap();
    };
    let start = || {
        let mut command = knowcoder(&["sweep", "start"]);
        command.arg(&file).arg("--out").arg(&out).arg("--cluster").arg(&cluster);
        command.args(["--array", "--json"]);
        slurm.here(command)
    };
    write("constraint = \"ib\"\n");
    let refused = start().output().unwrap();
    expect(&refused, 64, &["slurm.constraint is `ib`, and no node has that"]);
    write("setup = [\"echo task $SLURM_ARRAY_TASK_ID is ready >&2\"]\n");
    let told: Value = serde_json::from_slice(&must(start()).stdout).unwrap();
    let id = told["job"].as_str().unwrap().to_owned();
    let told = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(out.join("sweep.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["event"] == name).collect()
    };
    let said = || {
        let entries = std::fs::read_dir(out.join("logs")).into_iter().flatten().flatten();
        entries.map(|it| std::fs::read_to_string(it.path()).unwrap_or_default()).collect::<String>()
    };
    let trial = |number: usize| out.join(format!("trials/{number}-5"));
    until("two trials at work", || {
        assert!(told("failed").is_empty(), "{}", said());
        (0..2).all(|number| !metrics(&trial(number)).is_empty())
    });
    slurm.ask("scancel", &["--signal=USR1", "--batch", &format!("{id}_1")]);
    until("four trials done", || {
        assert!(told("failed").is_empty(), "{}", said());
        told("finished").len() == 4
    });
    let is_over = |task: &str| task.contains(" JobState=COMPLETED ");
    until("end of both tasks", || slurm.job(&id).lines().filter(|it| is_over(it)).count() == 2);
    for name in ["asked", "finished"] {
        let mut trials: Vec<u64> =
            told(name).iter().map(|event| event["trial"].as_u64().unwrap()).collect();
        trials.sort_unstable();
        assert_eq!(trials, [0, 1, 2, 3], "{name}");
    }
    assert_eq!(told("interrupted").len(), 1, "{}", said());
    for number in 0..4 {
        assert_eq!(steps(&trial(number)).len(), 200 + 5 + 7, "trial {number}");
    }
    let log = std::fs::read_to_string(out.join("logs/worker-1.log")).unwrap();
    assert_eq!(log.matches("task 1 is ready").count(), 2, "{log}");
    assert!(slurm.job(&id).contains(" Restarts=1 "), "{}", slurm.job(&id));
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
