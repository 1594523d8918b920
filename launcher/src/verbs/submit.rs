//! `knowcoder submit`: hands a run over, to a cluster or to the background of this machine.

use super::Answer;
use super::run::{cluster_of, fix, has_checkpoints, recipe_of, run_dir_of};
use crate::backend::{self, Job};
use crate::cli;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use crate::events::{Events, rfc3339};
use crate::lock::{self, RunLock};
use crate::standing::now::Now;
use crate::store::{self, Wanted};
use crate::submission::Submission;
use data_pipeline::corpus::{Corpus, fits};
use data_pipeline::predictions::replace;
use data_pipeline::shell;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trainer::{Recipe, RunDir};

/// Checks everything that can be checked now, and hands the run over.
pub fn submit(args: &cli::Submit) -> Result<Answer, Error> {
    let recipe = recipe_of(&args.recipe)?;
    let cluster = cluster_of(args.cluster.as_deref())?;
    let run_dir = absolute(run_dir_of(args.run_dir.as_deref(), &recipe).root())?;
    let run_dir = RunDir::new(run_dir);
    check(&args.recipe.recipe, &recipe, &cluster)?;
    let data_root = store::data_root(&args.data, || store::of_recipe(&recipe, |_| true))?;
    let source = Some(args.recipe.recipe.clone());
    let data_root = absolute(&data_root)?;
    Handover { recipe, source, cluster, run_dir, data_root }.give(args.render)
}

/// What is handed over.
pub struct Handover {
    /// What is learned.
    pub recipe: Recipe,
    /// The recipe as it was written; `None` where the run directory has it.
    pub source: Option<PathBuf>,
    /// Where it is learned.
    pub cluster: Cluster,
    /// Absolute.
    pub run_dir: RunDir,
    /// Absolute.
    pub data_root: PathBuf,
}

impl Handover {
    /// Fixes it in the run directory, writes what the scheduler reads, and unless it is only `rendered` gives it
    /// away.
    pub fn give(self, rendered: bool) -> Result<Answer, Error> {
        let Self { recipe, source, cluster, run_dir, data_root } = &self;
        if !has_checkpoints(run_dir) {
            check_corpora(recipe, data_root)?;
        }
        run_dir.create()?;
        let folder = run_dir.root().join("submit");
        std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
        // Held until the job is written down: of two that submit at once, one is refused.
        let _submitting = RunLock::take(&folder.join("lock"))?;
        refuse_live(run_dir)?;
        let lock = RunLock::take(&run_dir.lock())?;
        if let Some(source) = source {
            fix(recipe, source, run_dir)?;
        }
        // It was for the run before this one.
        trainer::requests::remove(&run_dir.stop())?;
        replace(&run_dir.cluster(), cluster.to_toml().as_bytes())?;
        let job = self.job()?;
        let queue = backend::queue(cluster);
        let files = write_rendered(&folder, &job, &*queue)?;
        if rendered {
            return Ok(self.rendered(&files));
        }
        let mut events = Events::open(&run_dir.events())?;
        // Another file than the run's own, which `run` may replace by another cluster.
        let kept = Path::new("submit/cluster.toml");
        replace(&run_dir.root().join(kept), cluster.to_toml().as_bytes())?;
        // Before anything that the job itself may have to say.
        events.record("submitted", json!({"backend": cluster.backend.name()}))?;
        // The driver takes it.
        drop(lock);
        let ids = match queue.submit(&job) {
            Ok(ids) => ids,
            Err(error) => {
                refused(&mut events, cluster, &error);
                return Err(error);
            }
        };
        let submission = Submission {
            backend: cluster.backend.name().to_owned(),
            ids,
            submitted: rfc3339(SystemTime::now()),
            program: job.program,
            data_root: job.data_root,
            cluster: kept.to_owned(),
        };
        if let Err(error) = submission.save(run_dir) {
            // A job that nobody knows of must not go on.
            let _ = queue.cancel(&submission.ids, true);
            refused(&mut events, cluster, &error);
            return Err(error);
        }
        Ok(self.submitted(&submission, &files))
    }

    fn job(&self) -> Result<Job, Error> {
        let program = std::env::current_exe().map_err(|error| {
            Error::new(exit::TRANSIENT, format!("failed to find the program itself: {error}"))
        })?;
        Ok(Job {
            name: self.recipe.run.name.clone(),
            run_dir: self.run_dir.root().to_owned(),
            data_root: self.data_root.clone(),
            program,
            cluster: self.cluster.clone(),
            phases: self.recipe.phase.iter().map(|phase| phase.name.clone()).collect(),
        })
    }

    fn rendered(&self, files: &[PathBuf]) -> Answer {
        let mut text = String::new();
        for file in files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", file.display());
        }
        text += "nothing was submitted; the same command without --render does that\n";
        Answer::new(text, self.json("rendered", &[], files))
    }

    fn submitted(&self, submission: &Submission, files: &[PathBuf]) -> Answer {
        let run_dir = shown(self.run_dir.root());
        let text = format!(
            "submitted `{}` as {}\n\
             \x20 how it is    knowcoder status {run_dir} --watch\n\
             \x20 what it says knowcoder logs {run_dir} -f\n\
             \x20 to stop it   knowcoder cancel {run_dir}\n",
            self.recipe.run.name,
            submission.name()
        );
        Answer::new(text, self.json("submitted", &submission.ids, files))
    }

    fn json(&self, status: &str, ids: &[String], files: &[PathBuf]) -> Value {
        json!({
            "status": status,
            "run": self.recipe.run.name,
            "run_dir": self.run_dir.root(),
            "backend": self.cluster.backend.name(),
            "ids": ids,
            "files": files,
        })
    }
}

/// Notes that nothing came of a submission. That it cannot be noted is less than why.
fn refused(events: &mut Events, cluster: &Cluster, error: &Error) {
    let fields = json!({
        "backend": cluster.backend.name(),
        "exit_code": error.code,
        "reason": error.message,
        "hint": error.hint,
    });
    let _ = events.record("submission-refused", fields);
}

/// Refuses what cannot succeed on `cluster`; `source` is the recipe's file, for errors.
pub fn check(source: &Path, recipe: &Recipe, cluster: &Cluster) -> Result<(), Error> {
    // What the hosts of a cluster have, they say themselves before the run begins.
    if cluster.backend == Backend::Local {
        trainer::prepare::check(recipe)?;
        trainer::device::ready(&recipe.run.device, cluster.ranks, cluster.collective)?;
    } else {
        trainer::prepare::check_declared(recipe)?;
    }
    trainer::run::check_world(source, recipe, cluster.ranks)?;
    check_batches(recipe, cluster.ranks)?;
    cluster.check_device(&recipe.run.device)
}

/// Refuses ranks that would compute nothing.
pub fn check_batches(recipe: &Recipe, ranks: usize) -> Result<(), Error> {
    let smallest = recipe.phase.iter().min_by_key(|phase| phase.batch.samples);
    let Some(phase) = smallest.filter(|phase| phase.batch.samples < ranks) else { return Ok(()) };
    let samples = phase.batch.samples;
    let exact = recipe.run.exact_shards;
    let fits = match exact {
        0 => format!("1 to {samples} ranks"),
        shards => {
            let sizes = (1..=samples).filter(|size| shards.is_multiple_of(*size));
            format!("{} ranks", sizes.map(|size| size.to_string()).collect::<Vec<_>>().join(", "))
        }
    };
    let message = format!(
        "phase `{}` has {samples} samples a step for {ranks} ranks, so that some would compute nothing; {fits} \
         have work",
        phase.name
    );
    Err(Error::new(exit::DECLARATION, message)
        .hint("give a cluster file with fewer ranks, or a larger batch.samples"))
}

/// Refuses corpora that are not there: a job that waited a night must not die of it.
fn check_corpora(recipe: &Recipe, data_root: &Path) -> Result<(), Error> {
    for wanted in store::of_recipe(recipe, |_| true)?.iter().filter(|wanted| wanted.is_needed) {
        let Wanted { declaration, split: Some(split), .. } = wanted else { continue };
        let corpus = Corpus::load(declaration, data_root)?;
        for file in corpus.files(split)? {
            if !is_there(&file) {
                let message = format!(
                    "`{}` is not there, which `{}:{split}` consists of",
                    file.display(),
                    corpus.name()
                );
                return Err(Error::new(exit::DATA, message).hint(
                    "`knowcoder data fetch` brings corpora that may be fetched; --data-root \
                     (KNOWCODER_DATA) names the folder that holds them",
                ));
            }
        }
    }
    Ok(())
}

/// Whether there is such a file, or one that its pattern fits.
fn is_there(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains('*') {
        return file.exists();
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| fits(&entry.file_name().to_string_lossy(), &name))
}

/// Refuses a run directory whose run goes on or waits.
fn refuse_live(run_dir: &RunDir) -> Result<(), Error> {
    let root = shown(run_dir.root());
    let way_out = format!(
        "`knowcoder status {root}` shows it, `knowcoder cancel {root}` stops it; another run needs \
         another --run-dir"
    );
    if let Some(submission) = Submission::load(run_dir)? {
        let (now, _) = Now::of_files(run_dir)?;
        if let Some(state) = submission.alive(run_dir, &now)? {
            let message =
                format!("`{root}` has a job already: {} ({})", submission.name(), state.words);
            return Err(Error::new(exit::TRANSIENT, message).hint(way_out));
        }
    }
    if let Some(holder) = lock::holder(&run_dir.lock()) {
        let message = format!("`{root}` is in use by {holder}");
        return Err(Error::new(exit::TRANSIENT, message).hint(way_out));
    }
    Ok(())
}

/// Writes the files that a scheduler reads.
fn write_rendered(
    folder: &Path,
    job: &Job,
    queue: &dyn backend::Queue,
) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for rendered in queue.render(job)? {
        let path = folder.join(&rendered.file);
        replace(&path, rendered.text.as_bytes())?;
        files.push(path);
    }
    Ok(files)
}

/// `path` from the root on.
pub fn absolute(path: &Path) -> Result<PathBuf, Error> {
    Ok(std::path::absolute(path).map_err(data_pipeline::Error::read(path))?)
}

/// A path as a person would type it here.
pub fn shown(path: &Path) -> String {
    shell::path(path)
}
