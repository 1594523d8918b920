//! Where a rank goes on: the newest checkpoint that fits the recipe, the data and the other ranks.

use super::{Progress, Rank};
use crate::Error;
use crate::checkpoint::{self, CheckpointInfo, Learner, Position};
use crate::guard::GuardState;
use crate::network::{self, freeze_base};
use crate::optimizer::Optimizer;
use crate::step::Stepper;
use crate::whereabouts::{self, LOADING};
use data_pipeline::manifest::{Manifest, Origin, SourceOrigin};
use data_pipeline::prompt::template_fingerprint;
use std::path::{Path, PathBuf};

impl Rank<'_> {
    /// The newest checkpoint, or the base.
    pub(super) fn resume(&mut self) -> Result<(Learner, Position), Error> {
        whereabouts::own().at(LOADING);
        let mut skipped = Vec::new();
        let newest = checkpoint::newest(&self.run_dir.checkpoints(), &mut |_, why| {
            skipped.push(why.to_owned())
        })?;
        for why in skipped {
            (self.report)(Progress::Skipped(why));
        }
        self.agree(newest.as_ref())?;
        let Some((directory, info)) = newest else {
            let decoder = self.base()?;
            let (optimizer, guard) = (Optimizer::default(), GuardState::default());
            return Ok((Learner { decoder, optimizer, lora: None, guard }, Position::default()));
        };
        self.check_fits(&directory, &info)?;
        (self.report)(Progress::Resumed(info.phase.clone(), info.position.step));
        let mut learner = checkpoint::load(&directory, &info, &self.device)?;
        self.saver.resumed(&directory, &info)?;
        // Files hold f32, which bf16 weights come back from as they were.
        learner.decoder.convert(network::dtype(self.recipe, &self.device)?);
        self.restored = Some((directory, info.clone()));
        let position = if info.phase_done {
            Position { phase: info.position.phase + 1, step: 0 }
        } else {
            if learner.lora.is_some() {
                freeze_base(&mut learner.decoder);
            }
            info.position
        };
        Ok((learner, position))
    }

    /// Every rank goes on from the checkpoint of the first one, or none does.
    fn agree(&mut self, newest: Option<&(PathBuf, CheckpointInfo)>) -> Result<(), Error> {
        let own = newest.map_or("the base".to_owned(), |(_, info)| format!("`{}`", info.name()));
        let mut first = own.clone().into_bytes();
        self.collective.broadcast(&mut first, 0)?;
        let first = String::from_utf8_lossy(&first);
        if first == own {
            return Ok(());
        }
        Err(Error::Checkpoint {
            path: self.run_dir.checkpoints(),
            message: format!(
                "rank 0 goes on from {first}, rank {} from {own}; the run directory must be one folder that all ranks see alike",
                self.collective.rank()
            ),
        })
    }

    /// Law 7: a checkpoint of another template or vocabulary is refused.
    fn check_fits(&self, directory: &Path, info: &CheckpointInfo) -> Result<(), Error> {
        let wrong = |message: String| Error::Checkpoint { path: directory.to_owned(), message };
        let tokenizer = self.tokenizer.fingerprint();
        if info.tokenizer != tokenizer {
            return Err(wrong(format!(
                "was trained with tokenizer {}, this run has {tokenizer}",
                info.tokenizer
            )));
        }
        match self.recipe.phase.get(info.position.phase) {
            Some(phase) if phase.name == info.phase => {
                let template = template_fingerprint(&phase.prompt);
                if template != info.template {
                    return Err(wrong(format!(
                        "was trained with template {}, this recipe has {template}",
                        info.template
                    )));
                }
                let folder = self.run_dir.prepared(info.position.phase, &phase.name);
                let manifest = Manifest::load(&folder)?;
                if manifest.fingerprint != info.shards {
                    let changed = match &info.origin {
                        Some(origin) => changes(origin, &manifest.origin),
                        None => changed_source(&info.sources, &manifest.origin.sources),
                    };
                    return Err(wrong(format!(
                        "learned from other rows than there are now: {changed} changed since; give what they make another --run-dir, or bring them back"
                    )));
                }
                Ok(())
            }
            _ => Err(wrong(format!(
                "belongs to phase `{}`, which this recipe does not have there",
                info.phase
            ))),
        }
    }

    /// The optimizer's state of this rank's stretches, where the run goes on within a phase.
    pub(super) fn restore(
        &mut self,
        learner: &mut Learner,
        stepper: &Stepper,
        position: Position,
    ) -> Result<(), Error> {
        if let Some((directory, info)) = self.restored.take()
            && position.step > 0
        {
            let own = stepper.own(&learner.decoder);
            learner.optimizer = checkpoint::load_optimizer(&directory, &info, &own, &self.device)?;
        }
        Ok(())
    }
}

/// What decides the rows and is not what it was, with both values.
fn changes(before: &Origin, now: &Origin) -> String {
    match before.changes(now).as_slice() {
        [] => "the format of shards".to_owned(),
        changes => changes.join("; "),
    }
}

/// Which of the sources is not what it was.
fn changed_source(before: &[SourceOrigin], now: &[SourceOrigin]) -> String {
    let changed = now.iter().zip(before).find(|(now, before)| now != before);
    changed.map_or("the settings".to_owned(), |(now, before)| {
        let what = match now {
            _ if now.schema != before.schema => "schema",
            _ if now.bytes != before.bytes => "files",
            _ => "declaration",
        };
        format!("the {what} of `{}`", now.reference)
    })
}
