//! What a trial's runs are: recipes, directories, processes.

use super::definition::Sweep;
use super::space::Point;
use crate::agent::die_with_us;
use crate::cluster::Cluster;
use crate::error::{Error, exit};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use trainer::{Recipe, RunDir};

/// The directory of a sweep; the only place that knows its names.
///
/// ```text
/// sweep.jsonl              what happened: the truth
/// sweep.toml  lock         the file that asked; held by a `start` that is no worker
/// trials/N-SEED/           the run of trial N with a seed, a run directory like all others
/// shards/HASH/             prepared once for all trials whose data are the same
/// claims/                  who works on what
/// logs/N-SEED.log  .json   what the run said
/// submit/                  scripts for a queue
/// report.html  trials.csv
/// ```
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// What happened.
    pub fn log(&self) -> PathBuf {
        self.0.join("sweep.jsonl")
    }

    /// The file that asked.
    pub fn definition(&self) -> PathBuf {
        self.0.join("sweep.toml")
    }

    /// Held by one process that is no worker.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Who works on what.
    pub fn claims(&self) -> PathBuf {
        self.0.join("claims")
    }

    /// The run of a trial.
    pub fn run(&self, trial: usize, seed: u64) -> RunDir {
        RunDir::new(self.0.join("trials").join(name(trial, seed)))
    }

    /// Shards for all trials whose data have this hash.
    pub fn shards(&self, hash: &str) -> RunDir {
        RunDir::new(self.0.join("shards").join(hash))
    }

    /// What processes said.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// Scripts for a queue.
    pub fn submit(&self) -> PathBuf {
        self.0.join("submit")
    }

    /// The page.
    pub fn page(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The table.
    pub fn csv(&self) -> PathBuf {
        self.0.join("trials.csv")
    }
}

/// `N-SEED`: names the directory, the claim and the logs of a run.
pub fn name(trial: usize, seed: u64) -> String {
    format!("{trial}-{seed}")
}

/// A sweep and its surroundings.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What is searched.
    pub sweep: Sweep,
    /// Where.
    pub folder: Folder,
    /// The cluster file of each run.
    pub cluster_file: Option<PathBuf>,
    /// What it says.
    pub cluster: Cluster,
    /// Where corpora lie.
    pub data_root: PathBuf,
    /// Where what comes from object stores is kept.
    pub cache_dir: Option<PathBuf>,
}

impl Setting {
    /// `a.b=c` of a run, without those of all trials.
    pub fn sets(
        &self,
        values: &Point,
        trial: usize,
        seed: u64,
        until: Option<usize>,
    ) -> Vec<String> {
        let mut sets = Sweep::sets_of(values);
        sets.push(format!("run.seed={seed}"));
        sets.push(format!("run.name={:?}", format!("{}-{}", self.sweep.name, name(trial, seed))));
        if let Some(step) = until {
            let phase = &self.sweep.phase;
            sets.push(format!("checkpoint.pause={{ phase = {phase:?}, step = {step} }}"));
        }
        sets
    }

    /// What a run learns.
    pub fn recipe(&self, values: &Point, trial: usize, seed: u64) -> Result<Recipe, Error> {
        self.sweep.recipe_with(&self.sets(values, trial, seed, None))
    }

    /// A process of this program that changes the recipe by `sets`, its words kept below `logs` as `name`.
    pub fn process(
        &self,
        verb: &[&str],
        sets: &[String],
        more: &[OsString],
        name: &str,
        devices: Option<&str>,
    ) -> Result<Child, Error> {
        let failed = |error: std::io::Error| {
            Error::new(exit::TRANSIENT, format!("failed to start `{name}`: {error}"))
        };
        let logs = self.folder.logs();
        std::fs::create_dir_all(&logs).map_err(data_pipeline::Error::write(&logs))?;
        let said = self.said(name);
        let errors = logs.join(format!("{name}.log"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(verb).arg(&self.sweep.recipe);
        for set in self.sweep.sets.iter().chain(sets) {
            command.args(["--set", set]);
        }
        command.arg("--data-root").arg(&self.data_root);
        if let Some(cache_dir) = &self.cache_dir {
            command.arg("--cache-dir").arg(cache_dir);
        }
        command.args(more).arg("--json").stdin(Stdio::null()).process_group(0);
        if let Some(devices) = devices {
            command.env("CUDA_VISIBLE_DEVICES", devices);
        }
        let out = File::create(&said).map_err(data_pipeline::Error::write(&said))?;
        let append = File::options().create(true).append(true).open(&errors);
        command.stdout(out).stderr(append.map_err(data_pipeline::Error::write(&errors))?);
        die_with_us(&mut command);
        command.spawn().map_err(failed)
    }

    /// The document that a process ended with.
    pub fn said(&self, name: &str) -> PathBuf {
        self.folder.logs().join(format!("{name}.json"))
    }

    /// What a run is given beside its values.
    pub fn run_arguments(&self, run_dir: &Path, shards: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["--run-dir".into(), run_dir.into()];
        arguments.extend(["--shards".into(), shards.into()]);
        if let Some(cluster) = &self.cluster_file {
            arguments.extend(["--cluster".into(), cluster.into()]);
        }
        arguments
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::definition::tests::specimen;
    use super::*;

    /// The specimen of a sweep in a folder, on this machine.
    pub fn setting(folder: impl Into<PathBuf>) -> Setting {
        Setting {
            sweep: specimen(),
            folder: Folder(folder.into()),
            cluster_file: None,
            cluster: Cluster::of_this_machine(),
            data_root: "data".into(),
            cache_dir: None,
        }
    }
}
