//! Law 1: how many ranks there are, and how rows are grouped, changes nothing but rounding.

use crate::program::{fixture, metrics, must, run, stderr};

/// Loss of each step with this cluster and these settings.
fn losses(ranks: &str, sets: &[&str]) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = Vec::new();
    for set in sets {
        arguments.extend(["--set", set]);
    }
    must(run(&fixture("tiny.toml"), folder.path(), ranks, &arguments));
    metrics(folder.path()).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

fn assert_close(expected: &[f64], found: &[f64], tolerance: f64, what: &str) {
    assert_eq!(expected.len(), found.len(), "{what}");
    for (step, (a, b)) in expected.iter().zip(found).enumerate() {
        assert!((a - b).abs() <= tolerance * a.abs(), "{what}, step {}: {a} against {b}", step + 1);
    }
}

#[test]
fn one_rank_is_two_ranks_is_four_ranks() {
    let one = losses("one-process", &[]);
    assert_eq!(one.len(), 16);
    for ranks in ["laptop", "four-ranks", "sharded"] {
        // f32: the order of summation only.
        assert_close(&one, &losses(ranks, &[]), 1e-6, ranks);
    }
}

#[test]
fn micro_batches_are_only_a_matter_of_memory() {
    let expected = losses("one-process", &["batch.micro_tokens=100000"]);
    assert_close(
        &expected,
        &losses("one-process", &["batch.micro_tokens=200"]),
        1e-6,
        "micro-batches",
    );
    assert_close(
        &expected,
        &losses("one-process", &["batch.recompute=true", "batch.micro_tokens=100000"]),
        1e-6,
        "recomputed",
    );
}

#[test]
fn exact_shards_have_the_same_bits_on_every_world() {
    let exact = &["run.exact_shards=4"];
    let one = losses("one-process", exact);
    for ranks in ["laptop", "four-ranks"] {
        // The numbers of the file: all digits.
        assert_eq!(losses(ranks, exact), one, "{ranks}");
    }
    assert_close(&one, &losses("one-process", &[]), 1e-6, "exact or not");
}

#[test]
fn exact_shards_that_do_not_fit_the_world_are_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let sets = ["--set", "run.exact_shards=2"];
    let output = run(&fixture("tiny.toml"), &run_dir, "four-ranks", &sets).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("run.exact_shards = 2 cannot be dealt out to 4 ranks"), "{said}");
    assert!(!run_dir.exists(), "nothing was made");
}
