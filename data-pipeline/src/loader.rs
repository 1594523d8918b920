//! Reads the rows of coming steps while the present one trains.
//!
//! A thread fills a short queue. It holds no state that matters: dropping the loader ends the
//! thread, and a new one may start at any step.

use crate::batch::{Group, Suffix};
use crate::error::Error;
use crate::order::{Order, Share, places, rows_by_group};
use crate::shard::ShardSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// How many steps are read ahead.
const AHEAD: usize = 4;

/// What one step trains on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRows {
    /// The step.
    pub step: usize,
    /// The rows of each of the caller's shares, by group; empty if there are fewer rows than shares.
    pub parts: Vec<Vec<Group>>,
    /// The rows of the step over all shares, by slot.
    pub rows: Vec<usize>,
    /// Tokens with a loss in the step, over all shares: what its loss is divided by.
    pub supervised: u64,
    /// Tokens of the step over all shares, every sample counted with its prefix.
    pub tokens: u64,
}

/// An iterator over the steps `first_step..last_step`.
pub struct Loader {
    steps: Option<Receiver<Result<StepRows, Error>>>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts to read the steps from `first_step` on, up to but without `last_step`.
    pub fn new(
        shards: Arc<ShardSet>,
        order: Order,
        shares: Vec<Share>,
        first_step: usize,
        last_step: usize,
    ) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = std::thread::spawn(move || {
            read_ahead(&shards, &order, &shares, first_step..last_step, &sender);
        });
        Self { steps: Some(receiver), thread: Some(thread) }
    }
}

impl Iterator for Loader {
    type Item = Result<StepRows, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.steps.as_ref()?.recv().ok();
        // A closed queue means that all steps were read, or that the thread died of a bug; the
        // latter must not look like the end of training.
        if next.is_none()
            && let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
        next
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Without a receiver the next send fails and the thread returns.
        self.steps = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn read_ahead(
    shards: &ShardSet,
    order: &Order,
    shares: &[Share],
    steps: std::ops::Range<usize>,
    sender: &SyncSender<Result<StepRows, Error>>,
) {
    for step in steps {
        let rows = step_rows(shards, order, shares, step);
        let failed = rows.is_err();
        if sender.send(rows).is_err() || failed {
            return;
        }
    }
}

/// What `shares` train on in `step`.
pub fn step_rows(
    shards: &ShardSet,
    order: &Order,
    shares: &[Share],
    step: usize,
) -> Result<StepRows, Error> {
    dealt(shards, order.rows(step), shares, step)
}

/// What `shares` train on in a step of these `rows`.
pub fn dealt(
    shards: &ShardSet,
    rows: Vec<usize>,
    shares: &[Share],
    step: usize,
) -> Result<StepRows, Error> {
    let lengths = shards.lengths();
    let parts = shares
        .iter()
        .map(|share| groups(shards, &rows, &places(&rows, *share, lengths)))
        .collect::<Result<_, _>>()?;
    let sum = |of: fn(&crate::shard::Length) -> u32| -> u64 {
        rows.iter().map(|row| u64::from(of(&lengths[*row]))).sum()
    };
    Ok(StepRows {
        step,
        parts,
        supervised: sum(|length| length.supervised),
        tokens: sum(|length| length.prefix + length.suffix),
        rows,
    })
}

/// The rows in these `slots` of a step, neighbours of one group together.
pub fn groups(shards: &ShardSet, rows: &[usize], slots: &[usize]) -> Result<Vec<Group>, Error> {
    let mine: Vec<usize> = slots.iter().map(|slot| rows[*slot]).collect();
    let mut groups = Vec::new();
    for places in rows_by_group(&mine, shards.lengths()) {
        let mut group = Group::default();
        for (row, slot) in mine[places.clone()].iter().zip(&slots[places]) {
            let sample = shards.sample(*row)?;
            group.prefix = sample.prefix_ids;
            let supervised_from = sample.supervised_from as usize;
            let ids = sample.suffix_ids;
            group.suffixes.push(Suffix { row: *row, slot: *slot, ids, supervised_from });
        }
        groups.push(group);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::order::Mixture;
    use crate::shard::tests::{samples, write};

    fn shards() -> (tempfile::TempDir, Arc<ShardSet>) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &samples());
        let shards = Arc::new(ShardSet::open(dir.path()).unwrap());
        (dir, shards)
    }

    fn order(shards: &ShardSet) -> Order {
        Order::new(5, shards.rows(), &Mixture::default(), 32).unwrap()
    }

    fn load(shards: &Arc<ShardSet>, share: Share, first: usize, last: usize) -> Vec<StepRows> {
        let loader = Loader::new(shards.clone(), order(shards), vec![share], first, last);
        loader.map(Result::unwrap).collect()
    }

    #[test]
    fn a_loader_that_starts_later_goes_on_alike() {
        let (_dir, shards) = shards();
        let all = load(&shards, Share::ALL, 0, 20);
        assert_eq!(all.len(), 20);
        assert_eq!(load(&shards, Share::ALL, 13, 20), all[13..]);
        assert_eq!(load(&shards, Share::ALL, 20, 20), []);
    }

    #[test]
    fn shares_agree_on_the_step_and_divide_its_rows() {
        let (_dir, shards) = shards();
        let whole = load(&shards, Share::ALL, 3, 4).remove(0);
        let rows = |step: &StepRows| -> Vec<usize> {
            let suffixes = step.parts.iter().flatten().flat_map(|group| &group.suffixes);
            suffixes.map(|suffix| suffix.row).collect()
        };
        let mut together = Vec::new();
        let mut supervised = 0;
        for index in 0..3 {
            let part = load(&shards, Share { index, count: 3 }, 3, 4).remove(0);
            assert_eq!(
                (&part.rows, part.supervised, part.tokens),
                (&whole.rows, whole.supervised, whole.tokens)
            );
            let suffixes = part.parts[0].iter().flat_map(|group| &group.suffixes);
            assert!(suffixes.clone().all(|suffix| whole.rows[suffix.slot] == suffix.row));
            supervised += part.parts[0].iter().map(Group::supervised).sum::<usize>();
            together.extend(rows(&part));
        }
        let mut expected = rows(&whole);
        expected.sort_unstable();
        together.sort_unstable();
        assert_eq!(together, expected);
        assert_eq!(supervised as u64, whole.supervised);
        for group in &whole.parts[0] {
            for suffix in &group.suffixes {
                let sample = shards.sample(suffix.row).unwrap();
                assert_eq!((&sample.prefix_ids, &sample.suffix_ids), (&group.prefix, &suffix.ids));
            }
        }
    }

    #[test]
    fn dropping_a_loader_ends_its_thread() {
        let (_dir, shards) = shards();
        let all = vec![Share::ALL];
        let mut loader = Loader::new(shards.clone(), order(&shards), all, 0, usize::MAX);
        assert_eq!(loader.next().unwrap().unwrap().step, 0);
        drop(loader);
        // The thread held a clone.
        assert_eq!(Arc::strong_count(&shards), 1);
    }

    #[test]
    fn a_shard_that_is_lost_during_training_is_an_error_and_ends_the_steps() {
        let (dir, shards) = shards();
        for number in 0..3 {
            std::fs::remove_file(dir.path().join(format!("shard-{number:05}.parquet"))).unwrap();
        }
        let mut loader = Loader::new(shards.clone(), order(&shards), vec![Share::ALL], 0, 9);
        let error = loader.next().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("failed to read `"), "{error}");
        assert!(loader.next().is_none());
    }
}
