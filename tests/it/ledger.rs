//! Laws 2 and 3 as the ledger tells them: every row once, whatever the world, however often a run dies.

use crate::program::{checkpoints, fixture, knowcoder, metrics, must, run, stderr};
use data_pipeline::ledger::{Entry, Stitched, write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime};

/// How many times runs are killed; each at a moment of chance.
const KILLS: usize = 50;

/// Kills of one run, at most: then it may end, and another one begins.
const KILLS_OF_A_RUN: usize = 13;

/// Little is answered in the end: training is what is looked at.
const SHORT: [&str; 4] = [
    "--set",
    "evaluation.benchmarks=[{ dataset = \"quickstart-en:test-frames\", limit = 1, tasks = [\"ner\"] }]",
    "--set",
    "evaluation.max_new_tokens=1",
];

/// Long enough to be killed often, with a checkpoint at every other step.
const LONG: [&str; 4] = ["--set", "phase.2.steps=24", "--set", "checkpoint.every=2"];

/// `knowcoder ledger …`, its exit code and its JSON.
fn ledger(arguments: &[&str], runs: &[&Path]) -> (i32, Value) {
    let output = knowcoder(&["ledger"]).args(arguments).args(runs).arg("--json").output().unwrap();
    let code = output.status.code().unwrap();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (code, document)
}

fn assert_proved(run_dir: &Path) -> Value {
    let (code, document) = ledger(&["prove"], &[run_dir]);
    assert_eq!((code, &document["proved"]), (0, &Value::Bool(true)), "{document:#}");
    document
}

fn assert_same(a: &Path, b: &Path, tolerance: &str) {
    let (code, document) = ledger(&["diff", "--tolerance", tolerance], &[a, b]);
    assert_eq!((code, &document["equal"]), (0, &Value::Bool(true)), "{document:#}");
}

/// Everything that a ledger that is not true is told to be.
fn problems(run_dir: &Path) -> String {
    let (code, document) = ledger(&["prove"], &[run_dir]);
    assert_eq!((code, &document["proved"]), (65, &Value::Bool(false)), "{document:#}");
    let phases = document["phases"].as_array().unwrap().iter();
    let problems = phases.flat_map(|phase| phase["problems"].as_array().unwrap());
    problems.map(|problem| problem.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn short(run_dir: &Path, ranks: &str, more: &[&str]) -> Command {
    run(&fixture("tiny.toml"), run_dir, ranks, &[&SHORT, more].concat())
}

/// A stream of numbers; a test says where it begins (Knuth's linear congruential generator).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

#[test]
fn every_world_has_the_same_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = |ranks: usize| folder.path().join(format!("{ranks}"));
    for ranks in 1..=3 {
        let text =
            format!("[cluster]\nbackend = \"local\"\nranks = {ranks}\nthreads_per_rank = 1\n");
        let file = folder.path().join(format!("{ranks}.toml"));
        std::fs::write(&file, text).unwrap();
        let mut command = knowcoder(&["run"]);
        command.arg(fixture("tiny.toml")).arg("--cluster").arg(&file);
        must({
            command.arg("--run-dir").arg(path(ranks)).args(SHORT);
            command
        });
    }
    let document = assert_proved(&path(1));
    let steps = |phase: &Value| (phase["steps"].as_u64().unwrap(), phase["of"].as_u64().unwrap());
    let phases = document["phases"].as_array().unwrap();
    assert_eq!(phases.iter().map(steps).collect::<Vec<_>>(), [(4, 4), (5, 5), (7, 7)]);
    for ranks in 2..=3 {
        assert_proved(&path(ranks));
        // f32: the order of summation only.
        assert_same(&path(1), &path(ranks), "1e-4");
    }
    // The text, for people.
    let text = |arguments: &[&str], runs: &[&Path]| {
        let output = must({
            let mut command = knowcoder(&["ledger"]);
            command.args(arguments).args(runs);
            command
        });
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        text
    };
    let said = text(&["prove"], &[&path(3)]);
    assert!(said.contains("phase instruction: 7 of 7 steps, 84 rows in 3 segment(s)"), "{said}");
    assert!(said.ends_with("proved: every step so far is what the recipe and its shards say\n"));
    let said = text(&["diff"], &[&path(1), &path(2)]);
    assert!(said.contains("phase 2-instruction: 7 steps, 84 rows compared"), "{said}");
    assert!(said.ends_with("equal\n"), "{said}");
}

#[test]
fn two_runs_that_differ_are_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other, shorter] = ["one", "other", "shorter"].map(|name| folder.path().join(name));
    must(short(&one, "one-process", &[]));
    must(short(&other, "one-process", &["--set", "run.seed=6"]));
    must(short(&shorter, "one-process", &["--set", "phase.2.steps=6"]));
    let (code, document) = ledger(&["diff"], &[&one, &other]);
    assert_eq!((code, &document["equal"]), (65, &Value::Bool(false)));
    let first = &document["phases"][0]["first"];
    assert_eq!(
        (first["step"].as_u64(), first["slot"].as_u64()),
        (Some(1), Some(0)),
        "{document:#}"
    );
    // Another number of steps is another schedule; the rows of those that both have are the same.
    let (code, document) = ledger(&["diff", "--tolerance", "9"], &[&one, &shorter]);
    assert_eq!((code, &document["phases"][2]["steps"]), (65, &serde_json::json!([7, 6])));
    assert_eq!(document["phases"][2]["counts"], serde_json::json!({}));
    let (code, _) = ledger(&["diff", "--so-far", "--tolerance", "9"], &[&one, &shorter]);
    assert_eq!(code, 0);
}

/// Starts a run and kills it at a moment of chance; says how it ended if it was faster.
fn killed(mut command: Command, run_dir: &Path, chance: &mut Chance) -> Option<Output> {
    let mut child = command.spawn().unwrap();
    let before = metrics(run_dir).len();
    // Some moments are those of the clock, and may lie before the first step; most are some steps after the
    // start, wherever in a step: in the middle of a checkpoint, of a segment, of a line.
    let steps = if chance.below(5) == 0 { 0 } else { 1 + chance.below(5) as usize };
    let patience = Instant::now() + Duration::from_secs(120);
    // The run drops what lies beyond its checkpoint: either that has been seen, or new lines are.
    let (mut least, mut seen) = (before, steps == 0);
    while !seen && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < patience, "no {steps} steps in two minutes");
        let lines = metrics(run_dir).len();
        least = least.min(lines);
        seen = lines >= least + steps;
        std::thread::sleep(Duration::from_millis(1));
    }
    let beyond = if steps == 0 { 400_000 } else { 30_000 };
    std::thread::sleep(Duration::from_micros(chance.below(beyond)));
    if child.try_wait().unwrap().is_some() {
        return Some(child.wait_with_output().unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn kill_nine_at_fifty_random_moments_leaves_the_ledger_and_the_weights() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("the moments are those of seed {now}");
    let mut chance = Chance(now);
    let worlds = ["one-process", "laptop"];
    let undisturbed = worlds.map(|ranks| {
        let folder = tempfile::tempdir().unwrap();
        must(short(folder.path(), ranks, &LONG));
        assert_proved(folder.path());
        folder
    });
    let (mut kills, mut runs) = (0, 0);
    while kills < KILLS {
        let (ranks, expected) = (worlds[runs % 2], undisturbed[runs % 2].path());
        let folder = tempfile::tempdir().unwrap();
        let most = KILLS_OF_A_RUN.min(KILLS - kills);
        let mut ended = None;
        for _ in 0..most {
            let command = short(folder.path(), ranks, &LONG);
            ended = killed(command, folder.path(), &mut chance);
            if let Some(output) = &ended {
                assert!(output.status.success(), "{}", stderr(output));
                break;
            }
            kills += 1;
        }
        if ended.is_none() {
            must(short(folder.path(), ranks, &LONG));
        }
        assert_same(expected, folder.path(), "0");
        assert_proved(folder.path());
        let (there, here) = (checkpoints(expected), checkpoints(folder.path()));
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&there), names(&here), "{ranks}: other checkpoints");
        assert!(there == here, "{ranks}: other weights");
        runs += 1;
    }
}

#[test]
fn another_world_goes_on_with_the_same_rows() {
    let (undisturbed, moved) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    must(short(undisturbed.path(), "one-process", &[]));
    let mut chance = Chance(7);
    for ranks in ["laptop", "four-ranks", "one-process", "laptop"] {
        let command = short(moved.path(), ranks, &["--set", "checkpoint.every=1"]);
        // What is there so far is already proved.
        if killed(command, moved.path(), &mut chance).is_none() && newest(moved.path()).is_some() {
            assert_proved(moved.path());
            let so_far = ["diff", "--so-far", "--tolerance", "1e-4"];
            let (code, document) = ledger(&so_far, &[undisturbed.path(), moved.path()]);
            assert_eq!(code, 0, "{document:#}");
        }
    }
    must(short(moved.path(), "four-ranks", &["--set", "checkpoint.every=1"]));
    assert_same(undisturbed.path(), moved.path(), "1e-4");
    assert_proved(moved.path());
}

#[test]
fn a_run_that_goes_on_is_proved_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = short(folder.path(), "one-process", &LONG).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while newest(folder.path()).is_none() && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < patience, "no segment in two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    let steps = |document: &Value| document["phases"][0]["steps"].as_u64().unwrap();
    assert!((2..=4).contains(&steps(&assert_proved(folder.path()))));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(steps(&assert_proved(folder.path())), 4);
}

/// The last segment of a run so far.
fn newest(run_dir: &Path) -> Option<PathBuf> {
    let below = |folder: PathBuf| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let phases = below(run_dir.join("ledger")).into_iter();
    let files = phases.flat_map(below);
    files.filter(|file| file.extension().is_some_and(|extension| extension == "parquet")).max()
}

#[test]
fn what_is_spoilt_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path();
    must(short(run_dir, "one-process", &[]));
    assert_proved(run_dir);
    let phase = run_dir.join("ledger/2-instruction");
    let spoil = |path: &Path, change: &dyn Fn(Vec<u8>) -> Option<Vec<u8>>, expected: &str| {
        let original = std::fs::read(path).unwrap();
        match change(original.clone()) {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        let said = problems(run_dir);
        std::fs::write(path, original).unwrap();
        assert!(said.contains(expected), "`{expected}` is not in: {said}");
    };
    let flip = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Some(bytes)
    };
    let cut = |bytes: Vec<u8>| Some(bytes[..bytes.len() / 2].to_vec());
    let torn = "000004-000006.parquet: the segment is torn or changed after it was written";
    spoil(&phase.join("000004-000006.parquet"), &flip, torn);
    spoil(&phase.join("000004-000006.parquet"), &cut, torn);
    spoil(
        &phase.join("000004-000006.parquet"),
        &|_| None,
        "the ledger lacks steps 4 to 6, behind 000001-000003.parquet",
    );
    spoil(
        &phase.join("000007-000007.parquet"),
        &|_| None,
        "the ledger ends at step 6, but there is a checkpoint of step 7",
    );
    let shards = run_dir.join("prepared/2-instruction");
    let shard = std::fs::read_dir(shards)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .unwrap();
    spoil(&shard, &flip, "the shard changed after its manifest");
    assert_proved(run_dir);

    // A ledger that is whole, and does not say what was trained on.
    let segment = phase.join("000007-000007.parquet");
    let original = std::fs::read(&segment).unwrap();
    let steps: Vec<Vec<Entry>> =
        Stitched::open(&phase).unwrap().by_step().collect::<Result<_, _>>().unwrap();
    let mut last = steps[6].clone();
    last[2].row.sample ^= 1;
    last[5].row.row = last[4].row.row;
    write(&phase, &last).unwrap();
    let said = problems(run_dir);
    assert!(said.contains("step 7, slot 2: row ") && said.contains(" hashed to "), "{said}");
    assert!(said.contains("step 7, slot 5: row ") && said.contains(" instead of row "), "{said}");
    std::fs::write(&segment, original).unwrap();
    assert_proved(run_dir);
}

#[test]
fn a_mixture_is_realised_and_proved() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let with = |weights: &str| {
        let weights = format!("phase.2.language_weights={weights}");
        short(&run_dir, "one-process", &["--set", &weights, "--set", "batch.group=1"])
    };
    // Found when the rows are there, not when their phase begins.
    let output = with("{ de = 2.0 }").output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("`de` is not one of the languages of the phase's rows: en, zh"),
        "{said}"
    );
    assert!(metrics(&run_dir).is_empty());

    must(with("{ zh = 3.0 }"));
    let document = assert_proved(&run_dir);
    let sources = document["phases"][2]["sources"].as_array().unwrap();
    let share = |key: &str| -> f64 {
        let chinese = sources.iter().filter(|source| source["language"] == "zh");
        chinese.map(|source| source[key].as_f64().unwrap()).sum()
    };
    let (wanted, realised) = (share("wanted"), share("realised"));
    // Both languages have the same frames: three of four rows are Chinese.
    assert!((0.7..0.8).contains(&wanted), "{document:#}");
    // 84 rows are no epoch: they are drawn as they come.
    assert!((realised - wanted).abs() < 0.2, "{wanted} wanted, {realised} realised");
}
