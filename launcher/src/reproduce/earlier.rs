//! What lies already where a run shall be done again.

use super::{brief, events, newest};
use crate::error::{Error, exit};
use crate::events::is_done;
use serde::Serialize;
use serde_json::Value;
use trainer::RunDir;

/// Starts that were there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Earlier {
    /// Whether they got to the end: then nothing is left to be done again.
    pub is_done: bool,
    /// When the newest of them was done, or else began, in UTC.
    pub time: String,
    /// The version of the program that made it.
    pub version: String,
    /// That program's SHA-256.
    pub program_sha256: String,
}

/// What was started in `again` before; `None` where nothing was. A copy of `original` is refused: it would be held
/// against itself.
pub fn earlier(original: &RunDir, again: &RunDir) -> Result<Option<Earlier>, Error> {
    if !again.events().exists() {
        return Ok(None);
    }
    let texts = [events(original)?, events(again)?];
    let [before, now] = texts.each_ref().map(|text| starts(text));
    if let Some(start) = now.iter().find(|start| before.contains(start)) {
        let (copy, run) = (again.root().display(), original.root().display());
        let time = start["time"].as_str().unwrap_or_default();
        let message = format!(
            "`{copy}` is a copy of `{run}`: both hold the start of {time}, so that nothing would be done again"
        );
        return Err(Error::new(exit::DECLARATION, message)
            .hint("give --run-dir a directory that is not there yet"));
    }
    let Some(start) = now.last() else { return Ok(None) };
    let is_done = is_done(&texts[1]);
    let ended = if is_done { newest(&texts[1], "done") } else { start.clone() };
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    Ok(Some(Earlier {
        is_done,
        time: word(&ended, "time"),
        version: word(start, "version"),
        program_sha256: word(start, "program_sha256"),
    }))
}

impl Earlier {
    /// What follows from it for the run in `again`, `own` being the hash of this program.
    pub fn sentence(&self, again: &str, own: &str) -> String {
        let Self { is_done, time, version, program_sha256 } = self;
        let which = match !own.is_empty() && program_sha256 == own {
            true => "this program".to_owned(),
            false => format!("another program, {version} ({})", brief(program_sha256)),
        };
        match is_done {
            true => format!(
                "nothing was done again now: `{again}` was done on {time} by {which}, and is only compared; another \
                 --run-dir does it again"
            ),
            false => format!("`{again}` was begun on {time} by {which}, and was continued"),
        }
    }
}

/// The events of a file that ranks were started.
fn starts(text: &str) -> Vec<Value> {
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == "started").collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;
    use serde_json::json;
    use std::path::Path;

    fn run(folder: &Path, name: &str, events: &[Value]) -> RunDir {
        let run_dir = RunDir::new(folder.join(name));
        std::fs::create_dir_all(run_dir.root()).unwrap();
        let lines: Vec<String> = events.iter().map(|event| format!("{event}\n")).collect();
        std::fs::write(run_dir.events(), lines.concat()).unwrap();
        run_dir
    }

    fn started(time: &str) -> Value {
        json!({"time": time, "event": "started", "version": "0.1.0", "program_sha256": "abcdef0123456789"})
    }

    #[test]
    fn a_copy_does_not_prove_itself() {
        let folder = tempfile::tempdir().unwrap();
        let done = json!({"time": "T9", "event": "done"});
        let original = run(folder.path(), "a", &[started("T1"), started("T2"), done.clone()]);
        let copy = run(folder.path(), "b", &[started("T1"), started("T2"), done.clone()]);
        let continued = run(folder.path(), "c", &[started("T2"), started("T5"), done]);
        let message = |again: &RunDir| {
            let error = earlier(&original, again).unwrap_err();
            assert_eq!(error.code, exit::DECLARATION);
            error.message.replace(&folder.path().display().to_string(), "DIR")
        };
        expect!["`DIR/b` is a copy of `DIR/a`: both hold the start of T1, so that nothing would be done again"]
            .assert_eq(&message(&copy));
        expect!["`DIR/c` is a copy of `DIR/a`: both hold the start of T2, so that nothing would be done again"]
            .assert_eq(&message(&continued));
    }

    #[test]
    fn what_was_there_before_is_named_with_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let original = run(folder.path(), "a", &[started("T1"), json!({"event": "done"})]);
        let of = |name: &str, events: &[Value]| {
            earlier(&original, &run(folder.path(), name, events)).unwrap()
        };
        assert_eq!(earlier(&original, &RunDir::new(folder.path().join("none"))).unwrap(), None);
        assert_eq!(of("prepared", &[json!({"event": "submitted"})]), None);
        let begun = of("begun", &[started("T3")]).unwrap();
        let done = json!({"time": "T5", "event": "done"});
        let done = of("done", &[started("T3"), started("T4"), done]).unwrap();
        expect!["`again` was begun on T3 by this program, and was continued"]
            .assert_eq(&begun.sentence("again", "abcdef0123456789"));
        expect!["nothing was done again now: `again` was done on T5 by another program, 0.1.0 (abcdef012345), and is only compared; another --run-dir does it again"]
            .assert_eq(&done.sentence("again", "0000"));
        assert!(done.is_done && !begun.is_done);
    }
}
