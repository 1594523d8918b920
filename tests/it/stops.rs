//! Evaluations that somebody stops: from beside, and from the terminal.

use crate::program::{cluster, fixture, knowcoder, must, run, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// More than a test that goes on has time for, and little for one that goes on behind a stop.
const ORDERS: &str = "8";

/// The tiny recipe, trained in `folder`; its last checkpoint.
fn checkpoint(folder: &Path) -> PathBuf {
    must(run(&fixture("tiny.toml"), &folder.join("run"), "one-process", &[]));
    folder.join("run/checkpoints/instruction-000007")
}

/// `knowcoder evaluate` into `out`, by the ranks of a cluster file.
fn evaluate(checkpoint: &Path, out: &Path, ranks: &str) -> Command {
    let mut command = knowcoder(&["--json", "evaluate", "--benchmark"]);
    command.arg("quickstart-en:test-frames").arg("--checkpoint").arg(checkpoint);
    command.arg("--out").arg(out).arg("--cluster").arg(cluster(ranks)).args(["--orders", ORDERS]);
    command
}

/// Answers that lie there so far, finished files and those that are being written.
fn answers(out: &Path) -> usize {
    let folders = std::fs::read_dir(out.join("predictions")).into_iter().flatten().flatten();
    let files = folders.flat_map(|it| std::fs::read_dir(it.path()).into_iter().flatten().flatten());
    let lines = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    files.map(|it| lines(it.path())).sum()
}

/// Folder, sentence and task of everything that is answered, in order.
fn questions(out: &Path) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(out.join("predictions")).unwrap().flatten() {
        let files = std::fs::read_dir(folder.path()).unwrap().flatten().map(|it| it.path());
        let finished = files.filter(|it| it.extension().is_some_and(|it| it == "jsonl"));
        for line in finished.flat_map(|it| text_lines(&it)) {
            let line: Value = serde_json::from_str(&line).unwrap();
            let folder = folder.file_name().to_string_lossy().into_owned();
            found.push((folder, line["id"].clone(), line["task"].clone()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn text_lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// Waits for answers beside those that were there.
fn wait(child: &mut Child, out: &Path, before: usize) {
    let patience = Instant::now() + Duration::from_secs(300);
    while answers(out) == before {
        assert!(child.try_wait().unwrap().is_none(), "it ended with {before} answers");
        assert!(Instant::now() < patience, "no answers in five minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lets an evaluation begin, stops it with `ask` and expects that it says so.
fn stopped(mut command: Command, out: &Path, ask: impl FnOnce(&Child)) {
    let before = answers(out);
    let mut child = command.spawn().unwrap();
    wait(&mut child, out, before);
    ask(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["status"], "stopped");
    assert!(!out.join("stop").exists(), "who asked may wait until it is gone");
    assert!(answers(out) > 0, "what was answered is lost");
}

fn interrupt(child: &Child) {
    // SAFETY: the call takes a number of a process that we have not waited for yet.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
}

#[test]
fn an_evaluation_by_ranks_stops_when_it_is_asked_and_goes_on_behind_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let out = folder.path().join("out");
    // A request that nobody was there to hear is none of the next start.
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("stop"), "").unwrap();
    stopped(evaluate(&checkpoint, &out, "laptop"), &out, |_| {
        let mut cancel = knowcoder(&["cancel"]);
        cancel.arg(&out);
        must(cancel);
    });
    stopped(evaluate(&checkpoint, &out, "laptop"), &out, interrupt);
    must(evaluate(&checkpoint, &out, "laptop"));
    let whole = folder.path().join("whole");
    must(evaluate(&checkpoint, &whole, "laptop"));
    assert_eq!(questions(&out), questions(&whole));
}

#[test]
fn one_process_that_answers_hears_of_the_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let out = folder.path().join("out");
    stopped(evaluate(&checkpoint, &out, "one-process"), &out, |_| {
        std::fs::write(out.join("stop"), "").unwrap();
    });
}
