//! Groups of samples become rectangles of ids.
//!
//! A row of a batch is a group: its prefix, padded on the right, then `k` suffixes, each padded on
//! the right. Which positions predict which label is listed apart, so that a network computes its
//! head and loss there only. Padding is behind every real token of its part: under a causal mask
//! nothing real ever sees it.
//!
//! ```text
//!             prefix_length          suffix_length   suffix_length
//! group 0   | p p p p p p p . .  |   s s s s s .   |  s s s . . .   |
//! group 1   | p p p p p p p p p  |   s s s s s s   |  . . . . . .   |   (one suffix absent)
//! ```

use std::cmp::Reverse;

/// How much longer a batch may get by putting groups of different shape together: a quarter.
const STRETCH: (usize, usize) = (5, 4);

/// What a batch costs besides its tokens, in tokens: small groups are better padded than computed
/// one by one.
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
    /// Prompt, answer and end.
    pub ids: Vec<u32>,
    /// The first index into `ids` that has a loss.
    pub supervised_from: usize,
}

/// A rectangle of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many rows.
    pub groups: usize,
    /// The longest prefix; all are padded to it.
    pub prefix_length: usize,
    /// Suffixes of a row; some may be absent.
    pub k: usize,
    /// The longest suffix; all are padded to it.
    pub suffix_length: usize,
    /// `[groups, prefix_length + k * suffix_length]`, row by row; padding is 0.
    pub ids: Vec<i32>,
    /// `[groups]`: real tokens of each prefix.
    pub prefix_lengths: Vec<usize>,
    /// `[groups * k]`: real tokens of each suffix; 0 for an absent one.
    pub suffix_lengths: Vec<usize>,
    /// Every supervised token, row by row, suffix by suffix.
    pub targets: Vec<Target>,
}

/// One supervised token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The position that predicts it, as an index into the flattened ids.
    pub position: usize,
    /// The token to predict.
    pub label: u32,
    /// The sample that it belongs to.
    pub row: usize,
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

    /// This group in parts of at most `k` suffixes.
    fn parts(mut self, k: usize) -> Vec<Self> {
        // Suffixes of similar length together: each part is padded to its own longest.
        if self.suffixes.len() > k {
            self.suffixes.sort_by_key(|suffix| Reverse(suffix.ids.len()));
        }
        let part =
            |suffixes: &[Suffix]| Self { prefix: self.prefix.clone(), suffixes: suffixes.to_vec() };
        self.suffixes.chunks(k).map(part).collect()
    }
}

/// What decides the size of a row.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    prefix: usize,
    k: usize,
    suffix: usize,
}

impl Shape {
    fn tokens(self) -> usize {
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

impl Batch {
    /// Packs `groups` into batches of at most `max_tokens` ids, padding included.
    ///
    /// Groups of similar shape share a batch; a group that does not fit is divided, and its prefix
    /// computed once for each part. Only a sample that is longer than `max_tokens` by itself makes
    /// a larger batch: none is left out. The result depends on nothing but the arguments.
    pub fn pack(groups: Vec<Group>, max_tokens: usize) -> Vec<Self> {
        let fitting = |group: &Group| {
            let Shape { prefix, suffix, .. } = group.shape();
            (max_tokens.saturating_sub(prefix) / suffix.max(1)).max(1)
        };
        let mut groups: Vec<Group> = groups
            .into_iter()
            .flat_map(|group| {
                let k = fitting(&group);
                group.parts(k)
            })
            .collect();
        // The sort is stable: equal shapes keep their order.
        groups.sort_by_key(Group::shape);
        let mut batches = Vec::new();
        let mut open: Vec<Group> = Vec::new();
        let (mut shape, mut alone) = (Shape::default(), 0);
        for group in groups {
            let cover = shape.cover(group.shape());
            let padded = (open.len() + 1) * cover.tokens();
            let apart = alone + group.shape().tokens();
            let spared = OVERHEAD * open.len();
            let stretched = padded * STRETCH.1 > (apart + spared) * STRETCH.0;
            if !open.is_empty() && (padded > max_tokens || stretched) {
                batches.push(Self::fill(&open, shape));
                open.clear();
                (shape, alone) = (Shape::default(), 0);
            }
            shape = shape.cover(group.shape());
            alone += group.shape().tokens();
            open.push(group);
        }
        if !open.is_empty() {
            batches.push(Self::fill(&open, shape));
        }
        batches
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

    /// Ids of a row: prefix and all suffixes with their padding.
    pub fn width(&self) -> usize {
        self.prefix_length + self.k * self.suffix_length
    }

    /// Real tokens, without padding.
    pub fn tokens(&self) -> usize {
        self.prefix_lengths.iter().sum::<usize>() + self.suffix_lengths.iter().sum::<usize>()
    }

    fn fill(groups: &[Group], shape: Shape) -> Self {
        let Shape { prefix: prefix_length, k, suffix: suffix_length } = shape;
        let width = shape.tokens();
        let mut batch = Self {
            groups: groups.len(),
            prefix_length,
            k,
            suffix_length,
            ids: vec![0; groups.len() * width],
            prefix_lengths: groups.iter().map(|group| group.prefix.len()).collect(),
            suffix_lengths: vec![0; groups.len() * k],
            targets: Vec::new(),
        };
        for (index, group) in groups.iter().enumerate() {
            let start = index * width;
            batch.put(start, &group.prefix);
            for (place, suffix) in group.suffixes.iter().enumerate() {
                let at = start + prefix_length + place * suffix_length;
                batch.put(at, &suffix.ids);
                batch.suffix_lengths[index * k + place] = suffix.ids.len();
                // The last real token of the prefix predicts the first of every suffix.
                let before = group.prefix.len().checked_sub(1).map(|last| start + last);
                batch.aim(suffix, before, at);
            }
        }
        batch
    }

    fn put(&mut self, at: usize, ids: &[u32]) {
        for (place, id) in self.ids[at..].iter_mut().zip(ids) {
            *place = *id as i32;
        }
    }

    /// Lists the supervised tokens of a suffix that begins at `at`, behind the position `before`.
    fn aim(&mut self, suffix: &Suffix, before: Option<usize>, at: usize) {
        for (index, label) in suffix.ids.iter().enumerate().skip(suffix.supervised_from) {
            let position = if index == 0 { before } else { Some(at + index - 1) };
            if let Some(position) = position {
                self.targets.push(Target { position, label: *label, row: suffix.row });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn suffix(row: usize, ids: &[u32], supervised_from: usize) -> Suffix {
        Suffix { row, ids: ids.to_vec(), supervised_from }
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
        assert_eq!((batch.groups, batch.prefix_length, batch.k, batch.suffix_length), (2, 3, 2, 3));
        assert_eq!(
            batch.ids,
            [1, 2, 0, 10, 11, 12, 20, 0, 0, /* */ 3, 4, 5, 30, 31, 0, 40, 41, 42]
        );
        assert_eq!(batch.prefix_lengths, [2, 3]);
        assert_eq!(batch.suffix_lengths, [3, 1, 2, 3]);
        let target = |position, label, row| Target { position, label, row };
        assert_eq!(
            batch.targets,
            [
                target(3, 11, 7),
                target(4, 12, 7),
                // The first token is predicted from the last real position of the prefix.
                target(1, 20, 8),
                target(15, 41, 6),
                target(16, 42, 6),
            ]
        );
        assert_eq!((batch.width(), batch.tokens()), (9, 14));
    }

    #[test]
    fn without_a_prefix_the_first_token_has_no_loss() {
        let group = Group { prefix: vec![], suffixes: vec![suffix(0, &[5, 6, 7], 0)] };
        assert_eq!(group.supervised(), 2);
        let batch = &Batch::pack(vec![group], 8)[0];
        assert_eq!((batch.prefix_length, batch.k, batch.suffix_length), (0, 1, 3));
        let aimed: Vec<_> =
            batch.targets.iter().map(|target| (target.position, target.label)).collect();
        assert_eq!(aimed, [(0, 6), (1, 7)]);
    }

    #[test]
    fn a_group_that_does_not_fit_is_divided_and_nothing_is_left_out() {
        let suffixes = (0..8).map(|row| suffix(row, &[9; 10], 5)).collect();
        let batches = Batch::pack(vec![Group { prefix: vec![1; 20], suffixes }], 50);
        let shapes: Vec<_> = batches.iter().map(|batch| (batch.groups, batch.k)).collect();
        // 20 + 3 · 10 ids fill 50 exactly.
        assert_eq!(shapes, [(1, 2), (1, 3), (1, 3)]);
        let long = Group { prefix: vec![1; 60], suffixes: vec![suffix(0, &[2; 10], 5)] };
        assert_eq!(Batch::pack(vec![long], 50)[0].width(), 70);
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
        let shapes: Vec<_> =
            batches.iter().map(|batch| (batch.groups, batch.prefix_length, batch.k)).collect();
        assert_eq!(shapes, [(2, 0, 1), (2, 300, 8)]);
    }

    fn any_groups() -> impl Strategy<Value = Vec<Group>> {
        let suffix = (proptest::collection::vec(1u32..99, 1..12), 0usize..12);
        let group =
            (proptest::collection::vec(1u32..99, 0..20), proptest::collection::vec(suffix, 1..6));
        proptest::collection::vec(group, 0..8).prop_map(|groups| {
            let mut row = 0;
            let mut number = |(ids, from): (Vec<u32>, usize)| {
                row += 1;
                Suffix { row, supervised_from: from.min(ids.len()), ids }
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

    /// Per sample: the labels, each with all tokens that the position that predicts it may see.
    fn lessons(batches: &[Batch]) -> BTreeMap<usize, Vec<(Vec<i32>, u32)>> {
        let mut lessons: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for batch in batches {
            for target in &batch.targets {
                let (group, place) =
                    (target.position / batch.width(), target.position % batch.width());
                let row = &batch.ids[group * batch.width()..(group + 1) * batch.width()];
                let mut seen = row[..batch.prefix_lengths[group].min(place + 1)].to_vec();
                if place >= batch.prefix_length {
                    let inside = place - batch.prefix_length;
                    let start = place - inside % batch.suffix_length;
                    assert!(
                        inside % batch.suffix_length
                            < batch.suffix_lengths[group * batch.k + inside / batch.suffix_length]
                    );
                    seen.extend(&row[start..=place]);
                }
                lessons.entry(target.row).or_default().push((seen, target.label));
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
                let single = batch.groups == 1 && batch.k == 1;
                prop_assert!(batch.ids.len() <= max_tokens || single);
                prop_assert_eq!(batch.ids.len(), batch.groups * batch.width());
            }
            prop_assert_eq!(Batch::pack(groups, max_tokens), packed);
        }
    }
}
