//! What a rank does for a checkpoint; how one is written is [`checkpoint`](crate::checkpoint)'s.

use super::{Progress, Rank};
use crate::Error;
use crate::checkpoint::{CheckpointInfo, Learner, Position, Saved, Snapshot};
use crate::recipe::Phase;
use crate::whereabouts::{self, CHECKPOINT};
use data_pipeline::manifest::Manifest;
use data_pipeline::prompt::template_fingerprint;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

impl Rank<'_> {
    /// What a checkpoint at `position` says of itself.
    pub(super) fn info(
        &self,
        learner: &Learner,
        phase: &Phase,
        position: Position,
        phase_done: bool,
    ) -> Result<CheckpointInfo, Error> {
        let folder = self.run_dir.prepared(position.phase, &phase.name);
        let manifest = Manifest::load(&folder)?;
        Ok(CheckpointInfo {
            position,
            phase: phase.name.clone(),
            phase_done,
            optimizer_steps: learner.guard.applied(position.step),
            lora: learner.lora.clone(),
            guard: learner.guard.clone(),
            prompt: phase.prompt.clone(),
            template: template_fingerprint(&phase.prompt),
            tokenizer: self.tokenizer.fingerprint(),
            sources: manifest.origin.sources.clone(),
            origin: Some(manifest.origin.clone()),
            shards: manifest.fingerprint.clone(),
            files: BTreeMap::new(),
            seal: String::new(),
        })
    }

    /// What this rank writes of a checkpoint, copied; the one before is complete.
    pub(super) fn snapshot(
        &mut self,
        learner: &Learner,
        phase: &Phase,
        position: Position,
        phase_done: bool,
    ) -> Result<Option<Snapshot>, Error> {
        whereabouts::own().at(CHECKPOINT);
        let info = self.info(learner, phase, position, phase_done)?;
        if self.drills.full_disk.swap(false, Ordering::Relaxed) {
            self.saver.fill_disk();
        }
        self.board.flush();
        let (before, snapshot) = self.saver.snapshot(learner, info)?;
        self.saved(before)?;
        // Whoever asked until now has been heard: what they wanted is in this copy.
        self.save.store(false, Ordering::Relaxed);
        self.wishes.heard();
        Ok(snapshot)
    }

    /// Waits for the checkpoint that is being written.
    pub(super) fn complete(&mut self) -> Result<(), Error> {
        if self.saver.is_writing() {
            whereabouts::own().at(CHECKPOINT);
        }
        let saved = self.saver.finish()?;
        self.saved(saved)
    }

    pub(super) fn saved(&mut self, saved: Option<Saved>) -> Result<(), Error> {
        let Some(Saved { directory, .. }) = saved else { return Ok(()) };
        (self.report)(Progress::Checkpoint(directory));
        self.wishes.fulfilled()
    }
}
