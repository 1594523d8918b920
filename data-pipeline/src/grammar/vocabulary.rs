//! A tokenizer's ids as a tree of their bytes.

use crate::tokenizer::{Spelling, Tokenizer};
use llguidance::toktrie::{SimpleVob, TokRxInfo, TokTrie};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Text of ids in a form that a grammar walks; made once for a tokenizer, shared by all matchers.
pub struct Vocabulary {
    pub(super) trie: TokTrie,
    pub(super) spelling: Spelling,
    eos: u32,
    /// Short pieces by their bytes; the tree cannot say which of two equal ones longer ones go on from.
    short: FxHashMap<Box<[u8]>, u32>,
}

/// Bytes of a short piece, at most.
const SHORT: usize = 16;

impl Vocabulary {
    /// The vocabulary of `tokenizer`: made by the first call, the same for all later ones.
    pub fn new(tokenizer: &Tokenizer) -> Arc<Self> {
        tokenizer.trie().clone()
    }

    pub(crate) fn build(tokenizer: &Tokenizer) -> Self {
        let size = tokenizer.vocabulary() as u32;
        // An id without bytes is in no tree, so no grammar allows it: special ids, reserved ones.
        let words = (0..size).map(|id| tokenizer.spelt(id).unwrap_or_default().to_vec());
        Self::of(words.collect(), tokenizer.eos(), tokenizer.spelling())
    }

    /// Of the bytes of each id.
    pub(super) fn of(words: Vec<Vec<u8>>, eos: u32, spelling: Spelling) -> Self {
        let info = TokRxInfo::new(words.len() as u32, eos);
        let is_short = |word: &[u8]| (1..=SHORT).contains(&word.len());
        let mut short = FxHashMap::default();
        for (id, word) in (0..).zip(&words).filter(|(_, word)| is_short(word)) {
            short.insert(word.clone().into_boxed_slice(), id);
        }
        Self { trie: TokTrie::from(&info, &words), spelling, eos, short }
    }

    /// How many ids there are.
    pub fn size(&self) -> usize {
        self.trie.vocab_size()
    }

    /// The id that ends an answer.
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// The bytes of `id`; none of an unknown or special one.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        if (id as usize) < self.size() { self.trie.token(id) } else { &[] }
    }

    /// Ids that spell `bytes`, each as long as it can be; nothing where an id for a byte is missing.
    pub(super) fn ids(&self, mut bytes: &[u8]) -> Option<Vec<u32>> {
        let mut ids = Vec::new();
        while !bytes.is_empty() {
            let lengths = (1..=SHORT.min(bytes.len())).rev();
            let longest = |length: usize| Some((*self.short.get(&bytes[..length])?, length));
            let (id, length) = lengths.into_iter().find_map(longest)?;
            ids.push(id);
            bytes = &bytes[length..];
        }
        Some(ids)
    }

    /// Whether there are ids that spell `bytes`, at most `most` of them.
    pub(super) fn spells_within(&self, bytes: &[u8], most: usize) -> bool {
        let is_an_id = |byte: &u8| self.short.contains_key(std::slice::from_ref(byte));
        match bytes.len() <= most && bytes.iter().all(is_an_id) {
            true => true,
            false => self.ids(bytes).is_some_and(|ids| ids.len() <= most),
        }
    }

    /// An empty set of ids.
    pub(super) fn nothing(&self) -> SimpleVob {
        self.trie.alloc_token_set()
    }

    /// A set in words of 32 ids, as long as the vocabulary needs.
    pub(super) fn words(&self, set: &SimpleVob) -> Vec<u32> {
        let count = self.size().div_ceil(32);
        set.as_slice().iter().copied().take(count).collect()
    }
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vocabulary {{ {} ids, {:?} }}", self.size(), self.spelling)
    }
}
