//! Text and token ids.
//!
//! Two kinds behind one type: Baichuan2's own `tokenizer.model`, read exactly as SentencePiece
//! reads it, and small byte-level vocabularies that are trained on a recipe's own text. Text never
//! becomes a special id: a sentence that spells `</s>` gets the ids of those four characters.

mod sentencepiece;
mod small;
mod words;

pub(crate) use words::{Scan, is_word, unspaced};

use crate::durable;
use crate::error::Error;
use crate::grammar::Vocabulary;
use crate::schema::sha256_hex;
use sentencepiece::SentencePiece;
use small::Small;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The names that tokenizer files have; also the order in which a directory is searched.
const FILES: [&str; 2] = ["tokenizer.model", "tokenizer.json"];

/// Turns text into ids and ids into text.
pub struct Tokenizer {
    kind: Kind,
    /// The file as it is saved again: reading it gives an equal tokenizer.
    file: Vec<u8>,
    fingerprint: String,
    /// What grammars walk; made when the first of them does.
    trie: OnceLock<Arc<Vocabulary>>,
}

/// What the bytes of ids, one behind the other, have to do with their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// They are the text.
    Plain,
    /// They are the text, behind one space that may stand before it.
    DummyPrefix,
    /// Words carry spaces that decoding takes off (`words.rs`).
    Carried,
}

enum Kind {
    SentencePiece(Box<SentencePiece>),
    Small(Box<Small>),
}

impl Tokenizer {
    /// Reads `tokenizer.model`, a `tokenizer.json` that [`Tokenizer::save`] wrote, or the one of
    /// them that lies in the directory `path`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), data_pipeline::Error> {
    /// let tokenizer = data_pipeline::tokenizer::Tokenizer::load("baichuan2".as_ref())?;
    /// assert_eq!(tokenizer.encode("results = []"), [43803, 92311, 64, 27381]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn load(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            let found = FILES.iter().map(|name| path.join(name)).find(|file| file.is_file());
            return match found {
                Some(file) => Self::load(&file),
                None => Err(Error::declaration(
                    path,
                    "holds neither `tokenizer.model` nor `tokenizer.json`; name the tokenizer's file or its directory",
                )),
            };
        }
        let file = std::fs::read(path).map_err(Error::read(path))?;
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("model") => Kind::SentencePiece(Box::new(SentencePiece::parse(&file, path)?)),
            Some("json") => Kind::Small(Box::new(Small::parse(&file, path)?)),
            _ => {
                return Err(Error::declaration(
                    path,
                    "a tokenizer file ends in `.model` (SentencePiece) or `.json`",
                ));
            }
        };
        Ok(Self::new(kind, file))
    }

    /// Learns a byte-level BPE of exactly `vocabulary` ids from `texts`; the same texts give the
    /// same tokenizer.
    pub fn train(texts: &[String], vocabulary: usize) -> Result<Self, Error> {
        let file = small::train(texts, vocabulary)?;
        let kind = Kind::Small(Box::new(Small::parse(&file, Path::new("[tokenizer]"))?));
        Ok(Self::new(kind, file))
    }

    fn new(kind: Kind, file: Vec<u8>) -> Self {
        let fingerprint = sha256_hex(&file);
        Self { kind, file, fingerprint, trie: OnceLock::new() }
    }

    /// The ids of `text`; no special id is added or produced.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.kind {
            Kind::SentencePiece(model) => model.encode(text),
            Kind::Small(model) => model.encode(text),
        }
    }

    /// The text of `ids`; special, reserved and unknown ids give nothing, broken UTF-8 gives U+FFFD.
    ///
    /// `decode(encode(x)) == x` for a trained vocabulary and every `x`; SentencePiece reads U+2581
    /// as a space and gives the space back.
    pub fn decode(&self, ids: &[u32]) -> String {
        match &self.kind {
            Kind::SentencePiece(model) => model.decode(ids),
            Kind::Small(model) => model.decode(ids),
        }
    }

    /// One id as a person reads it: its text, `<0xE4>` for a byte, `</s>` for a special id.
    pub fn piece(&self, id: u32) -> String {
        match &self.kind {
            Kind::SentencePiece(model) => model.piece(id),
            Kind::Small(model) => model.piece(id),
        }
    }

    /// Whether `id` stands for bytes and not for text: what SentencePiece falls back to, or a part of
    /// a character in a small vocabulary.
    pub fn spells_bytes(&self, id: u32) -> bool {
        match &self.kind {
            Kind::SentencePiece(model) => model.spells_bytes(id),
            Kind::Small(model) => model.spells_bytes(id),
        }
    }

    /// The bytes that `id` adds to a text; none of a special, reserved or unknown id.
    pub(crate) fn spelt(&self, id: u32) -> Option<&[u8]> {
        match &self.kind {
            Kind::SentencePiece(model) => model.spelt(id),
            Kind::Small(model) => model.spelt(id),
        }
    }

    /// How bytes become text.
    pub(crate) fn spelling(&self) -> Spelling {
        match &self.kind {
            Kind::SentencePiece(model) if model.has_dummy_prefix() => Spelling::DummyPrefix,
            Kind::SentencePiece(_) => Spelling::Plain,
            Kind::Small(_) => Spelling::Carried,
        }
    }

    /// The ids as a tree of their bytes, made once.
    pub(crate) fn trie(&self) -> &Arc<Vocabulary> {
        self.trie.get_or_init(|| Arc::new(Vocabulary::build(self)))
    }

    /// How many ids there are.
    pub fn vocabulary(&self) -> usize {
        match &self.kind {
            Kind::SentencePiece(model) => model.vocabulary(),
            Kind::Small(model) => model.vocabulary(),
        }
    }

    /// The id that ends an answer.
    pub fn eos(&self) -> u32 {
        match &self.kind {
            Kind::SentencePiece(model) => model.eos(),
            Kind::Small(_) => small::EOS,
        }
    }

    /// The id that fills a batch up.
    pub fn pad(&self) -> u32 {
        match &self.kind {
            Kind::SentencePiece(model) => model.pad(),
            Kind::Small(_) => small::PAD,
        }
    }

    /// SHA-256 of the tokenizer's file: equal fingerprints give equal ids.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Writes the tokenizer's file into `dir`, whole or not at all.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(dir).map_err(Error::write(dir))?;
        let name = match self.kind {
            Kind::SentencePiece(_) => FILES[0],
            Kind::Small(_) => FILES[1],
        };
        durable::write(&dir.join(name), &self.file)
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer {{ vocabulary: {}, {} }}", self.vocabulary(), self.fingerprint)
    }
}

/// Bytes as a person reads them: text where they are text, else byte by byte.
fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| format!("<0x{byte:02X}>")).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn refused(path: &Path, expect: Expect) {
        let error = Tokenizer::load(path).unwrap_err();
        let shown = error.to_string().replace(&path.display().to_string(), "PATH");
        expect.assert_eq(&shown);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused_with_a_way_out() {
        let dir = tempfile::tempdir().unwrap();
        refused(
            dir.path(),
            expect![
                "PATH: holds neither `tokenizer.model` nor `tokenizer.json`; name the tokenizer's file or its directory"
            ],
        );
        let write = |name: &str, content: &str| {
            std::fs::write(dir.path().join(name), content).unwrap();
            dir.path().join(name)
        };
        refused(
            &write("vocab.txt", "a"),
            expect!["PATH: a tokenizer file ends in `.model` (SentencePiece) or `.json`"],
        );
        refused(
            &write("a.json", "{"),
            expect!["PATH: not a tokenizer: EOF while parsing an object at line 1 column 1"],
        );
        refused(
            &write("b.json", r#"{"version": "1.0", "model": {"type": "BPE"}}"#),
            expect![
                "PATH: its `pre_tokenizer` is not the one that `knowcoder` writes; only vocabularies trained by `knowcoder` are read from `.json`"
            ],
        );
        assert!(Tokenizer::load(&write("a.model", "not a model")).is_err());
    }

    #[test]
    fn a_saved_tokenizer_is_the_same_tokenizer() {
        let texts = vec!["Mark met Lena in 北京.".to_owned(); 4];
        let tokenizer = Tokenizer::train(&texts, 400).unwrap();
        let dir = tempfile::tempdir().unwrap();
        tokenizer.save(dir.path()).unwrap();
        let again = Tokenizer::load(dir.path()).unwrap();
        assert_eq!(again.fingerprint(), tokenizer.fingerprint());
        assert_eq!(again.encode(&texts[0]), tokenizer.encode(&texts[0]));
        assert_eq!(again.vocabulary(), 400);
        assert_eq!((again.pad(), again.eos()), (0, 2));
    }

    #[test]
    fn bytes_are_told_from_text() {
        let texts = vec!["Mark met Lena in 北京.".to_owned(); 4];
        let tokenizer = Tokenizer::train(&texts, 400).unwrap();
        let spelt = |text: &str| -> Vec<bool> {
            tokenizer.encode(text).iter().map(|id| tokenizer.spells_bytes(*id)).collect()
        };
        assert_eq!(spelt("北京"), [false, false]);
        // Nobody has seen this character: three bytes.
        assert_eq!(spelt("龘"), [true, true, true]);
        assert!(!tokenizer.spells_bytes(tokenizer.eos()) && !tokenizer.spells_bytes(9999));
    }
}
