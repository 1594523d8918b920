//! Baichuan2's `tokenizer.model`, id for id as SentencePiece reads it.
//!
//! Libraries that rank pieces by id, or look a whole word up before they merge, differ from
//! SentencePiece in rare words: `Marshall` is a piece, but its three parts are what merging by score
//! arrives at. So the algorithm is written out here; scripts/reference compares it with
//! SentencePiece itself.

mod merge;
mod model;

use super::readable;
use crate::error::Error;
use merge::{Pieces, Work};
use model::{Kind, Model};
use std::path::Path;

/// What stands for a space inside pieces.
const SPACE: char = '\u{2581}';

/// A SentencePiece model of the kind BPE.
pub(super) struct SentencePiece {
    pieces: Vec<Piece>,
    /// Text that merging may arrive at.
    merged: Pieces,
    /// Text that is one id wherever it stands; longest first, by its first byte.
    whole: Vec<Vec<(String, u32)>>,
    /// The ids of single bytes, for what no piece spells.
    bytes: [u32; 256],
    dummy_prefix: bool,
    eos: u32,
    pad: u32,
}

enum Piece {
    Text(Vec<u8>),
    Special(String),
}

impl SentencePiece {
    /// Reads the bytes of a `tokenizer.model`.
    pub(super) fn parse(file: &[u8], path: &Path) -> Result<Self, Error> {
        let model = Model::parse(file).and_then(Model::supported);
        let model = model.map_err(|reason| {
            Error::declaration(path, format!("not a SentencePiece model that we read: {reason}"))
        })?;
        let mut sentence_piece = Self {
            pieces: Vec::with_capacity(model.pieces.len()),
            merged: Pieces::new((0..).zip(&model.pieces).filter_map(|(id, piece)| {
                (piece.kind == Kind::Normal).then_some((piece.text.as_str(), piece.score, id))
            })),
            whole: vec![Vec::new(); 256],
            bytes: [model.unk; 256],
            dummy_prefix: model.dummy_prefix,
            eos: model.eos,
            // Baichuan2 has no padding piece and pads with `<unk>`.
            pad: model.pad.unwrap_or(model.unk),
        };
        for (id, piece) in (0..).zip(model.pieces) {
            sentence_piece.add(id, piece);
        }
        for whole in &mut sentence_piece.whole {
            whole.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        }
        Ok(sentence_piece)
    }

    fn add(&mut self, id: u32, piece: model::Piece) {
        let model::Piece { text, kind, .. } = piece;
        let spelt = text.replace(SPACE, " ").into_bytes();
        self.pieces.push(match kind {
            Kind::Normal => Piece::Text(spelt),
            Kind::UserDefined => {
                if let Some(first) = text.bytes().next() {
                    self.whole[usize::from(first)].push((text, id));
                }
                Piece::Text(spelt)
            }
            Kind::Byte(byte) => {
                self.bytes[usize::from(byte)] = id;
                Piece::Text(vec![byte])
            }
            Kind::Special => Piece::Special(text),
        });
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut normal = String::with_capacity(text.len() + text.len() / 3 + 3);
        if self.dummy_prefix && !text.is_empty() {
            normal.push(SPACE);
        }
        normal.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));

        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut work = Work::default();
        let (mut start, mut at) = (0, 0);
        while at < normal.len() {
            match self.whole_at(&normal.as_bytes()[at..]) {
                Some((length, id)) => {
                    self.encode_between(&normal[start..at], &mut work, &mut ids);
                    ids.push(id);
                    at += length;
                    start = at;
                }
                None => at += 1,
            }
        }
        self.encode_between(&normal[start..], &mut work, &mut ids);
        ids
    }

    /// The longest text of a whole piece that `bytes` begin with, and its id.
    fn whole_at(&self, bytes: &[u8]) -> Option<(usize, u32)> {
        let whole = &self.whole[usize::from(*bytes.first()?)];
        let found = whole.iter().find(|(text, _)| bytes.starts_with(text.as_bytes()));
        found.map(|(text, id)| (text.len(), *id))
    }

    /// The ids of text between two whole pieces.
    fn encode_between(&self, text: &str, work: &mut Work, ids: &mut Vec<u32>) {
        self.merged.merge(text, work, |symbol, id| match id {
            Some(id) => ids.push(id),
            None => ids.extend(symbol.bytes().map(|byte| self.bytes[usize::from(byte)])),
        });
    }

    pub(super) fn decode(&self, ids: &[u32]) -> String {
        let mut bytes = Vec::new();
        for id in ids {
            if let Some(Piece::Text(spelt)) = self.pieces.get(*id as usize) {
                bytes.extend_from_slice(spelt);
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let dummy = if self.dummy_prefix { text.strip_prefix(' ') } else { None };
        dummy.unwrap_or(&text).to_owned()
    }

    pub(super) fn piece(&self, id: u32) -> String {
        match self.pieces.get(id as usize) {
            Some(Piece::Text(bytes)) => readable(bytes),
            Some(Piece::Special(name)) => name.clone(),
            None => format!("<{id}?>"),
        }
    }

    pub(super) fn spells_bytes(&self, id: u32) -> bool {
        match self.pieces.get(id as usize) {
            Some(Piece::Text(bytes)) => match bytes[..] {
                [byte] => self.bytes[usize::from(byte)] == id,
                _ => false,
            },
            Some(Piece::Special(_)) | None => false,
        }
    }

    /// The bytes of a piece; none of one that is no text.
    pub(super) fn spelt(&self, id: u32) -> Option<&[u8]> {
        match self.pieces.get(id as usize)? {
            Piece::Text(bytes) => Some(bytes),
            Piece::Special(_) => None,
        }
    }

    /// Whether decoding takes a space off the start.
    pub(super) fn has_dummy_prefix(&self) -> bool {
        self.dummy_prefix
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

#[cfg(test)]
mod tests;
