//! What the program says to wrong commands: one sentence, the way out, the documented exit code.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in an empty folder.
fn knowcoder(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_knowcoder"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("KNOWCODER_DATA")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
}

/// The exit code and stderr of a command that must say nothing on stdout.
fn check(arguments: &[&str], files: &[(&str, &str)], code: i32, stderr: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let output = knowcoder(arguments, folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with(stderr), "{arguments:?}: {said}");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
}

#[test]
fn usage_errors_end_with_2() {
    check(&["run"], &[], 2, "error: the following required arguments were not provided");
    check(&["runn", "r.toml"], &[], 2, "error: unrecognized subcommand 'runn'");
    check(&["run", "r.toml", "--fast"], &[], 2, "error: unexpected argument '--fast' found");
    check(&["run", "r.toml", "--set", "a"], &[], 2, "error: invalid value 'a' for '--set");
    check(&["score", "x", "--protocol", "sett"], &[], 2, "error: invalid value 'sett'");
    check(&["sweep", "begin", "x"], &[], 2, "error: unrecognized subcommand 'begin'");
}

#[test]
fn wrong_cluster_files_are_explained() {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/quickstart.toml");
    let plan = ["plan", recipe, "--cluster", "c.toml"];
    check(&plan, &[], 64, "error: failed to read `c.toml`");
    check(
        &plan,
        &[("c.toml", "[cluster]\nbackend = \"local\"\nranks = 2\nthreads = 1\n")],
        64,
        "error: c.toml:4:1: unknown key `threads`",
    );
    check(
        &plan,
        &[("c.toml", "[cluster]\nbackend = \"slrum\"\nranks = 2\n")],
        64,
        "error: c.toml:2:11: unknown backend `slrum`; known are: local, ssh, slurm, kubernetes",
    );
}

#[test]
fn files_that_are_not_there_are_named() {
    check(&["run", "r.toml"], &[], 64, "error: r.toml: there is no such recipe");
    check(&["score", "p.jsonl"], &[], 64, "error: failed to read `p.jsonl`");
    check(&["report", "runs/x"], &[], 64, "error: `runs/x` is not the directory of a run");
    check(
        &["data", "inspect", "shards"],
        &[],
        64,
        "error: `shards` is no run, no folder of shards",
    );
    check(
        &["data", "validate", "cluner"],
        &[("configs/datasets/cluener.toml", "")],
        64,
        "error: there is no dataset `cluner` in `configs/datasets`\nhint: did you mean `cluener`?",
    );
    check(&["extract", "--checkpoint", "c", "--schema", "s.py", "x"], &[], 64, "error: ");
}

#[test]
fn absent_corpora_are_told_from_wrong_ones() {
    let folder = tempfile::tempdir().unwrap();
    let declaration = r#"
name = "x"
task = ["ner"]
language = "en"
licence = "none"
source = "here"
schema = "x.py"
reader = "json-stream"

[splits.train]
files = ["x.json"]
sentences = 2

[labels]
PER = "Person"
"#;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("x.toml", declaration);
    write("x.py", "class Person(Entity):\n\tpass\n");
    let validate = ["data", "validate", "x.toml", "--data-root", "."];
    let output = knowcoder(&validate, folder.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    write("x.json", "{\"text\": \"Ann\", \"label\": {\"PER\": {\"Ann\": [[0, 2]]}}}");
    let output = knowcoder(&validate, folder.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(65), "{said}");
    assert!(said.contains("WRONG  x:train  1 sentences  1 entities"), "{said}");
}

#[test]
fn stats_fit_80_columns() {
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs");
    let names = ["quickstart-en", "quickstart-zh", "quickstart-ner-en"];
    let stats = [&["data", "stats", "--configs", configs][..], &names].concat();
    let output = knowcoder(&stats, Path::new("."));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("\n\nquickstart-zh (zh)  "), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[test]
fn wrong_predictions_name_their_line() {
    let files = [("p.jsonl", "{\"id\": 1\n")];
    check(&["score", "p.jsonl"], &files, 65, "error: p.jsonl:1:");
}

#[test]
fn runs_on_other_sentences_are_not_compared() {
    let row = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"dataset\":\"d\",\"language\":\"en\",\"task\":\"ner\",\"sentence\":\"Ann\",\"gold\":\
             [{{\"type\":\"Person\",\"name\":\"Ann\"}}],\"predicted\":[]}}\n"
        )
    };
    let (one, other) = (row("1"), row("2"));
    let files = [("p.jsonl", one.as_str()), ("q.jsonl", other.as_str())];
    let expected =
        "error: predictions of two runs: `d` (en, ner) has the sentence `1` in the first run only;";
    check(&["score", "p.jsonl", "--against", "q.jsonl"], &files, 65, expected);
    check(
        &["score", "p.jsonl", "--protocol", "seqeval"],
        &files,
        65,
        "error: there is no score of `seqeval` for ner: gold without offsets cannot be tagged",
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.jsonl"), row("1")).unwrap();
    let arguments = ["score", "p.jsonl", "--against", "p.jsonl", "--panel", "--json"];
    let output = knowcoder(&arguments, folder.path());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["comparisons"].as_array().map(Vec::len), Some(8), "{document}");
    assert_eq!(document["absent"][0]["protocol"], "seqeval");
    assert_eq!(document["rows"][0]["invented"], 0);
}

#[test]
fn with_json_an_error_is_a_document_too() {
    let folder = tempfile::tempdir().unwrap();
    let output = knowcoder(&["score", "p.jsonl", "--json"], folder.path());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["exit_code"], 64);
    assert_eq!(output.status.code(), Some(64));
    assert!(!output.stderr.is_empty());
}

#[test]
fn help_lists_the_exit_codes_and_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let help = String::from_utf8(knowcoder(&["--help"], folder.path()).stdout).unwrap();
    for verb in ["run", "plan", "data", "evaluate", "score", "extract", "report"] {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}: {help}");
    }
    assert!(help.contains("Exit codes:"));
    assert!(!help.contains("worker"));
}
