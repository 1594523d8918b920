//! What is asked of a run's past: who wanted what, what was left out, what cannot be read.

use super::{Past, number, text};
use crate::events::milliseconds;
use serde::Serialize;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// A step that the guard left out and the run went on without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// The phase.
    pub phase: String,
    /// The step.
    pub step: usize,
    /// What was wrong with it: `loss`, `gradient`, ….
    pub reason: String,
    /// What was done: `skip`, `rewind`.
    pub course: String,
    /// The sample that is to blame, if one is.
    pub sample: Option<String>,
    /// Whether somebody asked for it.
    pub is_drill: bool,
}

impl Past {
    /// Reads `events.jsonl`, and says what of it cannot be read, as goes on behind the file's name.
    pub fn examine(path: &Path) -> (Self, Option<String>) {
        match std::fs::read(path) {
            Ok(bytes) => (Self::parse(&bytes), broken(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => (Self::default(), None),
            Err(error) => (Self::default(), Some(format!("cannot be read: {error}"))),
        }
    }

    /// Whether nothing was started or handed over behind the event.
    pub fn is_of_newest_start(&self, event: &Value) -> bool {
        let begins = |it: &&Value| it["event"] == "started" || it["event"] == "submitted";
        let newest = self.events.iter().rfind(begins).and_then(|it| it["time"].as_str());
        newest.and_then(milliseconds) <= event["time"].as_str().and_then(milliseconds)
    }

    /// The newest event called `name`, unless something was started or handed over behind it.
    pub fn of_newest_start(&self, name: &str) -> Option<&Value> {
        self.newest(name).filter(|event| self.is_of_newest_start(event))
    }

    /// Why the newest submission came to nothing, if it did.
    pub fn refusal(&self) -> Option<&Value> {
        let tells = [
            "submitted",
            "submission-refused",
            "requeued",
            "started",
            "stopped",
            "done",
            "failure",
            "failed",
            "kill-requested",
        ];
        let is_one = |it: &&Value| it["event"].as_str().is_some_and(|name| tells.contains(&name));
        self.events.iter().rfind(is_one).filter(|it| it["event"] == "submission-refused")
    }

    /// Whether nothing was heard of the run since it was handed over.
    pub fn is_unheard(&self) -> bool {
        self.names().next_back().is_some_and(|name| ["submitted", "requeued"].contains(&name))
    }

    /// The fault out of `faults` that somebody asked for in the start of the run in which `event` happened, and
    /// that nothing before it came of.
    pub fn drill(&self, event: &Value, faults: &[&str]) -> Option<&str> {
        let at = self.events.iter().position(|it| it == event)?;
        let before = self.events[..at].iter().rev();
        let mut since = before.take_while(|it| match it["event"].as_str() {
            Some("started" | "failure") => false,
            // What ends the run is followed by the failure that it is.
            Some("incident") => it["course"] == "stop",
            _ => true,
        });
        let is_it = |it: &&Value| {
            it["event"] == "drill" && it["fault"].as_str().is_some_and(|it| faults.contains(&it))
        };
        since.find(is_it).and_then(|it| it["fault"].as_str())
    }

    /// The steps that the guard left out, each once.
    pub fn incidents(&self) -> Vec<Incident> {
        let mut incidents: Vec<Incident> = Vec::new();
        for event in self.events.iter().filter(|it| it["event"] == "incident") {
            let (phase, course) = (text(event, "phase"), text(event, "course"));
            let step = number(event, "step").unwrap_or_default();
            let is_known = incidents.iter().any(|it| it.phase == phase && it.step == step);
            if is_known || !["skip", "rewind"].contains(&course.as_str()) {
                continue;
            }
            incidents.push(Incident {
                phase,
                step,
                reason: text(event, "reason"),
                course,
                sample: event["sample"].as_str().map(str::to_owned),
                is_drill: self.drill(event, &["nan"]).is_some(),
            });
        }
        incidents
    }
}

/// What of the file's lines is no JSON; one that has no end yet is being written.
fn broken(bytes: &[u8]) -> Option<String> {
    let whole = &bytes[..bytes.iter().rposition(|byte| *byte == b'\n')?];
    let mut broken = Vec::new();
    let mut count = 0;
    for (index, line) in whole.split(|byte| *byte == b'\n').enumerate() {
        count += 1;
        if !line.trim_ascii().is_empty() && serde_json::from_slice::<Value>(line).is_err() {
            broken.push(index + 1);
        }
    }
    match broken.as_slice() {
        [] => None,
        [line] => Some(format!("is damaged: line {line} of {count} is no JSON")),
        [line, ..] => Some(format!(
            "is damaged: {} of {count} lines are no JSON, line {line} first",
            broken.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn past(lines: &[&str]) -> Past {
        Past { events: lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect() }
    }

    #[test]
    fn damage_is_told_and_a_torn_end_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let check = |text: &str, events: usize, damage: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            let (past, found) = Past::examine(&path);
            assert_eq!((past.events.len(), found.as_deref()), (events, damage), "{text}");
        };
        check("{\"event\":\"started\"}\n\n{\"event\":\"do", 1, None);
        check("", 0, None);
        check("{}\nx\n{}\n", 2, Some("is damaged: line 2 of 3 is no JSON"));
        check("x\ny\n{}\n", 1, Some("is damaged: 2 of 3 lines are no JSON, line 1 first"));
        assert_eq!(Past::examine(&folder.path().join("none")).1, None);
        let (_, damage) = Past::examine(folder.path());
        assert!(damage.unwrap().starts_with("cannot be read: "));
    }

    #[test]
    fn what_was_asked_for_is_told_from_what_happened() {
        let drill = r#"{"time":"T2","event":"drill","fault":"nan","rank":1}"#;
        let first = r#"{"time":"T3","event":"incident","phase":"p","step":4,"reason":"loss","course":"skip","sample":"s"}"#;
        let second = r#"{"time":"T4","event":"incident","phase":"p","step":9,"reason":"loss","course":"skip","sample":null}"#;
        let past =
            past(&[r#"{"time":"T1","event":"started","start":1}"#, drill, first, second, first]);
        let incidents = past.incidents();
        let told: Vec<_> = incidents.iter().map(|it| (it.step, it.is_drill)).collect();
        // A drill explains the first that comes of it, and a step counts once.
        assert_eq!(told, [(4, true), (9, false)]);
        assert_eq!(past.drill(&past.events[3], &["kill-rank"]), None);
        assert_eq!(past.drill(&serde_json::json!({}), &["nan"]), None);
    }

    #[test]
    fn a_drill_is_of_its_own_start() {
        let lines = [
            r#"{"event":"drill","fault":"kill-rank"}"#,
            r#"{"event":"started","start":2}"#,
            r#"{"event":"failure","kind":"rank-killed"}"#,
        ];
        let past = past(&lines);
        assert_eq!(past.drill(&past.events[2], &["kill-rank"]), None);
    }

    #[test]
    fn a_refusal_counts_until_something_follows() {
        let refused =
            [r#"{"event":"submitted"}"#, r#"{"event":"submission-refused","reason":"no"}"#];
        assert_eq!(past(&refused).refusal().unwrap()["reason"], "no");
        assert!(!past(&refused).is_unheard());
        let again = [refused[0], refused[1], r#"{"event":"submitted"}"#];
        assert!(past(&again).refusal().is_none());
        assert!(past(&again).is_unheard());
    }
}
