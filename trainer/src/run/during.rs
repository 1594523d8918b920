//! Where a phase is looked at while it trains, and ended early.

use super::{Progress, Rank};
use crate::Error;
use crate::checkpoint::{self, Learner, Position};
use crate::during::{During, EarlyStop, Verdict};
use crate::evaluate::Evaluation;
use crate::network;
use crate::recipe::Phase;
use crate::whereabouts::{self, EVALUATION};

impl Rank<'_> {
    /// F1 at this step, where it is due and not there yet, and what follows from it.
    pub(super) fn look(
        &mut self,
        during: &mut During,
        learner: &Learner,
        position: Position,
        steps: usize,
    ) -> Result<Verdict, Error> {
        let step = position.step;
        if !during.is_due(step) {
            return Ok(Verdict::GoOn);
        }
        if !during.has(step) {
            let prompt = self.recipe.evaluation_prompt();
            let evaluation = Evaluation::of_run(
                self.recipe,
                self.run_dir,
                self.data_root,
                &self.tokenizer,
                &prompt,
            );
            let report = &mut *self.report;
            whereabouts::own().at(EVALUATION);
            // Its lines decide which checkpoints stay.
            self.run_dir.fence().check(&self.run_dir.evaluations())?;
            let mut tell = |label: &str, done, total| {
                whereabouts::own().answering(label);
                report(Progress::Evaluation { label: label.to_owned(), done, total });
            };
            let (decoder, collective) = (&learner.decoder, &mut *self.collective);
            let found =
                during.evaluate(step, decoder, &evaluation, collective, self.stop, &mut tell)?;
            let Some(found) = found else { return Ok(Verdict::Stopped) };
            (self.report)(Progress::Evaluated(found));
        }
        // At its last step a phase ends in any case.
        Ok(if step == steps { Verdict::GoOn } else { during.verdict() })
    }

    /// Ends a phase before its last step, with the best weights that there are.
    pub(super) fn end_early(
        &mut self,
        learner: &mut Learner,
        during: &During,
        phase: &Phase,
        position: Position,
    ) -> Result<(), Error> {
        // A checkpoint that is still being written may be the best one.
        self.complete()?;
        let history = during.history();
        let weights = match self.recipe.checkpoint.keep_best {
            0 => position.step,
            _ => self.take_best(learner, &history, phase, position)?,
        };
        let snapshot = self.snapshot(learner, phase, position, true)?;
        self.saver.begin(snapshot);
        self.complete()?;
        let better = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0));
        if let Some((best, f1)) = history.into_iter().max_by(better) {
            let (phase, step) = (phase.name.clone(), position.step);
            (self.report)(Progress::EarlyStop(EarlyStop { phase, step, best, f1, weights }));
        }
        Ok(())
    }

    /// Takes the weights of the best step in `history` whose checkpoint is complete, or leaves the present
    /// ones; returns their step.
    fn take_best(
        &mut self,
        learner: &mut Learner,
        history: &[(usize, f64)],
        phase: &Phase,
        position: Position,
    ) -> Result<usize, Error> {
        let mut ranked = history.to_vec();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let checkpoints = self.run_dir.checkpoints();
        let directory = |step: usize| checkpoints.join(format!("{}-{step:06}", phase.name));
        let is_there = |step: usize| {
            let of_step = Position { step, ..position };
            checkpoint::open(&directory(step)).is_ok_and(|info| info.position == of_step)
        };
        // One rank looks, so that all go back to the same.
        let mut chosen = Vec::new();
        if self.collective.rank() == 0 {
            let steps = ranked.into_iter().map(|(step, _)| step);
            let best = steps.take_while(|step| *step != position.step).find(|step| is_there(*step));
            chosen = best.unwrap_or(position.step).to_le_bytes().to_vec();
        }
        self.collective.broadcast(&mut chosen, 0)?;
        let step = chosen.try_into().map_or(position.step, usize::from_le_bytes);
        if step != position.step {
            let directory = directory(step);
            let info = checkpoint::open(&directory)?;
            let best = checkpoint::load(&directory, &info, &self.device)?;
            (learner.decoder, learner.lora) = (best.decoder, best.lora);
            learner.decoder.convert(network::dtype(self.recipe, &self.device)?);
            network::set_trained(&mut learner.decoder, phase)?;
        }
        Ok(step)
    }
}
