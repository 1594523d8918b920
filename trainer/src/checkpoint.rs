//! The state of a run at (phase, step): complete or absent, written while training goes on.
//!
//! ```text
//! checkpoints/instruction-000200/
//!   config.json model.safetensors   full weights, in the type that they are held in
//!   adapter_config.json adapter_model.safetensors   adapters in training, PEFT files
//!   adapter_start.safetensors       under PiSSA: what they took out of the weights
//!   optimizer-K-of-N.safetensors    the optimizer's state, as rank K of N held it
//!   tokenizer.json | tokenizer.model
//!   checkpoint.json                 position, what made it, hash of every file; written last
//! ```
//! # Layout
//! - `snapshot`: what a rank must write, copied to the host: all that training waits for.
//! - `saver`: at most one write at a time, on a thread. `writer`: that thread's way from a snapshot to a
//!   complete directory; `disk`: every change that it makes there, so that a test can end at each.
//! - `info`: the manifest, and which checkpoint is the newest. `states`: the optimizer's state from any
//!   sharding. `retention`: which checkpoints stay. `space`: what they take, and what there is.
//!
//! Everything is written into a folder with a temporary name, synced, and renamed. Weights that adapters
//! leave as they are, are written once a phase: later checkpoints have the same file under one more name.

mod disk;
mod info;
mod retention;
mod saver;
mod snapshot;
pub mod space;
mod states;
#[cfg(test)]
mod tests;
mod writer;

pub use disk::sync_directory;
pub use info::{
    CheckpointInfo, Position, fingerprint_of_weights, is_one, latest, newest, open, sha256,
};
pub use saver::{Saved, Saver};
pub use snapshot::Snapshot;
pub use states::load_optimizer;

use crate::Error;
use crate::guard::GuardState;
use crate::optimizer::Optimizer;
use burn::tensor::{DType, Device};
use model::{Decoder, LoraConfig, files, peft};
use std::path::Path;

/// Name of the weights' file.
const WEIGHTS: &str = "model.safetensors";
/// What a folder is called that is being written, or removed.
const TEMPORARY: &str = "tmp";
/// What a checkpoint is called for the moment in which another takes its name.
const ASIDE: &str = "old";

/// What training holds.
pub struct Learner {
    /// Weights and adapters.
    pub decoder: Decoder,
    /// Moments.
    pub optimizer: Optimizer,
    /// The adapters' settings, if there are any.
    pub lora: Option<LoraConfig>,
    /// What the guard remembers of the phase.
    pub guard: GuardState,
}

/// Loads weights and adapters; the optimizer's state is [`load_optimizer`]'s.
pub fn load(directory: &Path, info: &CheckpointInfo, device: &Device) -> Result<Learner, Error> {
    let mut decoder = files::load(directory, device, DType::F32)?;
    if info.lora.is_some() {
        peft::load(&mut decoder, directory)?;
    }
    // The files do not say how adapters began; the recipe did.
    let lora = info.lora.clone();
    Ok(Learner { decoder, optimizer: Optimizer::default(), lora, guard: info.guard.clone() })
}

/// Removes what an earlier start left half-done. Nobody may be writing.
///
/// A checkpoint that had to give its name away, and whose successor did not come to take it, has it back.
pub fn tidy(checkpoints: &Path) -> Result<(), Error> {
    let Ok(entries) = std::fs::read_dir(checkpoints) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(Error::read(checkpoints))?.path();
        let ends = |extension: &str| path.extension().is_some_and(|it| it == extension);
        let name = path.with_extension("");
        if ends(ASIDE) && !name.exists() {
            std::fs::rename(&path, &name).map_err(Error::write(&path))?;
        } else if path.is_dir() && (ends(TEMPORARY) || ends(ASIDE)) {
            std::fs::remove_dir_all(&path).map_err(Error::write(&path))?;
        }
    }
    Ok(())
}

/// Removes the checkpoints behind `position`, of a course that the run has left.
pub fn abandon(checkpoints: &Path, position: Position) -> Result<(), Error> {
    for (path, info) in info::all(checkpoints, &mut |_, _| {})? {
        if info.position > position {
            std::fs::remove_dir_all(&path).map_err(Error::write(&path))?;
        }
    }
    sync_directory(checkpoints)
}
