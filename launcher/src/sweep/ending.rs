//! What the end of a run's process means for its trial.

use crate::error::exit;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use trainer::RunDir;

/// What a run's process came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did everything.
    Done,
    /// It stopped with a checkpoint.
    Stopped,
    /// It does not fit into memory, whoever tries.
    Infeasible(String),
    /// It failed.
    Failed {
        /// With this exit code.
        code: u8,
        /// Why.
        cause: String,
        /// Whether it may go well another time.
        may_pass: bool,
    },
}

/// What the system says where memory is short: the process is ended from outside.
const KILLED_FOR_MEMORY: i32 = 137;

/// Reads an ending: `said` is what the run printed, a JSON document.
pub fn of(status: ExitStatus, run_dir: &RunDir, said: &Path) -> Ending {
    let cause = || cause(said).unwrap_or_else(|| told(status));
    let failed = |code: u8, may_pass: bool| Ending::Failed { code, cause: cause(), may_pass };
    match status.code() {
        Some(code) if code == i32::from(exit::DONE) => Ending::Done,
        Some(code) if code == i32::from(exit::STOPPED) => Ending::Stopped,
        Some(KILLED_FOR_MEMORY) => Ending::Infeasible(cause()),
        Some(code) if code == i32::from(exit::BACKEND) && is_about_memory(&cause()) => {
            Ending::Infeasible(cause())
        }
        Some(_) | None if lacks_memory(run_dir) => Ending::Infeasible(cause()),
        Some(code) => match u8::try_from(code) {
            // What is wrong stays wrong, and what diverged diverges again.
            Ok(code) if exit::is_known(code) => failed(code, code == exit::TRANSIENT),
            _ => failed(exit::TRANSIENT, true),
        },
        None => failed(exit::TRANSIENT, true),
    }
}

fn is_about_memory(sentence: &str) -> bool {
    ["memory", "micro_tokens"].iter().any(|word| sentence.contains(word))
}

/// Whether the newest failure of a run, as its events tell it, was a lack of memory.
fn lacks_memory(run_dir: &RunDir) -> bool {
    let text = std::fs::read_to_string(run_dir.events()).unwrap_or_default();
    let events = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut of_this_start = events.take_while(|event| event["event"] != "started");
    of_this_start
        .find(|event| event["event"] == "failure")
        .is_some_and(|event| event["kind"] == "out-of-memory")
}

/// The sentence of an error document.
fn cause(said: &Path) -> Option<String> {
    let document: Value = serde_json::from_slice(&std::fs::read(said).ok()?).ok()?;
    Some(document["error"]["message"].as_str()?.to_owned())
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn endings_are_told_by_exit_code_sentence_and_events() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let said = folder.path().join("said.json");
        let exit = |code: i32| of(ExitStatus::from_raw(code << 8), &run_dir, &said);
        assert_eq!(exit(0), Ending::Done);
        assert_eq!(exit(76), Ending::Stopped);
        assert!(matches!(exit(137), Ending::Infeasible(_)));
        let failed = |code: u8, may_pass: bool, cause: &str| Ending::Failed {
            code,
            may_pass,
            cause: cause.to_owned(),
        };
        assert_eq!(exit(75), failed(75, true, "it ended with exit code 75"));
        assert_eq!(exit(3), failed(75, true, "it ended with exit code 3"));
        let killed = of(ExitStatus::from_raw(libc::SIGKILL), &run_dir, &said);
        assert_eq!(killed, failed(75, true, "it was ended by signal 9"));
        let say = |message: &str| {
            std::fs::write(&said, format!("{{\"error\":{{\"message\":\"{message}\"}}}}")).unwrap();
        };
        say("the loss is no number");
        assert_eq!(exit(79), failed(79, false, "the loss is no number"));
        say("no driver");
        assert_eq!(exit(69), failed(69, false, "no driver"));
        say("phase `p` needs 9 GiB of memory");
        assert_eq!(exit(69), Ending::Infeasible("phase `p` needs 9 GiB of memory".to_owned()));
        let events =
            "{\"event\":\"failure\",\"kind\":\"out-of-memory\"}\n{\"event\":\"started\"}\n";
        std::fs::write(run_dir.events(), events).unwrap();
        assert!(matches!(exit(75), Ending::Failed { .. }), "that was another start");
        let event = "{\"event\":\"failure\",\"kind\":\"out-of-memory\"}\n{\"event\":\"failed\"}\n";
        std::fs::write(run_dir.events(), events.to_owned() + event).unwrap();
        assert!(matches!(exit(75), Ending::Infeasible(_)));
    }
}
