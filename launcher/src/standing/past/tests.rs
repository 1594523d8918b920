//! Folds of event files, of this version and of those before.
#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write;

/// The fold as short lines.
fn told(standing: &Standing) -> String {
    let Standing { state, generation, world, backend, updated, .. } = standing;
    let mut text = format!("{} {generation} {world} {backend} {updated}\n", state.name());
    if let Some(step) = &standing.progress {
        writeln!(text, "at {} {} of {}", step.phase, step.step, step.steps).unwrap();
    }
    for Node { name, host, state, ranks, failures } in &standing.nodes {
        writeln!(text, "{name} {host} {state} {ranks:?} {failures}").unwrap();
    }
    let processes: Vec<_> = standing.ranks.iter().map(|it| (it.node, it.process)).collect();
    writeln!(text, "{processes:?}").unwrap();
    for Failure { time, generation, kind, sentence, rank, node, course, .. } in &standing.failures {
        writeln!(text, "{time} {generation} {kind} {rank:?} {node:?} {course}: {sentence}")
            .unwrap();
    }
    text
}

fn check(lines: &str, expected: Expect) {
    expected.assert_eq(&told(&Past::parse(lines.as_bytes()).standing()));
}

/// What a run of one machine writes.
const LOCAL: &str = r#"{"time":"T1","event":"started","start":1,"world":2,"threads_per_rank":1,"backend":"local","version":"0.1.0"}
{"time":"T2","event":"rank-started","rank":0,"process":11}
{"time":"T2","event":"rank-started","rank":1,"process":12}
{"time":"T3","event":"resumed","phase":"alignment","step":3}
{"time":"T4","event":"checkpoint","path":"r/checkpoints/alignment-000006"}
"#;

#[test]
fn a_run_of_one_machine() {
    check(
        LOCAL,
        expect![[r#"
            running 1 2 local T4
            at alignment 3 of 0
            [(0, 11), (0, 12)]
        "#]],
    );
    check(
        &format!(
            "{LOCAL}{}",
            r#"{"time":"T5","event":"stop-requested"}
{"time":"T6","event":"rank-ended","rank":1,"end":{"exit_code":76}}
"#
        ),
        expect![[r#"
            stopping 1 2 local T6
            at alignment 3 of 0
            [(0, 11), (0, 0)]
        "#]],
    );
    check(
        &format!(
            "{LOCAL}{}",
            "{\"time\":\"T7\",\"event\":\"done\"}\n{\"time\":\"T8\",\"event\":\"fai"
        ),
        expect![[r#"
            done 1 2 local T7
            at alignment 3 of 0
            [(0, 0), (0, 0)]
        "#]],
    );
}

#[test]
fn a_failure_that_nothing_recovers() {
    let failed =
        |fields: &str| format!("{LOCAL}{{\"time\":\"T5\",\"event\":\"failed\",{fields}}}\n");
    check(
        &failed(
            r#""rank":1,"end":{"signal":9},"exit_code":75,"last_words":null,"phase":"alignment","step":4"#,
        ),
        expect![[r#"
            failed 1 2 local T5
            at alignment 3 of 0
            [(0, 0), (0, 0)]
            T5 1 rank-killed Some(1) None stop: rank 1 was ended by signal 9 after step 4 of phase `alignment`
        "#]],
    );
    check(
        &failed(
            r#""rank":0,"end":{"exit_code":79},"exit_code":79,"last_words":"error: phase `a`, step 5: the loss is NaN","phase":"a","step":4"#,
        ),
        expect![[r#"
            failed 1 2 local T5
            at alignment 3 of 0
            [(0, 0), (0, 0)]
            T5 1 diverged Some(0) None stop: rank 0 ended with exit code 79: phase `a`, step 5: the loss is NaN
        "#]],
    );
}

#[test]
fn what_is_done_about_a_failure_comes_behind_it() {
    let failed = r#"{"time":"T5","event":"failed","rank":1,"end":{"signal":9},"exit_code":75,"last_words":null,"phase":"alignment","step":4}
{"time":"T6","event":"failure","generation":1,"kind":"rank-killed","sentence":"rank 1 was killed","rank":1,"node":null,"course":"restart"}
"#;
    check(
        &format!("{LOCAL}{failed}"),
        expect![[r#"
            recovering 1 2 local T6
            at alignment 3 of 0
            [(0, 0), (0, 0)]
            T6 1 rank-killed Some(1) None restart: rank 1 was killed
        "#]],
    );
    check(
        &format!("{LOCAL}{}", failed.replace("restart", "stop")),
        expect![[r#"
            failed 1 2 local T6
            at alignment 3 of 0
            [(0, 0), (0, 0)]
            T6 1 rank-killed Some(1) None stop: rank 1 was killed
        "#]],
    );
}

/// Three nodes, of which one is lost and another is cordoned.
const NODES: &str = r#"{"time":"T0","event":"submitted","backend":"slurm","ids":["17"]}
{"time":"T1","event":"agent-joined","node":0,"name":"node-a","host":"a.example","process":5}
{"time":"T1","event":"agent-joined","node":2,"name":"node-c","host":"c.example","process":5}
{"time":"T1","event":"agent-joined","node":1,"name":"node-b","host":"b.example","process":5}
{"time":"T2","event":"started","start":1,"world":2,"backend":"slurm"}
{"time":"T3","event":"rank-started","rank":0,"process":11,"node":0}
{"time":"T3","event":"rank-started","rank":1,"process":12,"node":1}
{"time":"T4","event":"failure","generation":1,"kind":"node-lost","sentence":"node-b is silent","rank":1,"node":"node-b","phase":"alignment","step":4,"course":"spare","hint":null}
{"time":"T4","event":"agent-lost","node":1,"name":"node-b","reason":"silent"}
"#;

#[test]
fn a_node_that_is_lost_and_a_spare_that_takes_its_place() {
    check(
        NODES,
        expect![[r#"
            recovering 1 2 slurm T4
            node-a a.example working [0] 0
            node-b b.example lost [1] 1
            node-c c.example spare [] 0
            [(0, 11), (1, 12)]
            T4 1 node-lost Some(1) Some("node-b") spare: node-b is silent
        "#]],
    );
    let again = r#"{"time":"T5","event":"cordoned","node":1,"name":"node-b","failures":2}
{"time":"T6","event":"started","start":2,"world":2,"backend":"slurm"}
{"time":"T7","event":"rank-started","rank":0,"process":21,"node":0}
{"time":"T7","event":"rank-started","rank":1,"process":22,"node":2}
{"time":"T8","event":"failure","generation":2,"kind":"time-limit","sentence":"the time is up","course":"requeue"}
{"time":"T9","event":"requeued","reason":"time limit"}
"#;
    check(
        &format!("{NODES}{again}"),
        expect![[r#"
            preparing 2 2 slurm T9
            node-a a.example working [0] 0
            node-b b.example cordoned [] 2
            node-c c.example working [1] 0
            [(0, 21), (2, 22)]
            T4 1 node-lost Some(1) Some("node-b") spare: node-b is silent
            T8 2 time-limit None None requeue: the time is up
        "#]],
    );
}

#[test]
fn a_node_that_is_taken_away_has_not_failed() {
    let lines: Vec<&str> = NODES.lines().take(7).collect();
    let drained = r#"{"time":"T4","event":"agent-leaving","node":1,"name":"node-b"}
{"time":"T5","event":"agent-lost","node":1,"name":"node-b","reason":"it was drained"}
{"time":"T6","event":"failure","generation":1,"kind":"node-drained","sentence":"node `node-b` was drained","rank":1,"node":"node-b","course":"replace"}
"#;
    check(
        &format!("{}\n{drained}", lines.join("\n")),
        expect![[r#"
            recovering 1 2 slurm T6
            node-a a.example working [0] 0
            node-b b.example drained [1] 0
            node-c c.example spare [] 0
            [(0, 11), (1, 12)]
            T6 1 node-drained Some(1) Some("node-b") replace: node `node-b` was drained
        "#]],
    );
}

#[test]
fn a_job_that_begins_again_has_other_nodes_and_knows_who_was_cordoned() {
    let again = r#"{"time":"T5","event":"cordoned","node":1,"name":"node-b","failures":2}
{"time":"T6","event":"requeued","reason":"time-limit"}
{"time":"T7","event":"agent-joined","node":1,"name":"node-d","host":"d.example","process":5}
"#;
    check(
        &format!("{NODES}{again}"),
        expect![[r#"
            preparing 1 2 slurm T7
            node-a a.example working [0] 0
            node-d d.example spare [] 0
            node-c c.example spare [] 0
            [(0, 11), (1, 12)]
            T4 1 node-lost Some(1) Some("node-b") spare: node-b is silent
        "#]],
    );
    let past = |more: &str| Past::parse(format!("{NODES}{again}{more}").as_bytes());
    assert_eq!(past("").cordoned(), ["node-b"]);
    let resumed =
        "{\"time\":\"T8\",\"event\":\"submitted\",\"backend\":\"slurm\",\"ids\":[\"18\"]}\n";
    assert!(past(resumed).cordoned().is_empty());
}

#[test]
fn what_makes_no_sense_is_left_out() {
    let lines = "\n7\n{}\nnonsense\n{\"event\":\"rank-started\",\"rank\":99}\n{\"event\":\"rank-ended\"}\n\
                 {\"event\":\"started\",\"world\":-3}\n{\"event\":7}\n";
    check(lines, expect!["starting 0 0  \n[]\n"]);
}

#[test]
fn the_newest_change_is_found() {
    assert_eq!(Past::parse(LOCAL.as_bytes()).turned(), Some("T1"));
    assert_eq!(Past::parse(NODES.as_bytes()).turned(), Some("T4"));
    assert_eq!(Past::default().turned(), None);
}

#[test]
fn the_newest_step_is_read_from_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    assert_eq!(Step::newest(&path), None);
    let mut lines = String::new();
    for step in 1..=20_000 {
        writeln!(
            lines,
            r#"{{"phase":"p","step":{step},"steps":30000,"loss":null,"seconds":0.5,"tokens_per_second":100.0}}"#
        )
        .unwrap();
    }
    assert!(lines.len() as u64 > NEWEST);
    // One is being written.
    lines += "{\"phase\":\"p\",\"step\":20001";
    std::fs::write(&path, lines).unwrap();
    let step = Step::newest(&path).unwrap();
    assert_eq!((step.step, step.steps, step.loss), (20_000, 30_000, None));
    assert_eq!((step.tokens_per_second, step.eta_seconds), (100.0, 5000.0));
}

#[test]
fn what_somebody_ended_at_once_has_not_failed() {
    let killed = r#"{"time":"T5","event":"kill-requested"}
{"time":"T6","event":"failed","exit_code":75,"last_words":"error: the run was ended at once, as asked","hint":null}
"#;
    check(
        &format!("{LOCAL}{killed}"),
        expect![[r#"
            stopped 1 2 local T6
            at alignment 3 of 0
            [(0, 0), (0, 0)]
        "#]],
    );
}
