//! A line for each trial across an axis for each key, and one for the metric.

use crate::page::html::{escape, figure as number_text};
use crate::sweep::definition::Sweep;
use crate::sweep::space::Range;
use crate::sweep::state::{State, Trial};

/// More axes than these cannot be told apart.
const AXES: usize = 12;
/// Width and height of the drawing's own square.
const SIDE: f64 = 1000.0;
/// Shades, from the worst trials to the best.
const SHADES: usize = 5;

/// The drawing, and what its axes are.
pub fn figure(sweep: &Sweep, state: &State) -> String {
    let mut trials: Vec<(&Trial, f64)> =
        state.trials.iter().filter_map(|trial| Some((trial, trial.newest()?.1))).collect();
    if trials.len() < 2 {
        return String::new();
    }
    // The best is drawn last, on top.
    trials.sort_by(|a, b| sweep.mode.loss(b.1).total_cmp(&sweep.mode.loss(a.1)));
    let keys = sweep.space.dimensions.iter().take(AXES - 1);
    let count = keys.clone().count();
    let x = |axis: usize| SIDE * axis as f64 / count as f64;
    let low = trials.iter().map(|it| it.1).fold(f64::INFINITY, f64::min);
    let high = trials.iter().map(|it| it.1).fold(f64::NEG_INFINITY, f64::max);
    let worth = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let mut lines = String::new();
    for (rank, (trial, value)) in trials.iter().enumerate() {
        let mut path = String::new();
        let mut is_cut = true;
        let places = keys
            .clone()
            .map(|it| trial.values.get(&it.key).and_then(|value| it.range.place(value)));
        for (axis, place) in places.chain([Some(worth(*value))]).enumerate() {
            // A key that a trial lacks leaves a gap.
            let Some(place) = place else {
                is_cut = true;
                continue;
            };
            let letter = if is_cut { 'M' } else { 'L' };
            path += &format!("{letter}{:.1} {:.1}", x(axis), SIDE * (1.0 - place));
            is_cut = false;
        }
        let shade = rank * SHADES / trials.len();
        lines += &format!(
            "<path class=\"trial t{shade}\" data-trial=\"{}\" d=\"{path}\"/>",
            trial.number
        );
    }
    let grid: String = (0..=count).map(|axis| format!("M{:.1} 0V1000", x(axis))).collect();
    let ends = |range: &Range| match range {
        Range::Values(values) => (
            values.last().map(|it| it.to_string()).unwrap_or_default(),
            values.first().map(|it| it.to_string()).unwrap_or_default(),
        ),
        Range::Uniform(span) | Range::Log(span) => (number_text(span.high), number_text(span.low)),
        Range::Int { low, high, .. } => (high.to_string(), low.to_string()),
    };
    let mut labels = String::new();
    let metric = (sweep.metric.to_string(), (number_text(high), number_text(low)));
    let all = keys.clone().map(|it| (it.key.clone(), ends(&it.range))).chain([metric]);
    for (axis, (name, (top, bottom))) in all.enumerate() {
        let left = x(axis) / SIDE * 100.0;
        let short = name.rsplit('.').next().unwrap_or_default();
        labels += &format!(
            "<div class=\"axis\" style=\"left:{left:.1}%\" title=\"{}\"><b>{}</b><span>{}</span><span>{}</span></div>",
            escape(&name),
            escape(short),
            escape(&top),
            escape(&bottom)
        );
    }
    let left_out = sweep.space.dimensions.len() - count;
    let note = match left_out {
        0 => String::new(),
        more => format!(" {more} more key(s) are in the table below."),
    };
    format!(
        "<p class=\"note\">A line for each trial that has a value; darker ones are better.{note}</p>\
         <div class=\"scroll\"><div class=\"parallel\"><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"values of {} trials\"><path class=\"grid\" d=\"{grid}\"/>{lines}</svg>{labels}</div></div>",
        trials.len()
    )
}
