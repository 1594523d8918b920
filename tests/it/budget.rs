//! What a run may hold: chosen once, measured, refused where it cannot be.

use crate::program::{cluster, fixture, knowcoder, metrics, must, run, stderr};
use serde_json::Value;
use std::path::Path;

fn memory(run_dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run_dir.join("memory.json")).unwrap();
    let plan: Value = serde_json::from_str(&text).unwrap();
    plan["phases"].as_array().unwrap().clone()
}

/// Two ranks in so many GiB.
fn with_budget(run_dir: &Path, gib: &str, sets: &[&str]) -> std::process::Command {
    let budget = format!("memory.budget_gib={gib}");
    let mut arguments = vec!["--set", &budget];
    for set in sets {
        arguments.extend(["--set", set]);
    }
    run(&fixture("tiny.toml"), run_dir, "laptop", &arguments)
}

#[test]
fn what_was_planned_is_kept_measured_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let auto = ["batch.micro_tokens=auto"];
    must(with_budget(folder.path(), "4", &auto));
    let phases = memory(folder.path());
    assert_eq!(phases.len(), 3);
    for phase in &phases {
        assert_eq!((&phase["micro_tokens"], &phase["recompute"]), (&8192.into(), &0.into()));
        let of = |key: &str| phase["predicted"][key].as_u64().unwrap();
        let parts = ["weights", "gradients", "states", "activations", "logits", "work"];
        let rest = ["exchange", "data", "program"];
        let sum: u64 = parts.into_iter().chain(rest).map(of).sum();
        assert_eq!(sum, of("total"), "{phase}");
        assert!(phase["measured_peak"].as_u64().unwrap() > of("weights"), "{phase}");
    }
    for line in metrics(folder.path()) {
        assert!(line["flops"].as_f64().unwrap() > 1e6, "{line}");
        assert!(line["memory_bytes"].as_u64().unwrap() > 1 << 20, "{line}");
    }
    let events = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
    assert_eq!(events.matches(r#""event":"memory""#).count(), 3);
    // The run has learned something: a smaller budget changes no number, and says so.
    let again = must(with_budget(folder.path(), "0.0625", &auto));
    assert!(stderr(&again).contains("the numbers stay"), "{}", stderr(&again));
    assert_eq!(memory(folder.path())[0]["micro_tokens"], 8192);
    let mut plan = knowcoder(&["plan"]);
    plan.arg(fixture("tiny.toml")).arg("--run-dir").arg(folder.path());
    plan.arg("--cluster").arg(cluster("laptop")).args(["--set", "batch.micro_tokens=auto"]);
    let told = String::from_utf8(must(plan).stdout).unwrap();
    assert!(told.contains("  measured     "), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
}

#[test]
fn what_cannot_fit_is_refused_before_any_rank_starts() {
    let folder = tempfile::tempdir().unwrap();
    // The program alone is more.
    let output = with_budget(folder.path(), "0.03", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("a rank may use 30.7 MiB (memory.budget_gib)"), "{said}");
    assert!(!folder.path().join("memory.json").exists());
    assert!(metrics(folder.path()).is_empty());
    // With room for it the same run directory is good.
    must(with_budget(folder.path(), "1", &[]));
}

#[test]
fn the_worst_first_changes_nothing() {
    let losses = |worst_first: &str| -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let set = format!("memory.worst_first={worst_first}");
        let more = ["--set", set.as_str(), "--set", "lora.dropout=0.1"];
        must(run(&fixture("tiny.toml"), folder.path(), "one-process", &more));
        metrics(folder.path()).iter().map(|line| line["loss"].to_string()).collect()
    };
    let (with, without) = (losses("true"), losses("false"));
    assert_eq!(with.len(), 16);
    assert_eq!(with, without);
}
