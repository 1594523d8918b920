//! Runs on hosts behind ssh: real servers, with a network each where links are cut.

use crate::hosts::{ClusterFile, Hosts, refused, run};
use crate::program::{cluster, metrics, must};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// Steps of a first phase that ends by itself only when it was given up.
const ENDLESS: usize = 100_000;

/// Takes the program where it lies: these hosts see this machine's files.
const IN_PLACE: &str = "push = false";

fn losses(run_dir: &Path) -> Vec<f64> {
    metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

fn events(run_dir: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

/// Waits until `is_true`, while the run goes on.
fn wait_until(child: &mut Child, what: &str, is_true: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(300);
    while !is_true() {
        if child.try_wait().unwrap().is_some() {
            use std::io::Read;
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it ended before there was {what}: {said}");
        }
        assert!(Instant::now() < patience, "no {what} in five minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_hosts_are_two_ranks_and_the_program_is_copied_once() {
    let Some(hosts) = Hosts::start(2, false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let there = hosts.folder().join("bin");
    let file = ClusterFile {
        hosts: &["h1", "h2"],
        spares: 0,
        config: hosts.ssh_config(),
        more: &format!("work_dir = {there:?}"),
    };
    let file = file.write(folder.path());
    let here = folder.path().join("here");
    must(run(&here, &cluster("laptop"), 4));
    assert_eq!(losses(&here).len(), 4 + 5 + 7);
    let first = folder.path().join("first");
    must(run(&first, &file, 4));
    // The same world: sums are taken in the same order, wherever the ranks are.
    assert_eq!(losses(&first), losses(&here));
    let joined = events(&first, "agent-joined");
    let names: Vec<_> = joined.iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"h1") && names.contains(&"h2"), "{names:?}");
    let copies = || -> Vec<_> {
        let entries = std::fs::read_dir(&there).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().ino())).collect()
    };
    // Whatever came, even if it went again, would have changed the folder.
    let changed = || {
        let folder = std::fs::metadata(&there).unwrap();
        (folder.mtime(), folder.mtime_nsec())
    };
    let before = (copies(), changed());
    let name = before.0[0].0.to_string_lossy().into_owned();
    assert_eq!(before.0.len(), 1, "{:?}", before.0);
    assert!(name.starts_with("knowcoder-"), "{name}");
    let second = folder.path().join("second");
    must(run(&second, &file, 4));
    assert_eq!(losses(&second), losses(&here));
    assert_eq!((copies(), changed()), before);
    for host in 1..=hosts.number {
        hosts.wait_until_empty(host);
    }
}

#[test]
fn a_run_has_its_directory_for_itself_and_leaves_no_process_when_it_is_killed() {
    let Some(hosts) = Hosts::start(2, false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let file =
        ClusterFile { hosts: &["h1", "h2"], spares: 0, config: hosts.ssh_config(), more: IN_PLACE };
    let file = file.write(folder.path());
    let mut child = run(&run_dir, &file, ENDLESS).spawn().unwrap();
    wait_until(&mut child, "a second step", || metrics(&run_dir).len() >= 2);
    let (code, said) = refused(run(&run_dir, &file, ENDLESS));
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("` is in use by "), "{said}");
    for host in 1..=hosts.number {
        let processes = hosts.processes(host);
        // An agent and its rank.
        assert!(processes.len() >= 2, "h{host}: {processes:?}");
        let secret = std::fs::read_to_string(run_dir.join("secret")).unwrap();
        assert!(secret.trim().len() >= 64, "no secret to look for");
        let is_told = |line: &&String| line.contains(secret.trim());
        assert_eq!(processes.iter().find(is_told), None, "the secret on a command line");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for host in 1..=hosts.number {
        hosts.wait_until_empty(host);
    }
}

#[test]
fn a_host_that_is_cut_off_is_named_and_a_spare_takes_its_place() {
    let Some(hosts) = Hosts::start(3, true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let file = ClusterFile {
        hosts: &["h1", "h2", "h3"],
        spares: 1,
        config: hosts.ssh_config(),
        more: IN_PLACE,
    };
    let file = file.write(folder.path());
    let steps = 300;
    let mut child = run(&run_dir, &file, steps).spawn().unwrap();
    wait_until(&mut child, "a second step", || metrics(&run_dir).len() >= 2);
    hosts.cut(2);
    wait_until(&mut child, "a failure", || !events(&run_dir, "failure").is_empty());
    // The lease of the host that nobody reaches ends what runs there.
    hosts.wait_until_empty(2);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", crate::program::stderr(&output));
    let failures = events(&run_dir, "failure");
    assert!(
        failures.iter().any(|it| it["kind"] == "node-lost" && it["node"] == "h2"),
        "{failures:#?}"
    );
    let here = folder.path().join("here");
    must(run(&here, &cluster("laptop"), steps));
    assert_eq!(losses(&run_dir), losses(&here));
}

#[test]
fn hosts_that_cannot_be_used_are_named_with_a_way_out() {
    let Some(hosts) = Hosts::start(1, false) else { return };
    let folder = tempfile::tempdir().unwrap();
    let other_key = hosts.folder().join("h1/host_key").display().to_string();
    let nowhere = hosts.folder().join("none").display().to_string();
    let too_many: &[&str] = &["h1", "nosuch.invalid"];
    let one: &[&str] = &["h1"];
    for (names, config, more, codes, parts) in [
        // Where no name server answers, nobody can say that there is no such name.
        (
            too_many,
            hosts.ssh_config(),
            IN_PLACE,
            &[69, 75][..],
            ["the name of host `nosuch.invalid` cannot be resolved", "hint: "],
        ),
        (
            one,
            hosts.ssh_config_with("IdentityFile", &other_key),
            IN_PLACE,
            &[69],
            ["host `h1` lets nobody in with the keys that `ssh` has here (", "ssh-copy-id"],
        ),
        (
            one,
            hosts.ssh_config_with("UserKnownHostsFile", &nowhere),
            IN_PLACE,
            &[69],
            ["the key of host `h1` is not known here", "compare the key's fingerprint"],
        ),
        (
            one,
            hosts.ssh_config_with("Port", "1"),
            IN_PLACE,
            &[75],
            ["host `h1` refuses connections", "sshd runs"],
        ),
        (
            one,
            hosts.ssh_config(),
            "work_dir = \"/dev/null/bin\"",
            &[69],
            ["the folder `/dev/null/bin` of host `h1` cannot be written (", "ssh.work_dir"],
        ),
        (
            one,
            hosts.ssh_config(),
            "push = false\nprogram = \"/bin/true\"",
            &[69],
            ["the program at `/bin/true` of host `h1` is another build", "ssh.push = true"],
        ),
    ] {
        let file = ClusterFile { hosts: names, spares: 0, config, more }.write(folder.path());
        let (code, said) = refused(run(&folder.path().join("run"), &file, ENDLESS));
        assert!(codes.contains(&code), "{code}: {said}");
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    }
    let file = ClusterFile { hosts: one, spares: 0, config: hosts.ssh_config(), more: IN_PLACE };
    let text = std::fs::read_to_string(file.write(folder.path())).unwrap();
    let path = folder.path().join("two.toml");
    std::fs::write(&path, text.replace("spares = 0", "spares = 1")).unwrap();
    let (code, said) = refused(run(&folder.path().join("run"), &path, ENDLESS));
    assert_eq!(code, 64, "{said}");
    assert!(said.contains("ssh.hosts names 1 host(s), but cluster.nodes = 1"), "{said}");
}
