//! A floor answers a benchmark, and a table of a paper is filled with what its receipts prove.

use crate::program::{knowcoder, must, root, stderr};
use serde_json::Value;
use std::path::Path;

const TABLE: &str = r#"
title = "Names of the quick start"

[[cell]]
column = "new names"
dataset = "quickstart-en:test-names"
language = "en"
task = "ner"

[[cell]]
column = "new frames"
dataset = "quickstart-en:test-frames"
language = "en"
task = "ner"

[[average]]
column = "both"
of = ["new names", "new frames"]

[[published]]
method = "nobody"
source = "this test"
protocol = "iepile"
values = { "new names" = 1.5 }
"#;

/// `report --table quickstart` on run directories, with more arguments.
fn table(configs: &Path, runs: &[&Path], more: &[&str]) -> String {
    let mut command = knowcoder(&["report", "--table", "quickstart", "--configs"]);
    command.arg(configs).args(runs).args(more);
    String::from_utf8(must(command).stdout).unwrap()
}

#[test]
fn a_table_has_what_receipts_prove_and_says_not_run_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let configs = folder.path().join("configs");
    std::fs::create_dir_all(configs.join("benchmarks")).unwrap();
    std::fs::write(configs.join("benchmarks/quickstart.toml"), TABLE).unwrap();
    let baseline = |method: &str, name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let mut command = knowcoder(&["baseline", "--method", method, "--task", "ner"]);
        command
            .args(["--train", "quickstart-en:train", "--configs"])
            .arg(root().join("configs"))
            .arg("--out")
            .arg(&out)
            .args(more);
        (command, out)
    };
    let (command, list) =
        baseline("gazetteer", "list", &["--benchmark", "quickstart-en:test-names"]);
    must(command);
    let sets = ["--benchmark", "quickstart-en:test-names", "quickstart-en:test-frames"];
    let limit = ["--limit", "10"];
    let (command, capitals) = baseline("capitals", "capitals", &[&sets[..], &limit[..]].concat());
    must(command);

    let shown = table(&configs, &[&list, &capitals], &[]);
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("list").contains("not run"), "{shown}");
    assert_eq!(line("capitals").matches('*').count(), 3, "{shown}");
    assert!(shown.contains("only the first 10 sentences were asked"), "{shown}");
    assert!(shown.contains("scorer `iepile`, ours is `set`"), "{shown}");

    let json: Value = serde_json::from_str(&table(&configs, &[&list], &["--json"])).unwrap();
    let entries = &json["rows"][1]["entries"];
    assert!(entries[0]["interval"].is_array(), "{json}");
    assert_eq!(
        (&entries[1]["status"], &entries[2]["status"]),
        (&"not-run".into(), &"incomplete".into())
    );
    let markdown = table(&configs, &[&list], &["--markdown"]);
    assert!(markdown.contains("| nobody [1] | 1.5 |"), "{markdown}");

    // What was changed since is not what was asked.
    let file = list.join("predictions/final/quickstart-en-test-names-en.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    let shown = table(&configs, &[&list], &[]);
    assert!(shown.contains("not counted:"), "{shown}");
}

#[test]
fn every_declared_table_is_printed_and_unknown_ones_are_explained() {
    let configs = root().join("configs");
    let mut command = knowcoder(&["report", "--table", "list", "--json", "--configs"]);
    command.arg(&configs);
    let list: Value = serde_json::from_slice(&must(command).stdout).unwrap();
    let names: Vec<&str> =
        list["tables"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"multiconer22"), "{names:?}");
    for name in names {
        let mut command = knowcoder(&["report", "--table", name, "--configs"]);
        command.arg(&configs);
        let shown = String::from_utf8(must(command).stdout).unwrap();
        assert!(shown.contains("[1]"), "{name}: {shown}");
    }
    let mut command = knowcoder(&["report", "--table", "multiconer2", "--configs"]);
    command.arg(&configs);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("did you mean `multiconer22`?"), "{}", stderr(&output));
}
