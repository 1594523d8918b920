//! Ids as SentencePiece gives them: vectors of Baichuan2's own file, and the rules on small models.
#![allow(clippy::unwrap_used)]

use super::merge::{Pieces, Work};
use crate::tokenizer::Tokenizer;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Baichuan2's tokenizer, which its licence keeps out of the repository. `KNOWCODER_DATA` says
/// where it lies; without it a test passes with a warning, but not in CI.
fn baichuan() -> Option<Tokenizer> {
    let root = std::env::var_os("KNOWCODER_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("tokenizers/baichuan2/tokenizer.model");
    if !path.is_file() {
        assert!(std::env::var_os("CI").is_none(), "CI needs `{}`", path.display());
        eprintln!("SKIPPED: `{}` is missing; set KNOWCODER_DATA to the data root", path.display());
        return None;
    }
    Some(Tokenizer::load(&path).unwrap())
}

#[test]
fn baichuan2_ids_equal_sentencepiece() {
    let Some(tokenizer) = baichuan() else { return };
    assert_eq!(tokenizer.vocabulary(), 125_696);
    assert_eq!((tokenizer.pad(), tokenizer.eos()), (0, 2));
    let check = |text: &str, ids: &[u32]| {
        assert_eq!(tokenizer.encode(text), ids, "{text:?}");
        assert_eq!(tokenizer.decode(ids), text);
    };
    // No vocabulary has this character.
    let bytes: Vec<bool> =
        tokenizer.encode("a\u{10fffd}").iter().map(|id| tokenizer.spells_bytes(*id)).collect();
    assert_eq!(bytes, [false, true, true, true, true]);
    check("results = []", &[43803, 92311, 64, 27381]);
    check(
        "results = [\n\tPerson(\"Bob\")\n]",
        &[43803, 92311, 64, 2511, 5, 6, 19827, 3740, 29069, 5016, 5, 92832],
    );
    check("王小明在北京大学工作。", &[92876, 32398, 15429, 1915, 1537, 66]);
    check("2024年", &[92338, 92335, 92338, 92369, 92381]);
    check("    x", &[1411, 92365]);
    check("  a  b ", &[92311, 1346, 92311, 1372, 92311]);
    check("한국어 사람", &[96369, 98296, 96309, 92311, 97311, 99300]);
    check("\"\"\"", &[20444]);
    check("Input:\n", &[20309, 92345, 5]);
    check("\nOutput:\n", &[5, 27619, 92345, 5]);
    check(
        "class Entity:\n\tdef __init__(self, name: str):\n\t\tself.name = name\n",
        &[
            5310, 70813, 92345, 5, 6, 5273, 19009, 15217, 48834, 2721, 92323, 2896, 92345, 2375,
            3408, 5, 6, 6, 2721, 72, 4851, 92311, 64, 2896, 5,
        ],
    );
    // Whole pieces that merging does not reach.
    check("Marshall went", &[92353, 99996, 1522, 4105]);
    check(" Marshall", &[22567]);
}

#[test]
fn text_never_becomes_a_special_id() {
    let Some(tokenizer) = baichuan() else { return };
    for text in ["<s>", "</s>", "<unk>", " \u{2047} ", "a</s>b\n</s>", "<pad>", "\0", "<0x41>"] {
        let ids = tokenizer.encode(text);
        assert!(ids.iter().all(|id| *id > 2), "{text:?} gave {ids:?}");
        assert_eq!(tokenizer.decode(&ids), text);
    }
    assert_eq!(tokenizer.decode(&[0, 1, 5310, 2, 999_999]), "class");
    assert_eq!(tokenizer.piece(2), "</s>");
    assert_eq!(tokenizer.piece(1344), "<0xFF>");
    assert!(tokenizer.encode("").is_empty());
}

fn pieces(known: &[(&str, f32)]) -> Pieces {
    Pieces::new((0..).zip(known).map(|(id, (text, score))| (*text, *score, id)))
}

fn merged(pieces: &Pieces, text: &str) -> String {
    let mut symbols = Vec::new();
    pieces.merge(text, &mut Work::default(), |symbol, _| symbols.push(symbol.to_owned()));
    symbols.join("|")
}

#[test]
fn the_highest_score_is_merged_first_and_the_leftmost_of_equals() {
    let known = pieces(&[("ab", -2.0), ("bc", -1.0), ("abc", -9.0), ("aa", -3.0)]);
    // `abc` is a piece, but `bc` comes first and `a|bc` merges to it; `ab` never gets its turn.
    assert_eq!(merged(&known, "abc"), "abc");
    assert_eq!(merged(&known, "aaa"), "aa|a");
    let known = pieces(&[("ab", -1.0), ("ba", -1.0)]);
    assert_eq!(merged(&known, "aba"), "ab|a");
    assert_eq!(merged(&known, "baba"), "ba|ba");
    // `xyz` cannot be reached: `yz` is no piece and `xy` is none.
    assert_eq!(merged(&pieces(&[("xyz", 0.0)]), "xyz"), "x|y|z");
}

/// The rules word for word: rescan all pairs after each merge.
fn naive(known: &[(&str, f32)], text: &str) -> String {
    let mut symbols: Vec<String> = text.chars().map(String::from).collect();
    loop {
        let mut best: Option<(f32, usize)> = None;
        for at in 1..symbols.len() {
            let joined = symbols[at - 1].clone() + &symbols[at];
            if let Some((_, score)) = known.iter().find(|(piece, _)| *piece == joined)
                && best.is_none_or(|(most, _)| *score > most)
            {
                best = Some((*score, at));
            }
        }
        let Some((_, at)) = best else { return symbols.join("|") };
        let right = symbols.remove(at);
        symbols[at - 1] += &right;
    }
}

proptest! {
    #[test]
    fn the_queue_merges_as_the_rules_say(
        text in "[ab\u{2581}c]{0,24}",
        scores in proptest::collection::vec(-6i8..0, 16),
    ) {
        let texts = [
            "ab", "ba", "aa", "bb", "abc", "bab", "aab", "\u{2581}a", "\u{2581}\u{2581}", "\u{2581}ab",
            "bc", "cab", "caba", "aaaa", "\u{2581}\u{2581}a", "cc",
        ];
        let known: Vec<(&str, f32)> =
            texts.into_iter().zip(scores.iter().map(|score| f32::from(*score))).collect();
        prop_assert_eq!(merged(&pieces(&known), &text), naive(&known, &text));
    }
}
