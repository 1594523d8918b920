//! Read this first: a rank's way through phases, steps and evaluation.

mod during;
mod evaluation;
mod facts;
mod incident;
mod phase;
mod resume;
mod room;
mod saving;

pub(crate) use facts::{input, noise_seed, shares};

use crate::checkpoint::{self, CheckpointInfo, Learner, Position, Saver};
use crate::collective::Collective;
use crate::during::{EarlyStop, Evaluated};
use crate::evaluate::TRAINED;
use crate::extract::fingerprint;
use crate::guard::{GuardState, Incident};
use crate::memory::{self, MemoryPlan};
use crate::metrics::StepMetrics;
use crate::network::{freeze_base, unfreeze};
use crate::optimizer::Optimizer;
use crate::recipe::{AdapterHandover, Length, Phase, Recipe, Train};
use crate::requests::{Drills, Requests, Wishes};
use crate::schedule::Schedule;
use crate::sharding::Sharding;
use crate::tensorboard::TensorBoard;
use crate::whereabouts::{self, LOADING};
use crate::{Error, RunDir, device};
use burn::tensor::Device;
use data_pipeline::order::Order;
use data_pipeline::tokenizer::Tokenizer;
use model::{LoraConfig, lora, peft};
use phase::Ended;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

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
    /// What the rank computes on, if that is a GPU.
    Device(device::Facts),
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

/// What a rank is to do, and where.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The run.
    pub run_dir: &'a RunDir,
    /// Where corpora lie.
    pub data_root: &'a Path,
    /// How gradients and optimizer state are divided among ranks.
    pub sharding: Sharding,
    /// The rank's number among those of its machine, which is that of its device.
    pub local_rank: usize,
    /// How many ranks its machine has.
    pub local_world: usize,
    /// The rank is done behind this phase, counted from 1, and answers nothing; `None`: behind the last one,
    /// once it has been evaluated.
    pub through_phase: Option<usize>,
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
    /// What it is asked to let go wrong.
    pub drills: &'a Drills,
    /// Phases that are trained.
    pub phases: usize,
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

/// Trains every phase and evaluates.
pub fn run(
    task: Task<'_>,
    collective: &mut dyn Collective,
    requests: &Requests,
    report: &mut dyn FnMut(Progress),
) -> Result<Outcome, Error> {
    let Task { run_dir, data_root, sharding, local_rank, local_world, through_phase } = task;
    whereabouts::own().at(LOADING);
    // Even to tidy up is not for a rank that came too late.
    run_dir.fence().check(run_dir.root())?;
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let phases = phases(&run_dir.recipe_lock(), &recipe, through_phase)?;
    let tokenizer = Tokenizer::load(&run_dir.tokenizer())?;
    let device = device::of(&recipe.run.device, local_rank)?;
    if let Some(facts) = device::facts(&recipe.run.device, local_rank) {
        report(Progress::Device(facts));
    }
    check_world(&run_dir.recipe_lock(), &recipe, collective.world())?;
    let memory = memory::of_run(&recipe, run_dir, (sharding, local_world), collective)?;
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
        drills: &requests.drills,
        phases,
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

/// How many phases are trained.
fn phases(path: &Path, recipe: &Recipe, through: Option<usize>) -> Result<usize, Error> {
    let all = recipe.phase.len();
    match through {
        None => Ok(all),
        Some(last) if (1..=all).contains(&last) => Ok(last),
        Some(other) => Err(Error::recipe(
            path,
            format!("--through-phase is {other}; the recipe's phases are 1 to {all}"),
        )),
    }
}

/// Parts of an exact step are dealt out evenly. `path` is the recipe's, for the error.
pub fn check_world(path: &Path, recipe: &Recipe, world: usize) -> Result<(), Error> {
    let shards = recipe.run.exact_shards;
    if shards > 0 && !shards.is_multiple_of(world) {
        let sizes: Vec<String> =
            (0..=shards.ilog2()).map(|power| (1 << power).to_string()).collect();
        return Err(Error::recipe(
            path,
            format!(
                "run.exact_shards = {shards} cannot be dealt out to {world} ranks; worlds of {} can have it",
                sizes.join(", ")
            ),
        ));
    }
    Ok(())
}

impl Rank<'_> {
    fn live(&mut self) -> Result<Outcome, Error> {
        if self.evaluate_baselines()? == Outcome::Stopped {
            return Ok(Outcome::Stopped);
        }
        let (mut learner, mut position) = self.resume()?;
        while position.phase < self.phases {
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
        whereabouts::own().enter_phase("");
        if self.phases < self.recipe.phase.len() {
            // The first rank's checkpoint is complete before any of them says that it is done.
            self.collective.barrier()?;
            return Ok(Outcome::Done);
        }
        learner.decoder.merge_adapters();
        // Every rank knows the answers by the checkpoint that the first one has just completed.
        self.collective.barrier()?;
        let newest = checkpoint::latest(&self.run_dir.checkpoints())?;
        let model =
            newest.map(|(_, info)| fingerprint(&info, self.recipe.model.dtype)).unwrap_or_default();
        self.evaluate(TRAINED, &learner.decoder, &model)
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
