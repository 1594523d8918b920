//! Use of a trained checkpoint: texts in, objects with offsets out.
//!
//! # Layout
//! - [`open`]: a checkpoint for use. [`Extractor`]: one whose model is at work on a thread.
//! - `reader`: texts become prompts, answers objects; what `extract` and `serve` share.
//! - `windows`: long texts, a part at a time, and the objects of parts as those of the whole.
//! - `lines`: texts in JSON Lines, with what their lines carry beside them.

mod lines;
mod reader;
#[cfg(test)]
mod tests;
mod windows;

pub use lines::{Fields, Line};
pub use reader::{Asking, Found, Progress, Reader, Text, Trouble};

use crate::checkpoint::{self, CheckpointInfo};
use crate::generation::Generation;
use crate::network::dtype_on;
use crate::recipe::Precision;
use crate::serve::{Engine, Thread};
use crate::{Error, RunDir, device};
use burn::tensor::{DType, Device};
use data_pipeline::prompt::{PromptConfig, template_fingerprint};
use data_pipeline::tokenizer::Tokenizer;
use model::{Decoder, files, peft};
use std::path::Path;
use std::sync::Arc;

/// A model at work that is ready to be asked; clones ask the same one.
#[derive(Clone)]
pub struct Extractor {
    engine: Engine,
    prompt: PromptConfig,
    generation: Generation,
    /// The ids that the model ends an answer with.
    ends: Vec<u32>,
    /// What the weights are known by.
    model: String,
    /// Tokens that the model reads.
    limit: usize,
}

/// A checkpoint for use: adapters merged, template and vocabulary held against their hashes. It computes in
/// what its [`precision`] is there.
///
/// `told` hears how many bytes of weights are read, and of how many.
pub fn open(
    directory: &Path,
    device: &str,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, Tokenizer, CheckpointInfo), Error> {
    open_as(directory, (device, 0), told)
}

/// The same on the device of the rank with this number on its machine.
pub fn open_as(
    directory: &Path,
    (name, local_rank): (&str, usize),
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, Tokenizer, CheckpointInfo), Error> {
    let (tokenizer, info) = known(directory)?;
    let device = device::of(name, local_rank)?;
    let dtype = dtype_on(precision(directory, name), name, &device)?;
    let (mut decoder, info) = weights(directory, (&device, dtype), info, told)?;
    decoder.merge_adapters();
    Ok((decoder, tokenizer, info))
}

/// What a checkpoint computes in on the device of this name: what its run computed in, if that was such a
/// device, so that it answers as it did there; else what is usual for the device.
pub fn precision(directory: &Path, device: &str) -> Precision {
    of_its_run(directory, device).unwrap_or_else(|| Precision::of_device(device))
}

/// What the run says that a checkpoint lies in; nothing if it lies in none, or the run was elsewhere.
fn of_its_run(directory: &Path, device: &str) -> Option<Precision> {
    let whole = directory.canonicalize().ok()?;
    let run = RunDir::new(whole.parent()?.parent()?);
    // Of the recipe nothing else is needed, so that one of another version does as well.
    let lock: toml::Value =
        toml::from_str(&std::fs::read_to_string(run.recipe_lock()).ok()?).ok()?;
    if lock.get("run")?.get("device")?.as_str()? != device {
        return None;
    }
    lock.get("model")?.get("dtype")?.clone().try_into().ok()
}

/// What the weights of a checkpoint are known by where they are computed with in this precision: answers
/// depend on it.
pub fn fingerprint(info: &CheckpointInfo, precision: Precision) -> String {
    match precision {
        Precision::F32 => info.fingerprint(),
        other => format!("{}computed in {}\n", info.fingerprint(), other.name()),
    }
}

/// What is known of a checkpoint without its network: template and vocabulary are held against their
/// hashes.
pub fn known(directory: &Path) -> Result<(Tokenizer, CheckpointInfo), Error> {
    let info = checkpoint::open(directory)?;
    let tokenizer = Tokenizer::load(directory)?;
    let wrong = |message: String| Error::Checkpoint { path: directory.to_owned(), message };
    if tokenizer.fingerprint() != info.tokenizer {
        return Err(wrong(format!(
            "its tokenizer is {}, its manifest says {}",
            tokenizer.fingerprint(),
            info.tokenizer
        )));
    }
    let template = template_fingerprint(&info.prompt);
    if template != info.template {
        return Err(wrong(format!(
            "was trained with template {}, this program renders {template}; use the version that trained it",
            info.template
        )));
    }
    Ok((tokenizer, info))
}

/// The network of a checkpoint, adapters beside its weights.
pub(crate) fn with_adapters(
    directory: &Path,
    device: &Device,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, CheckpointInfo), Error> {
    weights(directory, (device, DType::F32), checkpoint::open(directory)?, told)
}

fn weights(
    directory: &Path,
    (device, dtype): (&Device, DType),
    info: CheckpointInfo,
    told: &mut dyn FnMut(u64, u64),
) -> Result<(Decoder, CheckpointInfo), Error> {
    let mut decoder = files::load_telling(directory, device, dtype, told)?;
    if info.lora.is_some() {
        peft::load(&mut decoder, directory)?;
    }
    Ok((decoder, info))
}

impl Extractor {
    /// The model of a checkpoint directory, at work on a thread until [`Engine::stop`]; at most `queue`
    /// prompts wait for it.
    ///
    /// `told` hears how many bytes of weights are read, and of how many.
    pub fn open(
        directory: &Path,
        device: &str,
        generation: Generation,
        queue: usize,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<(Self, Thread), Error> {
        generation.check()?;
        let (decoder, tokenizer, info) = open(directory, device, told)?;
        let model = fingerprint(&info, precision(directory, device));
        Self::start(decoder, tokenizer, info.prompt, generation, (model, queue))
    }

    /// The same of a model in memory; `model` is what its weights are known by.
    pub(crate) fn start(
        decoder: Decoder,
        tokenizer: Tokenizer,
        prompt: PromptConfig,
        generation: Generation,
        (model, queue): (String, usize),
    ) -> Result<(Self, Thread), Error> {
        let (limit, ends) = (decoder.config.max_length(), generation.ends(&decoder));
        let config = generation.config.clone();
        let (engine, thread) = Engine::start(decoder, Arc::new(tokenizer), config, queue)?;
        Ok((Self { engine, prompt, generation, ends, model, limit }, thread))
    }

    /// The model at work.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Tokens that the model reads.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How answers are generated.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// What the weights are known by.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How many mentions of each class demonstrations had in training; 0: there were none.
    pub fn trained_with_shots(&self) -> usize {
        self.prompt.shots
    }
}
