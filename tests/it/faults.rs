//! Faults of ranks, disks and people: the run ends within its deadlines, with a sentence that names
//! who and when, and the same command goes on.

use crate::program::{fixture, knowcoder, must, run, stderr};
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The tiny recipe with a first phase that is long enough to be disturbed, on this cluster.
fn long_run(run_dir: &Path, cluster: &Path, steps: usize) -> Command {
    let mut command = knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir).arg("--cluster").arg(cluster);
    command.args(["--set", &format!("phase.0.steps={steps}")]);
    command
}

/// A cluster file of two ranks that wait so many seconds for each other, and of whom none is started again.
fn impatient(folder: &Path, seconds: u64) -> std::path::PathBuf {
    let path = folder.join("cluster.toml");
    let text = format!(
        "[cluster]\nbackend = \"local\"\nranks = 2\n\n[deadlines]\noperation = {seconds}\nstall = {seconds}\n\n\
         [faults]\nmax_failures = 0\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn events(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until `is_true`, while the process lives.
fn wait_until(child: &mut Child, what: &str, is_true: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(300);
    while !is_true() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before there was {what}");
        assert!(Instant::now() < patience, "no {what} in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the run and returns it with the process of rank 1, once it trains.
fn in_training(mut command: Command, run_dir: &Path) -> (Child, i32) {
    let mut child = command.spawn().unwrap();
    wait_until(&mut child, "a second step", || crate::program::metrics(run_dir).len() >= 2);
    let is_it = |event: &&Value| event["event"] == "rank-started" && event["rank"] == 1;
    let events = events(run_dir);
    let process = events.iter().rfind(is_it).unwrap()["process"].as_i64().unwrap();
    (child, process as i32)
}

fn send(process: i32, signal: libc::c_int) {
    // SAFETY: the process is a rank of a run that is ours and still goes on.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Holds exit code and sentence against what is expected.
fn expect(output: &Output, code: i32, parts: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn a_rank_that_is_killed_is_named_with_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let (run_dir, cluster) = (folder.path().join("run"), impatient(folder.path(), 30));
    let (child, rank) = in_training(long_run(&run_dir, &cluster, 4000), &run_dir);
    send(rank, libc::SIGKILL);
    let output = child.wait_with_output().unwrap();
    let sentence = "error: rank 1 was ended by signal 9 (SIGKILL) after step ";
    expect(&output, 75, &[sentence, " of phase `schema-understanding`", "the same command"]);
    // What the other rank saw is in its log.
    let log = std::fs::read_to_string(run_dir.join("logs/rank-0.log")).unwrap();
    assert!(log.contains("phase `schema-understanding`, step "), "{log}");
    assert!(log.contains("rank 1 hung up during"), "{log}");
}

#[test]
fn a_rank_that_hangs_is_named_with_the_step_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let (run_dir, cluster) = (folder.path().join("run"), impatient(folder.path(), 5));
    let (child, rank) = in_training(long_run(&run_dir, &cluster, 4000), &run_dir);
    send(rank, libc::SIGSTOP);
    let output = child.wait_with_output().unwrap();
    let sentence = "error: rank 0 ended with exit code 75: phase `schema-understanding`, step ";
    expect(&output, 75, &[sentence, ": rank 1 ", " for 5 s during "]);
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_the_same_command_continues() {
    let folder = tempfile::tempdir().unwrap();
    let (run_dir, cluster) = (folder.path().join("run"), impatient(folder.path(), 300));
    let (mut child, rank) = in_training(long_run(&run_dir, &cluster, 40), &run_dir);
    // Without one rank the others cannot come to the end of their step.
    send(rank, libc::SIGSTOP);
    send(child.id() as i32, libc::SIGINT);
    let is_asked = || events(&run_dir).iter().any(|event| event["event"] == "stop-requested");
    wait_until(&mut child, "an answer to Ctrl-C", is_asked);
    send(child.id() as i32, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    expect(&output, 75, &["the run was ended at once, as asked", "the same command continues"]);
    must(long_run(&run_dir, &cluster, 40));
    assert_eq!(crate::program::metrics(&run_dir).len(), 40 + 5 + 7);
}

#[test]
fn a_run_whose_directory_is_moved_ends_and_writes_nothing_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let cluster = impatient(folder.path(), 60);
    let (child, _) = in_training(long_run(&old, &cluster, 100_000), &old);
    std::fs::rename(&old, &new).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("moved"), "{said}");
    // Ranks may have begun a checkpoint in that moment; the driver leaves nothing.
    for name in ["status.json", "events.jsonl", "generation", "lock", "estimate.json"] {
        assert!(!old.join(name).exists(), "{name} was made again: {said}");
    }
    // How it ended is where it lies now, and whoever reads of it makes nothing either.
    let names = || {
        let entries = std::fs::read_dir(&new).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for verb in ["status", "why", "logs"] {
        let mut command = knowcoder(&[verb]);
        command.arg(&new);
        must(command);
    }
    assert_eq!(names(), before);
    assert!(events(&new).iter().any(|event| event["event"] == "failed"), "{:?}", events(&new));
}

/// The shards of a recipe below `run_dir`, nothing trained.
fn prepared(run_dir: &Path, sets: &[&str]) {
    let mut command = knowcoder(&["data", "prepare"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir).args(sets);
    must(command);
}

/// A rank that is started by hand, by this program.
fn worker(program: &Path, run_dir: &Path, rank: usize, world: usize, port: u16) -> Command {
    let mut command = Command::new(program);
    command.arg("worker").arg("--run-dir").arg(run_dir);
    for (name, value) in [
        ("--rank", rank.to_string()),
        ("--world", world.to_string()),
        ("--rendezvous", format!("127.0.0.1:{port}")),
        ("--join-seconds", "10".to_owned()),
        ("--operation-seconds", "30".to_owned()),
    ] {
        command.arg(name).arg(value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_knowcoder"))
}

/// What the ranks of one start know each other by.
fn share_a_secret(run_dirs: &[&Path]) {
    for run_dir in run_dirs {
        std::fs::write(run_dir.join("secret"), "5".repeat(64)).unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_rank_of_another_build_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    prepared(&run_dir, &[]);
    share_a_secret(&[&run_dir]);
    let other = folder.path().join("knowcoder");
    let mut bytes = std::fs::read(program()).unwrap();
    bytes.extend_from_slice(b"another build");
    std::fs::write(&other, bytes).unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).unwrap();
    let port = free_port();
    let host = worker(program(), &run_dir, 0, 2, port).spawn().unwrap();
    let mut guest = worker(&other, &run_dir, 1, 2, port);
    let guest = loop {
        match guest.output() {
            // Another test may just be starting a process that holds our new file open.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(20));
            }
            output => break output.unwrap(),
        }
    };
    let host = host.wait_with_output().unwrap();
    expect(&guest, 69, &["rank 1 and 127.0.0.1:", "its build of the program is `", "`, ours is `"]);
    expect(&host, 75, &["for 2 ranks: rank 1 did not come"]);
}

/// Waits until somebody listens there; who only looks is turned away.
fn listens(port: u16, child: &mut Child) {
    wait_until(child, "a rendezvous", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[test]
fn a_rank_that_waits_for_others_hears_that_it_shall_stop() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    prepared(&run_dir, &[]);
    share_a_secret(&[&run_dir]);
    let port = free_port();
    // Who does not hear of it says that the other one did not come, and ends with 75.
    let mut host = worker(program(), &run_dir, 0, 2, port).spawn().unwrap();
    listens(port, &mut host);
    std::fs::write(run_dir.join("stop"), "").unwrap();
    expect(&host.wait_with_output().unwrap(), 76, &[]);
    // Nobody is there for this one to meet.
    expect(&worker(program(), &run_dir, 1, 2, port).output().unwrap(), 76, &[]);
    assert!(run_dir.join("stop").exists(), "it is the launcher's to take away");
}

#[test]
fn ranks_that_do_different_things_say_so_with_the_step() {
    let folder = tempfile::tempdir().unwrap();
    // The run's name is that of its directory.
    let [one, other] = ["one/run", "other/run"].map(|name| folder.path().join(name));
    prepared(&one, &[]);
    prepared(&other, &["--set", "batch.samples=11"]);
    share_a_secret(&[&one, &other]);
    let port = free_port();
    let host = worker(program(), &one, 0, 2, port).spawn().unwrap();
    let guest = worker(program(), &other, 1, 2, port).output().unwrap();
    let outputs = [host.wait_with_output().unwrap(), guest];
    // The first to notice is surer than the one that it tells.
    let codes = outputs.each_ref().map(|output| output.status.code().unwrap());
    assert!(codes.contains(&70) && codes.iter().all(|code| [70, 75].contains(code)), "{codes:?}");
    for (output, code) in outputs.iter().zip(codes) {
        let parts = ["phase `schema-understanding`, step 1: ", "they no longer do the same"];
        expect(output, code, &parts);
        assert!(stderr(output).contains("rank 0 is at "), "{}", stderr(output));
        assert!(stderr(output).contains("rank 1 is at "), "{}", stderr(output));
    }
}

#[test]
fn a_byte_of_a_shard_that_changed_before_training_is_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    prepared(&run_dir, &[]);
    let shard = std::fs::read_dir(run_dir.join("prepared/0-schema-understanding"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .unwrap();
    let mut bytes = std::fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&shard, &bytes).unwrap();
    let output = worker(program(), &run_dir, 0, 1, 1).output().unwrap();
    let name = shard.file_name().unwrap().to_string_lossy();
    let sentence = "the shard changed after its manifest: expected sha256 ";
    expect(&output, 65, &[&name, sentence, "run `knowcoder data prepare` again"]);
    assert_eq!(std::fs::read_dir(run_dir.join("checkpoints")).unwrap().count(), 0);
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
}

/// The process may write only where permissions let it, even if root starts it.
fn without_privilege(command: &mut Command) -> &mut Command {
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    // SAFETY: between fork and exec only a capability is given up; who has none loses nothing.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
            Ok(())
        })
    }
}

/// A folder that cannot be written to until this is dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    /// None where permissions hold nobody back; on a machine of CI that is a failure.
    fn make(path: &'a Path) -> Option<Self> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o555)).unwrap();
        let read_only = Self(path);
        let mut touch = Command::new("touch");
        touch.arg(path.join("touched")).stderr(Stdio::null());
        if !without_privilege(&mut touch).status().unwrap().success() {
            return Some(read_only);
        }
        drop(read_only);
        std::fs::remove_file(path.join("touched")).unwrap();
        assert!(std::env::var_os("CI").is_none(), "CI may give up a capability");
        eprintln!("SKIPPED: a read-only folder needs a user whom permissions hold back");
        None
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = std::fs::set_permissions(self.0, std::fs::Permissions::from_mode(0o755));
    }
}

#[test]
fn a_directory_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(read_only) = ReadOnly::make(folder.path()) else { return };
    let run_dir = folder.path().join("run");
    let tiny = || run(&fixture("tiny.toml"), &run_dir, "laptop", &[]);
    let output = without_privilege(&mut tiny()).output().unwrap();
    expect(&output, 64, &["failed to write `", "/run/", "Permission denied"]);
    drop(read_only);
    // What is refused in the midst of training costs what came after the last checkpoint.
    prepared(&run_dir, &[]);
    let checkpoints = run_dir.join("checkpoints");
    let Some(read_only) = ReadOnly::make(&checkpoints) else { return };
    let output = without_privilege(&mut tiny()).output().unwrap();
    expect(
        &output,
        69,
        &["preflight, writable on `", "/checkpoints` cannot be written: Permission"],
    );
    let unseen = folder.path().join("cluster.toml");
    let laptop = std::fs::read_to_string(crate::program::cluster("laptop")).unwrap();
    std::fs::write(&unseen, laptop.replace("ranks = 2", "ranks = 2\npreflight = false")).unwrap();
    let mut command = crate::program::knowcoder(&["run"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(&run_dir).arg("--cluster").arg(&unseen);
    let output = without_privilege(&mut command).output().unwrap();
    expect(&output, 64, &["rank 0 ended with exit code 64", "/checkpoints", "Permission denied"]);
    drop(read_only);
    must(tiny());
}
