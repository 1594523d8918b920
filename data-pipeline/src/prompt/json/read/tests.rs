//! What is read of answers in JSON, whole, cut and wrong.

use super::*;
use crate::prompt::json::write;
use expect_test::{Expect, expect};
use std::fmt::Write;

fn check(answer: &str, task: Task, expected: Expect) {
    let read = read(answer, task);
    let mut shown = write(&read.instances, task);
    for flaw in read.flaws {
        let _ = write!(shown, "\n{} {flaw}", flaw.at);
    }
    expected.assert_eq(&shown);
}

#[test]
fn a_cut_answer_gives_the_objects_before_the_cut() {
    let whole = "[\n{\"type\":\"A\",\"name\":\"x\"},\n{\"type\":\"B\",\"name\":\"y\"}\n]";
    check(
        whole,
        Task::Ner,
        expect![[r#"
        [
        {"type":"A","name":"x"},
        {"type":"B","name":"y"}
        ]"#]],
    );
    let cut = expect![[r#"
        [
        {"type":"A","name":"x"}
        ]
        27 unterminated-list: the array has no `]`"#]];
    check(&whole[..whole.len() - 4], Task::Ner, cut);
    check("[", Task::Ner, expect!["[]\n1 unterminated-list: the array has no `]`"]);
    check(
        "",
        Task::Ner,
        expect![[r"
        []
        0 missing-list: expected a JSON array, `[…]`
        0 unterminated-list: the array has no `]`"]],
    );
}

#[test]
fn what_a_model_may_write_is_read_as_far_as_it_goes() {
    check(" [ ] ", Task::Ner, expect!["[]"]);
    check(
        "Sure:\n[{\"name\": \"x\", \"type\": \"A\"}]\nDone.",
        Task::Ner,
        expect![[r#"
        [
        {"type":"A","name":"x"}
        ]
        0 missing-list: expected a JSON array, `[…]`
        35 trailing-text: the answer goes on behind its array"#]],
    );
    check(
        "[{\"type\":\"A\",\"name\":\"x\"} {\"type\":\"B\",\"name\":\"y\"},]",
        Task::Ner,
        expect![[r#"
        [
        {"type":"A","name":"x"},
        {"type":"B","name":"y"}
        ]
        25 missing-comma: expected `,` before an object
        48 unreadable: no object behind the comma"#]],
    );
    check(
        "[{\"type\":\"A\",\"name\":x},\n{\"type\":\"B\",\"name\":\"y\"}]",
        Task::Ner,
        expect![[r#"
        [
        {"type":"B","name":"y"}
        ]
        1 unreadable: not JSON: expected value"#]],
    );
    check(
        "[{\"type\":\"A\"}, 5, {\"type\":\"A\",\"type\":\"B\",\"name\":\"x\",\"n\":1}]",
        Task::Ner,
        expect![[r#"
        [
        {"type":"A","name":"x"}
        ]
        1 arguments: expected `{"type":"…","name":"…"}`
        15 unreadable: expected an object
        18 arguments: `type` is not asked for, or is there twice
        18 arguments: `n` is not asked for, or is there twice"#]],
    );
    check(
        "[{\"type\":\"R\",\"head\":\"x\",\"tail\":{\"type\":\"A\",\"name\":\"y\"}},{\"type\":\"R\"}]",
        Task::Re,
        expect![[r#"
        [
        {"type":"R","head":{"type":"Entity","name":"x"},"tail":{"type":"A","name":"y"}}
        ]
        1 arguments: a relation's entity has `type` and `name`
        56 arguments: expected `{"type":"…","head":{…},"tail":{…}}`"#]],
    );
    check(
        "[{\"type\":\"E\",\"trigger\":\"x\",\"arguments\":[{\"role\":\"r\",\"name\":\"y\"},{\"role\":\"r\"}]},{\"type\":\"E\",\"trigger\":\"x\"}]",
        Task::Eae,
        expect![[r#"
        [
        {"type":"E","trigger":"x","arguments":[{"role":"r","name":"y"}]},
        {"type":"E","trigger":"x","arguments":[]}
        ]
        1 arguments: an argument has `role` and `name`
        79 arguments: an event has a list of `arguments`"#]],
    );
    check(
        "[{\"type\":\"E\",\"trigger\":\"x\",\"arguments\":[]}]",
        Task::Ed,
        expect![[r#"
        [
        {"type":"E","trigger":"x"}
        ]
        1 arguments: only the trigger was asked for"#]],
    );
}
