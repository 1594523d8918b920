//! One phase: step after step, until its last one, a stop, or an incident that it goes back from.

use super::facts::{self, Facts};
use super::incident::Wrong;
use super::{Progress, Rank, schedule, steps};
use crate::Error;
use crate::checkpoint::{Learner, Position, Snapshot};
use crate::during::{During, Verdict as Outlook};
use crate::guard::{self, Course, Guard, Verdict};
use crate::ledger::Ledger;
use crate::memory;
use crate::metrics::{Metrics, Parts, StepMetrics};
use crate::network;
use crate::recipe::Phase;
use crate::schedule::Schedule;
use crate::step::{Asked, Found, Objective, Stepper};
use crate::whereabouts::{self, COMPUTE, DATA, LOADING, REHEARSAL, UPDATE};
use data_pipeline::loader::{Loader, StepRows};
use data_pipeline::order::{Order, Share};
use data_pipeline::shard::ShardSet;
use model::memory::Network;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How a phase ended.
pub(super) enum Ended {
    Done,
    Stopped,
    /// It is to be gone on with from an earlier checkpoint.
    Rewound,
}

/// What the steps of a phase have in common.
struct Steps<'a> {
    phase: &'a Phase,
    /// The phase's number, from 0.
    index: usize,
    /// How many steps the phase has.
    count: usize,
    /// The step that the recipe pauses behind.
    pause: Option<usize>,
    shards: Arc<ShardSet>,
    /// The parts of each step's rows that this rank computes.
    shares: Vec<Share>,
    /// Counts operations.
    network: Network,
    schedule: Schedule,
    stepper: Stepper,
    guard: Guard<'a>,
    during: During,
    ledger: Ledger,
    /// The first rank's.
    metrics: Option<Metrics>,
    /// When the last step ended.
    clock: Instant,
}

impl<'a> Rank<'a> {
    /// Goes through a phase from `position`.
    pub(super) fn run_phase(
        &mut self,
        learner: &mut Learner,
        phase: &'a Phase,
        position: Position,
    ) -> Result<Ended, Error> {
        whereabouts::own().enter_phase(&phase.name);
        let (mut steps, loader) = self.open_phase(learner, phase, position)?;
        // What was cut off just before the checkpoint is made up for.
        match self.look(&mut steps.during, learner, position, steps.count)? {
            Outlook::Stopped => return Ok(Ended::Stopped),
            Outlook::Over => {
                self.end_early(learner, &steps.during, phase, position)?;
                return Ok(Ended::Done);
            }
            Outlook::GoOn => {}
        }
        if steps.pause.is_some_and(|step| position.step >= step) {
            return Ok(Ended::Stopped);
        }
        steps.clock = Instant::now();
        whereabouts::own().at_step(position.step + 1, DATA);
        for rows in loader {
            if let Some(ended) = self.one_step(learner, &mut steps, rows?)? {
                return Ok(ended);
            }
        }
        self.note_memory(phase)?;
        Ok(Ended::Done)
    }

    /// Opens what the phase's steps read and write.
    fn open_phase(
        &mut self,
        learner: &mut Learner,
        phase: &'a Phase,
        position: Position,
    ) -> Result<(Steps<'a>, Loader), Error> {
        let here = whereabouts::own();
        here.at_step(self.step, LOADING);
        let recipe = self.recipe;
        let shards = Arc::new(ShardSet::open(&self.run_dir.prepared(position.phase, &phase.name))?);
        let order =
            Order::new(recipe.run.seed, shards.rows(), &phase.mixture(), phase.batch.samples)?;
        let count = steps(phase, &order);
        let network = memory::network(recipe, position.phase, &learner.decoder.config, 1)?;
        network::set_trained(&mut learner.decoder, phase)?;
        here.at(REHEARSAL);
        self.rehearse(&learner.decoder, phase, (&shards, &order), position.step..count)?;
        here.at(LOADING);
        let (rank, world) = (self.collective.rank(), self.collective.world());
        let shares = facts::shares(recipe.run.exact_shards, rank, world);
        let loader = Loader::new(Arc::clone(&shards), order, shares.clone(), position.step, count);
        let stepper = Stepper::new(
            &learner.decoder,
            &phase.optimizer,
            self.sharding,
            recipe.run.exact_shards,
            self.collective,
        );
        self.restore(learner, &stepper, position)?;
        let metrics = self.metrics(position)?;
        // What is behind the position is removed here, and in the files of evaluations below.
        self.run_dir.fence().check(&self.run_dir.ledgers())?;
        let ledger = Ledger::open(self.run_dir, phase, position, rank, &shards)?;
        let guard = Guard::open(&recipe.guard, phase.loss_average, self.run_dir, &phase.name)?;
        self.board.begin(&phase.name, position.step);
        let path = self.run_dir.evaluations();
        let during = During::open(recipe, &path, position, count, self.collective)?;
        let steps = Steps {
            phase,
            index: position.phase,
            count,
            pause: recipe.checkpoint.pause_in(&phase.name, count),
            shards,
            shares,
            network,
            schedule: schedule(phase, count),
            stepper,
            guard,
            during,
            ledger,
            metrics,
            clock: Instant::now(),
        };
        Ok((steps, loader))
    }

    /// Gradients, a judgement of them, an update, and a checkpoint where one is due; `None`: on to the next
    /// step.
    fn one_step(
        &mut self,
        learner: &mut Learner,
        steps: &mut Steps<'_>,
        rows: StepRows,
    ) -> Result<Option<Ended>, Error> {
        let step = rows.step;
        let reached = Position { phase: steps.index, step: step + 1 };
        self.step = reached.step;
        let mut parts = Parts { data: steps.clock.elapsed().as_secs_f64(), ..Parts::default() };
        let facts = Facts::of(&rows, &steps.shards);
        let found = self.gradients(learner, steps, rows)?;
        let Some(applied) = self.judge(learner, steps, (step, &facts.rows), &found)? else {
            return Ok(Some(Ended::Rewound));
        };
        let updating = Instant::now();
        self.update(learner, steps, (step, applied), &found)?;
        steps.ledger.note(step, &facts.rows, &found, applied);
        parts.update = updating.elapsed().as_secs_f64();
        parts.compute = found.seconds.compute;
        parts.exchange = found.seconds.exchange;
        let mut seconds = steps.clock.elapsed().as_secs_f64();
        // Before the checkpoint, which may be kept for its F1.
        let outlook = self.outlook(learner, steps, reached, &found)?;
        let copying = Instant::now();
        let copy = self.copy_if_due(learner, steps, reached, outlook, &found)?;
        if copy.is_some() {
            parts.checkpoint = copying.elapsed().as_secs_f64();
            seconds += parts.checkpoint;
        }
        steps.clock = Instant::now();
        let rate = steps.schedule.rate(step);
        let line = facts.metrics(steps.phase, (step, steps.count), rate, &found, seconds);
        let flops = steps.network.flops(found.computed, facts.supervised, found.pairs);
        let memory_bytes = memory::peak(&self.device);
        let line = StepMetrics { parts, applied, flops, memory_bytes, ..line };
        self.tell(steps.metrics.as_mut(), line)?;
        if outlook == Outlook::Over {
            self.commit(&mut steps.ledger)?;
            self.end_early(learner, &steps.during, steps.phase, reached)?;
            self.note_memory(steps.phase)?;
            return Ok(Some(Ended::Done));
        }
        // The step is in the metrics before it can be in a complete checkpoint.
        match copy {
            Some(snapshot) => {
                self.commit(&mut steps.ledger)?;
                self.saver.begin(snapshot);
            }
            None => {
                let saved = self.saver.poll()?;
                self.saved(saved)?;
            }
        }
        if outlook == Outlook::Stopped {
            self.complete()?;
            return Ok(Some(Ended::Stopped));
        }
        whereabouts::own().at_step(reached.step + 1, DATA);
        Ok(None)
    }

    /// The gradients of a step's rows, summed over ranks.
    fn gradients(
        &mut self,
        learner: &Learner,
        steps: &mut Steps<'_>,
        rows: StepRows,
    ) -> Result<Found, Error> {
        let Phase { batch, loss_average, loss, .. } = steps.phase;
        let objective = Objective { batch, average: *loss_average, loss };
        let input = facts::input(rows, self.recipe, steps.index, &steps.shares);
        let asked = Asked {
            stop: self.stop.load(Ordering::Relaxed),
            save: self.save.load(Ordering::Relaxed),
            spoil: self.drills.nan.swap(false, Ordering::Relaxed),
        };
        whereabouts::own().at(COMPUTE);
        steps.stepper.gradients(&learner.decoder, input, objective, asked, self.collective)
    }

    /// Whether what was found is to be applied; `None`: the phase goes back to an earlier checkpoint.
    fn judge(
        &mut self,
        learner: &mut Learner,
        steps: &Steps<'_>,
        (step, rows): (usize, &[usize]),
        found: &Found,
    ) -> Result<Option<bool>, Error> {
        let is_broken = &|| guard::is_broken(&learner.decoder);
        match steps.guard.judge(&learner.guard, step, found, is_broken) {
            Verdict::Apply => Ok(Some(true)),
            Verdict::LeaveOut => Ok(Some(false)),
            Verdict::Incident(trouble) => {
                let wrong = Wrong { step, shards: &steps.shards, rows, found };
                match self.incident(learner, steps.phase, steps.index, wrong, &trouble)? {
                    Course::Rewind => Ok(None),
                    Course::Skip | Course::Stop => Ok(Some(false)),
                }
            }
        }
    }

    /// Applies what was found, unless it is to be left out.
    fn update(
        &mut self,
        learner: &mut Learner,
        steps: &mut Steps<'_>,
        (step, applied): (usize, bool),
        found: &Found,
    ) -> Result<(), Error> {
        whereabouts::own().at(UPDATE);
        if applied {
            let (decoder, optimizer) = (&mut learner.decoder, &mut learner.optimizer);
            let (config, factor) = (&steps.phase.optimizer, steps.schedule.factor(step));
            steps.stepper.update(decoder, optimizer, found, config, factor, self.collective)?;
        }
        learner.guard.note(&self.recipe.guard, step, found.loss, applied);
        Ok(())
    }

    /// Whether the phase goes on behind the step that is done.
    fn outlook(
        &mut self,
        learner: &Learner,
        steps: &mut Steps<'_>,
        reached: Position,
        found: &Found,
    ) -> Result<Outlook, Error> {
        if found.stopping > 0 && reached.step < steps.count {
            return Ok(Outlook::Stopped);
        }
        Ok(match self.look(&mut steps.during, learner, reached, steps.count)? {
            Outlook::GoOn if steps.pause == Some(reached.step) => Outlook::Stopped,
            outlook => outlook,
        })
    }

    /// What this rank writes of a checkpoint, where one is due or wanted.
    fn copy_if_due(
        &mut self,
        learner: &Learner,
        steps: &Steps<'_>,
        reached: Position,
        outlook: Outlook,
        found: &Found,
    ) -> Result<Option<Option<Snapshot>>, Error> {
        let last = reached.step == steps.count;
        let stop = outlook == Outlook::Stopped;
        let is_due = reached.step.is_multiple_of(self.recipe.checkpoint.every);
        let is_wanted = last || stop || is_due || found.saving > 0;
        if !is_wanted || outlook == Outlook::Over {
            return Ok(None);
        }
        self.snapshot(learner, steps.phase, reached, last && !stop).map(Some)
    }

    /// Writes what the ledger keeps, if this rank may.
    fn commit(&self, ledger: &mut Ledger) -> Result<(), Error> {
        self.run_dir.fence().check(&self.run_dir.ledgers())?;
        ledger.flush()
    }

    /// Rank 0 keeps the metrics; lines after the resumed position belong to steps that are done again.
    fn metrics(&self, position: Position) -> Result<Option<Metrics>, Error> {
        if self.collective.rank() != 0 {
            return Ok(None);
        }
        let index: BTreeMap<&str, usize> = self
            .recipe
            .phase
            .iter()
            .enumerate()
            .map(|(i, phase)| (phase.name.as_str(), i))
            .collect();
        let keep = |line: &StepMetrics| {
            index.get(line.phase.as_str()).is_some_and(|phase| {
                *phase < position.phase || (*phase == position.phase && line.step <= position.step)
            })
        };
        Ok(Some(Metrics::open(&self.run_dir.metrics(), keep)?))
    }

    fn tell(&mut self, metrics: Option<&mut Metrics>, line: StepMetrics) -> Result<(), Error> {
        if let Some(metrics) = metrics {
            metrics.append(&line)?;
        }
        self.board.step(&line);
        (self.report)(Progress::Step(line));
        Ok(())
    }
}
