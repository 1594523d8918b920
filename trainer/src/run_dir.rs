//! The directory of a run; the only place that knows its names.
//!
//! ```text
//! recipe.toml  recipe.lock  cluster.toml   what was asked for, and what it resolved to
//! events.jsonl  metrics.jsonl              what happened, step by step
//! tokenizer/                               the vocabulary of the run
//! prepared/PHASE/                          shards and their manifest
//! checkpoints/PHASE-STEP/                  complete or absent
//! predictions/WHICH/DATASET.jsonl          of the `final`, `base` or `untrained` model; other rounds
//!                                          of a model in WHICH-order-1/, WHICH-chained/ and so on
//! ledger/N-PHASE/FIRST-LAST.parquet        what was trained on, a row for each place of each step
//! evaluations.jsonl                        F1 while phases trained
//! incidents/PHASE-STEP/  left-out.json     steps that went wrong, to be replayed; those left out
//! memory.json                              the memory plan, micro-batches included; tensorboard/
//! scores.json  report.html  errors.html    the result
//! logs/rank-N.log  lock  lock-K-of-N  secret  generation
//! status.json  preflight.json              how it stands, and its nodes before it began: the launcher's, like
//! job.json  submit/  estimate.json         to whom it was handed over, with which scripts; how wrong its plan was
//! stop  save  drill/  drill-rank-N.json    made by whoever wants that, gone when it is done
//! ```

use crate::Error;
use crate::fence::Fence;
use std::path::{Path, PathBuf};

/// A run's directory.
#[derive(Clone, Debug)]
pub struct RunDir {
    root: PathBuf,
    /// Whether what lies there may be changed.
    fence: Fence,
}

impl RunDir {
    /// The run directory at `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), fence: Fence::default() }
    }

    /// The same directory for a rank that may be cut off: what later starts trust is held against the lease of
    /// its node, and against the number of the run's newest start, of which this is `generation`.
    #[must_use]
    pub fn fenced(self, generation: u32) -> Self {
        let fence = Fence::of_process(self.generation(), generation);
        Self { fence, ..self }
    }

    /// What commits are held against.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Creates the directory and its folders.
    pub fn create(&self) -> Result<(), Error> {
        for folder in ["checkpoints", "predictions", "prepared", "logs"] {
            let path = self.root.join(folder);
            std::fs::create_dir_all(&path).map_err(Error::write(&path))?;
        }
        Ok(())
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved recipe.
    pub fn recipe_lock(&self) -> PathBuf {
        self.root.join("recipe.lock")
    }

    /// The recipe as the user wrote it.
    pub fn recipe(&self) -> PathBuf {
        self.root.join("recipe.toml")
    }

    /// The cluster file in use.
    pub fn cluster(&self) -> PathBuf {
        self.root.join("cluster.toml")
    }

    /// One line a step.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// One line an event.
    pub fn events(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }

    /// The vocabulary of the run.
    pub fn tokenizer(&self) -> PathBuf {
        self.root.join("tokenizer")
    }

    /// Shards of phase number `index`.
    pub fn prepared(&self, index: usize, name: &str) -> PathBuf {
        self.root.join("prepared").join(format!("{index}-{name}"))
    }

    /// All checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Predictions of one model for one dataset.
    pub fn predictions(&self, which: &str, dataset: &str) -> PathBuf {
        self.root
            .join("predictions")
            .join(which)
            .join(format!("{}.jsonl", dataset.replace([':', '/'], "-")))
    }

    /// What an evaluation by several ranks asks.
    pub fn evaluation_lock(&self) -> PathBuf {
        self.root.join("evaluation.lock")
    }

    /// Predictions of all models.
    pub fn all_predictions(&self) -> PathBuf {
        self.root.join("predictions")
    }

    /// The ledgers of all phases.
    pub fn ledgers(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// The ledger of phase number `index`.
    pub fn ledger(&self, index: usize, name: &str) -> PathBuf {
        self.ledgers().join(format!("{index}-{name}"))
    }

    /// F1 while phases trained, one line a row.
    pub fn evaluations(&self) -> PathBuf {
        self.root.join("evaluations.jsonl")
    }

    /// Steps that went wrong.
    pub fn incidents(&self) -> PathBuf {
        self.root.join("incidents")
    }

    /// What is kept of one of them.
    pub fn incident(&self, name: &str) -> PathBuf {
        self.incidents().join(name)
    }

    /// Steps that a run that went back leaves out.
    pub fn left_out(&self) -> PathBuf {
        self.incidents().join("left-out.json")
    }

    /// The memory plan that the run was begun with.
    pub fn memory(&self) -> PathBuf {
        self.root.join("memory.json")
    }

    /// Event files of TensorBoard.
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// Scores of all models.
    pub fn scores(&self) -> PathBuf {
        self.root.join("scores.json")
    }

    /// Whoever makes this file wants the run to save and stop.
    pub fn stop(&self) -> PathBuf {
        self.root.join("stop")
    }

    /// Whoever makes this file wants the run to save and go on.
    pub fn save(&self) -> PathBuf {
        self.root.join("save")
    }

    /// Held by the launcher that works here.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What the ranks of one start know each other by; readable by its owner only.
    pub fn secret(&self) -> PathBuf {
        self.root.join("secret")
    }

    /// The number of the newest start.
    pub fn generation(&self) -> PathBuf {
        self.root.join("generation")
    }

    /// What a rank is asked to let go wrong.
    pub fn drill(&self, rank: usize) -> PathBuf {
        self.root.join(format!("drill-rank-{rank}.json"))
    }

    /// What ranks said, `rank-N.log`.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
}
