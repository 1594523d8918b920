//! What a rank, then the world, has computed in a step.

use super::{Asked, SlotLoss};
use crate::Error;
use crate::collective::{Collective, CollectiveError};

/// What a rank has seen of a sample.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) times: u32,
    pub(super) sample: u64,
    pub(super) tokens: u32,
    pub(super) loss: f64,
}

/// What a rank, then the world, has computed.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) slots: Vec<Seen>,
    pub(super) computed: u64,
    pub(super) padded: u64,
    pub(super) pairs: u64,
}

/// Values of a [`Seen`] in a buffer.
const WIDTH: usize = 6;

impl Tally {
    /// Makes the loss of a sample no number: one of this rank's, or where it has none the step's first.
    pub(super) fn spoil(&mut self) {
        let own = self.slots.iter().position(|slot| slot.times > 0 && slot.tokens > 0);
        if let Some(slot) = self.slots.get_mut(own.unwrap_or(0)) {
            slot.loss = f64::NAN;
        }
    }

    /// Adds up over the world; returns how many ranks are to stop, and to save. Every value is a whole number below
    /// 2²⁴ or comes from one rank alone, so that the sums are exact.
    pub(super) fn sum(
        &mut self,
        asked: Asked,
        collective: &mut dyn Collective,
    ) -> Result<[usize; 2], CollectiveError> {
        let low = |value: u64, place: u32| (value >> (21 * place) & 0x1f_ffff) as f32;
        let mut buffer = Vec::with_capacity(WIDTH * self.slots.len() + 8);
        for Seen { times, sample, tokens, loss } in &self.slots {
            let hash = [low(*sample, 0), low(*sample, 1), low(*sample, 2)];
            buffer.extend([*times as f32, *tokens as f32, *loss as f32]);
            buffer.extend(hash);
        }
        for count in [self.computed, self.padded, self.pairs] {
            buffer.extend([low(count, 0), low(count, 1)]);
        }
        buffer.extend([asked.stop, asked.save].map(|flag| f32::from(u8::from(flag))));
        collective.all_reduce(&mut buffer)?;
        let whole = |values: &[f32]| {
            values.iter().rev().fold(0, |sum, part| (sum << 21) + part.round() as u64)
        };
        for (slot, values) in self.slots.iter_mut().zip(buffer.chunks_exact(WIDTH)) {
            *slot = Seen {
                times: values[0].round() as u32,
                tokens: values[1].round() as u32,
                loss: f64::from(values[2]),
                sample: whole(&values[3..]),
            };
        }
        let rest = &buffer[WIDTH * self.slots.len()..];
        (self.computed, self.padded) = (whole(&rest[..2]), whole(&rest[2..4]));
        self.pairs = whole(&rest[4..6]);
        Ok([rest[6], rest[7]].map(|ranks| ranks.round() as usize))
    }

    /// Every sample exactly once, or an error.
    pub(super) fn slots(&self) -> Result<Vec<SlotLoss>, Error> {
        if let Some(slot) = self.slots.iter().position(|slot| slot.times != 1) {
            return Err(Error::Uncovered { slot, times: self.slots[slot].times });
        }
        let slot = |seen: &Seen| SlotLoss {
            sample: seen.sample,
            tokens: seen.tokens,
            loss: seen.loss as f32,
        };
        Ok(self.slots.iter().map(slot).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::collective::Threads;
    use std::time::Duration;

    /// The losses that each rank of two finds, of slots that rank 0 and 1 compute in turn.
    fn losses(spoiled: usize, computed: usize) -> Vec<Vec<f32>> {
        let ranks = Threads::world_of(2, Duration::from_secs(60));
        std::thread::scope(|scope| {
            let ranks: Vec<_> = ranks
                .into_iter()
                .map(|mut collective| {
                    scope.spawn(move || {
                        let rank = collective.rank();
                        let seen = |slot: usize| match slot % 2 == rank && slot < computed {
                            true => Seen { times: 1, sample: 9, tokens: 2, loss: 3.0 },
                            false => Seen::default(),
                        };
                        let slots = (0..4).map(seen).collect();
                        let mut tally = Tally { slots, ..Tally::default() };
                        if rank == spoiled {
                            tally.spoil();
                        }
                        tally.sum(Asked::default(), &mut collective).unwrap();
                        tally.slots.iter().map(|slot| slot.loss as f32).collect::<Vec<f32>>()
                    })
                })
                .collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn a_spoiled_loss_is_every_ranks() {
        // Rank 1 computes the second slot and the last one.
        for found in losses(1, 4) {
            assert!(found[1].is_nan(), "{found:?}");
            assert!([0, 2, 3].iter().all(|slot| found[*slot] == 3.0), "{found:?}");
        }
        // A rank without a sample spoils the first one of the step.
        for found in losses(1, 1) {
            assert!(found[0].is_nan(), "{found:?}");
        }
        for found in losses(2, 4) {
            assert!(found.iter().all(|loss| *loss == 3.0), "{found:?}");
        }
    }
}
