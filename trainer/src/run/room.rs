//! What a phase holds: its largest micro-batch first, and in the end what was measured.

use super::{Progress, Rank};
use crate::Error;
use crate::memory::{self, PhasePlan, Rehearsal};
use crate::recipe::Phase;
use data_pipeline::order::Order;
use data_pipeline::shard::ShardSet;
use model::Decoder;
use std::ops::Range;

impl Rank<'_> {
    /// Computes the largest micro-batch of what is left of a phase, and forgets it.
    pub(super) fn rehearse(
        &self,
        decoder: &Decoder,
        phase: &Phase,
        (shards, order): (&ShardSet, &Order),
        steps: Range<usize>,
    ) -> Result<(), Error> {
        // What the phase before held and nobody needs any more is no part of what this one holds.
        self.device.memory_cleanup();
        memory::forget();
        if !self.recipe.memory.worst_first {
            return Ok(());
        }
        let shares = match self.recipe.run.exact_shards {
            0 => self.collective.world(),
            count => count,
        };
        let to_come = self.memory.of(&phase.name).map_or(0, PhasePlan::to_come);
        Rehearsal { decoder, phase, shards, order, shares, to_come }.run(steps)?;
        Ok(())
    }

    /// What the phase held, beside what was planned.
    pub(super) fn note_memory(&mut self, phase: &Phase) -> Result<(), Error> {
        let measured = memory::of_all(memory::peak(&self.device), self.collective)?;
        if self.collective.rank() == 0
            && let Some(predicted) = self.memory.note(&phase.name, measured)
        {
            self.run_dir.fence().check(&self.run_dir.memory())?;
            self.memory.save(&self.run_dir.memory())?;
            let phase = phase.name.clone();
            (self.report)(Progress::Memory { phase, predicted, measured });
        }
        Ok(())
    }
}
