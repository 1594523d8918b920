//! Leaks are shown, refused, removed or waived.

use crate::program::{fixture, knowcoder, must, root, run, stderr};

#[test]
fn a_leak_is_refused_until_the_recipe_says_what_becomes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let refused = run(&fixture("tiny.toml"), &run_dir, "one-process", &["--set", "audit.waive=[]"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(65), "{}", stderr(&refused));
    let said = stderr(&refused);
    assert!(said.contains("180 of the 180 sentences of the benchmark `quickstart-en:test-frames` are trained on in `quickstart-en:test-frames`"), "{said}");
    assert!(said.contains("waive = ["), "{said}");
}

#[test]
fn sentences_of_a_benchmark_are_left_out_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    // What one split teaches of the other: its near copies.
    let sets = [
        "--set",
        "audit={ remove = true }",
        "--set",
        "phase.2.datasets=[\"quickstart-en:test-frames\", \"quickstart-en:test-names\"]",
        "--set",
        "phase.0.datasets=[\"quickstart-en:test-names\"]",
        "--set",
        "phase.1.datasets=[\"quickstart-parallel:test-names\"]",
    ];
    let output = must(run(&fixture("tiny.toml"), &run_dir, "one-process", &sets));
    let said = stderr(&output);
    assert!(
        said.contains("instruction: 180 sentence(s) of quickstart-en:test-frames are in a benchmark and are left out"),
        "{said}"
    );
}

#[test]
fn the_audit_shows_what_is_waived_too() {
    let recipe = root().join("configs/quickstart.toml");
    let audit = |more: &[&str]| {
        let arguments = [&["data", "audit", recipe.to_str().unwrap()][..], more].concat();
        knowcoder(&arguments).output().unwrap()
    };
    let waived = audit(&[]);
    assert_eq!(waived.status.code(), Some(0));
    let table = String::from_utf8(waived.stdout).unwrap();
    assert!(table.contains("quickstart-en:test-names in quickstart-en:train"), "{table}");
    assert!(table.contains("no leak that is not waived"), "{table}");
    let open = audit(&["--set", "audit.waive=[]", "--json"]);
    assert_eq!(open.status.code(), Some(65));
    let document: serde_json::Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!(document["leaks"].as_array().unwrap().len(), 10);
    let wrong = audit(&["--set", "audit.waive=[\"nonsense\"]"]);
    assert_eq!(wrong.status.code(), Some(64));
}
