//! Pairs: joined, split, seen from one side, and refused.
#![allow(clippy::unwrap_used)]

use super::{Fixture, LABELS, declaration, show};
use crate::corpus::validate;
use expect_test::expect;
use std::fmt::Write;

/// Three documents of English and their Chinese, under other ids and in another order.
fn pud() -> Fixture {
    let sentence = |id: &str, text: &str, label: &str| {
        format!("# sent_id = {id}\n# text = {text}\n1\t{text}\tB-{label}\t-\t-\n\n")
    };
    let en = ["n1-0001", "n1-0002", "n2-0001", "n3-0001"].into_iter().zip(["A", "B", "C", "D"]);
    let en: String = en.map(|(id, text)| sentence(id, text, "PER")).collect();
    let zh = ["b-4", "b-3", "b-2", "b-1"].into_iter().zip(["丁", "丙", "乙", "甲"]);
    let zh: String = zh.map(|(id, text)| sentence(id, text, "LOC")).collect();
    let tsv = "en_sent_id\tn\tzh_sent_id\nn1-0001\t0\tb-1\nn1-0002\t1\tb-2\nn2-0001\t2\tb-3\nn3-0001\t3\tb-4\n";
    Fixture::new(&[
        ("data/en", en.as_bytes()),
        ("data/zh", zh.as_bytes()),
        ("data/pairs", tsv.as_bytes()),
    ])
}

fn pud_declaration(language: &str, parallel: bool) -> String {
    let text = declaration(
        "uner-parallel",
        "[options]\npair = [\"en\", \"zh\"]\nalignment = \"pairs\"\n[options.files]\nen = \"en\"\nzh = \"zh\"\n[splits.train]\npairs = [0, 2]\n[splits.test]\npairs = [2, 4]\n",
    );
    let text = text.replace("language = \"en\"", &format!("language = \"{language}\""));
    let text = if parallel { format!("parallel = true\n{text}") } else { text };
    format!("{text}{LABELS}")
}

#[test]
fn parallel_sentences_are_joined_and_split_by_document() {
    let fixture = pud();
    let corpus = fixture.declare(&pud_declaration("en-zh", true)).unwrap();
    let mut text = String::new();
    for split in corpus.splits() {
        for pair in corpus.read_parallel(split).unwrap().pairs {
            write!(text, "{split}: {}{}", show(&[pair.source]), show(&[pair.target])).unwrap();
        }
    }
    expect![[r#"
        test: n1-0001 (en): A | Person A 0..1
        b-1 (zh): 甲 | Location 甲 0..1
        test: n1-0002 (en): B | Person B 0..1
        b-2 (zh): 乙 | Location 乙 0..1
        train: n2-0001 (en): C | Person C 0..1
        b-3 (zh): 丙 | Location 丙 0..1
        train: n3-0001 (en): D | Person D 0..1
        b-4 (zh): 丁 | Location 丁 0..1
    "#]]
    .assert_eq(&text);
    let checks = validate(&corpus);
    assert!(checks.iter().all(|check| check.ok && check.found.entities == 4), "{checks:?}");
    let view = fixture.declare(&pud_declaration("zh", false)).unwrap();
    expect![[r#"
        b-1 (zh): 甲 | Location 甲 0..1
        b-2 (zh): 乙 | Location 乙 0..1
    "#]]
    .assert_eq(&show(&view.read("test").unwrap().sentences));
    expect![
        "configs/datasets/x.toml: `x` is parallel: its pairs are for the phase `alignment` [64]"
    ]
    .assert_eq(&fixture.error(&corpus.read("train").unwrap_err()));
}

#[test]
fn parallel_sentences_without_partner_are_named() {
    let fixture = pud();
    let read = |change: (&str, &str, &str)| {
        let path = fixture.0.path().join("data").join(change.0);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, whole.replace(change.1, change.2)).unwrap();
        let corpus = fixture.declare(&pud_declaration("en-zh", true)).unwrap();
        let error = ["train", "test"].iter().find_map(|split| corpus.read_parallel(split).err());
        std::fs::write(&path, whole).unwrap();
        fixture.error(&error.unwrap())
    };
    expect!["data/pairs:1: no column `zh_sent_id`; the header has `en_sent_id`, `n`, `zh_id` [65]"]
        .assert_eq(&read(("pairs", "zh_sent_id", "zh_id")));
    expect!["data/en:9: sentence `n2-0001` has no line in the alignment [65]"].assert_eq(&read((
        "pairs",
        "n2-0001\t2\tb-3\n",
        "",
    )));
    expect!["data/pairs:4: expected 3 columns divided by a TAB, found 2 [65]"].assert_eq(&read((
        "pairs",
        "n2-0001\t2\tb-3\n",
        "n2-0001\tb-3\n",
    )));
    expect!["data/en:9: its partner `b-3` is not in data/zh, or has another partner [65]"]
        .assert_eq(&read(("zh", "sent_id = b-3", "sent_id = b-9")));
    expect!["data/zh:5: sent_id `b-4` comes twice [65]"].assert_eq(&read((
        "zh",
        "sent_id = b-3",
        "sent_id = b-4",
    )));
    expect![
        "data/en:13: the sentence has no line `# sent_id = …`; without it, it has no partner [65]"
    ]
    .assert_eq(&read(("en", "# sent_id = n3-0001\n", "")));
    let refuse = |from: &str, to: &str| {
        let error = fixture.declare(&pud_declaration("en-zh", true).replace(from, to));
        match error.and_then(|corpus| corpus.read_parallel("test")) {
            Err(error) => fixture.error(&error),
            Ok(pairs) => format!("{} pairs", pairs.pairs.len()),
        }
    };
    expect!["data/en:1: `pairs = [2, 5]`, but the file holds 4 sentences [65]"]
        .assert_eq(&refuse("[2, 4]", "[2, 5]"));
    expect!["configs/datasets/x.toml: [splits.test] `pairs = [4, 4]` is empty; the end is exclusive [64]"].assert_eq(&refuse("[2, 4]", "[4, 4]"));
    expect![[r#"configs/datasets/x.toml: `language = "zh-en"`, but the pair is "en-zh" [64]"#]]
        .assert_eq(&refuse("en-zh", "zh-en"));
    expect![[r#"configs/datasets/x.toml: `language = "zh"` names one language; a parallel corpus has two: "en-zh" [64]"#]].assert_eq(&refuse("en-zh", "zh"));
    expect!["configs/datasets/x.toml: [options] `files` has no file for `zh` [64]"]
        .assert_eq(&refuse("zh = \"zh\"", "de = \"zh\""));
    expect!["data/en:1: its partner `n1-0001` is not in data/zh, or has another partner [65]"]
        .assert_eq(&refuse("alignment = \"pairs\"\n", ""));
}
