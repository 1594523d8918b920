//! How often pieces of text stand in a text, however many pieces and however long the text.
//!
//! A model may invent a hundred thousand mentions of a sentence of a megabyte. Looking for each of them
//! would take hours, so all are looked for at once (Aho and Corasick, 1975), and a piece that has been
//! found often enough is not looked at again: the work is linear in the text and all pieces together.

use std::collections::{HashMap, HashSet, VecDeque};

/// Looking for each piece by itself is quicker up to so many bytes of text for all pieces.
const FEW: usize = 1 << 16;
/// No node, no piece.
const NONE: u32 = u32::MAX;

/// How often each piece stands in `text` without overlapping itself, from left to right, counted up to
/// the number that is `wanted`. What is empty stands everywhere.
pub(super) fn occurrences<'a>(
    text: &str,
    wanted: &HashMap<&'a str, usize>,
) -> HashMap<&'a str, usize> {
    if text.len().saturating_mul(wanted.len()) <= FEW {
        let count = |piece: &str, most: usize| match piece {
            "" => most,
            _ => text.matches(piece).take(most).count(),
        };
        return wanted.iter().map(|(piece, most)| (*piece, count(piece, *most))).collect();
    }
    at_once(text, wanted)
}

/// Where each of `pieces` stands in `text` without overlapping itself, in bytes from left to right, at most
/// `most` times. What is empty stands nowhere.
pub(crate) fn places<'a>(
    text: &str,
    pieces: &HashSet<&'a str>,
    most: usize,
) -> HashMap<&'a str, Vec<usize>> {
    let pieces: Vec<(&str, usize)> =
        pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| (*piece, most)).collect();
    if text.len().saturating_mul(pieces.len()) <= FEW {
        let find = |piece: &str| text.match_indices(piece).take(most).map(|(at, _)| at).collect();
        return pieces.iter().map(|(piece, _)| (*piece, find(piece))).collect();
    }
    let mut finder = Finder::new(&pieces);
    finder.starts = Some(vec![Vec::new(); pieces.len()]);
    finder.read(text.as_bytes());
    let starts = finder.starts.unwrap_or_default();
    pieces.iter().zip(starts).map(|((piece, _), starts)| (*piece, starts)).collect()
}

fn at_once<'a>(text: &str, wanted: &HashMap<&'a str, usize>) -> HashMap<&'a str, usize> {
    let (empty, pieces): (Vec<_>, Vec<_>) =
        wanted.iter().map(|(piece, most)| (*piece, *most)).partition(|(piece, _)| piece.is_empty());
    let mut finder = Finder::new(&pieces);
    finder.read(text.as_bytes());
    let found = pieces.iter().zip(&finder.counts).map(|((piece, _), count)| (*piece, *count));
    found.chain(empty).collect()
}

/// A tree of all pieces; a node is what has been read of one or several of them.
struct Finder {
    edges: HashMap<(u32, u8), u32>,
    /// The node of the longest proper end of a node's text.
    fail: Vec<u32>,
    /// The piece that ends at a node.
    piece: Vec<u32>,
    /// From a node where a piece ends, the next such node along `fail` whose piece is still looked for;
    /// from others, too. Shortened as pieces are done with.
    next: Vec<u32>,
    lengths: Vec<usize>,
    wanted: Vec<usize>,
    counts: Vec<usize>,
    /// Where the last counted occurrence of a piece ends.
    ends: Vec<usize>,
    /// Where all of them begin, if that is asked for.
    starts: Option<Vec<Vec<usize>>>,
}

impl Finder {
    fn new(pieces: &[(&str, usize)]) -> Self {
        let mut finder = Self {
            edges: HashMap::new(),
            fail: vec![0],
            piece: vec![NONE],
            next: Vec::new(),
            lengths: pieces.iter().map(|(piece, _)| piece.len()).collect(),
            wanted: pieces.iter().map(|(_, most)| *most).collect(),
            counts: vec![0; pieces.len()],
            ends: vec![0; pieces.len()],
            starts: None,
        };
        let mut children: Vec<Vec<u8>> = vec![Vec::new()];
        for (number, (piece, _)) in pieces.iter().enumerate() {
            let mut node = 0;
            for byte in piece.bytes() {
                let new = finder.fail.len() as u32;
                let child = *finder.edges.entry((node, byte)).or_insert(new);
                if child == new {
                    children[node as usize].push(byte);
                    children.push(Vec::new());
                    finder.fail.push(0);
                    finder.piece.push(NONE);
                }
                node = child;
            }
            finder.piece[node as usize] = number as u32;
        }
        finder.next = vec![NONE; finder.fail.len()];
        let mut open = VecDeque::from([0]);
        while let Some(node) = open.pop_front() {
            for byte in &children[node as usize] {
                let child = finder.edges[&(node, *byte)];
                let fail =
                    if node == 0 { 0 } else { finder.step(finder.fail[node as usize], *byte) };
                finder.fail[child as usize] = fail;
                let ends_there = finder.piece[fail as usize] != NONE;
                finder.next[child as usize] =
                    if ends_there { fail } else { finder.next[fail as usize] };
                open.push_back(child);
            }
        }
        finder
    }

    /// The node after one more byte.
    fn step(&self, mut node: u32, byte: u8) -> u32 {
        loop {
            match self.edges.get(&(node, byte)) {
                Some(child) => return *child,
                None if node == 0 => return 0,
                None => node = self.fail[node as usize],
            }
        }
    }

    fn read(&mut self, text: &[u8]) {
        let mut node = 0;
        for (at, byte) in text.iter().enumerate() {
            node = self.step(node, *byte);
            let mut ended =
                if self.piece[node as usize] == NONE { self.next[node as usize] } else { node };
            loop {
                ended = self.open(ended);
                if ended == NONE {
                    break;
                }
                self.count(self.piece[ended as usize] as usize, at + 1);
                ended = self.next[ended as usize];
            }
        }
    }

    /// The first node from `node` on whose piece is still looked for; the way there gets shorter.
    fn open(&mut self, node: u32) -> u32 {
        let is_open = |finder: &Self, node: u32| {
            let piece = finder.piece[node as usize] as usize;
            finder.counts[piece] < finder.wanted[piece]
        };
        let mut found = node;
        while found != NONE && !is_open(self, found) {
            found = self.next[found as usize];
        }
        let mut passed = node;
        while passed != found {
            passed = std::mem::replace(&mut self.next[passed as usize], found);
        }
        found
    }

    fn count(&mut self, piece: usize, end: usize) {
        if end - self.lengths[piece] >= self.ends[piece] {
            self.counts[piece] += 1;
            self.ends[piece] = end;
            if let Some(starts) = &mut self.starts {
                starts[piece].push(end - self.lengths[piece]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn many_pieces_of_a_long_text_take_no_time() {
        // Each by itself would be 3,000 passes over a megabyte, most of them to its end.
        let text = "a".repeat(1 << 20);
        let pieces: Vec<String> = (1..3_000).map(|length| "a".repeat(length) + "b").collect();
        let inside: Vec<String> = (1..1_000).map(|length| "a".repeat(length)).collect();
        let all = pieces.iter().map(|piece| (piece.as_str(), 3));
        let wanted: HashMap<&str, usize> =
            all.chain(inside.iter().map(|piece| (piece.as_str(), 2))).collect();
        let found = occurrences(&text, &wanted);
        assert!(pieces.iter().all(|piece| found[piece.as_str()] == 0));
        assert!(inside.iter().all(|piece| found[piece.as_str()] == 2));
    }

    proptest! {
        #[test]
        fn all_at_once_finds_what_each_by_itself_does(
            text in "[abé]{0,40}",
            pieces in proptest::collection::hash_map("[abé]{0,5}", 0..5usize, 0..12),
        ) {
            let wanted: HashMap<&str, usize> =
                pieces.iter().map(|(piece, most)| (piece.as_str(), *most)).collect();
            prop_assert_eq!(at_once(&text, &wanted), occurrences(&text, &wanted));
        }

        #[test]
        fn places_are_those_that_each_by_itself_has(
            text in "[abé]{20,40}",
            pieces in proptest::collection::hash_set("[abé]{0,5}", 0..12),
            most in 1..4usize,
        ) {
            let pieces: HashSet<&str> = pieces.iter().map(String::as_str).collect();
            let few = places(&text, &pieces, most);
            // So long that all are looked for at once; nothing stands across the border.
            let long = format!("{text}{}", "\n".repeat(FEW));
            prop_assert_eq!(places(&long, &pieces, most), few);
        }
    }
}
