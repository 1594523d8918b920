//! Objects out of texts, files, JSON Lines and streams.

use crate::program::{knowcoder, must, stderr};
use crate::serve::{checkpoint, schema};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Asks the tiny checkpoint; its answers are short, and of no interest.
fn extract(checkpoint: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["extract", "--max-new-tokens", "12"]);
    command.arg("--checkpoint").arg(checkpoint).arg("--schema").arg(schema()).args(more);
    command
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The answer to a text, by itself.
fn alone(checkpoint: &Path, text: &str) -> Value {
    lines(&must(extract(checkpoint, &[text])).stdout).remove(0)
}

fn with_stdin(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn texts_files_and_lines_are_answered_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let long = "Nora Webb lives in Bonn. ".repeat(200);
    std::fs::write(at("long.txt"), &long).unwrap();
    let rows = "{\"id\": \"a/1\", \"body\": \"Ann met Bo.\", \"keep\": [1, null]}\n\n{\"body\": \"莱娜在北京。\", \"lang\": \"zh\"}\n";
    std::fs::write(at("rows.jsonl"), rows).unwrap();
    let more = [
        "--file",
        &at("long.txt"),
        "--window",
        "200",
        "--jsonl",
        &at("rows.jsonl"),
        "--field",
        "body",
        "--language-field",
        "lang",
        "Ann",
        "Bonn",
    ];
    let found = lines(&must(extract(&checkpoint, &more)).stdout);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(found.len(), 5);
    assert_eq!((&found[0], &found[1]), (&alone(&checkpoint, "Ann"), &alone(&checkpoint, "Bonn")));
    assert_eq!(keys(&found[0]), ["text", "objects", "flaws"]);
    assert_eq!((&found[2]["text"], &found[2]["file"]), (&long.into(), &at("long.txt").into()));
    assert_eq!(keys(&found[3]), ["id", "body", "keep", "objects", "flaws"]);
    assert_eq!(found[3]["objects"], alone(&checkpoint, "Ann met Bo.")["objects"]);
    assert_eq!(keys(&found[4]), ["body", "lang", "objects", "flaws"]);
    // The same in one document.
    let whole = must(extract(&checkpoint, &[&more[..], &["--json"]].concat())).stdout;
    assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), Value::Array(found));

    // Every task answers; what a line names is asked about.
    for task in ["re", "ed", "eae"] {
        must(extract(&checkpoint, &["--task", task, "Ann met Bo."]));
    }
    std::fs::write(at("bad.jsonl"), "{\"text\": \"Ann\"}\n{\"txt\": \"Bo\"}\n{\"text\": \"C\"}\n")
        .unwrap();
    let output = extract(&checkpoint, &["--jsonl", &at("bad.jsonl")]).output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("bad.jsonl:2: there is no field `text`, only `txt`"),
        "{}",
        stderr(&output)
    );
    assert_eq!(lines(&output.stdout).len(), 1, "what comes before it is answered");
    let output = extract(&checkpoint, &["--file", "nowhere.txt"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    let output = extract(&checkpoint, &["-", "--jsonl", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_line_is_answered_before_the_next_one_comes() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let mut child = with_stdin(extract(&checkpoint, &[]));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for text in ["Ann", "莱娜在北京。", "Bonn"] {
        writeln!(stdin, "{text}\n").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["text"], text);
    }
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success() && rest.is_empty(), "{rest}");

    // Ctrl-C between two lines: what was printed stays, whole.
    let mut child = with_stdin(extract(&checkpoint, &["--jsonl", "-"]));
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{{\"text\": \"Ann\"}}").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("stopped behind the answers to 1 texts"),
        "{}",
        stderr(&output)
    );
    drop(stdin);

    // Whoever has seen enough ends it, and nothing is wrong.
    let mut child = with_stdin(extract(&checkpoint, &[]));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    writeln!(stdin, "Ann").unwrap();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    // It may end before all is written.
    let _ = (0..200).try_for_each(|_| writeln!(stdin, "Ann lives in Bonn."));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
}
