//! Why a run failed, among all that failed.

use crate::error::{Error, exit};
use serde_json::{Value, json};
use std::fmt;

/// The first failure of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Whose it is.
    pub rank: usize,
    /// How the rank ended.
    pub end: End,
    /// The last line on its stderr.
    pub last_words: Option<String>,
    /// The phase and its last step that was done before.
    pub reached: Option<(String, usize)>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Cause {
    /// What the run ends with: the class of the rank's own code.
    pub fn exit_code(&self) -> u8 {
        match self.end {
            End::Signal(_) => exit::TRANSIENT,
            End::Code(code) => {
                u8::try_from(code).ok().filter(|code| exit::is_known(*code)).unwrap_or(exit::BUG)
            }
        }
    }

    /// The failure as what the launcher says last.
    pub fn into_error(self) -> Error {
        let error = Error::new(self.exit_code(), self.to_string());
        match (self.end, error.code) {
            (End::Signal(libc::SIGKILL), _) => error.hint(
                "perhaps the system ran out of memory: `knowcoder plan` says what each phase needs and \
                 has; a cluster with fewer ranks needs less, and so does a smaller memory.budget_gib in a \
                 run that has no checkpoint yet; else the same command continues from the newest one",
            ),
            (_, exit::TRANSIENT) => {
                error.hint("the same command continues from the newest checkpoint")
            }
            _ => error,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            End::Code(code) => write!(f, "rank {} ended with exit code {code}", self.rank)?,
            End::Signal(signal) => {
                write!(
                    f,
                    "rank {} was ended by signal {signal}{}",
                    self.rank,
                    signal_name(signal)
                )?;
            }
        }
        let told = self.last_words.as_deref().unwrap_or_default();
        if let Some((phase, step)) = &self.reached
            // Who could still speak has said it better.
            && !told.contains(&format!("phase `{phase}`, step "))
        {
            write!(f, " after step {step} of phase `{phase}`")?;
        }
        match &self.last_words {
            Some(words) => write!(f, ": {}", words.strip_prefix("error: ").unwrap_or(words)),
            None => Ok(()),
        }
    }
}

/// A rank that has ended with a failure.
#[derive(Clone, Debug)]
pub struct Failed {
    /// How it ended.
    pub cause: Cause,
    /// Whom it holds responsible.
    pub culprit: Option<usize>,
}

/// The failure that the others follow from: who blames another rank is a witness, a signal comes
/// from outside, and of equals the earliest counts.
pub fn first_cause(failed: &[Failed]) -> Option<&Failed> {
    failed.iter().min_by_key(|failed| {
        (failed.culprit.is_some(), !matches!(failed.cause.end, End::Signal(_)))
    })
}

impl End {
    /// For `events.jsonl`.
    pub fn json(self) -> Value {
        match self {
            Self::Code(code) => json!({"exit_code": code}),
            Self::Signal(signal) => json!({"signal": signal}),
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => " (SIGKILL)",
        libc::SIGTERM => " (SIGTERM)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGFPE => " (SIGFPE)",
        libc::SIGILL => " (SIGILL)",
        libc::SIGINT => " (SIGINT)",
        libc::SIGHUP => " (SIGHUP)",
        _ => "",
    }
}
