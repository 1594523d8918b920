//! How a verb ends when it does not end well: one sentence, a way out, an exit code.

use std::fmt;

/// The exit codes of `knowcoder`.
pub mod exit {
    /// Everything was done.
    pub const DONE: u8 = 0;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// A recipe, cluster file or declaration is wrong.
    pub const DECLARATION: u8 = 64;
    /// Data are wrong.
    pub const DATA: u8 = 65;
    /// A back end is not there, or has too little memory.
    pub const BACKEND: u8 = 69;
    /// Our bug.
    pub const BUG: u8 = 70;
    /// The machine's mood: the same command may succeed.
    pub const TRANSIENT: u8 = 75;
    /// Stopped on request with a checkpoint.
    pub const STOPPED: u8 = 76;
    /// The loss is no number any more.
    pub const DIVERGED: u8 = 79;

    /// What `--help` says about them.
    pub const HELP: &str = "\
Exit codes:
   0  done
   2  usage
  64  recipe, cluster file or data declaration wrong
  65  data wrong
  69  back end not there, or too little memory
  70  our bug
  75  transient, try again
  76  stopped with a checkpoint, the same command continues
  79  diverged";

    /// Whether `code` is one of ours; anything else a process ends with is an accident.
    pub fn is_known(code: u8) -> bool {
        matches!(code, DECLARATION | DATA | BACKEND | BUG | TRANSIENT | STOPPED | DIVERGED)
    }
}

/// What is said on stderr, and what the process ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What happened, to what; one sentence without a full stop.
    pub message: String,
    /// The way out, if there is one that the sentence does not contain.
    pub hint: Option<String>,
    /// One of [`exit`].
    pub code: u8,
}

impl Error {
    /// An error with its exit code.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code }
    }

    /// The same with a way out.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<data_pipeline::Error> for Error {
    fn from(error: data_pipeline::Error) -> Self {
        Self::new(error.exit_code(), error.to_string())
    }
}

impl From<trainer::Error> for Error {
    fn from(error: trainer::Error) -> Self {
        Self::new(error.exit_code(), error.to_string())
    }
}

impl From<trainer::collective::CollectiveError> for Error {
    fn from(error: trainer::collective::CollectiveError) -> Self {
        Self::new(error.exit_code(), error.to_string())
    }
}
