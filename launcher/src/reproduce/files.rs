//! Weights and answers of two runs, byte by byte.

use super::compare::{SHOWN, more};
use crate::error::Error;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use trainer::{Recipe, RunDir};

/// What came of comparing files.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Files {
    /// Files of weights and answers that are the same bytes.
    #[serde(rename = "files_equal")]
    pub equal: usize,
    /// Those that are not; of answers, and of checkpoints that both runs have, also those in one run only.
    #[serde(rename = "files_different")]
    pub different: Vec<String>,
    /// Checkpoints that were compared.
    pub checkpoints: Vec<String>,
    /// Checkpoints that one of the runs does not have any more, or never had.
    pub checkpoints_of_one: Vec<OfOne>,
    /// The run's last weights, where one of the runs does not have them.
    pub last_missing: Option<String>,
}

/// A checkpoint that is in one of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfOne {
    /// Its name.
    pub name: String,
    /// Whether it is the first run that has it.
    pub in_first: bool,
    /// Why the other one has not.
    pub why: String,
}

impl Files {
    /// Whether everything that was compared is the same, with the last weights.
    pub fn are_equal(&self) -> bool {
        self.different.is_empty() && self.last_missing.is_none()
    }

    /// For a person.
    pub fn lines(&self) -> Vec<String> {
        let different = self.different.len();
        let mut lines =
            vec![format!("files of weights and answers: {} the same, {different} not", self.equal)];
        lines.extend(self.different.iter().take(SHOWN).map(|name| format!("  {name}")));
        lines.extend(more(different));
        let of_one = self.checkpoints_of_one.iter().take(SHOWN);
        lines.extend(of_one.map(|OfOne { name, in_first, why }| {
            let run = if *in_first { "first" } else { "second" };
            format!("  {name}: in the {run} run only; {why}")
        }));
        lines.extend(more(self.checkpoints_of_one.len()));
        if let Some(last) = &self.last_missing {
            let sentence = "were not compared: both runs must have them";
            lines.push(format!("  the last weights, {last}, {sentence}"));
        }
        lines
    }
}

/// Holds the files of two runs against each other, of which the first ended with a step of a phase.
pub fn compared(runs: [&RunDir; 2], last: Option<(String, u64)>) -> Result<Files, Error> {
    let mut files = Files::default();
    let [before, now] = [folders(runs[0])?, folders(runs[1])?];
    for name in before.union(&now) {
        match (before.contains(name), now.contains(name)) {
            (true, true) => {
                let folders = runs.map(|run| run.checkpoints().join(name));
                files.add(runs, folders)?;
                files.checkpoints.push(name.clone());
            }
            (in_first, _) => {
                let lacks = runs[usize::from(in_first)];
                let why = why(lacks, name);
                files.checkpoints_of_one.push(OfOne { name: name.clone(), in_first, why });
            }
        }
    }
    let last = last.map(|(phase, step)| format!("{phase}-{step:06}"));
    files.last_missing = last.filter(|last| !files.checkpoints.contains(last));
    files.add(runs, runs.map(RunDir::all_predictions))?;
    Ok(files)
}

impl Files {
    /// Compares what is below a folder of either run.
    fn add(&mut self, runs: [&RunDir; 2], folders: [PathBuf; 2]) -> Result<(), Error> {
        let mut found = [BTreeMap::new(), BTreeMap::new()];
        for ((run, folder), found) in runs.iter().zip(&folders).zip(&mut found) {
            list(run.root(), folder, found)?;
        }
        let [before, now] = &found;
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for name in names {
            let same = match (before.get(name), now.get(name)) {
                (Some(a), Some(b)) => same_bytes(a, b)?,
                _ => false,
            };
            match same {
                true => self.equal += 1,
                false => self.different.push(name.clone()),
            }
        }
        Ok(())
    }
}

/// Why a run does not have a checkpoint that another one has.
fn why(run: &RunDir, name: &str) -> String {
    let step = name.rsplit_once('-').and_then(|(_, step)| step.parse::<usize>().ok());
    // A lock of another version cannot be asked.
    let recipe = Recipe::load_lock(&run.recipe_lock()).ok();
    match (recipe.map(|recipe| recipe.checkpoint), step) {
        (Some(config), Some(step)) if !step.is_multiple_of(config.every.max(1)) => {
            format!("the other did not save it (every = {})", config.every)
        }
        (Some(config), _) => format!("the other pruned it (keep = {})", config.keep),
        (None, _) => "the other pruned it, or never saved it".to_owned(),
    }
}

/// The checkpoints of a run, by name; what is on its way there or from there is none.
fn folders(run: &RunDir) -> Result<BTreeSet<String>, Error> {
    let folder = run.checkpoints();
    let is_whole = |path: &Path| path.is_dir() && path.extension().is_none();
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let paths = entries(&folder)?;
    Ok(paths.iter().filter(|path| is_whole(path)).filter_map(|path| name(path)).collect())
}

/// What is in a folder; nothing where it is not.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(data_pipeline::Error::read(folder)(error).into()),
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>();
    Ok(paths.map_err(data_pipeline::Error::read(folder))?)
}

/// Files below `folder` that hold weights or answers, by their names in the run.
fn list(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), Error> {
    for path in entries(folder)? {
        if path.is_dir() {
            list(root, &path, found)?;
        } else if ["safetensors", "jsonl"]
            .iter()
            .any(|it| path.extension().is_some_and(|e| e == *it))
        {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            found.insert(name, path);
        }
    }
    Ok(())
}

/// Whether two files hold the same, read in pieces: checkpoints are larger than memory.
fn same_bytes(a: &Path, b: &Path) -> Result<bool, Error> {
    use std::io::Read;
    let open = |path: &Path| std::fs::File::open(path).map_err(data_pipeline::Error::read(path));
    let (mut left, mut right) = (open(a)?, open(b)?);
    let length = |file: &std::fs::File, path: &Path| {
        file.metadata().map(|it| it.len()).map_err(data_pipeline::Error::read(path))
    };
    let mut rest = length(&left, a)?;
    if rest != length(&right, b)? {
        return Ok(false);
    }
    let mut pieces = [vec![0; PIECE], vec![0; PIECE]];
    while rest > 0 {
        let count = rest.min(PIECE as u64) as usize;
        left.read_exact(&mut pieces[0][..count]).map_err(data_pipeline::Error::read(a))?;
        right.read_exact(&mut pieces[1][..count]).map_err(data_pipeline::Error::read(b))?;
        if pieces[0][..count] != pieces[1][..count] {
            return Ok(false);
        }
        rest -= count as u64;
    }
    Ok(true)
}

/// Bytes that are compared at a time.
const PIECE: usize = 1 << 20;
