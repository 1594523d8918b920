//! What can end a run, and the exit code each deserves.

use crate::collective::CollectiveError;
use crate::memory::bytes_text;
use std::path::{Path, PathBuf};

/// The way out of a full disk.
const MAKE_ROOM: &str = "make room, or keep fewer checkpoints ([checkpoint] keep, keep_every, keep_best), and the same \
                         command goes on";

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
    /// The disk has less room than what is about to be written takes.
    #[error(
        "no room for `{}`: {} are needed, {} are free; {MAKE_ROOM}",
        path.display(), bytes_text(*needed), bytes_text(*free)
    )]
    Full {
        /// What was to be written.
        path: PathBuf,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that there are.
        free: u64,
    },
    /// The disk became full while something was written. What was half-written is gone again, so that more may be
    /// free than it took.
    #[error("no room for `{}`: {source}; {} are free now; {MAKE_ROOM}", path.display(), bytes_text(*free))]
    NoSpace {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// Bytes that there are since.
        free: u64,
    },
    /// A rank has not written its part of a checkpoint.
    #[error(
        "rank {rank} has not written its part of `{}` within {seconds} s; the run goes on from the checkpoint before it",
        path.display()
    )]
    Late {
        /// The checkpoint.
        path: PathBuf,
        /// The rank.
        rank: usize,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The run goes on without this node.
    #[error(
        "this node lost its lease: {reason}; `{}` is left to those that go on with the run",
        path.display()
    )]
    Fenced {
        /// What was to be committed.
        path: PathBuf,
        /// Why it may not be.
        reason: String,
    },
    /// Another rank, and what was being done when it failed.
    #[error("{moment}: {source}")]
    Together {
        /// Which step of which phase, or which evaluation.
        moment: String,
        /// What happened.
        source: Box<CollectiveError>,
    },
    /// A step went wrong, and the run ends.
    #[error(
        "phase `{phase}`, step {step}: {sentence}; see `knowcoder replay {}`",
        data_pipeline::shell::path(event)
    )]
    Diverged {
        /// Name of the phase.
        phase: String,
        /// The step, from 1.
        step: usize,
        /// What is wrong with it, and whose sample is to blame.
        sentence: String,
        /// What is kept of it.
        event: PathBuf,
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
            Self::Full { .. } | Self::NoSpace { .. } | Self::Late { .. } | Self::Fenced { .. } => {
                75
            }
            Self::Together { source, .. } => source.exit_code(),
            Self::Diverged { .. } => 79,
            Self::Uncovered { .. } => 70,
            Self::Device(_) | Self::Memory(_) => 69,
        }
    }

    /// The rank that this error is about, if it is another one than ours.
    pub fn culprit(&self) -> Option<usize> {
        match self {
            Self::Collective(error) => error.culprit(),
            Self::Together { source, .. } => source.culprit(),
            _ => None,
        }
    }

    /// The same; if another rank is the reason, with what was being done.
    pub fn during(self, moment: impl FnOnce() -> String) -> Self {
        match self {
            Self::Collective(source) => {
                Self::Together { moment: moment(), source: Box::new(source) }
            }
            other => other,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collective::{Moment, Operation};

    #[test]
    fn an_error_about_another_rank_says_when() {
        let moment = Moment { operation: Operation::AllReduce, sequence: 812 };
        let error = Error::from(CollectiveError::HungUp { peer: 1, moment });
        let error = error.during(|| "phase `instruction`, step 41".to_owned());
        let said = "phase `instruction`, step 41: rank 1 hung up during all-reduce 812";
        assert_eq!(error.to_string(), said);
        assert_eq!((error.culprit(), error.exit_code()), (Some(1), 75));
        // Said once: the innermost moment is the right one.
        assert_eq!(error.during(|| "later".to_owned()).to_string(), said);
        let other = Error::Device("no such device".to_owned());
        assert_eq!(other.during(|| "later".to_owned()).to_string(), "no such device");
    }
}
