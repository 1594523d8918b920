//! Corpora and shards that lie in object stores, under paths like `s3://bucket/corpora`.
//!
//! # Layout
//! - [`place`]: what a path means: a folder of this machine, or a part of a bucket.
//! - [`folder`], `bucket`: the two kinds of places behind one trait, [`Objects`].
//! - [`cache`]: objects as files of this machine, brought once and kept while they are the same.
//! - [`corpora`]: the files of the corpora that a verb will read. [`shards`]: prepared shards, put into
//!   a place and taken from it. [`shares`]: those of several programs, which meet in a place.
//!
//! Everything remote becomes a local file here: behind this door all code reads folders. Credentials
//! come from the environment alone, under the names that each store's own tools use.

#[cfg(feature = "object-store")]
mod bucket;
mod cache;
mod corpora;
mod folder;
mod place;
pub mod shards;
pub mod shares;

pub use cache::default_folder;
pub use corpora::{Wanted, data_root, of_datasets, of_recipe};
pub use place::Place;

use crate::error::Error;
use std::path::{Path, PathBuf};

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Where it is, from the place on: names divided by `/`.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// What changes with its content, if the place says such a thing.
    pub etag: Option<String>,
    /// When it was written, in milliseconds since 1970.
    pub modified: i64,
}

/// What is given each piece of an object in turn.
pub type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Error>;

/// A place that holds objects under keys.
///
/// An object is written whole or not at all.
pub trait Objects: Send + Sync {
    /// What to call an object before a person; of the empty key, the place itself.
    fn name(&self, key: &str) -> String;

    /// What is known of an object; none if it is not there.
    fn find(&self, key: &str) -> Result<Option<Meta>, Error>;

    /// The objects right in a folder; none if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<Meta>, Error>;

    /// Reads an object from byte `from` on; fails if it is not the one that `meta` describes.
    fn read(&self, meta: &Meta, from: u64, take: Take<'_>) -> Result<(), Error>;

    /// Puts the content of `file` under `key`, in place of what was there.
    fn write(&self, key: &str, file: &Path) -> Result<(), Error>;

    /// Removes an object, if it is there.
    fn remove(&self, key: &str) -> Result<(), Error>;

    /// Fails if the place itself cannot be asked.
    fn check(&self) -> Result<(), Error>;

    /// The file that an object is, where places are folders.
    fn file(&self, key: &str) -> Option<PathBuf>;
}

/// The content of a small object, as it is now; none if it is not there.
pub fn content(objects: &dyn Objects, key: &str) -> Result<Option<Vec<u8>>, Error> {
    let Some(meta) = objects.find(key)? else { return Ok(None) };
    let mut content = Vec::new();
    objects.read(&meta, 0, &mut |bytes| {
        content.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(Some(content))
}

/// `folder` and `name` as a key; the folder may be the place itself.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether `name`, which somebody else's file says, is one name and leads nowhere else.
pub fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}
