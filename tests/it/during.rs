//! F1 while a phase trains: its lines, what it leaves alone, and phases that it ends.

use crate::program::{checkpoints, fixture, metrics, must, run, stderr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// The lines of a file of JSON.
fn lines(run_dir: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events(run_dir: &Path, name: &str) -> Vec<Value> {
    lines(run_dir, "events.jsonl").into_iter().filter(|event| event["event"] == name).collect()
}

/// Phases and steps that were evaluated.
fn evaluated(rows: &[Value]) -> BTreeSet<(String, u64)> {
    rows.iter()
        .map(|row| (row["phase"].as_str().unwrap().to_owned(), row["step"].as_u64().unwrap()))
        .collect()
}

const DURING: [&str; 4] =
    ["--set", "evaluation.during.every=2", "--set", "evaluation.during.limit=3"];

#[test]
fn evaluations_are_kept_and_change_no_weight() {
    let (plain, evaluating) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    must(run(&fixture("tiny.toml"), plain.path(), "one-process", &[]));
    must(run(&fixture("tiny.toml"), evaluating.path(), "laptop", &DURING));
    let rows = lines(evaluating.path(), "evaluations.jsonl");
    let expected = [
        ("alignment", vec![2, 4, 5]),
        ("instruction", vec![2, 4, 6, 7]),
        ("schema-understanding", vec![2, 4]),
    ];
    let expected: BTreeSet<(String, u64)> = expected
        .into_iter()
        .flat_map(|(phase, steps)| steps.into_iter().map(|step| (phase.to_owned(), step)))
        .collect();
    assert_eq!(evaluated(&rows), expected);
    for row in &rows {
        assert_eq!(row["protocol"], "set", "{row}");
        assert!(row["gold"].as_u64().unwrap() > 0, "{row}");
        let percent = |name: &str| row[name].as_f64().unwrap();
        assert!(
            ["f1", "precision", "recall"].iter().all(|it| (0.0..=100.0).contains(&percent(it)))
        );
        assert!(["en", "zh"].contains(&row["language"].as_str().unwrap()), "{row}");
    }
    // What is asked is the same each time.
    let asked = |step: u64| -> Vec<(Value, Value, Value)> {
        let at = |row: &&Value| row["phase"] == "instruction" && row["step"] == step;
        let of = |row: &Value| (row["dataset"].clone(), row["task"].clone(), row["gold"].clone());
        rows.iter().filter(at).map(of).collect()
    };
    assert!(!asked(2).is_empty() && asked(2) == asked(4) && asked(4) == asked(7));
    let told = events(evaluating.path(), "evaluation");
    assert_eq!(told.len(), expected.len());
    assert!(told.iter().all(|event| event["f1"].is_object()), "{told:?}");
    // The same world once more, without: bit for bit.
    let again = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), again.path(), "laptop", &[]));
    assert!(checkpoints(again.path()) == checkpoints(evaluating.path()));
    assert!(!again.path().join("evaluations.jsonl").exists());
    assert_eq!(metrics(plain.path()).len(), metrics(evaluating.path()).len());
}

#[test]
fn an_evaluation_that_was_cut_off_is_done_again() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    must(run(&fixture("tiny.toml"), undisturbed.path(), "one-process", &DURING));
    for steps in [2, 8] {
        let command = &mut run(&fixture("tiny.toml"), killed.path(), "one-process", &DURING);
        let mut child = command.spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(300);
        // Right behind a step that is evaluated: most likely in the middle of it.
        while metrics(killed.path()).len() < steps && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "no {steps} steps in five minutes");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    must(run(&fixture("tiny.toml"), killed.path(), "one-process", &DURING));
    let rows = |run_dir: &Path| lines(run_dir, "evaluations.jsonl");
    assert_eq!(rows(undisturbed.path()), rows(killed.path()));
    assert!(checkpoints(undisturbed.path()) == checkpoints(killed.path()));
}

#[test]
fn a_hopeless_phase_ends_early_on_every_rank() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "--set",
        "evaluation.during.every=1",
        "--set",
        "evaluation.during.limit=2",
        "--set",
        "evaluation.during.patience=1",
        "--set",
        // Too short for any object: F1 stays 0.
        "evaluation.max_new_tokens=1",
    ];
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &sets));
    let steps: Vec<(String, u64)> = metrics(folder.path())
        .iter()
        .map(|line| (line["phase"].as_str().unwrap().to_owned(), line["step"].as_u64().unwrap()))
        .collect();
    let phases = ["schema-understanding", "alignment", "instruction"];
    let expected: Vec<(String, u64)> =
        phases.iter().flat_map(|phase| [1, 2].map(|step| ((*phase).to_owned(), step))).collect();
    assert_eq!(steps, expected);
    let ended = events(folder.path(), "early-stop");
    assert_eq!(ended.len(), 3, "{ended:?}");
    for event in &ended {
        let found = ["step", "best", "weights"].map(|name| event[name].as_u64().unwrap());
        assert_eq!(found, [2, 1, 2], "{event}");
    }
    assert!(folder.path().join("scores.json").exists());
    // Done is done.
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &sets));
    assert_eq!(metrics(folder.path()).len(), 6);
    // How long it waits is a part of what is learned.
    let other = [&sets[..4], &["--set", "evaluation.during.patience=2"], &sets[6..]].concat();
    let output = run(&fixture("tiny.toml"), folder.path(), "laptop", &other).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
}

#[test]
fn a_phase_that_ends_early_goes_back_to_its_best_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "evaluation.during.every=1",
        "evaluation.during.limit=2",
        "evaluation.during.patience=2",
        "evaluation.max_new_tokens=1",
        "checkpoint.every=1",
        "checkpoint.keep=3",
        "checkpoint.keep_best=1",
    ];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
    must(run(&fixture("tiny.toml"), folder.path(), "one-process", &sets));
    // All are equally bad: the first is the best.
    let ended = events(folder.path(), "early-stop");
    assert_eq!(ended.len(), 3, "{ended:?}");
    for event in &ended {
        let found = ["step", "best", "weights"].map(|name| event[name].as_u64().unwrap());
        assert_eq!(found, [3, 1, 1], "{event}");
    }
    let files = checkpoints(folder.path());
    let weights = |step: usize| {
        let name = format!("checkpoints/schema-understanding-{step:06}/model.safetensors");
        files.get(&name).unwrap_or_else(|| panic!("no {name} in {:?}", files.keys()))
    };
    assert!(weights(3) == weights(1) && weights(2) != weights(1));
}

#[test]
fn the_best_cannot_be_kept_without_evaluations() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["--set", "checkpoint.keep_best=1"];
    let output = run(&fixture("tiny.toml"), folder.path(), "laptop", &sets).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("no F1 says which is best"), "{}", stderr(&output));
}
