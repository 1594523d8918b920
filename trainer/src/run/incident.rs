//! What a rank does when a step went wrong, and when the run goes back.

use super::{Progress, Rank};
use crate::Error;
use crate::checkpoint::{self, CheckpointInfo, Learner, Position};
use crate::guard::{self, Course, Incident, Surroundings, Trouble};
use crate::recipe::Phase;
use crate::step::Found;
use data_pipeline::shard::ShardSet;

/// A step that went wrong.
pub(super) struct Wrong<'a> {
    /// The step, from 0.
    pub step: usize,
    /// Where its rows are.
    pub shards: &'a ShardSet,
    /// Its rows, by slot.
    pub rows: &'a [usize],
    /// What was found in it.
    pub found: &'a Found,
}

impl Rank<'_> {
    /// Keeps a step that went wrong; returns where the run goes on, if it does.
    pub(super) fn incident(
        &mut self,
        learner: &Learner,
        phase: &Phase,
        index: usize,
        wrong: Wrong<'_>,
        trouble: &Trouble,
    ) -> Result<Course, Error> {
        let checkpoints = self.run_dir.checkpoints();
        // What is being written becomes the newest.
        self.complete()?;
        // Every file of it is read; once is enough.
        let newest = match self.collective.rank() {
            0 => checkpoint::newest(&checkpoints, &mut |_, _| {})?,
            _ => None,
        };
        let name =
            |(_, info): (_, CheckpointInfo)| format!("{}-{:06}", info.phase, info.position.step);
        let around = Surroundings {
            phase: &phase.name,
            phase_index: index,
            step: wrong.step,
            policy: self.recipe.guard.policy,
            world: self.collective.world(),
            exact_shards: self.recipe.run.exact_shards,
            sharding: self.sharding,
            checkpoint: newest.map(name),
            shards: wrong.shards,
            rows: wrong.rows,
        };
        let incident = Incident::new(around, wrong.found, trouble)?;
        let event = self.run_dir.incident(&incident.name());
        let info = self.info(learner, phase, Position { phase: index, step: wrong.step }, false)?;
        incident.keep(&event, learner, info, &mut self.saver, self.collective)?;
        let (sentence, course) = (incident.sentence.clone(), incident.course);
        (self.report)(Progress::Incident(Box::new(incident), event.clone()));
        match course {
            Course::Skip => {}
            Course::Stop => {
                let (phase, step) = (phase.name.clone(), wrong.step + 1);
                return Err(Error::Diverged { phase, step, sentence, event });
            }
            Course::Rewind => {
                if self.collective.rank() == 0 {
                    let first = trouble.leave_out.first().copied().unwrap_or(wrong.step);
                    self.run_dir.fence().check(&self.run_dir.left_out())?;
                    // Before the marks: a run that is killed in between meets the incident again.
                    checkpoint::abandon(&checkpoints, Position { phase: index, step: first })?;
                    guard::mark(self.run_dir, &phase.name, wrong.step, &trouble.leave_out)?;
                }
                // All go back to the same checkpoint and leave out the same steps.
                self.collective.barrier()?;
            }
        }
        Ok(course)
    }

    /// The newest checkpoint whose weights are numbers; the guard has removed those of the course that
    /// the run has left.
    pub(super) fn go_back(&mut self) -> Result<(Learner, Position), Error> {
        loop {
            let (learner, position) = self.resume()?;
            if position.step == 0 || !guard::is_broken(&learner.decoder) {
                return Ok((learner, position));
            }
            // Broken earlier than it showed. All ranks have the same weights and see the same.
            if self.collective.rank() == 0 {
                self.run_dir.fence().check(&self.run_dir.checkpoints())?;
                let before = Position { step: position.step - 1, ..position };
                checkpoint::abandon(&self.run_dir.checkpoints(), before)?;
            }
            self.collective.barrier()?;
        }
    }
}
