//! Who works on what, for processes that share a folder and nothing else.
//!
//! A claim is a folder that appears whole, with its owner in it, by a rename: of several that try, one
//! succeeds, on file systems over a network too, where locks of files cannot be relied on. Its owner writes a
//! new number into it every few seconds. Who watches it for [`PATIENCE`] without seeing another number takes
//! its owner for dead, whatever the clocks say; one on the same machine is asked for directly. An owner that
//! finds its claim taken ends what it does.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two numbers.
const BEAT: Duration = Duration::from_secs(5);
/// How long an owner may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries for a claim that somebody holds for a moment.
const PAUSE: Duration = Duration::from_millis(20);

/// Tries of this process: no two have one name.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// What a claim says of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// Of this claim alone.
    token: String,
    /// Of this machine since it was switched on, and of the processes that see each other.
    machine: String,
    /// For people.
    host: String,
    /// The process.
    process: u32,
    /// When the process began, as its system counts.
    born: u64,
}

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
            .and_then(|()| std::fs::write(growing.join("beat"), "0"));
        written.map_err(|error| write(&growing, error))?;
        // Over a network the rename may have been done although its answer was lost.
        let is_ours =
            std::fs::rename(&growing, &path).is_ok() || token_of(&path).as_ref() == Some(&token);
        if is_ours {
            self.seen.remove(name);
            return Ok(Some(Claim { path, owner, beats: 0, beaten: Instant::now() }));
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

    /// Claims `name`, which everybody holds for a moment only.
    pub fn wait(&mut self, name: &str) -> Result<Claim, Error> {
        loop {
            if let Some(claim) = self.take(name)? {
                return Ok(claim);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether nobody has `name`, or somebody who is dead.
    pub fn is_free(&mut self, name: &str) -> bool {
        !self.folder.join(name).exists() || self.is_dead(name)
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

impl Claim {
    /// Shows that its owner lives, where it is time to; whether the claim still is ours.
    pub fn beat(&mut self) -> bool {
        if self.beaten.elapsed() < BEAT {
            return true;
        }
        self.beaten = Instant::now();
        self.beats += 1;
        let is_ours = token_of(&self.path).as_ref() == Some(&self.owner.token);
        // A disk that is full for a moment must not end what is done: there are more beats to come.
        if is_ours {
            let _ = std::fs::write(self.path.join("beat"), self.beats.to_string());
        }
        is_ours
    }
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

/// This process, as logs name it.
pub fn ourselves() -> String {
    let Owner { host, process, .. } = Owner::ourselves("");
    format!("{host}:{process}")
}

impl Owner {
    fn ourselves(token: &str) -> Self {
        let process = std::process::id();
        Self {
            token: token.to_owned(),
            machine: machine(),
            host: host(),
            process,
            born: born(process).unwrap_or_default(),
        }
    }

    /// Whether its process lives, where that can be known from here.
    fn is_alive(&self) -> Option<bool> {
        let machine = machine();
        (!machine.is_empty() && self.machine == machine)
            .then(|| born(self.process) == Some(self.born))
    }
}

fn owner_of(claim: &Path) -> Option<Owner> {
    serde_json::from_slice(&std::fs::read(claim.join("owner.json")).ok()?).ok()
}

fn token_of(claim: &Path) -> Option<String> {
    owner_of(claim).map(|owner| owner.token)
}

/// What cannot be removed stays under a name that means nothing.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

/// What processes have in common that see each other's numbers; empty where the system does not say.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match (boot.trim(), space.to_string_lossy()) {
        ("", _) => String::new(),
        (_, space) if space.is_empty() => String::new(),
        (boot, space) => format!("{boot} {space}"),
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

/// When a process began, if it lives: field 22 of its `stat`; the second, its name, may hold anything.
fn born(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        // It is gone, and nobody has asked how.
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn claims() -> (tempfile::TempDir, Claims) {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::open(folder.path()).unwrap();
        (folder, claims)
    }

    /// Makes the claim somebody else's.
    fn give(folder: &Path, name: &str, change: impl FnOnce(&mut Owner)) {
        let path = folder.join(name);
        let mut owner = owner_of(&path).unwrap();
        change(&mut owner);
        std::fs::write(path.join("owner.json"), serde_json::to_vec(&owner).unwrap()).unwrap();
    }

    #[test]
    fn one_of_several_has_it_until_it_is_let_go() {
        let (folder, mut claims) = claims();
        let mut others = Claims::open(folder.path()).unwrap();
        let claim = claims.take("x").unwrap().unwrap();
        assert!(others.take("x").unwrap().is_none());
        assert!(!others.is_free("x") && others.is_free("y"));
        drop(claim);
        assert!(others.is_free("x"));
        assert!(others.take("x").unwrap().is_some());
        // Nothing is left of any of it.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn of_many_that_try_at_once_one_succeeds_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        std::fs::write(&count, "0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut claims = Claims::open(&folder.path().join("claims")).unwrap();
                    for _ in 0..25 {
                        let claim = claims.wait("log").unwrap();
                        let number: u32 = std::fs::read_to_string(&count).unwrap().parse().unwrap();
                        std::fs::write(&count, (number + 1).to_string()).unwrap();
                        drop(claim);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "200");
    }

    #[test]
    fn a_dead_owner_on_this_machine_is_known_at_once() {
        let (folder, mut claims) = claims();
        let claim = claims.take("x").unwrap().unwrap();
        // Our own number, begun at another time: it was given again.
        give(folder.path(), "x", |owner| owner.born += 1);
        assert!(claims.is_free("x"));
        assert!(claims.take("x").unwrap().is_none(), "this try buries the dead");
        assert!(claims.take("x").unwrap().is_some());
        drop(claim);
    }

    #[test]
    fn an_owner_elsewhere_is_believed_as_long_as_it_may_be_silent() {
        let (folder, mut claims) = claims();
        let mut claim = claims.take("x").unwrap().unwrap();
        give(folder.path(), "x", |owner| owner.machine = "elsewhere".to_owned());
        assert!(!claims.is_free("x"));
        let long_ago = Instant::now().checked_sub(PATIENCE);
        if let Some(long_ago) = long_ago {
            claims.seen.get_mut("x").unwrap().1 = long_ago;
            assert!(claims.is_free("x"));
            // Another number, and it is believed again.
            std::fs::write(folder.path().join("x/beat"), "7").unwrap();
            assert!(!claims.is_free("x"));
        }
        // One whose claim was taken from it learns of it.
        assert!(claim.beat());
        give(folder.path(), "x", |owner| owner.token = "another".to_owned());
        claim.beaten = Instant::now().checked_sub(BEAT).unwrap_or(claim.beaten);
        assert!(!claim.beat() || claim.beaten.elapsed() < BEAT);
        drop(claim);
        assert!(folder.path().join("x").exists(), "what is another's stays");
    }
}
