//! Byte-pair encoding as SentencePiece does it.
//!
//! A text starts as its characters. Again and again the two neighbours are merged whose text is the
//! piece of the highest score; of equal scores the leftmost. Pieces are never looked up whole: one
//! that no order of merges reaches does not occur.

use super::SPACE;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// The pieces that merging may arrive at.
#[derive(Default)]
pub(super) struct Pieces {
    known: HashMap<Box<str>, (f32, u32), BuildHasherDefault<TextHasher>>,
    /// Bytes of the longest piece.
    longest: usize,
    /// Whether some piece has a space behind another character.
    space_inside: bool,
}

impl Pieces {
    pub(super) fn insert(&mut self, text: &str, score: f32, id: u32) {
        self.longest = self.longest.max(text.len());
        self.space_inside |= text.trim_start_matches(SPACE).contains(SPACE);
        // A piece that occurs twice keeps its first id.
        self.known.entry(text.into()).or_insert((score, id));
    }

    /// Merges `text` and gives its symbols in order, each with its id if it is a piece.
    pub(super) fn merge<'a>(&self, text: &'a str, mut give: impl FnMut(&'a str, Option<u32>)) {
        if self.space_inside {
            return self.merge_word(text, &mut give);
        }
        // No piece goes on over the start of a run of spaces, so words are merged apart, in short
        // queues.
        let mut start = 0;
        let mut before = SPACE;
        for (at, c) in text.char_indices() {
            if c == SPACE && before != SPACE {
                self.merge_word(&text[start..at], &mut give);
                start = at;
            }
            before = c;
        }
        self.merge_word(&text[start..], &mut give);
    }

    fn merge_word<'a>(&self, word: &'a str, give: &mut impl FnMut(&'a str, Option<u32>)) {
        let mut symbols: Vec<Symbol> = word
            .char_indices()
            .enumerate()
            .map(|(index, (start, c))| Symbol {
                start,
                end: start + c.len_utf8(),
                before: index.wrapping_sub(1),
                next: index + 1,
            })
            .collect();
        let mut queue = BinaryHeap::new();
        for right in 1..symbols.len() {
            queue.extend(self.pair(word, &symbols, right - 1, right));
        }
        while let Some(pair) = queue.pop() {
            let Pair { left, right, end, .. } = pair;
            // A pair is stale if one of its symbols has become part of another.
            let stale = symbols[left].is_gone()
                || symbols[left].next != right
                || symbols[right].is_gone()
                || symbols[right].end != end
                || symbols[left].end != symbols[right].start;
            if stale {
                continue;
            }
            let next = symbols[right].next;
            symbols[left].end = end;
            symbols[left].next = next;
            symbols[right].start = symbols[right].end;
            if next < symbols.len() {
                symbols[next].before = left;
                queue.extend(self.pair(word, &symbols, left, next));
            }
            let before = symbols[left].before;
            if before < symbols.len() {
                queue.extend(self.pair(word, &symbols, before, left));
            }
        }
        for symbol in symbols.iter().filter(|symbol| !symbol.is_gone()) {
            let text = &word[symbol.start..symbol.end];
            give(text, self.known.get(text).map(|(_, id)| *id));
        }
    }

    /// The two symbols as a candidate, if their text is a piece.
    fn pair(&self, word: &str, symbols: &[Symbol], left: usize, right: usize) -> Option<Pair> {
        let (start, end) = (symbols[left].start, symbols[right].end);
        if end - start > self.longest {
            return None;
        }
        let (score, _) = self.known.get(&word[start..end])?;
        Some(Pair { score: *score, left, right, end })
    }
}

/// A stretch of the word, in a list of its neighbours; empty once it is part of another.
struct Symbol {
    start: usize,
    end: usize,
    before: usize,
    next: usize,
}

impl Symbol {
    fn is_gone(&self) -> bool {
        self.start == self.end
    }
}

/// Two neighbours that could become one.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Where the right one ended when this was found.
    end: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        // Higher score first, then further left.
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

/// FNV-1a over eight bytes at a time: pieces are short and come from one file, nobody attacks.
#[derive(Default)]
struct TextHasher(u64);

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word))
                .wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        // The table looks at the highest bits and at the lowest.
        self.0 ^ (self.0 >> 32)
    }
}
