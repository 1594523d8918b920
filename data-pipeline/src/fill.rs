//! How full the batches of a phase really are.
//!
//! Nothing is estimated: the rows of steps are laid out as training lays them out, with their
//! lengths in place of their ids.

use crate::batch::{Batch, Group, Piece, Suffix};
use crate::order::{Order, Share, rows_by_group, split};
use crate::shard::Length;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is computed in some steps, counted in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Steps that were looked at.
    pub steps: usize,
    /// Batches that their rows became.
    pub batches: usize,
    /// Tokens of prefixes and suffixes that the rows have, each group's prefix once in a step.
    pub tokens: u64,
    /// Tokens that are computed: also prefixes of groups that were divided, and padding.
    pub computed: u64,
    /// Tokens that so many batches could hold.
    pub budget: u64,
    /// The same without the last batch of each step, which holds what is left.
    pub budget_before_last: u64,
    /// Tokens in the batches before the last.
    pub computed_before_last: u64,
    /// Places that attention is computed over, padding included.
    pub places: u64,
}

impl Fill {
    /// What `share` computes in `steps` if batches hold up to `micro_tokens`. `lengths` are those of
    /// all rows of the shard set.
    pub fn of(
        lengths: &[Length],
        order: &Order,
        share: Share,
        steps: Range<usize>,
        micro_tokens: usize,
    ) -> Self {
        let mut fill = Self::default();
        for step in steps {
            let groups = groups(lengths, order, share, step);
            fill.steps += 1;
            for group in &groups {
                let suffixes = group.suffixes.iter().map(|suffix| suffix.ids.len());
                fill.tokens += (group.prefix.len() + suffixes.sum::<usize>()) as u64;
            }
            fill.add(&Batch::pack(groups, micro_tokens), micro_tokens);
        }
        fill
    }

    /// Counts the batches of a step.
    fn add(&mut self, batches: &[Batch], micro_tokens: usize) {
        let least = batches.iter().map(|batch| batch.ids.len()).min().unwrap_or(0);
        for batch in batches {
            debug_assert_eq!(
                batch.ids.len(),
                batch.pieces.iter().map(Piece::tokens).sum::<usize>()
            );
            self.computed += batch.ids.len() as u64;
            self.places += batch.places() as u64;
            // A sample that is longer than a batch makes one of its own size.
            self.budget += batch.ids.len().max(micro_tokens) as u64;
            self.computed_before_last += batch.ids.len() as u64;
            self.budget_before_last += batch.ids.len().max(micro_tokens) as u64;
        }
        self.batches += batches.len();
        if !batches.is_empty() {
            self.computed_before_last -= least as u64;
            self.budget_before_last -= least.max(micro_tokens) as u64;
        }
    }

    /// Tokens of rows per token computed: what padding and divided groups leave.
    pub fn real(&self) -> f64 {
        ratio(self.tokens, self.computed)
    }

    /// How full batches are, the last of each step apart; 1 where every step is one batch.
    pub fn of_budget(&self) -> f64 {
        ratio(self.computed_before_last, self.budget_before_last)
    }

    /// Tokens per place that attention is computed over.
    pub fn of_places(&self) -> f64 {
        ratio(self.computed, self.places)
    }
}

/// The batches of `share` in `step`, with zeros for ids: as long as those that will be computed.
pub fn batches(
    lengths: &[Length],
    order: &Order,
    share: Share,
    step: usize,
    micro_tokens: usize,
) -> Vec<Batch> {
    Batch::pack(groups(lengths, order, share, step), micro_tokens)
}

fn groups(lengths: &[Length], order: &Order, share: Share, step: usize) -> Vec<Group> {
    let rows = split(&order.rows(step), share, lengths);
    let groups = rows_by_group(&rows, lengths).into_iter();
    groups.map(|places| group(&rows[places], lengths)).collect()
}

/// A group of these rows, with zeros for ids.
fn group(rows: &[usize], lengths: &[Length]) -> Group {
    let prefix = rows.first().map_or(0, |row| lengths[*row].prefix as usize);
    let suffix = |row: &usize| {
        let (length, supervised) = (lengths[*row].suffix, lengths[*row].supervised);
        let supervised_from = length.saturating_sub(supervised) as usize;
        Suffix { row: *row, slot: *row, ids: vec![0; length as usize], supervised_from }
    };
    Group { prefix: vec![0; prefix], suffixes: rows.iter().map(suffix).collect() }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::order::{Groups, Mixture, Rows};
    use crate::shard::RowSource;

    /// Groups of up to eight rows of unlike lengths, as mixed corpora have them.
    fn mixed(count: usize) -> (Vec<Length>, Vec<Groups>) {
        let mut lengths = Vec::new();
        let mut runs = Vec::new();
        for group in 0..count as u32 {
            let first = lengths.len();
            for row in 0..1 + group % 8 {
                let suffix = 30 + (group * 37 + row * 53) % 240;
                lengths.push(Length {
                    prefix: 10 + group * 7 % 90,
                    suffix,
                    supervised: 9,
                    group,
                    source: 0,
                });
            }
            runs.push(first..lengths.len());
        }
        (lengths, vec![Groups { dataset: "d".to_owned(), runs }])
    }

    fn order(lengths: &[Length], groups: &[Groups], samples: usize) -> Order {
        let [dataset, language, task] = ["d", "en", "ner"].map(str::to_owned);
        let sources = &[RowSource { dataset, language, task }];
        Order::new(3, Rows { groups, lengths, sources }, &Mixture::default(), samples).unwrap()
    }

    #[test]
    fn a_mixed_corpus_fills_its_batches() {
        let (lengths, groups) = mixed(800);
        let order = order(&lengths, &groups, 512);
        for micro_tokens in [8192, 16384] {
            let fill = Fill::of(&lengths, &order, Share::ALL, 0..6, micro_tokens);
            assert_eq!((fill.steps, fill.tokens), (6, fill.computed));
            assert!(fill.batches >= 6, "{fill:?}");
            // What the project promises of the budget.
            assert!(fill.real() >= 0.99 && fill.of_budget() >= 0.99, "{fill:?}");
            // Lengths from 30 to 269 in one group: the longest is what attention pads to.
            assert!(fill.of_places() > 0.3, "{fill:?}");
        }
    }

    #[test]
    fn a_divided_group_computes_its_prefix_again() {
        let length = Length { prefix: 50, suffix: 40, supervised: 9, group: 0, source: 0 };
        let runs = std::iter::once(0..4).collect();
        let groups = [Groups { dataset: "d".to_owned(), runs }];
        let order = order(&[length; 4], &groups, 4);
        let fill = Fill::of(&[length; 4], &order, Share::ALL, 0..1, 130);
        assert_eq!((fill.batches, fill.tokens, fill.computed, fill.budget), (2, 210, 260, 260));
        assert_eq!(fill.real(), 210.0 / 260.0);
        assert_eq!(fill.of_budget(), 1.0);
    }
}
