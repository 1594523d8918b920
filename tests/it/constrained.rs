//! Answers that are held to a grammar, and the same model without it.

use super::program::{fixture, must, run};
use serde_json::Value;
use std::path::Path;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_answer_is_read_to_its_end_and_both_f1_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let sets =
        ["--set", "evaluation.constrained=\"both\"", "--set", "evaluation.max_new_tokens=24"];
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &sets));
    let predictions = run_dir.join("predictions");
    for name in ["quickstart-en-en", "quickstart-zh-zh"] {
        let file =
            |which: &str, ending: &str| predictions.join(which).join(format!("{name}.{ending}"));
        let held = lines(&file("final", "jsonl"));
        assert!(!held.is_empty());
        for prediction in &held {
            let answer = prediction["answer"].as_str().unwrap();
            assert!(answer.starts_with("results = [") && answer.ends_with(']'), "{prediction}");
            let flaws = prediction["flaws"].as_array().into_iter().flatten();
            let others: Vec<&Value> =
                flaws.filter(|flaw| *flaw != "the same object once more").collect();
            assert!(others.is_empty(), "{prediction}");
        }
        // What has hardly learned anything cannot write code by itself.
        let free = lines(&file("final-free", "jsonl"));
        assert_eq!(free.len(), held.len());
        let readable =
            |prediction: &Value| prediction["flaws"].as_array().is_none_or(Vec::is_empty);
        assert!(!free.iter().all(readable));
        assert_eq!(json(&file("final", "json"))["question"]["constrained"], true);
        assert_eq!(json(&file("final-free", "json"))["question"]["constrained"], Value::Null);
    }
    let scores = json(&run_dir.join("scores.json"));
    assert!(!scores["baselines"]["free"].as_array().unwrap().is_empty(), "{scores}");
    // Who changes his mind is not shown old answers.
    let sets = ["--set", "evaluation.max_new_tokens=24"];
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &sets));
    let receipt = json(&predictions.join("final/quickstart-en-en.json"));
    assert_eq!(receipt["question"]["constrained"], Value::Null);
    assert!(!predictions.join("final-free/quickstart-en-en.jsonl").exists());
}
