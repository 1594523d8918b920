//! Runs in the background: handed over, looked at from other shells, stopped, killed and continued.

use crate::program::{checkpoints, cluster, fixture, knowcoder, metrics, must, run, stderr};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A first phase that is long enough to be disturbed.
const LONG: [&str; 4] = ["--set", "phase.0.steps=200", "--set", "checkpoint.every=10"];

/// A run in the background that does not outlive its test.
struct Background<'a> {
    run_dir: &'a Path,
}

impl<'a> Background<'a> {
    fn submit(run_dir: &'a Path, more: &[&str]) -> Self {
        let background = Self { run_dir };
        let output = must(submit(run_dir, more));
        let said = stdout(&output);
        assert!(said.starts_with("submitted `tiny` as local job "), "{said}");
        assert!(said.contains("knowcoder logs ") && said.contains("knowcoder status "), "{said}");
        background
    }

    /// Waits until the run is in this state.
    fn wait_for(&self, status: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = json(&["status"], self.run_dir);
            // A driver that has said how it ended writes its report, and goes.
            let is_let_go = found["driver"].is_null();
            if found["status"] == status && is_let_go {
                return found;
            }
            let over = ["done", "failed", "stopped"].iter().any(|it| found["status"] == *it);
            assert!(
                !over || found["status"] == status,
                "it is not {status}: {found:#}\n{}",
                self.driver()
            );
            assert!(Instant::now() < until, "it is not {status}: {found:#}\n{}", self.driver());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_for_steps(&self, steps: usize) {
        let until = Instant::now() + PATIENCE;
        while metrics(self.run_dir).len() < steps {
            assert!(Instant::now() < until, "no {steps} steps\n{}", self.driver());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the driver said.
    fn driver(&self) -> String {
        std::fs::read_to_string(self.run_dir.join("logs/driver.log")).unwrap_or_default()
    }

    /// The driver's process, from the name of the job.
    fn process(&self) -> i32 {
        let text = std::fs::read_to_string(self.run_dir.join("job.json")).unwrap();
        let job: Value = serde_json::from_str(&text).unwrap();
        let id = job["ids"][0].as_str().unwrap();
        id.rsplit(':').nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // If the test failed because of this very verb, the first failure is what counts.
        let _ = on(&["cancel", "--now"], self.run_dir).output();
    }
}

fn submit(run_dir: &Path, more: &[&str]) -> Command {
    let mut command = knowcoder(&["submit"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(run_dir);
    command.arg("--cluster").arg(cluster("laptop")).args(more);
    command
}

/// A verb on a run directory.
fn on(verb: &[&str], run_dir: &Path) -> Command {
    let mut command = knowcoder(verb);
    command.arg(run_dir);
    command
}

fn json(verb: &[&str], run_dir: &Path) -> Value {
    let mut command = on(verb, run_dir);
    command.arg("--json");
    serde_json::from_slice(&must(command).stdout).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Expects an exit code and parts of what is said.
fn refused(mut command: Command, code: i32, parts: &[&str]) {
    let output = command.output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

/// Whether there is such a process, and it has not ended without anybody asking how.
fn is_alive(process: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn losses(run_dir: &Path) -> Vec<f64> {
    metrics(run_dir).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

/// Every step and every weight is that of a run that nobody disturbed.
fn is_as_undisturbed(run_dir: &Path, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", more));
    assert_eq!(losses(folder.path()), losses(run_dir));
    let last = |run_dir: &Path| {
        let files = checkpoints(run_dir).into_iter();
        files.filter(|(name, _)| name.contains("instruction-000007")).collect::<Vec<_>>()
    };
    assert_eq!(last(folder.path()).len(), 3);
    assert!(last(folder.path()) == last(run_dir), "weights differ");
    assert!(run_dir.join("scores.json").exists());
}

#[test]
fn a_run_in_the_background_is_followed_from_another_shell() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let background = Background::submit(&run_dir, &LONG);
    let followed = on(&["logs", "--follow"], &run_dir).spawn().unwrap();
    let watched = on(&["status", "--watch"], &run_dir).spawn().unwrap();
    background.wait_for_steps(2);
    // It is written once a second.
    let until = Instant::now() + Duration::from_secs(60);
    let mut status = json(&["status"], &run_dir);
    while status["progress"].is_null() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
        status = json(&["status"], &run_dir);
    }
    assert_eq!(status["world"], 2);
    assert!(status["driver"].is_string(), "{status:#}");
    assert_eq!(status["progress"]["steps"], 200);
    let picture = stdout(&must(on(&["status"], &run_dir)));
    assert!(picture.contains("phase     schema-understanding ["), "{picture}");
    assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
    let why = json(&["why"], &run_dir);
    assert_eq!(why["is_fine"], true, "{why:#}");
    // Somebody else may not begin another run there.
    refused(submit(&run_dir, &LONG), 75, &["has a job already: local job ", "knowcoder cancel"]);
    refused(run(&fixture("tiny.toml"), &run_dir, "laptop", &LONG), 75, &["is in use by process "]);
    background.wait_for("done");
    // Both views end by themselves.
    let followed = followed.wait_with_output().unwrap();
    assert!(followed.status.success(), "{}", stderr(&followed));
    assert!(stdout(&followed).contains("--- start 1"), "{}", stdout(&followed));
    assert!(stderr(&followed).contains("the run is done"), "{}", stderr(&followed));
    let watched = watched.wait_with_output().unwrap();
    assert!(stdout(&watched).contains("state     done"), "{}", stdout(&watched));
    assert!(stderr(&watched).contains("tiny: "), "{}", stderr(&watched));
    is_as_undisturbed(&run_dir, &LONG);
}

#[test]
fn a_run_that_is_cancelled_stops_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let background = Background::submit(&run_dir, &LONG);
    background.wait_for_steps(3);
    assert_eq!(json(&["cancel"], &run_dir)["status"], "asked");
    background.wait_for("stopped");
    assert!(losses(&run_dir).len() < 200 + 5 + 7);
    // A paragraph is broken where the terminal ends.
    let why = stdout(&must(on(&["why"], &run_dir))).replace('\n', " ");
    assert!(
        why.starts_with("It stopped with a checkpoint") && why.contains("knowcoder resume"),
        "{why}"
    );
    assert_eq!(json(&["cancel"], &run_dir)["status"], "idle");
    assert_eq!(json(&["resume"], &run_dir)["status"], "submitted");
    background.wait_for("done");
    assert_eq!(json(&["resume"], &run_dir)["status"], "done");
    is_as_undisturbed(&run_dir, &LONG);
}

#[test]
fn a_run_that_is_cancelled_while_it_prepares_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let background = Background::submit(&run_dir, &LONG);
    let until = Instant::now() + PATIENCE;
    while json(&["status"], &run_dir)["driver"].is_null() {
        assert!(Instant::now() < until, "nobody drives it\n{}", background.driver());
    }
    assert_eq!(json(&["cancel"], &run_dir)["status"], "asked");
    background.wait_for("stopped");
    assert!(losses(&run_dir).len() < 200, "it was asked before");
    let why = stdout(&must(on(&["why"], &run_dir))).replace('\n', " ");
    assert!(why.contains("knowcoder resume"), "{why}");
    assert_eq!(json(&["resume"], &run_dir)["status"], "submitted");
    background.wait_for("done");
    is_as_undisturbed(&run_dir, &LONG);
}

#[test]
fn a_driver_that_is_killed_is_missed_and_resume_continues() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let background = Background::submit(&run_dir, &LONG);
    background.wait_for_steps(25);
    // SAFETY: the process is the driver of a run that is ours and still goes on.
    assert_eq!(unsafe { libc::kill(background.process(), libc::SIGKILL) }, 0);
    let status = background.wait_for("gone");
    assert_eq!((&status["gone"], &status["source"]), (&true.into(), &"events.jsonl".into()));
    let picture = stdout(&must(on(&["status"], &run_dir)));
    assert!(picture.contains(", and nobody drives it"), "{picture}");
    let why = json(&["why"], &run_dir);
    assert_eq!((&why["status"], &why["is_fine"]), (&"gone".into(), &false.into()), "{why:#}");
    assert!(why["verdict"].as_str().unwrap().starts_with("its driver is gone"), "{why:#}");
    must(on(&["resume"], &run_dir));
    background.wait_for("done");
    is_as_undisturbed(&run_dir, &LONG);
}

#[test]
fn a_run_that_is_ended_at_once_leaves_nobody_behind() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let background = Background::submit(&run_dir, &["--set", "phase.0.steps=4000"]);
    background.wait_for_steps(2);
    assert_eq!(json(&["cancel", "--now"], &run_dir)["status"], "ended");
    assert!(!is_alive(background.process()), "the driver is still there");
    let steps = metrics(&run_dir).len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(metrics(&run_dir).len(), steps, "a rank still trains");
    let why = json(&["why"], &run_dir);
    assert_eq!(why["status"], "stopped", "{why:#}");
    let verdict = why["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("it was ended at once, as asked"), "{why:#}");
    assert_eq!(json(&["cancel"], &run_dir)["status"], "idle");
}

#[test]
fn a_run_that_its_recipe_paused_is_not_resumed_to_pause_again() {
    let folder = tempfile::tempdir().unwrap();
    let pause = "checkpoint.pause={ phase = \"instruction\", step = 4 }";
    let output = run(&fixture("tiny.toml"), folder.path(), "laptop", &["--set", pause]);
    refused(output, 76, &[]);
    let why = json(&["why"], folder.path());
    let told = "it paused behind step 4 of phase `instruction`, as checkpoint.pause says";
    assert_eq!((&why["verdict"], &why["is_fine"]), (&told.into(), &true.into()), "{why:#}");
    let status = stdout(&must(on(&["status"], folder.path())));
    assert!(status.contains("because   it paused behind step 4"), "{status}");
    refused(
        on(&["resume"], folder.path()),
        64,
        &["is paused behind step 4", "without one, goes on"],
    );
}

#[test]
fn a_run_whose_events_are_damaged_is_not_taken_for_one_that_never_began() {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &[]));
    std::fs::write(folder.path().join("events.jsonl"), "no JSON\n").unwrap();
    std::fs::write(folder.path().join("status.json"), "").unwrap();
    let why = json(&["why"], folder.path());
    assert_eq!((&why["status"], &why["is_fine"]), (&"gone".into(), &false.into()), "{why:#}");
    let text = why["text"].as_str().unwrap();
    assert!(text.contains("events.jsonl is damaged: line 1 of 1 is no JSON"), "{text}");
    let status = stdout(&must(on(&["status"], folder.path())));
    assert!(status.contains("its events cannot be read"), "{status}");
}

#[test]
fn what_is_rendered_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let output = must(submit(&run_dir, &["--render", "--json"]));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["status"], "rendered");
    let script = std::fs::read_to_string(answer["files"][0].as_str().unwrap()).unwrap();
    assert!(script.contains("drive \\\n"), "{script}");
    assert!(run_dir.join("recipe.lock").exists() && !run_dir.join("job.json").exists());
    assert_eq!(json(&["status"], &run_dir)["status"], "prepared");
}

#[test]
fn hosts_are_asked_before_a_run_is_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (file, run_dir) = (folder.path().join("ssh.toml"), folder.path().join("run"));
    let text =
        "[cluster]\nbackend = \"ssh\"\nranks = 2\nnodes = 2\n\n[ssh]\nhosts = [\"a\", \"b\"]\n";
    std::fs::write(&file, text).unwrap();
    let mut command = knowcoder(&["submit"]);
    command.arg(fixture("tiny.toml")).arg("--run-dir").arg(&run_dir).arg("--cluster").arg(&file);
    // There is no `ssh`, and nothing else, where programs are looked for.
    command.env("PATH", folder.path());
    refused(command, 69, &["needs the program `ssh`, which is not there", "openssh-client"]);
    assert!(!run_dir.join("job.json").exists());
}

#[test]
fn a_run_directory_with_an_odd_name_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("it's $HOME");
    let background = Background { run_dir: &run_dir };
    let said = stdout(&must(submit(&run_dir, &[])));
    let name = format!("'{}/it'\\''s $HOME'", folder.path().display());
    assert!(said.contains(&format!("knowcoder status {name} --watch\n")), "{said}");
    background.wait_for("done");
}

#[test]
fn runs_of_the_foreground_are_seen_too() {
    let folder = tempfile::tempdir().unwrap();
    must(run(&fixture("tiny.toml"), folder.path(), "laptop", &[]));
    let status = json(&["status"], folder.path());
    assert_eq!((&status["status"], &status["run"]), (&"done".into(), &"tiny".into()));
    assert!(stdout(&must(on(&["why"], folder.path()))).starts_with("It is done. "));
    let logs = json(&["logs", "--lines", "0"], folder.path());
    let first = logs["lines"][0]["text"].as_str().unwrap();
    assert!(first.starts_with("--- start 1"), "{logs:#}");
    // Nothing went wrong, so there is nothing else to read here.
    let said = stderr(&must(on(&["logs"], folder.path())));
    assert!(said.contains("steps are in `knowcoder status "), "{said}");
    let of_one = stdout(&must(on(&["logs", "--rank", "1"], folder.path())));
    assert!(of_one.lines().all(|line| line.starts_with("[rank 1] ")), "{of_one}");
    refused(
        on(&["logs", "--rank", "7"], folder.path()),
        64,
        &["this rank has no log", "ranks 0-1 have"],
    );
    assert_eq!(json(&["cancel"], folder.path())["status"], "idle");
    let mut drill = on(&["drill"], folder.path());
    drill.arg("kill-rank");
    refused(drill, 64, &["nobody drives", "it is done"]);
}

#[test]
fn what_cannot_run_is_refused_before_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (run_dir, many) = (folder.path().join("run"), folder.path().join("many.toml"));
    let of_ranks = |ranks: usize| {
        std::fs::write(&many, format!("[cluster]\nbackend = \"local\"\nranks = {ranks}\n"))
            .unwrap();
        let mut command = knowcoder(&["submit"]);
        command
            .arg(fixture("tiny.toml"))
            .arg("--run-dir")
            .arg(&run_dir)
            .arg("--cluster")
            .arg(&many);
        command
    };
    refused(of_ranks(16), 64, &["12 samples a step for 16 ranks", "1 to 12 ranks have work"]);
    let mut exact = of_ranks(3);
    exact.args(["--set", "run.exact_shards=4"]);
    refused(exact, 64, &["cannot be dealt out to 3 ranks", "1, 2, 4"]);
    let empty = folder.path().join("empty");
    let corpus = ["--set", "phase.2.datasets=[\"wnut17:train\"]", "--data-root"];
    let mut missing = submit(&run_dir, &corpus);
    missing.arg(&empty);
    refused(missing, 65, &["is not there, which `wnut17:train` consists of"]);
    assert!(!run_dir.exists(), "nothing that was refused leaves something behind");
    for verb in ["status", "logs", "why", "cancel", "resume"] {
        refused(on(&[verb], &run_dir), 64, &["there is no run directory"]);
        refused(on(&[verb], folder.path()), 64, &["is no run directory"]);
    }
}
