//! Paragraphs about runs.
#![allow(clippy::unwrap_used)]

mod chains;

use super::*;
use crate::backend::{QueueState, Stage};
use crate::events::milliseconds;
use crate::standing::sight::Sight;
use crate::standing::{State, Step};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;

/// A start of two ranks, and the lines behind it.
fn past(more: &[&str]) -> Past {
    let mut lines = vec![
        r#"{"time":"2026-11-23T09:00:00.000Z","event":"started","start":1,"world":2,"backend":"local"}"#,
        r#"{"time":"2026-11-23T09:00:05.000Z","event":"rank-started","rank":0,"process":11}"#,
        r#"{"time":"2026-11-23T09:00:05.000Z","event":"rank-started","rank":1,"process":12}"#,
    ];
    lines.extend(more);
    Past { events: lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect() }
}

/// A run as it follows from its past.
fn now(past: &Past) -> Now {
    let standing = past.standing();
    let sight = Sight { checkpoint: Some("alignment-000004".to_owned()), ..Sight::default() };
    let gone = !standing.state.is_over();
    Now { gone, standing, sight, source: "events.jsonl", ..Now::default() }
}

/// The same with a driver that is at work.
fn driven(past: &Past) -> Now {
    let step = Step { phase: "alignment".to_owned(), step: 40, steps: 400, ..Step::default() };
    let standing = Standing { state: State::Running, progress: Some(step), ..past.standing() };
    Now {
        standing,
        gone: false,
        driver: Some("process 7".to_owned()),
        source: "status.json",
        ..now(past)
    }
}

fn check(now: &Now, past: &Past, ends: &Ends, is_fine: bool, expected: Expect) {
    let why = Why::of(now, past, ends, "runs/x");
    expected.assert_eq(&why.text());
    assert_eq!(why.is_fine, is_fine);
}

const FAILED: &str = r#"{"time":"2026-11-23T09:14:02.000Z","event":"failed","rank":1,"end":{"exit_code":75},"exit_code":75,"last_words":"error: phase `alignment`, step 5: CUDA out of memory","phase":"alignment","step":4}"#;

const LOST: &str = r#"{"time":"2026-11-23T09:14:02.000Z","event":"failure","generation":1,"kind":"node-lost","sentence":"node-b is silent","rank":1,"node":"node-b","phase":"alignment","step":4,"course":"spare","hint":null}"#;

const AGAIN: &str = r#"{"time":"2026-11-23T09:14:09.000Z","event":"started","start":2,"world":2,"backend":"local"}"#;

#[test]
fn a_failure_is_explained_by_events_and_logs() {
    let past = past(&[FAILED]);
    let lines = |text: &str| vec!["--- start 1 ---".to_owned(), text.to_owned()];
    let ranks = BTreeMap::from([
        (0, lines("error: rank 1 hung up: Connection reset by peer (os error 104)")),
        (1, lines("error: phase `alignment`, step 5: CUDA out of memory")),
    ]);
    let ends = Ends { ranks, ..Ends::default() };
    check(
        &now(&past),
        &past,
        &ends,
        false,
        expect![[
            r#"It failed. The first cause, transient: rank 1 ended with exit code 75: phase `alignment`, step 5: CUDA out of memory (2026-11-23 09:14:02 UTC). The run was ended, and its newest checkpoint kept. logs/rank-1.log says "error: phase `alignment`, step 5: CUDA out of memory": the GPU's memory ran out. What to do: `knowcoder plan` says what each phase needs; a smaller memory.budget_gib or batch.micro_tokens needs less, and so do more ranks with [sharding]. Known from events.jsonl, logs/rank-1.log, logs/rank-0.log."#
        ]],
    );
    let why = Why::of(&now(&past), &past, &ends, "runs/x");
    assert_eq!(
        why.signs.iter().map(|sign| sign.kind).collect::<Vec<_>>(),
        ["out-of-memory", "network"]
    );
    assert_eq!(why.cause.unwrap().failure.step, Some(4));
}

#[test]
fn a_hint_of_the_program_comes_before_what_logs_say() {
    let failure = LOST.replace("spare", "stop").replace("null", "\"bring node-b back\"");
    let failed = r#"{"time":"2026-11-23T09:14:03.000Z","event":"failed","exit_code":75}"#;
    let past = past(&[&failure, failed]);
    check(
        &now(&past),
        &past,
        &Ends::default(),
        false,
        expect![
            "It failed. The first cause, node-lost: node-b is silent (rank 1, phase `alignment`, step 4, 2026-11-23 09:14:02 UTC). The run was ended, and its newest checkpoint kept. What to do: bring node-b back. Known from events.jsonl."
        ],
    );
}

#[test]
fn a_run_that_goes_on_is_fine() {
    let (calm, recovered) = (past(&[]), past(&[LOST, AGAIN]));
    check(
        &driven(&calm),
        &calm,
        &Ends::default(),
        true,
        expect![
            "It is fine: running, phase `alignment` at step 40 of 400. Known from status.json."
        ],
    );
    check(
        &driven(&recovered),
        &recovered,
        &Ends::default(),
        true,
        expect![
            "It goes on after 1 failure: running, phase `alignment` at step 40 of 400. The first cause, node-lost: node-b is silent (rank 1, phase `alignment`, step 4, 2026-11-23 09:14:02 UTC). A spare node took its place, and all ranks were started again. Known from status.json, events.jsonl."
        ],
    );
    let since = |time: &str| Now { driven_since: milliseconds(time), ..driven(&recovered) };
    let verdict = |now: &Now| Why::of(now, &recovered, &Ends::default(), "runs/x").verdict;
    let mine = since("2026-11-23T09:14:00.000Z");
    assert!(verdict(&mine).starts_with("it goes on after 1 failure: running"), "{mine:?}");
    // What another driver met before this one began is none of its own.
    let resumed = since("2026-11-23T09:14:05.000Z");
    check(
        &resumed,
        &recovered,
        &Ends::default(),
        true,
        expect![
            "It is fine: running, phase `alignment` at step 40 of 400. Known from status.json."
        ],
    );
    let mut stuck = driven(&calm);
    stuck.standing.ranks[1] =
        Rank { section: "data".to_owned(), step: 41, seconds: 61.2, ..Rank::default() };
    let why = Why::of(&stuck, &calm, &Ends::default(), "runs/x");
    assert!(
        why.verdict.ends_with("; rank 1 has been in data of step 41 for 61 s"),
        "{}",
        why.verdict
    );
}

#[test]
fn a_job_that_waits_says_why_and_whether_for_ever() {
    let past = Past::default();
    let waiting = |words: &str| {
        let words = words.to_owned();
        let queue = Some(QueueState { stage: Stage::Waiting, words, restarts: 0 });
        let standing = Standing { backend: "slurm".to_owned(), ..Standing::default() };
        Now { standing, queue, source: "events.jsonl", ..Now::default() }
    };
    check(
        &waiting("PENDING (DependencyNeverSatisfied)"),
        &past,
        &Ends::default(),
        false,
        expect![[
            r#"Its job waits: slurm says "PENDING (DependencyNeverSatisfied)", which means that the job before it failed, so that it will never begin. What to do: `knowcoder cancel runs/x` takes it away; the logs of the job before it say what failed; then `knowcoder resume runs/x`. Known from the queue of slurm."#
        ]],
    );
    check(
        &waiting("PENDING (Sunspots)"),
        &past,
        &Ends::default(),
        true,
        expect![[
            r#"Its job waits: slurm says "PENDING (Sunspots)". Known from the queue of slurm."#
        ]],
    );
}

#[test]
fn a_driver_that_is_gone_is_missed() {
    let calm = past(&[]);
    check(
        &now(&calm),
        &calm,
        &Ends::default(),
        false,
        expect![
            "Its driver is gone: it was running, last heard of at 2026-11-23 09:00:05 UTC; it left no word, as when a process is killed or its machine goes down. What to do: `knowcoder resume runs/x` continues it from its newest checkpoint. Known from events.jsonl, the lock, which nobody holds."
        ],
    );
    let driver = vec!["error: `wnut17.txt` is not there".to_owned(), "hint: fetch it".to_owned()];
    check(
        &now(&calm),
        &calm,
        &Ends { driver, driver_file: "logs/driver.log".to_owned(), ..Ends::default() },
        false,
        expect![
            "Its driver is gone: it was running, last heard of at 2026-11-23 09:00:05 UTC; the last that it said is: `wnut17.txt` is not there. What to do: fetch it. Known from events.jsonl, the lock, which nobody holds, logs/driver.log."
        ],
    );
    let killed = past(&[r#"{"time":"2026-11-23T09:10:00.000Z","event":"kill-requested"}"#]);
    check(
        &now(&killed),
        &killed,
        &Ends::default(),
        false,
        expect![
            "It was ended at once, as somebody asked twice or with --now. What to do: `knowcoder resume runs/x` continues it from its newest checkpoint. Known from events.jsonl."
        ],
    );
}

#[test]
fn who_stopped_and_who_is_done_says_so() {
    let asked = past(&[
        r#"{"time":"2026-11-23T09:10:00.000Z","event":"stop-requested"}"#,
        r#"{"time":"2026-11-23T09:10:01.000Z","event":"stopped"}"#,
    ]);
    check(
        &now(&asked),
        &asked,
        &Ends::default(),
        true,
        expect![
            "It stopped with a checkpoint because it was asked to. What to do: `knowcoder resume runs/x` continues it. Known from events.jsonl."
        ],
    );
    let done = past(&[LOST, AGAIN, r#"{"time":"2026-11-23T09:20:00.000Z","event":"done"}"#]);
    check(
        &now(&done),
        &done,
        &Ends::default(),
        true,
        expect![
            "It is done, after a failure that it recovered from. The first cause, node-lost: node-b is silent (rank 1, phase `alignment`, step 4, 2026-11-23 09:14:02 UTC). A spare node took its place, and all ranks were started again. Known from events.jsonl."
        ],
    );
}

#[test]
fn signs_are_looked_for_in_the_newest_start_only() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir_all(&logs).unwrap();
    let log = "--- start 1, T ---\nCUDA out of memory\n--- start 2, T ---\nfine\n";
    std::fs::write(logs.join("rank-0.log"), log).unwrap();
    std::fs::write(logs.join("slurm-17.log"), "slurmstepd: error: *** DUE TO TIME LIMIT ***\n")
        .unwrap();
    let ends = Ends::read(folder.path());
    assert_eq!(ends.ranks[&0], ["--- start 2, T ---", "fine"]);
    let signs = ends.signs(Some(0));
    assert_eq!(
        signs.iter().map(|sign| sign.file.as_str()).collect::<Vec<_>>(),
        ["logs/slurm-17.log"]
    );
}

#[test]
fn what_a_scheduler_wanted_is_told_apart_from_what_somebody_did() {
    let limit = |course: &str| {
        format!(
            r#"{{"time":"2026-11-23T09:10:00.000Z","event":"failure","generation":1,"kind":"time-limit","sentence":"the time limit of SLURM's job 17, 24:00:00, came near; the checkpoint of step 40 of phase `alignment` is written","rank":null,"node":null,"course":"{course}","phase":"alignment","step":40}}"#
        )
    };
    let asked = r#"{"time":"2026-11-23T09:09:59.000Z","event":"stop-requested"}"#;
    let stopped = r#"{"time":"2026-11-23T09:10:01.000Z","event":"stopped"}"#;
    let requeued = r#"{"time":"2026-11-23T09:10:02.000Z","event":"requeued","reason":"time-limit","job":"17"}"#;
    let (back, over) = (limit("requeue"), limit("stop"));
    let comes_back = past(&[asked, &back, stopped]);
    check(
        &now(&comes_back),
        &comes_back,
        &Ends::default(),
        true,
        expect![
            "It stopped with a checkpoint. The first cause, time-limit: the time limit of SLURM's job 17, 24:00:00, came near; the checkpoint of step 40 of phase `alignment` is written (2026-11-23 09:10:00 UTC). The job was given back to its scheduler, to begin again elsewhere or later. What to do: nothing; `knowcoder status runs/x` says when its job begins again. Known from events.jsonl."
        ],
    );
    let ends = past(&[asked, &over, stopped]);
    check(
        &now(&ends),
        &ends,
        &Ends::default(),
        false,
        expect![
            "It stopped with a checkpoint. The first cause, time-limit: the time limit of SLURM's job 17, 24:00:00, came near; the checkpoint of step 40 of phase `alignment` is written (2026-11-23 09:10:00 UTC). The run was ended, and its newest checkpoint kept. What to do: `knowcoder resume runs/x` continues it; with `requeue = true` in [slurm] it comes back by itself, and a longer slurm.time lets it get further each time. Known from events.jsonl."
        ],
    );
    let waits = past(&[asked, &back, stopped, requeued]);
    let queue =
        |stage, words: &str| Some(QueueState { stage, words: words.to_owned(), restarts: 1 });
    let standing = Standing { backend: "slurm".to_owned(), ..waits.standing() };
    let waiting = Now {
        standing,
        queue: queue(Stage::Waiting, "job 17: PENDING (BeginTime)"),
        source: "events.jsonl",
        ..Now::default()
    };
    check(
        &waiting,
        &waits,
        &Ends::default(),
        true,
        expect![[
            r#"Its job waits: slurm says "job 17: PENDING (BeginTime)", which means that it begins a while after it was given back. The first cause, time-limit: the time limit of SLURM's job 17, 24:00:00, came near; the checkpoint of step 40 of phase `alignment` is written (2026-11-23 09:10:00 UTC). The job was given back to its scheduler, to begin again elsewhere or later. What to do: wait a minute or two. Known from the queue of slurm, events.jsonl."#
        ]],
    );
}

#[test]
fn what_accounting_says_of_a_job_that_was_ended_is_told() {
    let calm = past(&[]);
    let ended = |words: &str| {
        let words = format!("job 17: {words}");
        let queue = Some(QueueState { stage: Stage::Failed, words, restarts: 0 });
        let standing = Standing { backend: "slurm".to_owned(), ..calm.standing() };
        let now = Now { standing, queue, ..now(&calm) };
        Why::of(&now, &calm, &Ends::default(), "runs/x").verdict
    };
    for (state, means) in [
        ("TIMEOUT", "its time was up before it could save and be queued again"),
        ("PREEMPTED", "other jobs took its nodes"),
        ("NODE_FAIL", "a node of it failed"),
        ("OUT_OF_MEMORY", "its memory ran out"),
    ] {
        let verdict = ended(state);
        let part = format!("slurm says \"job 17: {state}\", which means that {means}");
        assert!(verdict.contains(&part), "{verdict}");
    }
    // A driver that was ended by its scheduler may still say that it failed.
    let failed = past(&[r#"{"time":"2026-11-23T09:14:03.000Z","event":"failed","exit_code":75}"#]);
    let queue =
        QueueState { stage: Stage::Failed, words: "job 17: OUT_OF_MEMORY".to_owned(), restarts: 0 };
    let standing = Standing { backend: "slurm".to_owned(), ..failed.standing() };
    let now = Now { standing, queue: Some(queue), ..now(&failed) };
    let why = Why::of(&now, &failed, &Ends::default(), "runs/x");
    assert!(why.verdict.starts_with("it failed; slurm says \"job 17: OUT_OF_MEMORY\""), "{why:?}");
}

#[test]
fn the_log_of_the_last_job_is_the_drivers() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir_all(&logs).unwrap();
    let write = |name: &str, text: &str, age: u64| {
        let file = std::fs::File::create(logs.join(name)).unwrap();
        std::fs::write(logs.join(name), text).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        file.set_modified(time).unwrap();
    };
    write("driver.log", "error: `a` is not there\nhint: fetch a\n", 60);
    let ends = Ends::read(folder.path());
    assert_eq!(
        (ends.driver_error(), &*ends.driver_file),
        (Some("`a` is not there"), "logs/driver.log")
    );
    // Jobs are counted, not spelled; what another start said is over.
    write("slurm-999.log", "error: of before\n", 30);
    let text = "--- job 1000, restart 0, T ---\nerror: of before\n--- job 1000, restart 1, T ---\n\
                error: `b` is not there\nhint: fetch b\n";
    write("slurm-1000.log", text, 30);
    write("agent-n1.log", "error: an agent's\n", 0);
    let time = logs.join("slurm-1000.log").metadata().unwrap().modified().unwrap();
    let before = std::fs::File::options().write(true).open(logs.join("slurm-999.log")).unwrap();
    before.set_modified(time).unwrap();
    let ends = Ends::read(folder.path());
    assert_eq!(ends.driver_error(), Some("`b` is not there"));
    assert_eq!(ends.driver_hint(), Some("fetch b"));
    assert_eq!(ends.driver_file, "logs/slurm-1000.log");
    let others: Vec<&String> = ends.others.keys().collect();
    assert_eq!(others, ["logs/agent-n1.log", "logs/driver.log", "logs/slurm-999.log"]);
    // What prepared the data may be what failed.
    write("prepare-1001-2.log", "error: `c` is not there\n", 0);
    assert_eq!(Ends::read(folder.path()).driver_error(), Some("`c` is not there"));
}
