//! Sentences and their tags in two files.
#![allow(clippy::unwrap_used)]

use super::{Fixture, check, check_files, declaration};
use expect_test::{Expect, expect};

/// Reads `seq.in` and `seq.out`.
fn pair(rest: &str, sentences: &str, tags: &str, expected: Expect) {
    let rest =
        format!("[options]\ntags = \"seq.out\"\n{rest}[splits.train]\nfiles = [\"seq.in\"]\n");
    pair_of("data/seq.in", "data/seq.out", &rest, sentences, tags, expected);
}

fn pair_of(first: &str, second: &str, rest: &str, text: &str, tags: &str, expected: Expect) {
    let files = [(first, text.as_bytes()), (second, tags.as_bytes())];
    check_files("lines", rest, &files, expected);
}

#[test]
fn sentences_and_tags_are_paired_by_line() {
    pair(
        "",
        "Ann Lee  left\r\n\nin Rome\n\n",
        "B-PER I-PER O\r\n\nO B-LOC\n",
        expect![[r#"
            x/train/1 (en): Ann Lee left | Person Ann Lee 0..7
            x/train/2 (en): in Rome | Location Rome 3..7"#]],
    );
    pair(
        "scheme = \"bmes\"\njoiner = \"\"\n",
        "安 在 北 京\n",
        "S-PER O B-LOC E-LOC\n",
        expect!["x/train/1 (en): 安在北京 | Person 安 0..1 | Location 北京 2..4"],
    );
    pair_of(
        "data/s/train.words.txt",
        "data/s/train.tags.txt",
        "[options]\ntags = \"*.tags.txt\"\n[splits.train]\nfiles = [\"s/*.words.txt\"]\n",
        "Ann\n",
        "B-PER\n",
        expect!["x/train/1 (en): Ann | Person Ann 0..3"],
    );
}

#[test]
fn lines_that_do_not_fit_are_named() {
    let rest = "[options]\ntags = \"seq.out\"\n[splits.train]\nfiles = [\"seq.in\"]\nmisfits = 2\n";
    pair_of(
        "data/seq.in",
        "data/seq.out",
        rest,
        "Ann left\nBob\nEve\n",
        "B-PER\nI-PER\nB-PER\n",
        expect![[r#"
            x/train/3 (en): Eve | Person Eve 0..3
            quarantined seq.in:1: 1 tags for 2 tokens
            quarantined seq.in:2: token 0, counted from 0: tag `I-PER` continues an entity that nothing began"#]],
    );
    pair(
        "",
        "Ann\nBob\nEve\n",
        "B-PER\nB-PER\n",
        expect!["data/seq.in:3: 3 lines, but `seq.out` has 2; fetch both again [65]"],
    );
    check_files(
        "lines",
        "[options]\ntags = \"seq.out\"\n[splits.train]\nfiles = [\"seq.in\"]\n",
        &[("data/seq.in", b"Ann\n")],
        expect!["data/seq.in:1: `seq.out` does not lie beside it; fetch it too [65]"],
    );
}

#[test]
fn tags_must_be_named() {
    check(
        "lines",
        "",
        "Ann\n",
        expect![[
            r#"configs/datasets/x.toml: [options] has no `tags`: the name of the file beside, as "seq.out" [64]"#
        ]],
    );
    check(
        "lines",
        "[options]\ntags = \"tags/f\"\n",
        "Ann\n",
        expect![
            "configs/datasets/x.toml: [options] `tags` is the name of a file in the folder of the sentences [64]"
        ],
    );
}

#[test]
fn the_tags_are_one_of_the_files() {
    let fixture = Fixture::new(&[("data/s/seq.in", b"Ann\n"), ("data/s/seq.out", b"O\n")]);
    let rest = "[options]\ntags = \"*.out\"\n[splits.train]\nfiles = [\"s/seq.in\"]\n";
    let corpus = fixture.declare(&declaration("lines", rest)).unwrap();
    let files = corpus.files("train").unwrap();
    let names: Vec<String> =
        files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["seq.in", "seq.out"]);
}
