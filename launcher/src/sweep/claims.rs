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
    fn only_what_is_known_from_here_is_surely_gone() {
        let (folder, mut claims) = claims();
        let gone = || is_surely_gone(folder.path(), "x");
        assert!(gone());
        let _held = claims.take("x").unwrap().unwrap();
        assert!(!gone());
        // No process has begun then.
        give(folder.path(), "x", |owner| owner.born += 1);
        assert!(gone());
        give(folder.path(), "x", |owner| owner.machine = "another".to_owned());
        assert!(!gone());
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
                        let claim = claims.wait("log", || {}).unwrap();
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
    fn who_waits_for_one_claim_shows_that_it_lives_by_the_others() {
        let (folder, mut claims) = claims();
        let mut trial = claims.take("0-5").unwrap().unwrap();
        let mut others = Claims::open(folder.path()).unwrap();
        let mut log = others.take("log").unwrap();
        let before = std::fs::read_to_string(folder.path().join("0-5/beat")).unwrap();
        let mut tries = 0;
        let waited = claims.wait("log", || {
            tries += 1;
            // As if there had been as many seconds between two tries.
            trial.beaten = trial.beaten.checked_sub(BEAT).unwrap_or(trial.beaten);
            assert!(trial.beat());
            if tries == 3 {
                log = None;
            }
        });
        assert!(waited.unwrap().is_ours().unwrap());
        assert_eq!(tries, 3);
        let after = std::fs::read_to_string(folder.path().join("0-5/beat")).unwrap();
        assert!(after > before && after.len() == before.len(), "{before:?} {after:?}");
    }

    #[test]
    fn whose_claim_was_taken_learns_of_it_when_it_looks() {
        let (folder, mut claims) = claims();
        let claim = claims.take("x").unwrap().unwrap();
        assert!(claim.is_ours().unwrap());
        give(folder.path(), "x", |owner| owner.token = "another".to_owned());
        assert!(!claim.is_ours().unwrap(), "at once, without a beat between");
        std::fs::remove_dir_all(folder.path().join("x")).unwrap();
        assert!(!claim.is_ours().unwrap());
    }

    #[test]
    fn a_claim_tells_how_long_there_was_work_and_not_how_long_it_was_held() {
        let (folder, mut claims) = claims();
        assert_eq!(claims.worked("x"), None);
        let mut claim = claims.take("x").unwrap().unwrap();
        // As if it had been held for long, and waited for something all the while.
        claim.beaten = claim.beaten.checked_sub(BEAT).unwrap_or(claim.beaten);
        assert!(claim.beat());
        assert_eq!(claims.worked("x"), Some(Duration::ZERO));
        claim.begin_work();
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        claim.working = ago(90).or(claim.working);
        let at_least = claim.worked();
        claim.end_work();
        let first = claims.worked("x").unwrap();
        assert!(first.as_secs() >= at_least.as_secs(), "{first:?} {at_least:?}");
        assert_eq!(claim.worked().as_millis(), first.as_millis(), "it stands still");
        claim.begin_work();
        claim.working = ago(30).or(claim.working);
        claim.end_work();
        assert!(claims.worked("x").unwrap() >= first);
        drop(claim);
        assert_eq!(claims.worked("x"), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn claims_are_listed_without_those_of_the_dead() {
        let (folder, mut claims) = claims();
        let _first = claims.take("a-1").unwrap().unwrap();
        let _second = claims.take("a-2").unwrap().unwrap();
        let _other = claims.take("b-1").unwrap().unwrap();
        let mut names = claims.held("a-").unwrap();
        names.sort();
        assert_eq!(names, ["a-1", "a-2"]);
        give(folder.path(), "a-2", |owner| owner.born += 1);
        assert_eq!(claims.held("a-").unwrap(), ["a-1"]);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(claims.held("a-").is_err(), "a folder that is away is not empty");
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
