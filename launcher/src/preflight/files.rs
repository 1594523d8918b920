//! What is read in training, as hashes that nodes can be compared by.
//!
//! Manifests are hashed whole. Of larger files size, beginning and end are: enough to tell another version, a
//! download that was cut off or a mount that is not the shared one, within seconds for terabytes.

use super::{Answer, Trouble};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use trainer::RunDir;

/// Bytes of a file's beginning, and of its end, that are hashed.
const SAMPLE: u64 = 64 << 10;

/// Folders within folders that are looked into.
const DEPTH: usize = 3;

/// Files of a folder whose bytes are looked at; of the rest, names and sizes are.
const OPENED: usize = 4096;

/// A file or a folder of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// How many there are; 0: it is not there.
    pub files: usize,
    /// Bytes of all.
    pub bytes: u64,
    /// SHA-256 of names, sizes and samples.
    pub hash: String,
}

/// What is asked of a node.
#[derive(Debug, Deserialize)]
pub struct Places {
    /// The run's directory.
    run_dir: PathBuf,
    /// Files and folders that the recipe names: a base model, a vocabulary.
    #[serde(default)]
    named: Vec<PathBuf>,
}

/// The resolved recipe as it lies here.
pub fn recipe(places: &Places) -> Answer<Option<Digest>> {
    let path = RunDir::new(&places.run_dir).recipe_lock();
    match std::fs::read(&path) {
        Ok(text) => {
            let hash = hex(&Sha256::digest(&text));
            Ok(Some(Digest { files: 1, bytes: text.len() as u64, hash }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(&path, &error)),
    }
}

/// What is read in training, by its name.
pub fn manifests(places: &Places) -> Answer<BTreeMap<String, Digest>> {
    let mut found = BTreeMap::new();
    let prepared = places.run_dir.join("prepared");
    for folder in entries(&prepared)? {
        let Some(name) = folder.file_name().map(|it| it.to_string_lossy().into_owned()) else {
            continue;
        };
        let manifest = folder.join("manifest.json");
        if manifest.is_file() {
            let text = std::fs::read(&manifest).map_err(|error| unread(&manifest, &error))?;
            let hash = hex(&Sha256::digest(&text));
            let digest = Digest { files: 1, bytes: text.len() as u64, hash };
            found.insert(format!("prepared/{name}/manifest.json"), digest);
            found.insert(format!("prepared/{name}"), digest_of(&folder)?);
        }
    }
    let tokenizer = RunDir::new(&places.run_dir).tokenizer();
    if tokenizer.exists() {
        found.insert("tokenizer".to_owned(), digest_of(&tokenizer)?);
    }
    for path in &places.named {
        found.insert(path.display().to_string(), digest_of(path)?);
    }
    Ok(found)
}

/// A file, or a folder of files; without any, what is not there.
pub fn digest_of(path: &Path) -> Answer<Digest> {
    let mut files = Vec::new();
    match path.metadata() {
        Ok(found) if found.is_file() => files.push((path.to_owned(), found.len())),
        Ok(_) => listed(path, DEPTH, &mut files)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Digest::default()),
        Err(error) => return Err(unread(path, &error)),
    }
    files.sort();
    let mut hasher = Sha256::new();
    for (index, (file, bytes)) in files.iter().enumerate() {
        let name = file.strip_prefix(path).unwrap_or(file);
        hasher.update(name.as_os_str().as_encoded_bytes());
        hasher.update([0]);
        hasher.update(bytes.to_le_bytes());
        if index < OPENED {
            sample(file, *bytes, &mut hasher).map_err(|error| unread(file, &error))?;
        }
    }
    Ok(Digest {
        files: files.len(),
        bytes: files.iter().map(|it| it.1).sum(),
        hash: hex(&hasher.finalize()),
    })
}

/// Adds the beginning and the end of a file.
fn sample(path: &Path, bytes: u64, hasher: &mut Sha256) -> io::Result<()> {
    let mut file = File::open(path)?;
    if bytes <= 2 * SAMPLE {
        return io::copy(&mut file, hasher).map(|_| ());
    }
    io::copy(&mut file.by_ref().take(SAMPLE), hasher)?;
    file.seek(SeekFrom::End(-(SAMPLE as i64)))?;
    io::copy(&mut file.take(SAMPLE), hasher).map(|_| ())
}

/// The files below a folder, but for those that are being written and those that tools hide.
fn listed(folder: &Path, depth: usize, files: &mut Vec<(PathBuf, u64)>) -> Answer<()> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with(".tmp") {
            continue;
        }
        // A link that leads nowhere is read by nobody.
        let Ok(found) = path.metadata() else { continue };
        if found.is_file() {
            files.push((path, found.len()));
        } else if found.is_dir() && depth > 0 {
            listed(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

/// What a folder has; nothing where there is none.
fn entries(folder: &Path) -> Answer<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|it| it.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unread(folder, &error)),
    }
}

fn unread(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("`{}` cannot be read: {error}", path.display()))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn another_size_beginning_end_or_name_is_another_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("model"), folder.path().join("model/weights"));
        assert_eq!(digest_of(&path).unwrap(), Digest::default());
        std::fs::create_dir(&path).unwrap();
        let mut bytes = vec![7u8; 3 * SAMPLE as usize];
        let mut seen = Vec::new();
        let mut is_new = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let digest = digest_of(&path).unwrap();
            assert_eq!((digest.files, digest.bytes), (1, bytes.len() as u64));
            let is_new = !seen.contains(&digest.hash);
            seen.push(digest.hash);
            is_new
        };
        assert!(is_new(&bytes));
        assert!(!is_new(&bytes));
        bytes[0] = 8;
        assert!(is_new(&bytes));
        *bytes.last_mut().unwrap() = 8;
        assert!(is_new(&bytes));
        bytes.pop();
        assert!(is_new(&bytes));
        std::fs::rename(&file, path.join("other")).unwrap();
        assert!(!seen.contains(&digest_of(&path).unwrap().hash));
        std::fs::write(path.join("growing.tmp"), "x").unwrap();
        assert_eq!(digest_of(&path).unwrap().files, 1);
    }

    #[test]
    fn a_run_has_manifests_shards_and_a_vocabulary() {
        let folder = tempfile::tempdir().unwrap();
        let phase = folder.path().join("prepared/0-align");
        std::fs::create_dir_all(&phase).unwrap();
        std::fs::create_dir(folder.path().join("tokenizer")).unwrap();
        std::fs::write(phase.join("manifest.json"), "{}").unwrap();
        std::fs::write(phase.join("0.parquet"), "rows").unwrap();
        std::fs::write(folder.path().join("tokenizer/tokenizer.json"), "{}").unwrap();
        let model = folder.path().join("no model");
        let places = Places { run_dir: folder.path().into(), named: vec![model.clone()] };
        let found = manifests(&places).unwrap();
        let files: Vec<_> = found.iter().map(|(name, it)| (name.clone(), it.files)).collect();
        let expected = [
            (model.display().to_string(), 0),
            ("prepared/0-align".to_owned(), 2),
            ("prepared/0-align/manifest.json".to_owned(), 1),
            ("tokenizer".to_owned(), 1),
        ];
        assert_eq!(files, expected);
        assert_eq!(recipe(&places).unwrap(), None);
        std::fs::write(folder.path().join("recipe.lock"), "").unwrap();
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(recipe(&places).unwrap().unwrap().hash, hash);
    }
}
