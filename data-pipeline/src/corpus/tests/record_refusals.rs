//! Each way in which a record or the declaration of one can be wrong, and the sentence it gets.
#![allow(clippy::unwrap_used)]

use super::check;
use expect_test::{Expect, expect};

const SPANS: &str = "[options]\ntext = \"text\"\n[options.entities]\npath = \"entities.*\"\nlabel = \"label\"\nmention = { start = \"start\", end = \"end\", surface = \"word?\" }\n";

/// Rows that do not fit, with the reasons under which they are kept.
fn misfits(options: &str, count: usize, content: &str, expected: Expect) {
    let rest = format!("{options}[splits.train]\nfiles = [\"f\"]\nmisfits = {count}\n");
    check("json", &rest, content, expected);
}

#[test]
fn rows_that_do_not_fit_say_why() {
    misfits(
        &SPANS.replace(", surface = \"word?\"", ""),
        7,
        concat!(
            "{\"text\": \"Ann\", \"entitys\": []}\n",
            "{\"text\": [\"Ann\"], \"entities\": []}\n",
            "{\"text\": \"Ann\", \"entities\": [{\"start\": 0, \"end\": 4, \"label\": \"PER\"}]}\n",
            "{\"text\": \"Ann\", \"entities\": [{\"start\": 2, \"end\": 2, \"label\": \"PER\"}]}\n",
            "{\"text\": \"Ann\", \"entities\": [{\"start\": -1, \"end\": 2, \"label\": \"PER\"}]}\n",
            "{\"text\": \"Ann\", \"enti\n",
            "{\"text\": \"Ann\", \"text\": \"Bob\", \"entities\": []}\n",
            "{\"text\": \"Bob\", \"entities\": []}\n",
        ),
        expect![[r#"
            x/train/8 (en): Bob
            quarantined f:1: `entities.*`: there is no `entities`; did you mean `entitys`?
            quarantined f:2: the text `text` is a list
            quarantined f:3: `PER`: characters 0..4 leave the text, which has 3
            quarantined f:4: `PER`: characters 2..2 are empty
            quarantined f:5: `PER`: the start `-1` is no position
            quarantined f:6: broken JSON: EOF while parsing a string
            quarantined f:7: broken JSON: the key `text` stands twice"#]],
    );
    check(
        "json",
        SPANS,
        r#"{"text": "Ann", "entities": [{"start": 0, "end": 3, "label": "PER", "word": "Bob"}]}"#,
        expect![
            "data/f:1: `PER`: characters 0..3 read `Ann`, but the row says `Bob`; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
    check(
        "json",
        SPANS,
        r#"{"text": "Ann", "entities": [{"start": 0, "end": 3, "label": "PER"}]}"#,
        expect!["x/train/1 (en): Ann | Person Ann 0..3"],
    );
    check(
        "json",
        SPANS,
        r#"{"text": " ", "entities": []}"#,
        expect![
            "data/f:1: the text is empty; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
}

#[test]
fn bytes_inside_a_character_do_not_fit() {
    let options = SPANS
        .replace("text = \"text\"", "text = \"text\"\nunit = \"byte\"\nid = \"id\"")
        .replace(", surface = \"word?\"", "");
    misfits(
        &options,
        2,
        "{\"id\": \"a\", \"text\": \"Zoë\", \"entities\": [{\"start\": 0, \"end\": 3, \"label\": \"PER\"}]}\n{\"id\": \"b\", \"text\": \"Zoë\", \"entities\": [{\"start\": 0, \"end\": 5, \"label\": \"PER\"}]}\n",
        expect![[r#"
            quarantined f:1: item a: `PER`: byte 3 is inside a character
            quarantined f:2: item b: `PER`: bytes 0..5 leave the text, which has 4"#]],
    );
}

#[test]
fn tokens_and_tags_must_agree() {
    misfits(
        "[options]\ntokens = \"tokens.*\"\ntags = \"tags.*\"\ntag_names = [\"O\", \"B-PER\", \"I-PER\"]\n",
        6,
        concat!(
            "{\"tokens\": [\"Ann\", \"left\"], \"tags\": [1]}\n",
            "{\"tokens\": [\"Ann\"], \"tags\": [3]}\n",
            "{\"tokens\": [\"Ann\"], \"tags\": [2]}\n",
            "{\"tokens\": [\"\"], \"tags\": [0]}\n",
            "{\"tokens\": [[\"Ann\"]], \"tags\": [0]}\n",
            "{\"tokens\": \"Ann\", \"tags\": [0]}\n",
        ),
        expect![[r#"
            quarantined f:1: 1 tags for 2 tokens
            quarantined f:2: tag `3` is neither a text nor one of the 3 `tag_names`
            quarantined f:3: token 0, counted from 0: tag `I-PER` continues an entity that nothing began
            quarantined f:4: token 0, counted from 0, is empty
            quarantined f:5: the token `tokens.*` is a list; a path to each token ends with `*`
            quarantined f:6: `tokens.*`: `*` is asked of a text"#]],
    );
}

#[test]
fn references_and_strings_must_lead_somewhere() {
    let options = r#"[options]
container = "array"
id = "id"
text = "text"
[options.entities]
path = "entities.*"
label = "label"
id = "id"
mention = { surface = "word" }
[options.relations]
path = "relations.*"
label = "=Work"
head = { entity = "0" }
tail = { surface = "1" }
"#;
    misfits(
        options,
        4,
        r#"[
{"id": 1, "text": "Ann at Acme", "entities": [{"id": "a", "word": "Bob", "label": "PER"}], "relations": []},
{"id": 2, "text": "Ann at Acme", "entities": [{"id": "a", "word": "Ann", "label": "PER"}], "relations": [["b", "Acme"]]},
{"id": 3, "text": "Ann at Acme", "entities": [{"id": "a", "word": "Ann", "label": "PER"}], "relations": [["a", "Acme"]]},
{"id": 4, "text": "Ann at Acme", "entities": [{"id": "a", "word": "Ann", "label": "PER"}], "relations": [["a", "Exco"]]}
]"#,
        expect![[r#"
            quarantined f:2: item 1: `PER`: `Bob` is not in the text
            quarantined f:3: item 2: `Work` points at entity `b`, which the row does not have
            quarantined f:4: item 3: `Work`: its argument `Acme` is no entity of the row
            quarantined f:5: item 4: `Work`: `Exco` is not in the text"#]],
    );
}

#[test]
fn files_of_another_container_are_named() {
    let options = |container: &str| SPANS.replacen("text =", &format!("{container}\ntext ="), 1);
    let record = "{\"text\": \"Ann\", \"entities\": []}\n";
    check(
        "json",
        &options("container = \"object\""),
        record.repeat(2),
        expect![[
            r#"data/f:2: a second value, where `container = "object"` says that the file is one; write "stream" or "lines" [65]"#
        ]],
    );
    check(
        "json",
        &options("container = \"array\""),
        record,
        expect![
            "data/f:1: broken JSON: expected an array, `[`; correct the file or fetch it again [65]"
        ],
    );
    check(
        "json",
        &options("container = \"stream\""),
        "{\"text\": \"Ann\",\n\"text\": \"Ann\"}",
        expect![
            "data/f:2: broken JSON: the key `text` stands twice; correct the file or fetch it again [65]"
        ],
    );
    check(
        "json",
        &options("container = \"object\"\nrecords = \"data.*\""),
        "{\"data\": []}",
        expect!["data/f:1: the file holds no sentence [65]"],
    );
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let refused = |options: &str, expected: Expect| check("json", options, "{}", expected);
    refused(
        "[options]\n",
        expect![
            "configs/datasets/x.toml: [options] needs `text`, `tokens` or both: paths to what is annotated [64]"
        ],
    );
    refused(
        "[options]\ntext = \"text\"\n",
        expect![
            "configs/datasets/x.toml: [options] needs `tags`, `entities`, `relations` or `events` [64]"
        ],
    );
    refused(
        "[options]\ntext = \"text\"\ntags = \"tags.*\"\n",
        expect!["configs/datasets/x.toml: [options] counts tokens, but has no `tokens` [64]"],
    );
    refused(
        &SPANS.replace("text =", "rows = \"document\"\ntext ="),
        expect![[
            r#"configs/datasets/x.toml: [options] has `rows = "document"`, but no `sentences`: a record is one row [64]"#
        ]],
    );
    let mention = |written: &str, expected: Expect| {
        let at = SPANS.find("mention").unwrap();
        refused(&format!("{}mention = {written}\n", &SPANS[..at]), expected);
    };
    mention(
        "{}",
        expect![
            "configs/datasets/x.toml: [options] `entities.mention` needs `start`, `surface` or `entity` [64]"
        ],
    );
    mention(
        "{ start = \"0\" }",
        expect![
            "configs/datasets/x.toml: [options] `entities.mention` needs `end`, or `surface` for its length [64]"
        ],
    );
    mention(
        "{ end = \"0\", surface = \"1\" }",
        expect![
            "configs/datasets/x.toml: [options] `entities.mention` has `end`, but no `start` [64]"
        ],
    );
    mention(
        "{ entity = \"0\" }",
        expect![
            "configs/datasets/x.toml: [options] `entities.mention` has `entity`, but is one [64]"
        ],
    );
    mention(
        "{ surface = \"0\", sentence = \"1\" }",
        expect![
            "configs/datasets/x.toml: [options] `entities.mention` has `sentence`, but there are no `sentences` [64]"
        ],
    );
}
