//! Hosts to log in to, for a test: `scripts/cluster/ssh.sh` makes them out of this machine.

use crate::program::{fixture, knowcoder, root};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Hosts called `h1`, `h2` and so on. They end with the test.
pub struct Hosts {
    folder: tempfile::TempDir,
    /// How many there are.
    pub number: usize,
}

impl Hosts {
    /// As many hosts. None where there is no sshd, or no network of their own for `cut`; CI must have both.
    pub fn start(number: usize, cut: bool) -> Option<Self> {
        let hosts = Self { folder: tempfile::tempdir().unwrap(), number };
        let mut command = hosts.script("start");
        command.arg(number.to_string());
        if cut {
            command.env("KNOWCODER_SSH_MODE", "namespaces");
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Some(hosts),
            Some(3) => {
                assert!(std::env::var_os("CI").is_none(), "CI must have hosts: {said}");
                eprintln!("SKIPPED: {said}");
                None
            }
            _ => panic!("{:?}\n{said}", output.status),
        }
    }

    /// Where everything of theirs lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `ssh` must know of them.
    pub fn ssh_config(&self) -> PathBuf {
        self.folder().join("ssh_config")
    }

    /// The same with another value in every line of `key`.
    pub fn ssh_config_with(&self, key: &str, value: &str) -> PathBuf {
        let text = std::fs::read_to_string(self.ssh_config()).unwrap();
        let other = |line: &str| match line.trim_start().split(' ').next() == Some(key) {
            true => format!("    {key} {value}\n"),
            false => format!("{line}\n"),
        };
        let path = self.folder().join(format!("ssh_config.{key}"));
        std::fs::write(&path, text.lines().map(other).collect::<String>()).unwrap();
        path
    }

    /// Cuts a host off, by its number from 1.
    pub fn cut(&self, host: usize) {
        let status = self.script("link-down").arg(host.to_string()).status().unwrap();
        assert!(status.success(), "link of h{host}");
    }

    /// What runs on a host, a line each.
    pub fn processes(&self, host: usize) -> Vec<String> {
        let output = self.script("processes").arg(host.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// Waits until nothing of ours runs on a host any more.
    pub fn wait_until_empty(&self, host: usize) {
        let patience = Instant::now() + Duration::from_secs(90);
        loop {
            let processes = self.processes(host);
            if processes.is_empty() {
                return;
            }
            assert!(Instant::now() < patience, "left on h{host}: {processes:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(root().join("scripts/cluster/ssh.sh"));
        command.arg(verb).arg(self.folder());
        command
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        // What it leaves behind would be found by the next test.
        let _ = self.script("stop").status();
    }
}

/// A cluster file of a rank on each of these hosts, with more lines in its section `[ssh]`.
pub struct ClusterFile<'a> {
    /// Names as `ssh` takes them.
    pub hosts: &'a [&'a str],
    /// How many of them wait.
    pub spares: usize,
    /// The configuration of `ssh`.
    pub config: PathBuf,
    /// Lines of `[ssh]`.
    pub more: &'a str,
}

impl ClusterFile<'_> {
    /// Writes it into `folder`.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let working = self.hosts.len() - self.spares;
        let mut text = "[cluster]\nbackend = \"ssh\"\n".to_owned();
        writeln!(text, "ranks = {working}\nnodes = {working}\nspares = {}", self.spares).unwrap();
        writeln!(text, "\n[deadlines]\noperation = 60\nstall = 10").unwrap();
        writeln!(text, "\n[faults]\nlease = 3\n\n[ssh]\nhosts = {:?}", self.hosts).unwrap();
        writeln!(text, "config = {:?}\nconnect_seconds = 5\n{}", self.config, self.more).unwrap();
        let path = folder.join("cluster.toml");
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// `knowcoder run` of the tiny recipe with a first phase of so many steps.
pub fn run(run_dir: &Path, cluster: &Path, steps: usize) -> Command {
    let mut command = knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir).arg("--cluster").arg(cluster);
    command.args(["--set", &format!("phase.0.steps={steps}")]);
    command
}

/// Exit code and words of a start that must fail.
pub fn refused(mut command: Command) -> (i32, String) {
    let output: Output = command.output().unwrap();
    let said = crate::program::stderr(&output);
    let code = output.status.code();
    assert!(code.is_some_and(|code| code != 0), "{code:?}\n{said}");
    (code.unwrap_or_default(), said)
}
