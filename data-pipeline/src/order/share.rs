//! Which of a step's rows one caller computes.
//!
//! A step's rows are known before anybody asks how many ranks there are; dividing them is only a
//! matter of speed.

use crate::shard::Length;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;

/// A caller's part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which part, below `count`.
    pub index: usize,
    /// How many parts there are.
    pub count: usize,
}

impl Share {
    /// All of the work.
    pub const ALL: Self = Self { index: 0, count: 1 };
}

/// The rows of `share`, in the order of `rows`: whole groups where possible, about equally many
/// tokens per share. The shares together are exactly `rows`; with more shares than rows some are
/// empty. `lengths` are those of all rows of the shard set.
pub fn split(rows: &[usize], share: Share, lengths: &[Length]) -> Vec<usize> {
    places(rows, share, lengths).into_iter().map(|place| rows[place]).collect()
}

/// Where the rows of [`split`] stand in `rows`, ascending.
pub fn places(rows: &[usize], share: Share, lengths: &[Length]) -> Vec<usize> {
    assert!(share.index < share.count, "share {} of {}", share.index, share.count);
    let whole: Vec<Chunk> = rows_by_group(rows, lengths)
        .into_iter()
        .map(|places| Chunk::new(places, rows, lengths))
        .collect();
    let fair = whole.iter().map(|chunk| chunk.cost).sum::<u64>().div_ceil(share.count as u64);
    // Dividing a group spreads its suffixes, but computes its prefix again: try how far it pays.
    let divided = [u64::MAX, 2 * fair, fair, fair / 2].map(|limit| {
        let chunks = divide(whole.clone(), limit, share.count, rows, lengths);
        assign(chunks, share.count)
    });
    let fastest =
        divided.into_iter().min_by_key(|shares| shares.iter().map(|share| load(share)).max());
    let mine = fastest.and_then(|mut shares| shares.get_mut(share.index).map(std::mem::take));
    let mut places: Vec<usize> =
        mine.unwrap_or_default().into_iter().flat_map(|chunk| chunk.places).collect();
    places.sort_unstable();
    places
}

/// Halves chunks until none with several rows costs more than `limit` and each of `count` shares
/// can have one.
fn divide(
    chunks: Vec<Chunk>,
    limit: u64,
    count: usize,
    rows: &[usize],
    lengths: &[Length],
) -> Vec<Chunk> {
    let mut heap = BinaryHeap::from(chunks);
    let mut done = Vec::new();
    while let Some(largest) = heap.pop() {
        let enough = largest.cost <= limit && heap.len() + done.len() + 1 >= count;
        let Range { start, end } = largest.places;
        if enough {
            done.push(largest);
            break;
        }
        if end - start == 1 {
            done.push(largest);
            continue;
        }
        let middle = start.midpoint(end);
        heap.extend([start..middle, middle..end].map(|places| Chunk::new(places, rows, lengths)));
    }
    done.extend(heap);
    done
}

/// Longest first to the share with least so far; ties by place, so that all ranks agree.
fn assign(mut chunks: Vec<Chunk>, count: usize) -> Vec<Vec<Chunk>> {
    chunks.sort_unstable_by(|a, b| b.cmp(a));
    let mut least: BinaryHeap<Reverse<(u64, usize)>> =
        (0..count).map(|index| Reverse((0, index))).collect();
    let mut shares = vec![Vec::new(); count];
    for chunk in chunks {
        if let Some(mut top) = least.peek_mut() {
            let Reverse((load, index)) = *top;
            *top = Reverse((load + chunk.cost, index));
            shares[index].push(chunk);
        }
    }
    shares
}

fn load(share: &[Chunk]) -> u64 {
    share.iter().map(|chunk| chunk.cost).sum()
}

/// Runs of places in `rows` whose rows are of one group.
pub(crate) fn rows_by_group(rows: &[usize], lengths: &[Length]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if lengths[rows[run.start]].group == lengths[*row].group => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// Neighbouring rows of one group, to be computed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    places: Range<usize>,
    pub(super) cost: u64,
}

impl Chunk {
    pub(super) fn new(places: Range<usize>, rows: &[usize], lengths: &[Length]) -> Self {
        let prefix = u64::from(lengths[rows[places.start]].prefix);
        let suffixes = rows[places.clone()].iter().map(|row| u64::from(lengths[*row].suffix));
        Self { cost: prefix + suffixes.sum::<u64>(), places }
    }
}

/// Larger cost is more, then the earlier place.
impl Ord for Chunk {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |chunk: &Self| (chunk.cost, Reverse(chunk.places.start));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Chunk {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
