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

/// A corpus in columns called `name`, its one file as well.
fn side(name: &str, language: &str, content: &str) -> [(String, String); 2] {
    let text =
        declaration("columns", &format!("[splits.train]\nfiles = [\"{name}\"]\nmisfits = 1\n"))
            .replace("name = \"x\"", &format!("name = \"{name}\""))
            .replace("language = \"en\"", &format!("language = \"{language}\""));
    [
        (format!("configs/datasets/{name}.toml"), format!("{text}{LABELS}")),
        (format!("data/{name}"), content.to_owned()),
    ]
}

/// What a parallel declaration beside `files` gives.
fn pairs_of(files: &[(String, String)], rest: &str) -> String {
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
    let fixture = Fixture::new(&files);
    let reader = if rest.contains("sides") { "joined" } else { "translations" };
    let text = declaration(reader, rest).replace("language = \"en\"", "language = \"en-sw\"");
    let read = fixture
        .declare(&format!("parallel = true\n{text}"))
        .and_then(|corpus| Ok((corpus.read_parallel("train")?, validate(&corpus))));
    let (reading, checks) = match read {
        Ok(read) => read,
        Err(error) => return fixture.error(&error),
    };
    let mut text = String::new();
    for pair in reading.pairs {
        text += &format!("{}{}", show(&[pair.source]), show(&[pair.target]));
    }
    for row in reading.quarantined {
        text += &format!("quarantined {}: {}\n", row.line, row.reason);
    }
    text + &format!("dropped {:?}", checks[0].dropped)
}

#[test]
fn two_corpora_in_the_same_order_are_joined() {
    let sides = |sw: &str| {
        let en = "Ann\tB-PER\nleft\tO\n\nin\tO\nRome\tB-LOC\n\nGo\tO\n";
        [side("a", "en", en), side("b", "sw", sw)].concat()
    };
    let rest = "[options]\nsides = [\"a\", \"b\"]\n[splits.train]\nmisfits = 1\n";
    // A row that does not fit takes its partner with it, and shifts nobody.
    let fits = sides("Ann\tB-PER\nameondoka\tO\n\nRoma\tI-LOC\n\nNenda\tO\n");
    expect![[r#"
        x/train/1 (en): Ann left | Person Ann 0..3
        x/train/1 (sw): Ann ameondoka | Person Ann 0..3
        x/train/3 (en): Go
        x/train/3 (sw): Nenda
        quarantined 4: tag `I-LOC` continues an entity that nothing began
        dropped {}"#]]
    .assert_eq(&pairs_of(&fits, rest));
    expect![
        "configs/datasets/x.toml: `a:train` has 3 rows and `b:train` 1; sides of a pair have as many [64]"
    ]
    .assert_eq(&pairs_of(&sides("Ann\tB-PER\n"), rest));
    expect![
        "configs/datasets/x.toml: the reader `joined` needs `parallel = true` and [options] `sides = [\"SOURCE\", \"TARGET\"]`, the names of two declarations [64]"
    ]
    .assert_eq(&pairs_of(&sides(""), "[options]\nsides = [\"\", \"\"]\n[splits.train]\n"));
}

#[test]
fn labels_are_carried_over_to_a_translation() {
    let gold = "Ann\tB-PER\nalikutana\tO\nna\tO\nAnn\tB-PER\nLee\tI-PER\nleo\tB-DATE\n.\tO\n\nRoma\tB-LOC\nni\tO\nkubwa\tO\n\nHakuna\tO\njina\tO\n";
    let lines = [
        r#"{"t": {"en": "Annex: Ann met Ann Lee.", "sw": "Ann alikutana na Ann Lee leo."}}"#,
        r#"{"t": {"en": "Rome is big.", "sw": "Roma ni kubwa"}}"#,
        r#"{"t": {"en": "No name.", "sw": "hakuna JINA!"}}"#,
        r#"{"t": {"en": "Nobody marked this.", "sw": "Haijulikani."}}"#,
        r#"{"t": {"en": "Only one side."}}"#,
    ];
    let mut files = side("gold", "sw", gold).to_vec();
    files.push(("data/f".to_owned(), lines.join("\n")));
    let rest = "[options]\nwithin = \"t\"\nkeys = [\"en\", \"sw\"]\nannotated = [\"gold:train\"]\n[splits.train]\nfiles = [\"f\"]\nmisfits = 2\n[labels]\nPER = \"Person\"\nLOC = \"Location\"\n";
    expect![[r#"
        x/train/1 (en): Annex: Ann met Ann Lee. | Person Ann 7..10 | Person Ann Lee 15..22
        x/train/1 (sw): Ann alikutana na Ann Lee leo . | Person Ann 0..3 | Person Ann Lee 17..24
        x/train/2 (en): No name.
        x/train/2 (sw): Hakuna jina
        quarantined 5: the object has no text `sw`
        quarantined 5: the object has no text `sw`
        dropped {"a name is not found again": 1, "no annotated sentence has this text": 1}"#]]
    .assert_eq(&pairs_of(&files, rest));
}
