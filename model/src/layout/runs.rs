//! The rectangles in which a batch attends without a tape.
//!
//! Every call of attention is causal over rows padded on the right, where nothing real sees padding,
//! or over whole prefixes, which therefore must not be padded. So groups whose prefixes are equally
//! long attend together, and all that is a single sequence (a group of one suffix, a suffix without a
//! prefix) is a *document*, attended to in one call with others of about its length.

use super::{Piece, places};
use crate::ops::Places;
use burn::tensor::Device;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Documents attend together if the shortest is at least this part of the longest: four fifths.
const ALIKE: (usize, usize) = (4, 5);

/// What a call costs besides its places, in places: short documents are better padded than attended
/// to one by one.
const OVERHEAD: usize = 128;

/// Rows that attend together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Prefixes that the rows share, each that of as many rows in turn; not padded.
    pub prefixes: Option<Rectangle>,
    /// Documents, or the suffixes of the prefixes.
    pub rows: Rectangle,
}

/// Rows of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rectangle {
    /// How many.
    pub count: usize,
    /// The places of each.
    pub length: usize,
}

/// How a batch attends without a tape.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// Their rows, those of prefixes first, follow each other in the places.
    pub runs: Vec<Run>,
    pub places: Places,
}

/// Tokens that follow each other in the batch.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    first: usize,
    length: usize,
}

/// A prefix that several suffixes share, with all of them, absent ones too.
struct Shared {
    prefix: Stretch,
    suffixes: Vec<Stretch>,
}

impl Rectangle {
    pub fn places(self) -> usize {
        self.count * self.length
    }
}

impl Runs {
    pub fn new<'a>(pieces: impl Iterator<Item = &'a Piece>, device: &Device) -> Self {
        let (runs, tokens) = arrange(pieces);
        let mut back = vec![0; tokens.iter().filter(|token| **token >= 0).count()];
        for (place, token) in tokens.iter().enumerate() {
            if let Ok(token) = usize::try_from(*token) {
                back[token] = place as i32;
            }
        }
        let same = tokens.iter().enumerate().all(|(place, token)| *token == place as i32);
        let places = Places { tokens: places(tokens, device), back: places(back, device), same };
        Self { runs, places }
    }
}

/// The runs of a batch, and the token in each of their places, -1 in padding.
fn arrange<'a>(pieces: impl Iterator<Item = &'a Piece>) -> (Vec<Run>, Vec<i32>) {
    let mut documents = Vec::new();
    let mut runs = Vec::new();
    let mut tokens = Vec::new();
    let mut first = 0;
    for piece in pieces {
        let mut shared: BTreeMap<usize, Vec<Shared>> = BTreeMap::new();
        let k = piece.shape.k;
        for (group, length) in piece.prefix_lengths.iter().enumerate() {
            let prefix = Stretch { first, length: *length };
            first += length;
            let suffixes: Vec<Stretch> = piece.suffix_lengths[group * k..(group + 1) * k]
                .iter()
                .map(|length| {
                    let suffix = Stretch { first, length: *length };
                    first += length;
                    suffix
                })
                .collect();
            let present = suffixes.iter().filter(|suffix| suffix.length > 0);
            if *length == 0 {
                documents.extend(present);
            } else if present.count() < 2 {
                documents.push(Stretch { first: prefix.first, length: first - prefix.first });
            } else {
                shared.entry(*length).or_default().push(Shared { prefix, suffixes });
            }
        }
        for (length, groups) in shared {
            runs.push(share(length, &groups, &mut tokens));
        }
    }
    for documents in alike(documents) {
        let length = documents.iter().map(|document| document.length).max().unwrap_or(0);
        place(&documents, length, &mut tokens);
        let rows = Rectangle { count: documents.len(), length };
        runs.push(Run { prefixes: None, rows });
    }
    (runs, tokens)
}

/// The run of `groups`, whose prefixes are all of `length`.
fn share(length: usize, groups: &[Shared], tokens: &mut Vec<i32>) -> Run {
    let prefixes: Vec<Stretch> = groups.iter().map(|group| group.prefix).collect();
    let suffixes: Vec<Stretch> = groups.iter().flat_map(|group| group.suffixes.clone()).collect();
    let longest = suffixes.iter().map(|suffix| suffix.length).max().unwrap_or(0);
    place(&prefixes, length, tokens);
    place(&suffixes, longest, tokens);
    Run {
        prefixes: Some(Rectangle { count: groups.len(), length }),
        rows: Rectangle { count: suffixes.len(), length: longest },
    }
}

/// Appends a row of `length` for each of `stretches`.
fn place(stretches: &[Stretch], length: usize, tokens: &mut Vec<i32>) {
    for stretch in stretches {
        tokens.extend((stretch.first..stretch.first + stretch.length).map(|token| token as i32));
        tokens.resize(tokens.len() + length - stretch.length, -1);
    }
}

/// `documents` in parts of about one length, each in the order of the batch.
fn alike(mut documents: Vec<Stretch>) -> Vec<Vec<Stretch>> {
    documents.sort_by_key(|document| (Reverse(document.length), document.first));
    let mut parts: Vec<Vec<Stretch>> = Vec::new();
    let mut padding = 0;
    for document in documents {
        let longest = parts.last().map_or(0, |part| part[0].length);
        let missing = longest - document.length.min(longest);
        let joins = document.length * ALIKE.1 >= longest * ALIKE.0 || padding + missing <= OVERHEAD;
        match parts.last_mut() {
            Some(part) if joins => {
                part.push(document);
                padding += missing;
            }
            _ => {
                parts.push(vec![document]);
                padding = 0;
            }
        }
    }
    for part in &mut parts {
        part.sort_by_key(|document| document.first);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::GroupShape;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    /// A piece of groups, each a prefix and suffixes of these lengths.
    fn piece(groups: &[(usize, Vec<usize>)]) -> Piece {
        let k = groups.iter().map(|(_, suffixes)| suffixes.len()).max().unwrap_or(0);
        let padded = |suffixes: &Vec<usize>| {
            suffixes.iter().copied().chain(std::iter::repeat(0)).take(k).collect::<Vec<usize>>()
        };
        let suffix_lengths: Vec<usize> =
            groups.iter().flat_map(|(_, suffixes)| padded(suffixes)).collect();
        Piece {
            groups: groups.len(),
            shape: GroupShape {
                prefix: groups.iter().map(|(prefix, _)| *prefix).max().unwrap_or(0),
                k,
                suffix: suffix_lengths.iter().copied().max().unwrap_or(0),
            },
            prefix_lengths: groups.iter().map(|(prefix, _)| *prefix).collect(),
            suffix_lengths,
        }
    }

    fn check(pieces: &[Piece], expected: Expect) {
        let (runs, tokens) = arrange(pieces.iter());
        let mut lines = Vec::new();
        let mut at = 0;
        let mut rows = |name: &str, rectangle: Rectangle| {
            for _ in 0..rectangle.count {
                let row = &tokens[at..at + rectangle.length];
                let row = row.iter().map(|token| match token {
                    -1 => ".".to_owned(),
                    token => token.to_string(),
                });
                lines.push(format!("{name} {}", row.collect::<Vec<_>>().join(" ")));
                at += rectangle.length;
            }
        };
        for run in runs {
            if let Some(prefixes) = run.prefixes {
                rows("prefix  ", prefixes);
                rows("suffix  ", run.rows);
            } else {
                rows("document", run.rows);
            }
        }
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn groups_of_one_prefix_length_attend_together() {
        let groups = [(2, vec![1, 2]), (1, vec![1, 1]), (2, vec![3, 0, 1])];
        check(
            &[piece(&groups)],
            expect![[r#"
                prefix   5
                suffix   6
                suffix   7
                suffix   .
                prefix   0 1
                prefix   8 9
                suffix   2 . .
                suffix   3 4 .
                suffix   . . .
                suffix   10 11 12
                suffix   . . .
                suffix   13 . ."#]],
        );
    }

    #[test]
    fn what_shares_nothing_is_a_document() {
        check(
            &[piece(&[(2, vec![1]), (1, vec![])]), piece(&[(0, vec![2, 0, 3])])],
            expect![[r#"
                document 0 1 2
                document 3 . .
                document 4 5 .
                document 6 7 8"#]],
        );
    }

    proptest! {
        #[test]
        fn every_token_has_one_place(
            groups in prop::collection::vec(
                (0usize..400, prop::collection::vec(0usize..300, 0..4)), 1..6,
            ),
        ) {
            let pieces: Vec<Piece> = groups.chunks(2).map(piece).collect();
            let (runs, tokens) = arrange(pieces.iter());
            let mut found: Vec<i32> = tokens.iter().copied().filter(|token| *token >= 0).collect();
            found.sort_unstable();
            let count: usize = pieces.iter().map(Piece::tokens).sum();
            prop_assert_eq!(found, (0..count as i32).collect::<Vec<i32>>());
            let places = |run: &Run| {
                run.prefixes.map_or(0, Rectangle::places) + run.rows.places()
            };
            prop_assert_eq!(tokens.len(), runs.iter().map(places).sum::<usize>());
        }
    }
}
