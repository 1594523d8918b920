//! Bad input: one sentence with file, line and the way out, the documented exit code, and nothing
//! half-written that a later run would trust.

use crate::program::{fixture, must, root, run, stderr};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A copy of the tiny recipe with `from` replaced by `to`.
fn recipe(folder: &Path, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(fixture("tiny.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    let datasets = root().join("configs/datasets").canonicalize().unwrap();
    let text =
        text.replace("../../configs/datasets", &datasets.display().to_string()).replace(from, to);
    let path = folder.join("recipe.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Runs a changed recipe and holds exit code and sentence against what is expected.
fn refused(from: &str, to: &str, code: i32, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path(), from, to);
    let output = run(&recipe, &folder.path().join("run"), "one-process", &[]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in expected {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn a_misspelt_key_is_named_with_its_place_and_the_nearest_one() {
    refused(
        "learning_rate",
        "learning_rat",
        64,
        &["recipe.toml:34:1", "learning_rat", "did you mean `learning_rate`"],
    );
}

#[test]
fn what_cannot_be_is_refused() {
    refused("samples = 12", "samples = 0", 64, &["batch.samples is 0"]);
    refused(
        "quickstart-en:test-frames\"]\nsteps = 4",
        "no-such-set\"]\nsteps = 4",
        64,
        &["no-such-set"],
    );
    refused(
        "preset = \"baichuan2-tiny\"",
        "preset = \"baichuan3\"",
        64,
        &["baichuan3", "baichuan2-tiny"],
    );
    refused("heads = 4", "heads = 5", 64, &["32", "5 heads"]);
    refused(
        "max_new_tokens = 8",
        "max_new_tokens = 8\nconstrained = \"often\"",
        64,
        &["constrained", "often", "both"],
    );
}

#[test]
fn a_recipe_that_is_not_there() {
    let output =
        run(Path::new("no/such.toml"), Path::new("nowhere"), "one-process", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("no/such.toml"));
}

#[test]
fn a_shard_that_changed_after_its_manifest_is_made_again_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    let prepared = run_dir.join("prepared/2-instruction");
    let shard = std::fs::read_dir(&prepared)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .unwrap();
    let original = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &original[..original.len() - 5]).unwrap();
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    assert!(std::fs::read(&shard).unwrap() == original);
}

#[test]
fn a_checkpoint_that_changed_is_skipped_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    let file = run_dir.join("checkpoints/instruction-000007/adapter_model.safetensors");
    let original = std::fs::read(&file).unwrap();
    std::fs::write(&file, &original[1..]).unwrap();
    let output = must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    assert!(
        stderr(&output).contains("changed after the checkpoint was written"),
        "{}",
        stderr(&output)
    );
    assert!(
        std::fs::read(&file).unwrap() == original,
        "the step before it leads to the same bytes"
    );
}

#[test]
fn a_checkpoint_of_another_template_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    let manifest = run_dir.join("checkpoints/instruction-000007/checkpoint.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let field = text.lines().find(|line| line.contains("\"template\"")).unwrap();
    let text = text.replace(field, "  \"template\": \"another\",");
    // As if a program with another template had written it: with a seal that fits.
    let seal = text.lines().find(|line| line.contains("\"seal\"")).unwrap();
    let seal = seal.split('"').nth(3).unwrap();
    let hash = Sha256::digest(text.replace(seal, "").as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(&manifest, text.replace(seal, &hash)).unwrap();
    let output = run(&fixture("tiny.toml"), &run_dir, "one-process", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(stderr(&output).contains("was trained with template another"), "{}", stderr(&output));
}

#[test]
fn a_spoilt_event_log_costs_a_finished_run_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    let events = run_dir.join("events.jsonl");
    let text = std::fs::read_to_string(&events).unwrap();
    std::fs::write(&events, format!("spoilt\n{text}")).unwrap();
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    let report = std::fs::read_to_string(run_dir.join("report.html")).unwrap();
    assert!(report.contains("line 1 of events.jsonl cannot be read"));
}

#[test]
fn answers_that_somebody_changed_are_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "laptop", &[]));
    let answers = std::fs::read_dir(run_dir.join("predictions/final")).unwrap();
    let file = answers
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .unwrap();
    let original = std::fs::read(&file).unwrap();
    std::fs::write(&file, &original[..original.len() / 2]).unwrap();
    must(run(&fixture("tiny.toml"), &run_dir, "laptop", &[]));
    assert!(std::fs::read(&file).unwrap() == original);
}

#[test]
fn a_mistake_is_found_before_training_and_does_not_lock_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    for (set, said) in [
        ("evaluation.benchmarks=[\"nope\"]", "no data set `nope` is declared"),
        ("evaluation.benchmarks=[\"quickstart-en:nope\"]", "no split `nope`"),
        ("phase.0.datasets=[\"nope\"]", "no data set `nope` is declared"),
        ("model.hidden_size=33", "does not divide into"),
        ("run.device=gpu", "is not in this build"),
    ] {
        let output =
            run(&fixture("tiny.toml"), &run_dir, "one-process", &["--set", set]).output().unwrap();
        assert!([64, 69].contains(&output.status.code().unwrap()), "{set}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{set}: {}", stderr(&output));
        assert!(!run_dir.exists(), "{set}");
    }
    // What is wrong with the rows is found while they are prepared; nothing was learned yet.
    let short = ["--set", "batch.max_length=12"];
    let output = run(&fixture("tiny.toml"), &run_dir, "one-process", &short).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
}
