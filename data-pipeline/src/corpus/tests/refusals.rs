//! Each way in which a file or a declaration can be wrong, and the sentence it gets.
#![allow(clippy::unwrap_used)]

use super::{Corpus, Fixture, check, declaration};
use expect_test::{Expect, expect};
use std::path::Path;

#[test]
fn rows_that_do_not_fit_stop_unless_declared() {
    let content = "Ann\tB-PER\n\nBob\tB-PER\tx\n\nin Rome\n\nRome\tS-LOC\n";
    check(
        "columns",
        "",
        content,
        expect![
            "data/f:3: expected 2 columns divided by a TAB, found 3; 3 rows do not fit and [splits.train] allows 0: correct them, or write `misfits = 3` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "columns",
        "[splits.train]\nfiles = [\"f\"]\nsentences = 1\nmisfits = 3\n",
        content,
        expect![[r#"
            x/train/1 (en): Ann | Person Ann 0..3
            quarantined f:3: expected 2 columns divided by a TAB, found 3
            quarantined f:5: expected 2 columns divided by a TAB, found 1; white space divides them: write `delimiter = "whitespace"` in [options]
            quarantined f:7: tag `S-LOC` is neither `O` nor a type after `B-`, `I-`"#]],
    );
    check(
        "columns",
        "",
        "Ann\tB-PER\nx\tI-LOC\n",
        expect![
            "data/f:2: tag `I-LOC` continues an entity that nothing began; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "columns",
        "",
        "\tB-PER\n",
        expect![
            "data/f:1: the token is empty; `empty = \"skip\"` passes over such lines; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "json-stream",
        "",
        "{\"text\": \"Ann\",\n \"label\": {\"PER\": {\"Ann\": [[0, 3]]}}}",
        expect![
            "data/f:1: `PER` at characters 0..4 (end exclusive) leaves the text, which has 3; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "json-stream",
        "",
        "\n{\"text\": \"Ann\",\n \"label\": {\"PER\": {\"Anne\": [[0, 2]]}}}",
        expect![
            "data/f:2: `PER` at characters 0..3 (end exclusive) reads `Ann`, but the row says `Anne`; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "json-stream",
        "",
        "{\"text\": \"\", \"label\": {}}",
        expect![
            "data/f:1: the text is empty; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "json-stream",
        "",
        "{\"text\": \"Ann\", \"id\": 1}",
        expect![
            "data/f:1: missing field `label`; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    check("columns", "", "", expect!["data/f:1: the file is empty; fetch it again [65]"]);
    check("columns", "", " \n\n", expect!["data/f:1: the file is empty; fetch it again [65]"]);
    check(
        "columns",
        "",
        b"Ann\tB-PER\nJos\xe9\tO\n",
        expect!["data/f:2: byte 4 (0xE9) is not UTF-8; convert the file to UTF-8 [65]"],
    );
    check(
        "columns",
        "[splits.train]\nfiles = [\"g\"]\n",
        "",
        expect![
            "configs/datasets/x.toml: `data/g` is not there; point --data-root (KNOWCODER_DATA) at the folder that holds it, or get it from its source: the test [64]"
        ],
    );
    check(
        "json-stream",
        "",
        "{\"text\": \"A\", \"label\": {}}\n{\"text\": \"B\",\n",
        expect![
            "data/f:3: broken JSON: EOF while parsing a value; correct the file or fetch it again [65]"
        ],
    );
    check("spert", "", "[]", expect!["data/f:1: the file holds no sentence [65]"]);
    check(
        "columns",
        "[options]\ncomment = \"#\"\n",
        "# nothing\n",
        expect!["data/f:1: the file holds no sentence [65]"],
    );
}

#[test]
fn what_a_declaration_cannot_mean_is_refused() {
    check(
        "columns",
        "[options]\ntag = 3\ncolumns = 2\n",
        "Ann\tO\n",
        expect![
            "configs/datasets/x.toml: [options] reads column 3, counted from 0, but `columns = 2` [64]"
        ],
    );
    let fixture = Fixture::new(&[
        ("data/f", b"Ann\tO\n"),
        ("configs/schemas/bare.py", b"class Person(Entity): pass\n"),
    ]);
    let text = declaration("columns", "[splits.train]\nfiles = [\"f\"]\n")
        .replace("task = [\"ner\"]", "task = [\"eae\"]")
        .replace("s.py", "bare.py");
    let error = fixture.declare(&text).unwrap_err();
    expect![
        "configs/datasets/x.toml: its task `eae` needs classes that `configs/schemas/bare.py` does not have [64]"
    ]
    .assert_eq(&fixture.error(&error));
    check(
        "json-stream",
        "",
        "{\"text\": \"Ann\", \"label\": {\"PER\": {\"Ann\": [[0, 18446744073709551615]]}}}",
        expect![
            "data/f:1: `Ann` ends at 18446744073709551615, behind any text; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
}

#[test]
fn unlisted_labels_and_other_counts_stop() {
    check(
        "columns",
        "",
        "Ann\tO\n\nAnn\tB-PERS\n",
        expect![[
            r#"data/f:3: label `PERS` is not in [labels] of configs/datasets/x.toml; did you mean `PER`? List it there, with "" to drop it [65]"#
        ]],
    );
    check(
        "columns",
        "",
        "Ann\tB-Work\n",
        expect!["data/f:1: label `Work` marks an entity, but class `WorksFor` is a relation [65]"],
    );
    check(
        "columns",
        "[splits.train]\nfiles = [\"f\"]\nsentences = 3\n",
        "Ann\tO\n",
        expect![
            "configs/datasets/x.toml:10: [splits.train] declares 3 sentences, but its files hold 1; they are another version (source: the test), or the declaration is wrong [65]"
        ],
    );
    check(
        "columns",
        "[splits.train]\nfiles = [\"f\"]\nsentences = 1\nentities = 2\n",
        "Ann\tB-PER\n",
        expect![
            "configs/datasets/x.toml:11: [splits.train] declares 2 entities, but its files hold 1; they are another version (source: the test), or the declaration is wrong [65]"
        ],
    );
}

#[test]
fn declarations_that_cannot_be_meant_are_refused() {
    let ok = "A\tO\n";
    let files = "[splits.train]\nfiles = [\"f\"]\n";
    check(
        "columms",
        "",
        ok,
        expect![
            "configs/datasets/x.toml:7:10: unknown reader `columms`; did you mean `columns`? [64]"
        ],
    );
    check(
        "columns",
        "[option]\n",
        ok,
        expect!["configs/datasets/x.toml:8:2: unknown key `option`; did you mean `options`? [64]"],
    );
    check(
        "columns",
        "[options]\ndelimeter = \" \"\n",
        ok,
        expect![
            "configs/datasets/x.toml:9:1: unknown key `delimeter`; did you mean `delimiter`? [64]"
        ],
    );
    check(
        "columns",
        "[options]\nscheme = \"bmeo\"\n",
        ok,
        expect!["configs/datasets/x.toml:9:10: unknown value `bmeo`; did you mean `bmes`? [64]"],
    );
    check(
        "columns",
        &format!("{files}sentance = 1\n"),
        ok,
        expect![
            "configs/datasets/x.toml:10:1: unknown key `sentance`; did you mean `sentences`? [64]"
        ],
    );
    check(
        "columns",
        &format!("{files}repeat = 2\n"),
        ok,
        expect![
            "configs/datasets/x.toml: [splits.train] has `repeat`, which this reader does not know [64]"
        ],
    );
    check(
        "columns",
        "[splits.train]\n",
        ok,
        expect!["configs/datasets/x.toml: [splits.train] has no `files` [64]"],
    );
    check(
        "columns",
        &format!("{files}[labels]\nPER = \"Persn\"\n"),
        ok,
        expect![
            "configs/datasets/x.toml:11:7: [labels] maps `PER` to the class `Persn`, which `configs/schemas/s.py` does not define; did you mean `Person`? [64]"
        ],
    );
    check(
        "uner",
        "[options]\nx = 1\n",
        ok,
        expect!["configs/datasets/x.toml:9:1: unknown key `x`; none is known here [64]"],
    );
    check(
        "columns",
        "parallel = true\n",
        ok,
        expect![[
            r#"configs/datasets/x.toml: `language = "en"` names one language; a parallel corpus has two: "en-zh" [64]"#
        ]],
    );
    check("columns", "name = 3\n", ok, expect!["configs/datasets/x.toml:8:1: duplicate key [64]"]);
    let refuse = |change: (&str, &str), expected: Expect| {
        let text = declaration("columns", files).replace(change.0, change.1);
        let fixture = Fixture::new(&[]);
        let error = fixture.declare(&text).unwrap_err();
        expected.assert_eq(&fixture.error(&error));
    };
    refuse(
        ("name = \"x\"", "name = \"y\""),
        expect![[
            r#"configs/datasets/x.toml: `name = "y"`, but recipes find it by its file: `x` [64]"#
        ]],
    );
    refuse(
        ("licence = \"ours\"\n", ""),
        expect!["configs/datasets/x.toml:1:1: missing field `licence` [64]"],
    );
    refuse(
        ("reader = ", "raeder = "),
        expect!["configs/datasets/x.toml:7:1: unknown key `raeder`; did you mean `reader`? [64]"],
    );
    refuse(
        ("reader = \"columns\"\n", ""),
        expect!["configs/datasets/x.toml:1:1: missing field `reader` [64]"],
    );
    refuse(
        ("task = [\"ner\"]\n", ""),
        expect![[
            r#"configs/datasets/x.toml: no task; write `task = ["ner"]`, or `parallel = true` [64]"#
        ]],
    );
    refuse(
        ("\"ner\"", "\"nre\""),
        expect!["configs/datasets/x.toml:2:9: unknown value `nre`; did you mean `re`? [64]"],
    );
    refuse(
        ("../schemas/s.py", "s.py"),
        expect![
            "configs/datasets/x.toml: its schema `configs/datasets/s.py` is not there; paths start at this file [64]"
        ],
    );
    refuse(
        (files, "[splits]\n"),
        expect!["configs/datasets/x.toml: no split; write [splits.test] with its files [64]"],
    );
    let fixture = Fixture::new(&[("data/f", ok.as_bytes())]);
    let corpus = fixture.declare(&declaration("columns", files)).unwrap();
    expect!["configs/datasets/x.toml: no split `tran`; it has `train` [64]"]
        .assert_eq(&fixture.error(&corpus.read("tran").unwrap_err()));
    expect!["configs/datasets/x.toml: `x` is not parallel: the phase `alignment` needs `parallel = true` [64]"].assert_eq(&fixture.error(&corpus.read_parallel("train").unwrap_err()));
    let missing = Corpus::load(&fixture.0.path().join("configs/datasets/y.toml"), Path::new("."));
    expect!["configs/datasets/y.toml: no data set `y` is declared; did you mean `x`? [64]"]
        .assert_eq(&fixture.error(&missing.unwrap_err()));
}
