//! The laws of small vocabularies: lossless, exact in size, a name has the same ids everywhere.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::tokenizer::Tokenizer;
use proptest::prelude::*;
use std::sync::OnceLock;

/// Prompts and answers as templates make them, with a few dozen names.
fn texts() -> Vec<String> {
    let names = ["Mark", "Lena Vogt", "Özil", "O'Hara", "王小明", "莱娜·沃格特", "Ṣẹ́gun", "B2B"];
    let places = ["Paris", "Łódź", "New York", "北京", "斯德哥尔摩", "U.S.", "서울"];
    let mut texts = Vec::new();
    for name in names {
        for place in places {
            texts.push(format!(
                "class Person(Entity): pass\nclass Location(Entity): pass\nsentence = \"Yesterday {name} went to {place} and saw {name}.\"\n\nOutput:\n"
            ));
            texts.push(format!("sentence = \"昨天{name}在{place}工作了。\"\n\n"));
            texts.push(format!("results = [\n\tPerson(\"{name}\"),\n\tLocation(\"{place}\")\n]"));
        }
    }
    texts
}

fn small() -> &'static Tokenizer {
    static SMALL: OnceLock<Tokenizer> = OnceLock::new();
    SMALL.get_or_init(|| Tokenizer::train(&texts(), 600).unwrap())
}

fn check(text: &str, expected: &str) {
    let ids = small().encode(text);
    let pieces: Vec<String> = ids.iter().map(|id| small().piece(*id)).collect();
    assert_eq!(pieces.join("|"), expected);
    assert_eq!(small().decode(&ids), text);
}

#[test]
fn an_answer_is_names_between_glue() {
    check(
        "results = [\n\tPerson(\"Mark\"),\n\tLocation(\"Paris\")\n]",
        "results = [\n\t| Person|(\"| Mark|\"),\n\t| Location|(\"| Paris|\")\n]",
    );
    check("results = []", "results = []");
    check(
        "Person(Entity(\"Mark\"), Entity(\"Paris\"))\n]",
        " Person|(Entity(\"| Mark|\"), Entity(\"| Paris|\"))\n]",
    );
    check(
        "Person(trigger = \"Mark\", went = [Entity(\"Paris\")], saw = [Entity(\"Mark\")])\n]",
        " Person|(trigger = \"| Mark|\",| went| = [Entity(\"| Paris|\")],| saw| = [Entity(\"| Mark|\")])\n]",
    );
    check("(\" Mark", "(\"| | Mark");
    check("sentence = \"王小明\"\n\nOutput:\n", "sentence = \"|王|小|明|\"\n\nOutput:\n");
}

#[test]
fn every_glue_piece_is_one_id_and_ends_between_words() {
    for (glue, text) in GLUE.iter().enumerate() {
        let last = text.chars().next_back().unwrap();
        assert!(!last.is_alphanumeric() && last != ' ', "{text:?}");
        assert_eq!(small().encode(text), [glue_id(glue)], "{text:?}");
    }
}

#[test]
fn text_never_becomes_a_special_or_reserved_id() {
    for text in ["<s>", "</s>", "<unk>", "<reserved_0>"] {
        let ids = small().encode(text);
        assert!(ids.iter().all(|id| *id > 2), "{text:?} gave {ids:?}");
        assert_eq!(small().decode(&ids), text);
    }
    assert_eq!(small().decode(&[0, 1, 2, 4_000_000]), "");
}

#[test]
fn the_size_is_exact_and_training_is_deterministic() {
    let texts = texts();
    for vocabulary in [400, 600, 5000] {
        let first = train(&texts, vocabulary).unwrap();
        let mut backwards = texts.clone();
        backwards.reverse();
        assert_eq!(train(&backwards, vocabulary).unwrap(), first);
        let small = Small::parse(&first, Path::new("test")).unwrap();
        assert_eq!(small.vocabulary(), vocabulary);
    }
}

#[test]
fn a_vocabulary_without_room_for_bytes_is_refused() {
    let error = Tokenizer::train(&texts(), 256).unwrap_err();
    expect_test::expect!["[tokenizer]: vocabulary = 256 is too small: special ids, template pieces and bytes alone are 291"]
        .assert_eq(&error.to_string());
}

/// The file in the hands of the `tokenizers` library.
fn library() -> &'static tokenizers::Tokenizer {
    static LIBRARY: OnceLock<tokenizers::Tokenizer> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let mut library = tokenizers::Tokenizer::from_bytes(train(&texts(), 600).unwrap()).unwrap();
        // Its way of saying that text never becomes a special id.
        library.set_encode_special_tokens(true);
        library
    })
}

fn contains(sentence: &[u32], name: &[u32]) -> bool {
    sentence.windows(name.len()).any(|window| window == name)
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(
        text in prop_oneof![
            ".{0,30}",
            "(?s)\\PC{0,30}",
            "[ (\"),\n\tA1在=\\]\\[]{0,30}",
            proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(GLUE.to_vec()).prop_map(str::to_owned),
                    "[ a在é\".]{0,3}",
                ],
                0..8,
            ).prop_map(|parts| parts.concat()),
        ],
    ) {
        let ids = small().encode(&text);
        prop_assert_eq!(small().decode(&ids), text);
    }

    #[test]
    fn a_name_has_the_ids_that_it_has_in_the_sentence(
        name in "[A-ZÀ-Ý0-9\u{4E00}-\u{9FFF}ء-ي가-힣][a-zß-öọ0-9\u{4E00}-\u{9FFF}]{0,6}([ '.-]{1,2}[A-Z\u{4E00}-\u{9FFF}][a-z]{0,5}){0,2}",
        before in "[a-z]{1,5} |[\u{4E00}-\u{9FFF}]|, |",
        after in " [a-z]{1,5}|\\.|[，。]|, |",
    ) {
        // Han after a word is a piece of its own, so a name may end there too.
        let sentence = small().encode(&format!("sentence = \"{before}{name}{after}\"\n\n"));
        let open = small().encode("(\"");
        let close = small().encode("\")\n]");
        let answer = small().encode(&format!("(\"{name}\")\n]"));
        let ids = &answer[open.len()..answer.len() - close.len()];
        prop_assert!(contains(&sentence, ids), "{:?} not in {:?}", ids, sentence);
    }

    #[test]
    fn the_library_gives_carried_text_the_same_ids(
        text in "[ -~\n\tÀ-ɏЀ-џ\u{0900}-\u{097F}\u{4E00}-\u{4FFF}가-각“”，。]{0,40}",
    ) {
        let mut carried = String::new();
        cut(&text, |part| match part {
            Part::Glue(glue) => carried.push_str(GLUE[glue]),
            Part::Words(words, before) => carried.push_str(&words::carry(words, before)),
        });
        let encoding = library().encode(carried, false).unwrap();
        prop_assert_eq!(encoding.get_ids(), small().encode(&text));
    }
}
