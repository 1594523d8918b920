//! Objects of a place as files of this machine: brought once, kept while they stay the same.
//!
//! ```text
//! objects/s3/SERVER/BUCKET/KEY   what was brought, whole; folders as readers expect them
//! state/HASH.json                which object that is: its size, ETag and time, and the file's own
//! parts/HASH                     what came of an object so far; the next try goes on from there
//! locks/00 … locks/ff            one process at a time brings an object, the others wait for it
//! ```
//!
//! A file is used without a question only if the place still says the same of the object and nobody
//! touched the file. An object whose place gives no ETag is always brought from its first byte.

use super::place::{Place, Remote};
use super::{Meta, Objects};
use crate::display::Display;
use crate::error::{Error, exit};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Objects that are asked for at once.
const AT_ONCE: usize = 8;

/// How often in a row a connection may break without a byte having come.
const TRIES: usize = 3;

/// A place, and what was brought from it.
pub struct Cache {
    objects: Box<dyn Objects>,
    root: PathBuf,
    /// Where in `root/objects` the objects of this place lie.
    folder: PathBuf,
    name: String,
}

/// What was known of an object and its file when it was brought.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    size: u64,
    etag: Option<String>,
    modified: i64,
    /// Nanoseconds since 1970.
    file_modified: u64,
}

/// Where things are kept if nobody says where.
pub fn default_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let caches = match (set("XDG_CACHE_HOME"), set("HOME")) {
        (Some(caches), _) => PathBuf::from(caches),
        (None, Some(home)) => Path::new(&home).join(".cache"),
        (None, None) => std::env::temp_dir(),
    };
    caches.join("knowcoder").join("stores")
}

impl Cache {
    /// The objects of `place`, kept below `root`; those of a folder are used where they are.
    pub fn open(place: &Place, root: &Path) -> Result<Self, Error> {
        let objects = place.open()?;
        let folder = match place {
            Place::Folder(_) => PathBuf::new(),
            Place::Remote(remote) => Remote::folder(remote),
        };
        Self::of(objects, root, folder)
    }

    fn of(objects: Box<dyn Objects>, root: &Path, folder: PathBuf) -> Result<Self, Error> {
        let name = objects.name("");
        // Whoever works in another folder shall find the same files.
        let root = std::path::absolute(root).map_err(data_pipeline::Error::read(root))?;
        Ok(Self { objects, root, folder, name })
    }

    /// The place itself.
    pub fn objects(&self) -> &dyn Objects {
        self.objects.as_ref()
    }

    /// Where an object is or would be; of the empty key, the folder of all.
    pub fn path(&self, key: &str) -> PathBuf {
        if let Some(path) = self.objects.file(key) {
            return path;
        }
        let folder = self.root.join("objects").join(&self.folder);
        if key.is_empty() { folder } else { folder.join(key) }
    }

    /// Brings the objects under `keys`, several at a time, and says which were there.
    ///
    /// Of one that is not there, nothing that was brought earlier stays.
    pub fn bring_all(&self, keys: &[String]) -> Result<Vec<bool>, Error> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(vec![false; keys.len()]);
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let work = |tell: &Sender<Told>| {
            while hold(&failed).is_none() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(key) = keys.get(index) else { break };
                match self.bring_if_there(key, tell) {
                    Ok(is_there) => hold(&found)[index] = is_there,
                    Err(error) => drop(hold(&failed).get_or_insert(error)),
                }
                // Who does not listen any more need not hear it.
                let _ = tell.send(Told::Done);
            }
        };
        std::thread::scope(|scope| {
            let (tell, hear) = channel();
            for _ in 0..AT_ONCE.min(keys.len()) {
                let (work, tell) = (&work, tell.clone());
                scope.spawn(move || work(&tell));
            }
            drop(tell);
            show(&self.name, keys.len(), &hear);
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn bring_if_there(&self, key: &str, tell: &Sender<Told>) -> Result<bool, Error> {
        match self.objects.find(key)? {
            Some(meta) => self.bring(&meta, tell).map(|()| true),
            None => self.forget(key).map(|()| false),
        }
    }

    /// Removes what was brought of an object.
    pub fn forget(&self, key: &str) -> Result<(), Error> {
        if self.objects.file(key).is_some() {
            return Ok(());
        }
        let _lock = self.lock(key)?;
        remove(&self.state_of(key))?;
        remove(&self.path(key))
    }

    /// The names that were brought into a folder.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Sees that the file of an object is there and is that object.
    fn bring(&self, meta: &Meta, tell: &Sender<Told>) -> Result<(), Error> {
        if self.objects.file(&meta.key).is_some() || self.is_fresh(meta) {
            return Ok(());
        }
        let _lock = self.lock(&meta.key)?;
        // Another process may have brought it while we waited.
        if self.is_fresh(meta) {
            return Ok(());
        }
        let part = self.part_of(meta);
        self.complete(meta, &part, tell)?;
        let path = self.path(&meta.key);
        make_parent(&path)?;
        remove(&self.state_of(&meta.key))?;
        std::fs::rename(&part, &path).map_err(data_pipeline::Error::write(&path))?;
        self.note(meta, &path)
    }

    /// Lets `part` grow until it is the whole object.
    fn complete(&self, meta: &Meta, part: &Path, tell: &Sender<Told>) -> Result<(), Error> {
        make_parent(part)?;
        let write = |error| Error::from(data_pipeline::Error::write(part)(error));
        let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(write)?;
        let mut there = file.metadata().map_err(write)?.len();
        if meta.etag.is_none() || there > meta.size {
            file.set_len(0).map_err(write)?;
            there = 0;
        }
        let mut tries = 0;
        while there < meta.size {
            let before = there;
            let mut take = |bytes: &[u8]| {
                there += bytes.len() as u64;
                if there > meta.size {
                    return Err(self.changed(meta));
                }
                file.write_all(bytes).map_err(write)?;
                let _ = tell.send(Told::Bytes(bytes.len()));
                Ok(())
            };
            let outcome = self.objects.read(meta, before, &mut take);
            let error = match outcome {
                Ok(()) if there == meta.size => break,
                Ok(()) => self.cut(meta, there),
                Err(error) if error.code == exit::TRANSIENT && meta.etag.is_some() => error,
                Err(error) => return Err(error),
            };
            tries = if there > before { 0 } else { tries + 1 };
            if there > meta.size {
                // What came is of another object: none of it is of use.
                file.set_len(0).map_err(write)?;
                return Err(error);
            }
            if tries == TRIES || meta.etag.is_none() {
                return Err(error);
            }
        }
        file.sync_all().map_err(write)
    }

    fn cut(&self, meta: &Meta, there: u64) -> Error {
        let name = self.objects.name(&meta.key);
        let message =
            format!("the connection closed after {there} of {} bytes of `{name}`", meta.size);
        Error::new(exit::TRANSIENT, message).hint("the same command goes on where it stopped")
    }

    fn changed(&self, meta: &Meta) -> Error {
        let message = format!("`{}` changed while it was read", self.objects.name(&meta.key));
        Error::new(exit::TRANSIENT, message).hint("try again")
    }

    /// Whether the file of an object is what the place says of it now.
    fn is_fresh(&self, meta: &Meta) -> bool {
        let state = std::fs::read(self.state_of(&meta.key)).ok();
        let state = state.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
        let path = self.path(&meta.key);
        let (Some(state), Ok(file)) = (state, std::fs::metadata(&path)) else { return false };
        file.len() == meta.size && state == State::new(meta, &file)
    }

    /// Notes which object a file is.
    fn note(&self, meta: &Meta, path: &Path) -> Result<(), Error> {
        let file = std::fs::metadata(path).map_err(data_pipeline::Error::read(path))?;
        let state = serde_json::to_vec(&State::new(meta, &file)).map_err(|error| {
            Error::new(exit::BUG, format!("the state of an object cannot be written: {error}"))
        })?;
        let place = self.state_of(&meta.key);
        make_parent(&place)?;
        Ok(data_pipeline::predictions::replace(&place, &state)?)
    }

    /// Waits until no other process, and no other thread of this one, brings an object like this.
    fn lock(&self, key: &str) -> Result<File, Error> {
        let path = self.root.join("locks").join(&self.hash(key, "")[..2]);
        make_parent(&path)?;
        let write = |error| Error::from(data_pipeline::Error::write(&path)(error));
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(write)?;
        file.lock().map_err(write)?;
        Ok(file)
    }

    fn state_of(&self, key: &str) -> PathBuf {
        self.root.join("state").join(self.hash(key, "") + ".json")
    }

    /// Where an object grows: one that changed begins anew.
    fn part_of(&self, meta: &Meta) -> PathBuf {
        let version = format!("{:?} {} {}", meta.etag, meta.size, meta.modified);
        self.root.join("parts").join(self.hash(&meta.key, &version))
    }

    fn hash(&self, key: &str, version: &str) -> String {
        let text = format!("{}\n{key}\n{version}", self.folder.display());
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl State {
    fn new(meta: &Meta, file: &std::fs::Metadata) -> Self {
        let since = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            size: meta.size,
            etag: meta.etag.clone(),
            modified: meta.modified,
            file_modified: since.map_or(0, |since| since.as_nanos() as u64),
        }
    }
}

/// What a thread tells of its work.
enum Told {
    /// So many bytes came.
    Bytes(usize),
    /// An object is here, or is known not to be there.
    Done,
}

/// Shows what threads tell until they are done; nothing as long as no byte has to come.
fn show(place: &str, total: usize, hear: &Receiver<Told>) {
    let mut display = Display::new();
    let what = format!("files from {place}");
    let (mut done, mut bytes) = (0, 0);
    for told in hear {
        match told {
            Told::Bytes(count) => {
                bytes += count;
                let detail = format!("{:.1} MB", bytes as f64 / 1e6);
                display.advance(&what, done, total, &detail, Instant::now());
            }
            Told::Done => done += 1,
        }
    }
    display.finish();
}

/// A poisoned lock holds what it held: the panic is reported elsewhere.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies `file` to `place`, which is whole or as it was.
pub fn copy(file: &Path, place: &Path) -> Result<(), Error> {
    // Programs on several machines may have one number.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut name = std::ffi::OsString::from(format!(".{}-{since:x}.", std::process::id()));
    name.push(place.file_name().unwrap_or_default());
    name.push(".tmp");
    let growing = place.with_file_name(name);
    let write = |error| Error::from(data_pipeline::Error::write(place)(error));
    let copied = std::fs::copy(file, &growing)
        .and_then(|_| File::open(&growing)?.sync_all())
        .and_then(|()| std::fs::rename(&growing, place));
    copied.map_err(|error| {
        // What could not be finished is of no use to anybody.
        let _ = std::fs::remove_file(&growing);
        write(error)
    })
}

/// Makes `place` the same file as `file`, or a copy where that cannot be.
///
/// Nothing here writes into a file that has its name: a new content is a new file.
pub fn link(file: &Path, place: &Path) -> Result<(), Error> {
    remove(place)?;
    match std::fs::hard_link(file, place) {
        Ok(()) => Ok(()),
        Err(_) => copy(file, place),
    }
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(data_pipeline::Error::write(path)(error).into())
        }
        _ => Ok(()),
    }
}

fn make_parent(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?)
}

#[cfg(test)]
mod tests;
