#![allow(clippy::unwrap_used)]

use super::*;
use crate::python::Dialect;
use crate::python::render::answer_code;
use expect_test::{Expect, expect};

/// Objects in canonical form, then the flaws.
fn check(task: Task, answer: &str, read_as: Expect) {
    let answer = read(answer, task);
    let code = answer_code(&answer.instances, task, Dialect::Python).replace(['\n', '\t'], "");
    let objects = code.trim_start_matches("results = ");
    let flaws: String =
        answer.flaws.iter().map(|flaw| format!(" | {}@{}", flaw.kind, flaw.at)).collect();
    read_as.assert_eq(&format!("{objects}{flaws}"));
}

#[test]
fn entities() {
    let ner = |answer, read_as| check(Task::Ner, answer, read_as);
    ner("results = [\n\tPerson(\"O\\\"Hara\")\n]", expect![[r#"[Person("O\"Hara")]"#]]);
    ner("results = []", expect!["[]"]);
    ner("", expect!["[] | missing-list@0 | unterminated-list@0"]);
    ner(
        "results = [\n\tPerson(\"Ann\"",
        expect![[r#"[Person("Ann")] | missing-parenthesis@13 | unterminated-list@25"#]],
    );
    ner(
        "results = [\n\tPerson(\"Ann\"),\n\tPerson(\"Bo",
        expect![[r#"[Person("Ann")] | unterminated-string@36 | unterminated-list@39"#]],
    );
    ner(
        "results = [\n\tPerson(\"Ann\n\tPerson(\"Bo\")\n]",
        expect![[r#"[Person("Bo")] | unterminated-string@20"#]],
    );
    ner("results = [Person('Bob')]", expect![[r#"[Person("Bob")] | single-quotes@18"#]]);
    ner("results = [Person(name = \"Bob\")]", expect![[r#"[Person("Bob")] | keyword@11"#]]);
    ner(
        "[Person(\"A\") Person(\"B\"),]",
        expect![[r#"[Person("A"),Person("B")] | missing-list@0 | missing-comma@13"#]],
    );
    ner(
        "results = [Person(\"He said \"hi\" there\")]",
        expect![[r#"[Person("He said ")] | missing-parenthesis@11 | unreadable@28"#]],
    );
    ner(
        "results = [Person(\"A\")]\nsentence = \"x\"",
        expect![[r#"[Person("A")] | trailing-text@24"#]],
    );
    ner(
        "results = [Person(), Person(\"A\", \"B\"), None]",
        expect![[r#"[Person("A")] | arguments@11 | arguments@21 | unreadable@39"#]],
    );
    ner(
        r#"results = [class_("\u4eba\q\x41\101")]"#,
        expect![[r#"[class_("人\\qAA")] | bad-escape@25"#]],
    );
}

#[test]
fn relations() {
    let re = |answer, read_as| check(Task::Re, answer, read_as);
    re(
        "results = [\n\tWorksFor(Person(\"a\"), Entity(\"b\"))\n]",
        expect![[r#"[WorksFor(Person("a"), Entity("b"))]"#]],
    );
    re(
        "results = [R(head_entity = E(\"a\"), tail_entity = E(\"b\"))]",
        expect![[r#"[R(E("a"), E("b"))] | keyword@11"#]],
    );
    re(
        "results = [R(tail_entity = E(\"b\"), head_entity = E(name = \"a\"))]",
        expect![[r#"[R(E("a"), E("b"))] | keyword@11 | keyword@51"#]],
    );
    re("results = [R(\"a\", E(\"b\"))]", expect![[r#"[R(Entity("a"), E("b"))] | arguments@11"#]]);
    re(
        "results = [R(E(\"a\"), E(\"b\"), R(E(\"c\"), E(\"d\"))]",
        expect![[r#"[R(E("a"), E("b")),R(E("c"), E("d"))] | missing-parenthesis@11"#]],
    );
    re(
        "results = [R(E(\"a\", E(\"b\"))]",
        expect![[r#"[R(E("a"), E("b"))] | missing-parenthesis@13"#]],
    );
    re("results = [R(E(\"a\"))]", expect!["[] | arguments@11"]);
}

#[test]
fn events() {
    let ed = |answer, read_as| check(Task::Ed, answer, read_as);
    ed("results = [\n\tLayoff(\"裁员\")\n]", expect![[r#"[Layoff("裁员")]"#]]);
    ed(
        "results = [Layoff(trigger = \"cut\", employer = [Entity(\"x\")])]",
        expect![[r#"[Layoff("cut")] | keyword@11 | arguments@11"#]],
    );
    let eae = |answer, read_as| check(Task::Eae, answer, read_as);
    eae(
        "results = [Layoff(trigger = \"裁员\", employer = [Entity(\"某公司\")])]",
        expect![[r#"[Layoff(trigger = "裁员", employer = [Entity("某公司")])]"#]],
    );
    eae(
        "results = [A(trigger = \"hit\", trigger_ = [E(\"x\"), E(\"y\")], p = [])]",
        expect![[r#"[A(trigger = "hit", trigger_ = [Entity("x"), Entity("y")])]"#]],
    );
    eae(
        "results = [A(\"hit\", place = \"P\", from_ = [\"Q\"], to = E(\"R\"))]",
        expect![[
            r#"[A(trigger = "hit", place = [Entity("P")], from_ = [Entity("Q")], to = [Entity("R")])] | keyword@11 | missing-bracket@11 | missing-bracket@11 | arguments@42"#
        ]],
    );
    // Cut off: only what was complete counts.
    eae(
        "results = [\n\tA(trigger = \"a\"),\n\tB(trigger = \"hit\", place = [Entity(\"P\")]",
        expect![[r#"[A(trigger = "a")] | missing-parenthesis@32 | unterminated-list@72"#]],
    );
    // Only the parenthesis is missing: the next object shows that this one was complete.
    eae(
        "results = [A(trigger = \"a\", place = [Entity(\"P\")], B(trigger = \"b\")]",
        expect![[
            r#"[A(trigger = "a", place = [Entity("P")]),B(trigger = "b")] | missing-parenthesis@11"#
        ]],
    );
    eae("results = [A(place = [Entity(\"P\")])]", expect!["[] | arguments@11"]);
    eae(
        "results = [A(trigger = \"a\", place = [Entity(\"P\"), B(trigger = \"b\")]",
        expect!["[] | missing-parenthesis@11 | keyword@52 | unterminated-list@67"],
    );
}
