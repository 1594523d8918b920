//! What a phase held, beside what was planned.

use super::chart::{Chart, Line, Mark, chart};
use super::files::{Phase, PhaseMemory, Run};
use super::html::{binary_unit, bytes, count, escape};

/// The most that rank 0 held so far, by step, with the plan as a line.
pub(super) fn chart_of(run: &Run, phase: &Phase, marks: &[Mark]) -> String {
    let held = phase.curve(|step| step.memory_bytes.filter(|size| *size > 0.0));
    let most = held.iter().map(|(_, size)| *size).fold(0.0, f64::max);
    let planned = planned(run, phase).and_then(PhaseMemory::total);
    let (size, unit) = binary_unit(planned.map_or(most, |planned| planned.max(most)));
    let points = held.into_iter().map(|(step, held)| (step, held / size)).collect();
    chart(Chart {
        title: &format!("memory, {unit}"),
        value: format!("at most {}", bytes(most)),
        lines: vec![Line {
            name: "measured".into(),
            note: bytes(most),
            class: "s0".into(),
            points,
        }],
        level: planned.map(|planned| (planned / size, "planned", bytes(planned))),
        across: phase.across(),
        marks,
        logarithmic: false,
        smooth: false,
    })
}

/// The plan in a sentence, beside what was measured.
pub(super) fn plan(run: &Run, phase: &Phase) -> String {
    let Some(plan) = planned(run, phase) else { return String::new() };
    let Some(total) = plan.total() else { return String::new() };
    let parts: Vec<String> = plan
        .parts()
        .iter()
        .map(|(name, size)| format!("{} {}", escape(name), bytes(*size)))
        .collect();
    let mut text = format!("Memory of a rank: planned {}", bytes(total));
    if !parts.is_empty() {
        text += &format!(" ({})", parts.join(", "));
    }
    let most = phase.curve(|step| step.memory_bytes).iter().map(|(_, y)| *y).fold(0.0, f64::max);
    let measured = plan.measured_peak.filter(|peak| (1.0..1e200).contains(peak));
    if let Some(peak) = measured.or(Some(most).filter(|most| *most > 0.0)) {
        text += &format!(", measured {} ({:+.1} %)", bytes(peak), 100.0 * (peak / total - 1.0));
    }
    if let Some(tokens) = plan.micro_tokens.filter(|tokens| (1.0..1e15).contains(tokens)) {
        text += &format!(" · {} tokens at a time", count(tokens as usize));
    }
    match plan.recomputed() {
        Some(0) | None => {}
        Some(1) => text += " · 1 block computed again",
        Some(blocks) => text += &format!(" · {blocks} blocks computed again"),
    }
    format!("<p class=\"note formula\">{text}.</p>")
}

fn planned<'a>(run: &'a Run, phase: &Phase) -> Option<&'a PhaseMemory> {
    // Of a run that was planned anew, the last plan.
    run.memory.iter().rev().find(|plan| plan.phase == phase.name)
}
