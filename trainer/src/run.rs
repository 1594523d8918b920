//! Read this first: a rank's way through phases, steps and evaluation.

use crate::checkpoint::{self, CheckpointInfo, Learner, Position};
use crate::collective::Collective;
use crate::evaluate::Evaluation;
use crate::metrics::{Metrics, Parts, SourceLoss, StepMetrics};
use crate::network::{base, freeze_base, unfreeze, untrained};
use crate::optimizer::Optimizer;
use crate::recipe::{AdapterHandover, Length, Phase, Recipe, Train};
use crate::schedule::Schedule;
use crate::sharding::Sharding;
use crate::step::{Found, Objective, SlotLoss, StepInput, StepPart, Stepper};
use crate::tensorboard::TensorBoard;
use crate::{Error, RunDir, device};
use burn::tensor::Device;
use data_pipeline::loader::{Loader, StepRows};
use data_pipeline::manifest::{Manifest, Origin, SourceOrigin};
use data_pipeline::order::{Mixture, Order, Share};
use data_pipeline::prompt::template_fingerprint;
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use model::lora::stream;
use model::{Decoder, LoraConfig, lora, peft};
use std::collections::BTreeMap;
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
    /// Bytes of the model that are read, and of how many.
    Loading(u64, u64),
    /// Answers so far for a dataset.
    Evaluation {
        /// Which model and dataset.
        label: String,
        /// Answers given.
        done: usize,
        /// This rank's answers.
        total: usize,
    },
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
    /// Hears what happens.
    pub report: &'a mut dyn FnMut(Progress),
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    /// Where tensors lie.
    pub device: Device,
    /// How gradients and optimizer state are divided among ranks.
    pub sharding: Sharding,
    /// What TensorBoard sees of the run.
    board: TensorBoard,
    /// The checkpoint that the run goes on from, until its optimizer's state is read.
    restored: Option<(PathBuf, CheckpointInfo)>,
}

/// Trains every phase and evaluates.
pub fn run(
    run_dir: &RunDir,
    data_root: &Path,
    sharding: Sharding,
    collective: &mut dyn Collective,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) -> Result<Outcome, Error> {
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let device = device::of(&recipe.run.device, collective.rank())?;
    check_world(&recipe, collective.world())?;
    let board = TensorBoard::new(run_dir, recipe.run.tensorboard && collective.rank() == 0);
    let mut rank = Rank {
        run_dir,
        recipe: &recipe,
        data_root,
        collective,
        stop,
        report,
        tokenizer,
        device,
        sharding,
        board,
        restored: None,
    };
    rank.live()
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
            if self.run_phase(&mut learner, phase, position)? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
            position = Position { phase: position.phase + 1, step: 0 };
        }
        learner.decoder.merge_adapters();
        let newest = checkpoint::newest(&self.run_dir.checkpoints(), &mut |_, _| {})?;
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
        let Some((directory, info)) = newest else {
            let decoder = self.base()?;
            return Ok((
                Learner { decoder, optimizer: Optimizer::default(), lora: None },
                Position::default(),
            ));
        };
        self.check_fits(&directory, &info)?;
        (self.report)(Progress::Resumed(info.phase.clone(), info.position.step));
        let mut learner = checkpoint::load(&directory, &info, &self.device)?;
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
        let goes_on = phase.train == Train::Lora && phase.adapter == AdapterHandover::Continue;
        if let Some(config) = learner.lora.as_mut().filter(|_| goes_on) {
            // A recipe whose adapters were of another shape was refused.
            config.dropout = phase.lora.dropout;
            lora::set_dropout(&mut learner.decoder, config.dropout);
            freeze_base(&mut learner.decoder);
            return Ok(());
        }
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
    ) -> Result<Outcome, Error> {
        let shards = Arc::new(ShardSet::open(&self.run_dir.prepared(position.phase, &phase.name))?);
        let mixture = Mixture { weights: phase.weights.clone() };
        let order =
            Order::new(self.recipe.run.seed, shards.groups(), &mixture, phase.batch.samples)?;
        let steps = steps(phase, &order);
        let shares = self.shares();
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
        self.board.begin(&phase.name, position.step);
        let mut started = Instant::now();
        for rows in loader {
            let rows = rows?;
            let step = rows.step;
            let mut parts = Parts { data: started.elapsed().as_secs_f64(), ..Parts::default() };
            let facts = Facts::of(&rows, &shards);
            let input = self.input(rows, phase, position.phase, &shares);
            let stopping = self.stop.load(Ordering::Relaxed);
            let found =
                stepper.gradients(&learner.decoder, input, objective, stopping, self.collective)?;
            if !(found.loss.is_finite() && found.gradient_norm.is_finite()) {
                return Err(Error::Diverged {
                    phase: phase.name.clone(),
                    step: step + 1,
                    loss: found.loss,
                });
            }
            let updating = Instant::now();
            let (decoder, optimizer) = (&mut learner.decoder, &mut learner.optimizer);
            let factor = schedule.factor(step);
            let config = &phase.optimizer;
            stepper.update(decoder, optimizer, &found, config, factor, self.collective)?;
            parts.update = updating.elapsed().as_secs_f64();
            parts.compute = found.seconds.compute;
            parts.exchange = found.seconds.exchange;
            let seconds = started.elapsed().as_secs_f64();
            started = Instant::now();
            let line = facts.metrics(phase, (step, steps), schedule.rate(step), &found, seconds);
            self.tell(metrics.as_mut(), StepMetrics { parts, ..line })?;
            let last = step + 1 == steps;
            let stop = found.stopping > 0 && !last;
            if last || stop || (step + 1).is_multiple_of(self.recipe.checkpoint.every) {
                self.save(learner, phase, Position { step: step + 1, ..position }, last)?;
            }
            if stop {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Done)
    }

    /// The parts of a step's rows that this rank computes.
    fn shares(&self) -> Vec<Share> {
        let (rank, world) = (self.collective.rank(), self.collective.world());
        match self.recipe.run.exact_shards {
            0 => vec![Share { index: rank, count: world }],
            count => {
                let each = count / world;
                (rank * each..(rank + 1) * each).map(|index| Share { index, count }).collect()
            }
        }
    }

    fn input(&self, rows: StepRows, phase: &Phase, index: usize, shares: &[Share]) -> StepInput {
        let drops = phase.train == Train::Lora && phase.lora.dropout > 0.0;
        let seed = |share: &Share| {
            // A stream of its own for each (phase, step, share).
            let path = [self.recipe.run.seed, index as u64, rows.step as u64, share.index as u64];
            drops.then(|| stream(&path))
        };
        let parts = rows.parts.into_iter().zip(shares);
        let part = |(groups, share)| StepPart { groups, dropout_seed: seed(share) };
        StepInput {
            parts: parts.map(part).collect(),
            samples: rows.rows.len(),
            supervised: rows.supervised,
        }
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

    fn save(
        &mut self,
        learner: &Learner,
        phase: &Phase,
        position: Position,
        phase_done: bool,
    ) -> Result<(), Error> {
        self.board.flush();
        let folder = self.run_dir.prepared(position.phase, &phase.name);
        let manifest = Manifest::load(&folder)?;
        let info = CheckpointInfo {
            position,
            phase: phase.name.clone(),
            phase_done,
            optimizer_steps: position.step,
            lora: learner.lora.clone(),
            prompt: phase.prompt.clone(),
            template: template_fingerprint(&phase.prompt),
            tokenizer: self.tokenizer.fingerprint(),
            sources: manifest.origin.sources.clone(),
            origin: Some(manifest.origin.clone()),
            shards: manifest.fingerprint.clone(),
            files: BTreeMap::new(),
        };
        let checkpoints = self.run_dir.checkpoints();
        let tokenizer = self.run_dir.tokenizer();
        let sharded = self.sharding.stage > 0 && self.collective.world() > 1;
        let directory =
            checkpoint::save(&checkpoints, learner, info, &tokenizer, sharded, self.collective)?;
        if self.collective.rank() == 0 {
            checkpoint::retain(&checkpoints, &phase.name, self.recipe.checkpoint.keep)?;
            (self.report)(Progress::Checkpoint(directory));
        }
        Ok(())
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
        evaluation.run(which, (decoder, model), self.collective, self.stop, &mut tell)
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
            sources: self.losses(&found.slots),
            parts: Parts::default(),
            flops: 0.0,
            memory_bytes: 0,
            applied: true,
        }
    }

    /// The loss of each dataset, language and task.
    fn losses(&self, slots: &[SlotLoss]) -> Vec<SourceLoss> {
        let mut sums: BTreeMap<u32, (usize, u64, f64)> = BTreeMap::new();
        for (source, slot) in self.sources.iter().zip(slots) {
            let sum = sums.entry(*source).or_default();
            sum.0 += 1;
            sum.1 += u64::from(slot.tokens);
            sum.2 += f64::from(slot.loss);
        }
        let line = |(source, (samples, tokens, loss)): (u32, (usize, u64, f64))| {
            let name = &self.names[source as usize];
            SourceLoss {
                dataset: name.dataset.clone(),
                language: name.language.clone(),
                task: name.task.clone(),
                samples,
                tokens,
                loss: loss / tokens.max(1) as f64,
            }
        };
        sums.into_iter().map(line).collect()
    }
}
