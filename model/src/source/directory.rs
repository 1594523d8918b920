//! Which files of a directory hold its weights.

use super::contents::quoted;
use super::{Found, list};
use crate::Error;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Names that the hub uses, in the order in which they are looked for: a whole file, an index.
const NAMES: [(&str, &str); 2] = [
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
];

/// The files of a directory's weights.
pub(super) struct Listed {
    pub(super) files: Vec<PathBuf>,
    /// The file of each tensor, as the index says; empty without an index.
    pub(super) owners: BTreeMap<String, PathBuf>,
}

/// Finds the files of a directory.
pub(super) fn list_files(directory: &Path) -> Result<Listed, Error> {
    for (whole, index) in NAMES {
        let (whole, index) = (directory.join(whole), directory.join(index));
        if whole.exists() {
            return Ok(Listed { files: vec![whole], owners: BTreeMap::new() });
        }
        if index.exists() {
            return shards(directory, &index);
        }
    }
    let problem = if directory.is_dir() {
        "holds neither model.safetensors nor pytorch_model.bin, nor an index of shards of either"
    } else {
        "is no directory"
    };
    Err(Error::invalid(directory, problem))
}

fn shards(directory: &Path, index: &Path) -> Result<Listed, Error> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = std::fs::read_to_string(index).map_err(Error::read(index))?;
    let Index { weight_map } = serde_json::from_str(&text)
        .map_err(|error| Error::invalid(index, format!("not an index of shards: {error}")))?;
    if let Some(name) = weight_map.values().find(|name| !is_here(name)) {
        let name = quoted(name);
        return Err(Error::invalid(index, format!("names {name}, which is no file beside it")));
    }
    let owners: BTreeMap<String, PathBuf> =
        weight_map.into_iter().map(|(name, file)| (name, directory.join(file))).collect();
    let mut files: Vec<PathBuf> = owners.values().cloned().collect();
    files.sort();
    files.dedup();
    Ok(Listed { files, owners })
}

/// Whether a name, joined to a directory, cannot lead out of it.
fn is_here(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let first = components.next();
    matches!(first, Some(Component::Normal(_))) && components.next().is_none()
}

impl Listed {
    /// Refuses an index that names tensors which its files do not have.
    pub(super) fn check(
        &self,
        directory: &Path,
        found: &BTreeMap<String, Found>,
        others: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let absent = |name: &&String| !found.contains_key(*name) && !others.contains_key(*name);
        let absent: Vec<String> = self
            .owners
            .keys()
            .filter(absent)
            .map(|name| {
                let file = self.owners[name].file_name().unwrap_or_default().to_string_lossy();
                format!("{} of {}", quoted(name), quoted(&file))
            })
            .collect();
        if absent.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the index names tensors that are not in their files ({}){}",
            absent.len(),
            list(&absent)
        );
        Err(Error::invalid(directory, message))
    }
}
