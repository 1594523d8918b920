//! The manifest of a checkpoint: what it is, and the hash of every file.

use super::{ASIDE, TEMPORARY};
use crate::Error;
use crate::guard::GuardState;
use data_pipeline::manifest::{Origin, SourceOrigin};
use data_pipeline::prompt::PromptConfig;
use model::LoraConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Name of the file that makes a checkpoint complete.
pub(super) const MANIFEST: &str = "checkpoint.json";

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
    /// SHA-256 of the manifest itself, with nothing in this place.
    pub seal: String,
}

impl CheckpointInfo {
    /// Tells this checkpoint's weights from all others.
    pub fn fingerprint(&self) -> String {
        let named = |(name, hash): (&String, &String)| format!("{name} {hash}\n");
        self.files.iter().filter(|(name, _)| !name.starts_with("optimizer")).map(named).collect()
    }

    /// Name of the checkpoint's directory.
    pub fn name(&self) -> String {
        format!("{}-{:06}", self.phase, self.position.step)
    }

    /// The text of the manifest, sealed.
    pub(super) fn text(&self) -> String {
        let json = |seal: String| {
            // A struct of strings and numbers always has a JSON form.
            serde_json::to_string_pretty(&Self { seal, ..self.clone() }).unwrap_or_default()
        };
        json(hash_of(&json(String::new())))
    }

    /// The manifest of `directory`, whose other files are not looked at.
    pub(super) fn read(directory: &Path) -> Result<Self, Error> {
        let wrong = |message: String| Error::Checkpoint { path: directory.to_owned(), message };
        let text = std::fs::read_to_string(directory.join(MANIFEST)).map_err(|error| {
            wrong(format!("not a complete checkpoint: no readable {MANIFEST} ({error})"))
        })?;
        let info: Self = serde_json::from_str(&text).map_err(|error| {
            wrong(format!("{MANIFEST} is not a manifest of this version: {error}"))
        })?;
        let found = hash_of(&text.replacen(&info.seal, "", 1));
        if info.seal != found {
            return Err(wrong(format!(
                "`{MANIFEST}` changed after the checkpoint was written: its hash is {found}, its seal says {}",
                info.seal
            )));
        }
        Ok(info)
    }

    /// Holds every file of `directory` against its hash.
    fn verify(&self, directory: &Path) -> Result<(), Error> {
        let wrong = |message: String| Error::Checkpoint { path: directory.to_owned(), message };
        for (name, expected) in &self.files {
            let found = sha256(&directory.join(name))
                .map_err(|error| wrong(format!("`{name}` of the manifest is missing: {error}")))?;
            if found != *expected {
                return Err(wrong(format!(
                    "`{name}` changed after the checkpoint was written: its hash is {found}, the manifest says {expected}"
                )));
            }
        }
        Ok(())
    }
}

/// Tells the weights of a model directory from all others.
pub fn fingerprint_of_weights(directory: &Path) -> Result<String, Error> {
    let mut named = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(Error::read(directory))? {
        let path = entry.map_err(Error::read(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != MANIFEST && path.is_file() {
            named.insert(name, sha256(&path)?);
        }
    }
    Ok(named.into_iter().map(|(name, hash)| format!("{name} {hash}\n")).collect())
}

/// Whether `directory` is a checkpoint of ours, not just weights.
pub fn is_one(directory: &Path) -> bool {
    directory.join(MANIFEST).is_file()
}

/// SHA-256 of a file, in hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::read(path))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(Error::read(path))?;
    Ok(digits(hasher))
}

fn hash_of(text: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(text.as_bytes());
    digits(hasher)
}

pub(super) fn digits(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The manifest of the checkpoint at `directory`, every file held against its hash.
pub fn open(directory: &Path) -> Result<CheckpointInfo, Error> {
    let info = CheckpointInfo::read(directory)?;
    info.verify(directory)?;
    Ok(info)
}

/// The newest complete checkpoint whose files are what its manifest says; `skipped` hears of folders that
/// are no checkpoints, and of newer ones that are torn or changed.
pub fn newest(
    checkpoints: &Path,
    skipped: &mut dyn FnMut(&Path, &str),
) -> Result<Option<(PathBuf, CheckpointInfo)>, Error> {
    for (path, info) in all(checkpoints, skipped)? {
        match info.verify(&path) {
            Ok(()) => return Ok(Some((path, info))),
            Err(error) => skipped(&path, &error.to_string()),
        }
    }
    Ok(None)
}

/// The newest checkpoint by its manifest alone, for one that was written or verified a moment ago.
pub fn latest(checkpoints: &Path) -> Result<Option<(PathBuf, CheckpointInfo)>, Error> {
    Ok(all(checkpoints, &mut |_, _| {})?.into_iter().next())
}

/// Every folder with a manifest, the newest first.
pub(super) fn all(
    checkpoints: &Path,
    skipped: &mut dyn FnMut(&Path, &str),
) -> Result<Vec<(PathBuf, CheckpointInfo)>, Error> {
    let mut found: Vec<(PathBuf, CheckpointInfo)> = Vec::new();
    let Ok(entries) = std::fs::read_dir(checkpoints) else { return Ok(found) };
    for entry in entries {
        let path = entry.map_err(Error::read(checkpoints))?.path();
        let in_passing = [TEMPORARY, ASIDE].map(Some);
        let extension = path.extension().and_then(|it| it.to_str());
        if !path.is_dir() || in_passing.contains(&extension) {
            continue;
        }
        match CheckpointInfo::read(&path) {
            Ok(info) if path.ends_with(info.name()) => found.push((path, info)),
            Ok(info) => {
                let is = format!("{}: is a checkpoint called `{}`", path.display(), info.name());
                skipped(&path, &format!("{is}; a run goes on from folders of that name only"));
            }
            Err(error) => skipped(&path, &error.to_string()),
        }
    }
    found.sort_by_key(|(path, info)| (std::cmp::Reverse(info.position), path.clone()));
    Ok(found)
}
