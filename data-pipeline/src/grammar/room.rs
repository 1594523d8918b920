//! The way out of an answer that is begun, and how much room it needs.
//!
//! The way is found byte by byte: at each place the bytes that close something are tried first. They
//! are an order for each form in which no text can be taken for the end of something, so what is found
//! is the shortest way but for the choice among classes and texts that have to be begun.

use super::Vocabulary;
use super::spelling::{Speller, State};
use crate::prompt::Form;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// No way is longer; a way is an object at most.
const LONGEST_WAY: usize = 1 << 14;

/// What closes the answers of a grammar.
#[derive(Clone)]
pub(super) struct Room {
    /// All bytes: those that close something first, one that opens what has to be closed last.
    order: Arc<[u8]>,
    /// An object of each class with the shortest texts, and what parts it from others.
    objects: Arc<[String]>,
    /// Bytes of the longest of them.
    longest: usize,
    jump: Option<usize>,
    /// The next byte of the way out, by where it begins.
    exits: FxHashMap<State, Option<(u8, State)>>,
}

impl Room {
    /// `nests` says whether parentheses inside of mentions have to match.
    pub(super) fn new(form: Form, nests: bool, objects: Arc<[String]>) -> Self {
        let closing: &[u8] = match form {
            Form::Code | Form::Json => b"\")]}\n",
            Form::List => b"\n;:en",
        };
        let last = |byte: &u8| nests && *byte == b'(';
        let others = (0..=u8::MAX).filter(|byte| !last(byte));
        let order = closing.iter().copied().chain(others).chain([b'(']).collect();
        let longest = objects.iter().map(String::len).max().unwrap_or(0);
        Self { order, objects, longest, jump: None, exits: FxHashMap::default() }
    }

    /// Whether with `left` ids one has to look closer.
    pub(super) fn is_short(&self, left: usize) -> bool {
        // An id is a byte at least.
        left <= 2 * slack(self.longest)
    }

    /// By how many ids one more id can make the way out longer: it may begin an object.
    pub(super) fn jump(&mut self, vocabulary: &Vocabulary) -> usize {
        if let Some(jump) = self.jump {
            return jump;
        }
        let ids =
            |object: &String| vocabulary.ids(object.as_bytes()).map_or(object.len(), |it| it.len());
        let jump = slack(self.objects.iter().map(ids).max().unwrap_or(0));
        self.jump = Some(jump);
        jump
    }

    /// The bytes that end the answer from here.
    pub(super) fn way_out(&mut self, speller: &mut Speller, mut state: State) -> Option<Vec<u8>> {
        let mut way = Vec::new();
        while !speller.is_whole(state) {
            let (byte, behind) = self.exit(speller, state)?;
            way.push(byte);
            state = behind;
            if way.len() > LONGEST_WAY {
                return None;
            }
        }
        Some(way)
    }

    /// The first byte of the way out, and where it leads.
    fn exit(&mut self, speller: &mut Speller, state: State) -> Option<(u8, State)> {
        let order = &self.order;
        *self.exits.entry(state).or_insert_with(|| {
            let mut bytes = order.iter();
            bytes.find_map(|byte| speller.step(state, *byte).map(|behind| (*byte, behind)))
        })
    }
}

/// An id may end in the middle of what a longer one spells, or of a character.
fn slack(ids: usize) -> usize {
    2 * ids + 8
}
