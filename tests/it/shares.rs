//! Several programs prepare one run directory.

use crate::program::{fixture, knowcoder, must, stderr};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn prepare(run_dir: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["data", "prepare"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir).args(more);
    command
}

/// Shards and manifests of all phases.
fn shards(run_dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for phase in std::fs::read_dir(run_dir.join("prepared")).unwrap() {
        for file in std::fs::read_dir(phase.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name = file.strip_prefix(run_dir).unwrap().display().to_string();
            if !name.contains("/part-") {
                found.insert(name, std::fs::read(file).unwrap());
            }
        }
    }
    found
}

#[test]
fn three_programs_at_one_time_make_what_one_makes() {
    let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    must(prepare(one.path(), &[]));
    let shares = ["1/3", "2/3", "3/3"]
        .map(|share| prepare(three.path(), &["--share", share, "--json"]).spawn().unwrap());
    for share in shares {
        let output = share.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["phases"].as_array().unwrap().len(), 3);
    }
    assert!(shards(one.path()) == shards(three.path()));
    assert!(shards(one.path()).keys().any(|name| name.ends_with("manifest.json")));
    // The whole finds that there is nothing to do.
    must(prepare(three.path(), &[]));
    assert!(shards(one.path()) == shards(three.path()));
}

#[test]
fn a_share_says_what_is_missing_and_takes_no_other_recipe() {
    let dir = tempfile::tempdir().unwrap();
    let output = must(prepare(dir.path(), &["--share", "2/2"]));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("instruction: share 2/2 is done; not yet done: 1"), "{said}");
    let other = prepare(dir.path(), &["--share", "1/2", "--set", "run.seed=6"]).output().unwrap();
    assert_eq!(other.status.code(), Some(64), "{}", stderr(&other));
    assert!(
        stderr(&other).contains("holds a run of another recipe: run.seed"),
        "{}",
        stderr(&other)
    );
    assert!(!said.contains("neg./pos."), "{said}");
    let output = must(prepare(dir.path(), &["--share", "1/2"]));
    // The last share tells what came of all.
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("neg./pos."), "{said}");
    assert!(shards(dir.path()).keys().any(|name| name.ends_with("manifest.json")));
}

#[test]
fn what_changed_is_named_when_shards_are_made_again() {
    let dir = tempfile::tempdir().unwrap();
    must(prepare(dir.path(), &[]));
    let shards = std::fs::read_dir(dir.path().join("prepared/2-instruction")).unwrap();
    let shard = shards
        .map(|entry| entry.unwrap().path())
        .find(|it| it.to_string_lossy().ends_with(".parquet"));
    std::fs::write(shard.unwrap(), "torn").unwrap();
    let said = stderr(&must(prepare(dir.path(), &[])));
    assert!(said.contains("the shards of phase `instruction` are made again: a file of theirs is not what they say: "), "{said}");
}
