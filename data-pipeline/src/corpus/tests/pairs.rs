//! Pairs of names, each with its relation, put together by sentence; files named with `*`.
#![allow(clippy::unwrap_used)]

use super::{Fixture, LABELS, check, declaration, show};
use expect_test::expect;

const FILES: &str = "[splits.train]\nfiles = [\"f\"]\n";

#[test]
fn rows_of_one_sentence_become_one() {
    check(
        "pairs",
        &format!("[options]\nnone = [\"unknown\"]\n{FILES}entities = 0\nrelations = 2\n"),
        "Ann\tAcme\tWork\tAnn and Bob left Acme.\n\nBob\tAcme\tWork\tAnn and Bob left Acme.\nAnn\tBob\tunknown\tAnn and Bob left Acme.\nAnn\tBob\tunknown\tAnn saw Bob.\n",
        expect![[r#"
            x/train/1 (en): Ann and Bob left Acme. | WorksFor(Ann, Acme) | WorksFor(Bob, Acme)
            x/train/2 (en): Ann saw Bob."#]],
    );
    check(
        "pairs",
        "[options]\nsentence = 0\nhead = 3\ntail = 1\nrelation = 2\n",
        "Ann left Acme.\tAcme\tWork\tAnn\n",
        expect!["x/train/1 (en): Ann left Acme. | WorksFor(Ann, Acme)"],
    );
}

#[test]
fn marks_are_taken_out_of_the_sentence() {
    let options = "[options]\nlayout = \"marked\"\nnone = [\"Other\"]\n";
    check(
        "pairs",
        options,
        "1\t\"<e1>Ann</e1> of <e2>Acme</e2> and Exco.\"\nWork(e1,e2)\nComment: none\n\n2\t\"Ann of <e2>Acme</e2> and <e1>Exco</e1>.\"\r\nOther\r\n\r\n3\t\"The <e1>Éire</e1> < <e2>Zoë</e2>\"\nWork(e2,e1)\n",
        expect![[r#"
            1 (en): Ann of Acme and Exco. | WorksFor(Ann, Acme)
            3 (en): The Éire < Zoë | WorksFor(Zoë, Éire)"#]],
    );
    check(
        "pairs",
        &format!("{options}{FILES}misfits = 5\n"),
        "1\t\"<e1>Ann</e1> of Acme.\"\nWork(e1,e2)\n\n2\t\"<e1>A<e1></e1> <e2>B</e2>\"\nOther\n\n3\t\"<e1>A</e1> <e2>B</e2>\"\nWork\n\n4\t\"<e1>A</e1> <e2>B</e2>\"\n\n5 x\nOther\n",
        expect![[r#"
            quarantined f:1: the sentence has not all of `<e1>`, `</e1>`, `<e2>`, `</e2>`
            quarantined f:4: `<e1>` stands twice
            quarantined f:7: relation `Work` ends with neither `(e1,e2)` nor `(e2,e1)`, and `none` is [`Other`]
            quarantined f:10: a sentence without the line of its relation
            quarantined f:12: expected a number, a TAB and the sentence"#]],
    );
}

#[test]
fn pairs_that_do_not_fit_are_named() {
    check(
        "pairs",
        &format!("{FILES}misfits = 2\n"),
        "Ann\tAcme\tWork\tAnn left.\nAnn\tAcme\tWork\nAnn\tAcme\tWork\tAnn left Acme.\n",
        expect![[r#"
            x/train/3 (en): Ann left Acme. | WorksFor(Ann, Acme)
            quarantined f:1: `Acme` is not in the sentence
            quarantined f:2: expected 4 columns divided by a TAB, found 3"#]],
    );
    check(
        "pairs",
        "[options]\nhead = 1\n",
        "x",
        expect!["configs/datasets/x.toml: [options] reads column 1 twice [64]"],
    );
}

#[test]
fn files_may_be_named_with_a_star() {
    let line = |name: &str| format!("{name}\tAcme\tWork\t{name} left Acme.\n").into_bytes();
    let fixture = Fixture::new(&[
        ("data/docs/b.tsv", line("Bob").as_slice()),
        ("data/docs/a.tsv", line("Ann").as_slice()),
        ("data/docs/c.txt", b"other"),
    ]);
    let declare = |files: &str| {
        let split = format!("[splits.train]\nfiles = [\"{files}\"]\n{LABELS}");
        fixture.declare(&declaration("pairs", &split))
    };
    let corpus = declare("docs/*.tsv").unwrap();
    assert_eq!(corpus.files("train").unwrap().len(), 2);
    expect![[r#"
        x/train/1 (en): Ann left Acme. | WorksFor(Ann, Acme)
        x/train/2 (en): Bob left Acme. | WorksFor(Bob, Acme)
    "#]]
    .assert_eq(&show(&corpus.read("train").unwrap().sentences));
    expect!["configs/datasets/x.toml: `data/docs/*.json` is not there; point --data-root (KNOWCODER_DATA) at the folder that holds it, or get it from its source: the test [64]"]
        .assert_eq(&fixture.error(&declare("docs/*.json").unwrap().read("train").unwrap_err()));
    expect!["configs/datasets/x.toml: [splits.train] names `*/a.tsv`: `*` may stand in a file's name only [64]"]
        .assert_eq(&fixture.error(&declare("*/a.tsv").unwrap_err()));
}
