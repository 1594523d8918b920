//! Weights in bf16, states in 8 bits and noise in whole runs: the same on every world, after a stop, and
//! with either master.

use crate::program::{checkpoints, fixture, metrics, must, run};
use std::path::Path;

/// A run with these settings; the loss of each step.
fn losses(folder: &Path, ranks: &str, sets: &[&str]) -> Vec<f64> {
    let mut arguments = Vec::new();
    for set in sets {
        arguments.extend(["--set", set]);
    }
    must(run(&fixture("tiny.toml"), folder, ranks, &arguments));
    metrics(folder).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

fn in_a_folder(ranks: &str, sets: &[&str]) -> Vec<f64> {
    losses(tempfile::tempdir().unwrap().path(), ranks, sets)
}

#[test]
fn noise_does_not_depend_on_the_world() {
    let sets = ["loss.neftune_noise_alpha=5", "batch.micro_tokens=300"];
    let one = in_a_folder("one-process", &sets);
    let two = in_a_folder("laptop", &sets);
    assert_eq!(one.len(), two.len());
    for (a, b) in one.iter().zip(&two) {
        // f32: the order of summation only.
        assert!((a - b).abs() <= 1e-6 * a, "{a} against {b}");
    }
    let silent = in_a_folder("one-process", &sets[1..]);
    // The first step has the same weights and rows: the noise is all that differs.
    assert!(
        (one[0] - silent[0]).abs() > 1e-5 * one[0],
        "{} is {} without noise",
        one[0],
        silent[0]
    );
}

#[test]
fn a_split_master_trains_as_a_full_one() {
    let of = |master: &str| {
        let master = format!("phase.0.optimizer={{ master = \"{master}\" }}");
        in_a_folder("one-process", &["model.dtype=bf16", &master])
    };
    let full = of("f32");
    assert_eq!(full, of("split"), "every loss, bit for bit");
    let f32 = in_a_folder("one-process", &[]);
    for (a, b) in full.iter().zip(&f32) {
        // Three digits, and steps that diverge slowly.
        assert!((a - b).abs() <= 0.05 * b, "{a} in bf16, {b} in f32");
    }
    assert_ne!(full, f32);
}

#[test]
fn what_is_kept_in_few_bits_outlives_a_stop() {
    for (name, master) in [("adamw", "none"), ("lion", "split")] {
        let phase = format!("phase.0.optimizer={{ master = \"{master}\" }}");
        let name = format!("optimizer.name={name}");
        let sets = ["model.dtype=bf16", "optimizer.bits=8", &name, &phase];
        let folder = tempfile::tempdir().unwrap();
        let before = losses(folder.path(), "one-process", &sets);
        let expected = checkpoints(folder.path());
        // As if it had stopped behind the third step.
        for entry in std::fs::read_dir(folder.path().join("checkpoints")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("schema-understanding-000003") {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
        let after = losses(folder.path(), "one-process", &sets);
        assert_eq!(before, after, "{name}");
        let found = checkpoints(folder.path());
        assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
        let changed: Vec<&String> = found
            .iter()
            .filter(|(file, bytes)| expected[*file] != **bytes)
            .map(|it| it.0)
            .collect();
        assert!(changed.is_empty(), "{name}: {changed:?}");
    }
}
