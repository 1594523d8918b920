//! Which rows of a shard set are looked at.

use crate::error::Error;
use crate::random::Random;
use crate::shard::ShardSet;
use crate::tokenizer::Tokenizer;
use std::collections::BTreeSet;
use std::ops::Range;

/// How rows are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// From this row on.
    Row(usize),
    /// The rows of a sample: its parts, and its tasks.
    Sample(String),
    /// Rows with this text in prompt or answer.
    Text(String),
    /// By chance, the same rows for the same seed.
    Random(u64),
}

/// At most `most` rows, ascending; none if there is no such row.
pub fn choose(
    shards: &ShardSet,
    tokenizer: &Tokenizer,
    choice: &Choice,
    most: usize,
) -> Result<Vec<usize>, Error> {
    match choice {
        Choice::Row(first) => {
            let end = first.saturating_add(most).min(shards.len());
            Ok((*first..end).collect())
        }
        Choice::Sample(id) => first(shards, most, |row| {
            let found = shards.sample(row)?.sample_id;
            // A part ends in `#1`, a second question about a sentence in `~empty`, a pair in `>zh`.
            let rest = found.strip_prefix(id.as_str());
            Ok(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '~', '>'])))
        }),
        Choice::Text(text) => first(shards, most, |row| {
            Ok(tokenizer.decode(&shards.sample(row)?.suffix_ids).contains(text.as_str()))
        }),
        Choice::Random(seed) => {
            let mut random = Random::of(*seed, &["inspect"]);
            let mut rows = BTreeSet::new();
            while rows.len() < most.min(shards.len()) {
                rows.insert(random.below(shards.len()));
            }
            Ok(rows.into_iter().collect())
        }
    }
}

/// The first rows that `fits` takes.
fn first(
    shards: &ShardSet,
    most: usize,
    fits: impl Fn(usize) -> Result<bool, Error>,
) -> Result<Vec<usize>, Error> {
    let mut found = Vec::new();
    for row in 0..shards.len() {
        if found.len() == most {
            break;
        }
        if fits(row)? {
            found.push(row);
        }
    }
    Ok(found)
}

/// `rows` and all others of their groups.
pub fn whole_groups(shards: &ShardSet, rows: &[usize]) -> Vec<usize> {
    let all: BTreeSet<usize> = rows.iter().flat_map(|row| group_of(shards, *row)).collect();
    all.into_iter().collect()
}

/// The rows that share their prefix with `row`; they stand side by side.
pub(super) fn group_of(shards: &ShardSet, row: usize) -> Range<usize> {
    let lengths = shards.lengths();
    let group = lengths[row].group;
    let before = lengths[..row].iter().rev().take_while(|length| length.group == group).count();
    let behind = lengths[row..].iter().take_while(|length| length.group == group).count();
    row - before..row + behind
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::inspect::tests::{rows, tokenizer};

    /// The rows that are chosen of the small set.
    fn check(choice: Choice, most: usize, expected: &[usize]) {
        let dir = tempfile::tempdir().unwrap();
        let shards = rows(dir.path());
        let found = choose(&shards, &tokenizer(), &choice, most).unwrap();
        assert_eq!(found, expected, "{choice:?}");
    }

    #[test]
    fn rows_are_found_by_number_name_text_and_chance() {
        check(Choice::Row(1), 2, &[1, 2]);
        check(Choice::Row(2), 9, &[2]);
        check(Choice::Row(3), 1, &[]);
        check(Choice::Row(usize::MAX), 2, &[]);
        check(Choice::Sample("s/1".to_owned()), usize::MAX, &[0]);
        check(Choice::Sample("s/2".to_owned()), usize::MAX, &[1]);
        check(Choice::Sample("s/".to_owned()), usize::MAX, &[]);
        check(Choice::Text("Mark".to_owned()), usize::MAX, &[0, 1]);
        check(Choice::Text("Mark".to_owned()), 1, &[0]);
        check(Choice::Text("Nobody".to_owned()), 1, &[]);
        check(Choice::Random(1), 99, &[0, 1, 2]);
    }

    #[test]
    fn a_group_is_shown_whole_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let shards = rows(dir.path());
        assert_eq!(whole_groups(&shards, &[1]), [0, 1]);
        assert_eq!(whole_groups(&shards, &[0, 2]), [0, 1, 2]);
        assert_eq!(group_of(&shards, 2), 2..3);
    }
}
