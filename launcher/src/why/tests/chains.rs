//! Chains of failures, drills, and how a run came to stand as it does.

use super::*;
use crate::cluster::Faults;
use crate::standing::past::Incident;
use crate::standing::sight::How;

/// A failure of a rank at minute `at`, in start `generation`, and how the run began again behind it.
fn killed(at: u32, generation: u32, course: &str) -> [String; 2] {
    let time = |second: u32| format!("2026-11-23T09:{at:02}:{second:02}.000Z");
    let failure = format!(
        r#"{{"time":"{}","event":"failure","generation":{generation},"kind":"rank-killed","sentence":"rank 1 was ended by signal 9 (SIGKILL)","rank":1,"node":null,"course":"{course}","hint":null}}"#,
        time(2)
    );
    let next = match course {
        "stop" => format!(r#"{{"time":"{}","event":"agent-lost"}}"#, time(3)),
        _ => format!(
            r#"{{"time":"{}","event":"started","start":{},"world":2,"backend":"local"}}"#,
            time(3),
            generation + 1
        ),
    };
    [failure, next]
}

#[test]
fn the_first_of_the_failures_that_ended_a_run_is_its_cause() {
    let failed =
        r#"{"time":"2026-11-23T09:13:01.000Z","event":"failed","exit_code":75}"#.to_owned();
    let mut lines =
        [killed(10, 1, "restart"), killed(11, 2, "restart"), killed(12, 3, "restart")].concat();
    lines.push(failed);
    lines.extend(killed(13, 4, "stop"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let past = past(&lines);
    let mut failed = now(&past);
    // Nobody knows what the driver was told.
    let why = Why::of(&failed, &past, &Ends::default(), "runs/x");
    assert_eq!((why.more, why.cause.unwrap().failure.generation), (0, 4));
    failed.sight.faults = Some(Faults { max_failures: 3, ..Faults::default() });
    check(
        &failed,
        &past,
        &Ends::default(),
        false,
        expect![
            "It failed: it recovered 3 times, as [faults] max_failures = 3 lets it, and failure 4 ended it. The first cause, rank-killed: rank 1 was ended by signal 9 (SIGKILL) (2026-11-23 09:10:02 UTC). 3 more failures followed, the last of them rank-killed: rank 1 was ended by signal 9 (SIGKILL) (start 4, 2026-11-23 09:13:02 UTC). The run was ended, and its newest checkpoint kept. What to do: if nobody killed it, the system probably ran out of memory (`dmesg` on its node says so): a cluster with fewer ranks a node, or a smaller memory.budget_gib, needs less; then `knowcoder resume runs/x`. Known from events.jsonl."
        ],
    );
    // What was forgotten before the last one did not end it.
    failed.sight.faults = Some(Faults { max_failures: 3, window: 90, ..Faults::default() });
    let why = Why::of(&failed, &past, &Ends::default(), "runs/x");
    assert_eq!((why.more, why.verdict.as_str()), (0, "it failed"));
    // What another driver recovered from counts neither.
    let mut again: Vec<&str> = lines[..4].to_vec();
    again.push(r#"{"time":"2026-11-23T09:11:30.000Z","event":"submitted","backend":"local"}"#);
    again.extend(&lines[4..]);
    let again = super::past(&again);
    let chain = cause::Cause::chain(&again, Some(&Faults { max_failures: 1, ..Faults::default() }));
    assert_eq!(chain.iter().map(|it| it.failure.generation).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_run_that_recovered_more_than_once_says_how_often() {
    let mut lines = [killed(10, 1, "restart"), killed(11, 2, "restart")].concat();
    lines.push(r#"{"time":"2026-11-23T09:20:00.000Z","event":"done"}"#.to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let past = past(&lines);
    check(
        &now(&past),
        &past,
        &Ends::default(),
        true,
        expect![
            "It is done, after 2 failures that it recovered from. The first cause, rank-killed: rank 1 was ended by signal 9 (SIGKILL) (2026-11-23 09:10:02 UTC). Another failure followed, rank-killed: rank 1 was ended by signal 9 (SIGKILL) (start 2, 2026-11-23 09:11:02 UTC). All ranks were started again from the newest checkpoint. Known from events.jsonl."
        ],
    );
}

#[test]
fn what_a_drill_asked_for_is_blamed_on_nobody() {
    let drill = r#"{"time":"2026-11-23T09:14:00.000Z","event":"drill","fault":"nan","rank":1,"seconds":30}"#;
    let incident = r#"{"time":"2026-11-23T09:14:01.000Z","event":"incident","phase":"alignment","step":5,"reason":"loss","course":"stop","sample":"sample `t029.1`"}"#;
    let failed = r#"{"time":"2026-11-23T09:14:02.000Z","event":"failed","rank":1,"end":{"exit_code":79},"exit_code":79,"last_words":"error: the loss is NaN"}"#;
    let past = past(&[drill, incident, failed]);
    let lines = vec!["error: the loss is NaN".to_owned(), "Bus error".to_owned()];
    let ends = Ends { ranks: BTreeMap::from([(1, lines)]), ..Ends::default() };
    check(
        &now(&past),
        &past,
        &ends,
        false,
        expect![
            "It failed. The first cause, diverged: rank 1 ended with exit code 79: the loss is NaN (2026-11-23 09:14:02 UTC, asked for by the drill `nan`). The run was ended, and its newest checkpoint kept. What to do: nothing broke that was not asked to; `knowcoder resume runs/x` continues it from its newest checkpoint. Known from events.jsonl."
        ],
    );
}

#[test]
fn no_checkpoint_is_said_to_be_kept_where_there_is_none() {
    let past = past(&[FAILED]);
    let mut failed = now(&past);
    failed.sight.checkpoint = None;
    let why = Why::of(&failed, &past, &Ends::default(), "runs/x");
    assert_eq!(why.done.as_deref(), Some("the run was ended; it has no checkpoint yet"));
    let asked = super::past(&[
        r#"{"time":"2026-11-23T09:10:00.000Z","event":"stop-requested"}"#,
        r#"{"time":"2026-11-23T09:10:01.000Z","event":"stopped"}"#,
    ]);
    let mut stopped = now(&asked);
    stopped.standing.progress =
        Some(Step { phase: "alignment".to_owned(), step: 9, steps: 400, ..Step::default() });
    check(
        &stopped,
        &asked,
        &Ends::default(),
        true,
        expect![
            "It stopped because it was asked to; its newest checkpoint is `alignment-000004`. What to do: `knowcoder resume runs/x` continues it from its newest checkpoint. Known from events.jsonl."
        ],
    );
    stopped.sight.checkpoint = None;
    check(
        &stopped,
        &asked,
        &Ends::default(),
        true,
        expect![
            "It stopped because it was asked to; there is no checkpoint yet. What to do: `knowcoder resume runs/x` starts it again: it has no checkpoint yet. Known from events.jsonl."
        ],
    );
}

#[test]
fn how_a_run_came_to_stand_so_is_said() {
    let stopped = past(&[r#"{"time":"2026-11-23T09:10:01.000Z","event":"stopped"}"#]);
    let mut now = now(&stopped);
    let mut check_how = |how: How, is_fine: bool, expected: Expect| {
        now.sight.how = Some(how);
        check(&now, &stopped, &Ends::default(), is_fine, expected);
    };
    check_how(
        How::Withdrawn,
        true,
        expect![
            "It was taken out of the queue, as asked. What to do: `knowcoder resume runs/x` submits it again. Known from events.jsonl."
        ],
    );
    check_how(
        How::AtOnce,
        true,
        expect![
            "It was ended at once, as asked. What to do: `knowcoder resume runs/x` continues it. Known from events.jsonl."
        ],
    );
    check_how(
        How::Paused(trainer::recipe::Pause { phase: "alignment".to_owned(), step: 4 }),
        true,
        expect![
            "It paused behind step 4 of phase `alignment`, as checkpoint.pause says. What to do: `knowcoder run` or `submit` with the same recipe and another checkpoint.pause, or without one, goes on. Known from events.jsonl."
        ],
    );
    check_how(
        How::Refused {
            backend: "slurm".to_owned(),
            reason: "9 nodes of 3".to_owned(),
            hint: Some("ask for fewer".to_owned()),
        },
        false,
        expect![
            "Nothing was submitted: SLURM refused it: 9 nodes of 3. What to do: ask for fewer. Known from events.jsonl."
        ],
    );
    now.sight.sweep = Some("/sw".into());
    now.sight.how =
        Some(How::Paused(trainer::recipe::Pause { phase: "alignment".to_owned(), step: 4 }));
    check(
        &now,
        &stopped,
        &Ends::default(),
        true,
        expect![
            "It paused behind step 4 of phase `alignment`, as checkpoint.pause says. It is a trial of the sweep in /sw. What to do: nothing: the sweep lets it go on if it is good enough; `knowcoder sweep status FILE --out /sw` says how that stands, `knowcoder sweep start FILE --out /sw` continues the sweep, where FILE is what it was begun with. Known from events.jsonl."
        ],
    );
}

#[test]
fn what_the_guard_left_out_and_what_cannot_be_read_is_told() {
    let done = past(&[r#"{"time":"2026-11-23T09:20:00.000Z","event":"done"}"#]);
    let mut now = now(&done);
    let incident = |step: usize, is_drill| Incident {
        phase: "alignment".to_owned(),
        step,
        reason: "loss".to_owned(),
        course: "skip".to_owned(),
        sample: Some("sample `t015.1`".to_owned()),
        is_drill,
    };
    now.sight.incidents = vec![incident(7, true)];
    check(
        &now,
        &done,
        &Ends::default(),
        true,
        expect![
            "It is done. 1 step was left out by the guard, see runs/x/incidents: it is step 7 of phase `alignment` (loss, skip, sample `t015.1`, asked for by the drill `nan`). Known from events.jsonl."
        ],
    );
    now.sight.incidents.push(incident(9, false));
    let why = Why::of(&now, &done, &Ends::default(), "runs/x");
    assert!(
        why.notes[0].starts_with("2 steps were left out by the guard")
            && why.notes[0].ends_with(
                "the newest is step 9 of phase `alignment` (loss, skip, sample `t015.1`)"
            ),
        "{why:?}"
    );
    now.sight.damage = Some("is damaged: line 2 of 3 is no JSON".to_owned());
    let why = Why::of(&now, &done, &Ends::default(), "runs/x");
    assert!(
        why.text().contains("Its events.jsonl is damaged: line 2 of 3 is no JSON; "),
        "{why:?}"
    );
    // Nothing at all is left.
    let nothing = Past::default();
    now.standing = nothing.standing();
    (now.gone, now.sight.incidents) = (true, Vec::new());
    now.sight.damage = Some("is damaged: line 1 of 1 is no JSON".to_owned());
    check(
        &now,
        &nothing,
        &Ends::default(),
        false,
        expect![
            "How it stands cannot be told, and nobody drives it. Its events.jsonl is damaged: line 1 of 1 is no JSON; what stands there is not known. What to do: `knowcoder resume runs/x` continues it from its newest checkpoint. Known from events.jsonl, the lock, which nobody holds."
        ],
    );
}

#[test]
fn a_job_that_is_over_is_not_said_to_wait() {
    let past = Past {
        events: vec![
            serde_json::from_str(
                r#"{"time":"2026-11-23T09:00:00.000Z","event":"submitted","backend":"slurm"}"#,
            )
            .unwrap(),
        ],
    };
    let words = "job 2: CANCELLED (BeginTime)".to_owned();
    let queue = Some(QueueState { stage: Stage::Failed, words, restarts: 0 });
    let mut over = Now { queue, ..now(&past) };
    check(
        &over,
        &past,
        &Ends::default(),
        false,
        expect![[
            r#"It was handed over at 2026-11-23 09:00:00 UTC, and nothing was heard of it since; slurm says "job 2: CANCELLED (BeginTime)", which means that somebody, or an administrator, cancelled it. What to do: `knowcoder resume runs/x` continues it from its newest checkpoint. Known from events.jsonl, the lock, which nobody holds, the queue of slurm."#
        ]],
    );
    (over.queue, over.gone) = (None, false);
    over.queue_error = Some("`squeue` is not there".to_owned());
    let why = Why::of(&over, &past, &Ends::default(), "runs/x");
    assert!(
        !why.is_fine && why.verdict.ends_with("slurm cannot be asked: `squeue` is not there"),
        "{why:?}"
    );
}
