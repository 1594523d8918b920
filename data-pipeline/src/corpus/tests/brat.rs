//! Texts and their standoff, read and refused.
#![allow(clippy::unwrap_used)]

use super::{Fixture, check_files, declaration};
use expect_test::{Expect, expect};

const LABELS: &str = "[labels]\nPER = \"Person\"\nORG = \"Organization\"\nLOC = \"Location\"\nWork = \"WorksFor\"\nHire = \"Hiring\"\n[roles]\nBoss = \"employer\"\nNew = \"employee\"\nCause = \"time\"\n";

/// Reads one document; `options` and `misfits` are of its declaration.
fn document(options: &str, misfits: usize, text: &str, notes: &str, expected: Expect) {
    let rest =
        format!("{options}[splits.train]\nfiles = [\"d/*.txt\"]\nmisfits = {misfits}\n{LABELS}");
    let files = [("data/d/a.txt", text.as_bytes()), ("data/d/a.ann", notes.as_bytes())];
    check_files("brat", &rest, &files, expected);
}

#[test]
fn documents_are_cut_at_line_ends_and_their_offsets_moved() {
    document(
        "",
        0,
        "Zoë Lee works\r\n\n in Rome at Acme.\nAcme hired Ann.\n",
        "T1\tPER 0 7\tZoë Lee\nT2\tLOC 20 24\tRome\nT3\tORG 28 32\tAcme\nR1\tWork Arg1:T1 Arg2:T3\t\nA1\tSure T1\n#1\tAnnotatorNotes T1\tsure\n*\tEquiv T1 T2\nT4\tHire 39 44\thired\nT5\tORG 34 38\tAcme\nT6\tPER 45 48\tAnn\nE1\tHire:T4 Boss:T5 New:T6\nR2\tWork Arg1:T6 Arg2:T5\n\n",
        expect![[r#"
            a/1 (en): Zoë Lee works | Person Zoë Lee 0..7
            a/2 (en):  in Rome at Acme. | Location Rome 4..8 | Organization Acme 12..16
            a/3 (en): Acme hired Ann. | Organization Acme 0..4 | Person Ann 11..14 | WorksFor(Ann, Acme) | Hiring hired 5..10, employer = Acme 0..4, employee = Ann 11..14
            dropped {"Work (across sentences)": 1}"#]],
    );
    document("", 0, "Nobody.\n", "", expect!["a/1 (en): Nobody."]);
}

#[test]
fn a_document_may_be_one_row() {
    document(
        "[options]\nsentences = \"document\"\n",
        0,
        "Ann\nLee works.\nAcme\n",
        "T1\tPER 0 3;4 7\tAnn Lee\nT2\tORG 15 19\tAcme\nR1\tWork Arg1:T1 Arg2:T2\n",
        expect![[r#"
            a (en): Ann
            Lee works.
            Acme | Person Ann
            Lee 0..7 | Organization Acme 15..19 | WorksFor(Ann
            Lee, Acme)"#]],
    );
}

#[test]
fn pieces_survive_and_what_no_line_holds_is_counted() {
    document(
        "",
        0,
        "Ann and Bob Lee hired\nEve Poe left\n",
        "T1\tPER 0 3;12 15\tAnn Lee\nT2\tPER 8 15\tBob Lee\nT3\tPER 12 25\tLee hired Eve\nT4\tHire 16 21\thired\nT5\tHire 0 3;16 21\tAnn hired\nE1\tHire:T4 New:T1 Cause:E2\nE2\tHire:T4\nE3\tHire:T5\nR1\tWork Arg1:T1 Arg2:T2\nR2\tWork Arg1:E1 Arg2:T2\n",
        expect![[r#"
            a/1 (en): Ann and Bob Lee hired | Person Ann Lee 0..3+12..15 | Person Bob Lee 8..15 | WorksFor(Ann Lee, Bob Lee) | Hiring Ann hired 0..3+16..21 | Hiring hired 16..21, employee = Ann Lee 0..3+12..15, time = hired 16..21 | Hiring hired 16..21
            a/2 (en): Eve Poe left
            dropped {"PER (across sentences)": 1, "Work (of events)": 1}"#]],
    );
    // In any order, and over each other; a script without spaces has one between the pieces, too.
    document(
        "",
        0,
        "Ann or Bob Lee\n上腹及下肢\n",
        "T1\tPER 11 14;0 3\tLee Ann\nT2\tPER 0 5;4 6;11 14\nT3\tLOC 15 17;18 20\t上腹 下肢\n",
        expect![[r#"
            a/1 (en): Ann or Bob Lee | Person Ann Lee 0..3+11..14 | Person Ann or Lee 0..6+11..14
            a/2 (en): 上腹及下肢 | Location 上腹 下肢 0..2+3..5"#]],
    );
}

#[test]
fn documents_that_do_not_fit_name_the_line_of_the_annotation() {
    let refused = |notes: &str, expected: Expect| document("", 1, "Ann left.\n", notes, expected);
    refused(
        "T1\tPER 0 3\tBob\n",
        expect!["quarantined a.ann:1: `PER`: characters 0 3 read `Ann`, but the row says `Bob`"],
    );
    refused(
        "T1\tPER 0 3\tAnn\nT2\tPER 4 90\tleft\n",
        expect!["quarantined a.ann:2: `PER`: characters 4..90 leave the text, which has 10"],
    );
    refused("T1\tPER 3 3\t\n", expect!["quarantined a.ann:1: `PER`: characters 3..3 are empty"]);
    refused(
        "T1\tPER zero\tAnn\n",
        expect!["quarantined a.ann:1: `PER`: `zero` is not a start and an end"],
    );
    refused("T1\tPER\n", expect!["quarantined a.ann:1: `PER` is not a type, a space and offsets"]);
    refused(
        "T1 PER 0 3\n",
        expect!["quarantined a.ann:1: expected an id, a TAB and what it marks"],
    );
    refused(
        "X1\tPER 0 3\n",
        expect![[
            r#"quarantined a.ann:1: `X1` is no id: one begins with T, R, E, A, M, N, `#` or `*`"#
        ]],
    );
    refused("T1\tPER 0 3\nT1\tPER 0 3\n", expect!["quarantined a.ann:2: the id `T1` stands twice"]);
    refused(
        "T1\tPER 0 3\nR1\tWork Arg1:T1 Arg2:T9\n",
        expect!["quarantined a.ann:2: `Work` points at `T9`, which the file does not have"],
    );
    refused(
        "T1\tPER 0 3\nR1\tWork Arg1:T1\n",
        expect!["quarantined a.ann:2: relation `Work` has 1 arguments, expected 2"],
    );
    refused(
        "E1\tHire:T1\n",
        expect!["quarantined a.ann:1: `Hire` points at `T1`, which the file does not have"],
    );
    refused("E1\t\n", expect!["quarantined a.ann:1: `E1` has no trigger"]);
    refused("R1\tWork T1\n", expect!["quarantined a.ann:1: `T1` is not a role, `:` and an id"]);
}

#[test]
fn a_text_without_annotation_is_refused() {
    let rest = "[splits.train]\nfiles = [\"d/a.txt\"]\n";
    check_files(
        "brat",
        rest,
        &[("data/d/a.txt", b"Ann\n")],
        expect!["data/d/a.txt:1: `a.ann` does not lie beside it; fetch it too [65]"],
    );
    check_files(
        "brat",
        "[splits.train]\nfiles = [\"d/a.ann\"]\n",
        &[("data/d/a.ann", b"T1\tPER 0 3\tAnn\n")],
        expect![
            "data/d/a.ann:1: `files` names the texts; what is marked in them is found beside them [65]"
        ],
    );
}

#[test]
fn the_annotation_is_one_of_the_files() {
    let fixture = Fixture::new(&[("data/d/a.txt", b"Ann\n"), ("data/d/a.ann", b"")]);
    let text = declaration("brat", "[splits.train]\nfiles = [\"d/*.txt\"]\n");
    let corpus = fixture.declare(&text).unwrap();
    let names: Vec<String> = corpus
        .files("train")
        .unwrap()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["a.txt", "a.ann"]);
}
