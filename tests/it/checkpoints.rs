//! Checkpoints are written beside training, kept by rule, asked for, and read on any world.

use crate::full_disk::SmallDisk;
use crate::program::{checkpoints, fixture, metrics, must, run, stderr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// Waits until `is_true`, or the process has ended; whether it came true.
fn wait(child: &mut Child, is_true: impl Fn() -> bool) -> bool {
    let patience = Instant::now() + Duration::from_secs(300);
    while !is_true() {
        if child.try_wait().unwrap().is_some() {
            return is_true();
        }
        assert!(Instant::now() < patience, "nothing happened in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Names of the checkpoints that are there.
fn there(run_dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(run_dir.join("checkpoints")).into_iter().flatten().flatten();
    entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect()
}

fn events(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Names of the checkpoints that became complete, in their order.
fn written(run_dir: &Path) -> Vec<String> {
    let saved = events(run_dir).into_iter().filter(|event| event["event"] == "checkpoint");
    let name = |event: Value| {
        Path::new(event["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
    };
    saved.map(name).collect()
}

fn losses(run_dir: &Path) -> Vec<f64> {
    metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

/// A cluster file of so many ranks under ZeRO-1; what `run` names it by.
fn sharded(folder: &Path, ranks: usize) -> String {
    let name = folder.join(format!("zero-{ranks}"));
    let text = format!(
        "[cluster]\nbackend = \"local\"\nranks = {ranks}\nthreads_per_rank = 1\n\n\
         [sharding]\nstage = 1\n"
    );
    std::fs::write(name.with_extension("toml"), text).unwrap();
    name.display().to_string()
}

#[test]
fn the_rules_of_a_recipe_say_what_stays() {
    let folder = tempfile::tempdir().unwrap();
    let rules = ["checkpoint.every=1", "checkpoint.keep=1", "checkpoint.keep_every=5"];
    let sets: Vec<&str> = rules.iter().flat_map(|rule| ["--set", rule]).collect();
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let expected = [
        "alignment-000005",
        "instruction-000005",
        "instruction-000007",
        "schema-understanding-000004",
    ];
    assert_eq!(there(folder.path()), expected.map(str::to_owned).into());
    assert_eq!(written(folder.path()).len(), 16, "each step had one");
}

#[test]
fn adapters_share_the_file_of_the_weights_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["--set", "checkpoint.every=1", "--set", "checkpoint.keep=9"];
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let files = |phase: &str| -> BTreeSet<u64> {
        let of_phase = there(folder.path()).into_iter().filter(|name| name.starts_with(phase));
        let weights = of_phase
            .map(|name| folder.path().join("checkpoints").join(name).join("model.safetensors"));
        weights.map(|path| std::fs::metadata(path).unwrap().ino()).collect()
    };
    // All weights are trained in the first phase; merged adapters make others in each further one.
    assert_eq!(files("schema-understanding").len(), 4);
    assert_eq!(files("alignment").len(), 1);
    assert_eq!(files("instruction").len(), 1);
    let each: BTreeSet<u64> =
        ["schema", "alignment", "instruction"].iter().flat_map(|phase| files(phase)).collect();
    assert_eq!(each.len(), 6);
}

/// What a checkpoint needs lies in it: nothing refers to another folder.
#[test]
fn a_checkpoint_is_used_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["--set", "checkpoint.every=1"];
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let alone = folder.path().join("alone");
    std::fs::rename(folder.path().join("checkpoints/instruction-000007"), &alone).unwrap();
    std::fs::remove_dir_all(folder.path().join("checkpoints")).unwrap();
    let out = folder.path().join("out");
    let mut export = crate::program::knowcoder(&["export", "--format", "merged"]);
    export.arg("--checkpoint").arg(&alone).arg("--out").arg(&out);
    must(export);
    assert!(out.join("config.json").exists());
}

/// A run whose last phase is long enough to be asked for something.
fn start(run_dir: &Path, cluster: &str, more: &[&str]) -> Child {
    let mut sets = vec!["--set", "checkpoint.every=100000"];
    sets.extend(more);
    run(&long(run_dir), run_dir, cluster, &sets).spawn().unwrap()
}

/// The tiny recipe with a last phase of thousands of steps.
fn long(run_dir: &Path) -> PathBuf {
    let text = std::fs::read_to_string(fixture("tiny.toml")).unwrap();
    let datasets = crate::program::root().join("configs/datasets").canonicalize().unwrap();
    let text = text
        .replace("../../configs/datasets", &datasets.display().to_string())
        .replace("steps = 7", "steps = 4000");
    let path = run_dir.with_extension("recipe.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn signal(child: &Child, signal: libc::c_int) {
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// Steps of the last phase that have a checkpoint, the end of a phase apart.
fn saved_steps(run_dir: &Path) -> Vec<usize> {
    let saved = written(run_dir).into_iter().filter_map(|name| {
        name.strip_prefix("instruction-").map(|step| step.parse::<usize>().unwrap())
    });
    saved.collect()
}

#[test]
fn sigusr2_and_the_file_save_and_the_run_goes_on() {
    for ranks in ["one-process", "laptop"] {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = folder.path().join("run");
        let mut child = start(&run_dir, ranks, &[]);
        let steps = |count: usize| metrics(&run_dir).len() >= 9 + count;
        assert!(wait(&mut child, || steps(3)), "it ended before it was asked");
        signal(&child, libc::SIGUSR2);
        assert!(wait(&mut child, || saved_steps(&run_dir).len() == 1));
        let after = metrics(&run_dir).len() - 9;
        assert!(wait(&mut child, || steps(after + 3)), "it did not go on");
        std::fs::write(run_dir.join("save"), "").unwrap();
        assert!(wait(&mut child, || !run_dir.join("save").exists()), "the file stays");
        // The event comes a moment after the file is gone.
        assert!(wait(&mut child, || saved_steps(&run_dir).len() == 2), "it was not told");
        let after = metrics(&run_dir).len() - 9;
        assert!(wait(&mut child, || steps(after + 3)), "it did not go on");
        std::fs::write(run_dir.join("stop"), "").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
        assert!(!run_dir.join("stop").exists(), "a stop is for one start");
        let saved = saved_steps(&run_dir);
        assert_eq!(saved.len(), 3, "{saved:?}");
        assert_eq!(metrics(&run_dir).len() - 9, saved[2], "it stopped where it saved");
        // The same command goes on behind it, and is stopped by a signal.
        let mut child = start(&run_dir, ranks, &[]);
        assert!(wait(&mut child, || steps(saved[2] + 3)));
        signal(&child, libc::SIGTERM);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
        let found: Vec<u64> =
            metrics(&run_dir).iter().skip(9).map(|line| line["step"].as_u64().unwrap()).collect();
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "each step once");
    }
}

/// A process that may not write its checkpoint (it was stopped as a whole) is not waited for without end.
#[test]
fn a_stop_has_a_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let more = ["--set", "checkpoint.stop_deadline=1"];
    let mut child = start(&run_dir, "laptop", &more);
    assert!(wait(&mut child, || metrics(&run_dir).len() >= 12), "it ended before it was asked");
    // One rank stands still; the other cannot finish its step.
    let mut started = events(&run_dir).into_iter().filter(|event| event["event"] == "rank-started");
    let process = started.next_back().unwrap()["process"].as_i64().unwrap();
    // SAFETY: the process is a rank of the run that this test has started.
    unsafe { libc::kill(process as i32, libc::SIGSTOP) };
    std::fs::write(run_dir.join("stop"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("was asked to stop and has not saved within 1 s"), "{said}");
}

/// Kill −9 while a checkpoint is being written: the one before is there, and the end is the same.
#[test]
fn kill_nine_during_a_write_leaves_no_trace() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sets = ["--set", "checkpoint.every=1"];
    must(run(&fixture("tiny.toml"), undisturbed.path(), "one-process", &sets));
    let mut torn = 0;
    for _ in 0..12 {
        let mut child =
            run(&fixture("tiny.toml"), killed.path(), "one-process", &sets).spawn().unwrap();
        let before = there(killed.path());
        let is_writing = || {
            let now = there(killed.path());
            now.iter().any(|name| name.ends_with(".tmp")) && now != before
        };
        if !wait(&mut child, is_writing) {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        torn += usize::from(there(killed.path()).iter().any(|name| name.ends_with(".tmp")));
    }
    println!("{torn} checkpoints were torn");
    must(run(&fixture("tiny.toml"), killed.path(), "one-process", &sets));
    assert!(
        there(killed.path()).iter().all(|name| !name.contains('.')),
        "{:?}",
        there(killed.path())
    );
    assert_eq!(losses(undisturbed.path()), losses(killed.path()));
    assert!(checkpoints(undisturbed.path()) == checkpoints(killed.path()));
    let skipped =
        events(killed.path()).iter().filter(|it| it["event"] == "checkpoint-skipped").count();
    assert_eq!(skipped, 0, "what is half-written is never taken for a checkpoint");
}

/// Two ranks under ZeRO-1 begin; one and three go on, in the middle of a phase.
#[test]
fn a_sharded_state_goes_on_in_any_world() {
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed");
    let two = sharded(folder.path(), 2);
    let sets = ["--set", "checkpoint.every=1", "--set", "checkpoint.keep=99"];
    must(run(&fixture("tiny.toml"), &undisturbed, &two, &sets));
    let expected = losses(&undisturbed);
    assert_eq!(expected.len(), 16);
    let states = |name: &str, run_dir: &Path| {
        let entries = std::fs::read_dir(run_dir.join("checkpoints").join(name)).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("optimizer-")).count()
    };
    assert_eq!(states("alignment-000002", &undisturbed), 2);
    for ranks in [1, 3] {
        let run_dir = folder.path().join(format!("on-{ranks}"));
        copy(&undisturbed, &run_dir);
        // As if it had been killed after the second step of the second phase.
        for name in there(&run_dir) {
            let earlier = name.starts_with("schema") || name.as_str() <= "alignment-000002";
            if !earlier {
                std::fs::remove_dir_all(run_dir.join("checkpoints").join(name)).unwrap();
            }
        }
        std::fs::remove_dir_all(run_dir.join("predictions")).unwrap();
        let cluster = sharded(folder.path(), ranks);
        let output = must(run(&fixture("tiny.toml"), &run_dir, &cluster, &sets));
        let said = stderr(&output);
        assert!(said.contains("continuing in phase `alignment` after step 2"), "{said}");
        let found = losses(&run_dir);
        assert_eq!(found.len(), expected.len());
        for (step, (a, b)) in expected.iter().zip(&found).enumerate() {
            assert!((a - b).abs() <= 1e-6 * a.abs(), "step {}, {ranks} ranks: {a}, {b}", step + 1);
        }
        assert_eq!(states("instruction-000007", &run_dir), ranks);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A damaged file of the weights is every later checkpoint's of the phase: the one before the phase is left.
#[test]
fn a_damaged_file_that_checkpoints_share_is_found_in_each() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["--set", "checkpoint.every=1", "--set", "checkpoint.keep=9"];
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let expected = checkpoints(folder.path());
    let shared = folder.path().join("checkpoints/instruction-000003/model.safetensors");
    let mut bytes = std::fs::read(&shared).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    // In place, as a failing disk would.
    std::fs::write(&shared, bytes).unwrap();
    let output = must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let said = stderr(&output);
    assert_eq!(said.matches("`model.safetensors` changed after").count(), 7, "{said}");
    assert!(said.contains("continuing in phase `alignment` after step 5"), "{said}");
    assert!(expected == checkpoints(folder.path()));
}

#[test]
fn a_run_without_room_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(folder.path(), 16 << 10) else { return };
    // The shards have room; four checkpoints of three million weights have none.
    let sets = ["--set", "checkpoint.every=1", "--set", "model.hidden_size=512"];
    let output = run(&fixture("tiny.toml"), folder.path(), "one-process", &sets).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("are needed") && said.contains("are free"), "{said}");
    assert!(said.contains("[checkpoint] keep"), "{said}");
    assert!(metrics(folder.path()).is_empty(), "no step is done for nothing");
}

/// Somebody else fills the disk while the run goes on.
#[test]
fn a_disk_that_fills_leaves_the_older_checkpoint() {
    let (undisturbed, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sets = ["--set", "checkpoint.every=2"];
    let Some(_disk) = SmallDisk::mount(folder.path(), 32 << 10) else { return };
    must(run(&fixture("tiny.toml"), undisturbed.path(), "one-process", &sets));
    let mut child =
        run(&fixture("tiny.toml"), folder.path(), "one-process", &sets).spawn().unwrap();
    let ballast = folder.path().join("ballast");
    assert!(wait(&mut child, || !written(folder.path()).is_empty()), "it ended before its time");
    // As much as there is.
    let block = vec![0; 1 << 16];
    let mut file = std::fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    if output.status.success() {
        // The last checkpoint was faster than the ballast.
        return;
    }
    assert_eq!(output.status.code(), Some(75), "{said}");
    let reasons = ["No space left on device", "no room for"];
    assert!(reasons.iter().any(|it| said.contains(it)), "{said}");
    assert!(!there(folder.path()).is_empty(), "the older checkpoint is gone");
    // Its blocks are free once nobody holds it open.
    drop(file);
    std::fs::remove_file(ballast).unwrap();
    let output = must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    assert!(!stderr(&output).contains("a checkpoint is left out"), "{}", stderr(&output));
    assert!(checkpoints(undisturbed.path()) == checkpoints(folder.path()));
}

/// Evaluation, cadence and retention may change between two starts; what is learned may not.
#[test]
fn another_cadence_continues_the_run() {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &[]));
    let sets = ["--set", "checkpoint.every=5", "--set", "guard.most=3", "--set", "run.name=other"];
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    let sets = ["--set", "optimizer.beta2=0.9"];
    let output = run(&fixture("tiny.toml"), folder.path(), "one-process", &sets).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("optimizer.beta2 = 0.999 there, 0.9 in"), "{said}");
    assert!(said.contains("--run-dir"), "{said}");
}
