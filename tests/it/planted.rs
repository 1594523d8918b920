//! Faults that are really there, one at a time: preflight names each in one line, before two minutes are over.

use crate::full_disk::SmallDisk;
use crate::hosts::{ClusterFile, Hosts};
use crate::preflight::{finding, json};
use crate::pretended::{Pretended, has_mounts};
use crate::program::{fixture, must, run, stderr};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// What a preflight may take, whatever is wrong.
const LONGEST: Duration = Duration::from_secs(120);

/// A fault as it was found: check, node, line.
type Found = (String, String, String);

/// Runs a preflight to its end.
fn looked(command: &mut Command) -> Output {
    let started = Instant::now();
    let output = command.output().unwrap();
    assert!(started.elapsed() < LONGEST, "{:?}: {}", started.elapsed(), stderr(&output));
    output
}

/// `doctor` for these hosts and a run in `run_dir`.
fn doctor(hosts: &Pretended, cluster: &Path, run_dir: &Path) -> Command {
    let mut command = hosts.knowcoder(&["--json", "doctor", "--device", "flex", "--cluster"]);
    command.arg(cluster).arg("--run-dir").arg(run_dir).env_remove("MASTER_PORT");
    command
}

/// What is not as it should be, of one level.
fn found(document: &Value, level: &str) -> Vec<Found> {
    let findings = document["preflight"]["findings"].as_array();
    let findings = findings.unwrap_or_else(|| panic!("no findings in {document:#}"));
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or("all").to_owned();
    let own = findings.iter().filter(|it| it["level"] == level);
    own.map(|it| (text(it, "check"), text(it, "node"), text(it, "line"))).collect()
}

/// The only fault that a preflight found.
fn fault(mut command: Command) -> Found {
    let output = looked(&mut command);
    let document = json(&output);
    assert_eq!(output.status.code(), Some(69), "{}\n{document:#}", stderr(&output));
    let mut faults = found(&document, "fail");
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(!faults[0].2.contains('\n'));
    faults.remove(0)
}

fn owned(check: &str, node: &str, line: &str) -> Found {
    (check.to_owned(), node.to_owned(), line.to_owned())
}

/// The beginning of a file's hash, as findings show it.
fn short(text: &str) -> String {
    Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Something that a run was prepared with: two shards, and a vocabulary.
fn prepared(run_dir: &Path) {
    let shards = run_dir.join("prepared/0-align");
    for folder in [&shards, &run_dir.join("tokenizer")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(run_dir.join("recipe.lock"), "seed = 5\n").unwrap();
    std::fs::write(shards.join("manifest.json"), "{\"rows\": 2}").unwrap();
    std::fs::write(shards.join("train-0.parquet"), "first and second row").unwrap();
    std::fs::write(run_dir.join("tokenizer/tokenizer.json"), "{}").unwrap();
}

#[test]
fn three_hosts_with_which_nothing_is_wrong_pass() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    prepared(folder.path());
    let output = looked(&mut doctor(&hosts, &hosts.cluster("", ""), folder.path()));
    let document = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}\n{document:#}", stderr(&output));
    assert_eq!(found(&document, "fail"), []);
    let expected = format!("recipe.lock {} on all 3 nodes", short("seed = 5\n"));
    assert_eq!(finding(&document, "recipe").1, expected);
    assert_eq!(finding(&document, "data").1, "3 things to read are equal on all 3 nodes");
}

#[test]
fn another_build_on_one_host() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let own = Path::new(env!("CARGO_BIN_EXE_knowcoder"));
    for host in ["a", "b", "c"] {
        let home = hosts.folder().join(format!("home-{host}"));
        std::fs::create_dir(&home).unwrap();
        let program = home.join("knowcoder");
        match host {
            "b" => {
                let shell = format!(
                    "cat {0} >{1}; echo >>{1}; chmod 755 {1}",
                    own.display(),
                    program.display()
                );
                assert!(Command::new("sh").args(["-c", &shell]).status().unwrap().success());
            }
            _ => std::os::unix::fs::symlink(own, &program).unwrap(),
        }
        hosts.surround(host, &format!("HOME={}; export HOME; exec \"$@\"", home.display()));
    }
    let cluster = hosts.cluster("", "program = \"~/knowcoder\"");
    let output = looked(&mut doctor(&hosts, &cluster, folder.path()));
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    let message = json(&output)["error"]["message"].as_str().unwrap().to_owned();
    let place = hosts.folder().join("home-b/knowcoder");
    let start = format!(
        "node b did not come: the program at `{}` of host `b` is another build than this one: its SHA-256 \
         begins with ",
        place.display()
    );
    assert!(message.starts_with(&start) && !message.contains('\n'), "{message}");
}

#[test]
fn another_recipe_other_data_and_no_vocabulary_on_one_host() {
    if !has_mounts() {
        return;
    }
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let (run_dir, other) = (folder.path().join("run"), folder.path().join("other"));
    prepared(&run_dir);
    std::fs::create_dir(&other).unwrap();
    let cluster = hosts.cluster("", "");
    let planted = |name: &str, text: &str| {
        let there = other.join(name);
        std::fs::write(&there, text).unwrap();
        let path = match name {
            "recipe.lock" => run_dir.join(name),
            _ => run_dir.join("prepared/0-align").join(name),
        };
        hosts.bind("b", &there, &path);
        fault(doctor(&hosts, &cluster, &run_dir))
    };
    let [own, its] = ["seed = 5\n", "seed = 6\n"].map(short);
    let line = format!("recipe.lock {its}; `a` has recipe.lock {own}");
    assert_eq!(planted("recipe.lock", "seed = 6\n"), owned("recipe", "b", &line));
    let [own, its] = ["{\"rows\": 2}", "{\"rows\": 3}"].map(short);
    let name = "`prepared/0-align/manifest.json`";
    let line = format!("{name} {its}; `a` has {name} {own}");
    assert_eq!(planted("manifest.json", "{\"rows\": 3}"), owned("data", "b", &line));
    // One byte of a shard.
    let (check, node, line) = planted("train-0.parquet", "first and second raw");
    assert_eq!((check.as_str(), node.as_str()), ("data", "b"));
    let parts = ["`prepared/0-align` ", " (2 files, 31 B); `a` has `prepared/0-align` "];
    assert!(line.starts_with(parts[0]) && line.contains(parts[1]), "{line}");
    let empty = other.join("empty");
    std::fs::create_dir(&empty).unwrap();
    hosts.bind("b", &empty, &run_dir.join("tokenizer"));
    let (check, node, line) = fault(doctor(&hosts, &cluster, &run_dir));
    assert_eq!((check.as_str(), node.as_str()), ("data", "b"));
    assert!(line.starts_with("no `tokenizer`; `a` has `tokenizer` "), "{line}");
}

#[test]
fn a_directory_that_is_not_shared_or_only_to_be_read_on_one_host() {
    if !has_mounts() {
        return;
    }
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let (run_dir, other) = (folder.path().join("run"), folder.path().join("other"));
    for path in [&run_dir, &other] {
        std::fs::create_dir(path).unwrap();
    }
    let cluster = hosts.cluster("", "");
    hosts.bind("b", &other, &run_dir);
    let line = "another run directory than `a`'s: neither it nor `a` sees what the other writes";
    assert_eq!(fault(doctor(&hosts, &cluster, &run_dir)), owned("shared", "b", line));
    let place = run_dir.display();
    let read_only = format!("mount --bind {place} {place} && mount -o remount,ro,bind {place}");
    hosts.within_mounts("b", &read_only);
    let line = format!("`{place}` cannot be written: Read-only file system (os error 30)");
    assert_eq!(fault(doctor(&hosts, &cluster, &run_dir)), owned("writable", "b", &line));
}

#[test]
fn limits_of_one_host() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let cluster = hosts.cluster("", "");
    hosts.surround("b", "ulimit -n 100; exec \"$@\"");
    let line = "100 open files a process, 131 are needed";
    assert_eq!(fault(doctor(&hosts, &cluster, folder.path())), owned("limits", "b", line));
    // A quota of a file's size: of 8 MiB a checkpoint of 16 MiB is too much.
    hosts.surround("b", "ulimit -f 16384; exec \"$@\"");
    let place = folder.path().display();
    let line = format!("`{place}` cannot be written: File too large (os error 27)");
    assert_eq!(fault(doctor(&hosts, &cluster, folder.path())), owned("checkpoint", "b", &line));
}

#[test]
fn a_shared_disk_that_is_full_is_said_once() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let Some(_disk) = SmallDisk::mount(folder.path(), 4096) else { return };
    let place = folder.path().display();
    let line = format!("`{place}` cannot be written: No space left on device (os error 28)");
    let found = fault(doctor(&hosts, &hosts.cluster("", ""), folder.path()));
    assert_eq!(found, owned("checkpoint", "all", &line));
}

#[test]
fn a_clock_that_runs_ahead_on_one_host() {
    if !Command::new("faketime").arg("--version").output().is_ok_and(|it| it.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must have faketime: apt-get install faketime"
        );
        eprintln!("SKIPPED: another clock on one host needs the program faketime");
        return;
    }
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let lines = "FAKETIME_DONT_FAKE_MONOTONIC=1; export FAKETIME_DONT_FAKE_MONOTONIC\n\
                 exec faketime -f +90s \"$@\"";
    hosts.surround("b", lines);
    let (check, node, line) = fault(doctor(&hosts, &hosts.cluster("", ""), folder.path()));
    assert_eq!((check.as_str(), node.as_str()), ("clock", "b"));
    let (seconds, rest) = line.split_once(' ').unwrap();
    assert_eq!(rest, "s ahead of the driver's clock, at most 5.0 s are fine");
    assert!((seconds.parse::<f64>().unwrap() - 90.0).abs() < 5.0, "{line}");
}

#[test]
fn a_port_that_is_taken_and_an_interface_that_no_host_has() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = taken.local_addr().unwrap().port();
    let mut command = doctor(&hosts, &hosts.cluster("", ""), folder.path());
    command.env("MASTER_PORT", number.to_string());
    let line = format!("cannot listen at 127.0.0.1:{number}: Address already in use (os error 98)");
    assert_eq!(fault(command), owned("port", "a", &line));
    let cluster = hosts.cluster("interface = \"no0\"", "");
    let (check, node, line) = fault(doctor(&hosts, &cluster, folder.path()));
    assert_eq!((check.as_str(), node.as_str()), ("interface", "all"));
    assert!(line.starts_with("no interface `no0`, only ") && line.contains("lo"), "{line}");
}

#[test]
fn a_batch_that_no_host_has_memory_for() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    // The same words, for a network that is larger than any machine.
    let text = std::fs::read_to_string(fixture("tiny.toml")).unwrap();
    let configs = fixture("../../configs/datasets").canonicalize().unwrap();
    let text = text
        .replace("../../configs/datasets", &configs.display().to_string())
        .replace("hidden_size = 32", "hidden_size = 65536")
        .replace("intermediate_size = 48", "intermediate_size = 262144")
        .replace("num_hidden_layers = 2", "num_hidden_layers = 200");
    let recipe = folder.path().join("large.toml");
    std::fs::write(&recipe, text).unwrap();
    // Planned anew, with the vocabulary that is there.
    std::fs::remove_file(run_dir.join("memory.json")).unwrap();
    let mut command = doctor(&hosts, &hosts.cluster("", ""), &run_dir);
    command.arg("--recipe").arg(&recipe);
    let output = looked(&mut command);
    let document = json(&output);
    assert_eq!(output.status.code(), Some(69), "{}\n{document:#}", stderr(&output));
    let faults = found(&document, "fail");
    // What the same machine has left may change between two nodes that ask for it.
    let memory: Vec<&Found> = faults.iter().filter(|it| it.0 == "memory").collect();
    assert!(!memory.is_empty(), "{faults:#?}");
    for (_, _, line) in memory {
        let part = " to use for each of 1 rank(s), phase `schema-understanding` holds ";
        assert!(line.contains(part) && line.ends_with(" TiB in its worst batch"), "{line}");
    }
    // Nor is there a disk for its checkpoints; nothing else is wrong.
    assert!(faults.iter().all(|it| ["memory", "disk"].contains(&it.0.as_str())), "{faults:#?}");
}

#[test]
fn fewer_gpus_than_ranks() {
    let (hosts, folder) = (Pretended::new(&["a", "b"]), tempfile::tempdir().unwrap());
    // More than any machine has.
    let cluster = hosts.cluster("", "");
    let text = std::fs::read_to_string(&cluster).unwrap();
    std::fs::write(&cluster, text.replace("ranks = 2", "ranks = 200")).unwrap();
    let mut command = hosts.knowcoder(&["--json", "doctor", "--device", "cuda", "--cluster"]);
    command.arg(&cluster).arg("--run-dir").arg(folder.path()).env_remove("MASTER_PORT");
    // What is said of machines with GPUs beside it is not looked at.
    let output = looked(&mut command);
    let document = json(&output);
    assert_eq!(output.status.code(), Some(69), "{}\n{document:#}", stderr(&output));
    let faults = found(&document, "fail");
    let (_, node, line) = faults.iter().find(|it| it.0 == "GPUs").unwrap();
    assert_eq!(node, "all");
    let says = line.starts_with("no driver for 100 rank(s): ")
        || line.ends_with(" GPU(s) for 100 rank(s)");
    assert!(says, "{line}");
}

#[test]
fn a_driver_and_a_library_that_one_host_lacks() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let (whole, broken) = (crate::doctor::machine(0), crate::doctor::machine(100));
    let on = |host: &str, machine: &Path, more: &str| {
        let place = machine.display();
        let lines = format!(
            "unset KNOWCODER_NCCL CUDA_VISIBLE_DEVICES\nLD_LIBRARY_PATH={place} CUDA_PATH={place} {more}\n\
             export LD_LIBRARY_PATH CUDA_PATH KNOWCODER_NCCL\nexec \"$@\""
        );
        hosts.surround(host, &lines);
    };
    let cluster = hosts.cluster("", "");
    let look = || {
        let mut command = hosts.knowcoder(&["--json", "doctor", "--device", "cuda", "--cluster"]);
        command.arg(&cluster).arg("--run-dir").arg(folder.path()).env_remove("MASTER_PORT");
        fault(command)
    };
    on("a", whole.path(), "");
    on("c", whole.path(), "");
    on("b", broken.path(), "");
    let (check, node, line) = look();
    assert_eq!((check.as_str(), node.as_str()), ("GPUs", "b"));
    assert!(line.starts_with("no driver for 1 rank(s): "), "{line}");
    assert!(line.contains("cuInit failed with 100"), "{line}");
    on("b", whole.path(), "KNOWCODER_NCCL=/nowhere/libnccl.so.2");
    let (check, node, line) = look();
    assert_eq!((check.as_str(), node.as_str()), ("GPUs", "b"));
    assert!(line.contains("/nowhere/libnccl.so.2"), "{line}");
}

/// Ends a process that a test stopped, by its number in a file.
struct Stopped(PathBuf);

impl Drop for Stopped {
    fn drop(&mut self) {
        let number = std::fs::read_to_string(&self.0).unwrap_or_default();
        if let Ok(process) = number.trim().parse::<i32>() {
            // SAFETY: the call takes a number; the process is stopped, so that it is still the same.
            unsafe { libc::kill(process, libc::SIGKILL) };
        }
    }
}

#[test]
fn a_host_that_never_answers_and_one_that_falls_silent() {
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let cluster = hosts.cluster("", "");
    // As soon as it has written its token, its agent stands still.
    let place = folder.path().display();
    let number = hosts.folder().join("stopped");
    let lines = format!(
        "case \"$*\" in *agent*) ;; *) exec \"$@\" ;; esac\n\
         exec 3<&0\n\"$@\" <&3 & process=$!\n\
         until ls {place}/.preflight-*/token-1 >/dev/null 2>&1; do\n\
         kill -0 $process || exit 1; sleep 0.02; done\n\
         echo $process >{}\nkill -STOP $process\nexec sleep 600\n",
        number.display()
    );
    hosts.surround("b", &lines);
    let stopped = Stopped(number);
    let (check, node, line) = fault(doctor(&hosts, &cluster, folder.path()));
    assert_eq!((check.as_str(), node.as_str()), ("agent", "b"));
    assert!(line.starts_with("did not answer `"), "{line}");
    drop(stopped);
    hosts.surround("b", "exec sleep 600");
    let output = looked(&mut doctor(&hosts, &cluster, folder.path()));
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    let expected = "node b did not come: host `b` let `ssh` in, but did not finish what it was asked within 31 s";
    assert_eq!(json(&output)["error"]["message"], expected);
}

/// Names of nodes that joined a run.
fn joined(run_dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let joined = events.filter(|event| event["event"] == "agent-joined");
    joined.map(|event| event["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_spare_that_comes_late_is_looked_at_before_it_gets_ranks() {
    if !has_mounts() {
        return;
    }
    let (hosts, folder) = (Pretended::new(&["a", "b", "c"]), tempfile::tempdir().unwrap());
    let (run_dir, other) = (folder.path().join("run"), folder.path().join("recipe.lock"));
    std::fs::write(&other, "seed = 6\n").unwrap();
    let cluster = hosts.cluster("spares = 1", "");
    let text = std::fs::read_to_string(&cluster).unwrap();
    std::fs::write(&cluster, text.replace("ranks = 3\nnodes = 3", "ranks = 2\nnodes = 2")).unwrap();
    let process = hosts.folder().join("process");
    hosts.surround("b", &format!("echo $$ >{}; exec \"$@\"", process.display()));
    let place = run_dir.display();
    let lines = format!(
        "case \"$*\" in *agent*) ;; *) exec \"$@\" ;; esac\n\
         until [ -s {place}/metrics.jsonl ]; do sleep 0.05; done\n\
         exec unshare --mount sh -c 'mount --bind {} {place}/recipe.lock && exec \"$@\"' sh \"$@\"",
        other.display()
    );
    hosts.surround("c", &lines);
    let mut command = hosts.knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(&run_dir).arg("--cluster").arg(&cluster);
    let mut child = command.args(["--set", "phase.0.steps=100000"]).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(300);
    while !joined(&run_dir).contains(&"c".to_owned()) {
        if child.try_wait().unwrap().is_some() {
            panic!("it ended: {}", stderr(&child.wait_with_output().unwrap()));
        }
        assert!(Instant::now() < patience, "the spare does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    let process: i32 = std::fs::read_to_string(&process).unwrap().trim().parse().unwrap();
    // SAFETY: the call takes a number; the agent goes on until it is told to leave.
    unsafe { libc::kill(process, libc::SIGKILL) };
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(69), "{said}");
    let own = short(&std::fs::read_to_string(run_dir.join("recipe.lock")).unwrap());
    let line = format!("recipe.lock {}; `a` has recipe.lock {own}", short("seed = 6\n"));
    assert!(said.contains(&format!("preflight, recipe on `c`: {line}")), "{said}");
}

/// A program of `iproute2` in the network of a host.
fn within(hosts: &Hosts, program: &str, host: usize, arguments: &[&str]) -> bool {
    let state = std::fs::read_to_string(hosts.folder().join("state")).unwrap();
    let net = state.lines().find_map(|line| line.strip_prefix("net=")).unwrap();
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    if host > 0 {
        command.args(["-n", &format!("kc{net}h{host}")]);
    }
    let of_net = |word: &&str| word.replace("NET", net);
    command.args(arguments.iter().map(of_net)).status().is_ok_and(|status| status.success())
}

#[test]
fn a_link_that_is_slow_and_one_that_is_cut() {
    let Some(hosts) = Hosts::start(3, true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = ClusterFile {
        hosts: &["h1", "h2", "h3"],
        spares: 0,
        config: hosts.ssh_config(),
        more: "push = false",
    };
    let file = file.write(folder.path());
    let run_dir = folder.path().join("run");
    let command = || {
        let mut command = crate::program::knowcoder(&["--json", "doctor", "--device", "flex"]);
        command.arg("--cluster").arg(&file).arg("--run-dir").arg(&run_dir);
        command.env_remove("MASTER_PORT");
        command
    };
    // Both directions of h2's wire.
    let slow = ["root", "tbf", "rate", "40mbit", "burst", "64kb", "latency", "400ms"];
    let of = |interface: &'static str| [&["qdisc", "add", "dev", interface][..], &slow].concat();
    if within(&hosts, "tc", 2, &of("eth0")) && within(&hosts, "tc", 0, &of("kcNETw2")) {
        let output = looked(&mut command());
        let document = json(&output);
        assert_eq!(output.status.code(), Some(0), "{}\n{document:#}", stderr(&output));
        let warnings = found(&document, "warn");
        let links: Vec<&Found> = warnings.iter().filter(|it| it.0 == "links").collect();
        assert_eq!(links.len(), 1, "{warnings:#?}");
        assert_eq!(links[0].1, "h2");
        assert!(links[0].2.contains(" MB/s at best, the median is "), "{links:?}");
        assert!(within(&hosts, "tc", 2, &["qdisc", "del", "dev", "eth0", "root"]));
        assert!(within(&hosts, "tc", 0, &["qdisc", "del", "dev", "kcNETw2", "root"]));
    } else {
        assert!(std::env::var_os("CI").is_none(), "CI must be able to slow a link down");
        eprintln!("SKIPPED: a slow link needs the kernel's token bucket filter");
    }
    assert!(within(&hosts, "ip", 2, &["route", "add", "unreachable", "10.78.NET.13/32"]));
    let (check, node, line) = fault(command());
    assert_eq!((check.as_str(), node.as_str()), ("links", "h2"));
    let start = "cannot reach `h3`, nor is it reached from there: no connection to 10.78.";
    assert!(line.starts_with(start), "{line}");
    assert!(line.ends_with(": No route to host (os error 113)"), "{line}");
}

/// A `kubectl` that says yes to everything, but for what a line of the file `no` is about: what it is asked for, what
/// it prints, and what it complains of.
const KUBECTL: &str = r#"#!/bin/sh
here=${0%/*}
while IFS='|' read -r asked prints complains; do
    case "$*" in *"$asked"*)
        echo "$prints"; echo "$complains" >&2
        [ -z "$complains" ] && [ "$prints" != no ] && exit 0
        exit 1 ;;
    esac
done <"$here/no"
case "$*" in
*can-i*) echo yes ;;
*" get "*) echo '{"status": {"phase": "Bound"}}' ;;
*" apply "*--dry-run=server*) echo created ;;
*) echo "it was asked to $*" >&2; exit 1 ;;
esac
"#;

#[test]
fn kubernetes_is_asked_what_it_would_take() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    std::fs::write(place.join("kubectl.sh"), KUBECTL).unwrap();
    let mut install = Command::new("install");
    install.args(["-m", "755"]).arg(place.join("kubectl.sh")).arg(place.join("kubectl"));
    assert!(install.status().unwrap().success());
    let cluster = place.join("cluster.toml");
    let text = format!(
        "[cluster]\nbackend = \"kubernetes\"\nranks = 2\nnodes = 2\n\n[kubernetes]\nnamespace = \"ml\"\n\
         image = \"registry.example.org/knowcoder:0.1.0\"\n\
         volumes = [{{ claim = \"runs\", path = \"{}\" }}]\n",
        place.display()
    );
    std::fs::write(&cluster, text).unwrap();
    let looked = |no: &str| {
        std::fs::write(place.join("no"), no).unwrap();
        let mut command = crate::program::knowcoder(&["--json", "doctor", "--device", "flex"]);
        command.arg("--cluster").arg(&cluster).arg("--run-dir").arg(place.join("run"));
        let path = std::env::var("PATH").unwrap_or_default();
        looked(command.env("PATH", format!("{}:{path}", place.display())))
    };
    let output = looked("");
    let document = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}\n{document:#}", stderr(&output));
    let may = "you may make jobsets.jobset.x-k8s.io, secrets in namespace `ml`";
    assert_eq!(finding(&document, "rights").1, may);
    assert_eq!(finding(&document, "claims").1, "`runs` is bound");
    assert!(finding(&document, "manifests").1.starts_with("the server would take "));
    for (no, check, expected) in [
        ("can-i create secrets|no|\n", "rights", "nobody lets you make secrets in namespace `ml`"),
        ("persistentvolumeclaim/runs||\n", "claims", "there is no claim `runs` in namespace `ml`"),
        (
            "persistentvolumeclaim/runs|{\"status\": {\"phase\": \"Pending\"}}|\n",
            "claims",
            "claim `runs` is Pending in namespace `ml`: no file system is behind it",
        ),
        (
            "--dry-run=server||Error from server: webhook \"images\" denied the request: not this one\n",
            "manifests",
            "a rule of the cluster refuses what the cluster file asks for: webhook \"images\" denied the request: \
             not this one",
        ),
        (
            "can-i||Unable to connect to the server: dial tcp: no such host\n",
            "rights",
            "the cluster cannot be reached: Unable to connect to the server: dial tcp: no such host",
        ),
    ] {
        let output = looked(no);
        let document = json(&output);
        assert_eq!(output.status.code(), Some(69), "{}\n{document:#}", stderr(&output));
        assert_eq!(found(&document, "fail"), [owned(check, "all", expected)]);
    }
}
