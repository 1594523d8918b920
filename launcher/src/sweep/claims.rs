//! Who works on what, for processes that share a folder and nothing else.
//!
//! A claim is a folder that appears whole, with its owner in it, by a rename: of several that try, one
//! succeeds, on file systems over a network too, where locks of files cannot be relied on. Its owner writes a
//! new number into it every few seconds, while it waits for another claim, too. Who watches it for [`PATIENCE`]
//! without seeing another number takes its owner for dead, whatever the clocks say; one on the same machine is
//! asked for directly. An owner that finds its claim taken ends what it does, and looks before it says anything.

mod owner;

pub use owner::{boot, host, machine, ourselves};

use crate::error::Error;
use owner::{Owner, owner_of, token_of};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two numbers.
const BEAT: Duration = Duration::from_secs(5);
/// How long an owner may be silent.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries for a claim that somebody holds for a moment.
const PAUSE: Duration = Duration::from_millis(20);

/// Tries of this process: no two have one name.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// The claims below a folder.
#[derive(Debug)]
pub struct Claims {
    folder: PathBuf,
    /// What was seen of others' claims, and since when nothing else was.
    seen: HashMap<String, (String, Instant)>,
}

/// Something that is ours until this is dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: Owner,
    beats: u64,
    beaten: Instant,
    /// Of work under it, up to when that last stopped.
    worked: Duration,
    /// Since when there is work now.
    working: Option<Instant>,
}

impl Claims {
    /// The claims below `folder`.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?;
        Ok(Self { folder: folder.to_owned(), seen: HashMap::new() })
    }

    /// Claims `name`, unless somebody has it who is not dead.
    pub fn take(&mut self, name: &str) -> Result<Option<Claim>, Error> {
        let path = self.folder.join(name);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let token = format!("{}-{since:x}-{count}", std::process::id());
        let owner = Owner::ourselves(&token);
        let growing = self.folder.join(format!(".{token}"));
        let write = |path: &Path, error| Error::from(data_pipeline::Error::write(path)(error));
        std::fs::create_dir(&growing).map_err(|error| write(&growing, error))?;
        // Strings and numbers always have a JSON form.
        let bytes = serde_json::to_vec(&owner).unwrap_or_default();
        let written = std::fs::write(growing.join("owner.json"), bytes)
            .and_then(|()| std::fs::write(growing.join("beat"), beat_text(0, Duration::ZERO)));
        written.map_err(|error| {
            remove(&growing);
            write(&growing, error)
        })?;
        // Over a network the rename may have been done although its answer was lost.
        let is_ours =
            std::fs::rename(&growing, &path).is_ok() || token_of(&path).as_ref() == Some(&token);
        if is_ours {
            self.seen.remove(name);
            let now = Instant::now();
            let (worked, working) = (Duration::ZERO, None);
            return Ok(Some(Claim { path, owner, beats: 0, beaten: now, worked, working }));
        }
        remove(&growing);
        match path.exists() {
            true if self.is_dead(name) => {
                self.bury(name);
                Ok(None)
            }
            true => Ok(None),
            false if self.folder.is_dir() => Ok(None),
            false => Err(write(&path, std::io::ErrorKind::NotFound.into())),
        }
    }

    /// Claims `name`, which everybody holds for a moment only, and does `meanwhile` between two tries: who waits
    /// must not seem dead.
    pub fn wait(&mut self, name: &str, mut meanwhile: impl FnMut()) -> Result<Claim, Error> {
        loop {
            if let Some(claim) = self.take(name)? {
                return Ok(claim);
            }
            meanwhile();
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether nobody has `name`, or somebody who is dead.
    pub fn is_free(&mut self, name: &str) -> bool {
        !self.folder.join(name).exists() || self.is_dead(name)
    }

    /// Whether the owner of `name` lives for sure.
    pub fn is_surely_held(&self, name: &str) -> bool {
        owner_of(&self.folder.join(name)).is_some_and(|owner| owner.is_alive() == Some(true))
    }

    /// Names that begin with `prefix` and that somebody has who is not known to be dead.
    pub fn held(&mut self, prefix: &str) -> Result<Vec<String>, Error> {
        let read = |error| Error::from(data_pipeline::Error::read(&self.folder)(error));
        let entries = std::fs::read_dir(&self.folder).map_err(read)?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
        Ok(names.into_iter().filter(|name| !self.is_free(name)).collect())
    }

    /// How long the owner of `name` had worked under it when it last said so, by its own clock; none where nobody has
    /// it.
    pub fn worked(&self, name: &str) -> Option<Duration> {
        let beat = std::fs::read_to_string(self.folder.join(name).join("beat")).ok()?;
        beat.split_whitespace().nth(1)?.parse().ok().map(Duration::from_millis)
    }

    /// Whether the owner of `name` is known to be gone; looks again and again until it is sure.
    fn is_dead(&mut self, name: &str) -> bool {
        let path = self.folder.join(name);
        let Some(owner) = owner_of(&path) else { return self.is_silent(name, String::new()) };
        if let Some(is_alive) = owner.is_alive() {
            return !is_alive;
        }
        let beat = std::fs::read_to_string(path.join("beat")).unwrap_or_default();
        self.is_silent(name, format!("{} {beat}", owner.token))
    }

    /// Whether nothing else than `now` was seen for long.
    fn is_silent(&mut self, name: &str, now: String) -> bool {
        let (before, since) =
            self.seen.entry(name.to_owned()).or_insert_with(|| (now.clone(), Instant::now()));
        if *before != now {
            (*before, *since) = (now, Instant::now());
        }
        since.elapsed() >= PATIENCE
    }

    /// Takes away the claim of a dead owner, and no other that came in its place.
    fn bury(&mut self, name: &str) {
        let path = self.folder.join(name);
        let Some(token) = token_of(&path) else {
            // It never was a whole one, or is gone.
            remove(&path);
            return;
        };
        let grave = self.folder.join(format!(".dead-{token}"));
        if std::fs::rename(&path, &grave).is_err() {
            return;
        }
        if token_of(&grave).as_ref() == Some(&token) {
            remove(&grave);
        } else {
            // Somebody was faster, and alive.
            let _ = std::fs::rename(&grave, &path);
        }
        self.seen.remove(name);
    }
}

/// Whether nobody has the claim `name` below `folder`, or a process of this machine that is gone.
pub fn is_surely_gone(folder: &Path, name: &str) -> bool {
    let claim = folder.join(name);
    match owner_of(&claim) {
        Some(owner) => owner.is_alive() == Some(false),
        None => !claim.exists(),
    }
}

impl Claim {
    /// Shows that its owner lives, where it is time to; whether the claim still is ours, as far as is known.
    pub fn beat(&mut self) -> bool {
        if self.beaten.elapsed() < BEAT {
            return true;
        }
        self.beaten = Instant::now();
        self.beats += 1;
        // A file system that is away for a moment must not end what is done: there are more beats to come.
        let is_ours = self.is_ours().unwrap_or(true);
        if is_ours {
            let _ = self.write_beat();
        }
        is_ours
    }

    /// Whether nobody has taken it; to be asked before anything is said in its name.
    pub fn is_ours(&self) -> io::Result<bool> {
        match std::fs::read(self.path.join("owner.json")) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)
                .is_ok_and(|owner: Owner| owner.token == self.owner.token)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// From now on there is work: what is claimed is more than waited for.
    pub fn begin_work(&mut self) {
        self.working.get_or_insert_with(Instant::now);
    }

    /// There is no more of it, for now; said at once, since nobody may be there later to say it.
    pub fn end_work(&mut self) {
        self.worked = self.worked();
        if self.working.take().is_some() && self.is_ours().unwrap_or(false) {
            let _ = self.write_beat();
        }
    }

    /// How long there was work.
    pub fn worked(&self) -> Duration {
        self.worked + self.working.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Over the number before, in its place: a full disk has no room for another file.
    fn write_beat(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.path.join("beat"))?;
        file.write_all(beat_text(self.beats, self.worked()).as_bytes())
    }
}

/// A number, and for how many milliseconds its owner has worked; always of one length.
fn beat_text(beats: u64, worked: Duration) -> String {
    format!("{beats:020} {:020}\n", worked.as_millis())
}

/// What cannot be removed stays under a name that means nothing.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

impl Drop for Claim {
    fn drop(&mut self) {
        if token_of(&self.path).as_ref() == Some(&self.owner.token) {
            let grave = self.path.with_file_name(format!(".done-{}", self.owner.token));
            if std::fs::rename(&self.path, &grave).is_ok() {
                remove(&grave);
            }
        }
    }
}

#[cfg(test)]
mod tests;
