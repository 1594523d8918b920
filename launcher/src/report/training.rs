//! How the phases learned.

use super::chart::{Chart, chart};
use super::files::{Phase, Run, Step};
use super::html::{compact, count, duration, escape, figure};

/// A label, a value and a note for the top of the page.
pub(super) fn tiles(run: &Run) -> Vec<(String, String, String)> {
    if run.phases.is_empty() {
        return Vec::new();
    }
    let sum = |measure: fn(&Step) -> Option<f64>| -> f64 {
        run.phases.iter().map(|phase| phase.sum(measure)).sum()
    };
    let steps: usize = run.phases.iter().map(|phase| phase.steps.len()).sum();
    let (seconds, tokens) = (sum(|step| step.seconds), sum(|step| step.tokens));
    let phases = match run.phases.len() {
        1 => "1 phase".to_owned(),
        several => format!("{several} phases"),
    };
    let mut tiles = Vec::new();
    if seconds > 0.0 {
        let note = format!("{} steps, {phases}", count(steps));
        tiles.push(("training time".to_owned(), duration(seconds), note));
        if tokens > 0.0 {
            let note = format!("{} tokens", compact(tokens));
            tiles.push(("tokens/s".to_owned(), compact(tokens / seconds), note));
        }
    }
    tiles
}

/// A block a phase: its loss large, what drives it small.
pub(super) fn section(run: &Run) -> String {
    run.phases.iter().filter(|phase| !phase.steps.is_empty()).map(block).collect()
}

fn block(phase: &Phase) -> String {
    let mut facts = vec![format!("{} steps", count(phase.steps.len()))];
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
    let draw = |title: &str,
                smooth: bool,
                measure: fn(&Step) -> Option<f64>,
                sum: fn(&[f64]) -> String| {
        let points = phase.curve(measure);
        let values: Vec<f64> =
            points.iter().map(|(_, y)| *y).filter(|value| value.is_finite()).collect();
        let value = if values.is_empty() { String::new() } else { sum(&values) };
        chart(&Chart { title, value, points: &points, logarithmic: title == "loss", smooth })
    };
    format!(
        "<div class=\"phase\"><h3>{}<small>{}</small></h3><div class=\"charts\">{}\
         <div class=\"small\">{}{}{}</div></div></div>",
        escape(&phase.name),
        facts.join(" · "),
        draw("loss", true, |step| step.loss, at_the_end),
        draw("learning rate", false, |step| step.learning_rate, peak),
        draw("gradient norm", true, |step| step.gradient_norm, median),
        draw("tokens/s", true, |step| step.tokens_per_second, median),
    )
}

/// The mean over the last twentieth.
fn at_the_end(values: &[f64]) -> String {
    let last = &values[values.len() - values.len().div_ceil(20)..];
    format!("at the end {}", figure(last.iter().sum::<f64>() / last.len() as f64))
}

fn peak(values: &[f64]) -> String {
    format!("peak {}", figure(values.iter().copied().fold(f64::MIN, f64::max)))
}

fn median(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    format!("median {}", compact(sorted[sorted.len() / 2]))
}
