//! Hosts behind a program that stands in for `ssh`: processes of this machine, each in surroundings of its own.
//!
//! What is wrong with a host is really wrong with it: another file where it looks, another clock, a limit. No
//! server is needed, and nothing of it is in the program under test.

use crate::program::knowcoder;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Takes the words of `ssh`, and runs the command below what lies there for the host.
const SSH: &str = r#"#!/bin/sh
here=${0%/*}
host=; behind=
for word; do
    [ -n "$behind" ] && { host=$word; break; }
    [ "$word" = -- ] && behind=yes
done
case " $* " in *" -G "*) echo "hostname 127.0.0.1"; exit 0 ;; esac
for last; do :; done
exec sh "$here/$host" sh -c "$last"
"#;

/// Hosts called as they were given.
pub struct Pretended {
    folder: tempfile::TempDir,
    hosts: Vec<String>,
}

impl Pretended {
    /// Hosts with which nothing is wrong.
    pub fn new(hosts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let pretended = Self { folder, hosts };
        std::fs::write(pretended.folder().join("ssh.sh"), SSH).unwrap();
        // Written by another process: what we have open for writing, a test beside this one may inherit, and
        // then nobody can start it.
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(pretended.folder().join("ssh.sh"));
        assert!(install.arg(pretended.folder().join("ssh")).status().unwrap().success());
        for host in &pretended.hosts {
            pretended.surround(host, "exec \"$@\"");
        }
        pretended
    }

    /// Where everything of theirs lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a host runs its commands with: lines of a shell that end in `exec "$@"`.
    pub fn surround(&self, host: &str, lines: &str) {
        std::fs::write(self.folder().join(host), format!("{lines}\n")).unwrap();
    }

    /// Puts `there` in the place of `path`, for the processes of one host.
    pub fn bind(&self, host: &str, there: &Path, path: &Path) {
        let mount = format!("mount --bind {} {}", there.display(), path.display());
        self.within_mounts(host, &mount);
    }

    /// Lets a host see mounts of its own, made by `line`.
    pub fn within_mounts(&self, host: &str, line: &str) {
        let lines = format!("exec unshare --mount sh -c '{line} && exec \"$@\"' sh \"$@\"");
        self.surround(host, &lines);
    }

    /// A cluster file of one rank on each host, with more lines of `[cluster]` and of `[ssh]`.
    pub fn cluster(&self, more: &str, of_ssh: &str) -> PathBuf {
        let count = self.hosts.len();
        let mut text = format!("[cluster]\nbackend = \"ssh\"\nranks = {count}\nnodes = {count}\n");
        writeln!(text, "{more}\n\n[deadlines]\njoin = 60\n\n[faults]\nlease = 3\n").unwrap();
        writeln!(text, "[ssh]\nhosts = {:?}\nconnect_seconds = 1\npush = false", self.hosts)
            .unwrap();
        writeln!(text, "address = \"127.0.0.1\"\n{of_ssh}").unwrap();
        let path = self.folder().join("cluster.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, which finds our `ssh` before others.
    pub fn knowcoder(&self, arguments: &[&str]) -> Command {
        let mut command = knowcoder(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.folder().display()));
        command
    }
}

/// Whether this user may have mounts of its own; on a machine of CI that must be so.
pub fn has_mounts() -> bool {
    let try_it = "mount -t tmpfs tmpfs /mnt";
    let output = Command::new("unshare").args(["--mount", "sh", "-c", try_it]).output();
    let may = output.is_ok_and(|output| output.status.success());
    if !may {
        assert!(std::env::var_os("CI").is_none(), "CI may mount");
        eprintln!("SKIPPED: another file on one host needs a user who may mount");
    }
    may
}
