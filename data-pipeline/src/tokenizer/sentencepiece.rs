//! Baichuan2's `tokenizer.model`, id for id as SentencePiece reads it.

use super::readable;
use crate::error::Error;
use kitoken::convert::convert_sentencepiece;
use kitoken::{Definition, InsertionPosition, Kitoken, SpecialToken, SpecialTokenKind};
use std::path::Path;

/// Only user-defined pieces are cut out of text: control and unknown pieces are spelt out.
const FROM_TEXT: &[SpecialTokenKind] = &[SpecialTokenKind::Priority];

/// A SentencePiece model.
pub(super) struct SentencePiece {
    model: Kitoken,
    /// Per id: its bytes, or the name of an id that is not text.
    pieces: Vec<Piece>,
    eos: u32,
    pad: u32,
}

#[derive(Clone)]
enum Piece {
    Text(Vec<u8>),
    Special(String),
    Absent,
}

impl SentencePiece {
    /// Reads the bytes of a `tokenizer.model`.
    pub(super) fn parse(file: &[u8], path: &Path) -> Result<Self, Error> {
        let bad = |reason: &dyn std::fmt::Display| {
            Error::declaration(path, format!("not a SentencePiece model: {reason}"))
        };
        let definition = convert_sentencepiece(file).map_err(|error| bad(&error))?;
        if definition.model.vocab().is_empty() {
            return Err(bad(&"it has no pieces"));
        }
        let pieces = pieces(&definition);
        let special = |wanted: &dyn Fn(&SpecialToken) -> bool| {
            let found = definition.specials.iter().find(|special| wanted(special));
            found.map(|special| special.id).filter(|id| (*id as usize) < pieces.len())
        };
        let templates = &definition.config.templates;
        let end = templates.iter().find(|end| end.position == InsertionPosition::SequenceEnd);
        let eos = end
            .and_then(|end| special(&|special| special.bytes == end.content.as_bytes()))
            .ok_or_else(|| bad(&"it has no end-of-sequence piece"))?;
        // Baichuan2 has no padding piece and pads with `<unk>`.
        let named = |ident| special(&|special| special.ident.as_deref() == Some(ident));
        let pad = named("pad").or(named("unk")).unwrap_or(0);
        let model = Kitoken::from_definition(definition).map_err(|error| bad(&error))?;
        Ok(Self { model, pieces, eos, pad })
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        // The conversion always ends its fall-backs with "skip", so encoding has no error left.
        self.model.encode(text, FROM_TEXT).unwrap_or_default()
    }

    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let text: Vec<u32> = ids
            .iter()
            .copied()
            .filter(|id| matches!(self.pieces.get(*id as usize), Some(Piece::Text(_))))
            .collect();
        let bytes = self.model.decode(text, FROM_TEXT).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn piece(&self, id: u32) -> String {
        match self.pieces.get(id as usize) {
            Some(Piece::Text(bytes)) => readable(bytes).replace('\u{2581}', " "),
            Some(Piece::Special(name)) => name.clone(),
            Some(Piece::Absent) | None => format!("<{id}?>"),
        }
    }

    pub(super) fn vocabulary(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn eos(&self) -> u32 {
        self.eos
    }

    pub(super) fn pad(&self) -> u32 {
        self.pad
    }
}

/// The piece of every id below the highest one in use.
fn pieces(definition: &Definition) -> Vec<Piece> {
    // A model without a padding piece gives it the id -1.
    let specials = || definition.specials.iter().filter(|special| special.id <= i32::MAX as u32);
    let ids = definition.model.vocab().iter().map(|token| token.id);
    let count = ids.chain(specials().map(|special| special.id)).max().map_or(0, |id| id + 1);
    let mut pieces = vec![Piece::Absent; count as usize];
    for token in definition.model.vocab() {
        pieces[token.id as usize] = Piece::Text(token.bytes.clone());
    }
    for special in specials() {
        pieces[special.id as usize] = match special.kind {
            SpecialTokenKind::Priority => Piece::Text(special.bytes.clone()),
            SpecialTokenKind::Unknown => Piece::Special("<unk>".to_owned()),
            _ => Piece::Special(readable(&special.bytes)),
        };
    }
    pieces
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::tokenizer::Tokenizer;
    use std::path::Path;

    /// Baichuan2's tokenizer, which its licence keeps out of the repository. `KNOWCODER_DATA` says
    /// where it lies; without it a test passes with a warning, but not in CI.
    fn baichuan() -> Option<Tokenizer> {
        let root = std::env::var_os("KNOWCODER_DATA").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
            std::path::PathBuf::from,
        );
        let path = root.join("tokenizers/baichuan2/tokenizer.model");
        if !path.is_file() {
            assert!(std::env::var_os("CI").is_none(), "CI needs `{}`", path.display());
            eprintln!(
                "SKIPPED: `{}` is missing; set KNOWCODER_DATA to the data root",
                path.display()
            );
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
                5310, 70813, 92345, 5, 6, 5273, 19009, 15217, 48834, 2721, 92323, 2896, 92345,
                2375, 3408, 5, 6, 6, 2721, 72, 4851, 92311, 64, 2896, 5,
            ],
        );
    }

    #[test]
    fn text_never_becomes_a_special_id() {
        let Some(tokenizer) = baichuan() else { return };
        for text in ["<s>", "</s>", "<unk>", " \u{2047} ", "a</s>b\n</s>", "<pad>"] {
            let ids = tokenizer.encode(text);
            assert!(ids.iter().all(|id| *id > 2), "{text:?} gave {ids:?}");
            assert_eq!(tokenizer.decode(&ids), text);
        }
        assert_eq!(tokenizer.decode(&[0, 1, 5310, 2, 999_999]), "class");
        assert_eq!(tokenizer.piece(2), "</s>");
        assert_eq!(tokenizer.piece(1344), "<0xFF>");
    }
}
