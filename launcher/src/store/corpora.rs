//! The files of corpora that lie in an object store, brought here before a verb reads them.
//!
//! Which files a split has, its declaration says; so only what a verb will read is asked for, and a
//! bucket may hold much more.

use super::cache::Cache;
use super::place::Place;
use crate::cli::DataRoot;
use crate::error::{Error, exit};
use data_pipeline::corpus::{Corpus, fits};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use trainer::Recipe;
use trainer::audit::{Use, reads};

/// A corpus of which files are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its declaration.
    pub declaration: PathBuf,
    /// Which split; without it, all.
    pub split: Option<String>,
    /// Whether nothing can be done without it.
    pub is_needed: bool,
}

/// Everything of these declarations.
pub fn of_datasets(declarations: &[PathBuf], are_needed: bool) -> Vec<Wanted> {
    let wanted = |declaration: &PathBuf| Wanted {
        declaration: declaration.clone(),
        split: None,
        is_needed: are_needed,
    };
    declarations.iter().map(wanted).collect()
}

/// What a recipe reads, if `choose` says that it is wanted.
pub fn of_recipe(recipe: &Recipe, choose: fn(Use) -> bool) -> Result<Vec<Wanted>, Error> {
    let chosen = reads(recipe)?.into_iter().filter(|it| choose(it.used));
    Ok(chosen
        .map(|it| Wanted {
            declaration: it.declaration,
            split: Some(it.split),
            is_needed: it.used != Use::Bridge,
        })
        .collect())
}

/// The folder of this machine in which corpora lie: the one that was named, or the one to which
/// `wanted` was brought from the place that was named.
pub fn data_root(
    args: &DataRoot,
    wanted: impl FnOnce() -> Result<Vec<Wanted>, Error>,
) -> Result<PathBuf, Error> {
    let place = Place::of(&args.data_root)?;
    match &place {
        Place::Folder(path) => Ok(path.clone()),
        Place::Remote(_) => {
            let cache = Cache::open(&place, &args.cache.folder())?;
            bring(&cache, &place, &wanted()?)?;
            Ok(cache.path(""))
        }
    }
}

/// The keys of a split's files, in which `*` may stand for any characters.
struct Keys {
    dataset: String,
    origin: String,
    is_needed: bool,
    patterns: Vec<String>,
}

fn bring(cache: &Cache, place: &Place, wanted: &[Wanted]) -> Result<(), Error> {
    let mut all = BTreeSet::new();
    let mut splits = Vec::new();
    for keys in wanted.iter().flat_map(|wanted| keys(place, wanted)) {
        let mut found = Vec::new();
        for pattern in &keys.patterns {
            found.extend(expanded(cache, pattern)?);
        }
        all.extend(found.iter().cloned());
        splits.push((keys, found));
    }
    let all: Vec<String> = all.into_iter().collect();
    let there = cache.bring_all(&all)?;
    let absent: BTreeSet<&String> =
        all.iter().zip(there).filter(|(_, there)| !there).map(|(key, _)| key).collect();
    if absent.len() == all.len() {
        // No file at all: perhaps there is no such bucket.
        cache.objects().check()?;
    }
    for (keys, found) in splits.iter().filter(|(keys, _)| keys.is_needed) {
        let mut missing = found.iter().filter(|key| absent.contains(key));
        if let Some(first) = missing.next() {
            return Err(not_there(cache, keys, first, missing.count()));
        }
    }
    Ok(())
}

fn not_there(cache: &Cache, keys: &Keys, first: &str, more: usize) -> Error {
    let Keys { dataset, origin, .. } = keys;
    let first = cache.objects().name(first);
    let message = match more {
        0 => format!("`{first}` is not there, which `{dataset}` consists of"),
        _ => format!("`{first}` and {more} more are not there, which `{dataset}` consists of"),
    };
    Error::new(exit::BACKEND, message).hint(format!(
        "put it there, or let --data-root (KNOWCODER_DATA) name the place that holds it; it comes from {origin}"
    ))
}

/// The files of what is wanted, one entry a split.
///
/// A declaration that cannot be read is for the verb itself to complain about.
fn keys(place: &Place, wanted: &Wanted) -> Vec<Keys> {
    // No folder of this machine has such a name: what a `*` stands for stays open.
    let root = PathBuf::from(place.to_string());
    let Ok(corpus) = Corpus::load(&wanted.declaration, &root) else { return Vec::new() };
    let splits: Vec<&str> = match &wanted.split {
        Some(split) => vec![split.as_str()],
        None => corpus.splits(),
    };
    let keys = |split: &str| {
        let files = corpus.files(split).ok()?;
        Some(Keys {
            dataset: format!("{}:{split}", corpus.name()),
            origin: corpus.origin().to_owned(),
            is_needed: wanted.is_needed,
            patterns: files.iter().filter_map(|file| key(file, &root)).collect(),
        })
    };
    splits.into_iter().filter_map(keys).collect()
}

/// A file as a key of the place; none if it belongs to the repository.
fn key(file: &Path, root: &Path) -> Option<String> {
    file.strip_prefix(root).ok()?.to_str().map(str::to_owned)
}

/// The keys that `pattern` stands for at the place; itself, if nothing fits.
///
/// Files that were brought earlier and are not listed any more are removed: a reader, too, looks for
/// what fits.
fn expanded(cache: &Cache, pattern: &str) -> Result<Vec<String>, Error> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    if !name.contains('*') {
        return Ok(vec![pattern.to_owned()]);
    }
    let is_meant = |key: &str| {
        let found = key.rsplit_once('/').map_or(key, |(_, name)| name);
        super::is_name(found) && fits(found, name)
    };
    let listed = cache.objects().list(folder)?.into_iter().map(|meta| meta.key);
    let listed: BTreeSet<String> = listed.filter(|key| is_meant(key)).collect();
    for name in cache.names_in(folder) {
        let key = super::join(folder, &name);
        if is_meant(&key) && !listed.contains(&key) {
            cache.forget(&key)?;
        }
    }
    match listed.is_empty() {
        true => Ok(vec![pattern.to_owned()]),
        false => Ok(listed.into_iter().collect()),
    }
}
