//! What a run has trained on, as rank 0 writes it down, and whether that is what it should be.
//!
//! Rows wait in memory until the next checkpoint and are on the disk before it is: whatever checkpoint a
//! run goes on from, the ledger reaches to it, and what lies beyond is removed and done again.

use crate::checkpoint::{self, Position};
use crate::recipe::{Phase, Recipe};
use crate::run::steps;
use crate::step::Found;
use crate::{Error, RunDir};
use data_pipeline::ledger::{self, Entry, LedgerRow, Proof};
use data_pipeline::order::Order;
use data_pipeline::shard::{RowSource, ShardSet};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The ledger of the phase that is being trained.
pub struct Ledger {
    /// Rank 0 writes; what all ranks find is the same.
    writer: Option<Writer>,
}

struct Writer {
    directory: PathBuf,
    shards: Arc<ShardSet>,
    /// What [`RowSource`]s rows are of, as the shards count them.
    sources: Vec<Arc<RowSource>>,
    waiting: Vec<Entry>,
}

impl Ledger {
    /// The ledger of `phase` at `position`; segments of steps and phases behind it are removed.
    pub fn open(
        run_dir: &RunDir,
        phase: &Phase,
        position: Position,
        rank: usize,
        shards: &Arc<ShardSet>,
    ) -> Result<Self, Error> {
        if rank > 0 {
            return Ok(Self { writer: None });
        }
        let directory = run_dir.ledger(position.phase, &phase.name);
        std::fs::create_dir_all(&directory).map_err(Error::write(&directory))?;
        for (index, later) in phases(run_dir)? {
            if index > position.phase {
                ledger::truncate(&later, 0)?;
            }
        }
        ledger::truncate(&directory, position.step)?;
        let sources = shards.sources().iter().cloned().map(Arc::new).collect();
        let writer = Writer { directory, shards: Arc::clone(shards), sources, waiting: Vec::new() };
        Ok(Self { writer: Some(writer) })
    }

    /// Keeps what a step, counted from 0, found in its `rows`, and whether it changed the weights.
    pub fn note(&mut self, step: usize, rows: &[usize], found: &Found, applied: bool) {
        let Some(writer) = &mut self.writer else { return };
        for (slot, (row, computed)) in rows.iter().zip(&found.slots).enumerate() {
            let source = writer.shards.lengths()[*row].source as usize;
            let row = LedgerRow {
                step,
                slot,
                row: *row,
                sample: computed.sample,
                tokens: computed.tokens,
                loss: computed.loss,
                applied,
            };
            writer.waiting.push(Entry { row, source: Arc::clone(&writer.sources[source]) });
        }
    }

    /// Writes what was kept since the last time; it is on the disk when this returns.
    pub fn flush(&mut self) -> Result<(), Error> {
        if let Some(writer) = &mut self.writer {
            ledger::write(&writer.directory, &writer.waiting)?;
            writer.waiting.clear();
        }
        Ok(())
    }
}

/// What is known of the ledger of one phase of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseProof {
    /// The phase's name.
    pub phase: String,
    /// Steps that it has when it is done, where its shards can be read.
    pub of: Option<usize>,
    /// What came of it.
    #[serde(flatten)]
    pub proof: Proof,
}

/// Holds the ledger of every phase that has begun against the recipe's order and the prepared shards.
///
/// A run may be going on meanwhile, or have been stopped: what it has written so far is looked at.
pub fn prove(run_dir: &RunDir) -> Result<Vec<PhaseProof>, Error> {
    let recipe = Recipe::load_lock(&run_dir.recipe_lock())?;
    let mut proofs = Vec::new();
    for (index, phase) in recipe.phase.iter().enumerate() {
        let directory = run_dir.ledger(index, &phase.name);
        let reached = newest_step(&run_dir.checkpoints(), &phase.name)?;
        if reached > 0 || has_segments(&directory) {
            proofs.push(of_phase(run_dir, &recipe, index, reached));
        }
    }
    Ok(proofs)
}

fn of_phase(run_dir: &RunDir, recipe: &Recipe, index: usize, reached: usize) -> PhaseProof {
    let phase = &recipe.phase[index];
    let name = phase.name.clone();
    let opened = ShardSet::open(&run_dir.prepared(index, &phase.name)).and_then(|shards| {
        let (seed, samples) = (recipe.run.seed, phase.batch.samples);
        Order::new(seed, shards.rows(), &phase.mixture(), samples).map(|order| (shards, order))
    });
    match opened {
        Ok((shards, order)) => {
            let of = steps(phase, &order);
            let directory = run_dir.ledger(index, &phase.name);
            let proof = ledger::prove(&directory, &shards, &order, of, reached);
            PhaseProof { phase: name, of: Some(of), proof }
        }
        Err(error) => {
            let problems = vec![error.to_string()];
            let proof = Proof { problems, problem_count: 1, ..Proof::default() };
            PhaseProof { phase: name, of: None, proof }
        }
    }
}

/// The folders below `ledger/`, by the number of their phase.
pub fn phases(run_dir: &RunDir) -> Result<Vec<(usize, PathBuf)>, Error> {
    let ledgers = run_dir.ledgers();
    let mut phases = Vec::new();
    let Ok(entries) = std::fs::read_dir(&ledgers) else { return Ok(phases) };
    for entry in entries {
        let path = entry.map_err(Error::read(&ledgers))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let index = name.split_once('-').and_then(|(index, _)| index.parse().ok());
        if let Some(index) = index.filter(|_| path.is_dir()) {
            phases.push((index, path));
        }
    }
    phases.sort();
    Ok(phases)
}

/// Whether there is a file of a ledger, whole or not.
fn has_segments(directory: &Path) -> bool {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|it| it == "parquet")).count() > 0
}

/// The step of the newest checkpoint of a phase, 0 where there is none.
fn newest_step(checkpoints: &Path, phase: &str) -> Result<usize, Error> {
    let mut newest = 0;
    let Ok(entries) = std::fs::read_dir(checkpoints) else { return Ok(newest) };
    for entry in entries {
        let path = entry.map_err(Error::read(checkpoints))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let step = name.strip_prefix(phase).and_then(|rest| rest.strip_prefix('-'));
        let step = step.and_then(|step| step.parse().ok());
        if let Some(step) = step.filter(|_| checkpoint::is_one(&path)) {
            newest = newest.max(step);
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_phase_has_come_as_far_as_its_newest_whole_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = |name: &str, whole: bool| {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
            if whole {
                std::fs::write(dir.path().join(name).join("checkpoint.json"), "{}").unwrap();
            }
        };
        checkpoint("ner-000004", true);
        checkpoint("ner-000010", true);
        checkpoint("ner-000012", false);
        checkpoint("ner-000014.tmp", true);
        // Another phase, whose name begins alike.
        checkpoint("ner-zh-000020", true);
        checkpoint("nerd-000020", true);
        for (phase, expected) in [("ner", 10), ("ner-zh", 20), ("re", 0)] {
            assert_eq!(newest_step(dir.path(), phase).unwrap(), expected, "{phase}");
        }
        assert_eq!(newest_step(&dir.path().join("nowhere"), "ner").unwrap(), 0);
    }

    #[test]
    fn folders_are_phases_by_their_number() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(dir.path());
        assert!(phases(&run_dir).unwrap().is_empty());
        for name in ["10-last", "2-instruction", "0-schema-understanding", "notes"] {
            std::fs::create_dir_all(run_dir.ledgers().join(name)).unwrap();
        }
        std::fs::write(run_dir.ledgers().join("3-file"), "").unwrap();
        let found: Vec<usize> = phases(&run_dir).unwrap().iter().map(|(index, _)| *index).collect();
        assert_eq!(found, [0, 2, 10]);
    }
}
