//! The state of a run at (phase, step): complete or absent.
//!
//! ```text
//! checkpoints/instruction-000200/
//!   config.json model.safetensors   full weights, f32
//!   adapter_config.json adapter_model.safetensors   adapters in training, PEFT files
//!   adapter_start.safetensors       under PiSSA: what they took out of the weights
//!   optimizer-K-of-N.safetensors    the optimizer's state, as rank K of N held it
//!   tokenizer.json | tokenizer.model
//!   checkpoint.json                 position, what made it, hash of every file; written last
//! ```
//! Everything is written into a folder with a temporary name, synced, and renamed.

use crate::Error;
use crate::collective::Collective;
use crate::guard::GuardState;
use crate::optimizer::{Kept, Optimizer};
use crate::sharding::Stretch;
use burn::tensor::{DType, Device, TensorData};
use data_pipeline::manifest::{Origin, SourceOrigin};
use data_pipeline::prompt::PromptConfig;
use model::files::HostTensors;
use model::{Decoder, LoraConfig, files, peft};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Name of the file that makes a checkpoint complete.
const MANIFEST: &str = "checkpoint.json";

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Index of the phase.
    pub phase: usize,
    /// Steps done in it.
    pub step: usize,
}

/// The manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Where the run stood.
    pub position: Position,
    /// Name of the phase.
    pub phase: String,
    /// Whether the phase is done.
    pub phase_done: bool,
    /// Steps of the optimizer in this phase.
    pub optimizer_steps: usize,
    /// Adapters in training.
    pub lora: Option<LoraConfig>,
    /// What the guard remembers of the phase.
    #[serde(default, skip_serializing_if = "GuardState::is_empty")]
    pub guard: GuardState,
    /// The template that it was trained with.
    pub prompt: PromptConfig,
    /// Hash of the template, as rendered.
    pub template: String,
    /// Hash of the tokenizer.
    pub tokenizer: String,
    /// What the phase's shards were made of, and the hash of all that decided them.
    pub sources: Vec<SourceOrigin>,
    /// See `sources`.
    pub shards: String,
    /// All that decided them; checkpoints of earlier versions do not say it.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// SHA-256 of every other file.
    pub files: BTreeMap<String, String>,
}

impl CheckpointInfo {
    /// Tells this checkpoint's weights from all others.
    pub fn fingerprint(&self) -> String {
        let named = |(name, hash): (&String, &String)| format!("{name} {hash}\n");
        self.files.iter().filter(|(name, _)| !name.starts_with("optimizer")).map(named).collect()
    }
}

/// Tells the weights of a model directory from all others.
pub fn fingerprint_of_weights(directory: &Path) -> Result<String, Error> {
    let named = |(name, hash): (String, String)| format!("{name} {hash}\n");
    Ok(hashes(directory)?.into_iter().map(named).collect())
}

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

/// Writes the state below `checkpoints`; returns its directory.
///
/// Every rank calls it; those whose optimizer holds no state of their own write nothing.
pub fn save(
    checkpoints: &Path,
    learner: &Learner,
    mut info: CheckpointInfo,
    tokenizer: &Path,
    sharded: bool,
    collective: &mut dyn Collective,
) -> Result<PathBuf, Error> {
    let (rank, world) = (collective.rank(), collective.world());
    let name = format!("{}-{:06}", info.phase, info.position.step);
    let directory = checkpoints.join(&name);
    let temporary = checkpoints.join(format!("{name}.tmp"));
    if rank == 0 {
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary).map_err(Error::write(&temporary))?;
        }
        std::fs::create_dir_all(&temporary).map_err(Error::write(&temporary))?;
    }
    if sharded {
        collective.barrier()?;
    }
    if rank == 0 || sharded {
        let world = if sharded { world } else { 1 };
        let name = format!("optimizer-{rank}-of-{world}.safetensors");
        let state = on_host(learner.optimizer.kept());
        files::write_tensors(&temporary.join(name), &state, false)?;
    }
    if sharded {
        collective.barrier()?;
    }
    if rank > 0 {
        return Ok(directory);
    }
    let mut write = || -> Result<(), Error> {
        files::save(&learner.decoder, &temporary, false)?;
        if let Some(lora) = &learner.lora {
            peft::save_with_base(&learner.decoder, lora, &temporary)?;
        }
        copy_tokenizer(tokenizer, &temporary)?;
        info.files = hashes(&temporary)?;
        let text = serde_json::to_string_pretty(&info).unwrap_or_default();
        files::write_atomically(&temporary.join(MANIFEST), text.as_bytes())?;
        sync_directory(&temporary)?;
        if directory.exists() {
            std::fs::remove_dir_all(&directory).map_err(Error::write(&directory))?;
        }
        std::fs::rename(&temporary, &directory).map_err(Error::write(&directory))?;
        sync_directory(checkpoints)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_dir_all(&temporary);
    })?;
    Ok(directory)
}

/// Whether `directory` is a checkpoint of ours, not just weights.
pub fn is_one(directory: &Path) -> bool {
    directory.join(MANIFEST).is_file()
}

/// Makes a rename or a new file durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::write(path))
}

fn copy_tokenizer(from: &Path, to: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(from).map_err(Error::read(from))? {
        let path = entry.map_err(Error::read(from))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let bytes = std::fs::read(&path).map_err(Error::read(&path))?;
            files::write_atomically(&to.join(name), &bytes)?;
        }
    }
    Ok(())
}

/// SHA-256 of every file of `directory`.
fn hashes(directory: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut hashes = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(Error::read(directory))? {
        let path = entry.map_err(Error::read(directory))?.path();
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name != MANIFEST && path.is_file() {
            hashes.insert(name, sha256(&path)?);
        }
    }
    Ok(hashes)
}

pub(crate) fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::read(path))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(Error::read(path))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The manifest of the checkpoint at `directory`, every file held against its hash.
pub fn open(directory: &Path) -> Result<CheckpointInfo, Error> {
    let wrong = |message: String| Error::Checkpoint { path: directory.to_owned(), message };
    let path = directory.join(MANIFEST);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        wrong(format!("not a complete checkpoint: no readable {MANIFEST} ({error})"))
    })?;
    let info: CheckpointInfo = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("{MANIFEST} is not a manifest of this version: {error}")))?;
    for (name, expected) in &info.files {
        let found = sha256(&directory.join(name))?;
        if found != *expected {
            return Err(wrong(format!(
                "`{name}` changed after the checkpoint was written: its hash is {found}, the manifest says {expected}"
            )));
        }
    }
    Ok(info)
}

fn on_host(kept: Vec<Kept>) -> HostTensors {
    let named = |Kept { path, kind, start, unit, data }: Kept| {
        let values: Vec<f32> = data.iter::<f32>().collect();
        (format!("{path}|{kind}|{start}|{unit}"), (vec![values.len()], values))
    };
    kept.into_iter().map(named).collect()
}

/// The optimizer's state for `stretches`, whoever held it when it was saved.
pub fn load_optimizer(
    directory: &Path,
    info: &CheckpointInfo,
    stretches: &[Stretch],
    device: &Device,
) -> Result<Optimizer, Error> {
    let mut held: Vec<(String, String, usize, usize, Vec<f32>)> = Vec::new();
    for name in info.files.keys().filter(|name| name.starts_with("optimizer-")) {
        for (name, (_, values)) in files::read_tensors(&directory.join(name))? {
            let parts: Vec<&str> = name.split('|').collect();
            if let [path, kind, start, unit] = parts[..]
                && let (Ok(start), Ok(unit)) = (start.parse(), unit.parse())
            {
                held.push((path.to_owned(), kind.to_owned(), start, unit, values));
            }
        }
    }
    let mut optimizer = Optimizer::at(info.optimizer_steps);
    for stretch in stretches {
        let mut read = |kind: &str, unit: usize| {
            let mut found = vec![None; stretch.len().div_ceil(unit)];
            for (path, of, start, stored, values) in &held {
                if *path == stretch.path && of == kind && *stored == unit {
                    for (i, value) in values.iter().enumerate() {
                        let at = start + i * unit;
                        if stretch.range.contains(&at) {
                            found[(at - stretch.range.start) / unit] = Some(*value);
                        }
                    }
                }
            }
            if found.iter().all(Option::is_none) {
                return Ok(None);
            }
            let values: Option<Vec<f32>> = found.into_iter().collect();
            let values = values.ok_or_else(|| Error::Checkpoint {
                path: directory.to_owned(),
                message: format!(
                    "holds `{kind}` for a part of `{}` only; it was not written whole",
                    stretch.path
                ),
            })?;
            let count = values.len();
            Ok(Some(TensorData::new(values, [count])))
        };
        optimizer.restore(stretch, &mut read, device)?;
    }
    Ok(optimizer)
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

/// The newest complete checkpoint; torn or foreign folders are named in `skipped`.
pub fn newest(
    checkpoints: &Path,
    skipped: &mut dyn FnMut(&Path, &str),
) -> Result<Option<(PathBuf, CheckpointInfo)>, Error> {
    let mut found: Vec<(PathBuf, CheckpointInfo)> = Vec::new();
    let Ok(entries) = std::fs::read_dir(checkpoints) else { return Ok(None) };
    for entry in entries {
        let path = entry.map_err(Error::read(checkpoints))?.path();
        if !path.is_dir() || path.extension().is_some_and(|extension| extension == "tmp") {
            continue;
        }
        match open(&path) {
            Ok(info) => found.push((path, info)),
            Err(error) => skipped(&path, &error.to_string()),
        }
    }
    Ok(found.into_iter().max_by_key(|(_, info)| info.position))
}

/// Removes the checkpoints behind `position`, of a course that the run has left.
pub fn abandon(checkpoints: &Path, position: Position) -> Result<(), Error> {
    while let Some((path, _)) =
        newest(checkpoints, &mut |_, _| {})?.filter(|(_, info)| info.position > position)
    {
        std::fs::remove_dir_all(&path).map_err(Error::write(&path))?;
    }
    sync_directory(checkpoints)
}

/// Removes all but the newest `keep` unfinished checkpoints of the phase; its last one stays.
pub fn retain(checkpoints: &Path, phase: &str, keep: usize) -> Result<(), Error> {
    let mut of_phase: Vec<(usize, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(checkpoints).map_err(Error::read(checkpoints))? {
        let path = entry.map_err(Error::read(checkpoints))?.path();
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(step) =
            name.strip_prefix(&format!("{phase}-")).and_then(|step| step.parse().ok())
        {
            of_phase.push((step, path));
        }
    }
    of_phase.sort();
    let surplus = of_phase.len().saturating_sub(keep.max(1));
    for (_, path) in &of_phase[..surplus] {
        std::fs::remove_dir_all(path).map_err(Error::write(path))?;
    }
    Ok(())
}
