//! Shares of prepared shards, put into one place by programs that need no folder in common.
//!
//! Each puts its files, then its list, and looks whether the lists of all are there: the last one to
//! end puts the manifest, and if two do at one time, they put the same bytes. Before a share brings
//! anything, a manifest that is not of these rows goes; so none goes after the last list has come.

use super::shards::{MANIFEST, Parcel, files_in, key_of, put_phases, refuse_itself, send};
use super::{Objects, Place, content, join, shards};
use crate::error::Error;
use data_pipeline::manifest::{Manifest, Origin};
use data_pipeline::order::Share;
use data_pipeline::prepare::{Prepared, ShareList, gather};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainer::{Recipe, RunDir};

/// A share of one phase.
struct Part<'a> {
    /// `prepared/N-NAME`.
    key: String,
    folder: PathBuf,
    origin: &'a Origin,
    share: Share,
    list: ShareList,
}

/// Puts what `share` has made of each phase into `place`, and the manifests of those phases whose
/// shares are then all there. Returns for each phase which shares, from 1, are not there yet.
pub fn put(
    recipe: &Recipe,
    run_dir: &RunDir,
    place: &Place,
    share: Share,
    prepared: &[Prepared],
) -> Result<Vec<Vec<usize>>, Error> {
    refuse_itself(run_dir, place)?;
    let objects = place.open()?;
    let objects = objects.as_ref();
    let (mut parts, mut whole) = (Vec::new(), Vec::new());
    for (index, (phase, prepared)) in recipe.phase.iter().zip(prepared).enumerate() {
        let key = key_of(index, &phase.name);
        let folder = run_dir.prepared(index, &phase.name);
        match Part::load(key, folder, prepared.origin(), share)? {
            Some(part) => parts.push((index, part)),
            // One program has made all of it before.
            None => whole.push(shards::Phase::load(index, &phase.name, run_dir)?),
        }
    }
    let (mut parcels, mut joined) = (Vec::new(), Vec::new());
    for (index, part) in &parts {
        if !part.is_joined(objects)? {
            part.retract(objects)?;
            parcels.extend(part.parcels()?);
            joined.push((*index, part));
        }
    }
    // The vocabulary comes first.
    put_phases(whole, run_dir, objects, place)?;
    send(&parcels, objects, place)?;
    let mut missing = vec![Vec::new(); recipe.phase.len()];
    for (index, part) in joined {
        missing[index] = part.join(objects)?;
    }
    Ok(missing)
}

impl<'a> Part<'a> {
    /// None where no share was made.
    fn load(
        key: String,
        folder: PathBuf,
        origin: &'a Origin,
        share: Share,
    ) -> Result<Option<Self>, Error> {
        let path = folder.join(ShareList::name(share));
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read(&path).map_err(data_pipeline::Error::read(&path))?;
        let list = ShareList::read(&text, origin)?;
        Ok(list.map(|list| Self { key, folder, origin, share, list }))
    }

    /// Whether the place holds these rows and those of all other shares.
    fn is_joined(&self, objects: &dyn Objects) -> Result<bool, Error> {
        let text = content(objects, &join(&self.key, MANIFEST))?;
        let manifest: Option<Manifest> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let fingerprint = self.origin.fingerprint()?;
        let Some(manifest) = manifest.filter(|it| it.fingerprint == fingerprint) else {
            return Ok(false);
        };
        let sizes = self.sizes(objects)?;
        for file in self.list.files() {
            let path = self.folder.join(&file.name);
            let size = std::fs::metadata(&path).map_err(data_pipeline::Error::read(&path))?.len();
            if sizes.get(&file.name) != Some(&size) {
                return Ok(false);
            }
        }
        Ok(manifest.files.iter().all(|file| sizes.contains_key(&file.name)))
    }

    /// Names and sizes of what the place holds of the phase.
    fn sizes(&self, objects: &dyn Objects) -> Result<BTreeMap<String, u64>, Error> {
        let names = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        let there = objects.list(&self.key)?;
        Ok(there.into_iter().map(|meta| (names(&meta.key), meta.size)).collect())
    }

    /// Makes the phase not there for readers, and this share not there for the others; lists of other
    /// rows go, as their files will be written over.
    fn retract(&self, objects: &dyn Objects) -> Result<(), Error> {
        objects.remove(&join(&self.key, MANIFEST))?;
        let own = ShareList::name(self.share);
        for name in self.sizes(objects)?.keys().filter(|name| ShareList::is_name(name)) {
            if *name == own || self.list_in(objects, name)?.is_none() {
                objects.remove(&join(&self.key, name))?;
            }
        }
        Ok(())
    }

    /// The list of that name, if it is one of these rows.
    fn list_in(&self, objects: &dyn Objects, name: &str) -> Result<Option<ShareList>, Error> {
        match content(objects, &join(&self.key, name))? {
            Some(text) => Ok(ShareList::read(&text, self.origin)?),
            None => Ok(None),
        }
    }

    /// What this share has made, and what did not fit; its list behind everything that it names.
    fn parcels(&self) -> Result<Vec<Parcel>, Error> {
        let mut names: Vec<String> = self.list.files().map(|file| file.name.clone()).collect();
        let beside = files_in(&self.folder)?.into_iter().map(|(name, _)| name);
        names.extend(beside.filter(|it| it.starts_with("quarantine-") && it.ends_with(".jsonl")));
        names.push(ShareList::name(self.share));
        let parcel =
            |name: &String| Parcel { key: join(&self.key, name), file: self.folder.join(name) };
        Ok(names.iter().map(parcel).collect())
    }

    /// Puts the manifest, if all shares are there with their files; else says which are not.
    fn join(&self, objects: &dyn Objects) -> Result<Vec<usize>, Error> {
        let there = self.sizes(objects)?;
        let mut lists = Vec::new();
        for name in there.keys().filter(|name| ShareList::is_name(name)) {
            let list = self.list_in(objects, name)?;
            let is_whole = |list: &ShareList| list.files().all(|it| there.contains_key(&it.name));
            lists.extend(list.filter(is_whole));
        }
        let place = objects.name(&self.key);
        let manifest = match gather(self.origin, lists, self.share.count, Path::new(&place))? {
            Prepared::Whole(manifest) => manifest,
            Prepared::Part { missing, .. } => return Ok(missing),
        };
        for name in there.keys().filter(|name| shards::is_stray(name, &manifest)) {
            objects.remove(&join(&self.key, name))?;
        }
        // No manifest for those who read this folder, where the other shares may not be.
        let waiting = self.folder.join(format!("{MANIFEST}.{}.tmp", ShareList::name(self.share)));
        std::fs::write(&waiting, manifest.to_json()?)
            .map_err(data_pipeline::Error::write(&waiting))?;
        let written = objects.write(&join(&self.key, MANIFEST), &waiting);
        super::cache::remove(&waiting)?;
        written?;
        Ok(Vec::new())
    }
}
