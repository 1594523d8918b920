//! Why a run failed, among all that failed.

use crate::error::{Error, exit};
use crate::hang::Verdict;
use serde_json::{Value, json};
use std::fmt;

/// The first failure of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Whose it is.
    pub rank: usize,
    /// The rank that is to blame, as far as the others could tell.
    pub blamed: usize,
    /// How the rank ended.
    pub end: End,
    /// The last line on its stderr.
    pub last_words: Option<String>,
    /// The phase and its last step that was done before.
    pub reached: Option<(String, usize)>,
    /// Where it happened, if there are several nodes.
    pub node: Option<String>,
    /// Who kept the others waiting, if they were.
    pub verdict: Option<Verdict>,
    /// The run was asked to stop before.
    pub stopping: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// By the system, which had no memory left.
    OutOfMemory,
    /// Its node was lost.
    Lost,
    /// Its node was taken away, as whoever gave it had said before.
    Drained,
    /// It did not move any more.
    Hung,
    /// Its node could not start it.
    Unstarted,
}

impl Cause {
    /// What the run ends with: the class of the rank's own code.
    pub fn exit_code(&self) -> u8 {
        match self.end {
            End::Signal(_) | End::Lost | End::Drained | End::Hung | End::Unstarted => {
                exit::TRANSIENT
            }
            End::OutOfMemory => exit::BACKEND,
            End::Code(code) => {
                u8::try_from(code).ok().filter(|code| exit::is_known(*code)).unwrap_or(exit::BUG)
            }
        }
    }

    /// For the event `failed` of a run that ends with it.
    pub fn json(&self) -> Value {
        let mut fields = json!({
            "rank": self.rank,
            "end": self.end.json(),
            "exit_code": self.exit_code(),
            "last_words": self.last_words,
        });
        if let Some((phase, step)) = &self.reached {
            fields["phase"] = json!(phase);
            fields["step"] = json!(step);
        }
        fields
    }

    /// The failure as what the launcher says last.
    pub fn into_error(self) -> Error {
        let error = Error::new(self.exit_code(), self.to_string());
        match (self.end, error.code) {
            (End::Signal(libc::SIGKILL) | End::OutOfMemory, _) => error.hint(
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
            End::OutOfMemory => {
                write!(f, "rank {} was ended by the system, which had no memory left", self.rank)?;
            }
            End::Lost => write!(f, "rank {} was lost", self.rank)?,
            End::Drained => match &self.node {
                Some(node) => write!(f, "node `{node}` was drained")?,
                None => write!(f, "the node of rank {} was drained", self.rank)?,
            },
            End::Hung => write!(f, "the run hung")?,
            End::Unstarted => write!(f, "rank {} did not begin", self.rank)?,
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
        if let Some(words) = &self.last_words {
            write!(f, ": {}", words.strip_prefix("error: ").unwrap_or(words))?;
        }
        match &self.verdict {
            Some(verdict) => write!(f, "; {}", verdict.sentence),
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
    failed
        .iter()
        .min_by_key(|failed| (failed.culprit.is_some(), matches!(failed.cause.end, End::Code(_))))
}

impl End {
    /// For `events.jsonl`.
    pub fn json(self) -> Value {
        match self {
            Self::Code(code) => json!({"exit_code": code}),
            Self::Signal(signal) => json!({"signal": signal}),
            Self::OutOfMemory => json!({"signal": libc::SIGKILL, "out_of_memory": true}),
            Self::Lost => json!({"lost": true}),
            Self::Drained => json!({"drained": true}),
            Self::Hung => json!({"hung": true}),
            Self::Unstarted => json!({"unstarted": true}),
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
