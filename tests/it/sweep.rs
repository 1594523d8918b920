//! `sweep`: trials are asked for, paused, promoted and resumed; whatever is killed goes on, and nothing is done
//! twice.

use crate::full_disk::SmallDisk;
use crate::program::{cluster, fixture, knowcoder, metrics, must, root, run, stderr};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// A sweep of `tiny.toml` on one process: `head` stands in `[sweep]`, `rest` behind it.
fn definition(folder: &Path, head: &str, rest: &str) -> PathBuf {
    let recipe = fixture("tiny.toml").canonicalize().unwrap();
    let cluster = cluster("one-process").canonicalize().unwrap();
    let text = format!(
        "[sweep]\nname = \"tiny\"\nrecipe = {recipe:?}\ncluster = {cluster:?}\nmetric = \"loss\"\n{head}\n{rest}"
    );
    let path = folder.join("tiny-sweep.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Four trials.
const GRID: &str = "[space]\n\"lora.rank\" = { values = [2, 4] }\n\
                    \"optimizer.learning_rate\" = { values = [1e-3, 2e-3] }\n";

/// One trial.
const ONE: &str = "[space]\n\"lora.rank\" = { values = [2] }\n";

/// The first phase long enough to be disturbed.
const LONG: &str = "[set]\n\"phase.0.steps\" = 40\n";

fn sweep(verb: &str, file: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["sweep", verb]);
    command.arg(file).arg("--out").arg(out).args(more);
    command
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn log(out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join("sweep.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn events(out: &Path, name: &str) -> Vec<Value> {
    log(out).into_iter().filter(|event| event["event"] == name).collect()
}

/// Trials by number, of `status --json`.
fn trials(document: &Value) -> &Vec<Value> {
    document["trials"].as_array().unwrap()
}

fn losses(run_dir: &Path) -> Vec<(String, u64, f64)> {
    let of = |line: &Value| {
        let phase = line["phase"].as_str().unwrap().to_owned();
        (phase, line["step"].as_u64().unwrap(), line["loss"].as_f64().unwrap())
    };
    metrics(run_dir).iter().map(of).collect()
}

/// Waits until `is_true`, while the process lives.
fn wait_until(child: &mut Child, what: &str, is_true: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(300);
    while !is_true() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before there was {what}");
        assert!(Instant::now() < patience, "no {what} in five minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The process that works in a run directory, as its lock names it.
fn worker_of(run_dir: &Path) -> i32 {
    let text = std::fs::read_to_string(run_dir.join("lock")).unwrap();
    text.split_whitespace().last().unwrap().parse().unwrap()
}

fn signal(process: i32, signal: libc::c_int) {
    // SAFETY: the process is ours, or one that it started, and still at work.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Every trial was asked for once and came to its end once.
fn assert_nothing_twice(out: &Path, count: usize) {
    for name in ["asked", "finished"] {
        let mut numbers: Vec<u64> =
            events(out, name).iter().map(|event| event["trial"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        let expected: Vec<u64> = (0..count as u64).collect();
        assert_eq!(numbers, expected, "{name}");
    }
}

#[test]
fn a_grid_is_tried_whole_with_shards_of_all_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"\nparallel = 2", GRID);
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    assert_eq!(told["status"], "done", "{told}");
    assert_eq!(told["sweep"]["counts"]["done"], 4, "{told}");
    assert_nothing_twice(&out, 4);
    // Neither key changes data: they are prepared once.
    assert_eq!(std::fs::read_dir(out.join("shards")).unwrap().count(), 1);
    // What a trial did is what its values say.
    for trial in trials(&told["sweep"]) {
        let lock = format!("trials/{}-5/recipe.lock", trial["trial"]);
        let lock: toml::Table = std::fs::read_to_string(out.join(lock)).unwrap().parse().unwrap();
        let rate = lock["phase"][2]["optimizer"]["learning_rate"].as_float();
        assert_eq!(rate, trial["values"]["optimizer.learning_rate"].as_f64(), "{trial}");
        assert_eq!(trial["state"], "done");
    }
    let best = document(&must(sweep("best", &file, &out, &["--json"])));
    let values: Vec<f64> =
        trials(&told["sweep"]).iter().map(|it| it["value"].as_f64().unwrap()).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(best["value"].as_f64(), Some(least));
    let text = must(sweep("best", &file, &out, &[]));
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("knowcoder run ") && text.contains("--set lora.rank="), "{text}");
    must(sweep("report", &file, &out, &[]));
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert_eq!(page.matches("<tr data-trial=").count(), 4);
    let csv = std::fs::read_to_string(out.join("trials.csv")).unwrap();
    assert_eq!(csv.lines().count(), 5, "{csv}");
    // A second time there is nothing to do.
    let before = std::fs::read(out.join("sweep.jsonl")).unwrap();
    let again = document(&must(sweep("resume", &file, &out, &["--json"])));
    assert_eq!(again["status"], "done");
    assert_eq!(std::fs::read(out.join("sweep.jsonl")).unwrap(), before);
    // Another space is another sweep.
    let other = definition(folder.path(), "method = \"grid\"", &GRID.replace("[2, 4]", "[2, 8]"));
    let refused = sweep("start", &other, &out, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("holds another sweep: space.lora.rank"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn a_promoted_trial_is_the_run_that_was_never_paused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let head = "method = \"random\"\nbudget = { trials = 4 }\nseed = 3";
    let rest = "[space]\n\"optimizer.learning_rate\" = { log = [1e-4, 1e-2] }\n\
                [stop]\nmethod = \"asha\"\nrungs = [2, 4]\nfactor = 2\n";
    let file = definition(folder.path(), head, rest);
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    let counts = &told["sweep"]["counts"];
    assert!(counts["done"].as_u64() >= Some(1) && counts["paused"].as_u64() >= Some(1), "{told}");
    assert_eq!(events(&out, "asked").len(), 4);
    for trial in trials(&told["sweep"]) {
        let (number, run_dir) = (&trial["trial"], out.join(format!("trials/{}-5", trial["trial"])));
        let steps = losses(&run_dir);
        let of_phase = steps.iter().filter(|(phase, ..)| phase == "instruction").count();
        let paused: Vec<u64> = events(&out, "paused")
            .iter()
            .filter(|event| event["trial"] == *number)
            .map(|event| event["step"].as_u64().unwrap())
            .collect();
        // It stops behind the step of its rung, not somewhere after it.
        match trial["state"].as_str().unwrap() {
            "done" => assert_eq!((of_phase, paused), (7, vec![2, 4]), "{trial}"),
            _ => assert_eq!(Some(of_phase as u64), paused.last().copied(), "{trial}"),
        }
        let starts = events(&out, "started");
        let starts = starts.iter().filter(|event| event["trial"] == *number).count();
        let text = std::fs::read_to_string(run_dir.join("events.jsonl")).unwrap();
        let resumed = text.matches("\"event\":\"resumed\"").count();
        assert_eq!(resumed, starts - 1, "it goes on from its checkpoint each time: {trial}");
        if trial["state"] != "done" {
            continue;
        }
        let rate = &trial["values"]["optimizer.learning_rate"];
        let whole = folder.path().join(format!("whole-{number}"));
        let set = format!("optimizer.learning_rate={rate}");
        must(run(&fixture("tiny.toml"), &whole, "one-process", &["--set", &set]));
        assert_eq!(losses(&whole), steps);
    }
}

#[test]
fn what_is_killed_goes_on_with_nothing_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"", &format!("{GRID}{LONG}"));
    let first = out.join("trials/0-5");
    let mut child = sweep("start", &file, &out, &[]).spawn().unwrap();
    wait_until(&mut child, "a step of the first trial", || metrics(&first).len() >= 2);
    // A trial: its sweep tries it again, in the same directory.
    signal(worker_of(&first), libc::SIGKILL);
    wait_until(&mut child, "a second start", || {
        events(&out, "started").iter().any(|event| event["attempt"] == 2)
    });
    assert_eq!(events(&out, "failed")[0]["again"], true);
    wait_until(&mut child, "a step of the second trial", || {
        metrics(&out.join("trials/1-5")).len() >= 2
    });
    // The sweep: the next one finds what was at work.
    child.kill().unwrap();
    child.wait().unwrap();
    let told = document(&must(sweep("status", &file, &out, &["--json"])));
    assert_eq!((&told["lost"], &told["counts"]["running"]), (&1.into(), &0.into()), "{told}");
    // A line that was being written.
    let mut text = std::fs::read_to_string(out.join("sweep.jsonl")).unwrap();
    text += "{\"time\":\"2026-";
    std::fs::write(out.join("sweep.jsonl"), text).unwrap();
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    assert_eq!(told["sweep"]["counts"]["done"], 4, "{told}");
    assert_eq!(events(&out, "lost").len(), 1);
    assert_nothing_twice(&out, 4);
    // The trials are those of a sweep that nobody disturbed.
    for trial in 0..2 {
        let values = &trials(&told["sweep"])[trial]["values"];
        let whole = folder.path().join(format!("whole-{trial}"));
        let sets =
            ["lora.rank", "optimizer.learning_rate"].map(|key| format!("{key}={}", values[key]));
        let more = ["--set", &sets[0], "--set", &sets[1], "--set", "phase.0.steps=40"];
        must(run(&fixture("tiny.toml"), &whole, "one-process", &more));
        assert_eq!(losses(&whole), losses(&out.join(format!("trials/{trial}-5"))));
    }
}

#[test]
fn a_worker_whose_trial_was_taken_leaves_it_and_writes_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"", &format!("{ONE}{LONG}"));
    let said = folder.path().join("said");
    let mut command = sweep("start", &file, &out, &[]);
    let mut child = command.stderr(std::fs::File::create(&said).unwrap()).spawn().unwrap();
    let first = out.join("trials/0-5");
    wait_until(&mut child, "a step", || metrics(&first).len() >= 2);
    // Somebody on another machine has heard nothing of the worker for too long, and has the trial now.
    let claim = out.join("claims/0-5");
    let owner = std::fs::read(claim.join("owner.json")).unwrap();
    let mut owner: Value = serde_json::from_slice(&owner).unwrap();
    owner["token"] = "another".into();
    owner["machine"] = "elsewhere".into();
    std::fs::write(folder.path().join("owner.json"), owner.to_string()).unwrap();
    std::fs::rename(folder.path().join("owner.json"), claim.join("owner.json")).unwrap();
    wait_until(&mut child, "a warning", || {
        std::fs::read_to_string(&said).unwrap().contains("another process has taken it")
    });
    let names: Vec<String> = log(&out).iter().map(|it| it["event"].to_string()).collect();
    assert_eq!(names, ["\"begun\"", "\"asked\"", "\"started\""]);
    assert!(claim.exists(), "what is another's stays");
    // The other one is gone, too.
    std::fs::remove_dir_all(&claim).unwrap();
    assert!(child.wait().unwrap().success(), "{}", std::fs::read_to_string(&said).unwrap());
    let count = |name: &str| events(&out, name).len();
    assert_eq!((count("started"), count("lost"), count("failed")), (2, 1, 0));
    assert_nothing_twice(&out, 1);
    let whole = folder.path().join("whole");
    let more = ["--set", "lora.rank=2", "--set", "phase.0.steps=40"];
    must(run(&fixture("tiny.toml"), &whole, "one-process", &more));
    assert_eq!(losses(&whole), losses(&first));
}

#[test]
fn the_time_in_which_a_sweep_was_away_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let head = "method = \"grid\"\nbudget = { gpu_hours = 1.0 }";
    let file = definition(folder.path(), head, &format!("{ONE}{LONG}"));
    let mut child = sweep("start", &file, &out, &[]).spawn().unwrap();
    let first = out.join("trials/0-5");
    wait_until(&mut child, "a step", || metrics(&first).len() >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    // As if that had been years ago.
    let text = std::fs::read_to_string(out.join("sweep.jsonl")).unwrap();
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            event["time"] = "2020-01-01T00:00:00.000Z".into();
            event.to_string() + "\n"
        })
        .collect();
    std::fs::write(out.join("sweep.jsonl"), lines.concat()).unwrap();
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    assert_eq!((&told["status"], &told["sweep"]["counts"]["done"]), (&"done".into(), &1.into()));
    assert!(told["sweep"]["gpu_hours"].as_f64().unwrap() < 1.0, "{told}");
    assert_eq!(events(&out, "lost").len(), 1);
    assert_nothing_twice(&out, 1);
}

#[test]
fn a_full_disk_costs_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    let small = tempfile::tempdir().unwrap();
    let mut kibibytes = 64;
    let Some(disk) = SmallDisk::mount(small.path(), kibibytes) else { return };
    let out = small.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"\nretries = 0", ONE);
    let mut refusals = 0;
    loop {
        let output = sweep("start", &file, &out, &[]).output().unwrap();
        if output.status.success() {
            break;
        }
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{kibibytes} KiB: {said}");
        assert_eq!(events(&out, "failed").len(), 0, "{kibibytes} KiB: {said}");
        refusals += 1;
        kibibytes = kibibytes * 8 / 5;
        assert!(kibibytes < 1 << 20, "a gigabyte is not enough: {said}");
        disk.grow(kibibytes);
    }
    assert!(refusals >= 3, "only {refusals} sizes were too small");
    assert_nothing_twice(&out, 1);
    let whole = folder.path().join("whole");
    must(run(&fixture("tiny.toml"), &whole, "one-process", &["--set", "lora.rank=2"]));
    assert_eq!(losses(&whole), losses(&out.join("trials/0-5")));
}

#[test]
fn runs_at_a_time_share_the_cores() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"\nparallel = 2", ONE);
    let many = folder.path().join("many.toml");
    let text = "[cluster]\nbackend = \"local\"\nranks = 1\nthreads_per_rank = 1024\n";
    std::fs::write(&many, text).unwrap();
    let output = must(sweep("start", &file, &out, &["--cluster", many.to_str().unwrap()]));
    let cores = std::thread::available_parallelism().unwrap().get();
    let threads = (cores / 2).clamp(1, 1024);
    let note =
        format!("2 run(s) at a time with 1 rank(s) share {cores} core(s): {threads} thread(s)");
    assert!(stderr(&output).contains(&note), "{}", stderr(&output));
    let cluster = std::fs::read_to_string(out.join("trials/0-5/cluster.toml")).unwrap();
    let cluster: toml::Table = cluster.parse().unwrap();
    assert_eq!(cluster["cluster"]["threads_per_rank"].as_integer(), Some(threads as i64));
}

#[test]
fn a_recipe_that_changes_meanwhile_is_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"", &format!("{GRID}{LONG}"));
    let recipe = folder.path().join("mine.toml");
    let datasets = root().join("configs/datasets").canonicalize().unwrap();
    let text = std::fs::read_to_string(fixture("tiny.toml")).unwrap();
    let text = text.replace("\"../../configs/datasets\"", &format!("{datasets:?}"));
    std::fs::write(&recipe, &text).unwrap();
    let tiny = fixture("tiny.toml").canonicalize().unwrap();
    let own = std::fs::read_to_string(&file).unwrap();
    let own = own.replace(&format!("{tiny:?}"), &format!("{recipe:?}"));
    std::fs::write(&file, own).unwrap();
    let mut child = sweep("start", &file, &out, &[]).spawn().unwrap();
    wait_until(&mut child, "a step", || metrics(&out.join("trials/0-5")).len() >= 2);
    std::fs::write(&recipe, text.replace("alpha = 8", "alpha = 16")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("what the recipe says"), "{}", stderr(&output));
    // One that cannot be read is no fault of any values, either.
    std::fs::write(&recipe, "[run").unwrap();
    assert_eq!(sweep("start", &file, &out, &[]).output().unwrap().status.code(), Some(64));
    let count = |name: &str| events(&out, name).len();
    assert_eq!((count("finished"), count("started"), count("infeasible")), (1, 1, 0));
    std::fs::write(&recipe, &text).unwrap();
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    assert_eq!(told["sweep"]["counts"]["done"], 4, "{told}");
    assert_nothing_twice(&out, 4);
}

#[test]
fn workers_share_a_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let head = "method = \"sobol\"\nbudget = { trials = 3 }\nseeds_per_trial = 2";
    let file = definition(folder.path(), head, "[space]\nlora.rank = { int = [2, 8] }\n");
    let workers: Vec<Child> =
        (0..2).map(|_| sweep("start", &file, &out, &["--worker"]).spawn().unwrap()).collect();
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let told = document(&must(sweep("status", &file, &out, &["--json"])));
    assert_eq!(told["counts"]["done"], 3, "{told}");
    // Each run once, and by both.
    let starts = events(&out, "started");
    assert_eq!(starts.len(), 6);
    assert_eq!(events(&out, "finished").len(), 6);
    let mut owners: Vec<String> = starts.iter().map(|event| event["owner"].to_string()).collect();
    owners.sort();
    owners.dedup();
    assert_eq!(owners.len(), 2, "{starts:?}");
    // The same seeds for all trials; the seed is in the data, so that each has shards of its own.
    for trial in trials(&told) {
        let runs = trial["runs"].as_object().unwrap();
        assert_eq!(runs.keys().collect::<Vec<_>>(), ["5", "6"], "{trial}");
    }
    assert_eq!(std::fs::read_dir(out.join("shards")).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(out.join("claims")).unwrap().count(), 0);
}

#[test]
fn what_does_not_fit_into_memory_is_told_and_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let head = "method = \"grid\"\nconstraints = [\"memory\"]";
    let rest = "[space]\n\"memory.budget_gib\" = { values = [0.001, 8.0] }\n";
    let file = definition(folder.path(), head, rest);
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    let states: Vec<&str> =
        trials(&told["sweep"]).iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["infeasible", "done"], "{told}");
    assert!(!out.join("trials/0-5").exists(), "it was not run");
    let cause = trials(&told["sweep"])[0]["cause"].as_str().unwrap();
    assert!(cause.contains("GiB") || cause.contains("MiB"), "{cause}");
    // Without the constraint the run's own plan refuses it, before a step: that is no failure, either.
    let out = folder.path().join("unplanned");
    let file = definition(folder.path(), "method = \"grid\"", rest);
    let told = document(&must(sweep("start", &file, &out, &["--json"])));
    let states: Vec<&str> =
        trials(&told["sweep"]).iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["infeasible", "done"], "{told}");
    assert_eq!(events(&out, "failed").len(), 0);
    assert_eq!(trials(&told["sweep"])[0]["cause"].as_str(), Some(cause));
}

#[test]
fn ctrl_c_stops_with_checkpoints_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"", &format!("{GRID}{LONG}"));
    let mut child = sweep("start", &file, &out, &[]).spawn().unwrap();
    let first = out.join("trials/0-5");
    wait_until(&mut child, "a step", || metrics(&first).len() >= 2);
    // A second one that is no worker is told so.
    let second = sweep("start", &file, &out, &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", stderr(&second));
    assert!(stderr(&second).contains("work beside it with --worker"), "{}", stderr(&second));
    signal(child.id() as i32, libc::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("stopped; the same command goes on"), "{said}");
    assert_eq!(std::fs::read_dir(out.join("claims")).unwrap().count(), 0);
    assert!(std::fs::read_dir(first.join("checkpoints")).unwrap().count() > 0);
    let told = document(&must(sweep("resume", &file, &out, &["--json"])));
    assert_eq!(told["sweep"]["counts"]["done"], 4, "{told}");
    assert_nothing_twice(&out, 4);
}

#[test]
fn wrong_files_and_places_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |command: &mut Command, code: i32, expected: &str| {
        let output = command.output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(expected), "`{expected}` is not in: {said}");
    };
    let nowhere = folder.path().join("none.toml");
    refused(&mut sweep("start", &nowhere, &out, &[]), 64, "there is no such sweep");
    let file = definition(folder.path(), "method = \"gird\"", GRID);
    refused(
        &mut sweep("start", &file, &out, &[]),
        64,
        "tiny-sweep.toml:6:10: unknown value `gird`; did you mean `grid`?",
    );
    let wrong = "[space]\n\"lora.rnak\" = { values = [1] }\n";
    let file = definition(folder.path(), "method = \"grid\"", wrong);
    refused(&mut sweep("start", &file, &out, &[]), 64, "tiny-sweep.toml:8:1: with lora.rnak = 1: ");
    let file = definition(folder.path(), "method = \"grid\"", GRID);
    refused(&mut sweep("status", &file, &out, &[]), 64, "holds no sweep");
    let keys: Vec<String> =
        (0..3).map(|phase| format!("\"phase.{phase}.steps\" = {{ int = [1, 9000] }}\n")).collect();
    let large = format!("[space]\n{}", keys.concat());
    let file = definition(folder.path(), "method = \"grid\"", &large);
    refused(
        &mut sweep("start", &file, &out, &[]),
        64,
        "the grid has 729000000000 points, more than the 100000 that a sweep keeps",
    );
    let head = "method = \"grid\"\nbudget = { trials = 5 }";
    let file = definition(folder.path(), head, &large);
    let told = document(&must(sweep("start", &file, &out, &["--dry-run", "--json"])));
    assert_eq!((told["trials"].as_u64(), told["grid"].as_u64()), (Some(5), Some(9000u64.pow(3))));
    assert_eq!(told["first"].as_array().unwrap().len(), 5);
    let file = definition(folder.path(), "method = \"grid\"", GRID);
    refused(&mut sweep("start", &file, &out, &["--array"]), 64, "an array is SLURM's");
    assert!(!out.join("sweep.jsonl").exists());
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("sweep.jsonl"), "{\"time\":\"\",\"event\":\"odd\"}\n").unwrap();
    refused(
        &mut sweep("start", &file, &out, &[]),
        65,
        "sweep.jsonl:1: not an event of this version",
    );
}

#[test]
fn a_queue_gets_a_script_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = definition(folder.path(), "method = \"grid\"\nparallel = 3", GRID);
    let slurm = folder.path().join("slurm.toml");
    std::fs::write(
        &slurm,
        "[cluster]\nbackend = \"slurm\"\nranks = 1\n[slurm]\npartition = \"debug\"\n",
    )
    .unwrap();
    let more = ["--array", "--dry-run", "--cluster", slurm.to_str().unwrap()];
    must(sweep("start", &file, &out, &more));
    let script = std::fs::read_to_string(out.join("submit/array.sbatch")).unwrap();
    assert!(script.contains("#SBATCH --array=0-2\n") && script.contains("--worker"), "{script}");
    let inside = std::fs::read_to_string(out.join("submit/worker.toml")).unwrap();
    assert!(inside.contains("backend = \"local\""), "{inside}");
    let status =
        Command::new("bash").arg("-n").arg(out.join("submit/array.sbatch")).status().unwrap();
    assert!(status.success(), "{script}");
}

#[test]
fn the_shipped_sweep_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = root().join("configs/sweeps/quickstart.toml");
    let told = document(&must(sweep("start", &file, folder.path(), &["--dry-run", "--json"])));
    assert!(told["first"].as_array().unwrap().len() >= 5, "{told}");
}
