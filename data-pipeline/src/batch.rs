//! Groups of samples become batches of ids.
//!
//! The tokens of a batch lie end to end, without padding: of each group its prefix, then its
//! suffixes. Only attention needs rectangles, so groups of similar shape make up a *piece*, whose
//! rows a network pads for itself. Which tokens predict which label is listed apart, so that it
//! computes its head and loss there only.
//!
//! ```text
//! ids      p p p p s s s s s s s s p p p s s s s s s …
//!         | group 0               | group 1           |
//! piece   | p p p p | s s s s s | s s s . . |            padded where attention is computed
//!         | p p p . | s s . . . | s s s s . |
//! ```

use std::cmp::Reverse;

/// How much more a piece may cost attention by putting groups of different shape together: a quarter.
const STRETCH: (usize, usize) = (5, 4);

/// What a piece costs besides its places, in places: small groups are better padded than attended
/// to one by one.
const OVERHEAD: usize = 128;

/// Samples with one prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// What they share; may be empty.
    pub prefix: Vec<u32>,
    /// What each has for itself.
    pub suffixes: Vec<Suffix>,
}

/// The part of a sample behind its group's prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suffix {
    /// The sample's row in its shard set.
    pub row: usize,
    /// Its place among the rows of the step: a mixture may have one row twice in a step.
    pub slot: usize,
    /// Prompt, answer and end.
    pub ids: Vec<u32>,
    /// The first index into `ids` that has a loss.
    pub supervised_from: usize,
}

/// Ids to be computed at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which groups attend together, in the order of their ids.
    pub pieces: Vec<Piece>,
    /// Of each piece its groups, of each group its prefix and its suffixes; no padding.
    pub ids: Vec<i32>,
    /// Every supervised token, group by group, suffix by suffix.
    pub targets: Vec<Target>,
}

/// Groups of similar shape: rows of a rectangle for attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How many rows.
    pub groups: usize,
    /// The longest prefix.
    pub prefix_length: usize,
    /// Suffixes of a row; some may be absent.
    pub k: usize,
    /// The longest suffix.
    pub suffix_length: usize,
    /// `[groups]`: tokens of each prefix.
    pub prefix_lengths: Vec<usize>,
    /// `[groups * k]`: tokens of each suffix; 0 for an absent one.
    pub suffix_lengths: Vec<usize>,
}

/// One supervised token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The place in the ids that predicts it.
    pub position: usize,
    /// The token to predict.
    pub label: u32,
    /// The sample that it belongs to, by its place among the rows of the step.
    pub slot: usize,
}

impl Group {
    /// Tokens that have a loss.
    pub fn supervised(&self) -> usize {
        // Nothing stands before the first token of a sample without a prefix.
        let first = usize::from(self.prefix.is_empty());
        let count =
            |suffix: &Suffix| suffix.ids.len().saturating_sub(suffix.supervised_from.max(first));
        self.suffixes.iter().map(count).sum()
    }

    fn shape(&self) -> Shape {
        Shape {
            prefix: self.prefix.len(),
            k: self.suffixes.len(),
            suffix: self.suffixes.iter().map(|suffix| suffix.ids.len()).max().unwrap_or(0),
        }
    }

    /// Tokens of prefix and suffixes.
    fn tokens(&self) -> usize {
        self.prefix.len() + self.suffixes.iter().map(|suffix| suffix.ids.len()).sum::<usize>()
    }

    /// This group in parts of at most `max_tokens`, or of a single suffix that is longer.
    fn parts(mut self, max_tokens: usize) -> Vec<Self> {
        if self.tokens() <= max_tokens {
            return vec![self];
        }
        // Suffixes of similar length together: attention pads each part to its own longest.
        self.suffixes.sort_by_key(|suffix| Reverse(suffix.ids.len()));
        let mut parts: Vec<Self> = Vec::new();
        for suffix in self.suffixes {
            match parts.last_mut() {
                Some(part) if part.tokens() + suffix.ids.len() <= max_tokens => {
                    part.suffixes.push(suffix);
                }
                _ => parts.push(Self { prefix: self.prefix.clone(), suffixes: vec![suffix] }),
            }
        }
        parts
    }
}

/// What decides the places of a row.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    prefix: usize,
    k: usize,
    suffix: usize,
}

impl Shape {
    fn places(self) -> usize {
        self.prefix + self.k * self.suffix
    }

    fn cover(self, other: Self) -> Self {
        Self {
            prefix: self.prefix.max(other.prefix),
            k: self.k.max(other.k),
            suffix: self.suffix.max(other.suffix),
        }
    }
}

impl Piece {
    /// Tokens, without padding.
    pub fn tokens(&self) -> usize {
        self.prefix_lengths.iter().sum::<usize>() + self.suffix_lengths.iter().sum::<usize>()
    }
}

impl Batch {
    /// Packs `groups` into as few batches of at most `max_tokens` ids as best fit finds.
    ///
    /// A group that does not fit is divided, and its prefix computed once for each part. Only a
    /// sample that is longer than `max_tokens` by itself makes a larger batch: none is left out. The
    /// result depends on nothing but the arguments.
    pub fn pack(groups: Vec<Group>, max_tokens: usize) -> Vec<Self> {
        let mut groups: Vec<Group> =
            groups.into_iter().flat_map(|group| group.parts(max_tokens)).collect();
        // Large ones first, so that small ones fill the gaps. The sort is stable: equals keep their
        // order.
        groups.sort_by_key(|group| Reverse(group.tokens()));
        let mut bins: Vec<(usize, Vec<Group>)> = Vec::new();
        for group in groups {
            let tokens = group.tokens();
            let fitting = bins.iter_mut().filter(|(filled, _)| filled + tokens <= max_tokens);
            match fitting.max_by_key(|(filled, _)| *filled) {
                Some((filled, bin)) => {
                    *filled += tokens;
                    bin.push(group);
                }
                None => bins.push((tokens, vec![group])),
            }
        }
        bins.into_iter().map(|(_, bin)| Self::of(bin)).collect()
    }

    /// The same samples, each with its own copy of the prefix: what a grouped batch is held against.
    pub fn ungrouped(groups: &[Group], max_tokens: usize) -> Vec<Self> {
        let alone = |group: &Group| {
            let prefix = group.prefix.clone();
            let single = move |suffix: &Suffix| Group {
                prefix: prefix.clone(),
                suffixes: vec![suffix.clone()],
            };
            group.suffixes.iter().map(single).collect::<Vec<_>>()
        };
        Self::pack(groups.iter().flat_map(alone).collect(), max_tokens)
    }

    /// Places in the rows of all pieces, padding included: what attention is computed over.
    pub fn places(&self) -> usize {
        let places =
            |piece: &Piece| piece.groups * (piece.prefix_length + piece.k * piece.suffix_length);
        self.pieces.iter().map(places).sum()
    }

    /// One batch of all `groups`; those that are alike stand side by side.
    fn of(mut groups: Vec<Group>) -> Self {
        groups.sort_by_key(|group| Reverse(group.shape()));
        let mut batch = Self { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
        let mut open: Vec<&Group> = Vec::new();
        let mut shape = Shape::default();
        for group in &groups {
            let cover = shape.cover(group.shape());
            let added = (open.len() + 1) * cover.places() - open.len() * shape.places();
            let apart = group.shape().places() + OVERHEAD;
            if !open.is_empty() && added * STRETCH.1 > apart * STRETCH.0 {
                batch.add(&open, shape);
                open.clear();
                shape = Shape::default();
            }
            shape = shape.cover(group.shape());
            open.push(group);
        }
        if !open.is_empty() {
            batch.add(&open, shape);
        }
        batch
    }

    /// Adds `groups` as a piece.
    fn add(&mut self, groups: &[&Group], shape: Shape) {
        let Shape { prefix: prefix_length, k, suffix: suffix_length } = shape;
        let mut suffix_lengths = vec![0; groups.len() * k];
        for (index, group) in groups.iter().enumerate() {
            self.put(&group.prefix);
            // The last token of the prefix predicts the first of every suffix.
            let before = group.prefix.len().checked_sub(1).map(|_| self.ids.len() - 1);
            for (place, suffix) in group.suffixes.iter().enumerate() {
                self.aim(suffix, before, self.ids.len());
                self.put(&suffix.ids);
                suffix_lengths[index * k + place] = suffix.ids.len();
            }
        }
        self.pieces.push(Piece {
            groups: groups.len(),
            prefix_length,
            k,
            suffix_length,
            prefix_lengths: groups.iter().map(|group| group.prefix.len()).collect(),
            suffix_lengths,
        });
    }

    fn put(&mut self, ids: &[u32]) {
        self.ids.extend(ids.iter().map(|id| *id as i32));
    }

    /// Lists the supervised tokens of a suffix that begins at `at`, behind the position `before`.
    fn aim(&mut self, suffix: &Suffix, before: Option<usize>, at: usize) {
        for (index, label) in suffix.ids.iter().enumerate().skip(suffix.supervised_from) {
            let position = if index == 0 { before } else { Some(at + index - 1) };
            if let Some(position) = position {
                self.targets.push(Target { position, label: *label, slot: suffix.slot });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::ops::Range;

    fn suffix(row: usize, ids: &[u32], supervised_from: usize) -> Suffix {
        Suffix { row, slot: row, ids: ids.to_vec(), supervised_from }
    }

    #[test]
    fn a_group_is_prefix_then_suffixes() {
        let groups = vec![
            Group {
                prefix: vec![1, 2],
                suffixes: vec![suffix(7, &[10, 11, 12], 1), suffix(8, &[20], 0)],
            },
            Group {
                prefix: vec![3, 4, 5],
                suffixes: vec![suffix(9, &[30, 31], 2), suffix(6, &[40, 41, 42], 1)],
            },
        ];
        let [batch] = &Batch::pack(groups, 100)[..] else { panic!("one batch") };
        assert_eq!(batch.ids, [3, 4, 5, 30, 31, 40, 41, 42, /* */ 1, 2, 10, 11, 12, 20]);
        let piece = Piece {
            groups: 2,
            prefix_length: 3,
            k: 2,
            suffix_length: 3,
            prefix_lengths: vec![3, 2],
            suffix_lengths: vec![2, 3, 3, 1],
        };
        assert_eq!(batch.pieces, [piece]);
        let target = |position, label, slot| Target { position, label, slot };
        assert_eq!(
            batch.targets,
            [
                target(5, 41, 6),
                target(6, 42, 6),
                target(10, 11, 7),
                target(11, 12, 7),
                // The first token is predicted from the last of the prefix.
                target(9, 20, 8),
            ]
        );
        assert_eq!(batch.places(), 18);
    }

    #[test]
    fn without_a_prefix_the_first_token_has_no_loss() {
        let group = Group { prefix: vec![], suffixes: vec![suffix(0, &[5, 6, 7], 0)] };
        assert_eq!(group.supervised(), 2);
        let batch = &Batch::pack(vec![group], 8)[0];
        let piece = &batch.pieces[0];
        assert_eq!((piece.prefix_length, piece.k, piece.suffix_length), (0, 1, 3));
        let aimed: Vec<_> =
            batch.targets.iter().map(|target| (target.position, target.label)).collect();
        assert_eq!(aimed, [(0, 6), (1, 7)]);
    }

    #[test]
    fn a_group_that_does_not_fit_is_divided_and_nothing_is_left_out() {
        let suffixes = (0..8).map(|row| suffix(row, &[9; 10], 5)).collect();
        let batches = Batch::pack(vec![Group { prefix: vec![1; 20], suffixes }], 50);
        // 20 + 3 · 10 ids fill 50 exactly.
        let suffixes: Vec<_> = batches.iter().map(|batch| batch.pieces[0].k).collect();
        assert_eq!(suffixes, [3, 3, 2]);
        let long = Group { prefix: vec![1; 60], suffixes: vec![suffix(0, &[2; 10], 5)] };
        assert_eq!(Batch::pack(vec![long], 50)[0].ids.len(), 70);
        assert_eq!(Batch::pack(vec![], 50), []);
    }

    #[test]
    fn unlike_groups_do_not_pad_each_other() {
        let of = |prefix, k, length| Group {
            prefix: vec![1; prefix],
            suffixes: (0..k).map(|row| suffix(row, &vec![2; length], 1)).collect(),
        };
        let batches =
            Batch::pack(vec![of(0, 1, 30), of(300, 8, 40), of(0, 1, 28), of(290, 8, 41)], 4096);
        let [batch] = &batches[..] else { panic!("one batch") };
        let shapes: Vec<_> = batch
            .pieces
            .iter()
            .map(|piece| (piece.groups, piece.prefix_length, piece.k, piece.suffix_length))
            .collect();
        assert_eq!(shapes, [(2, 300, 8, 41), (2, 0, 1, 30)]);
    }

    #[test]
    fn small_groups_fill_the_gaps_that_large_ones_leave() {
        let of = |length| Group { prefix: vec![], suffixes: vec![suffix(0, &vec![2; length], 1)] };
        let groups = [60, 10, 55, 45, 40, 25, 30, 35].map(of).to_vec();
        let lengths: Vec<usize> =
            Batch::pack(groups, 100).iter().map(|batch| batch.ids.len()).collect();
        assert_eq!(lengths, [100, 100, 100]);
    }

    fn any_groups() -> impl Strategy<Value = Vec<Group>> {
        let suffix = (proptest::collection::vec(1u32..99, 1..12), 0usize..12);
        let group =
            (proptest::collection::vec(1u32..99, 0..20), proptest::collection::vec(suffix, 1..6));
        proptest::collection::vec(group, 0..8).prop_map(|groups| {
            let mut row = 0;
            let mut number = |(ids, from): (Vec<u32>, usize)| {
                row += 1;
                Suffix { row, slot: row, supervised_from: from.min(ids.len()), ids }
            };
            groups
                .into_iter()
                .map(|(prefix, suffixes)| Group {
                    prefix,
                    suffixes: suffixes.into_iter().map(&mut number).collect(),
                })
                .collect()
        })
    }

    /// Where each group's prefix and suffixes lie in the ids.
    fn parts(batch: &Batch) -> Vec<(Range<usize>, Vec<Range<usize>>)> {
        let mut at = 0;
        let mut next = |length: &usize| {
            at += length;
            at - length..at
        };
        let mut parts = Vec::new();
        for piece in &batch.pieces {
            for (group, prefix) in piece.prefix_lengths.iter().enumerate() {
                let prefix = next(prefix);
                let suffixes = &piece.suffix_lengths[group * piece.k..(group + 1) * piece.k];
                parts.push((prefix, suffixes.iter().map(&mut next).collect()));
            }
        }
        assert_eq!(at, batch.ids.len());
        parts
    }

    /// Per sample: the labels, each with all tokens that the position that predicts it may see.
    fn lessons(batches: &[Batch]) -> BTreeMap<usize, Vec<(Vec<i32>, u32)>> {
        let mut lessons: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for batch in batches {
            for (prefix, suffixes) in parts(batch) {
                let inside = |target: &&Target| {
                    prefix.contains(&target.position)
                        || suffixes.iter().any(|suffix| suffix.contains(&target.position))
                };
                for target in batch.targets.iter().filter(inside) {
                    let of = suffixes.iter().find(|suffix| suffix.contains(&target.position));
                    let seen = match of {
                        Some(suffix) => {
                            [&batch.ids[prefix.clone()], &batch.ids[suffix.start..=target.position]]
                                .concat()
                        }
                        None => batch.ids[prefix.start..=target.position].to_vec(),
                    };
                    lessons.entry(target.slot).or_default().push((seen, target.label));
                }
            }
        }
        lessons
    }

    proptest! {
        #[test]
        fn packing_changes_no_lesson(groups in any_groups(), max_tokens in 1usize..200) {
            let packed = Batch::pack(groups.clone(), max_tokens);
            let alone = Batch::ungrouped(&groups, 1);
            prop_assert_eq!(lessons(&packed), lessons(&alone));
            let supervised: usize = groups.iter().map(Group::supervised).sum();
            prop_assert_eq!(packed.iter().map(|batch| batch.targets.len()).sum::<usize>(), supervised);
            for batch in &packed {
                let single = parts(batch).len() == 1 && batch.pieces[0].k == 1;
                prop_assert!(batch.ids.len() <= max_tokens || single);
                prop_assert!(batch.ids.len() <= batch.places());
                for piece in &batch.pieces {
                    prop_assert!(piece.prefix_lengths.iter().all(|length| *length <= piece.prefix_length));
                    prop_assert!(piece.suffix_lengths.iter().all(|length| *length <= piece.suffix_length));
                }
            }
            prop_assert_eq!(Batch::pack(groups, max_tokens), packed);
        }
    }
}
