//! How a run stands at this moment, from everything that can be known of it without asking its driver.

use super::past::Past;
use super::sight::Sight;
use super::{Standing, State, Step};
use crate::backend::detached::host;
use crate::backend::{QueueState, Stage};
use crate::error::{Error, exit};
use crate::events::milliseconds;
use crate::lock;
use crate::submission::{Submission, is_process};
use data_pipeline::shell;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use trainer::RunDir;

/// A coordinator writes `status.json` about once a second: what another machine wrote longer ago, with nobody at
/// work, is old. On its own machine a lock that is free says so at once.
const FRESH: Duration = Duration::from_secs(15);

/// Between two questions to a scheduler, which others ask, too.
const AGAIN: Duration = Duration::from_secs(10);

/// How a run stands, and what that is known from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Now {
    /// The directory.
    pub run_dir: std::path::PathBuf,
    /// As its coordinator says, or as follows from the events.
    #[serde(flatten)]
    pub standing: Standing,
    /// The file that says so: `status.json` or `events.jsonl`.
    pub source: &'static str,
    /// Who holds the run directory, in the words of its lock.
    pub driver: Option<String>,
    /// When that began, in milliseconds since 1970.
    #[serde(skip)]
    pub driven_since: Option<u64>,
    /// It should go on, and nobody drives it.
    pub gone: bool,
    /// What a scheduler says, where one was asked.
    pub queue: Option<QueueState>,
    /// Why the scheduler could not be asked.
    pub queue_error: Option<String>,
    /// What else the directory shows.
    #[serde(flatten)]
    pub sight: Sight,
}

impl Now {
    /// Looks at a run directory, and asks the scheduler that has its job where nobody drives it.
    pub fn of(run_dir: &RunDir) -> Result<(Self, Past), Error> {
        Look::new(run_dir.clone()).now()
    }

    /// Looks at a run directory only: a job that waits is taken for gone.
    pub fn of_files(run_dir: &RunDir) -> Result<(Self, Past), Error> {
        check(run_dir.root())?;
        // Asked first: what a driver writes last, it writes before it lets go.
        let driver = lock::holder(&run_dir.lock());
        let (past, damage) = Past::examine(&run_dir.events());
        let written = Standing::load(&run_dir.root().join("status.json"));
        let (mut standing, source) = newest(&past, written, driver.is_some(), SystemTime::now());
        // Whoever continues a run that was over has not said so yet.
        if driver.is_some() && standing.state.is_over() && is_taken_since(run_dir, &past) {
            standing.state = State::Preparing;
        }
        // A rank says how far it is now and then; its last steps stand in the metrics only.
        if source == "events.jsonl" || standing.state.is_over() {
            standing.progress = Step::newest(&run_dir.metrics()).or(standing.progress);
        }
        if standing.run.is_empty() {
            standing.run = name(run_dir);
        }
        let gone = driver.is_none() && !standing.state.is_over() && source == "events.jsonl";
        let sight = Sight::of(run_dir, &past, &standing, damage);
        let now = Self {
            run_dir: run_dir.root().to_owned(),
            standing,
            source,
            driven_since: taken(run_dir).filter(|_| driver.is_some()),
            driver,
            gone,
            sight,
            ..Self::default()
        };
        Ok((now, past))
    }

    /// Whether nothing more will come by itself.
    pub fn is_over(&self) -> bool {
        let goes_on = self.standing.state != State::Done
            && self.queue.as_ref().is_some_and(|it| it.stage.is_alive());
        self.gone || (self.standing.state.is_over() && self.driver.is_none() && !goes_on)
    }

    /// Whether the scheduler has not begun with it.
    pub fn waits(&self) -> bool {
        self.driver.is_none() && self.queue.as_ref().is_some_and(|it| it.stage == Stage::Waiting)
    }

    /// What it does, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            _ if self.waits() => "waiting",
            _ if self.gone && self.is_unbegun() => "prepared",
            _ if self.gone => "gone",
            _ => self.standing.state.name(),
        }
    }

    /// The same as a clause about the run.
    pub fn clause(&self) -> String {
        match self.word() {
            "failed" => "it failed".to_owned(),
            "stopped" => "it stopped".to_owned(),
            "gone" => "its driver is gone".to_owned(),
            "prepared" => "nothing was started there".to_owned(),
            word => format!("it is {word}"),
        }
    }

    /// Whether nobody ever began to learn there.
    pub fn is_unbegun(&self) -> bool {
        let Self { standing, sight, .. } = self;
        standing.generation == 0 && standing.updated.is_empty() && sight.damage.is_none()
    }
}

/// A look at a run again and again, that asks its scheduler only now and then.
pub struct Look {
    run_dir: RunDir,
    asked: Option<(Instant, Asked)>,
}

/// What a scheduler said; `None` where no job was handed over.
type Asked = Option<Result<QueueState, String>>;

impl Look {
    /// Nothing was asked yet.
    pub fn new(run_dir: RunDir) -> Self {
        Self { run_dir, asked: None }
    }

    /// How the run stands.
    pub fn now(&mut self) -> Result<(Now, Past), Error> {
        let (mut now, past) = Now::of_files(&self.run_dir)?;
        // A scheduler may begin again what has stopped or failed.
        let is_done = now.standing.state == State::Done;
        // What a queue says of an older job is not about one that it refused.
        let is_open =
            !now.standing.state.is_over() || (past.refusal().is_none() && self.is_queued()?);
        if is_done || now.driver.is_some() || !is_open {
            return Ok((now, past));
        }
        match self.asked()? {
            Some(Ok(state)) => {
                now.gone &= !state.stage.is_alive();
                now.queue = Some(state);
            }
            Some(Err(message)) => {
                // Who does not answer now may do so later.
                now.gone = false;
                now.queue_error = Some(message);
            }
            None => {}
        }
        Ok((now, past))
    }

    /// Whether it was handed over to a scheduler.
    fn is_queued(&self) -> Result<bool, Error> {
        let submission = Submission::load(&self.run_dir)?;
        Ok(submission.is_some_and(|it| !is_process(&it.backend)))
    }

    fn asked(&mut self) -> Result<Asked, Error> {
        if let Some((at, asked)) = &self.asked
            && at.elapsed() < AGAIN
        {
            return Ok(asked.clone());
        }
        let asked = Submission::load(&self.run_dir)?.map(|submission| {
            let queue = submission.queue(&self.run_dir)?;
            queue.state(&submission.ids)
        });
        let asked = asked.map(|asked| asked.map_err(|error| error.message));
        self.asked = Some((Instant::now(), asked.clone()));
        Ok(asked)
    }
}

impl Stage {
    /// Whether something is still to be expected.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// Whether the lock was taken behind the newest change: a driver that has said how the run ended still
/// holds it while it writes its report.
fn is_taken_since(run_dir: &RunDir, past: &Past) -> bool {
    let taken = taken(run_dir);
    matches!((taken, past.turned().and_then(milliseconds)), (Some(taken), Some(turned)) if taken > turned)
}

/// When the lock was taken last, in milliseconds since 1970.
fn taken(run_dir: &RunDir) -> Option<u64> {
    let taken = std::fs::metadata(run_dir.lock()).and_then(|it| it.modified()).ok()?;
    let since = taken.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// What holds: `status.json` where its writer is at work and nothing happened since, else the events.
fn newest(
    past: &Past,
    written: Option<Standing>,
    is_held: bool,
    now: SystemTime,
) -> (Standing, &'static str) {
    let from_events = || (past.standing(), "events.jsonl");
    let Some(written) = written else { return from_events() };
    let Some(updated) = milliseconds(&written.updated) else { return from_events() };
    let age = now.duration_since(UNIX_EPOCH + Duration::from_millis(updated)).unwrap_or_default();
    let turned = past.turned().and_then(milliseconds);
    // Nobody else's lock is out of sight here.
    let is_fresh = age < FRESH && written.host != host();
    match turned {
        Some(turned) if turned > updated => from_events(),
        // What a driver before this one wrote last.
        _ if is_held && written.state.is_over() && age >= FRESH => from_events(),
        _ if is_held || is_fresh => (written, "status.json"),
        _ => from_events(),
    }
}

/// Refuses what is no run directory.
fn check(root: &Path) -> Result<(), Error> {
    let hint = "name the directory of a run, such as runs/NAME";
    if !root.is_dir() {
        let message = format!("there is no run directory `{}`", root.display());
        return Err(Error::new(exit::DECLARATION, message).hint(hint));
    }
    let is_sweep = root.join("sweep.jsonl").exists() && !root.join("events.jsonl").exists();
    if is_sweep {
        let path = root;
        let root = root.display();
        let message =
            format!("`{root}` is the directory of a sweep, whose runs are `{root}/trials/*`");
        let root = shell::path(path);
        return Err(Error::new(exit::DECLARATION, message).hint(format!(
            "`knowcoder sweep status FILE --out {root}` says how it stands, `knowcoder sweep start FILE --out \
             {root}` goes on; FILE is what it was begun with"
        )));
    }
    if !["recipe.lock", "events.jsonl", "job.json", "lock"].iter().any(|it| root.join(it).exists())
    {
        let message = format!(
            "`{}` is no run directory: it holds neither recipe.lock nor events.jsonl",
            root.display()
        );
        return Err(Error::new(exit::DECLARATION, message).hint(hint));
    }
    Ok(())
}

/// What the recipe calls the run, or else its folder.
fn name(run_dir: &RunDir) -> String {
    let text = std::fs::read_to_string(run_dir.recipe_lock()).unwrap_or_default();
    let lock: Option<toml::Table> = text.parse().ok();
    let named = lock.and_then(|lock| Some(lock.get("run")?.get("name")?.as_str()?.to_owned()));
    named.unwrap_or_else(|| {
        let root = std::path::absolute(run_dir.root()).unwrap_or_default();
        root.file_name().unwrap_or_default().to_string_lossy().into_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::events::{Events, rfc3339};
    use crate::lock::RunLock;
    use serde_json::json;

    fn write(run_dir: &RunDir, state: State, age: u64) {
        write_from(run_dir, state, age, "elsewhere.example");
    }

    fn write_from(run_dir: &RunDir, state: State, age: u64, host: &str) {
        let updated = rfc3339(SystemTime::now() - Duration::from_secs(age));
        let host = host.to_owned();
        let standing = Standing { state, updated, host, generation: 3, ..Standing::default() };
        let text = serde_json::to_string(&standing).unwrap();
        std::fs::write(run_dir.root().join("status.json"), text).unwrap();
    }

    fn found(run_dir: &RunDir) -> (&'static str, &'static str, bool) {
        let (now, _) = Now::of_files(run_dir).unwrap();
        (now.source, now.word(), now.is_over())
    }

    #[test]
    fn what_is_newer_or_alive_holds() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let refused = Now::of_files(&RunDir::new(folder.path().join("none"))).unwrap_err();
        assert_eq!(refused.code, 64);
        assert!(Now::of_files(&run_dir).unwrap_err().message.contains("is no run directory"));
        std::fs::write(run_dir.recipe_lock(), "[run]\nname = \"tiny\"\n").unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "prepared", true));
        assert_eq!(Now::of_files(&run_dir).unwrap().0.standing.run, "tiny");
        let mut events = Events::open(&run_dir.events()).unwrap();
        let lock = RunLock::take(&run_dir.lock()).unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "preparing", false));
        events.record("started", json!({"start": 3, "world": 1})).unwrap();
        events.record("rank-started", json!({"rank": 0, "process": 9})).unwrap();
        // What was written before the start says nothing of it.
        write(&run_dir, State::Preparing, 60);
        assert_eq!(found(&run_dir), ("events.jsonl", "running", false));
        std::thread::sleep(Duration::from_millis(5));
        write(&run_dir, State::Recovering, 0);
        assert_eq!(found(&run_dir), ("status.json", "recovering", false));
        drop(lock);
        // The lock may be out of sight: a driver elsewhere that wrote just now is believed.
        assert_eq!(found(&run_dir), ("status.json", "recovering", false));
        // One of this machine would hold it.
        write_from(&run_dir, State::Recovering, 0, &host());
        assert_eq!(found(&run_dir), ("events.jsonl", "gone", true));
        write(&run_dir, State::Recovering, 60);
        assert_eq!(found(&run_dir), ("events.jsonl", "gone", true));
        events.record("done", json!({})).unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "done", true));
        // File systems count in ticks.
        std::thread::sleep(Duration::from_millis(50));
        let mut lock = RunLock::take(&run_dir.lock()).unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "preparing", false));
        std::thread::sleep(Duration::from_millis(50));
        events.record("done", json!({})).unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "done", false));
        drop(lock);
        std::thread::sleep(Duration::from_millis(50));
        lock = RunLock::take(&run_dir.lock()).unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "preparing", false));
        drop(lock);
    }

    #[test]
    fn the_directory_of_a_sweep_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sweep.jsonl", "lock"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let refused = Now::of_files(&RunDir::new(folder.path())).unwrap_err();
        assert!(refused.message.contains("is the directory of a sweep"), "{refused}");
        assert!(refused.hint.unwrap().contains("knowcoder sweep status FILE --out "));
    }

    #[test]
    fn events_that_cannot_be_read_are_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        std::fs::write(run_dir.events(), "").unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "prepared", true));
        std::fs::write(run_dir.metrics(), "{\"phase\":\"p\",\"step\":7,\"steps\":7}\n").unwrap();
        assert_eq!(found(&run_dir), ("events.jsonl", "gone", true));
        let (now, _) = Now::of_files(&run_dir).unwrap();
        assert!(now.sight.damage.unwrap().contains("it tells of no start"));
    }

    #[test]
    fn what_was_refused_or_withdrawn_waits_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut events = Events::open(&run_dir.events()).unwrap();
        let how = || Now::of_files(&run_dir).unwrap().0.sight.how.map(|how| how.words());
        events.record("submitted", json!({"backend": "slurm"})).unwrap();
        assert_eq!((found(&run_dir).1, how()), ("gone", None));
        events
            .record("submission-refused", json!({"backend": "slurm", "reason": "too many nodes"}))
            .unwrap();
        let words = "nothing was submitted: SLURM refused it: too many nodes";
        assert_eq!((found(&run_dir).1, how().as_deref()), ("failed", Some(words)));
        events.record("submitted", json!({"backend": "slurm"})).unwrap();
        events.record("stop-requested", json!({"by": "cancel"})).unwrap();
        events.record("stopped", json!({"withdrawn": "slurm job 2"})).unwrap();
        let words = "it was taken out of the queue, as asked";
        assert_eq!((found(&run_dir).1, how().as_deref()), ("stopped", Some(words)));
        // What it was before holds where the next submission is refused.
        events.record("submitted", json!({"backend": "slurm"})).unwrap();
        events.record("submission-refused", json!({"backend": "slurm", "reason": "no"})).unwrap();
        assert_eq!(found(&run_dir).1, "stopped");
    }
}
