//! Checkpoints of a run, one after the other: training copies, a thread writes.

use super::disk::Disk;
use super::snapshot::{Frozen, is_frozen};
use super::writer::{Job, Place};
use super::{CheckpointInfo, Learner, Snapshot, WEIGHTS, retention, space};
use crate::recipe::CheckpointConfig;
use crate::{Error, RunDir};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the first rank waits for the other ranks' files: as long as they for it in an operation.
const PATIENCE: Duration = Duration::from_secs(600);

/// A checkpoint that has become complete.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Its directory.
    pub directory: PathBuf,
    /// Its manifest.
    pub info: CheckpointInfo,
}

/// A checkpoint that is being written.
struct InFlight {
    thread: JoinHandle<Result<Option<Saved>, Error>>,
    /// How often the weights under the adapters had changed before it.
    changes: usize,
}

/// Writes the checkpoints of one rank, at most one at a time.
pub struct Saver {
    /// `None`: this rank has nothing to write.
    place: Option<Place>,
    /// Checkpoints that were begun in this start, the same number on every rank.
    number: usize,
    in_flight: Option<InFlight>,
    /// Weights that adapters in training leave as they are, in a complete checkpoint.
    frozen: Option<Frozen>,
    /// How often the weights under the adapters have changed.
    changes: usize,
    /// The run is ending: what other ranks owe is not waited for much longer.
    hurry: Arc<AtomicBool>,
    /// The disk is taken to be full for the next checkpoint.
    drill: bool,
}

impl Saver {
    /// For this rank of `world`; under sharding each of them writes.
    pub fn new(
        run_dir: &RunDir,
        (rank, world): (usize, usize),
        sharded: bool,
        config: &CheckpointConfig,
    ) -> Self {
        let place = (rank == 0 || sharded).then(|| Place {
            checkpoints: run_dir.checkpoints(),
            tokenizer: run_dir.tokenizer(),
            evaluations: run_dir.evaluations(),
            writer: rank,
            writers: if sharded { world } else { 1 },
            config: config.clone(),
            patience: PATIENCE,
            fence: run_dir.fence().clone(),
            generation: run_dir.fence().generation(),
        });
        let hurry = Arc::new(AtomicBool::new(false));
        Self { place, number: 0, in_flight: None, frozen: None, changes: 0, hurry, drill: false }
    }

    /// The run went on from this checkpoint, which was verified.
    ///
    /// A run that was killed behind its last rename has not removed what the rules do not keep: that goes now.
    pub fn resumed(&mut self, directory: &Path, info: &CheckpointInfo) -> Result<(), Error> {
        self.frozen = info.lora.as_ref().and(frozen(directory, info));
        match &self.place {
            Some(Place { checkpoints, evaluations, config, fence, writer: 0, .. }) => {
                fence.check(checkpoints)?;
                retention::apply(checkpoints, info, config, evaluations, &mut Disk::default())
            }
            _ => Ok(()),
        }
    }

    /// The weights under the adapters have changed: the next checkpoint has a new file of them.
    pub fn weights_changed(&mut self) {
        self.frozen = None;
        self.changes += 1;
    }

    /// Waits for the checkpoint before, then copies what this rank must write to the host.
    pub fn snapshot(
        &mut self,
        learner: &Learner,
        info: CheckpointInfo,
    ) -> Result<(Option<Saved>, Option<Snapshot>), Error> {
        let saved = self.finish()?;
        if !is_frozen(learner) {
            self.weights_changed();
        }
        let Some(place) = &self.place else { return Ok((saved, None)) };
        let share = (place.writer, place.writers);
        let snapshot = Snapshot::of(learner, info, share, self.frozen.as_ref())?;
        space::check(&place.checkpoints, snapshot.bytes())?;
        Ok((saved, Some(snapshot)))
    }

    /// Begins to write. Every rank calls it for the same checkpoints, those with nothing to write too.
    pub fn begin(&mut self, snapshot: Option<Snapshot>) {
        self.number += 1;
        if let (Some(place), Some(snapshot)) = (&self.place, snapshot) {
            let job = Job::new(place, snapshot, self.number);
            let hurry = Arc::clone(&self.hurry);
            let mut disk = match std::mem::take(&mut self.drill) {
                true => Disk::full(),
                false => Disk::default(),
            };
            let write = move || job.run(&mut disk, &hurry);
            let thread = std::thread::spawn(write);
            self.in_flight = Some(InFlight { thread, changes: self.changes });
        }
    }

    /// Writes the state of `learner` into `folder`, beside the checkpoints of the run, and waits until it is
    /// there. Every rank calls it; the first one learns the directory.
    pub fn save_apart(
        &mut self,
        folder: &Path,
        learner: &Learner,
        info: CheckpointInfo,
    ) -> Result<Option<PathBuf>, Error> {
        let Some(place) = &self.place else { return Ok(None) };
        let share = (place.writer, place.writers);
        let snapshot = Snapshot::of(learner, info, share, self.frozen.as_ref())?;
        space::check(folder, snapshot.bytes())?;
        let place = Place { checkpoints: folder.to_owned(), ..place.clone() };
        let job = Job::new(&place, snapshot, self.number);
        let saved = job.run(&mut Disk::default(), &self.hurry)?;
        Ok(saved.map(|saved| saved.directory))
    }

    /// Lets the next checkpoint meet a full disk, if this rank writes any: a drill.
    pub fn fill_disk(&mut self) {
        self.drill = self.place.is_some();
    }

    /// Whether a checkpoint is being written.
    pub fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// What has become complete meanwhile; fails if the writing did.
    pub fn poll(&mut self) -> Result<Option<Saved>, Error> {
        match &self.in_flight {
            Some(InFlight { thread, .. }) if thread.is_finished() => self.finish(),
            _ => Ok(None),
        }
    }

    /// Waits until nothing is being written.
    pub fn finish(&mut self) -> Result<Option<Saved>, Error> {
        let Some(InFlight { thread, changes }) = self.in_flight.take() else { return Ok(None) };
        let saved = match thread.join() {
            Ok(result) => result?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // A phase may have begun meanwhile, and have merged adapters into the weights.
        if let Some(Saved { directory, info }) = saved.as_ref().filter(|_| changes == self.changes)
        {
            self.frozen = info.lora.as_ref().and(frozen(directory, info));
        }
        Ok(saved)
    }
}

impl Drop for Saver {
    /// A rank that fails still completes the checkpoint that it is writing, if the others do.
    fn drop(&mut self) {
        self.hurry.store(true, Ordering::Relaxed);
        if let Some(InFlight { thread, .. }) = self.in_flight.take() {
            // Why the rank fails is said already; what is incomplete goes at the next start.
            let _ = thread.join();
        }
    }
}

fn frozen(directory: &Path, info: &CheckpointInfo) -> Option<Frozen> {
    let hash = info.files.get(WEIGHTS)?.clone();
    Some(Frozen { path: directory.join(WEIGHTS), hash })
}
