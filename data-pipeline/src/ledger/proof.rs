//! Whether a ledger is what the order and the shards say.
//!
//! The order is computed anew from the recipe's seed; nothing but the ledger itself is taken from the run.

use super::{Entry, LedgerRow, Stitched, sample_hash};
use crate::order::{Order, SourceShare};
use crate::shard::{RowSource, ShardSet};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// So many problems are described; the rest is counted.
const DESCRIBED: usize = 20;

/// What is known of the ledger of one phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Proof {
    /// Files that it is in.
    pub segments: usize,
    /// Steps that it has, from the first on.
    pub steps: usize,
    /// Rows of these steps.
    pub rows: usize,
    /// What is not as it should be: the first few, as sentences.
    pub problems: Vec<String>,
    /// How many there are.
    pub problem_count: usize,
    /// How often rows were seen.
    pub epochs: Vec<EpochSeen>,
    /// What rows were of.
    pub sources: Vec<SourceSeen>,
    /// Steps that a guard left out, from 1: computed, and nothing changed by them.
    pub left_out: Vec<usize>,
}

/// How the rows of an epoch were seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EpochSeen {
    /// Counted from 1.
    pub epoch: usize,
    /// Rows that it has, each as often as the mixture takes it.
    pub rows: usize,
    /// Rows that were trained on.
    pub seen: usize,
    /// Rows that should have been and were not.
    pub skipped: usize,
    /// Rows that were trained on more often than they should.
    pub again: usize,
}

/// What was seen of one dataset, language and task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceSeen {
    /// Which.
    #[serde(flatten)]
    pub source: RowSource,
    /// Its share as the mixture wants it.
    pub wanted: f64,
    /// Its share of the rows that were trained on.
    pub realised: f64,
    /// Rows that were trained on.
    pub rows: usize,
    /// How often the rarest of its rows was.
    pub least: usize,
    /// How often the most frequent one was.
    pub most: usize,
}

/// Holds the ledger in the directory `dir` against the `order` of `shards`.
///
/// The phase has `steps` steps, and there is a checkpoint behind the first `reached` of them: so far the
/// ledger must go.
pub fn prove(dir: &Path, shards: &ShardSet, order: &Order, steps: usize, reached: usize) -> Proof {
    let mut prover = Prover {
        shards,
        order,
        proof: Proof::default(),
        seen: vec![0; shards.len()],
        claims: BTreeMap::new(),
        epoch: None,
    };
    match Stitched::open(dir) {
        Ok(ledger) => prover.ledger(&ledger),
        Err(error) => prover.problem(error.to_string()),
    }
    prover.hold_claims();
    prover.end(steps, reached)
}

/// What has been looked at.
struct Prover<'a> {
    shards: &'a ShardSet,
    order: &'a Order,
    proof: Proof,
    /// How often each row was trained on.
    seen: Vec<usize>,
    /// What each row hashed to, and where it was first.
    claims: BTreeMap<usize, Claim>,
    epoch: Option<Epoch>,
}

struct Claim {
    sample: u64,
    step: usize,
    slot: usize,
}

/// The epoch that is gone through: how often each row should come, and came.
struct Epoch {
    number: usize,
    rows: BTreeMap<usize, [usize; 2]>,
}

impl Prover<'_> {
    fn problem(&mut self, what: String) {
        self.proof.problem_count += 1;
        if self.proof.problems.len() < DESCRIBED {
            self.proof.problems.push(what);
        }
    }

    fn ledger(&mut self, ledger: &Stitched) {
        self.proof.segments = ledger.segments();
        for (step, entries) in ledger.by_step().enumerate() {
            match entries {
                Ok(entries) if entries.iter().all(|entry| entry.row.step == step) => {
                    self.step(step, &entries);
                }
                Ok(_) => return self.problem(format!("step {} is missing", step + 1)),
                Err(error) => return self.problem(error.to_string()),
            }
        }
    }

    fn step(&mut self, step: usize, entries: &[Entry]) {
        let samples = self.order.samples();
        let mut by_slot: Vec<Option<&Entry>> = vec![None; samples];
        for entry in entries {
            let slot = entry.row.slot;
            let place = at(step, slot);
            match by_slot.get_mut(slot) {
                Some(empty @ None) => *empty = Some(entry),
                Some(Some(_)) => self.problem(format!("{place} is there twice")),
                None => self.problem(format!("{place} is beyond the {samples} rows of a step")),
            }
        }
        let mut slot = 0;
        for (epoch, rows) in self.order.rows_by_epoch(step) {
            self.begin(epoch);
            for expected in rows {
                self.slot((step, slot), expected, by_slot[slot]);
                slot += 1;
            }
        }
        self.proof.steps = step + 1;
        let left_out = entries.iter().filter(|entry| !entry.row.applied).count();
        if left_out == entries.len() {
            self.proof.left_out.push(step + 1);
        } else if left_out > 0 {
            let all = entries.len();
            let step = step + 1;
            self.problem(format!("step {step} is left out for {left_out} of its {all} rows only"));
        }
    }

    /// A place of a step, which should hold the row `expected`.
    fn slot(&mut self, (step, slot): (usize, usize), expected: usize, entry: Option<&Entry>) {
        let place = at(step, slot);
        self.count(expected, 0);
        let Some(Entry { row: found, source }) = entry else {
            return self.problem(format!("{place} is missing"));
        };
        let LedgerRow { row, sample, tokens, loss, applied, .. } = *found;
        let rows = self.shards.len();
        if row >= rows {
            return self.problem(format!("{place}: row {row} of shards that have {rows}"));
        }
        self.proof.rows += 1;
        self.seen[row] += 1;
        self.count(row, 1);
        if row != expected {
            self.problem(format!("{place}: row {row} was trained on instead of row {expected}"));
        }
        let length = self.shards.lengths()[row];
        if tokens != length.supervised {
            let there = length.supervised;
            self.problem(format!(
                "{place}: row {row} had {tokens} tokens with a loss, {there} in its shard"
            ));
        }
        let there = &self.shards.sources()[length.source as usize];
        if **source != *there {
            let [said, there] = [source, there].map(name);
            self.problem(format!("{place}: row {row} is said to be of {said}, it is of {there}"));
        }
        if applied && !loss.is_finite() {
            self.problem(format!("{place}: a loss of {loss} changed the weights"));
        }
        match self.claims.get(&row) {
            None => {
                self.claims.insert(row, Claim { sample, step, slot });
            }
            Some(claim) if claim.sample != sample => {
                let first = at(claim.step, claim.slot);
                let before = claim.sample;
                self.problem(format!(
                    "{place}: row {row} hashed to {sample:016x}, and to {before:016x} in {first}"
                ));
            }
            Some(_) => {}
        }
    }

    /// Every row that was trained on, once and in the order in which shards are read fastest.
    fn hold_claims(&mut self) {
        for (row, Claim { sample, step, slot }) in std::mem::take(&mut self.claims) {
            let there = match self.shards.sample(row) {
                Ok(there) => there,
                Err(error) => return self.problem(error.to_string()),
            };
            let from = there.supervised_from as usize;
            let hash = sample_hash(&there.prefix_ids, &there.suffix_ids, from);
            if hash != sample {
                let place = at(step, slot);
                let id = there.sample_id;
                self.problem(format!(
                    "{place}: row {row} (`{id}`) hashed to {sample:016x}, to {hash:016x} in its shard"
                ));
            }
        }
    }

    /// Goes on to an epoch.
    fn begin(&mut self, number: usize) {
        if self.epoch.as_ref().is_none_or(|epoch| epoch.number != number) {
            self.finish_epoch();
            self.epoch = Some(Epoch { number, rows: BTreeMap::new() });
        }
    }

    fn count(&mut self, row: usize, which: usize) {
        if let Some(epoch) = &mut self.epoch {
            epoch.rows.entry(row).or_default()[which] += 1;
        }
    }

    fn finish_epoch(&mut self) {
        let Some(Epoch { number, rows }) = self.epoch.take() else { return };
        let sum = |of: fn(&[usize; 2]) -> usize| rows.values().map(of).sum::<usize>();
        let (expected, seen) = (sum(|[expected, _]| *expected), sum(|[_, seen]| *seen));
        let all = self.order.epoch_rows(number);
        self.proof.epochs.push(EpochSeen {
            epoch: number + 1,
            rows: all,
            seen,
            skipped: sum(|[expected, seen]| expected.saturating_sub(*seen)),
            again: sum(|[expected, seen]| seen.saturating_sub(*expected)),
        });
        // Not taken from the order: without a mixture a whole epoch is every row of the shards once.
        let once = rows.len() == self.shards.len() && rows.values().all(|row| row[0] == 1);
        if expected == all && !self.order.is_mixed() && !once {
            let epoch = number + 1;
            self.problem(format!(
                "epoch {epoch} of the order has not every row of the shards once"
            ));
        }
    }

    fn end(mut self, steps: usize, reached: usize) -> Proof {
        self.finish_epoch();
        let found = self.proof.steps;
        if found > steps {
            self.problem(format!("the ledger has {found} steps, its phase has {steps}"));
        }
        // What stopped the reading has been said.
        if found < reached && self.proof.problem_count == 0 {
            self.problem(format!(
                "the ledger ends at step {found}, but there is a checkpoint of step {reached}: its last segments were removed"
            ));
        }
        let mut by_source: Vec<Vec<usize>> = vec![Vec::new(); self.shards.sources().len()];
        for (length, seen) in self.shards.lengths().iter().zip(&self.seen) {
            by_source[length.source as usize].push(*seen);
        }
        let counts: Vec<usize> = by_source.iter().map(|seen| seen.iter().sum()).collect();
        let shares = self.order.shares_of(&counts);
        let source = |((share, rows), seen): ((SourceShare, &usize), &Vec<usize>)| SourceSeen {
            source: share.source,
            wanted: share.wanted,
            realised: share.realised,
            rows: *rows,
            least: seen.iter().min().copied().unwrap_or(0),
            most: seen.iter().max().copied().unwrap_or(0),
        };
        self.proof.sources = shares.into_iter().zip(&counts).zip(&by_source).map(source).collect();
        self.proof
    }
}

/// A place as people count.
fn at(step: usize, slot: usize) -> String {
    format!("step {}, slot {slot}", step + 1)
}

fn name(source: &RowSource) -> String {
    format!("{}/{}/{}", source.dataset, source.language, source.task)
}

#[cfg(test)]
mod tests;
