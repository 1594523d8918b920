//! How the phases learned.

use super::chart::{Chart, Layer, Line, Mark, Points, chart, stack};
use super::files::{Phase, Run, Step, checkpoints};
use super::html::{compact, count, duration, escape, figure, steps};
use super::{memory, sources, speed};

/// What the seconds of a step go to, as the metrics name it, and for a reader.
const PARTS: [(&str, &str); 5] = [
    ("compute", "forward and backward"),
    ("exchange", "waiting for other ranks"),
    ("update", "changing weights"),
    ("data", "waiting for rows"),
    ("checkpoint", "waiting for checkpoints"),
];

/// A label, a value and a note for the top of the page.
pub(super) fn tiles(run: &Run) -> Vec<(String, String, String)> {
    let phases = &run.steps.phases;
    if phases.is_empty() {
        return Vec::new();
    }
    let sum = |measure: fn(&Step) -> Option<f64>| -> f64 {
        phases.iter().map(|phase| phase.sum(measure)).sum()
    };
    let number: usize = phases.iter().map(|phase| phase.steps.len()).sum();
    let (seconds, tokens) = (sum(|step| step.seconds), sum(|step| step.tokens));
    let several = match phases.len() {
        1 => "1 phase".to_owned(),
        several => format!("{several} phases"),
    };
    let mut tiles = Vec::new();
    if seconds > 0.0 {
        let note = format!("{} steps, {several}", count(number));
        tiles.push(("training time".to_owned(), duration(seconds), note));
        if tokens > 0.0 {
            let note = format!("{} tokens", compact(tokens));
            tiles.push(("tokens/s".to_owned(), compact(tokens / seconds), note));
        }
    }
    tiles.extend(speed::tile(run));
    tiles
}

/// A block a phase: its loss large, what drives it small, then what it cost and what it heard.
pub(super) fn section(run: &Run) -> String {
    let phases = run.steps.phases.iter().filter(|phase| !phase.steps.is_empty());
    phases.map(|phase| block(run, phase)).collect()
}

fn block(run: &Run, phase: &Phase) -> String {
    let marks = marks(run, phase);
    let draw = |title: &str, smooth: bool, points: Points, sum: fn(&[f64]) -> String| {
        let values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
        chart(Chart {
            title,
            value: if values.is_empty() { String::new() } else { sum(&values) },
            lines: vec![Line { class: "s0".into(), points, ..Line::default() }],
            level: None,
            across: phase.across(),
            marks: &marks,
            logarithmic: title == "loss",
            smooth,
        })
    };
    // What was left out changed nothing, and its loss would hide the others'.
    let loss = draw("loss", true, phase.learned(|step| step.loss), at_the_end);
    let rate = draw("learning rate", false, phase.learned(|step| step.learning_rate), peak);
    let norm = draw("gradient norm", true, phase.learned(|step| step.gradient_norm), middle);
    let more = [
        speed::tokens(phase, &marks),
        parts(phase, &marks),
        memory::chart_of(run, phase, &marks),
        speed::efficiency(run, phase, &marks),
    ]
    .concat();
    format!(
        "<div class=\"phase\"><h3><bdi>{}</bdi><small>{}</small></h3>{}<div class=\"charts\">{loss}\
         <div class=\"small\">{rate}{norm}</div></div><div class=\"more\">{more}</div>{}{}{}</div>",
        escape(&phase.name),
        facts(run, phase).join(" · "),
        legend(phase, &marks),
        speed::formula(run, phase),
        memory::plan(run, phase),
        sources::table_of(run, phase),
    )
}

/// What the phase was, in a line.
fn facts(run: &Run, phase: &Phase) -> Vec<String> {
    let last = phase.steps.last_key_value();
    let planned = last.and_then(|(step, row)| row.steps.filter(|planned| planned > step));
    let done = count(phase.steps.len());
    let mut facts = vec![match planned {
        Some(planned) => format!("{done} of {planned} steps"),
        None if phase.steps.len() == 1 => "1 step".to_owned(),
        None => format!("{done} steps"),
    }];
    for (total, unit) in
        [(phase.sum(|step| step.samples), "samples"), (phase.sum(|step| step.tokens), "tokens")]
    {
        if total > 0.0 {
            facts.push(format!("{} {unit}", compact(total)));
        }
    }
    let seconds = phase.sum(|step| step.seconds);
    if seconds > 0.0 {
        facts.push(duration(seconds));
    }
    // What else is in the loss that is drawn.
    let loss = run.phase_settings(&phase.name).and_then(|phase| phase.get("loss")?.as_table());
    for (key, name) in [
        ("label_smoothing", "label smoothing"),
        ("z_loss", "z-loss"),
        ("neftune_noise_alpha", "NEFTune noise"),
    ] {
        let value = loss.and_then(|loss| loss.get(key)?.as_float());
        if let Some(value) = value.filter(|value| *value > 0.0 && value.is_finite()) {
            facts.push(format!("{name} {}", figure(value)));
        }
    }
    facts
}

/// Checkpoints and steps that changed nothing.
fn marks(run: &Run, phase: &Phase) -> Vec<Mark> {
    let (first, last) = phase.across();
    let mut saved = checkpoints(&run.events, &phase.name);
    saved.retain(|step| (first..=last).contains(&(*step as f64)));
    let marks = [
        Mark { class: "saved", what: "checkpoint", steps: saved },
        Mark { class: "skipped", what: "left out", steps: phase.steps_that(|it| !it.applied()) },
    ];
    marks.into_iter().filter(|mark| !mark.steps.is_empty()).collect()
}

/// What the marks mean; steps that went wrong by number, since a mark on a phone has no tooltip.
fn legend(phase: &Phase, marks: &[Mark]) -> String {
    let mut entries: String = marks
        .iter()
        .map(|Mark { class, steps: all, .. }| {
            let what = match *class {
                "skipped" => {
                    format!("left out by the guard, not in the curves: step {}", steps(all))
                }
                _ => format!("checkpoint ({})", count(all.len())),
            };
            format!("<li><i class=\"mark {class}\"></i><span>{what}</span></li>")
        })
        .collect();
    // The metrics write what is no number as `null`.
    let wild = phase.steps_that(|step| step.loss.is_none());
    if !wild.is_empty() {
        let wild = steps(&wild);
        entries += &format!(
            "<li><i class=\"mark wild\"></i><span>the loss was no number: step {wild}</span></li>"
        );
    }
    if entries.is_empty() { entries } else { format!("<ul class=\"legend\">{entries}</ul>") }
}

/// Where the seconds of a step went.
fn parts(phase: &Phase, marks: &[Mark]) -> String {
    let part = |step: &Step, key: &str| -> f64 {
        step.parts.get(key).copied().flatten().map_or(0.0, |seconds| seconds.clamp(0.0, 1e9))
    };
    let known = |step: &Step| PARTS.iter().map(|(key, _)| part(step, key)).sum::<f64>();
    let whole = |step: &Step| step.seconds.map(|seconds| seconds.clamp(0.0, 1e9).max(known(step)));
    let (total, told) = (phase.sum(whole), phase.sum(|step| Some(known(step))));
    if told <= 0.0 {
        return String::new();
    }
    let layer = |name: &str, points: Points| {
        let share = points.iter().map(|(_, y)| y).sum::<f64>() / total.max(f64::MIN_POSITIVE);
        Layer { name: name.to_owned(), note: format!("{:.1} %", share * 100.0), points }
    };
    let mut layers: Vec<Layer> = PARTS
        .iter()
        .map(|(key, name)| layer(name, phase.curve(|step| whole(step).map(|_| part(step, key)))))
        .collect();
    layers.push(layer("other", phase.curve(|step| Some((whole(step)? - known(step)).max(0.0)))));
    // A layer's colour is its place, so that it is the same in every phase.
    let value = match phase.curve(whole) {
        curve if curve.is_empty() => return String::new(),
        curve => middle(&curve.iter().map(|(_, y)| *y).collect::<Vec<_>>()),
    };
    stack("seconds of a step", &value, &layers, phase.across(), marks)
}

/// The mean over the last twentieth.
fn at_the_end(values: &[f64]) -> String {
    let last = &values[values.len() - values.len().div_ceil(20)..];
    format!("at the end {}", figure(last.iter().sum::<f64>() / last.len() as f64))
}

fn peak(values: &[f64]) -> String {
    format!("peak {}", figure(values.iter().copied().fold(f64::MIN, f64::max)))
}

/// `median 1.8 k`; there is a value at least.
pub(super) fn middle(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    format!("median {}", compact(sorted[sorted.len() / 2]))
}
