//! What is worth knowing of a run beside why it stands as it does.

use crate::standing::counted;
use crate::standing::now::Now;
use crate::standing::past::Incident;
use crate::standing::sight::Sight;
use data_pipeline::shell;
use std::path::Path;

/// The sentences, without full stops.
pub fn of(now: &Now, run: &str) -> Vec<String> {
    let Sight { incidents, sweep, damage, .. } = &now.sight;
    let mut notes = Vec::new();
    if let Some(sweep) = sweep {
        notes.push(format!("it is a trial of the sweep in {}", sweep.display()));
    }
    if !incidents.is_empty() {
        notes.push(guarded(incidents, run));
    }
    if let Some(damage) = damage {
        notes.push(format!("its events.jsonl {damage}; what stands there is not known"));
    }
    notes
}

/// What the guard did.
fn guarded(incidents: &[Incident], run: &str) -> String {
    let steps = counted(incidents.len(), "step");
    let were = if incidents.len() == 1 { "was" } else { "were" };
    let mut words = format!("{steps} {were} left out by the guard, see {run}/incidents");
    if let Some(newest) = incidents.last() {
        let Incident { phase, step, reason, course, sample, is_drill } = newest;
        let which = if incidents.len() == 1 { "it" } else { "the newest" };
        words += &format!(": {which} is step {step} of phase `{phase}` ({reason}, {course}");
        if let Some(sample) = sample {
            words += &format!(", {sample}");
        }
        words += if *is_drill { ", asked for by the drill `nan`)" } else { ")" };
    }
    words
}

/// How a run goes on that its recipe paused.
pub fn after_pause(sweep: Option<&Path>) -> String {
    match sweep {
        Some(sweep) => {
            let sweep = shell::path(sweep);
            format!(
                "nothing: the sweep lets it go on if it is good enough; `knowcoder sweep status FILE --out {sweep}` \
                 says how that stands, `knowcoder sweep start FILE --out {sweep}` continues the sweep, where FILE is \
                 what it was begun with"
            )
        }
        None => {
            "`knowcoder run` or `submit` with the same recipe and another checkpoint.pause, or without one, \
             goes on"
                .to_owned()
        }
    }
}
