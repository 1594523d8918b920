//! A thread's way from a snapshot to a complete checkpoint.
//!
//! Under sharding every rank writes its own state, and leaves `rank-K.json` with the hashes when its files
//! are on the disk. The first rank waits for all of these, writes the manifest, and gives the folder its
//! name. Ranks meet through that folder only: the collective is training's meanwhile.

use super::disk::Disk;
use super::info::MANIFEST;
use super::saver::Saved;
use super::snapshot::{Content, Frozen, Part, Snapshot};
use super::{ASIDE, retention, snapshot, space};
use crate::Error;
use crate::fence::Fence;
use crate::recipe::CheckpointConfig;
use model::tensor_file;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the files of other ranks are looked for.
const LOOK: Duration = Duration::from_millis(10);

/// How long they are waited for once the run is ending without them.
const LAST_CALL: Duration = Duration::from_secs(2);

/// Where checkpoints are written, by whom, and which are kept.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The folder of all checkpoints.
    pub checkpoints: PathBuf,
    /// The vocabulary that each of them has a copy of.
    pub tokenizer: PathBuf,
    /// F1 while phases trained.
    pub evaluations: PathBuf,
    /// This rank among those that write, from 0.
    pub writer: usize,
    /// How many write.
    pub writers: usize,
    /// Which are kept.
    pub config: CheckpointConfig,
    /// How long the others' files are waited for.
    pub patience: Duration,
    /// Whether this rank may still commit.
    pub fence: Fence,
    /// The how-manieth start of the run this is: its temporary folders are no other's.
    pub generation: u32,
}

/// One checkpoint to write.
pub(super) struct Job {
    place: Place,
    snapshot: Snapshot,
    /// The folder while it is not complete, the same for every rank.
    temporary: PathBuf,
}

impl Job {
    /// The how-manieth checkpoint of this start is `number`: no other has the same temporary folder.
    pub(super) fn new(place: &Place, snapshot: Snapshot, number: usize) -> Self {
        let name = snapshot.info.name();
        let name = match place.generation {
            0 => format!("{name}.{number}.{}", super::TEMPORARY),
            start => format!("{name}.{start}-{number}.{}", super::TEMPORARY),
        };
        Self { place: place.clone(), snapshot, temporary: place.checkpoints.join(name) }
    }

    /// Writes it; the first rank returns what has become complete. With `hurry`, other ranks are not
    /// waited for much longer.
    pub(super) fn run(
        mut self,
        disk: &mut Disk,
        hurry: &AtomicBool,
    ) -> Result<Option<Saved>, Error> {
        let result = self.write(disk, hurry);
        if result.is_err() {
            self.clear(disk);
        }
        result.map_err(|error| self.with_room(error))
    }

    fn write(&mut self, disk: &mut Disk, hurry: &AtomicBool) -> Result<Option<Saved>, Error> {
        let folder = self.temporary.clone();
        // Nothing is begun in vain; the look that counts comes before the rename.
        self.place.fence.check(&folder)?;
        disk.create_folder(&folder).map_err(Error::write(&folder))?;
        let mut hashes = BTreeMap::new();
        // Each part is let go once it is written.
        for Part { name, content } in std::mem::take(&mut self.snapshot.parts) {
            let path = folder.join(&name);
            let hash = write_part(&path, content, disk)?;
            hashes.insert(name, hash);
        }
        if self.place.writer > 0 {
            self.hand_in(&hashes, disk)?;
            return Ok(None);
        }
        hashes.extend(self.copy_tokenizer(disk)?);
        hashes.extend(self.of_others(disk, hurry)?);
        self.snapshot.info.files = hashes;
        let manifest = self.snapshot.info.text();
        let path = folder.join(MANIFEST);
        disk.write(&path, manifest.as_bytes()).map_err(Error::write(&path))?;
        disk.sync(&folder).map_err(Error::write(&folder))?;
        let directory = self.publish(disk)?;
        let info = self.snapshot.info.clone();
        let Place { checkpoints, config, evaluations, fence, .. } = &self.place;
        // What the rules do not keep may be what the others go on from.
        fence.check(checkpoints)?;
        retention::apply(checkpoints, &info, config, evaluations, disk)?;
        Ok(Some(Saved { directory, info }))
    }

    /// Tells the first rank what was written, once it is on the disk.
    fn hand_in(&self, hashes: &BTreeMap<String, String>, disk: &mut Disk) -> Result<(), Error> {
        let path = self.note_of(self.place.writer);
        self.place.fence.check(&path)?;
        let unnamed = path.with_extension("part");
        let text = serde_json::to_vec(hashes).unwrap_or_default();
        let mut write = || {
            disk.write(&unnamed, &text)?;
            disk.sync(&self.temporary)?;
            disk.rename(&unnamed, &path)
        };
        write().map_err(Error::write(&path))
    }

    fn note_of(&self, writer: usize) -> PathBuf {
        self.temporary.join(format!("rank-{writer}.json"))
    }

    fn copy_tokenizer(&self, disk: &mut Disk) -> Result<BTreeMap<String, String>, Error> {
        let from = &self.place.tokenizer;
        let mut hashes = BTreeMap::new();
        for entry in std::fs::read_dir(from).map_err(Error::read(from))? {
            let path = entry.map_err(Error::read(from))?.path();
            let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
            let bytes = std::fs::read(&path).map_err(Error::read(&path))?;
            let to = self.temporary.join(name);
            let hash = disk.write(&to, &bytes).map_err(Error::write(&to))?;
            hashes.insert(name.to_string_lossy().into_owned(), hash);
        }
        Ok(hashes)
    }

    /// Waits until every other rank has handed in its hashes, and takes them.
    fn of_others(
        &self,
        disk: &mut Disk,
        hurry: &AtomicBool,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut hashes = BTreeMap::new();
        let began = Instant::now();
        let mut hurried: Option<Instant> = None;
        for writer in 1..self.place.writers {
            let note = self.note_of(writer);
            while !note.exists() {
                if hurry.load(Ordering::Relaxed) {
                    hurried.get_or_insert_with(Instant::now);
                }
                let late = began.elapsed() >= self.place.patience
                    || hurried.is_some_and(|since| since.elapsed() >= LAST_CALL);
                if late {
                    return Err(self.missing(writer, began.elapsed()));
                }
                std::thread::sleep(LOOK);
            }
            let text = std::fs::read(&note).map_err(Error::read(&note))?;
            let named: BTreeMap<String, String> =
                serde_json::from_slice(&text).map_err(|error| Error::Checkpoint {
                    path: note.clone(),
                    message: format!("is no list of files and hashes: {error}"),
                })?;
            hashes.extend(named);
            disk.remove(&note).map_err(Error::write(&note))?;
        }
        Ok(hashes)
    }

    fn missing(&self, writer: usize, waited: Duration) -> Error {
        Error::Late {
            path: self.place.checkpoints.join(self.snapshot.info.name()),
            rank: writer,
            seconds: waited.as_secs(),
        }
    }

    /// Gives the folder its name. A checkpoint that has it already keeps another one meanwhile, by which
    /// the next start finds it if there is no successor after all.
    fn publish(&self, disk: &mut Disk) -> Result<PathBuf, Error> {
        let checkpoints = &self.place.checkpoints;
        let name = self.snapshot.info.name();
        let directory = checkpoints.join(&name);
        let aside = checkpoints.join(format!("{name}.{ASIDE}"));
        let replaces = directory.exists();
        if replaces {
            disk.remove_folder(&aside).map_err(Error::write(&aside))?;
        }
        self.place.fence.check(&directory)?;
        if replaces {
            disk.rename(&directory, &aside).map_err(Error::write(&directory))?;
        }
        disk.rename(&self.temporary, &directory).map_err(Error::write(&directory))?;
        disk.sync(checkpoints).map_err(Error::write(checkpoints))?;
        if replaces {
            disk.remove_folder(&aside).map_err(Error::write(&aside))?;
        }
        Ok(directory)
    }

    /// What is half-written makes room; the next start would do the same.
    fn clear(&self, disk: &mut Disk) {
        let _ = match self.place.writer {
            0 => disk.remove_folder(&self.temporary),
            writer => {
                let name = snapshot::states(writer, self.place.writers);
                disk.remove(&self.temporary.join(name))
            }
        };
    }

    /// A full disk is said with what is free: less than was needed, before what was half-written made room.
    fn with_room(&self, error: Error) -> Error {
        match error {
            Error::Write { path, source }
                if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                let free = space::free(&self.place.checkpoints).unwrap_or(0);
                Error::NoSpace { path, source, free }
            }
            other => other,
        }
    }
}

/// Writes, syncs, and returns the hash.
fn write_part(path: &Path, content: Content, disk: &mut Disk) -> Result<String, Error> {
    match content {
        Content::Bytes(bytes) => disk.write(path, &bytes).map_err(Error::write(path)),
        Content::Tensors(tensors) => {
            let mut write = || {
                let mut output = disk.create(path)?;
                tensor_file::write(&tensors, &mut output)?;
                output.finish()
            };
            write().map_err(Error::write(path))
        }
        Content::Same(frozen) => same(path, &frozen, disk),
    }
}

/// The same file under one more name, or a copy where the file system has no such thing.
fn same(path: &Path, frozen: &Frozen, disk: &mut Disk) -> Result<String, Error> {
    match disk.link(&frozen.path, path) {
        Ok(()) => return Ok(frozen.hash.clone()),
        Err(error) if no_links(&error) => {}
        Err(error) => return Err(Error::write(path)(error)),
    }
    let mut source = std::fs::File::open(&frozen.path).map_err(Error::read(&frozen.path))?;
    let mut copy = || {
        let mut output = disk.create(path)?;
        io::copy(&mut source, &mut output)?;
        output.finish()
    };
    let hash = copy().map_err(Error::write(path))?;
    if hash != frozen.hash {
        return Err(Error::Checkpoint {
            path: frozen.path.clone(),
            message: format!(
                "changed while the run went on: its hash is {hash}, it was written with {}",
                frozen.hash
            ),
        });
    }
    Ok(hash)
}

fn no_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unsupported
            | ErrorKind::CrossesDevices
            | ErrorKind::TooManyLinks
            | ErrorKind::PermissionDenied
    )
}
