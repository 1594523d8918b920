//! Prepared shards, put into a place and taken from it: prepared once, trained from by many jobs.
//!
//! A place looks like the run directory that they come from: `tokenizer/` and `prepared/N-PHASE/`.
//! The manifest of a phase goes first and comes last, so that its shards are all there or none are,
//! and every one is held against its hash before it is used.

use super::cache::{Cache, link, remove};
use super::place::{Place, Remote};
use super::{Objects, is_name, join};
use crate::display::Display;
use crate::error::{Error, exit};
use data_pipeline::manifest::Manifest;
use data_pipeline::prepare::ShareList;
use std::path::{Path, PathBuf};
use std::time::Instant;
use trainer::{Recipe, RunDir};

pub(super) const MANIFEST: &str = "manifest.json";
const TOKENIZER: &str = "tokenizer";

/// Shards that were prepared elsewhere.
#[derive(Clone, Debug)]
pub struct Given {
    place: Place,
    cache: PathBuf,
}

/// One file on its way to a place.
pub(super) struct Parcel {
    pub(super) key: String,
    pub(super) file: PathBuf,
}

/// The shards of one phase of a run directory.
pub(super) struct Phase {
    /// `prepared/N-NAME`.
    key: String,
    folder: PathBuf,
    manifest: Manifest,
    /// `manifest.json` as it is.
    text: Vec<u8>,
}

/// Puts vocabulary and shards of a run directory into `place`; what is there already stays.
pub fn put(recipe: &Recipe, run_dir: &RunDir, place: &Place) -> Result<(), Error> {
    refuse_itself(run_dir, place)?;
    let objects = place.open()?;
    let objects = objects.as_ref();
    let mut phases = Vec::new();
    for (index, phase) in recipe.phase.iter().enumerate() {
        phases.push(Phase::load(index, &phase.name, run_dir)?);
    }
    put_phases(phases, run_dir, objects, place)
}

/// Puts the vocabulary and those of `phases` that are not there.
pub(super) fn put_phases(
    all: Vec<Phase>,
    run_dir: &RunDir,
    objects: &dyn Objects,
    place: &Place,
) -> Result<(), Error> {
    let mut phases = Vec::new();
    for phase in all {
        if !phase.is_in(objects)? {
            phases.push(phase);
        }
    }
    // From here on these phases are not there for readers.
    for phase in &phases {
        objects.remove(&join(&phase.key, MANIFEST))?;
    }
    let mut parcels = tokenizer(run_dir, objects)?;
    for phase in &phases {
        phase.remove_others(objects)?;
        parcels.extend(phase.parcels()?);
    }
    // Behind everything that they name.
    parcels.extend(phases.iter().map(|phase| phase.parcel(MANIFEST)));
    send(&parcels, objects, place)
}

/// Puts files in their order, showing how far that is.
pub(super) fn send(parcels: &[Parcel], objects: &dyn Objects, place: &Place) -> Result<(), Error> {
    let mut display = Display::new();
    let what = format!("files to {place}");
    for (index, Parcel { key, file }) in parcels.iter().enumerate() {
        display.advance(&what, index, parcels.len(), "", Instant::now());
        let sent = objects.write(key, file);
        if sent.is_err() {
            // The bar goes before the error comes.
            display.finish();
        }
        sent?;
    }
    if !parcels.is_empty() {
        display.advance(&what, parcels.len(), parcels.len(), "", Instant::now());
    }
    display.finish();
    Ok(())
}

/// A run directory that is put into itself would be removed before it is read.
pub(super) fn refuse_itself(run_dir: &RunDir, place: &Place) -> Result<(), Error> {
    let Place::Folder(folder) = place else { return Ok(()) };
    match (folder.canonicalize(), run_dir.root().canonicalize()) {
        (Ok(folder), Ok(root)) if folder == root => {
            let message = format!("`{place}` is the run directory itself: the shards are there");
            Err(Error::new(exit::DECLARATION, message).hint("let --out name another place"))
        }
        _ => Ok(()),
    }
}

/// The files of the vocabulary, if they are not at the place already.
fn tokenizer(run_dir: &RunDir, objects: &dyn Objects) -> Result<Vec<Parcel>, Error> {
    let mut parcels = Vec::new();
    for (name, file) in files_in(&run_dir.tokenizer())? {
        let key = join(TOKENIZER, &name);
        let here = std::fs::read(&file).map_err(data_pipeline::Error::read(&file))?;
        if super::content(objects, &key)?.is_none_or(|there| there != here) {
            parcels.push(Parcel { key, file });
        }
    }
    Ok(parcels)
}

/// Names and paths of the files right in a folder, sorted.
pub(super) fn files_in(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(data_pipeline::Error::read(folder))? {
        let entry = entry.map_err(data_pipeline::Error::read(folder))?;
        if entry.path().is_file() {
            files.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

impl Phase {
    pub(super) fn load(index: usize, name: &str, run_dir: &RunDir) -> Result<Self, Error> {
        let folder = run_dir.prepared(index, name);
        let manifest = Manifest::load(&folder)?;
        let path = folder.join(MANIFEST);
        let text = std::fs::read(&path).map_err(data_pipeline::Error::read(&path))?;
        Ok(Self { key: key_of(index, name), folder, manifest, text })
    }

    /// Whether the place holds just these shards.
    fn is_in(&self, objects: &dyn Objects) -> Result<bool, Error> {
        if super::content(objects, &join(&self.key, MANIFEST))?.as_ref() != Some(&self.text) {
            return Ok(false);
        }
        for file in &self.manifest.files {
            let path = self.folder.join(&file.name);
            let size = std::fs::metadata(&path).map_err(data_pipeline::Error::read(&path))?.len();
            let there = objects.find(&join(&self.key, &file.name))?;
            if there.is_none_or(|there| there.size != size) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes shards that the manifest does not name, and lists of shares.
    fn remove_others(&self, objects: &dyn Objects) -> Result<(), Error> {
        for meta in objects.list(&self.key)? {
            let name = meta.key.rsplit('/').next().unwrap_or_default();
            if is_stray(name, &self.manifest) || ShareList::is_name(name) {
                objects.remove(&meta.key)?;
            }
        }
        Ok(())
    }

    /// All but the manifest: the shards, and the rows that did not fit.
    fn parcels(&self) -> Result<Vec<Parcel>, Error> {
        let mut parcels: Vec<Parcel> =
            self.manifest.files.iter().map(|file| self.parcel(&file.name)).collect();
        let beside = files_in(&self.folder)?.into_iter().map(|(name, _)| name);
        let quarantined =
            beside.filter(|it| it.starts_with("quarantine-") && it.ends_with(".jsonl"));
        parcels.extend(quarantined.map(|name| self.parcel(&name)));
        Ok(parcels)
    }

    fn parcel(&self, name: &str) -> Parcel {
        Parcel { key: join(&self.key, name), file: self.folder.join(name) }
    }
}

/// Whether it is the name of a shard that `manifest` does not know.
pub(super) fn is_stray(name: &str, manifest: &Manifest) -> bool {
    let is_shard = name.starts_with("shard-") && name.ends_with(".parquet");
    is_shard && !manifest.files.iter().any(|file| file.name == name)
}

/// Where the shards of a phase are in a place.
pub(super) fn key_of(index: usize, name: &str) -> String {
    format!("prepared/{index}-{name}")
}

impl Given {
    /// The shards at `place`; what comes from afar is kept in `cache`.
    pub fn new(place: Place, cache: PathBuf) -> Self {
        Self { place, cache }
    }

    /// Puts vocabulary and shards of every phase of `recipe` into `run_dir`.
    ///
    /// `is_begun` says that something was learned there, which binds the run to its vocabulary.
    pub fn take(&self, recipe: &Recipe, run_dir: &RunDir, is_begun: bool) -> Result<(), Error> {
        refuse_itself(run_dir, &self.place)?;
        let cache = Cache::open(&self.place, &self.cache)?;
        let mut brought = Vec::new();
        for (index, phase) in recipe.phase.iter().enumerate() {
            let key = key_of(index, &phase.name);
            brought.push((run_dir.prepared(index, &phase.name), bring(&cache, &key)?, key));
        }
        take_tokenizer(&cache, run_dir, is_begun)?;
        for (folder, manifest, key) in &brought {
            take_phase(&cache.path(key), manifest, folder)?;
        }
        Ok(())
    }
}

/// The shards of one phase, at `RUN/prepared/N-PHASE`, as a folder of this machine; the vocabulary
/// lies as far from it as in a run directory.
pub fn local(path: &Path, cache: &Path) -> Result<PathBuf, Error> {
    let Place::Remote(remote) = Place::of(path)? else { return Ok(path.to_owned()) };
    let (prefix, key) = match remote.prefix.rmatch_indices('/').nth(1) {
        Some((at, _)) => (&remote.prefix[..at], &remote.prefix[at + 1..]),
        None if remote.prefix.contains('/') => ("", remote.prefix.as_str()),
        None => {
            let message = format!("`{remote}` is no folder of shards");
            let hint = "name one like s3://BUCKET/RUN/prepared/0-PHASE";
            return Err(Error::new(exit::DECLARATION, message).hint(hint));
        }
    };
    let run = Remote { prefix: prefix.to_owned(), ..remote.clone() };
    let cache = Cache::open(&Place::Remote(run), cache)?;
    bring(&cache, key)?;
    bring_tokenizer(&cache)?;
    Ok(cache.path(key))
}

/// Brings the shards under `key` and holds them against their manifest.
fn bring(cache: &Cache, key: &str) -> Result<Manifest, Error> {
    let manifest = join(key, MANIFEST);
    if !cache.bring_all(std::slice::from_ref(&manifest))?[0] {
        cache.objects().check()?;
        let message = format!(
            "`{}` is not there: no shards were prepared there to the end",
            cache.objects().name(&manifest)
        );
        let hint = "prepare them with `knowcoder data prepare RECIPE --out PLACE`, with the phases of this recipe";
        return Err(Error::new(exit::BACKEND, message).hint(hint));
    }
    let folder = cache.path(key);
    let manifest = Manifest::load(&folder)?;
    let place = cache.objects().name(key);
    if let Some(odd) = manifest.files.iter().find(|file| !is_name(&file.name)) {
        let message = format!("the manifest in `{place}` names a file `{}`", odd.name);
        return Err(Error::new(exit::DATA, message).hint("it is none of ours: do not use it"));
    }
    let keys: Vec<String> = manifest.files.iter().map(|file| join(key, &file.name)).collect();
    let there = cache.bring_all(&keys)?;
    let absent = keys.iter().zip(there).find(|(_, there)| !there);
    let wrong = match absent {
        Some((absent, _)) => Some(format!("`{}` is not there", cache.objects().name(absent))),
        None => manifest.verify(&folder).err().map(|error| error.to_string()),
    };
    if let Some(wrong) = wrong {
        // What was kept may be at fault: the next try brings all of it again.
        for key in &keys {
            cache.forget(key)?;
        }
        let message = format!("the shards in `{place}` are not those of their manifest: {wrong}");
        let hint =
            "if they are being prepared right now, wait and try again; else prepare them again";
        return Err(Error::new(exit::DATA, message).hint(hint));
    }
    Ok(manifest)
}

/// Brings the files of the vocabulary and returns their names.
fn bring_tokenizer(cache: &Cache) -> Result<Vec<String>, Error> {
    let listed = cache.objects().list(TOKENIZER)?;
    let keys: Vec<String> = listed.into_iter().map(|meta| meta.key).collect();
    let names = |key: &String| key.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = keys.iter().map(names).filter(|name| is_name(name)).collect();
    cache.bring_all(&keys)?;
    Ok(names)
}

/// Makes the vocabulary that of the run.
fn take_tokenizer(cache: &Cache, run_dir: &RunDir, is_begun: bool) -> Result<(), Error> {
    let (folder, names) = (run_dir.tokenizer(), bring_tokenizer(cache)?);
    if names.is_empty() {
        let message = format!(
            "`{}` is not there: no vocabulary belongs to these shards",
            cache.objects().name(TOKENIZER)
        );
        return Err(Error::new(exit::BACKEND, message)
            .hint("prepare them with `knowcoder data prepare RECIPE --out PLACE`"));
    }
    let content = |path: PathBuf| std::fs::read(path).ok();
    let is_same = |name: &String| {
        let there = content(folder.join(name));
        there.is_some() && there == content(cache.path(&join(TOKENIZER, name)))
    };
    if names.iter().all(is_same) {
        return Ok(());
    }
    if folder.exists() {
        if is_begun {
            let message = format!(
                "`{}` holds a run with another vocabulary than the shards in `{}`",
                run_dir.root().display(),
                cache.objects().name("")
            );
            return Err(Error::new(exit::DECLARATION, message)
                .hint("give this one another --run-dir, or remove the old run"));
        }
        std::fs::remove_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    }
    // Under its own name only when it is whole.
    let growing = folder.with_extension("tmp");
    std::fs::create_dir_all(&growing).map_err(data_pipeline::Error::write(&growing))?;
    for name in &names {
        super::cache::copy(&cache.path(&join(TOKENIZER, name)), &growing.join(name))?;
    }
    Ok(std::fs::rename(&growing, &folder).map_err(data_pipeline::Error::write(&folder))?)
}

/// Makes `folder` hold the shards of `from`.
fn take_phase(from: &Path, manifest: &Manifest, folder: &Path) -> Result<(), Error> {
    let is_there = Manifest::load(folder).is_ok_and(|there| there == *manifest)
        && manifest.verify(folder).is_ok();
    if is_there {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?;
    remove(&folder.join(MANIFEST))?;
    for (name, path) in files_in(folder)? {
        if name.starts_with("shard-") || name.starts_with("quarantine-") {
            remove(&path)?;
        }
    }
    for file in &manifest.files {
        link(&from.join(&file.name), &folder.join(&file.name))?;
    }
    super::cache::copy(&from.join(MANIFEST), &folder.join(MANIFEST))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_of_shards_in_a_bucket_is_below_a_run() {
        let cache = tempfile::tempdir().unwrap();
        let error = local(Path::new("s3://bucket/shards"), cache.path()).unwrap_err();
        assert_eq!(error.code, exit::DECLARATION);
        assert_eq!(error.message, "`s3://bucket/shards` is no folder of shards");
        let here = local(Path::new("runs/x/prepared/0-copy"), cache.path()).unwrap();
        assert_eq!(here, Path::new("runs/x/prepared/0-copy"));
    }
}
