//! Runs on a real SLURM: its daemons on this machine, with pretended nodes.
//!
//! `scripts/cluster/slurm.sh install` installs what they need. Without it, or without root, they are
//! skipped with a word about it; where `CI` is set, that is a failure.

mod again;
mod ends;
mod queue;
mod runs;
mod sweeps;

use crate::program::{fixture, knowcoder, metrics, must, root, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

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
