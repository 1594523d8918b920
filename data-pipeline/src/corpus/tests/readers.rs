//! Each format, read.
#![allow(clippy::unwrap_used)]

use super::{Fixture, check, declaration, show};
use expect_test::{Expect, expect};

#[test]
fn columns_become_sentences() {
    check(
        "columns",
        "",
        "\u{feff}Ann\tB-PER\nLee\tI-PER\nleft\tO\n\t\nÉire\tB-LOC\r\nin\tO\r\n1999\tB-DATE\r\n\n\n",
        expect![[r#"
            x/train/1 (en): Ann Lee left | Person Ann Lee 0..7
            x/train/2 (en): Éire in 1999 | Location Éire 0..4
            dropped {"DATE": 1}"#]],
    );
    check(
        "columns",
        "[options]\ndelimiter = \" \"\nscheme = \"bmes\"\njoiner = \"\"\n",
        "高 B-PER\n勇 E-PER\n在 O\n京 S-LOC\n",
        expect!["x/train/1 (en): 高勇在京 | Person 高勇 0..2 | Location 京 3..4"],
    );
    check(
        "columns",
        "[options]\ndelimiter = \"whitespace\"\ntoken = 1\ntag = 2\ncolumns = 4\ncomment = \"# \"\nskip = [\"-DOCSTART-\"]\n",
        "# id 7\n0 -DOCSTART- O x\n\n0   Ann  B-PER x\n1 no\u{a0}break\tO x",
        expect!["x/train/1 (en): Ann no\u{a0}break | Person Ann 0..3"],
    );
    check(
        "columns",
        "[options]\norphans = \"begin\"\n",
        "in\tO\nRome\tI-LOC",
        expect!["x/train/1 (en): in Rome | Location Rome 3..7"],
    );
    // Positions are taken off, whatever the character before them is.
    check(
        "columns",
        "[options]\njoiner = \"\"\nglued_position = true\n",
        "在0\tO\n北0\tB-LOC\n京1\tI-LOC\n310\tO\np10\tO\n\u{fffd}\u{fffd}0\tO\n",
        expect!["x/train/1 (en): 在北京3p\u{fffd}\u{fffd} | Location 北京 1..3"],
    );
    // Tokens are laid onto the text that a comment has.
    check(
        "columns",
        "[options]\ncomment = \"#\"\ntext = \"# text = \"\n[splits.train]\nfiles = [\"f\"]\nmisfits = 2\n",
        "# id = 1\n# text = (Ann) left.\n(\tO\nAnn \tB-PER\n)\tO\nleft\tO\n.\tO\n\n# text = Ann\nBob\tB-PER\n\nAnn\tO\n",
        expect![[r#"
            x/train/1 (en): (Ann) left. | Person Ann 1..4
            quarantined f:10: token `Bob` is not what the text holds at character 0: `Ann`
            quarantined f:12: no line `# text = …` stands before it"#]],
    );
    check(
        "columns",
        "[options]\nempty = \"skip\"\n",
        "Ann\tB-PER\n\tO\n  \tO\nleft\tO\n",
        expect!["x/train/1 (en): Ann left | Person Ann 0..3"],
    );
    // A split may be a part of its files.
    check(
        "columns",
        "[splits.train]\nfiles = [\"f\"]\nrows = [1, 3]\n",
        "a\tO\n\nb\tO\n\nc\tO\n\nd\tO\n",
        expect![[r#"
            x/train/1 (en): b
            x/train/2 (en): c"#]],
    );
}

#[test]
fn json_streams_become_sentences() {
    check(
        "json-stream",
        "",
        "{\n \"text\": \"李明在京，李明走。\",\n \"label\": {\"PER\": {\"李明\": [[5, 6], [0, 1]]},\n \"LOC\": {\"京\": [[3, 3]]}}\n}\n{\"text\": \"无\", \"label\": {}}",
        expect![[r#"
            x/train/1 (en): 李明在京，李明走。 | Person 李明 0..2 | Location 京 3..4 | Person 李明 5..7
            x/train/2 (en): 无"#]],
    );
    check(
        "json-stream",
        "[options]\nend = \"exclusive\"\n",
        r#"{"text": "Ann", "label": {"PER": {"Ann": [[0, 3]]}}}"#,
        expect!["x/train/1 (en): Ann | Person Ann 0..3"],
    );
    // Two labels of one class on one span are one entity.
    check(
        "json-stream",
        "[splits.train]\nfiles = [\"f\"]\nentities = 2\n[labels]\ncompany = \"Organization\"\ngovernment = \"Organization\"\n",
        r#"{"text": "Acme", "label": {"company": {"Acme": [[0, 3]]}, "government": {"Acme": [[0, 3]]}}}"#,
        expect!["x/train/1 (en): Acme | Organization Acme 0..4"],
    );
}

#[test]
fn universal_ner_keeps_the_spacing_of_its_text() {
    check(
        "uner",
        "",
        "# newdoc id = d1\n# sent_id = d1-0001\n# text = 美国的U.S. is  big.\n1\t美国\tB-LOC\t-\tz\n2\t的\tO\t-\t-\n3\tU.S.\tB-LOC\t-\tz\n4\tis\tO\t-\t-\n5\tbig\tO\t-\t-\n6\t.\tO\t-\t-\n\n",
        expect![[r#"d1-0001 (en): 美国的U.S. is  big. | Location 美国 0..2 | Location U.S. 3..7"#]],
    );
    check(
        "uner",
        "[splits.train]\nfiles = [\"f\"]\nmisfits = 3\n",
        "# sent_id = a\n# text = A b c\n1\tA\tO\t-\t-\n2\tx\tO\t-\t-\n\n# sent_id = b\n# text = A b c\n1\tA\tO\t-\t-\n\n# sent_id = c\n1\tA\tO\t-\t-\n\n# sent_id = d\n# text = A\n1\tA\tO\t-\t-\n",
        expect![[r#"
            d (en): A
            quarantined f:4: token `x` is not what the text holds at character 2: `b c`
            quarantined f:8: no token stands for the end of the text, `b c`
            quarantined f:10: the sentence has no line `# text = …`"#]],
    );
}

#[test]
fn spert_joins_tokens_and_links_entities() {
    let item = r#"{"tokens": ["Ann", "works", "at", "Acme", "."], "entities": [{"type": "ORG", "start": 3, "end": 4}, {"type": "PER", "start": 0, "end": 1}], "relations": [{"type": "Work", "head": 1, "tail": 0}], "orig_id": 7}"#;
    check(
        "spert",
        "",
        format!("[{item},\n{item}]"),
        expect![[r#"
            7 (en): Ann works at Acme . | Person Ann 0..3 | Organization Acme 13..17 | WorksFor(Ann, Acme)
            7#2 (en): Ann works at Acme . | Person Ann 0..3 | Organization Acme 13..17 | WorksFor(Ann, Acme)"#]],
    );
    // A relation goes with the class of its argument.
    check(
        "spert",
        "[splits.train]\nfiles = [\"f\"]\n[labels]\nPER = \"Person\"\nORG = \"\"\nWork = \"WorksFor\"\n",
        format!("[{item}]"),
        expect![[r#"
            7 (en): Ann works at Acme . | Person Ann 0..3
            dropped {"ORG": 1, "Work": 1}"#]],
    );
    let broken = item.replace("\"head\": 1", "\"head\": 5").replace('7', "8");
    let outside = item.replace("\"end\": 4", "\"end\": 9");
    check(
        "spert",
        "[splits.train]\nfiles = [\"f\"]\nmisfits = 2\n",
        format!("[{broken},{outside}]"),
        expect![[r#"
            quarantined f:1: relation `Work` points at entity 5, but there are only 2
            quarantined f:1: item 7: the entity at tokens 3..9 is not in 5 tokens"#]],
    );
}

const FEWFC: &str = "task = [\"ed\", \"eae\"]\n";

/// FewFC's declaration: the labels of an event corpus.
fn check_fewfc(misfits: usize, content: &str, expected: Expect) {
    let fixture = Fixture::new(&[("data/f", content.as_bytes())]);
    let text = declaration("fewfc", "[splits.train]\nfiles = [\"f\"]\n")
        .replace("task = [\"ner\"]\n", FEWFC)
        + &format!("misfits = {misfits}\n[labels]\n招聘 = \"Hiring\"\n[roles]\nsub-org = \"employer\"\nobj-per = \"employee\"\nmoney = \"\"\n")
            .replace("招聘 =", "\"招聘\" =");
    let reading = fixture.declare(&text).and_then(|corpus| corpus.read("train"));
    let text = match reading {
        Err(error) => fixture.error(&error),
        Ok(reading) => {
            let reasons =
                reading.quarantined.iter().map(|row| format!("{}: {}", row.line, row.reason));
            let reasons: Vec<String> = reasons.collect();
            format!("{}{}\n{:?}", show(&reading.sentences), reasons.join("\n"), reading.dropped)
        }
    };
    expected.assert_eq(text.trim());
}

#[test]
fn fewfc_events_carry_roles_in_the_order_of_the_class() {
    check_fewfc(
        0,
        r#"{"id": "a", "content": "甲聘用乙付三元", "events": [{"type": "招聘", "mentions": [{"word": "乙", "span": [3, 4], "role": "obj-per"}, {"word": "聘用", "span": [1, 3], "role": "trigger"}, {"word": "三元", "span": [5, 7], "role": "money"}, {"word": "甲", "span": [0, 1], "role": "sub-org"}]}]}"#,
        expect![[r#"
            a (en): 甲聘用乙付三元 | Hiring 聘用 1..3, employer = 甲 0..1, employee = 乙 3..4

            {"money": 1}"#]],
    );
    check_fewfc(
        3,
        "{\"id\": \"a\", \"content\": \"甲聘用\", \"events\": [{\"type\": \"招聘\", \"mentions\": []}]}\n{\"id\": \"b\", \"con\n{\"id\": \"c\", \"content\": \"甲聘用\", \"events\": [{\"type\": \"招聘\", \"mentions\": [{\"word\": \"用\", \"span\": [1, 3], \"role\": \"trigger\"}]}]}\n{\"id\": \"d\", \"content\": \"无\", \"events\": []}",
        expect![[r#"
            d (en): 无
            1: event `招聘` has 0 mentions with the role `trigger`, expected 1
            2: broken JSON: EOF while parsing a string
            3: `招聘` at characters 1..3 (end exclusive) reads `聘用`, but the row says `用`
            {}"#]],
    );
    check_fewfc(
        0,
        r#"{"id": "a", "content": "甲聘用", "events": [{"type": "招聘", "mentions": [{"word": "聘用", "span": [1, 3], "role": "trigger"}, {"word": "甲", "span": [0, 1], "role": "sub-or"}]}]}"#,
        expect![[
            r#"data/f:1: role `sub-or` is not in [roles] of configs/datasets/x.toml; did you mean `sub-org`? List it there, with "" to drop it [65]"#
        ]],
    );
}
