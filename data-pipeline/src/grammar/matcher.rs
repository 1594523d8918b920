//! Follows one answer: which ids may come next.

use super::room::Room;
use super::spelling::{Speller, State};
use super::{Grammar, Vocabulary};
use llguidance::toktrie::Recognizer;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// As many sets are kept: an answer comes back to where an object begins, and seldom elsewhere.
const KEPT: usize = 64;

/// An answer that grows; what it may go on with.
pub struct Matcher {
    vocabulary: Arc<Vocabulary>,
    speller: Speller,
    start: State,
    /// Behind the ids that were read; none if they are no answer.
    state: Option<State>,
    read: usize,
    limit: Option<usize>,
    room: Room,
    kept: FxHashMap<State, Vec<u32>>,
}

impl Matcher {
    pub(super) fn new(grammar: Grammar, vocabulary: Arc<Vocabulary>) -> Self {
        let Grammar { language, room } = grammar;
        let mut speller = Speller::new(language, vocabulary.spelling);
        let start = speller.start();
        Self {
            vocabulary,
            speller,
            start,
            state: Some(start),
            read: 0,
            limit: None,
            room,
            kept: FxHashMap::default(),
        }
    }

    /// Closes the answer in time, if it may have `limit` ids with the one that ends it.
    ///
    /// While the room lasts, nothing changes. Where one more id could open so much that it could no
    /// longer be closed, only those are allowed behind which the shortest way to the end still fits;
    /// so the object at hand is finished if it can be, and no other is begun.
    pub fn with_limit(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The ids that may come after `generated`, as a set: bit `id % 32` of word `id / 32`. The end id
    /// is among them where the answer is whole. `None`: any id.
    ///
    /// To be called after each id, with all of them.
    pub fn allowed(&mut self, generated: &[u32]) -> Option<Vec<u32>> {
        self.follow(generated);
        // What is no answer becomes none: nothing may follow.
        let Some(state) = self.state else {
            return Some(self.vocabulary.words(&self.vocabulary.nothing()));
        };
        let mut words = self.set(state);
        if let Some(limit) = self.limit {
            // The end id needs a place, too.
            let left = limit.saturating_sub(generated.len() + 1);
            self.keep_room(state, left, &mut words);
        }
        Some(words)
    }

    /// Whether what was read may end there.
    pub fn is_whole(&mut self) -> bool {
        self.state.is_some_and(|state| self.speller.is_whole(state))
    }

    fn follow(&mut self, generated: &[u32]) {
        if generated.len() < self.read {
            (self.state, self.read) = (Some(self.start), 0);
        }
        for id in &generated[self.read..] {
            self.state = self
                .state
                .and_then(|state| behind(&mut self.speller, &self.vocabulary, state, *id));
        }
        self.read = generated.len();
    }

    /// The ids that can follow `state`.
    fn set(&mut self, state: State) -> Vec<u32> {
        if let Some(kept) = self.kept.get(&state) {
            return kept.clone();
        }
        let mut set = self.vocabulary.nothing();
        let mut walk = Walk { speller: &mut self.speller, places: vec![state] };
        self.vocabulary.trie.add_bias(&mut walk, &mut set, &[]);
        let mut words = self.vocabulary.words(&set);
        if self.speller.is_whole(state) {
            insert(&mut words, self.vocabulary.eos());
        }
        if self.kept.len() < KEPT {
            self.kept.insert(state, words.clone());
        }
        words
    }

    /// Takes the ids out behind which the answer could not be closed with `left` ids.
    fn keep_room(&mut self, state: State, left: usize, words: &mut Vec<u32>) {
        let Self { vocabulary, speller, room, .. } = self;
        if !room.is_short(left) {
            return;
        }
        let Some(bytes) = room.way_out(speller, state) else { return };
        // An id is a byte at least: mostly there is no need to spell the way.
        let jump = room.jump(vocabulary);
        if left > bytes.len() + jump {
            return;
        }
        let Some(way) = vocabulary.ids(&bytes) else { return };
        if left > way.len() + jump {
            return;
        }
        let mut kept = vec![0; words.len()];
        for id in ids(words) {
            let fits = id == vocabulary.eos()
                || way.first() == Some(&id)
                || left > 0
                    && behind(speller, vocabulary, state, id)
                        .and_then(|state| room.way_out(speller, state))
                        .is_some_and(|bytes| vocabulary.spells_within(&bytes, left - 1));
            if fits {
                insert(&mut kept, id);
            }
        }
        *words = kept;
    }
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matcher {{ {} ids read, at {:?} }}", self.read, self.state)
    }
}

/// Behind one more id; not one that spells nothing.
fn behind(speller: &mut Speller, vocabulary: &Vocabulary, state: State, id: u32) -> Option<State> {
    let bytes = vocabulary.bytes(id);
    let last = bytes.iter().try_fold(state, |state, byte| speller.step(state, *byte));
    last.filter(|_| !bytes.is_empty())
}

fn insert(words: &mut [u32], id: u32) {
    if let Some(word) = words.get_mut(id as usize / 32) {
        *word |= 1 << (id % 32);
    }
}

/// The ids of a set.
fn ids(words: &[u32]) -> Vec<u32> {
    let in_word = |(number, word): (u32, &u32)| {
        let word = *word;
        (0..32).filter(move |bit| (word >> bit) & 1 == 1).map(move |bit| number * 32 + bit)
    };
    (0u32..).zip(words).flat_map(in_word).collect()
}

/// The path from where the answer stands into the tree of ids.
struct Walk<'a> {
    speller: &'a mut Speller,
    places: Vec<State>,
}

impl Recognizer for Walk<'_> {
    fn pop_bytes(&mut self, num: usize) {
        self.places.truncate(self.places.len().saturating_sub(num).max(1));
    }

    fn collapse(&mut self) {
        let last = self.places.len().saturating_sub(1);
        self.places.drain(..last);
    }

    fn trie_finished(&mut self) {
        self.places.truncate(1);
    }

    fn try_push_byte(&mut self, byte: u8) -> bool {
        let Some(place) = self.places.last() else { return false };
        let next = self.speller.step(*place, byte);
        self.places.extend(next);
        next.is_some()
    }
}
