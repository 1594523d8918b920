//! Pages of runs that have, or have not, what training tells.

use super::super::write;
use crate::page::assert_sound;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A phase's lines as this version writes them, 45 sources a step; `change` may spoil each.
fn metrics(phase: &str, steps: u64, change: impl Fn(u64, &mut Value)) -> String {
    let line = |step: u64| {
        let source = |i: u64| {
            json!({
                "dataset": format!("set-{i}"), "language": "sw", "task": "ner", "samples": 1,
                "tokens": 2, "loss": (i + 1) as f64 / 10.0,
            })
        };
        let mut line = json!({
            "phase": phase, "step": step, "steps": steps, "loss": 3.0 / step as f64,
            "learning_rate": 1e-3, "gradient_norm": 0.5, "samples": 45, "tokens": 900,
            "supervised_tokens": 90, "seconds": 0.5, "tokens_per_second": 1800.0,
            "computed_tokens": 500, "padded_tokens": 600, "flops": 2e11,
            "memory_bytes": 3u64 << 30, "applied": true,
            "parts": {"data": 0.01, "compute": 0.4, "exchange": 0.0, "update": 0.05},
            "sources": (0..45).map(source).collect::<Vec<_>>(),
        });
        change(step, &mut line);
        format!("{line}\n")
    };
    (1..=steps).map(line).collect()
}

fn evaluation(step: u64, language: &str, correct: u64) -> String {
    let row = json!({
        "phase": "instruction", "step": step, "dataset": "uner", "language": language,
        "task": "ner", "protocol": "set", "f1": correct, "precision": correct, "recall": correct,
        "gold": 100, "predicted": 100, "correct": correct,
    });
    format!("{row}\n")
}

/// The page of a run directory with these files.
fn page(files: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(path, text).unwrap();
    }
    let page = fs::read_to_string(write(directory.path()).unwrap().report).unwrap();
    assert_sound(&page);
    page
}

fn assert_has(page: &str, expected: &[&str]) {
    for expected in expected {
        assert!(page.contains(expected), "no {expected} in {page}");
    }
}

const LOCK: &str = r#"
[run]
name = "whole"
seed = 7
[[phase]]
name = "instruction"
kind = "instruction"
weights = { set-0 = 3.0, set-1 = 1.0 }
loss = { label_smoothing = 0.1, z_loss = 0.0 }
[origins]
"run.name" = "whole.toml"
"run.seed" = "--set"
"phase.0.name" = "whole.toml"
"phase.0.kind" = "whole.toml"
"#;

const CLUSTER: &str =
    "[cluster]\nbackend = \"local\"\nranks = 2\n\n[hardware]\npeak_tflops = 1.0\n";

#[test]
fn a_whole_run_has_every_section() {
    let metrics = metrics("instruction", 40, |step, line| {
        if [12, 17, 18, 19].contains(&step) {
            line["applied"] = json!(false);
            line["loss"] = Value::Null;
        }
        if step == 40 {
            line["sources"][0]["dataset"] = json!("مجموعة <b>");
        }
    });
    let evaluations: String = [(10, "sw", 10), (10, "en", 50), (20, "sw", 30), (20, "en", 60)]
        .map(|(step, language, correct)| evaluation(step, language, correct))
        .concat();
    let memory = json!({"phases": [{
        "phase": "instruction", "micro_tokens": 4096, "recompute": 2, "measured_peak": 3u64 << 30,
        "predicted": {"weights": 1u64 << 30, "logits": 1u64 << 30, "total": 4u64 << 30},
    }]});
    let events = [
        json!({"time": "2026-03-01T09:30:00Z", "event": "started", "world": 2}),
        json!({"time": "2026-03-01T09:31:00Z", "event": "checkpoint", "path": "/r/instruction-000020"}),
        json!({"time": "2026-03-01T09:32:00Z", "event": "incident", "step": 12}),
        json!({"time": "2026-03-01T09:33:00Z", "event": "done"}),
    ];
    let events: String = events.iter().map(|event| format!("{event}\n")).collect();
    let page = page(&[
        ("metrics.jsonl", &metrics),
        ("evaluations.jsonl", &evaluations),
        ("memory.json", &memory.to_string()),
        ("events.jsonl", &events),
        ("cluster.toml", CLUSTER),
        ("recipe.lock", LOCK),
    ]);
    assert_has(
        &page,
        &[
            // Charts, and what stands on their axes.
            "label smoothing 0.1",
            "left out by the guard, not in the curves: step 12, 17–19",
            "the loss was no number: step 12, 17–19",
            "title=\"checkpoint: 20\"",
            "aria-label=\"gradient norm by step\"",
            "supervised: learned from</bdi> <b>median 180</b>",
            "real: computed, a prefix once a group</bdi> <b>median 1 k</b>",
            "padded: places that are computed over</bdi> <b>median 1.2 k</b>",
            "forward and backward</bdi> <b>80.0 %</b>",
            "other</bdi> <b>8.0 %</b>",
            // MFU with its formula.
            "MFU = flops of the model ÷ (seconds × peak) = 8 TFLOP ÷ (20 s × 2 ranks × 1 TFLOP/s) = 20 %",
            "<span>MFU</span><strong>20 %</strong>",
            // Memory as planned and as it was.
            "planned</bdi> <b>4 GiB</b>",
            "planned 4 GiB (weights 1 GiB, logits 1 GiB), measured 3 GiB (-25.0 %) · 4,096 tokens at a time · 2 blocks computed again",
            // Sources: the worst first, the last folded away.
            "<summary>6 more</summary>",
            "مجموعة &lt;b&gt;",
            // F1 by language.
            "worst sw 30.0 · mean 45.0",
            "sw, the worst</bdi> <b>30.0</b>",
            // Events and recipe.
            "<tr class=\"alarm\"><td class=\"left\">2026-03-01 09:32:00 UTC</td>",
            "<dd dir=\"auto\">done</dd>",
            "<code>run.seed</code></th><td class=\"left wrap\" dir=\"auto\"><code>7</code></td><td class=\"left\"><bdi>--set</bdi></td>",
        ],
    );
    let worst = page.find("<bdi>set-44</bdi>").unwrap();
    assert!(worst < page.find("<bdi>set-3</bdi>").unwrap(), "the worst source comes first");
    // 35 of the 36 steps that were applied had set-0: of 1,620 samples.
    assert_has(&page, &["<bdi>set-0</bdi>", "<td>2.2</td>", "<td>75.0</td>"]);
}

#[test]
fn old_metrics_have_the_sections_that_they_can_have() {
    let line = |step: u64| {
        format!("{{\"phase\":\"p\",\"step\":{step},\"loss\":2.0,\"tokens_per_second\":1800}}\n")
    };
    let page = page(&[("metrics.jsonl", &(line(1) + &line(2)))]);
    assert_has(&page, &["<b dir=\"auto\">median 1.8 k</b>", "aria-label=\"loss by step\""]);
    for absent in ["FLOP", "seconds of a step", "memory,", "Loss by source", "Shares of", "F1 by"] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
}

#[test]
fn without_a_peak_there_is_no_mfu() {
    let page = page(&[("metrics.jsonl", &metrics("p", 40, |_, _| {}))]);
    let formula = "No peak known: FLOP/s only, 8 TFLOP ÷ 20 s = 400 GFLOP/s";
    assert_has(&page, &[formula, "aria-label=\"FLOP/s by step\"", "<span>computed</span>"]);
}

#[test]
fn broken_lines_are_named_and_the_rest_is_shown() {
    let metrics = format!("noise\n{}{{}}\n{{\"torn\":", metrics("p", 3, |_, _| {}));
    let page = page(&[
        ("metrics.jsonl", &metrics),
        ("events.jsonl", "{\"event\":\"started\"}\n[]\n"),
        ("evaluations.jsonl", "{\"phase\":\"p\"}\n"),
        ("memory.json", "{"),
        ("cluster.toml", "[cluster]\nranks = 2\n"),
        ("recipe.lock", "no recipe"),
    ]);
    assert_has(
        &page,
        &[
            "2 lines of metrics.jsonl cannot be read: 1, 5; the first: ",
            "line 2 of events.jsonl cannot be read: ",
            "line 1 of evaluations.jsonl cannot be read: missing field `step`",
            "memory.json cannot be read: ",
            "cluster.toml cannot be read: cluster.toml:",
            "3 steps",
            "aria-label=\"loss by step\"",
            "<dd dir=\"auto\">not finished</dd>",
        ],
    );
}

#[test]
fn odd_numbers_and_names_stay_in_their_place() {
    let spoil = |_: u64, line: &mut Value| {
        line["loss"] = json!(1e300);
        line["seconds"] = json!(0.0);
        line["flops"] = json!(-1e250);
        line["memory_bytes"] = json!(u64::MAX);
        line["parts"]["data"] = json!(-5.0);
        line["parts"]["update"] = Value::Null;
        line["sources"] = json!([
            {"dataset": "אוסף \"x\"", "loss": null, "tokens": 0},
            {"dataset": "b", "loss": 1e199, "tokens": 1e199, "samples": 1e199},
            {"dataset": "c", "loss": 0.0, "tokens": 1},
        ]);
    };
    let one = metrics("שלב & <i>", 1, spoil);
    let evaluations = [
        r#"{"phase":"שלב & <i>","step":1,"language":"he","gold":0,"predicted":0,"correct":0}"#,
        r#"{"phase":"שלב & <i>","step":1,"language":"ar","f1":1e9}"#,
        r#"{"phase":"שלב & <i>","step":1,"language":"<q>","f1":12}"#,
    ];
    let page = page(&[
        ("metrics.jsonl", &one),
        ("evaluations.jsonl", &(evaluations.join("\n") + "\n")),
        ("memory.json", r#"{"phases":[{"phase":"שלב & <i>","predicted":{"total":-1}}]}"#),
    ]);
    assert_has(&page, &["<bdi>שלב &amp; &lt;i&gt;</bdi>", "<small>1 step · ", "&lt;q&gt; 12.0"]);
    for forbidden in ["inf", "<q>"] {
        let body = page.split("<main>").nth(1).unwrap();
        assert!(!body.contains(forbidden), "{forbidden} in {body}");
    }
}

#[test]
fn a_phase_of_one_step_has_level_lines() {
    let page = page(&[("metrics.jsonl", &metrics("p", 1, |_, _| {}))]);
    assert_has(&page, &["d=\"M0.0 ", "<span class=\"x first\">1</span>", "H1000.0V"]);
}
