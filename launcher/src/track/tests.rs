//! A run directory, and what other programs find in its place.
#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;
use std::fs;

/// A run of two phases that stopped and went on, with an evaluation and scores.
fn run_dir(folder: &Path) -> PathBuf {
    let run = folder.join("it's a run");
    fs::create_dir_all(&run).unwrap();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/quickstart.toml");
    let recipe = Recipe::load(&recipe, &[]).unwrap();
    fs::write(run.join("recipe.lock"), recipe.to_lock()).unwrap();
    let write = |name: &str, lines: &[Value]| {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(run.join(name), text).unwrap();
    };
    write(
        "events.jsonl",
        &[
            json!({"time": "2026-03-01T09:30:00.000Z", "event": "started", "world": 2, "version": "0.1.0"}),
            json!({"time": "2026-03-01T09:40:00.000Z", "event": "stopped"}),
            json!({"time": "2026-03-01T10:00:00.000Z", "event": "started", "world": 4, "version": "0.2.0"}),
            json!({"time": "2026-03-01T10:30:00.500Z", "event": "done"}),
        ],
    );
    let step = |phase: &str, step: usize, loss: f64| {
        json!({
            "phase": phase, "step": step, "steps": 2, "loss": loss, "learning_rate": 0.001,
            "gradient_norm": 1.0, "samples": 4, "tokens": 10, "supervised_tokens": 5,
            "seconds": 0.5, "tokens_per_second": 20.0,
            "sources": [{"dataset": "d", "language": "en", "task": "ner", "samples": 4, "tokens": 5,
                         "loss": loss}],
        })
    };
    write(
        "metrics.jsonl",
        &[
            step("alignment", 1, 4.0),
            step("alignment", 2, 3.0),
            step("instruction", 1, 2.0),
            json!({"phase": "instruction", "step": 2, "loss": null}),
        ],
    );
    write(
        "evaluations.jsonl",
        &[
            json!({"phase": "instruction", "step": 1, "dataset": "d", "language": "en", "task": "ner",
                 "protocol": "set", "f1": 40.0, "precision": 40.0, "recall": 40.0,
                 "gold": 5, "predicted": 5, "correct": 2}),
        ],
    );
    write(
        "scores.json",
        &[json!({"rows": [{"dataset": "d", "language": "en", "task": "ner", "protocol": "set",
                           "f1": 60.0, "gold": 5, "predicted": 5, "correct": 3}]})],
    );
    run
}

#[test]
fn a_run_is_read_over_its_phases() {
    let dir = tempfile::tempdir().unwrap();
    let run = Tracked::read(&run_dir(dir.path())).unwrap();
    assert_eq!((run.status, run.started), (Status::Done, 1_772_357_400_000));
    assert_eq!(run.ended, Some(1_772_357_400_000 + 3_600_500));
    assert!(run.tags.contains(&("world".to_owned(), "4".to_owned())));
    assert_eq!((run.id.len(), run.name.as_str()), (32, "it's a run"));
    let Points { points, finals, unreadable } = &run.points;
    assert_eq!(*unreadable, 1);
    let of = |key: &str| -> Vec<(usize, u64, f64)> {
        let value =
            |values: &[(String, f64)]| values.iter().find(|(it, _)| it == key).map(|it| it.1);
        points
            .iter()
            .filter_map(|point| Some((point.step, point.time - run.started, value(&point.values)?)))
            .collect()
    };
    assert_eq!(of("alignment/loss"), [(1, 500, 4.0), (2, 1000, 3.0)]);
    assert_eq!(of("instruction/loss"), [(3, 1500, 2.0)]);
    assert_eq!(of("instruction/loss.d.en.ner"), [(3, 1500, 2.0)]);
    assert_eq!(of("instruction/f1_by_language.set.en"), [(3, 1500, 40.0)]);
    assert_eq!(finals, &[("scores/final/f1.set.d.en.ner".to_owned(), 60.0)]);
}

#[test]
fn mlflow_finds_its_files_and_other_runs_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (run, out) = (run_dir(dir.path()), dir.path().join("a store"));
    let own = out.join("123456789012345678");
    fs::create_dir_all(own.join("abc")).unwrap();
    let name = Tracked::read(&run).unwrap().experiment;
    fs::write(own.join("meta.yaml"), format!("experiment_id: '1'\nname: {name}\n")).unwrap();
    let first = write(&run, Format::Mlflow, &out).unwrap();
    // Again, with something there that is not ours any more.
    fs::write(first.folder.join("metrics/old"), "1 1 1\n").unwrap();
    let written = write(&run, Format::Mlflow, &out).unwrap();
    assert_eq!(first, written);
    assert_eq!(written.folder.parent().unwrap(), std::path::absolute(&own).unwrap());
    assert!(own.join("abc").is_dir());
    let read = |name: &str| fs::read_to_string(written.folder.join(name)).unwrap();
    assert!(!written.folder.join("metrics/old").exists());
    assert_eq!(read("metrics/alignment/loss"), "1772357400500 4 1\n1772357401000 3 2\n");
    assert_eq!(read("metrics/scores/final/f1.set.d.en.ner"), "1772361000500 60 3\n");
    assert_eq!(read("tags/knowcoder.world"), "4");
    assert_eq!(read("params/run.seed"), "42");
    let meta = read("meta.yaml");
    for line in ["run_name: 'it''s a run'", "status: 3", "end_time: 1772361000500", "/a%20store/"] {
        assert!(meta.contains(line), "{line}: {meta}");
    }
    // Nothing of the growing is left.
    assert_eq!(fs::read_dir(out.join(".trash")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&own).unwrap().count(), 3);
}

#[test]
fn an_experiment_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let (run, out) = (run_dir(dir.path()), dir.path().join("store"));
    let first = write(&run, Format::Mlflow, &out).unwrap();
    assert_eq!(write(&run, Format::Mlflow, &out).unwrap(), first);
    let meta = fs::read_to_string(first.folder.parent().unwrap().join("meta.yaml")).unwrap();
    assert!(meta.contains("lifecycle_stage: active\nname: '"), "{meta}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
}

#[test]
fn wandb_has_one_folder_for_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let (run, out) = (run_dir(dir.path()), dir.path().join("out"));
    let first = write(&run, Format::Wandb, &out).unwrap();
    let log = first.folder.join(format!("run-{}.wandb", &Tracked::read(&run).unwrap().id[..8]));
    let bytes = fs::read(&log).unwrap();
    assert!(first.folder.ends_with(format!(
        "wandb/offline-run-20260301_093000-{}",
        &Tracked::read(&run).unwrap().id[..8]
    )));
    assert_eq!(write(&run, Format::Wandb, &out).unwrap(), first);
    assert!(fs::read(&log).unwrap() == bytes);
    assert_eq!(fs::read_dir(out.join("wandb")).unwrap().count(), 1);
}

#[test]
fn what_is_no_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = write(&dir.path().join("x"), Format::Mlflow, dir.path()).unwrap_err();
    assert_eq!(error.code, exit::DECLARATION);
    assert!(error.message.ends_with("is not the directory of a run: it has no recipe.lock"));
}
