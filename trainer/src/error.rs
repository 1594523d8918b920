//! What can end a run, and the exit code each deserves.

use crate::collective::CollectiveError;
use std::path::{Path, PathBuf};

/// Why a run, or a rank of it, could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Corpora, shards, scores.
    #[error(transparent)]
    Data(#[from] data_pipeline::Error),
    /// Weights and their files.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// Another rank.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// A recipe that cannot be.
    #[error("{}: {message}", path.display())]
    Recipe {
        /// The recipe.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// A file of the run directory.
    #[error("failed to write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the run directory could not be read.
    #[error("failed to read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint that does not fit this run.
    #[error("{}: {message}", path.display())]
    Checkpoint {
        /// Its directory.
        path: PathBuf,
        /// What does not fit and what to do.
        message: String,
    },
    /// The loss is not a number any more.
    #[error(
        "phase `{phase}`, step {step}: the loss is {loss}; lower optimizer.learning_rate or optimizer.clip_norm, or look at the rows of this step"
    )]
    Diverged {
        /// Name of the phase.
        phase: String,
        /// The step.
        step: usize,
        /// The value.
        loss: f64,
    },
    /// The ranks have not computed a step's samples once each.
    #[error(
        "sample {slot} of a step was computed {times} times, not once: the ranks do not divide the step alike, which is a bug of ours"
    )]
    Uncovered {
        /// Its place in the step.
        slot: usize,
        /// How often it was computed.
        times: u32,
    },
    /// The device asked for is not there.
    #[error("{0}")]
    Device(String),
    /// A phase does not fit into memory.
    #[error("{0}")]
    Memory(String),
    /// A benchmark is trained on.
    #[error("{0}")]
    Leak(String),
}

impl Error {
    /// The exit code that `knowcoder` ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Data(error) => error.exit_code(),
            Self::Recipe { .. } => 64,
            Self::Checkpoint { .. } | Self::Leak(_) => 65,
            Self::Model(model::Error::Config(_)) => 64,
            Self::Model(model::Error::Invalid { .. }) => 65,
            Self::Model(model::Error::Read { source, .. } | model::Error::Write { source, .. })
            | Self::Write { source, .. }
            | Self::Read { source, .. } => data_pipeline::error::io_exit_code(source),
            Self::Collective(error) => error.exit_code(),
            Self::Diverged { .. } => 79,
            Self::Uncovered { .. } => 70,
            Self::Device(_) | Self::Memory(_) => 69,
        }
    }

    /// A writing error, for `map_err`.
    pub fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// A reading error, for `map_err`.
    pub fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// A recipe error.
    pub fn recipe(path: &Path, message: impl Into<String>) -> Self {
        Self::Recipe { path: path.to_owned(), message: message.into() }
    }
}
