//! A step that went wrong, kept so that it can be computed again.
//!
//! ```text
//! incidents/instruction-000041/
//!   incident.json   what was found, of which samples, and what became of the run
//!   state/          weights and optimizer before the step: a checkpoint like any other
//! ```
//! Rows come from the run's shards and are held against the hashes that are kept here. Random streams
//! are functions of (seed, phase, step, share): there is no generator whose state would have to be kept.

use super::{Course, Policy, Reason, Trouble, Window};
use crate::Error;
use crate::checkpoint::{CheckpointInfo, Learner, Saver, sync_directory};
use crate::collective::Collective;
use crate::metrics::or_nan;
use crate::sharding::Sharding;
use crate::step::Found;
use data_pipeline::shard::ShardSet;
use model::files::write_atomically;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the file that says what happened.
const FILE: &str = "incident.json";

/// `incident.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// Name of the phase.
    pub phase: String,
    /// Which of the recipe's phases it is, from 0.
    pub phase_index: usize,
    /// The step, from 1.
    pub step: usize,
    /// What is wrong with it.
    pub reason: Reason,
    /// The same as a sentence.
    pub sentence: String,
    /// The step's loss; `null` where it is no number.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Bits of `loss`.
    pub loss_bits: u64,
    /// Global norm of the gradients.
    #[serde(deserialize_with = "or_nan")]
    pub gradient_norm: f64,
    /// Bits of `gradient_norm`.
    pub gradient_norm_bits: u64,
    /// What a spike was held against.
    pub window: Option<Window>,
    /// What the recipe says.
    pub policy: Policy,
    /// What became of the run.
    pub course: Course,
    /// Steps, from 1, that a run that goes back leaves out.
    pub left_out: Vec<usize>,
    /// Ranks of the run.
    pub world: usize,
    /// `run.exact_shards`.
    pub exact_shards: usize,
    /// How gradients were divided among ranks.
    pub sharding: Sharding,
    /// The newest checkpoint before the step, by its name.
    pub checkpoint: Option<String>,
    /// Version of the program.
    pub version: String,
    /// The slot of the sample that is blamed first.
    pub blamed: usize,
    /// The samples of the step.
    pub slots: Vec<IncidentSlot>,
}

/// One sample of the step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IncidentSlot {
    /// Its place in the step.
    pub slot: usize,
    /// Its row in the phase's shards.
    pub row: usize,
    /// Its name.
    pub sample_id: String,
    /// The dataset that it is of.
    pub dataset: String,
    /// The language of its text.
    pub language: String,
    /// What is learned from it.
    pub task: String,
    /// Hash of its ids, hexadecimal.
    pub sample: String,
    /// Tokens with a loss.
    pub tokens: u32,
    /// Sum of the loss over them; `null` where it is no number.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Bits of the sum, an f32.
    pub loss_bits: u32,
}

/// The run in which a step went wrong.
pub struct Surroundings<'a> {
    /// Name of the phase.
    pub phase: &'a str,
    /// Which of the recipe's phases it is, from 0.
    pub phase_index: usize,
    /// The step, from 0.
    pub step: usize,
    /// What the recipe says.
    pub policy: Policy,
    /// Ranks of the run.
    pub world: usize,
    /// `run.exact_shards`.
    pub exact_shards: usize,
    /// How gradients were divided among ranks.
    pub sharding: Sharding,
    /// The newest checkpoint, by its name.
    pub checkpoint: Option<String>,
    /// The phase's shards.
    pub shards: &'a ShardSet,
    /// The step's rows, by slot.
    pub rows: &'a [usize],
}

impl Incident {
    /// What was `found` in a step, and the `trouble` with it.
    pub fn new(around: Surroundings<'_>, found: &Found, trouble: &Trouble) -> Result<Self, Error> {
        let mut slots = Vec::with_capacity(around.rows.len());
        for (slot, (row, seen)) in around.rows.iter().zip(&found.slots).enumerate() {
            let sample = around.shards.sample(*row)?;
            slots.push(IncidentSlot {
                slot,
                row: *row,
                sample_id: sample.sample_id,
                dataset: sample.dataset,
                language: sample.language,
                task: sample.task,
                sample: format!("{:016x}", seen.sample),
                tokens: seen.tokens,
                loss: f64::from(seen.loss),
                loss_bits: seen.loss.to_bits(),
            });
        }
        let mut incident = Self {
            phase: around.phase.to_owned(),
            phase_index: around.phase_index,
            step: around.step + 1,
            reason: trouble.reason,
            sentence: String::new(),
            loss: found.loss,
            loss_bits: found.loss.to_bits(),
            gradient_norm: found.gradient_norm,
            gradient_norm_bits: found.gradient_norm.to_bits(),
            window: trouble.window,
            policy: around.policy,
            course: trouble.course,
            left_out: match trouble.course {
                Course::Rewind => trouble.leave_out.iter().map(|step| step + 1).collect(),
                Course::Skip => vec![around.step + 1],
                Course::Stop => Vec::new(),
            },
            world: around.world,
            exact_shards: around.exact_shards,
            sharding: around.sharding,
            checkpoint: around.checkpoint,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            blamed: trouble.blamed,
            slots,
        };
        incident.sentence = incident.say(trouble);
        Ok(incident)
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        format!("{}-{:06}", self.phase, self.step)
    }

    /// The blamed sample, as a person finds it.
    pub fn blamed(&self) -> String {
        self.slots.get(self.blamed).map(IncidentSlot::whose).unwrap_or_default()
    }

    fn say(&self, trouble: &Trouble) -> String {
        let blamed = self.blamed();
        let loss = self.loss;
        let mut sentence = match (self.reason, self.window) {
            (Reason::Loss, _) => {
                let others = self.slots.iter().filter(|slot| !slot.loss.is_finite()).count();
                match others {
                    // The samples' sums are numbers, the step's is not.
                    0 => format!("the loss is {loss}; {blamed} adds most to it"),
                    1 => format!("the loss is {loss}, because of {blamed}"),
                    _ => format!("the loss is {loss}, because of {others} samples, {blamed} first"),
                }
            }
            (Reason::EveryLoss | Reason::Weights, _) => {
                let before = match trouble.leave_out.split_last() {
                    Some((_, [before])) => {
                        format!("the update of step {}, the last before, is suspected", before + 1)
                    }
                    _ => "the phase began with them".to_owned(),
                };
                match self.reason {
                    Reason::Weights => format!(
                        "weights are not finite, and so the loss is {loss}, {blamed} first; {before}"
                    ),
                    _ => format!(
                        "the loss of every sample is {loss}, {blamed} first: the weights are useless or all these samples are; {before}"
                    ),
                }
            }
            (Reason::Gradient, _) => format!(
                "the losses are numbers, but the norm of the gradients is {}; a replay finds whose gradients they are",
                self.gradient_norm
            ),
            (Reason::Spike, Some(Window { mean, deviation, steps })) => {
                let above = (loss - mean) / deviation;
                format!(
                    "the loss is {loss:.4}, {above:.1} standard deviations above the mean {mean:.4} of {steps} steps; {blamed} adds most to it"
                )
            }
            (Reason::Spike, None) => {
                format!("the loss jumps to {loss:.4}; {blamed} adds most to it")
            }
        };
        if let Some(because) = &trouble.because {
            sentence.push_str(&format!(" ({because})"));
        }
        sentence
    }

    /// Writes the incident to `directory`, with the state before the step.
    ///
    /// Every rank calls it, and none returns before everything is there.
    pub fn keep(
        &self,
        directory: &Path,
        learner: &Learner,
        info: CheckpointInfo,
        saver: &mut Saver,
        collective: &mut dyn Collective,
    ) -> Result<(), Error> {
        let temporary = directory.with_file_name(format!("{}.tmp", self.name()));
        if collective.rank() == 0 {
            remove(&temporary)?;
            std::fs::create_dir_all(&temporary).map_err(Error::write(&temporary))?;
        }
        // Under sharding the others write into the folder.
        collective.barrier()?;
        let state = saver.save_apart(&temporary, learner, info)?;
        if let Some(state) = state.filter(|_| collective.rank() == 0) {
            let place = temporary.join("state");
            std::fs::rename(&state, &place).map_err(Error::write(&place))?;
            let text = serde_json::to_string_pretty(self).unwrap_or_default();
            write_atomically(&temporary.join(FILE), text.as_bytes())?;
            sync_directory(&temporary)?;
            // The same incident, met again by a run that goes on.
            remove(directory)?;
            std::fs::rename(&temporary, directory).map_err(Error::write(directory))?;
            if let Some(parent) = directory.parent() {
                sync_directory(parent)?;
            }
        }
        // Who ends the run now must not cut rank 0 off.
        Ok(collective.barrier()?)
    }

    /// Reads the incident in `directory`.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        let mut incident: Self = serde_json::from_str(&text).map_err(|error| {
            Error::Checkpoint { path, message: format!("not an incident of this version: {error}") }
        })?;
        incident.loss = f64::from_bits(incident.loss_bits);
        incident.gradient_norm = f64::from_bits(incident.gradient_norm_bits);
        for slot in &mut incident.slots {
            slot.loss = f64::from(f32::from_bits(slot.loss_bits));
        }
        Ok(incident)
    }

    /// The state before the step.
    pub fn state(directory: &Path) -> PathBuf {
        directory.join("state")
    }
}

impl IncidentSlot {
    /// The sample, as a person finds it.
    pub fn whose(&self) -> String {
        let Self { sample_id, dataset, language, task, .. } = self;
        format!("sample `{sample_id}` of {dataset} ({language}, {task})")
    }
}

fn remove(directory: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::write(directory)(error))
        }
        _ => Ok(()),
    }
}
