//! Law 3: a run that was killed and continued is the run that was not.

use crate::program::{checkpoints, fixture, metrics, must, run, stderr};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

/// Waits until `steps` lines of metrics are there, or the process has ended.
fn wait_for_steps(child: &mut Child, run_dir: &Path, steps: usize) {
    let patience = Instant::now() + Duration::from_secs(300);
    while metrics(run_dir).len() < steps {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        assert!(Instant::now() < patience, "no {steps} steps in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Three steps that differ from run to run of the tests.
fn random_steps() -> [usize; 3] {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as usize;
    [1 + now % 5, 6 + now / 7 % 4, 10 + now / 31 % 5]
}

#[test]
fn kill_nine_at_three_random_steps_leaves_no_trace() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    must(run(&fixture("tiny.toml"), undisturbed.path(), "laptop", &[]));
    let steps = random_steps();
    println!("killed at steps {steps:?}");
    for step in steps {
        let mut child = run(&fixture("tiny.toml"), killed.path(), "laptop", &[]).spawn().unwrap();
        wait_for_steps(&mut child, killed.path(), step);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    must(run(&fixture("tiny.toml"), killed.path(), "laptop", &[]));
    let loss = |run_dir: &Path| -> Vec<f64> {
        metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
    };
    assert_eq!(loss(undisturbed.path()), loss(killed.path()));
    let (expected, found) = (checkpoints(undisturbed.path()), checkpoints(killed.path()));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "`{name}` differs");
    }
}

#[test]
fn ctrl_c_stops_with_a_checkpoint_and_the_same_command_continues() {
    let (undisturbed, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    must(run(&fixture("tiny.toml"), undisturbed.path(), "laptop", &[]));
    let mut child = run(&fixture("tiny.toml"), stopped.path(), "laptop", &[]).spawn().unwrap();
    wait_for_steps(&mut child, stopped.path(), 2);
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    // A fast run may have ended before it heard.
    assert!([0, 76].contains(&output.status.code().unwrap()), "{}", stderr(&output));
    must(run(&fixture("tiny.toml"), stopped.path(), "laptop", &[]));
    let last = |run_dir: &Path| {
        let files = checkpoints(run_dir);
        files
            .into_iter()
            .filter(|(name, _)| name.contains("instruction-000007"))
            .collect::<Vec<_>>()
    };
    assert_eq!(last(undisturbed.path()).len(), 3);
    assert!(last(undisturbed.path()) == last(stopped.path()));
}

#[test]
fn ctrl_c_ends_an_evaluation_and_what_is_answered_stays() {
    let folder = tempfile::tempdir().unwrap();
    // A short set, then one that takes far longer than it takes to disturb it.
    let short = "{ dataset = \"quickstart-en:test-frames\", limit = 1 }";
    let long = format!("evaluation.benchmarks=[{short}, \"quickstart-zh:train\"]");
    // What is nearly the same is of no interest here.
    let sets = ["--set", &long, "--set", "audit.threshold=1.0"];
    let mut child = run(&fixture("tiny.toml"), folder.path(), "laptop", &sets).spawn().unwrap();
    let first = folder.path().join("predictions/final/quickstart-en-en.jsonl");
    let patience = Instant::now() + Duration::from_secs(300);
    while !first.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the first answers");
        assert!(Instant::now() < patience, "no answers in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    assert!(!folder.path().join("scores.json").exists());
    let written = std::fs::metadata(&first).unwrap().modified().unwrap();
    let rest = format!(
        "evaluation.benchmarks=[{short}, {{ dataset = \"quickstart-zh:train\", limit = 1 }}]"
    );
    let sets = ["--set", &rest, "--set", "audit.threshold=1.0"];
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &sets));
    assert_eq!(std::fs::metadata(&first).unwrap().modified().unwrap(), written);
    assert!(folder.path().join("scores.json").exists());
}

#[test]
fn a_changed_recipe_does_not_continue_another_run() {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &[]));
    let output = run(&fixture("tiny.toml"), folder.path(), "one-process", &["--set", "run.seed=6"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("run.seed = 5"), "{}", stderr(&output));
}
