//! Event files that TensorBoard reads while a run goes on.
//!
//! ```text
//! RUN/tensorboard/PHASE/events.out.tfevents.SECONDS.HOST.PROCESS.knowcoder   one a start
//! RUN/tensorboard/scores/WHICH/…                                             the result
//! ```
//! Each phase is a run of its own in TensorBoard, and its axis the step in the phase: phases differ in
//! data and rate, and are better compared than joined. When a run goes on from a checkpoint, its new
//! file begins by declaring void what earlier files hold of the steps that are done again.
//!
//! These files are a picture of `metrics.jsonl` and nothing depends on them: one that cannot be written
//! is given up with one warning, and training goes on.

mod event;
pub mod scalar;

use crate::metrics::StepMetrics;
use crate::{Error, RunDir};
use data_pipeline::score::Scores;
use event::Event;
use scalar::Evaluated;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Steps stay in memory for so long at most, if another one follows.
const FLUSH: Duration = Duration::from_secs(3);

/// The folder of the result among those of the phases.
const SCORES: &str = "scores";

/// The event files of a run.
pub struct TensorBoard {
    root: PathBuf,
    evaluations: PathBuf,
    is_enabled: bool,
    open: Option<Open>,
}

/// The file of the phase that is trained.
struct Open {
    path: PathBuf,
    file: BufWriter<File>,
    flushed: Instant,
    phase: String,
    /// The newest step.
    step: usize,
    /// Evaluations up to this step were written before.
    evaluated: usize,
    /// Bytes of the evaluations that are read.
    read: u64,
}

impl TensorBoard {
    /// The event files of `run_dir`; none where not enabled, as on all ranks but the first.
    pub fn new(run_dir: &RunDir, is_enabled: bool) -> Self {
        let (root, evaluations) = (run_dir.tensorboard(), run_dir.evaluations());
        Self { root, evaluations, is_enabled, open: None }
    }

    /// Begins the file of a phase of which `step` steps are done.
    pub fn begin(&mut self, phase: &str, step: usize) {
        self.flush();
        if self.is_enabled {
            let folder = self.root.join(folder(phase));
            match Open::begin(&folder, phase, step) {
                Ok(open) => self.open = Some(open),
                Err(error) => self.give_up(&folder, &error),
            }
        }
    }

    /// Adds a step. One that was there before makes it and all after it void.
    pub fn step(&mut self, line: &StepMetrics) {
        let evaluations = self.evaluations.clone();
        self.attempt(|open| {
            if line.step <= open.step {
                open.void(line.step)?;
            }
            open.step = line.step;
            open.write(line.step, &Event::Scalars(&scalar::of_step(line)))?;
            open.evaluations(&evaluations)?;
            if open.flushed.elapsed() >= FLUSH { open.flush() } else { Ok(()) }
        });
    }

    /// Brings what is there so far to the disk.
    pub fn flush(&mut self) {
        let evaluations = self.evaluations.clone();
        self.attempt(|open| {
            open.evaluations(&evaluations)?;
            open.flush()
        });
    }

    fn attempt(&mut self, work: impl FnOnce(&mut Open) -> io::Result<()>) {
        if let Some(open) = &mut self.open
            && let Err(error) = work(open)
        {
            let path = open.path.clone();
            self.give_up(&path, &error);
        }
    }

    fn give_up(&mut self, path: &Path, error: &io::Error) {
        self.is_enabled = false;
        if let Some(open) = self.open.take() {
            // What is still in memory is not tried again.
            drop(open.file.into_parts());
        }
        tracing::warn!("TensorBoard will see no more of this run: `{}`: {error}", path.display());
    }
}

impl Drop for TensorBoard {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Open {
    fn begin(folder: &Path, phase: &str, step: usize) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let newest = newest(folder)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // Files are read in the order of their names.
        let seconds = newest.map_or(now, |newest| now.max(newest + 1));
        let path = folder.join(file_name(seconds));
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        let mut open = Self {
            path,
            file: BufWriter::new(file),
            flushed: Instant::now(),
            phase: phase.to_owned(),
            step,
            evaluated: step,
            read: 0,
        };
        open.write(0, &Event::Version)?;
        // The first of them is the beginning, and voids nothing.
        open.void(step + 1)?;
        open.flush()?;
        Ok(open)
    }

    /// What was written of `step` and later ones is done again.
    fn void(&mut self, step: usize) -> io::Result<()> {
        self.write(step, &Event::Start)
    }

    /// The evaluations that have been added to the file.
    fn evaluations(&mut self, path: &Path) -> io::Result<()> {
        let length = fs::metadata(path).map_or(0, |it| it.len());
        if length <= self.read {
            // Shorter, too: after a step back, evaluations are done again.
            self.read = length;
            return Ok(());
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.read += complete as u64;
        let lines = bytes[..complete].split(|byte| *byte == b'\n');
        let rows: Vec<Evaluated> = lines
            .filter_map(|line| serde_json::from_slice::<Evaluated>(line).ok())
            .filter(|row| row.phase == self.phase && row.step > self.evaluated)
            .collect();
        for rows in rows.chunk_by(|a, b| a.step == b.step) {
            self.write(rows[0].step, &Event::Scalars(&scalar::of_evaluation(rows)))?;
        }
        Ok(())
    }

    fn write(&mut self, step: usize, event: &Event<'_>) -> io::Result<()> {
        event::write(&mut self.file, now(), step, event)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = Instant::now();
        self.file.flush()
    }
}

/// Writes the scores of every model of a run, each as a run of its own at step 0.
pub fn write_scores(run_dir: &RunDir, scores: &Scores) -> Result<(), Error> {
    let root = run_dir.tensorboard().join(SCORES);
    match fs::remove_dir_all(&root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::write(&root)(error));
        }
        _ => {}
    }
    let baselines = scores.baselines.iter().map(|(which, rows)| (which.as_str(), rows));
    for (which, rows) in std::iter::once(("final", &scores.rows)).chain(baselines) {
        let folder = root.join(which);
        let scalars = scalar::of_scores(rows);
        let write = || {
            let mut open = Open::begin(&folder, which, 0)?;
            open.write(0, &Event::Scalars(&scalars))?;
            open.flush()
        };
        write().map_err(Error::write(&folder))?;
    }
    Ok(())
}

/// The folder of a phase: its name, as far as a folder can have it and no other has it.
fn folder(phase: &str) -> String {
    let name = phase.replace(['/', '\\'], "-");
    if name.starts_with('.') || name == SCORES { format!("phase-{name}") } else { name }
}

/// The seconds in the name of the newest event file of `folder`.
fn newest(folder: &Path) -> io::Result<Option<u64>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let seconds = name
            .to_string_lossy()
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('.').next()?.parse().ok());
        newest = newest.max(seconds);
    }
    Ok(newest)
}

/// What TensorBoard knows event files by.
const PREFIX: &str = "events.out.tfevents.";

fn file_name(seconds: u64) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || it == '-' { it } else { '_' })
        .collect();
    let host = if host.is_empty() { "localhost" } else { &host };
    format!("{PREFIX}{seconds:010}.{host}.{}.knowcoder", std::process::id())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
