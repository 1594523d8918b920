//! Byte-pair encoding as SentencePiece does it.
//!
//! A text starts as its characters. Again and again the two neighbours are merged whose text is the
//! piece of the highest score; of equal scores the leftmost. Pieces are never looked up whole: one
//! that no order of merges reaches does not occur.
//!
//! Texts are numbers here. A symbol is a character or a piece, so every merge is one of two known
//! symbols, and one table over pairs of symbols says what becomes of them. Two characters that stand
//! side by side in no piece are never in one symbol: the text is cut between them, and short
//! stretches are merged in short queues.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// The rank of neighbours that are no piece, though some piece holds both.
const NEVER: u32 = u32::MAX;

/// The number of characters that no piece holds.
const FOREIGN: u32 = u32::MAX;

/// Characters below this have their symbols in a list, as nearly all that occur do.
const LISTED: usize = 1 << 16;

/// The pieces that merging may arrive at.
pub(super) struct Pieces {
    /// The symbols of characters: by their code, and the others.
    listed: Vec<u32>,
    unlisted: Table<u32>,
    /// Two symbols that stand side by side in a piece, and what they become.
    pairs: Table<Merge>,
    /// The id of a symbol, if it is a piece; some characters are not.
    ids: Vec<Option<u32>>,
}

type Table<T> = HashMap<u64, T, BuildHasherDefault<PairHasher>>;

/// What two symbols become.
#[derive(Clone, Copy)]
struct Merge {
    /// The place of the piece's score among all scores, the highest first.
    rank: u32,
    symbol: u32,
}

impl Pieces {
    /// Merging that may arrive at these texts, each with its score and id; one that occurs twice
    /// keeps its first.
    pub(super) fn new<'a>(known: impl IntoIterator<Item = (&'a str, f32, u32)>) -> Self {
        let mut pieces = Self {
            listed: vec![FOREIGN; LISTED],
            unlisted: Table::default(),
            pairs: Table::default(),
            ids: Vec::new(),
        };
        let mut symbols: HashMap<&str, (u32, f32)> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        for (text, score, id) in known {
            let next = pieces.ids.len() as u32;
            if let std::collections::hash_map::Entry::Vacant(entry) = symbols.entry(text) {
                // Adding nothing makes one zero of two.
                entry.insert((next, score + 0.0));
                pieces.ids.push(Some(id));
                texts.push(text);
            }
        }
        let mut scores: Vec<f32> = symbols.values().map(|(_, score)| *score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores.dedup();
        let rank = |score: f32| scores.partition_point(|known| known.total_cmp(&score).is_gt());

        for text in &texts {
            for (at, c) in text.char_indices() {
                if pieces.symbol_of(c) == FOREIGN {
                    let known = symbols.get(&text[at..at + c.len_utf8()]);
                    let symbol = known.map_or(pieces.ids.len() as u32, |(symbol, _)| *symbol);
                    if known.is_none() {
                        pieces.ids.push(None);
                    }
                    pieces.name(c, symbol);
                }
            }
        }
        for text in texts {
            let (symbol, score) = symbols[text];
            let merge = Merge { rank: rank(score) as u32, symbol };
            for (cut, _) in text.char_indices().skip(1) {
                let left = pieces.symbol_of_text(&text[..cut], &symbols);
                let right = pieces.symbol_of_text(&text[cut..], &symbols);
                if let (Some(left), Some(right)) = (left, right) {
                    pieces.pairs.insert(pair(left, right), merge);
                }
            }
            for (left, right) in text.chars().zip(text.chars().skip(1)) {
                let neighbours = pair(pieces.symbol_of(left), pieces.symbol_of(right));
                pieces.pairs.entry(neighbours).or_insert(Merge { rank: NEVER, symbol: FOREIGN });
            }
        }
        pieces
    }

    fn symbol_of(&self, c: char) -> u32 {
        match self.listed.get(c as usize) {
            Some(symbol) => *symbol,
            None => self.unlisted.get(&u64::from(c)).copied().unwrap_or(FOREIGN),
        }
    }

    fn name(&mut self, c: char, symbol: u32) {
        match self.listed.get_mut(c as usize) {
            Some(listed) => *listed = symbol,
            None => {
                self.unlisted.insert(u64::from(c), symbol);
            }
        }
    }

    fn symbol_of_text(&self, text: &str, symbols: &HashMap<&str, (u32, f32)>) -> Option<u32> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Some(self.symbol_of(only)),
            _ => symbols.get(text).map(|(symbol, _)| *symbol),
        }
    }

    /// Merges `text` and gives its symbols in order, each with its id if it is a piece.
    pub(super) fn merge<'a>(
        &self,
        text: &'a str,
        work: &mut Work,
        mut give: impl FnMut(&'a str, Option<u32>),
    ) {
        work.clear();
        for (start, c) in text.char_indices() {
            let symbol = self.symbol_of(c);
            if let Some(before) = work.symbols.last() {
                match self.pairs.get(&pair(before.symbol, symbol)) {
                    Some(merge) => work.offer(work.symbols.len() - 1, *merge),
                    None => self.merge_stretch(text, start, work, &mut give),
                }
            }
            work.push(start, symbol);
        }
        self.merge_stretch(text, text.len(), work, &mut give);
    }

    /// Merges the symbols at work, which end at `end`, and gives what is left of them.
    fn merge_stretch<'a>(
        &self,
        text: &'a str,
        end: usize,
        work: &mut Work,
        give: &mut impl FnMut(&'a str, Option<u32>),
    ) {
        while let Some(Reverse(candidate)) = work.queue.pop() {
            let (rank, left) = ((candidate >> 32) as u32, candidate as u32 as usize);
            // A candidate is stale if one of its symbols has become part of another.
            if work.symbols[left].rank == rank {
                self.merge_pair(left, work);
            }
        }
        let mut at = 0;
        while let Some(symbol) = work.symbols.get(at) {
            let next = symbol.next as usize;
            let until = work.symbols.get(next).map_or(end, |next| next.start);
            give(
                &text[symbol.start..until],
                self.ids.get(symbol.symbol as usize).copied().flatten(),
            );
            at = next;
        }
        work.clear();
    }

    /// Makes one of the symbol `left` and its neighbour.
    fn merge_pair(&self, left: usize, work: &mut Work) {
        let Symbol { becomes, next: right, before, .. } = work.symbols[left];
        let next = work.symbols[right as usize].next;
        work.symbols[right as usize].rank = NEVER;
        work.symbols[left] = Symbol { symbol: becomes, next, rank: NEVER, ..work.symbols[left] };
        if let Some(after) = work.symbols.get_mut(next as usize) {
            after.before = left as u32;
            let symbol = after.symbol;
            self.offer(left, becomes, symbol, work);
        }
        if let Some(first) = work.symbols.get_mut(before as usize) {
            first.rank = NEVER;
            let symbol = first.symbol;
            self.offer(before as usize, symbol, becomes, work);
        }
    }

    fn offer(&self, left: usize, symbol: u32, next: u32, work: &mut Work) {
        if let Some(merge) = self.pairs.get(&pair(symbol, next)) {
            work.offer(left, *merge);
        }
    }
}

fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// Memory that merging uses again for the next text.
#[derive(Default)]
pub(super) struct Work {
    symbols: Vec<Symbol>,
    /// Rank and place of the left symbol, so that the smallest number is merged first.
    queue: BinaryHeap<Reverse<u64>>,
}

/// A stretch of the text in a list of its neighbours.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    symbol: u32,
    before: u32,
    next: u32,
    /// The rank of merging it with its neighbour to the right, and what comes of it.
    rank: u32,
    becomes: u32,
}

impl Work {
    fn clear(&mut self) {
        self.symbols.clear();
        self.queue.clear();
    }

    fn push(&mut self, start: usize, symbol: u32) {
        let at = self.symbols.len() as u32;
        self.symbols.push(Symbol {
            start,
            symbol,
            before: at.wrapping_sub(1),
            next: at + 1,
            rank: NEVER,
            becomes: FOREIGN,
        });
    }

    fn offer(&mut self, left: usize, merge: Merge) {
        if merge.rank != NEVER {
            self.symbols[left].rank = merge.rank;
            self.symbols[left].becomes = merge.symbol;
            self.queue.push(Reverse(u64::from(merge.rank) << 32 | left as u64));
        }
    }
}

/// One multiplication: the numbers come from one file, nobody attacks.
#[derive(Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let wide = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (wide >> 64) as u64 ^ wide as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
