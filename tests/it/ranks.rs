//! A rank by itself: it says where it is, takes its place from whoever started it, and commits nothing that is not
//! its to commit.

use crate::program::{fixture, knowcoder, metrics, must, run, stderr};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// For what a small run takes on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(300);

const SECRET: &str = "5555555555555555555555555555555555555555555555555555555555555555";

/// The shards of the tiny recipe in a run directory of their own, nothing trained.
fn prepared(folder: &Path, sets: &[&str]) -> PathBuf {
    let run_dir = folder.join("run");
    let mut command = knowcoder(&["data", "prepare"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(&run_dir);
    for set in sets {
        command.args(["--set", set]);
    }
    must(command);
    run_dir
}

/// A rank that is told its place in the environment.
fn worker(run_dir: &Path, words: &[(&str, &str)]) -> Command {
    let mut command = knowcoder(&["worker", "--join-seconds", "60"]);
    command.arg("--run-dir").arg(run_dir).env("RAYON_NUM_THREADS", "1");
    // Tests may run below another launcher themselves.
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let of_launchers = ["SLURM_", "OMPI_", "PET_", "TORCHELASTIC_", "KNOWCODER_"];
    for name in names.filter(|name| of_launchers.iter().any(|it| name.starts_with(it))) {
        if name != "KNOWCODER_DATA" {
            command.env_remove(name);
        }
    }
    for name in
        ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"]
    {
        command.env_remove(name);
    }
    command.envs(words.iter().copied());
    command
}

/// The only rank.
fn alone(run_dir: &Path, more: &[&str]) -> Command {
    let mut command = worker(run_dir, &[]);
    command.args(["--rank", "0", "--world", "1", "--rendezvous", "127.0.0.1:1"]).args(more);
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Holds exit code and sentence against what is expected.
fn expect(output: &Output, code: i32, parts: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

/// What a rank says of where it is, as it says it.
fn heard(child: &mut Child) -> Receiver<Value> {
    let (sender, receiver) = channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // Each message is a line of its own, whichever thread says it.
            assert_eq!(line.matches("@{").count(), usize::from(line.starts_with('@')), "{line}");
            let Some(message) = line.strip_prefix('@') else { continue };
            let message: Value = serde_json::from_str(message).unwrap();
            if let Some(place) = message.get("where")
                && sender.send(place.clone()).is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// The first place that is one.
fn wait_for(places: &Receiver<Value>, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match places.recv_timeout(left) {
            Ok(place) if is_it(&place) => return place,
            Ok(_) => {}
            Err(error) => panic!("no {what}: {error}"),
        }
    }
}

/// Waits until it trains.
fn trains(run_dir: &Path, child: &mut Child) {
    let until = Instant::now() + PATIENCE;
    while metrics(run_dir).len() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its second step");
        assert!(Instant::now() < until, "no second step");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_rank_says_where_it_is_while_it_is_stuck() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &["phase.0.steps=100000"]);
    let port = free_port().to_string();
    let words = |rank: &'static str| {
        [("RANK", rank), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")].to_vec()
    };
    let start = |rank| {
        let mut command = worker(&run_dir, &words(rank));
        command.env("MASTER_PORT", &port);
        command.spawn().unwrap()
    };
    let (mut first, mut second) = (start("0"), start("1"));
    let places = heard(&mut first);
    let others = heard(&mut second);
    trains(&run_dir, &mut first);
    let known = ["data", "compute", "update", "checkpoint"];
    let operations = ["all-reduce ", "all-gather ", "reduce-scatter ", "broadcast ", "barrier "];
    let place = wait_for(&others, "step of the other rank", |it| it["step"].as_u64() > Some(1));
    let section = place["section"].as_str().unwrap();
    let is_known = known.contains(&section) || operations.iter().any(|it| section.starts_with(it));
    assert!(is_known, "{place}");
    assert_eq!(place["phase"], "schema-understanding");
    // SAFETY: the process is a rank that is ours and still goes on.
    assert_eq!(unsafe { libc::kill(second.id() as i32, libc::SIGSTOP) }, 0);
    let stuck = wait_for(&places, "rank that waits", |place| {
        let section = place["section"].as_str().unwrap_or_default();
        operations.iter().any(|it| section.starts_with(it)) && place["seconds"].as_f64() > Some(2.5)
    });
    assert!(stuck["step"].as_u64() > Some(1), "{stuck}");
    let later = wait_for(&places, "longer wait", |place| place["seconds"].as_f64() > Some(4.0));
    assert_eq!(later["section"], stuck["section"], "it is where it was");
    // Who hangs up ends the wait; until it is gone itself, the other one stays where it failed.
    for child in [&mut second, &mut first] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn sections_of_a_run_are_known_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &["phase.0.steps=1500"]);
    let mut child = alone(&run_dir, &[]).spawn().unwrap();
    let places: Vec<Value> = heard(&mut child).into_iter().collect();
    assert!(child.wait().unwrap().success());
    assert!(places.len() >= 2, "{places:?}");
    let phases = ["schema-understanding", "alignment", "instruction"];
    let mut before = (0, 0);
    for place in &places {
        let section = place["section"].as_str().unwrap();
        let first = section.split(' ').next().unwrap();
        let known = [
            "starting",
            "loading",
            "rehearsal",
            "data",
            "compute",
            "update",
            "checkpoint",
            "evaluation",
        ];
        assert!(known.contains(&first), "{place}");
        // In a world of one nobody is waited for.
        assert!(place["seconds"].as_f64().unwrap() >= 0.0, "{place}");
        let step = place["step"].as_u64().unwrap();
        if let Some(phase) = phases.iter().position(|it| place["phase"] == *it) {
            assert!((phase, step) >= before, "{place} after {before:?}");
            before = (phase, step);
        } else {
            assert_eq!((place["phase"].as_str(), step), (Some(""), 0));
        }
    }
}

#[test]
fn ranks_find_their_places_in_the_words_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected");
    must(run(&fixture("tiny.toml"), &expected, "laptop", &[]));
    let losses = |run_dir: &Path| -> Vec<f64> {
        metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
    };
    let expected = losses(&expected);
    for launcher in ["torchrun", "slurm", "openmpi"] {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = prepared(folder.path(), &[]);
        let port = free_port().to_string();
        let rank = |number: &str| {
            let words = match launcher {
                "torchrun" => vec![
                    ("RANK", number),
                    ("WORLD_SIZE", "2"),
                    ("LOCAL_RANK", number),
                    ("LOCAL_WORLD_SIZE", "2"),
                    ("MASTER_ADDR", "localhost"),
                ],
                "slurm" => vec![
                    ("SLURM_PROCID", number),
                    ("SLURM_NTASKS", "2"),
                    ("SLURM_LOCALID", number),
                    ("SLURM_STEP_ID", "0"),
                    ("SLURM_JOB_ID", "7"),
                    ("SLURM_LAUNCH_NODE_IPADDR", "127.0.0.1"),
                ],
                _ => vec![
                    ("OMPI_COMM_WORLD_RANK", number),
                    ("OMPI_COMM_WORLD_SIZE", "2"),
                    ("OMPI_COMM_WORLD_LOCAL_RANK", number),
                    ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
                ],
            };
            let mut command = worker(&run_dir, &words);
            command.env("MASTER_PORT", &port);
            command
        };
        // Nobody has made a secret: the first rank does, and the other one waits for it.
        let second = rank("1").spawn().unwrap();
        let first = rank("0").output().unwrap();
        expect(&first, 0, &[]);
        expect(&second.wait_with_output().unwrap(), 0, &[]);
        let found = losses(&run_dir);
        assert_eq!(found.len(), expected.len(), "{launcher}");
        let is_close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * a.abs();
        assert!(expected.iter().zip(&found).all(is_close), "{launcher}: {expected:?} {found:?}");
        assert!(run_dir.join("predictions/final").is_dir(), "{launcher}");
    }
}

#[test]
fn ranks_of_another_launcher_hear_of_a_stop_while_they_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &[]);
    let port = free_port().to_string();
    let rank = |number: &str| {
        let words = [("RANK", number), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")];
        worker(&run_dir, &words).env("MASTER_PORT", &port).output().unwrap()
    };
    std::fs::write(run_dir.join("stop"), "").unwrap();
    // Nobody has made a secret, which it would wait for.
    expect(&rank("1"), 76, &[]);
    assert!(run_dir.join("stop").exists(), "the others are to hear of it");
    expect(&rank("0"), 76, &[]);
    assert!(!run_dir.join("stop").exists(), "who asked may wait until it is gone");
}

#[test]
fn what_is_wrong_with_a_place_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &[]);
    let output = worker(&run_dir, &[]).output().unwrap();
    expect(&output, 2, &["nothing says which rank this is", "hint: `knowcoder run` starts ranks"]);
    let output = worker(&run_dir, &[("RANK", "3")]).output().unwrap();
    expect(&output, 64, &["error: RANK is set, but WORLD_SIZE is not"]);
    let mut command = worker(&run_dir, &[]);
    command.args(["--rank", "2", "--world", "2", "--rendezvous", "127.0.0.1:1"]);
    expect(&command.output().unwrap(), 2, &["--rank is 2 in a world of 2"]);
    // Somebody else's port.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let words = [
        ("RANK", "0"),
        ("WORLD_SIZE", "2"),
        ("MASTER_ADDR", "127.0.0.1"),
        ("MASTER_PORT", port.as_str()),
    ];
    let output = worker(&run_dir, &words).output().unwrap();
    let sentence = format!("rank 0 failed to listen at 127.0.0.1:{port}: Address already in use");
    expect(&output, 75, &[&sentence, "hint: another process listens there: set MASTER_PORT"]);
    // A secret that is none is not shown.
    let words = [&words[..], &[("KNOWCODER_SECRET", "hunter2")]].concat();
    let output = worker(&run_dir, &words).output().unwrap();
    expect(&output, 69, &["the secret of the run, `KNOWCODER_SECRET`, has only 7 characters"]);
    assert!(!stderr(&output).contains("hunter2"));
}

#[test]
fn two_launchers_do_not_share_a_run_directory() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &["phase.0.steps=100000"]);
    let words = [("RANK", "0"), ("WORLD_SIZE", "1")];
    let mut child = worker(&run_dir, &words).spawn().unwrap();
    trains(&run_dir, &mut child);
    let output = worker(&run_dir, &words).output().unwrap();
    expect(&output, 75, &["is in use by process "]);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Names of the checkpoints that are there.
fn checkpoints(run_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(run_dir.join("checkpoints")).unwrap();
    let mut names: Vec<String> =
        entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_rank_ends_behind_the_phase_that_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &[]);
    must(alone(&run_dir, &["--through-phase", "1"]));
    assert_eq!(metrics(&run_dir).len(), 4);
    assert!(checkpoints(&run_dir).iter().all(|name| name.starts_with("schema-understanding-")));
    assert_eq!(std::fs::read_dir(run_dir.join("predictions")).unwrap().count(), 0);
    // Done is done.
    must(alone(&run_dir, &["--through-phase", "1"]));
    assert_eq!(metrics(&run_dir).len(), 4);
    let output = alone(&run_dir, &["--through-phase", "9"]).output().unwrap();
    expect(&output, 64, &["--through-phase is 9; the recipe's phases are 1 to 3"]);
    must(alone(&run_dir, &["--through-phase", "2"]));
    assert_eq!(metrics(&run_dir).len(), 4 + 5);
    // The last one is what a run is done with.
    must(alone(&run_dir, &["--through-phase", "3"]));
    assert_eq!(metrics(&run_dir).len(), 4 + 5 + 7);
    assert!(run_dir.join("predictions/final").is_dir());
    let whole = folder.path().join("whole");
    must(run(&fixture("tiny.toml"), &whole, "one-process", &[]));
    let losses = |run_dir: &Path| -> Vec<f64> {
        metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
    };
    let is_close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * a.abs();
    let (whole, parts) = (losses(&whole), losses(&run_dir));
    assert!(whole.iter().zip(&parts).all(is_close), "{whole:?} {parts:?}");
}

#[test]
fn a_rank_whose_time_is_over_commits_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &["phase.0.steps=100000", "checkpoint.every=2000"]);
    let generation = run_dir.join("generation");
    std::fs::write(&generation, "2").unwrap();
    let output = alone(&run_dir, &["--generation", "1"]).output().unwrap();
    expect(
        &output,
        75,
        &["error: this node lost its lease: start 2 of the run has begun, this is 1"],
    );
    // A newer start begins while it trains: the checkpoint that it is asked for is refused.
    let mut child = alone(&run_dir, &["--generation", "2"]).spawn().unwrap();
    trains(&run_dir, &mut child);
    std::fs::write(&generation, "3\n").unwrap();
    std::fs::write(run_dir.join("save"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    expect(&output, 75, &["this node lost its lease: start 3 of the run has begun, this is 2"]);
    assert!(checkpoints(&run_dir).is_empty(), "{:?}", checkpoints(&run_dir));
    std::fs::remove_file(run_dir.join("save")).unwrap();
    // So is that of a node whose lease has lapsed.
    let lease = folder.path().join("lease");
    std::fs::write(&lease, "1").unwrap();
    let mut command = alone(&run_dir, &["--generation", "3"]);
    let output = command.env("KNOWCODER_LEASE", &lease).output().unwrap();
    expect(&output, 75, &["this node lost its lease: it lapsed "]);
    std::fs::write(&lease, u64::MAX.to_string()).unwrap();
    let mut command = alone(&run_dir, &["--generation", "3"]);
    let mut child = command.env("KNOWCODER_LEASE", &lease).spawn().unwrap();
    trains(&run_dir, &mut child);
    std::fs::write(run_dir.join("stop"), "").unwrap();
    expect(&child.wait_with_output().unwrap(), 76, &[]);
    assert_eq!(checkpoints(&run_dir).len(), 1);
}

/// HMAC-SHA256, as RFC 2104 has it.
fn hmac(key: &[u8], parts: &[&str]) -> String {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |byte: u8| block.map(|it| it ^ byte);
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    for part in parts {
        inner.update((part.len() as u64).to_le_bytes());
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks rank 0 for a fault, with the seal of this secret.
fn drill(run_dir: &Path, fault: &str, secret: &str) -> PathBuf {
    let seal = hmac(secret.as_bytes(), &["drill of rank 0", fault, "once"]);
    let path = run_dir.join("drill-rank-0.json");
    let unnamed = run_dir.join("drill.part");
    let text = format!(r#"{{"fault":"{fault}","nonce":"once","seal":"{seal}"}}"#);
    std::fs::write(&unnamed, text).unwrap();
    std::fs::rename(&unnamed, &path).unwrap();
    path
}

/// A rank that trains, is asked for this, and ends.
fn drilled(fault: &str, sets: &[&str]) -> (tempfile::TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), sets);
    std::fs::write(run_dir.join("secret"), SECRET).unwrap();
    let mut child = alone(&run_dir, &[]).spawn().unwrap();
    trains(&run_dir, &mut child);
    let path = drill(&run_dir, fault, SECRET);
    let output = child.wait_with_output().unwrap();
    assert!(!path.exists(), "{fault}: it was heard");
    (folder, output)
}

/// Nothing is done yet that could be saved: it need not wait for the others' sake.
#[test]
fn a_rank_that_meets_nobody_stops_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &[]);
    std::fs::write(run_dir.join("secret"), SECRET).unwrap();
    for rank in ["0", "1"] {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = worker(&run_dir, &[]);
        command.args(["--rank", rank, "--world", "2", "--rendezvous", &address]);
        let mut child = command.spawn().unwrap();
        let places = heard(&mut child);
        wait_for(&places, "meeting", |place| place["section"] == "meeting");
        // SAFETY: the process is our child and was not waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
        // Who waits for the others to the end ends with 75.
        expect(&child.wait_with_output().unwrap(), 76, &[]);
    }
}

#[test]
fn a_rank_lets_go_wrong_what_it_is_asked_to() {
    let (folder, output) = drilled("nan", &["phase.0.steps=100000"]);
    expect(&output, 79, &["phase `schema-understanding`, step ", "see `knowcoder replay "]);
    assert_eq!(std::fs::read_dir(folder.path().join("run/incidents")).unwrap().count(), 1);
    // Where a step may be left out, the run goes on.
    let (folder, output) = drilled("nan", &["phase.0.steps=1500", "guard.policy=skip"]);
    expect(&output, 0, &[]);
    let skipped = metrics(&folder.path().join("run"));
    let skipped: Vec<_> = skipped.iter().filter(|line| line["applied"] == false).collect();
    assert_eq!(skipped.len(), 1, "one step, once");
    assert!(skipped[0]["loss"].is_null());
    let (_folder, output) = drilled("fill-disk", &["phase.0.steps=100000", "checkpoint.every=500"]);
    let full = ["no room for `", "/checkpoints/", "`: No space left on device (a drill); "];
    expect(&output, 75, &full);
    let (_folder, output) = drilled("out-of-memory", &["phase.0.steps=100000"]);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", stderr(&output));
    assert!(stderr(&output).contains("memory allocation of "), "{}", stderr(&output));
}

#[test]
fn a_stray_request_for_a_drill_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = prepared(folder.path(), &[]);
    std::fs::write(run_dir.join("secret"), SECRET).unwrap();
    let path = drill(&run_dir, "nan", &SECRET.replace('5', "6"));
    let mut command = alone(&run_dir, &[]);
    let output = command.env("KNOWCODER_LOG", "warn").output().unwrap();
    expect(&output, 0, &["is passed over: its seal is not of this run's secret"]);
    assert!(path.exists(), "it is not the rank's to remove");
    assert!(metrics(&run_dir).iter().all(|line| line["loss"].is_number()));
}
