//! Small vocabularies: byte-level BPE over carried words, with single ids for what templates repeat.
//!
//! A *glue piece* is a fixed part of prompt or answer that is one id: the model learns to write
//! `"),\n\t` in one step, and a name stands between two ids instead of between a dozen. What follows
//! a glue piece is carried (words.rs) as it is after the piece's last character, so a name after `("`
//! has the ids that it has in the sentence.
//!
//! The file is a `tokenizer.json` of the `tokenizers` library with glue pieces as added tokens. The
//! library has no word for carried spaces, so it gives the same ids for carried text only (a test
//! holds the two against each other); encoding here does both, and faster.

use super::readable;
use super::words;
use crate::error::Error;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, Model, Trainer};

/// As in Baichuan2: padding is `<unk>`.
pub(super) const PAD: u32 = 0;
/// As in Baichuan2.
pub(super) const EOS: u32 = 2;
const SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];

/// What the templates of prompts and answers repeat, in the order of their ids.
const GLUE: [&str; 32] = [
    // Answers: NER and ED, RE, EAE.
    "results = [\n\t",
    "results = []",
    "(\"",
    "\"),\n\t",
    "\")\n]",
    "(Entity(\"",
    "\"), Entity(\"",
    "\")),\n\t",
    "\"))\n]",
    "(trigger = \"",
    " = [Entity(\"",
    "\")]",
    "\")]),\n\t",
    "\")])\n]",
    "\",",
    "\"),",
    "\")],",
    // Prompts.
    "sentence = \"",
    "\"\n\n",
    "\"\n\nOutput:\n",
    "\"\"\"",
    "\"\"\"\n",
    "\")\n",
    // Classes, by name only and in full.
    "(Entity): pass\n",
    "(Relation): pass\n",
    "(Event): pass\n",
    "(Event):",
    "(Entity):\n\t\"\"\"\n\t",
    "(Relation):\n\t\"\"\"\n\t",
    "(Event):\n\t\"\"\"\n\t",
    "\n\t\"\"\"\n\tpass\n\n",
    "\n\t\"\"\"\n\tdef __init__(self, head_entity: Entity, tail_entity: Entity):\n\t\tsuper().__init__(head_entity = head_entity, tail_entity = tail_entity)\n",
];

/// Pairs seen once teach nothing.
const MIN_FREQUENCY: u64 = 2;

/// What one id stands for.
#[derive(Clone)]
enum Piece {
    Special(&'static str),
    Glue(&'static str),
    Bytes(Vec<u8>),
    /// Fills the vocabulary up to its exact size; never produced.
    Reserved,
}

/// A trained vocabulary.
pub(super) struct Small {
    bpe: BPE,
    pieces: Vec<Piece>,
    /// Each byte as the character that stands for it in the file.
    alphabet: [char; 256],
}

impl Small {
    /// Reads the bytes of a `tokenizer.json`.
    pub(super) fn parse(file: &[u8], path: &Path) -> Result<Self, Error> {
        let bad = |reason: &dyn std::fmt::Display| {
            Error::declaration(path, format!("not a tokenizer: {reason}"))
        };
        let mut file: Value = serde_json::from_slice(file).map_err(|error| bad(&error))?;
        let ours = document(Value::Null);
        for part in ["pre_tokenizer", "added_tokens"] {
            if file.get(part) != ours.get(part) {
                return Err(Error::declaration(
                    path,
                    format!(
                        "its `{part}` is not the one that `knowcoder` writes; only vocabularies trained by `knowcoder` are read from `.json`"
                    ),
                ));
            }
        }
        // The library reads a model from text only.
        let model = file["model"].take().to_string();
        let bpe: BPE = serde_json::from_str(&model).map_err(|error| bad(&error))?;
        let alphabet = alphabet();
        let pieces = pieces(&bpe, &alphabet).map_err(|reason| bad(&reason))?;
        Ok(Self { bpe, pieces, alphabet })
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut spelt = String::new();
        cut(text, |part| match part {
            Part::Glue(glue) => ids.push(glue_id(glue)),
            Part::Words(words, before) => {
                for piece in words::pieces(&words::carry(words, before)) {
                    spelt.clear();
                    spelt.extend(piece.bytes().map(|byte| self.alphabet[usize::from(byte)]));
                    // All 256 bytes are in the vocabulary (`pieces` has checked): no error.
                    let tokens = self.bpe.tokenize(&spelt).unwrap_or_default();
                    ids.extend(tokens.iter().map(|token| token.id));
                }
            }
        });
        ids
    }

    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let mut text = String::new();
        let mut carried = Vec::new();
        let mut before = None;
        for id in ids {
            match self.pieces.get(*id as usize) {
                Some(Piece::Bytes(bytes)) => carried.extend_from_slice(bytes),
                Some(Piece::Glue(glue)) => {
                    text.push_str(&words::shed(&String::from_utf8_lossy(&carried), before));
                    text.push_str(glue);
                    carried.clear();
                    before = glue.chars().next_back();
                }
                Some(Piece::Special(_) | Piece::Reserved) | None => {}
            }
        }
        text + &words::shed(&String::from_utf8_lossy(&carried), before)
    }

    pub(super) fn piece(&self, id: u32) -> String {
        match self.pieces.get(id as usize) {
            Some(Piece::Bytes(bytes)) => readable(bytes),
            Some(Piece::Special(text) | Piece::Glue(text)) => (*text).to_owned(),
            Some(Piece::Reserved) | None => format!("<{id}?>"),
        }
    }

    pub(super) fn spells_bytes(&self, id: u32) -> bool {
        matches!(self.pieces.get(id as usize),
            Some(Piece::Bytes(bytes)) if std::str::from_utf8(bytes).is_err())
    }

    /// The bytes of a piece before spaces are taken off; none of one that is no text.
    pub(super) fn spelt(&self, id: u32) -> Option<&[u8]> {
        match self.pieces.get(id as usize)? {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::Glue(glue) => Some(glue.as_bytes()),
            Piece::Special(_) | Piece::Reserved => None,
        }
    }

    pub(super) fn vocabulary(&self) -> usize {
        self.pieces.len()
    }
}

/// Learns a vocabulary of exactly `vocabulary` ids and returns its file.
pub(super) fn train(texts: &[String], vocabulary: usize) -> Result<Vec<u8>, Error> {
    let section = Path::new("[tokenizer]");
    let failed = |error: &dyn std::fmt::Display| {
        Error::declaration(section, format!("the vocabulary could not be trained: {error}"))
    };
    let fixed = SPECIAL.len() + GLUE.len() + 256;
    if vocabulary < fixed {
        return Err(Error::declaration(
            section,
            format!(
                "vocabulary = {vocabulary} is too small: special ids, template pieces and bytes alone are {fixed}"
            ),
        ));
    }
    let alphabet = alphabet();
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocabulary)
        .min_frequency(MIN_FREQUENCY)
        .initial_alphabet(alphabet.into_iter().collect())
        // Only names to the trainer: they come first and so get the first ids.
        .special_tokens(
            SPECIAL.iter().chain(&GLUE).map(|text| AddedToken::from(*text, true)).collect(),
        )
        .build();
    let characters = characters(texts, vocabulary - fixed);
    trainer
        .feed(texts.iter().chain(&characters), |text| Ok(spelt_words(text, &alphabet)))
        .map_err(|error| failed(&error))?;
    let mut bpe = BPE::default();
    trainer.train(&mut bpe).map_err(|error| failed(&error))?;

    let learned = bpe.get_vocab_size();
    let mut model = serde_json::to_value(&bpe).map_err(|error| failed(&error))?;
    if let Some(vocab) = model["vocab"].as_object_mut() {
        // Two routes of merges may lead to one piece; short texts may run out of pairs.
        for id in learned..vocabulary {
            vocab.insert(format!("<reserved_{}>", id - learned), json!(id));
        }
    }
    serde_json::to_vec(&document(model)).map_err(|error| failed(&error))
}

/// The characters of unspaced scripts that `texts` hold, each often enough to become one id.
///
/// A name of such a script is a run of single characters; one that is spelt in three bytes, two of
/// which it shares with hundreds of others, is hard to copy. So characters come before frequent
/// parts of words, the commoner ones first, as long as a quarter of the `free` ids is left for those.
fn characters(texts: &[String], free: usize) -> Option<String> {
    let mut counts: HashMap<char, usize> = HashMap::new();
    for c in texts.iter().flat_map(|text| text.chars()).filter(|c| words::unspaced(*c)) {
        *counts.entry(c).or_default() += 1;
    }
    let mut common: Vec<(char, usize)> = counts.into_iter().collect();
    common.retain(|(_, count)| *count as u64 >= MIN_FREQUENCY);
    common.sort_unstable_by_key(|(c, count)| (std::cmp::Reverse(*count), *c));
    let mut ids = HashSet::new();
    let kept = common.iter().take_while(|(c, _)| {
        ids.extend(merged(*c));
        ids.len() <= free * 3 / 4
    });
    let kept: Vec<char> = kept.map(|(c, _)| *c).collect();
    let all = texts.iter().map(String::len).sum::<usize>();
    let times = (all / 20_000).clamp(10, 2_000);
    let repeated: String = kept.into_iter().flat_map(|c| std::iter::repeat_n(c, times)).collect();
    (!repeated.is_empty()).then_some(repeated)
}

/// What merging the bytes of `c` makes, one after another: the first two bytes, the first three, …
fn merged(c: char) -> Vec<Vec<u8>> {
    let spelt = c.to_string().into_bytes();
    (2..=spelt.len()).map(|end| spelt[..end].to_vec()).collect()
}

/// The words of `text` between glue pieces, byte by byte in the letters of the file.
fn spelt_words(text: &str, alphabet: &[char; 256]) -> Vec<String> {
    let spell = |piece: &str| piece.bytes().map(|byte| alphabet[usize::from(byte)]).collect();
    let mut spelt = Vec::new();
    cut(text, |part| {
        if let Part::Words(words, before) = part {
            spelt.extend(words::pieces(&words::carry(words, before)).map(spell));
        }
    });
    spelt
}

/// A stretch of text: one glue piece, or what stands behind the given character and before the next.
enum Part<'a> {
    Glue(usize),
    Words(&'a str, Option<char>),
}

/// Cuts `text` at its glue pieces, leftmost and longest first.
fn cut<'a>(text: &'a str, mut take: impl FnMut(Part<'a>)) {
    let (mut start, mut at) = (0, 0);
    let mut before = None;
    while at < text.len() {
        match glue_at(&text.as_bytes()[at..]) {
            Some(glue) => {
                take(Part::Words(&text[start..at], before));
                take(Part::Glue(glue));
                at += GLUE[glue].len();
                start = at;
                before = GLUE[glue].chars().next_back();
            }
            None => at += 1,
        }
    }
    take(Part::Words(&text[start..], before));
}

/// The longest glue piece that `bytes` begin with.
fn glue_at(bytes: &[u8]) -> Option<usize> {
    // Most positions end here: glue pieces begin with one of six bytes.
    if !matches!(bytes.first(), Some(b'r' | b's' | b'"' | b'(' | b' ' | b'\n')) {
        return None;
    }
    (0..GLUE.len())
        .filter(|glue| bytes.starts_with(GLUE[*glue].as_bytes()))
        .max_by_key(|glue| GLUE[*glue].len())
}

fn glue_id(glue: usize) -> u32 {
    (SPECIAL.len() + glue) as u32
}

/// The whole `tokenizer.json` around `model`.
fn document(model: Value) -> Value {
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    });
    let added: Vec<Value> = SPECIAL
        .iter()
        .chain(&GLUE)
        .enumerate()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": id < SPECIAL.len(),
            })
        })
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split", "pattern": { "Regex": words::pattern() },
                    "behavior": "Isolated", "invert": false,
                },
                byte_level,
            ],
        },
        "post_processor": null,
        "decoder": byte_level,
        "model": model,
    })
}

/// What every id of a vocabulary stands for; the ids must be dense and all bytes present.
fn pieces(bpe: &BPE, alphabet: &[char; 256]) -> Result<Vec<Piece>, String> {
    let bytes: HashMap<char, u8> = alphabet.iter().copied().zip(0..=255).collect();
    let vocab = bpe.get_vocab();
    let mut pieces = vec![Piece::Reserved; vocab.len()];
    let mut spelt = 0;
    for (text, id) in &vocab {
        let Some(piece) = pieces.get_mut(*id as usize) else {
            return Err(format!("id {id} lies outside its {} ids", vocab.len()));
        };
        let fixed = SPECIAL.iter().chain(&GLUE).position(|fixed| fixed == text);
        *piece = match fixed {
            Some(place) if place != *id as usize => {
                return Err(format!("{text:?} has id {id} instead of {place}"));
            }
            Some(place) if place < SPECIAL.len() => Piece::Special(SPECIAL[place]),
            Some(place) => Piece::Glue(GLUE[place - SPECIAL.len()]),
            None if text.starts_with("<reserved_") => Piece::Reserved,
            None => match text.chars().map(|c| bytes.get(&c).copied()).collect() {
                Some(bytes) => Piece::Bytes(bytes),
                None => return Err(format!("{text:?} is not spelt in bytes")),
            },
        };
        spelt += usize::from(matches!(piece, Piece::Bytes(bytes) if bytes.len() == 1));
    }
    if spelt != 256 || vocab.len() < SPECIAL.len() + GLUE.len() + 256 {
        return Err(format!("it has {spelt} of the 256 bytes"));
    }
    Ok(pieces)
}

/// GPT-2's printable stand-ins for bytes: what prints stands for itself, the rest follows at U+0100.
fn alphabet() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| match byte as u8 {
        byte @ (b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) => char::from(byte),
        _ => {
            next += 1;
            char::from_u32(next - 1).unwrap_or('\u{FFFD}')
        }
    })
}

#[cfg(test)]
mod tests;
