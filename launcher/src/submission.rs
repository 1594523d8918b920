//! To whom a run was handed over: `job.json` of a run directory.

use crate::backend::{self, Queue, QueueState};
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use crate::standing::now::Now;
use data_pipeline::predictions::replace;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use trainer::RunDir;

/// Whether `backend` has no queue: a run that is handed over is a process from then on.
pub fn is_process(backend: &str) -> bool {
    ["local", "ssh"].contains(&backend)
}

/// A run that was handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Name of the back end that has it.
    pub backend: String,
    /// What it is called there, in the order in which its parts run.
    pub ids: Vec<String>,
    /// When, RFC 3339.
    pub submitted: String,
    /// The program that runs, absolute.
    pub program: PathBuf,
    /// Where its corpora lie, absolute.
    pub data_root: PathBuf,
    /// The cluster file that it was handed over with, in the run directory.
    pub cluster: PathBuf,
}

impl Submission {
    /// The file of a run directory.
    pub fn path(run_dir: &RunDir) -> PathBuf {
        run_dir.root().join("job.json")
    }

    /// What the run directory says; `None` where the run was never handed over.
    pub fn load(run_dir: &RunDir) -> Result<Option<Self>, Error> {
        let path = Self::path(run_dir);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(data_pipeline::Error::read(&path)(error).into()),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let message = format!("`{}` does not say who has the run: {error}", path.display());
            Error::new(exit::DECLARATION, message)
                .hint("make sure that no job of this run waits or runs, then remove the file")
        })
    }

    /// Writes the file, in place of what was there.
    pub fn save(&self, run_dir: &RunDir) -> Result<(), Error> {
        // Strings and paths that came from JSON or were checked to be UTF-8 have a JSON form.
        let mut text = serde_json::to_string_pretty(self).map_err(|error| {
            Error::new(exit::DECLARATION, format!("the job cannot be written down: {error}"))
        })?;
        text.push('\n');
        Ok(replace(&Self::path(run_dir), text.as_bytes())?)
    }

    /// Where the job waits or runs.
    pub fn queue(&self, run_dir: &RunDir) -> Result<Box<dyn Queue>, Error> {
        Ok(backend::queue(&Cluster::load(&run_dir.root().join(&self.cluster))?))
    }

    /// What the scheduler says of the job, if it waits or runs; `now` is how the run stands.
    pub fn alive(&self, run_dir: &RunDir, now: &Now) -> Result<Option<QueueState>, Error> {
        // A driver that has said how it ended and let go of the directory is about to be gone.
        if is_process(&self.backend) && now.is_over() && !now.gone {
            return Ok(None);
        }
        let state = self.queue(run_dir)?.state(&self.ids)?;
        Ok(state.stage.is_alive().then_some(state))
    }

    /// What the job is called, for a sentence: `slurm job 17, 18`.
    pub fn name(&self) -> String {
        format!("{} job {}", self.backend, self.ids.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_submission_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        assert_eq!(Submission::load(&run_dir).unwrap(), None);
        let submission = Submission {
            backend: "slurm".to_owned(),
            ids: vec!["17".to_owned(), "18".to_owned()],
            submitted: "2026-11-23T09:14:02.000Z".to_owned(),
            program: "/opt/knowcoder".into(),
            data_root: "/data".into(),
            cluster: "cluster.toml".into(),
        };
        submission.save(&run_dir).unwrap();
        assert_eq!(submission.name(), "slurm job 17, 18");
        assert_eq!(Submission::load(&run_dir).unwrap(), Some(submission));
        std::fs::write(Submission::path(&run_dir), "{}").unwrap();
        let error = Submission::load(&run_dir).unwrap_err();
        assert_eq!(error.code, 64);
        assert!(error.message.contains("job.json` does not say"), "{error}");
    }
}
