//! Read this first: a rank's way through phases, steps and evaluation.

mod during;
mod incident;

use crate::checkpoint::{self, CheckpointInfo, Learner, Position, Saved, Saver, Snapshot};
use crate::collective::Collective;
use crate::during::{During, EarlyStop, Evaluated, Verdict as Outlook};
use crate::evaluate::Evaluation;
use crate::guard::{self, Course, Guard, GuardState, Incident, Verdict};
use crate::ledger::Ledger;
use crate::memory::{self, MemoryPlan, PhasePlan, Rehearsal};
use crate::metrics::{Metrics, Parts, SourceLoss, StepMetrics};
use crate::network::{self, base, freeze_base, unfreeze, untrained};
use crate::optimizer::Optimizer;
use crate::recipe::{AdapterHandover, Length, Phase, Recipe, Train};
use crate::requests::{Requests, Wishes};
use crate::schedule::Schedule;
use crate::sharding::Sharding;
use crate::step::{Asked, Found, Objective, StepInput, StepPart, Stepper};
use crate::tensorboard::TensorBoard;
use crate::{Error, RunDir, device};
use burn::tensor::Device;
use data_pipeline::loader::{Loader, StepRows};
use data_pipeline::manifest::{Manifest, Origin, SourceOrigin};
use data_pipeline::order::{Order, Share};
use data_pipeline::prompt::template_fingerprint;
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use incident::Wrong;
use model::lora::stream;
use model::{Decoder, LoraConfig, lora, peft};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What a rank tells whoever watches it.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A step is done.
    Step(StepMetrics),
    /// A checkpoint is complete.
    Checkpoint(std::path::PathBuf),
    /// A folder below `checkpoints/` is not one.
    Skipped(String),
    /// The run goes on from a checkpoint.
    Resumed(String, usize),
    /// A step went wrong and is kept in a folder.
    Incident(Box<Incident>, PathBuf),
    /// Bytes of the model that are read, and of how many.
    Loading(u64, u64),
    /// What a rank held in a phase that is done.
    Memory {
        /// Name of the phase.
        phase: String,
        /// Bytes that the plan said.
        predicted: u64,
        /// Bytes of the rank that held most.
        measured: u64,
    },
    /// Answers so far for a dataset.
    Evaluation {
        /// Which model and dataset.
        label: String,
        /// Answers given.
        done: usize,
        /// This rank's answers.
        total: usize,
    },
    /// F1 of the model in training.
    Evaluated(Evaluated),
    /// A phase ended before its last step.
    EarlyStop(EarlyStop),
}

/// Models of fewer bytes are read in a moment.
pub const WORTH_TELLING: u64 = 256 << 20;

/// How a rank's life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trained and evaluated.
    Done,
    /// Asked to stop; the state is in a checkpoint.
    Stopped,
}

/// One rank and its surroundings.
pub struct Rank<'a> {
    /// The run.
    pub run_dir: &'a RunDir,
    /// What is learned.
    pub recipe: &'a Recipe,
    /// Where corpora lie.
    pub data_root: &'a Path,
    /// The other ranks.
    pub collective: &'a mut dyn Collective,
    /// Set when the run shall stop after its step.
    pub stop: &'a AtomicBool,
    /// Set when it shall save after its step, and go on.
    pub save: &'a AtomicBool,
    /// Hears what happens.
    pub report: &'a mut dyn FnMut(Progress),
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    /// Where tensors lie.
    pub device: Device,
    /// How gradients and optimizer state are divided among ranks.
    pub sharding: Sharding,
    /// How large micro-batches are, and what that was to hold.
    pub memory: MemoryPlan,
    /// What TensorBoard sees of the run.
    board: TensorBoard,
    /// The checkpoint that the run goes on from, until its optimizer's state is read.
    restored: Option<(PathBuf, CheckpointInfo)>,
    /// Writes checkpoints while training goes on.
    saver: Saver,
    /// The file that asked for the checkpoint that is being written.
    wishes: Wishes,
    /// The step of the phase that is being done, from 1.
    step: usize,
}

/// How a phase ended.
enum Ended {
    Done,
    Stopped,
    /// It is to be gone on with from an earlier checkpoint.
    Rewound,
}

/// Trains every phase and evaluates.
pub fn run(
    run_dir: &RunDir,
    data_root: &Path,
    sharding: Sharding,
    collective: &mut dyn Collective,
    requests: &Requests,
    report: &mut dyn FnMut(Progress),
) -> Result<Outcome, Error> {
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let device = device::of(&recipe.run.device, collective.rank())?;
    check_world(&recipe, collective.world())?;
    let memory = memory::of_run(&recipe, run_dir, sharding, collective)?;
    let recipe = memory.resolved(&recipe);
    let board = TensorBoard::new(run_dir, recipe.run.tensorboard && collective.rank() == 0);
    if collective.rank() == 0 {
        checkpoint::tidy(&run_dir.checkpoints())?;
    }
    // Nobody looks for checkpoints, or begins one, before what was left half-done is gone.
    collective.barrier()?;
    let (rank, world) = (collective.rank(), collective.world());
    let sharded = sharding.stage > 0 && world > 1;
    let saver = Saver::new(run_dir, (rank, world), sharded, &recipe.checkpoint);
    let mut rank = Rank {
        run_dir,
        recipe: &recipe,
        data_root,
        collective,
        stop: &requests.stop,
        save: &requests.save,
        report,
        tokenizer,
        device,
        sharding,
        memory,
        board,
        restored: None,
        saver,
        wishes: Wishes::new(run_dir, rank),
        step: 0,
    };
    let outcome = rank.live();
    match outcome {
        Ok(_) => rank.wishes.ended()?,
        // The others learn of it before this rank has completed the checkpoint that it is writing.
        Err(_) => rank.collective.abort(),
    }
    outcome
}

/// Parts of an exact step are dealt out evenly.
fn check_world(recipe: &Recipe, world: usize) -> Result<(), Error> {
    let shards = recipe.run.exact_shards;
    if shards > 0 && !shards.is_multiple_of(world) {
        let sizes: Vec<String> =
            (0..=shards.ilog2()).map(|power| (1 << power).to_string()).collect();
        return Err(Error::Device(format!(
            "run.exact_shards = {shards} cannot be dealt out to {world} ranks; {} can have it",
            sizes.join(", ")
        )));
    }
    Ok(())
}

impl Rank<'_> {
    fn live(&mut self) -> Result<Outcome, Error> {
        if self.evaluate_baselines()? == Outcome::Stopped {
            return Ok(Outcome::Stopped);
        }
        let (mut learner, mut position) = self.resume()?;
        while position.phase < self.recipe.phase.len() {
            let phase = &self.recipe.phase[position.phase];
            if position.step == 0 {
                self.begin_phase(&mut learner, phase, position.phase)?;
            }
            self.step = position.step + 1;
            let ended = self.run_phase(&mut learner, phase, position);
            let moment = || format!("phase `{}`, step {}", phase.name, self.step);
            match ended.map_err(|error| error.during(moment))? {
                Ended::Done => position = Position { phase: position.phase + 1, step: 0 },
                Ended::Stopped => return Ok(Outcome::Stopped),
                Ended::Rewound => {
                    // Two models may not fit beside each other.
                    drop(learner);
                    (learner, position) = self.go_back()?;
                }
            }
        }
        self.complete()?;
        learner.decoder.merge_adapters();
        // Every rank knows the answers by the checkpoint that the first one has just completed.
        self.collective.barrier()?;
        let newest = checkpoint::latest(&self.run_dir.checkpoints())?;
        let model = newest.map(|(_, info)| info.fingerprint()).unwrap_or_default();
        self.evaluate("final", &learner.decoder, &model)
    }

    /// The newest checkpoint, or the base.
    fn resume(&mut self) -> Result<(Learner, Position), Error> {
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
        self.saver.resumed(&directory, &info);
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

    /// Hands the adapters over and starts the optimizer afresh.
    fn begin_phase(
        &mut self,
        learner: &mut Learner,
        phase: &Phase,
        index: usize,
    ) -> Result<(), Error> {
        learner.optimizer = Optimizer::default();
        learner.guard = GuardState::default();
        let goes_on = phase.train == Train::Lora && phase.adapter == AdapterHandover::Continue;
        if let Some(config) = learner.lora.as_mut().filter(|_| goes_on) {
            // A recipe whose adapters were of another shape was refused.
            config.dropout = phase.lora.dropout;
            lora::set_dropout(&mut learner.decoder, config.dropout);
            freeze_base(&mut learner.decoder);
            return Ok(());
        }
        self.saver.weights_changed();
        learner.decoder.merge_adapters();
        match (phase.train, &phase.lora.from) {
            (Train::Lora, Some(directory)) => {
                let config = peft::load(&mut learner.decoder, directory)?;
                learner.lora = Some(LoraConfig { from: Some(directory.clone()), ..config });
            }
            (Train::Lora, None) => {
                self.device.seed(self.recipe.run.seed.wrapping_add(7919 * (index as u64 + 1)));
                learner.decoder.add_adapters(&phase.lora)?;
                learner.lora = Some(phase.lora.clone());
            }
            (Train::Full, _) => {
                unfreeze(&mut learner.decoder);
                learner.lora = None;
            }
        }
        Ok(())
    }

    /// The loop.
    fn run_phase(
        &mut self,
        learner: &mut Learner,
        phase: &Phase,
        position: Position,
    ) -> Result<Ended, Error> {
        let shards = Arc::new(ShardSet::open(&self.run_dir.prepared(position.phase, &phase.name))?);
        let seed = self.recipe.run.seed;
        let order = Order::new(seed, shards.rows(), &phase.mixture(), phase.batch.samples)?;
        let steps = steps(phase, &order);
        let shares = self.shares();
        let shape = memory::network(self.recipe, position.phase, &learner.decoder.config, 1)?;
        network::set_trained(&mut learner.decoder, phase)?;
        self.rehearse(&learner.decoder, phase, (&shards, &order), position.step..steps)?;
        let loader = Loader::new(Arc::clone(&shards), order, shares.clone(), position.step, steps);
        let schedule = schedule(phase, steps);
        let mut stepper = Stepper::new(
            &learner.decoder,
            &phase.optimizer,
            self.sharding,
            self.recipe.run.exact_shards,
            self.collective,
        );
        self.restore(learner, &stepper, position)?;
        let objective =
            Objective { batch: &phase.batch, average: phase.loss_average, loss: &phase.loss };
        let mut metrics = self.metrics(position)?;
        let rank = self.collective.rank();
        let mut ledger = Ledger::open(self.run_dir, phase, position, rank, &shards)?;
        let watch = Guard::open(&self.recipe.guard, phase.loss_average, self.run_dir, &phase.name)?;
        self.board.begin(&phase.name, position.step);
        let path = self.run_dir.evaluations();
        let mut during = During::open(self.recipe, &path, position, steps, self.collective)?;
        // What was cut off just before the checkpoint is made up for.
        match self.look(&mut during, learner, position, steps)? {
            Outlook::Stopped => return Ok(Ended::Stopped),
            Outlook::Over => {
                self.end_early(learner, &during, phase, position)?;
                return Ok(Ended::Done);
            }
            Outlook::GoOn => {}
        }
        let mut started = Instant::now();
        for rows in loader {
            let rows = rows?;
            let step = rows.step;
            self.step = step + 1;
            let mut parts = Parts { data: started.elapsed().as_secs_f64(), ..Parts::default() };
            let facts = Facts::of(&rows, &shards);
            let input = input(rows, self.recipe, position.phase, &shares);
            let asked = Asked {
                stop: self.stop.load(Ordering::Relaxed),
                save: self.save.load(Ordering::Relaxed),
            };
            let found =
                stepper.gradients(&learner.decoder, input, objective, asked, self.collective)?;
            let is_broken = &|| guard::is_broken(&learner.decoder);
            let applied = match watch.judge(&learner.guard, step, &found, is_broken) {
                Verdict::Apply => true,
                Verdict::LeaveOut => false,
                Verdict::Incident(trouble) => {
                    let wrong = Wrong { step, shards: &shards, rows: &facts.rows, found: &found };
                    match self.incident(learner, phase, position.phase, wrong, &trouble)? {
                        Course::Rewind => return Ok(Ended::Rewound),
                        Course::Skip | Course::Stop => false,
                    }
                }
            };
            let updating = Instant::now();
            let (decoder, optimizer) = (&mut learner.decoder, &mut learner.optimizer);
            let factor = schedule.factor(step);
            let config = &phase.optimizer;
            if applied {
                stepper.update(decoder, optimizer, &found, config, factor, self.collective)?;
            }
            learner.guard.note(&self.recipe.guard, step, found.loss, applied);
            ledger.note(step, &facts.rows, &found, applied);
            parts.update = updating.elapsed().as_secs_f64();
            parts.compute = found.seconds.compute;
            parts.exchange = found.seconds.exchange;
            let here = Position { step: step + 1, ..position };
            let last = here.step == steps;
            let mut seconds = started.elapsed().as_secs_f64();
            // Before the checkpoint, which may be kept for its F1.
            let outlook = match found.stopping > 0 && !last {
                true => Outlook::Stopped,
                false => self.look(&mut during, learner, here, steps)?,
            };
            let stop = outlook == Outlook::Stopped;
            let is_due = here.step.is_multiple_of(self.recipe.checkpoint.every);
            let is_wanted = last || stop || is_due || found.saving > 0;
            let mut copy = None;
            if is_wanted && outlook != Outlook::Over {
                let copying = Instant::now();
                copy = Some(self.snapshot(learner, phase, here, last && !stop)?);
                parts.checkpoint = copying.elapsed().as_secs_f64();
                seconds += parts.checkpoint;
            }
            started = Instant::now();
            let line = facts.metrics(phase, (step, steps), schedule.rate(step), &found, seconds);
            let flops = shape.flops(found.computed, facts.supervised, found.pairs);
            let memory_bytes = memory::peak(&self.device);
            let line = StepMetrics { parts, applied, flops, memory_bytes, ..line };
            self.tell(metrics.as_mut(), line)?;
            if outlook == Outlook::Over {
                ledger.flush()?;
                self.end_early(learner, &during, phase, here)?;
                self.note_memory(phase)?;
                return Ok(Ended::Done);
            }
            // The step is in the metrics before it can be in a complete checkpoint.
            match copy {
                Some(snapshot) => {
                    ledger.flush()?;
                    self.saver.begin(snapshot);
                }
                None => {
                    let saved = self.saver.poll()?;
                    self.saved(saved)?;
                }
            }
            if stop {
                self.complete()?;
                return Ok(Ended::Stopped);
            }
        }
        self.note_memory(phase)?;
        Ok(Ended::Done)
    }

    /// Computes the largest micro-batch of what is left of a phase, and forgets it.
    fn rehearse(
        &self,
        decoder: &Decoder,
        phase: &Phase,
        (shards, order): (&ShardSet, &Order),
        steps: Range<usize>,
    ) -> Result<(), Error> {
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
    fn note_memory(&mut self, phase: &Phase) -> Result<(), Error> {
        let measured = memory::of_all(memory::peak(&self.device), self.collective)?;
        if self.collective.rank() == 0
            && let Some(predicted) = self.memory.note(&phase.name, measured)
        {
            self.memory.save(&self.run_dir.memory())?;
            let phase = phase.name.clone();
            (self.report)(Progress::Memory { phase, predicted, measured });
        }
        Ok(())
    }

    /// The parts of a step's rows that this rank computes.
    fn shares(&self) -> Vec<Share> {
        let (rank, world) = (self.collective.rank(), self.collective.world());
        shares(self.recipe.run.exact_shards, rank, world)
    }

    /// The optimizer's state of this rank's stretches, where the run goes on within a phase.
    fn restore(
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

    /// What a checkpoint at `position` says of itself.
    fn info(
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
    fn snapshot(
        &mut self,
        learner: &Learner,
        phase: &Phase,
        position: Position,
        phase_done: bool,
    ) -> Result<Option<Snapshot>, Error> {
        let info = self.info(learner, phase, position, phase_done)?;
        self.board.flush();
        let (before, snapshot) = self.saver.snapshot(learner, info)?;
        self.saved(before)?;
        // Whoever asked until now has been heard: what they wanted is in this copy.
        self.save.store(false, Ordering::Relaxed);
        self.wishes.heard();
        Ok(snapshot)
    }

    /// Waits for the checkpoint that is being written.
    fn complete(&mut self) -> Result<(), Error> {
        let saved = self.saver.finish()?;
        self.saved(saved)
    }

    fn saved(&mut self, saved: Option<Saved>) -> Result<(), Error> {
        let Some(Saved { directory, .. }) = saved else { return Ok(()) };
        (self.report)(Progress::Checkpoint(directory));
        self.wishes.fulfilled()
    }

    /// What the untrained model and the base alone give, beside which the result is read.
    fn evaluate_baselines(&mut self) -> Result<Outcome, Error> {
        for which in &self.recipe.evaluation.baselines {
            let (decoder, model) = match which.as_str() {
                "untrained" => (untrained(self.recipe, &self.tokenizer, &self.device)?, None),
                _ => (self.base()?, self.recipe.model.path.as_deref()),
            };
            let model = match model {
                Some(path) => checkpoint::fingerprint_of_weights(path)?,
                None => format!("{:?}, seed {}", self.recipe.model, self.recipe.run.seed),
            };
            if self.evaluate(which, &decoder, &model)? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Done)
    }

    /// The model that training starts from; large ones say how far they are.
    fn base(&mut self) -> Result<Decoder, Error> {
        let report = &mut *self.report;
        base(self.recipe, &self.tokenizer, &self.device, &mut |read, total| {
            if total >= WORTH_TELLING {
                report(Progress::Loading(read, total));
            }
        })
    }

    fn evaluate(&mut self, which: &str, decoder: &Decoder, model: &str) -> Result<Outcome, Error> {
        let prompt = self.recipe.evaluation_prompt();
        let evaluation = Evaluation {
            run_dir: self.run_dir,
            datasets: &self.recipe.datasets,
            data_root: self.data_root,
            tokenizer: &self.tokenizer,
            prompt: &prompt,
            config: &self.recipe.evaluation,
            seed: self.recipe.run.seed,
        };
        let report = &mut *self.report;
        let mut tell = |label: &str, done, total| {
            report(Progress::Evaluation { label: label.to_owned(), done, total });
        };
        evaluation
            .run(which, (decoder, model), self.collective, self.stop, &mut tell)
            .map_err(|error| error.during(|| format!("evaluation of the `{which}` model")))
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

/// The parts of a step's rows that a rank computes.
pub(crate) fn shares(exact_shards: usize, rank: usize, world: usize) -> Vec<Share> {
    match exact_shards {
        0 => vec![Share { index: rank, count: world }],
        count => {
            let each = count / world;
            (rank * each..(rank + 1) * each).map(|index| Share { index, count }).collect()
        }
    }
}

/// What a rank computes of a step of phase number `index`.
pub(crate) fn input(rows: StepRows, recipe: &Recipe, index: usize, shares: &[Share]) -> StepInput {
    let phase = &recipe.phase[index];
    let drops = phase.train == Train::Lora && phase.lora.dropout > 0.0;
    let seed = |share: &Share| {
        // A stream of its own for each (phase, step, share).
        let path = [recipe.run.seed, index as u64, rows.step as u64, share.index as u64];
        drops.then(|| stream(&path))
    };
    let parts = rows.parts.into_iter().zip(shares);
    let part = |(groups, share)| StepPart { groups, dropout_seed: seed(share) };
    StepInput {
        parts: parts.map(part).collect(),
        samples: rows.rows.len(),
        supervised: rows.supervised,
        noise_seed: noise_seed(recipe.run.seed, index, rows.step),
    }
}

/// The stream that NEFTune's noise comes from in a step.
pub(crate) fn noise_seed(seed: u64, phase: usize, step: usize) -> u64 {
    // A word of its own: adapters drop under the same three numbers and one more.
    stream(&[seed, phase as u64, step as u64, u64::from_be_bytes(*b"neftune.")])
}

/// Steps of a phase.
pub fn steps(phase: &Phase, order: &Order) -> usize {
    match phase.length {
        Length::Steps(steps) => steps,
        Length::Epochs(epochs) => order.steps(epochs).max(1),
    }
}

/// The schedule of a phase.
pub fn schedule(phase: &Phase, steps: usize) -> Schedule {
    let config = &phase.optimizer;
    let warmup =
        if config.warmup < 1.0 { (config.warmup * steps as f64).ceil() } else { config.warmup };
    Schedule {
        peak: config.learning_rate,
        warmup: warmup as usize,
        steps,
        shape: config.schedule,
        stable: config.stable,
        decay: config.decay_type,
        timescale: config.timescale,
        final_share: config.final_share,
    }
}

/// What is known of a step's rows before it is computed.
struct Facts {
    rows: Vec<usize>,
    sources: Vec<u32>,
    names: Vec<data_pipeline::shard::RowSource>,
    tokens: u64,
    supervised: u64,
}

impl Facts {
    fn of(rows: &StepRows, shards: &ShardSet) -> Self {
        let lengths = shards.lengths();
        Self {
            rows: rows.rows.clone(),
            sources: rows.rows.iter().map(|row| lengths[*row].source).collect(),
            names: shards.sources().to_vec(),
            tokens: rows.tokens,
            supervised: rows.supervised,
        }
    }

    /// The line of a step, without what its parts took.
    fn metrics(
        &self,
        phase: &Phase,
        (step, steps): (usize, usize),
        learning_rate: f64,
        found: &Found,
        seconds: f64,
    ) -> StepMetrics {
        StepMetrics {
            phase: phase.name.clone(),
            step: step + 1,
            steps,
            loss: found.loss,
            learning_rate,
            gradient_norm: found.gradient_norm,
            samples: self.rows.len(),
            tokens: self.tokens,
            supervised_tokens: self.supervised,
            seconds,
            tokens_per_second: self.tokens as f64 / seconds.max(1e-9),
            computed_tokens: found.computed,
            padded_tokens: found.padded,
            sources: SourceLoss::of(&found.slots, &self.sources, &self.names, phase.loss_average),
            parts: Parts::default(),
            flops: 0.0,
            memory_bytes: 0,
            applied: true,
        }
    }
}
