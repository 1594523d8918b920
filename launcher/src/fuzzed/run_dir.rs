//! Files of run directories and of ablations.

use super::{configs, files, read_files};
use crate::ablation::definition::{Ablation, Choice};
use crate::ablation::runs::State;
use crate::events::{Events, is_done, milliseconds};
use crate::report;
use crate::standing::now::Now;
use crate::standing::table;
use crate::why::Why;
use crate::why::logs::Ends;
use trainer::RunDir;

/// A question and its variants, in full and small.
pub fn ablation(bytes: &[u8]) -> bool {
    read_files(&[("ablation.toml", bytes)], |folder| {
        let load = |smoke| {
            let choice = Choice { smoke, ..Choice::default() };
            Ablation::load(&folder.join("ablation.toml"), choice).is_ok()
        };
        let (whole, small) = (load(false), load(true));
        whole || small
    })
}

/// What of an ablation is done.
pub fn ablation_state(bytes: &[u8]) -> bool {
    let path = configs().join("ablations/alignment.toml");
    let Ok(ours) = Ablation::load(&path, Choice::default()) else {
        panic!("our own ablation is not read")
    };
    read_files(&[("ablation.json", bytes)], |folder| State::read(folder, &ours).is_ok())
}

/// `events.jsonl`, `status.json` and `metrics.jsonl`: how a run stands, and why.
pub fn events(text: &str) -> bool {
    let [events, status, metrics] = files(text);
    let given = [
        ("events.jsonl", events.as_bytes()),
        ("status.json", status.as_bytes()),
        ("metrics.jsonl", metrics.as_bytes()),
    ];
    read_files(&given, |folder| {
        for part in text.split('"') {
            let _ = milliseconds(part);
        }
        is_done(text);
        let Ok((now, past)) = Now::of_files(&RunDir::new(folder)) else { return false };
        table::of(&now);
        table::line(&now);
        past.turned();
        Why::of(&now, &past, &Ends::default(), "RUN").text();
        Events::open(&folder.join("events.jsonl"))
            .and_then(|events| events.newest("started"))
            .is_ok_and(|found| !found.is_empty())
    })
}

/// What a report is made of.
pub fn report(text: &str) -> bool {
    let [metrics, events, scores, recipe, answers, evaluations, memory] = files(text);
    let given = [
        ("metrics.jsonl", metrics),
        ("events.jsonl", events),
        ("scores.json", scores),
        ("recipe.lock", recipe),
        ("predictions/final/all.jsonl", answers),
        ("evaluations.jsonl", evaluations),
        ("memory.json", memory),
    ];
    // A file that an input leaves out is not there.
    let given: Vec<(&str, &[u8])> = given
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    read_files(&given, |folder| report::write(folder).is_ok())
}
