//! What the end of a run's process means for its trial.

use crate::error::{Error, exit};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use trainer::RunDir;

/// A process of a run, by what the run's events were when it was begun: what was there before is not its doing.
#[derive(Clone, Debug)]
pub struct Begun {
    run_dir: RunDir,
    /// Of whole lines, in bytes: no clocks are compared.
    before: usize,
}

impl Begun {
    /// One that is begun next.
    pub fn now(run_dir: &RunDir) -> Self {
        let bytes = std::fs::read(run_dir.events()).unwrap_or_default();
        // A torn line is removed by whoever writes the next one.
        let before = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        Self { run_dir: run_dir.clone(), before }
    }

    /// Whether anybody asked it to stop.
    pub fn was_asked_to_stop(&self) -> bool {
        self.events().iter().any(|event| event["event"] == "stop-requested")
    }

    /// The kind of the newest failure of its newest start.
    fn newest_failure(&self) -> Option<String> {
        let events = self.events();
        let mut of_this_start = events.iter().rev().take_while(|event| event["event"] != "started");
        let failure = of_this_start.find(|event| event["event"] == "failure")?;
        Some(failure["kind"].as_str()?.to_owned())
    }

    fn events(&self) -> Vec<Value> {
        let bytes = std::fs::read(self.run_dir.events()).unwrap_or_default();
        let own = bytes.get(self.before..).unwrap_or_default();
        let lines = own.split(|byte| *byte == b'\n');
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// What a run's process came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did everything.
    Done,
    /// It stopped with a checkpoint.
    Stopped,
    /// It ended where it was, since it was asked to; it goes on from its newest checkpoint.
    Interrupted,
    /// It does not fit into memory, as it is planned, whoever tries.
    Infeasible(String),
    /// The disk, or the quota on it, is full: no fault of the run, and others would fail alike.
    DiskFull(String),
    /// It failed.
    Failed {
        /// With this exit code.
        code: u8,
        /// Why.
        cause: String,
        /// Whether it may go well another time.
        may_pass: bool,
        /// Whether memory ran out at work: it would again.
        out_of_memory: bool,
    },
}

impl Ending {
    /// The end of what has not been launched.
    pub fn of_error(Error { code, message: cause, .. }: Error) -> Self {
        Self::Failed { may_pass: code == exit::TRANSIENT, code, cause, out_of_memory: false }
    }

    /// The same of a run that was asked to stop: one that had not learned to listen yet, or whose ranks heard it first,
    /// did not fail.
    pub fn when_asked(self) -> Self {
        match self {
            Self::Failed { may_pass: true, .. } => Self::Interrupted,
            other => other,
        }
    }

    /// Whether memory ran out at work, which is to be tried again where others took some of it.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Failed { out_of_memory: true, .. })
    }

    /// Whether a back end was not there or had too little memory, and which of them is not known yet.
    pub fn is_about_the_back_end(&self) -> bool {
        matches!(self, Self::Failed { code: exit::BACKEND, out_of_memory: false, .. })
    }
}

/// A file system with less room than this is full: a run writes more than that at a time.
const FULL: u64 = 1 << 20;

/// Reads an ending: `said` is what the run printed, a JSON document.
///
/// That memory ran out is what the run's own events say, who saw the counters of its control group and the words of
/// its ranks: an exit code and a signal have other causes, too.
pub fn of(status: ExitStatus, begun: &Begun, said: &Path) -> Ending {
    let cause = cause(said).unwrap_or_else(|| told(status));
    let failed = |code: u8, may_pass: bool| Ending::Failed {
        code,
        cause: cause.clone(),
        may_pass,
        out_of_memory: false,
    };
    let passing = || match is_disk_full(&cause, begun, said) {
        true => Ending::DiskFull(cause.clone()),
        false => failed(exit::TRANSIENT, true),
    };
    match status.code() {
        Some(code) if code == i32::from(exit::DONE) => Ending::Done,
        Some(code) if code == i32::from(exit::STOPPED) => Ending::Stopped,
        Some(_) | None if begun.newest_failure().as_deref() == Some("out-of-memory") => {
            Ending::Failed {
                code: exit::BACKEND,
                cause: format!("out of memory at work: {cause}"),
                may_pass: false,
                out_of_memory: true,
            }
        }
        Some(code) => match u8::try_from(code) {
            // What is wrong stays wrong, and what diverged diverges again.
            Ok(code) if exit::is_known(code) && code != exit::TRANSIENT => failed(code, false),
            _ => passing(),
        },
        None => passing(),
    }
}

impl Ending {
    /// Whether another process was said to be at work in the run's directory, though the run is ours.
    pub fn is_locked_out(&self) -> bool {
        matches!(self, Self::Failed { may_pass: true, cause, .. } if cause.contains("is in use by "))
    }
}

/// Whether a run failed since there was no room: by its words and events, or, since those need room, too, because there
/// is none.
fn is_disk_full(cause: &str, begun: &Begun, said: &Path) -> bool {
    let words = ["No space left on device", "Disk quota exceeded", "no room for"];
    words.iter().any(|it| cause.contains(it))
        || begun.newest_failure().as_deref() == Some("disk-full")
        || said.parent().and_then(trainer::checkpoint::space::free).is_some_and(|it| it < FULL)
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
        let begun = Begun::now(&run_dir);
        let exit = |code: i32| of(ExitStatus::from_raw(code << 8), &begun, &said);
        assert_eq!(exit(0), Ending::Done);
        assert_eq!(exit(76), Ending::Stopped);
        let failed = |code: u8, may_pass: bool, cause: &str| Ending::Failed {
            code,
            may_pass,
            cause: cause.to_owned(),
            out_of_memory: false,
        };
        assert_eq!(exit(75), failed(75, true, "it ended with exit code 75"));
        assert_eq!(exit(3), failed(75, true, "it ended with exit code 3"));
        // Whoever ended it may have had another reason than memory.
        assert_eq!(exit(137), failed(75, true, "it ended with exit code 137"));
        let killed = of(ExitStatus::from_raw(libc::SIGKILL), &begun, &said);
        assert_eq!(killed, failed(75, true, "it was ended by signal 9"));
        let asked = of(ExitStatus::from_raw(libc::SIGTERM), &begun, &said);
        assert_eq!(asked.when_asked(), Ending::Interrupted);
        assert_eq!(exit(79).when_asked(), exit(79), "it diverged all the same");
        let say = |message: &str| {
            std::fs::write(&said, format!("{{\"error\":{{\"message\":\"{message}\"}}}}")).unwrap();
        };
        say("the loss is no number");
        assert_eq!(exit(79), failed(79, false, "the loss is no number"));
        // A word in a sentence is no evidence.
        for cause in
            ["no driver", "port 4000 is taken; shared memory is not", "give memory.budget_gib"]
        {
            say(cause);
            assert_eq!(exit(69), failed(69, false, cause));
            assert!(exit(69).is_about_the_back_end());
        }
        say("failed to write x: No space left on device (os error 28)");
        assert!(matches!(exit(75), Ending::DiskFull(_)));
        say("rank 1 was killed");
        let events =
            "{\"event\":\"failure\",\"kind\":\"out-of-memory\"}\n{\"event\":\"started\"}\n";
        std::fs::write(run_dir.events(), events).unwrap();
        assert_eq!(exit(75), failed(75, true, "rank 1 was killed"), "that was another start");
        let event = "{\"event\":\"failure\",\"kind\":\"out-of-memory\"}\n{\"event\":\"failed\"}\n";
        std::fs::write(run_dir.events(), events.to_owned() + event).unwrap();
        let expected = Ending::Failed {
            code: 69,
            cause: "out of memory at work: rank 1 was killed".to_owned(),
            may_pass: false,
            out_of_memory: true,
        };
        let full = "{\"event\":\"failure\",\"kind\":\"disk-full\"}\n";
        std::fs::write(run_dir.events(), full).unwrap();
        assert_eq!(exit(75), Ending::DiskFull("rank 1 was killed".to_owned()));
        std::fs::write(run_dir.events(), events.to_owned() + event).unwrap();
        for status in [exit(75), exit(69), exit(137)] {
            assert_eq!(status, expected);
            assert!(!status.is_about_the_back_end());
        }
    }
    #[test]
    fn failures_of_an_earlier_process_are_not_those_of_one_that_never_began() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let said = folder.path().join("said.json");
        let failure = |kind: &str| format!("{{\"event\":\"failure\",\"kind\":\"{kind}\"}}\n");
        let earlier = |kind: &str| format!("{{\"event\":\"started\"}}\n{}", failure(kind));
        for kind in ["out-of-memory", "disk-full"] {
            // With a line that a crash left half-written.
            std::fs::write(run_dir.events(), earlier(kind) + "{\"event\":\"fail").unwrap();
            let begun = Begun::now(&run_dir);
            // It was refused before it had any event of its own: a port was taken, say.
            let exit = of(ExitStatus::from_raw(75 << 8), &begun, &said);
            let passing = matches!(
                exit,
                Ending::Failed { code: 75, may_pass: true, out_of_memory: false, .. }
            );
            assert!(passing, "{kind}: {exit:?}");
            assert!(!begun.was_asked_to_stop());
            let own = "{\"event\":\"stop-requested\"}\n";
            std::fs::write(run_dir.events(), earlier(kind) + own + &failure(kind)).unwrap();
            let exit = of(ExitStatus::from_raw(75 << 8), &begun, &said);
            assert!(exit.is_out_of_memory() || matches!(exit, Ending::DiskFull(_)), "{exit:?}");
            assert!(begun.was_asked_to_stop());
            assert!(!Begun::now(&run_dir).was_asked_to_stop());
        }
    }
}
