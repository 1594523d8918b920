//! A small shard set: a group of two rows, English and Chinese, and a row alone.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::manifest::Manifest;
use crate::shard::tests::write;
use expect_test::expect;
use std::path::Path;

/// It has never seen the characters of the second row.
pub(crate) fn tokenizer() -> Tokenizer {
    let text = "Mark went to Paris. class Person results".to_owned();
    Tokenizer::train(&[text.clone(), text], 400).unwrap()
}

pub(crate) fn rows(dir: &Path) -> ShardSet {
    let tokenizer = tokenizer();
    let sample = |id: &str, language: &str, group: u32, sentence: &str, answer: &str| {
        let prompt = tokenizer.encode(&format!("sentence = \"{sentence}\"\n\n"));
        let prefix = if group == 0 { "class Person(Entity): pass\n" } else { "" };
        Sample {
            sample_id: id.to_owned(),
            dataset: "s".to_owned(),
            language: language.to_owned(),
            task: "ner".to_owned(),
            prefix_ids: tokenizer.encode(prefix),
            supervised_from: prompt.len() as u32,
            suffix_ids: [prompt, tokenizer.encode(answer), vec![tokenizer.eos()]].concat(),
            group,
        }
    };
    let samples = [
        sample("s/1", "en", 0, "Mark", "results = [\n\tPerson(\"Mark\")\n]"),
        sample("s/2#1", "zh", 0, "Mark\u{202e}中", "results = []"),
        sample("t/1", "en", 1, "a\tb", "results = []"),
    ];
    write(dir, &samples);
    assert_eq!(Manifest::load(dir).unwrap().total.samples, 3);
    ShardSet::open(dir).unwrap()
}

/// A group of two rows of which one is shown, with pieces of our own choice.
pub(crate) fn written() -> Vec<Group> {
    let part = |from: usize, supervised: bool, pieces: &[&str]| {
        let token = |(place, piece): (usize, &&str)| Token {
            position: from + place,
            id: 100 + (from + place) as u32 * 37,
            piece: (*piece).to_owned(),
            bytes: piece.starts_with("<0x"),
            spells: (*piece == "<0xAD>").then(|| "中".to_owned()),
            supervised,
        };
        Part { text: pieces.concat(), tokens: pieces.iter().enumerate().map(token).collect() }
    };
    let prompt = [
        "sentence = \"",
        "莱娜",
        "·",
        "沃格特",
        " e\u{301}",
        "<0xE4>",
        "<0xB8>",
        "<0xAD>",
        "\"\n\n",
    ];
    let member = Member {
        row: 4,
        sample_id: "s/1 <script>".to_owned(),
        dataset: "s".to_owned(),
        language: "zh".to_owned(),
        task: "ner".to_owned(),
        loss_from: 14,
        prompt: part(5, false, &prompt),
        answer: part(
            14,
            true,
            &["results = [\n\t", "Person", "(\"", "莱娜", "·", "沃格特", "\")\n]", "</s>"],
        ),
    };
    vec![Group {
        group: 2,
        rows: 3..5,
        prefix: part(0, false, &["class", " Person", "(Entity): pass\n", "\u{202e}\x1b[2J", "\t"]),
        members: vec![member],
    }]
}

#[test]
fn positions_of_a_suffix_begin_behind_its_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let shards = rows(dir.path());
    let groups = read(&shards, &[0, 1, 2], &tokenizer()).unwrap();
    let [pair, alone] = &groups[..] else { panic!("{groups:?}") };
    assert_eq!((pair.rows.clone(), alone.rows.clone()), (0..2, 2..3));
    let prefix = pair.prefix.tokens.len();
    for member in &pair.members {
        assert_eq!(member.positions().start, prefix);
        assert_eq!(member.answer.tokens[0].position, member.loss_from);
        let tokens = || member.prompt.tokens.iter().chain(&member.answer.tokens);
        assert!(tokens().enumerate().all(|(i, token)| token.position == prefix + i));
        assert!(tokens().all(|token| token.supervised == (token.position >= member.loss_from)));
    }
    assert_eq!(alone.members[0].positions().start, 0);
    assert!(!pair.is_partial() && read(&shards, &[1], &tokenizer()).unwrap()[0].is_partial());
}

#[test]
fn bytes_say_what_they_spell() {
    let part = part(&tokenizer().encode("中"), 3, false, &tokenizer());
    let spelt: Vec<String> = part
        .tokens
        .iter()
        .map(|token| format!("{} {} {:?}", token.position, token.piece, token.spells))
        .collect();
    expect![[r#"
        3 <0xE4> None
        4 <0xB8> None
        5 <0xAD> Some("中")"#]]
    .assert_eq(&spelt.join("\n"));
    assert_eq!(part.text, "中");
}

#[test]
fn a_row_is_data_too() {
    let dir = tempfile::tempdir().unwrap();
    let shards = rows(dir.path());
    let groups = read(&shards, &[2], &tokenizer()).unwrap();
    let json = serde_json::to_value(&groups).unwrap();
    assert_eq!(json[0]["rows"], serde_json::json!({"start": 2, "end": 3}));
    let member = &json[0]["members"][0];
    assert_eq!(member["sample_id"], "t/1");
    assert_eq!(member["answer"]["text"], "results = []");
    assert_eq!(member["answer"]["tokens"][0]["supervised"], true);
}
