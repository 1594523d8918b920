//! `ablate`: variants are trained with each seed and compared; what is done is not done again.

use crate::program::{cluster, fixture, knowcoder, metrics, must, root, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// An ablation of `tiny.toml`: all of it, and without alignment; `more` stands in the second variant.
fn definition(folder: &Path, more: &str) -> PathBuf {
    let base = fixture("tiny.toml").canonicalize().unwrap();
    let text = format!(
        "title = \"tiny\"\nquestion = \"Does it run?\"\nexpects = \"Yes.\"\nbase = {base:?}\nseeds = [5, 6]\n\
         seen = [\"en\"]\n\n[[variant]]\nname = \"whole\"\nabout = \"all phases\"\n\n[[variant]]\n\
         name = \"short\"\nabout = \"without alignment\"\nset = {{ \"phase.1.skip\" = true{more} }}\n"
    );
    let path = folder.join("tiny-ablation.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn ablate(file: &Path, run_dir: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["ablate"]);
    command.arg(file).arg("--run-dir").arg(run_dir);
    command.arg("--cluster").arg(cluster("one-process")).args(more);
    command
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits until the run called `name` has made a step, or the process has ended.
fn wait_for_step(child: &mut Child, run_dir: &Path, name: &str) {
    let patience = Instant::now() + Duration::from_secs(300);
    while metrics(&run_dir.join(name)).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before `{name}` began");
        assert!(Instant::now() < patience, "no step of `{name}` in five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn variants_are_trained_and_compared_and_what_is_done_stays_done() {
    let folder = tempfile::tempdir().unwrap();
    let file = definition(folder.path(), "");
    let run_dir = folder.path().join("runs");
    let output = must(ablate(&file, &run_dir, &["--json"]));
    let first = document(&output);
    assert_eq!((&first["status"], &first["left"]), (&"done".into(), &0.into()));
    let results = &first["results"];
    assert_eq!(results["variants"][1]["done"], serde_json::json!([5, 6]));
    let contests = results["contests"].as_array().unwrap();
    let names: Vec<&str> = contests.iter().map(|it| it["language"].as_str().unwrap()).collect();
    assert!(names.contains(&"en") && names.contains(&"zh") && names.contains(&"all"), "{names:?}");
    for contest in contests.iter().filter(|it| it["gold"] != 0) {
        let [whole, short] = [0, 1].map(|place| &contest["results"][place]);
        assert!(whole["difference"].is_null(), "{contest}");
        assert!((0.0..=1.0).contains(&short["difference"]["p"].as_f64().unwrap()), "{contest}");
        assert_eq!(whole["seeds"].as_object().unwrap().len(), 2, "{contest}");
    }
    // The variants differ in what they say they do.
    assert_eq!(metrics(&run_dir.join("whole-5")).len(), 4 + 5 + 7);
    assert_eq!(metrics(&run_dir.join("short-6")).len(), 4 + 7);
    let text = std::fs::read_to_string(run_dir.join("results.txt")).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(run_dir.join("ablation.html").is_file());

    // A second time nothing is trained, and the answer is the same.
    let scores = |name: &str| {
        std::fs::metadata(run_dir.join(name).join("scores.json")).unwrap().modified().unwrap()
    };
    let before = [scores("whole-5"), scores("short-6")];
    let again = must(ablate(&file, &run_dir, &["--json"]));
    assert_eq!(document(&again), first);
    assert!(stderr(&again).contains("4 of 4 runs are done already"), "{}", stderr(&again));
    assert_eq!([scores("whole-5"), scores("short-6")], before);

    // Of another small form or another variant it is told.
    let changed = definition(folder.path(), ", \"phase.2.steps\" = 8");
    let refused = ablate(&changed, &run_dir, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    let said = stderr(&refused);
    assert!(said.contains("the variant `short` has changed since"), "{said}");
    assert!(said.contains("= 7 there, 8 now"), "{said}");
    // One variant alone has nothing to be compared with, and is shown.
    let file = definition(folder.path(), "");
    let one = document(&must(ablate(&file, &run_dir, &["--variants", "short", "--json"])));
    assert_eq!(one["results"]["variants"].as_array().unwrap().len(), 1);
}

#[test]
fn a_killed_ablation_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = definition(folder.path(), "");
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let undisturbed = document(&must(ablate(&file, &whole, &["--json"])));
    let mut child = ablate(&file, &killed, &[]).spawn().unwrap();
    wait_for_step(&mut child, &killed, "short-5");
    child.kill().unwrap();
    child.wait().unwrap();
    let scores = killed.join("whole-5/scores.json");
    let before = std::fs::metadata(&scores).unwrap().modified().unwrap();
    // Its runs end with it: their directories are free at once, or nearly so.
    let patience = Instant::now() + Duration::from_secs(60);
    let output = loop {
        let output = ablate(&file, &killed, &["--json"]).output().unwrap();
        if output.status.success() || Instant::now() > patience {
            break output;
        }
    };
    assert!(output.status.success(), "{}", stderr(&output));
    let found = document(&output);
    assert_eq!(found["results"], undisturbed["results"]);
    assert_eq!(std::fs::metadata(&scores).unwrap().modified().unwrap(), before);
}

#[test]
fn ctrl_c_stops_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = definition(folder.path(), "");
    let run_dir = folder.path().join("runs");
    let mut child = ablate(&file, &run_dir, &[]).spawn().unwrap();
    wait_for_step(&mut child, &run_dir, "whole-5");
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the same command goes on with them"), "{said}");
    let done = document(&must(ablate(&file, &run_dir, &["--json"])));
    assert_eq!((&done["status"], &done["left"]), (&"done".into(), &0.into()));
}

#[test]
fn a_shipped_ablation_runs_at_its_smallest() {
    let folder = tempfile::tempdir().unwrap();
    let file = root().join("configs/ablations/alignment-target.toml");
    let more = ["--smoke", "--variants", "instances,record", "--data-root", "/nowhere", "--json"];
    let found = document(&must(ablate(&file, folder.path(), &more)));
    let results = &found["results"];
    assert_eq!(results["smoke"], true);
    let languages: Vec<&str> = results["contests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["seen"] == false)
        .map(|it| it["language"].as_str().unwrap())
        .collect();
    assert_eq!(languages, ["de", "es", "all"]);
    // What differs between them is what they learned: the record's phase supervises more.
    let supervised =
        |name: &str| metrics(&folder.path().join(name))[0]["supervised_tokens"].as_u64().unwrap();
    let [instances, record] = ["instances-1", "record-1"].map(supervised);
    assert!(instances < record, "{instances} {record}");
}

#[test]
fn every_shipped_ablation_can_be_read_in_both_forms() {
    let folder = root().join("configs/ablations");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|it| it != "toml") {
            continue;
        }
        for form in [&["--dry-run"][..], &["--dry-run", "--smoke"]] {
            let output = must(ablate(&file, Path::new("runs/x"), form));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.matches("knowcoder run ").count() >= 4, "{text}");
        }
        names.push(file.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "alignment",
            "alignment-target",
            "extra-languages",
            "glossary",
            "renderings",
            "schema-structure",
            "stage-models",
            "unseen-languages"
        ]
    );
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("corpora");
    let check = |file: &str, more: &[&str], code: i32, expected: &[&str]| {
        let file = root().join("configs/ablations").join(file);
        let run_dir = folder.path().join("runs");
        let mut command = ablate(&file, &run_dir, more);
        let output = command.arg("--data-root").arg(&nowhere).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for words in expected {
            assert!(said.contains(words), "`{words}` is not in: {said}");
        }
        assert!(!run_dir.exists(), "nothing is begun");
    };
    check(
        "unseen-languages.toml",
        &[],
        64,
        &[
            "`unseen-languages` needs ",
            "masakhaner2-swa:test  CC BY-NC 4.0",
            "uner-pud:train  CC BY-SA 3.0",
            "hint: point --data-root (KNOWCODER_DATA) at them",
            "--smoke needs none of them",
        ],
    );
    check(
        "stage-models.toml",
        &[],
        64,
        &[
            "translations that have not been made yet",
            "variant `small`: ",
            "which asks gpt-4o-mini",
        ],
    );
    check("none.toml", &[], 64, &["none.toml: there is no such ablation"]);
    check(
        "alignment.toml",
        &["--variants", "alinged"],
        64,
        &["no variant `alinged`; did you mean `aligned`?"],
    );
    check("alignment.toml", &["--set", "phase.0.stps=3"], 64, &["variant `without`: ", "stps"]);
    let small = definition(folder.path(), "");
    let output = ablate(&small, folder.path(), &["--smoke"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("it has no [smoke]"), "{}", stderr(&output));
}
