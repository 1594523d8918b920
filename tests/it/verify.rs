//! Law 1, asked of a user's own recipe: `plan --verify-gradients`, and the same before a run.

use crate::program::{fixture, knowcoder, must, run, stderr};
use serde_json::Value;
use std::path::Path;

fn plan(run_dir: &Path, extent: &str) -> std::process::Output {
    let recipe = fixture("tiny.toml");
    let mut command = knowcoder(&["plan", "--json", extent, "--run-dir"]);
    command.arg(run_dir).arg(recipe).output().unwrap()
}

#[test]
fn the_splits_of_a_recipe_agree() {
    let folder = tempfile::tempdir().unwrap();
    let refused = plan(folder.path(), "--verify-gradients");
    assert_eq!(refused.status.code(), Some(64));
    assert!(stderr(&refused).contains("not prepared"), "{}", stderr(&refused));
    let mut prepare = knowcoder(&["data", "prepare"]);
    prepare.arg(fixture("tiny.toml")).arg("--run-dir").arg(folder.path());
    must(prepare);
    let output = plan(folder.path(), "--verify-gradients");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verification = &document["verification"];
    assert_eq!(verification["passed"], true);
    let phases = verification["phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert_eq!(names, ["schema-understanding", "alignment", "instruction"]);
    for phase in phases {
        assert!(phase["left_out"].as_array().unwrap().is_empty(), "{phase}");
        let splits = phase["splits"].as_array().unwrap();
        assert!(splits.len() >= 11, "{phase}");
        for ranks in [1, 2, 4] {
            assert!(splits.iter().any(|split| split["ranks"] == ranks), "{phase}");
        }
        for split in &splits[1..] {
            assert!(split["weight_error"].as_f64().unwrap() <= 1e-5, "{split}");
            assert!(split["loss"].as_f64().unwrap() > 0.0, "{split}");
        }
    }
    // A recipe of 16 steps is shorter than its verification.
    let short = plan(folder.path(), "--verify-gradients=short");
    let document: Value = serde_json::from_slice(&short.stdout).unwrap();
    assert_eq!(document["verification"]["compared"], 0);
}

#[test]
fn a_run_verifies_once_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let events = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|event| event["event"] == name).collect()
    };
    let sets = ["--set", "run.verify=true"];
    for _ in 0..2 {
        must(run(&fixture("tiny.toml"), folder.path(), "laptop", &sets));
        let verified = events("verified");
        assert_eq!(verified.len(), 1, "{verified:?}");
        assert!(verified[0]["compared"].as_u64().unwrap() >= 9, "{verified:?}");
    }
    // By itself it does so for long runs only, and whether it did changes nothing that is learned.
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &[]));
    assert_eq!(events("verified").len(), 1);
    let other = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), other.path(), "laptop", &[]));
    let text = std::fs::read_to_string(other.path().join("events.jsonl")).unwrap();
    assert!(!text.contains("\"verified\""));
}
