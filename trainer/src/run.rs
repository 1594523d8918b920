//! Read this first: a rank's way through phases, steps and evaluation.

use crate::checkpoint::{self, CheckpointInfo, Learner, Position};
use crate::collective::Collective;
use crate::evaluate::Evaluation;
use crate::metrics::{Metrics, StepMetrics};
use crate::optimizer::Optimizer;
use crate::recipe::{AdapterHandover, Length, Phase, Recipe, Train};
use crate::schedule::Schedule;
use crate::step::{self, StepInput};
use crate::{Error, RunDir, device};
use burn::tensor::{DType, Device};
use data_pipeline::loader::Loader;
use data_pipeline::manifest::{Manifest, Origin, SourceOrigin};
use data_pipeline::order::{Mixture, Order, Share};
use data_pipeline::prompt::template_fingerprint;
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use model::lora::stream;
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, DecoderConfig, LoraConfig, files, lora, peft};
use std::collections::BTreeMap;
use std::path::Path;
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
}

/// Trains every phase and evaluates.
pub fn run(
    run_dir: &RunDir,
    data_root: &Path,
    collective: &mut dyn Collective,
    stop: &AtomicBool,
    report: &mut dyn FnMut(Progress),
) -> Result<Outcome, Error> {
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let device = device::of(&recipe.run.device, collective.rank())?;
    let mut rank =
        Rank { run_dir, recipe: &recipe, data_root, collective, stop, report, tokenizer, device };
    rank.live()
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
        let share = Share { index: self.collective.rank(), count: self.collective.world() };
        let loader = Loader::new(Arc::clone(&shards), order, share, position.step, steps);
        let schedule = schedule(phase, steps);
        let mut metrics = self.metrics(position)?;
        for rows in loader {
            let rows = rows?;
            let step = rows.step;
            let started = Instant::now();
            let input = StepInput {
                groups: rows.groups,
                samples: rows.samples,
                supervised: rows.supervised,
                dropout_seed: (phase.train == Train::Lora && phase.lora.dropout > 0.0)
                    .then(|| self.dropout_seed(position.phase, step)),
            };
            let local = step::gradients(&learner.decoder, input, &phase.batch, phase.loss_average);
            let stopping = self.stop.load(Ordering::Relaxed);
            let outcome = step::apply(
                &mut learner.decoder,
                &mut learner.optimizer,
                local,
                &phase.optimizer,
                schedule.factor(step),
                self.collective,
                stopping,
            )?;
            if !(outcome.loss.is_finite() && outcome.gradient_norm.is_finite()) {
                return Err(Error::Diverged {
                    phase: phase.name.clone(),
                    step: step + 1,
                    loss: outcome.loss,
                });
            }
            let seconds = started.elapsed().as_secs_f64();
            self.tell(
                metrics.as_mut(),
                StepMetrics {
                    phase: phase.name.clone(),
                    step: step + 1,
                    steps,
                    loss: outcome.loss,
                    learning_rate: schedule.rate(step),
                    gradient_norm: outcome.gradient_norm,
                    samples: rows.samples,
                    tokens: rows.tokens,
                    supervised_tokens: rows.supervised,
                    seconds,
                    tokens_per_second: rows.tokens as f64 / seconds.max(1e-9),
                },
            )?;
            let last = step + 1 == steps;
            let stop = outcome.stopping > 0 && !last;
            if last || stop || (step + 1).is_multiple_of(self.recipe.checkpoint.every) {
                self.save(learner, phase, Position { step: step + 1, ..position }, last)?;
            }
            if stop {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Done)
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
        (self.report)(Progress::Step(line));
        Ok(())
    }

    /// A stream of its own for each (phase, step, rank).
    fn dropout_seed(&self, phase: usize, step: usize) -> u64 {
        let rank = self.collective.rank() as u64;
        stream(&[self.recipe.run.seed, phase as u64, step as u64, rank])
    }

    fn save(
        &mut self,
        learner: &Learner,
        phase: &Phase,
        position: Position,
        phase_done: bool,
    ) -> Result<(), Error> {
        if self.collective.rank() == 0 {
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
            let directory =
                checkpoint::save(&checkpoints, learner, info, &self.run_dir.tokenizer())?;
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

/// The model that training starts from.
///
/// `told` hears how many bytes are read, and of how many.
pub fn base(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    device: &Device,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Decoder, Error> {
    match &recipe.model.path {
        Some(path) => {
            let decoder = files::load_telling(path, device, DType::F32, told)?;
            check_vocabulary(&decoder.config, tokenizer)?;
            Ok(decoder)
        }
        None => untrained(recipe, tokenizer, device),
    }
}

/// The same shape with random weights.
pub fn untrained(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    device: &Device,
) -> Result<Decoder, Error> {
    let config = decoder_config(recipe, tokenizer)?;
    Ok(Decoder::init(&config, recipe.model.init, recipe.run.seed, device))
}

/// The model's shape for this tokenizer: the preset with the recipe's changes, or the directory's.
pub fn decoder_config(recipe: &Recipe, tokenizer: &Tokenizer) -> Result<DecoderConfig, Error> {
    shape(recipe, tokenizer.vocabulary())
}

/// The model's shape, a preset's with a vocabulary of this size.
pub fn shape(recipe: &Recipe, vocabulary: usize) -> Result<DecoderConfig, Error> {
    let model = &recipe.model;
    let config = match (&model.path, &model.preset) {
        (Some(path), _) => DecoderConfig::load(path)?,
        (None, preset) => {
            let preset = DecoderConfig::preset(preset.as_deref().unwrap_or_default())?;
            DecoderConfig {
                vocab_size: vocabulary,
                hidden_size: model.hidden_size.unwrap_or(preset.hidden_size),
                intermediate_size: model.intermediate_size.unwrap_or(preset.intermediate_size),
                num_hidden_layers: model.num_hidden_layers.unwrap_or(preset.num_hidden_layers),
                num_attention_heads: model
                    .num_attention_heads
                    .unwrap_or(preset.num_attention_heads),
                ..preset
            }
        }
    };
    config.check()?;
    Ok(config)
}

fn check_vocabulary(config: &DecoderConfig, tokenizer: &Tokenizer) -> Result<(), Error> {
    if tokenizer.vocabulary() > config.vocab_size {
        return Err(Error::Model(model::Error::Config(format!(
            "the tokenizer has {} ids, the model {} rows; they do not belong together",
            tokenizer.vocabulary(),
            config.vocab_size
        ))));
    }
    Ok(())
}

fn set_trainable(decoder: &mut Decoder, trainable: fn(&str) -> bool) {
    struct Set(fn(&str) -> bool);
    impl Mapper for Set {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            weight.trainable = (self.0)(path);
        }
    }
    decoder.map("", &mut Set(trainable));
}

/// Only adapters are trained.
fn freeze_base(decoder: &mut Decoder) {
    set_trainable(decoder, |path| path.contains("lora_"));
}

/// Everything is trained.
fn unfreeze(decoder: &mut Decoder) {
    set_trainable(decoder, |_| true);
}
